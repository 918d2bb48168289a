// Package send sends the requests of the webhook probe to one receiver: over one of a few kinds of
// connection, at a rate that the receiver bears, and again where that makes sense.
package send

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/netprobe"
	"github.com/prelaunch-audit/prelaunch/probes/webhook/cases"
	"github.com/prelaunch-audit/prelaunch/probes/webhook/response"
)

// Parallel is how many requests are under way towards one receiver. The network allows 16
// connections to an address; where Test and Production share one, this leaves room for other probes.
const Parallel = 6

// neutralAgent is the User-Agent of unmarked requests where the provider's own is not known.
const neutralAgent = "webhooks/1.0"

// Client sends requests to one receiver: without proxy, redirects, cookies or decompression, over
// HTTP/1.1 unless asked otherwise.
type Client struct {
	Host    string // name for TLS
	Port    string
	Timeout time.Duration
	OnlyTwo bool // the receiver speaks HTTP/2 only

	network   audit.Network
	url       *url.URL
	userAgent string

	one, two   lane        // over HTTP/1.1, over HTTP/2
	fresh      lane        // a connection for each request, over HTTP/1.1
	pieces     lane        // small writes
	local      bool        // plain HTTP to loopback, which nobody can listen to
	distrusted atomic.Bool // its certificate did not verify
	oneEach    atomic.Bool // it leaves bodies unread: nothing may follow on the same connection
	handshakes *tls.Config // verifies
	unchecked  *tls.Config // does not
}

// lane is two transports that differ in nothing but whether they verify the peer's certificate.
type lane struct{ trusted, anyone *http.Transport }

type addressKey struct{}

// NewClient returns a client for the receiver at target.
func NewClient(run *audit.Run, target *url.URL) *Client {
	c := &Client{
		network: run.Network, url: target, userAgent: run.UserAgent,
		Host: target.Hostname(), Port: target.Port(), Timeout: run.Integration.Network.Timeout,
		local: run.Integration.PlainLoopback && target.Scheme == "http" && netprobe.Loopback(target.Hostname()),
	}
	if c.Port == "" {
		c.Port = map[string]string{"http": "80", "https": "443"}[target.Scheme]
	}
	if c.Timeout <= 0 {
		c.Timeout = 10 * time.Second
	}
	trusted := &tls.Config{ServerName: c.Host, RootCAs: run.Roots.All, MinVersion: tls.VersionTLS10}
	if certificate := run.Integration.Network.ClientCertificate; certificate != nil {
		trusted.Certificates = []tls.Certificate{*certificate}
	}
	// Only requests without anything made with a key are sent this way, to see whether the receiver
	// accepts forgeries all the same.
	anyone := trusted.Clone()
	anyone.InsecureSkipVerify = true
	c.handshakes, c.unchecked = trusted, anyone
	c.one, c.two, c.fresh, c.pieces = c.lane(true), c.lane(false), c.lane(true), c.lane(true)
	c.fresh.once()
	c.pieces.once()
	// A buffer this small makes a slow body leave in several writes.
	c.pieces.trusted.WriteBufferSize, c.pieces.anyone.WriteBufferSize = 64, 64
	return c
}

func (c *Client) lane(one bool) lane {
	transport := func(config *tls.Config) *http.Transport {
		t := netprobe.NewTransport(c.dial, config)
		t.ForceAttemptHTTP2 = false
		t.MaxIdleConnsPerHost, t.IdleConnTimeout = Parallel, 4*time.Second
		t.ExpectContinueTimeout = time.Second
		t.Protocols = new(http.Protocols)
		t.Protocols.SetHTTP1(one)
		t.Protocols.SetHTTP2(!one)
		if one {
			netprobe.KeepStray(t)
		}
		return t
	}
	return lane{transport(c.handshakes), transport(c.unchecked)}
}

// once makes the lane use each connection for one request.
func (l lane) once() { l.trusted.DisableKeepAlives, l.anyone.DisableKeepAlives = true, true }

func (c *Client) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	if address, ok := ctx.Value(addressKey{}).(string); ok {
		return c.network.DialAddress(ctx, network, address)
	}
	return c.network.DialContext(ctx, network, net.JoinHostPort(c.Host, c.Port))
}

// CloseIdle closes connections that are kept for further requests.
func (c *Client) CloseIdle() {
	for _, l := range []lane{c.one, c.two, c.fresh, c.pieces} {
		l.trusted.CloseIdleConnections()
		l.anyone.CloseIdleConnections()
	}
}

// OffersHTTP2 asks in a handshake whether the receiver speaks HTTP/2.
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

// listening is how long a connection stays open on which nothing is sent.
const listening = 500 * time.Millisecond

// Accepts reports whether the receiver still accepts connections and, where secure, completes a TLS
// handshake on one and then waits for a request. What ends TLS in front of a receiver that is gone,
// and passes on what it decrypts, closes the connection at once; a firewall that looks at requests
// waits for one.
func (c *Client) Accepts(ctx context.Context, secure bool) bool {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	raw, err := c.dial(ctx, "tcp", "")
	if err != nil {
		return false
	}
	defer func() { _ = raw.Close() }()
	if !secure || !c.Secure() {
		return true
	}
	conn := tls.Client(raw, c.unchecked)
	if conn.HandshakeContext(ctx) != nil || conn.SetReadDeadline(time.Now().Add(listening)) != nil {
		return false
	}
	_, err = conn.Read(make([]byte, 1))
	return err == nil || errors.Is(err, os.ErrDeadlineExceeded) || ctx.Err() != nil
}

