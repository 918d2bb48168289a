package content

import (
	"bytes"
	"html"
	"strconv"
	"unicode/utf8"
)

// This file undoes the escapes of programming languages, URLs and markup, and quoted-printable.

// escapeReader reads the escape at text[at]. n is its length, 0 where there is none; a value below 0 stands for nothing at all.
// starts: it is worth a region of its own.
type escapeReader func(text []byte, at int) (value rune, n int, kind Encoding, starts bool)

// unescape replaces escapes that begin with one of the signs. A region begins before the first one and goes on as long as the next
// one is near, so that what stands around an escape is decoded with it.
func (s *steps) unescape(text []byte, signs string, read escapeReader, to *layer) {
	next := [4]int{-1, -1, -1, -1}
	advance := func(from int) int {
		first := len(text)
		for i := range len(signs) {
			if next[i] < from {
				next[i] = len(text)
				if n := bytes.IndexByte(text[from:], signs[i]); n >= 0 {
					next[i] = from + n
				}
			}
			first = min(first, next[i])
		}
		return first
	}
	end := 0 // of the last escape
	for at := advance(0); at < len(text); {
		if _, _, _, starts := read(text, at); !starts {
			at = advance(at + 1)
			continue
		}
		from := max(end, at-s.reach)
		to.from(from, 1, 1, Joined)
		for end = at; at < len(text) && at-end <= s.reach; at = advance(at) {
			value, n, kind, _ := read(text, at)
			if n == 0 {
				at++
				continue
			}
			to.text = append(to.text, text[from:at]...)
			to.from(at, uint8(min(n, 255)), 1, kind)
			if value >= 0 {
				to.text = appendRune(to.text, value)
			}
			at += n
			from, end = at, at
			to.from(from, 1, 1, Joined)
		}
		to.text = append(to.text, text[from:min(len(text), end+s.reach)]...)
		to.end()
	}
}

// appendRune appends a byte as it is, since what is escaped may be binary, and any other character in UTF-8.
func appendRune(b []byte, value rune) []byte {
	if value < 0x100 {
		return append(b, byte(value))
	}
	return utf8.AppendRune(b, value)
}

// escape reads the escapes of programming languages, URLs and markup. An escaped line end starts a region only where it breaks a
// word.
func escape(text []byte, at int) (value rune, n int, kind Encoding, starts bool) {
	rest := text[at:min(len(text), at+maxEscape)]
	if len(rest) < 2 {
		return 0, 0, 0, false
	}
	switch rest[0] {
	case '%':
		if rest[1] == 'u' {
			value, n = digits(rest, 2, 4, 4, 16)
		} else {
			value, n = digits(rest, 1, 2, 2, 16)
		}
		return value, n, Percent, n > 0
	case '&':
		value, n = entity(rest)
		return visible(value), n, HTML, n > 0
	}
	if n = lineBreak(rest); n > 0 {
		return -1, n, Joined, at > 0 && is(text[at-1], isWordChar)
	}
	value, n, kind = backslash(rest)
	value = visible(value)
	after := byte(0)
	if at+n < len(text) {
		after = text[at+n]
	}
	switch {
	case n == 0:
	case kind != Backslash:
		starts = true
	case value == '\n' || value == '\r' || value == '\t':
		starts = at > 0 && is(text[at-1], isBase64Digit) && (is(after, isBase64Digit) || after == '\\')
	case value == '\\':
		starts = !is(after, isAlnumChar) || bytes.IndexByte([]byte("uUx0123nr"), after) >= 0
	default:
		starts = true
	}
	return value, n, kind, starts
}

// lineBreak is the length of a command of LaTeX that allows a line to be broken inside a word.
func lineBreak(rest []byte) int {
	for _, command := range [...]string{`\allowbreak`, `\linebreak`, `\hspace{0pt}`} {
		if after, ok := bytes.CutPrefix(rest, []byte(command)); ok {
			if bytes.HasPrefix(after, []byte("{}")) {
				return len(command) + 2
			}
			return len(command) + len(after[:min(1, len(after))]) - len(bytes.TrimLeft(after[:min(1, len(after))], " \n"))
		}
	}
	return 0
}

// visible is a character, below 0 if it is one that is not seen: a soft hyphen, a blank of no width, a mark of a direction.
func visible(value rune) rune {
	if value == 0xad || value >= 0x200b && value <= 0x200f || value >= 0x2060 && value <= 0x2064 || value == 0xfeff {
		return -1
	}
	return value
}

// unseenSigns are the first bytes of what unseen reads.
const unseenSigns = "\xc2\xe2\xef\x1b"

// unseen reads what nobody sees between two letters, characters and colors of a terminal, and letters of full width.
func unseen(text []byte, at int) (value rune, n int, kind Encoding, starts bool) {
	if text[at] == 0x1b {
		if at+2 < len(text) && text[at+1] == '[' {
			for end := at + 2; end < len(text) && end-at < maxEscape; end++ {
				if c := text[end]; c >= '@' && c <= '~' {
					return -1, end + 1 - at, Joined, at > 0 && is(text[at-1], isWordChar)
				}
			}
		}
		return 0, 0, 0, false
	}
	value, n = utf8.DecodeRune(text[at:])
	switch {
	case visible(value) < 0:
		return -1, n, Joined, at > 0 && is(text[at-1], isWordChar)
	case value > 0xff00 && value < 0xff5f:
		return value - 0xff00 + ' ', n, Joined, true
	}
	return 0, 0, 0, false
}

