package content

import "strings"

// This file tells where text that stands in pieces is worth putting together: where something that is looked for, or encoded, may go on.

// never: nothing that is looked for goes on after this byte, wherever it stands before a line end, a quote or a tag.
const never = 1

// endsOf tells by the last byte before a line end, a quote or a tag whether end and line have to be asked.
func endsOf(seams *Seams) (ends [256]uint8) {
	for c := range ends {
		const dropped = "\\^>{" // before what joins
		if !seams.before[c] && class[c]&(isBase64Digit|isSpace) == 0 && class[c]&isWordChar != 0 && !continues[c] && strings.IndexByte(dropped, byte(c)) < 0 {
			ends[c] = never
		}
	}
	return ends
}

// nextSign is the first position from at on of what a piece may end at, a line end among them, or of another control character.
func nextSign(text []byte, at int) int {
	for ; at+8 <= len(text); at += 8 {
		t := text[at : at+8 : at+8]
		if (class[t[0]]|class[t[1]]|class[t[2]]|class[t[3]]|class[t[4]]|class[t[5]]|class[t[6]]|class[t[7]])&isSign != 0 {
			break
		}
	}
	for ; at < len(text) && class[text[at]]&isSign == 0; at++ {
	}
	return at
}

// Seams know where what is looked for as it stands may be taken apart. The zero value knows nothing to look for.
type Seams struct {
	pairs, begins [1 << 16 / 64]uint64       // two bytes in a row, anywhere and at its beginning
	threes, fours [1 << seamBits / 64]uint64 // three and four bytes in a row, hashed
	before, first [256]bool                  // bytes before others, and at its beginning
}

const seamBits = 20 // for some 30,000 different bytes in a row, which 50 keys have

// Add adds a text that is looked for.
func (m *Seams) Add(text []byte) {
	for i := range len(text) - 1 {
		pair := int(text[i])<<8 | int(text[i+1])
		m.before[text[i]] = true
		m.pairs[pair/64] |= 1 << (pair % 64)
		if i == 0 {
			m.first[text[i]] = true
			m.begins[pair/64] |= 1 << (pair % 64)
		}
		if i+2 < len(text) {
			three := hashSeam(threeBytes(text[i:]))
			m.threes[three/64] |= 1 << (three % 64)
		}
		if i+3 < len(text) {
			four := hashSeam(threeBytes(text[i:]) | uint32(text[i+3])<<24)
			m.fours[four/64] |= 1 << (four % 64)
		}
	}
}

func threeBytes(text []byte) uint32 {
	return uint32(text[0]) | uint32(text[1])<<8 | uint32(text[2])<<16
}

func hashSeam(bytes uint32) uint32 { return bytes * 0x9E3779B1 >> (32 - seamBits) }

func (m *Seams) hasThree(bytes uint32) bool {
	h := hashSeam(bytes)
	return m.threes[h/64]>>(h%64)&1 != 0
}

func (m *Seams) hasFour(bytes uint32) bool {
	h := hashSeam(bytes)
	return m.fours[h/64]>>(h%64)&1 != 0
}

func hasPair(set *[1 << 16 / 64]uint64, a, b byte) bool {
	pair := int(a)<<8 | int(b)
	return set[pair/64]>>(pair%64)&1 != 0
}

// next reports whether b may follow a; a continued line is followed by whatever comes after it.
func (m *Seams) next(a, b byte) bool { return m == nil || b == '\\' || hasPair(&m.pairs, a, b) }

// joiner looks at each place of a text where a piece ends, for what may go on after it: three bytes before it and one after it, or
// one and three, stand next to each other in what is looked for, or there are enough digits on both sides that may be of an encoding.
// Only then is the text put together there.
type joiner struct {
	*steps
	text []byte
	to   *layer
	done int // what is before it has been put together
	// Of the last place where what is looked for may have gone on:
	next           int    // where that is; 0: there is none
	first          int    // where the first of the pieces ended that belong together
	tail           uint32 // the last three bytes of them
	redirects      bool   // lines of the text go to files one by one
	digits, marked int    // how many digits they end in, and how many of these no word of a language has
}

