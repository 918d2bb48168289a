package search

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/prelaunch-audit/prelaunch/internal/content"
	"github.com/prelaunch-audit/prelaunch/internal/gitrepo/object"
	"github.com/prelaunch-audit/prelaunch/internal/keyscan"
)

// scanner searches objects and files; each worker has its own. It is an object.Visitor.
type scanner struct {
	*repo
	ctx      context.Context
	keys     *keyscan.Scanner
	recorder *object.Recorder
	names    []byte
	shortest int // of the names that are searched
}

func (r *repo) newScanner(ctx context.Context) *scanner {
	return &scanner{repo: r, ctx: ctx, keys: r.with.Scanner(r.options.Limits.Content), recorder: r.history.Recorder(), shortest: r.with.ShortestText()}
}

// source says where what is being searched is; a find becomes a Hit of it.
type source struct {
	place  Place
	path   string
	object *object.Object
}

var places = map[object.Kind]Place{object.Blob: InBlob, object.Commit: InCommit, object.Tree: InTree, object.Tag: InTag}

// Object implements object.Visitor.
func (s *scanner) Object(o *object.Object) (clean bool) {
	s.found.objects.Add(1)
	if o.Loose() && o.ID() != "" {
		s.verified(o)
	}
	src := source{place: places[o.Kind], object: o}
	switch {
	case o.Kind == object.Tree:
		return s.tree(src, o)
	case o.Kind == object.Blob:
		if p, ok := parseLFS(o.Data); ok {
			s.lfs(p, src)
		}
	default:
		s.recorder.Record(o, s.refers(o.Kind))
	}
	if (o.BaseClean || o.Base == nil && o.Kind == object.Blob && isText(o.Data)) && !s.changed(o) {
		return true
	}
	// Whether a zip file ends in an object is only looked for in what changed.
	hit := s.bytes(src, o.Data, headerOf(o))
	return !hit && !s.keys.Whole() && !content.EndsZip(o.Data)
}

// headerOf is how much of a commit or tag are IDs of other objects, in which nothing can be hidden.
func headerOf(o *object.Object) (n int) {
	if o.Kind != object.Commit && o.Kind != object.Tag {
		return 0
	}
	for line := range bytes.Lines(o.Data) {
		key, id, _ := bytes.Cut(line, []byte{' '})
		if k := string(key); k != "tree" && k != "parent" && k != "object" || len(id) > 65 {
			break
		}
		n += len(line)
	}
	return n
}

// isText reports whether data is text, as Git tells it from what is binary.
func isText(data []byte) bool { return bytes.IndexByte(data[:min(len(data), 8000)], 0) < 0 }

// changed reports whether anything may be found that is not copied from a base in which nothing
// was found, nor the end of a zip file, nor anything that depends on all of it, as what is in a container does.
func (s *scanner) changed(o *object.Object) bool {
	if o.Kind == object.Blob && content.Sniff(o.Data) != content.None {
		return true
	}
	if o.Base == nil { // it may still be much like others
		return s.keys.Changed(o.Data, 0, len(o.Data))
	}
	near := 2 * s.with.Reach()
	for i := 0; i < len(o.Changed); {
		r := o.Changed[i]
		for i++; i < len(o.Changed) && o.Changed[i].From-r.To <= near; i++ {
			r.To = o.Changed[i].To
		}
		if s.keys.Changed(o.Data, r.From, r.To) {
			return true
		}
	}
	return false
}

