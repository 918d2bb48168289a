//go:build unix

package logs

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/audit/audittest"
)

// A pattern leads past what is no directory without opening it, and ends with its context.
func TestPatternsOverEverything(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	if err := syscall.Mkfifo(filepath.Join(b.dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(b.dir, "logs"), 0o700); err != nil {
		t.Fatal(err)
	}
	b.write("logs/app.log", "x\n")
	audittest.Within(t, func() {
		if paths, whole := matching(t.Context(), filepath.Join(b.dir, "**", "*")); len(paths) != 1 || !whole {
			t.Errorf("matching: %q, whole %v", paths, whole)
		}
	})
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if paths, _ := matching(over, filepath.Join(b.dir, "**", "*")); len(paths) != 0 {
		t.Errorf("it goes on without its context: %q", paths)
	}
}

// What there was no time for is told: a log without a find is not taken for one that was searched.
func TestTimeOfALog(t *testing.T) {
	t.Parallel()
	b := newBench(t, audit.LogSource{Path: "*.log", Environment: audit.Production})
	b.probe.timing.search = 0
	b.write("app.log", "key="+productionKey+"\n")
	b.first()
	if s := audittest.Of[Source](b.out)[0]; len(s.Gaps) != 1 || !strings.Contains(s.Gaps[0].Reason, "the time for a log was over") {
		t.Errorf("%+v", s)
	}
}
