// Package keyscan finds the configured keys in files, in whatever encoding and inside archives, and tells whose key it was. It is
// what the probes of repositories, clients and logs share.
//
// Nothing here returns what was found, nor what stands around it; names and paths are told through Shown.
package keyscan

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/content"
	"github.com/prelaunch-audit/prelaunch/internal/keyscan/match"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
)

// Roles of a key.
const (
	Current = "current"
	Retired = "retired"
)

// Key is whose key was found and in which encoding, as every fact that reports one says it.
type Key struct {
	Spelling       string `json:"spelling"`
	KeyEnvironment string `json:"key_environment"`
	Role           string `json:"role"` // current or retired
	Fingerprint    string `json:"fingerprint"`
}

// Location is where in a file something was found.
type Location struct {
	Member string `json:"member"` // path inside an archive, shown; empty for the file itself
	Line   int64  `json:"line"`   // from 1; 0: not known
	More   int    `json:"more"`   // further occurrences
}

// Unsearched is what a search proves less of, as every fact about a search reports it: keys, by their fingerprints, and contents.
type Unsearched struct {
	NotSearched []string `json:"not_searched"`   // too short to be searched for: they would be found by chance
	ByPrint     []string `json:"by_fingerprint"` // known by it only, and found in fewer encodings
	NotDecoded  int      `json:"not_decoded"`    // contents of high entropy and no known format: they may be encrypted
}

// Search is every configured key, made once a run. Safe for concurrent use.
type Search struct {
	literals     []match.Literal
	fingerprints []match.Fingerprint
	subjects     []Key // by the ID of a literal or fingerprint
	keys         []int // number of the key, by the same
	set          *match.Set
	prints       *match.Prints
	candidates   *match.Suspects
	lengths      content.Keys
	seams        *content.Seams
	lines        *content.Lines // in which nothing of all this was found
	unsearched   Unsearched
}

// Of returns the search for the keys of the run's integration, which all its probes share.
func Of(run *audit.Run) (*Search, error) {
	made, err := run.Shared.Once("keyscan", func() (any, error) { return New(run.Integration) })
	if err != nil {
		return nil, err
	}
	return made.(*Search), nil
}

// New prepares the search for the keys of an integration.
func New(integration *audit.Integration) (*Search, error) {
	s := &Search{unsearched: Unsearched{NotSearched: []string{}, ByPrint: []string{}}, seams: &content.Seams{}, lines: &content.Lines{}}
	number := 0
	add := func(key secret.Key, environment, role string) {
		s.add(key, Key{KeyEnvironment: environment, Role: role, Fingerprint: key.Fingerprint()}, number)
		number++
	}
	for _, environment := range integration.Environments {
		add(environment.Key.Key, environment.Name, Current)
	}
	for _, retired := range integration.RetiredKeys {
		add(retired.Key, retired.Environment, Retired)
	}
	var err error
	if s.set, err = match.New(s.literals); err != nil {
		return nil, fmt.Errorf("prepare the search for keys: %w", err)
	}
	if s.prints, err = match.NewPrints(s.fingerprints); err != nil {
		return nil, fmt.Errorf("prepare the search for keys: %w", err)
	}
	return s, nil
}

// maxFingerprint is the longest key, in bytes, that is searched by its fingerprint; what is longer is no key.
const maxFingerprint = 512

func (s *Search) add(key secret.Key, subject Key, number int) {
	if key.Len() < secret.MinSearchable || !key.Held() && key.Len() > maxFingerprint {
		s.unsearched.NotSearched = append(s.unsearched.NotSearched, subject.Fingerprint)
		return
	}
	if s.lengths.Shortest == 0 || key.Len() < s.lengths.Shortest {
		s.lengths.Shortest = key.Len()
	}
	s.lengths.Longest = max(s.lengths.Longest, key.Len())
	subjectOf := func(encoding string) int {
		subject.Spelling = encoding
		s.subjects, s.keys = append(s.subjects, subject), append(s.keys, number)
		return len(s.subjects) - 1
	}
	if !key.Held() {
		s.lengths.Thorough = true
		s.unsearched.ByPrint = append(s.unsearched.ByPrint, subject.Fingerprint)
		s.fingerprints = append(s.fingerprints, match.Fingerprint{ID: subjectOf(""), SHA256: key.SHA256(), Length: key.Len()})
		return
	}
	// The common encodings are looked for as they stand; decoding finds the others.
	for _, encoding := range secret.Common(key.Expose()) {
		s.seams.Add(encoding.Bytes)
		s.literals = append(s.literals, match.Literal{
			ID: subjectOf(encoding.Name), Bytes: encoding.Bytes, NotBefore: encoding.NotBefore, NotAfter: encoding.NotAfter,
		})
	}
}

