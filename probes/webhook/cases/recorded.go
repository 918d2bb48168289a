package cases

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/provider"
)

// Where only the provider can sign, a delivery of its own that was recorded is the one valid event there is: it is sent
// again as it was, and forgeries are made of it.

// RecordedType stands for the type of a recorded delivery whose type the profile does not know.
const RecordedType = "recorded"

// Recording is a recorded delivery whose signature was verified with the provider's public key.
type Recording struct {
	Type    string
	message provider.Message
	sent    time.Time // as it says; zero where it does not
	public  []byte
}

// maxRecorded bounds the body of a recording, in bytes: forgeries are made of it.
const maxRecorded = 1 << 20

// Recordings are those of the messages whose signature the public key verifies.
func Recordings(profile *provider.Profile, messages []provider.Message, public []byte) []*Recording {
	var list []*Recording
	recipe := profile.Signature
	for _, m := range messages {
		outsized := len(m.Body) > maxRecorded || SchemeOf(profile).isJSON() && !json.Valid(m.Body) // which bounds its depth
		if outsized || recipe.Verify([][]byte{public}, m, time.Time{}) != provider.Correct {
			continue
		}
		received := recipe.Read(m)
		m.Timestamp, m.ID = received.Timestamp, received.ID
		r := &Recording{Type: typeOf(profile, m), message: m, public: public}
		if recipe.Timestamp.In != "" {
			r.sent, _ = recipe.Timestamp.Parse(m.Timestamp) // it was read when it was verified
		}
		list = append(list, r)
	}
	return list
}

// typeOf is the type of the profile's events that a message is of: what tells them apart is the same in it.
func typeOf(profile *provider.Profile, m provider.Message) string {
	all := make([]map[string]string, len(profile.Events))
	for i, event := range profile.Events {
		all[i] = constants(SchemeOf(profile), event)
	}
	recorded := map[string]string{}
	if doc, err := parseBody(SchemeOf(profile), m.Body); err == nil {
		recorded = scalars(doc)
	}
	for i, event := range profile.Events {
		for name, template := range profile.Delivery.Headers {
			if template == "{{type}}" && m.Header.Get(name) == event.Type {
				return event.Type
			}
		}
		told, same := false, true
		for path, value := range all[i] {
			telling := value == event.Type || slices.ContainsFunc(all, func(other map[string]string) bool {
				there, has := other[path]
				return has && there != value
			})
			told, same = told || telling, same && (!telling || recorded[path] == value)
		}
		if told && same {
			return event.Type
		}
	}
	return RecordedType
}

// constants are the values of an event that are the same in every delivery.
func constants(s Scheme, event provider.Event) map[string]string {
	one, err := parseBody(s, event.Render(provider.Values{UID: "one", IntegrationID: "1", Account: "1", Time: time.Unix(1, 0)}))
	two, wrong := parseBody(s, event.Render(provider.Values{UID: "two", IntegrationID: "2", Account: "2", Time: time.Unix(2, 0)}))
	if err != nil || wrong != nil {
		return nil
	}
	values, others := scalars(one), scalars(two)
	maps.DeleteFunc(values, func(path, value string) bool { return others[path] != value })
	return values
}

func scalars(doc *Node) map[string]string {
	values := map[string]string{}
	doc.walk("", func(at string, n *Node) {
		if n.Kind == '"' || n.Kind == 'v' {
			values[at] = n.Text
		}
	})
	return values
}

// fresh reports whether a receiver accepts the age of a recording for that much longer.
func (r *Recording) fresh(recipe provider.Recipe, now time.Time, longer time.Duration) bool {
	tolerance := recipe.Timestamp.Tolerance.Duration()
	return tolerance == 0 || r.sent.IsZero() || now.Add(longer).Sub(r.sent) <= tolerance
}

// margin is how much longer a recording has to be fresh to be sent.
const margin = 5 * time.Second

// Fresh are the first recording of each type that is not too old.
func Fresh(profile *provider.Profile, recordings []*Recording, now time.Time) map[string]*Recording {
	fresh := map[string]*Recording{}
	for _, r := range recordings {
		if fresh[r.Type] == nil && r.fresh(profile.Signature, now, margin) {
			fresh[r.Type] = r
		}
	}
	return fresh
}

