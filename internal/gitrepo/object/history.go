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
	named    grouped  // what is new in a tree, by a part of child
	dropped  grouped  // what a tree does not have of its base, by from
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
	h := &History{store: s, tagOf: map[ID]ID{}, numbers: map[ID]uint32{}}
	h.named = grouped{width: 1 << groupBits / buckets, key: func(e edge) uint32 { return e.child >> (32 - groupBits) }}
	h.dropped = grouped{width: s.objects/buckets + 1, key: func(e edge) uint32 { return e.from }}
	return h
}

// Recorder takes the notes of one worker.
type Recorder struct {
	history *History
	named   edges
	dropped edges
	commits []commitRecord
}

// buckets is how many parts the edges are in, so that they are grouped one after the other: there are millions, which are not to be
// held twice.
const buckets = 64

// edges are those of one worker, by bucket. They grow without being copied.
type edges [buckets]struct {
	full [][]edge
	last []edge
}

const edgesAtOnce = 1 << 10 // at most, in one piece

func (l *edges) add(e edge, bucket uint32) {
	b := &l[bucket]
	if len(b.last) == cap(b.last) {
		if b.last != nil {
			b.full = append(b.full, b.last)
		}
		b.last = make([]edge, 0, min(edgesAtOnce, max(16, 2*cap(b.last))))
	}
	b.last = append(b.last, e)
}

// grouped are the edges of all workers by a key, of which each bucket has width.
type grouped struct {
	width  uint32
	key    func(e edge) uint32
	parts  [buckets][]edge
	starts []uint32 // where those of a key begin in their part; one more for each bucket
}

func (g *grouped) bucket(e edge) uint32 { return g.key(e) / g.width }

// gather takes over the edges of all recorders.
func (g *grouped) gather(recorders []*Recorder, of func(r *Recorder) *edges) {
	g.starts = make([]uint32, buckets*(g.width+1))
	next := make([]uint32, g.width)
	for b := range g.parts {
		first, starts := uint32(b)*g.width, g.starts[b*int(g.width+1):][:g.width+1]
		each := func(f func(e edge)) {
			for _, r := range recorders {
				mine := &of(r)[b]
				for _, part := range append(mine.full, mine.last) {
					for _, e := range part {
						f(e)
					}
				}
			}
		}
		each(func(e edge) { starts[g.key(e)-first+1]++ })
		for i := range g.width {
			starts[i+1] += starts[i]
		}
		copy(next, starts)
		sorted := make([]edge, starts[g.width])
		each(func(e edge) {
			k := g.key(e) - first
			sorted[next[k]] = e
			next[k]++
		})
		g.parts[b] = sorted
		for _, r := range recorders {
			mine := &of(r)[b]
			mine.full, mine.last = nil, nil
		}
	}
}

// with returns the edges of a key.
func (g *grouped) with(key uint32) []edge {
	b := key / g.width
	at := b*(g.width+1) + key - b*g.width
	return g.parts[b][g.starts[at]:g.starts[at+1]]
}

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
				e := edge{tagOf(id), hashName(name), o.number}
				r.named.add(e, h.named.bucket(e))
				noted++
			}
		})
		if keep && o.Base != nil {
			eachDroppedEntry(o, idSize, func(name, id []byte) {
				e := edge{tagOf(id), hashName(name), o.number}
				r.dropped.add(e, h.dropped.bucket(e))
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
			e := edge{child: tagOf([]byte(c.Tree)), from: o.number}
			r.named.add(e, h.named.bucket(e))
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
	h.named.gather(h.recorders, func(r *Recorder) *edges { return &r.named })
	h.dropped.gather(h.recorders, func(r *Recorder) *edges { return &r.dropped })
	for i := range h.store.objects {
		if part := h.dropped.with(i); len(part) > fewDrops {
			slices.SortFunc(part, compareEdges)
		}
	}
}

// fewDrops are looked through in any order.
const fewDrops = 8

func (h *History) namedBy(child uint32) []edge {
	return h.named.with(child >> (32 - groupBits))
}

func compareEdges(a, b edge) int {
	return cmp.Or(cmp.Compare(a.child, b.child), cmp.Compare(a.name, b.name))
}

// drop reports whether the tree of that number does not have what e names, which its base has.
func (h *History) drop(number uint32, e edge) bool {
	part := h.dropped.with(number)
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
