package object

import (
	"cmp"
	"context"
	"encoding/binary"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// A History tells which commits hold an object, and under which path, without another walk over
// the trees. While a walk shows the objects anyway, it notes what each tree names in its changed
// ranges and what it no longer has of its base: since trees are deltas of each other, that is
// little, and says of every tree exactly what it holds. Nothing else is done until something is to
// be located.
//
// IDs are kept as 32-bit tags. Where several objects have the same, the tree that a note is of is
// read again; an object that is not in the store may be mistaken for another.

// edge says that a tree or a commit names an object.
type edge struct {
	child uint32 // tag of the object's ID
	name  uint32 // hash of the name in the tree, never 0; 0: a commit names its tree
	from  uint32 // number of the tree or commit
}

// maxEdges bounds the notes: 12 bytes each. Large public repositories have some 30 million.
const maxEdges = 1 << 26

type commitRecord struct {
	number uint32
	time   int64
	ids    string // of its tree, and its parents
}

// History gathers the notes of all workers.
type History struct {
	store     *Store
	mu        sync.Mutex
	recorders []*Recorder
	edges     atomic.Int64

	prepared bool
	named    []edge   // what is new in a tree, grouped by child
	groups   []uint32 // where each group begins
	dropped  []edge   // what a tree does not have of its base, by from
	drops    []uint32 // where those of an object begin
	tags     []uint32 // of the ID of each object, by number
	commits  map[ID]*Revision
	byAge    []*Revision
	numbers  map[ID]uint32 // of trees that were entered
	tagOf    map[ID]ID     // annotated tag to what it names
	refs     []Ref
	head     ID
}

// NewHistory returns an empty History of the store.
func (s *Store) NewHistory() *History {
	return &History{store: s, tagOf: map[ID]ID{}, numbers: map[ID]uint32{}}
}

// Recorder takes the notes of one worker.
type Recorder struct {
	history *History
	named   edges
	dropped edges
	commits []commitRecord
}

// edges grow without being copied: there are millions.
type edges struct {
	full [][]edge
	last []edge
}

const edgesAtOnce = 16 << 10

func (l *edges) add(e edge) {
	if len(l.last) == cap(l.last) {
		if l.last != nil {
			l.full = append(l.full, l.last)
		}
		l.last = make([]edge, 0, edgesAtOnce)
	}
	l.last = append(l.last, e)
}

func (l *edges) parts() [][]edge { return append(l.full, l.last) }

// Recorder returns a new one.
func (h *History) Recorder() *Recorder {
	r := &Recorder{history: h}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.recorders = append(h.recorders, r)
	return r
}

// Record notes what the object names. It calls named, unless nil, for each object it names, with
// the name in a tree; of a tree that is stored as a delta only for what is new, and some others.
func (r *Recorder) Record(o *Object, named func(name []byte, mode uint32, id []byte)) {
	h := r.history
	idSize := h.store.IDSize
	switch o.Kind {
	case Tree:
		keep := o.number != noNumber && h.edges.Load() < maxEdges
		noted := 0
		EachNewEntry(o, idSize, func(name []byte, mode uint32, id []byte) {
			if named != nil {
				named(name, mode, id)
			}
			if keep && mode&ModeType != ModeGitlink {
				r.named.add(edge{tagOf(id), hashName(name), o.number})
				noted++
			}
		})
		if keep && o.Base != nil {
			eachDroppedEntry(o, idSize, func(name, id []byte) {
				r.dropped.add(edge{tagOf(id), hashName(name), o.number})
				noted++
			})
		}
		h.edges.Add(int64(noted))
	case Commit:
		c, ok := ParseCommit(o.Data, idSize)
		if !ok {
			return
		}
		ids := string(c.Tree)
		for _, p := range c.Parents {
			ids += string(p)
		}
		if named != nil {
			for at := 0; at < len(ids); at += idSize {
				named(nil, 0, []byte(ids[at:at+idSize]))
			}
		}
		if o.number != noNumber {
			r.commits = append(r.commits, commitRecord{o.number, c.Time, ids})
			r.named.add(edge{child: tagOf([]byte(c.Tree)), from: o.number})
		}
	case Tag:
		target, ok := TagTarget(o.Data, idSize)
		if !ok {
			return
		}
		if named != nil {
			named(nil, 0, []byte(target))
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		h.tagOf[o.ID()] = target
	}
}

func tagOf(id []byte) uint32 { return binary.LittleEndian.Uint32(id[4:]) }

// hashName is FNV-1a, never 0.
func hashName(name []byte) uint32 {
	h := uint32(2166136261)
	for _, c := range name {
		h = (h ^ uint32(c)) * 16777619
	}
	return max(h, 1)
}

// Truncated reports whether there was more to note than the bound allows, so that an object may
// have an origin that is not found.
func (h *History) Truncated() bool { return h.edges.Load() >= maxEdges }

// Ref is a name that keeps an object alive.
type Ref struct {
	Name string
	ID   ID
}

// Revision is a commit and whether a ref reaches it.
type Revision struct {
	CommitInfo
	ID  ID
	Ref string // empty: none reaches it

	number uint32
	age    int64 // Time, but later than every parent's: clocks are not to be trusted
}

// Prepare takes the refs and the commit of HEAD, and arranges the notes. Nothing may be recorded
// afterwards.
func (h *History) Prepare(ctx context.Context, refs []Ref, head ID) error {
	if h.prepared {
		return nil
	}
	h.prepared, h.refs, h.head = true, refs, head
	h.readCommits()
	h.label()
	h.sortByAge()
	if err := h.readTags(); err != nil {
		return err
	}
	h.group()
	return ctx.Err()
}

func (h *History) readCommits() {
	h.commits = map[ID]*Revision{}
	size := h.store.IDSize
	for _, r := range h.recorders {
		for _, c := range r.commits {
			info := CommitInfo{Tree: ID(c.ids[:size]), Time: c.time}
			for at := size; at < len(c.ids); at += size {
				info.Parents = append(info.Parents, ID(c.ids[at:at+size]))
			}
			if id := h.store.idOf(c.number); id != "" {
				h.commits[id] = &Revision{CommitInfo: info, ID: id, number: c.number}
			}
		}
		r.commits = nil
	}
}

// at returns where the object of that number is.
func (s *Store) at(number uint32) (p *pack, entry int, l *looseDir) {
	for _, p := range s.packs {
		if number-p.number < uint32(p.n) {
			return p, int(number - p.number), nil
		}
	}
	for i := range s.loose {
		if l := &s.loose[i]; number-l.number < uint32(len(l.names)) {
			return nil, int(number - l.number), l
		}
	}
	return nil, 0, nil
}

func (s *Store) idOf(number uint32) ID {
	switch p, entry, l := s.at(number); {
	case p != nil:
		return p.oid(entry)
	case l != nil:
		return l.id(entry, s.IDSize)
	}
	return ""
}

// numberOf returns the number of the object in the first pack or directory that has it.
func (s *Store) numberOf(id ID) (uint32, bool) {
	for _, p := range s.packs {
		if i := p.find(id); i >= 0 {
			return p.number + uint32(i), true
		}
	}
	name := id.String()
	for _, l := range s.loose {
		if i, ok := slices.BinarySearch(l.names, name[:2]+"/"+name[2:]); ok {
			return l.number + uint32(i), true
		}
	}
	return 0, false
}

// numberOf is that of the store, looked up once.
func (h *History) numberOf(id ID) (number uint32, ok bool) {
	if number, ok = h.numbers[id]; !ok {
		if number, ok = h.store.numberOf(id); ok {
			h.numbers[id] = number
		}
	}
	return number, ok
}

// readTags reads the tags of all objects.
func (h *History) readTags() error {
	s := h.store
	h.tags = make([]uint32, s.objects)
	for _, p := range s.packs {
		inIndex := make([]uint32, p.n)
		err := p.index.each(p.idxSize, func(i int, id []byte, _ uint32, _ int64) error {
			inIndex[i] = tagOf(id)
			return nil
		})
		if err != nil {
			return err
		}
		for i, at := range p.ids {
			h.tags[int(p.number)+i] = inIndex[at]
		}
	}
	for _, l := range s.loose {
		for i := range l.names {
			h.tags[int(l.number)+i] = tagOf([]byte(l.id(i, s.IDSize)))
		}
	}
	return nil
}

// groupBits is how many bits of a tag tell the group of an edge.
const groupBits = 18

// group arranges the edges by what they are asked for.
func (h *History) group() {
	gather := func(of func(r *Recorder) *edges, groups int, key func(e edge) uint32) (sorted []edge, starts []uint32) {
		starts = make([]uint32, groups+1)
		for _, r := range h.recorders {
			for _, part := range of(r).parts() {
				for _, e := range part {
					starts[key(e)+1]++
				}
			}
		}
		for i := range groups {
			starts[i+1] += starts[i]
		}
		sorted = make([]edge, starts[groups])
		next := slices.Clone(starts)
		for _, r := range h.recorders {
			for _, part := range of(r).parts() {
				for _, e := range part {
					k := key(e)
					sorted[next[k]] = e
					next[k]++
				}
			}
			*of(r) = edges{}
		}
		return sorted, starts
	}
	h.named, h.groups = gather(func(r *Recorder) *edges { return &r.named }, 1<<groupBits, func(e edge) uint32 { return e.child >> (32 - groupBits) })
	h.dropped, h.drops = gather(func(r *Recorder) *edges { return &r.dropped }, int(h.store.objects), func(e edge) uint32 { return e.from })
	for i := range h.store.objects {
		if part := h.dropped[h.drops[i]:h.drops[i+1]]; len(part) > fewDrops {
			slices.SortFunc(part, compareEdges)
		}
	}
}

// fewDrops are looked through in any order.
const fewDrops = 8

func (h *History) namedBy(child uint32) []edge {
	k := child >> (32 - groupBits)
	return h.named[h.groups[k]:h.groups[k+1]]
}

func compareEdges(a, b edge) int {
	return cmp.Or(cmp.Compare(a.child, b.child), cmp.Compare(a.name, b.name))
}

// drop reports whether the tree of that number does not have what e names, which its base has.
func (h *History) drop(number uint32, e edge) bool {
	part := h.dropped[h.drops[number]:h.drops[number+1]]
	for len(part) > fewDrops { // most often there are fewer
		if mid := len(part) / 2; part[mid].child > e.child || part[mid].child == e.child && part[mid].name > e.name {
			part = part[:mid]
		} else {
			part = part[mid:]
		}
	}
	for i := range part {
		if part[i].child == e.child && part[i].name == e.name {
			return true
		}
	}
	return false
}

// label notes for each commit a ref that reaches it, HEAD before branches before the rest.
func (h *History) label() {
	rank := func(name string) int {
		switch {
		case name == "HEAD":
			return 0
		case strings.HasPrefix(name, "refs/heads/"):
			return 1
		case strings.HasPrefix(name, "refs/remotes/"):
			return 2
		}
		return 3
	}
	order := slices.Clone(h.refs)
	slices.SortStableFunc(order, func(a, b Ref) int { return cmp.Compare(rank(a.Name), rank(b.Name)) })
	for _, ref := range order {
		stack := []ID{h.peel(ref.ID)}
		for len(stack) > 0 {
			c := h.commits[stack[len(stack)-1]]
			stack = stack[:len(stack)-1]
			if c == nil || c.Ref != "" {
				continue
			}
			c.Ref = ref.Name
			stack = append(stack, c.Parents...)
		}
	}
}

// maxTagDepth bounds tags of tags.
const maxTagDepth = 64

// peel follows annotated tags.
func (h *History) peel(id ID) ID {
	for range maxTagDepth {
		next, ok := h.tagOf[id]
		if !ok {
			break
		}
		id = next
	}
	return id
}

// sortByAge sorts the commits oldest first, parents always before children.
func (h *History) sortByAge() {
	list := make([]*Revision, 0, len(h.commits))
	for _, c := range h.commits {
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b *Revision) int { return cmp.Or(cmp.Compare(a.Time, b.Time), cmp.Compare(a.ID, b.ID)) })
	var stack []*Revision
	busy := map[*Revision]bool{}
	for _, top := range list {
		stack = append(stack[:0], top)
		for len(stack) > 0 {
			c := stack[len(stack)-1]
			if c.age != 0 {
				stack = stack[:len(stack)-1]
				continue
			}
			waiting := false
			age := max(c.Time, 1)
			for _, id := range c.Parents {
				p := h.commits[id]
				if p == nil {
					continue
				}
				if p.age == 0 && !busy[p] {
					waiting = true
					busy[p] = true
					stack = append(stack, p)
				}
				age = max(age, p.age+1)
			}
			if !waiting {
				c.age = age
				stack = stack[:len(stack)-1]
			}
		}
	}
	slices.SortFunc(list, func(a, b *Revision) int { return cmp.Or(cmp.Compare(a.age, b.age), cmp.Compare(a.ID, b.ID)) })
	h.byAge = list
}

// Reachable calls f for the commits that a ref reaches, oldest first.
func (h *History) Reachable(f func(c *Revision)) {
	for _, c := range h.byAge {
		if c.Ref != "" {
			f(c)
		}
	}
}
