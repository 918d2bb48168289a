package gitrepo

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/gitrepo/object"
)

// This file lists Git's own files: everything below the Git directories that is not an object, a
// pack, or a repository of its own.

func (r *Repository) addFile(place Place, abs string) {
	r.Files = append(r.Files, File{place, abs, r.Short(abs)})
}

// ListGitFiles lists the files of the Git directories, with their names.
func (r *Repository) ListGitFiles(ctx context.Context) {
	r.listGitDir(ctx, r.GitDir)
	if r.CommonDir != r.GitDir {
		r.listGitDir(ctx, r.CommonDir)
	}
	for _, dir := range r.Objects {
		r.listStoreFiles(dir)
	}
}

func (r *Repository) listGitDir(ctx context.Context, dir string) {
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			r.problemWith(path, object.Unreadable, err)
			if d != nil && d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			switch {
			case rel == ".":
				return nil
			case rel == "objects" || realPath(path) == realPath(r.CommonDir):
				return fs.SkipDir
			case rel == "worktrees" && dir != r.GitDir:
				return nil
			case strings.HasPrefix(rel, "modules/") && isGitDir(ctx, path):
				r.Nested = append(r.Nested, Nested{Path: path, Name: strings.TrimPrefix(rel, "modules/"), Module: true})
				return fs.SkipDir
			}
		}
		r.addNamed(placeOfGitFile(rel), path, rel, d)
		return nil
	})
	if err != nil && ctx.Err() == nil {
		r.problemWith(dir, object.Unreadable, err)
	}
}

// addNamed lists a file and its name, for a symbolic link with the target.
func (r *Repository) addNamed(place Place, abs, rel string, d fs.DirEntry) {
	text := rel
	if d.Type()&fs.ModeSymlink != 0 {
		target, err := os.Readlink(abs)
		if err != nil {
			r.problemWith(abs, object.Unreadable, err)
		}
		text += "\n" + target
	}
	r.Names = append(r.Names, Name{place, r.Short(abs), text})
	if d.Type().IsRegular() {
		r.addFile(place, abs)
	}
}

func placeOfGitFile(rel string) Place {
	if rest, ok := strings.CutPrefix(rel, "worktrees/"); ok {
		if _, inside, ok := strings.Cut(rest, "/"); ok {
			rel = inside
		}
	}
	first, _, _ := strings.Cut(rel, "/")
	switch first {
	case "config", "config.worktree":
		return InConfig
	case "hooks":
		return InHook
	case "logs":
		return InReflog
	case "refs", "packed-refs", "HEAD", "FETCH_HEAD", "ORIG_HEAD", "reftable":
		return InRef
	case "index":
		return InIndex
	}
	switch {
	case strings.HasPrefix(first, "sharedindex."):
		return InIndex
	case rel == "info/refs":
		return InRef
	}
	return InGitDir
}

// listStoreFiles lists the texts of an object directory and reports unfinished packs.
func (r *Repository) listStoreFiles(dir string) {
	infos, _ := os.ReadDir(filepath.Join(dir, "info")) // most have none
	for _, e := range infos {
		if e.Type().IsRegular() && !strings.HasPrefix(e.Name(), "commit-graph") {
			r.addFile(InGitDir, filepath.Join(dir, "info", e.Name()))
		}
	}
	packs, _ := os.ReadDir(filepath.Join(dir, "pack")) // opening the objects has reported it
	for _, e := range packs {
		path := filepath.Join(dir, "pack", e.Name())
		switch {
		case strings.HasPrefix(e.Name(), "tmp_pack_") || strings.HasPrefix(e.Name(), ".tmp-"):
			r.problem(object.CorruptPack, r.Short(path), "", "an unfinished pack; git gc --prune=now removes it")
		case strings.HasSuffix(e.Name(), ".keep") || strings.HasSuffix(e.Name(), ".promisor"):
			r.addFile(InGitDir, path)
		}
	}
}
