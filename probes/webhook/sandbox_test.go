package webhook_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/netprobe"
	"github.com/prelaunch-audit/prelaunch/internal/provider"
	"github.com/prelaunch-audit/prelaunch/internal/runner"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox/certs"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
	"github.com/prelaunch-audit/prelaunch/probes/webhook"
)

// lab is an integration whose two receivers are sandbox receivers.
type lab struct {
	integration *audit.Integration
	receivers   map[string]*sandbox.Receiver
	roots       audit.Roots
	effects     map[string]string // environment → folder
	progress    runner.Progress
	selected    func(string) bool
	onlyMarked  bool
	sending     func(context.Context, audit.SentEvent) error

	mu   sync.Mutex
	said []string
}

func (l *lab) notices() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.said
}

const (
	testKey       = "begini-test-key-7Jq2mXw9Lr4VzT0s"
	productionKey = "begini-prod-key-Hd8sNc5Yk1Bv6Qe3"
	retiredKey    = "begini-retired-key-Zp4Wx8Rt2Mn"
)

// newLab plants the behaviors of an environment in its receiver.
func newLab(t testing.TB, planted map[string][]sandbox.Behavior) *lab {
	t.Helper()
	authority := certs.New(time.Now())
	l := &lab{receivers: map[string]*sandbox.Receiver{}, roots: audit.Roots{System: authority.Pool(), All: authority.Pool()}, effects: map[string]string{}}
	l.integration = &audit.Integration{
		Name: "acme", Provider: "begini", EventTypes: provider.Must(provider.Default).EventTypes(), Declared: []string{},
		RetiredKeys: []audit.RetiredKey{}, Repositories: []audit.Repository{}, Workloads: []audit.Workload{}, Clients: []audit.Client{},
		Logs: []audit.LogSource{}, Access: audit.Access{AllowedDomains: []string{}}, Attestations: []audit.Attestation{}, Waivers: []audit.Waiver{},
		Network: audit.NetworkOptions{
			Vantage: audit.Public, Timeout: 10 * time.Second, FreshConnections: 30, Resolve: map[string][]string{},
			RequestsPerSec: map[string]float64{audit.Test: 1000, audit.Production: 1000},
		},
	}
	keys := map[string]secret.Key{audit.Test: secret.New([]byte(testKey)), audit.Production: secret.New([]byte(productionKey))}
	for i, name := range []string{audit.Test, audit.Production} {
		other := []string{audit.Production, audit.Test}[i]
		host := name + ".hooks.acme.example"
		environment := audit.Environment{
			Name: name, IntegrationID: fmt.Sprintf("123456789098765432%d", i), Probing: audit.Full, ProbeUIDs: []string{}, Receiver: audit.Inline,
			Key: audit.KeyReference{Source: audit.FromEnv, Variable: "KEY", Key: keys[name]},
		}
		options := sandbox.Options{
			Authority: authority, Host: host, Key: keys[name], OtherKey: keys[other], IntegrationID: environment.IntegrationID,
			Behaviors: planted[name], EffectsDir: t.TempDir(), RetiredKey: secret.New([]byte(retiredKey)),
		}
		l.effects[name] = options.EffectsDir
		for _, behavior := range planted[name] {
			if behavior.Setup.Hangs {
				l.integration.Network.Timeout = time.Second
			}
			if behavior.Setup.ClientCertificate {
				certificate := authority.Client("prelaunch")
				l.integration.Network.ClientCertificate = &certificate
			}
			if behavior.Setup.Queued {
				environment.Receiver = audit.Queued
			}
			if behavior.Setup.Effects {
				environment.Effects, environment.HasEffects = audit.Command{Args: []string{name, "{uid}"}}, true
			}
			if behavior.Setup.KnownUIDs || behavior.Setup.HiddenUIDs {
				options.KnownUIDs = []string{"KNOWN0001", "KNOWN0002"}
			}
			if behavior.Setup.KnownUIDs {
				environment.ProbeUIDs = options.KnownUIDs
			}
			if behavior.Setup.RetiredKey {
				retired := audit.RetiredKey{KeyReference: audit.KeyReference{Source: audit.FromEnv, Variable: "OLD", Key: options.RetiredKey}, Environment: name}
				if behavior.Setup.RotationWindow {
					retired.AcceptedUntil = audit.NewDate(time.Now()).AddDays(10)
				}
				l.integration.RetiredKeys = append(l.integration.RetiredKeys, retired)
			}
		}
		receiver, err := sandbox.Start(options)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := receiver.Close(); err != nil {
				t.Error(err)
			}
		})
		l.receivers[name] = receiver
		environment.WebhookURL = receiver.URL()
		l.integration.Network.Resolve[net.JoinHostPort(host, "443")] = receiver.Addresses()
		l.integration.Environments = append(l.integration.Environments, environment)
	}
	return l
}

