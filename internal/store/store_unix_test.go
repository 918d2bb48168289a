//go:build unix

package store

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestHostileFiles: what is no regular file of a bounded size is an error at once, whatever it leads to.
func TestHostileFiles(t *testing.T) {
	t.Parallel()
	for name, plant := range map[string]func(path string) error{
		"a link to an endless file":   func(path string) error { return os.Symlink("/dev/zero", path) },
		"a link to the address space": func(path string) error { return os.Symlink("/proc/self/pagemap", path) },
		"a pipe":                      func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"a directory":                 func(path string) error { return os.Mkdir(path, 0o700) },
		"a sparse file": func(path string) error {
			return errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, 200<<30))
		},
	} {
		for _, file := range []string{ReportFile, FactsFile, TicketsFile, macFile} {
			dir := t.TempDir()
			s := sealed(t, dir, firstKey)
			entry := add(t, s, 1)
			path := filepath.Join(dir, entry, file)
			if err := errors.Join(os.Remove(path), plant(path)); err != nil {
				t.Fatal(err)
			}
			if read, err := s.Read(entry); err == nil {
				t.Errorf("%s as %s was read: %d bytes", name, file, len(read.Report)+len(read.Facts)+len(read.Tickets))
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	dir := t.TempDir()
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "lock")); err != nil {
		t.Fatal(err)
	}
	if s, err := Open(t.Context(), dir, 1, Key{}); err == nil {
		_ = s.Close()
		t.Error("a link was taken for the lock")
	}
}
