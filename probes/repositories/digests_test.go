package repositories

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox/gitrepo"
)

// TestDigests: a repository has a digest of its own, which changes with its files and names no key, and so has one that is not there.
func TestDigests(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"one", "two-" + productionKey} {
		commits := []gitrepo.Commit{{Message: "Begin", Author: "Jane <jane@acme.example>", When: time.Unix(1, 0), Files: map[string]string{"a.txt": name}}}
		if _, err := gitrepo.Write(filepath.Join(dir, name), commits); err != nil {
			t.Fatal(err)
		}
	}
	digests := func() map[string]string {
		run := &audit.Run{Integration: integration(dir, "one", "two-"+productionKey, "absent"), Now: time.Now}
		digests, err := New().(audit.Digester).Digests(t.Context(), run)
		if err != nil {
			t.Fatal(err)
		}
		return digests
	}
	before := digests()
	if len(before) != 3 || !strings.HasPrefix(before["repository one"], "sha256:") || !strings.HasPrefix(before["repository absent"], "sha256:") {
		t.Errorf("%v", before)
	}
	for name := range before {
		if strings.Contains(name, productionKey) {
			t.Errorf("the name %q holds a key", name)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "one", "b.txt"), []byte("new"), 0o600); err != nil {
		t.Fatal(err)
	}
	after := digests()
	for name := range before {
		if changed := before[name] != after[name]; changed != (name == "repository one") {
			t.Errorf("%s changed: %v", name, changed)
		}
	}
}
