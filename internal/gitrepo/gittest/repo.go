// Package gittest builds repositories for tests, with Git itself and, where they are to be what no
// Git would make, without it.
package gittest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Repo is a repository under construction.
type Repo struct {
	T   testing.TB
	Dir string
}

// New makes one; init are further arguments of git init.
func New(t testing.TB, init ...string) *Repo {
	t.Helper()
	g := &Repo{t, t.TempDir()}
	g.Git(append([]string{"init", "-q", "-b", "main"}, init...)...)
	return g
}

func environment() []string {
	return append(os.Environ(),
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "HOME=/nonexistent", "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=Ann", "GIT_AUTHOR_EMAIL=ann@acme.example", "GIT_AUTHOR_DATE=2026-01-02T03:04:05Z",
		"GIT_COMMITTER_NAME=Ann", "GIT_COMMITTER_EMAIL=ann@acme.example", "GIT_COMMITTER_DATE=2026-01-02T03:04:05Z",
		"GIT_ALLOW_PROTOCOL=file")
}

// Git runs a command and returns its output without the blanks around it.
func (g *Repo) Git(args ...string) string { return g.GitIn("", args...) }

// GitIn is Git with standard input.
func (g *Repo) GitIn(input string, args ...string) string {
	g.T.Helper()
	return strings.TrimSpace(g.run(strings.NewReader(input), args...))
}

// GitRaw is Git with the output as it is.
func (g *Repo) GitRaw(args ...string) string {
	g.T.Helper()
	return g.run(nil, args...)
}

func (g *Repo) run(input io.Reader, args ...string) string {
	g.T.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Env, cmd.Stdin = g.Dir, environment(), input
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		g.T.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, errs.String())
	}
	return out.String()
}

// Write writes a file and the directories it is in.
func (g *Repo) Write(path, content string) {
	g.T.Helper()
	abs := filepath.Join(g.Dir, path)
	Must(g.T, os.MkdirAll(filepath.Dir(abs), 0o755))
	Must(g.T, os.WriteFile(abs, []byte(content), 0o644))
}

// Commit commits everything and returns the ID.
func (g *Repo) Commit(message string) string {
	g.T.Helper()
	g.Git("add", "-A")
	g.Git("commit", "-q", "--allow-empty", "-m", message)
	return g.Git("rev-parse", "HEAD")
}

// LoosePath is the file of a loose object.
func (g *Repo) LoosePath(id string) string {
	return filepath.Join(g.Dir, ".git/objects", id[:2], id[2:])
}

// Unpack unpacks a repository from a compressed tar file into a directory of its own.
func Unpack(t testing.TB, file string) (dir string) {
	t.Helper()
	f, err := os.Open(file)
	Must(t, err)
	defer f.Close() //nolint:errcheck // only read from
	z, err := gzip.NewReader(f)
	Must(t, err)
	dir = t.TempDir()
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return dir
		}
		Must(t, err)
		path := filepath.Join(dir, filepath.FromSlash(h.Name))
		if h.Typeflag == tar.TypeDir {
			Must(t, os.MkdirAll(path, 0o755))
			continue
		}
		text, err := io.ReadAll(r)
		Must(t, err)
		Must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		Must(t, os.WriteFile(path, text, 0o644))
	}
}

// Must ends the test on an error.
func Must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
