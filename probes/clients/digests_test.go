package clients

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
)

// TestDigests: whatever changes what a bundle holds changes its digest, and nothing else does; a page is unknown.
func TestDigests(t *testing.T) {
	t.Parallel()
	dir, outside := t.TempDir(), t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	write := func(path, text string) {
		t.Helper()
		must(os.MkdirAll(filepath.Dir(path), 0o700))
		must(os.WriteFile(path, []byte(text), 0o600))
	}
	dist := filepath.Join(dir, "dist")
	digests := func() map[string]string {
		run := &audit.Run{Now: time.Now, Integration: newIntegration(dir,
			audit.Client{Path: "dist"}, audit.Client{Path: "dist/app.js"}, audit.Client{URL: "https://app.acme.example/?token=x"})}
		digests, err := New().(audit.Digester).Digests(t.Context(), run)
		must(err)
		return digests
	}
	last := digests()
	if len(last) != 3 || last["client https://app.acme.example/"] != audit.UnknownDigest {
		t.Errorf("%v", last)
	}
	for _, step := range []struct {
		name  string
		same  bool
		alter func()
	}{
		{"it is made", false, func() { write(filepath.Join(dist, "app.js"), "one") }},
		{"another file", false, func() { write(filepath.Join(dist, "sub", "chunk.js"), "one") }},
		{"other content of the same length", false, func() { write(filepath.Join(dist, "app.js"), "two") }},
		{"built again, the same", true, func() { must(os.Remove(filepath.Join(dist, "app.js"))); write(filepath.Join(dist, "app.js"), "two") }},
		{"a name", false, func() { must(os.Rename(filepath.Join(dist, "app.js"), filepath.Join(dist, "main.js"))) }},
		{"a link to a file", false, func() {
			write(filepath.Join(outside, "far.js"), "far")
			must(os.Symlink(filepath.Join(outside, "far.js"), filepath.Join(dist, "near.js")))
		}},
		{"the file that it leads to", false, func() { write(filepath.Join(outside, "far.js"), "fur") }},
		{"a link to a folder", false, func() { must(os.Symlink(outside, filepath.Join(dist, "folder"))) }},
		{"it is gone", false, func() { must(os.RemoveAll(dist)) }},
	} {
		step.alter()
		now := digests()
		if (now["client dist"] == last["client dist"]) != step.same {
			t.Errorf("%s: the digest is the same: %v", step.name, now["client dist"] == last["client dist"])
		}
		last = now
	}
}
