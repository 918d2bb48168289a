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
	until time.Time     // dead
	left  int           // requests that it turns away at least before it is back, so that a slow machine's prober sees it dead
	away  time.Duration // since the last one that it turned away
	kills func(*http.Request) bool
	next  http.Handler

	gateway bool          // one before it responds with 502 while it is dead
	late    time.Duration // it responds, and dies so much later
	bans    int           // it does not die: from that many rejections on, a firewall resets all connections

	rejections int
	conns      map[net.Conn]bool

	deaths int // requests that killed it
	after  int // requests that it got once it was back
}

func (m *mortal) dead() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.left > 0 || time.Now().Before(m.until)
}

// down reports whether it is dead for a request or a connection that came in.
func (m *mortal) down() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.left == 0 && !time.Now().Before(m.until) {
		return false
	}
	if m.bans == 0 {
		m.left, m.until = max(0, m.left-1), time.Now().Add(m.away)
	}
	return true
}

func (m *mortal) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !m.dead() && m.kills != nil && m.kills(r) {
		die := func() {
			m.mu.Lock()
			m.until, m.left = time.Now().Add(m.away), 3
			m.deaths++
			m.mu.Unlock()
		}
		if m.late > 0 {
			defer time.AfterFunc(m.late, die)
		} else {
			die()
		}
	}
	if m.down() {
		if m.gateway {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		panic(http.ErrAbortHandler)
	}
	m.mu.Lock()
	if m.deaths > 0 {
		m.after++
	}
	m.mu.Unlock()
	recorded := httptest.NewRecorder()
	m.next.ServeHTTP(recorded, r)
	if m.bans > 0 && recorded.Code/100 == 4 {
		m.ban()
	}
	for name, values := range recorded.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(recorded.Code)
	_, _ = w.Write(recorded.Body.Bytes())
}

// ban counts a rejection, and resets all connections once there are too many of them.
func (m *mortal) ban() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.rejections++; m.rejections%m.bans > 0 {
		return
	}
	m.until = time.Now().Add(m.away)
	for conn := range m.conns {
		reset(conn)
	}
	clear(m.conns)
}

// reset closes a connection as a firewall that rejects does.
func reset(conn net.Conn) {
	if conn, ok := conn.(*tls.Conn); ok {
		if raw, ok := conn.NetConn().(*net.TCPConn); ok {
			_ = raw.SetLinger(0)
			_ = raw.Close()
		}
	}
}

// startMortal puts a mortal in front of an environment's receiver, and leaves only that environment.
func startMortal(t *testing.T, l *lab, environment string, m *mortal) {
	t.Helper()
	m.conns = map[net.Conn]bool{}
	m.next = forward(t, l, l.receivers[environment])
	authority := certs.New(time.Now())
	server := httptest.NewUnstartedServer(m)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Config.ConnState = func(conn net.Conn, state http.ConnState) {
		switch {
		case state != http.StateNew:
		case m.bans > 0 && m.down():
			reset(conn)
		case m.bans == 0 && !m.gateway && m.down():
			_ = conn.Close() // its client sees that anyway
		case m.bans > 0:
			m.mu.Lock()
			defer m.mu.Unlock()
			m.conns[conn] = true
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
	for _, test := range []struct {
		name, probing string
		gateway       bool
	}{
		{"full", audit.Full, false}, {"careful", audit.Careful, false}, {"behind a gateway", audit.Careful, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, map[string][]sandbox.Behavior{audit.Production: named(t, "observed")})
			l.environment(audit.Production).Probing = test.probing
			l.selected = func(id string) bool { return id == "webhook.rejects-unsigned" }
			m := &mortal{away: 2 * time.Second, gateway: test.gateway, kills: func(r *http.Request) bool { return r.Header.Get("X-Signature") == "null" }}
			startMortal(t, l, audit.Production, m)
			_, report := l.audited(t)
			wantOutcomes(t, report, audit.Production, map[string]audit.Outcome{"errors.survives-requests": audit.Fail})
			if said := explain(report, "errors.survives-requests", audit.Production); !strings.Contains(said, "unsigned/null") {
				t.Error(said)
			}
			m.mu.Lock()
			defer m.mu.Unlock()
			if m.deaths == 0 || m.deaths > 2 || m.after > 0 || test.gateway && m.deaths > 1 { // a connection of its own may break once by accident
				t.Errorf("it was killed %d times and got %d requests afterwards", m.deaths, m.after)
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

// TestReceiverThatAGatewayHides: a gateway responds while a supervisor starts the receiver again, and
// the receiver may respond itself before it dies. The request is named all the same, and no other.
func TestReceiverThatAGatewayHides(t *testing.T) {
	t.Parallel()
	for name, m := range map[string]*mortal{
		"behind a gateway": {away: 1200 * time.Millisecond, gateway: true},
		"after a response": {away: 1200 * time.Millisecond, late: time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, nil)
			l.selected = func(id string) bool { return id == "webhook.rejects-unsigned" }
			m.kills = func(r *http.Request) bool { return r.Header.Get("X-Signature") == "null" }
			startMortal(t, l, audit.Test, m)
			_, report := l.audited(t)
			wantOutcomes(t, report, audit.Test, map[string]audit.Outcome{"errors.survives-requests": audit.Fail})
			if said := explain(report, "errors.survives-requests", audit.Test); !strings.Contains(said, "stopped responding after unsigned/null; it came back") {
				t.Error(said)
			}
		})
	}
}

// TestBanIsNoDeadReceiver: a firewall that resets this machine's connections after some rejections
// says nothing about the receiver, whether the ban is short or long.
func TestBanIsNoDeadReceiver(t *testing.T) {
	t.Parallel()
	for name, away := range map[string]time.Duration{"short": 1500 * time.Millisecond, "long": time.Hour} {
		for _, environment := range []string{audit.Test, audit.Production} {
			t.Run(name+" "+environment, func(t *testing.T) {
				t.Parallel()
				l := newLab(t, nil)
				l.integration.Network.Timeout = time.Second // it is waited for six times as long
				l.selected = func(id string) bool { return id == "webhook.rejects-unsigned" }
				startMortal(t, l, environment, &mortal{away: away, bans: 9})
				_, report := l.audited(t)
				wantOutcomes(t, report, environment, map[string]audit.Outcome{"errors.survives-requests": audit.Inconclusive})
			})
		}
	}
}
