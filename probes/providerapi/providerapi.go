// Package providerapi asks the provider's own API about the keys, where the configuration allows it
// by provider_checks: whether a key is accepted for an integration ID, whether a retired one is
// rejected, and whether the provider delivers its test webhook.
//
// The rules of this package:
//   - A key goes over verified HTTPS only, to the provider's own host or one that the command line
//     named, and to nowhere else: no redirect is followed. Without a name on the command line, only
//     the machine's own roots count.
//   - A random key goes first. An API that does not reject it gets no real key: its responses would
//     prove nothing.
//   - No session is ever wanted: the UID that is sent is invalid. Should one be created all the
//     same, nothing more is asked.
//   - Of a response nothing is kept but its status and, of the test webhook, the receiver's status.
package providerapi

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/provider"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
)

// Call is a fact of kind "provider.call": one call of the provider's API, made or skipped.
type Call struct {
	Purpose     string `json:"purpose"`     // pairing (is the key accepted for the integration ID?) or webhook (deliver the test webhook)
	Environment string `json:"environment"` // whose integration ID was sent, or whose endpoint is to be delivered to
	Role        string `json:"role"`        // random, current or retired: what the key is
	Owner       string `json:"owner"`       // environment the key belongs to, empty for the random one
	Fingerprint string `json:"fingerprint"` // of the key, empty for the random one
	Host        string `json:"host"`        // of the API
	// NotSent is why it was skipped: passive, not_https, host_not_allowed, key_not_held (only its
	// digest is known), key_unsendable (it holds characters that cannot be in a header),
	// random_not_refused, api_silent (an earlier call of the host got no response),
	// session_created. Empty: it was sent.
	NotSent string `json:"not_sent"`
	// Error is the class of what went wrong: timeout, cancelled, refused, reset, no_address,
	// lookup_failed (DNS gave no answer), no_route, blocked (an address that is not contacted),
	// certificate, tls, other. Empty: there was a response.
	Error   string `json:"error"`
	Status  int    `json:"status"`  // HTTP status, 0 without a response
	Retries int    `json:"retries"` // how often it was sent again after 429 or 503
	// ReceiverStatus is the receiver's response to the test webhook as the provider reports it, 0
	// when it does not.
	ReceiverStatus int `json:"receiver_status"`
	// Documented: the response to the test webhook has the form that the documentation gives for
	// its status.
	Documented bool `json:"documented"`
}

const (
	kindCall = "provider.call"

	pairing = "pairing"
	webhook = "webhook"
	random  = "random"
	current = "current"
	retired = "retired"
)

// invalidUID is shorter than any provider's shortest UID and holds no letter or digit, so that no
// session can be created for it.
const invalidUID = "-"

type probe struct{}

// New returns the probe.
func New() audit.Probe { return probe{} }

func (probe) Name() string  { return "providerapi" }
func (probe) Title() string { return "provider API" }

func (probe) Kinds() []audit.Kind { return []audit.Kind{audit.KindOf[Call](kindCall)} }

func (probe) Plan(integration *audit.Integration, _ func(check string) bool) []audit.Step {
	profile, err := provider.Of(integration.Provider, integration.ProviderProfile)
	if err != nil || !integration.ProviderChecks {
		return nil
	}
	var steps []audit.Step
	for _, environment := range integration.Environments {
		base, _, refusal := baseOf(integration, profile, environment)
		if refusal != "" {
			continue
		}
		add := func(path, detail string, count int) {
			if path == "" {
				return
			}
			steps = append(steps, audit.Step{Probe: "providerapi", Environment: environment.Name, Action: "send", Target: base + path, Detail: detail, Count: count})
		}
		add(profile.API.Tokens, "POST with an invalid UID, so that no session is created; a random key first, then each key", 1+len(keysFor(integration, environment.Name)))
		if environment.Probing != audit.Passive {
			add(profile.API.Test, "POST that makes the provider deliver its test webhook; a random key first", 2)
		}
	}
	return steps
}

// heldKey is a key with what it is.
type heldKey struct {
	secret.Key
	owner, role string
}

// keysFor are the keys that are tried with an environment's integration ID: its own, the other
// environment's, and its retired ones.
func keysFor(integration *audit.Integration, environment string) []heldKey {
	var own, others []heldKey
	for _, e := range integration.Environments {
		if e.Name == environment {
			own = append(own, heldKey{e.Key.Key, e.Name, current})
		} else {
			others = append(others, heldKey{e.Key.Key, e.Name, current})
		}
	}
	for _, r := range integration.RetiredKeys {
		if r.Environment == environment {
			others = append(others, heldKey{r.Key, r.Environment, retired})
		}
	}
	return append(own, others...)
}

