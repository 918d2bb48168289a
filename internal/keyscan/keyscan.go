// Package keyscan finds the configured keys in files, in whatever spelling and inside archives, and tells whose key it was. It is
// what the probes of repositories, clients and logs share.
//
// Nothing here returns what was found, nor what stands around it; names and paths are told through Shown.
package keyscan

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"

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

// Subject is whose key was found and how it was spelled.
type Subject struct {
	Environment string
	Role        string // Current or Retired
	Fingerprint string
	Spelling    string
}

// Search is every configured key in every spelling. Safe for concurrent use.
type Search struct {
	literals     []match.Literal
	fingerprints []match.Fingerprint
	subjects     []Subject // by the ID of a literal or fingerprint
	set          *match.Set
	prints       *match.Prints
	notSearched  []string
	printed      []string
	candidates   *match.Suspects
}

// New prepares the search for the keys of an integration.
func New(integration *audit.Integration) (*Search, error) {
	s := &Search{notSearched: []string{}, printed: []string{}}
	for _, environment := range integration.Environments {
		s.add(environment.Key.Key, environment.Name, Current)
	}
	for _, retired := range integration.RetiredKeys {
		s.add(retired.Key, retired.Environment, Retired)
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

func (s *Search) add(key secret.Key, environment, role string) {
	subject := Subject{Environment: environment, Role: role, Fingerprint: key.Fingerprint()}
	switch {
	case key.Len() < secret.MinSearchable, !key.Held() && key.Len() > maxFingerprint:
		s.notSearched = append(s.notSearched, subject.Fingerprint)
	case key.Held():
		material := key.Expose()
		// What is longer than Wrapped has it is found broken anywhere.
		for _, spelling := range append(secret.Spellings(material), secret.Wrapped(material, match.Breakable-1)...) {
			subject.Spelling = spelling.Name
			s.literals = append(s.literals, match.Literal{
				ID: len(s.subjects), Bytes: spelling.Bytes, Broken: !spelling.Wide, NotBefore: spelling.NotBefore, NotAfter: spelling.NotAfter,
			})
			s.subjects = append(s.subjects, subject)
		}
	default:
		s.printed = append(s.printed, subject.Fingerprint)
		s.fingerprints = append(s.fingerprints, match.Fingerprint{ID: len(s.subjects), SHA256: key.SHA256(), Length: key.Len()})
		s.subjects = append(s.subjects, subject)
	}
}

// Literals are the spellings of the keys that are held; their IDs, from 0, are below Subjects.
func (s *Search) Literals() []match.Literal { return s.literals }

// Fingerprints are the keys that are known by their SHA-256 only; their IDs are below Subjects and none of a literal.
func (s *Search) Fingerprints() []match.Fingerprint { return s.fingerprints }

// Subjects is one more than the highest ID.
func (s *Search) Subjects() int { return len(s.subjects) }

// Subject tells whose key has that ID; form is the spelling that was undone to find a fingerprint.
func (s *Search) Subject(id int, form string) Subject {
	subject := s.subjects[id]
	if form != "" {
		subject.Spelling = form
	}
	return subject
}

// NotSearched are the fingerprints of keys that cannot be searched for: too short, so that they would be found by chance.
func (s *Search) NotSearched() []string { return s.notSearched }

// ByFingerprint are the fingerprints of keys that are known by it only. Such a key is found anywhere in text, and in the spellings that
// match.Prints names; in others, or broken into pieces, it is not.
func (s *Search) ByFingerprint() []string { return s.printed }

// mark stands for a key in what is shown.
const mark = "[key]"

// Shown is text, such as a path, without the keys that stand in it.
func (s *Search) Shown(text string) string { return s.prints.Blank(s.set.Blank(text, mark), mark) }

// Contains reports whether a key stands in text.
func (s *Search) Contains(text []byte) bool { return s.set.Contains(text) || s.prints.Contains(text) }

// Hit is one key in one spelling in one content; the place is that of its first occurrence.
type Hit struct {
	Subject
	Member string // path inside an archive, shown; empty for the file itself
	Line   int64  // from 1
	More   int    // further occurrences
}

// MaxHits bounds the hits of one file; what is beyond is counted.
const MaxHits = 1000

// Hits gathers what the taps of one file find. Not safe for concurrent use.
type Hits struct {
	search *Search
	found  map[hitKey]*Hit
	Cut    int // hits beyond MaxHits
}

type hitKey struct {
	id     int
	form   string
	member string
}

// Hits returns an empty collection.
func (s *Search) Hits() *Hits { return &Hits{search: s, found: map[hitKey]*Hit{}} }

// List is what was found, in a stable order.
func (h *Hits) List() []Hit {
	list := make([]Hit, 0, len(h.found))
	for _, hit := range h.found {
		list = append(list, *hit)
	}
	slices.SortFunc(list, func(a, b Hit) int {
		return cmp.Or(cmp.Compare(a.Member, b.Member), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Environment, b.Environment),
			cmp.Compare(a.Role, b.Role), cmp.Compare(a.Fingerprint, b.Fingerprint), cmp.Compare(a.Spelling, b.Spelling))
	})
	return list
}

func (h *Hits) add(id int, form, member string, line int64) {
	key := hitKey{id, form, member}
	if old := h.found[key]; old != nil {
		old.More++
		old.Line = min(old.Line, line)
		return
	}
	if len(h.found) == MaxHits {
		h.Cut++
		return
	}
	h.found[key] = &Hit{Subject: h.search.Subject(id, form), Member: h.search.Shown(member), Line: line}
}

// Tap searches one content, written to it in pieces, and the name it has inside an archive.
func (h *Hits) Tap(member string) io.WriteCloser {
	t := &tap{hits: h, member: member}
	t.literals = h.search.set.Stream(func(id int, _, line int64) { h.add(id, "", member, line) })
	h.text(member, member)
	return t
}

// Name searches the name of the file itself.
func (h *Hits) Name(name string) { h.text(name, "") }

func (h *Hits) text(text, member string) {
	h.search.set.Find([]byte(text), func(id, _ int) bool { h.add(id, "", member, 1); return true })
	h.search.prints.Find([]byte(text), func(id, _ int, form string) { h.add(id, form, member, 1) })
}

// tap holds what fingerprints need: a piece, and before it as much as a spelled key is long.
type tap struct {
	hits     *Hits
	member   string
	literals *match.Stream
	hold     []byte
	lines    int64 // newlines before hold
	base     int64 // offset of hold
	told     map[printed]bool
}

// printed is where a fingerprint was found, so that the overlap of two pieces tells it once.
type printed struct {
	id     int
	form   string
	offset int64
}

const piece = 256 << 10

func (t *tap) Write(b []byte) (int, error) {
	if _, err := t.literals.Write(b); err != nil {
		return 0, err
	}
	if t.hits.search.prints.Empty() {
		return len(b), nil
	}
	reach := t.hits.search.prints.Reach()
	for rest := b; len(rest) > 0; {
		n := min(len(rest), piece)
		t.hold = append(t.hold, rest[:n]...)
		rest = rest[n:]
		if len(t.hold) >= piece+2*reach {
			t.searchPrints()
			drop := len(t.hold) - reach
			t.lines += int64(bytes.Count(t.hold[:drop], []byte{'\n'}))
			t.base += int64(drop)
			t.hold = append(t.hold[:0], t.hold[drop:]...)
		}
	}
	return len(b), nil
}

func (t *tap) searchPrints() {
	told := map[printed]bool{}
	defer func() { t.told = told }()
	t.hits.search.prints.Find(t.hold, func(id, at int, form string) {
		this := printed{id, form, t.base + int64(at)}
		if told[this] = true; t.told[this] {
			return
		}
		t.hits.add(id, form, t.member, t.lines+int64(bytes.Count(t.hold[:at], []byte{'\n'}))+1)
	})
}

func (t *tap) Close() error {
	t.searchPrints()
	t.hold = nil
	return t.literals.Close()
}

// Source is a content that can be read anywhere: a bytes.Reader, or an io.SectionReader over a file.
type Source interface {
	io.Reader
	io.ReaderAt
	Size() int64
}

// Unpack writes a content, whose file has that name, to open(""), and, where it is an archive or compressed, each member to open(its path). It stops at the bounds of
// the archive package; what was left out is told by the cuts. Not found to be an archive is the rule and no cut.
func Unpack(ctx context.Context, name string, from Source, limits content.Limits, open func(member string) io.WriteCloser) ([]content.Cut, error) {
	whole := open("")
	_, err := io.CopyBuffer(whole, struct{ io.Reader }{content.Until(ctx, io.NewSectionReader(from, 0, from.Size()))}, make([]byte, 128<<10))
	if closed := whole.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return nil, err
	}
	format := packed(name, from)
	if format == content.None {
		return nil, nil
	}
	return content.Walk(ctx, format, io.NewSectionReader(from, 0, from.Size()), limits, open)
}

func packed(name string, from Source) content.Format {
	head := make([]byte, content.SniffLen)
	n, _ := from.ReadAt(head, 0)
	if format := content.SniffNamed(name, head[:n]); format != content.None {
		return format
	}
	tail := make([]byte, min(from.Size(), content.SniffLen))
	n, _ = from.ReadAt(tail, from.Size()-int64(len(tail)))
	return content.SniffEnd(tail[:n])
}

// Read searches a content for keys, inside archives too.
func (h *Hits) Read(ctx context.Context, from Source, limits content.Limits) ([]content.Cut, error) {
	return Unpack(ctx, "", from, limits, h.Tap)
}
