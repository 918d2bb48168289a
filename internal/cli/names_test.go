package cli

import (
	"strings"
	"testing"
)

// TestDigestIsNoHost holds what looks like a host and a port apart from what looks like a digest of digits alone.
func TestDigestIsNoHost(t *testing.T) {
	t.Parallel()
	got, err := withoutNames([]any{map[string]any{"at": "hooks:8443", "key": "sha256:93012711", "policies": "sha256:0a"}})
	if err != nil {
		t.Fatal(err)
	}
	if text := string(got[0]); strings.Contains(text, "hooks") || !strings.Contains(text, `"sha256:93012711"`) || !strings.Contains(text, `"sha256:0a"`) {
		t.Error(text)
	}
}
