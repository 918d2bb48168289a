package send

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/netprobe"
	"github.com/prelaunch-audit/prelaunch/probes/webhook/cases"
	"github.com/prelaunch-audit/prelaunch/probes/webhook/response"
)

// Parallel is how many requests are under way towards one receiver. The network allows 16 connections to an address; where Test and
// Production share one, this leaves room for the other probes.
const Parallel = 6

// Client sends requests to one receiver: without proxy, redirects, cookies or decompression, HTTP/1.1 unless asked otherwise.
type Client struct {
	Network   audit.Network
	url       *url.URL
	Host      string // name for TLS
	Port      string
	Timeout   time.Duration
	userAgent string

	one, two   lane        // by HTTP/1.1, by HTTP/2
	fresh      lane        // a connection for each request, by HTTP/1.1
	pieces     lane        // small writes
	OnlyTwo    bool        // the receiver speaks HTTP/2 only
	distrusted atomic.Bool // its certificate was seen not to verify
	OneEach    atomic.Bool // it leaves bodies unread, so that nothing may follow on the same connection
	handshakes *tls.Config // verifies
	unchecked  *tls.Config // does not
}

// lane is two transports that differ in nothing but whether they verify the peer's certificate.
type lane struct{ trusted, anyone *http.Transport }

type addressKey struct{}

func NewClient(run *audit.Run, target *url.URL) *Client {
	c := &Client{Network: run.Network, url: target, Host: target.Hostname(), Port: target.Port(), Timeout: run.Integration.Network.Timeout, userAgent: run.UserAgent}
	if c.Port == "" {
		c.Port = map[string]string{"http": "80", "https": "443"}[target.Scheme]
	}
	if c.Timeout <= 0 {
		c.Timeout = 10 * time.Second
	}
	trusted := &tls.Config{ServerName: c.Host, RootCAs: run.Roots.All, MinVersion: tls.VersionTLS10, ClientSessionCache: nil}
	if certificate := run.Integration.Network.ClientCertificate; certificate != nil {
		trusted.Certificates = []tls.Certificate{*certificate}
	}
	// Only requests without anything made from a key go this way, to see whether the receiver takes forgeries all the same.
	anyone := trusted.Clone()
	anyone.InsecureSkipVerify = true
	c.handshakes, c.unchecked = trusted, anyone
	lanes := func(one bool, change func(*http.Transport)) lane {
		l := lane{c.transport(trusted, one), c.transport(anyone, one)}
		change(l.trusted)
		change(l.anyone)
		return l
	}
	kept := func(*http.Transport) {}
	once := func(t *http.Transport) { t.DisableKeepAlives = true }
	c.one, c.two = lanes(true, kept), lanes(false, kept)
	c.fresh = lanes(true, once)
	// A buffer this small makes a slow body leave in several writes.
	c.pieces = lanes(true, func(t *http.Transport) { t.WriteBufferSize, t.DisableKeepAlives = 64, true })
	return c
}

func (c *Client) transport(config *tls.Config, one bool) *http.Transport {
	t := netprobe.NewTransport(c.dial, config)
	t.MaxIdleConnsPerHost, t.IdleConnTimeout, t.ExpectContinueTimeout, t.Protocols = Parallel, 4*time.Second, time.Second, protocols(one)
	return t
}

// aloneByTwo is for one request by HTTP/2. A transport lends an HTTP/2 connection to every request that waits, also one that is to be
// closed after its first: those behind it then fail, or are none on a connection of their own.
func (c *Client) aloneByTwo() lane {
	l := lane{c.transport(c.handshakes, false), c.transport(c.unchecked, false)}
	l.trusted.DisableKeepAlives, l.anyone.DisableKeepAlives = true, true
	return l
}

func protocols(one bool) *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP1(one)
	p.SetHTTP2(!one)
	return p
}

func (c *Client) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	if address, ok := ctx.Value(addressKey{}).(string); ok {
		return c.Network.DialAddress(ctx, network, address)
	}
	return c.Network.DialContext(ctx, network, net.JoinHostPort(c.Host, c.Port))
}

func (c *Client) CloseIdle() {
	for _, l := range []lane{c.one, c.two, c.fresh, c.pieces} {
		l.trusted.CloseIdleConnections()
		l.anyone.CloseIdleConnections()
	}
}

// OffersHTTP2 asks in the handshake whether the receiver speaks HTTP/2.
func (c *Client) OffersHTTP2(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	raw, err := c.dial(ctx, "tcp", "")
	if err != nil {
		return false
	}
	config := c.handshakes.Clone()
	config.NextProtos = []string{"h2", "http/1.1"}
	conn := tls.Client(raw, config)
	defer func() { _ = conn.Close() }()
	return conn.HandshakeContext(ctx) == nil && conn.ConnectionState().NegotiatedProtocol == "h2"
}

