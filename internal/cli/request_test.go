package cli_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/prelaunch-audit/prelaunch/internal/cli"
	"github.com/prelaunch-audit/prelaunch/internal/report"
)

// programIn runs the program with these environment variables.
func programIn(t *testing.T, env []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = cli.Main(t.Context(), args, cli.Streams{In: strings.NewReader(""), Out: &out, Err: &errs, LookupEnv: lookup(env)})
	return code, out.String(), errs.String()
}

// requested is `request -o json`.
type requested struct {
	Items []struct {
		Ask, From, Settings string
		Checks              []string
	}
	Configuration string
	FactsDigest   string `json:"facts_digest"`
}

func decodeRequest(t *testing.T, text string) requested {
	t.Helper()
	var r requested
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return r
}

// TestRequestWithoutReport: what a provider's checks need is a configuration that loads once it is filled in, and not before:
// nobody has attested anything yet.
func TestRequestWithoutReport(t *testing.T) {
	t.Parallel()
	for _, provider := range []string{"begini", "stripe", "github"} {
		code, out, stderr := programIn(t, nil, "request", "--provider", provider, "-o", "json")
		if code != 0 {
			t.Fatalf("%s: exit %d: %s", provider, code, stderr)
		}
		r := decodeRequest(t, out)
		file := filepath.Join(t.TempDir(), "prelaunch.yaml")
		write := func(text string) {
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		write(r.Configuration)
		if code, _, stderr := programIn(t, nil, "validate", file); code != 2 || !strings.Contains(stderr, "authorized.on is not a date") {
			t.Errorf("%s: the configuration loads as it is: exit %d, %s", provider, code, stderr)
		}
		write(strings.ReplaceAll(r.Configuration, "on: FILL-IN", "on: 2026-01-01"))
		if code, _, stderr := programIn(t, nil, "validate", file); code != 0 {
			t.Errorf("%s: exit %d: %s\n%s", provider, code, stderr, r.Configuration)
		}
		if strings.Contains(r.Configuration, "redirect_urls") != (provider == "begini") {
			t.Errorf("%s: the configuration is not the provider's:\n%s", provider, r.Configuration)
		}
	}
}

// TestRequestOfAReport asks for what the report leaves open, once each, as text, Markdown and JSON; and judge says whose word the facts
// are, by the digest that probe named.
func TestRequestOfAReport(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	file, facts, reported := filepath.Join(directory, "prelaunch.yaml"), filepath.Join(directory, "facts.json"), filepath.Join(directory, "report.json")
	const configuration = `version: 1
integration: acme
provider: begini
environments:
  test:
    integration_id: "1"
    api_key: {env: BEGINI_TEST_KEY}
    webhook_url: https://hooks-test.acme.example/
  production:
    integration_id: "2"
    api_key: {env: BEGINI_PRODUCTION_KEY}
    webhook_url: https://hooks.acme.example/
`
	if err := os.WriteFile(file, []byte(configuration), 0o600); err != nil {
		t.Fatal(err)
	}
	env := []string{"BEGINI_TEST_KEY=test-7Jq2mXw9Lr4VzT0s", "BEGINI_PRODUCTION_KEY=prod-Hd8sNc5Yk1Bv6Qe3"}
	only := []string{"--only", "access.*,deployment-centre.redirects-registered,errors.logs-clean"}
	code, out, stderr := programIn(t, env, append([]string{"probe", file}, only...)...)
	if code != 0 {
		t.Fatalf("probe: exit %d: %s", code, stderr)
	}
	_, digest, _ := strings.Cut(stderr, "digest of these facts is ")
	digest, _, _ = strings.Cut(digest, ". ")
	if err := os.WriteFile(facts, []byte(out), 0o600); err != nil {
		t.Fatal(err)
	}
	code, _, stderr = programIn(t, nil, append([]string{"judge", facts, "-o", "json=" + reported}, only...)...)
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	if code != 1 || !strings.Contains(stderr, " on "+host+" with prelaunch") || !strings.Contains(stderr, digest) || !strings.HasPrefix(digest, "sha256:") {
		t.Errorf("judge: exit %d; digest %q, %s", code, digest, stderr)
	}
	raw, err := os.ReadFile(reported)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := report.Read(raw); err != nil || r.FactsDigest != digest || r.ProbedBy == nil || r.ProbedBy.Host != host {
		t.Errorf("the report does not name whose word it is: %v, %+v", err, r)
	}
	code, out, stderr = programIn(t, nil, "request", reported, "-o", "json")
	if code != 0 {
		t.Fatalf("request: exit %d: %s", code, stderr)
	}
	r := decodeRequest(t, out)
	var asked []string
	for _, item := range r.Items {
		asked = append(asked, item.Checks...)
	}
	slices.Sort(asked)
	if want := []string{"access.dashboard-restricted", "access.least-privilege", "access.reviewed", "errors.logs-clean"}; !slices.Equal(asked, want) || r.FactsDigest != digest {
		t.Errorf("asked for %v, want %v", asked, want)
	}
	for _, part := range []string{"access:", "logs:", "by: FILL-IN", "on: FILL-IN"} {
		if !strings.Contains(r.Configuration, part) {
			t.Errorf("the configuration lacks %q:\n%s", part, r.Configuration)
		}
	}
	code, markdown, _ := programIn(t, nil, "request", reported, "-o", "markdown")
	if code != 0 || strings.Count(markdown, "- [ ] ") != len(r.Items) || !strings.Contains(markdown, "```yaml\n") || !strings.Contains(markdown, "prelaunch probe") {
		t.Errorf("exit %d:\n%s", code, markdown)
	}
	code, table, _ := programIn(t, nil, "request", reported)
	if code != 0 || !strings.Contains(table, "From the team\n  1. ") || !strings.Contains(table, "prelaunch judge") {
		t.Errorf("exit %d:\n%s", code, table)
	}
}