// tree searches the names in a tree: the new ones, or all if its base has any that was found.
func (s *scanner) tree(src source, o *object.Object) (clean bool) {
	type entry struct {
		at   int // in s.names
		name string
	}
	var entries []entry
	s.names = s.names[:0]
	add := func(name []byte) {
		if len(name) >= s.shortest {
			entries = append(entries, entry{len(s.names), string(name)})
			s.names = append(append(s.names, name...), '\n')
		}
	}
	look := s.refers(object.Tree)
	s.recorder.Record(o, func(name []byte, mode uint32, id []byte) {
		look(name, mode, id)
		if o.Base == nil || o.BaseClean {
			add(name)
		}
	})
	if o.Base != nil && !o.BaseClean {
		object.EachEntry(o.Data, s.IDSize, func(_ int, name []byte, _ uint32, _ []byte) bool {
			add(name)
			return true
		})
	}
	if len(entries) == 0 {
		return true
	}
	clean = true
	s.keys.Text(string(s.names), func(f keyscan.Found) {
		clean = false
		h := s.hit(src, f)
		for _, e := range entries {
			if int64(e.at) <= f.Offset {
				h.Path = e.name
			}
		}
		h.Field, h.Line, h.Offset = "name", 0, 0
		s.found.hit(h)
	})
	return clean
}

// refers looks up what an object of that kind names.
func (s *scanner) refers(kind object.Kind) func(name []byte, mode uint32, id []byte) {
	named := 0
	return func(name []byte, mode uint32, id []byte) {
		switch kind {
		case object.Tree:
			if bytes.HasSuffix(name, []byte(".br")) && mode&object.ModeType == object.ModeFile {
				s.brotli.add(object.ID(id))
			}
			if mode&object.ModeType == object.ModeGitlink {
				return
			}
		case object.Commit:
			if named++; s.Shallow && named > 1 { // the first is its tree, the others its parents
				return
			}
		}
		if s.present != nil && !s.present.Has(id) {
			s.missing.add(object.ID(id))
		}
	}
}

// countOpaque counts, once what it returns is called, the contents that may be encrypted.
func (s *scanner) countOpaque() func() {
	before := s.keys.Opaque()
	return func() { s.found.opaque.Add(int64(s.keys.Opaque() - before)) }
}

// bytes searches data, which is the whole of src, from skip on.
func (s *scanner) bytes(src source, data []byte, skip int) (hit bool) {
	defer s.countOpaque()()
	lines := int64(bytes.Count(data[:skip], []byte{'\n'}))
	cuts, _ := s.keys.Bytes(s.ctx, src.path, data[skip:], func(f keyscan.Found) { // the error is the context's
		hit = true
		if f.Entry == "" {
			f.Offset, f.Line = f.Offset+int64(skip), f.Line+lines
		}
		h := s.hit(src, f)
		if src.object != nil && f.Entry == "" {
			h.Field = fieldOf(src.object.Kind, data, int(f.Offset))
		}
		s.found.hit(h)
	})
	s.cuts(src, cuts)
	return hit
}

// text searches a short text that belongs to src.
func (s *scanner) text(src source, text string, placed bool) {
	s.keys.Text(text, func(f keyscan.Found) {
		h := s.hit(src, f)
		if !placed {
			h.Offset, h.Line = 0, 0
		}
		s.found.hit(h)
	})
}

// hit is a find as a Hit.
func (s *scanner) hit(src source, f keyscan.Found) Hit {
	h := Hit{
		Literal: f.ID, Form: f.Encoding, Suspect: f.Candidate, Place: src.place, Path: src.path, Member: f.Entry, Repository: s.prefix,
		Offset: f.Offset, Line: f.Line,
	}
	if src.object != nil {
		id := src.object.ID()
		if src.object.Data != nil {
			id = s.verified(src.object)
		}
		h.Object = id.String()
	}
	return h
}

// verified returns the ID of an object at hand, computed from its content: an index that names it
// otherwise must not spoil the evidence.
func (s *scanner) verified(o *object.Object) object.ID {
	id := o.RealID(s.IDSize)
	s.named(o, id)
	return id
}

// named reports an object whose content has another ID than its name says: what belongs to that
// name is not here.
func (s *scanner) named(o *object.Object, real object.ID) {
	if id := o.ID(); id != "" && id != real {
		s.Broken(o, fmt.Errorf("%w: its content has the ID %s", errNamed, real))
	}
}

var errNamed = errors.New("corrupt object")

