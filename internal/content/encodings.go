package content

import (
	"bytes"
	"html"
	"strconv"
	"unicode/utf8"
)

// This file undoes encodings. A layer is what one step of decoding makes of a text: escapes replaced, text put together that
// stands in pieces, runs that look encoded decoded. What comes out is a text again, to which the next step is applied, so that
// encodings inside encodings need no code of their own. Nothing is taken away by a step: the text is searched as it stands too,
// so a step may be wrong about what it decodes and only costs time.

// Encoding is a set of encodings that were undone in one step.
type Encoding uint16

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
	Joined
	escapes = Percent | HTML | Unicode | HexEscape | Octal | Backslash | QuotedPrintable
)

var encodingNames = map[Encoding]string{
	Percent: "percent-encoded", HTML: "html-escaped", Unicode: "unicode-escaped", HexEscape: "hex-escaped", Octal: "octal-escaped",
	Backslash: "escaped", QuotedPrintable: "quoted-printable", Base64: "base64", Base32: "base32", Hex: "hex", Dump: "bytes",
	UTF16: "utf-16", UTF32: "utf-32", Ascii85: "ascii85", Joined: "",
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
	reach    int // how far a key extends around an escape in it
	thorough bool
	adjacent *Pairs
}

// decode makes a layer of text; an empty layer: nothing in it is encoded. binary: text has control characters.
func (s *steps) decode(text []byte, to *layer) (binary bool) {
	to.reset()
	s.unescape(text, `\%&`, escape, to)
	s.unescape(text, "=", quotedPrintable, to)
	binary = s.join(text, to)
	s.dumps(text, to)
	wideText(text, to)
	splitLogs(text, to)
	pdfStrings(text, to)
	ascii85Text(text, to)
	return binary
}

// Classes of bytes.
const (
	isWordChar = 1 << iota // printable, no blank, no quote, no <
	isBase64Digit
	isHexDigit
	isDumpChar // what dumps of bytes are made of, besides letters
	isAlnumChar
	isQuote
	isSpace
)

var class = func() (t [256]uint8) {
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
		if c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
			t[c] |= isAlnumChar | isBase64Digit
		}
		if bytes.IndexByte([]byte("+/-_"), c) >= 0 {
			t[c] |= isBase64Digit
		}
		if c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' {
			t[c] |= isHexDigit | isDumpChar
		}
		if bytes.IndexByte([]byte(",;:xX\\[](){}|$#&.-\"'"), c) >= 0 {
			t[c] |= isDumpChar
		}
	}
	return t
}()

func is(c byte, what uint8) bool { return class[c]&what != 0 }

// escapeReader reads the escape at text[at]. n is its length, 0 where there is none; a value below 0 stands for nothing at all.
// starts: it is worth a region of its own.
type escapeReader func(text []byte, at int) (value rune, n int, kind Encoding, starts bool)

