package gitrepo

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/gitrepo/object"
)

// This file lists the work trees: every tracked file as it is on disk, and every file that is
// neither tracked nor ignored. Symbolic links are not followed; where they point to is listed.

// checkout is one work tree of the repository.
type checkout struct {
	*Repository
	dir    string
	prefix string // of the paths of its files
	own    bool   // the one that was asked for
	index  *Index
	others map[string]bool // directories of the other work trees
	rules  ignores         // that apply everywhere in it
}

// ListWorkTrees lists the files of the work tree and of the other work trees of the repository.
// A bare repository without any has none.
func (r *Repository) ListWorkTrees(ctx context.Context, store *object.Store) {
	own := checkout{Repository: r, dir: r.WorkTree, own: true, index: r.indexOf(r.GitDir)}
	all := []checkout{own}
	dirs := map[string]bool{}
	for _, other := range r.otherWorkTrees(ctx) {
		dirs[realPath(other.dir)] = true
		all = append(all, other)
	}
	if own.index == nil {
		r.headGitlinks(ctx, store, r.headTree(ctx, store), "", 0)
	}
	for _, c := range all {
		if c.dir != "" {
			c.others = dirs
			c.rules = r.baseIgnores(ctx, c.dir)
			c.list(ctx)
		}
	}
}

// otherWorkTrees finds the other work trees. A file in the repository only says where one should
// be: it counts if its own .git names this repository.
func (r *Repository) otherWorkTrees(ctx context.Context) (list []checkout) {
	add := func(dir, gitDir string) {
		text, err := ReadFile(ctx, filepath.Join(dir, ".git"), smallFile)
		target, ok := strings.CutPrefix(strings.TrimSpace(string(text)), "gitdir:")
		linked := err == nil && ok && realPath(resolve(dir, strings.TrimSpace(target))) == realPath(gitDir)
		if linked || realPath(filepath.Join(dir, ".git")) == realPath(gitDir) {
			list = append(list, checkout{Repository: r, dir: dir, prefix: r.relative(dir), index: r.indexOf(gitDir)})
		}
	}
	if r.GitDir != r.CommonDir && filepath.Base(r.CommonDir) == ".git" {
		add(filepath.Dir(r.CommonDir), r.CommonDir)
	}
	for _, gitDir := range r.otherGitDirs() {
		text, err := ReadFile(ctx, filepath.Join(gitDir, "gitdir"), smallFile)
		if dotGit := strings.TrimSpace(string(text)); err == nil && filepath.Base(dotGit) == ".git" {
			add(filepath.Dir(resolve(gitDir, dotGit)), gitDir)
		}
	}
	return list
}

// relative is the path of another work tree from this one.
func (r *Repository) relative(dir string) string {
	from := r.WorkTree
	if from == "" {
		from = r.GitDir
	}
	if rel, err := filepath.Rel(realPath(from), realPath(dir)); err == nil {
		return filepath.ToSlash(rel)
	}
	return filepath.ToSlash(dir)
}

// name is the path of a file of the work tree as it is reported.
func (c *checkout) name(rel string) string { return path.Join(c.prefix, rel) }

func (c *checkout) list(ctx context.Context) {
	tracked := map[string]uint32{}
	if x := c.index; x != nil {
		for _, e := range x.Entries {
			if ctx.Err() != nil {
				return
			}
			tracked[e.Path] = e.Mode
			if e.Mode&object.ModeType == object.ModeGitlink {
				c.gitlink(ctx, e)
				continue
			}
			if !filepath.IsLocal(filepath.FromSlash(e.Path)) {
				c.problem(object.CorruptFile, c.Short(x.File), "", "lists a path outside the work tree")
				continue
			}
			c.tracked(e)
		}
	}
	c.untracked(ctx, "", c.rules, tracked, 0)
}

// add lists a file by its path in the work tree.
func (c *checkout) add(place Place, rel string, d fs.DirEntry) {
	files, names := len(c.Files), len(c.Names)
	c.addNamed(place, filepath.Join(c.dir, filepath.FromSlash(rel)), rel, d)
	for i := range c.Files[files:] {
		c.Files[files+i].Path = c.name(rel)
	}
	for i := range c.Names[names:] {
		c.Names[names+i].Path = c.name(rel)
	}
}

func (c *checkout) tracked(e IndexEntry) {
	info, err := os.Lstat(filepath.Join(c.dir, filepath.FromSlash(e.Path)))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errNotDir) {
		return // removed from disk; the index's object is read with the others
	}
	if err != nil {
		c.problem(object.Unreadable, c.name(e.Path), "", "%v", err)
		return
	}
	if !c.inside(path.Dir(e.Path)) {
		return // a directory was replaced by a link; Git takes the file for removed
	}
	if !info.IsDir() {
		c.add(InTracked, e.Path, fs.FileInfoToDirEntry(info))
	}
}

