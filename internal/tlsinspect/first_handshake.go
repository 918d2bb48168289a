package tlsinspect

import (
	"context"
	"crypto/tls"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// offeredSuites is everything crypto/tls can speak, so that an old server gets as far as it can.
var offeredSuites = func() []uint16 {
	var ids []uint16
	for _, s := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		ids = append(ids, s.ID)
	}
	return ids
}()

// classicGroups leave out the post-quantum key shares, whose hello does not fit one packet.
var classicGroups = []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384, tls.CurveP521}

// attempt is one handshake.
type attempt struct {
	conn        net.Conn // open when err is nil
	state       tls.ConnectionState
	err         error
	phase       string
	requested   bool
	postQuantum bool
}

// firstHandshake says hello as a modern client does. When the hello, which is large with its
// post-quantum key share, gets no response at all, a smaller one goes out as well: some middleboxes
// drop large hellos. Both share one timeout, so that a silent port costs no more than that.
func (l *inspection) firstHandshake(ctx context.Context) handshakeState {
	ctx, cancel := context.WithTimeout(ctx, l.in.Timeout)
	defer cancel()
	results := make(chan attempt, 2)
	var heard, connected atomic.Bool
	running := 0
	start := func(postQuantum bool) {
		running++
		go func() { results <- l.handshake(ctx, forHello, postQuantum, &connected, &heard) }()
	}
	start(true)
	retried := false
	var early sync.WaitGroup
	defer early.Wait()
	hedge := time.NewTimer(min(l.in.Timeout/3, 2*time.Second))
	defer hedge.Stop()
	var first attempt
	for {
		select {
		case <-hedge.C:
			if connected.Load() && !heard.Load() && !retried {
				retried = true
				start(false)
				l.plainHTTPEarly(ctx, &early)
			}
		case a := <-results:
			running--
			if a.err == nil || l.rejectedWithoutCertificate(a) {
				l.closeLate(results, running)
				g := l.settled(a)
				g.noResponse = !a.postQuantum
				cancel() // whatever was begun for want of a response
				early.Wait()
				clear(l.plain)
				return g
			}
			if a.postQuantum {
				first = a
				kind := errorKind(a.err)
				again := a.phase == "handshake" && (kind == ReachReset || kind == ReachNoHandshake) && ctx.Err() == nil
				if again && !retried {
					retried = true
					start(false)
				}
			}
			if running == 0 {
				return l.settled(first)
			}
		}
	}
}

// closeLate closes the connections of attempts that came too late.
func (l *inspection) closeLate(results chan attempt, running int) {
	go func() {
		for range running {
			if a := <-results; a.conn != nil {
				closeQuietly(a.conn)
			}
		}
	}()
}

// rejectedWithoutCertificate: the server asked for a client certificate, got none or none that it
// accepts, and hung up.
func (l *inspection) rejectedWithoutCertificate(a attempt) bool {
	if a.err == nil || !a.requested {
		return false
	}
	if l.in.ClientCert != nil {
		return strings.Contains(alertOf(a.err), "certificate")
	}
	kind := errorKind(a.err)
	return kind == ReachNoHandshake || kind == ReachReset
}

func (l *inspection) settled(a attempt) handshakeState {
	g := handshakeState{conn: a.conn, state: a.state, requested: a.requested, postQuantum: a.postQuantum}
	switch {
	case a.err == nil:
		g.reach = Reach{Kind: ReachOK, LocalRoute: true}
	case l.rejectedWithoutCertificate(a):
		g.rejectedUs = true
		g.reach = Reach{Kind: ReachOK, LocalRoute: true, Detail: "the server ended the handshake because no client certificate was sent", Alert: alertOf(a.err)}
	default:
		g.reach = reachOf(a.err, a.phase)
		if a.phase == "handshake" && g.reach.Kind == ReachError {
			g.reach.Kind = ReachNoHandshake // our own stack's objection to what the server sent
			if strings.Contains(a.err.Error(), "unsupported type of public key") {
				g.reach.Kind, g.reach.Detail = ReachNoCommonSuite, unsupportedKey
			}
		}
		if g.reach.Kind == ReachReset && a.state.Version != 0 {
			g.reach.Kind = ReachNoHandshake // it spoke TLS before it hung up
		}
	}
	if a.state.Version != 0 {
		l.seen.noteChoice(a.state.Version, a.state.CipherSuite, 0)
		if a.state.Version < tls.VersionTLS13 {
			l.seen.versions.refuse("1.3")
		}
	}
	return g
}

// handshake completes one handshake with everything crypto/tls offers. Nothing is verified here:
// what the certificate is worth is a fact of its own, and nothing secret is sent.
func (l *inspection) handshake(ctx context.Context, purpose budget, postQuantum bool, connected, heard *atomic.Bool) attempt {
	a := attempt{phase: "connect", postQuantum: postQuantum}
	raw, err := l.dial(ctx, purpose)
	if err != nil {
		a.err = err
		return a
	}
	connected.Store(true)
	a.phase = "handshake"
	config := l.in.config(l.host, &a)
	if l.http1.Load() {
		config.NextProtos = []string{"http/1.1"}
	}
	if !postQuantum {
		config.CurvePreferences = classicGroups
	}
	conn := tls.Client(&listeningConn{Conn: raw, heard: heard}, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		closeQuietly(raw)
		a.err = err
		if ctx.Err() != nil {
			a.err = ctx.Err() // the handshake's own error is then only that its connection was closed
		}
		return a
	}
	a.conn, a.state = conn, conn.ConnectionState()
	return a
}

// config is a client's that offers everything, and notes in a what it learns before a failure.
func (in *inspector) config(host string, a *attempt) *tls.Config {
	return &tls.Config{
		ServerName:         host,
		InsecureSkipVerify: true, // verified afterwards, and described
		MinVersion:         tls.VersionTLS10,
		CipherSuites:       offeredSuites,
		NextProtos:         []string{"h2", "http/1.1"},
		VerifyConnection: func(s tls.ConnectionState) error {
			a.state = s
			return nil
		},
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			a.requested = true
			if in.ClientCert != nil {
				return in.ClientCert, nil
			}
			return &tls.Certificate{}, nil
		},
	}
}

// listeningConn notes when the first byte arrives.
type listeningConn struct {
	net.Conn
	heard *atomic.Bool
}

func (h *listeningConn) Read(p []byte) (int, error) {
	n, err := h.Conn.Read(p)
	if n > 0 {
		h.heard.Store(true)
	}
	return n, err
}

func (g handshakeState) handshake() Handshake {
	h := Handshake{Completed: g.conn != nil}
	if g.state.Version == 0 {
		return h
	}
	h.Version = versionName(g.state.Version)
	if g.state.CipherSuite != 0 {
		h.Suite = suiteName(g.state.CipherSuite)
	}
	h.ALPN = g.state.NegotiatedProtocol
	if g.state.CurveID != 0 {
		h.Group = g.state.CurveID.String()
	}
	switch {
	case g.noResponse:
		h.PostQuantumHello = "unanswered"
	case strings.Contains(h.Group, "MLKEM"):
		h.PostQuantumHello = "chosen"
	case g.postQuantum:
		h.PostQuantumHello = "not_chosen"
	}
	return h
}

func (g handshakeState) clientCertificate(configured bool) ClientCertificate {
	c := ClientCertificate{Requested: g.requested, Required: "unknown", Sent: g.requested && configured, Refused: g.rejectedUs && configured}
	switch {
	case g.rejectedUs:
		c.Required, c.How = "yes", "alert"
	case g.conn != nil && !g.requested:
		c.Required = "no"
	}
	return c
}
