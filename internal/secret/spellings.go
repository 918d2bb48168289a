package secret

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"regexp"
	"strings"
	"unicode/utf16"
)

// MinSearchable is the shortest key, in bytes, that can be searched for without finding chance matches: at 8 bytes drawn from
// 64 characters, a match by chance in 10 GB of text has a probability below one in 20,000.
const MinSearchable = 8

// Spelling is one way in which a secret may be written down.
type Spelling struct {
	Name  string // such as "plain", "base64", "hex"
	Bytes []byte
}

// Spellings lists every spelling of a secret that is searched for and kept out of outputs, without duplicates, "plain" first.
// base64 stands for each of the three ways its groups can fall when the secret is in the middle of a longer text; digits that
// depend on the neighbours are left off.
func Spellings(secret []byte) []Spelling {
	if len(secret) == 0 {
		return nil
	}
	var out []Spelling
	seen := map[string]bool{}
	add := func(name, text string) {
		if text != "" && !seen[text] {
			seen[text] = true
			out = append(out, Spelling{Name: name, Bytes: []byte(text)})
		}
	}
	add("plain", string(secret))
	for _, b64 := range []struct {
		name     string
		encoding *base64.Encoding
	}{{"base64", base64.RawStdEncoding}, {"base64url", base64.RawURLEncoding}} {
		for shift := range 3 {
			digits := alignedBase64(b64.encoding, secret, shift)
			add(b64.name, digits)
			add(b64.name, url.QueryEscape(digits))               // in a query
			add(b64.name, strings.ReplaceAll(digits, "/", `\/`)) // in JSON as PHP writes it
		}
	}
	add("hex", hex.EncodeToString(secret))
	add("hex", strings.ToUpper(hex.EncodeToString(secret)))
	add("percent-encoded", url.QueryEscape(string(secret)))
	add("percent-encoded", url.PathEscape(string(secret)))
	add("percent-encoded", lowerEscapes(url.QueryEscape(string(secret))))
	add("percent-encoded", lowerEscapes(url.PathEscape(string(secret))))
	add("percent-encoded", eachByte(secret, "%%%02X"))
	add("percent-encoded", eachByte(secret, "%%%02x"))
	if quoted, err := json.Marshal(string(secret)); err == nil {
		escaped := string(quoted[1 : len(quoted)-1])
		add("json-escaped", escaped)
		add("json-escaped", strings.ReplaceAll(escaped, "/", `\/`))
	}
	add("html-escaped", html.EscapeString(string(secret)))
	add("unicode-escaped", eachUnit(secret, `\u%04x`))
	add("unicode-escaped", eachUnit(secret, `\u%04X`))
	add("hex-escaped", eachByte(secret, `\x%02x`))
	add("hex-escaped", eachByte(secret, `\x%02X`))
	var little, big strings.Builder
	for _, unit := range utf16.Encode([]rune(string(secret))) {
		little.Write([]byte{byte(unit), byte(unit >> 8)})
		big.Write([]byte{byte(unit >> 8), byte(unit)})
	}
	add("utf-16le", little.String())
	add("utf-16be", big.String())
	return out
}

// Wrapped lists the spellings of a secret that stands in base64 text broken into lines, as the base64 command writes it by default:
// with one line end inside, at each place. There are hundreds, all of them base64, so they are for the search alone.
func Wrapped(secret []byte) []Spelling {
	var out []Spelling
	seen := map[string]bool{}
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for shift := range 3 {
			digits := alignedBase64(encoding, secret, shift)
			for at := 1; at < len(digits); at++ {
				for _, end := range []string{"\n", "\r\n"} {
					if text := digits[:at] + end + digits[at:]; !seen[text] {
						seen[text] = true
						out = append(out, Spelling{Name: "base64", Bytes: []byte(text)})
					}
				}
			}
		}
	}
	return out
}

var percentEscape = regexp.MustCompile(`%[0-9A-F]{2}`)

func lowerEscapes(text string) string {
	return percentEscape.ReplaceAllStringFunc(text, strings.ToLower)
}

// alignedBase64 encodes secret as it looks when shift bytes stand before it in the encoded text, less the digits at both ends
// that also depend on the neighbours.
func alignedBase64(encoding *base64.Encoding, secret []byte, shift int) string {
	padded := append(make([]byte, shift), secret...)
	digits := encoding.EncodeToString(padded)
	first := (shift*8 + 5) / 6
	last := len(padded) * 8 / 6
	if first >= last {
		return ""
	}
	return digits[first:last]
}

func eachByte(secret []byte, format string) string {
	var b strings.Builder
	for _, c := range secret {
		fmt.Fprintf(&b, format, c)
	}
	return b.String()
}

func eachUnit(secret []byte, format string) string {
	var b strings.Builder
	for _, unit := range utf16.Encode([]rune(string(secret))) {
		fmt.Fprintf(&b, format, unit)
	}
	return b.String()
}
