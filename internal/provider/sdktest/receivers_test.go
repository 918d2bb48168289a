package sdktest

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox/certs"
)

// receivers are what is audited whole: a receiver on each SDK as it is documented, which passes, and its
// misuses, each of which fails the checks that it is named with and no other. A body that is parsed first
// also hides duplicate keys, and what is accepted everywhere is found on every connection.
var receivers = []struct {
	provider, misuse string
	fails            []string
}{
	{provider: "stripe"},
	{provider: "github"},
	{provider: "standard-webhooks"},
	{provider: "slack"},
	{provider: "shopify"},
	{provider: "twilio"},
	{provider: "twilio-json"},
	{provider: "square"},
	{provider: "hubspot"},
	{provider: "razorpay"},
	{provider: "line"},
	{provider: "adyen"},
	{provider: "linear"},
	{provider: "gocardless"},
	{provider: "onfido"},
	{provider: "zoom"},
	{"stripe", "parsed", []string{"webhook.rejects-tampered", "webhook.verifies-raw-body"}},
	{"github", "parsed", []string{"webhook.rejects-tampered", "webhook.verifies-raw-body"}},
	{"stripe", "no-tolerance", []string{"webhook.rejects-stale"}},
	{"standard-webhooks", "no-tolerance", []string{"webhook.rejects-stale"}},
	{"slack", "no-tolerance", []string{"webhook.rejects-stale"}},
	{"hubspot", "no-tolerance", []string{"webhook.rejects-stale"}},
	{"stripe", "v0", []string{"webhook.rejects-downgrade"}},
	{"zoom", "handshake-first", []string{"webhook.handshake-safe"}},
	{"square", "optional", []string{"webhook.rejects-unsigned", "webhook.same-everywhere"}},
}

// TestReceivers audits receivers with the program as it is built.
func TestReceivers(t *testing.T) {
	needNode(t)
	dir := t.TempDir()
	program := filepath.Join(dir, "prelaunch")
	build := exec.Command("go", "build", "-o", program, "./cmd/prelaunch")
	build.Dir = filepath.Join("..", "..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	authority := certs.New(time.Now())
	certificate, key := certs.PEM(authority.Server("127.0.0.1"))
	for name, content := range map[string][]byte{"ca.pem": authority.CAPEM(), "server.pem": certificate, "server.key": key} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("each", func(t *testing.T) {
		for _, receiver := range receivers {
			t.Run(strings.TrimSuffix(receiver.provider+"/"+receiver.misuse, "/"), func(t *testing.T) {
				t.Parallel()
				secret, _ := secretsOf(receiver.provider)
				port := serve(t, dir, secret, receiver.provider, receiver.misuse)
				checks := auditReceiver(t, program, dir, receiver.provider, secret, port)
				var failed, unproven []string
				for _, check := range checks {
					if check.ID == "webhook.replay-not-processed" {
						continue // only an observer sees how often an event is processed
					}
					switch check.Outcome {
					case audit.Fail:
						failed = append(failed, check.ID)
					case audit.Inconclusive, audit.Warn:
						unproven = append(unproven, check.ID)
					}
				}
				if !slices.Equal(failed, receiver.fails) || (receiver.misuse == "" && len(unproven) > 0) {
					t.Errorf("fails %v instead of %v, not passed %v%s", failed, receiver.fails, unproven, findings(checks))
				}
			})
		}
	})
}

// serve starts a receiver and returns its port.
func serve(t *testing.T, dir, secret, name, misuse string) string {
	t.Helper()
	command := exec.Command("node", "receivers.mjs", name, misuse)
	command.Env = append(os.Environ(), "SECRET="+secret,
		"CERTIFICATE="+filepath.Join(dir, "server.pem"), "KEY="+filepath.Join(dir, "server.key"))
	command.Stderr = os.Stderr
	stdin, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		_ = command.Wait()
	})
	port, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(port)
}

const configuration = `version: 1
integration: sdk-receiver
provider: %s
environments:
  test:
    secret: {env: PRELAUNCH_SDK_SECRET}
    webhook_url: https://127.0.0.1:%s/webhooks
network:
  ca_file: ca.pem
  max_requests_per_second: 1000
`

func auditReceiver(t *testing.T, program, dir, name, secret, port string) []audit.Check {
	t.Helper()
	file := filepath.Join(dir, fmt.Sprintf("%s-%s.yaml", name, port))
	if err := os.WriteFile(file, fmt.Appendf(nil, configuration, name, port), 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.Command(program, "audit", file, "--only", "webhook.*", "-o", "json", "--no-progress")
	command.Env = append(os.Environ(), "PRELAUNCH_SDK_SECRET="+secret)
	var stderr strings.Builder
	command.Stderr = &stderr
	out, err := command.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	var report audit.Report
	if err := json.Unmarshal(out, &report); err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	return report.Checks
}

// findings are what was found against a receiver, in words.
func findings(checks []audit.Check) string {
	var out strings.Builder
	for _, check := range checks {
		for _, finding := range check.Findings {
			if finding.Outcome != audit.Pass && finding.Outcome != audit.NotApplicable {
				fmt.Fprintf(&out, "\n%s %s: %s", finding.Outcome, check.ID, finding.Message)
			}
		}
	}
	return out.String()
}
