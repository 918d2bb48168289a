package match

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"slices"
	"strconv"
)

// Fingerprint describes a key that the searcher may not hold.
type Fingerprint struct {
	ID     int
	SHA256 [32]byte
	Length int // in bytes
}

// Prints finds keys by fingerprint: each piece of text that is as long as a
// key, and has no blank or other character that keys do not have, is hashed. A
// key is found anywhere in plain text, UTF-16, base64 (wrapped too) and hex,
// and with some or all of its characters percent-encoded or escaped as in JSON,
// JavaScript or HTML; not broken into pieces, nor in two steps of encoding.
//
// Hashing takes about a tenth of a microsecond a byte of text without blanks.
type Prints struct {
	lengths  []printsOfLength
	shortest int
	longest  int
}

type printsOfLength struct {
	n      int
	prints []Fingerprint
}

// Bounds on a fingerprint's length: what is shorter is no secret and would be
// found by guessing, what is longer is no key.
const (
	minPrint = 8
	maxPrint = 512
)

// NewPrints compiles fingerprints; without any, nothing is found.
func NewPrints(prints []Fingerprint) (*Prints, error) {
	p := &Prints{}
	for _, f := range prints {
		if f.Length < minPrint || f.Length > maxPrint {
			return nil, errors.New("compile fingerprints: length must be 8 to 512 bytes")
		}
		at := slices.IndexFunc(p.lengths, func(l printsOfLength) bool { return l.n == f.Length })
		if at < 0 {
			at = len(p.lengths)
			p.lengths = append(p.lengths, printsOfLength{n: f.Length})
		}
		p.lengths[at].prints = append(p.lengths[at].prints, f)
		p.longest = max(p.longest, f.Length)
		if p.shortest == 0 || f.Length < p.shortest {
			p.shortest = f.Length
		}
	}
	return p, nil
}

// Empty reports whether there is nothing to look for.
func (p *Prints) Empty() bool { return p == nil || len(p.lengths) == 0 }

// Reach is how far, in bytes, a key in its longest encoding goes beyond one of its bytes.
func (p *Prints) Reach() int {
	if p.Empty() {
		return 0
	}
	return maxEscape * p.longest
}

// inKey reports whether c may be in a key that is found in text: what is no blank, control or non-ASCII character.
func inKey(c byte) bool { return c > ' ' && c < 0x7f }

// eachRun calls f for the longest runs of bytes that all are in the class and that have at least least bytes.
func eachRun(data []byte, least int, in func(byte) bool, f func(from, to int)) {
	for from := 0; from < len(data); {
		if !in(data[from]) {
			from++
			continue
		}
		to := from + 1
		for to < len(data) && in(data[to]) {
			to++
		}
		if to-from >= least {
			f(from, to)
		}
		from = to
	}
}

// Contains reports whether any key is found in data.
func (p *Prints) Contains(data []byte) bool {
	hit := false
	p.Find(data, func(int, int, string) { hit = true })
	return hit
}

// Find calls found for each key found in data with the fingerprint's ID, the
// offset (of the key, or of the run of encoded text it was found in), and the
// spelling that was undone: plain, base64, hex, percent, escaped or utf-16.
func (p *Prints) Find(data []byte, found func(id, offset int, form string)) {
	if p.Empty() {
		return
	}
	type place struct {
		id, at int
		form   string
	}
	seen := map[place]bool{}
	tell := func(f Fingerprint, at int, form string) {
		if k := (place{f.ID, at, form}); !seen[k] {
			seen[k] = true
			found(f.ID, at, form)
		}
	}
	p.plain(data, func(f Fingerprint, at int) { tell(f, at, "plain") })
	p.wide(data, func(f Fingerprint, at int) { tell(f, at, "utf-16") })
	p.escaped(data, func(f Fingerprint, at int, form string) { tell(f, at, form) })
	p.hex(data, func(f Fingerprint, at int) { tell(f, at, "hex") })
	p.base64(data, func(f Fingerprint, at int) { tell(f, at, "base64") })
}

// Each calls found for each key that is found in data as it is.
func (p *Prints) Each(data []byte, found func(id, from, to int)) {
	if !p.Empty() {
		p.plain(data, func(f Fingerprint, at int) { found(f.ID, at, at+f.Length) })
	}
}

// plain compares every piece of every run.
func (p *Prints) plain(data []byte, found func(f Fingerprint, at int)) {
	eachRun(data, p.shortest, inKey, func(from, to int) {
		for _, l := range p.lengths {
			for at := from; at+l.n <= to; at++ {
				l.compare(data[at:at+l.n], func(f Fingerprint) { found(f, at) })
			}
		}
	})
}

