package report

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWriteFile(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	path := filepath.Join(directory, "report.json")
	if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(path, "json", sampleReport(t), Options{}); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode is %o, want 600", info.Mode().Perm())
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Read(raw); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(directory); err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestSaveFollowsLinks: the link stays and leads to the new content; what leads to a device or to a
// stream of a process is written to and not replaced.
func TestSaveFollowsLinks(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	target, link, stream := filepath.Join(directory, "target"), filepath.Join(directory, "link"), filepath.Join(directory, "stream")
	redirected, err := os.Create(filepath.Join(directory, "redirected"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = redirected.Close() }()
	if err := os.WriteFile(target, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, to := range map[string]string{link: "target", stream: fmt.Sprintf("/proc/self/fd/%d", redirected.Fd())} {
		if err := os.Symlink(to, name); err != nil {
			t.Fatal(err)
		}
		if err := Save(name, []byte("new")); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Lstat(name); err != nil || info.Mode().Type() != os.ModeSymlink {
			t.Errorf("%s is no link any more: %v, %v", filepath.Base(name), info.Mode(), err)
		}
	}
	for _, file := range []string{target, redirected.Name()} {
		if raw, err := os.ReadFile(file); err != nil || string(raw) != "new" {
			t.Errorf("%s holds %q, %v", filepath.Base(file), raw, err)
		}
	}
}

func TestSaveKeepsTheOldFileWhenItFails(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	for _, test := range []struct{ path, says string }{
		{filepath.Join(directory, "none", "report.json"), "none"},
		{directory, "is a directory"},
		{filepath.Join(directory, "file", "report.json"), "file"},
	} {
		if test.says == "file" {
			if err := os.WriteFile(filepath.Join(directory, "file"), []byte("old"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := Save(test.path, []byte("new")); err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: error is %v, should say %q", test.path, err, test.says)
		}
	}
	if raw, err := os.ReadFile(filepath.Join(directory, "file")); err != nil || string(raw) != "old" {
		t.Errorf("the file became %q, %v", raw, err)
	}
}
