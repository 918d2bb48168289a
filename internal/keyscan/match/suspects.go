package match

import (
	"bytes"
	"encoding/binary"
	"math"
	"regexp"
	"regexp/syntax"
	"slices"
)

// Suspects finds strings that look like a key because of where they stand:
// assigned to a variable or setting whose name holds one of certain words, or
// given as the value of a certain header. What they are called is the
// provider's to say; what a key looks like is decided here: at least
// minSuspect characters of the key alphabet, letters and digits, no
// placeholder, and as mixed as random text is.
type Suspects struct {
	words   [][]byte // lower case; with any of keyWords in the same name
	headers [][]byte // lower case
	all     [][]byte // words, then headers
	shapes  []shape
	stride  int
	grams   [1 << foldBits / 64]uint64
}

const foldBits = 13

// keyWords are what, next to the provider's name, makes a name that of a key.
var keyWords = [][]byte{[]byte("key"), []byte("secret"), []byte("token"), []byte("hmac"), []byte("sign"), []byte("credential"), []byte("auth")}

// placeholders are words that no random key holds (by chance less than once
// in a million) and that take the place of one in examples.
var placeholders = [][]byte{[]byte("example"), []byte("your"), []byte("placeholder"), []byte("change"), []byte("dummy"),
	[]byte("sample"), []byte("xxxx"), []byte("0000"), []byte("1234"), []byte("secret"), []byte("insert"), []byte("replace"), []byte("test-"), []byte("test_"), []byte("fake")}

const (
	minSuspect  = 16  // the length from which the audit takes a key for a secret
	maxSuspect  = 256 // what is longer is a token, a certificate, a file
	minEntropy  = 3.2 // bits a character; 16 random hex digits have 3.3 on average, words 2.5 to 3.1
	minWord     = 4   // characters of a word that a random key holds hardly ever
	minLiteral  = 2   // characters of a shape that are looked for first
	prefixReach = 16  // how far the prefix of a key extends that says what it is
	nameReach   = 64  // how far a name extends around its word
)

// The kinds of suspects, as Find reports them.
const (
	Assignment = "assignment"
	Header     = "header"
	Shape      = "shape"
)

// shape is what keys of a provider look like wherever they stand, such as sk_live_ and 24 letters.
type shape struct {
	pattern *regexp.Regexp
	literal []byte // what every match contains: data without it need not be matched
}

// Shaped adds patterns of keys. One that has no text of minLiteral characters in it would match too much,
// and is left out.
func (s *Suspects) Shaped(patterns ...string) *Suspects {
	for _, text := range patterns {
		pattern, err := regexp.Compile(text)
		if err != nil {
			continue
		}
		if literal := literalOf(text); len(literal) >= minLiteral {
			s.shapes = append(s.shapes, shape{pattern, []byte(literal)})
		}
	}
	return s
}

// literalOf is the longest text that every match of a pattern contains.
func literalOf(pattern string) string {
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return ""
	}
	parsed = parsed.Simplify()
	parts := []*syntax.Regexp{parsed}
	if parsed.Op == syntax.OpConcat {
		parts = parsed.Sub
	}
	longest := ""
	for _, part := range parts {
		if part.Op == syntax.OpLiteral && part.Flags&syntax.FoldCase == 0 && len(part.Rune) > len(longest) {
			longest = string(part.Rune)
		}
	}
	return longest
}

// shaped calls found for each key of a shape.
func (s *Suspects) shaped(data []byte, found func(what string, from, to int)) {
	for _, shape := range s.shapes {
		if !bytes.Contains(data, shape.literal) {
			continue
		}
		for _, at := range shape.pattern.FindAllIndex(data, -1) {
			random := data[at[0]:at[1]]
			if cut := bytes.LastIndexAny(random[:min(len(random), prefixReach)], "_-."); cut >= 0 {
				random = random[cut+1:] // behind a prefix such as sk_test_
			}
			if s.looksRandom(random) {
				found(Shape, at[0], at[1])
			}
		}
	}
}

// NewSuspects takes the words of variable names ("acme") and the names of
// headers ("api-key"), in any case.
func NewSuspects(words, headers []string) *Suspects {
	s := &Suspects{}
	for _, w := range words {
		s.words = append(s.words, bytes.ToLower([]byte(w)))
	}
	for _, h := range headers {
		s.headers = append(s.headers, bytes.ToLower([]byte(h)))
	}
	s.index()
	return s
}

// Find calls found with the kind of each suspect and the range of its value.
func (s *Suspects) Find(data []byte, found func(what string, from, to int)) {
	last := -1 // where the last value began: two words in one name are one find
	s.each(data, func(word, at int) {
		what, length := Assignment, 0
		var from, to int
		var ok bool
		if word < len(s.words) {
			length = len(s.words[word])
			from, to, ok = s.assignment(data, at, length)
		} else if at == 0 || !isName(data[at-1]) {
			what, length = Header, len(s.headers[word-len(s.words)])
			from, to, ok = s.value(data, at+length)
		}
		if ok && from != last {
			last = from
			found(what, from, to)
		}
	})
	s.shaped(data, found)
}

// foldGram is how many bytes, in lower case, are looked up at a time.
const foldGram = 4

