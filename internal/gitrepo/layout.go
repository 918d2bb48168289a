package gitscan

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// layout is where the parts of one repository are.
type layout struct {
	workTree  string // "" for a bare repository
	gitDir    string // of this work tree
	commonDir string // shared by all work trees; gitDir itself for most
	objects   []string
	stray     string // a work tree the configuration names and that does not name this repository
	config    gitConfig
	oidSize   int // 20 for SHA-1, 32 for SHA-256
}

// errNotRepository explains in its text what is wrong with the path.
var errNotRepository = errors.New("not a git repository")

var errFormat = errors.New("not supported")

// smallFile bounds the files that say where things are.
const smallFile = 1 << 20

// readSmall reads a regular file of at most limit bytes. Other kinds of files
// (a named pipe would block for ever) are refused.
func readSmall(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("read %s: not a regular file", path)
	}
	if info.Size() > limit {
		return nil, fmt.Errorf("read %s: larger than %d bytes", path, limit)
	}
	return os.ReadFile(path)
}

// isGitDir applies git's own test: HEAD, objects and refs.
func isGitDir(dir string) bool {
	if _, err := os.Lstat(filepath.Join(dir, "HEAD")); err != nil {
		return false
	}
	common := commonOf(dir)
	for _, sub := range []string{"objects", "refs"} {
		if info, err := os.Stat(filepath.Join(common, sub)); err != nil || !info.IsDir() {
			return false
		}
	}
	return true
}

func commonOf(gitDir string) string {
	text, err := readSmall(filepath.Join(gitDir, "commondir"), smallFile)
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

// openLayout finds the parts of the repository whose top is path: a work tree
// (with .git as a folder or a file) or a bare repository. Folders above path
// are not searched: which repository was audited must be beyond doubt.
func openLayout(path string) (*layout, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("find %s: %w", path, err)
	}
	info, err := os.Stat(abs)
	if err != nil {
		return nil, fmt.Errorf("open repository: %w", err)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("%s is a file, %w", abs, errNotRepository)
	}
	l := &layout{}
	dotGit := filepath.Join(abs, ".git")
	switch info, err := os.Stat(dotGit); {
	case err == nil && info.IsDir():
		l.workTree, l.gitDir = abs, dotGit
	case err == nil:
		text, err := readSmall(dotGit, smallFile)
		if err != nil {
			return nil, err
		}
		target, ok := strings.CutPrefix(strings.TrimSpace(string(text)), "gitdir:")
		if !ok {
			return nil, fmt.Errorf("%s does not say where its git directory is, %w", dotGit, errNotRepository)
		}
		l.workTree, l.gitDir = abs, resolve(abs, strings.TrimSpace(target))
	case errors.Is(err, fs.ErrNotExist):
		l.gitDir = abs
	default:
		return nil, fmt.Errorf("open repository: %w", err)
	}
	if !isGitDir(l.gitDir) {
		return nil, notRepository(abs, l)
	}
	l.commonDir = commonOf(l.gitDir)
	l.objects = []string{filepath.Join(l.commonDir, "objects")}
	text, err := readSmall(filepath.Join(l.commonDir, "config"), smallFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open repository: %w", err)
	}
	l.config = parseConfig(text)
	l.oidSize = 20
	switch format := l.config["extensions.objectformat"]; strings.ToLower(format) {
	case "", "sha1":
	case "sha256":
		l.oidSize = 32
	default:
		return nil, fmt.Errorf("%s uses the object format %q: %w", abs, format, errFormat)
	}
	if l.workTree == "" && !l.config.truth("core.bare") && filepath.Base(l.gitDir) == ".git" {
		// Asked for the .git folder itself: the work tree around it is meant too.
		l.workTree = filepath.Dir(l.gitDir)
	}
	if wt := l.config["core.worktree"]; wt != "" && l.gitDir == l.commonDir {
		if wt = resolve(l.gitDir, wt); l.belongs(wt) {
			l.workTree = wt
		} else if list, err := os.ReadDir(wt); err == nil && len(list) > 0 || err != nil && !errors.Is(err, fs.ErrNotExist) {
			l.stray = wt // an absent or empty one is that of a submodule that is not checked out
		}
	}
	return l, nil
}

// belongs reports whether dir may be this repository's work tree: it holds the
// git directory, or its .git names it. A configuration cannot make the scan
// read other folders.
func (l *layout) belongs(dir string) bool {
	if within(dir, l.gitDir) {
		return filepath.Base(l.gitDir) == ".git" && realPath(filepath.Dir(l.gitDir)) == realPath(dir)
	}
	text, err := readSmall(filepath.Join(dir, ".git"), smallFile)
	target, ok := strings.CutPrefix(strings.TrimSpace(string(text)), "gitdir:")
	return err == nil && ok && realPath(resolve(dir, strings.TrimSpace(target))) == realPath(l.gitDir)
}

// within reports whether path is dir or below it.
func within(dir, path string) bool {
	rel, err := filepath.Rel(realPath(dir), realPath(path))
	return err == nil && filepath.IsLocal(rel)
}

func notRepository(abs string, l *layout) error {
	if l.workTree != "" {
		return fmt.Errorf("%s is no git directory (HEAD, objects or refs is missing), %w", l.gitDir, errNotRepository)
	}
	for dir := filepath.Dir(abs); ; dir = filepath.Dir(dir) {
		if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil {
			return fmt.Errorf("%s is inside the repository %s; name that folder, %w", abs, dir, errNotRepository)
		}
		if dir == filepath.Dir(dir) {
			return fmt.Errorf("%s has no .git and is no bare repository, %w", abs, errNotRepository)
		}
	}
}

// alternateDepth is git's own bound on alternates of alternates.
const alternateDepth = 5

// addAlternates follows objects/info/alternates; problem is called for each
// entry that cannot be followed.
func (l *layout) addAlternates(problem func(path string, err error)) {
	seen := map[string]bool{realPath(l.objects[0]): true}
	level := []string{l.objects[0]}
	for depth := 0; len(level) > 0; depth++ {
		var below []string
		for _, dir := range level {
			file := filepath.Join(dir, "info", "alternates")
			text, err := readSmall(file, smallFile)
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
				if info, err := os.Stat(alt); err != nil || !info.IsDir() {
					problem(alt, errors.New("alternate object store is missing"))
					continue
				}
				if real := realPath(alt); !seen[real] {
					seen[real] = true
					below = append(below, alt)
					l.objects = append(l.objects, alt)
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
