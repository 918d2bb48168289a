package providerapi

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/netprobe"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox/behaviors"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox/certs"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
)

// TestAgainstTheStandIn asks the sandbox's provider in each of its behaviors, in front of a
// receiver that is right.
func TestAgainstTheStandIn(t *testing.T) {
	t.Parallel()
	for _, behavior := range behaviors.ProviderBehaviors() {
		t.Run(behavior.Name, func(t *testing.T) {
			t.Parallel()
			calls := asked(t, behavior)
			trusted, taken, delivered := false, false, false
			for _, call := range calls {
				switch {
				case call.Purpose == pairing && call.Role == random:
					trusted = rejects(call.Status)
				case call.Purpose == pairing && call.Role == current && call.Owner == call.Environment:
					taken = call.Status == 422
				case call.Purpose == webhook && call.Role == current:
					delivered = call.Status == 200 && call.Documented && call.ReceiverStatus == 200
				}
			}
			if behavior.Undecided == (trusted && taken) {
				t.Errorf("a random key refused: %v, the right one taken: %v\n%v", trusted, taken, told(calls))
			}
			if behavior.Undelivered && delivered {
				t.Errorf("counts as delivered\n%v", told(calls))
			}
			if !behavior.Undelivered && !behavior.Undecided && !delivered {
				t.Errorf("does not count as delivered\n%v", told(calls))
			}
			raw, err := json.Marshal(calls)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(raw), productionKey) || strings.Contains(string(raw), "script") {
				t.Errorf("the facts hold what was received: %s", raw)
			}
		})
	}
}

// asked runs the probe about one environment.
func asked(t *testing.T, behavior sandbox.ProviderBehavior) []Call {
	t.Helper()
	authority := certs.New(time.Now())
	key := secret.New([]byte(productionKey))
	receiver, err := sandbox.Start(sandbox.Options{Authority: authority, Host: "hooks.acme.example", Path: "/begini", Key: key, IntegrationID: productionID, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	deployment := sandbox.Registration{IntegrationID: productionID, Key: key, WebhookURL: receiver.URL()}
	at := receiver.Addresses()[0]
	switch behavior.Name {
	case "no-endpoint":
		deployment.WebhookURL = ""
	case "cannot-connect":
		at = "127.0.0.1:9" // discard: nothing listens there
	}
	api, err := sandbox.StartProvider(sandbox.ProviderOptions{
		Authority: authority, Host: apiHost, Registrations: []sandbox.Registration{deployment}, Resolve: map[string]string{"hooks.acme.example:443": at}, Behavior: behavior,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := api.Close(); err != nil {
			t.Error(err)
		}
		if err := receiver.Close(); err != nil {
			t.Error(err)
		}
	})
	integration := &audit.Integration{
		Provider: "begini", ProviderChecks: true, AllowedAPIHosts: []string{apiHost},
		Network: audit.NetworkOptions{Timeout: 20 * time.Second, Resolve: map[string][]string{apiHost + ":443": {api.Address()}}},
		Environments: []audit.Environment{
			{Name: audit.Production, IntegrationID: productionID, Key: audit.KeyReference{Key: key}, APIBaseURL: api.BaseURL(), Probing: audit.Careful},
		},
	}
	if behavior.Name == "silent" {
		integration.Network.Timeout = 100 * time.Millisecond
	}
	s := &sink{}
	run := &audit.Run{
		Integration: integration, Network: netprobe.New(integration, nil), Roots: audit.Roots{System: authority.Pool(), All: authority.Pool()},
		Now: time.Now, UserAgent: "prelaunch/test", Ledger: &audit.Ledger{}, Sink: s,
	}
	if err := New().Run(t.Context(), run); err != nil {
		t.Fatal(err)
	}
	for _, call := range api.Calls() {
		if call.Path == sandbox.TokensPath && call.Status == 200 && behavior.Name != "session-for-any-uid" {
			t.Error("a session was created")
		}
	}
	return s.calls
}
