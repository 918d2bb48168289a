package netprobe

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestClassify(t *testing.T) {
	t.Parallel()
	late, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	interrupted, cancel := context.WithCancel(t.Context())
	cancel()
	op := func(err error) error {
		return &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", err)}
	}
	tests := []struct {
		name string
		ctx  context.Context
		err  error
		want string
	}{
		{"no error", t.Context(), nil, ""},
		{"NXDOMAIN", t.Context(), &net.DNSError{Err: "no such host", IsNotFound: true}, NoAddress},
		{"SERVFAIL", t.Context(), &net.DNSError{Err: "server misbehaving", IsTemporary: true}, LookupFailed},
		{"a DNS timeout", t.Context(), &net.DNSError{Err: "i/o timeout", IsTimeout: true, IsTemporary: true}, LookupFailed},
		{"a DNS timeout that ends the exchange", late, fmt.Errorf("look up x: %w", &net.DNSError{Err: "i/o timeout", IsTimeout: true}), LookupFailed},
		{"an unknown authority", t.Context(), &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}, Certificate},
		{"an alert", t.Context(), &net.OpError{Op: "remote error", Err: errors.New("tls: handshake failure")}, TLS},
		{"certificate required", t.Context(), &net.OpError{Op: "remote error", Err: errors.New("tls: certificate required")}, ClientCertificate},
		{"our own objection", t.Context(), errors.New("tls: server selected an unadvertised ALPN protocol"), TLS},
		{"no TLS", t.Context(), tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}, NotTLS},
		{"HTTP to HTTPS", t.Context(), http.ErrSchemeMismatch, NotTLS},
		{"refused", t.Context(), op(syscall.ECONNREFUSED), Refused},
		{"refused by network.resolve", t.Context(), &RefusedError{Address: "x:1"}, Refused},
		{"no route", t.Context(), op(syscall.EHOSTUNREACH), NoRoute},
		{"reset", t.Context(), op(syscall.ECONNRESET), Reset},
		{"closed", t.Context(), io.ErrUnexpectedEOF, Reset},
		{"closed at the deadline", late, net.ErrClosed, Timeout},
		{"closed by an interruption", interrupted, net.ErrClosed, Canceled},
		{"deadline", t.Context(), context.DeadlineExceeded, Timeout},
		{"switched", t.Context(), ErrSwitchedProtocol, Malformed},
		{"not HTTP", t.Context(), errors.New(`malformed HTTP response "x"`), Malformed},
		{"a large header", t.Context(), errors.New("net/http: server response headers exceeded 65536 bytes; aborted"), HeaderTooLarge},
		{"unknown", t.Context(), errors.New("something else"), Other},
	}
	for _, test := range tests {
		if got := Classify(test.ctx, test.err); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	tests := []struct {
		value string
		wait  time.Duration
		asks  bool
	}{
		{"", 0, false}, {"soon", 0, false}, {"-1", 0, false}, {"1.5", 0, false},
		{"0", 0, true}, {" 7 ", 7 * time.Second, true}, {strings.Repeat("9", 40), maxRetryAfter * time.Second, true},
		{"Sun, 01 Nov 2026 12:00:05 GMT", 5 * time.Second, true}, {"Sun, 01 Nov 2026 11:00:00 GMT", 0, true},
	}
	for _, test := range tests {
		wait, asks := RetryAfter(http.Header{"Retry-After": {test.value}}, now)
		if wait != test.wait || asks != test.asks {
			t.Errorf("%q: %v, %v", test.value, wait, asks)
		}
	}
}

// responding makes every request get the same bytes.
func responding(t *testing.T, response string, keepOpen bool) *http.Transport {
	t.Helper()
	transport := NewTransport(func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go func() {
			buffer := make([]byte, 4096)
			_, _ = server.Read(buffer)
			_, _ = io.WriteString(server, response)
			if !keepOpen {
				_ = server.Close()
			}
		}()
		return client, nil
	}, nil)
	transport.DisableKeepAlives = true
	return transport
}

func TestExchange(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, response string
		keepOpen       bool
		limits         Limits
		want           Response // Status, Body, Truncated, Endless, Broken
		class          string
	}{
		{name: "whole", response: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", limits: Limits{Body: 2}, want: Response{Status: 200, Body: []byte("ok")}},
		{name: "beside header and body", response: "HTTP/1.1 103 Early Hints\r\nLink: one\r\n\r\nHTTP/1.1 200 two\r\nTransfer-Encoding: chunked\r\nTrailer: X-Three\r\n\r\n2\r\nok\r\n0\r\nX-Three: three\r\n\r\n",
			limits: Limits{Body: 9}, want: Response{Status: 200, Body: []byte("ok"), Aside: []byte("Link: one\r\n200 two\nX-Three: three\r\n")}},
		{name: "longer than is kept", response: "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nokok", limits: Limits{Body: 2},
			want: Response{Status: 200, Body: []byte("ok"), Truncated: true}},
		{name: "longer than is read", response: "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nokokokoko", limits: Limits{Body: 2, Discard: 3},
			want: Response{Status: 200, Body: []byte("ok"), Truncated: true, Endless: true}},
		{name: "broken off", response: "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nok", limits: Limits{Body: 9},
			want: Response{Status: 200, Body: []byte("ok"), Broken: Reset}},
		{name: "stalled", response: "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nok", keepOpen: true, limits: Limits{Body: 9, Timeout: 50 * time.Millisecond},
			want: Response{Status: 200, Body: []byte("ok"), Broken: Timeout}},
		{name: "silent", keepOpen: true, limits: Limits{Timeout: 50 * time.Millisecond}, class: Timeout},
		{name: "switching", response: "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", class: Malformed},
		{name: "not HTTP", response: "220 mail.acme.example\r\n", class: Malformed},
		{name: "a redirect is not followed", response: "HTTP/1.1 302 Found\r\nLocation: ://bad\r\nContent-Length: 0\r\n\r\n", want: Response{Status: 302, Body: []byte{}}},
		{name: "redirects without end", response: "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", limits: Limits{Redirects: 2}, class: Other},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if test.limits.Timeout == 0 {
				test.limits.Timeout = 10 * time.Second
			}
			request, err := http.NewRequest(http.MethodGet, "http://acme.example/", nil)
			if err != nil {
				t.Fatal(err)
			}
			got, err := Exchange(t.Context(), responding(t, test.response, test.keepOpen), request, test.limits)
			if class := Classify(t.Context(), err); class != test.class {
				t.Fatalf("its class is %q: %v", class, err)
			}
			if err != nil {
				return
			}
			if want := test.want.Aside; want != nil && !bytes.Equal(got.Aside, want) {
				t.Errorf("beside header and body: %q", got.Aside)
			}
			if got.Status != test.want.Status || string(got.Body) != string(test.want.Body) || got.Truncated != test.want.Truncated ||
				got.Endless != test.want.Endless || got.Broken != test.want.Broken {
				t.Errorf("got %+v", *got)
			}
		})
	}
}
