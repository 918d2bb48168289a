package tlsinspect

import (
	"context"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"sync"
)

// This file completes TLS 1.2 handshakes whose keys are agreed on by finite-field Diffie-Hellman (RFC 5246, RFC 5288), which
// crypto/tls does not speak and right servers may. It exists so that a server that speaks nothing else can be asked for HTTP at all;
// like everything here it sends nothing secret, and what the certificate is worth is a fact of its own.

// finiteSuites are the suites that are spoken, each with its hash and the length of its keys.
var finiteSuites = map[uint16]struct {
	hash   crypto.Hash
	length int
}{
	0x009E: {crypto.SHA256, 16},
	0x009F: {crypto.SHA384, 32},
}

// Bounds on a group that is computed in, in bits: a server could ask for hours of work.
const (
	minFiniteBits = 256
	maxFiniteBits = 8192
)

var errFinite = errors.New("the server's key exchange cannot be used")

// finite speaks to a server that chooses only suites of this file.
func (l *look) finite(ctx context.Context) attempt {
	a := attempt{phase: "connect"}
	raw, err := l.dial(ctx, 0)
	if err != nil {
		a.err = err
		return a
	}
	a.phase = "handshake"
	ctx, cancel := context.WithTimeout(ctx, l.in.Timeout)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { expire(raw) })
	defer stop()
	conn, state, err := finiteHandshake(raw, l.host)
	if err != nil {
		closeQuietly(raw)
		a.err = err
		return a
	}
	if !stop() {
		closeQuietly(raw)
		a.err = context.DeadlineExceeded
		return a
	}
	a.conn, a.state, a.requested = conn, state, conn.requested
	return a
}

func finiteHandshake(raw net.Conn, host string) (*finiteConn, tls.ConnectionState, error) {
	var state tls.ConnectionState
	hello, err := clientHello{version: tls.VersionTLS12, suites: []uint16{0x009F, 0x009E}, host: host, plainHTTP: true}.record()
	if err != nil {
		return nil, state, err
	}
	if _, err := raw.Write(hello); err != nil {
		return nil, state, err
	}
	f, err := readFlight(raw, func() {})
	if err != nil {
		return nil, state, err
	}
	suite, known := finiteSuites[f.suite]
	if f.kind != "" || !known || f.version != tls.VersionTLS12 || len(f.chain) == 0 {
		return nil, state, errFinite
	}
	leaf, err := x509.ParseCertificate(f.chain[0])
	if err != nil {
		return nil, state, fmt.Errorf("read a server's certificate: %w", err)
	}
	clientRandom := hello[5+4+2 : 5+4+2+32]
	secret, public, err := agree(f.exchange, leaf, append(append([]byte{}, clientRandom...), f.random...))
	if err != nil {
		return nil, state, err
	}
	transcript := append(append([]byte{}, hello[5:]...), f.transcript...)
	var answer []byte
	if f.requested {
		answer = message(11, []byte{0, 0, 0}) // no certificate
	}
	answer = append(answer, message(16, vector16(nil, public))...)
	transcript = append(transcript, answer...)
	sum := func() []byte {
		h := suite.hash.New()
		h.Write(transcript)
		return h.Sum(nil)
	}
	seed, label := append(append([]byte{}, clientRandom...), f.random...), "master secret"
	if f.extended { // RFC 7627
		seed, label = sum(), "extended master secret"
	}
	master := expand(suite.hash, secret, label, seed, 48)
	keys := expand(suite.hash, master, "key expansion", append(append([]byte{}, f.random...), clientRandom...), 2*suite.length+8)
	c := &finiteConn{Conn: raw, requested: f.requested}
	if c.out, err = newSealer(keys[:suite.length], keys[2*suite.length:2*suite.length+4]); err != nil {
		return nil, state, err
	}
	if c.in, err = newSealer(keys[suite.length:2*suite.length], keys[2*suite.length+4:]); err != nil {
		return nil, state, err
	}
	finished := message(20, expand(suite.hash, master, "client finished", sum(), 12))
	transcript = append(transcript, finished...)
	flight := append(vector16([]byte{22, 3, 3}, answer), 20, 3, 3, 0, 1, 1)
	if _, err := raw.Write(append(flight, c.out.seal(22, finished)...)); err != nil {
		return nil, state, err
	}
	kind, payload, err := readRecord(raw)
	if err == nil && kind == 20 {
		kind, payload, err = c.record()
	}
	want := message(20, expand(suite.hash, master, "server finished", sum(), 12))
	switch {
	case err != nil:
		return nil, state, err
	case kind != 22 || subtle.ConstantTimeCompare(payload, want) != 1:
		return nil, state, errFinite
	}
	state.Version, state.CipherSuite, state.HandshakeComplete, state.OCSPResponse = tls.VersionTLS12, f.suite, true, f.staple
	return c, state, nil
}

