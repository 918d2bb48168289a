package history

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestPlacesNameTheRepositoryAndTheClient: the same path may be in several.
func TestPlacesNameTheRepositoryAndTheClient(t *testing.T) {
	t.Parallel()
	hit := func(what string) string { return `{"fingerprint": "sha256:00000001", ` + what + `}` }
	got := Exposures([]byte(`{"facts": {
		"repository.hit": [` + hit(`"repository": "a", "path": "k.py"`) + `, ` + hit(`"repository": "b", "path": "k.py"`) + `],
		"client.hit": [` + hit(`"target": "dist", "path": "app.js"`) + `], "log.hit": [` + hit(`"file": "a.log", "what": "key"`) + `]}}`))
	want := []string{"client dist: app.js", "log: a.log", "repository a: k.py", "repository b: k.py"}
	if len(got) != 1 {
		t.Fatalf("%d exposures, want 1", len(got))
	}
	if diff := cmp.Diff(want, got[0].Places); diff != "" {
		t.Error(diff)
	}
}
