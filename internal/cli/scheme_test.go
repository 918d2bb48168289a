package cli_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/audit/audittest"
	"github.com/prelaunch-audit/prelaunch/internal/auditor"
	"github.com/prelaunch-audit/prelaunch/internal/netprobe"
	"github.com/prelaunch-audit/prelaunch/internal/provider"
	"github.com/prelaunch-audit/prelaunch/internal/provider/providertest"
	"github.com/prelaunch-audit/prelaunch/internal/runner"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox/behaviors"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox/certs"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
	"github.com/prelaunch-audit/prelaunch/probes/webhook"
)

// schemeRow is a receiver of a provider's events: a correct one, or with one flaw.
type schemeRow struct {
	profile  *provider.Profile
	behavior sandbox.Behavior
	pair     bool            // the receiver has the public key of a pair of the auditor's
	recorded []time.Duration // ages of the recorded deliveries, of one event of the profile's after the other
	foreign  bool            // which are signed with another key
}

var correctReceiver = sandbox.Behavior{Name: "correct", Plant: func(*sandbox.Rules) {}}

// schemeRows are all rows of all providers whose events can be signed: those of users' own profiles, and the
// built-in ones.
func schemeRows(t *testing.T) []schemeRow {
	t.Helper()
	var rows []schemeRow
	for _, profile := range providertest.All(t) {
		if profile.Signature.NegativeOnly() {
			continue
		}
		rows = append(rows, schemeRow{profile: profile, behavior: correctReceiver})
		for _, flaw := range behaviors.SchemeFlaws(profile) {
			rows = append(rows, schemeRow{profile: profile, behavior: flaw})
		}
	}
	return rows
}

// TestTruthOfSchemes: of every provider whose events can be signed, a correct receiver is found correct,
// and each flaw that its scheme may have fails its own check and no other. The sample is a smaller
// share than of the other tables, because policies are compiled for each provider.
func TestTruthOfSchemes(t *testing.T) {
	t.Parallel()
	rows := schemeRows(t)
	for i := range audittest.Rows(t, len(rows), 8*sample) {
		row := rows[i]
		t.Run(row.profile.Name+"/"+row.behavior.Name, func(t *testing.T) {
			t.Parallel()
			holds(t, auditScheme(t, row), "", row.behavior.Expect)
		})
	}
}

// auditScheme probes one receiver, and judges what the receiver's checks read.
func auditScheme(t *testing.T, row schemeRow) audited {
	t.Helper()
	profile := row.profile
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // never fails
	key := profile.Signature.Secret([]byte(fmt.Sprintf("%x", raw)))
	receivers := key
	var signing []byte
	if profile.Signature.NegativeOnly() {
		private, _, err := profile.Signature.NewKeyPair()
		if err != nil {
			t.Fatal(err)
		}
		public, err := profile.Signature.PublicSecret(private)
		if err != nil {
			t.Fatal(err)
		}
		key, receivers, signing = string(public), string(public), private
		if row.pair {
			key = string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
		}
	}
	authority := certs.New(time.Now())
	receiver, err := sandbox.Start(sandbox.Options{
		Authority: authority, Host: "hooks.acme.example", Path: "/in/hooks", Key: secret.New([]byte(receivers)), Profile: profile,
		IntegrationID: "1234567890987654321", Behaviors: []sandbox.Behavior{row.behavior},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := receiver.Close(); err != nil {
			t.Error(err)
		}
	})
	integration := schemeIntegration(profile, secret.New([]byte(key)), receiver)
	integration.Environments[0].KeyPair = row.pair
	if len(row.recorded) > 0 {
		integration.Environments[0].Captured = recordings(t, row, signing, receiver.URL())
	}
	document := runner.Run(t.Context(), integration, runner.Options{
		Probes: []audit.Probe{webhook.New()}, Network: netprobe.New(integration, nil),
		Roots: audit.Roots{System: authority.Pool(), All: authority.Pool()},
		Tool:  audit.Tool{Name: "prelaunch", Version: "test"}, Grace: 20 * time.Second,
	})
	if document.Profile, err = auditor.Profile(integration); err != nil {
		t.Fatal(err)
	}
	document.Profile.Verified = true // the receiver is built from the recipe, whoever confirms it
	facts, err := document.Encode()
	if err != nil {
		t.Fatal(err)
	}
	for _, spelling := range append(secret.Spellings([]byte(key)), secret.Spellings([]byte(recordedUID))...) {
		if bytes.Contains(facts, spelling.Bytes) {
			t.Errorf("the facts hold the secret or a part of a recording (%s)", spelling.Name)
		}
	}
	report := judge(t, facts)
	kept := report.Checks[:0]
	for _, check := range report.Checks {
		area, _, _ := strings.Cut(check.ID, ".")
		// Without an observer, whether an event is processed twice is open.
		read := area == "webhook" || area == "input" || area == "errors" && check.ID != "errors.logs-clean"
		if read && check.ID != "webhook.replay-not-processed" && check.ID != "webhook.rejects-retired-key" {
			kept = append(kept, check)
		}
	}
	report.Checks = kept
	return audited{report: report}
}

