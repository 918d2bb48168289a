//go:build unix

package audittest

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// Traps puts into a directory what stops or exhausts a careless reader.
func Traps(t *testing.T, directory, extension string) {
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
		t.Logf("no sparse file among the traps: %v", err) // the file system has a smaller limit
	}
	if sparse != nil {
		if err := sparse.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// Within fails the test if f takes long.
func Within(t *testing.T, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatal("it does not end")
	}
}
