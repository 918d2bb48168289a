package object

import (
	"context"
	"slices"
)

// Origin says where an object belongs.
type Origin struct {
	Path   string
	Commit *Revision // the earliest that holds it, of the ones a ref reaches if there is one; nil: none
	Ref    string    // one that reaches it; empty: none
	InHead bool      // the commit of HEAD holds it
}

// MaxLocated is how many objects Locate finds the origin of at a time.
const MaxLocated = 4096

// Locate finds the origins of objects, which need not be in the store: the first MaxLocated, in
// the order given, but what the commit of HEAD holds before the rest. Of the others it tells no
// more than whether HEAD holds them.
func (h *History) Locate(ctx context.Context, ids []ID) map[ID]*Origin {
	origins := make(map[ID]*Origin, len(ids))
	l := h.newLocator(ctx)
	held := make(map[ID]held, len(ids))
	for _, id := range ids {
		origins[id] = &Origin{}
		held[id] = l.first(id, tagOf([]byte(id)), 0, 0)
	}
	h.inHead(l, ids, origins)
	ids = slices.Clone(ids)
	slices.SortStableFunc(ids, func(a, b ID) int {
		switch inHead := origins[a].InHead; {
		case inHead == origins[b].InHead:
			return 0
		case inHead:
			return -1
		}
		return 1
	})
	for _, id := range ids[:min(len(ids), MaxLocated)] {
		l.locate(id, held[id], origins[id])
	}
	h.direct(origins)
	return origins
}

// Needed reports how many of the objects, which are not in the store, a reachable commit seems to
// need, and one such commit.
func (h *History) Needed(ctx context.Context, ids []ID) (commit *Revision) {
	l := h.newLocator(ctx)
	rank := unheld
	for _, id := range ids {
		rank = min(rank, l.first(id, tagOf([]byte(id)), 0, 0).rank)
	}
	if rank != unheld && l.order[rank-1].Ref != "" {
		return l.order[rank-1]
	}
	return nil
}

// locator finds the first commit that holds an object, by following the notes upward: it is the
// first of those that hold a tree in which the object is, each of which is looked up once.
type locator struct {
	ctx   context.Context
	h     *History
	order []*Revision // what a ref reaches before the rest, each oldest first
	// ranks are, by number, 1 more than the place in order of the first commit that holds a tree;
	// 0: it has not been met.
	ranks  []int32
	filter []uint64   // of the tags of trees that have been met
	lists  [][]uint32 // scratch, by depth
	stack  []uint32   // scratch
	steps  int
	paths  map[uint32]string // of trees, in the first commit that holds them
	// mistaken are the notes that speak of another object whose tag is the same: the tag, and the
	// tree or commit.
	mistaken map[[2]uint32]bool
	mistakes int
	sorted   []uint32 // tags of all objects
}

const (
	unheld = int32(1<<31 - 1) // rank of what no commit holds
	// maxSteps bounds the work; only a repository made for it gets there.
	maxSteps      = 1 << 29
	maxMistakes   = 16
	metFilterBits = 20
)

func (h *History) newLocator(ctx context.Context) *locator {
	l := &locator{ctx: ctx, h: h, ranks: make([]int32, h.store.objects), filter: make([]uint64, 1<<metFilterBits/64),
		mistaken: map[[2]uint32]bool{}}
	for _, reachable := range []bool{true, false} {
		for _, c := range h.byAge {
			if (c.Ref != "") == reachable {
				l.order = append(l.order, c)
			}
		}
	}
	l.forget()
	return l
}

// forget takes back what was concluded from the notes.
func (l *locator) forget() {
	clear(l.ranks)
	l.paths = map[uint32]string{}
	for i, c := range l.order {
		l.ranks[c.number] = int32(i + 1)
	}
}

// mayMeet reports whether the tree may hold one of the objects, directly or further down.
func (l *locator) mayMeet(tree []byte) bool {
	k := tagOf(tree) >> (32 - metFilterBits)
	return l.filter[k/64]>>(k%64)&1 != 0
}

// met reports whether it does, by the notes.
func (l *locator) met(tree ID) bool {
	if !l.mayMeet([]byte(tree)) {
		return false
	}
	number, ok := l.h.numberOf(tree)
	return ok && l.ranks[number] != 0
}

// held says what holds an object: the rank of the first commit, and the trees in it, or itself.
type held struct {
	rank int32
	by   []uint32
}