func (l *printsOfLength) compare(candidate []byte, found func(f Fingerprint)) {
	sum := sha256.Sum256(candidate)
	for i := range l.prints {
		if l.prints[i].SHA256 == sum {
			found(l.prints[i])
		}
	}
}

// inner compares what an encoded run stands for.
func (p *Prints) inner(data []byte, found func(f Fingerprint)) {
	p.plain(data, func(f Fingerprint, _ int) { found(f) })
	for _, l := range p.lengths { // a key may have other characters when it stands alone
		if len(data) == l.n && bytes.ContainsFunc(data, func(c rune) bool { return c > 0x7e || !inKey(byte(c)) }) {
			l.compare(data, found)
		}
	}
}

// maxDecoded bounds how much of a run is decoded at a time.
const maxDecoded = 64 << 10

// pieces cuts a run into pieces that overlap by as much as a key takes in base64 or hex.
func (p *Prints) pieces(run []byte, f func(at int, piece []byte)) {
	overlap := 2*p.longest + 8
	for at := 0; ; at += maxDecoded {
		f(at, run[at:min(len(run), at+maxDecoded+overlap)])
		if at+maxDecoded+overlap >= len(run) {
			return
		}
	}
}

// hex compares what runs of hexadecimal digits stand for, which may begin with a digit that belongs to something else.
func (p *Prints) hex(data []byte, found func(f Fingerprint, at int)) {
	eachRun(data, 2*p.shortest, isHex, func(from, to int) {
		p.pieces(data[from:to], func(at int, piece []byte) {
			for shift := range 2 {
				digits := piece[shift : shift+(len(piece)-shift)/2*2]
				out := make([]byte, len(digits)/2)
				if _, err := hex.Decode(out, digits); err == nil {
					p.inner(out, func(f Fingerprint) { found(f, from+at) })
				}
			}
		})
	})
}

// base64 compares what runs of digits of base64 stand for, on one line or wrapped.
func (p *Prints) base64(data []byte, found func(f Fingerprint, at int)) {
	least := (p.shortest*4 + 2) / 3
	for _, alphabet := range []struct {
		in  func(byte) bool
		enc *base64.Encoding
	}{{func(c byte) bool { return isAlnum(c) || c == '+' || c == '/' }, base64.RawStdEncoding}, {isWord, base64.RawURLEncoding}} {
		decode := func(run []byte, from int) {
			p.pieces(run, func(at int, piece []byte) {
				for shift := range 4 { // where its groups begin is not known
					digits := piece[min(shift, len(piece)):]
					if len(digits)%4 == 1 {
						digits = digits[:len(digits)-1]
					}
					out := make([]byte, alphabet.enc.DecodedLen(len(digits)))
					if n, err := alphabet.enc.Decode(out, digits); err == nil {
						p.inner(out[:n], func(f Fingerprint) { found(f, from+at) })
					}
				}
			})
		}
		eachRun(data, least, alphabet.in, func(from, to int) { decode(data[from:to], from) })
		unwrap(data, alphabet.in, func(from int, joined []byte) { decode(joined, from) })
	}
}

// unwrap calls f with what stands on each sequence of lines that have nothing but such digits next to indentation and padding.
func unwrap(data []byte, in func(byte) bool, f func(from int, joined []byte)) {
	var joined []byte
	begin, lines := 0, 0
	end := func() {
		if lines > 1 {
			f(begin, joined)
		}
		joined, lines = joined[:0], 0
	}
	for at := 0; at < len(data); {
		line := data[at:]
		next := len(data)
		if i := bytes.IndexByte(line, '\n'); i >= 0 {
			line, next = line[:i], at+i+1
		}
		digits := bytes.TrimRight(bytes.Trim(line, " \t\r"), "=")
		if len(digits) == 0 || !all(digits, in) {
			end()
		} else {
			if lines == 0 {
				begin = at
			}
			joined = append(joined, digits...)
			if lines++; len(joined) >= maxDecoded {
				keep := len(joined) / 4 // a key that goes on
				tail := bytes.Clone(joined[len(joined)-keep:])
				end()
				joined, lines, begin = append(joined, tail...), 1, at
			}
		}
		at = next
	}
	end()
}

func all(data []byte, in func(byte) bool) bool {
	for _, c := range data {
		if !in(c) {
			return false
		}
	}
	return true
}

