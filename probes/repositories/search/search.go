// Package search finds known keys anywhere in what a Git repository holds.
//
// It joins the reader of repositories (internal/gitrepo) with the matcher of keys: every object is
// searched whether or not a ref reaches it, every stored stream is inflated once, everything is
// searched for in one pass, on all workers.
//
// What is found is described by a Hit, what could not be searched by a Gap. A result without gaps
// is complete for the keys that were asked for; a gap means that the absence of a key is not
// proven.
package search

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"

	"github.com/prelaunch-audit/prelaunch/internal/content"
	"github.com/prelaunch-audit/prelaunch/internal/gitrepo"
	"github.com/prelaunch-audit/prelaunch/internal/gitrepo/object"
	"github.com/prelaunch-audit/prelaunch/internal/keyscan"
	"github.com/prelaunch-audit/prelaunch/internal/keyscan/match"
)

// Limits bound the memory, time and output of a search. Zero fields mean the defaults given here.
type Limits struct {
	Hits int // of keys, and as many of what else is searched for: default 1,000
	Gaps int // default 1,000
	// Nesting bounds repositories inside repositories (submodules): default 8.
	Nesting int
	// GitFileBytes bounds one of Git's own files, FileBytes one file of a work tree: defaults
	// 1 GiB and 16 GiB.
	GitFileBytes, FileBytes int64
	Objects                 object.Limits
	Content                 content.Limits
}

func (l Limits) withDefaults() Limits {
	set := func(p *int, v int) {
		if *p <= 0 {
			*p = v
		}
	}
	set(&l.Hits, 1000)
	set(&l.Gaps, 1000)
	set(&l.Nesting, 8)
	if l.GitFileBytes <= 0 {
		l.GitFileBytes = 1 << 30
	}
	if l.FileBytes <= 0 {
		l.FileBytes = 16 << 30
	}
	return l
}

// Options say what to look for.
type Options struct {
	Keys *keyscan.Search // nil: Literals are the keys
	// Literals are looked for as they stand; their IDs begin at Keys.Subjects. They and Candidates,
	// what looks like a key and is none, have bounds of their own and cannot crowd keys out.
	Literals   []match.Literal
	Candidates *match.Suspects
	Limits     Limits
	Workers    int // default: the number of processors
	// ExcludesFile holds the user's own ignore patterns (Git's core.excludesFile, by default
	// ~/.config/git/ignore); empty for none.
	ExcludesFile string
}

// Repository searches the repository whose top is path. The error is for options that cannot be
// used and for a context that ended; whatever is wrong with the repository is a gap in the result.
func Repository(ctx context.Context, path string, o Options) (*Result, error) {
	keys := o.Keys
	if keys == nil {
		keys = &keyscan.Search{}
	}
	with, err := keys.With(o.Literals, o.Candidates)
	if err != nil {
		return nil, err
	}
	if o.Keys == nil {
		keys = with
	}
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	o.Limits = o.Limits.withDefaults()
	s := &search{options: o, with: with, found: newCollector(o), known: map[string]bool{}}
	r := &Result{}
	s.repository(ctx, gitrepo.Nested{Path: path}, nil, r)
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("search %s: %w", path, err)
	}
	s.found.finish(r, keys.Shown)
	return r, nil
}

// search is one call of Repository, over a repository and the ones nested in it.
type search struct {
	options Options
	with    *keyscan.Search // everything that is looked for
	found   *collector
	known   map[string]bool // Git directories already searched

	lfsChecked sync.Map // path of a file in an LFS store to a func() string: what is wrong with it
}

// repo is the repository being searched.
type repo struct {
	*search
	*gitrepo.Repository
	store   *object.Store
	history *object.History
	prefix  string // path of a nested repository
	depth   int
	present *object.Presence // nil: references are not looked up
	missing idSet
	brotli  idSet // blobs that a tree names like files compressed with brotli
}

func (r *repo) gap(reason Reason, path string, id object.ID, format string, args ...any) {
	r.found.gap(Gap{Reason: reason, Repository: r.prefix, Path: path, Object: id.String(), Detail: fmt.Sprintf(format, args...)})
}

