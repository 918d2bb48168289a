package cases

import (
	"fmt"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/provider"
)

// mediaType is that of events.
const mediaType = "application/json"

// Source makes the requests to one environment's receiver. It is safe for concurrent use.
type Source struct {
	Profile       *provider.Profile
	URL           *url.URL
	IntegrationID string
	Key           []byte           // nil when it is not held
	OtherKey      []byte           // the other environment's; nil when it is not held
	UIDs          []string         // those that the receiver knows, where it takes no others
	Now           func() time.Time // nil: the machine's clock
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
		Unsigned: true, Header: [][2]string{{"Content-Type", mediaType}},
		IntegrationID: s.IntegrationID, Profile: s.Profile, Scheme: SchemeOf(s.Profile), Key: s.Key,
		Other: s.OtherKey, URL: s.URL, Trusted: verified, style: Compact, Time: s.now(), made: s.Made,
	}
	f.created = f.Time
	if f.Path == "" {
		f.Path = "/"
	}
	if len(s.UIDs) > 0 {
		f.Fixed = true
		f.UID = s.UIDs[int(s.turn.Add(1)-1)%len(s.UIDs)]
	} else {
		f.UID = RandomUID(s.Profile.UID)
	}
	f.Body = event.Render(provider.Values{UID: f.UID, IntegrationID: f.IntegrationID, Time: f.Time})
	if err := f.parse(); err != nil {
		return nil, err
	}
	if f.Fixed {
		f.vary(RandomSeconds())
		return f, f.parse()
	}
	return f, nil
}

// parse reads the body.
func (f *Request) parse() error {
	doc, err := Parse(f.Body)
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

// ExpectedSignatures are what a receiver that prints the signature it expected would print: of the
// body as sent and as it may have re-serialized it. A correctly signed request holds it itself.
func (s *Source) ExpectedSignatures(f *Request) [][]byte {
	if s.Key == nil || f.Valid || f.Exposed != "" {
		return nil
	}
	var out [][]byte
	for _, body := range [][]byte{f.Body, Compact.Write(f.Doc), Python.Write(f.Doc)} {
		out = append(out, f.mac(f.Scheme.newHash, s.Key, body))
	}
	return out
}