// ofTree finds the first commit that holds the tree of that number.
func (l *locator) ofTree(number uint32, depth int) held {
	return l.first("", l.h.tags[number], number, depth)
}

// first finds the first commit that holds an object, which is known by its ID or, if that is empty,
// by its number.
func (l *locator) first(id ID, tag, number uint32, depth int) held {
	first := held{rank: unheld}
	if depth > maxPathDepth {
		return first
	}
	for _, number := range l.holders(id, tag, number, depth) {
		if l.ranks[number] == 0 {
			of := l.h.tags[number]
			k := of >> (32 - metFilterBits)
			l.filter[k/64] |= 1 << (k % 64)
			l.ranks[number] = unheld // nothing holds itself
			l.ranks[number] = l.ofTree(number, depth+1).rank
		}
		switch rank := l.ranks[number]; {
		case rank < first.rank:
			first.rank, first.by = rank, append(first.by[:0], number)
		case rank == first.rank && rank != unheld:
			first.by = append(first.by, number)
		}
	}
	return first
}

// holders are the trees and commits that name an object: which have an entry that is
// noted, and what is stored as a delta of them and still has it. The list is valid until the next
// call for that depth.
func (l *locator) holders(id ID, tag, number uint32, depth int) []uint32 {
	for len(l.lists) <= depth {
		l.lists = append(l.lists, nil)
	}
	list := l.lists[depth][:0]
	shared := l.shared(tag)
	if shared && id == "" {
		id = l.h.store.idOf(number)
	}
	for _, e := range l.h.namedBy(tag) {
		if e.child != tag || shared && !l.names(e, id) {
			continue
		}
		for l.stack = append(l.stack[:0], e.from); len(l.stack) > 0; {
			number := l.stack[len(l.stack)-1]
			l.stack = l.stack[:len(l.stack)-1]
			if len(l.mistaken) == 0 || !l.mistaken[[2]uint32{tag, number}] {
				list = append(list, number)
			}
			if l.steps++; l.steps > maxSteps || l.steps%4096 == 0 && l.ctx.Err() != nil {
				break
			}
			if p, entry, _ := l.h.store.at(number); p != nil && e.name != 0 {
				for c := p.first[entry]; c >= 0; c = p.next[c] {
					if below := p.number + uint32(c); !l.h.drop(below, e) {
						l.stack = append(l.stack, below)
					}
				}
			}
		}
	}
	l.lists[depth] = list
	return list
}

// locate fills in the first commit that holds the object and, if HEAD's commit has none, its path
// there, once the trees of that commit say so too.
func (l *locator) locate(id ID, first held, o *Origin) {
	tag := tagOf([]byte(id))
	if l.mistakes > 0 { // what holds it was found out with the notes that are mistaken
		first = l.first(id, tag, 0, 0)
	}
	for first.rank != unheld && l.ctx.Err() == nil {
		path, ok := "", o.InHead // whose path is known
		if !ok {
			path, ok = l.path(id, tag, first)
		}
		if !ok && l.mistakes < maxMistakes {
			l.mistakes++
			l.forget()
			first = l.first(id, tag, 0, 0)
			continue
		}
		// Where the notes are mistaken that often, that something holds it is the cautious answer.
		o.Commit = l.order[first.rank-1]
		o.Ref = o.Commit.Ref
		if !o.InHead {
			o.Path = path
		}
		return
	}
}

// shared reports whether several objects of the store have that tag.
func (l *locator) shared(tag uint32) bool {
	if l.sorted == nil {
		l.sorted = slices.Sorted(slices.Values(l.h.tags))
	}
	at, found := slices.BinarySearch(l.sorted, tag)
	return found && at+1 < len(l.sorted) && l.sorted[at+1] == tag
}

// path is the first path of an object in the first commit that holds it.
func (l *locator) path(id ID, tag uint32, first held) (path string, ok bool) {
	commit := l.order[first.rank-1]
	for _, number := range first.by {
		if number == commit.number && commit.Tree == id {
			return "", true
		}
		name := ""
		if number != commit.number {
			name = l.nameIn(number, id)
		}
		if name == "" {
			l.mistaken[[2]uint32{tag, number}] = true
			continue
		}
		directory, known := l.paths[number]
		if !known {
			var held bool
			if directory, held = l.path(l.h.store.idOf(number), l.h.tags[number], l.ofTree(number, 0)); !held {
				continue
			}
			if directory != "" {
				directory += "/"
			}
			l.paths[number] = directory
		}
		if this := directory + name; !ok || this < path {
			path, ok = this, true
		}
	}
	return path, ok
}

