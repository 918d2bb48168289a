package netprobe

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
)

// Rules of this file: a server may send more than its response, and net/http drops what follows
// one. Where the transport keeps stray bytes, what arrived together with the response is returned
// with it, so that it can be searched like the response, and what arrives later is kept for it until
// the connection carries another request; net/http mostly closes it before. Where that request is
// faster, it gets no response but those bytes, and its error holds them.

// maxRecorded bounds what is kept of one exchange. There are no stray bytes of a longer one.
const maxRecorded = 1 << 20

// KeepStray makes Exchange return the bytes that follow a response. The transport must be for
// HTTP/1.1 alone.
func KeepStray(t *http.Transport) {
	dial, config := t.DialContext, t.TLSClientConfig
	t.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &recorder{Conn: conn}, nil
	}
	t.DialTLSContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		raw, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		config := config.Clone()
		if config.ServerName == "" {
			config.ServerName, _, _ = net.SplitHostPort(address)
		}
		conn := tls.Client(raw, config)
		if err := conn.HandshakeContext(ctx); err != nil {
			_ = raw.Close() // the handshake's error counts
			return nil, fmt.Errorf("connect to %s: %w", address, err)
		}
		return &recorder{Conn: conn}, nil
	}
}

// Late is what a connection brings after an exchange on it, and before the next.
type Late struct {
	mu   sync.Mutex
	read []byte // until somebody takes it
	size int
	take func(p []byte)
}

// Each calls take with what arrived so far and with what arrives from now on. Only the connection holds take, and whatever it refers to,
// until the next exchange: what is about nothing that arrives need not be kept.
func (l *Late) Each(take func(p []byte)) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.read) > 0 {
		take(l.read)
	}
	l.read, l.take = nil, take
}

func (l *Late) add(p []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch l.size += len(p); {
	case len(p) == 0 || l.size-len(p) > maxRecorded:
	case l.take != nil:
		l.take(p)
	default:
		l.read = append(l.read, p...)
	}
}

// recorder keeps what was read from a connection since the last request on it.
type recorder struct {
	net.Conn
	mu   sync.Mutex
	read []byte
	late *Late // takes what is read once the exchange has ended
}

func (r *recorder) Read(p []byte) (int, error) {
	n, err := r.Conn.Read(p)
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.late != nil:
		r.late.add(p[:n])
	case len(r.read) <= maxRecorded:
		r.read = append(r.read, p[:n]...)
	}
	return n, err
}

// reset forgets what was read for the request before.
func (r *recorder) reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.read, r.late = r.read[:0], nil
}

// all is what was read since the last request. A nil recorder read nothing.
func (r *recorder) all() []byte {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return bytes.Clone(r.read)
}

// end ends an exchange. It returns what follows the response to request in what was read, and keeps
// what follows from now on.
func (r *recorder) end(request *http.Request) ([]byte, *Late) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.late = &Late{}
	if len(r.read) > maxRecorded {
		return nil, r.late
	}
	return r.stray(request), r.late
}

func (r *recorder) stray(request *http.Request) []byte {
	read := bufio.NewReaderSize(bytes.NewReader(r.read), min(len(r.read), 4<<10))
	for {
		response, err := http.ReadResponse(read, request)
		if err != nil {
			return nil
		}
		interim := response.StatusCode < 200
		if _, err := io.Copy(io.Discard, response.Body); err != nil {
			return nil
		}
		if !interim {
			rest, _ := io.ReadAll(read) // memory cannot fail
			return rest
		}
	}
}
