package netprobe

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strconv"
	"strings"
	"time"
)

// MaxHeader is how many bytes of a response's header are read.
const MaxHeader = 64 << 10

// Dial connects to "host:port".
type Dial func(ctx context.Context, network, address string) (net.Conn, error)

// NewTransport is the one way in which this program speaks HTTP: without a proxy, decompressing
// nothing, the header bounded, by HTTP/2 where the server prefers it. What a caller wants otherwise
// it changes in the transport before its first use. config may be nil for plain HTTP; the transport
// works on a copy.
func NewTransport(dial Dial, config *tls.Config) *http.Transport {
	if config != nil {
		config = config.Clone()
	}
	return &http.Transport{
		Proxy:                  nil, // not even one from the environment
		DialContext:            dial,
		TLSClientConfig:        config,
		DisableCompression:     true,
		ForceAttemptHTTP2:      true,
		MaxResponseHeaderBytes: MaxHeader,
		MaxIdleConnsPerHost:    1,
	}
}

// Limits bound one exchange.
type Limits struct {
	Timeout   time.Duration
	Body      int64 // bytes of the response's body that are kept
	Discard   int64 // bytes that are read after those, to see whether the body ends
	Redirects int   // that are followed; a response beyond the last is an error
}

// Response is what came back, as far as the limits let it.
type Response struct {
	Status    int
	Header    http.Header
	Proto     string
	Body      []byte
	Aside     []byte // what is neither its header nor its body: interim responses, the reason phrase, trailers
	Stray     []byte // what followed the response, with KeepStray
	Late      *Late  // what follows it later; nil without KeepStray
	Truncated bool   // the body goes on after Body
	Endless   bool   // and after what was discarded
	Broken    string // class of the error that ended the body early, "" where it came to its end or to a limit
}

// ErrSwitchedProtocol is returned for a final response with an informational status: the connection
// then belongs to another protocol, and reading it would honor no deadline.
var ErrSwitchedProtocol = errors.New("the response switches to a protocol that was not asked for")

// Error is why there was no response.
type Error struct {
	Class string
	Read  []byte // what came instead: with KeepStray any bytes, over HTTP/2 the debug data of a GOAWAY
	err   error
}

func (e *Error) Error() string { return e.err.Error() }
func (e *Error) Unwrap() error { return e.err }

// Exchange sends a request and reads the response. It keeps to the context and to the limits,
// whichever ends first. An error is an *Error.
func Exchange(ctx context.Context, transport http.RoundTripper, request *http.Request, limits Limits) (*Response, error) {
	bounded, cancel := context.WithTimeout(ctx, limits.Timeout)
	defer cancel()
	var recorded *recorder
	var aside bytes.Buffer
	request = request.WithContext(httptrace.WithClientTrace(bounded, &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) {
			if recorded, _ = info.Conn.(*recorder); recorded != nil {
				recorded.reset()
			}
		},
		Got1xxResponse: func(_ int, header textproto.MIMEHeader) error {
			return http.Header(header).Write(&aside)
		},
	}))
	response, err := roundTrip(transport, request, limits.Redirects)
	if err == nil && response.StatusCode < 200 {
		_ = response.Body.Close()
		err = ErrSwitchedProtocol
	}
	if err != nil {
		return nil, &Error{Class: Classify(bounded, err), Read: append(recorded.all(), goAway(err)...), err: err}
	}
	defer func() { _ = response.Body.Close() }() // nothing to be learned from it
	r := &Response{Status: response.StatusCode, Header: response.Header, Proto: response.Proto}
	r.Body, err = io.ReadAll(io.LimitReader(response.Body, limits.Body+1))
	if int64(len(r.Body)) > limits.Body {
		r.Body, r.Truncated = r.Body[:limits.Body], true
		var n int64
		n, err = io.Copy(io.Discard, io.LimitReader(response.Body, limits.Discard))
		r.Endless = err == nil && n == limits.Discard && n > 0
	}
	r.Broken = Classify(bounded, err)
	aside.WriteString(response.Status + "\n")
	_ = response.Trailer.Write(&aside) // memory cannot fail
	r.Aside = aside.Bytes()
	if recorded != nil && r.Broken == "" && !r.Endless {
		r.Stray, r.Late = recorded.end(request)
	}
	return r, nil
}

// goAway is the debug data with which a server ended an HTTP/2 connection in place of a response. net/http has it only in the words of
// its error.
func goAway(err error) []byte {
	_, after, _ := strings.Cut(err.Error(), "GOAWAY")
	_, after, _ = strings.Cut(after, "debug=")
	quoted, err := strconv.QuotedPrefix(after)
	if err != nil {
		return nil
	}
	text, err := strconv.Unquote(quoted)
	if err != nil {
		return nil
	}
	return []byte(text)
}

func roundTrip(transport http.RoundTripper, request *http.Request, redirects int) (*http.Response, error) {
	if redirects == 0 { // http.Client would insist on a Location that it can parse
		return transport.RoundTrip(request)
	}
	client := &http.Client{Transport: transport, CheckRedirect: func(_ *http.Request, via []*http.Request) error {
		if len(via) > redirects {
			return fmt.Errorf("more than %d redirects", redirects)
		}
		return nil
	}}
	return client.Do(request)
}

// RetryAfter is how long a response asks to wait by its header Retry-After: seconds or a date (RFC
// 9110, 10.2.3). It is false where the response does not ask. The caller bounds the wait.
func RetryAfter(header http.Header, now time.Time) (time.Duration, bool) {
	value := strings.TrimSpace(header.Get("Retry-After"))
	if value != "" && strings.Trim(value, "0123456789") == "" {
		seconds, err := strconv.ParseInt(value, 10, 64)
		if err != nil || seconds > maxRetryAfter {
			seconds = maxRetryAfter
		}
		return time.Duration(seconds) * time.Second, true
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0, false
	}
	return max(0, at.Sub(now)), true
}

// maxRetryAfter is an upper bound in seconds that keeps a wait within time.Duration.
const maxRetryAfter = 1 << 31

// Sleep waits, but not beyond the end of the context, whose error it then returns.
func Sleep(ctx context.Context, wait time.Duration) error {
	if wait <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
