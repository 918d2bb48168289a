package secret

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"strings"
	"sync"
	"unicode/utf16"

	"github.com/prelaunch-audit/prelaunch/internal/lazy"
)

// MinSearchable is the shortest key, in bytes, that can be searched for without finding chance matches: at 8 bytes drawn from
// 64 characters, a match by chance in 10 GB of text has a probability below one in 20,000.
const MinSearchable = 8

// Spelling is one way in which a secret may be written down.
type Spelling struct {
	Name  string // such as "plain", "base64", "hex"
	Bytes []byte
	Wide  bool // UTF-16: no text whose lines are broken byte for byte
	// NotBefore and NotAfter are the characters next to which it is an encoding of something else: digits of base64 that carry other
	// bits of the first or last byte than the secret has.
	NotBefore, NotAfter string
}

// Spellings lists every encoding of a secret that is searched for and kept out of outputs, without duplicates, "plain" first.
// base64 stands for each of the three ways its groups can fall when the secret is in the middle of a longer text; digits that
// depend on the neighbours too are left off.
func Spellings(secret []byte) []Spelling {
	t := common(secret)
	t.rare(secret)
	return t.list
}

// Common lists the encodings that programs use without being asked to, for texts that are searched for by the hundred.
func Common(secret []byte) []Spelling { return common(secret).list }

// table gathers encodings.
type table struct {
	list []Spelling
	seen map[string]bool
}

func (t *table) add(name, text string) { t.put(Spelling{Name: name, Bytes: []byte(text)}) }

func (t *table) put(s Spelling) {
	if len(s.Bytes) > 0 && !t.seen[string(s.Bytes)] {
		t.seen[string(s.Bytes)] = true
		t.list = append(t.list, s)
	}
}

func common(secret []byte) *table {
	t := &table{seen: map[string]bool{}}
	if len(secret) == 0 {
		return t
	}
	text := string(secret)
	t.add("plain", text)
	for _, b64 := range []struct {
		name     string
		encoding *base64.Encoding
	}{{"base64", base64.RawStdEncoding}, {"base64url", base64.RawURLEncoding}} {
		for shift := range 3 {
			s := alignedBase64(b64.encoding, secret, shift)
			s.Name = b64.name
			t.put(s)
			digits := string(s.Bytes)
			t.add(b64.name, url.QueryEscape(digits))               // in a query
			t.add(b64.name, strings.ReplaceAll(digits, "/", `\/`)) // in JSON as PHP writes it
		}
	}
	t.add("hex", hex.EncodeToString(secret))
	t.add("hex", strings.ToUpper(hex.EncodeToString(secret)))
	for _, escaped := range percentEscaped(text) {
		t.add("percent-encoded", escaped)
	}
	t.add("percent-encoded", eachByte(secret, "%%%02X", ""))
	t.add("percent-encoded", eachByte(secret, "%%%02x", ""))
	for _, escaped := range jsonEscaped(text) {
		t.add("json-escaped", escaped)
	}
	for _, escaped := range htmlEscaped(text) {
		t.add("html-escaped", escaped)
	}
	t.add("unicode-escaped", eachUnit(secret, `\u%04x`))
	t.add("unicode-escaped", eachUnit(secret, `\u%04X`))
	t.add("hex-escaped", eachByte(secret, `\x%02x`, ""))
	t.add("hex-escaped", eachByte(secret, `\x%02X`, ""))
	little, big := wide(secret)
	t.put(Spelling{Name: "utf-16le", Bytes: little, Wide: true})
	t.put(Spelling{Name: "utf-16be", Bytes: big, Wide: true})
	return t
}