// agree checks who signed the server's share, and gives the shared secret and our own share.
func agree(exchange []byte, leaf *x509.Certificate, randoms []byte) (secret, public []byte, err error) {
	r := bytesReader{exchange}
	prime, ok1 := r.vector(2)
	generator, ok2 := r.vector(2)
	share, ok3 := r.vector(2)
	params := exchange[:len(exchange)-len(r.rest)]
	scheme, ok4 := r.take(2)
	signature, ok5 := r.vector(2)
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 {
		return nil, nil, errFinite
	}
	algorithm, known := signatureSchemes[binary.BigEndian.Uint16(scheme)]
	if !known {
		return nil, nil, errFinite
	}
	if err := leaf.CheckSignature(algorithm, append(randoms, params...), signature); err != nil {
		return nil, nil, fmt.Errorf("check who signed a server's key exchange: %w", err)
	}
	p, g, y := new(big.Int).SetBytes(prime), new(big.Int).SetBytes(generator), new(big.Int).SetBytes(share)
	one := big.NewInt(1)
	if bits := p.BitLen(); bits < minFiniteBits || bits > maxFiniteBits || p.Bit(0) == 0 || y.Cmp(one) <= 0 || y.Cmp(new(big.Int).Sub(p, one)) >= 0 || g.Cmp(p) >= 0 {
		return nil, nil, errFinite
	}
	var random [40]byte
	if _, err := rand.Read(random[:]); err != nil {
		return nil, nil, fmt.Errorf("draw a key: %w", err)
	}
	x := new(big.Int).SetBytes(random[:])
	// Leading zeros of the secret are left out (RFC 5246, section 8.1.2).
	return new(big.Int).Exp(y, x, p).Bytes(), new(big.Int).Exp(g, x, p).Bytes(), nil
}

var signatureSchemes = map[uint16]x509.SignatureAlgorithm{
	0x0401: x509.SHA256WithRSA, 0x0501: x509.SHA384WithRSA, 0x0601: x509.SHA512WithRSA, 0x0201: x509.SHA1WithRSA,
	0x0804: x509.SHA256WithRSAPSS, 0x0805: x509.SHA384WithRSAPSS, 0x0806: x509.SHA512WithRSAPSS,
}

func message(kind byte, body []byte) []byte {
	return append([]byte{kind, byte(len(body) >> 16), byte(len(body) >> 8), byte(len(body))}, body...)
}

// expand is TLS 1.2's pseudorandom function (RFC 5246, section 5).
func expand(hash crypto.Hash, secret []byte, label string, seed []byte, length int) []byte {
	seed = append([]byte(label), seed...)
	mac := hmac.New(hash.New, secret)
	round := func(parts ...[]byte) []byte {
		mac.Reset()
		for _, part := range parts {
			mac.Write(part)
		}
		return mac.Sum(nil)
	}
	var out []byte
	for a := round(seed); len(out) < length; a = round(a) {
		out = append(out, round(a, seed)...)
	}
	return out[:length]
}

// sealer is one direction of a connection (RFC 5288).
type sealer struct {
	aead  cipher.AEAD
	fixed []byte
	count uint64
}

func newSealer(key, fixed []byte) (sealer, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return sealer{}, err
	}
	aead, err := cipher.NewGCM(block)
	return sealer{aead: aead, fixed: fixed}, err
}

func (s *sealer) head(kind byte, length int) []byte {
	head := binary.BigEndian.AppendUint64(nil, s.count)
	s.count++
	return append(head, kind, 3, 3, byte(length>>8), byte(length))
}

func (s *sealer) seal(kind byte, text []byte) []byte {
	explicit := binary.BigEndian.AppendUint64(nil, s.count)
	sealed := s.aead.Seal(nil, append(append([]byte{}, s.fixed...), explicit...), text, s.head(kind, len(text)))
	return vector16([]byte{kind, 3, 3}, append(explicit, sealed...))
}

func (s *sealer) open(kind byte, payload []byte) ([]byte, error) {
	if len(payload) < 8+s.aead.Overhead() {
		return nil, errFinite
	}
	nonce := append(append([]byte{}, s.fixed...), payload[:8]...)
	return s.aead.Open(nil, nonce, payload[8:], s.head(kind, len(payload)-8-s.aead.Overhead()))
}

// finiteConn carries data over such a connection.
type finiteConn struct {
	net.Conn
	requested bool // a client certificate was asked for, and none sent
	in, out   sealer
	rest      []byte // read and not yet handed on
	writing   sync.Mutex
}

// record reads and opens one record.
func (c *finiteConn) record() (kind byte, text []byte, err error) {
	kind, payload, err := readRecord(c.Conn)
	if err != nil {
		return 0, nil, err
	}
	text, err = c.in.open(kind, payload)
	return kind, text, err
}

func (c *finiteConn) Read(p []byte) (int, error) {
	for len(c.rest) == 0 {
		kind, text, err := c.record()
		switch {
		case err != nil:
			return 0, err
		case kind == 21 && len(text) == 2 && text[1] == 0:
			return 0, io.EOF
		case kind == 21:
			return 0, io.ErrUnexpectedEOF
		case kind == 23:
			c.rest = text
		}
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

func (c *finiteConn) Write(p []byte) (int, error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	written := 0
	for written < len(p) {
		part := p[written:min(len(p), written+16<<10)]
		if _, err := c.Conn.Write(c.out.seal(23, part)); err != nil {
			return written, err
		}
		written += len(part)
	}
	return written, nil
}
