package gitscan

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func digestOf(t *testing.T, path string) string {
	t.Helper()
	digest, err := Digest(t.Context(), path, Options{}, func() time.Time { return time.Now().Add(time.Hour) })
	if err != nil {
		t.Fatal(err)
	}
	return digest
}

// TestDigestChangesWithAllThatIsSearched: every way in which a key can get into a repository gives another digest, and what a scan
// does not look at gives none.
func TestDigestChangesWithAllThatIsSearched(t *testing.T) {
	t.Parallel()
	g := newRepo(t)
	sub := newRepo(t)
	sub.write("s.txt", "sub\n")
	sub.commit("sub")
	store := newRepo(t)
	store.write("far.txt", "far\n")
	store.commit("far")
	g.write("a.txt", "one\n")
	g.write(".gitignore", "ignored/\n")
	g.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", sub.dir, "sub")
	g.commit("one")
	other := filepath.Join(t.TempDir(), "linked")
	g.git("worktree", "add", "-q", "--detach", other)
	last := digestOf(t, g.dir)
	if again := digestOf(t, g.dir); again != last {
		t.Fatal("without a change it is another")
	}
	for _, step := range []struct {
		name  string
		same  bool
		alter func()
	}{
		{"a tracked file", false, func() { g.write("a.txt", "two\n") }},
		{"an untracked file", false, func() { g.write("b/c.txt", "new\n") }},
		{"an ignored file", true, func() { g.write("ignored/x.log", "new\n") }},
		{"an ignored file grows", true, func() { g.write("ignored/x.log", "new\nnew\n") }},
		{"what is ignored", false, func() { g.write(".gitignore", "nothing/\n") }},
		{"the index", false, func() { g.git("add", "a.txt") }},
		{"a commit", false, func() { g.commit("two") }},
		{"an object that nothing names", false, func() { g.gitIn("dangling\n", "hash-object", "-w", "--stdin") }},
		{"a branch name", false, func() { g.git("branch", "wip") }},
		{"a tag", false, func() { g.git("tag", "-a", "-m", "v", "v1") }},
		{"a stash", false, func() { g.write("a.txt", "three\n"); g.git("stash", "-q") }},
		{"git's own config", false, func() { g.git("config", "remote.x.url", "https://git.acme.example/x") }},
		{"a hook", false, func() { g.write(".git/hooks/pre-push", "#!/bin/sh\n") }},
		{"a half-written message", false, func() { g.write(".git/COMMIT_EDITMSG", "draft\n") }},
		{"repacking", false, func() { g.git("gc", "-q") }},
		{"a file of the submodule", false, func() {
			sub := filepath.Join(g.dir, "sub", "s.txt")
			must(t, os.WriteFile(sub, []byte("changed\n"), 0o600))
		}},
		{"a commit of the linked work tree", false, func() { g.git("-C", other, "commit", "-q", "--allow-empty", "-m", "linked") }},
		{"a repository inside", false, func() { g.git("init", "-q", "inner") }},
		{"a link's target", false, func() { must(t, os.Symlink("nowhere", filepath.Join(g.dir, "link"))) }},
		{"an alternate store", false, func() { g.write(".git/objects/info/alternates", filepath.Join(store.dir, ".git", "objects")+"\n") }},
		{"an object of the alternate store", false, func() { store.write("far.txt", "farther\n"); store.commit("farther") }},
		{"a shallow boundary", false, func() { g.write(".git/shallow", g.git("rev-parse", "HEAD")+"\n") }},
		{"a missing .git", false, func() { must(t, os.Rename(filepath.Join(g.dir, ".git"), filepath.Join(g.dir, "git"))) }},
		{"nothing there", false, func() { must(t, os.RemoveAll(g.dir)) }},
	} {
		step.alter()
		digest := digestOf(t, g.dir)
		if (digest == last) != step.same {
			t.Errorf("%s: the digest is the same: %v", step.name, digest == last)
		}
		last = digest
	}
}

func TestDigestOfABareRepositoryAndCancelled(t *testing.T) {
	t.Parallel()
	g := newRepo(t, "--bare")
	before := digestOf(t, g.dir)
	g.gitIn("x", "hash-object", "-w", "--stdin")
	if digestOf(t, g.dir) == before {
		t.Error("a new object does not show")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Digest(ctx, g.dir, Options{}, time.Now); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