func isAlnum(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// isWord reports whether c may be in a word of a program or in base64 as URLs have it.
func isWord(c byte) bool { return isAlnum(c) || c == '-' || c == '_' }

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// maxEscape is how long a character is at most when it is escaped: &#x7a; or \u007a.
const maxEscape = 6

// escaped undoes the escapes in text and compares what is around them.
func (p *Prints) escaped(data []byte, found func(f Fingerprint, at int, form string)) {
	reach := p.Reach()
	for at := 0; ; {
		i := bytes.IndexAny(data[at:], `\%&`)
		if i < 0 {
			return
		}
		at += i
		if _, n, _ := unescape(data[at:]); n == 0 {
			at++
			continue
		}
		// From what may be the beginning of a key to the last escape that may be of one.
		from := max(0, at-p.longest)
		to := at
		forms := map[string]bool{}
		for next := at; next < len(data) && next-to <= p.longest && next-from < maxDecoded; {
			_, n, form := unescape(data[next:])
			if n == 0 {
				next++
				continue
			}
			forms[form] = true
			next += n
			to = next
		}
		tail := min(len(data), to+p.longest)
		text, places := unescapeAll(data[from:tail])
		form := "escaped"
		if len(forms) == 1 && forms["percent"] {
			form = "percent"
		}
		p.plain(text, func(f Fingerprint, i int) {
			if first, last := places[i], places[i+f.Length]; last-first > f.Length { // else it is plain
				found(f, from+first, form)
			}
		})
		if to-from >= maxDecoded {
			to = max(at+1, to-reach)
		}
		at = max(to, at+1)
	}
}

// unescapeAll undoes the escapes; places are the offsets in data of each byte of text, and of its end.
func unescapeAll(data []byte) (text []byte, places []int) {
	for at := 0; at < len(data); {
		places = append(places, at)
		if c, n, _ := unescape(data[at:]); n > 0 {
			text = append(text, c)
			at += n
			continue
		}
		text = append(text, data[at])
		at++
	}
	return text, append(places, len(data))
}

// unescape reads one escape that stands for an ASCII character; n is 0 when there is none.
func unescape(data []byte) (c byte, n int, form string) {
	if len(data) < 2 {
		return 0, 0, ""
	}
	switch {
	case data[0] == '%':
		c, n = hexEscape(data, 1, 2)
		return c, n, "percent"
	case data[0] == '\\' && data[1] == 'u':
		c, n = hexEscape(data, 2, 4)
	case data[0] == '\\' && data[1] == 'x':
		c, n = hexEscape(data, 2, 2)
	case data[0] == '\\' && (data[1] == '/' || data[1] == '"' || data[1] == '\'' || data[1] == '\\'):
		c, n = data[1], 2
	case data[0] == '&' && data[1] == '#':
		end := bytes.IndexByte(data[:min(len(data), 7)], ';')
		if end < 0 {
			return 0, 0, ""
		}
		digits, base := string(data[2:end]), 10
		if digits != "" && (digits[0] == 'x' || digits[0] == 'X') {
			digits, base = digits[1:], 16
		}
		if v, err := strconv.ParseUint(digits, base, 7); err == nil {
			c, n = byte(v), end+1
		}
	}
	return c, n, "escaped"
}

// hexEscape reads digits hexadecimal digits at data[at].
func hexEscape(data []byte, at, digits int) (c byte, n int) {
	if len(data) < at+digits || !all(data[at:at+digits], isHex) {
		return 0, 0
	}
	v, err := strconv.ParseUint(string(data[at:at+digits]), 16, 7)
	if err != nil {
		return 0, 0
	}
	return byte(v), at + digits
}

// wide looks at runs of characters in UTF-16, either byte order.
func (p *Prints) wide(data []byte, found func(f Fingerprint, at int)) {
	for from := 0; from+1 < len(data); {
		if data[from+1] != 0 || !inKey(data[from]) {
			from++
			continue
		}
		var text []byte
		to := from
		for to+1 < len(data) && data[to+1] == 0 && inKey(data[to]) {
			text = append(text, data[to])
			to += 2
		}
		// The last character of a big-endian run has its zero before it.
		if to < len(data) && inKey(data[to]) {
			text = append(text, data[to])
		}
		p.plain(text, func(f Fingerprint, at int) { found(f, from+2*at) })
		from = to + 1
	}
}

// Blank returns text with every run in which a key was found replaced by mark.
func (p *Prints) Blank(text, mark string) string {
	if p.Empty() || !p.Contains([]byte(text)) {
		return text
	}
	// What decoding finds cannot be cut out exactly: leave out each whole run.
	var out bytes.Buffer
	data := []byte(text)
	for from := 0; from < len(data); {
		if !inKey(data[from]) {
			out.WriteByte(data[from])
			from++
			continue
		}
		to := from
		for to < len(data) && inKey(data[to]) {
			to++
		}
		if p.Contains(data[from:to]) {
			out.WriteString(mark)
		} else {
			out.Write(data[from:to])
		}
		from = to
	}
	if p.Contains(out.Bytes()) {
		return mark
	}
	return out.String()
}
