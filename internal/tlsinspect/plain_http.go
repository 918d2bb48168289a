package tlsinspect

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
)

// portEighty asks the plain-HTTP twin of a URL on port 80 of its host, at every address that has.
func (in *inspector) portEighty(ctx context.Context, host string, v visit) []Clear {
	addresses, resolution := in.resolve(ctx, host, "80")
	if resolution.Kind != ReachOK {
		reach := Reach{Kind: resolution.Kind, Phase: "connect", Detail: resolution.Detail, LocalRoute: true}
		c := in.clearFacts(host, "80", "", v)
		c.Get.Reach, c.Post.Reach = reach, reach
		return []Clear{c}
	}
	rows := make([]Clear, len(addresses))
	var wg sync.WaitGroup
	for i, a := range addresses {
		rows[i] = in.clearFacts(host, "80", a, v)
		dial := func(ctx context.Context) (net.Conn, error) { return in.Dial(ctx, "tcp", a) }
		in.askInClear(ctx, &rows[i], v, dial, wg.Go)
	}
	wg.Wait()
	return rows
}

// clearOwnPort asks the https port itself in the clear, where that is not 443.
func (l *look) clearOwnPort(ctx context.Context, wg *sync.WaitGroup) {
	if l.port == "443" {
		return
	}
	for i, v := range l.visits {
		if !v.target.Clear {
			continue
		}
		l.clear[i] = []Clear{l.in.clearFacts(l.host, l.port, l.address, v)}
		l.clear[i][0].OwnPort = true
		dial := func(ctx context.Context) (net.Conn, error) { return l.dial(ctx, forRequest) }
		l.in.askInClear(ctx, &l.clear[i][0], v, dial, func(f func()) { l.lane(wg, f) })
	}
}

// clearEarly asks the own port in the clear while the gate hello is still unanswered: what speaks
// plain HTTP there may be waiting for the end of a request. It shares the gate's time.
func (l *look) clearEarly(ctx context.Context, wg *sync.WaitGroup) {
	wg.Go(func() { l.clearOwnPort(ctx, wg) })
}

// clearUnasked completes the rows of an own port that was not asked, because it never got as far.
func (l *look) clearUnasked() {
	if l.port == "443" {
		return
	}
	for i, v := range l.visits {
		if v.target.Clear && len(l.clear[i]) == 0 {
			c := l.in.clearFacts(l.host, l.port, l.address, v)
			c.OwnPort, c.Get.Reach, c.Post.Reach = true, l.facts.Reach, l.facts.Reach
			l.clear[i] = []Clear{c}
		}
	}
}

func (in *inspector) clearFacts(host, port, address string, v visit) Clear {
	u := clearURL(host, port, v.url)
	c := Clear{URL: display(u), Port: port, Address: address}
	c.Get.Method, c.Post.Method = http.MethodGet, http.MethodPost
	return c
}

func clearURL(host, port string, of *url.URL) *url.URL {
	u := *of
	u.Scheme, u.User = "http", nil
	u.Host = net.JoinHostPort(host, port)
	if port == "80" {
		u.Host = strings.TrimSuffix(u.Host, ":80")
	}
	return &u
}

// askInClear sends a GET and, if the target wants one, the unsigned empty POST to one address, side by
// side, so that a silent port costs one timeout. begin runs each of them.
func (in *inspector) askInClear(ctx context.Context, c *Clear, v visit, dial func(context.Context) (net.Conn, error), begin func(func())) {
	u := clearURL(hostOf(v.url), c.Port, v.url)
	if !v.target.Post {
		begin(func() {
			c.Get = in.oneInClear(ctx, http.MethodGet, u, dial)
			c.Post = c.Get // a port that is closed, or speaks TLS only, is so for every method
			c.Post.Method = http.MethodPost
			if c.Get.Reach.Kind == ReachOK && !c.Get.TLSOnly {
				c.Post = ClearAnswer{Exchange: Exchange{Method: http.MethodPost, Reach: Reach{Kind: ReachNotSent, LocalRoute: true}}}
			}
		})
		return
	}
	begin(func() { c.Get = in.oneInClear(ctx, http.MethodGet, u, dial) })
	begin(func() { c.Post = in.oneInClear(ctx, http.MethodPost, u, dial) })
}

func (in *inspector) oneInClear(ctx context.Context, method string, u *url.URL, dial func(context.Context) (net.Conn, error)) ClearAnswer {
	transport := newTransport()
	transport.ForceAttemptHTTP2 = false
	defer transport.CloseIdleConnections()
	var connected, answeredTLS atomic.Bool
	transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		conn, err := dial(ctx)
		if err != nil {
			return nil, err
		}
		connected.Store(true)
		return &sniffing{Conn: conn, tls: &answeredTLS}, nil
	}
	var a ClearAnswer
	var body []byte
	a.Exchange, _, body = in.exchange(ctx, transport, method, u)
	if a.Reach.Kind != ReachOK && !connected.Load() {
		a.Reach.Phase = "connect"
	}
	switch {
	case answeredTLS.Load():
		a.Reach.Kind, a.Reach.Detail, a.TLSOnly = ReachTLS, "the request in the clear was answered with a TLS alert", true
	case a.Status/100 == 4:
		a.TLSOnly = isTLSComplaint(string(body))
	}
	return a
}

func hostOf(u *url.URL) string {
	host, _ := hostPort(u)
	return host
}

// sniffing notices a TLS record where an HTTP answer was due.
type sniffing struct {
	net.Conn
	begun bool
	tls   *atomic.Bool
}

func (s *sniffing) Read(p []byte) (int, error) {
	n, err := s.Conn.Read(p)
	if n > 0 && !s.begun {
		s.begun = true
		if (p[0] == 21 || p[0] == 22) && (n < 2 || p[1] == 3) {
			s.tls.Store(true)
		}
	}
	return n, err
}

// tlsComplaints are what TLS servers say to a request in the clear: nginx, Go, Apache, Tomcat.
var tlsComplaints = []string{
	"plain http request was sent to https port",
	"plain http request was sent to an https port",
	"client sent an http request to an https server",
	"speaking plain http to an ssl-enabled server port",
	"combination of host and port requires tls",
}

func isTLSComplaint(body string) bool {
	body = strings.ToLower(body)
	for _, complaint := range tlsComplaints {
		if strings.Contains(body, complaint) {
			return true
		}
	}
	return false
}

// compareClear holds each answer in the clear against those to the same request over HTTPS.
func compareClear(u *URL) {
	for i := range u.Clear {
		c := &u.Clear[i]
		for _, a := range u.Answers {
			c.Get.compare(a.Get)
			c.Post.compare(a.Post)
		}
	}
}

func (a *ClearAnswer) compare(over *Exchange) {
	if over == nil || over.Reach.Kind != ReachOK || a.Reach.Kind != ReachOK || a.TLSOnly {
		return
	}
	a.Comparable = true
	same := a.Status == over.Status && a.ContentType == over.ContentType && a.BodyDigest == over.BodyDigest
	if same && a.Location != nil && over.Location != nil {
		same = a.Location.URL == over.Location.URL
	}
	a.SameAnswerAsHTTPS = a.SameAnswerAsHTTPS || same
}