func (l *lab) run(ctx context.Context) *audit.Document {
	return runner.Run(ctx, l.integration, runner.Options{
		Probes: []audit.Probe{webhook.New()}, Network: netprobe.New(l.integration, nil), Roots: l.roots,
		Exec: func(_ context.Context, command audit.Command) ([]byte, int, error) {
			if len(command.Args) != 2 || strings.Contains(command.Args[1], "{") {
				return nil, -1, errors.New("unexpected arguments")
			}
			times, err := os.ReadFile(filepath.Join(l.effects[command.Args[0]], command.Args[1]))
			if err != nil {
				return nil, 1, nil
			}
			return times, 0, nil
		},
		Tool: audit.Tool{Name: "prelaunch", Version: "test"}, Progress: l.progress, Selected: l.selected, OnlyMarked: l.onlyMarked, Sending: l.sending,
		Notice: func(text string) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.said = append(l.said, text)
		}, Grace: 20 * time.Second,
	})
}

// TestRightReceiverIsDescribed holds the facts about the plainest right receiver to what a reader of them relies on.
func TestRightReceiverIsDescribed(t *testing.T) {
	t.Parallel()
	l := newLab(t, nil)
	doc := l.run(t.Context())
	if doc.Probes[0].State != audit.ProbeComplete {
		t.Fatalf("the probe is %s: %s", doc.Probes[0].State, doc.Probes[0].Reason)
	}
	for _, b := range facts[webhook.Baseline](t, doc, webhook.KindBaseline) {
		if !b.Genuine || !b.Complete || !b.Distinguishes || b.State != webhook.StateProbed || b.Transport != webhook.TransportVerified {
			t.Errorf("baseline %+v", b)
		}
	}
	for _, e := range facts[webhook.Exchange](t, doc, webhook.KindExchange) {
		if e.Purpose == webhook.PurposeForgery && (e.Status/100 != 4 || !e.Witnessed || len(e.Leaks) > 0) {
			t.Errorf("%s %s: %+v", e.Family, e.Case, e)
		}
	}
	for name, receiver := range l.receivers {
		if rate := doc.Scope.Rates[name]; rate <= 0 || rate > l.integration.Network.RequestsPerSec[name] {
			t.Errorf("%s: %v requests a second", name, rate)
		}
		if got := doc.Scope.Requests[name]; got < receiver.Requests() || got > receiver.Requests()+1 { // the one that is cut off may not arrive
			t.Errorf("%s: %d requests counted, %d arrived", name, got, receiver.Requests())
		}
	}
}

// facts decodes the facts of a kind.
func facts[T any](t testing.TB, doc *audit.Document, kind string) []T {
	t.Helper()
	out := make([]T, len(doc.Facts[kind]))
	for i, raw := range doc.Facts[kind] {
		if err := json.Unmarshal(raw, &out[i]); err != nil {
			t.Fatal(err)
		}
	}
	return out
}
