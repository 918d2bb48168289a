package content

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strconv"
)

// This file decodes bytes that are written as numbers: the output of hexdump, xxd and od, and arrays of programming languages.

const (
	minDump    = 24 // characters of a dump, at least
	minNumbers = 8  // and numbers in it
	minWords   = 3  // of several bytes each

	maxNumberGap = 64 // bytes between two decimal digits of a sequence of numbers
	maxCast      = 32 // bytes between two numbers that are converted one by one
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
			s.numbers(text[from:end], from, to)
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
	digits   []byte
	at       int
	base     int // that its prefix or suffix tells; 0: none does
	negative bool
}

// readNumber reads the number at text[at], which is a hexadecimal digit or the sign of a prefix, and returns where it ends.
func readNumber(text []byte, at int) (n number, end int) {
	n.at = at
	prefix := func(signs string, base int) bool {
		if len(text)-at > len(signs) && bytes.EqualFold(text[at:at+len(signs)], []byte(signs)) && is(text[at+len(signs)], isHexDigit) {
			at, n.base = at+len(signs), base
			return true
		}
		return false
	}
	_ = prefix("0x", 16) || prefix("&h", 16) || prefix("16#", 16) || prefix("0o", 8) ||
		text[at] == '0' && len(text)-at >= 10 && (text[at+1] == 'b' || text[at+1] == 'B') && bits(text[at+2:at+10]) && prefix("0b", 2)
	end = at
	for end < len(text) && is(text[end], isHexDigit) {
		end++
	}
	n.digits = text[at:end]
	n.negative = n.base == 0 && at > 0 && text[at-1] == '-' && (at < 2 || !is(text[at-2], isHexDigit))
	switch rest := text[end:]; {
	case len(rest) == 0:
	case n.base == 0 && (rest[0] == 'h' || rest[0] == 'H') && len(n.digits) >= 2:
		n.base, end = 16, end+1
	case bytes.HasPrefix(rest, []byte("u8")):
		end += 2
	}
	if n.base != 0 {
		for len(n.digits) > 2 && n.digits[0] == '0' && (n.base != 16 || len(n.digits) != 4 && len(n.digits) != 8 && len(n.digits) != 16 || bytes.Count(n.digits, []byte{'0'}) >= len(n.digits)-2) {
			n.digits = n.digits[1:]
		}
	}
	return n, end
}

// bits reports whether text is nothing but binary digits.
func bits(text []byte) bool { return len(bytes.Trim(text, "01")) == 0 }

// value is that of a byte.
func (n number) value(base int) (byte, bool) {
	v := 0
	for _, c := range n.digits {
		digit := int(hexValues[c])
		if v = v*base + digit; digit >= base || v > 0xff {
			return 0, false
		}
	}
	if n.negative { // of signed bytes
		return byte(-v), v <= 128
	}
	return byte(v), true
}

func (n number) fits(base int) bool {
	digits, ok := len(n.digits), n.base == base
	if n.base == 0 {
		switch base {
		case 16:
			ok = digits == 2
		case 10:
			ok = digits <= 3
		case 8:
			ok = digits == 3 || digits == 4 && n.digits[0] == '0'
		case 2:
			ok = digits == 8
		}
	}
	if ok {
		_, ok = n.value(base)
	}
	return ok && digits > 0
}

// word is the value of a number of several bytes, and how many they are: of four, eight or sixteen hexadecimal digits, or of a decimal
// number of 32 bits.
func (n number) word() (value uint64, size int) {
	switch digits := len(n.digits); {
	case n.base == 16 && (digits == 4 || digits == 8 || digits == 16):
		v, err := strconv.ParseUint(string(n.digits), 16, 64)
		if err != nil {
			return 0, 0
		}
		return v, digits / 2
	case n.base == 0 && digits >= 8 && digits <= 10:
		v, err := strconv.ParseUint(string(n.digits), 10, 32)
		if err != nil {
			return 0, 0
		}
		if n.negative {
			v = uint64(uint32(-int64(v)))
		}
		return v, 4
	}
	return 0, 0
}

// numbers decodes a sequence of numbers, whatever signs are between them: bytes as hexadecimal, decimal, octal and binary ones, and
// words of several bytes in either order; for each, as many in a row as can be read so.
func (s *steps) numbers(run []byte, base int, to *layer) {
	begin, last, figures := 0, -1, 0 // since begin: decimal digits, with which letters begin in hexadecimal too
	for at, c := range run {
		if c < '0' || c > '9' {
			continue
		}
		if at-last > maxNumberGap {
			if figures >= minNumbers {
				s.sequence(run[begin:min(len(run), last+4)], base+begin, to)
			}
			begin, figures = at, 0
			for begin > 0 && !is(run[begin-1], isSpace) && at-begin < len("16#") {
				begin-- // the sign of a prefix
			}
		}
		last = at
		figures++
	}
	if figures >= minNumbers {
		s.sequence(run[begin:], base+begin, to)
	}
}

