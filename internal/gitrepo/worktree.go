package gitscan

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
)

// This file searches the work tree: every tracked file as it is on disk, and
// every file that is neither tracked nor ignored. Symbolic links are not
// followed; where they point to is searched.

func (r *repo) scanWorkTree(ctx context.Context) {
	if r.ownIndex() == nil {
		r.headGitlinks(ctx, r.headTree(), "", 0)
	}
	r.listWorkTree(ctx)
	r.runJobs(ctx)
}

// listWorkTree queues the files of the work tree.
func (r *repo) listWorkTree(ctx context.Context) {
	if r.workTree == "" {
		return
	}
	tracked := map[string]uint32{}
	if x := r.ownIndex(); x != nil {
		for _, e := range x.entries {
			tracked[e.path] = e.mode
			if e.mode&modeType == modeGitlink {
				r.gitlink(e)
				continue
			}
			if !filepath.IsLocal(filepath.FromSlash(e.path)) {
				r.gap(CorruptFile, r.short(x.file), "", "lists a path outside the work tree")
				continue
			}
			r.trackedFile(e)
		}
	}
	r.listUntracked(ctx, "", r.baseIgnores(), tracked, 0)
}

func (r *repo) trackedFile(e indexEntry) {
	abs := filepath.Join(r.workTree, filepath.FromSlash(e.path))
	info, err := os.Lstat(abs)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errNotDir) {
		return // removed from disk; the index's object is searched
	}
	if err != nil {
		r.gap(Unreadable, e.path, "", "%v", err)
		return
	}
	if !r.inside(path.Dir(e.path)) {
		return // a folder was replaced by a link; git takes the file for removed
	}
	if !info.IsDir() {
		r.nameJob(InTracked, abs, e.path, fs.FileInfoToDirEntry(info))
	}
}

// inside reports whether no part of the folder is a symbolic link.
func (r *repo) inside(dir string) bool {
	if dir == "." {
		return true
	}
	if known, ok := r.real[dir]; ok {
		return known
	}
	info, err := os.Lstat(filepath.Join(r.workTree, filepath.FromSlash(dir)))
	ok := err == nil && info.IsDir() && r.inside(path.Dir(dir))
	if r.real == nil {
		r.real = map[string]bool{}
	}
	r.real[dir] = ok
	return ok
}

// gitlink deals with the record of a submodule.
func (r *repo) gitlink(e indexEntry) {
	abs := "" // a bare repository checks nothing out
	if r.workTree != "" {
		abs = filepath.Join(r.workTree, filepath.FromSlash(e.path))
		if _, err := os.Lstat(filepath.Join(abs, ".git")); err == nil && r.inside(e.path) {
			r.nested = append([]nestedRepo{{path: abs, name: e.path, want: e.id}}, r.nested...)
			return
		}
	}
	for i, n := range r.nested {
		if !n.module {
			continue
		}
		text, _ := readSmall(filepath.Join(n.path, "config"), smallFile)
		if wt := parseConfig(text)["core.worktree"]; n.name == e.path || abs != "" && wt != "" && resolve(n.path, wt) == abs {
			r.nested[i].want = e.id
			return // its objects are here
		}
	}
	r.gap(SubmoduleAbsent, e.path, e.id, "submodule is not checked out: git submodule update --init --recursive")
}

// maxFolders bounds how deep folders are followed.
const maxFolders = 4096

func (r *repo) listUntracked(ctx context.Context, dir string, rules ignores, tracked map[string]uint32, depth int) {
	if ctx.Err() != nil {
		return
	}
	abs := filepath.Join(r.workTree, filepath.FromSlash(dir))
	if depth > maxFolders {
		r.gap(TooLarge, dir, "", "folders are nested more than %d deep", maxFolders)
		return
	}
	entries, err := os.ReadDir(abs)
	if err != nil {
		r.gap(Unreadable, dir, "", "%v", err)
	}
	own, err := readIgnore(filepath.Join(abs, ".gitignore"), dir, false)
	if err != nil {
		r.gap(Unreadable, path.Join(dir, ".gitignore"), "", "%v", err)
	}
	if own != nil {
		own.fold = r.config.truth("core.ignorecase")
		rules = append(rules[:len(rules):len(rules)], own)
	}
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		mode, isTracked := tracked[name]
		switch {
		case e.Name() == ".git":
		case isTracked && mode&modeType != modeTree && !e.IsDir():
		case isTracked && mode&modeType == modeGitlink:
		case rules.ignored(name, e.IsDir()):
		case e.IsDir():
			sub := filepath.Join(abs, e.Name())
			if _, err := os.Lstat(filepath.Join(sub, ".git")); err == nil {
				r.nested = append(r.nested, nestedRepo{path: sub, name: name})
				continue
			}
			r.listUntracked(ctx, name, rules, tracked, depth+1)
		default:
			r.nameJob(InUntracked, filepath.Join(abs, e.Name()), name, e)
		}
	}
}

func (r *repo) headTree() oid {
	if r.head == "" {
		return ""
	}
	k, data, err := r.load(r.head)
	if err != nil || k != commitKind {
		return "" // reported by the main pass
	}
	c, _ := parseCommit(data, r.oidSize)
	return c.tree
}

// headGitlinks reports the submodules of a repository without an index, where
// nothing can be checked out.
func (r *repo) headGitlinks(ctx context.Context, tree oid, dir string, depth int) {
	if tree == "" || ctx.Err() != nil || depth > maxFolders {
		return
	}
	k, data, err := r.load(tree)
	if err != nil || k != treeKind {
		return // reported by the main pass
	}
	eachEntry(data, r.oidSize, func(_ int, name []byte, mode uint32, id []byte) bool {
		switch e := (indexEntry{path: path.Join(dir, string(name)), mode: mode, id: oid(id)}); mode & modeType {
		case modeTree:
			r.headGitlinks(ctx, e.id, e.path, depth+1)
		case modeGitlink:
			r.gitlink(e)
		}
		return ctx.Err() == nil
	})
}