// quotedPrintable reads the escapes of quoted-printable, which are told from an assignment by being in upper case.
func quotedPrintable(text []byte, at int) (value rune, n int, kind Encoding, starts bool) {
	rest := text[at:min(len(text), at+4)]
	switch {
	case bytes.HasPrefix(rest, []byte("=\r\n")):
		return -1, 3, QuotedPrintable, at > 0 && is(text[at-1], isWordChar)
	case bytes.HasPrefix(rest, []byte("=\n")):
		return -1, 2, QuotedPrintable, at > 0 && is(text[at-1], isWordChar)
	}
	value, n = digits(rest[:min(len(rest), 3)], 1, 2, 2, 16)
	starts = n > 0 && (!is(byte(value), isAlnumChar) && value < 0x7f && value > ' ' || at+n < len(text) && text[at+n] == '=')
	return value, n, QuotedPrintable, starts
}

// maxEscape is how long an escape is at most: an entity such as &CounterClockwiseContourIntegral;.
const maxEscape = 34

func backslash(rest []byte) (value rune, n int, kind Encoding) {
	if len(rest) < 2 {
		return 0, 0, 0
	}
	switch c := rest[1]; {
	case c == 'u' || c == 'U' || c == 'x':
		kind = Unicode
		least, most := 4, 4
		switch {
		case c == 'U':
			least, most = 8, 8
		case c == 'x':
			least, most, kind = 2, 2, HexEscape
		}
		if len(rest) > 2 && rest[2] == '{' {
			if value, n = digits(rest, 3, 1, 6, 16); n > 0 && n < len(rest) && rest[n] == '}' {
				return value, n + 1, kind
			}
			return 0, 0, 0
		}
		if c == 'u' && len(rest) > 2 && rest[2] == 'u' { // Java allows several
			return backslashAfter(rest, 1)
		}
		value, n = digits(rest, 2, least, most, 16)
		return value, n, kind
	case c >= '0' && c <= '7':
		if value, n = digits(rest, 1, 1, 3, 8); value >= ' ' && value < 0x100 && n >= 3 {
			return value, n, Octal
		}
		fallthrough
	case is(c, isHexDigit): // CSS: up to six digits, and a blank that belongs to them
		if value, n = digits(rest, 1, 2, 6, 16); value > ' ' && value < 0x7f {
			if n < len(rest) && is(rest[n], isSpace) {
				n++
			}
			return value, n, HexEscape
		}
		return 0, 0, 0
	case c == 'n':
		return '\n', 2, Backslash
	case c == 'r':
		return '\r', 2, Backslash
	case c == 't':
		return '\t', 2, Backslash
	case c > ' ' && c < 0x7f && !is(c, isAlnumChar):
		return rune(c), 2, Backslash
	}
	return 0, 0, 0
}

func backslashAfter(rest []byte, skip int) (value rune, n int, kind Encoding) {
	for skip < len(rest)-1 && rest[skip+1] == 'u' {
		skip++
	}
	value, n = digits(rest, skip+1, 4, 4, 16)
	return value, n, Unicode
}

// digits reads least to most digits at text[at:]; n is where they end.
func digits(text []byte, at, least, most, base int) (value rune, n int) {
	end := at
	for end < len(text) && end-at < most && (base == 16 && is(text[end], isHexDigit) || text[end] >= '0' && int(text[end]) < '0'+min(base, 10)) {
		end++
	}
	if end-at < least {
		return 0, 0
	}
	v, err := strconv.ParseUint(string(text[at:end]), base, 31)
	if err != nil || v > utf8.MaxRune {
		return 0, 0
	}
	return rune(v), end
}

// entity reads a character reference of HTML or XML.
func entity(rest []byte) (value rune, n int) {
	if rest[1] == '#' && len(rest) > 2 { // a browser needs no semicolon
		base, at := 10, 2
		if rest[2]|0x20 == 'x' {
			base, at = 16, 3
		}
		if value, n = digits(rest, at, 1, 8, base); n > 0 && n < len(rest) && rest[n] == ';' {
			n++
		}
		return value, n
	}
	end := bytes.IndexByte(rest, ';')
	if end < 2 || !is(rest[1], isAlnumChar) {
		return 0, 0
	}
	decoded := html.UnescapeString(string(rest[:end+1]))
	r, size := utf8.DecodeRuneInString(decoded)
	if size != len(decoded) || r == utf8.RuneError {
		return 0, 0
	}
	if string(rest[:end]) == "&hyphen" || string(rest[:end]) == "&dash" { // meant for the one of a keyboard
		r = '-'
	}
	return r, end + 1
}
