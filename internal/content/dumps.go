package content

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// This file decodes bytes that are written as numbers: the output of hexdump, xxd and od, and arrays of programming languages; text
// of two or four bytes a character; and lines of logs that a container's runtime has split.

const (
	minDump    = 24 // characters of a dump, at least
	minNumbers = 8  // and numbers in it
)

// dumps decodes the numbers that text holds.
func (s *steps) dumps(text []byte, to *layer) {
	for from := 0; from+minDump <= len(text); {
		last := from + minDump - 1 // where a run of that length would end
		for last >= from && class[text[last]]&isDumpChar != 0 {
			last--
		}
		if last >= from {
			from = last + 1
			continue
		}
		end := from + minDump
		for end < len(text) && class[text[end]]&isDumpChar != 0 {
			end++
		}
		lines := dumpLines(text, from, to)
		if n := bytes.IndexByte(text[from:end], '\n'); lines == 0 && n >= 0 { // what stands before it belongs to another line
			lines = dumpLines(text, from+n+1, to)
		}
		if lines > from {
			end = max(end, lines)
		} else {
			numbers(text[from:end], from, to)
		}
		from = end
	}
	second := []byte("0000020 ") // of od -c, whose lines are no numbers
	for at := 0; ; at++ {
		n := bytes.Index(text[at:], second)
		if n < 0 {
			return
		}
		if at += n; at > 1 && text[at-1] == '\n' {
			dumpLines(text, at-2, to)
			return
		}
	}
}

// number is one of a sequence.
type number struct {
	digits []byte
	at     int
	hex    bool // by its prefix
}

// numbers decodes a sequence of numbers below 256, whatever signs are between them, as hexadecimal, decimal and octal ones: for each
// base, as many in a row as can be read in it.
func numbers(run []byte, base int, to *layer) {
	var list []number
	for at := 0; at < len(run); {
		if class[run[at]]&isHexDigit == 0 {
			at++
			continue
		}
		n := number{at: base + at}
		digits := at
		if run[at] == '0' && at+1 < len(run) && (run[at+1] == 'x' || run[at+1] == 'X') {
			n.hex = true
			digits += 2
		}
		for at = digits; at < len(run) && class[run[at]]&isHexDigit != 0; at++ {
		}
		n.digits = run[digits:at]
		list = append(list, n)
	}
	for _, base := range []int{16, 10, 8} {
		from := 0
		for at := range len(list) + 1 {
			if at < len(list) && list[at].fits(base) {
				continue
			}
			if at-from >= minNumbers {
				emitNumbers(list[from:at], base, to)
			}
			from = at + 1
		}
	}
}

func (n number) fits(base int) bool {
	switch base {
	case 16:
		return len(n.digits) == 2 || n.hex && len(n.digits) == 1
	case 10:
		return !n.hex && len(n.digits) <= 3 && below(n.digits, 10)
	}
	return !n.hex && (len(n.digits) == 3 || len(n.digits) == 4 && n.digits[0] == '0') && below(n.digits, 8)
}

// below reports whether digits are a byte in that base.
func below(digits []byte, base int) bool {
	value, err := strconv.ParseUint(string(digits), base, 8)
	return err == nil && value < 256
}

func emitNumbers(list []number, base int, to *layer) {
	if base == 10 {
		list = withoutIndexes(list)
	}
	for _, n := range list {
		value, err := strconv.ParseUint(string(n.digits), base, 8)
		if err != nil {
			continue
		}
		encoding := Dump
		if base == 16 && !n.hex {
			encoding = Hex
		}
		to.from(n.at, 1, 1, encoding)
		to.text = append(to.text, byte(value))
	}
	to.end()
}

// withoutIndexes leaves out what numbers the bytes, as in {"0":97,"1":98}.
func withoutIndexes(list []number) []number {
	for first := 0; first+4 < len(list); first++ {
		if string(list[first].digits) != "0" || string(list[first+2].digits) != "1" || string(list[first+4].digits) != "2" {
			continue
		}
		var values []number
		for i := first; i+1 < len(list) && string(list[i].digits) == strconv.Itoa((i-first)/2); i += 2 {
			values = append(values, list[i+1])
		}
		return values
	}
	return list
}

