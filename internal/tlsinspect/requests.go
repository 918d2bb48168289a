package tlsinspect

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/lazy"
	"github.com/prelaunch-audit/prelaunch/internal/netprobe"
)

// exchanges asks each URL of this address over HTTPS, one after the other on the first handshake's
// connection for as long as the server keeps it open.
func (l *inspection) exchanges(ctx context.Context, g handshakeState) {
	opened, last := g.conn, g.conn // last is the one that the transport was given last
	if err := opened.SetDeadline(time.Time{}); err != nil {
		closeQuietly(opened)
		return
	}
	transport := netprobe.NewTransport(l.in.dialByName, nil)
	defer transport.CloseIdleConnections()
	var mu sync.Mutex
	// The transport closes a connection that failed at its leisure, after the request has; the lane is
	// free for the next one only when it is closed. Closing twice changes nothing.
	closeLast := func() {
		mu.Lock()
		defer mu.Unlock()
		closeQuietly(last)
	}
	defer closeLast()
	dials := 0 // for the current request, the first handshake's connection aside
	transport.DialTLSContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		mu.Lock()
		first := opened
		opened = nil
		if first == nil {
			dials++
		}
		again := dials > 1
		mu.Unlock()
		if first != nil {
			return first, nil
		}
		if again {
			// The transport would repeat a request over HTTP/2 several times.
			return nil, fmt.Errorf("repeat a request: %w", io.ErrUnexpectedEOF)
		}
		closeLast()
		var connected, heard atomic.Bool
		a := l.handshake(ctx, forRequest, g.postQuantum, &connected, &heard)
		if a.err != nil {
			return nil, a.err
		}
		mu.Lock()
		last = a.conn
		mu.Unlock()
		return a.conn, nil
	}
	send := func(method string, u *url.URL) (e Exchange, header http.Header, body []byte, fresh bool) {
		mu.Lock()
		dials = 0
		mu.Unlock()
		e, header, body = l.in.exchange(ctx, transport, method, u)
		mu.Lock()
		defer mu.Unlock()
		return e, header, body, dials > 0
	}
	request := func(method string, u *url.URL) (Exchange, http.Header, []byte) {
		e, header, body, fresh := send(method, u)
		if e.Reach.Kind != ReachReset && e.Reach.Kind != ReachError {
			return e, header, body
		}
		// HTTP/2 may have been agreed on without being spoken, and a connection that was open
		// already (Pace may have waited) may have been closed before the request came: ask once
		// more on a new one.
		if g.state.NegotiatedProtocol == "h2" && l.http1.CompareAndSwap(false, true) || !fresh {
			transport.CloseIdleConnections()
			e, header, body, _ = send(method, u)
		}
		return e, header, body
	}
	for i, v := range l.urlVisits {
		answer := &l.answers[i]
		get, header, body := request(http.MethodGet, v.url)
		answer.Get = &get
		answer.HSTS = hsts(header)
		answer.ClockSkewSeconds = skew(header, l.in.now())
		l.learnClientCertificate(g, answer.Get, body)
		if v.target.Post {
			post, header, _ := request(http.MethodPost, v.url)
			answer.Post = &post
			if c := l.facts.ClientCertificate; c.Required == "yes" && (!c.Sent || c.Refused) && (c.How == "http_400" || post.Reach.Kind != ReachOK) {
				answer.Post.Reach.Kind = ReachClientCertificate
			}
			if !answer.HSTS.Present {
				answer.HSTS = hsts(header)
			}
		}
	}
}

// learnClientCertificate completes what the first handshake left open: TLS 1.3 servers reject after
// the handshake, and nginx rejects with a page.
func (l *inspection) learnClientCertificate(g handshakeState, get *Exchange, body []byte) {
	c := &l.facts.ClientCertificate
	if !g.requested {
		return
	}
	if c.Sent {
		alerted := strings.Contains(get.Reach.Alert, "certificate")
		// nginx rejects with a page, and with a status of its own where an error_page takes it.
		if alerted || get.Status == 495 || get.Status == 400 && strings.Contains(string(body), "The SSL certificate error") {
			c.Required, c.Refused, c.How = "yes", true, "http_400"
			get.Reach.Kind = ReachClientCertificate
		}
		if alerted {
			c.How = "alert"
		}
		return
	}
	switch {
	case get.Reach.Alert != "", get.Reach.Kind == ReachReset:
		c.Required, c.How = "yes", "alert"
		get.Reach.Kind = ReachClientCertificate
	case get.Status == 496, get.Status == 400 && strings.Contains(string(body), "No required SSL certificate was sent"):
		c.Required, c.How = "yes", "http_400"
		get.Reach.Kind = ReachClientCertificate // the page is the server's, not the receiver's
	case get.Status == 400, get.Status == 401, get.Status == 403:
		c.Required = "unknown"
	case get.Status != 0:
		c.Required = "no"
	}
}

