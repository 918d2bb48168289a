package cases

import (
	"fmt"
	"net/url"
	"sync/atomic"

	"github.com/prelaunch-audit/prelaunch/internal/provider"
)

// Source makes the requests to one environment's receiver. It is safe for concurrent use.
type Source struct {
	Provider      string
	Scheme        provider.Signature
	UIDRule       provider.UIDRule
	URL           *url.URL
	IntegrationID string
	Key           []byte   // nil when it is not held
	OtherKey      []byte   // the other environment's; nil when it is not held
	UIDs          []string // those that the receiver knows, where it takes no others

	// Made is told of each digest that is made with a key. May be nil.
	Made func(Digest)

	turn atomic.Int64
}

// Request returns a valid event without a signature, with a UID of its own or, where UIDs are
// configured, with times of its own. verified says whether the peer's certificate was verified, so
// that what depends on a key may be sent to it.
func (s *Source) Request(event provider.Event, verified bool) (*Request, error) {
	f := &Request{
		Event: event, Method: "POST", Path: s.URL.EscapedPath(), Query: s.URL.RawQuery,
		Unsigned: true, Header: [][2]string{{"Content-Type", "application/json"}},
		IntegrationID: s.IntegrationID, Provider: s.Provider, Key: Signer{s.Scheme, s.Key, s.Made},
		Other: s.OtherKey, URL: s.URL, Trusted: verified,
	}
	if f.Path == "" {
		f.Path = "/"
	}
	if len(s.UIDs) > 0 {
		f.Fixed = true
		f.UID = s.UIDs[int(s.turn.Add(1)-1)%len(s.UIDs)]
	} else {
		f.UID = RandomUID(s.UIDRule)
	}
	f.Body = event.Render(f.UID, f.IntegrationID)
	if f.Fixed {
		f.Body = ShiftTimes(f.Body, RandomSeconds())
	}
	doc, err := Parse(f.Body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", event.Type, err)
	}
	f.Doc = doc
	return f, nil
}

// ExpectedSignatures are what a receiver that prints the signature it expected would print: of the
// body as sent and as it may have re-serialized it. A correctly signed request holds it itself.
func (s *Source) ExpectedSignatures(f *Request) [][]byte {
	if s.Key == nil || f.Valid || f.Exposed != "" {
		return nil
	}
	var out [][]byte
	for _, body := range [][]byte{f.Body, Compact.Write(f.Doc), Python.Write(f.Doc)} {
		out = append(out, f.Key.digest(s.Scheme.Hash, body))
	}
	return out
}
