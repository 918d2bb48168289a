package gitrepo

import (
	"os"
	"path/filepath"
	"testing"
)

func TestUserExcludes(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	if got, want := UserExcludes(home, ""), filepath.Join(home, ".config/git/ignore"); got != want {
		t.Errorf("default: %s, want %s", got, want)
	}
	if got := UserExcludes("", ""); got != "" {
		t.Errorf("no home: %s", got)
	}
	if err := os.WriteFile(filepath.Join(home, ".gitconfig"), []byte("[user]\n\tname = Jane\n[core]\n\texcludesFile = ~/.ignored\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, want := UserExcludes(home, filepath.Join(home, "xdg")), filepath.Join(home, ".ignored"); got != want {
		t.Errorf("named: %s, want %s", got, want)
	}
}
