package gitscan

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/treestate"
)

// This file tells cheaply whether a scan would see what an earlier one saw. It lists with the code that lists for the scan, so that
// nothing is searched that does not count here: git's own files, the object stores, the files of the work tree, the repositories
// within, and what could not be listed. Objects are not inflated.

// Digest sums up what Scan would look at: "sha256:" and hex digits that change with any of it. Of the options it heeds ExcludesFile
// and Limits. The error is only that of a context that ended.
func Digest(ctx context.Context, path string, o Options, now func() time.Time) (string, error) {
	o.Literals, o.Fingerprints, o.Workers, o.Limits = nil, nil, 1, o.Limits.withDefaults()
	d := &digester{search: &search{options: o, found: newCollector(o.Limits), known: map[string]bool{}}, state: treestate.New(now)}
	if err := d.repository(ctx, path, "", 0); err != nil {
		return "", fmt.Errorf("sum up %s: %w", path, err)
	}
	unsearched := &Result{}
	d.found.finish(unsearched, func(text string) string { return text })
	d.state.Note("gaps", fmt.Sprint(unsearched.Gaps), fmt.Sprint(unsearched.GapsCut))
	return d.state.Sum(), nil
}

type digester struct {
	*search
	state *treestate.State
}

// repository is the listing half of search.repository.
func (d *digester) repository(ctx context.Context, path, prefix string, depth int) error {
	l, err := openLayout(path)
	if err != nil {
		reason := Unreadable
		if errors.Is(err, errNotRepository) {
			reason = NotARepository
		}
		d.found.gap(Gap{Reason: reason, Repository: prefix, Path: path, Detail: err.Error()})
		return ctx.Err()
	}
	real := realPath(l.gitDir)
	if d.known[real] {
		return ctx.Err()
	}
	d.known[real] = true
	r := &repo{search: d.search, layout: l, prefix: prefix, depth: depth}
	d.state.Note("repository", prefix, fmt.Sprint(l.workTree == ""))
	r.addAlternates(func(path string, err error) { r.gap(MissingObject, r.short(path), "", "%v", err) })
	r.readRefs()
	d.state.Note("refs", refsDigest(r.refs))
	r.readIndexes()
	r.listGitFiles(ctx)
	r.listWorkTree(ctx)
	for _, n := range r.names {
		d.state.Note("name", string(n.place), n.path, n.text)
	}
	for _, j := range r.jobs {
		d.state.Note(string(j.place))
		if err := d.state.File(ctx, j.path, j.abs); err != nil {
			return err
		}
	}
	for _, dir := range r.objects {
		if err := d.store(ctx, r.short(dir), dir, 0); err != nil {
			return err
		}
	}
	for _, n := range r.nested {
		d.state.Note("nested", n.name, n.want.String())
		if depth+1 < d.options.Limits.Nesting {
			if err := d.repository(ctx, n.path, joinRepo(prefix, n.name), depth+1); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

// storeDepth is how deep an object directory goes: pack and info, and the folders of loose objects.
const storeDepth = 2

// store adds the files of an object directory.
func (d *digester) store(ctx context.Context, name, dir string, depth int) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		d.state.Note("unlisted", name)
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		info, err := os.Stat(path) // git follows links here
		if err == nil && info.IsDir() && depth < storeDepth {
			err = d.store(ctx, name+"/"+e.Name(), path, depth+1)
		} else {
			err = d.state.File(ctx, name+"/"+e.Name(), path)
		}
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}