// Subjects is one more than the highest ID of a key.
func (s *Search) Subjects() int { return len(s.subjects) }

// Subject tells whose key has that ID, and how it was encoded: decoded is what was undone to find it, Found.Encoding.
func (s *Search) Subject(id int, decoded string) Key {
	subject := s.subjects[id]
	if decoded != "" {
		subject.Spelling = content.Chain(decoded, strings.TrimPrefix(subject.Spelling, plain))
	}
	if subject.Spelling == "" {
		subject.Spelling = plain
	}
	return subject
}

const plain = "plain"

// Unsearched are the keys of which this search proves less. One that is known by its fingerprint is found where the text around it, once
// decoded, has no character that keys do not have.
func (s *Search) Unsearched() Unsearched { return s.unsearched }

// mark stands for a key in what is shown.
const mark = "[key]"

// Shown is text, such as a path, without the keys in it.
func (s *Search) Shown(text string) string {
	shown := s.prints.Blank(s.set.Blank(text, mark), mark)
	found := false
	if len(text) >= s.lengths.Shortest {
		scanner := s.Scanner(content.Limits{})
		scanner.decoder.Remember = false // it has one text
		scanner.Text(shown, func(Found) { found = true })
	}
	if found { // encoded in a way that cannot be cut out
		return mark
	}
	return shown
}

// contains reports whether a key is found in a short text, as it stands or encoded.
func (s *Search) contains(text []byte) bool { return s.Shown(string(text)) != string(text) }

// Hit is one key in one encoding in one content; the place is that of its first occurrence.
type Hit struct {
	Key
	Location
}

// MaxHits bounds the hits of one file; what is beyond is counted.
const MaxHits = 1000

// Hits gathers what is found in one file. Not safe for concurrent use.
type Hits struct {
	search  *Search
	scanner *Scanner
	found   map[hitKey]*Hit
	Cut     int // hits beyond MaxHits
}

type hitKey struct {
	id              int
	encoding, entry string
}

// Hits returns an empty collection.
func (c *Scanner) Hits() *Hits { return &Hits{search: c.search, scanner: c, found: map[hitKey]*Hit{}} }

// List is what was found, in a stable order.
func (h *Hits) List() []Hit {
	list := make([]Hit, 0, len(h.found))
	for _, hit := range h.found {
		list = append(list, *hit)
	}
	slices.SortFunc(list, func(a, b Hit) int {
		return cmp.Or(cmp.Compare(a.Member, b.Member), cmp.Compare(a.Line, b.Line), cmp.Compare(a.KeyEnvironment, b.KeyEnvironment),
			cmp.Compare(a.Role, b.Role), cmp.Compare(a.Fingerprint, b.Fingerprint), cmp.Compare(a.Spelling, b.Spelling))
	})
	return list
}

func (h *Hits) add(found Found) {
	key := hitKey{found.ID, found.Encoding, found.Entry}
	if old := h.found[key]; old != nil {
		old.More++
		old.Line = min(old.Line, found.Line)
		return
	}
	if len(h.found) == MaxHits {
		h.Cut++
		return
	}
	h.found[key] = &Hit{h.search.Subject(found.ID, found.Encoding), Location{Member: h.search.Shown(found.Entry), Line: found.Line}}
}

// Name searches the name of the file itself.
func (h *Hits) Name(name string) { h.scanner.Text(name, h.add) }

// Read searches a content; name, its file's, may tell a format. What was not searched is in the cuts.
func (h *Hits) Read(ctx context.Context, name string, from content.Source) ([]content.Cut, error) {
	return h.scanner.File(ctx, name, from, h.add)
}
