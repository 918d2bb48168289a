package gitscan

import (
	"cmp"
	"context"
	"io"
	"slices"
	"strings"
	"sync"
)

// This file finds out, for the objects in which something was found, which
// path and commit they belong to and whether a ref reaches them. Nothing of
// it runs when nothing was found.
//
// First the trees that hold a found object, directly or further down, are
// marked: each pass over all trees marks the ones that hold something marked,
// until there is no new one. A pass costs what inflating the history objects
// costs and needs no memory but the marks. Then commits are taken oldest
// first, and only marked trees are entered.

// commitInfo is what is needed of a commit.
type commitInfo struct {
	id      oid
	tree    oid
	parents []oid
	time    int64
	when    int64 // time, but later than every parent's: clocks are not to be trusted
	label   int32 // 1 + index in repo.refs of a ref that reaches it; 0 for none
}

// history is what one pass over commits, tags and trees gathers.
type history struct {
	mu      sync.Mutex
	commits map[oid]*commitInfo
	tags    map[oid]oid // annotated tag to what it is of
	marked  *oidSet     // found objects and the trees above them
	grown   bool
	first   bool // commits and tags are gathered in the first pass only
}

// climber is the visitor of a pass.
type climber struct {
	repo *repo
	h    *history
}

func (c *climber) object(o *stored) bool {
	switch o.kind {
	case treeKind:
		c.tree(o)
	case commitKind:
		if c.h.first {
			info, ok := parseCommit(o.data, c.repo.oidSize)
			if !ok {
				break
			}
			if info.id = o.name(); info.id == "" {
				break
			}
			c.h.mu.Lock()
			c.h.commits[info.id] = info
			c.h.mu.Unlock()
		}
	case tagKind:
		if target, ok := tagTarget(o.data, c.repo.oidSize); ok && c.h.first {
			c.h.mu.Lock()
			c.h.tags[o.name()] = target
			c.h.mu.Unlock()
		}
	}
	return false
}

func (c *climber) tree(o *stored) {
	hit := false
	eachEntry(o.data, c.repo.oidSize, func(_ int, _ []byte, _ uint32, id []byte) bool {
		hit = c.h.marked.has(id)
		return !hit
	})
	if !hit {
		return
	}
	if id := o.name(); id != "" && c.h.marked.add(id) {
		c.h.mu.Lock()
		c.h.grown = true
		c.h.mu.Unlock()
	}
}

func (c *climber) stream(*stored, int64, io.Reader) error { return nil } // blobs refer to nothing

func (c *climber) broken(*stored, error) {} // the main pass has reported it

// origin is where a found object belongs.
type origin struct {
	path      string
	commit    *commitInfo
	ref       string
	reachable bool
	inHead    bool
}

// attribute completes the hits in objects of this repository.
func (r *repo) attribute(ctx context.Context) {
	targets := map[oid]*origin{}
	hits, gaps := r.found.inObjects(r.prefix)
	for _, h := range hits {
		if id, ok := parseOID(h.Object, r.oidSize); ok {
			targets[id] = &origin{}
		}
	}
	for _, g := range gaps {
		if id, ok := parseOID(g.Object, r.oidSize); ok && targets[id] == nil {
			targets[id] = &origin{}
		}
	}
	if r.missing != nil {
		for id := range r.missing.ids {
			if targets[id] == nil {
				targets[id] = &origin{}
			}
		}
	}
	if len(targets) == 0 {
		return
	}
	h := r.climb(ctx, targets)
	if ctx.Err() != nil {
		return
	}
	r.label(h)
	r.locateInHistory(ctx, h, targets)
	r.reportMissing(h, targets)
	staged := map[oid]string{}
	for _, x := range r.indexes {
		for _, e := range x.entries {
			if targets[e.id] != nil && staged[e.id] == "" {
				staged[e.id] = e.path
			}
		}
	}
	for _, g := range gaps {
		id, _ := parseOID(g.Object, r.oidSize)
		if o := targets[id]; o != nil {
			g.Path = cmp.Or(o.path, staged[id]) + g.Path
		}
	}
	for _, hit := range hits {
		id, _ := parseOID(hit.Object, r.oidSize)
		o := targets[id]
		if o == nil {
			continue
		}
		if hit.Place == InTree {
			if o.path != "" {
				hit.Path = o.path + "/" + hit.Path
			}
		} else {
			hit.Path = o.path
		}
		hit.Ref, hit.Reachable, hit.InHead = o.ref, o.reachable, o.inHead
		if o.commit != nil {
			hit.Commit, hit.CommitTime = o.commit.id.String(), o.commit.time
		}
		if path, ok := staged[id]; ok {
			hit.Staged = true
			if hit.Path == "" {
				hit.Path = path
			}
		}
	}
}

// inObjects returns the hits in objects of one repository, and the gaps in
// their content, to be completed. No worker is running any more.
func (c *collector) inObjects(repository string) (hits []*Hit, gaps []*Gap) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, h := range c.hits {
		if h.Object != "" && h.Repository == repository {
			hits = append(hits, h)
		}
	}
	for _, g := range c.gaps {
		if g.Object != "" && g.Repository == repository && (g.Path == "" || g.Path[0] == '!') {
			gaps = append(gaps, g)
		}
	}
	return hits, gaps
}

// climb gathers the commits and marks the trees above the targets.
func (r *repo) climb(ctx context.Context, targets map[oid]*origin) *history {
	h := &history{commits: map[oid]*commitInfo{}, tags: map[oid]oid{}, marked: newOIDSet(), first: true, grown: true}
	for id := range targets {
		h.marked.add(id)
	}
	for h.grown && ctx.Err() == nil {
		h.grown = false
		kinds := 1 << treeKind
		if h.first {
			kinds = historyKinds
		}
		for _, p := range r.packs {
			r.walkPack(ctx, p, kinds, false, func() visitor { return &climber{r, h} })
		}
		r.walkLoose(ctx, false, func() visitor { return &climber{r, h} })
		h.first = false
	}
	return h
}

