package behaviors

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/sandbox"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox/certs"
)

// Rules of this file: a hostile endpoint does one thing to every connection, for as long as the client stays, and must never cost
// the client more than its own bounds allow. What is sent without end is sent in small pieces, and ends with the connection.

// Hostile is one kind of hostile endpoint: a row of Hostiles.
type Hostile struct {
	Name        string
	Description string
	raw         bool // without TLS
	// serve has the connection, and the request where the row reads one. done is closed when the endpoint is.
	serve func(conn net.Conn, done <-chan struct{})
}

// Hostiles are the hostile endpoints.
func Hostiles() []Hostile {
	return []Hostile{
		{Name: "endless-body", Description: "a body without end", serve: answering(func(w io.Writer, done <-chan struct{}) {
			if say(w, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n") {
				forever(w, strings.Repeat("a", 16<<10), 0, done)
			}
		})},
		{Name: "endless-chunks", Description: "a chunked body without end", serve: answering(func(w io.Writer, done <-chan struct{}) {
			if say(w, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n") {
				forever(w, "400\r\n"+strings.Repeat("a", 1024)+"\r\n", 0, done)
			}
		})},
		{Name: "endless-headers", Description: "headers without end", serve: answering(func(w io.Writer, done <-chan struct{}) {
			if say(w, "HTTP/1.1 200 OK\r\n") {
				forever(w, "X-Filler: "+strings.Repeat("a", 1024)+"\r\n", 0, done)
			}
		})},
		{Name: "one-megabyte-header", Description: "a header of 1 MB", serve: saying("HTTP/1.1 200 OK\r\nX-Filler: " + strings.Repeat("a", 1<<20) + "\r\nContent-Length: 2\r\n\r\nok")},
		{Name: "endless-interim-answers", Description: "100 Continue without end", serve: answering(func(w io.Writer, done <-chan struct{}) {
			forever(w, "HTTP/1.1 100 Continue\r\n\r\n", 0, done)
		})},
		{Name: "slow-drip", Description: "a byte of the answer at a time, every 50 ms", serve: answering(func(w io.Writer, done <-chan struct{}) {
			if say(w, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n") {
				forever(w, "a", 50*time.Millisecond, done)
			}
		})},
		{Name: "slow-drip-headers", Description: "a byte of a header at a time, every 50 ms", serve: answering(func(w io.Writer, done <-chan struct{}) {
			if say(w, "HTTP/1.1 200 OK\r\nX-Filler: ") {
				forever(w, "a", 50*time.Millisecond, done)
			}
		})},
		{Name: "gzip-bomb", Description: "64 KiB of gzip that inflate to 64 MiB, asked for or not", serve: answering(func(w io.Writer, _ <-chan struct{}) {
			bomb := bombOnce()
			say(w, fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s", len(bomb), bomb))
		})},
		{Name: "truncated", Description: "less body than Content-Length says", serve: saying("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"status\":")},
		{Name: "truncated-headers", Description: "an end in the middle of the headers", serve: saying("HTTP/1.1 200 OK\r\nContent-Ty")},
		{Name: "not-utf-8", Description: "a body of broken UTF-8 with controls", serve: saying("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{\"\xff\xfe\x00\x1b[2J\x80\xc0\xaf\":1}")},
		{Name: "close-at-once", Description: "closes after the handshake, before a request", serve: func(net.Conn, <-chan struct{}) {}},
		{Name: "close-after-request", Description: "closes after the request, without an answer", serve: answering(func(io.Writer, <-chan struct{}) {})},
		{Name: "silent-after-handshake", Description: "never answers a request", serve: func(_ net.Conn, done <-chan struct{}) { <-done }},
		{Name: "silent-port", Description: "takes the connection and never speaks, not even TLS", raw: true, serve: func(_ net.Conn, done <-chan struct{}) { <-done }},
		{Name: "close-before-handshake", Description: "closes the connection at once", raw: true, serve: func(net.Conn, <-chan struct{}) {}},
		{Name: "garbage-instead-of-tls", Description: "speaks no TLS but noise", raw: true, serve: func(c net.Conn, _ <-chan struct{}) {
			say(c, strings.Repeat("\x16\x03\x01\xff\xff\x00garbage", 64))
		}},
		{Name: "plain-http-instead-of-tls", Description: "answers the handshake in plain HTTP", raw: true, serve: func(c net.Conn, _ <-chan struct{}) {
			say(c, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
		}},
		{Name: "endless-garbage-instead-of-tls", Description: "noise without end instead of TLS", raw: true, serve: func(c net.Conn, done <-chan struct{}) {
			forever(c, strings.Repeat("\x16\x03\x03\x40\x00", 1024), 0, done)
		}},
		{Name: "http-0.9", Description: "a body without a status line or headers", serve: saying("<html>ok</html>")},
		{Name: "garbage-status", Description: "a status line that is none", serve: saying("HTTP/1.1 2x0 \x00\r\n\r\n")},
		{Name: "status-999", Description: "a status beyond all classes", serve: saying("HTTP/1.1 999 What\r\nContent-Length: 2\r\n\r\nok")},
		{Name: "two-lengths", Description: "two lengths that disagree", serve: saying("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 5\r\n\r\nok")},
		{Name: "negative-length", Description: "a length below nothing", serve: saying("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nok")},
		{Name: "huge-redirect", Description: "a redirect to an address of 512 KB", serve: saying("HTTP/1.1 302 Found\r\nLocation: https://elsewhere.acme.example/" + strings.Repeat("a", 512<<10) + "\r\nContent-Length: 0\r\n\r\n")},
		{Name: "redirect-to-file", Description: "a redirect to the client's own files", serve: saying("HTTP/1.1 302 Found\r\nLocation: file:///etc/hostname\r\nContent-Length: 0\r\n\r\n")},
		{Name: "redirect-loop", Description: "a redirect to itself", serve: saying("HTTP/1.1 307 Temporary Redirect\r\nLocation: /begini\r\nContent-Length: 0\r\n\r\n")},
		{Name: "retry-after-a-year", Description: "429 and a year's wait", serve: saying("HTTP/1.1 429 Too Many Requests\r\nRetry-After: 31536000\r\nContent-Length: 0\r\n\r\n")},
		{Name: "retry-after-nonsense", Description: "503 and a wait that is none", serve: saying("HTTP/1.1 503 Service Unavailable\r\nRetry-After: -99999999999999999999\r\nContent-Length: 0\r\n\r\n")},
		{Name: "terminal-controls", Description: "headers and a body that steer terminals and pages", serve: answering(func(w io.Writer, _ <-chan struct{}) {
			text := "\x1b]0;owned\x07\x1b[2J<script>alert(1)</script>\u202e::error::owned"
			say(w, fmt.Sprintf("HTTP/1.1 200 OK\r\nServer: <script>\u202e\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%s", len(text), text))
		})},
		{Name: "stray-bytes", Description: "bytes after each response that repeat every header it ever got", serve: echoingStray()},
		{Name: "unasked-protocol", Description: "101 Switching Protocols unasked", serve: answering(func(w io.Writer, done <-chan struct{}) {
			if say(w, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: tcp\r\nConnection: Upgrade\r\n\r\n") {
				<-done
			}
		})},
	}
}

// HostileEndpoint is a running hostile endpoint. Close ends it and all its connections.
type HostileEndpoint struct {
	host     string
	listener net.Listener
	done     chan struct{}
	once     sync.Once
	running  sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]bool
}

// StartHostile starts the hostile endpoint of that name, with a faultless certificate for the host.
func StartHostile(name string, ca *certs.Authority, host string) (*HostileEndpoint, error) {
	for _, h := range Hostiles() {
		if h.Name == name {
			return h.start(ca, host)
		}
	}
	return nil, fmt.Errorf("no hostile sandbox endpoint is called %q", name)
}

func (h Hostile) start(ca *certs.Authority, host string) (*HostileEndpoint, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start hostile sandbox endpoint: %w", err)
	}
	e := &HostileEndpoint{host: host, listener: l, done: make(chan struct{}), conns: map[net.Conn]bool{}}
	config := &tls.Config{Certificates: []tls.Certificate{ca.Server(host, "127.0.0.1")}, NextProtos: []string{"http/1.1"}}
	e.running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if !e.keep(conn) {
				continue
			}
			e.running.Go(func() {
				defer e.drop(conn)
				if h.raw {
					h.serve(conn, e.done)
					return
				}
				secure := tls.Server(conn, config)
				if secure.Handshake() == nil {
					h.serve(secure, e.done)
					_ = secure.CloseWrite() // the client may have gone
				}
			})
		}
	})
	return e, nil
}

