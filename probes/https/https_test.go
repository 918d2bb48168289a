package https

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/netprobe"
	"github.com/prelaunch-audit/prelaunch/internal/runner"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox/certs"
)

// TestOneHostIsLookedAtOnceForAllWhoUseIt: the webhook and a redirect share a host; the API is not
// contacted without provider_checks.
func TestOneHostIsLookedAtOnceForAllWhoUseIt(t *testing.T) {
	t.Parallel()
	authority := certs.New(time.Now())
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{authority.Server("hooks.acme.example")}}
	server.StartTLS()
	t.Cleanup(server.Close)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	integration := &audit.Integration{
		Environments: []audit.Environment{
			{Name: audit.Test, WebhookURL: "https://HOOKS.acme.example./hook", Redirects: audit.Redirects{Completion: "https://hooks.acme.example/done"},
				APIBaseURL: "https://api.acme.example"},
			{Name: audit.Production, WebhookURL: "http://hooks.acme.example/hook"},
		},
		Network: audit.NetworkOptions{ExtraRootsPEM: authority.CAPEM(), Timeout: 10 * time.Second,
			Resolve: map[string][]string{"hooks.acme.example:443": {"127.0.0.1:" + port}}},
	}
	roots, err := netprobe.Roots(authority.CAPEM())
	if err != nil {
		t.Fatal(err)
	}
	document := runner.Run(t.Context(), integration, runner.Options{
		Probes: []audit.Probe{New()}, Network: netprobe.New(integration, nil), Roots: roots, Tool: audit.Tool{Name: "prelaunch", Version: "test"},
	})
	if status := document.Probes[0]; status.State != audit.ProbeComplete {
		t.Fatalf("%+v", status)
	}
	var endpoints []Endpoint
	for _, raw := range document.Facts[kindEndpoint] {
		var endpoint Endpoint
		if err := json.Unmarshal(raw, &endpoint); err != nil {
			t.Fatal(err)
		}
		endpoints = append(endpoints, endpoint)
	}
	if len(endpoints) != 1 || len(endpoints[0].Uses) != 2 || len(endpoints[0].Addresses) != 1 {
		t.Fatalf("endpoints: %+v", endpoints)
	}
	if trust := endpoints[0].Addresses[0].Certificates[0].Trust; trust.Roots != "ca_file" {
		t.Errorf("trust: %+v", trust)
	}
	urls := map[Use]URL{}
	for _, raw := range document.Facts[kindURL] {
		var url URL
		if err := json.Unmarshal(raw, &url); err != nil {
			t.Fatal(err)
		}
		urls[url.Use] = url
	}
	hook := urls[Use{audit.Test, "webhook", "webhook"}]
	if !hook.Contacted || len(hook.Answers) != 1 || hook.Answers[0].Post.Status != http.StatusUnauthorized {
		t.Errorf("webhook: %+v", hook)
	}
	if done := urls[Use{audit.Test, "redirect", "completion"}]; !done.Contacted || done.Answers[0].Get.Status != http.StatusOK {
		t.Errorf("redirect: %+v", done)
	}
	if api := urls[Use{audit.Test, "api", "api"}]; api.Contacted || api.Scheme != "https" {
		t.Errorf("the API was contacted: %+v", api)
	}
	if plain := urls[Use{audit.Production, "webhook", "webhook"}]; plain.Contacted || plain.Scheme != "http" {
		t.Errorf("the http webhook: %+v", plain)
	}
}

// holder stands for the probe of the receivers: it holds them back until let go.
type holder struct {
	release chan struct{}
	posts   func() int
	early   int
}

func (*holder) Name() string                                            { return "holder" }
func (*holder) Title() string                                           { return "holder" }
func (*holder) Kinds() []audit.Kind                                     { return []audit.Kind{audit.KindOf[struct{}]("holder.fact")} }
func (*holder) Plan(*audit.Integration, func(string) bool) []audit.Step { return nil }

func (h *holder) Prepare(_ context.Context, run *audit.Run) {
	release := run.Shared.Hold(audit.Receiver(audit.Test))
	go func() { <-h.release; h.early = h.posts(); release() }()
}

func (*holder) Run(context.Context, *audit.Run) error { return nil }

// TestRequestsWaitForTheProbeOfTheReceiver: nothing but handshakes reaches a receiver that another probe
// holds back.
func TestRequestsWaitForTheProbeOfTheReceiver(t *testing.T) {
	t.Parallel()
	authority := certs.New(time.Now())
	var requests atomic.Int64
	h := &holder{release: make(chan struct{}), posts: func() int { return int(requests.Load()) }}
	var connections atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		w.WriteHeader(http.StatusUnauthorized)
	}))
	// Requests come over the first connection, which the second follows.
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew && connections.Add(1) == 2 {
			close(h.release)
		}
	}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{authority.Server("hooks.acme.example")}}
	server.StartTLS()
	t.Cleanup(server.Close)
	integration := &audit.Integration{
		Environments: []audit.Environment{{Name: audit.Test, WebhookURL: "https://hooks.acme.example/hook"}},
		Network: audit.NetworkOptions{ExtraRootsPEM: authority.CAPEM(), Timeout: 10 * time.Second,
			Resolve: map[string][]string{"hooks.acme.example:443": {server.Listener.Addr().String()}}},
	}
	roots, err := netprobe.Roots(authority.CAPEM())
	if err != nil {
		t.Fatal(err)
	}
	runner.Run(t.Context(), integration, runner.Options{
		Probes: []audit.Probe{New(), h}, Network: netprobe.New(integration, nil), Roots: roots, Tool: audit.Tool{Name: "prelaunch", Version: "test"},
	})
	if h.early > 0 || requests.Load() < 2 {
		t.Errorf("%d requests came before the receiver was let go, %d in all", h.early, requests.Load())
	}
}

// TestPassiveSendsNoPOST: not even an empty, unsigned one.
func TestPassiveSendsNoPOST(t *testing.T) {
	t.Parallel()
	for probing, want := range map[string]bool{audit.Full: true, audit.Careful: true, audit.Passive: false} {
		integration := &audit.Integration{Environments: []audit.Environment{{
			Name: audit.Production, Probing: probing, WebhookURL: "https://hooks.acme.example/hook",
			Redirects: audit.Redirects{Completion: "https://acme.example/done"},
		}}}
		for _, target := range targets(integration) {
			if target.post != (want && target.role == roleWebhook) {
				t.Errorf("%s: POST to the %s is %v", probing, target.role, target.post)
			}
		}
		for _, step := range New().Plan(integration, nil) {
			if posts := strings.Contains(step.Detail, "POST"); posts && !want {
				t.Errorf("%s: the plan says %q", probing, step.Detail)
			}
		}
	}
}
