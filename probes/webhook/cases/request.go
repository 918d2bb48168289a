package cases

import (
	"bytes"
	"cmp"
	"crypto/hmac"
	"crypto/rand"
	"maps"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/provider"
)

// UIDPrefix starts every synthetic UID, so that what was sent can be found and purged.
const UIDPrefix = "PRELAUNCH"

// Reasons why a case was not sent.
const (
	NotSentNoKey       = "no_key"       // it must be signed, and the key is not held
	NotSentSameKey     = "same_key"     // the key to forge with is the receiver's own
	NotSentNotPossible = "not_possible" // this event or URL has no such variant
	NotSentCareful     = "careful"      // careful probing does not send it
	NotSentFamilyEnded = "family_ended" // careful probing: another case of the family was accepted
	NotSentTransport   = "transport"    // it holds something made with a key, and the peer is not verified
	NotSentSilent      = "no_answer"    // the receiver no longer answered as at the beginning
	NotSentTimeouts    = "timeouts"     // too many requests timed out
	NotSentBusy        = "busy"         // the receiver turned everything away for now, also after waiting
	NotSentInterrupted = "interrupted"  // the run ended
	NotSentNoGenuine   = "no_genuine"   // it needs a receiver that takes the valid event
	NotSentNotOffered  = "not_offered"  // the receiver does not speak the protocol
	NotSentOutdated    = "outdated"     // the recorded delivery is older than the scheme allows
	BaseWrong          = "wrong"        // Exchange.Base
	baseIncomplete     = "incomplete"   // Exchange.Base: a required field is missing too, so that no correct receiver takes it
)

// Request is a request in the making. A case gets one that is a valid event without a signature, and
// changes it.
type Request struct {
	Event  provider.Event
	Doc    *Node  // the event, to be changed or encoded otherwise
	Body   []byte // compact doc at first
	UID    string
	Fixed  bool // the UID is configured, not drawn
	Method string
	Path   string // escaped, as on the request line
	Query  string
	Header [][2]string // content type and whatever a case adds
	// Signature is the value of the signature header, or what is in its place elsewhere; Unsigned means
	// that there is none.
	Signature string
	Unsigned  bool
	Valid     bool   // the signature is correct for the body
	Challenge string // of a handshake

	Profile       *provider.Profile
	Scheme        Scheme
	IntegrationID string
	Key           []byte // the environment's, nil when not held
	Other         []byte // the other environment's key
	Public        []byte // the public key that the receiver has, nil where it is not known or there is none
	URL           *url.URL
	OtherURL      *url.URL  // that of the other environment, nil where there is none
	Time          time.Time // that is signed, of schemes that sign one
	Timestamp     string    // as it is written; "" as the provider writes Time
	ID            string    // of the message, in schemes that have one
	registered    string    // the URL as signed
	created       time.Time
	style         style // in which the provider serializes
	made          func(Digest)

	Trusted   bool // the peer is verified, so that what depends on the key may go to it
	Keyed     bool // holds something made with a held key
	Elsewhere bool
	NoSend    string // why the case cannot be sent
	Host      string // in place of the URL's
	UserAgent string // in place of the auditor's
	Unmarked  bool   // does not name the auditor
	LowerName bool   // write the signature header's name in lower case
	Chunked   bool
	Slow      bool // the body comes in two writes with a pause between
	Expect    bool
	HTTP2     bool
	Abort     bool // close the connection in the middle of the body
	Base      string
	Exposed   string // a correct signature that is sent elsewhere than in the header

	recorded *Recording // the delivery that the request is made of; nil: it is synthetic
}

// message is the request with that body, as far as it may be signed.
func (f *Request) message(body []byte) provider.Message {
	m := provider.Message{
		Method: f.Profile.Delivery.Method, URL: f.registered, Header: http.Header{}, Body: body, Time: f.Time,
		Timestamp: f.Timestamp, ID: f.ID, Account: f.IntegrationID,
	}
	for _, pair := range f.Header {
		m.Header.Add(pair[0], pair[1])
	}
	return m
}

