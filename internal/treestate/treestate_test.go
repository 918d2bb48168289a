package treestate

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// sum is the digest of one file at a time long after it was written.
func sum(t *testing.T, name, path string) string {
	t.Helper()
	s := New(func() time.Time { return time.Now().Add(time.Hour) })
	if err := s.File(t.Context(), name, path); err != nil {
		t.Fatal(err)
	}
	return s.Sum()
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestSameSizeAndTime: a change that leaves size and modification time as they were is one all the same, in small and in large files.
func TestSameSizeAndTime(t *testing.T) {
	t.Parallel()
	for name, size := range map[string]int{"small": 100, "large": Whole + 1} {
		path := filepath.Join(t.TempDir(), "file")
		content := make([]byte, size)
		write(t, path, content)
		then := time.Now().Add(-time.Hour)
		if err := os.Chtimes(path, then, then); err != nil {
			t.Fatal(err)
		}
		before := sum(t, "file", path)
		if again := sum(t, "file", path); again != before {
			t.Errorf("%s: without a change it is another", name)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		changed, _, known := changeOf(info)
		for done := false; !done; { // until the clock of the file system has moved on
			content[size/2]++
			write(t, path, content)
			if err := os.Chtimes(path, then, then); err != nil {
				t.Fatal(err)
			}
			if info, err = os.Stat(path); err != nil {
				t.Fatal(err)
			}
			now, _, _ := changeOf(info)
			done = !known || !now.Equal(changed)
		}
		if sum(t, "file", path) == before {
			t.Errorf("%s: a change does not show", name)
		}
	}
}

// TestJustChanged: a large file that was changed a moment ago counts by its content too.
func TestJustChanged(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	write(t, path, make([]byte, Whole+1))
	s := New(time.Now)
	if err := s.File(t.Context(), "file", path); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, known := changeOf(info); known && s.Sum() == sum(t, "file", path) {
		t.Error("only its times count")
	}
}

func TestNamesKindsAndAbsence(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, pipe, link := filepath.Join(dir, "file"), filepath.Join(dir, "pipe"), filepath.Join(dir, "link")
	write(t, file, []byte("x"))
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("file", link); err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{}
	for what, digest := range map[string]string{
		"a file": sum(t, "a", file), "another name": sum(t, "b", file), "a pipe": sum(t, "a", pipe),
		"nothing": sum(t, "a", filepath.Join(dir, "absent")), "a folder": sum(t, "a", dir),
	} {
		if other, double := seen[digest]; double {
			t.Errorf("%s and %s are the same", what, other)
		}
		seen[digest] = what
	}
	if sum(t, "a", file) != sum(t, "a", link) {
		t.Error("a link is not what it leads to")
	}
	one, two := New(time.Now), New(time.Now)
	one.Note("ab", "c")
	two.Note("a", "bc")
	if one.Sum() == two.Sum() {
		t.Error("texts run together")
	}
}

func TestCancelled(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	write(t, path, []byte("x"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := New(time.Now).File(ctx, "file", path); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