// Stale is a case that sends a recording which is too old as it was; it has no name where none is.
func Stale(profile *provider.Profile, recordings []*Recording, now time.Time) Case {
	for _, r := range recordings {
		if !r.fresh(profile.Signature, now, -beyond) {
			return Case{Family: FamilyStale, Name: "recorded", FullOnly: true, What: "a recorded delivery of the provider's that is too old",
				Change: func(f *Request) {
					if err := f.replay(r); err != nil {
						f.Refuse(NotSentNotPossible)
						return
					}
					f.Put(f.Right(f.Body))
					f.Signature = f.recordedValue()
				}}
		}
	}
	return Case{}
}

// Current reports whether a valid event can be sent now: a recording of its type is not too old.
func (s *Source) Current(event provider.Event) bool {
	r := s.Recorded[event.Type]
	return r == nil || r.fresh(s.Profile.Signature, s.now(), margin)
}

// underway are headers of a recording that say how it came, not what was sent: those of the connection and of proxies,
// and credentials that are the receiver's own.
var underway = []string{
	"Accept", "Accept-Encoding", "Authorization", "Cdn-Loop", "Connection", "Content-Encoding", "Content-Length", "Cookie", "Expect", "Forwarded", "Host", "Keep-Alive", "Proxy-Authorization",
	"Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "Via", "X-Client-Ip", "X-Cluster-Client-Ip", "X-Original-Url", "X-Real-Ip", "X-Rewrite-Url",
}

// replay makes the request the recorded delivery, without its signature.
func (f *Request) replay(r *Recording) error {
	m := r.message
	f.recorded, f.Fixed, f.UID = r, true, ""
	f.Time, f.Timestamp, f.ID, f.Body, f.registered = r.sent, m.Timestamp, m.ID, bytes.Clone(m.Body), m.URL
	f.Header = [][2]string{{"Content-Type", m.Header.Get("Content-Type")}}
	for _, name := range slices.Sorted(maps.Keys(m.Header)) {
		signature := slices.ContainsFunc(f.Scheme.Put, func(put provider.Put) bool { return strings.EqualFold(put.Header, name) })
		proxies := strings.HasPrefix(name, "X-Forwarded-") || strings.HasPrefix(name, "Cf-") || strings.HasPrefix(name, "X-Amzn-")
		if signature || proxies || name == "Content-Type" || slices.Contains(underway, textproto.CanonicalMIMEHeaderKey(name)) {
			continue
		}
		for _, value := range m.Header[name] {
			f.add(name, value)
		}
	}
	return f.parse()
}

// recordedSignature is the recorded one, where it is that of the request with that body.
func (f *Request) recordedSignature(body []byte) (string, bool) {
	signatures := f.Scheme.Read(f.recorded.message).Signatures
	m, err := f.Scheme.Prepare(f.message(body))
	if err != nil || m.Timestamp != f.recorded.message.Timestamp || m.ID != f.recorded.message.ID {
		return "", false
	}
	for _, signature := range signatures {
		placed, err := f.Scheme.Place(m, signature)
		if err == nil && f.Scheme.Verify([][]byte{f.recorded.public}, placed, time.Time{}) == provider.Correct {
			return signature, true
		}
	}
	return "", false
}

// resend gives the request the signature header of its recording, as long as that is correct and not too old.
func (f *Request) resend() {
	if _, ok := f.recordedSignature(f.Body); !ok {
		f.Refuse(NotSentNoKey)
	}
	if !f.recorded.fresh(f.Scheme.Recipe, f.created, margin) {
		f.Refuse(NotSentOutdated)
	}
	f.Put(f.Right(f.Body))
	f.Signature, f.Valid = f.recordedValue(), true
}

// recordedValue is all that the signature's header held.
func (f *Request) recordedValue() string {
	if name := f.Scheme.Header(); name != "" {
		return http.Header(f.recorded.message.Header).Get(name)
	}
	return f.Signature
}
