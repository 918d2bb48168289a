package provider

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// Rules of this file: everything is pure. A recipe signs a message and reads a signed one; what a
// profile need not say (lengths, digits, what is covered) follows from it.

// Kinds of signatures.
const (
	HMAC      = "hmac"
	Token     = "token"      // the secret itself
	JWT       = "jwt-hs256"  // a token of claims, signed with the secret
	PublicKey = "public-key" // only the provider can sign
	Unkeyed   = "digest"     // of another scheme: a hash of the secret and the message
)

// Recipe is how a provider signs.
type Recipe struct {
	Kind     string `json:"kind"`
	Hash     string `json:"hash,omitempty"`
	Over     string `json:"over,omitempty"` // the string to sign, in pieces such as "{timestamp}.{body}"
	Fields   Fields `json:"fields,omitzero"`
	Encoding string `json:"encode,omitempty"` // hex, HEX, base64 or base64url
	Put      []Put  `json:"put"`
	// Timestamp is the time of signing, where the provider sends one.
	Timestamp Timestamp `json:"timestamp,omitzero"`
	ID        MessageID `json:"id,omitzero"`
	// Digest is a digest of the body that is sent next to it, for the signature to cover.
	Digest  BodyDigest `json:"digest,omitzero"`
	List    List       `json:"list,omitzero"`
	Other   []Scheme   `json:"other,omitempty"`
	Lenient []string   `json:"lenient,omitempty"`
	// Strict names families of test cases that few providers' receivers have to withstand: decoded-text.
	Strict []string `json:"strict,omitempty"`

	Algorithm string            `json:"algorithm,omitempty"` // of a public key
	KeyFrom   string            `json:"key_from,omitempty"`  // of a public key: configured, jwks, certificate-url or jku
	Claims    map[string]string `json:"claims,omitempty"`    // of a JWS

	pair   bool // the receiver has the public key of the auditor's own pair
	key    KeyRule
	form   bool // the body is a form
	pieces []piece
}

// Fields are those of a JSON body whose values are joined and signed as {fields}.
type Fields struct {
	Root    string   `json:"root,omitempty"`
	List    []string `json:"list,omitempty"` // paths below the root
	Join    string   `json:"join,omitempty"`
	Missing string   `json:"missing,omitempty"` // stands for one that the body has not
	Escape  string   `json:"escape,omitempty"`  // none, or backslash: \ and the joint are escaped by \
}

// Put is where the signature stands; one of Header, Body, Param and Query is set.
type Put struct {
	Header string `json:"header,omitempty"`
	Body   string `json:"body,omitempty"` // path of a text
	Param  string `json:"param,omitempty"`
	Query  string `json:"query,omitempty"`
	Value  string `json:"value,omitempty"` // template with {signature}, {timestamp} and {id}; default "{signature}"
}

func (p Put) slot() slot {
	switch {
	case p.Header != "":
		return slot{"header", p.Header}
	case p.Body != "":
		return slot{"body", p.Body}
	case p.Param != "":
		return slot{"param", p.Param}
	}
	return slot{"query", p.Query}
}

func (p Put) template() string {
	if p.Value == "" {
		return "{signature}"
	}
	return p.Value
}

// Timestamp is the time that a provider sends.
type Timestamp struct {
	In        string   `json:"in,omitempty"`     // signature, header:NAME, body:PATH, param:NAME or query:NAME
	Unit      string   `json:"unit,omitempty"`   // s, ms or rfc3339
	Layout    string   `json:"layout,omitempty"` // of rfc3339, as Go writes layouts
	Tolerance Duration `json:"tolerance,omitempty"`
	Future    string   `json:"future,omitempty"` // checked or unchecked
}

// Format writes a time as the provider does.
func (t Timestamp) Format(at time.Time) string {
	switch {
	case t.Layout != "":
		return at.UTC().Format(t.Layout)
	case t.Unit == "ms":
		return strconv.FormatInt(at.UnixMilli(), 10)
	case t.Unit == "rfc3339":
		return at.UTC().Format(time.RFC3339)
	}
	return strconv.FormatInt(at.Unix(), 10)
}

