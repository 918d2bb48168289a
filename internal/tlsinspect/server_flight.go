package tlsinspect

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"time"
)

// serverFlight is the server's response to a hand-written hello.
type serverFlight struct {
	kind    string // ReachOK: a server hello; ReachNoHandshake: an alert; else what a Reach says
	alert   byte
	version uint16
	suite   uint16
	chain   [][]byte // the certificates, where they come over plain HTTP (up to TLS 1.2)
	staple  []byte   // the OCSP response next to them, if any
	dhBits  int      // of the server's finite-field group, 0 without one
}

// flightTimeout is how long a server that has chosen a suite may take for the rest of its flight
// before the choice alone is taken for its response.
const flightTimeout = time.Second

// sendAndRead sends a hello over conn and reads the response, at most maxFlight bytes of it. It
// closes conn.
func sendAndRead(ctx context.Context, conn net.Conn, h clientHello, timeout time.Duration) serverFlight {
	defer closeQuietly(conn)
	stop := context.AfterFunc(ctx, func() { expire(conn) })
	defer stop()
	record, err := h.record()
	if err != nil {
		return serverFlight{kind: ReachError}
	}
	if err := conn.SetDeadline(time.Now().Add(timeout)); err != nil {
		return serverFlight{kind: ReachError}
	}
	if ctx.Err() != nil {
		return serverFlight{kind: ReachCancelled}
	}
	// A server that has already closed may have sent an alert before: read it even if writing
	// fails.
	_, writeErr := conn.Write(record)
	f, err := readServerFlight(conn, func() {
		if timeout > flightTimeout {
			// The error of a connection that is gone shows at the next read.
			_ = conn.SetReadDeadline(time.Now().Add(flightTimeout))
		}
	})
	if f.version != 0 && f.kind != ReachNoHandshake {
		f.kind = ReachOK
		return f
	}
	switch {
	case f.kind != "":
	case ctx.Err() != nil:
		f.kind = ReachCancelled
	case err != nil:
		f.kind = errorKind(err)
	case writeErr != nil:
		f.kind = errorKind(writeErr)
	}
	return f
}

var errNotTLS = errors.New("the response is not TLS")

// readServerFlight reads handshake messages until the server waits for the client. chosen is called
// once the server has chosen version and suite.
func readServerFlight(r io.Reader, chosen func()) (serverFlight, error) {
	var f serverFlight
	var pending []byte
	total := 0
	for {
		kind, payload, err := readRecord(r)
		if err != nil {
			if errors.Is(err, errNotTLS) && f.version == 0 {
				f.kind = ReachNotTLS
			}
			return f, err
		}
		total += len(payload) + 5
		if total > maxServerFlight {
			return f, fmt.Errorf("read a server's first flight: longer than %d bytes", maxServerFlight)
		}
		switch kind {
		case 21:
			if len(payload) < 2 {
				return f, errNotTLS
			}
			if payload[0] == 1 && payload[1] != 0 {
				continue // a warning, e.g. about the name; the handshake goes on
			}
			f.kind, f.alert = ReachNoHandshake, payload[1]
			return f, nil
		case 22:
			pending = append(pending, payload...)
		default:
			return f, nil // TLS 1.3 goes on encrypted
		}
		for len(pending) >= 4 {
			n := int(pending[1])<<16 | int(pending[2])<<8 | int(pending[3])
			if n > maxServerFlight {
				return f, fmt.Errorf("read a server's first flight: a message of %d bytes", n)
			}
			if len(pending) < 4+n {
				break
			}
			done, err := f.message(pending[0], pending[4:4+n], chosen)
			if err != nil || done {
				return f, err
			}
			pending = pending[4+n:]
		}
	}
}

func readRecord(r io.Reader) (kind byte, payload []byte, err error) {
	var head [5]byte
	if n, err := io.ReadFull(r, head[:]); err != nil {
		if n > 0 && head[0] != 21 && head[0] != 22 {
			return 0, nil, errNotTLS
		}
		return 0, nil, err
	}
	n := binary.BigEndian.Uint16(head[3:])
	if head[0] < 20 || head[0] > 24 || head[1] != 3 || n > 16384+2048 {
		return 0, nil, errNotTLS
	}
	payload = make([]byte, n)
	_, err = io.ReadFull(r, payload)
	return head[0], payload, err
}

// message takes in one handshake message and reports whether the flight is at its end.
func (f *serverFlight) message(kind byte, body []byte, chosen func()) (done bool, err error) {
	malformed := fmt.Errorf("read a server's first flight: malformed message %d", kind)
	switch kind {
	case 2:
		if !f.serverHello(body) {
			return true, malformed
		}
		chosen()
		return f.version == tls.VersionTLS13, nil
	case 11:
		r := messageReader{body}
		list, ok := r.vector(3)
		for inner := (messageReader{list}); ok && len(inner.rest) > 0; {
			var der []byte
			if der, ok = inner.vector(3); ok {
				f.chain = append(f.chain, der)
			}
		}
		if !ok {
			return true, malformed
		}
	case 12:
		if s, known := suiteByID(f.suite); known && s.finiteField() {
			r := messageReader{body}
			prime, ok := r.vector(2)
			if !ok {
				return true, malformed
			}
			f.dhBits = new(big.Int).SetBytes(prime).BitLen()
		}
	case 22:
		r := messageReader{body}
		if kind, ok := r.take(1); ok && kind[0] == 1 { // an OCSP response (RFC 6066, section 8)
			f.staple, _ = r.vector(3)
		}
	case 14:
		return true, nil
	}
	return false, nil
}

func (f *serverFlight) serverHello(body []byte) bool {
	r := messageReader{body}
	head, ok := r.take(2 + 32)
	if !ok {
		return false
	}
	version := binary.BigEndian.Uint16(head)
	if _, ok = r.vector(1); !ok {
		return false
	}
	tail, ok := r.take(3)
	if !ok {
		return false
	}
	if extensions, ok := r.vector(2); ok {
		for e := (messageReader{extensions}); len(e.rest) > 0; {
			kind, ok := e.take(2)
			if !ok {
				return false
			}
			data, ok := e.vector(2)
			if !ok {
				return false
			}
			if binary.BigEndian.Uint16(kind) == extSupportedVersions && len(data) == 2 {
				version = binary.BigEndian.Uint16(data)
			}
		}
	}
	f.version, f.suite = version, binary.BigEndian.Uint16(tail)
	return true
}

// messageReader takes a message apart without ever reading past its end.
type messageReader struct{ rest []byte }

func (r *messageReader) take(n int) ([]byte, bool) {
	if n > len(r.rest) {
		return nil, false
	}
	out := r.rest[:n]
	r.rest = r.rest[n:]
	return out, true
}

// vector takes a length of the given number of bytes and what it counts.
func (r *messageReader) vector(size int) ([]byte, bool) {
	head, ok := r.take(size)
	if !ok {
		return nil, false
	}
	n := 0
	for _, b := range head {
		n = n<<8 | int(b)
	}
	out, ok := r.take(n)
	return bytes.Clone(out), ok
}