// sequence decodes the numbers that are not far apart.
func (s *steps) sequence(run []byte, base int, to *layer) {
	list := s.list[:0]
	defer func() { s.list = list }()
	for at := 0; at < len(run); {
		if !is(run[at], isHexDigit) && (run[at] != '&' || at+2 >= len(run) || run[at+1]|0x20 != 'h' || !is(run[at+2], isHexDigit)) {
			at++
			continue
		}
		var n number
		n, at = readNumber(run, at)
		n.at += base
		list = append(list, n)
	}
	if len(list) < minWords {
		return
	}
	for _, base := range [...]int{16, 10, 8, 2} {
		inRow(list, minNumbers, func(n number) bool { return n.fits(base) }, func(row []number) { emitNumbers(row, base, to) })
	}
	if !slices.ContainsFunc(list, func(n number) bool { return len(n.digits) >= 4 }) {
		return
	}
	for _, size := range []int{2, 4, 8} {
		inRow(list, minWords, func(n number) bool { _, is := n.word(); return is == size }, func(row []number) {
			for _, order := range []binary.AppendByteOrder{binary.BigEndian, binary.LittleEndian} {
				for _, n := range row {
					v, _ := n.word()
					to.from(n.at, 1, 1, Dump)
					switch size {
					case 2:
						to.text = order.AppendUint16(to.text, uint16(v))
					case 4:
						to.text = order.AppendUint32(to.text, uint32(v))
					case 8:
						to.text = order.AppendUint64(to.text, v)
					}
				}
				to.end()
			}
		})
	}
}

// inRow calls f for the numbers in a row, least or more, of which all are so.
func inRow(list []number, least int, so func(number) bool, f func(row []number)) {
	if len(list) < least {
		return
	}
	from := 0
	for at := range len(list) + 1 {
		if at < len(list) && so(list[at]) {
			continue
		}
		if at-from >= least {
			f(list[from:at])
		}
		from = at + 1
	}
}

func emitNumbers(list []number, base int, to *layer) {
	if base == 10 {
		list = withoutIndexes(list)
	}
	for _, n := range list {
		value, ok := n.value(base)
		if !ok {
			continue
		}
		encoding := Dump
		if base == 16 && n.base == 0 {
			encoding = Hex
		}
		to.from(n.at, 1, 1, encoding)
		to.text = append(to.text, value)
	}
	to.end()
}

// casts decodes bytes of which each is converted by itself: chr(113) . chr(84), [char]0x71 + [char]0x54, (byte) 113, (byte) 84. sign
// is the bracket before or around each number.
func casts(text []byte, sign byte, to *layer) {
	var list []number
	emit := func() {
		if len(list) >= minNumbers {
			for _, base := range []int{10, 16} {
				inRow(list, minNumbers, func(n number) bool { return n.fits(base) }, func(row []number) { emitNumbers(row, base, to) })
			}
		}
		list = list[:0]
	}
	end := 0 // of the last number
	for at := 0; at < len(text); {
		n := bytes.IndexByte(text[at:], sign)
		if n < 0 {
			break
		}
		at += n + 1
		begin := at
		for begin < len(text) && begin-at < maxCast && (is(text[begin], isAlnumChar) && !is(text[begin], isHexDigit) || text[begin] >= 'a' && text[begin] <= 'f') && sign == '(' {
			begin++ // a type
		}
		if begin > at {
			if begin == len(text) || text[begin] != ')' {
				continue
			}
			begin++
		}
		for begin < len(text) && begin-at < maxCast && (text[begin] == ' ' || text[begin] == '-') {
			begin++
		}
		if begin >= len(text) || (text[begin] < '0' || text[begin] > '9') && text[begin] != '&' {
			continue
		}
		number, next := readNumber(text, begin)
		if len(number.digits) == 0 {
			continue
		}
		if len(list) > 0 && at-end > maxCast {
			emit()
		}
		list, end, at = append(list, number), next, next
	}
	emit()
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
		if !bytes.Contains(text[start:words[0].at], []byte(":")) {
			return 0 // no offset, but the first byte
		}
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
		} else if all(func(word []byte) bool { return number{digits: word}.fits(10) }) {
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
	if bytes.HasPrefix(line[pos:], []byte("0x")) {
		pos += 2
	}
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
		if bytes.HasPrefix(line[from:pos], []byte("0x")) {
			from += 2
		}
		word := line[from:pos]
		if len(word) == 0 || word[0] == '|' || word[0] == '>' && len(words) > 0 {
			return words, true
		}
		if len(words) == 1 && n < 8 && (!colon || n == 1) {
			gap = n
		} else if len(words) == 0 {
			gap = 2
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
