package content

import (
	"bytes"
	"encoding/ascii85"
)

// This file decodes runs of digits: base64 in either alphabet, base32, hexadecimal.

const (
	minRun    = 20 // digits of a run that is decoded, at most; fewer where shorter keys are looked for
	minText   = 8  // characters of text that a decoded run has to hold, if nothing else shows that it is right
	headBytes = 24 // of a decoded run that show whether it is worth decoding the rest
)

// run decodes a run of digits, which stands at offset at.
func (s *steps) run(run []byte, at int, out *layer) {
	hex, upper, lower, capital := true, true, true, false
	for _, c := range run {
		hex = hex && class[c]&isHexDigit != 0
		capital = capital || c >= 'A' && c <= 'Z'
		upper = upper && (c >= 'A' && c <= 'Z' || c >= '0' && c <= '9')
		lower = lower && (c >= 'a' && c <= 'z' || c >= '0' && c <= '9')
	}
	if hex {
		s.digits(run, at, 4, Hex, &hexValues, out)
	} else { // parts of it may be
		eachRun(run, max(2*minText, s.shortest), isHexDigit, func(from, end int) {
			s.digits(run[from:end], at+from, 4, Hex, &hexValues, out)
		})
	}
	if upper || lower {
		s.digits(run, at, 5, Base32, &base32Values, out)
		s.digits(run, at, 5, Base32, &base32HexValues, out)
	}
	if capital { // as most first digits of four are that stand for text; words and names seldom have one
		s.digits(run, at, 6, Base64, &base64Values, out)
	}
}

const noDigit = 0xff

type values [256]byte

func valuesOf(alphabets ...string) (t values) {
	for i := range t {
		t[i] = noDigit
	}
	for _, alphabet := range alphabets {
		for i := range len(alphabet) {
			t[alphabet[i]] = byte(i)
		}
	}
	return t
}

const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

var (
	hexValues       = valuesOf("0123456789abcdef", "0123456789ABCDEF")
	base32Values    = valuesOf(letters[:26]+"234567", letters[26:]+"234567")
	base32HexValues = valuesOf("0123456789"+letters[:22], "0123456789"+letters[26:48])
	base64Values    = valuesOf(letters+"0123456789+/", letters+"0123456789-_")
)

// digits decodes a run of digits of bits bits each, from every digit that may be the first of a group: what stands before it may
// belong to something else.
func (s *steps) digits(run []byte, at int, bits uint, encoding Encoding, table *values, out *layer) {
	group := 4 // digits that whole bytes take
	switch bits {
	case 4:
		group = 2
	case 5:
		group = 8
	}
	var head [headBytes]byte
	for shift := 0; shift < group && shift < len(run); shift++ {
		part := run[shift:]
		decoded := unpack(head[:0], part[:min(len(part), headBytes*8/int(bits))], bits, table)
		if !worth(decoded) && !(shift == 0 && bits == 6 && isDeflate(decoded)) && (!s.thorough || len(part) <= headBytes*8/int(bits)) {
			continue
		}
		begin := len(out.text)
		mark := len(out.pieces)
		out.from(at+shift, 8, uint8(bits), encoding)
		out.text = unpack(out.text, part, bits, table)
		if s.thorough && !worth(out.text[begin:]) && !isDeflate(out.text[begin:]) {
			out.text, out.pieces = out.text[:begin], out.pieces[:mark]
			continue
		}
		out.end()
	}
}

// unpack appends what digits of bits bits each stand for, up to what is no digit.
func unpack(to, digits []byte, bits uint, table *values) []byte {
	acc, have := uint32(0), uint(0)
	for _, c := range digits {
		v := table[c]
		if v == noDigit {
			break
		}
		acc = acc<<bits | uint32(v)
		if have += bits; have >= 8 {
			have -= 8
			to = append(to, byte(acc>>have))
		}
	}
	return to
}

// worth reports whether decoded bytes look like something: text, in one or two bytes a character, or the beginning of a
// container. Of random bytes, which digests and names of variables give, one in a hundred does.
func worth(decoded []byte) bool {
	switch Sniff(decoded) {
	case Zip, Bzip2, Zstd, XZ, SevenZip, RAR, Lzip, LZ4, RPM, Cab, PNG: // at least four bytes tell them
		return true
	case Zlib:
		if embedded(decoded) == Zlib {
			return true
		}
	}
	run := 0
	for i, c := range decoded {
		if c >= ' ' && c < 0x7f || c == '\n' || c == '\t' || c == '\r' {
			if run++; run >= minText {
				return true
			}
			continue
		}
		if c == 0 && i >= 3 && decoded[i-2] == 0 && printable(decoded[i-1]) && printable(decoded[i-3]) {
			return true
		}
		run = 0
		if (c == 0x1f || c == 0xfd || c == 0x28 || c == 0x04) && embedded(decoded[i:]) != None {
			return true
		}
	}
	return bytes.Contains(decoded, []byte("PK\x03\x04"))
}

