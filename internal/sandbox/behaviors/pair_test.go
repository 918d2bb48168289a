package behaviors_test

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/config"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox/behaviors"
)

func startPair(t *testing.T, o sandbox.PairOptions) (*sandbox.Pair, *audit.Integration) {
	t.Helper()
	o.Dir = t.TempDir()
	pair, err := sandbox.StartPair(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pair.Close(); err != nil {
			t.Error(err)
		}
	})
	integration, err := config.Load(pair.File, config.Options{Now: o.Now})
	if err != nil {
		t.Fatal(err)
	}
	return pair, integration
}

// reach is a client that finds the pair as its configuration says.
func reach(t *testing.T, pair *sandbox.Pair, integration *audit.Integration) *http.Client {
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pair.Authority.Pool()},
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, integration.Network.Resolve[address][0])
		},
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func TestPairIsAsItsConfigurationSays(t *testing.T) {
	t.Parallel()
	pair, integration := startPair(t, sandbox.PairOptions{})
	client := reach(t, pair, integration)
	for _, environment := range integration.Environments {
		if !slices.Contains(pair.Env(), environment.Key.Variable+"="+string(pair.Keys[environment.Name].Expose())) {
			t.Errorf("%s: %s is not among the variables", environment.Name, environment.Key.Variable)
		}
		for url, want := range map[string]int{environment.WebhookURL: 405, environment.Redirects.Completion: 200, environment.Redirects.Cancellation: 200, environment.Redirects.Expiry: 200} {
			response, err := client.Get(url)
			if err != nil {
				t.Errorf("%s: %v", url, err)
				continue
			}
			if response.StatusCode != want {
				t.Errorf("%s: %d, want %d", url, response.StatusCode, want)
			}
			if err := response.Body.Close(); err != nil {
				t.Error(err)
			}
		}
		log, err := os.ReadFile(filepath.Join(pair.Dir, "logs", environment.Name+".log"))
		if err != nil || !strings.Contains(string(log), "probe-1 ") {
			t.Errorf("%s: the log has %q (%v)", environment.Name, log, err)
		}
	}
	configuration, err := os.ReadFile(pair.File)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range pair.Keys {
		if strings.Contains(string(configuration), string(key.Expose())) {
			t.Errorf("the configuration holds the key of %s", name)
		}
	}
	if pair.Keys[audit.Test].Equal(pair.Keys[audit.Production]) {
		t.Error("both environments have one key")
	}
}

// TestConfigurationsLoad renders the configuration of every behavior and every flaw around the receivers.
func TestConfigurationsLoad(t *testing.T) {
	t.Parallel()
	for _, behavior := range append(behaviors.Rights(), behaviors.Flaws()...) {
		if behavior.Setup == (sandbox.Setup{}) {
			continue
		}
		t.Run(behavior.Name, func(t *testing.T) {
			t.Parallel()
			_, integration := startPair(t, sandbox.PairOptions{Production: []sandbox.Behavior{behavior}, KeyFiles: true})
			production := integration.Environments[1]
			got := sandbox.Setup{
				Queued: production.Receiver == audit.Queued, Effects: production.HasEffects, KnownUIDs: len(production.ProbeUIDs) > 0,
				RetiredKey: len(integration.RetiredKeys) > 0, HiddenUIDs: behavior.Setup.HiddenUIDs,
				Hangs: integration.Network.Timeout < 5*time.Second, ClientCertificate: integration.Network.ClientCertificate != nil,
			}
			got.RotationWindow = got.RetiredKey && !integration.RetiredKeys[0].AcceptedUntil.IsZero()
			if got != behavior.Setup {
				t.Errorf("the configuration says %+v, the behavior needs %+v", got, behavior.Setup)
			}
		})
	}
	for _, flaw := range behaviors.DeploymentFlaws() {
		t.Run(flaw.Name, func(t *testing.T) {
			t.Parallel()
			now := time.Now()
			clock := func() time.Time { return now }
			pair, _ := startPair(t, sandbox.PairOptions{Now: clock})
			again, _ := startPair(t, sandbox.PairOptions{Now: clock})
			flawed, _ := startPair(t, sandbox.PairOptions{Now: clock, Flaws: []sandbox.DeploymentFlaw{flaw}})
			if read(t, pair) != read(t, again) {
				t.Error("two right ones differ")
			}
			if read(t, pair) == read(t, flawed) {
				t.Error("the flaw changes nothing")
			}
		})
	}
}

// read is everything in the pair's folder but for keys, ports and certificates, which differ from run to run; where both
// environments share one key, it says so.
func read(t *testing.T, pair *sandbox.Pair) string {
	t.Helper()
	var all strings.Builder
	for _, name := range []string{"prelaunch.yaml", "evidence/beacon-users.csv", "dist/app.js", "deploy/receiver.yaml", "app/receiver.py", "app/.git/refs/heads/main"} {
		text, err := os.ReadFile(filepath.Join(pair.Dir, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.SplitAfter(string(text), "\n") {
			if !strings.Contains(line, "127.0.0.1") {
				all.WriteString(line)
			}
		}
	}
	values := map[string]bool{}
	for _, variable := range pair.Env() {
		_, value, _ := strings.Cut(variable, "=")
		values[value] = true
	}
	if len(values) == 1 {
		all.WriteString("one key")
	}
	return all.String()
}
