package gitrepo

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/gitrepo/object"
)

const (
	refFile    = 64 << 10  // bounds what is read of one loose ref
	packedRefs = 256 << 20 // and of the packed ones, which take about 60 bytes each
)

// readRefs gathers the refs, HEAD and the HEADs of other work trees. Names and
// raw text are searched with git's own files.
func (r *Repository) readRefs(ctx context.Context) {
	byName := map[string]object.ID{}
	resolveHead := func(dir string) object.ID { return r.headFile(ctx, dir, byName) }
	switch storage := r.Config["extensions.refstorage"]; storage {
	case "", "files":
		r.refFiles(ctx, byName)
	case "reftable":
		heads := r.allReftables(ctx, byName)
		resolveHead = func(dir string) object.ID { return heads[dir] } // the file HEAD is there for older programs' sake
	default:
		r.problem(Unsupported, "", "", "refs are stored as %q: which ref reaches an object, and ref names and reflogs, were not checked", storage)
	}
	for name, id := range byName {
		r.Refs = append(r.Refs, object.Ref{Name: name, ID: id})
	}
	if r.Head = resolveHead(r.GitDir); r.Head != "" {
		r.Refs = append(r.Refs, object.Ref{Name: "HEAD", ID: r.Head})
	}
	if r.GitDir != r.CommonDir {
		if id := resolveHead(r.CommonDir); id != "" {
			r.Refs = append(r.Refs, object.Ref{Name: "main-worktree/HEAD", ID: id}) // as git calls it from another work tree
		}
	}
	for _, dir := range r.otherGitDirs() {
		if id := resolveHead(dir); id != "" {
			r.Refs = append(r.Refs, object.Ref{Name: "worktrees/" + filepath.Base(dir) + "/HEAD", ID: id})
		}
	}
	slices.SortFunc(r.Refs, func(a, b object.Ref) int { return cmp.Compare(a.Name, b.Name) })
}

// otherGitDirs are the git directories of the linked work trees, this one left out.
func (r *Repository) otherGitDirs() (dirs []string) {
	entries, _ := os.ReadDir(filepath.Join(r.CommonDir, "worktrees"))
	for _, e := range entries {
		if dir := filepath.Join(r.CommonDir, "worktrees", e.Name()); e.IsDir() && realPath(dir) != realPath(r.GitDir) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// headFile is the commit that the file HEAD names.
func (r *Repository) headFile(ctx context.Context, dir string, byName map[string]object.ID) object.ID {
	text, err := ReadFile(ctx, filepath.Join(dir, "HEAD"), refFile)
	if err != nil {
		r.problemWith(filepath.Join(dir, "HEAD"), object.CorruptFile, err)
		return ""
	}
	s := strings.TrimSpace(string(text))
	if target, ok := strings.CutPrefix(s, "ref:"); ok {
		return byName[strings.TrimSpace(target)]
	}
	id, ok := object.ParseID(s, r.IDSize)
	if !ok {
		r.problem(object.CorruptFile, r.Short(filepath.Join(dir, "HEAD")), "", "names neither a branch nor a commit")
	}
	return id
}

// refFiles reads packed and loose refs.
func (r *Repository) refFiles(ctx context.Context, byName map[string]object.ID) {
	packed := filepath.Join(r.CommonDir, "packed-refs")
	text, err := ReadFile(ctx, packed, packedRefs)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.problemWith(packed, object.CorruptFile, err)
	}
	for line := range bytes.Lines(text) {
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 || line[0] == '#' || line[0] == '^' {
			continue
		}
		hexID, name, ok := strings.Cut(string(line), " ")
		id, valid := object.ParseID(hexID, r.IDSize)
		if !ok || !valid {
			r.problem(object.CorruptFile, r.Short(packed), "", "a line is no ref")
			continue
		}
		byName[name] = id
	}
	r.looseRefs(ctx, r.CommonDir, byName)
	if r.GitDir != r.CommonDir {
		if _, err := os.Lstat(filepath.Join(r.GitDir, "refs")); !errors.Is(err, fs.ErrNotExist) { // most work trees have no refs of their own
			r.looseRefs(ctx, r.GitDir, byName)
		}
	}
}

func (r *Repository) looseRefs(ctx context.Context, dir string, into map[string]object.ID) {
	root := filepath.Join(dir, "refs")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			r.problemWith(path, object.CorruptFile, err)
			if d != nil && d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if d.IsDir() || strings.HasSuffix(path, ".lock") {
			return nil
		}
		text, err := ReadFile(ctx, path, refFile)
		if err != nil {
			r.problemWith(path, object.CorruptFile, err)
			return nil
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		s := strings.TrimSpace(string(text))
		if id, ok := object.ParseID(s, r.IDSize); ok {
			into[filepath.ToSlash(rel)] = id
		} else if !strings.HasPrefix(s, "ref:") {
			r.problem(object.CorruptFile, r.Short(path), "", "not a ref: neither an object id nor a symbolic ref")
		}
		return nil
	})
	if err != nil {
		r.problemWith(root, object.Unreadable, err)
	}
}

// RefsDigest is the SHA-256 of the sorted "ID name" lines of all refs: the state that was read.
func RefsDigest(refs []object.Ref) string {
	h := sha256.New()
	for _, f := range refs {
		fmt.Fprintf(h, "%s %s\n", f.ID, f.Name)
	}
	return hex.EncodeToString(h.Sum(nil))
}