// label notes for each commit a ref that reaches it, HEAD before branches
// before the rest.
func (r *repo) label(h *history) {
	order := make([]int, len(r.refs))
	for i := range order {
		order[i] = i
	}
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
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(rank(r.refs[a].name), rank(r.refs[b].name)) })
	for _, i := range order {
		stack := []oid{h.peel(r.refs[i].id)}
		for len(stack) > 0 {
			c := h.commits[stack[len(stack)-1]]
			stack = stack[:len(stack)-1]
			if c == nil || c.label != 0 {
				continue
			}
			c.label = int32(i) + 1
			stack = append(stack, c.parents...)
		}
	}
}

// peel follows annotated tags.
func (h *history) peel(id oid) oid {
	for range 64 { // tags of tags of tags are hostile
		next, ok := h.tags[id]
		if !ok {
			break
		}
		id = next
	}
	return id
}

// byAge sorts the commits oldest first, parents always before children.
func (h *history) byAge() []*commitInfo {
	list := make([]*commitInfo, 0, len(h.commits))
	for _, c := range h.commits {
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b *commitInfo) int { return cmp.Or(cmp.Compare(a.time, b.time), cmp.Compare(a.id, b.id)) })
	var stack []*commitInfo
	busy := map[*commitInfo]bool{}
	for _, top := range list {
		stack = append(stack[:0], top)
		for len(stack) > 0 {
			c := stack[len(stack)-1]
			if c.when != 0 {
				stack = stack[:len(stack)-1]
				continue
			}
			waiting := false
			when := max(c.time, 1)
			for _, id := range c.parents {
				p := h.commits[id]
				if p == nil {
					continue
				}
				if p.when == 0 && !busy[p] {
					waiting = true
					busy[p] = true
					stack = append(stack, p)
				}
				when = max(when, p.when+1)
			}
			if !waiting {
				c.when = when
				stack = stack[:len(stack)-1]
			}
		}
	}
	slices.SortFunc(list, func(a, b *commitInfo) int { return cmp.Or(cmp.Compare(a.when, b.when), cmp.Compare(a.id, b.id)) })
	return list
}

// locateInHistory fills in the targets.
func (r *repo) locateInHistory(ctx context.Context, h *history, targets map[oid]*origin) {
	// The objects refs name themselves: tags, and blobs that are tagged.
	direct := map[oid]string{}
	for _, f := range r.refs {
		id := f.id
		for range 64 {
			if direct[id] == "" {
				direct[id] = f.name
			}
			next, ok := h.tags[id]
			if !ok {
				break
			}
			id = next
		}
	}
	for id, o := range targets {
		if name := direct[id]; name != "" {
			o.reachable, o.ref = true, name
		}
		if c := h.commits[id]; c != nil {
			o.commit = c
			if c.label != 0 {
				o.reachable, o.ref = true, r.refs[c.label-1].name
			}
		}
	}
	f := &finder{ctx: ctx, repo: r, h: h, targets: targets}
	if c := h.commits[h.peel(r.head)]; c != nil {
		f.left = -1 // all of it: whatever HEAD holds is to be marked so
		f.run(c, func(o *origin, path string) { o.path, o.inHead = path, true })
	}
	ages := h.byAge()
	for _, reachable := range []bool{true, false} {
		f.seen, f.left = map[oid]bool{}, 0
		for id := range targets {
			if f.pending(id) {
				f.left++
			}
		}
		for _, c := range ages {
			if f.left == 0 || ctx.Err() != nil {
				break
			}
			if (c.label != 0) != reachable {
				continue
			}
			f.run(c, func(o *origin, path string) {
				if o.commit != nil {
					return
				}
				o.commit = c
				if !o.inHead {
					o.path = path
				}
				if reachable {
					o.reachable, o.ref = true, r.refs[c.label-1].name
				}
			})
		}
	}
}

// finder enters the marked trees of commits, each once.
type finder struct {
	ctx     context.Context
	repo    *repo
	h       *history
	targets map[oid]*origin
	seen    map[oid]bool
	left    int // targets still to be found; negative: do not stop
}

func (f *finder) pending(id oid) bool {
	o := f.targets[id]
	return o != nil && o.commit == nil
}

func (f *finder) run(c *commitInfo, found func(o *origin, path string)) {
	if f.seen == nil {
		f.seen = map[oid]bool{}
	}
	f.enter(c.tree, "", 0, found)
}

// maxPathDepth bounds trees in trees.
const maxPathDepth = 4096

func (f *finder) enter(tree oid, path string, depth int, found func(o *origin, path string)) {
	if f.left == 0 || f.seen[tree] || depth > maxPathDepth || f.ctx.Err() != nil || !f.h.marked.has([]byte(tree)) {
		return
	}
	f.seen[tree] = true
	note := func(id oid, path string) {
		o := f.targets[id]
		if o == nil {
			return
		}
		if f.left > 0 && o.commit == nil {
			f.left--
		}
		found(o, path)
	}
	note(tree, path)
	k, data, err := f.repo.load(tree)
	if err != nil || k != treeKind {
		return
	}
	eachEntry(data, f.repo.oidSize, func(_ int, name []byte, mode uint32, id []byte) bool {
		if mode&modeType == modeGitlink || !f.h.marked.has(id) {
			return true
		}
		below := string(name)
		if path != "" {
			below = path + "/" + below
		}
		if mode&modeType == modeTree {
			f.enter(oid(id), below, depth+1, found)
		} else {
			note(oid(id), below)
		}
		return f.left != 0
	})
}
