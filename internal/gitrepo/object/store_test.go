//go:build unix

package object

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLinkedDirectoryOfObjects: a link in place of a directory of loose objects, which Git never makes, may lead to what must not be
// read, such as the open files of this process; it is reported.
func TestLinkedDirectoryOfObjects(t *testing.T) {
	t.Parallel()
	dir, elsewhere := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(elsewhere, strings.Repeat("c", 38)), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"ab": elsewhere, "cd": "/proc/self/fd"} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	var problems []Problem
	s := Open(t.Context(), Config{Dirs: []string{dir}, IDSize: 20, Report: func(p Problem) { problems = append(problems, p) }})
	if len(problems) != 2 || s.objects != 0 || len(s.loose[0].unfinished) != 0 {
		t.Errorf("%d objects, %v, problems %v", s.objects, s.loose[0].unfinished, problems)
	}
}
