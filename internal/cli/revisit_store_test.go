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

	"github.com/prelaunch-audit/prelaunch/internal/verdict"
)

// TestRevisitDamagedStore: what cannot be relied on is audited anew, and said.
func TestRevisitDamagedStore(t *testing.T) {
	t.Parallel()
	s := schedule(t, passive())
	s.visit(3, everything)
	for _, damage := range []struct {
		says string
		do   func(report, facts string)
	}{
		{"the last report cannot be read", func(report, _ string) { truncate(t, report) }},
		{"the last report's facts cannot be used", func(_, facts string) { truncate(t, facts) }},
		{"the last report cannot be read", func(_, facts string) {
			if err := os.Remove(facts); err != nil {
				t.Fatal(err)
			}
		}},
		{"the facts beside the last report are not those that it was made of", func(_, facts string) {
			text, err := os.ReadFile(facts)
			if err != nil {
				t.Fatal(err)
			}
			s.write(facts, strings.Replace(string(text), "sha256:", "sha256:0", 1))
		}},
	} {
		newest := filepath.Join(s.store, "latest")
		damage.do(filepath.Join(newest, "report.json"), filepath.Join(newest, "facts.json"))
		s.visit(3, everything+damage.says)
		if at := s.observed("repositories"); !at.IsZero() {
			t.Errorf("%s: facts were carried over", damage.says)
		}
	}
	s.visit(3, carriedOver)

	// A run that is cut short is not kept, and what a crash left behind is no report.
	before := s.entries()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := s.call(ctx, nil); got.code != 2 {
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
	s.visit(3, carriedOver)
	if _, err := os.Stat(half); !os.IsNotExist(err) {
		t.Errorf("what a crash left behind is still there: %v", err)
	}
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
	s.visit(3, everything)
	before := s.entries()
	s.edit("integration: acme-personal-loans", "integration: acme-mortgages")
	requests := s.Test.Requests()
	got := s.visit(2, `the store holds reports of the integration "acme-personal-loans", not of "acme-mortgages": name another --store`)
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
		calls.Go(func() { results[i] = s.call(t.Context(), nil) })
	}
	calls.Wait()
	said := results[0].stderr + results[1].stderr
	for _, got := range results {
		if got.code != 3 {
			t.Errorf("exit %d\n%s", got.code, got.stderr)
		}
	}
	if !strings.Contains(said, everything+"there is no earlier report") || !strings.Contains(said, carriedOver) {
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
	s.visit(3, everything)
	away := s.store + "-away"
	got := s.call(t.Context(), once(func() { // while the report is printed, before it is kept
		if err := os.Rename(s.store, away); err != nil {
			t.Error(err)
		}
	}))
	if got.code != 2 || got.report == nil || verdict.ExitCode(got.report) != 3 || !strings.Contains(got.stderr, "prelaunch: store the report") {
		t.Errorf("exit %d, report %v\n%s", got.code, got.report != nil, got.stderr)
	}
	if err := os.Rename(away, s.store); err != nil {
		t.Fatal(err)
	}
	if kept := s.entries(); len(kept) != 1 {
		t.Errorf("%d reports are kept, want the earlier one", len(kept))
	}
	s.visit(3, carriedOver)

	s.store = filepath.Join(s.File, "store") // below a file
	requests := s.Test.Requests()
	if got := s.visit(2, "open the store"); got.report != nil || s.Test.Requests() != requests {
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
