package cli_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/verdict"
)

// TestRevisitDamagedStore: what cannot be relied on is named and not compared with; what it says of exposures counts.
func TestRevisitDamagedStore(t *testing.T) {
	t.Parallel()
	s := schedule(t, passive())
	s.visit(0, noEarlier, quick)
	newest := filepath.Join(s.store, "latest")
	rewrite := func(file, old, new string) {
		text, err := os.ReadFile(filepath.Join(newest, file))
		if err != nil || !strings.Contains(string(text), old) {
			t.Fatalf("%s has no %q: %v", file, old, err)
		}
		s.write(filepath.Join(newest, file), strings.Replace(string(text), old, new, 1))
	}
	for _, damage := range []struct {
		says string
		do   func()
	}{
		{"was changed since it was kept", func() { truncate(t, filepath.Join(newest, "report.json")) }},
		{"was changed since it was kept", func() { rewrite("report.json", `"outcome": "pass"`, `"outcome": "fail"`) }},
		{"was changed since it was kept", func() { rewrite("tickets.json", `"open":`, `"open": `) }},
		{"cannot be read", func() {
			if err := os.Remove(filepath.Join(newest, "facts.json")); err != nil {
				t.Fatal(err)
			}
		}},
		{"was kept without authentication", func() {
			if err := os.Remove(filepath.Join(newest, "mac")); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		damage.do()
		got := s.visit(0, damage.says, quick)
		if !strings.Contains(got.stderr, "It is not compared with") || !strings.Contains(got.stderr, noEarlier) && !strings.Contains(got.stderr, unchanged) {
			t.Errorf("%s:\n%s", damage.says, got.stderr)
		}
	}

	// Somebody writes into the store that Production's key was exposed.
	exposed := `"exposures":[{"fingerprint":"` + s.Keys["production"].Fingerprint() + `","first_seen":"2026-01-02T00:00:00Z","last_seen":"2026-01-02T00:00:00Z","places":["client: x"]}]`
	rewrite("facts.json", `"exposures": []`, exposed)
	if got := s.visit(1, "was changed since it was kept", quick); outcome(got.report, "api-key.rotated-after-exposure") != audit.Fail {
		t.Errorf("the exposure in a changed entry does not count:\n%s", got.stderr)
	}
	if got := s.visit(1, unchanged, quick); outcome(got.report, "api-key.rotated-after-exposure") != audit.Fail {
		t.Error("the exposure was forgotten")
	}

	// A run that is cut short is not kept, and what a crash left behind is no report.
	before := s.entries()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := s.call(ctx, nil, quick); got.code != 2 {
		t.Errorf("cut short: exit %d\n%s", got.code, got.stderr)
	}
	half := filepath.Join(s.store, ".new-crashed")
	if err := os.Mkdir(half, 0o700); err != nil {
		t.Fatal(err)
	}
	s.write(filepath.Join(half, "report.json"), "{")
	if after := s.entries(); !slices.Equal(before, after) {
		t.Errorf("a run that was cut short left %v, before were %v", after, before)
	}
	s.visit(1, unchanged, quick)
	if _, err := os.Stat(half); !os.IsNotExist(err) {
		t.Errorf("what a crash left behind is still there: %v", err)
	}
}

// TestRevisitStoreKey: the key comes from the user's state directory or from where --store-key says, and without one that is said.
func TestRevisitStoreKey(t *testing.T) {
	t.Parallel()
	s := schedule(t, passive())
	file := filepath.Join(t.TempDir(), "key")
	s.write(file, strings.Repeat("k", 32)+"\n")
	s.env = append(s.env, "STORE_KEY="+strings.Repeat("k", 32), "SHORT_KEY=short")
	s.visit(0, noEarlier, quick)
	s.visit(0, "was authenticated with another key", quick, "--store-key=env:STORE_KEY")
	s.visit(0, unchanged, quick, "--store-key={file: "+file+"}")
	for flag, says := range map[string]string{
		"--store-key=env:NOWHERE": "not set", "--store-key=env:SHORT_KEY": "at least 16 characters",
		"--store-key=" + strings.Repeat("k", 32): "takes env:NAME or file:PATH", "--store-key=file:/nowhere": "no such file",
	} {
		if got := s.visit(2, says, quick, flag); strings.Contains(got.stderr, strings.Repeat("k", 32)) {
			t.Errorf("a key was printed:\n%s", got.stderr)
		}
	}
	s.env = append([]string{"XDG_STATE_HOME=relative", "HOME="}, s.env...)
	s.visit(0, "The store is not authenticated", quick)
}

func truncate(t *testing.T, path string) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, info.Size()/2); err != nil {
		t.Fatal(err)
	}
}

