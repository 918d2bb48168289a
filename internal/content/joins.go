package content

import "bytes"

// This file puts together what stands in pieces: text on several lines, in several string literals, or with markup inside.

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
