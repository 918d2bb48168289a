package response

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"
)

// An answer is compared with others after ids, times and random parts were taken out. What is plainly one of these goes at once;
// what merely differs between the answers to valid events is learned from them (comparison).

// maxCompared is how many bytes of a body are compared; memory is bounded by it, and the digest covers the rest.
const maxCompared = 8 << 10

var (
	volatile = pattern(strings.Join([]string{
		`[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}`,                                        // UUID
		`\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2})?(?:[.,]\d+)?(?:Z|[+-]\d{2}:?\d{2})?`,                                     // ISO time
		`(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{2} (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} [\d:]{8}(?: GMT)?`, // HTTP date
		`\b\d{2}:\d{2}:\d{2}(?:\.\d+)?\b`,
		`\b[0-9a-fA-F]{12,}\b`,
		`\b\d{6,}\b`,
		`\b[0-9A-HJKMNP-TV-Z]{26}\b`, // ULID
	}, "|"))
	tokens  = pattern(`[A-Za-z0-9_.+-]+|[^A-Za-z0-9_.+-]+`)
	numeric = pattern(`^[+-]?[0-9.]+$`)
	random  = pattern(`^[A-Za-z0-9_.+-]*\d[A-Za-z0-9_.+-]*$`)
)

// pattern compiles a regular expression when it is first used, since most runs of the program use
// none.
func pattern(expression string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}

// Normal is a response as it is compared: with the values that the request itself held taken out,
// with only the first of them taken out, and as it is. A value such as "null" may be in a response
// for other reasons, too.
type Normal struct {
	Status int
	views  []view
}

// view is a response with some values taken out.
type view struct {
	status    int
	mediaType string
	tokens    []string
	rest      string // digest of what lies beyond maxCompared
}

// Normalize takes out of the body what is plainly volatile, and own, which are the values that the
// request held: its UID first.
func Normalize(a *Response, own []string) Normal {
	n := Normal{Status: a.Status}
	body := strings.ToValidUTF8(string(a.Body), "\uFFFD")
	for _, values := range [][]string{own, own[:min(1, len(own))], nil} {
		n.views = append(n.views, viewOf(a, body, values))
	}
	return n
}

func viewOf(a *Response, body string, values []string) view {
	for _, value := range values {
		if len(value) >= 4 {
			body = strings.ReplaceAll(body, value, "<own>")
		}
	}
	v := view{status: a.Status, mediaType: a.MediaType()}
	if len(body) > maxCompared {
		cut := strings.ToValidUTF8(body[:maxCompared], "")
		v.rest = shortDigest(skeleton(body[len(cut):]))
		body = cut
	}
	body = strings.TrimSpace(volatile().ReplaceAllString(body, "<volatile>"))
	v.tokens = tokens().FindAllString(body, -1)
	return v
}

// skeleton is a text without words, numbers and white space: what is left of a long page when all that may be volatile is out, without
// looking for it. Patterns would take seconds over the answers of a whole test suite.
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
	if len(n.views) == 0 {
		return ""
	}
	return n.views[0].digest()
}

func (n view) digest() string {
	var b strings.Builder
	b.WriteString(strconv.Itoa(n.status) + " " + n.mediaType + "\n")
	for _, token := range n.tokens {
		if numeric().MatchString(token) {
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

// Comparison knows a set of responses and reports whether another one is like them, in any of the
// views.
type Comparison struct {
	views []likeness
	count int
}

// Add adds a response to the set.
func (c *Comparison) Add(n Normal) {
	c.count++
	if c.views == nil {
		c.views = make([]likeness, len(n.views))
	}
	for i := range n.views {
		c.views[i].add(n.views[i])
	}
}

// Count is how many responses it knows.
func (c *Comparison) Count() int { return c.count }

// Comparable reports whether responses to the same request resemble each other at all; of fewer than
// three that is assumed.
func (c *Comparison) Comparable() bool { return len(c.views) == 0 || c.views[0].comparable() }

// Matches reports whether n is such a response. Where the responses do not resemble each other,
// status and content type decide.
func (c *Comparison) Matches(n Normal) bool {
	loose := !c.Comparable()
	for i := range c.views {
		if c.views[i].matches(n.views[i], loose) {
			return true
		}
	}
	return false
}

// likeness is what one view of a set of responses has in common.
type likeness struct {
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

func (c *likeness) add(n view) {
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
	s := &shape{status: n.status, mediaType: n.mediaType, rest: n.rest, places: make([]map[string]bool, len(n.tokens)), count: 1}
	for i, token := range n.tokens {
		s.places[i] = map[string]bool{token: true}
	}
	c.shapes = append(c.shapes, s)
}

func (s *shape) fits(n view) bool {
	return s.status == n.status && s.mediaType == n.mediaType && len(s.places) == len(n.tokens)
}

// near keeps answers apart that have the same number of words and little else in common.
func (s *shape) near(n view) bool {
	same := 0
	for i, token := range n.tokens {
		if s.places[i][token] {
			same++
		}
	}
	return same*2 >= len(n.tokens)
}

func (c *likeness) comparable() bool {
	return c.count < 3 || slices.ContainsFunc(c.shapes, func(s *shape) bool { return s.count > 1 })
}

func (c *likeness) matches(n view, loose bool) bool {
	return slices.ContainsFunc(c.shapes, func(s *shape) bool {
		if loose {
			return s.status == n.status && s.mediaType == n.mediaType
		}
		return s.fits(n) && s.same(n)
	})
}

func (s *shape) same(n view) bool {
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
		allNumbers = allNumbers && numeric().MatchString(word)
		allRandom = allRandom && random().MatchString(word)
	}
	switch {
	case allNumbers:
		return numeric().MatchString(token)
	case allRandom:
		return random().MatchString(token)
	}
	return len(seen) >= 3
}
