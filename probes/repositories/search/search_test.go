package gitscan

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prelaunch-audit/prelaunch/internal/keyscan/match"
)

// The tests build repositories with git itself; the engine does not need it.

// gitRepo is a repository under construction.
type gitRepo struct {
	t   testing.TB
	dir string
}

func newRepo(t testing.TB, init ...string) *gitRepo {
	t.Helper()
	g := &gitRepo{t, t.TempDir()}
	g.git(append([]string{"init", "-q", "-b", "main"}, init...)...)
	return g
}

func gitEnv() []string {
	return append(os.Environ(),
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "HOME=/nonexistent", "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=Ann", "GIT_AUTHOR_EMAIL=ann@acme.example", "GIT_AUTHOR_DATE=2026-01-02T03:04:05Z",
		"GIT_COMMITTER_NAME=Ann", "GIT_COMMITTER_EMAIL=ann@acme.example", "GIT_COMMITTER_DATE=2026-01-02T03:04:05Z",
		"GIT_ALLOW_PROTOCOL=file")
}

func (g *gitRepo) git(args ...string) string { return g.gitIn("", args...) }

func (g *gitRepo) gitIn(input string, args ...string) string {
	g.t.Helper()
	return strings.TrimSpace(g.run(strings.NewReader(input), args...))
}

func (g *gitRepo) run(input io.Reader, args ...string) string {
	g.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Env, cmd.Stdin = g.dir, gitEnv(), input
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		g.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, errs.String())
	}
	return out.String()
}

func (g *gitRepo) write(path, content string) {
	g.t.Helper()
	abs := filepath.Join(g.dir, path)
	if err := os.MkdirAll(filepath.Dir(abs), 0o755); err != nil {
		g.t.Fatal(err)
	}
	if err := os.WriteFile(abs, []byte(content), 0o644); err != nil {
		g.t.Fatal(err)
	}
}

func (g *gitRepo) commit(message string) string {
	g.t.Helper()
	g.git("add", "-A")
	g.git("commit", "-q", "--allow-empty", "-m", message)
	return g.git("rev-parse", "HEAD")
}

func literals(texts ...string) (list []match.Literal) {
	for i, s := range texts {
		list = append(list, match.Literal{ID: i + 1, Bytes: []byte(s)})
	}
	return list
}

func scan(t testing.TB, path string, o Options) *Result {
	t.Helper()
	r, err := Scan(context.Background(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func describe(r *Result) string {
	var b strings.Builder
	for _, h := range r.Hits {
		fmt.Fprintf(&b, "%+v\n", h)
	}
	for _, g := range r.Gaps {
		fmt.Fprintf(&b, "%+v\n", g)
	}
	fmt.Fprintf(&b, "%+v", r.Totals)
	return b.String()
}

func TestSmoke(t *testing.T) {
	t.Parallel()
	key := "kJ8s0Zq2LmX4vB7nR1tY6uW3"
	g := newRepo(t)
	g.write("a/b.txt", "hello\nworld\n")
	g.commit("one")
	g.write("a/b.txt", "hello\nkey="+key+"\n")
	g.commit("two")
	g.write("a/b.txt", "hello\nworld\n")
	g.commit("three")
	g.git("gc", "-q")
	t.Log(describe(scan(t, g.dir, Options{Literals: literals(key)})))
}