// Secure reports whether the receiver is spoken to over TLS.
func (c *Client) Secure() bool { return c.url.Scheme == "https" }

// Send sends f once, alone on a connection of its own. address "" means any of the receiver's; otherwise it goes there, alone in any
// case. What was made with a key goes to a verified peer only; other requests are repeated without verification where the certificate
// does not verify.
func (c *Client) Send(ctx context.Context, f *cases.Request, address string, alone bool) response.Response {
	if address != "" {
		ctx, alone = context.WithValue(ctx, addressKey{}, address), true
	}
	l := c.one
	switch {
	case alone && (f.HTTP2 || c.OnlyTwo):
		l = c.aloneByTwo()
	case address != "":
		l = c.fresh
	case f.HTTP2 || c.OnlyTwo:
		l = c.two
	case f.Slow || f.Expect:
		l = c.pieces
	case alone || c.OneEach.Load():
		l = c.fresh
	}
	if !c.distrusted.Load() || f.Keyed {
		a := c.roundTrip(ctx, l.trusted, f)
		if a.Failure != response.ErrCertificate || f.Keyed {
			return a
		}
		c.distrusted.Store(address == "")
	}
	a := c.roundTrip(ctx, l.anyone, f)
	a.Unverified = true
	return a
}

// errAbort ends a body in the middle.
var errAbort = errors.New("the body ends here")

func (c *Client) roundTrip(ctx context.Context, transport *http.Transport, f *cases.Request) response.Response {
	var a response.Response
	trace := &httptrace.ClientTrace{
		GotConn:      func(info httptrace.GotConnInfo) { a.Reused = info.Reused },
		WroteHeaders: func() { a.Wrote = true },
	}
	most := response.MaxBody + 2*len(f.Body)
	got, err := netprobe.Exchange(httptrace.WithClientTrace(ctx, trace), transport, c.Request(ctx, f),
		netprobe.Limits{Timeout: c.Timeout, Body: int64(most), Discard: response.MaxDiscard})
	if err != nil {
		a.Failure = classify(err, f.Abort)
		return a
	}
	a.Take(got, most)
	a.RetryAfter, a.Asked = netprobe.RetryAfter(a.Header, time.Now())
	if !a.Asked && a.RateLimited() {
		a.RetryAfter, a.Asked = defaultWait, true
	}
	return a
}

func (c *Client) Request(ctx context.Context, f *cases.Request) *http.Request {
	target := &url.URL{Scheme: c.url.Scheme, Host: c.url.Host, Path: f.Path, RawQuery: f.Query}
	if unescaped, err := url.PathUnescape(f.Path); err == nil {
		target.Path, target.RawPath = unescaped, f.Path
	}
	request := &http.Request{Method: f.Method, URL: target, Host: c.url.Host, Header: http.Header{}, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
	for _, pair := range f.Header {
		if pair[1] != "" {
			request.Header.Add(pair[0], pair[1])
		}
	}
	if name := f.Key.Scheme.Header; !f.Unsigned {
		key := name
		if f.LowerName {
			key = strings.ToLower(name)
		}
		request.Header[key] = append([]string{f.Signature}, request.Header[name]...)
	}
	request.Header.Set("User-Agent", c.userAgent)
	request.Header.Set("Accept", "*/*")
	if f.Expect {
		request.Header.Set("Expect", "100-continue")
	}
	request.ContentLength = int64(len(f.Body))
	switch {
	case f.Abort:
		half := len(f.Body) / 2
		request.Body = io.NopCloser(io.MultiReader(bytes.NewReader(f.Body[:half]), failing{}))
	case f.Slow:
		half := len(f.Body) / 2
		request.Body = io.NopCloser(io.MultiReader(bytes.NewReader(f.Body[:half]), &pause{ctx: ctx}, bytes.NewReader(f.Body[half:])))
	case len(f.Body) == 0:
		request.Body = http.NoBody
	default:
		request.Body = io.NopCloser(bytes.NewReader(f.Body))
	}
	if f.Chunked {
		request.ContentLength = -1
	}
	return request.WithContext(ctx)
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errAbort }

// pause holds the body up for a moment, so that its halves arrive apart.
type pause struct{ ctx context.Context }

func (p *pause) Read([]byte) (int, error) {
	select {
	case <-p.ctx.Done():
		return 0, p.ctx.Err()
	case <-time.After(20 * time.Millisecond):
		return 0, io.EOF
	}
}

// classify names what went wrong without repeating anything that was received.
func classify(err error, abort bool) string {
	class := netprobe.Classify(context.Background(), err)
	switch {
	case errors.Is(err, errAbort), abort && (class == netprobe.Reset || class == netprobe.Other): // we broke it off ourselves
		return response.ErrAborted
	case class == netprobe.Canceled:
		return netprobe.Timeout
	}
	return class
}