func printable(c byte) bool { return c >= ' ' && c < 0x7f }

// ascii85Text decodes what stands between <~ and ~>.
func ascii85Text(text []byte, out *layer) {
	if !bytes.Contains(text, []byte("~>")) { // rarer than how it begins
		return
	}
	for at := 0; ; {
		from := bytes.Index(text[at:], []byte("<~"))
		if from < 0 {
			return
		}
		from += at + 2
		end := bytes.Index(text[from:], []byte("~>"))
		if end < 0 {
			return
		}
		at = from + end
		out.from(from, 5, 4, Ascii85)
		out.text = decode85(out.text, text[from:at])
		out.end()
	}
}

func decode85(to, text []byte) []byte {
	decoded := make([]byte, 4*len(text)+4)
	n, _, _ := ascii85.Decode(decoded, text, true)
	return append(to, decoded[:n]...)
}

var base85Alphabets = [...]values{
	valuesOf("0123456789" + letters + "!#$%&()*+-;<=>?@^_`{|}~"),                              // as Git and Python write it
	valuesOf("0123456789" + letters[26:] + letters[:26] + ".-:+=^!/*?&<>()[]{}@%$#"),          // Z85
	valuesOf("!\"#$%&'()*+,-./0123456789:;<=>?@" + letters[:26] + "[\\]^_`" + letters[26:47]), // Ascii85
}

// base85 decodes a run of digits that stands at offset at, in each alphabet, from every digit that may be the first of a group.
func base85(run []byte, at, least int, out *layer) {
	const head = 5 * headBytes / 4
	for i := range base85Alphabets {
		table, encoding := &base85Alphabets[i], Base85
		if i == 2 {
			encoding = Ascii85
		}
		for from := 0; from < len(run); from++ {
			end, signs := from, 0
			for ; end < len(run) && table[run[end]] != noDigit; end++ {
				if class[run[end]]&isBase64Digit == 0 {
					signs++
				}
			}
			for shift := from; shift < from+5 && end-from >= least && signs*20 >= end-from; shift++ { // of random digits a quarter are signs
				var text [headBytes]byte
				if worth(unpack85(text[:0], run[shift:min(end, shift+head)], table)) {
					out.from(at+shift, 5, 4, encoding)
					out.text = unpack85(out.text, run[shift:end], table)
					out.end()
				}
			}
			from = end
		}
	}
}

// unpack85 appends what groups of five digits stand for; the last one may have fewer.
func unpack85(to, digits []byte, table *values) []byte {
	for len(digits) > 1 {
		n, group := min(5, len(digits)), uint32(0)
		for i := range 5 {
			value := uint32(84)
			if i < n {
				value = uint32(table[digits[i]])
			}
			group = group*85 + value
		}
		to = append(to, byte(group>>24), byte(group>>16), byte(group>>8), byte(group))
		to = to[:len(to)-5+n]
		digits = digits[n:]
	}
	return to
}

// uuText decodes what stands between lines as "begin 644 name" and "end", in lines that begin with how many bytes they hold.
func uuText(text []byte, out *layer) {
	for at := 0; ; {
		n := bytes.Index(text[at:], []byte("begin "))
		if n < 0 {
			return
		}
		at += n + len("begin ")
		_, mode := digits(text, at, 3, 4, 8)
		end := bytes.IndexByte(text[at:], '\n')
		if mode == 0 || mode >= len(text) || text[mode] != ' ' || end < 0 {
			continue
		}
		begin := len(out.text)
		for at += end + 1; at < len(text); {
			size := int(text[at]-' ') & 0x3f
			line := text[at+1 : min(len(text), at+1+(size+2)/3*4)]
			if n := bytes.IndexByte(line, '\n'); n >= 0 { // without the blanks at its end
				line = line[:n]
			}
			if size == 0 || text[at] < ' ' || text[at] > '`' {
				break
			}
			out.from(at+1, 4, 3, UU)
			out.text = append(out.text, uuLine(line, size)...)
			at += 1 + len(line)
			for at < len(text) && is(text[at], isSpace) {
				at++
			}
		}
		if len(out.text) > begin {
			out.end()
		}
	}
}

func uuLine(line []byte, size int) []byte {
	bytes, acc := make([]byte, 0, len(line)), uint32(0)
	for i := 0; len(bytes) < size; i++ {
		acc <<= 6
		if i < len(line) {
			acc |= uint32(line[i]-' ') & 0x3f
		}
		if i%4 == 3 {
			bytes = append(bytes, byte(acc>>16), byte(acc>>8), byte(acc))
		}
	}
	return bytes[:size]
}
