package keyscan

import (
	"bytes"
	"context"
	"io"

	"github.com/prelaunch-audit/prelaunch/internal/content"
	"github.com/prelaunch-audit/prelaunch/internal/keyscan/match"
)

// Found is one occurrence of a key, of a literal that was added with With, or of a candidate.
type Found struct {
	// ID is the number of the key's subject (below Search.Subjects) or that of an added literal. It means nothing for a
	// candidate.
	ID int
	// Encoding is what was undone to find it, such as "base64 of gzip"; empty where the literal itself says it, see
	// Search.Subject.
	Encoding string
	// Candidate is match.Assignment or match.Header for what looks like a key and is none of the configured ones.
	Candidate string
	Entry     string // path inside archives; empty for the content itself
	Offset    int64  // in the entry, from 0: of the occurrence, or of the encoded text that holds it
	Line      int64  // in the entry, from 1
}

// With is a search that finds further literals too, whose IDs begin at Subjects, and candidates; nil looks for none.
func (s *Search) With(literals []match.Literal, candidates *match.Suspects) (*Search, error) {
	with := *s
	with.candidates = candidates
	var err error
	with.set, err = match.New(append(literals[:len(literals):len(literals)], s.literals...))
	return &with, err
}

// Scanner searches one content after the other, with everything that is encoded or packed in it. It is not safe for
// concurrent use: each worker has its own.
type Scanner struct {
	search *Search
	limits content.Limits
}

// Scanner returns a scanner that decodes within the limits.
func (s *Search) Scanner(limits content.Limits) *Scanner { return &Scanner{search: s, limits: limits} }

// Bytes searches data, the whole of a content; name, its file's name, may tell a format and may be empty. What could not be
// searched is in the cuts; the error is the context's.
func (c *Scanner) Bytes(ctx context.Context, name string, data []byte, found func(Found)) ([]content.Cut, error) {
	return c.source(ctx, name, bytes.NewReader(data), found)
}

// File searches what can be read anywhere and may be of any size: an io.SectionReader over a file. The error is the
// context's or that of reading.
func (c *Scanner) File(ctx context.Context, name string, from Source, found func(Found)) ([]content.Cut, error) {
	return c.source(ctx, name, from, found)
}

// Text searches a short text that is no file: a name, a message.
func (c *Scanner) Text(text string, found func(Found)) {
	c.tap("", []byte(text), found)
}

// Changed reports whether anything may be found in data that is not in what it was made from, of which data[from:to] is a
// changed range: then Bytes has to search all of it.
func (c *Scanner) Changed(data []byte, from, to int) bool {
	around := func(reach int) []byte { return data[max(0, from-reach):min(len(data), to+reach)] }
	const candidateReach = 512 // an assignment is on one line
	return c.search.set.Contains(around(max(0, c.search.set.Longest()-1))) ||
		!c.search.prints.Empty() && c.search.prints.Contains(around(c.search.prints.Reach())) ||
		c.search.candidates != nil && c.search.candidates.Contains(around(candidateReach))
}

func (c *Scanner) source(ctx context.Context, name string, from Source, found func(Found)) ([]content.Cut, error) {
	return Unpack(ctx, name, from, c.limits, func(entry string) io.WriteCloser {
		if entry != "" {
			c.tap(entry, []byte(entry), found)
		}
		return &gather{done: func(data []byte) { c.tap(entry, data, found) }}
	})
}

func (c *Scanner) tap(entry string, data []byte, found func(Found)) {
	line := func(at int) int64 { return int64(bytes.Count(data[:at], []byte{'\n'})) + 1 }
	c.search.set.Find(data, func(id, at int) bool {
		found(Found{ID: id, Entry: entry, Offset: int64(at), Line: line(at)})
		return true
	})
	c.search.prints.Find(data, func(id, at int, form string) {
		found(Found{ID: id, Encoding: form, Entry: entry, Offset: int64(at), Line: line(at)})
	})
	if c.search.candidates != nil {
		c.search.candidates.Find(data, func(what string, from, to int) {
			if v := data[from:to]; !c.search.Contains(v) {
				found(Found{Candidate: what, Entry: entry, Offset: int64(from), Line: line(from)})
			}
		})
	}
}

// gather holds a content until all of it is there.
type gather struct {
	data []byte
	done func([]byte)
}

func (g *gather) Write(b []byte) (int, error) {
	g.data = append(g.data, b...)
	return len(b), nil
}

func (g *gather) Close() error {
	g.done(g.data)
	return nil
}
