// Package gitrepo reads a Git repository's own files: where its parts are, refs, reflogs, indexes,
// configuration, ignore rules, and the files of its work trees. Git is not run, nothing is written,
// no hook or filter of the repository is executed. The objects are read by gitrepo/object.
//
// A repository is hostile input. Nothing in it makes this package read files of the machine that
// are not the repository's, wait for ever, or take memory or time without bound. What could not be
// read is reported as an object.Problem.
package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/gitrepo/object"
)

// Repository is one repository: a work tree, or a bare repository.
type Repository struct {
	WorkTree  string // empty for a bare repository
	GitDir    string // of this work tree
	CommonDir string // shared by all work trees; GitDir itself for most
	Stray     string // a work tree that the configuration names and that does not name this repository
	Config    Config
	IDSize    int // 20 for SHA-1, 32 for SHA-256

	// What Read fills in.
	Objects []string // object directories: its own first, then alternates
	Refs    []object.Ref
	Head    object.ID // of the commit; empty when there is none
	Indexes []*Index  // this work tree's first, if it has one
	Shallow bool
	Partial bool

	// What ListGitFiles and ListWorkTrees fill in.
	Files  []File
	Names  []Name
	Nested []Nested

	excludesFile string
	report       func(object.Problem)
	real         map[string]bool // directories of work trees that no symbolic link is part of
}

// Reasons of problems beyond those of package object.
const (
	NotARepository  object.Reason = "not-a-repository"
	ShallowClone    object.Reason = "shallow-clone"
	SubmoduleAbsent object.Reason = "submodule-absent"
	Unsupported     object.Reason = "unsupported-format"
)

// Nested is a repository inside another's work tree or Git directory.
type Nested struct {
	Path, Name string
	Want       object.ID // the commit that a submodule's record asks for
	Module     bool      // found in the Git directory, by the name of the submodule
}

// Place says in what kind of file of a repository something is.
type Place string

// The places of files.
const (
	InRef       Place = "ref"       // a name of a branch, tag or other ref, or the text of one
	InReflog    Place = "reflog"    // a message or identity in a reflog
	InConfig    Place = "config"    // Git's own configuration of this repository
	InHook      Place = "hook"      // a hook script
	InIndex     Place = "index"     // a path name in an index
	InGitDir    Place = "gitdir"    // any other file that Git keeps: half-written messages, patches of a rebase
	InTracked   Place = "tracked"   // a tracked file of a work tree, as it is on disk
	InUntracked Place = "untracked" // a file of a work tree that is neither tracked nor ignored
)

// File is a regular file.
type File struct {
	Place Place
	Abs   string
	Path  string // as Short has it
}

// Name is a short text that belongs to a file: its name, the target of a symbolic link, a name or
// message in a table of refs.
type Name struct {
	Place      Place
	Path, Text string
}

// ErrNotRepository explains in its text what is wrong with the path.
var ErrNotRepository = errors.New("not a git repository")

// ErrFormat says that the repository has a format that cannot be read.
var ErrFormat = errors.New("not supported")

// isGitDir applies git's own test: HEAD, objects and refs.
func isGitDir(ctx context.Context, dir string) bool {
	if _, err := os.Lstat(filepath.Join(dir, "HEAD")); err != nil {
		return false
	}
	common := commonOf(ctx, dir)
	for _, sub := range []string{"objects", "refs"} {
		if info, err := os.Stat(filepath.Join(common, sub)); err != nil || !info.IsDir() {
			return false
		}
	}
	return true
}

func commonOf(ctx context.Context, gitDir string) string {
	text, err := ReadFile(ctx, filepath.Join(gitDir, "commondir"), smallFile)
	if err != nil {
		return gitDir
	}
	return resolve(gitDir, strings.TrimSpace(string(text)))
}

func resolve(base, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(base, path)
}

// Options say what Open needs.
type Options struct {
	// ExcludesFile holds the user's own ignore patterns (Git's core.excludesFile, by default
	// ~/.config/git/ignore); empty for none.
	ExcludesFile string
	// Report is given what could not be read.
	Report func(object.Problem)
}