// rare adds what takes two steps, or a tool that few use.
func (t *table) rare(secret []byte) {
	if len(secret) == 0 {
		return
	}
	text := string(secret)
	for _, once := range jsonEscaped(text) { // a document in a field of another, as logs of containers have it
		for _, twice := range jsonEscaped(once) {
			t.add("json-escaped", twice)
		}
	}
	for _, once := range percentEscaped(text) {
		for _, twice := range percentEscaped(once) {
			t.add("percent-encoded", twice)
		}
	}
	for _, format := range []string{`\\u%04x`, `\\u%04X`, `\u{%x}`, `\u{%X}`} {
		t.add("unicode-escaped", eachUnit(secret, format))
	}
	t.add("hex-escaped", eachByte(secret, `\\x%02x`, ""))
	t.add("hex-escaped", eachByte(secret, `\\x%02X`, ""))
	t.add("octal-escaped", eachByte(secret, `\%03o`, ""))
	for _, format := range []string{"&#%d;", "&#x%x;", "&#x%X;"} {
		t.add("html-escaped", eachRune(text, format))
	}
	t.add("quoted-printable", strings.ReplaceAll(text, "=", "=3D"))
	t.add("quoted-printable", eachByte(secret, "=%02X", ""))
	for _, between := range []string{",", ", "} { // arrays of bytes, and what journald makes of a coloured line
		t.add("bytes", eachByte(secret, "%d", between))
		t.add("bytes", eachByte(secret, "0x%02x", between))
		t.add("bytes", eachByte(secret, "0x%02X", between))
	}
	for _, between := range []string{":", " "} {
		t.add("hex", eachByte(secret, "%02x", between))
		t.add("hex", eachByte(secret, "%02X", between))
	}
	t.add("quoted", strings.ReplaceAll(text, `'`, `''`))   // SQL, YAML
	t.add("quoted", strings.ReplaceAll(text, `'`, `\'`))   // JavaScript, Python
	t.add("quoted", strings.ReplaceAll(text, `"`, `""`))   // CSV
	t.add("quoted", strings.ReplaceAll(text, `'`, `'\''`)) // a shell
	t.add("quoted", strings.ReplaceAll(text, `$`, `$$`))   // Compose, make
	t.add("quoted", strings.ReplaceAll(text, `$`, `\$`))   // a shell
	t.add("quoted", strings.ReplaceAll(text, `%`, `%%`))   // systemd
	little, _ := wide(secret)
	for shift := range 3 {
		s := alignedBase64(base64.RawStdEncoding, little, shift)
		s.Name = "base64 of utf-16le" // PowerShell's encoded commands
		t.put(s)
		digits := alignedBase64(base64.RawStdEncoding, secret, shift).Bytes
		for again := range 3 {
			s := alignedBase64(base64.RawStdEncoding, digits, again)
			s.Name = "base64 of base64" // a manifest's secret that was encoded before
			t.put(s)
		}
	}
}

var percentEscape = lazy.Regexp(`%[0-9A-F]{2}`)

func lowerEscapes(text string) string {
	return percentEscape().ReplaceAllStringFunc(text, strings.ToLower)
}

// percentEscaped are the ways in which URLs have a text: a query's and a path's, in upper and lower case.
func percentEscaped(text string) []string {
	query, path := url.QueryEscape(text), url.PathEscape(text)
	return []string{query, path, lowerEscapes(query), lowerEscapes(path)}
}

// jsonEscaped are the ways in which JSON has a text: Go's, which escapes <, > and &, and others'; PHP's, which escapes slashes; and
// that of languages that escape what is not ASCII.
func jsonEscaped(text string) []string {
	var plain strings.Builder
	e := json.NewEncoder(&plain)
	e.SetEscapeHTML(false)
	quoted, err := json.Marshal(text)
	if err != nil || e.Encode(text) != nil {
		return nil
	}
	var list []string
	for _, quoted := range []string{string(quoted), strings.TrimSuffix(plain.String(), "\n")} {
		escaped := quoted[1 : len(quoted)-1]
		list = append(list, escaped, strings.ReplaceAll(escaped, "/", `\/`), asciiOnly(escaped))
	}
	return list
}

func asciiOnly(text string) string {
	var b strings.Builder
	for _, c := range text {
		if c < 0x80 {
			b.WriteRune(c)
			continue
		}
		for _, unit := range utf16.Encode([]rune{c}) {
			fmt.Fprintf(&b, `\u%04x`, unit)
		}
	}
	return b.String()
}

