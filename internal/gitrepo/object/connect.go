package gitscan

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
	"path/filepath"
	"sync"
)

// This file finds objects that others refer to and that are not here. Every
// reference in trees, commits and tags is looked up while they are searched
// anyway; only what is then found missing is traced to see whether a ref
// needs it, since unreachable objects may rightly refer to what was pruned.

// presence is the set of all object ids, as 32-bit tags in an open hash
// table: 8 bytes an object. An id that is not there passes for present once
// in about a thousand million look-ups.
type presence struct {
	tags  []uint32
	shift uint
	seed  uint64 // so that nobody can choose ids that collide
}

func newPresence(n int) *presence {
	width := uint(bits.Len(uint(2*n + 16)))
	return &presence{tags: make([]uint32, 1<<width), shift: 64 - width, seed: rand.Uint64()}
}

func (p *presence) slot(id []byte) (at uint64, tag uint32) {
	const mix = 0x9E3779B97F4A7C15
	h := (binary.LittleEndian.Uint64(id) ^ p.seed) * mix
	return (h ^ h>>29) * mix >> p.shift, max(1, binary.LittleEndian.Uint32(id[8:]))
}

func (p *presence) add(id []byte) {
	for at, tag := p.slot(id); ; at = (at + 1) & uint64(len(p.tags)-1) {
		if p.tags[at] == tag {
			return
		}
		if p.tags[at] == 0 {
			p.tags[at] = tag
			return
		}
	}
}

func (p *presence) has(id []byte) bool {
	for at, tag := p.slot(id); ; at = (at + 1) & uint64(len(p.tags)-1) {
		switch p.tags[at] {
		case tag:
			return true
		case 0:
			return false
		}
	}
}

// idSet gathers ids that something refers to.
type idSet struct {
	mu  sync.Mutex
	ids map[oid]bool
	cut bool
}

// maxIDs bounds the ids that are gathered.
const maxIDs = 100_000

func (m *idSet) add(id oid) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.ids) >= maxIDs {
		m.cut = true
		return
	}
	if m.ids == nil {
		m.ids = map[oid]bool{}
	}
	m.ids[id] = true
}

// listPresent fills r.present; it stays nil, and nothing is looked up, for a
// partial clone, of which it is known that objects are missing.
func (r *repo) listPresent() {
	if r.partial {
		return
	}
	n := 2
	for _, p := range r.packs {
		n += p.n
	}
	for _, l := range r.loose {
		n += len(l.names)
	}
	t := newPresence(n)
	for _, k := range []kind{blobKind, treeKind} {
		t.add([]byte(hashObject(k, nil, r.oidSize))) // git needs no file for the empty ones
	}
	for _, p := range r.packs {
		err := p.index.each(p.idxSize, func(_ int, id []byte, _ uint32, _ int64) error {
			t.add(id)
			return nil
		})
		if err != nil {
			r.gapFor(p.name, Unreadable, err)
			return
		}
	}
	for _, l := range r.loose {
		for _, name := range l.names {
			id, _ := parseOID(name[:2]+name[3:], r.oidSize)
			t.add([]byte(id))
		}
	}
	r.present = t
	r.missing = &idSet{}
	for _, f := range r.refs {
		if !t.has([]byte(f.id)) {
			r.gap(MissingObject, f.name, f.id, "the object this ref names is not in the repository")
		}
	}
	for _, x := range r.indexes {
		for _, e := range x.entries {
			if e.mode&modeType != modeGitlink && !t.has([]byte(e.id)) {
				r.gap(MissingObject, e.path, e.id, "staged in %s, but not in the repository", filepath.Base(x.file))
			}
		}
	}
}

// refer looks up what the object refers to.
func (s *scanner) refer(o *stored) {
	if s.present == nil && o.kind != treeKind {
		return
	}
	check := func(id []byte) {
		if s.present != nil && !s.present.has(id) {
			s.missing.add(oid(id))
		}
	}
	switch o.kind {
	case treeKind:
		s.referTree(o, check)
	case commitKind:
		c, ok := parseCommit(o.data, s.oidSize)
		if !ok {
			return
		}
		check([]byte(c.tree))
		if !s.shallow {
			for _, p := range c.parents {
				check([]byte(p))
			}
		}
	case tagKind:
		if id, ok := tagTarget(o.data, s.oidSize); ok {
			check([]byte(id))
		}
	}
}

func tagTarget(tag []byte, oidSize int) (oid, bool) {
	line, _, _ := bytes.Cut(tag, []byte{'\n'})
	hexID, ok := bytes.CutPrefix(line, []byte("object "))
	if !ok {
		return "", false
	}
	return parseOID(string(hexID), oidSize)
}

// referTree looks up the entries that are new against the base: the others
// were looked up with it.
func (s *scanner) referTree(o *stored, check func(id []byte)) {
	entries := func(from, to int) (tidy bool) {
		return eachEntry(o.data[from:], s.oidSize, func(at int, name []byte, mode uint32, id []byte) bool {
			if from+at >= to {
				return false
			}
			if bytes.HasSuffix(name, []byte(".br")) && mode&modeType == modeFile {
				s.brotli.add(oid(id))
			}
			if mode&modeType != modeGitlink {
				check(id)
			}
			return true
		})
	}
	if o.base == nil {
		entries(0, len(o.data))
		return
	}
	done := 0
	for _, r := range o.fresh {
		// A fresh range seldom begins where an entry does. Look back for what
		// can only be the beginning of one: a mode, after at least the id of
		// the entry before.
		from := max(done, entryStart(o.data, r.from, s.oidSize))
		to := min(len(o.data), r.to+1)
		if from < to {
			entries(from, to)
			done = from
		}
	}
}

// entryStart returns a position at or before at where an entry begins; the
// beginning of the tree when none is recognised.
func entryStart(tree []byte, at, oidSize int) int {
	for i := min(at, len(tree)-1); i >= 5; i-- {
		if tree[i] != ' ' {
			continue
		}
		for _, mode := range modes {
			start := i - len(mode)
			// Whatever stands before an entry ends with an id, which nothing
			// can be said about; a name that ends like this would be absurd.
			if start >= 0 && string(tree[start:i]) == mode && start <= at {
				return start
			}
		}
	}
	return 0
}

var modes = []string{"100644", "100755", "40000", "120000", "160000", "100664"}

// reportMissing reports the missing ids that something reachable needs.
func (r *repo) reportMissing(h *history, targets map[oid]*origin) {
	if r.missing == nil {
		return
	}
	for _, c := range h.commits {
		if c.label == 0 {
			continue
		}
		for _, id := range append([]oid{c.tree}, c.parents...) {
			if r.missing.ids[id] {
				r.gap(MissingObject, "", id, "commit %s needs it", c.id)
				delete(r.missing.ids, id)
			}
		}
	}
	for id := range r.missing.ids {
		o := targets[id]
		switch {
		case o == nil || !o.reachable && !o.inHead:
		case o.commit != nil:
			r.gap(MissingObject, o.path, id, "commit %s needs it", o.commit.id)
		default:
			r.gap(MissingObject, o.path, id, "%s needs it", o.ref)
		}
	}
	if r.missing.cut {
		r.gap(MissingObject, "", "", "more than %d missing objects", maxIDs)
	}
}