func (e *HostileEndpoint) keep(conn net.Conn) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.conns == nil {
		_ = conn.Close()
		return false
	}
	e.conns[conn] = true
	return true
}

func (e *HostileEndpoint) drop(conn net.Conn) {
	_ = conn.Close()
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.conns, conn)
}

// URL is at port 443 of the host; Address says where that is to be reached.
func (e *HostileEndpoint) URL() string { return "https://" + e.host + "/begini" }

// Address is the "address:port" behind port 443 of the host.
func (e *HostileEndpoint) Address() string { return e.listener.Addr().String() }

// Close ends the endpoint. A second call does nothing.
func (e *HostileEndpoint) Close() error {
	var err error
	e.once.Do(func() {
		close(e.done)
		err = e.listener.Close()
		e.mu.Lock()
		for conn := range e.conns {
			_ = conn.Close() // its client may have closed it
		}
		e.conns = nil
		e.mu.Unlock()
		e.running.Wait()
	})
	if err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("close hostile sandbox endpoint: %w", err)
	}
	return nil
}

// answering reads one request, then answers it.
func answering(answer func(w io.Writer, done <-chan struct{})) func(net.Conn, <-chan struct{}) {
	return func(conn net.Conn, done <-chan struct{}) {
		request, err := http.ReadRequest(bufio.NewReader(conn))
		if err != nil {
			return
		}
		if _, err := io.Copy(io.Discard, request.Body); err != nil {
			return
		}
		answer(conn, done)
	}
}

