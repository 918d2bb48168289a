package response

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// An answer is compared with others after ids, times and random parts were taken out. What is plainly one of these goes at once;
// what merely differs between the answers to genuine events is learned from them (comparison).

// maxCompared is how many bytes of a body are compared; memory is bounded by it, and the digest covers the rest.
const maxCompared = 8 << 10

var volatile = regexp.MustCompile(strings.Join([]string{
	`[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}`,                                        // UUID
	`\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2})?(?:[.,]\d+)?(?:Z|[+-]\d{2}:?\d{2})?`,                                     // ISO time
	`(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{2} (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} [\d:]{8}(?: GMT)?`, // HTTP date
	`\b\d{2}:\d{2}:\d{2}(?:\.\d+)?\b`,
	`\b[0-9a-fA-F]{12,}\b`,
	`\b\d{6,}\b`,
	`\b[0-9A-HJKMNP-TV-Z]{26}\b`, // ULID
}, "|"))

var tokens = regexp.MustCompile(`[A-Za-z0-9_.+-]+|[^A-Za-z0-9_.+-]+`)

var (
	numeric = regexp.MustCompile(`^[+-]?[0-9.]+$`)
	random  = regexp.MustCompile(`^[A-Za-z0-9_.+-]*\d[A-Za-z0-9_.+-]*$`)
)

// Normal is an answer as it is compared.
type Normal struct {
	Status    int
	mediaType string
	tokens    []string
	rest      string // digest of what lies beyond maxCompared
}

// normalise takes out of the body what is plainly volatile, and own, which is what the request itself held: its UID, say.
func Normalize(a *Response, own []string) Normal {
	body := strings.ToValidUTF8(string(a.Body), "\uFFFD")
	for _, words := range own {
		if len(words) >= 4 {
			body = strings.ReplaceAll(body, words, "<own>")
		}
	}
	n := Normal{Status: a.Status, mediaType: a.MediaType()}
	if len(body) > maxCompared {
		cut := strings.ToValidUTF8(body[:maxCompared], "")
		n.rest = shortDigest(skeleton(body[len(cut):]))
		body = cut
	}
	body = strings.TrimSpace(volatile.ReplaceAllString(body, "<volatile>"))
	n.tokens = tokens.FindAllString(body, -1)
	return n
}

// skeleton is a text without words, numbers and white space: what is left of a long page when all that may be volatile is out, without
// looking for it. Patterns would take seconds over the answers of a whole battery.
func skeleton(text string) string {
	return strings.Map(func(r rune) rune {
		if r <= ' ' || r == '_' || r == '+' || r == '/' || r == '=' || r == '-' || unicode.IsLetter(r) || unicode.IsDigit(r) {
			return -1
		}
		return r
	}, text)
}

// Digest is of the answer with all numbers taken out, so that it is mostly the same in every run.
func (n Normal) Digest() string {
	var b strings.Builder
	b.WriteString(strconv.Itoa(n.Status) + " " + n.mediaType + "\n")
	for _, token := range n.tokens {
		if numeric.MatchString(token) {
			token = "#"
		}
		b.WriteString(token)
	}
	b.WriteString(n.rest)
	return shortDigest(b.String())
}

func shortDigest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:6])
}

// Comparison knows a set of answers and tells whether another one is like them.
type Comparison struct {
	shapes []*shape
	count  int
}

// shape is the answers that have the same number of words, with what was seen in each place.
type shape struct {
	status    int
	mediaType string
	rest      string
	places    []map[string]bool
	count     int
}

func (c *Comparison) Add(n Normal) {
	c.count++
	for _, s := range c.shapes {
		if s.fits(n) && s.near(n) {
			s.count++
			for i, token := range n.tokens {
				s.places[i][token] = true
			}
			return
		}
	}
	s := &shape{status: n.Status, mediaType: n.mediaType, rest: n.rest, places: make([]map[string]bool, len(n.tokens)), count: 1}
	for i, token := range n.tokens {
		s.places[i] = map[string]bool{token: true}
	}
	c.shapes = append(c.shapes, s)
}

func (s *shape) fits(n Normal) bool {
	return s.status == n.Status && s.mediaType == n.mediaType && len(s.places) == len(n.tokens)
}

// near keeps answers apart that have the same number of words and little else in common.
func (s *shape) near(n Normal) bool {
	same := 0
	for i, token := range n.tokens {
		if s.places[i][token] {
			same++
		}
	}
	return same*2 >= len(n.tokens)
}

// Comparable reports whether answers to the same question resemble each other at all; of fewer than three that cannot be said, and is assumed.
func (c *Comparison) Comparable() bool {
	if c.count < 3 {
		return true
	}
	return slices.ContainsFunc(c.shapes, func(s *shape) bool { return s.count > 1 })
}

// Matches reports whether n is such an answer. Where the answers do not resemble each other, status and content type decide.
func (c *Comparison) Matches(n Normal) bool {
	loose := !c.Comparable()
	return slices.ContainsFunc(c.shapes, func(s *shape) bool {
		if loose {
			return s.status == n.Status && s.mediaType == n.mediaType
		}
		return s.fits(n) && s.same(n)
	})
}

func (s *shape) same(n Normal) bool {
	if s.rest != n.rest && s.count == 1 {
		return false
	}
	for i, token := range n.tokens {
		if !s.places[i][token] && !free(s.places[i], token) {
			return false
		}
	}
	return true
}

// free reports whether a place holds a value that changes from answer to answer, of a kind to which token belongs: different numbers,
// different words with digits, or three different words at least.
func free(seen map[string]bool, token string) bool {
	if len(seen) < 2 {
		return false
	}
	allNumbers, allRandom := true, true
	for word := range seen {
		allNumbers = allNumbers && numeric.MatchString(word)
		allRandom = allRandom && random.MatchString(word)
	}
	switch {
	case allNumbers:
		return numeric.MatchString(token)
	case allRandom:
		return random.MatchString(token)
	}
	return len(seen) >= 3
}

// Count is how many responses it knows.
func (c *Comparison) Count() int { return c.count }
