package webhook

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha512"
	"encoding/hex"
	"hash"
	"math/big"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/provider"
)

// uidPrefix starts every synthetic UID, so that what was sent can be found and purged.
const uidPrefix = "PRELAUNCH"

// Reasons why a case was not sent.
const (
	notSentNoKey       = "no_key"       // it must be signed, and the key is not held
	notSentSameKey     = "same_key"     // the key to forge with is the receiver's own
	notSentNotPossible = "not_possible" // this event or URL has no such variant
	notSentCareful     = "careful"      // careful probing does not send it
	notSentFamilyEnded = "family_ended" // careful probing: another case of the family was taken
	notSentTransport   = "transport"    // it holds something made with a key, and the peer is not verified
	notSentSilent      = "no_answer"    // the receiver no longer answered as at the beginning
	notSentTimeouts    = "timeouts"     // too many requests timed out
	notSentBusy        = "busy"         // the receiver turned everything away for now, also after waiting
	notSentInterrupted = "interrupted"  // the run ended
	notSentNoGenuine   = "no_genuine"   // it needs a receiver that takes the genuine event
	notSentNotOffered  = "not_offered"  // the receiver does not speak the protocol
	baseWrong          = "wrong"        // Exchange.Base
	baseIncomplete     = "incomplete"   // Exchange.Base: a required field is missing too, so that no right receiver takes it
)

// signer makes signatures with one key as a provider does.
type signer struct {
	scheme provider.Signature
	key    []byte
}

func (s signer) digest(newHash func() hash.Hash, body []byte) []byte {
	mac := hmac.New(newHash, s.key)
	mac.Write(body)
	return mac.Sum(nil)
}

func (s signer) sign(body []byte) string {
	return s.scheme.Prefix + hex.EncodeToString(s.digest(s.scheme.Hash, body))
}

// sameKey reports whether HMAC cannot tell two keys apart: a short key is padded with NUL bytes, and one that is longer than a block
// stands for its own digest. Signing with such a key would be no forgery.
func sameKey(a, b []byte) bool { return bytes.Equal(effectiveKey(a), effectiveKey(b)) }

func effectiveKey(key []byte) []byte {
	if len(key) > sha512.BlockSize {
		sum := sha512.Sum512(key)
		key = sum[:]
	}
	return bytes.TrimRight(key, "\x00")
}

// forge is a request in the making. A case gets one that is a genuine event without a signature, and changes it.
type forge struct {
	event  provider.Event
	doc    *node  // the event, to be changed or spelled otherwise
	body   []byte // compact doc at first
	uid    string
	fixed  bool // the UID is configured, not drawn
	method string
	path   string // escaped, as on the request line
	query  string
	header [][2]string // content type and whatever a case adds
	// signature is the header's value; unsigned means that there is no such header.
	signature string
	unsigned  bool
	valid     bool // signature is right for body

	provider      string
	integrationID string
	key           signer // the environment's; its key is nil when not held
	other         []byte // the other environment's key
	url           *url.URL

	trusted   bool // the peer is verified, so that what depends on the key may go to it
	keyed     bool // holds something made with a held key
	elsewhere bool
	noSend    string // why the case cannot be sent
	lowerName bool   // write the signature header's name in lower case
	chunked   bool
	slow      bool // the body comes in two writes with a pause between
	expect    bool
	http2     bool
	abort     bool // close the connection in the middle of the body
	base      string
	exposed   string // a right signature that is sent elsewhere than in the header
}

// right is the signature that the provider would send for body.
func (f *forge) right(body []byte) string {
	if f.key.key == nil {
		f.refuse(notSentNoKey)
		return randomHex(128)
	}
	f.keyed = true
	return f.key.sign(body)
}

// refuse notes why the case cannot be sent; the first reason stays.
func (f *forge) refuse(reason string) {
	if f.noSend == "" {
		f.noSend = reason
	}
}

// sign gives the body its right signature.
func (f *forge) sign() {
	f.put(f.right(f.body))
	f.valid = true
}

// put sets the signature header.
func (f *forge) put(signature string) { f.signature, f.unsigned = signature, false }

// signWith signs with another key, unless that is the environment's own for all that HMAC can tell.
func (f *forge) signWith(key []byte) {
	if f.key.key != nil && sameKey(key, f.key.key) {
		f.refuse(notSentSameKey)
		return
	}
	f.put(signer{f.key.scheme, key}.sign(f.body))
}

// set replaces the member at path and spells the body anew, without touching the signature.
func (f *forge) set(path string, value *node) {
	f.doc.set(path, value)
	f.body = compact.write(f.doc)
}

func (f *forge) contentType(value string) {
	for i := range f.header {
		if f.header[i][0] == "Content-Type" {
			f.header[i][1] = value
			return
		}
	}
}

func (f *forge) noContentType() { f.header[0] = [2]string{"Content-Type", ""} }

func (f *forge) add(name, value string) { f.header = append(f.header, [2]string{name, value}) }

// elsewhereAt sends to another path.
func (f *forge) elsewhereAt(path string) {
	if path == f.path {
		f.refuse(notSentNotPossible)
	}
	f.path, f.elsewhere = path, true
}

func randomHex(digits int) string {
	raw := make([]byte, (digits+1)/2)
	_, _ = rand.Read(raw) // never fails
	return hex.EncodeToString(raw)[:digits]
}

// randomUID is a synthetic UID that the provider's rule allows: the prefix and random letters and digits.
func randomUID(rule provider.UIDRule) string {
	random := rand.Text()[:16]
	if rule.Max > 0 && len(uidPrefix)+len(random) > rule.Max {
		random = random[:max(0, rule.Max-len(uidPrefix))]
	}
	return uidPrefix + random
}

var timeField = regexp.MustCompile(`("[a-z_]+_at":)(\d+)`)

// shiftTimes moves every time of the body by the same number of seconds, so that events with the same UID differ.
func shiftTimes(body []byte, seconds int) []byte {
	return timeField.ReplaceAllFunc(body, func(found []byte) []byte {
		parts := timeField.FindSubmatch(found)
		at, err := strconv.Atoi(string(parts[2]))
		if err != nil {
			return found
		}
		return append(append([]byte(nil), parts[1]...), strconv.Itoa(at+seconds)...)
	})
}

// randomSeconds is a number of seconds within the year 1970.
func randomSeconds() int {
	n, err := rand.Int(rand.Reader, big.NewInt(30_000_000))
	if err != nil {
		return 1
	}
	return int(n.Int64()) + 1
}

// flip changes the hex digit at i to another one.
func flip(signature string, i int) string {
	digits := []byte(signature)
	if digits[i] == '0' {
		digits[i] = '1'
	} else {
		digits[i] = '0'
	}
	return string(digits)
}

// unlike returns n random digits of which the first and the last differ from those of the right signature's ends.
func unlike(signature string, n int) string {
	digits := []byte(randomHex(n))
	avoid := signature[:1] + signature[len(signature)-1:] + signature[max(0, len(signature)-n):][:1] + signature[:n][n-1:]
	for _, i := range []int{0, n - 1} {
		for _, digit := range "0123456789abcdef" {
			if !strings.ContainsRune(avoid, digit) {
				digits[i] = byte(digit)
				break
			}
		}
	}
	return string(digits)
}