// repository searches one repository and then the ones nested in it.
func (s *search) repository(ctx context.Context, n gitrepo.Nested, parent *repo, result *Result) {
	r := &repo{search: s}
	if parent != nil {
		r.prefix, r.depth = joinRepo(parent.prefix, n.Name), parent.depth+1
	}
	var err error
	r.Repository, err = gitrepo.Open(ctx, n.Path, gitrepo.Options{
		ExcludesFile: s.options.ExcludesFile,
		Report:       func(p object.Problem) { r.gap(p.Reason, p.Path, p.Object, "%s", p.Detail) },
	})
	if err != nil {
		reason := Unreadable
		switch {
		case errors.Is(err, gitrepo.ErrNotRepository):
			reason = NotARepository
		case errors.Is(err, gitrepo.ErrFormat):
			reason = Unsupported
		}
		r.gap(reason, n.Path, "", "%v", err)
		return
	}
	if parent != nil && !gitrepo.Within(parent.CommonDir, r.CommonDir) && !gitrepo.Within(n.Path, r.CommonDir) {
		r.gap(Unsupported, "", "", "its Git directory is outside the repository that was to be searched: name it as a repository of its own")
		return
	}
	if r.Stray != "" {
		r.gap(Unsupported, r.Stray, "", "core.worktree names a directory that does not belong to this repository; it was not searched")
	}
	if parent == nil {
		result.Root, result.Bare = r.WorkTree, r.WorkTree == ""
		if result.Bare {
			result.Root = r.GitDir
		}
	}
	if id := gitrepo.Identity(r.GitDir); s.known[id] {
		return
	} else {
		s.known[id] = true
	}
	result.Totals.Repositories++
	r.Read(ctx)
	r.store = r.Store(ctx, s.options.Workers, s.options.Limits.Objects)
	defer r.store.Close()
	if r.store.Objects() >= manyObjects {
		defer thrifty()()
	}
	r.history = r.store.NewHistory()
	r.listPresent()
	r.store.Walk(ctx, func() object.Visitor { return r.newScanner(ctx) })
	r.searchBrotli(ctx)
	r.searchFiles(ctx)
	if ctx.Err() != nil {
		return
	}
	r.findOrigins(ctx)
	result.Totals.add(r)
	if n.Want != "" && r.present != nil && !r.present.Has([]byte(n.Want)) {
		r.gap(MissingObject, "", n.Want, "the commit the containing repository asks for: git submodule update --init --recursive")
	}
	for _, n := range r.Nested {
		if ctx.Err() != nil {
			return
		}
		if r.depth+1 >= s.options.Limits.Nesting {
			r.gap(TooLarge, n.Name, "", "repositories are nested more than %d deep", s.options.Limits.Nesting)
			continue
		}
		s.repository(ctx, n, r, result)
	}
}

// manyObjects is from how many on the memory that a search takes is worth more than the time of the garbage collector.
const manyObjects = 100_000

var saving struct {
	sync.Mutex
	users, before int
}

// thrifty lets less garbage gather, until what it returns is called: what is known of a large repository is held in large pieces
// without pointers, which take the collector no time.
func thrifty() (done func()) {
	saving.Lock()
	defer saving.Unlock()
	if saving.users++; saving.users == 1 {
		saving.before = debug.SetGCPercent(10)
	}
	return func() {
		saving.Lock()
		defer saving.Unlock()
		if saving.users--; saving.users == 0 {
			debug.SetGCPercent(saving.before)
		}
	}
}

func joinRepo(prefix, name string) string {
	if prefix == "" {
		return name
	}
	return prefix + "/" + name
}

// idSet gathers IDs that something refers to.
type idSet struct {
	mu        sync.Mutex
	ids       map[object.ID]bool
	truncated bool
}

// maxIDs bounds the IDs that are gathered.
const maxIDs = 100_000

func (m *idSet) add(id object.ID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.ids) >= maxIDs {
		m.truncated = true
		return
	}
	if m.ids == nil {
		m.ids = map[object.ID]bool{}
	}
	m.ids[id] = true
}

func (m *idSet) sorted() []object.ID { return slices.Sorted(maps.Keys(m.ids)) }

// listPresent fills r.present; it stays nil, and nothing is looked up, for a partial clone, of
// which it is known that objects are missing.
func (r *repo) listPresent() {
	if r.Partial || r.store.Promisor() {
		return
	}
	present, err := r.store.Presence()
	if err != nil {
		r.gap(Unreadable, "", "", "%v", err)
		return
	}
	r.present = present
	for _, f := range r.Refs {
		if !present.Has([]byte(f.ID)) {
			r.gap(MissingObject, f.Name, f.ID, "the object this ref names is not in the repository")
		}
	}
	for _, x := range r.Indexes {
		for _, e := range x.Entries {
			if e.Mode&object.ModeType != object.ModeGitlink && !present.Has([]byte(e.ID)) {
				r.gap(MissingObject, e.Path, e.ID, "staged in %s, but not in the repository", r.Short(x.File))
			}
		}
	}
}
