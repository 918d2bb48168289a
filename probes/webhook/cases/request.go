package cases

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"encoding/hex"
	"hash"
	"math/big"
	"net/url"
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
	NotSentFamilyEnded = "family_ended" // careful probing: another case of the family was taken
	NotSentTransport   = "transport"    // it holds something made with a key, and the peer is not verified
	NotSentSilent      = "no_answer"    // the receiver no longer answered as at the beginning
	NotSentTimeouts    = "timeouts"     // too many requests timed out
	NotSentBusy        = "busy"         // the receiver turned everything away for now, also after waiting
	NotSentInterrupted = "interrupted"  // the run ended
	NotSentNoGenuine   = "no_genuine"   // it needs a receiver that takes the genuine event
	NotSentNotOffered  = "not_offered"  // the receiver does not speak the protocol
	BaseWrong          = "wrong"        // Exchange.Base
	baseIncomplete     = "incomplete"   // Exchange.Base: a required field is missing too, so that no right receiver takes it
)

// SameKey reports whether HMAC cannot tell two secrets apart: a short key is padded with NUL bytes, and
// one that is longer than a block stands for its own digest. Signing with such a key would be no forgery.
func (s Scheme) SameKey(a, b []byte) bool {
	return bytes.Equal(s.effectiveKey(a), s.effectiveKey(b))
}

func (s Scheme) effectiveKey(secret []byte) []byte {
	key, h := s.key(secret), s.newHash()
	if len(key) > h.BlockSize() {
		h.Write(key)
		key = h.Sum(nil)
	}
	return bytes.TrimRight(key, "\x00")
}

// Request is a request in the making. A case gets one that is a valid event without a signature, and
// changes it.
type Request struct {
	Event  provider.Event
	Doc    *Node  // the event, to be changed or spelled otherwise
	Body   []byte // compact doc at first
	UID    string
	Fixed  bool // the UID is configured, not drawn
	Method string
	Path   string // escaped, as on the request line
	Query  string
	Header [][2]string // content type and whatever a case adds
	// signature is the header's value; unsigned means that there is no such header.
	Signature string
	Unsigned  bool
	Valid     bool // signature is right for body

	Profile       *provider.Profile
	Scheme        Scheme
	IntegrationID string
	Key           []byte // the environment's, nil when not held
	Other         []byte // the other environment's key
	URL           *url.URL
	Time          time.Time // that is signed, of schemes that sign one
	created       time.Time
	ID            string // of the message, in schemes that sign one
	style         style  // in which the provider serializes
	made          func(Digest)

	Trusted   bool // the peer is verified, so that what depends on the key may go to it
	Keyed     bool // holds something made with a held key
	Elsewhere bool
	NoSend    string // why the case cannot be sent
	UserAgent string // in place of the auditor's
	Unmarked  bool   // does not name the auditor
	LowerName bool   // write the signature header's name in lower case
	Chunked   bool
	Slow      bool // the body comes in two writes with a pause between
	Expect    bool
	HTTP2     bool
	Abort     bool // close the connection in the middle of the body
	Base      string
	Exposed   string // a right signature that is sent elsewhere than in the header
}

// message is what may be signed of the request with that body.
func (f *Request) message(body []byte) message {
	return message{Method: f.Method, URL: f.URL.String(), Body: body, Time: f.Time, ID: f.ID}
}

// digits is the signature of body with a key.
func (f *Request) digits(key, body []byte) string {
	return f.Scheme.encode(f.mac(f.Scheme.newHash, key, body))
}

// mac is the MAC of the request with that body, with any hash.
func (f *Request) mac(newHash func() hash.Hash, secret, body []byte) []byte {
	key, signed := f.Scheme.key(secret), f.Scheme.signed(f.message(body))
	mac := hmac.New(newHash, key)
	mac.Write(signed)
	sum := mac.Sum(nil)
	f.trace(Digest{Secret: secret, Key: key, Hash: len(sum), HMAC: true, Input: signed, Sum: sum})
	return sum
}

// random has the form of a signature.
func (f *Request) random() string {
	raw := make([]byte, f.Scheme.newHash().Size())
	_, _ = rand.Read(raw) // never fails
	return f.Scheme.encode(raw)
}

// Right is the signature that the provider would send for body.
func (f *Request) Right(body []byte) string {
	if f.Key == nil {
		f.Refuse(NotSentNoKey)
		return f.random()
	}
	f.Keyed = true
	return f.digits(f.Key, body)
}

// Correct reports whether the request carries the signature that the provider would send for it.
func (f *Request) Correct() bool {
	return f.Key != nil && !f.Unsigned && strings.EqualFold(f.Signature, f.Scheme.value(f.digits(f.Key, f.Body), f.Time, f.ID))
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

// Sign gives the body its right signature.
func (f *Request) Sign() {
	f.Put(f.Right(f.Body))
	f.Valid = true
}

// Put places a signature as the provider does.
func (f *Request) Put(digits string) { f.PutValue(f.Scheme.value(digits, f.Time, f.ID)) }

// PutValue sets all that the signature header holds.
func (f *Request) PutValue(value string) { f.Signature, f.Unsigned = value, false }

// SignWith signs with another key, unless that is the environment's own for all that HMAC can tell.
func (f *Request) SignWith(key []byte) {
	if f.Key != nil && f.Scheme.SameKey(key, f.Key) {
		f.Refuse(NotSentSameKey)
		return
	}
	f.Put(f.digits(key, f.Body))
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

func (f *Request) contentType(value string) {
	for i := range f.Header {
		if f.Header[i][0] == "Content-Type" {
			f.Header[i][1] = value
			return
		}
	}
}

func (f *Request) noContentType() { f.Header[0] = [2]string{"Content-Type", ""} }

func (f *Request) add(name, value string) { f.Header = append(f.Header, [2]string{name, value}) }

// elsewhereAt sends to another path.
func (f *Request) elsewhereAt(path string) {
	if path == f.Path {
		f.Refuse(NotSentNotPossible)
	}
	f.Path, f.Elsewhere = path, true
}

func RandomHex(digits int) string {
	raw := make([]byte, (digits+1)/2)
	_, _ = rand.Read(raw) // never fails
	return hex.EncodeToString(raw)[:digits]
}

func randomByte() byte {
	raw := make([]byte, 1)
	_, _ = rand.Read(raw) // never fails
	return raw[0]
}

// RandomUID is a synthetic UID that the provider's rule allows: the prefix and random letters and digits.
func RandomUID(rule provider.UIDRule) string {
	random := rand.Text()[:16]
	if len(UIDPrefix)+len(random) > rule.Max() {
		random = random[:max(0, rule.Max()-len(UIDPrefix))]
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

// flip changes the digit at i to another one.
func (s Scheme) flip(signature string, i int) string {
	digits := []byte(signature)
	if digits[i] == '0' {
		digits[i] = '1'
	} else {
		digits[i] = '0'
	}
	return string(digits)
}

// padded is the digits with the padding that the encoding has.
func (s Scheme) padded(digits string) string { return digits }

// unlike returns n random digits of which the first and the last differ from those of the correct
// signature's ends. They are neither 0 nor 1, which receivers may read as false or true.
func (s Scheme) unlike(signature string, n int) string {
	digits := []byte(RandomHex(n))
	avoid := signature[:1] + signature[len(signature)-1:] + signature[max(0, len(signature)-n):][:1] + signature[:n][n-1:]
	for _, i := range []int{0, n - 1} {
		for _, digit := range "23456789abcdef" {
			if !strings.ContainsRune(avoid, digit) {
				digits[i] = byte(digit)
				break
			}
		}
	}
	return string(digits)
}