// Open finds the parts of the repository whose top is path: a work tree (with .git as a directory
// or a file) or a bare repository. Directories above path are not searched: which repository was
// audited must be beyond doubt.
func Open(ctx context.Context, path string, o Options) (*Repository, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("find %s: %w", path, err)
	}
	info, err := os.Stat(abs)
	if err != nil {
		return nil, fmt.Errorf("open repository: %w", err)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("%s is a file, %w", abs, ErrNotRepository)
	}
	r := &Repository{excludesFile: o.ExcludesFile, report: o.Report, real: map[string]bool{}}
	dotGit := filepath.Join(abs, ".git")
	switch info, err := os.Stat(dotGit); {
	case err == nil && info.IsDir():
		r.WorkTree, r.GitDir = abs, dotGit
	case err == nil:
		text, err := ReadFile(ctx, dotGit, smallFile)
		if err != nil {
			return nil, err
		}
		target, ok := strings.CutPrefix(strings.TrimSpace(string(text)), "gitdir:")
		if !ok {
			return nil, fmt.Errorf("%s does not say where its Git directory is, %w", dotGit, ErrNotRepository)
		}
		r.WorkTree, r.GitDir = abs, resolve(abs, strings.TrimSpace(target))
	case errors.Is(err, fs.ErrNotExist):
		r.GitDir = abs
	default:
		return nil, fmt.Errorf("open repository: %w", err)
	}
	if !isGitDir(ctx, r.GitDir) {
		return nil, notRepository(abs, r)
	}
	r.CommonDir = commonOf(ctx, r.GitDir)
	r.Objects = []string{filepath.Join(r.CommonDir, "objects")}
	text, err := ReadFile(ctx, filepath.Join(r.CommonDir, "config"), smallFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open repository: %w", err)
	}
	r.Config = ParseConfig(text)
	r.IDSize = 20
	switch format := r.Config["extensions.objectformat"]; strings.ToLower(format) {
	case "", "sha1":
	case "sha256":
		r.IDSize = 32
	default:
		return nil, fmt.Errorf("%s uses the object format %q: %w", abs, format, ErrFormat)
	}
	if r.WorkTree == "" && !r.Config.True("core.bare") && filepath.Base(r.GitDir) == ".git" {
		// Asked for the .git directory itself: the work tree around it is meant too.
		r.WorkTree = filepath.Dir(r.GitDir)
	}
	if wt := r.Config["core.worktree"]; wt != "" && r.GitDir == r.CommonDir {
		if wt = resolve(r.GitDir, wt); r.belongs(ctx, wt) {
			r.WorkTree = wt
		} else if list, err := os.ReadDir(wt); err == nil && len(list) > 0 || err != nil && !errors.Is(err, fs.ErrNotExist) {
			r.Stray = wt // an absent or empty one is that of a submodule that is not checked out
		}
	}
	return r, nil
}

// belongs reports whether dir may be this repository's work tree: it holds the
// git directory, or its .git names it. A configuration cannot make the scan
// read other directories.
func (r *Repository) belongs(ctx context.Context, dir string) bool {
	if Within(dir, r.GitDir) {
		return filepath.Base(r.GitDir) == ".git" && realPath(filepath.Dir(r.GitDir)) == realPath(dir)
	}
	text, err := ReadFile(ctx, filepath.Join(dir, ".git"), smallFile)
	target, ok := strings.CutPrefix(strings.TrimSpace(string(text)), "gitdir:")
	return err == nil && ok && realPath(resolve(dir, strings.TrimSpace(target))) == realPath(r.GitDir)
}

// Within reports whether path is dir or below it.
func Within(dir, path string) bool {
	rel, err := filepath.Rel(realPath(dir), realPath(path))
	return err == nil && filepath.IsLocal(rel)
}

func notRepository(abs string, r *Repository) error {
	if r.WorkTree != "" {
		return fmt.Errorf("%s is not a Git directory (HEAD, objects or refs is missing), %w", r.GitDir, ErrNotRepository)
	}
	for dir := filepath.Dir(abs); ; dir = filepath.Dir(dir) {
		if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil {
			return fmt.Errorf("%s is inside the repository %s; name that directory, %w", abs, dir, ErrNotRepository)
		}
		if dir == filepath.Dir(dir) {
			return fmt.Errorf("%s has no .git and is not a bare repository, %w", abs, ErrNotRepository)
		}
	}
}

// Read reads what says which objects there are and what keeps them: alternates, refs, indexes.
func (r *Repository) Read(ctx context.Context) {
	r.addAlternates(ctx)
	r.cloneKind(ctx)
	r.readRefs(ctx)
	r.readIndexes(ctx)
}

// problem reports something that could not be read.
func (r *Repository) problem(reason object.Reason, path string, id object.ID, format string, args ...any) {
	r.report(object.Problem{Reason: reason, Path: path, Object: id, Detail: fmt.Sprintf(format, args...)})
}