// htmlEscaped are the ways in which HTML and XML have a text: with and without the quotes, which each language writes in its own way.
func htmlEscaped(text string) []string {
	list := []string{html.EscapeString(text)}
	for _, replacer := range htmlReplacers() {
		list = append(list, replacer.Replace(text))
	}
	return list
}

var htmlReplacers = sync.OnceValue(func() (list []*strings.Replacer) {
	for _, quotes := range [][]string{
		{},
		{`"`, "&quot;"},
		{`"`, "&quot;", "'", "&#x27;"},
		{`"`, "&quot;", "'", "&#039;"},
		{`"`, "&quot;", "'", "&#39;"},
		{`"`, "&quot;", "'", "&apos;"},
	} {
		list = append(list, strings.NewReplacer(append([]string{"&", "&amp;", "<", "&lt;", ">", "&gt;"}, quotes...)...))
	}
	return list
})

// alignedBase64 encodes secret as it looks when shift bytes stand before it in the encoded text, less the digits at both ends
// that also depend on the neighbours. Of those it says which cannot be: their bits that come from the secret are known.
func alignedBase64(encoding *base64.Encoding, secret []byte, shift int) (s Spelling) {
	padded := append(make([]byte, shift), secret...)
	digits := encoding.EncodeToString(padded)
	first := (shift*8 + 5) / 6
	last := len(padded) * 8 / 6
	if first >= last {
		return s
	}
	s.Bytes = []byte(digits[first:last])
	alphabet := encoding.EncodeToString(sextets)
	if known := first*6 - shift*8; known > 0 { // low bits of the digit before
		s.NotBefore = unlike(alphabet, strings.IndexByte(alphabet, digits[first-1]), 1<<known-1)
	}
	if known := len(padded)*8 - last*6; known > 0 { // high bits of the digit after
		s.NotAfter = unlike(alphabet, strings.IndexByte(alphabet, digits[last]), (1<<known-1)<<(6-known))
	}
	return s
}

// sextets are the bytes that base64 encodes as its alphabet, in order.
var sextets = func() []byte {
	raw, err := base64.RawStdEncoding.DecodeString("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
	if err != nil {
		panic(err)
	}
	return raw
}()

// unlike are the digits that differ from digit in the bits of mask.
func unlike(alphabet string, digit, mask int) string {
	var b strings.Builder
	for i := range len(alphabet) {
		if (i^digit)&mask != 0 {
			b.WriteByte(alphabet[i])
		}
	}
	return b.String()
}

func wide(secret []byte) (little, big []byte) {
	for _, unit := range utf16.Encode([]rune(string(secret))) {
		little = append(little, byte(unit), byte(unit>>8))
		big = append(big, byte(unit>>8), byte(unit))
	}
	return little, big
}

func eachByte(secret []byte, format, between string) string {
	rendered := render(format)
	var b strings.Builder
	b.Grow(len(secret) * (len(rendered[255]) + len(between)))
	for i, c := range secret {
		if i > 0 {
			b.WriteString(between)
		}
		b.WriteString(rendered[c])
	}
	return b.String()
}

func eachRune(text, format string) string {
	rendered := render(format)
	var b strings.Builder
	for _, c := range text {
		if int(c) < len(rendered) {
			b.WriteString(rendered[c])
		} else {
			fmt.Fprintf(&b, format, c)
		}
	}
	return b.String()
}

func eachUnit(secret []byte, format string) string {
	rendered := render(format)
	var b strings.Builder
	for _, unit := range utf16.Encode([]rune(string(secret))) {
		if int(unit) < len(rendered) {
			b.WriteString(rendered[unit])
		} else {
			fmt.Fprintf(&b, format, unit)
		}
	}
	return b.String()
}

// renderings holds the 256 smallest numbers in each format: the log probe encodes every field of
// every request, and formatting byte by byte was two fifths of the CPU time of an audit.
var renderings sync.Map // format → *[256]string

func render(format string) *[256]string {
	if rendered, ok := renderings.Load(format); ok {
		return rendered.(*[256]string)
	}
	var rendered [256]string
	for i := range rendered {
		rendered[i] = fmt.Sprintf(format, i)
	}
	renderings.Store(format, &rendered)
	return &rendered
}