// index prepares each.
func (s *Suspects) index() {
	s.all = slices.Concat(s.words, s.headers)
	for i, word := range s.all {
		if n := len(word) - foldGram + 1; i == 0 || n < s.stride {
			s.stride = max(1, n)
		}
	}
	for _, word := range s.all {
		if len(word) < foldGram {
			for i := range s.grams {
				s.grams[i] = ^uint64(0)
			}
		}
		for at := 0; at < s.stride && at+foldGram <= len(word); at++ {
			h := foldHash(word[at:])
			s.grams[h/64] |= 1 << (h % 64)
		}
	}
}

// foldHash is of four bytes, whatever their case.
func foldHash(b []byte) uint32 {
	return (binary.LittleEndian.Uint32(b) | 0x20202020) * 0x9E3779B1 >> (32 - foldBits)
}

// each calls f for each place of a word, whatever the case of data: of every stride positions it looks at one. Words that are
// shorter than what is checked have to be compared everywhere.
func (s *Suspects) each(data []byte, f func(word, at int)) {
	if len(s.all) == 0 {
		return
	}
	for p := s.next(data, s.stride-1); p < len(data); p = s.next(data, p+s.stride) {
		for start := max(0, p-s.stride+1); start <= p; start++ {
			for i, word := range s.all {
				if start+len(word) <= len(data) && foldEqual(data[start:start+len(word)], word) {
					f(i, start)
				}
			}
		}
	}
}

// next is the first sampled position from p on where a word may be; near the end that is any.
func (s *Suspects) next(data []byte, p int) int {
	grams, stride := &s.grams, s.stride
	// Four independent look-ups a round keep the processor's load units busy.
	for last := len(data) - foldGram - 3*stride; p <= last; p += 4 * stride {
		a, b, c, d := foldHash(data[p:]), foldHash(data[p+stride:]), foldHash(data[p+2*stride:]), foldHash(data[p+3*stride:])
		if (grams[a/64]>>(a%64)|grams[b/64]>>(b%64)|grams[c/64]>>(c%64)|grams[d/64]>>(d%64))&1 != 0 {
			break
		}
	}
	for ; p <= len(data)-foldGram; p += stride {
		if h := foldHash(data[p:]); grams[h/64]>>(h%64)&1 != 0 {
			break
		}
	}
	return p
}

func foldEqual(data, lower []byte) bool {
	for i, c := range data {
		if c != lower[i] && (c < 'A' || c > 'Z' || c+'a'-'A' != lower[i]) {
			return false
		}
	}
	return true
}

func isName(c byte) bool { return isWord(c) || c == '.' }

// assignment reads the name around the word at data[at:] and what follows it.
func (s *Suspects) assignment(data []byte, at, n int) (from, to int, ok bool) {
	start, end := at, at+n
	for start > 0 && at-start < nameReach && isName(data[start-1]) {
		start--
	}
	for end < len(data) && end-at < nameReach && isName(data[end]) {
		end++
	}
	name := bytes.ToLower(data[start:end])
	for _, k := range keyWords {
		if bytes.Contains(name, k) {
			return s.value(data, end)
		}
	}
	return 0, 0, false
}

// value reads what is assigned after a name that ends at data[at:]: an
// optional closing quote or bracket, an operator, an opening quote, a value.
func (s *Suspects) value(data []byte, at int) (from, to int, ok bool) {
	skip := func(set string, most int) (n int) {
		for at < len(data) && n < most && bytes.IndexByte([]byte(set), data[at]) >= 0 {
			at++
			n++
		}
		return n
	}
	skip("\"'`]", 2)
	skip(" \t", 40)
	operator := skip(":=", 3) + skip(">,(", 1)
	blank := skip(" \t", 40)
	quoted := skip("\"'`", 1)
	if operator == 0 && (quoted == 0 || blank == 0) {
		return 0, 0, false
	}
	from = at
	for at < len(data) && at-from <= maxSuspect && (isWord(data[at]) || bytes.IndexByte([]byte(".~+/="), data[at]) >= 0) {
		at++
	}
	if quoted == 1 && (at == len(data) || data[at] != data[from-1]) {
		return 0, 0, false // a sentence, a template, a call
	}
	if quoted == 0 && at < len(data) && bytes.IndexByte([]byte("([{$<\\%"), data[at]) >= 0 {
		return 0, 0, false // an expression
	}
	return from, at, s.looksRandom(data[from:at])
}

func (s *Suspects) looksRandom(v []byte) bool {
	if len(v) < minSuspect || len(v) > maxSuspect {
		return false
	}
	letters, digits := 0, 0
	var count [256]int
	for _, c := range v {
		count[c]++
		switch {
		case c >= '0' && c <= '9':
			digits++
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
			letters++
		}
	}
	if letters == 0 || digits < 2 {
		return false
	}
	lower := bytes.ToLower(v)
	for _, words := range [][][]byte{placeholders, s.words} {
		for _, word := range words {
			if len(word) >= minWord && bytes.Contains(lower, word) {
				return false
			}
		}
	}
	entropy := 0.0
	for _, n := range count {
		if n > 0 {
			f := float64(n) / float64(len(v))
			entropy -= f * math.Log2(f)
		}
	}
	return entropy >= min(minEntropy, 0.8*math.Log2(float64(len(v))))
}
