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
)

// scanner looks for everything in objects and files; each worker has its own.
// It is a visitor.
type scanner struct {
	*repo
	ctx      context.Context
	recorder *object.Recorder
	ranges   []object.Span
}

// suspectReach is how far around fresh bytes a suspect that touches them can
// extend: an assignment is on one line, and longer ones are no assignments.
const suspectReach = 512

// source says where the bytes being searched are; finds becomes a Hit of it.
type source struct {
	place  Place
	path   string
	member string
	object *object.Object
}

// Object implements object.Visitor.
func (s *scanner) Object(o *object.Object) (clean bool) {
	s.found.objects.Add(1)
	if o.Loose() && o.ID() != "" {
		s.verified(o)
	}
	src := source{place: places[o.Kind], object: o}
	if o.BaseClean {
		clean = !s.changed(src, o)
	} else {
		clean = !s.bytes(src, o.Data)
	}
	if o.Kind == object.Blob {
		s.blob(src, o.Data)
	} else {
		s.recorder.Record(o, s.refers(o.Kind))
	}
	return clean
}

var places = map[object.Kind]Place{object.Blob: InBlob, object.Commit: InCommit, object.Tree: InTree, object.Tag: InTag}

// refers looks up what an object of that kind names.
func (s *scanner) refers(kind object.Kind) func(name []byte, mode uint32, id []byte) {
	parents := 0
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
			if parents++; s.Shallow && parents > 1 { // the first is its tree
				return
			}
		}
		if s.present != nil && !s.present.Has(id) {
			s.missing.add(object.ID(id))
		}
	}
}

// changed searches only what is not copied from a base in which nothing was found, and what could
// straddle the seams.
func (s *scanner) changed(src source, o *object.Object) (hit bool) {
	pieces := func(reach int) []object.Span {
		s.ranges = append(s.ranges[:0], o.Changed...)
		return object.Widen(s.ranges, reach, len(o.Data))
	}
	for _, r := range pieces(max(0, s.set.Longest()-1)) {
		if s.set.Contains(o.Data[r.From:r.To]) {
			return s.bytes(src, o.Data)
		}
	}
	if !s.prints.Empty() {
		for _, r := range pieces(s.prints.Reach()) {
			if s.prints.Contains(o.Data[r.From:r.To]) {
				return s.bytes(src, o.Data)
			}
		}
	}
	if s.options.Suspects != nil {
		for _, r := range pieces(suspectReach) {
			if s.options.Suspects.Contains(o.Data[r.From:r.To]) {
				return s.bytes(src, o.Data)
			}
		}
	}
	return false
}

// bytes searches data, which is the whole of src, and records what it finds.
func (s *scanner) bytes(src source, data []byte) (hit bool) {
	s.set.Find(data, func(id, offset int) bool {
		hit = true
		s.record(Hit{Literal: id}, src, data, offset)
		return true
	})
	s.prints.Find(data, func(id, offset int, form string) {
		hit = true
		s.record(Hit{Literal: id, Form: form}, src, data, offset)
	})
	if s.options.Suspects != nil {
		s.options.Suspects.Find(data, func(what string, from, to int) {
			if s.set.Contains(data[from:to]) || s.prints.Contains(data[from:to]) {
				return // a known key, and reported as such
			}
			hit = true
			s.record(Hit{Suspect: what}, src, data, from)
		})
	}
	return hit
}