// names reports whether a note is of that object.
func (l *locator) names(e edge, id ID) bool {
	if e.name == 0 {
		commit := l.h.commits[l.h.store.idOf(e.from)]
		return commit != nil && commit.Tree == id
	}
	return l.nameIn(e.from, id) != ""
}

// nameIn is the first name of an object in the tree of that number; empty: it has none.
func (l *locator) nameIn(number uint32, id ID) (name string) {
	k, data, err := l.h.store.loadNumber(l.ctx, number)
	if err != nil || k != Tree {
		return ""
	}
	EachEntry(data, l.h.store.IDSize, func(_ int, entry []byte, mode uint32, named []byte) bool {
		if string(named) == string(id) && mode&ModeType != ModeGitlink {
			name = string(entry)
		}
		return name == ""
	})
	return name
}

// descent enters the trees of a commit that hold what is wanted, each once.
type descent struct {
	*locator
	wanted wanted
	seen   map[ID]bool
	found  func(id ID, path string)
}

// maxPathDepth bounds trees in trees.
const maxPathDepth = 4096

func (d *descent) enter(tree ID, path string, depth int) {
	if d.seen[tree] || depth > maxPathDepth || d.ctx.Err() != nil {
		return
	}
	d.seen[tree] = true
	if d.wanted.has([]byte(tree)) {
		d.found(tree, path)
	}
	if !d.met(tree) {
		return
	}
	k, data, err := d.h.store.Load(d.ctx, tree)
	if err != nil || k != Tree {
		return
	}
	EachEntry(data, d.h.store.IDSize, func(_ int, name []byte, mode uint32, id []byte) bool {
		if mode&ModeType == ModeGitlink {
			return true
		}
		below := func() string {
			if path == "" {
				return string(name)
			}
			return path + "/" + string(name)
		}
		switch {
		case mode&ModeType != ModeTree:
			if d.wanted.has(id) {
				d.found(ID(id), below())
			}
		case d.mayMeet(id) || d.wanted.has(id):
			d.enter(ID(id), below(), depth+1)
		}
		return true
	})
}

// wanted is a set of IDs with a filter in front: most IDs asked for are not in it.
type wanted struct {
	ids    map[ID]bool
	filter []uint64
}

const wantedBits = 16

func wantedOf(ids []ID) wanted {
	w := wanted{make(map[ID]bool, len(ids)), make([]uint64, 1<<wantedBits/64)}
	for _, id := range ids {
		w.ids[id] = true
		k := tagOf([]byte(id)) >> (32 - wantedBits)
		w.filter[k/64] |= 1 << (k % 64)
	}
	return w
}

func (w *wanted) has(id []byte) bool {
	k := tagOf(id) >> (32 - wantedBits)
	return w.filter[k/64]>>(k%64)&1 != 0 && w.ids[ID(id)]
}

// inHead notes what the commit of HEAD holds. Of several paths the last one counts.
func (h *History) inHead(l *locator, ids []ID, origins map[ID]*Origin) {
	c := h.commits[h.peel(h.head)]
	if c == nil {
		return
	}
	d := &descent{locator: l, wanted: wantedOf(ids), seen: map[ID]bool{}}
	d.found = func(id ID, path string) { origins[id].Path, origins[id].InHead = path, true }
	d.enter(c.Tree, "", 0)
}

// direct notes the objects that refs name themselves, tags and tagged blobs, and the commits among
// the objects.
func (h *History) direct(origins map[ID]*Origin) {
	named := map[ID]string{}
	for _, f := range h.refs {
		id := f.ID
		for range maxTagDepth {
			if named[id] == "" {
				named[id] = f.Name
			}
			next, ok := h.tagOf[id]
			if !ok {
				break
			}
			id = next
		}
	}
	for id, o := range origins {
		if name := named[id]; name != "" && o.Ref == "" {
			o.Ref = name
		}
		if c := h.commits[id]; c != nil {
			o.Commit = c
			if c.Ref != "" {
				o.Ref = c.Ref
			}
		}
	}
}
