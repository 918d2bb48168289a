package cases

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"hash"
	"strings"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/provider"
)

// Scheme is how a provider signs, as the cases need to know it.
type Scheme struct {
	signature provider.Recipe
}

// SchemeOf is a profile's.
func SchemeOf(profile *provider.Profile) Scheme { return Scheme{profile.Signature} }

// Header carries the signature; "" where it is elsewhere.
func (s Scheme) Header() string { return s.signature.Put[0].Header }

// hashName is that of the hash that is used, such as "sha512".
func (s Scheme) hashName() string {
	return s.signature.Hash
}

// timed reports whether a timestamp is signed.
func (s Scheme) timed() bool { return false }

// Digits is how many characters of a signature carry bits of it: without padding.
func (s Scheme) Digits() int { return s.signature.Digits() }

// zero is the digit whose bits are all 0.
func (s Scheme) zero() string { return "0" }

// noDigits are characters that no signature has.
func (s Scheme) noDigits() string { return "z" }

// isEncoded reports whether the text consists of digits of the encoding, of either case.
func (s Scheme) isEncoded(text string) bool {
	return strings.Trim(text, "0123456789abcdefABCDEF") == ""
}

func (s Scheme) encode(raw []byte) string { return hex.EncodeToString(raw) }

// signed is what is signed for a message.
func (s Scheme) signed(m message) []byte { return m.Body }

// key is what HMAC is given for a secret.
func (s Scheme) key(secret []byte) []byte { return secret }

// value is what the header holds for a signature.
func (s Scheme) value(digits string, _ time.Time, _ string) string {
	return digits
}

// message is what may be signed of a request.
type message struct {
	Method, URL string
	Body        []byte
	Time        time.Time
	ID          string
}

func (s Scheme) newHash() hash.Hash { return provider.NewHash(s.signature.Hash)() }

// hashes are those with which a receiver may have been built by mistake.
var hashes = []struct {
	name string
	make func() hash.Hash
}{
	{"sha256", sha256.New}, {"sha1", sha1.New}, {"sha384", sha512.New384}, {"sha512", sha512.New}, {"md5", md5.New},
}

func hashNamed(name string) func() hash.Hash {
	for _, h := range hashes {
		if h.name == name {
			return h.make
		}
	}
	return nil
}
