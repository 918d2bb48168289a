package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func open(t *testing.T, dir string, keep int) *Store {
	t.Helper()
	s, err := Open(t.Context(), dir, keep)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func add(t *testing.T, s *Store, minute int) string {
	t.Helper()
	name, err := s.Add(noon.Add(time.Duration(minute)*time.Minute), "run", fmt.Appendf(nil, "report %d", minute), []byte("facts"))
	if err != nil {
		t.Fatal(err)
	}
	return name
}

func TestNewestAndRetention(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "store")
	s := open(t, dir, 2)
	if _, err := s.Newest(); !errors.Is(err, ErrEmpty) {
		t.Errorf("an empty store: %v", err)
	}
	add(t, s, 1)
	second, third := add(t, s, 2), add(t, s, 3)
	names, err := s.Names()
	if diff := cmp.Diff([]string{second, third}, names); err != nil || diff != "" {
		t.Error(err, diff)
	}
	newest, err := s.Newest()
	if err != nil || string(newest.Report) != "report 3" || string(newest.Facts) != "facts" {
		t.Errorf("%+v %v", newest, err)
	}
	linked, err := os.ReadFile(filepath.Join(dir, Latest, ReportFile))
	if err != nil || string(linked) != "report 3" {
		t.Errorf("the link: %s %v", linked, err)
	}
	info, err := os.Stat(filepath.Join(dir, third, ReportFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v %v", info.Mode(), err)
	}
}

func TestCrashLeavesTheLastGoodReport(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir, 5)
	good := add(t, s, 1)
	if err := os.MkdirAll(filepath.Join(dir, ".new-crashed"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, ".new-crashed", ReportFile), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, 5)
	newest, err := s.Newest()
	if err != nil || newest.Name != good {
		t.Errorf("%+v %v", newest, err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".new-*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestFailedWriteLosesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir, 1)
	good := add(t, s, 1)
	if _, err := s.Add(noon, "not a name", nil, nil); err == nil {
		t.Error("a run without a proper name was stored")
	}
	// The name that the new entry is to get is taken by a folder that is not empty, so that the last step fails.
	taken := filepath.Join(dir, "20261124T123000000Z-run")
	if err := os.MkdirAll(filepath.Join(taken, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Add(noon.Add(30*time.Minute), "run", []byte("new"), []byte("new")); err == nil {
		t.Error("a failed write is no error")
	}
	if err := os.RemoveAll(taken); err != nil {
		t.Fatal(err)
	}
	newest, err := s.Newest()
	if err != nil || newest.Name != good {
		t.Errorf("%+v %v", newest, err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".new-*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestOneAtATime(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := open(t, dir, 50)
	impatient, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, err := Open(impatient, dir, 50); !errors.Is(err, ErrBusy) {
		t.Errorf("a second one got in: %v", err)
	}
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			s, err := Open(t.Context(), dir, 50)
			if err != nil {
				t.Error(err)
				return
			}
			for j := range 5 {
				if _, err := s.Add(noon.Add(time.Duration(10*i+j)*time.Minute), "run", []byte("r"), []byte("f")); err != nil {
					t.Error(err)
				}
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	last := open(t, dir, 50)
	names, err := last.Names()
	if err != nil || len(names) != 20 {
		t.Errorf("%d entries, %v", len(names), err)
	}
}
