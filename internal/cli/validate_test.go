package cli_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prelaunch-audit/prelaunch/internal/cli"
)

// TestValidateEscapesNames: the name of the integration is the audited team's, and does not act on
// the reviewer's terminal.
func TestValidateEscapesNames(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "prelaunch.yaml")
	text := strings.Replace(hostileConfiguration, "integration: acme-hostile", `integration: "acme\u202e\u200b"`, 1)
	text, _, _ = strings.Cut(text, "network:")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	code := cli.Main(t.Context(), []string{"validate", file}, cli.Streams{In: strings.NewReader(""), Out: &stdout, Err: &stderr, LookupEnv: lookup(nil)})
	if code != 0 || !strings.Contains(stdout.String(), `acme\u202e\u200b at begini`) {
		t.Errorf("exit %d: %q %s", code, stdout.String(), stderr.String())
	}
}
