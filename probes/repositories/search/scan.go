// Package gitscan finds known keys anywhere in what a git repository holds.
//
// It reads packs, loose objects, refs, reflogs, indexes, git's own files and
// the work tree directly; git is not run, nothing is written, no hook or
// filter of the repository is executed. Every object is looked at whether or
// not a ref reaches it, every stored stream is inflated once, all literals are
// searched in one pass, on all workers.
//
// What is found is described by a Hit, what could not be looked at by a Gap.
// A result without gaps is complete for the literals that were asked for; a
// gap means that the absence of a key is not proven.
package gitscan

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"sync"

	"github.com/prelaunch-audit/prelaunch/internal/content"
	"github.com/prelaunch-audit/prelaunch/internal/keyscan/match"
)

// Limits bound the memory, time and output of a scan. Zero fields mean the
// defaults given here.
type Limits struct {
	Hits int // default 1,000
	Gaps int // default 1,000
	// ObjectBytes bounds one object that has to be held in memory, because it
	// is stored as a difference or others are stored as a difference to it:
	// default 512 MiB, the size from which git itself never does so. Larger
	// objects stored whole are read as streams.
	ObjectBytes int64
	// MemoryBytes bounds what chains of such objects hold at a time: default 1 GiB.
	MemoryBytes int64
	// UnpackedBytes bounds the sizes of all objects of one pack together:
	// default 256 GiB and 500 times the pack. Only a pack made to exhaust its reader gets there.
	UnpackedBytes int64
	// Nesting bounds repositories inside repositories (submodules): default 8.
	Nesting int
	Archive content.Limits
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
	if l.Hits <= 0 {
		l.Hits = 1000
	}
	if l.Gaps <= 0 {
		l.Gaps = 1000
	}
	if l.Nesting <= 0 {
		l.Nesting = 8
	}
	return l
}

// Options say what to look for.
type Options struct {
	Literals     []match.Literal
	Fingerprints []match.Fingerprint
	// Suspects finds what looks like a key but is none of the above; nil looks for none.
	Suspects *match.Suspects
	Limits   Limits
	Workers  int // default: the number of processors
	// ExcludesFile holds the user's own ignore patterns (git's
	// core.excludesFile, by default ~/.config/git/ignore); "" for none.
	ExcludesFile string
}

// Scan searches the repository whose top is path. The error is for options
// that cannot be used and for a context that ended; whatever is wrong with the
// repository is a gap in the result.
func Scan(ctx context.Context, path string, o Options) (*Result, error) {
	set, err := match.New(o.Literals)
	if err != nil {
		return nil, err
	}
	prints, err := match.NewPrints(o.Fingerprints)
	if err != nil {
		return nil, err
	}
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	o.Limits = o.Limits.withDefaults()
	s := &search{
		options: o, set: set, prints: prints,
		found: newCollector(o.Limits),
		known: map[string]bool{},
	}
	r := &Result{}
	s.repository(ctx, nestedRepo{path: path}, nil, r)
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("scan %s: %w", path, err)
	}
	s.found.finish(r, s.blank)
	return r, nil
}

// search is one call of Scan, over a repository and the ones nested in it.
type search struct {
	options Options
	set     *match.Set
	prints  *match.Prints
	found   *collector
	known   map[string]bool // git directories already scanned

	lfsChecked sync.Map // path of a file in an LFS store to a func() string: what is wrong with it
}

// blank replaces keys in a path or name.
func (s *search) blank(text string) string {
	return s.prints.Blank(s.set.Blank(text, Blanked), Blanked)
}

// repo is the repository being scanned.
type repo struct {
	*search
	*layout
	prefix  string // path of a nested repository
	depth   int
	packs   []*pack
	loose   []looseDir
	refs    []ref
	head    oid
	indexes []*gitIndex
	nested  []nestedRepo
	jobs    []job
	names   []namedText
	shallow bool
	partial bool
	present *presence // nil: references are not looked up
	missing *idSet
	brotli  idSet           // blobs that a tree names like files compressed with brotli
	real    map[string]bool // folders of the work tree that no symbolic link is part of
}

func (r *repo) gap(reason Reason, path string, object oid, format string, args ...any) {
	r.found.gap(Gap{Reason: reason, Repository: r.prefix, Path: path, Object: object.String(), Detail: fmt.Sprintf(format, args...)})
}

