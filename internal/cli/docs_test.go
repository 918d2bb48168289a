package cli_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/prelaunch-audit/prelaunch/internal/cli"
	"github.com/prelaunch-audit/prelaunch/internal/policy"
	"github.com/prelaunch-audit/prelaunch/internal/provider"
	"github.com/prelaunch-audit/prelaunch/internal/report"
	"github.com/prelaunch-audit/prelaunch/policies"
	"github.com/prelaunch-audit/prelaunch/probes/webhook/cases"
)

// The reference has a place for all there is, and its links lead somewhere.
func TestDocsHoldEverything(t *testing.T) {
	t.Parallel()
	directory := filepath.Join(t.TempDir(), "reference")
	var out, errs bytes.Buffer
	streams := cli.Streams{In: strings.NewReader(""), Out: &out, Err: &errs, LookupEnv: func(string) (string, bool) { return "", false }}
	if code := cli.Main(t.Context(), []string{"docs", directory}, streams); code != 0 || out.Len() > 0 {
		t.Fatalf("exit %d: %s%s", code, &out, &errs)
	}
	read := func(name string) string {
		t.Helper()
		raw, err := os.ReadFile(filepath.Join(directory, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	holds := func(name, what string) {
		t.Helper()
		if !strings.Contains(read(name), what) {
			t.Errorf("%s does not hold %q", name, what)
		}
	}
	library, err := policy.Load(policies.FS, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, check := range library.Checks() {
		holds("checks.md", "\n## "+check.ID+"\n")
	}
	for _, c := range cases.All(provider.Must(provider.Default)) {
		holds("cases.md", "| `"+c.Label()+"` |")
	}
	for _, name := range report.Names() {
		holds("formats.md", "| `"+name+"` |")
	}
	for _, setting := range []string{"environments.NAME.api_key.env", "access.roster.file", "waivers[].expires", "network.max_requests_per_second", "policy_digest"} {
		holds("configuration.md", "| `"+setting+"` |")
	}
	holds("configuration.md", "| `retired_keys[].environment` | required |")
	holds("limits.md", "Out of scope")
	holds("fleet.md", "| `web.login.oidc.client_secret` | required |")
	pages := 0
	err = filepath.WalkDir(directory, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".md" {
			return err
		}
		pages++
		raw, err := os.ReadFile(path)
		for _, link := range regexp.MustCompile(`\]\(([^)#:]+)\)`).FindAllStringSubmatch(string(raw), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), link[1])); err != nil {
				t.Errorf("%s links to %s, which is not there", filepath.Base(path), link[1])
			}
		}
		return err
	})
	if err != nil || pages < 25 {
		t.Errorf("%d pages, %v", pages, err)
	}
	if code := cli.Main(t.Context(), []string{"docs", "--man", directory}, streams); code != 0 {
		t.Fatalf("exit %d: %s", code, &errs)
	}
	holds("prelaunch-audit.1", ".TH \"PRELAUNCH-AUDIT\" \"1\"")
}
