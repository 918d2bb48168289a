package search

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/prelaunch-audit/prelaunch/internal/gitrepo/gittest"
)

// Nothing may be written and nothing may be left running.
func TestCancelled(t *testing.T) {
	t.Parallel()
	g := realRepo(t, 9, 200)
	g.Git("gc", "-q")
	for _, after := range []time.Duration{0, time.Millisecond, 5 * time.Millisecond} {
		ctx, cancel := context.WithTimeout(context.Background(), after)
		start := time.Now()
		r, err := Repository(ctx, g.Dir, Options{Literals: literals(probeKey)})
		if err == nil && r == nil || err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("after %v: %v", after, err)
		}
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("cancelled after %v, returned after %v", after, took)
		}
		cancel()
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Repository(ctx, g.Dir, Options{Literals: literals(probeKey)}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled before: %v", err)
	}
}

func TestWritesNothing(t *testing.T) {
	t.Parallel()
	g, list, _ := buildPlaces(t, true, nil)
	before := snapshot(t, g.Dir)
	scan(t, g.Dir, Options{Literals: list})
	if diff := cmp.Diff(before, snapshot(t, g.Dir)); diff != "" {
		t.Errorf("the scan changed: %s", diff)
	}
}

// snapshot maps each path to its size and time.
func snapshot(t *testing.T, dir string) map[string]string {
	t.Helper()
	m := map[string]string{}
	gittest.Must(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil {
			m[path] = info.ModTime().String() + info.Mode().String()
		}
		return err
	}))
	return m
}

// A repository under audit must not make the scan read other folders of the
// machine it is audited on.
func TestConfigurationCannotLeadElsewhere(t *testing.T) {
	t.Parallel()
	elsewhere := gittest.New(t)
	elsewhere.Write("private.txt", probeKey)
	elsewhere.Commit("private")

	worktree := gittest.New(t)
	worktree.Git("config", "core.worktree", elsewhere.Dir)
	worktree.Write("own.txt", "x")

	nested := gittest.New(t)
	nested.Write("sub/.git", "gitdir: "+elsewhere.Dir+"/.git\n")

	linked := gittest.New(t)
	gittest.Must(t, os.Symlink(elsewhere.Dir, filepath.Join(linked.Dir, "link")))

	for name, dir := range map[string]string{"core.worktree": worktree.Dir, ".git file": nested.Dir, "symbolic link": linked.Dir} {
		r := scan(t, dir, Options{Literals: literals(probeKey)})
		if len(r.Hits) > 0 {
			t.Errorf("%s: %s", name, describe(r))
		}
		if name != "symbolic link" && len(r.Gaps) == 0 {
			t.Errorf("%s: no gap", name)
		}
	}
}

// The same repository gives the same result whatever the number of workers,
// and the caps say what they cut.
func TestSameResultForAnyWorkers(t *testing.T) {
	t.Parallel()
	g := realRepo(t, 4, 120)
	g.Git("gc", "-q")
	list := cutLiterals(allObjects(t, g), 30, 4)
	var first *Result
	for _, workers := range []int{1, 2, 5} {
		r := scan(t, g.Dir, Options{Literals: list, Workers: workers, Limits: Limits{Hits: 50}})
		if len(r.Hits) != 50 || r.HitsCut == 0 {
			t.Fatalf("%d hits, %d cut", len(r.Hits), r.HitsCut)
		}
		if first == nil {
			first = r
		} else if diff := cmp.Diff(first, r); diff != "" {
			t.Errorf("%d workers: %s", workers, diff)
		}
	}
}
