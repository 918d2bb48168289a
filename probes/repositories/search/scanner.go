package gitscan

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/prelaunch-audit/prelaunch/internal/content"
)

// scanner looks for everything in objects and files; each worker has its own.
// It is a visitor.
type scanner struct {
	*repo
	ctx    context.Context
	ranges []span
}

// suspectReach is how far around fresh bytes a suspect that touches them can
// extend: an assignment is on one line, and longer ones are no assignments.
const suspectReach = 512

// source says where the bytes being searched are; finds becomes a Hit of it.
type source struct {
	place  Place
	path   string
	member string
	object *stored
}

func (s *scanner) object(o *stored) (clean bool) {
	s.found.objects.Add(1)
	if o.id != "" {
		s.verified(o) // no index and no checksum vouches for what a loose object's file is named
	}
	src := source{place: placeOf(o.kind), object: o}
	clean = true
	if o.base == nil {
		clean = !s.bytes(src, o.data)
	} else {
		clean = !s.fresh(src, o)
	}
	if o.kind == blobKind {
		s.blob(src, o.data)
	} else {
		s.refer(o)
	}
	return clean
}

func placeOf(k kind) Place {
	switch k {
	case commitKind:
		return InCommit
	case treeKind:
		return InTree
	case tagKind:
		return InTag
	}
	return InBlob
}

// fresh searches only what is not copied from a base in which nothing was
// found, and what could straddle the seams.
func (s *scanner) fresh(src source, o *stored) (hit bool) {
	pieces := func(reach int) []span {
		s.ranges = append(s.ranges[:0], o.fresh...)
		return widen(s.ranges, reach, len(o.data))
	}
	for _, r := range pieces(max(0, s.set.Longest()-1)) {
		if s.set.Contains(o.data[r.from:r.to]) {
			return s.bytes(src, o.data)
		}
	}
	if !s.prints.Empty() {
		for _, r := range pieces(s.prints.Reach()) {
			if s.prints.Contains(o.data[r.from:r.to]) {
				return s.bytes(src, o.data)
			}
		}
	}
	if s.options.Suspects != nil {
		for _, r := range pieces(suspectReach) {
			if s.options.Suspects.Contains(o.data[r.from:r.to]) {
				return s.bytes(src, o.data)
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
		h.Field = fieldOf(src.object.kind, data, offset)
		if src.object.kind == treeKind {
			h.Path = entryName(data, offset, s.oidSize)
		}
	}
	s.found.hit(h)
}

// verified returns the id of an object at hand, computed from its content: an
// index that names it otherwise must not spoil the evidence.
func (s *scanner) verified(o *stored) oid {
	if o.real == "" {
		o.real = hashObject(o.kind, o.data, s.oidSize)
		s.named(o)
	}
	return o.real
}

// named reports an object whose content has another id than its name says: what belongs to that name is not here.
func (s *scanner) named(o *stored) {
	if id := o.name(); id != "" && id != o.real {
		s.broken(o, fmt.Errorf("%w: its content has the id %s", errNamed, o.real))
	}
}

var errNamed = errors.New("corrupt object")

// recordAt is record for a find in a stream.
func (s *scanner) recordAt(h Hit, src source, offset, line int64) {
	h.Place, h.Path, h.Member, h.Repository = src.place, src.path, src.member, s.prefix
	h.Offset, h.Line = offset, line
	if src.object != nil {
		h.Object = src.object.name().String()
	}
	s.found.hit(h)
}

// fieldOf names the part of a commit, tag or tree that holds offset.
func fieldOf(k kind, data []byte, offset int) string {
	switch k {
	case treeKind:
		return "name"
	case commitKind, tagKind:
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

func (s *scanner) stream(o *stored, size int64, r io.Reader) error {
	s.found.objects.Add(1)
	src := source{place: placeOf(o.kind), object: o}
	if o.id == "" {
		return s.reader(src, r)
	}
	h := startHash(o.kind, size, s.oidSize)
	if err := s.reader(src, io.TeeReader(r, h)); err != nil {
		return err
	}
	o.real = oid(h.Sum(nil))
	s.named(o)
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
		g.Object = src.object.name().String()
	}
	s.found.gap(g)
}

func (s *scanner) broken(o *stored, err error) {
	g := Gap{Reason: CorruptObject, Repository: s.prefix, Object: o.name().String(), Detail: err.Error()}
	if o.pack != nil {
		g.Path = o.pack.name
	}
	var path *fs.PathError
	switch {
	case errors.Is(err, errTooLarge):
		g.Reason = TooLarge
	case errors.As(err, &path):
		g.Reason = Unreadable
	}
	s.found.gap(g)
}

// entryName returns the name of the tree entry that holds offset.
func entryName(tree []byte, offset, oidSize int) (name string) {
	eachEntry(tree, oidSize, func(at int, n []byte, _ uint32, _ []byte) bool {
		if at > offset {
			return false
		}
		name = string(n)
		return true
	})
	return name
}