// repository scans one repository and then the ones nested in it.
func (s *search) repository(ctx context.Context, n nestedRepo, parent *repo, result *Result) {
	path, prefix, depth := n.path, "", 0
	if parent != nil {
		prefix, depth = joinRepo(parent.prefix, n.name), parent.depth+1
	}
	l, err := openLayout(path)
	if err != nil {
		reason := Unreadable
		switch {
		case errors.Is(err, errNotRepository):
			reason = NotARepository
		case errors.Is(err, errFormat):
			reason = Unsupported
		}
		s.found.gap(Gap{Reason: reason, Repository: prefix, Path: path, Detail: err.Error()})
		return
	}
	r := &repo{search: s, layout: l, prefix: prefix, depth: depth}
	if parent != nil && !within(parent.commonDir, l.commonDir) && !within(path, l.commonDir) {
		r.gap(Unsupported, "", "", "its git directory is outside the repository that was to be scanned: name it as a repository of its own")
		return
	}
	if l.stray != "" {
		r.gap(Unsupported, l.stray, "", "core.worktree names a folder that does not belong to this repository; it was not looked at")
	}
	if depth == 0 {
		result.Root, result.Bare = l.workTree, l.workTree == ""
		if result.Bare {
			result.Root = l.gitDir
		}
	}
	real := realPath(l.gitDir)
	if s.known[real] {
		return
	}
	s.known[real] = true
	result.Totals.Repositories++
	defer r.close()

	r.addAlternates(func(path string, err error) {
		r.gap(MissingObject, r.short(path), "", "%v", err)
	})
	r.cloneKind()
	r.readRefs()
	r.readIndexes()
	r.openStores(ctx)
	r.listPresent()
	r.scanObjects(ctx)
	r.scanBrotli(ctx)
	r.scanGitFiles(ctx)
	r.scanWorkTree(ctx)
	if ctx.Err() != nil {
		return
	}
	r.attribute(ctx)
	result.Totals.Packs += len(r.packs)
	result.Totals.Refs += len(r.refs)
	if depth == 0 {
		result.Totals.RefsDigest = refsDigest(r.refs)
		if r.head != "" {
			result.Totals.Head = r.head.String()
		}
	}
	if n.want != "" && r.present != nil && !r.present.has([]byte(n.want)) {
		r.gap(MissingObject, "", n.want, "the commit the containing repository asks for: git submodule update --init --recursive")
	}
	for _, n := range r.nested {
		if ctx.Err() != nil {
			return
		}
		if depth+1 >= s.options.Limits.Nesting {
			r.gap(TooLarge, n.name, "", "repositories are nested more than %d deep", s.options.Limits.Nesting)
			continue
		}
		s.repository(ctx, n, r, result)
	}
}

// nestedRepo is a repository inside another's work tree or git directory.
type nestedRepo struct {
	path, name string
	want       oid  // the commit a submodule's record asks for
	module     bool // found in the git directory, by the name of the submodule
}

func joinRepo(prefix, name string) string {
	if prefix == "" {
		return name
	}
	return prefix + "/" + name
}

// short makes an absolute path relative to the work tree or git directory.
func (r *repo) short(path string) string {
	for _, base := range []string{r.workTree, r.gitDir, r.commonDir} {
		if base == "" {
			continue
		}
		if rel, err := filepath.Rel(base, path); err == nil && filepath.IsLocal(rel) {
			return filepath.ToSlash(rel)
		}
	}
	return path
}

func (r *repo) close() {
	for _, p := range r.packs {
		p.close()
	}
}

// cloneKind reports clones that lack history or content by design.
func (r *repo) cloneKind() {
	if text, err := readSmall(filepath.Join(r.commonDir, "shallow"), 64<<20); err == nil && len(text) > 0 {
		r.shallow = true
		r.gap(ShallowClone, "", "", "history before the shallow boundary is not here: git fetch --unshallow")
	}
	partial := r.config["extensions.partialclone"] != ""
	for key, value := range r.config {
		if hasPrefixSuffix(key, "remote.", ".promisor") && value != "false" || hasPrefixSuffix(key, "remote.", ".partialclonefilter") {
			partial = true
		}
	}
	if partial {
		r.partial = true
		r.gap(PartialClone, "", "", "objects were left out of this clone: git fetch --refetch --no-filter, or clone again without --filter")
	}
}

func hasPrefixSuffix(s, prefix, suffix string) bool {
	return len(s) > len(prefix)+len(suffix) && s[:len(prefix)] == prefix && s[len(s)-len(suffix):] == suffix
}
