package cases

import (
	"bytes"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/provider"
)

// Vector is a message under the public test key, and whether a correct receiver accepts it.
type Vector struct {
	Case
	Accept  bool
	URL     string
	Headers map[string]string
	Body    []byte
	// Signature is what the signature header holds; "" where there is none, or it is elsewhere.
	Signature string
}

// Where and when all vectors are sent, so that they are the same each time.
const (
	VectorURL           = "https://hooks.acme.example/webhook"
	vectorIntegrationID = "1234567890987654321"
	maxVectorBody       = 4 << 10 // larger bodies show nothing about a signature
)

// VectorTime is when the vectors are signed.
var VectorTime = time.Unix(1_800_000_000, 0).UTC()

// vectorFamilies are those in which the signature and the bytes of the body decide, and whether a correct
// receiver accepts them.
var vectorFamilies = map[string]bool{
	"valid": true, "raw-body": true,
	"unsigned": false, "malformed-signature": false, "truncated-signature": false, "guessable-key": false, "unkeyed-digest": false, "other-hash": false,
	"tampered": false, "reserialized": false, "decoded-text": false, "unparsable-header": false, "empty-body-signature": false,
	"stale-timestamp": false, "unbound-timestamp": false, "signature-list": false, "other-scheme": false, "body-digest": false,
}

// Vectors are the cases of a profile that a test of the verification alone can hold, signed with the public
// test key. They are the same each time, so cases that are random are not among them.
func Vectors(profile *provider.Profile) ([]Vector, error) {
	if profile.Signature.NegativeOnly() {
		return nil, fmt.Errorf("%s signs with a private key that nobody else has: there are no test vectors of valid events", profile.Title)
	}
	first, err := vectors(profile)
	if err != nil {
		return nil, err
	}
	again, err := vectors(profile)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(first, func(v Vector) bool {
		return !slices.ContainsFunc(again, func(w Vector) bool {
			return v.Label() == w.Label() && v.URL == w.URL && bytes.Equal(v.Body, w.Body) && maps.Equal(v.Headers, w.Headers)
		})
	}), nil
}

func vectors(profile *provider.Profile) ([]Vector, error) {
	target, err := url.Parse(VectorURL)
	if err != nil {
		return nil, err
	}
	uid := (UIDPrefix + "TESTVECTOR000001")[:min(len(UIDPrefix)+16, profile.UID.Max())]
	source := &Source{
		Profile: profile, URL: target, IntegrationID: vectorIntegrationID, Key: []byte(profile.PublicTestKey()),
		UID: uid, Now: func() time.Time { return VectorTime },
	}
	var list []Vector
	for _, c := range All(profile) {
		family, _, _ := strings.Cut(c.Label(), "/")
		accept, known := vectorFamilies[family]
		if !known || strings.HasPrefix(c.Name, "random") || c.Variant != "" && c.Variant != variantNever {
			continue
		}
		event := profile.Events[0]
		if named, ok := profile.Event(c.Name); ok && c.Family == FamilyType {
			event = named
		}
		f, err := source.Request(event, true)
		if err != nil {
			return nil, err
		}
		c.Change(f)
		if v, ok := f.vector(c, accept || c.Family == FamilyRotation); ok {
			list = append(list, v)
		}
	}
	return list, nil
}

// vector is the request as a test of the verification sees it; false where it is more than that.
func (f *Request) vector(c Case, accept bool) (Vector, bool) {
	plain := !f.Elsewhere && !f.Chunked && !f.Slow && !f.Expect && !f.HTTP2 && !f.Abort && !f.LowerName
	if f.NoSend != "" || !plain || len(f.Body) > maxVectorBody {
		return Vector{}, false
	}
	v := Vector{Case: c, Accept: accept, URL: VectorURL, Headers: map[string]string{}, Body: f.Body}
	if f.Query != "" {
		v.URL += "?" + f.Query
	}
	for _, pair := range f.Header {
		if _, twice := v.Headers[pair[0]]; twice {
			return Vector{}, false
		}
		if pair[1] != "" {
			v.Headers[pair[0]] = pair[1]
		}
	}
	if name := f.Scheme.Header(); name != "" && !f.Unsigned {
		v.Headers[name], v.Signature = f.Signature, f.Signature
	}
	return v, true
}