// fieldOf names the part of a commit or tag that holds offset.
func fieldOf(k object.Kind, data []byte, offset int) string {
	if k != object.Commit && k != object.Tag {
		return ""
	}
	end := bytes.Index(data, []byte("\n\n"))
	if end >= 0 && offset > end {
		return "message"
	}
	for at := bytes.LastIndexByte(data[:offset], '\n') + 1; ; at = bytes.LastIndexByte(data[:at-1], '\n') + 1 {
		if data[at] != ' ' { // not a continuation of the line before
			switch name, _, _ := bytes.Cut(data[at:min(len(data), at+16)], []byte{' '}); string(name) {
			case "author", "committer", "tagger", "tree", "parent", "object", "type", "encoding", "gpgsig", "mergetag":
				return string(name)
			case "tag":
				return "name"
			}
			return "header"
		}
		if at == 0 {
			return "header"
		}
	}
}

// Stream implements object.Visitor.
func (s *scanner) Stream(o *object.Object, size int64, r io.Reader) error {
	s.found.objects.Add(1)
	defer s.countOpaque()()
	src := source{place: places[o.Kind], object: o}
	named := o.Loose() && o.ID() != ""
	h := object.NewHash(o.Kind, size, s.IDSize)
	if named {
		r = io.TeeReader(r, h)
	}
	cuts, err := s.keys.Stream(s.ctx, "", r, func(f keyscan.Found) { s.found.hit(s.hit(src, f)) })
	s.cuts(src, cuts)
	if err != nil {
		return err
	}
	if named {
		if _, err := io.Copy(io.Discard, r); err != nil {
			return err
		}
		s.named(o, object.ID(h.Sum(nil)))
	}
	return nil
}

func (s *scanner) cuts(src source, cuts []content.Cut) {
	for _, c := range cuts {
		reason := ArchiveCut
		switch c.Reason {
		case content.Unsupported, content.Encrypted:
			reason = ArchiveUnsupported
		case content.Damaged:
			reason = ArchiveUnreadable
		}
		s.gapIn(src, reason, c.Path, c.Detail)
	}
}

func (s *scanner) gapIn(src source, reason Reason, member, detail string) {
	path := src.path
	if member != "" {
		path += "!" + member
	}
	g := Gap{Reason: reason, Repository: s.prefix, Path: path, Detail: detail}
	if src.object != nil {
		g.Object = src.object.ID().String()
	}
	s.found.gap(g)
}

// Broken implements object.Visitor.
func (s *scanner) Broken(o *object.Object, err error) {
	g := Gap{Reason: CorruptObject, Repository: s.prefix, Path: o.File(), Object: o.ID().String(), Detail: err.Error()}
	var path *fs.PathError
	switch {
	case s.ctx.Err() != nil:
		return
	case errors.Is(err, object.ErrTooLarge):
		g.Reason = TooLarge
	case errors.As(err, &path):
		g.Reason = Unreadable
	}
	s.found.gap(g)
}

// searchBrotli unpacks the blobs that a tree, of whatever commit, names like files compressed with
// brotli: their content alone does not tell. The blobs themselves were searched, and what cannot be
// read of them was reported, when all objects were.
func (r *repo) searchBrotli(ctx context.Context) {
	s := r.newScanner(ctx)
	for _, id := range r.brotli.sorted() {
		if ctx.Err() != nil {
			return
		}
		o := object.New(object.Blob, id)
		object.Protect(func() {
			k, data, err := r.store.Load(ctx, id)
			switch {
			case errors.Is(err, object.ErrTooLarge):
				s.Broken(o, err)
			case err == nil && k == object.Blob && content.SniffNamed(".br", data) == content.Brotli:
				src := source{place: InBlob, object: o}
				cuts, _ := s.keys.Bytes(ctx, ".br", data, func(f keyscan.Found) { // the error is the context's
					if f.Entry != "" {
						s.found.hit(s.hit(src, f))
					}
				})
				s.cuts(src, cuts)
			}
		}, func(err error) { s.Broken(o, err) })
	}
	if r.brotli.truncated {
		r.gap(TooLarge, "", "", "more than %d files are compressed with brotli", maxIDs)
	}
}
