package content

import "bytes"

// This file puts together what is found in pieces: text on several lines, in several string literals, or with markup inside.

const (
	minJoined = 16  // bytes that pieces give together, at least: the length from which a key is taken for a secret
	maxGap    = 120 // bytes between two pieces
	maxTag    = 4096

	maxRedirect = 40 // bytes from where a line is redirected to its end
)

// span is part of a text.
type span struct{ from, to int }

// join puts together what is found in pieces where something that is looked for, or encoded, may go on from one to the next. binary:
// text has control characters.
func (s *steps) join(text []byte, to *layer) (binary bool) {
	j := joiner{steps: s, text: text, to: to, redirects: s.seams != nil && bytes.Contains(text, []byte(">> ")) && bytes.Contains(text, []byte("echo "))}
	if s.seams == nil {
		j.join(0, len(text))
	}
	for at := nextSign(text, 0); at < len(text); at = nextSign(text, at+1) {
		switch c := text[at]; {
		case c != '\n' && c < ' ':
			binary = true
		case s.seams == nil || at == 0:
		case s.ends[text[at-1]] == never && !j.redirects: // as most lines and strings end
			if at >= j.next {
				j.next = 0
			}
		case c == '\n':
			j.line(at)
		case class[text[at-1]]&isWordChar != 0:
			j.end(at)
		}
	}
	return binary
}