// apply writes what a recipe changed of a message into the request.
func (f *Request) apply(before, after provider.Message) {
	for _, name := range slices.Sorted(maps.Keys(after.Header)) {
		values := after.Header[name]
		switch {
		case strings.EqualFold(name, f.Scheme.Header()):
			f.Signature, f.Unsigned = values[0], false
			f.setHeader(name, values[1:]...)
		case !slices.Equal(values, before.Header[name]):
			f.setHeader(name, values...)
		}
	}
	if after.URL != before.URL {
		f.registered = after.URL
		if u, err := url.Parse(after.URL); err == nil {
			f.Query = u.RawQuery
		}
	}
	if !bytes.Equal(after.Body, before.Body) {
		f.Body = after.Body
		if doc, err := parseBody(f.Scheme, f.Body); err == nil {
			f.Doc = doc
		}
	}
}

// prepare writes the time, the id and the digest of the body into the request.
func (f *Request) prepare() {
	before := f.message(f.Body)
	after, err := f.Scheme.Prepare(before)
	if err != nil {
		f.Refuse(NotSentNotPossible)
		return
	}
	f.apply(before, after)
}

// text is the signature of the request with that body, with a secret.
func (f *Request) text(secret, body []byte) string {
	switch f.Scheme.Kind {
	case provider.Token:
		return string(secret)
	case provider.PublicKey:
		return f.signedBy(secret, body)
	case provider.JWT:
		return f.signedBy(f.Scheme.key(secret), body)
	}
	return f.Scheme.EncodeRaw(f.mac(f.Scheme.Hash, secret, body))
}

// signedBy is the signature of the request with that body, by a private key.
func (f *Request) signedBy(private, body []byte) string {
	m, err := f.Scheme.Prepare(f.message(body))
	if err != nil {
		f.Refuse(NotSentNotPossible)
		return f.random()
	}
	signature, err := f.Scheme.SignatureWithKey(private, m)
	if err != nil {
		f.Refuse(NotSentNotPossible)
		return f.random()
	}
	return signature
}

// signed is what is signed of the request with that body.
func (f *Request) signed(body []byte) []byte {
	m, err := f.Scheme.Prepare(f.message(body))
	if err != nil {
		f.Refuse(NotSentNotPossible)
		return nil
	}
	signed, err := f.Scheme.StringToSign(m)
	if err != nil {
		f.Refuse(NotSentNotPossible)
	}
	return signed
}

// mac is the MAC of the request with that body, with any hash.
func (f *Request) mac(hash string, secret, body []byte) []byte {
	return f.macOf(hash, secret, f.signed(body))
}

// macOf is the MAC of a text.
func (f *Request) macOf(hash string, secret, signed []byte) []byte {
	key := f.Scheme.key(secret)
	newHash := provider.NewHash(hash)
	if newHash == nil { // a scheme whose signatures nobody else can make
		f.Refuse(NotSentNotPossible)
		return nil
	}
	mac := hmac.New(newHash, key)
	mac.Write(signed)
	sum := mac.Sum(nil)
	f.trace(Digest{Secret: secret, Key: key, Hash: len(sum), HMAC: true, Input: signed, Sum: sum})
	return sum
}

// random has the form of a signature.
func (f *Request) random() string {
	switch n := f.Scheme.DigestLength(); {
	case n > 0:
		raw := make([]byte, n)
		_, _ = rand.Read(raw) // never fails
		return f.Scheme.EncodeRaw(raw)
	case f.Scheme.Kind == provider.Token && len(f.Key) > 0:
		return RandomHex(len(f.Key))
	case f.Scheme.Kind == provider.JWT:
		return f.token(`{"alg":"HS256","typ":"JWT"}`) + f.Scheme.random(43)
	case strings.HasPrefix(f.Scheme.Algorithm, "jws("):
		return f.token(`{"alg":"ES256","kid":"prelaunch","typ":"JWT"}`) + f.Scheme.random(86)
	}
	return f.Scheme.padded(f.Scheme.random(nominalDigits))
}

// Right is the signature that the provider would send for body.
func (f *Request) Right(body []byte) string {
	if f.recorded != nil {
		f.Keyed = true
		if signature, ok := f.recordedSignature(body); ok {
			return signature
		}
		f.Refuse(NotSentNotPossible) // nobody but the provider can make it
		return f.random()
	}
	if f.Key == nil {
		f.Refuse(NotSentNoKey)
		return f.random()
	}
	f.Keyed = true
	return f.text(f.Key, body)
}

