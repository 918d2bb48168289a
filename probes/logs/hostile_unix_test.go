//go:build unix

package logs

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
	b := newBench(t, audit.LogSource{Path: "logs/*.log", Environment: audit.Production})
	traps(t, filepath.Join(b.dir, "logs"), ".log")
	b.write("logs/app.log", "key="+productionKey+"\n")
	within(t, func() {
		b.first()
		b.follow()
	})
	if hits := audittest.Of[Hit](b.out); len(hits) != 1 || hits[0].File != "logs/app.log" {
		t.Errorf("%+v", hits)
	}
	if s := audittest.Of[Source](b.out)[0]; len(s.Gaps) < 2 {
		t.Errorf("%+v", s)
	}
}
