package cases

import (
	"cmp"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/provider"
)

// Source makes the requests to one environment's receiver. It is safe for concurrent use.
type Source struct {
	Profile       *provider.Profile
	URL           *url.URL
	IntegrationID string
	Key           []byte           // nil when it is not held; of a public-key scheme the private key
	Public        []byte           // the receiver's public key, of a public-key scheme; nil when it is not known
	OtherKey      []byte           // the other environment's; nil when it is not held
	OtherURL      *url.URL         // of the other environment's receiver; nil where there is none
	UIDs          []string         // those that the receiver knows, where it takes no others
	UID           string           // of every event, for test vectors, which are the same each time
	Now           func() time.Time // nil: the machine's clock
	// Recorded are deliveries of the provider's by the type of their event, where only it can sign.
	Recorded map[string]*Recording
	// Made is told of each digest that is made with a key. May be nil.
	Made func(Digest)

	turn atomic.Int64
}

// Request returns a valid event without a signature, with a UID of its own or, where UIDs are
// configured, with times of its own. verified says whether the peer's certificate was verified, so
// that what depends on a key may be sent to it.
func (s *Source) Request(event provider.Event, verified bool) (*Request, error) {
	f := s.bare(verified)
	f.Event = event
	if recording := s.Recorded[event.Type]; recording != nil {
		return f, f.replay(recording)
	}
	if len(s.UIDs) > 0 {
		f.Fixed = true
		f.UID = s.UIDs[int(s.turn.Add(1)-1)%len(s.UIDs)]
	} else {
		f.UID = cmp.Or(s.UID, RandomUID(s.Profile.UID))
	}
	values := f.values()
	f.Body = event.Render(values)
	f.ID = f.messageID(values)
	headers := s.Profile.Headers(values)
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		if name == "Content-Type" {
			f.Header[0][1] = headers[name]
		} else if headers[name] != "" {
			f.add(name, headers[name])
		}
	}
	if err := f.parse(); err != nil {
		return nil, err
	}
	if f.Fixed {
		f.vary(RandomSeconds())
		if err := f.parse(); err != nil {
			return nil, err
		}
	}
	f.prepare()
	return f, nil
}

// messageID is the identifier of the message, in schemes that have one.
func (f *Request) messageID(values provider.Values) string {
	if f.Scheme.ID.In == "" {
		return ""
	}
	if f.Fixed { // it follows from the UID, and must be another one each time
		values.UID += RandomHex(8)
	}
	return values.Fill(cmp.Or(f.Scheme.ID.Value, "{{uuid}}"))
}

// bare is a request without an event.
func (s *Source) bare(verified bool) *Request {
	f := &Request{
		Method: cmp.Or(s.Profile.Delivery.Method, "POST"), Path: s.URL.EscapedPath(), Query: s.URL.RawQuery,
		Unsigned: true, Header: [][2]string{{"Content-Type", s.Profile.Delivery.ContentType()}},
		IntegrationID: s.IntegrationID, Profile: s.Profile, Scheme: SchemeOf(s.Profile), Key: s.Key,
		Other: s.OtherKey, Public: s.Public, URL: s.URL, OtherURL: s.OtherURL, Trusted: verified, Time: s.now(), made: s.Made,
		registered: s.URL.String(),
	}
	f.style, f.created = f.Scheme.style(), f.Time
	if f.Path == "" {
		f.Path = "/"
	}
	return f
}

// values fill in the templates of a profile.
func (f *Request) values() provider.Values {
	return provider.Values{
		UID: f.UID, IntegrationID: f.IntegrationID, Account: f.IntegrationID, Type: f.Event.Type, Time: f.Time,
	}
}

// parse reads the body.
func (f *Request) parse() error {
	doc, err := parseBody(f.Scheme, f.Body)
	if err != nil {
		return fmt.Errorf("%s: %w", f.Event.Type, err)
	}
	f.Doc = doc
	return nil
}

func (s *Source) now() time.Time {
	if s.Now == nil {
		return time.Now()
	}
	return s.Now()
}

// ChallengeMAC is what a receiver answers to a handshake that signs the challenge under the event key; ""
// where that cannot be known.
func (s *Source) ChallengeMAC(f *Request) string {
	if s.Key == nil || f.Scheme.Kind != provider.HMAC {
		return ""
	}
	return f.Scheme.EncodeRaw(f.macOf(f.Scheme.Hash, s.Key, []byte(f.Challenge)))
}

// CorrectSignature is that of the request as it is sent; "" where it cannot be known.
func (s *Source) CorrectSignature(f *Request) string {
	if s.Key == nil || f.Scheme.Kind != provider.HMAC || f.Challenge != "" {
		return ""
	}
	return f.text(s.Key, f.Body)
}

// ExpectedSignatures are what a receiver that prints the signature it expected would print: of the
// body as sent and as it may have re-serialized it. A correctly signed request holds it itself.
func (s *Source) ExpectedSignatures(f *Request) [][]byte {
	if s.Key == nil || f.Valid || f.Exposed != "" || f.Challenge != "" {
		return nil
	}
	var out [][]byte
	if f.Scheme.Kind != provider.HMAC {
		return nil
	}
	bodies := [][]byte{f.Body}
	if f.Scheme.isJSON() && f.Scheme.coversBytes() {
		bodies = append(bodies, Compact.Write(f.Doc), Python.Write(f.Doc))
	}
	for _, body := range bodies {
		out = append(out, f.mac(f.Scheme.Hash, s.Key, body))
	}
	return out
}
