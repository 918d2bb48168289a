package cli

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/prelaunch-audit/prelaunch/internal/policy"
	"github.com/prelaunch-audit/prelaunch/policies"
)

var update = flag.Bool("update", false, "write the generated files")

// TestGeneratedCatalog holds the table of checks to the policies' own metadata.
func TestGeneratedCatalog(t *testing.T) {
	t.Parallel()
	library, err := policy.Load(policies.FS, nil)
	if err != nil {
		t.Fatal(err)
	}
	generated(t, "../../.github/CHECKS.md", "checks", catalogueMarkdown(library.Checks()))
}

// TestGeneratedProviders holds the table of providers to their profiles.
func TestGeneratedProviders(t *testing.T) {
	t.Parallel()
	generated(t, "../../.github/PROVIDERS.md", "providers", providersMarkdown())
}

// generated holds what stands between the marks of a file to what it is generated from.
func generated(t *testing.T, file, mark, table string) {
	t.Helper()
	begin, end := "<!-- "+mark+" -->\n", "<!-- /"+mark+" -->\n"
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(raw), begin)
	_, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("%s lacks the marks of what is generated", file)
	}
	want := before + begin + table + end + after
	if string(raw) == want {
		return
	}
	if !*update {
		t.Fatalf("%s is not current; run `go test ./internal/cli -run Generated -update`", file)
	}
	if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}
