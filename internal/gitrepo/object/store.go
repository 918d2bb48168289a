package object

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// Limits bound what objects may take. Zero fields mean the defaults given here.
type Limits struct {
	// ObjectBytes bounds one object that has to be held in memory, because it is stored as a
	// delta or others are stored as deltas of it: default 512 MiB, the size from which Git itself
	// never does so. Larger blobs stored whole are read as streams.
	ObjectBytes int64
	// MemoryBytes bounds what chains of such objects hold at a time: default 1 GiB.
	MemoryBytes int64
	// UnpackedBytes bounds the sizes of all objects of one pack together: default 256 GiB and
	// 500 times the pack. Only a pack made to exhaust its reader gets there.
	UnpackedBytes int64
}

func (l Limits) withDefaults() Limits {
	set := func(p *int64, v int64) {
		if *p <= 0 {
			*p = v
		}
	}
	set(&l.ObjectBytes, 512<<20)
	set(&l.MemoryBytes, 1<<30)
	set(&l.UnpackedBytes, 256<<30)
	return l
}

// Config says where the objects of a repository are and what reading them needs.
type Config struct {
	Dirs    []string // object directories: its own first, then alternates
	IDSize  int      // 20 for SHA-1, 32 for SHA-256
	Workers int      // default: the number of processors
	Limits  Limits
	// Open opens a regular file to be read.
	Open func(path string) (*os.File, fs.FileInfo, error)
	// Short is a path as problems give it.
	Short func(path string) string
	// Report is given what could not be read, from one goroutine at a time.
	Report func(Problem)
}

// stats count what a walk covered.
type stats struct{ inflated, unpacked, loose atomic.Int64 }

// Store is the objects of one repository.
type Store struct {
	Config
	packs    []*pack
	loose    []looseDir
	objects  uint32 // how many there are, in all packs and files
	promisor bool
	stats    stats
	cache    cache
	mu       sync.Mutex // one Report, one use of inflate at a time
	inflate  inflater   // for Load
}