// dumpLines decodes lines that begin with an offset, as hexdump, xxd and od print them, from the line that holds text[at], and
// returns where they end.
func dumpLines(text []byte, at int, to *layer) int {
	near := max(0, at-maxDumpLine)
	start := near + bytes.LastIndexByte(text[near:at], '\n') + 1
	if start == near && near > 0 {
		return 0
	}
	var words []number
	end := start
	for end < len(text) {
		next := min(len(text), end+maxDumpLine)
		if n := bytes.IndexByte(text[end:next], '\n'); n >= 0 {
			next = end + n + 1
		}
		line, ok := dumpLine(text[end:next], end)
		if !ok {
			break
		}
		words = append(words, line...)
		end = next
	}
	if len(words) < 4 {
		return 0
	}
	all := func(fits func(word []byte) bool) bool {
		for _, word := range words {
			if !fits(word.digits) {
				return false
			}
		}
		return true
	}
	inBase := func(base, least, most int) func(word []byte) bool {
		return func(word []byte) bool {
			_, err := strconv.ParseUint(string(word), base, 32)
			return err == nil && len(word) >= least && len(word) <= most
		}
	}
	emit := func(value func(word []byte) []byte) {
		for _, word := range words {
			to.from(word.at, 1, 1, Dump)
			to.text = append(to.text, value(word.digits)...)
		}
		to.end()
	}
	single := func(base int) {
		emit(func(word []byte) []byte { v, _ := strconv.ParseUint(string(word), base, 8); return []byte{byte(v)} })
	}
	width := len(words[0].digits)
	switch {
	case width == 8 && all(inBase(2, 8, 8)):
		single(2)
	case width == 6 && all(inBase(8, 6, 6)): // two bytes, the second first
		emit(func(word []byte) []byte {
			v, _ := strconv.ParseUint(string(word), 8, 16)
			return []byte{byte(v), byte(v >> 8)}
		})
	case width >= 2 && width%2 == 0 && all(inBase(16, 2, width)):
		emit(func(word []byte) []byte { return unpack(nil, word, 4, &hexValues) })
		if width > 2 {
			emit(func(word []byte) []byte {
				b := unpack(nil, word, 4, &hexValues)
				slices.Reverse(b)
				return b
			})
		} else if all(func(word []byte) bool { return below(word, 10) }) {
			single(10)
		}
	case all(inBase(10, 1, 3)):
		if all(inBase(8, 3, 3)) {
			single(8)
		}
		single(10)
	default: // characters: od -c
		emit(func(word []byte) []byte {
			if v, err := strconv.ParseUint(string(word), 8, 8); err == nil && len(word) == 3 {
				return []byte{byte(v)}
			}
			if value, n, _ := backslash(word); n > 0 && word[0] == '\\' {
				return []byte{byte(value)}
			}
			return word[:1]
		})
	}
	return end
}

const maxDumpLine = 400

// dumpLine are the words of one line of a dump, which stands at offset at; ok is false where it is none.
func dumpLine(line []byte, at int) (words []number, ok bool) {
	pos := 0
	blanks := func() (n int) {
		for pos < len(line) && (line[pos] == ' ' || line[pos] == '\t') {
			pos, n = pos+1, n+1
		}
		return n
	}
	blanks()
	from := pos
	for pos < len(line) && is(line[pos], isHexDigit) {
		pos++
	}
	if pos-from < 4 || pos-from > 16 || pos == len(line) {
		return nil, false
	}
	colon := line[pos] == ':'
	if colon {
		pos++
	} else if !is(line[pos], isSpace) {
		return nil, false
	}
	gap, count := 0, 0
	for {
		n := blanks()
		from := pos
		for pos < len(line) && !is(line[pos], isSpace) {
			pos++
		}
		word := line[from:pos]
		if len(word) == 0 || word[0] == '|' || word[0] == '>' && len(words) > 0 {
			return words, true
		}
		if len(words) == 0 {
			gap = n
		} else if width := len(words[0].digits); width%2 == 0 && word[0] != '\\' { // the characters stand next to the numbers, further away
			if most := max(gap, 2); n > most || colon && n > 1 || width >= 4 && n > gap {
				return words, true
			}
		}
		if len(words) > 0 && len(word) > max(3, len(words[0].digits)) || len(word) > 8 {
			return nil, false
		}
		if count++; count > 64 {
			return words, true
		}
		words = append(words, number{digits: word, at: at + from})
	}
}

// wideText narrows text of two or four bytes a character, in either byte order.
func wideText(text []byte, to *layer) {
	for at := 0; at < len(text); {
		n := bytes.IndexByte(text[at:], 0)
		if n < 0 {
			return
		}
		at += n
		from := at - 1
		switch {
		case from >= 0 && isText(text[from]) && at+2 < len(text) && text[at+1] != 0 && text[at+2] == 0: // c 0 c 0
			at = narrow(text, from, 2, UTF16, to)
		case from >= 0 && isText(text[from]) && at+4 < len(text) && text[at+1] == 0 && text[at+2] == 0 && isText(text[at+3]): // c 0 0 0 c
			at = narrow(text, from, 4, UTF32, to)
		default: // zeros: to the last of them, which may stand before a character
			for at < len(text) && text[at] == 0 {
				at++
			}
		}
	}
}

