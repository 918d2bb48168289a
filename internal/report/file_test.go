package report

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWriteFile(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	path := filepath.Join(folder, "report.json")
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
	if left, err := os.ReadDir(folder); err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestSaveKeepsTheOldFileWhenItFails(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for _, test := range []struct{ path, says string }{
		{filepath.Join(folder, "none", "report.json"), "none"},
		{folder, "is a folder"},
		{filepath.Join(folder, "file", "report.json"), "file"},
	} {
		if test.says == "file" {
			if err := os.WriteFile(filepath.Join(folder, "file"), []byte("old"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := Save(test.path, []byte("new")); err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: error is %v, should say %q", test.path, err, test.says)
		}
	}
	if raw, err := os.ReadFile(filepath.Join(folder, "file")); err != nil || string(raw) != "old" {
		t.Errorf("the file became %q, %v", raw, err)
	}
}
