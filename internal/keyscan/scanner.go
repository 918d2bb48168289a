package keyscan

import (
	"context"
	"fmt"
	"io"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/content"
	"github.com/prelaunch-audit/prelaunch/internal/keyscan/match"
)

// Found is one occurrence of a key, of a literal that was added with With, or of a candidate. An occurrence is found once, however
// many ways of decoding lead to it.
type Found struct {
	// ID is the number of the key's subject (below Search.Subjects) or that of an added literal. It means nothing for a
	// candidate.
	ID int
	// Encoding is what was undone to find it, such as "base64 of hex"; empty where it was found as it stands. Search.Subject
	// joins it with the encoding that the ID stands for.
	Encoding string
	// Candidate is match.Assignment, match.Header or match.Shape for what looks like a key and is none of the configured ones.
	Candidate string
	Entry     string // path inside containers; empty for the content itself
	Offset    int64  // in the entry, from 0: of the occurrence, or of the encoded text that holds it
	Line      int64  // in the entry, from 1
}

// With is a search that finds further literals too, as they stand, whose IDs begin at Subjects, and candidates; nil looks for none.
func (s *Search) With(literals []match.Literal, candidates *match.Suspects) (*Search, error) {
	with := *s
	with.candidates, with.lines = candidates, &content.Lines{}
	var err error
	with.set, err = match.New(append(literals[:len(literals):len(literals)], s.literals...))
	return &with, err
}

// Scanner searches one content after the other, with everything that is encoded or packed in it. It is not safe for concurrent use:
// each worker has its own.
type Scanner struct {
	search  *Search
	decoder *content.Decoder
	found   func(Found)
	seen    map[spot]int64
	// Also, if set, is shown every text that is searched.
	Also func(*content.Text)
}

// spot is where a key was found, roughly: decoding leads to an encoded text give or take a few bytes.
type spot struct {
	key   int // -1: a candidate
	entry string
	name  bool
	near  int64
}

// nearby is how far apart two findings of the same key at least are; no key that is searched for is shorter.
const nearby = 8

// Scanner returns a scanner that decodes within the limits.
func (s *Search) Scanner(limits content.Limits) *Scanner {
	c := &Scanner{search: s, seen: map[spot]int64{}}
	keys := s.lengths
	if !keys.Thorough {
		keys.Seams = s.seams
	}
	c.decoder = content.NewDecoder(limits, keys, c.visit)
	c.decoder.Remember = true
	return c
}

// Bytes searches data, the whole of a content; name, its file's, may tell a format and may be empty. What could not be searched is
// in the cuts; the error is the context's.
func (c *Scanner) Bytes(ctx context.Context, name string, data []byte, found func(Found)) ([]content.Cut, error) {
	c.begin(found)
	return c.decoder.Bytes(ctx, name, data)
}

// File searches what can be read anywhere and may be of any size, as an io.SectionReader over a file. The error is the context's or
// that of reading.
func (c *Scanner) File(ctx context.Context, name string, from content.Source, found func(Found)) ([]content.Cut, error) {
	c.begin(found)
	return c.decoder.File(ctx, name, from)
}

// Stream searches what can be read once only. What begins with something else than a container's first bytes and ends as a zip file
// is not opened, and in the cuts, if it is larger than what is held.
func (c *Scanner) Stream(ctx context.Context, name string, r io.Reader, found func(Found)) ([]content.Cut, error) {
	c.begin(found)
	return c.decoder.Stream(ctx, name, r)
}

// Text searches a short text that is no file: a name, a message.
func (c *Scanner) Text(text string, found func(Found)) {
	c.begin(found)
	_, _ = c.decoder.Bytes(context.Background(), "", []byte(text)) // nothing that ends
}

// Whole reports whether Changed tells nothing of other versions of the content that was searched last.
func (c *Scanner) Whole() bool { return c.decoder.Whole() }

// Opaque is how many contents and entries of containers were of high entropy and no known format: they may be encrypted.
func (c *Scanner) Opaque() int { return c.decoder.Opaque }

