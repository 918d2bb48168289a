package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/audit/audittest"
	"github.com/prelaunch-audit/prelaunch/internal/cli"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox/behaviors"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox/certs"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
)

// hostileConfiguration leads every probe that speaks over the network to one hostile endpoint.
const hostileConfiguration = `version: 1
integration: acme-hostile
provider: begini
environments:
  test:
    integration_id: "1234567890987654321"
    api_key: {env: BEGINI_TEST_KEY}
    webhook_url: https://hostile.acme.example/begini
    redirect_urls: {completion: https://hostile.acme.example/done, cancellation: https://hostile.acme.example/cancelled, expiry: https://hostile.acme.example/expired}
    api_base_url: https://hostile.acme.example
  production:
    integration_id: "9876543210123456789"
    api_key: {env: BEGINI_PRODUCTION_KEY}
    webhook_url: https://hostile.acme.example/begini-production
    redirect_urls: {completion: https://hostile.acme.example/p/done, cancellation: https://hostile.acme.example/p/cancelled, expiry: https://hostile.acme.example/p/expired}
    api_base_url: https://hostile.acme.example
    probing: full
provider_checks: true
repositories: []
clients:
  - {url: https://hostile.acme.example/, environment: production}
logs: []
network:
  ca_file: ca.pem
  resolve: {"hostile.acme.example:443": %q, "hostile.acme.example:80": %q}
  timeout: 250ms
  max_requests_per_second: 1000
  fresh_connections: 4
`

// looked are the checks that speak of what a hostile endpoint does not spoil: URLs as configured, plain HTTP that is refused, an HTTPS
// answer as such, and answers that were read whole and hold nothing.
var looked = []string{"https.api-requests", "https.redirects", "https.no-plain-http", "https.modern-tls", "https.webhook-reachable", "errors.no-internal-detail", "errors.survives-requests"}

// TestTruthHostile leads the whole audit to endpoints that mean harm: it ends by itself, prints nothing that steers a terminal, and no
// check passes for what such an endpoint says. One that asks to come back in a year is waited for as long as the contract says; there it
// is the user who has enough.
func TestTruthHostile(t *testing.T) {
	t.Parallel()
	hostiles := behaviors.Hostiles()
	for i := range audittest.Rows(t, len(hostiles), sample) {
		hostile := hostiles[i]
		t.Run(hostile.Name, func(t *testing.T) {
			t.Parallel()
			code, printed, report := auditHostile(t, hostile)
			if hostile.Name == "retry-after-a-year" {
				if code != 2 || !report.Partial {
					t.Errorf("cut short, it exits with %d and says partial: %v", code, report.Partial)
				}
			} else if code != 1 && code != 3 {
				t.Errorf("exit %d: %s", code, printed)
			}
			if i := strings.IndexFunc(printed, func(r rune) bool { return unicode.IsControl(r) && r != '\n' }); i >= 0 {
				t.Errorf("a control character is printed: %q", printed[i:min(i+20, len(printed))])
			}
			for _, check := range report.Checks {
				for _, prefix := range []string{"webhook.", "input.", "errors.", "https.", "redirects.", "environments.credentials", "deployment-centre."} {
					if strings.HasPrefix(check.ID, prefix) && check.Outcome == audit.Pass && !slices.Contains(looked, check.ID) {
						t.Errorf("%s passes", check.ID)
					}
				}
			}
		})
	}
}

// hostileKeys are the keys of hostileConfiguration.
var hostileKeys = []string{"BEGINI_TEST_KEY=bk_7h3k9q2m5x8w1z4v6c0b", "BEGINI_PRODUCTION_KEY=bk_p0o9i8u7y6t5r4e3w2q1"}

// TestLibrariesLogNoSecrets audits an endpoint whose stray bytes repeat keys and signatures, which net/http logs by itself. The audit
// is a process of its own, because the default logger does not write to the streams that tests hand over.
func TestLibrariesLogNoSecrets(t *testing.T) {
	t.Parallel()
	dir, file := writeHostile(t, "stray-bytes")
	for _, level := range []string{"", "info"} {
		arguments := []string{"audit", file, "--allow-api-host", "hostile.acme.example", "-o", "json=" + filepath.Join(dir, "report.json")}
		if level != "" {
			arguments = append(arguments, "--log-level", level)
		}
		command := exec.CommandContext(t.Context(), os.Args[0], arguments...)
		command.Env = append(slices.Clone(hostileKeys), asProgram+"=1", "HOME="+dir, "PATH="+os.Getenv("PATH"))
		printed, err := command.CombinedOutput()
		var status *exec.ExitError
		if err != nil && !errors.As(err, &status) {
			t.Fatal(err)
		}
		logged := bytes.Contains(printed, []byte("Unsolicited response"))
		if logged != (level == "info") {
			t.Errorf("level %q: what net/http logs is shown: %v\n%s", level, logged, printed)
		}
		for _, pair := range hostileKeys {
			_, key, _ := strings.Cut(pair, "=")
			for _, spelling := range secret.Spellings([]byte(key)) {
				if bytes.Contains(printed, spelling.Bytes) {
					t.Errorf("level %q: a key is printed (%s)", level, spelling.Name)
				}
			}
		}
		if found := regexp.MustCompile(`[0-9a-fA-F]{33,}`).Find(bytes.ReplaceAll(printed, []byte("sha256:"), []byte(" "))); found != nil && len(found) != 64 {
			t.Errorf("level %q: a signature is printed: %.20s…", level, found)
		}
	}
}

func auditHostile(t *testing.T, hostile behaviors.Hostile) (code int, printed string, report audit.Report) {
	t.Helper()
	dir, file := writeHostile(t, hostile.Name)
	ctx := t.Context()
	if hostile.Name == "retry-after-a-year" {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, 3*time.Second)
		defer cancel()
	}
	var stdout, stderr bytes.Buffer
	saved := filepath.Join(dir, "report.json")
	code = cli.Main(ctx, []string{"audit", file, "--allow-api-host", "hostile.acme.example", "-o", "table", "-o", "json=" + saved}, cli.Streams{
		In: strings.NewReader(""), Out: &stdout, Err: &stderr, LookupEnv: lookup(hostileKeys), Grace: 20 * time.Second, // what is held here is the report, on however loaded a machine
	})
	raw, err := os.ReadFile(saved)
	if err != nil {
		t.Fatalf("exit %d: %v: %s", code, err, stderr.String())
	}
	if err := json.Unmarshal(raw, &report); err != nil {
		t.Fatal(err)
	}
	return code, stdout.String() + stderr.String(), report
}

// writeHostile starts a hostile endpoint and writes a configuration that leads to it.
func writeHostile(t *testing.T, name string) (dir, file string) {
	t.Helper()
	authority := certs.New(time.Now())
	endpoint, err := behaviors.StartHostile(name, authority, "hostile.acme.example")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := endpoint.Close(); err != nil {
			t.Error(err)
		}
	})
	dir = t.TempDir()
	file = filepath.Join(dir, "prelaunch.yaml")
	configuration := fmt.Appendf(nil, hostileConfiguration, endpoint.Address(), endpoint.Address())
	if err := errors.Join(os.WriteFile(file, configuration, 0o600), os.WriteFile(filepath.Join(dir, "ca.pem"), authority.CAPEM(), 0o600)); err != nil {
		t.Fatal(err)
	}
	return dir, file
}
