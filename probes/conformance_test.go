package probes

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/netprobe"
	"github.com/prelaunch-audit/prelaunch/internal/runner"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
)

// deaf listens and never answers, so that every probe that connects has to wait.
func deaf(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var open []net.Conn
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, conn)
			mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		mu.Lock()
		defer mu.Unlock()
		for _, conn := range open {
			_ = conn.Close()
		}
	})
	return "https://" + listener.Addr().String()
}

const conformanceKey = "0kZ3yT-conformance/key+of=32chars"

func conformanceIntegration(t *testing.T) *audit.Integration {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"roster.csv": "email,role\njane@acme.example,Admin\n", "app.log": "started\n", "bundle.js": "fetch('/x')\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	integration := &audit.Integration{
		Name: "acme", Provider: "begini", EventTypes: []string{"application.complete"}, Directory: dir,
		Declared:       []string{"repositories", "clients", "logs", "workloads", "access"},
		ProviderChecks: true, AllowedAPIHosts: []string{"127.0.0.1"}, RetiredKeys: []audit.RetiredKey{}, Repositories: []audit.Repository{{Path: "."}},
		Workloads: []audit.Workload{{Path: "."}}, Clients: []audit.Client{{Path: "bundle.js"}, {URL: deaf(t)}},
		Logs: []audit.LogSource{{Path: "*.log"}}, Access: audit.Access{Roster: "roster.csv", AllowedDomains: []string{"acme.example"}, MaxAdmins: 3},
		Attestations: []audit.Attestation{}, Waivers: []audit.Waiver{},
		Network: audit.NetworkOptions{Vantage: audit.Public, Timeout: 30 * time.Second, FreshConnections: 3,
			RequestsPerSec: map[string]float64{audit.Test: 1000, audit.Production: 1000}},
	}
	for _, name := range []string{audit.Test, audit.Production} {
		integration.Environments = append(integration.Environments, audit.Environment{
			Name: name, IntegrationID: "1234567890987654321", WebhookURL: deaf(t) + "/hook",
			Key:       audit.KeyReference{Source: audit.FromEnv, Variable: "KEY", Key: secret.New([]byte(conformanceKey + name))},
			Redirects: audit.Redirects{Completion: deaf(t) + "/done"}, APIBaseURL: deaf(t), Probing: audit.Full,
			ProbeUIDs: []string{}, Receiver: audit.Inline,
			Captured: &audit.Capture{Path: "delivery.txt", Content: []byte("POST /hook HTTP/1.1\r\nHost: hooks.acme.example\r\nX-Signature: 00\r\n\r\n{}")},
		})
	}
	return integration
}

// TestEveryProbeStopsWhenToldAndKeepsToItsFacts runs each probe alone, interrupts it while it waits for an answer, and holds what it
// emitted by then to its declared types and to the schema, and searches it for the keys.
func TestEveryProbeStopsWhenToldAndKeepsToItsFacts(t *testing.T) {
	t.Parallel()
	schema := factsSchema(t)
	for _, probe := range All() {
		t.Run(probe.Name(), func(t *testing.T) {
			t.Parallel()
			integration := conformanceIntegration(t)
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			begun := time.Now()
			document := runner.Run(ctx, integration, runner.Options{
				Probes:  []audit.Probe{probe},
				Network: netprobe.New(integration, nil),
				Exec: func(context.Context, audit.Command) ([]byte, int, error) {
					return nil, -1, errors.New("no command runs here")
				},
				Roots: roots(t), Tool: audit.Tool{Name: "prelaunch", Version: "test"}, Grace: 20 * time.Second,
			})
			if took := time.Since(begun); took > 3*time.Second {
				t.Errorf("it went on for %v after it was told to stop", took)
			}
			status := document.Probes[0]
			if strings.Contains(status.Reason, "does not declare") || strings.Contains(status.Reason, "cannot be written") || strings.Contains(status.Reason, "internal error") {
				t.Errorf("it broke its own rules: %s", status.Reason)
			}
			raw, err := document.Encode()
			if err != nil {
				t.Fatal(err)
			}
			for _, key := range integration.Keys() {
				for _, spelling := range secret.Spellings(key.Expose()) {
					if strings.Contains(string(raw), string(spelling.Bytes)) {
						t.Errorf("the facts hold a key (%s)", spelling.Name)
					}
				}
			}
			var value any
			if err := json.Unmarshal(raw, &value); err != nil {
				t.Fatal(err)
			}
			if err := schema.Validate(value); err != nil {
				t.Errorf("the facts do not follow their schema: %v", err)
			}
		})
	}
}

// TestEveryProbePlans holds each probe to saying beforehand what it would do.
func TestEveryProbePlans(t *testing.T) {
	t.Parallel()
	integration := conformanceIntegration(t)
	actions := []string{"send", "connect", "read", "run", "look up"}
	for _, probe := range All() {
		steps := probe.Plan(integration, nil)
		if len(steps) == 0 {
			t.Errorf("%s plans nothing", probe.Name())
		}
		for _, step := range steps {
			if step.Probe != probe.Name() || !slices.Contains(actions, step.Action) || step.Target == "" {
				t.Errorf("%s: a step without its probe, action or target: %+v", probe.Name(), step)
			}
		}
	}
}

func roots(t *testing.T) audit.Roots {
	t.Helper()
	roots, err := netprobe.Roots(nil)
	if err != nil {
		t.Fatal(err)
	}
	return roots
}

func factsSchema(t *testing.T) *jsonschema.Resolved {
	t.Helper()
	raw, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	var schema jsonschema.Schema
	if err := json.Unmarshal(raw, &schema); err != nil {
		t.Fatal(err)
	}
	resolved, err := schema.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	return resolved
}
