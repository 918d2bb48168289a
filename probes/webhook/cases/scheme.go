package cases

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"strings"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/provider"
)

// Scheme is how a provider signs, with what the cases need to know beyond the recipe.
type Scheme struct {
	provider.Recipe
	covers provider.Coverage
	body   string // kind of the body
}

// SchemeOf is a profile's.
func SchemeOf(profile *provider.Profile) Scheme {
	return Scheme{profile.Signature, profile.Signature.Covers(), profile.Delivery.Body}
}

// Header carries the signature; "" where it is elsewhere.
func (s Scheme) Header() string {
	if len(s.Put) == 0 {
		return ""
	}
	if s.List.Style == "headers" {
		return strings.ReplaceAll(s.List.Item, "{n}", "1")
	}
	return s.Put[0].Header
}

// inBody reports whether the signature is a part of the body.
func (s Scheme) inBody() bool {
	return len(s.Put) > 0 && (s.Put[0].Body != "" || s.Put[0].Param != "")
}

// isJSON reports whether the body is JSON, of which there are many serializations.
func (s Scheme) isJSON() bool { return s.body == "" || s.body == "json" || s.body == "json-array" }

// emptyBody is a body that holds nothing.
func (s Scheme) emptyBody() []byte {
	if s.isJSON() {
		return []byte("{}")
	}
	return nil
}

// coversBytes reports whether every byte of the body counts.
func (s Scheme) coversBytes() bool { return s.covers.Body || s.covers.Digest }

// coversAny reports whether anything of the event is signed.
func (s Scheme) coversAny() bool { return s.coversBytes() || s.covers.Fields || s.covers.Params }

// timed reports whether a timestamp is signed.
func (s Scheme) timed() bool { return s.Timestamp.In != "" && s.covers.Time }

// identified reports whether an identifier of the message is signed.
func (s Scheme) identified() bool { return s.ID.In != "" && s.covers.ID }

// tolerance is how old a signed timestamp may be; 0 where no bound is documented.
func (s Scheme) tolerance() time.Duration { return s.Timestamp.Tolerance.Duration() }

// nominalDigits stand for the unknown length of tokens and of signatures whose length varies.
const nominalDigits = 32

// digits is how many characters of a signature carry bits of it: without padding.
func (s Scheme) digits() int {
	if n := s.Digits(); n > 0 {
		return n
	}
	return nominalDigits
}

// padded is digits with the padding of the encoding.
func (s Scheme) padded(digits string) string {
	if s.Encoding != "base64" {
		return digits
	}
	return digits + strings.Repeat("=", (4-len(digits)%4)%4)
}

// zero is the digit whose bits are all 0.
func (s Scheme) zero() string {
	if s.Kind == provider.Token {
		return "0"
	}
	return s.Alphabet()[:1]
}

// noDigit is a character that no signature has.
func (s Scheme) noDigit() string {
	if strings.HasPrefix(s.Encoding, "base64") {
		return "!"
	}
	return "z"
}

// encoding is the name of the encoding in words, and "" where signatures have none.
func (s Scheme) encoding() string {
	switch {
	case s.Kind != provider.HMAC:
		return ""
	case strings.HasPrefix(s.Encoding, "base64"):
		return "base64"
	}
	return "hexadecimal"
}

// isEncoded reports whether the text consists of digits of the encoding, of either case.
func (s Scheme) isEncoded(text string) bool {
	return strings.Trim(text, s.Alphabet()+strings.ToUpper(s.Alphabet())+"=") == ""
}

// flip changes bits of the digit at i that count: the last digit of base64 also has some that do not.
func (s Scheme) flip(signature string, i int) string {
	digits := []byte(signature)
	alphabet := s.Alphabet()
	switch at := strings.IndexByte(alphabet, digits[i]); {
	case len(alphabet) == 64 && at >= 0:
		digits[i] = alphabet[at^32]
	case digits[i] == '0':
		digits[i] = '1'
	default:
		digits[i] = '0'
	}
	return string(digits)
}

// unlike returns n random digits of which the first and the last differ from those of the correct
// signature's ends. They are neither 0 nor 1, which receivers may read as false or true.
func (s Scheme) unlike(signature string, n int) string {
	digits := []byte(s.random(n))
	avoid := signature[:1] + signature[len(signature)-1:] + signature[max(0, len(signature)-n):][:1] + signature[:min(n, len(signature))][min(n, len(signature))-1:]
	for _, i := range []int{0, n - 1} {
		for _, digit := range s.Alphabet() {
			if digit != '0' && digit != '1' && !strings.ContainsRune(avoid, digit) {
				digits[i] = byte(digit)
				break
			}
		}
	}
	return string(digits)
}

// random is n random digits.
func (s Scheme) random(n int) string {
	if len(s.Alphabet()) != 64 {
		return RandomHex(n)
	}
	raw := make([]byte, n)
	_, _ = rand.Read(raw) // never fails
	for i := range raw {
		raw[i] = s.Alphabet()[raw[i]%64]
	}
	return string(raw)
}

// key is what the MAC is made with. A secret that has not the form of the provider's is taken as it is,
// as receivers do that do not check.
func (s Scheme) key(secret []byte) []byte {
	key, err := s.Key(secret)
	if err != nil {
		return secret
	}
	return key
}

// SameKey reports whether HMAC cannot tell two secrets apart: a short key is padded with NUL bytes, and
// one that is longer than a block stands for its own digest. Signing with such a key would be no forgery.
func (s Scheme) SameKey(a, b []byte) bool {
	if !s.Keyed() {
		return bytes.Equal(a, b)
	}
	return bytes.Equal(s.effectiveKey(a), s.effectiveKey(b))
}

func (s Scheme) effectiveKey(secret []byte) []byte {
	key := s.key(secret)
	if len(key) > s.BlockSize() {
		h := provider.NewHash(s.Hash)()
		h.Write(key)
		key = h.Sum(nil)
	}
	return bytes.TrimRight(key, "\x00")
}

// otherHashes are those with which a receiver may have been built by mistake, without the scheme's own.
func (s Scheme) otherHashes() []string {
	var names []string
	for _, name := range []string{"sha256", "sha1", "sha384", "sha512", "md5"} {
		if name != s.Hash {
			names = append(names, name)
		}
	}
	return names
}

// RandomHex is random hexadecimal digits.
func RandomHex(digits int) string {
	raw := make([]byte, (digits+1)/2)
	_, _ = rand.Read(raw) // never fails
	return hex.EncodeToString(raw)[:digits]
}
