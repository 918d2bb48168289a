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
	s, err := Open(t.Context(), dir, keep, Key{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func add(t *testing.T, s *Store, minute int) string {
	t.Helper()
	name, err := s.Add(noon.Add(time.Duration(minute)*time.Minute), "run",
		Entry{Report: fmt.Appendf(nil, "report %d", minute), Facts: []byte("facts"), Tickets: []byte("tickets")})
	if err != nil {
		t.Fatal(err)
	}
	return name
}

func newest(s *Store) (*Entry, error) {
	names, err := s.Names()
	if err != nil || len(names) == 0 {
		return &Entry{}, err
	}
	return s.Read(names[len(names)-1])
}

func TestNewestAndRetention(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "store")
	s := open(t, dir, 2)
	add(t, s, 1)
	second, third := add(t, s, 2), add(t, s, 3)
	names, err := s.Names()
	if diff := cmp.Diff([]string{second, third}, names); err != nil || diff != "" {
		t.Error(err, diff)
	}
	last, err := newest(s)
	if err != nil || string(last.Report) != "report 3" || string(last.Facts) != "facts" {
		t.Errorf("%+v %v", last, err)
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
	last, err := newest(s)
	if err != nil || last.Name != good {
		t.Errorf("%+v %v", last, err)
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
	if _, err := s.Add(noon, "not a name", Entry{}); err == nil {
		t.Error("a run without a proper name was stored")
	}
	// The name that the new entry is to get is taken by a file, so that the last step fails.
	taken := filepath.Join(dir, "20261124T123000000Z-run")
	if err := os.WriteFile(taken, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Add(noon.Add(30*time.Minute), "run", Entry{Report: []byte("new")}); err == nil {
		t.Error("a failed write is no error")
	}
	if err := os.Remove(taken); err != nil {
		t.Fatal(err)
	}
	last, err := newest(s)
	if err != nil || last.Name != good {
		t.Errorf("%+v %v", last, err)
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
	if _, err := Open(impatient, dir, 50, Key{}); !errors.Is(err, ErrBusy) {
		t.Errorf("a second one got in: %v", err)
	}
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			s, err := Open(t.Context(), dir, 50, Key{})
			if err != nil {
				t.Error(err)
				return
			}
			for j := range 5 {
				if _, err := s.Add(noon.Add(time.Duration(10*i+j)*time.Minute), "run", Entry{}); err != nil {
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

func sealed(t *testing.T, dir, key string) *Store {
	t.Helper()
	k, err := NewKey(key)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), dir, 50, k)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const (
	firstKey  = "0123456789abcdef0123456789abcdef"
	secondKey = "fedcba9876543210fedcba9876543210"
)

// TestAuthentication: an entry is vouched for only as it was kept, under its own name and by the key that kept it.
func TestAuthentication(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, key, doubt string
		change           func(dir string) (name string)
	}{
		{"nothing", firstKey, "", nil},
		{"another key", secondKey, "was authenticated with another key", nil},
		{"the report", firstKey, "was changed since it was kept", func(dir string) string { return rewrite(t, dir, ReportFile, "report 2") }},
		{"the facts", firstKey, "was changed since it was kept", func(dir string) string { return rewrite(t, dir, FactsFile, "factz") }},
		{"the tickets", firstKey, "was changed since it was kept", func(dir string) string { return rewrite(t, dir, TicketsFile, "") }},
		{"a byte moved from one file to the next", firstKey, "was changed since it was kept", func(dir string) string {
			rewrite(t, dir, ReportFile, "report 1f")
			return rewrite(t, dir, FactsFile, "acts")
		}},
		{"the MAC", firstKey, "was changed since it was kept", func(dir string) string { return rewrite(t, dir, macFile, "") }},
		{"no MAC", firstKey, "was kept without authentication", func(dir string) string {
			if err := os.Remove(filepath.Join(dir, macFile)); err != nil {
				t.Fatal(err)
			}
			return filepath.Base(dir)
		}},
		{"another time", firstKey, "was changed since it was kept", func(dir string) string {
			later := filepath.Join(filepath.Dir(dir), "20261125T120100000Z-run")
			if err := os.Rename(dir, later); err != nil {
				t.Fatal(err)
			}
			return filepath.Base(later)
		}},
	} {
		dir := t.TempDir()
		s := sealed(t, dir, firstKey)
		name := add(t, s, 1)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if test.change != nil {
			name = test.change(filepath.Join(dir, name))
		}
		s = sealed(t, dir, test.key)
		entry, err := s.Read(name)
		if err != nil || entry.Doubt != test.doubt {
			t.Errorf("%s: doubt %q, want %q (%v)", test.name, entry.Doubt, test.doubt, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := NewKey("short"); err == nil {
		t.Error("a short key was taken")
	}
}

func rewrite(t *testing.T, dir, file, content string) string {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, file), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return filepath.Base(dir)
}

// TestClockSetBack: what was added last is the newest, and is never the one that is dropped.
func TestClockSetBack(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), 2)
	add(t, s, 60)
	for _, minute := range []int{30, 30, 10} {
		name := add(t, s, minute)
		last, err := newest(s)
		if err != nil || last.Name != name || string(last.Report) != fmt.Sprintf("report %d", minute) {
			t.Errorf("after minute %d the newest is %s with %q, not %s (%v)", minute, last.Name, last.Report, name, err)
		}
	}
	if names, err := s.Names(); err != nil || len(names) != 2 {
		t.Errorf("%v %v", names, err)
	}
}

// TestNamesThatNoRunGave: entries with times that do not exist, or after which there is none, do
// not keep the next from being added.
func TestNamesThatNoRunGave(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir, 3)
	for _, name := range []string{"99999999T999999999Z-a", "99991231T235959999Z-a", "20261301T000000000Z-a"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	name := add(t, s, 1)
	if names, err := s.Names(); err != nil || len(names) != 1 || names[0] != name {
		t.Errorf("%v %v", names, err)
	}
}

// TestLatestThatIsADirectory: a store that was copied with its links followed is taken as it is.
func TestLatestThatIsADirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir, 3)
	if err := os.MkdirAll(filepath.Join(dir, Latest), 0o700); err != nil {
		t.Fatal(err)
	}
	rewrite(t, filepath.Join(dir, Latest), ReportFile, "report")
	name := add(t, s, 1)
	if target, err := os.Readlink(filepath.Join(dir, Latest)); err != nil || target != name {
		t.Errorf("latest leads to %q, not %q (%v)", target, name, err)
	}
}