func (s *scanner) record(h Hit, src source, data []byte, offset int) {
	h.Place, h.Path, h.Member, h.Repository = src.place, src.path, src.member, s.prefix
	h.Offset, h.Line = int64(offset), int64(bytes.Count(data[:offset], []byte{'\n'}))+1
	if src.object != nil {
		h.Object = s.verified(src.object).String()
		h.Field = fieldOf(src.object.Kind, data, offset)
		if src.object.Kind == object.Tree {
			h.Path = entryName(data, offset, s.IDSize)
		}
	}
	s.found.hit(h)
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

// recordAt is record for a find in a stream.
func (s *scanner) recordAt(h Hit, src source, offset, line int64) {
	h.Place, h.Path, h.Member, h.Repository = src.place, src.path, src.member, s.prefix
	h.Offset, h.Line = offset, line
	if src.object != nil {
		h.Object = src.object.ID().String()
	}
	s.found.hit(h)
}

// fieldOf names the part of a commit, tag or tree that holds offset.
func fieldOf(k object.Kind, data []byte, offset int) string {
	switch k {
	case object.Tree:
		return "name"
	case object.Commit, object.Tag:
	default:
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

// blob does what is only for file contents.
func (s *scanner) blob(src source, data []byte) {
	if p, ok := parseLFS(data); ok {
		s.lfs(p, src)
	}
	format := content.SniffNamed(src.path, data)
	if format == content.None {
		format = content.SniffWhole(data)
	}
	if format != content.None {
		s.archive(src, format, bytes.NewReader(data))
	}
}

// Stream implements object.Visitor.
func (s *scanner) Stream(o *object.Object, size int64, r io.Reader) error {
	s.found.objects.Add(1)
	src := source{place: places[o.Kind], object: o}
	if !o.Loose() || o.ID() == "" {
		return s.reader(src, r)
	}
	h := object.NewHash(o.Kind, size, s.IDSize)
	if err := s.reader(src, io.TeeReader(r, h)); err != nil {
		return err
	}
	s.named(o, object.ID(h.Sum(nil)))
	return nil
}

// reader searches a stream of any length.
func (s *scanner) reader(src source, r io.Reader) error {
	head := make([]byte, content.SniffLen)
	n, err := io.ReadFull(r, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return err
	}
	head = head[:n]
	full := io.MultiReader(bytes.NewReader(head), r)
	tap := s.newTap(src)
	format := content.SniffNamed(src.path, head)
	file, atHand := r.(interface { // it can be read again
		io.ReaderAt
		Size() int64
	})
	if format != content.None && !atHand {
		// The archive's own bytes are searched on their way to the unpacker.
		s.archive(src, format, io.TeeReader(full, tap))
		if err := copyTo(tap, full); err != nil {
			return err
		}
		return tap.Close()
	}
	var end lastBytes
	if err := copyTo(io.MultiWriter(tap, &end), full); err != nil {
		return err
	}
	if err := tap.Close(); err != nil {
		return err
	}
	if format == content.None {
		format = content.SniffEnd(end.tail)
	}
	switch {
	case format == content.None:
	case atHand:
		s.archive(src, format, io.NewSectionReader(file, 0, file.Size()))
	default:
		s.gapIn(src, ArchiveCut, "", "it ends as a zip file does, and is too large to be held and unpacked")
	}
	return nil
}

// lastBytes keeps what is needed to tell a format by its end.
type lastBytes struct {
	tail []byte
}

func (l *lastBytes) Write(b []byte) (int, error) {
	l.tail = append(l.tail, b[max(0, len(b)-content.SniffLen):]...)
	l.tail = l.tail[max(0, len(l.tail)-content.SniffLen):]
	return len(b), nil
}

// copyTo is io.Copy with a buffer that suits the search.
func copyTo(w io.Writer, r io.Reader) error {
	_, err := io.CopyBuffer(w, struct{ io.Reader }{r}, make([]byte, 256<<10))
	return err
}

// archive searches the members of an archive.
func (s *scanner) archive(src source, format content.Format, r io.Reader) {
	cuts, err := content.Walk(s.ctx, format, r, s.options.Limits.Archive, func(path string) io.WriteCloser {
		inner := src
		inner.member = path
		name := s.newTap(inner)
		name.Write([]byte(path))
		name.Close()
		return s.newTap(inner)
	})
	for _, c := range cuts {
		s.gapIn(src, archiveReason(c), c.Path, c.Detail)
	}
	if err != nil && s.ctx.Err() == nil {
		s.gapIn(src, ArchiveUnreadable, "", err.Error())
	}
}

func archiveReason(c content.Cut) Reason {
	switch c.Reason {
	case content.Unsupported, content.Encrypted:
		return ArchiveUnsupported
	case content.Damaged:
		return ArchiveUnreadable
	}
	return ArchiveCut
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
	case errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
		return
	case errors.Is(err, object.ErrTooLarge):
		g.Reason = TooLarge
	case errors.As(err, &path):
		g.Reason = Unreadable
	}
	s.found.gap(g)
}

// entryName returns the name of the tree entry that holds offset.
func entryName(tree []byte, offset, idSize int) (name string) {
	object.EachEntry(tree, idSize, func(at int, n []byte, _ uint32, _ []byte) bool {
		if at > offset {
			return false
		}
		name = string(n)
		return true
	})
	return name
}