// echoingStray answers each request and sends, in the same write, what belongs to no response: the header values of all requests so
// far, keys and signatures among them. The connection stays open, so that the client reads it.
func echoingStray() func(net.Conn, <-chan struct{}) {
	var mu sync.Mutex
	var seen []string
	return func(conn net.Conn, _ <-chan struct{}) {
		requests := bufio.NewReader(conn)
		for {
			request, err := http.ReadRequest(requests)
			if err != nil {
				return
			}
			if _, err := io.Copy(io.Discard, request.Body); err != nil {
				return
			}
			mu.Lock()
			for _, values := range request.Header {
				seen = append(seen, values...)
			}
			stray := strings.Join(seen[max(0, len(seen)-20):], " ")
			mu.Unlock()
			if !say(conn, "HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\nno"+stray) {
				return
			}
		}
	}
}

// saying answers every request with one text.
func saying(text string) func(net.Conn, <-chan struct{}) {
	return answering(func(w io.Writer, _ <-chan struct{}) { say(w, text) })
}

// say writes and reports whether the client is still there.
func say(w io.Writer, text string) bool {
	_, err := io.WriteString(w, text)
	return err == nil
}

// forever repeats a text, with a pause between, until the client or the endpoint ends.
func forever(w io.Writer, text string, pause time.Duration, done <-chan struct{}) {
	tick := time.NewTicker(max(pause, time.Microsecond))
	defer tick.Stop()
	for say(w, text) {
		if pause == 0 {
			continue
		}
		select {
		case <-tick.C:
		case <-done:
			return
		}
	}
}

// bombOnce is 64 MiB of zeros in 64 KiB of gzip.
var bombOnce = sync.OnceValue(func() string {
	return strings.Repeat(sandbox.Deflated(strings.Repeat("\x00", 1<<20)), 64) // members of a gzip file may follow each other
})
