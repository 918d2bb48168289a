//go:build unix

package workloads

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/audit/audittest"
)

// traps puts into a directory what stops or exhausts a careless reader.
func traps(t *testing.T, directory, extension string) {
	t.Helper()
	if err := os.MkdirAll(directory, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(directory, "pipe"+extension), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"zero": "/dev/zero", "memory": "/proc/self/pagemap", "loop": "loop" + extension} {
		if err := os.Symlink(target, filepath.Join(directory, name+extension)); err != nil {
			t.Fatal(err)
		}
	}
	sparse, err := os.Create(filepath.Join(directory, "sparse"+extension))
	if err == nil {
		err = sparse.Truncate(200 << 30)
	}
	if err != nil {
		t.Skipf("no sparse files here: %v", err)
	}
	if err := sparse.Close(); err != nil {
		t.Fatal(err)
	}
}

// within fails the test if f takes long.
func within(t *testing.T, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatal("it does not end")
	}
}

func TestHostileFiles(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	traps(t, filepath.Join(directory, "deploy"), ".yaml")
	traps(t, filepath.Join(directory, "deploy", "beside"), ".txt")
	within(t, func() {
		out := &audittest.Sink{}
		if err := New().Run(t.Context(), &audit.Run{Integration: integration(directory, audit.Workload{Path: "deploy"}), Sink: out}); err != nil {
			t.Error(err)
		}
		if s := audittest.Of[Status](out)[0]; s.State == "read" || len(s.Unread) == 0 {
			t.Errorf("%+v", s)
		}
	})
}
