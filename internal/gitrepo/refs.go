package gitscan

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// ref is a name that keeps an object alive.
type ref struct {
	name string
	id   oid
}

// refFiles bounds what is read of one loose ref.
const refFile = 64 << 10

// readRefs gathers the refs, HEAD and the HEADs of other work trees. Names and
// raw text are searched with git's own files.
func (r *repo) readRefs() {
	byName := map[string]oid{}
	resolveHead := func(dir string) oid { return r.headFile(dir, byName) }
	switch storage := r.config["extensions.refstorage"]; storage {
	case "", "files":
		r.refFiles(byName)
	case "reftable":
		heads := r.allReftables(byName)
		resolveHead = func(dir string) oid { return heads[dir] } // the file HEAD is there for older programs' sake
	default:
		r.gap(Unsupported, "", "", "refs are stored as %q: which ref reaches an object, and ref names and reflogs, were not looked at", storage)
	}
	for name, id := range byName {
		r.refs = append(r.refs, ref{name, id})
	}
	if r.head = resolveHead(r.gitDir); r.head != "" {
		r.refs = append(r.refs, ref{"HEAD", r.head})
	}
	if r.gitDir != r.commonDir {
		if id := resolveHead(r.commonDir); id != "" {
			r.refs = append(r.refs, ref{"main-worktree/HEAD", id}) // as git calls it from another work tree
		}
	}
	for _, dir := range r.otherWorkTrees() {
		if id := resolveHead(dir); id != "" {
			r.refs = append(r.refs, ref{"worktrees/" + filepath.Base(dir) + "/HEAD", id})
		}
	}
	slices.SortFunc(r.refs, func(a, b ref) int { return cmp.Compare(a.name, b.name) })
}

// otherWorkTrees are the git directories of the linked work trees, this one left out.
func (r *repo) otherWorkTrees() (dirs []string) {
	entries, _ := os.ReadDir(filepath.Join(r.commonDir, "worktrees"))
	for _, e := range entries {
		if dir := filepath.Join(r.commonDir, "worktrees", e.Name()); e.IsDir() && realPath(dir) != realPath(r.gitDir) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// headFile is the commit that the file HEAD names.
func (r *repo) headFile(dir string, byName map[string]oid) oid {
	text, err := readSmall(filepath.Join(dir, "HEAD"), refFile)
	if err != nil {
		r.gapFor(r.short(filepath.Join(dir, "HEAD")), CorruptFile, err)
		return ""
	}
	s := strings.TrimSpace(string(text))
	if target, ok := strings.CutPrefix(s, "ref:"); ok {
		return byName[strings.TrimSpace(target)]
	}
	id, ok := parseOID(s, r.oidSize)
	if !ok {
		r.gap(CorruptFile, r.short(filepath.Join(dir, "HEAD")), "", "names neither a branch nor a commit")
	}
	return id
}

// refFiles reads packed and loose refs.
func (r *repo) refFiles(byName map[string]oid) {
	packed := filepath.Join(r.commonDir, "packed-refs")
	text, err := os.ReadFile(packed)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.gapFor(r.short(packed), CorruptFile, err)
	}
	for line := range bytes.Lines(text) {
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 || line[0] == '#' || line[0] == '^' {
			continue
		}
		hexID, name, ok := strings.Cut(string(line), " ")
		id, valid := parseOID(hexID, r.oidSize)
		if !ok || !valid {
			r.gap(CorruptFile, r.short(packed), "", "a line is no ref")
			continue
		}
		byName[name] = id
	}
	r.looseRefs(r.commonDir, byName)
	if r.gitDir != r.commonDir {
		if _, err := os.Lstat(filepath.Join(r.gitDir, "refs")); !errors.Is(err, fs.ErrNotExist) { // most work trees have no refs of their own
			r.looseRefs(r.gitDir, byName)
		}
	}
}

func (r *repo) looseRefs(dir string, into map[string]oid) {
	root := filepath.Join(dir, "refs")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			r.gapFor(r.short(path), CorruptFile, err)
			if d != nil && d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if d.IsDir() || strings.HasSuffix(path, ".lock") {
			return nil
		}
		text, err := readSmall(path, refFile)
		if err != nil {
			r.gapFor(r.short(path), CorruptFile, err)
			return nil
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		s := strings.TrimSpace(string(text))
		if id, ok := parseOID(s, r.oidSize); ok {
			into[filepath.ToSlash(rel)] = id
		} else if !strings.HasPrefix(s, "ref:") {
			r.gap(CorruptFile, r.short(path), "", "not a ref: neither an object id nor a symbolic ref")
		}
		return nil
	})
	if err != nil {
		r.gapFor(r.short(root), Unreadable, err)
	}
}

func refsDigest(refs []ref) string {
	h := sha256.New()
	for _, f := range refs {
		fmt.Fprintf(h, "%s %s\n", f.id, f.name)
	}
	return hex.EncodeToString(h.Sum(nil))
}