// unescape replaces escapes that begin with one of the signs. A region begins before the first one and goes on as long as the next
// one is near, so that what stands around an escape is decoded with it.
func (s *steps) unescape(text []byte, signs string, read escapeReader, to *layer) {
	next := [3]int{-1, -1, -1}
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
		return value, n, HTML, n > 0
	}
	value, n, kind = backslash(rest)
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
	for end < len(text) && end-at < most && (base == 16 && is(text[end], isHexDigit) || base == 8 && text[end] >= '0' && text[end] <= '7') {
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
	end := bytes.IndexByte(rest, ';')
	if end < 2 || rest[1] != '#' && !is(rest[1], isAlnumChar) {
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

const (
	minJoined = 16  // bytes that pieces give together, at least: the length from which a key is taken for a secret
	maxGap    = 120 // bytes between two pieces
	maxTag    = 4096
)

// span is part of a text.
type span struct{ from, to int }

// join puts together what stands in pieces: text on several lines, in several string literals, or with markup inside, and decodes
// the runs of digits in it that are long enough to be encoded.
func (s *steps) join(text []byte, to *layer) (binary bool) {
	var pieces []span
	for at := 0; at < len(text); {
		if c := text[at]; class[c]&isWordChar == 0 {
			binary = binary || c < ' ' && class[c]&isSpace == 0 && c != separator
			at++
			continue
		}
		pieces = pieces[:0]
		total, encoded := 0, false
		for {
			from := at
			for at < len(text) && class[text[at]]&isWordChar != 0 {
				at++
			}
			if at-from >= s.shortest {
				s.runs(text, from, at, to)
			}
			if at+1 < len(text) && text[at] == ' ' && class[text[at+1]]&isAlnumChar != 0 && len(pieces) == 0 {
				break // most words of any text end so
			}
			next, drop := 0, 0
			if s.mayJoin(text[from:at]) {
				next, drop = joint(text, at)
				encoded = mixed(text[from:at-drop]) || encoded && next > 0 && digitsOnly(text[from:at-drop])
				if next > 0 && !encoded && at-drop > from && !s.adjacent.next(text[at-drop-1], text[next]) {
					next = 0
				}
			}
			if next == 0 && len(pieces) == 0 {
				break
			}
			pieces = append(pieces, span{from, at - drop})
			total += at - drop - from
			if next == 0 {
				break
			}
			at = next
		}
		if len(pieces) > 1 && total >= minJoined {
			for _, p := range pieces {
				to.from(p.from, 1, 1, Joined)
				to.text = append(to.text, text[p.from:p.to]...)
			}
			to.end()
		}
	}
	return binary
}

// Pairs are the pairs of bytes that stand beside each other in what is looked for. Nil: any pair may.
type Pairs struct {
	bits  [1 << 16 / 64]uint64
	first [256]bool
}

// Add adds the pairs of a text.
func (p *Pairs) Add(text []byte) {
	for i := range len(text) - 1 {
		p.first[text[i]] = true
		k := int(text[i])<<8 | int(text[i+1])
		p.bits[k/64] |= 1 << (k % 64)
	}
}

// next reports whether b may follow a; a continued line is followed by whatever comes after it.
func (p *Pairs) next(a, b byte) bool {
	k := int(a)<<8 | int(b)
	return p == nil || b == '\\' || p.bits[k/64]>>(k%64)&1 != 0
}

// mayJoin reports whether what is looked for may go on after a word: its last byte stands in the middle of it, or it ends as
// something encoded does.
func (s *steps) mayJoin(word []byte) bool {
	last := word[len(word)-1]
	return s.adjacent == nil || s.adjacent.first[last] || last == '\\' || class[last]&isBase64Digit != 0 && mixed(word)
}

const (
	minMixed = 4 // digits at the end of a piece of what is encoded, at least
	maxMixed = 64
)

// mixed reports whether a word ends in digits that may be those of an encoding, which no word of a language does.
func mixed(word []byte) bool {
	other, n := false, 0
	for at := len(word) - 1; at >= 0 && n < maxMixed && class[word[at]]&isBase64Digit != 0; at-- {
		other = other || word[at] < 'a'
		if n++; other && n >= minMixed {
			return true
		}
	}
	return false
}

func digitsOnly(word []byte) bool {
	for _, c := range word {
		if class[c]&isBase64Digit == 0 {
			return false
		}
	}
	return true
}

// joint is where the text that ends at text[at] goes on, 0 where it does not; drop is how many of its last bytes belong to what
// joins, as the backslash of a continued line does.
func joint(text []byte, at int) (next, drop int) {
	if at >= len(text) {
		return 0, 0
	}
	switch c := text[at]; {
	case c == '<':
		return afterTags(text, at), 0
	case is(c, isQuote):
		return afterQuotes(text, at), 0
	case is(c, isSpace):
		next = afterLine(text, at)
		if next > 0 && at > 0 && text[at-1] == '\\' {
			drop = 1
		}
		return next, drop
	}
	return 0, 0
}

// afterTags skips the tags at text[at].
func afterTags(text []byte, at int) int {
	begin := at
	for at < len(text) && text[at] == '<' {
		if at+1 == len(text) || !is(text[at+1], isAlnumChar) && text[at+1] != '/' && text[at+1] != '!' && text[at+1] != '?' {
			break
		}
		end := bytes.IndexByte(text[at:min(len(text), at+maxTag)], '>')
		if end < 0 {
			break
		}
		at += end + 1
	}
	if at == begin || at == len(text) || !is(text[at], isWordChar) {
		return 0
	}
	return at
}

// afterQuotes skips from the end of a string literal, at text[at], to the beginning of the next one: past operators, the name of
// a variable or function, a comment, line ends.
func afterQuotes(text []byte, at int) int {
	begin := at + 1
	if begin < len(text) && is(text[begin], isAlnumChar) { // rather the beginning of a literal, as in a shell: ab"cd"
		return begin
	}
	for lines := 0; at+1 < len(text) && at-begin < maxGap && lines < 4; {
		at++
		switch c := text[at]; {
		case is(c, isQuote):
			if gap := text[begin:at]; tells(gap) {
				return 0
			}
			if at+1 < len(text) && is(text[at+1], isWordChar) { // else three of them, an empty literal, a continued line
				return at + 1
			}
		case c == '\n':
			lines++
		case c < ' ' && c != '\t' && c != '\r':
			return 0
		}
	}
	if begin < len(text) && is(text[begin], isWordChar) {
		return begin
	}
	return 0
}

// tells reports whether what stands between two string literals makes them two values: of a key and its value, or of attributes.
func tells(gap []byte) bool {
	gap = bytes.Trim(gap, " \t\r\n")
	if len(gap) == 0 {
		return false
	}
	return gap[0] == ':' || gap[len(gap)-1] == '=' && !bytes.ContainsAny(gap, "+.;\n&~|^")
}

// What continues a line at its end, what begins a comment or a quoted line, and what does if a blank follows.
var continues, leads, mayLead = setOf("\\^_&+.|`,"), setOf("#*>;|'\""), setOf("/+-.&")

func setOf(signs string) (t [256]bool) {
	for i := range len(signs) {
		t[signs[i]] = true
	}
	return t
}

// afterLine skips one line end with the blanks around it, what continues a line before it, and what begins a comment or a quoted
// line after it.
func afterLine(text []byte, at int) int {
	limit := min(len(text), at+maxGap)
	for at < limit && (text[at] == ' ' || text[at] == '\t' || text[at] == '\r') {
		at++
	}
	for n := 0; at < limit && n < 3 && continues[text[at]]; n++ {
		at++
		for at < limit && (text[at] == ' ' || text[at] == '\t' || text[at] == '\r') {
			at++
		}
	}
	if at >= limit || text[at] != '\n' && text[at] != '\r' {
		return 0
	}
	at++
	line := at
	for at < limit && (text[at] == ' ' || text[at] == '\t') {
		at++
	}
	for leader := at; at < limit && at-leader < 4; at++ {
		c := text[at]
		if !leads[c] && !(mayLead[c] && blankAhead(text, at)) {
			break
		}
	}
	for at < limit && (text[at] == ' ' || text[at] == '\t') {
		at++
	}
	if at >= len(text) || at-line >= maxGap || !is(text[at], isWordChar) {
		return 0
	}
	return at
}

// blankAhead reports whether nothing but signs stands between text[at] and a blank.
func blankAhead(text []byte, at int) bool {
	for n := 0; n < 3 && at < len(text) && mayLead[text[at]]; n++ {
		at++
	}
	return at < len(text) && (text[at] == ' ' || text[at] == '\t')
}