// Open opens every pack and lists every loose object of every object directory. What cannot be
// opened is reported; the caller closes the Store.
func Open(ctx context.Context, c Config) *Store {
	s := &Store{Config: c}
	s.Limits = s.Limits.withDefaults()
	if s.Workers <= 0 {
		s.Workers = runtime.GOMAXPROCS(0)
	}
	seen := map[string]bool{}
	for _, dir := range s.Dirs {
		entries, err := os.ReadDir(filepath.Join(dir, "pack"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.report(Unreadable, filepath.Join(dir, "pack"), "", err)
		}
		for _, e := range entries {
			path := filepath.Join(dir, "pack", e.Name())
			if strings.HasSuffix(e.Name(), ".promisor") {
				s.promisor = true
				s.report(PartialClone, path, "", errPromisor)
			}
			if !strings.HasSuffix(e.Name(), ".pack") || seen[realPath(path)] || ctx.Err() != nil {
				continue
			}
			seen[realPath(path)] = true
			s.openPack(ctx, path)
		}
		s.listLoose(dir)
	}
	return s
}

var errPromisor = errors.New("objects were left out of this clone: git fetch --refetch --no-filter, or clone again without --filter")

func realPath(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return path
}

// Close closes the packs.
func (s *Store) Close() {
	for _, p := range s.packs {
		p.close()
	}
}

// Packs is the number of packs that can be read.
func (s *Store) Packs() int { return len(s.packs) }

// Objects is how many there are, in all packs and files.
func (s *Store) Objects() int { return int(s.objects) }

// Promisor reports whether a pack says that objects were left out of it.
func (s *Store) Promisor() bool { return s.promisor }

// LooseObjects, BytesInflated and BytesUnpacked say what Walk covered: the loose objects, what
// decompression gave, each stored stream once, and the sizes of all objects, deltas applied.
func (s *Store) LooseObjects() int64 { return s.stats.loose.Load() }

// BytesInflated: see LooseObjects.
func (s *Store) BytesInflated() int64 { return s.stats.inflated.Load() }

// BytesUnpacked: see LooseObjects.
func (s *Store) BytesUnpacked() int64 { return s.stats.unpacked.Load() }

// report passes on a problem with a file; an error of the system is Unreadable, whatever the
// caller made of it.
func (s *Store) report(reason Reason, path string, id ID, err error) {
	if failed := (*fs.PathError)(nil); errors.As(err, &failed) {
		reason = Unreadable
	}
	if s.Short != nil && path != "" {
		path = s.Short(path)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Report(Problem{Reason: reason, Path: path, Object: id, Detail: err.Error()})
}

func (s *Store) openPack(ctx context.Context, path string) {
	p, err := openPack(s.Open, path, s.Short(path), s.IDSize)
	if err != nil {
		s.report(CorruptPack, path, "", err)
		return
	}
	err = p.linkDeltas(ctx, s.Workers, func(entry int, err error) { s.report(CorruptObject, path, p.oid(entry), err) })
	if err != nil {
		if ctx.Err() == nil {
			s.report(CorruptPack, path, "", err)
		}
		p.close()
		return
	}
	p.number = s.objects
	s.objects += uint32(p.n)
	s.packs = append(s.packs, p)
}

// Walk shows every object to the visitors that newVisitor makes, one for each worker. An object
// that is stored twice is shown twice.
func (s *Store) Walk(ctx context.Context, newVisitor func() Visitor) {
	for _, p := range s.packs {
		if ctx.Err() != nil {
			return
		}
		p.seen = make([]bool, p.n)
		s.newWalk(ctx, p).run(s.Workers, newVisitor)
		s.unvisited(ctx, p, newVisitor)
		p.crcs, p.seen, p.weight = nil, nil, nil
	}
	s.walkLoose(ctx, newVisitor)
	s.walkUnfinished(ctx, newVisitor())
}

func (s *Store) newWalk(ctx context.Context, p *pack) *walk {
	return &walk{
		ctx: ctx, pack: p, stats: &s.stats, memory: &memory{object: s.Limits.ObjectBytes, limit: s.Limits.MemoryBytes},
		ceiling: s.Limits.UnpackedBytes + 500*p.size + s.stats.unpacked.Load(),
	}
}

// unvisited accounts for the entries no walk came to: thin deltas, whose base may be in another
// pack, and the ones whose base is broken or depends on themselves.
func (s *Store) unvisited(ctx context.Context, p *pack, newVisitor func() Visitor) {
	v := newVisitor()
	broken := func(entry int, err error) {
		p.seen[entry] = true
		v.Broken(&Object{pack: p, entry: entry}, err)
	}
	for _, t := range p.thin {
		if ctx.Err() != nil {
			return
		}
		k, data, err := s.load(ctx, t.base, 1)
		if err != nil {
			broken(int(t.entry), fmt.Errorf("its base %s: %w", t.base, err))
			continue
		}
		b := &buffer{data: data}
		b.refs.Store(2) // never released: it is not the walk's
		w := s.newWalk(ctx, p)
		w.next.Store(int64(p.n))
		w.shared = []node{{t.entry, k, b}}
		w.run(1, newVisitor)
	}
	for i := range p.n {
		if ctx.Err() != nil {
			return
		}
		if !p.seen[i] && p.kinds[i] != brokenKind {
			broken(i, fmt.Errorf("%w: its base cannot be read, or depends on it", errDelta))
		}
	}
}

// looseDir is one object directory's list of loose objects.
type looseDir struct {
	dir        string
	number     uint32   // of the first one among all objects of the store
	names      []string // "ab/cdef…"
	unfinished []string // half-written objects, which Git ignores: they may hold content all the same
}

func (l *looseDir) id(i, idSize int) ID {
	id, _ := ParseID(l.names[i][:2]+l.names[i][3:], idSize)
	return id
}

func (s *Store) listLoose(dir string) {
	l := looseDir{dir: dir, number: s.objects}
	fans, err := os.ReadDir(dir)
	if err != nil {
		s.report(Unreadable, dir, "", err)
		return
	}
	for _, fan := range fans {
		path := filepath.Join(dir, fan.Name())
		if strings.HasPrefix(fan.Name(), "tmp_objdir-") || strings.HasPrefix(fan.Name(), "incoming-") {
			s.report(CorruptFile, path, "", errors.New("objects of an unfinished push; git gc --prune=now removes them"))
		}
		if len(fan.Name()) != 2 || !isLowerHex(fan.Name()) {
			continue
		}
		if fan.Type()&fs.ModeSymlink != 0 { // Git makes none, and it may lead to what must not be read
			s.report(Unreadable, path, "", errors.New("a symbolic link in place of a directory of objects is not followed"))
			continue
		}
		names, err := os.ReadDir(path)
		if err != nil {
			s.report(Unreadable, path, "", err)
			continue
		}
		for _, n := range names {
			if len(n.Name()) == 2*s.IDSize-2 && isLowerHex(n.Name()) {
				l.names = append(l.names, fan.Name()+"/"+n.Name())
			} else {
				l.unfinished = append(l.unfinished, fan.Name()+"/"+n.Name())
			}
		}
	}
	slices.Sort(l.names)
	s.objects += uint32(len(l.names))
	s.loose = append(s.loose, l)
}

func isLowerHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

func (s *Store) looseReader() looseReader {
	return looseReader{open: s.Open, limit: s.Limits.ObjectBytes}
}

func (s *Store) walkLoose(ctx context.Context, newVisitor func() Visitor) {
	for _, l := range s.loose {
		var next atomic.Int64
		var wg sync.WaitGroup
		for range s.Workers {
			wg.Go(func() {
				v, reader := newVisitor(), s.looseReader()
				for ctx.Err() == nil {
					i := int(next.Add(1)) - 1
					if i >= len(l.names) {
						return
					}
					o := &Object{id: l.id(i, s.IDSize), number: l.number + uint32(i)}
					broken := func(err error) { v.Broken(o, err) }
					Protect(func() {
						if err := reader.visit(ctx, filepath.Join(l.dir, l.names[i]), o, v); err != nil {
							broken(err)
							return
						}
						s.stats.loose.Add(1)
						s.stats.inflated.Add(reader.size)
						s.stats.unpacked.Add(reader.size)
					}, broken)
				}
			})
		}
		wg.Wait()
	}
}

// walkUnfinished shows what was left behind by a Git that was stopped. A file that is no whole
// object is reported.
func (s *Store) walkUnfinished(ctx context.Context, v Visitor) {
	reader := s.looseReader()
	for _, l := range s.loose {
		for _, name := range l.unfinished {
			if ctx.Err() != nil {
				return
			}
			path := filepath.Join(l.dir, filepath.FromSlash(name))
			report := func(err error) {
				s.report(CorruptFile, path, "", fmt.Errorf("an unfinished object (%v); git gc --prune=now removes it", err))
			}
			Protect(func() {
				if err := reader.visit(ctx, path, &Object{number: noNumber}, v); err != nil && ctx.Err() == nil {
					report(err)
				}
			}, report)
		}
	}
}

// noNumber is the number of an object that nothing can name.
const noNumber = ^uint32(0)