// line looks at what ends before the line end at text[at], before or after what continues the line.
func (j *joiner) line(at int) {
	var ends [4]int
	found, begin, lineEnd := 0, max(0, at-maxGap), at
	for n := 0; ; n++ {
		end := at
		for end > begin && (j.text[end-1] == ' ' || j.text[end-1] == '\t' || j.text[end-1] == '\r') {
			end--
		}
		if end == begin {
			break
		}
		c := j.text[end-1]
		if class[c]&isWordChar != 0 && class[j.text[end]]&isSpace != 0 {
			ends[found] = end
			found++
		}
		if n == 3 || !continues[c] {
			break
		}
		at = end - 1
	}
	for found--; found >= 0; found-- {
		j.end(ends[found])
	}
	if j.redirects {
		for end := lineEnd - 1; end > begin && lineEnd-end < maxRedirect; end-- {
			if j.text[end] == '>' && j.text[end-1] == ' ' {
				j.end(end - 1)
			} else if j.text[end] == '>' && j.text[end-1] == '>' && end > begin+1 && j.text[end-2] == ' ' {
				j.end(end - 2)
			} else {
				continue
			}
			break
		}
	}
}

// end looks at the word that ends at text[at].
func (j *joiner) end(at int) {
	end, m := at-dropped(j.text, at), j.seams
	if end < j.done || end == 0 {
		return
	}
	inGap := at < j.next                                                                  // between the last piece and where it may go on
	if c := j.text[end-1]; !m.before[c] && class[c]&isBase64Digit == 0 && end != j.next { // as most lines and strings end
		if !inGap {
			j.next = 0
		}
		return
	}
	from, marked := end, 0 // of the digits at its end
	for from > 0 && end-from < maxMixed && class[j.text[from-1]]&isBase64Digit != 0 {
		from--
		if c := j.text[from]; c < 'a' && class[c]&isAlnumChar != 0 {
			marked++
		}
	}
	digits, first := end-from, end
	tail := uint32(0)
	if end >= 3 {
		tail = threeBytes(j.text[end-3:])
	}
	onDigits := j.next > 0 && from == j.next                                       // they are all of the piece
	short := j.next > 0 && end >= j.next && end-j.next < 3 && j.words(j.next, end) // it is shorter than what is checked
	if onDigits || short {
		first = j.first
	}
	if short {
		tail = j.tail
		for _, c := range j.text[j.next:end] {
			tail = tail>>8 | uint32(c)<<16
		}
	}
	if onDigits {
		digits, marked = digits+j.digits, marked+j.marked
	}
	one, two := byte(tail>>16), byte(tail>>8)
	within := hasPair(&m.pairs, two, one) && m.hasThree(tail)
	encoded := marked > 0 && (digits >= minMixed || onDigits)
	next := 0
	if within || encoded || short || m.first[one] || hasPair(&m.begins, two, one) {
		next, _ = joint(j.text, at)
	}
	if next == 0 {
		if !inGap {
			j.next = 0
		}
		return
	}
	head := j.text[next:]
	meets := within && m.hasFour(tail|uint32(head[0])<<24)
	if !meets && len(head) >= 3 {
		meets = m.first[one] && m.hasFour(uint32(one)|threeBytes(head)<<8) ||
			hasPair(&m.begins, two, one) && m.hasFour(uint32(two)|uint32(one)<<8|uint32(head[0])<<16|uint32(head[1])<<24)
	}
	if !meets && encoded {
		after, more := 0, 0
		for ; after < len(head) && after < maxMixed && class[head[after]]&isBase64Digit != 0; after++ {
			if c := head[after]; c < 'a' && class[c]&isAlnumChar != 0 {
				more++
			}
		}
		meets = digits+after >= j.shortest && marked+more >= minMarked
	}
	switch {
	case meets:
		j.pieces = true
		for first > j.done && class[j.text[first-1]]&isWordChar != 0 {
			first--
		}
		j.done, j.next = j.join(first, at+1), 0
	case !inGap || within:
		j.next, j.first, j.tail, j.digits, j.marked = next, first, tail, digits, marked
	}
}

func (j *joiner) words(from, to int) bool {
	for _, c := range j.text[from:to] {
		if class[c]&isWordChar == 0 {
			return false
		}
	}
	return true
}
