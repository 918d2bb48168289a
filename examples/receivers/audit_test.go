package receivers

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/cli"
)

// auditBoth audits two running receivers, as Test and Production, with the checks that look at a receiver itself.
func auditBoth(t *testing.T, test, production *receiver) map[string]audit.Check {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "ca.pem"), slices.Concat(test.ca, production.ca), 0o600); err != nil {
		t.Fatal(err)
	}
	configuration := fmt.Sprintf(`version: 1
integration: acme
provider: begini
environments:
  test: {integration_id: %q, api_key: {env: BEGINI_TEST_KEY}, webhook_url: "https://test.%s%s", probing: full}
  production: {integration_id: %[1]q, api_key: {env: BEGINI_PRODUCTION_KEY}, webhook_url: "https://%[2]s%[3]s", probing: full}
network:
  ca_file: ca.pem
  provider_trusts_ca: true
  max_requests_per_second: 1000
  resolve: {"test.%[2]s:443": %[4]q, "%[2]s:443": %[5]q}
`, integrationID, host, test.path, test.address, production.address)
	file := filepath.Join(dir, "prelaunch.yaml")
	if err := os.WriteFile(file, []byte(configuration), 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	keys := map[string]string{"BEGINI_TEST_KEY": test.key, "BEGINI_PRODUCTION_KEY": production.key}
	code := cli.Main(t.Context(), []string{"audit", file, "-o", "json", "--only", "webhook.*,input.*,errors.status-codes,errors.no-internal-detail,environments.credentials-not-interchangeable"},
		cli.Streams{In: strings.NewReader(""), Out: &stdout, Err: &stderr, LookupEnv: func(name string) (string, bool) {
			value, ok := keys[name]
			return value, ok
		}})
	var report audit.Report
	if err := json.Unmarshal(stdout.Bytes(), &report); err != nil {
		t.Fatalf("exit %d: %v\n%s", code, err, stderr.String())
	}
	checks := map[string]audit.Check{}
	for _, check := range report.Checks {
		checks[check.ID] = check
	}
	return checks
}

// holds wants exactly these checks to fail, those of may in any way, and all others to pass.
func holds(t *testing.T, checks map[string]audit.Check, fails, may []string) {
	t.Helper()
	for id, check := range checks {
		want := "pass"
		switch {
		case slices.Contains(may, id):
			continue
		case slices.Contains(fails, id):
			want = "fail"
		}
		if check.Outcome.String() != want && check.Outcome != audit.NotApplicable {
			raw, err := json.Marshal(check.Findings)
			if err != nil {
				t.Fatal(err)
			}
			t.Errorf("%s is %s, want %s: %s", id, check.Outcome, want, raw)
		}
	}
}

// TestAuditOfReceivers: what a user copies from here passes an audit.
func TestAuditOfReceivers(t *testing.T) {
	t.Parallel()
	for name, begin := range programs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			holds(t, auditBoth(t, begin(t), begin(t)), nil, nil)
		})
	}
}

// TestAuditOfDebianWebhook: made safe it verifies and still never validates; as documented it does neither.
func TestAuditOfDebianWebhook(t *testing.T) {
	t.Parallel()
	t.Run("right", func(t *testing.T) {
		t.Parallel()
		holds(t, auditBoth(t, debianWebhook(t, "hooks.json.tmpl"), debianWebhook(t, "hooks.json.tmpl")),
			[]string{"input.rejects-malformed", "input.rejects-missing-fields"}, []string{"input.handles-unexpected-values", "input.bounded"})
	})
	t.Run("as documented", func(t *testing.T) {
		t.Parallel()
		checks := auditBoth(t, debianWebhook(t, "hooks-as-documented.json.tmpl"), debianWebhook(t, "hooks-as-documented.json.tmpl"))
		for _, id := range []string{"webhook.rejects-bypass", "errors.status-codes"} {
			if checks[id].Outcome != audit.Fail {
				t.Errorf("%s is %s, want fail", id, checks[id].Outcome)
			}
		}
		for _, id := range []string{"webhook.rejects-unsigned", "webhook.rejects-wrong-key", "webhook.rejects-tampered", "webhook.rejects-partial-signature"} {
			if checks[id].Outcome == audit.Pass {
				t.Errorf("%s passes though nothing is refused as it should be", id)
			}
		}
	})
}
