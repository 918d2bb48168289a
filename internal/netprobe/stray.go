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
// with it, so that it can be searched like the response. What arrives later belongs to no exchange:
// net/http closes the connection for it.

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

// recorder keeps what was read from a connection since the last request on it.
type recorder struct {
	net.Conn
	mu   sync.Mutex
	read []byte
}

func (r *recorder) Read(p []byte) (int, error) {
	n, err := r.Conn.Read(p)
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.read) <= maxRecorded {
		r.read = append(r.read, p[:n]...)
	}
	return n, err
}

// reset forgets what was read for the request before.
func (r *recorder) reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.read = r.read[:0]
}

// stray is what follows the response to request in what was read.
func (r *recorder) stray(request *http.Request) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.read) > maxRecorded {
		return nil
	}
	read := bufio.NewReader(bytes.NewReader(r.read))
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