// join puts the pieces together that begin in text[from:to], and returns where the last of them ends.
func (j *joiner) join(from, to int) int {
	text := j.text
	var pieces []span
	at := from
	for at < to {
		if class[text[at]]&isWordChar == 0 {
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
			next, drop := 0, 0
			if j.mayJoin(text[from : at-dropped(text, at)]) {
				next, drop = joint(text, at)
				encoded = mixed(text[from:at-drop]) || encoded && next > 0 && digitsOnly(text[from:at-drop])
				if next > 0 && !encoded && at-drop > from && !j.seams.next(text[at-drop-1], text[next]) {
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
				j.to.from(p.from, 1, 1, Joined)
				j.to.text = append(j.to.text, text[p.from:p.to]...)
			}
			j.to.end()
		}
	}
	return at
}

// mayJoin reports whether what is looked for may go on after a word: its last byte is found in the middle of it, or it ends as
// something encoded does.
func (s *steps) mayJoin(word []byte) bool {
	if len(word) == 0 {
		return true
	}
	last := word[len(word)-1]
	return s.seams == nil || s.seams.before[last] || class[last]&isBase64Digit != 0 && mixed(word)
}

const (
	minMixed  = 4 // digits at the end of a piece of what is encoded, at least
	maxMixed  = 64
	minMarked = 2 // of the digits around the end of such a piece that are no lower-case letters, at least
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
	drop = dropped(text, at)
	switch c := text[at]; {
	case c == '<' && drop > 0:
		next = at + len(cdata)
	case c == '<':
		next = afterTags(text, at)
	case is(c, isQuote):
		if next = afterQuotes(text, at); next > 0 && drop > 0 { // past the end of what is put in
			if next++; text[next-1] != '}' {
				next = 0
			}
		}
	case is(c, isSpace):
		if next = afterLead(text, at); next == 0 {
			next = afterLine(text, at)
		}
	}
	if next >= len(text) || next > 0 && !is(text[next], isWordChar) {
		next = 0
	}
	return next, drop
}

var cdata = []byte("<![CDATA[")

// dropped is how many bytes before text[at] belong to what follows: of a continued line, of one section before another, of an
// expression that is put into a string.
func dropped(text []byte, at int) int {
	if at == 0 || at >= len(text) {
		return 0
	}
	switch last := text[at-1]; {
	case (last == '\\' || last == '^') && is(text[at], isSpace):
		return 1
	case last == '>' && text[at] == '<' && bytes.HasPrefix(text[at:], cdata) && bytes.HasSuffix(text[:at], []byte("]]>")):
		return 3
	case last == '{' && is(text[at], isQuote):
		if at > 1 && (text[at-2] == '$' || text[at-2] == '#') {
			return 2
		}
		return 1
	}
	return 0
}

// afterLead skips a line end and what the lines before and after it begin with: the level of a log entry, a time, a comment's sign, the
// name of a variable to which more is appended.
func afterLead(text []byte, at int) int {
	start := max(0, at-maxGap)
	if n := bytes.LastIndexByte(text[start:at], '\n'); n >= 0 {
		start += n + 1
	} else if start > 0 {
		return 0
	}
	word := at
	for word > start && is(text[word-1], isWordChar) {
		word--
	}
	next := bytes.IndexByte(text[at:min(len(text), at+maxGap)], '\n')
	if next < 0 {
		return 0
	}
	rest := text[at : at+next] // what follows on each line
	next += at + 1
	following := text[next:]
	if n := bytes.IndexByte(following, '\n'); n >= 0 {
		following = following[:n]
	}
	if tail := bytes.TrimSpace(rest); len(tail) > 0 {
		if !bytes.HasSuffix(bytes.TrimRight(following, "\r"), tail) {
			return 0
		}
	}
	lead := text[start:word]
	switch n := appends(text[start:at], following); {
	case n > 0:
		return next + n
	case len(lead) == 0 && (text[start] == '-' || text[start] == '+') && len(following) > 0 && following[0] == text[start]: // of a patch
		return next + 1
	case len(bytes.TrimSpace(lead)) > 0 && alike(lead, following):
		return next + len(lead)
	}
	if words := bytes.Fields(lead); len(words) > 1 { // set k ab, append k cd
		name := append(words[len(words)-1], ' ')
		if n := bytes.IndexByte(following, ' ') + 1; n > 0 && bytes.HasPrefix(following[n:], name) {
			return next + n + len(name)
		}
	}
	return 0
}

// alike reports whether text begins with lead, give or take its digits.
func alike(lead, text []byte) bool {
	if len(text) <= len(lead) {
		return false
	}
	for i, c := range lead {
		if other := text[i]; c != other && (c < '0' || c > '9' || other < '0' || other > '9') {
			return false
		}
	}
	return true
}

// appends is how long what next begins with is, if it appends to the variable that line sets: K+=, K=$K, set K=%K%, K := $(K).
func appends(line, next []byte) int {
	equals := bytes.IndexByte(line, '=')
	if equals <= 0 {
		return 0
	}
	name := bytes.TrimRight(line[:equals], " \t:+.")
	if len(name) == 0 || len(next) <= len(name) || !bytes.HasPrefix(next, name) {
		return 0
	}
	at := len(name)
	skip := func(signs string) {
		for at < len(next) && bytes.IndexByte([]byte(signs), next[at]) >= 0 {
			at++
		}
	}
	skip(" \t:+.")
	if at == len(next) || next[at] != '=' {
		return 0
	}
	at++
	skip(" \t")
	appended := next[at-1] != '=' || bytes.ContainsAny(next[len(name):at], "+.")
	name = name[bytes.LastIndexAny(name, " \t$")+1:]
	from := at
	skip("$%!{(")
	if at > from && bytes.HasPrefix(next[at:], name) {
		at += len(name)
		skip("%!})")
		return at
	}
	if at > from || !appended {
		return 0
	}
	return at
}

// afterTags skips the tags at text[at], and the line ends between them.
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
		for at += end + 1; at < len(text) && at-begin < maxTag && is(text[at], isSpace); at++ {
		}
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
			if nextLine(text, at, text[begin-1]) {
				continue
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

// nextLine reports whether the quote at text[at] ends a line of code that is an entry of a list, as in a notebook, and the next line
// begins with a literal; own is the quote of the last one.
func nextLine(text []byte, at int, own byte) bool {
	next := at + 1
	if next >= len(text) || text[next] != ',' {
		return false
	}
	for next++; next < len(text) && is(text[next], isSpace); next++ {
	}
	return next+1 < len(text) && is(text[next], isQuote) && (text[at] != own || is(text[next+1], isQuote))
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
