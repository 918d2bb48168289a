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
		m.mu.Unlock()
	}
	if m.dead() {
		panic(http.ErrAbortHandler)
	}
	m.next.ServeHTTP(w, r)
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
			l.integration.Network.Timeout = 2 * time.Second // it is waited for six times as long
			m := &mortal{away: test.away, kills: oddLength, next: forward(t, l, l.receivers[audit.Test])}
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
			l.integration.Environments = l.integration.Environments[:1]
			l.environment(audit.Test).WebhookURL = "https://mortal.acme.example/begini"
			l.integration.Network.Resolve["mortal.acme.example:443"] = []string{server.Listener.Addr().String()}
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
