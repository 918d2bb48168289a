package tlsinspect

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/prelaunch-audit/prelaunch/internal/netprobe"
)

// follow follows the redirects of an endpoint's URLs, one after the other, so that they can share
// connections.
func (in *inspector) follow(ctx context.Context, urlVisits []urlVisit, inspections []*inspection) {
	w := &chainFollower{in: in, transport: netprobe.NewTransport(in.dialByName, nil), certificates: map[string]Certificate{}}
	w.transport.DialTLSContext = w.dial
	defer w.transport.CloseIdleConnections()
	for _, v := range urlVisits {
		if v.target.Follow {
			v.facts.RedirectChains = w.redirectChains(ctx, v, inspections)
		}
	}
}

// redirectChains follows what the first address that responds says, method by method.
func (w *chainFollower) redirectChains(ctx context.Context, v urlVisit, inspections []*inspection) []RedirectChain {
	out := []RedirectChain{}
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		var start *Exchange
		trust := ""
		for i, a := range v.facts.Answers {
			e := a.Get
			if method == http.MethodPost {
				e = a.Post
			}
			if e == nil || start != nil && (start.Reach.Kind == ReachOK || e.Reach.Kind != ReachOK) {
				continue
			}
			start, w.via = e, inspections[i]
			if certificates := inspections[i].facts.Certificates; len(certificates) > 0 {
				trust = hopTrust(certificates[0].Trust.Kind, certificates[0].Name.Matches)
			}
		}
		if start == nil {
			continue
		}
		out = append(out, w.redirectChain(ctx, v.url, method, *start, trust))
	}
	return out
}

func hopTrust(kind string, nameMatches bool) string {
	if kind == TrustOK && !nameMatches {
		return "name_mismatch"
	}
	return kind
}

// redirectChain follows one chain of redirects whose first response is known already.
func (w *chainFollower) redirectChain(ctx context.Context, from *url.URL, method string, e Exchange, trust string) RedirectChain {
	t := RedirectChain{Method: method, Hops: []Hop{}}
	jar, err := cookiejar.New(nil) // with cookies, because some sites set one and send the visitor back
	if err != nil {
		t.End = "unreachable"
		return t
	}
	seen := map[string]bool{}
	for {
		hop := Hop{Method: method, URL: display(from), Reach: e.Reach, Status: e.Status, Trust: trust}
		if len(t.Hops) > 0 {
			hop.URL = named(from)
		}
		if c, ok := w.certificate(from); ok && len(t.Hops) > 0 && !w.atStart(from) {
			hop.Certificate = &c
		}
		t.Hops = append(t.Hops, hop)
		t.Status = e.Status
		seen[state(method, from, jar)] = true
		switch {
		case e.Reach.Kind != ReachOK:
			t.End = "unreachable"
		case !slices.Contains([]int{301, 302, 303, 307, 308}, e.Status):
			t.End = "answer"
		case e.Location == nil || !e.Location.Valid:
			t.End = "bad_location"
		case e.Location.Scheme == "http":
			t.End = "downgrade"
		case e.Location.Scheme != "https":
			t.End = "other_scheme"
		case len(t.Hops) > MaxHops:
			t.End = "limit"
		}
		if t.End != "" {
			return t
		}
		if e.Status != 307 && e.Status != 308 {
			method = http.MethodGet
		}
		next := e.Location.target
		if method == http.MethodPost && !e.Location.SameHost {
			t.End = "other_host"
			return t
		}
		if seen[state(method, next, jar)] {
			t.End = "loop"
			return t
		}
		from = next
		var header http.Header
		e, header, _ = w.in.exchange(ctx, withCookies{w.transport, jar}, method, from)
		if !w.atStart(from) {
			e.Reach = ofContent(e.Reach)
		}
		jar.SetCookies(from, (&http.Response{Header: header}).Cookies())
		trust = ""
		if c, ok := w.certificate(from); ok {
			trust = hopTrust(c.Trust.Kind, c.Name.Matches)
		}
	}
}

// state distinguishes visits: the same URL with the same cookies will give the same response.
func state(method string, u *url.URL, jar http.CookieJar) string {
	var b strings.Builder
	b.WriteString(method + " " + u.String())
	for _, c := range jar.Cookies(u) {
		b.WriteString(" " + c.Name + "=" + c.Value)
	}
	return b.String()
}

type withCookies struct {
	http.RoundTripper
	jar http.CookieJar
}

func (w withCookies) RoundTrip(r *http.Request) (*http.Response, error) {
	for _, c := range w.jar.Cookies(r.URL) {
		r.AddCookie(c)
	}
	return w.RoundTripper.RoundTrip(r)
}

// chainFollower opens the connections of redirect chains and keeps what their certificates are
// worth.
type chainFollower struct {
	in           *inspector
	transport    *http.Transport
	via          *inspection // the address the chain begins at
	mu           sync.Mutex
	certificates map[string]Certificate // by host:port
}

// atStart reports whether a URL lives where the chain begins.
func (w *chainFollower) atStart(u *url.URL) bool {
	host, port := hostPort(u)
	return w.via != nil && host == w.via.host && port == w.via.port
}

func (w *chainFollower) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	var raw net.Conn
	if w.via != nil && host == w.via.host && port == w.via.port {
		raw, err = w.via.dial(ctx, forRequest) // the same address as before, and counted with the rest
	} else {
		raw, err = w.in.dialByName(ctx, network, address)
	}
	if err != nil {
		return nil, err
	}
	var a attempt
	config := w.in.config(host, &a)
	config.GetClientCertificate = nil // the configured one is for the configured URLs
	conn := tls.Client(raw, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		closeQuietly(raw)
		return nil, err
	}
	state := conn.ConnectionState()
	seen := w.in.describe(ctx, host, sentChain{offeredTo: "modern", certs: state.PeerCertificates, staple: state.OCSPResponse})
	w.mu.Lock()
	defer w.mu.Unlock()
	w.certificates[net.JoinHostPort(host, port)] = seen
	return conn, nil
}

func (w *chainFollower) certificate(u *url.URL) (Certificate, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c, ok := w.certificates[net.JoinHostPort(hostPort(u))]
	return c, ok
}