// schemeIntegration is an integration with that receiver in Test and nothing else.
func schemeIntegration(profile *provider.Profile, key secret.Key, receiver *sandbox.Receiver) *audit.Integration {
	return &audit.Integration{
		Name: "acme", Provider: profile.Name, ProviderProfile: profile.Source, EventTypes: profile.EventTypes(), Declared: []string{},
		RetiredKeys: []audit.RetiredKey{}, Repositories: []audit.Repository{}, Workloads: []audit.Workload{}, Clients: []audit.Client{},
		Logs: []audit.LogSource{}, Access: audit.Access{AllowedDomains: []string{}}, Attestations: []audit.Attestation{}, Waivers: []audit.Waiver{},
		Environments: []audit.Environment{{
			Name: audit.Test, IntegrationID: "1234567890987654321", Probing: audit.Full, ProbeUIDs: []string{}, Receiver: audit.Inline,
			Key: audit.KeyReference{Source: audit.FromEnv, Variable: "KEY", Key: key}, WebhookURL: receiver.URL(),
		}},
		Network: audit.NetworkOptions{
			Vantage: audit.Public, Timeout: 10 * time.Second, FreshConnections: 4,
			Resolve:        map[string][]string{net.JoinHostPort(receiver.Options.Host, "443"): receiver.Addresses()},
			RequestsPerSec: map[string]float64{audit.Test: 1000},
		},
	}
}

// TestNegativeMode: where only the provider can sign, forgeries are sent and nothing passes: a receiver
// that accepts them fails, and one that rejects everything may reject the provider's events too.
func TestNegativeMode(t *testing.T) {
	t.Parallel()
	discord, plaid := provider.Must("discord"), provider.Must("plaid")
	open := behaviors.SchemeFlaws(discord)[0]
	for _, row := range []schemeRow{{profile: discord, behavior: correctReceiver}, {profile: discord, behavior: open}, {profile: plaid, behavior: correctReceiver}} {
		t.Run(row.profile.Name+"/"+row.behavior.Name, func(t *testing.T) {
			t.Parallel()
			failed := map[string]bool{}
			for _, check := range auditScheme(t, row).report.Checks {
				outcome, told := saw(check, audit.Test)
				forged := slices.Contains([]string{"webhook.rejects-unsigned", "webhook.rejects-foreign-key", "webhook.rejects-bypass", "webhook.accepts-genuine"}, check.ID)
				if forged && outcome != audit.Fail && outcome != audit.Inconclusive {
					t.Errorf("%s is %s%s", check.ID, outcome, told)
				}
				failed[check.ID] = outcome == audit.Fail
			}
			if open := row.behavior.Name != correctReceiver.Name; failed["webhook.rejects-unsigned"] != open || failed["webhook.rejects-foreign-key"] != open {
				t.Errorf("failed: %v", failed)
			}
		})
	}
}

const recordedUID = "RECORDED7Q2M5X8W1Z4"

// recordings are deliveries of the provider's as a HAR.
func recordings(t *testing.T, row schemeRow, private []byte, url string) *audit.Capture {
	t.Helper()
	profile := row.profile.WithKeyPair()
	if row.foreign {
		var err error
		if private, _, err = profile.Signature.NewKeyPair(); err != nil {
			t.Fatal(err)
		}
	}
	var entries []any
	for i, age := range row.recorded {
		event := profile.Events[i%len(profile.Events)]
		m := profile.Message(event, url, provider.Values{UID: recordedUID, IntegrationID: "1", Account: "1", Time: time.Now().Add(-age)})
		m, err := profile.Signature.Prepare(m)
		if err != nil {
			t.Fatal(err)
		}
		signature, err := profile.Signature.SignatureWithKey(private, m)
		if err != nil {
			t.Fatal(err)
		}
		if m, err = profile.Signature.Place(m, signature); err != nil {
			t.Fatal(err)
		}
		m.Header.Set("X-Forwarded-For", "192.0.2.7")
		entries = append(entries, map[string]any{"request": map[string]any{"method": m.Method, "url": m.URL, "headers": m.Header, "postData": map[string]any{"text": string(m.Body)}}})
	}
	content, err := json.Marshal(map[string]any{"log": map[string]any{"entries": entries}})
	if err != nil {
		t.Fatal(err)
	}
	return &audit.Capture{Path: "recorded.har", SHA256: audit.Digest(content), Content: content}
}