// Limits on waiting for a server that is busy. The contract bounds one wait by 10 s, and all of an
// environment by 60 s, most of which is for whoever probes its receiver.
const (
	maxTries    = 3
	defaultWait = time.Second // where a server does not say
	maxWait     = 10 * time.Second
	maxWaits    = 10 * time.Second // in all
)

// exchange is once, repeated where the response is that of a rate limit or a busy server.
func (in *inspector) exchange(ctx context.Context, transport http.RoundTripper, method string, u *url.URL) (Exchange, http.Header, []byte) {
	for try := 1; ; try++ {
		e, header, body := in.once(ctx, transport, method, u)
		if e.Status != http.StatusTooManyRequests && e.Status != http.StatusServiceUnavailable || try == maxTries {
			return e, header, body
		}
		wait, asked := netprobe.RetryAfter(header, in.now())
		if !asked {
			wait = defaultWait
		}
		wait = min(wait, maxWait)
		if time.Duration(in.waited.Add(int64(wait))) > maxWaits || in.Wait(ctx, wait) != nil {
			return e, header, body
		}
	}
}

// once sends one request and describes the response. The head and the beginning of the body are
// returned for checks of single details; they never become facts themselves.
func (in *inspector) once(ctx context.Context, transport http.RoundTripper, method string, u *url.URL) (Exchange, http.Header, []byte) {
	e := Exchange{Method: method}
	fail := func(err error) (Exchange, http.Header, []byte) {
		e.Reach = httpReach(err)
		if ctx.Err() != nil && errors.Is(ctx.Err(), context.Canceled) {
			e.Reach.Kind = ReachCancelled
		}
		return e, nil, nil
	}
	if in.Pace != nil {
		if err := in.Pace(ctx, u.Hostname()); err != nil {
			return fail(err)
		}
	}
	request, err := in.request(ctx, method, u)
	if err != nil {
		return fail(err)
	}
	response, err := netprobe.Exchange(ctx, transport, request, netprobe.Limits{Timeout: in.Timeout, Body: MaxBody})
	if errors.Is(err, netprobe.ErrSwitchedProtocol) {
		e.Reach = Reach{Kind: ReachNotHTTP, Phase: "request", LocalRoute: true, Detail: err.Error()}
		return e, nil, nil
	}
	if err != nil {
		return fail(err)
	}
	body := response.Body
	e.Truncated = response.Truncated || response.Broken != "" // the head arrived, which is a response
	e.Reach = Reach{Kind: ReachOK, LocalRoute: true}
	e.Status, e.Protocol = response.Status, response.Proto
	e.ContentType = contentType(response.Header)
	e.BodyBytes, e.BodyDigest = len(body), digest(body)
	if response.Status/100 == 3 {
		e.Location = location(response.Header.Get("Location"), u)
	}
	return e, response.Header, body
}

// httpReach is reachOf for what net/http reports, some of it only in words, some of it with
// excerpts of the response, which must not become facts.
func httpReach(err error) Reach {
	r := reachOf(err, "request")
	text := err.Error()
	switch {
	case strings.Contains(text, "malformed HTTP"):
		r.Kind, r.Detail = ReachNotHTTP, "the response is not HTTP"
	case strings.Contains(text, "server closed idle connection"), strings.Contains(text, "client connection lost"), strings.Contains(text, "GOAWAY"):
		r.Kind, r.Detail = ReachReset, "the connection was closed without a response"
	case r.Kind == ReachTimeout:
		r.Detail = "no response in time"
	case r.Kind == ReachError:
		r.Detail = "the response could not be read"
	}
	return r
}

func contentType(h http.Header) string {
	value, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	return cut(strings.ToLower(strings.TrimSpace(value)), 80)
}

// changing is what differs from one response to the next, or between http and https, without
// meaning. Every word with a digit in it counts, and every very long one.
var changing = lazy.Regexp(`(?i)https?://|[\w+/=.:-]*[0-9][\w+/=.:-]*|[\w+/=-]{20,}`)

// digest is the same for two responses that differ only in ids, numbers and times.
func digest(body []byte) string {
	sum := sha256.Sum256(changing().ReplaceAll(body, []byte("#")))
	return hex.EncodeToString(sum[:8])
}

func location(value string, base *url.URL) *Location {
	u, err := base.Parse(value)
	if err != nil || value == "" || u.Host == "" {
		return &Location{}
	}
	u.Scheme = strings.ToLower(u.Scheme)
	there, _ := hostPort(u)
	here, _ := hostPort(base)
	return &Location{URL: named(u), Scheme: u.Scheme, SameHost: there == here, Valid: true, target: u}
}

// skew is the server's clock minus ours, in whole seconds.
func skew(h http.Header, now time.Time) *int64 {
	date, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return nil
	}
	seconds := int64(date.Sub(now).Round(time.Second) / time.Second)
	return &seconds
}