// Correct reports whether the request carries the signature that the provider would send for it.
func (f *Request) Correct() bool {
	if f.Key == nil && f.recorded == nil || f.Unsigned {
		return false
	}
	key := f.Key
	if f.Scheme.Kind == provider.PublicKey {
		key = f.Public
	}
	m := f.message(f.Body)
	if name := f.Scheme.Header(); name != "" {
		m.Header.Set(name, f.Signature)
	}
	return f.Scheme.Verify([][]byte{key}, m, time.Time{}) == provider.Correct
}

// Outdated reports whether the request was made too long ago to be sent under its timestamp.
func (f *Request) Outdated(now time.Time) bool {
	return f.Scheme.timed() && now.Sub(f.created) > time.Second
}

// Refuse notes why the case cannot be sent; the first reason stays.
func (f *Request) Refuse(reason string) {
	if f.NoSend == "" {
		f.NoSend = reason
	}
}

// Sign gives the body its correct signature.
func (f *Request) Sign() {
	if f.recorded != nil {
		f.resend()
		return
	}
	f.Put(f.Right(f.Body))
	f.Valid = true
}

// Put places signatures as the provider does, one or a list.
func (f *Request) Put(signatures ...string) {
	f.prepare()
	before := f.message(f.Body)
	after, err := f.Scheme.Place(before, signatures...)
	if err != nil {
		f.Refuse(NotSentNotPossible)
		return
	}
	f.apply(before, after)
	if f.Scheme.Header() == "" {
		f.Signature, f.Unsigned = signatures[0], false
	}
}

// PutValue sets all that the signature header holds or, where the signature is elsewhere, what is there.
func (f *Request) PutValue(value string) {
	if f.Scheme.Header() == "" {
		f.Put(value)
		return
	}
	f.prepare()
	f.Signature, f.Unsigned = value, false
}

// value is what the signature header holds for a signature.
func (f *Request) value(signature string) string {
	other := *f
	other.Put(signature)
	return other.Signature
}

// strip leaves no signature at all.
func (f *Request) strip() {
	f.Unsigned = true
	for _, put := range f.Scheme.Put {
		if path := cmp.Or(put.Body, put.Param); path != "" {
			f.Doc.remove(path)
			f.Body = f.style.Write(f.Doc)
		}
	}
}

// SignWith signs with another key, unless that is the environment's own for all that HMAC can tell.
func (f *Request) SignWith(key []byte) {
	if f.Key != nil && f.Scheme.SameKey(key, f.Key) {
		f.Refuse(NotSentSameKey)
		return
	}
	f.Put(f.text(key, f.Body))
}

// set replaces the member at path and serializes the body anew, without touching the signature.
func (f *Request) set(path string, value *Node) {
	if path == "" {
		f.Refuse(NotSentNotPossible)
		return
	}
	f.Doc.set(path, value)
	f.Body = f.style.Write(f.Doc)
}

func (f *Request) contentType(value string) { f.Header[0][1] = value }

func (f *Request) noContentType() { f.Header[0][1] = "" }

func (f *Request) add(name, value string) { f.Header = append(f.Header, [2]string{name, value}) }

// setHeader replaces a header by as many as there are values.
func (f *Request) setHeader(name string, values ...string) {
	f.Header = slices.DeleteFunc(slices.Clone(f.Header), func(pair [2]string) bool { return strings.EqualFold(pair[0], name) })
	for _, value := range values {
		f.add(name, value)
	}
}

// elsewhereAt sends to another path.
func (f *Request) elsewhereAt(path string) {
	if path == f.Path {
		f.Refuse(NotSentNotPossible)
	}
	f.Path, f.Elsewhere = path, true
}

func randomByte() byte {
	raw := make([]byte, 1)
	_, _ = rand.Read(raw) // never fails
	return raw[0]
}

// RandomUID is a synthetic UID that the provider's rule allows: the prefix and random letters and digits.
func RandomUID(rule provider.UIDRule) string {
	random := rand.Text()[:16]
	if longest := rule.Max(); len(UIDPrefix)+len(random) > longest {
		random = random[:max(0, longest-len(UIDPrefix))]
	}
	return UIDPrefix + random
}

// RandomSeconds is a number of seconds within the year 1970.
func RandomSeconds() int {
	n, err := rand.Int(rand.Reader, big.NewInt(30_000_000))
	if err != nil {
		return 1
	}
	return int(n.Int64()) + 1
}