func TestRevisitStoreOfAnotherIntegration(t *testing.T) {
	t.Parallel()
	s := schedule(t, passive())
	s.visit(0, noEarlier, quick)
	before := s.entries()
	s.edit("integration: acme-personal-loans", "integration: acme-mortgages")
	requests := s.Test.Requests()
	got := s.visit(2, `of the integration \"acme-personal-loans\", not of \"acme-mortgages\": name another --store`, quick)
	if got.report != nil || s.Test.Requests() != requests {
		t.Error("it audited all the same")
	}
	if after := s.entries(); !slices.Equal(before, after) {
		t.Errorf("the store was changed: %v, before %v", after, before)
	}
}

// TestRevisitTwoAtOnce: one waits for the other, and both are kept.
func TestRevisitTwoAtOnce(t *testing.T) {
	t.Parallel()
	s := schedule(t, passive())
	var calls sync.WaitGroup
	results := make([]audited, 2)
	for i := range results {
		calls.Go(func() { results[i] = s.call(t.Context(), nil, quick) })
	}
	calls.Wait()
	said := results[0].stderr + results[1].stderr
	for _, got := range results {
		if got.code != 0 {
			t.Errorf("exit %d\n%s", got.code, got.stderr)
		}
	}
	if !strings.Contains(said, noEarlier) || !strings.Contains(said, unchanged) {
		t.Errorf("they did not run one after the other:\n%s", said)
	}
	if kept := s.entries(); len(kept) != 2 {
		t.Errorf("%d reports are kept", len(kept))
	}
}

// TestRevisitStoreThatCannotBeWritten: the report is printed, the exit code is 2 and the error says where.
func TestRevisitStoreThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	s := schedule(t, passive())
	s.visit(0, noEarlier, quick)
	away := s.store + "-away"
	got := s.call(t.Context(), once(func() { // while the report is printed, before it is kept
		if err := os.Rename(s.store, away); err != nil {
			t.Error(err)
		}
	}), quick)
	if got.code != 2 || got.report == nil || verdict.ExitCode(got.report) != 0 || !strings.Contains(got.stderr, "store the report: read the store") {
		t.Errorf("exit %d, report %v\n%s", got.code, got.report != nil, got.stderr)
	}
	if err := os.Rename(away, s.store); err != nil {
		t.Fatal(err)
	}
	if kept := s.entries(); len(kept) != 1 {
		t.Errorf("%d reports are kept, want the earlier one", len(kept))
	}
	s.visit(0, unchanged, quick)

	s.store = filepath.Join(s.File, "store") // below a file
	requests := s.Test.Requests()
	if got := s.visit(2, "open the store", quick); got.report != nil || s.Test.Requests() != requests {
		t.Error("it audited without a store")
	}
}

// once is a writer that calls a function at the first write.
func once(do func()) io.Writer {
	call := sync.OnceFunc(do)
	return writerFunc(func(p []byte) (int, error) { call(); return len(p), nil })
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// TestRevisitMissesTheNewestEntry: who deletes the newest reports of a store, to have what they said forgotten, is noticed.
func TestRevisitMissesTheNewestEntry(t *testing.T) {
	t.Parallel()
	s := schedule(t, passive())
	s.visit(0, noEarlier, quick)
	s.visit(0, unchanged, quick)
	entries := s.entries()
	if err := os.RemoveAll(entries[len(entries)-1]); err != nil {
		t.Fatal(err)
	}
	s.visit(0, "is gone", quick)
	if got := s.visit(0, unchanged, quick); strings.Contains(got.stderr, "is gone") {
		t.Error("it is missed for ever: " + got.stderr)
	}
}