// Parse reads a time as the provider writes it.
func (t Timestamp) Parse(text string) (time.Time, error) {
	switch {
	case t.Layout != "":
		return time.Parse(t.Layout, text)
	case t.Unit == "rfc3339":
		return time.Parse(time.RFC3339, text)
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, errors.New("the time is not a number")
	}
	if t.Unit == "ms" {
		return time.UnixMilli(n), nil
	}
	return time.Unix(n, 0), nil
}

// shift is a time that much later, both as the provider writes times; what is none stays as it is.
func (t Timestamp) shift(text string, by time.Duration) string {
	at, err := t.Parse(text)
	if err != nil {
		return text
	}
	return t.Format(at.Add(by))
}

// MessageID is an identifier of the delivery that the provider sends.
type MessageID struct {
	In    string `json:"in,omitempty"`    // header:NAME, body:PATH, param:NAME or query:NAME
	Value string `json:"value,omitempty"` // template; default {{uuid}}
}

// BodyDigest is a digest of the body in a header or in the query.
type BodyDigest struct {
	Header string `json:"header,omitempty"`
	Query  string `json:"query,omitempty"`
	Value  string `json:"value,omitempty"` // such as "{sha256(body)}" or "SHA-256={sha256-base64(body)}"
}

func (d BodyDigest) slot() slot {
	if d.Header != "" {
		return slot{"header", d.Header}
	}
	return slot{"query", d.Query}
}

// List is how several signatures are sent, while a secret is rotated say.
type List struct {
	// Style is repeat (Item several times in the value), headers (Item names them, with {n} from 1),
	// lines (several headers of one name) or none.
	Style     string `json:"style,omitempty"`
	Item      string `json:"item,omitempty"`
	Separator string `json:"separator,omitempty"`
}

// Scheme is another scheme that exists next to the recipe's own. What it leaves out is as there.
type Scheme struct {
	Label    string `json:"label"`
	Kind     string `json:"kind,omitempty"`
	Hash     string `json:"hash,omitempty"`
	Over     string `json:"over,omitempty"`
	Encode   string `json:"encode,omitempty"`
	Header   string `json:"header,omitempty"`
	Value    string `json:"value,omitempty"`
	Accepted string `json:"accepted"` // never, or legacy: with the correct key it only warns
}

// Message is a request, as far as signatures go.
type Message struct {
	Method    string // default POST
	URL       string // as registered with the provider
	Header    http.Header
	Body      []byte
	Time      time.Time // of signing
	Timestamp string    // the time as it is written; "": Time as the provider writes it
	ID        string
	Account   string // the identity of the environment
}

// clone may be changed. Its body is that of m: whoever changes a body makes a new one.
func (m Message) clone() Message {
	m.Header = maps.Clone(m.Header)
	if m.Header == nil {
		m.Header = http.Header{}
	}
	if m.Method == "" {
		m.Method = http.MethodPost
	}
	return m
}

// Keyed reports whether the secret makes signatures and is none itself.
func (r Recipe) Keyed() bool { return r.Kind == HMAC || r.Kind == JWT }

// NegativeOnly reports whether only the provider can sign, so that valid events cannot be made.
func (r Recipe) NegativeOnly() bool { return r.Kind == PublicKey && !r.pair }

// Tolerates reports whether receivers may be lenient about something, as official SDKs are. A profile
// that lists what is lenient says all of it; without a list it is what the SDKs do that were tried.
func (r Recipe) Tolerates(what string) bool {
	return r.Lenient == nil || slices.Contains(r.Lenient, what)
}

// With is the recipe with what another scheme says differently.
func (r Recipe) With(other Scheme) Recipe {
	for _, part := range []struct {
		to    *string
		value string
	}{{&r.Kind, other.Kind}, {&r.Hash, other.Hash}, {&r.Over, other.Over}, {&r.Encoding, other.Encode}} {
		if part.value != "" {
			*part.to = part.value
		}
	}
	put := r.Put[0]
	if other.Header != "" {
		put = Put{Header: other.Header}
	}
	if other.Value != "" {
		put.Value = other.Value
	}
	r.Put, r.List, r.Other = []Put{put}, List{}, nil
	r.pieces, _ = parsePieces(r.Over) // it was checked with the profile
	return r
}
