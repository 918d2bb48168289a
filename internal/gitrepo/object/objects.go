package gitscan

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// openStores opens every pack and lists every loose object of every object
// directory, its own and alternates'.
func (r *repo) openStores(ctx context.Context) {
	seen := map[string]bool{}
	for _, dir := range r.objects {
		entries, err := os.ReadDir(filepath.Join(dir, "pack"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			r.gap(Unreadable, r.short(filepath.Join(dir, "pack")), "", "%v", err)
		}
		for _, e := range entries {
			path := filepath.Join(dir, "pack", e.Name())
			if strings.HasSuffix(e.Name(), ".promisor") {
				r.partial = true
				r.gap(PartialClone, r.short(path), "", "objects were left out of this clone: git fetch --refetch --no-filter, or clone again without --filter")
			}
			if !strings.HasSuffix(e.Name(), ".pack") || seen[realPath(path)] || ctx.Err() != nil {
				continue
			}
			seen[realPath(path)] = true
			r.openPack(ctx, path)
		}
		r.listLoose(dir)
	}
}

func (r *repo) openPack(ctx context.Context, path string) {
	name := r.short(path)
	p, err := openPack(path, name, r.oidSize)
	if err != nil {
		r.gapFor(name, CorruptPack, err)
		return
	}
	broken := func(entry int, err error) {
		r.gap(CorruptObject, name, p.oid(entry), "%v", err)
	}
	if p.index == nil {
		err = r.rebuildIndex(ctx, p, broken)
	} else {
		err = p.link(ctx, r.options.Workers, broken)
	}
	if err != nil {
		if ctx.Err() == nil {
			r.gapFor(name, CorruptPack, err)
		}
		if p.index == nil || p.first == nil {
			p.close()
			return
		}
	}
	r.packs = append(r.packs, p)
}

// gapFor reports a file that could not be read as what it should be.
func (r *repo) gapFor(name string, reason Reason, err error) {
	if path := (*fs.PathError)(nil); errors.As(err, &path) {
		reason = Unreadable
	}
	r.gap(reason, name, "", "%v", err)
}

func (r *repo) memory() *memory {
	return &memory{object: r.options.Limits.ObjectBytes, limit: r.options.Limits.MemoryBytes}
}

// scanObjects shows every object to the scanners.
func (r *repo) scanObjects(ctx context.Context) {
	for _, p := range r.packs {
		if ctx.Err() != nil {
			return
		}
		p.seen = make([]bool, p.n)
		r.walkPack(ctx, p, allKinds, true, func() visitor { return r.newScanner(ctx) })
		r.unvisited(ctx, p)
		p.crcs, p.seen = nil, nil
	}
	r.walkLoose(ctx, true, func() visitor { return r.newScanner(ctx) })
	r.walkUnfinished(ctx)
}

// walkUnfinished searches what was left behind by a git that was stopped. A file that is no whole object is a gap.
func (r *repo) walkUnfinished(ctx context.Context) {
	s := r.newScanner(ctx)
	reader := looseReader{limit: r.options.Limits.ObjectBytes}
	for _, l := range r.loose {
		for _, name := range l.unfinished {
			if ctx.Err() != nil {
				return
			}
			path := filepath.Join(l.dir, filepath.FromSlash(name))
			report := func(err error) {
				r.gap(CorruptFile, r.short(path), "", "an object that was left unfinished (%v); git gc --prune=now removes it", err)
			}
			protect(func() {
				if err := reader.visit(ctx, path, &stored{}, s); err != nil && ctx.Err() == nil {
					report(err)
				}
			}, report)
		}
	}
}

func (r *repo) newScanner(ctx context.Context) *scanner { return &scanner{repo: r, ctx: ctx} }

func (r *repo) walkPack(ctx context.Context, p *pack, kinds int, main bool, newVisitor func() visitor) {
	r.newWalk(ctx, p, kinds, main).run(r.options.Workers, newVisitor)
}

func (r *repo) newWalk(ctx context.Context, p *pack, kinds int, main bool) *walk {
	k := &walk{ctx: ctx, pack: p, kinds: kinds, memory: r.memory(), main: main}
	k.ceiling = r.options.Limits.UnpackedBytes + 500*p.size
	if main {
		k.unpacked, k.inflated = &r.found.unpacked, &r.found.inflated
		k.ceiling += r.found.unpacked.Load()
	} else {
		k.unpacked, k.inflated = new(atomic.Int64), new(atomic.Int64)
	}
	return k
}

// unvisited accounts for the entries no walk came to: thin deltas, whose base
// may be in another store, and the ones whose base is broken or depends on
// themselves.
func (r *repo) unvisited(ctx context.Context, p *pack) {
	newVisitor := func() visitor { return r.newScanner(ctx) }
	s := r.newScanner(ctx)
	for _, t := range p.thin {
		if ctx.Err() != nil {
			return
		}
		k, data, err := r.loadThin(t.base, 1)
		if err != nil {
			p.seen[t.entry] = true
			s.broken(&stored{pack: p, entry: int(t.entry)}, fmt.Errorf("its base %s: %w", t.base, err))
			continue
		}
		b := &buffer{data: data}
		b.refs.Store(2) // never released: it is not the walk's
		w := r.newWalk(ctx, p, allKinds, true)
		w.next.Store(int64(p.n))
		w.shared = []node{{t.entry, k, b}}
		w.run(1, newVisitor)
	}
	for i := range p.n {
		if ctx.Err() != nil {
			return
		}
		if !p.seen[i] && p.kinds[i] != brokenKind {
			s.broken(&stored{pack: p, entry: i}, fmt.Errorf("%w: what it is stored as a difference to cannot be read, or depends on it", errDelta))
		}
	}
}

// looseDir is one objects directory's list of loose objects.
type looseDir struct {
	dir        string
	names      []string // "ab/cdef…"
	unfinished []string // half-written objects, which git ignores: they may hold content all the same
}

func (r *repo) listLoose(dir string) {
	l := looseDir{dir: dir}
	fans, err := os.ReadDir(dir)
	if err != nil {
		r.gap(Unreadable, r.short(dir), "", "%v", err)
		return
	}
	for _, fan := range fans {
		if strings.HasPrefix(fan.Name(), "tmp_objdir-") || strings.HasPrefix(fan.Name(), "incoming-") {
			r.gap(CorruptFile, r.short(filepath.Join(dir, fan.Name())), "", "objects of a push that was left unfinished; git gc --prune=now removes them")
		}
		if len(fan.Name()) != 2 || !isLowerHex(fan.Name()) {
			continue
		}
		names, err := os.ReadDir(filepath.Join(dir, fan.Name()))
		if err != nil {
			r.gap(Unreadable, r.short(filepath.Join(dir, fan.Name())), "", "%v", err)
			continue
		}
		for _, n := range names {
			if len(n.Name()) == 2*r.oidSize-2 && isLowerHex(n.Name()) {
				l.names = append(l.names, fan.Name()+"/"+n.Name())
			} else {
				l.unfinished = append(l.unfinished, fan.Name()+"/"+n.Name())
			}
		}
	}
	slices.Sort(l.names)
	r.loose = append(r.loose, l)
}

func isLowerHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// walkLoose visits all loose objects; main says that they are to be counted.
func (r *repo) walkLoose(ctx context.Context, main bool, newVisitor func() visitor) {
	for _, l := range r.loose {
		var next atomic.Int64
		var wg sync.WaitGroup
		for range r.options.Workers {
			wg.Go(func() {
				v := newVisitor()
				reader := looseReader{limit: r.options.Limits.ObjectBytes}
				for ctx.Err() == nil {
					i := int(next.Add(1)) - 1
					if i >= len(l.names) {
						return
					}
					id, _ := parseOID(l.names[i][:2]+l.names[i][3:], r.oidSize)
					o := &stored{id: id}
					ok := false
					protect(func() {
						if err := reader.visit(ctx, filepath.Join(l.dir, l.names[i]), o, v); err != nil {
							v.broken(o, err)
							return
						}
						ok = true
					}, func(err error) { v.broken(o, err) })
					if !ok {
						continue
					}
					if !main {
						continue
					}
					r.found.loose.Add(1)
					r.found.inflated.Add(reader.size)
					r.found.unpacked.Add(reader.size)
				}
			})
		}
		wg.Wait()
	}
}