// TestRecordedDeliveries: where only the provider can sign, a delivery that it signed is the valid event that forgeries
// are made of; one that is too old or signed with another key is none, and then nothing passes.
func TestRecordedDeliveries(t *testing.T) {
	t.Parallel()
	remembers := sandbox.Behavior{Name: "remembers", Plant: func(ru *sandbox.Rules) {
		var known sync.Map // signatures that were correct once, whatever they come with later
		ru.Before = append(ru.Before, func(d *sandbox.Delivery) (sandbox.Answer, bool) {
			m := provider.Message{Method: d.Method, Header: d.Header, Body: d.Payload}
			if ru.Scheme.Profile.Signature.Verify(ru.Scheme.Secrets, m, time.Time{}) == provider.Correct {
				known.Store(ru.Scheme.Profile.Signature.Placed(m), true)
			}
			return sandbox.Answer{}, false
		})
		ru.Scheme.Also = append(ru.Scheme.Also, func(s *sandbox.Scheme, m provider.Message) bool {
			_, is := known.Load(s.Profile.Signature.Placed(m))
			return is
		})
	}}
	discord, plaid := provider.Must("discord"), provider.Must("plaid")
	now, old := time.Second, time.Hour
	signed := []string{"webhook.accepts-genuine", "webhook.rejects-unsigned", "webhook.rejects-tampered", "webhook.rejects-foreign-key",
		"webhook.rejects-partial-signature", "webhook.rejects-bypass", "webhook.tolerates-redelivery", "webhook.same-everywhere"}
	for _, row := range []struct {
		schemeRow
		passes, fails []string
	}{
		{schemeRow{profile: discord, behavior: correctReceiver, recorded: []time.Duration{old, old}}, append(signed, "webhook.rejects-unbound-time"), nil},
		{schemeRow{profile: discord, behavior: remembers, recorded: []time.Duration{old, old}}, signed[:2], []string{"webhook.rejects-tampered", "webhook.rejects-unbound-time", "webhook.verifies-raw-body"}},
		{schemeRow{profile: plaid, behavior: correctReceiver, recorded: []time.Duration{now, now, old}}, append(signed, "webhook.rejects-stale"), nil},
		{schemeRow{profile: plaid, behavior: correctReceiver, recorded: []time.Duration{old}}, nil, nil},
		{schemeRow{profile: plaid, behavior: staleAccepted, recorded: []time.Duration{old}}, nil, []string{"webhook.rejects-stale"}},
		{schemeRow{profile: provider.Must("wise"), behavior: correctReceiver, recorded: []time.Duration{now}, foreign: true}, nil, nil},
		{schemeRow{profile: provider.Must("wise"), behavior: correctReceiver, recorded: []time.Duration{now}}, signed[1:], nil},
	} {
		t.Run(fmt.Sprintf("%s/%s/%v/%v", row.profile.Name, row.behavior.Name, row.recorded, row.foreign), func(t *testing.T) {
			t.Parallel()
			for _, check := range auditScheme(t, row.schemeRow).report.Checks {
				outcome, told := saw(check, audit.Test)
				passes, fails := slices.Contains(row.passes, check.ID), slices.Contains(row.fails, check.ID)
				if fails != (outcome == audit.Fail) || passes && outcome != audit.Pass {
					t.Errorf("%s is %s%s", check.ID, outcome, told)
				}
				if reads := strings.HasPrefix(check.ID, "webhook.") || strings.HasPrefix(check.ID, "input."); reads && !passes && outcome == audit.Pass && row.fails == nil && check.ID != "webhook.answers-in-time" {
					t.Errorf("%s passes%s", check.ID, told)
				}
			}
		})
	}
}

// TestKeyPair: with a key pair of the auditor's in Test, a correct receiver of a provider that signs with a
// key of its own passes, and one that takes its public key for a secret fails.
func TestKeyPair(t *testing.T) {
	t.Parallel()
	confused := sandbox.Behavior{
		Name: "public-key-as-secret", Description: "an HMAC with the public key is accepted as well",
		Expect: sandbox.Expect{Fails: []string{"webhook.rejects-foreign-key"}},
		Plant: func(ru *sandbox.Rules) {
			ru.Scheme.Also = append(ru.Scheme.Also, func(s *sandbox.Scheme, m provider.Message) bool {
				mac := hmac.New(sha256.New, s.Secrets[0])
				received := s.Profile.Signature.Read(m)
				m.Timestamp, m.ID = received.Timestamp, received.ID
				signed, err := s.Profile.Signature.StringToSign(m)
				mac.Write(signed)
				return err == nil && slices.Contains(received.Signatures, s.Profile.Signature.EncodeRaw(mac.Sum(nil)))
			})
		},
	}
	rows := []schemeRow{{profile: provider.Must("discord"), behavior: correctReceiver, pair: true}, {profile: provider.Must("discord"), behavior: confused, pair: true}, {profile: provider.Must("plaid"), behavior: staleAccepted, pair: true}}
	for _, name := range []string{"plaid", "sendgrid", "wise", "paypal", "standard-webhooks-v1a"} {
		rows = append(rows, schemeRow{profile: provider.Must(name), behavior: correctReceiver, pair: true})
	}
	for i := range audittest.Rows(t, len(rows), 4) {
		row := rows[i]
		t.Run(row.profile.Name+"/"+row.behavior.Name, func(t *testing.T) {
			t.Parallel()
			holds(t, auditScheme(t, row), "", row.behavior.Expect)
		})
	}
}

var staleAccepted = sandbox.Behavior{
	Name: "stale-accepted", Description: "the age of the signed time is not checked",
	Expect: sandbox.Expect{Fails: []string{sandbox.RejectsStale}},
	Plant:  func(ru *sandbox.Rules) { ru.Scheme.AnyAge = true },
}
