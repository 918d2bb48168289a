package webhook_test

import (
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox/certs"
	"github.com/prelaunch-audit/prelaunch/probes/webhook"
)

// mortal stands for a process that a request can kill: it closes every connection without an answer until it is started again.
type mortal struct {
	mu    sync.Mutex
	until time.Time // dead
	away  time.Duration
	kills func(*http.Request) bool
	next  http.Handler

	deaths int // requests that killed it
	late   int // requests that it got once it was back
}

func (m *mortal) dead() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return time.Now().Before(m.until)
}

func (m *mortal) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if m.kills(r) {
		m.mu.Lock()
		m.until = time.Now().Add(m.away)
		m.deaths++
		m.mu.Unlock()
	}
	if m.dead() {
		panic(http.ErrAbortHandler)
	}
	m.mu.Lock()
	if m.deaths > 0 {
		m.late++
	}
	m.mu.Unlock()
	m.next.ServeHTTP(w, r)
}

// startMortal puts a mortal in front of an environment's receiver, and leaves only that environment.
func startMortal(t *testing.T, l *lab, environment string, m *mortal) {
	t.Helper()
	m.next = forward(t, l, l.receivers[environment])
	authority := certs.New(time.Now())
	server := httptest.NewUnstartedServer(m)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Config.ConnState = func(conn net.Conn, state http.ConnState) {
		if state == http.StateNew && m.dead() {
			_ = conn.Close() // its client sees that anyway
		}
	}
	server.TLS = &tls.Config{Certificates: []tls.Certificate{authority.Server("mortal.acme.example")}}
	server.StartTLS()
	t.Cleanup(server.Close)
	l.roots.All = authority.Pool()
	l.integration.Environments = []audit.Environment{*l.environment(environment)}
	l.integration.Environments[0].WebhookURL = "https://mortal.acme.example/begini"
	l.integration.Network.Resolve["mortal.acme.example:443"] = []string{server.Listener.Addr().String()}
}

// TestNothingMoreIsSentToProduction: once a receiver that may serve users has stopped responding, it
// gets no further request, also where it restarts soon and where an observer waits for a last event.
func TestNothingMoreIsSentToProduction(t *testing.T) {
	t.Parallel()
	for _, probing := range []string{audit.Full, audit.Careful} {
		t.Run(probing, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, map[string][]sandbox.Behavior{audit.Production: named(t, "observed")})
			l.environment(audit.Production).Probing = probing
			l.selected = func(id string) bool { return id == "webhook.rejects-unsigned" }
			m := &mortal{away: 2 * time.Second, kills: func(r *http.Request) bool { return r.Header.Get("X-Signature") == "null" }}
			startMortal(t, l, audit.Production, m)
			_, report := l.audited(t)
			wantOutcomes(t, report, audit.Production, map[string]audit.Outcome{"errors.survives-requests": audit.Fail})
			if said := explain(report, "errors.survives-requests", audit.Production); !strings.Contains(said, "unsigned/null") {
				t.Error(said)
			}
			m.mu.Lock()
			defer m.mu.Unlock()
			if m.deaths == 0 || m.deaths > 2 || m.late > 0 { // a connection of its own may break once by accident
				t.Errorf("it was killed %d times and got %d requests afterwards", m.deaths, m.late)
			}
		})
	}
}

// TestReceiverThatARequestKills wants the request named that a receiver does not survive, and nothing said against its neighbours where
// the receiver comes back.
func TestReceiverThatARequestKills(t *testing.T) {
	t.Parallel()
	oddLength := func(r *http.Request) bool { return len(r.Header.Get("X-Signature")) == 127 }
	for _, test := range []struct {
		name string
		away time.Duration
		want map[string]audit.Outcome
	}{
		{"for a while", 1500 * time.Millisecond, map[string]audit.Outcome{
			"errors.survives-requests": audit.Fail,
			"errors.status-codes":      audit.Fail, "webhook.rejects-unsigned": audit.Inconclusive, "webhook.rejects-bypass": audit.Pass,
			"webhook.rejects-wrong-key": audit.Pass, "webhook.accepts-genuine": audit.Pass, "input.rejects-malformed": audit.Pass, "webhook.same-everywhere": audit.Pass,
		}},
		{"for good", time.Hour, map[string]audit.Outcome{
			"errors.survives-requests": audit.Fail,
			"errors.status-codes":      audit.Fail, "webhook.rejects-unsigned": audit.Inconclusive, "webhook.accepts-genuine": audit.Pass,
			"input.rejects-malformed": audit.Inconclusive, "webhook.same-everywhere": audit.Inconclusive, "errors.no-internal-detail": audit.Inconclusive,
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, nil)
			if test.away > time.Minute {
				l.integration.Network.Timeout = 2 * time.Second // it is waited for six times as long
			}
			startMortal(t, l, audit.Test, &mortal{away: test.away, kills: oddLength})
			doc, report := l.audited(t)
			wantOutcomes(t, report, audit.Test, test.want)
			for _, b := range facts[webhook.Baseline](t, doc, webhook.KindBaseline) {
				if !slices.Contains(b.After, "F17") {
					t.Errorf("it went away after %v", b.After)
				}
			}
			said := explain(report, "errors.survives-requests", audit.Test)
			if !strings.Contains(said, "unparsable-header/odd-length") || test.away < time.Minute && !strings.Contains(said, "after unparsable-header/odd-length; it came back") {
				t.Error(said)
			}
			if !strings.Contains(strings.Join(l.notices(), "\n"), "test: the webhook receiver stopped responding after ") {
				t.Errorf("said at once: %q", l.notices())
			}
		})
	}
}
