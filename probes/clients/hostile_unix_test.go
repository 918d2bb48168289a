//go:build unix

package clients

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
	traps(t, filepath.Join(directory, "dist"), ".js")
	write(t, directory, "dist/app.js", "k='"+productionKey+"'")
	within(t, func() {
		out := look(t, newIntegration(directory, audit.Client{Path: "dist", Environment: audit.Production}), nil)
		if hits := audittest.Of[Hit](out); len(hits) != 1 || hits[0].Path != "app.js" {
			t.Errorf("%+v", hits)
		}
		if s := audittest.Of[Status](out)[0]; len(s.Gaps) < 2 {
			t.Errorf("%+v", s)
		}
	})
}