// narrow appends every step-th byte from text[from] on while those between are zero, and returns where that ends.
func narrow(text []byte, from, step int, encoding Encoding, to *layer) int {
	begin, mark := len(to.text), len(to.pieces)
	to.from(from, uint8(step), 1, encoding)
	at := from
	for at < len(text) && isText(text[at]) {
		to.text = append(to.text, text[at])
		zeros := 0
		for zeros < step-1 && at+1+zeros < len(text) && text[at+1+zeros] == 0 {
			zeros++
		}
		at += 1 + zeros
		if zeros < step-1 {
			break
		}
	}
	if len(to.text)-begin < minText {
		to.text, to.pieces = to.text[:begin], to.pieces[:mark]
	} else {
		to.end()
	}
	return max(at, from+2)
}

func isText(c byte) bool { return printable(c) || c == '\n' || c == '\r' || c == '\t' }

// splitLogs puts together the lines that Docker (json-file, at 16 KiB) and runtimes of Kubernetes (CRI: P for a part, F for the
// last one) have split, each of the two streams for itself.
func splitLogs(text []byte, to *layer) {
	docker := bytes.Contains(text, []byte(`{"log":`))
	cri := bytes.Contains(text, []byte("P ")) && // a rare beginning is found fast
		(bytes.Contains(text, []byte(" stdout P ")) || bytes.Contains(text, []byte(" stderr P ")))
	if !docker && !cri {
		return
	}
	type part struct {
		at   int
		text []byte
	}
	open := map[string][]part{}
	put := func(stream string, p part, more bool) {
		open[stream] = append(open[stream], p)
		if more {
			return
		}
		if len(open[stream]) > 1 {
			for _, p := range open[stream] {
				to.from(p.at, 1, 1, Joined)
				to.text = append(to.text, p.text...)
			}
			to.end()
		}
		open[stream] = open[stream][:0]
	}
	for at := 0; at < len(text); {
		next := len(text)
		if n := bytes.IndexByte(text[at:], '\n'); n >= 0 {
			next = at + n + 1
		}
		line := bytes.TrimRight(text[at:next], "\r\n")
		if docker && bytes.HasPrefix(line, []byte(`{"log":`)) {
			var entry struct{ Log, Stream string }
			if json.Unmarshal(line, &entry) == nil {
				put(entry.Stream, part{at, []byte(strings.TrimRight(entry.Log, "\n"))}, !strings.HasSuffix(entry.Log, "\n"))
			}
		} else if cri {
			if fields := bytes.SplitN(line, []byte(" "), 4); len(fields) == 4 && (string(fields[1]) == "stdout" || string(fields[1]) == "stderr") {
				put(string(fields[1]), part{at + len(line) - len(fields[3]), fields[3]}, bytes.HasPrefix(fields[2], []byte("P")))
			}
		}
		at = next
	}
	for stream := range open {
		put(stream, part{at: len(text)}, false)
	}
}

// pdfStrings puts together the strings that the text operators of a PDF page show: a word is broken wherever two letters are set
// closer or wider.
func pdfStrings(text []byte, to *layer) {
	shows := func(operator string) bool { return bytes.Contains(text, []byte(operator)) }
	if !shows("BT") || !shows("TJ") && !shows("Tj") || !shows(")Tj") && !shows(") Tj") && !shows(">Tj") && !shows("> Tj") && !shows("]TJ") && !shows("] TJ") {
		return
	}
	begin := len(to.text)
	for at := 0; at < len(text); at++ {
		switch c := text[at]; {
		case c == '(':
			to.from(at+1, 1, 1, Joined)
			depth := 1
			for at++; at < len(text) && depth > 0; at++ {
				switch c := text[at]; {
				case c == '\\' && at+1 < len(text):
					if value, n := digits(text, at+1, 1, 3, 8); n > 0 {
						to.text = append(to.text, byte(value))
						at = n - 1
						continue
					}
					at++
					if text[at] == '\r' || text[at] == '\n' {
						continue
					}
					to.text = append(to.text, text[at])
				case c == '(':
					depth++
					to.text = append(to.text, c)
				case c == ')':
					if depth--; depth > 0 {
						to.text = append(to.text, c)
					}
				default:
					to.text = append(to.text, c)
				}
			}
			at--
		case c == '<' && at+1 < len(text) && is(text[at+1], isHexDigit):
			end := bytes.IndexByte(text[at:min(len(text), at+maxTag)], '>')
			if end < 0 {
				continue
			}
			to.from(at+1, 2, 1, Joined)
			to.text = unpack(to.text, bytes.Map(dropSpace, text[at+1:at+end]), 4, &hexValues)
			at += end
		}
	}
	if len(to.text) > begin {
		to.end()
	}
}

func dropSpace(r rune) rune {
	if r == ' ' || r == '\n' || r == '\r' || r == '\t' {
		return -1
	}
	return r
}
