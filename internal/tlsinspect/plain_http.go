package tlsinspect

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/prelaunch-audit/prelaunch/internal/netprobe"
)

// plainHTTPOnPort80 asks the plain-HTTP twin of a URL on port 80 of its host, at every address that
// has.
func (in *inspector) plainHTTPOnPort80(ctx context.Context, host string, v urlVisit) []PlainHTTP {
	addresses, resolution := in.resolve(ctx, host, "80")
	if resolution.Kind != ReachOK {
		reach := Reach{Kind: resolution.Kind, Phase: "connect", Detail: resolution.Detail, LocalRoute: true}
		c := in.newPlainHTTP(host, "80", "", v)
		c.Get.Reach, c.Post.Reach = reach, reach
		return []PlainHTTP{c}
	}
	rows := make([]PlainHTTP, len(addresses))
	var wg sync.WaitGroup
	for i, a := range addresses {
		rows[i] = in.newPlainHTTP(host, "80", a, v)
		dial := func(ctx context.Context) (net.Conn, error) { return in.Dial(ctx, "tcp", a) }
		in.requestPlainHTTP(ctx, &rows[i], v, dial, wg.Go)
	}
	wg.Wait()
	return rows
}

// plainHTTPOnOwnPort asks the https port itself over plain HTTP, where that is not 443.
func (l *inspection) plainHTTPOnOwnPort(ctx context.Context, wg *sync.WaitGroup) {
	if l.port == "443" {
		return
	}
	for i, v := range l.urlVisits {
		if !v.target.PlainHTTP {
			continue
		}
		l.plain[i] = []PlainHTTP{l.in.newPlainHTTP(l.host, l.port, l.address, v)}
		l.plain[i][0].OwnPort = true
		dial := func(ctx context.Context) (net.Conn, error) { return l.dial(ctx, forRequest) }
		l.in.requestPlainHTTP(ctx, &l.plain[i][0], v, dial, func(f func()) { l.lane(wg, f) })
	}
}

// plainHTTPEarly asks the own port over plain HTTP while the first hello has no response yet: what
// speaks plain HTTP there may be waiting for the end of a request. It shares the first handshake's
// time.
func (l *inspection) plainHTTPEarly(ctx context.Context, wg *sync.WaitGroup) {
	wg.Go(func() { l.plainHTTPOnOwnPort(ctx, wg) })
}

// completePlainHTTP completes the rows of an own port that was not asked, because it never got as
// far.
func (l *inspection) completePlainHTTP() {
	if l.port == "443" {
		return
	}
	for i, v := range l.urlVisits {
		if v.target.PlainHTTP && len(l.plain[i]) == 0 {
			c := l.in.newPlainHTTP(l.host, l.port, l.address, v)
			c.OwnPort, c.Get.Reach, c.Post.Reach = true, l.facts.Reach, l.facts.Reach
			l.plain[i] = []PlainHTTP{c}
		}
	}
}

func (in *inspector) newPlainHTTP(host, port, address string, v urlVisit) PlainHTTP {
	u := plainURL(host, port, v.url)
	c := PlainHTTP{URL: display(u), Port: port, Address: address}
	c.Get.Method, c.Post.Method = http.MethodGet, http.MethodPost
	return c
}

func plainURL(host, port string, of *url.URL) *url.URL {
	u := *of
	u.Scheme, u.User = "http", nil
	u.Host = net.JoinHostPort(host, port)
	if port == "80" {
		u.Host = strings.TrimSuffix(u.Host, ":80")
	}
	return &u
}

// requestPlainHTTP sends a GET and, if the target wants one, the unsigned empty POST to one
// address, side by side, so that a silent port costs one timeout. begin runs each of them.
func (in *inspector) requestPlainHTTP(ctx context.Context, c *PlainHTTP, v urlVisit, dial func(context.Context) (net.Conn, error), begin func(func())) {
	u := plainURL(hostOf(v.url), c.Port, v.url)
	if !v.target.Post {
		begin(func() {
			c.Get = in.onePlainRequest(ctx, http.MethodGet, u, dial)
			c.Post = c.Get // a port that is closed, or speaks TLS only, is so for every method
			c.Post.Method = http.MethodPost
			if c.Get.Reach.Kind == ReachOK && !c.Get.TLSOnly {
				c.Post = PlainResponse{Exchange: Exchange{Method: http.MethodPost, Reach: Reach{Kind: ReachNotSent, LocalRoute: true}}}
			}
		})
		return
	}
	begin(func() { c.Get = in.onePlainRequest(ctx, http.MethodGet, u, dial) })
	begin(func() { c.Post = in.onePlainRequest(ctx, http.MethodPost, u, dial) })
}

func (in *inspector) onePlainRequest(ctx context.Context, method string, u *url.URL, dial func(context.Context) (net.Conn, error)) PlainResponse {
	transport := netprobe.NewTransport(in.dialByName, nil)
	transport.ForceAttemptHTTP2 = false
	defer transport.CloseIdleConnections()
	var connected, answeredTLS atomic.Bool
	transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		conn, err := dial(ctx)
		if err != nil {
			return nil, err
		}
		connected.Store(true)
		return &tlsDetector{Conn: conn, tls: &answeredTLS}, nil
	}
	var a PlainResponse
	var body []byte
	a.Exchange, _, body = in.exchange(ctx, transport, method, u)
	if a.Reach.Kind != ReachOK && !connected.Load() {
		a.Reach.Phase = "connect"
	}
	switch {
	case answeredTLS.Load():
		a.Reach.Kind, a.Reach.Detail, a.TLSOnly = ReachTLS, "the request in the clear got a TLS alert as its response", true
	case a.Status/100 == 4:
		a.TLSOnly = isTLSComplaint(string(body))
	}
	return a
}

func hostOf(u *url.URL) string {
	host, _ := hostPort(u)
	return host
}

// tlsDetector notices a TLS record where an HTTP response was expected.
type tlsDetector struct {
	net.Conn
	begun bool
	tls   *atomic.Bool
}

func (s *tlsDetector) Read(p []byte) (int, error) {
	n, err := s.Conn.Read(p)
	if n > 0 && !s.begun {
		s.begun = true
		if (p[0] == 21 || p[0] == 22) && (n < 2 || p[1] == 3) {
			s.tls.Store(true)
		}
	}
	return n, err
}

// tlsComplaints are what TLS servers say to a request over plain HTTP: nginx, Go, Apache, Tomcat.
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

// comparePlainHTTP compares each response over plain HTTP with those to the same request over
// HTTPS.
func comparePlainHTTP(u *URL) {
	for i := range u.PlainHTTP {
		c := &u.PlainHTTP[i]
		for _, a := range u.Answers {
			c.Get.compare(a.Get)
			c.Post.compare(a.Post)
		}
	}
}

func (a *PlainResponse) compare(over *Exchange) {
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
