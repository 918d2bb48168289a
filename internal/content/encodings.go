package content

import (
	"bytes"
	"strings"
)

// This file undoes encodings. A layer is what one step of decoding makes of a text: escapes replaced, text put together that
// is found in pieces, runs that look encoded decoded. What comes out is a text again, to which the next step is applied, so that
// encodings inside encodings need no code of their own. Nothing is taken away by a step: the text is searched as it stands too,
// so a step may be wrong about what it decodes and only costs time.

// Encoding is a set of encodings that were undone in one step.
type Encoding uint32

// The encodings. Joined is text that stood in pieces: wrapped lines, concatenated strings, words split by markup.
const (
	Percent Encoding = 1 << iota
	HTML
	Unicode // \u002B
	HexEscape
	Octal
	Backslash // a backslash before the character itself
	QuotedPrintable
	Base64
	Base32
	Hex
	Dump // bytes written as numbers: hexdump, xxd, od, arrays
	UTF16
	UTF32
	Ascii85
	Base85
	UU
	Joined
	escapes = Percent | HTML | Unicode | HexEscape | Octal | Backslash | QuotedPrintable
)

var encodingNames = map[Encoding]string{
	Percent: "percent-encoded", HTML: "html-escaped", Unicode: "unicode-escaped", HexEscape: "hex-escaped", Octal: "octal-escaped",
	Backslash: "escaped", QuotedPrintable: "quoted-printable", Base64: "base64", Base32: "base32", Hex: "hex", Dump: "bytes",
	UTF16: "utf-16", UTF32: "utf-32", Ascii85: "ascii85", Base85: "base85", UU: "uuencoded", Joined: "",
}

// String names the encoding; several kinds of escapes in one text are "escaped", text in pieces has no name.
func (e Encoding) String() string {
	if e != Joined {
		e &^= Joined
	}
	if e&escapes != 0 {
		if e &= escapes; e&(e-1) != 0 {
			return "escaped"
		}
	}
	return encodingNames[e]
}

// piece maps a part of a layer to where it came from: num bytes of the source make den bytes of the layer.
type piece struct {
	out, src int32
	num, den uint8
	encoding Encoding
}

// layer is what one step of decoding made of a text.
type layer struct {
	text   []byte
	pieces []piece
}

func (l *layer) reset() { l.text, l.pieces = l.text[:0], l.pieces[:0] }

// separator stands between what was decoded in different places. It belongs to no encoding and to no key.
const separator = 0x01

func (l *layer) end() { l.text = append(l.text, separator) }

func (l *layer) from(src int, num, den uint8, encoding Encoding) {
	if len(l.pieces) > 0 { // a piece of which nothing came
		if last := &l.pieces[len(l.pieces)-1]; int(last.out) == len(l.text) {
			*last = piece{int32(len(l.text)), int32(src), num, den, encoding}
			return
		}
	}
	l.pieces = append(l.pieces, piece{int32(len(l.text)), int32(src), num, den, encoding})
}

// index is the number of the piece that Bytes[at] belongs to, -1 if there is none.
func (l *layer) index(at int) int {
	lo, hi := 0, len(l.pieces)
	for lo < hi { // the first piece that begins after at
		if mid := (lo + hi) / 2; int(l.pieces[mid].out) <= at {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo - 1
}

// source maps an offset in the layer to one in the text that it was made of.
func (l *layer) source(at int) (offset int, encoding Encoding) {
	i := l.index(at)
	if i < 0 {
		return 0, 0
	}
	p := l.pieces[i]
	return int(p.src) + (at-int(p.out))*int(p.num)/int(p.den), p.encoding
}

// steps are the bounds within which encodings are looked for.
type steps struct {
	shortest int // of a run that may be encoded
	least    int // characters of what is looked for
	reach    int // how far a key extends around an escape in it
	thorough bool
	seams    *Seams // nil: text is put together wherever it may be
	ends     [256]uint8
	list     []number // scratch
	whole    bool     // something was decoded that depends on what stands far before or behind it
	pieces   bool     // or something that may go on for many lines
}

// decode makes a layer of text; an empty layer: nothing in it is encoded. binary: text has control characters.
func (s *steps) decode(text []byte, to *layer) (binary bool) {
	to.reset()
	s.unescape(text, `\%&`, escape, to)
	s.unescape(text, "=", quotedPrintable, to)
	s.unescape(text, unseenSigns, unseen, to)
	binary = s.join(text, to)
	eachRun(text, s.shortest, isBase64Digit, func(from, end int) { s.run(text[from:end], from, to) })
	eachRun(text, s.least*5/4, isGraphic, func(from, end int) { base85(text[from:end], from, s.least*5/4, to) })
	wideText(text, to)
	line := len(to.text)
	s.columns(text, to)
	s.dumps(text, to)
	casts(text, '(', to)
	casts(text, ']', to)
	encodedWords(text, to)
	open := wordLists(text, to)
	s.pieces = s.pieces || len(to.text) > line
	local := len(to.text)
	open = splitLogs(text, to) || open
	pdfStrings(text, to)
	ascii85Text(text, to)
	uuText(text, to)
	rich(text, to)
	records(text, to)
	binaryPatch(text, to)
	chunkedBody(text, to)
	s.whole = s.whole || open || len(to.text) > local
	return binary
}

// noText reports whether text has control characters that no text has: it may be of a container.
func noText(text []byte) bool {
	return bytes.ContainsFunc(text, func(c rune) bool { return c < ' ' && !strings.ContainsRune("\t\n\v\f\r\b\x1b\x01", c) })
}

// Classes of bytes.
const (
	isWordChar = 1 << iota // printable, no blank, no quote, no <
	isBase64Digit
	isHexDigit
	isDumpChar // what dumps of bytes are made of, in addition to letters
	isAlnumChar
	isQuote
	isSpace
	isSign // where a piece of text may end, and control characters
	isGraphic
)

var class = func() (t [256]uint16) {
	for i := range t {
		c := byte(i)
		switch {
		case c == '"' || c == '\'' || c == '`':
			t[c] |= isQuote
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			t[c] |= isSpace | isDumpChar
		case c > ' ' && c < 0x7f && c != '<':
			t[c] |= isWordChar
		}
		if c > ' ' && c < 0x7f {
			t[c] |= isGraphic
		}
		if c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
			t[c] |= isAlnumChar | isBase64Digit
		}
		if bytes.IndexByte([]byte("+/-_"), c) >= 0 {
			t[c] |= isBase64Digit
		}
		if c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' {
			t[c] |= isHexDigit | isDumpChar
		}
		if c == '<' || c < ' ' && c != '\t' && c != '\r' && c != separator || t[c]&isQuote != 0 {
			t[c] |= isSign
		}
		if bytes.IndexByte([]byte(",;:xX\\[](){}|$#&.-\"'hHuUoO"), c) >= 0 {
			t[c] |= isDumpChar
		}
	}
	return t
}()

// eachRun calls f for the longest runs of bytes of a class that have at least least bytes. It looks at one byte in least where
// there is none.
func eachRun(text []byte, least int, what uint16, f func(from, end int)) {
	for from := 0; from+least <= len(text); {
		last := from + least - 1 // where a run of that length would end
		for last >= from && class[text[last]]&what != 0 {
			last--
		}
		if last >= from {
			from = last + 1
			continue
		}
		end := from + least
		for end < len(text) && class[text[end]]&what != 0 {
			end++
		}
		f(from, end)
		from = end
	}
}

func is(c byte, what uint16) bool { return class[c]&what != 0 }