// Secure reports whether the receiver is spoken to over TLS.
func (c *Client) Secure() bool { return c.url.Scheme == "https" }

// Verified reports whether the peer's certificate verifies, as far as known, or the peer is this
// machine itself.
func (c *Client) Verified() bool { return (c.Secure() || c.local) && !c.distrusted.Load() }

// send sends f once, alone on a connection of its own where that is wanted. It goes to address, or
// where that is empty to any of the receiver's. What was made with a key goes to a verified peer
// only; other requests are repeated without verification where the certificate does not verify.
func (c *Client) send(ctx context.Context, f *cases.Request, address string, alone bool) response.Response {
	if address != "" {
		ctx, alone = context.WithValue(ctx, addressKey{}, address), true
	}
	l := c.one
	switch {
	case alone && (f.HTTP2 || c.OnlyTwo):
		// A transport lends an HTTP/2 connection to every request that waits, even one that is to be
		// closed after its first: the requests behind it would fail.
		l = c.lane(false)
		l.once()
	case address != "":
		l = c.fresh
	case f.HTTP2 || c.OnlyTwo:
		l = c.two
	case f.Slow || f.Expect:
		l = c.pieces
	case alone || c.oneEach.Load():
		l = c.fresh
	}
	if !c.distrusted.Load() || f.Keyed {
		r := c.roundTrip(ctx, l.trusted, f)
		if r.Failure != netprobe.Certificate || f.Keyed {
			return r
		}
		c.distrusted.Store(address == "")
	}
	r := c.roundTrip(ctx, l.anyone, f)
	r.Unverified = true
	return r
}

// errAbort ends a body in the middle.
var errAbort = errors.New("the body ends here")

func (c *Client) roundTrip(ctx context.Context, transport *http.Transport, f *cases.Request) response.Response {
	var connected, reused bool
	trace := &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) { connected, reused = true, info.Reused }}
	ctx = httptrace.WithClientTrace(ctx, trace)
	got, err := netprobe.Exchange(ctx, transport, c.Request(ctx, f), netprobe.Limits{
		Timeout: c.Timeout, Body: int64(response.MaxBody + 2*len(f.Body)), Discard: 1 << 20,
	})
	if err != nil {
		r := response.Response{Failure: netprobe.Classify(ctx, err), Reused: reused}
		if failed := (*netprobe.Error)(nil); errors.As(err, &failed) {
			r.Stray = failed.Read
		}
		r.Closed = connected && r.Failure == netprobe.Reset && netprobe.ClosedInOrder(err)
		broken := r.Failure == netprobe.Reset || r.Failure == netprobe.Other
		if f.Abort && (broken || errors.Is(err, errAbort)) { // by us
			r.Failure = response.Aborted
		}
		return r
	}
	r := response.New(got.Status, got.Header, got.Body, got.Truncated)
	r.Reused, r.Stray, r.Late = reused, slices.Concat(got.Aside, got.Stray), got.Late.Each
	switch {
	case got.Broken == netprobe.Timeout:
		r.Failure = netprobe.Timeout
	case got.Broken != "":
		r.Failure = response.Truncated
	case got.Endless:
		r.Failure = response.Endless
	}
	r.RetryAfter, r.Asked = netprobe.RetryAfter(r.Header, time.Now())
	if !r.Asked && r.RateLimited() {
		r.RetryAfter, r.Asked = defaultWait, true
	}
	return r
}

// Request is f as net/http sends it.
func (c *Client) Request(ctx context.Context, f *cases.Request) *http.Request {
	target := &url.URL{Scheme: c.url.Scheme, Host: c.url.Host, Path: f.Path, RawQuery: f.Query}
	if unescaped, err := url.PathUnescape(f.Path); err == nil {
		target.Path, target.RawPath = unescaped, f.Path
	}
	request := &http.Request{
		Method: f.Method, URL: target, Host: cmp.Or(f.Host, c.url.Host), Header: http.Header{},
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, ContentLength: int64(len(f.Body)),
	}
	for _, pair := range f.Header {
		if pair[1] != "" {
			request.Header.Add(pair[0], pair[1])
		}
	}
	if name := http.CanonicalHeaderKey(f.Scheme.Header()); !f.Unsigned && name != "" {
		key := name
		if f.LowerName {
			key = strings.ToLower(name)
		}
		request.Header[key] = append([]string{f.Signature}, request.Header[name]...)
	}
	agent := c.userAgent
	if f.Unmarked {
		agent = cmp.Or(request.Header.Get("User-Agent"), neutralAgent)
	}
	request.Header.Set("User-Agent", cmp.Or(f.UserAgent, agent))
	request.Header.Set("Accept", "*/*")
	if f.Unmarked && request.Header.Get("Accept-Encoding") == "" { // most senders have one; this changes no response
		request.Header.Set("Accept-Encoding", "identity")
	}
	if f.Expect {
		request.Header.Set("Expect", "100-continue")
	}
	half := len(f.Body) / 2
	switch {
	case f.Abort:
		request.Body = io.NopCloser(io.MultiReader(bytes.NewReader(f.Body[:half]), failing{}))
	case f.Slow:
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

// pause holds the body up for a moment, so that its halves arrive separately.
type pause struct{ ctx context.Context }

func (p *pause) Read([]byte) (int, error) {
	if err := netprobe.Sleep(p.ctx, 20*time.Millisecond); err != nil {
		return 0, err
	}
	return 0, io.EOF
}
