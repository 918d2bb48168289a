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

// receivers are what is audited whole: a receiver on a framework and each SDK as they are documented, which
// passes, and its misuses, each of which fails the checks that it is named with and no other. A body that is parsed first
// also hides duplicate keys, and what is accepted everywhere is found on every connection.
var receivers = []struct {
	framework, provider, misuse string
	fails, warns                []string
}{
	{framework: "node", provider: "twilio-json"},
	{framework: "node", provider: "onfido"},
	{framework: "express", provider: "stripe"},
	{framework: "express", provider: "github"},
	{framework: "express", provider: "shopify"},
	{framework: "express", provider: "twilio"},
	{framework: "express", provider: "adyen"},
	{framework: "fastify", provider: "standard-webhooks"},
	{framework: "fastify", provider: "slack"},
	{framework: "fastify", provider: "hubspot"},
	{framework: "fastify", provider: "zoom"},
	{framework: "hono", provider: "stripe"},
	{framework: "hono", provider: "github"},
	{framework: "hono", provider: "linear"},
	{framework: "hono", provider: "square"},
	{framework: "koa", provider: "standard-webhooks"},
	{framework: "koa", provider: "razorpay"},
	{framework: "koa", provider: "gocardless"},
	{framework: "koa", provider: "line"},
	{framework: "sdk", provider: "github"},
	{framework: "sdk", provider: "slack"},
	{framework: "sdk", provider: "line"},
	{framework: "sdk", provider: "twilio"},
	{"express", "stripe", "parsed", reserialized, nil},
	{"fastify", "github", "parsed", reserialized, nil},
	{"hono", "standard-webhooks", "parsed", reserialized, nil},
	// what is no JSON is {} to what comes after this parser
	{"koa", "shopify", "parsed", []string{"webhook.rejects-tampered", "webhook.rejects-bypass", "webhook.verifies-raw-body"}, nil},
	{"fastify", "stripe", "no-tolerance", []string{"webhook.rejects-stale"}, nil},
	{"express", "standard-webhooks", "no-tolerance", []string{"webhook.rejects-stale"}, nil},
	{"koa", "slack", "no-tolerance", []string{"webhook.rejects-stale"}, nil},
	{"node", "hubspot", "no-tolerance", []string{"webhook.rejects-stale"}, nil},
	{"hono", "stripe", "v0", []string{"webhook.rejects-downgrade"}, nil},
	{"express", "github", "sha1", nil, []string{"webhook.rejects-downgrade"}},
	{"express", "zoom", "handshake-first", []string{"webhook.handshake-safe"}, nil},
	{"fastify", "square", "optional", []string{"webhook.rejects-unsigned", "webhook.same-everywhere"}, nil},
	{"express", "twilio", "forwarded", nil, []string{"webhook.rejects-bypass"}},
	{"koa", "line", "empty-secret", []string{"webhook.accepts-genuine", "webhook.rejects-wrong-key"}, nil},
	{"hono", "shopify", "fails-open", []string{
		"webhook.rejects-unsigned", "webhook.rejects-tampered", "webhook.rejects-wrong-key", "webhook.rejects-wrong-algorithm",
		"webhook.rejects-partial-signature", "webhook.rejects-bypass", "webhook.verifies-raw-body", "webhook.same-everywhere",
	}, nil},
}

// reserialized are the checks that fail where the body was parsed before it is verified.
var reserialized = []string{"webhook.rejects-tampered", "webhook.verifies-raw-body"}

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
			t.Run(strings.TrimSuffix(receiver.framework+"/"+receiver.provider+"/"+receiver.misuse, "/"), func(t *testing.T) {
				t.Parallel()
				secret, _ := secretsOf(receiver.provider)
				port := serve(t, dir, secret, receiver.framework, receiver.provider, receiver.misuse)
				checks := auditReceiver(t, program, dir, receiver.provider, secret, port)
				var failed, warned, unproven []string
				for _, check := range checks {
					if check.ID == "webhook.replay-not-processed" {
						continue // only an observer sees how often an event is processed
					}
					switch check.Outcome {
					case audit.Fail:
						failed = append(failed, check.ID)
					case audit.Warn:
						warned = append(warned, check.ID)
					case audit.Inconclusive:
						unproven = append(unproven, check.ID)
					}
				}
				if receiver.misuse == "" && len(unproven) > 0 || !slices.Equal(failed, receiver.fails) || !slices.Equal(warned, receiver.warns) {
					t.Errorf("fails %v instead of %v, warns of %v instead of %v, not proven %v%s",
						failed, receiver.fails, warned, receiver.warns, unproven, findings(checks))
				}
			})
		}
	})
}

// serve starts a receiver and returns its port.
func serve(t *testing.T, dir, secret, framework, name, misuse string) string {
	t.Helper()
	command := exec.Command("node", "receivers.mjs", framework, name, misuse)
	command.Env = append(os.Environ(), "SECRET="+secret, "NODE_ENV=production",
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