// inside reports whether no part of the directory is a symbolic link.
func (c *checkout) inside(dir string) bool {
	if dir == "." {
		return true
	}
	abs := filepath.Join(c.dir, filepath.FromSlash(dir))
	if known, ok := c.real[abs]; ok {
		return known
	}
	info, err := os.Lstat(abs)
	ok := err == nil && info.IsDir() && c.inside(path.Dir(dir))
	c.real[abs] = ok
	return ok
}

// gitlink deals with the record of a submodule. That one is not checked out is for the work tree
// that was asked for to say.
func (c *checkout) gitlink(ctx context.Context, e IndexEntry) {
	abs := "" // a bare repository checks nothing out
	if c.dir != "" {
		abs = filepath.Join(c.dir, filepath.FromSlash(e.Path))
		if _, err := os.Lstat(filepath.Join(abs, ".git")); err == nil && c.inside(e.Path) {
			c.Nested = append([]Nested{{Path: abs, Name: c.name(e.Path), Want: e.ID}}, c.Nested...)
			return
		}
	}
	for i, n := range c.Nested {
		if !n.Module {
			continue
		}
		text, _ := ReadFile(ctx, filepath.Join(n.Path, "config"), smallFile) // its own scan reports it
		if wt := ParseConfig(text)["core.worktree"]; n.Name == e.Path || abs != "" && wt != "" && resolve(n.Path, wt) == abs {
			c.Nested[i].Want = e.ID
			return // its objects are here
		}
	}
	if c.own {
		c.problem(SubmoduleAbsent, e.Path, e.ID, "submodule is not checked out: git submodule update --init --recursive")
	}
}

// maxDirs bounds how deep directories are followed.
const maxDirs = 4096

func (c *checkout) untracked(ctx context.Context, dir string, rules ignores, tracked map[string]uint32, depth int) {
	if ctx.Err() != nil {
		return
	}
	abs := filepath.Join(c.dir, filepath.FromSlash(dir))
	if depth > maxDirs {
		c.problem(object.TooLarge, c.name(dir), "", "directories are nested more than %d deep", maxDirs)
		return
	}
	entries, err := os.ReadDir(abs)
	if err != nil {
		c.problem(object.Unreadable, c.name(dir), "", "%v", err)
	}
	own, err := readIgnore(ctx, filepath.Join(abs, ".gitignore"), dir, false)
	if err != nil {
		c.problem(object.Unreadable, c.name(path.Join(dir, ".gitignore")), "", "%v", err)
	}
	if own != nil {
		own.fold = c.Config.True("core.ignorecase")
		rules = append(rules[:len(rules):len(rules)], own)
	}
	for _, e := range entries {
		if ctx.Err() != nil {
			return
		}
		rel := path.Join(dir, e.Name())
		mode, isTracked := tracked[rel]
		switch {
		case e.Name() == ".git":
		case isTracked && mode&object.ModeType != object.ModeTree && !e.IsDir():
		case isTracked && mode&object.ModeType == object.ModeGitlink:
		case rules.ignored(rel, e.IsDir()):
		case e.IsDir():
			sub := filepath.Join(abs, e.Name())
			switch _, err := os.Lstat(filepath.Join(sub, ".git")); {
			case err != nil:
				c.untracked(ctx, rel, rules, tracked, depth+1)
			case !c.others[realPath(sub)]: // else it is listed for itself
				c.Nested = append(c.Nested, Nested{Path: sub, Name: c.name(rel)})
			}
		default:
			c.add(InUntracked, rel, e)
		}
	}
}

func (r *Repository) headTree(ctx context.Context, store *object.Store) object.ID {
	if r.Head == "" {
		return ""
	}
	k, data, err := store.Load(ctx, r.Head)
	if err != nil || k != object.Commit {
		return "" // reported when all objects were read
	}
	c, _ := object.ParseCommit(data, r.IDSize)
	return c.Tree
}

// headGitlinks reports the submodules of a repository without an index, where nothing can be
// checked out.
func (r *Repository) headGitlinks(ctx context.Context, store *object.Store, tree object.ID, dir string, depth int) {
	if tree == "" || ctx.Err() != nil || depth > maxDirs {
		return
	}
	k, data, err := store.Load(ctx, tree)
	if err != nil || k != object.Tree {
		return // reported when all objects were read
	}
	object.EachEntry(data, r.IDSize, func(_ int, name []byte, mode uint32, id []byte) bool {
		switch e := (IndexEntry{Path: path.Join(dir, string(name)), Mode: mode, ID: object.ID(id)}); mode & object.ModeType {
		case object.ModeTree:
			r.headGitlinks(ctx, store, e.ID, e.Path, depth+1)
		case object.ModeGitlink:
			(&checkout{Repository: r, dir: r.WorkTree, own: true}).gitlink(ctx, e)
		}
		return ctx.Err() == nil
	})
}
