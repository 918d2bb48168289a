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

// batch is how many objects are located together: one bit each.
const batch = 64

// Locate finds the origins of objects, which need not be in the store: the first MaxLocated, in
// the order given, but what the commit of HEAD holds before the rest. Of the others it tells no
// more than whether HEAD holds them.
func (h *History) Locate(ctx context.Context, ids []ID) map[ID]*Origin {
	origins := make(map[ID]*Origin, len(ids))
	for _, id := range ids {
		origins[id] = &Origin{}
	}
	if len(ids) > batch { // once for all
		m := h.mark(ctx, func(int) uint64 { return 1 }, ids)
		h.inHead(ctx, m, ids, origins)
	}
	if len(ids) > MaxLocated {
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
		ids = ids[:MaxLocated]
	}
	for part := range slices.Chunk(ids, batch) {
		m := h.mark(ctx, func(i int) uint64 { return 1 << i }, part)
		if len(origins) <= batch {
			h.inHead(ctx, m, part, origins)
		}
		h.earliest(ctx, m, part, origins)
	}
	h.direct(origins)
	return origins
}

// Needed reports how many of the objects, which are not in the store, a reachable commit seems to
// need, and one such commit. It takes one look at all of them together.
func (h *History) Needed(ctx context.Context, ids []ID) (commit *Revision) {
	m := h.mark(ctx, func(int) uint64 { return 1 }, ids)
	h.Reachable(func(c *Revision) {
		if commit == nil && m.bits[c.number] != 0 {
			commit = c
		}
	})
	return commit
}

// marks say which of a batch of objects each tree and commit holds, directly or further down.
type marks struct {
	bits   []uint64 // by number
	filter []uint64 // of the tags of marked trees
}

const markFilterBits = 20

func (m *marks) passes(tag uint32) bool {
	k := tag >> (32 - markFilterBits)
	return m.filter[k/64]>>(k%64)&1 != 0
}

// maxSteps bounds the work of one batch; only a repository made for it gets there.
const maxSteps = 1 << 29

// mark follows the notes upward from the objects.
func (h *History) mark(ctx context.Context, bit func(i int) uint64, ids []ID) *marks {
	n := h.store.objects
	m := &marks{bits: make([]uint64, n), filter: make([]uint64, 1<<markFilterBits/64)}
	fresh := make([]uint64, n) // by number: bits that what names it has not got yet
	var now, next, stack []uint32
	steps := 0
	// spread gives bits to what names an object of that tag; false when it is time to stop.
	spread := func(tag uint32, add uint64) bool {
		for _, e := range h.namedBy(tag) {
			if e.child != tag {
				continue
			}
			if e.name == 0 {
				m.bits[e.from] |= add
				continue
			}
			// The tree, and what is stored as a delta of it and still has the entry.
			for stack = append(stack[:0], e.from); len(stack) > 0; {
				number := stack[len(stack)-1]
				stack = stack[:len(stack)-1]
				if got := add &^ m.bits[number]; got != 0 {
					m.bits[number] |= got
					if fresh[number] == 0 {
						next = append(next, number)
					}
					fresh[number] |= got
				}
				p, entry, _ := h.store.at(number)
				if p == nil {
					continue
				}
				for c := p.first[entry]; c >= 0; c = p.next[c] {
					if below := p.number + uint32(c); !h.drop(below, e) {
						stack = append(stack, below)
					}
				}
				if steps++; steps > maxSteps || steps%4096 == 0 && ctx.Err() != nil {
					return false
				}
			}
		}
		return true
	}
	for i, id := range ids {
		if !spread(tagOf([]byte(id)), bit(i)) {
			return m
		}
	}
	for len(next) > 0 && ctx.Err() == nil {
		now, next = next, now[:0]
		for _, number := range now {
			tag, add := h.tags[number], fresh[number]
			fresh[number] = 0
			k := tag >> (32 - markFilterBits)
			m.filter[k/64] |= 1 << (k % 64)
			if !spread(tag, add) {
				return m
			}
		}
	}
	return m
}

// descent enters the marked trees of commits, each once.
type descent struct {
	ctx    context.Context
	h      *History
	marks  *marks
	wanted wanted
	seen   map[ID]bool
	open   uint64 // bits of what is still to be found
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
	if !d.marks.passes(tagOf([]byte(tree))) {
		return
	}
	if number, ok := d.h.numberOf(tree); !ok || d.marks.bits[number]&d.open == 0 {
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
		case d.marks.passes(tagOf(id)) || d.wanted.has(id):
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
func (h *History) inHead(ctx context.Context, m *marks, ids []ID, origins map[ID]*Origin) {
	c := h.commits[h.peel(h.head)]
	if c == nil {
		return
	}
	d := &descent{ctx: ctx, h: h, marks: m, wanted: wantedOf(ids), seen: map[ID]bool{}, open: ^uint64(0)}
	d.found = func(id ID, path string) { origins[id].Path, origins[id].InHead = path, true }
	d.enter(c.Tree, "", 0)
}

// maxVain is how many commits of a batch may be entered in vain, because of tags that are alike.
const maxVain = 1000

// earliest finds for each object of a batch the earliest commit that holds it.
func (h *History) earliest(ctx context.Context, m *marks, ids []ID, origins map[ID]*Origin) {
	all := ^uint64(0) >> (batch - len(ids))
	place := make(map[ID]int, len(ids))
	for i, id := range ids {
		place[id] = i
	}
	d := &descent{ctx: ctx, h: h, marks: m, wanted: wantedOf(ids), open: all}
	for _, reachable := range []bool{true, false} {
		vain := 0
		d.seen = map[ID]bool{}
		for _, c := range h.byAge {
			if d.open == 0 || vain > maxVain || ctx.Err() != nil {
				break
			}
			if (c.Ref != "") != reachable || m.bits[c.number]&d.open == 0 {
				continue
			}
			before := d.open
			d.found = func(id ID, path string) {
				o, bit := origins[id], uint64(1)<<place[id]
				if d.open&bit == 0 {
					return
				}
				d.open &^= bit
				o.Commit, o.Ref = c, c.Ref
				if !o.InHead {
					o.Path = path
				}
			}
			d.enter(c.Tree, "", 0)
			if d.open != before {
				continue
			}
			if vain++; vain > maxVain {
				h.believe(m, c, ids, d.open, origins)
			}
		}
	}
}

// believe takes the notes' word for what could not be found in the trees: that something holds it
// is the cautious answer.
func (h *History) believe(m *marks, c *Revision, ids []ID, open uint64, origins map[ID]*Origin) {
	for i, id := range ids {
		if open&m.bits[c.number]>>i&1 != 0 {
			origins[id].Commit, origins[id].Ref = c, c.Ref
		}
	}
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