// baseOf is where an environment's API is, without a final slash, and whether the command line
// named its host; refusal is why no key may go there.
func baseOf(integration *audit.Integration, profile provider.Profile, environment audit.Environment) (base string, named bool, refusal string) {
	u, err := url.Parse(environment.APIBaseURL)
	if err != nil || !strings.EqualFold(u.Scheme, "https") || u.Hostname() == "" {
		return "", false, "not_https"
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	for _, allowed := range integration.AllowedAPIHosts {
		named = named || strings.EqualFold(allowed, u.Hostname())
	}
	if !named && (!profile.BuiltIn || !strings.EqualFold(u.Hostname(), profile.API.Host())) {
		return "", false, "host_not_allowed"
	}
	return strings.TrimRight(u.String(), "/"), named, ""
}

func (probe) Run(ctx context.Context, run *audit.Run) error {
	if !run.Integration.ProviderChecks {
		return ctx.Err()
	}
	profile, err := provider.Of(run.Integration.Provider, run.Integration.ProviderProfile)
	if err != nil {
		return fmt.Errorf("ask the provider's API: %w", err)
	}
	hosts := map[string]*hostState{}
	for _, environment := range run.Integration.Environments {
		host := hostOf(environment.APIBaseURL)
		if hosts[host] == nil {
			hosts[host] = &hostState{name: host}
		}
		if err := ask(ctx, run, profile, environment, hosts[host]); err != nil {
			return err
		}
	}
	return nil
}

// hostState is what is known of an API host, for the calls that follow.
type hostState struct {
	name    string
	silent  bool // a call got no response: the next ones would wait in vain
	session bool // it responded as if it had created a session, which none of the calls may
}

// ask makes the calls about one environment. The only error is ctx's.
func ask(ctx context.Context, run *audit.Run, profile provider.Profile, environment audit.Environment, host *hostState) error {
	base, named, refusal := baseOf(run.Integration, profile, environment)
	keys := keysFor(run.Integration, environment.Name)
	call := func(purpose string, key heldKey) Call {
		c := Call{Purpose: purpose, Environment: environment.Name, Role: key.role, Owner: key.owner, Host: host.name}
		if key.role != random {
			c.Fingerprint = key.Fingerprint()
		}
		return c
	}
	stranger := heldKey{secret.New([]byte(rand.Text())), "", random}
	var client *client
	if refusal == "" {
		client = newClient(run, named, environment.Name)
		defer client.close()
	}
	body, err := json.Marshal(map[string]string{"uid": invalidUID, "integration_id": environment.IntegrationID})
	if err != nil {
		return fmt.Errorf("ask the provider's API: %w", err)
	}
	// series makes the calls of one purpose, the random key's first; a reason to stop keeps the
	// rest from being sent.
	series := func(purpose, path string, keys []heldKey, stop string, send func(heldKey) response) error {
		if path == "" {
			return ctx.Err() // the provider's API has no such call
		}
		for i, key := range append([]heldKey{stranger}, keys...) {
			c := call(purpose, key)
			switch {
			case stop != "":
				c.NotSent = stop
			case host.silent:
				c.NotSent = "api_silent"
			case purpose == pairing && host.session:
				c.NotSent = "session_created"
			case !key.Held():
				c.NotSent = "key_not_held"
			case !sendable(key.Key):
				c.NotSent = "key_unsendable"
			default:
				got := send(key)
				if ctx.Err() != nil {
					return ctx.Err()
				}
				c.Error, c.Status, c.Retries, c.ReceiverStatus, c.Documented = got.failure, got.status, got.retries, got.receiver, got.documented
				host.silent = got.failure != ""
				host.session = host.session || purpose == pairing && got.status/100 == 2
				created := purpose == pairing && host.session // reported as that, and ends these calls as well
				if i == 0 && !host.silent && !created && !rejects(got.status) {
					stop = "random_not_refused"
				}
			}
			run.Sink.Emit(kindCall, c)
		}
		return ctx.Err()
	}
	if err := series(pairing, profile.API.Tokens, keys, refusal, func(key heldKey) response {
		return client.post(ctx, base+profile.API.Tokens, profile.API.KeyHeader, key.Key, body, nil)
	}); err != nil {
		return err
	}
	if refusal == "" && environment.Probing == audit.Passive {
		refusal = "passive" // the test webhook is a valid event to the receiver
	}
	return series(webhook, profile.API.Test, keys[:min(1, len(keys))], refusal, func(key heldKey) response {
		run.Ledger.Begin(run.Now())
		return client.post(ctx, base+profile.API.Test, profile.API.KeyHeader, key.Key, nil, delivery)
	})
}

// rejects holds for the statuses by which an API rejects a key.
func rejects(status int) bool { return status == 401 || status == 403 }

func hostOf(base string) string {
	u, err := url.Parse(base)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Hostname())
}

// sendable reports whether a header can hold the key as it is: net/http rejects control characters
// and trims white space.
func sendable(key secret.Key) bool {
	for _, b := range key.Expose() {
		if b <= ' ' || b > '~' {
			return false
		}
	}
	return key.Len() > 0
}