// NotDecoded tells the run's scope how many contents of what was searched may be encrypted.
func NotDecoded(run *audit.Run, what, environment string, opaque int) {
	if opaque == 0 {
		return
	}
	run.Sink.Scope(func(scope *audit.Scope) {
		scope.Skipped = append(scope.Skipped, audit.Skipped{What: fmt.Sprintf("%s: %d of its contents", what, opaque),
			Environment: environment, Reason: "not decoded: of high entropy and no known format, they may be encrypted"})
	})
}

// Changed reports whether anything may be found in data, which is text, that is not in what it was made from, of which data[from:to]
// is a changed range: then Bytes has to search all of it.
func (c *Scanner) Changed(data []byte, from, to int) bool {
	reach := c.search.Reach()
	from, to = content.Around(data, from, to, reach)
	if content.EndsZip(data[from:to]) {
		return true
	}
	hit := false
	also, opaque := c.Also, c.decoder.Opaque
	c.Also = nil
	defer func() { c.Also, c.decoder.Opaque = also, opaque }()
	c.begin(func(Found) { hit = true })
	return !c.decoder.Familiar(data[from:to], reach, c.search.lines, func() bool { return hit })
}

// Reach is how far around a changed range Changed looks at least, so that ranges this near are checked together.
func (s *Search) Reach() int {
	return max(changedReach, s.lengths.Longest*maxExpansion, s.set.Longest())
}

// ShortestText is the length in bytes of the shortest text in which anything can be found.
func (s *Search) ShortestText() int {
	shortest := s.set.Shortest()
	if s.lengths.Shortest > 0 {
		shortest = min(shortest, s.lengths.Shortest)
	}
	return shortest
}

// changedReach is how far around a changed range what touches it can extend: an assignment is on one line.
const changedReach = 256

// maxExpansion is how many bytes one byte of a key takes at most, escaped as &#x41; and broken over lines.
const maxExpansion = 8

func (c *Scanner) begin(found func(Found)) {
	c.found = found
	if len(c.seen) > 0 {
		clear(c.seen)
	}
}

// visit searches one text.
func (c *Scanner) visit(t *content.Text) {
	if c.Also != nil {
		c.decoder.Mark() // it may tell files apart
		c.Also(t)
	}
	c.search.set.Each(t.Bytes, func(id, from, to int) bool {
		if to == len(t.Bytes) && !t.Last { // what follows may make it something else; the next window holds it too
			return true
		}
		if id < len(c.search.keys) {
			c.report(t, c.search.keys[id], id, from, to)
		} else if t.Layer == 0 {
			c.report(t, id, id, from, to)
		}
		return true
	})
	c.search.prints.Each(t.Bytes, func(id, from, to int) { c.report(t, c.search.keys[id], id, from, to) })
	if c.search.candidates != nil && t.Layer == 0 {
		c.search.candidates.Find(t.Bytes, func(what string, from, to int) {
			if !c.search.contains(t.Bytes[from:to]) {
				if offset, line, fresh := c.place(t, -1, from); fresh {
					c.found(Found{Candidate: what, Entry: t.Entry, Offset: offset, Line: line})
				}
			}
		})
	}
}

func (c *Scanner) report(t *content.Text, key, id, from, to int) {
	if offset, line, fresh := c.place(t, key, from); fresh {
		c.found(Found{ID: id, Encoding: t.Encoding(from, to), Entry: t.Entry, Offset: offset, Line: line})
	}
}

// place is where a find stands; fresh is false when it was found there before: in the window before, or decoded in another way.
func (c *Scanner) place(t *content.Text, key, at int) (offset, line int64, fresh bool) {
	c.decoder.Mark()
	offset, line = t.Place(at)
	this := spot{key, t.Entry, t.Name, offset / nearby}
	for near := this.near - 1; near <= this.near+1; near++ {
		if old, ok := c.seen[spot{key, t.Entry, t.Name, near}]; ok && offset-old < nearby && old-offset < nearby {
			return 0, 0, false
		}
	}
	c.seen[this] = offset
	return offset, line, true
}