// problemWith reports a file that could not be read as what it should be.
func (r *Repository) problemWith(path string, reason object.Reason, err error) {
	if failed := (*fs.PathError)(nil); errors.As(err, &failed) {
		reason = object.Unreadable
	}
	r.problem(reason, r.Short(path), "", "%v", err)
}

// Short makes an absolute path relative to the work tree or Git directory.
func (r *Repository) Short(path string) string {
	for _, base := range []string{r.WorkTree, r.GitDir, r.CommonDir} {
		if base == "" {
			continue
		}
		if rel, err := filepath.Rel(base, path); err == nil && filepath.IsLocal(rel) {
			return filepath.ToSlash(rel)
		}
	}
	return path
}

// Store opens the objects; the caller closes it.
func (r *Repository) Store(ctx context.Context, workers int, limits object.Limits) *object.Store {
	return object.Open(ctx, object.Config{
		Dirs: r.Objects, IDSize: r.IDSize, Workers: workers, Limits: limits, Open: OpenFile, Short: r.Short, Report: r.report,
	})
}

// cloneKind reports clones that lack history or content by design.
func (r *Repository) cloneKind(ctx context.Context) {
	file := filepath.Join(r.CommonDir, "shallow")
	switch text, err := ReadFile(ctx, file, 64<<20); {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		r.problemWith(file, object.CorruptFile, err)
	case len(text) > 0:
		r.Shallow = true
		r.problem(ShallowClone, "", "", "history before the shallow boundary is not here: git fetch --unshallow")
	}
	partial := r.Config["extensions.partialclone"] != ""
	for key, value := range r.Config {
		if hasPrefixSuffix(key, "remote.", ".promisor") && value != "false" || hasPrefixSuffix(key, "remote.", ".partialclonefilter") {
			partial = true
		}
	}
	if partial {
		r.Partial = true
		r.problem(object.PartialClone, "", "", "objects were left out of this clone: git fetch --refetch --no-filter, or clone again without --filter")
	}
}

func hasPrefixSuffix(s, prefix, suffix string) bool {
	return len(s) > len(prefix)+len(suffix) && s[:len(prefix)] == prefix && s[len(s)-len(suffix):] == suffix
}

// alternateDepth is git's own bound on alternates of alternates.
const alternateDepth = 5

// addAlternates follows objects/info/alternates.
func (r *Repository) addAlternates(ctx context.Context) {
	problem := func(path string, err error) { r.problem(object.MissingObject, r.Short(path), "", "%v", err) }
	seen := map[string]bool{realPath(r.Objects[0]): true}
	level := []string{r.Objects[0]}
	for depth := 0; len(level) > 0; depth++ {
		var below []string
		for _, dir := range level {
			file := filepath.Join(dir, "info", "alternates")
			text, err := ReadFile(ctx, file, smallFile)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				problem(file, err)
				continue
			}
			for line := range strings.Lines(string(text)) {
				line = strings.TrimRight(line, "\r\n")
				if line == "" || line[0] == '#' {
					continue
				}
				alt := resolve(dir, unquoteC(line))
				info, err := os.Stat(alt)
				if err != nil || !info.IsDir() {
					problem(alt, errors.New("alternate object store is missing"))
					continue
				}
				if isVirtual(info) {
					problem(alt, errors.New("an alternate object store in /proc, /sys or /dev is not read"))
					continue
				}
				if real := realPath(alt); !seen[real] {
					seen[real] = true
					below = append(below, alt)
					r.Objects = append(r.Objects, alt)
				}
			}
		}
		if depth == alternateDepth && len(below) > 0 {
			problem(below[0], errors.New("alternates are nested too deeply"))
		}
		if depth >= alternateDepth {
			return
		}
		level = below
	}
}

// Identity is the same for all paths of a directory.
func Identity(dir string) string { return realPath(dir) }

func realPath(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return path
}

// unquoteC undoes the C-style quoting git uses for paths with odd characters.
func unquoteC(s string) string {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return s
	}
	var b strings.Builder
	body := s[1 : len(s)-1]
	for i := 0; i < len(body); i++ {
		if body[i] != '\\' || i+1 == len(body) {
			b.WriteByte(body[i])
			continue
		}
		i++
		switch c := body[i]; {
		case c >= '0' && c <= '3' && i+2 < len(body):
			b.WriteByte((c-'0')<<6 | (body[i+1]-'0')<<3 | (body[i+2] - '0'))
			i += 2
		case strings.IndexByte("abtnvfr", c) >= 0:
			b.WriteByte("\a\b\t\n\v\f\r"[strings.IndexByte("abtnvfr", c)])
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
