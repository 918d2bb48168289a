package webhook_test

import (
	"bytes"
	"crypto/sha512"
	"crypto/tls"
	"encoding/hex"
	"fmt"
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
	page    string        // or with 503 and this page
	ends    bool          // what stands before it only ends TLS: it completes handshakes also while it is dead
	late    time.Duration // it responds, and dies so much later
	bans    int           // it does not die: from that many rejections on, a firewall resets all connections
	reads   bool          // it, or that firewall, reads a request before it closes the connection

	turnsAway int                      // so many requests at least; 3 if it is less
	counts    func(*http.Request) bool // which of them count; nil: all, and connections

	adds string // what it sends after each response, on the same connection

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

// down reports whether it is dead for a request that came in, or a connection if that is nil.
func (m *mortal) down(r *http.Request) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.left == 0 && !time.Now().Before(m.until) {
		return false
	}
	if m.bans == 0 && (m.counts == nil || m.counts(r)) {
		m.left, m.until = max(0, m.left-1), time.Now().Add(m.away)
	}
	return true
}

func (m *mortal) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !m.dead() && m.kills != nil && m.kills(r) {
		die := func() {
			m.mu.Lock()
			m.until, m.left = time.Now().Add(m.away), max(3, m.turnsAway)
			m.deaths++
			m.mu.Unlock()
		}
		if m.late > 0 {
			defer time.AfterFunc(m.late, die)
		} else {
			die()
		}
	}
	if m.down(r) {
		if m.gateway && m.page != "" {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, m.page)
			return
		} else if m.gateway {
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
	if m.adds != "" {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		defer func() { _ = conn.Close() }()
		_, _ = fmt.Fprintf(conn, "HTTP/1.1 %d Status\r\nContent-Length: %d\r\n\r\n%s", recorded.Code, recorded.Body.Len(), recorded.Body)
		time.Sleep(10 * time.Millisecond) // else it comes with the response, which changes nothing
		_, _ = io.WriteString(conn, m.adds)
		return
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
		if !m.reads {
			reset(conn)
		}
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

// terminator stands for what ends TLS in front of a receiver and passes on what it decrypts: it closes
// a connection after the handshake where nothing accepts the one behind it.
type terminator struct {
	net.Listener
	m *mortal
}

func (l *terminator) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil || !l.m.down(nil) {
			return conn, err
		}
		go func() {
			if conn, ok := conn.(*tls.Conn); ok {
				_ = conn.Handshake()
			}
			_ = conn.Close()
		}()
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
		case m.bans > 0 && !m.reads && m.down(nil):
			reset(conn)
		case m.bans == 0 && !m.gateway && !m.ends && !m.reads && m.down(nil):
			_ = conn.Close() // its client sees that anyway
		case m.bans > 0:
			m.mu.Lock()
			defer m.mu.Unlock()
			m.conns[conn] = true
		}
	}
	config := &tls.Config{Certificates: []tls.Certificate{authority.Server("mortal.acme.example")}}
	if m.ends {
		server.Listener = &terminator{tls.NewListener(server.Listener, config), m}
		server.Start()
	} else {
		server.TLS = config
		server.StartTLS()
	}
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
			// More than what is under way can take, with its repetitions.
			m := &mortal{away: 2 * time.Second, turnsAway: 60, gateway: test.gateway, kills: func(r *http.Request) bool { return r.Header.Get("X-Signature") == "null" }}
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
		ends bool
		want map[string]audit.Outcome
	}{
		{"for a while", 1500 * time.Millisecond, false, map[string]audit.Outcome{
			"errors.survives-requests": audit.Fail,
			"errors.status-codes":      audit.Fail, "webhook.rejects-unsigned": audit.Inconclusive, "webhook.rejects-bypass": audit.Pass,
			"webhook.rejects-wrong-key": audit.Pass, "webhook.accepts-genuine": audit.Pass, "input.rejects-malformed": audit.Pass, "webhook.same-everywhere": audit.Pass,
		}},
		{"for good, behind what ends TLS", time.Hour, true, map[string]audit.Outcome{"errors.survives-requests": audit.Fail}},
		{"for good", time.Hour, false, map[string]audit.Outcome{
			"errors.survives-requests": audit.Fail,
			"errors.status-codes":      audit.Fail, "webhook.rejects-unsigned": audit.Inconclusive, "webhook.accepts-genuine": audit.Pass,
			"input.rejects-malformed": audit.Inconclusive, "webhook.same-everywhere": audit.Inconclusive, "errors.no-internal-detail": audit.Inconclusive,
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, nil)
			startMortal(t, l, audit.Test, &mortal{away: test.away, ends: test.ends, kills: oddLength})
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

// incorrectlySigned reports whether a request has not the signature of its body.
func incorrectlySigned(key string) func(*http.Request) bool {
	return func(r *http.Request) bool {
		body, err := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		return err != nil || r.Header.Get("X-Signature") != hex.EncodeToString(mac(sha512.New, key, body))
	}
}

// TestReceiverThatDiesAtOnce: the first request that is not a valid event kills the receiver, while the
// probe still learns how it responds. A gateway's responses from then on are not the receiver's own.
func TestReceiverThatDiesAtOnce(t *testing.T) {
	t.Parallel()
	for name, m := range map[string]*mortal{"directly": {}, "behind a gateway": {gateway: true}, "behind what ends TLS": {ends: true},
		"behind HAProxy": {gateway: true, page: "<html><body><h1>503 Service Unavailable</h1>\nNo server is available to handle this request.\n</body></html>\n"}} {
		for environment, key := range map[string]string{audit.Test: testKey, audit.Production: productionKey} {
			t.Run(name+" "+environment, func(t *testing.T) {
				t.Parallel()
				l := newLab(t, nil)
				l.environment(environment).Probing = audit.Full
				l.selected = func(id string) bool { return id == "webhook.rejects-unsigned" }
				startMortal(t, l, environment, &mortal{away: time.Hour, gateway: m.gateway, page: m.page, ends: m.ends, kills: incorrectlySigned(key)})
				_, report := l.audited(t)
				wantOutcomes(t, report, environment, map[string]audit.Outcome{"errors.survives-requests": audit.Fail})
				if said := explain(report, "errors.survives-requests", environment); !strings.Contains(said, "stopped responding after ") || !strings.Contains(said, "malformed-signature/random") {
					t.Error(said)
				}
			})
		}
	}
}

// TestRequestWithoutABodyComesFirst: what other probes send, too, is sent alone before they may, and is
// named where a receiver does not survive it.
func TestRequestWithoutABodyComesFirst(t *testing.T) {
	t.Parallel()
	l := newLab(t, nil)
	l.selected = func(id string) bool { return id == "webhook.rejects-unsigned" }
	startMortal(t, l, audit.Test, &mortal{away: time.Hour, kills: func(r *http.Request) bool { return r.ContentLength == 0 }})
	_, report := l.audited(t)
	wantOutcomes(t, report, audit.Test, map[string]audit.Outcome{"errors.survives-requests": audit.Fail})
	if said := explain(report, "errors.survives-requests", audit.Test); !strings.Contains(said, "stopped responding after unsigned/no-body; it did not come back") {
		t.Error(said)
	}
}

// TestRestartsThatNoRequestExplains: a receiver that was away for a moment is not said to have kept
// responding, although no single request is found that stops it.
func TestRestartsThatNoRequestExplains(t *testing.T) {
	t.Parallel()
	l := newLab(t, nil)
	l.selected = func(id string) bool { return id == "webhook.rejects-unsigned" }
	// It is back when two or three control requests, each of two or three connections, got no response.
	m := &mortal{reads: true, turnsAway: 6, counts: func(r *http.Request) bool { return !incorrectlySigned(testKey)(r) }}
	var once sync.Once
	m.kills = func(r *http.Request) (first bool) {
		if r.Header.Get("X-Signature") == "null" {
			once.Do(func() { first = true })
		}
		return first
	}
	startMortal(t, l, audit.Test, m)
	_, report := l.audited(t)
	wantOutcomes(t, report, audit.Test, map[string]audit.Outcome{"errors.survives-requests": audit.Inconclusive})
}

// TestWhatFollowsAResponseIsSearched: a key in bytes that arrive after a response, or in place of the next
// one, is as exposed as one in the response.
func TestWhatFollowsAResponseIsSearched(t *testing.T) {
	t.Parallel()
	l := newLab(t, nil)
	l.selected = func(id string) bool { return id == "webhook.rejects-unsigned" }
	startMortal(t, l, audit.Test, &mortal{adds: "key=" + testKey})
	_, report := l.audited(t)
	wantOutcomes(t, report, audit.Test, map[string]audit.Outcome{"errors.no-internal-detail": audit.Fail})
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

// TestBanIsNoDeadReceiver: a firewall that ends this machine's connections after some rejections says
// nothing about the receiver, whether the ban is short or long.
func TestBanIsNoDeadReceiver(t *testing.T) {
	t.Parallel()
	for name, m := range map[string]*mortal{
		"short": {away: 4 * time.Second}, "long": {away: time.Hour}, "long, by request": {away: time.Hour, reads: true},
	} {
		for _, environment := range []string{audit.Test, audit.Production} {
			t.Run(name+" "+environment, func(t *testing.T) {
				t.Parallel()
				l := newLab(t, nil)
				l.selected = func(id string) bool { return id == "webhook.rejects-unsigned" }
				startMortal(t, l, environment, &mortal{away: m.away, reads: m.reads, bans: 9}) // each its own
				_, report := l.audited(t)
				wantOutcomes(t, report, environment, map[string]audit.Outcome{"errors.survives-requests": audit.Inconclusive})
			})
		}
	}
}
