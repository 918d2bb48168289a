package cli_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/cli"
)

const twoKeys = `version: 1
integration: acme-personal-loans
provider: begini
environments:
  test: {integration_id: "1234567890987654321", api_key: {env: BEGINI_TEST_KEY}, webhook_url: https://hooks-test.acme.example/begini}
  production: {integration_id: "9876543210123456789", api_key: {env: BEGINI_PRODUCTION_KEY}, webhook_url: https://hooks.acme.example/begini}
`

// TestStoredReports: report, sign and verify hold a report against the catalog of its policies, and say when it has expired.
func TestStoredReports(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	write := func(name, text string) string {
		if err := os.WriteFile(path(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path(name)
	}
	ahead := time.Duration(0)
	call := func(code int, says string, args ...string) (stdout string) {
		t.Helper()
		var out, errs bytes.Buffer
		got := cli.Main(t.Context(), args, cli.Streams{
			In: strings.NewReader(""), Out: &out, Err: &errs, Now: func() time.Time { return time.Now().Add(ahead) },
			LookupEnv: lookup([]string{"BEGINI_TEST_KEY=tk-7f3Kq9Zx2Lm5Vb8Nw1Rt", "BEGINI_PRODUCTION_KEY=pk-4d6Hs0Yc3Pj8Gu5Ea2Oi"}),
		})
		if got != code || !strings.Contains(out.String()+errs.String(), says) {
			t.Errorf("%q: exit %d, want %d, saying %q:\n%s%s", args, got, code, says, out.String(), errs.String())
		}
		return out.String()
	}
	config, report, facts := write("prelaunch.yaml", twoKeys), path("report.json"), path("facts.json")
	call(0, "", "audit", config, "--only=api-key.separate-environments", "-o", "json="+report, "-o", "facts="+facts)
	call(0, "", "sign", "--new-key", path("jane"))
	sign := []string{"--key", path("jane.pem"), "--by", "jane@acme.example", "--risk", "only one check", "--decision"}
	call(0, "", append([]string{"sign", report}, append(sign, "approved")...)...)
	verify := []string{"verify", report, "--key", path("jane.pub")}
	call(0, "APPROVED", verify...)

	ahead = 100 * 24 * time.Hour
	if out := call(3, "This report was valid until", "report", report); !strings.HasSuffix(out, "\nEXPIRED\n") {
		t.Errorf("the last line is not EXPIRED:\n%s", out)
	}
	call(3, `"expired": true`, "report", report, "-o", "json")
	call(1, "valid until", verify...)
	call(0, "valid until", append(verify, "--any-decision")...)
	ahead = 0
	call(0, "PARTIAL", "report", report)
	rejected := path("rejected.sig.json")
	call(0, "", append([]string{"sign", report, "-o", rejected}, append(sign, "rejected")...)...)
	call(1, "REJECTED", append(verify, "--signature", rejected)...)
	call(0, "REJECTED", append(verify, "--signature", rejected, "--any-decision")...)

	raw, err := os.ReadFile(report)
	reworded := write("reworded.json", strings.Replace(string(raw), `"message": "`, `"message": "Really: `, 1))
	again := append([]string{"sign", reworded, "--facts", facts}, append(sign, "approved")...)
	call(2, "do not come to this report", again...)
	again[1] = report
	call(0, "", append(again, "-o", path("again.sig.json"))...)
	if err != nil {
		t.Fatal(err)
	}
	for name, edit := range map[string]struct{ old, new, says string }{
		"demoted":     {`"level": "required"`, `"level": "recommended"`, "the level of api-key.separate-environments"},
		"not partial": {`"partial": true`, `"partial": false`, "is missing"},
		"unknown":     {`api-key.separate-environments"`, `api-key.made-up"`, "no check"},
		"harmless":    {`"severity": "critical"`, `"severity": "low"`, "the severity of"},
	} {
		text := strings.ReplaceAll(string(raw), edit.old, edit.new)
		if name == "not partial" {
			text = strings.Replace(text, `"ready": false`, `"ready": true`, 1)
		}
		edited := write(name+".json", text)
		call(2, edit.says, "report", edited)
		call(2, "", append([]string{"sign", edited}, append(sign, "rejected")...)...)
	}
	digest := string(raw)[strings.Index(string(raw), `"policy_digest": "sha256:`)+len(`"policy_digest": "sha256:`):][:64]
	other := write("other.json", strings.Replace(string(raw), digest, strings.Repeat("0", 64), 1))
	call(0, "judged by other policies", "report", other)
	call(2, "judged by other policies", append([]string{"sign", other}, append(sign, "rejected")...)...)

	document, err := os.ReadFile(facts)
	if err != nil {
		t.Fatal(err)
	}
	call(2, "occurs twice", "judge", write("twice.json", strings.Replace(string(document), `"schema":`, `"schema":"prelaunch.facts/v1","schema":`, 1)))
}
