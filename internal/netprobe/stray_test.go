package netprobe

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/sandbox/certs"
)

// TestLateStray: what arrives after an exchange is kept for it, and what comes in place of a response is
// held by the error.
func TestLateStray(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	answered := make(chan struct{})
	go func() {
		for i := 0; ; i++ {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 4096))
			if i == 0 {
				_, _ = conn.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
				<-answered
			}
			_, _ = conn.Write([]byte("STRAY"))
			_ = conn.Close()
		}
	}()
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, listener.Addr().String())
	}
	transport := NewTransport(dial, nil)
	KeepStray(transport)
	defer transport.CloseIdleConnections()
	exchange := func() (*Response, error) {
		request, err := http.NewRequest(http.MethodPost, "http://acme.example/", nil)
		if err != nil {
			t.Fatal(err)
		}
		return Exchange(t.Context(), transport, request, Limits{Timeout: 10 * time.Second, Body: 1000})
	}
	got, err := exchange()
	if err != nil || len(got.Stray) > 0 {
		t.Fatalf("%+v, %v", got, err)
	}
	arrived := make(chan string, 1)
	got.Late.Each(func(p []byte) { arrived <- string(p) })
	close(answered)
	if late := <-arrived; late != "STRAY" {
		t.Errorf("late: %q", late)
	}
	_, err = exchange()
	if failed := (*Error)(nil); !errors.As(err, &failed) || string(failed.Read) != "STRAY" {
		t.Errorf("in place of a response: %v", err)
	}
}

// TestStray: what follows a response is returned with it, over TLS and in plain HTTP, whatever ends
// the body.
func TestStray(t *testing.T) {
	t.Parallel()
	authority := certs.New(time.Now())
	for name, test := range map[string]struct{ response, body, stray string }{
		"nothing":        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok", ""},
		"a length":       {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokSTRAY", "ok", "STRAY"},
		"chunks":         {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nSTRAY", "ok", "STRAY"},
		"interim":        {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokSTRAY", "ok", "STRAY"},
		"no content":     {"HTTP/1.1 204 No Content\r\n\r\nSTRAY", "", "STRAY"},
		"until the end":  {"HTTP/1.1 200 OK\r\n\r\nokSTRAY", "okSTRAY", ""},
		"two responses":  {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 500 Oops\r\n\r\n", "", "HTTP/1.1 500 Oops\r\n\r\n"},
		"a short length": {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nok", "", "ok"},
	} {
		for _, scheme := range []string{"http", "https"} {
			t.Run(name+" "+scheme, func(t *testing.T) {
				t.Parallel()
				listener, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = listener.Close() })
				go func() {
					conn, err := listener.Accept()
					if err != nil {
						return
					}
					if scheme == "https" {
						conn = tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{authority.Server("acme.example")}})
					}
					_, _ = conn.Read(make([]byte, 4096))
					_, _ = conn.Write([]byte(test.response))
					_ = conn.Close()
				}()
				dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
					return new(net.Dialer).DialContext(ctx, network, listener.Addr().String())
				}
				transport := NewTransport(dial, &tls.Config{RootCAs: authority.Pool()})
				transport.ForceAttemptHTTP2 = false
				KeepStray(transport)
				defer transport.CloseIdleConnections()
				request, err := http.NewRequest(http.MethodPost, scheme+"://acme.example/", nil)
				if err != nil {
					t.Fatal(err)
				}
				got, err := Exchange(t.Context(), transport, request, Limits{Timeout: 10 * time.Second, Body: 1000})
				if err != nil {
					t.Fatal(err)
				}
				if string(got.Body) != test.body || string(got.Stray) != test.stray {
					t.Errorf("body %q, stray %q", got.Body, got.Stray)
				}
			})
		}
	}
}

// TestGoAwayIsRead: over HTTP/2, a server may say why it ends a connection.
func TestGoAwayIsRead(t *testing.T) {
	t.Parallel()
	const host = "hooks.acme.example"
	authority := certs.New(time.Now())
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{authority.Server(host)}, NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	const debug = "key=\"bk_1\"\x00\xff"
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		const preface, headers = 24, 1
		_, _ = io.CopyN(io.Discard, conn, preface)
		_, _ = conn.Write([]byte{0, 0, 0, 4, 0, 0, 0, 0, 0}) // SETTINGS
		for header := [9]byte{}; header[3] != headers; {
			if _, err := io.ReadFull(conn, header[:]); err != nil {
				return
			}
			_, _ = io.CopyN(io.Discard, conn, int64(header[0])<<16|int64(header[1])<<8|int64(header[2]))
		}
		_, _ = conn.Write(append([]byte{0, 0, 8 + byte(len(debug)), 7, 0, 0, 0, 0, 0 /* last stream */, 0, 0, 0, 1 /* INTERNAL_ERROR */, 0, 0, 0, 2}, debug...))
	}()
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, listener.Addr().String())
	}
	transport := NewTransport(dial, &tls.Config{RootCAs: authority.Pool(), ServerName: host})
	t.Cleanup(transport.CloseIdleConnections)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+host+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Exchange(t.Context(), transport, request, Limits{Timeout: 10 * time.Second})
	var failed *Error
	if !errors.As(err, &failed) || string(failed.Read) != debug || failed.Class != Reset {
		t.Errorf("got %+v, %v", failed, err)
	}
}
