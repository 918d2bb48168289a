package tlsinspect

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// offer is what a stub reads from a client's hello.
type offer struct {
	version uint16 // the newest one offered
	suites  []uint16
	size    int // of the record
}

func (o offer) has(id uint16) bool { return slices.Contains(o.suites, id) }

// stub is a port that answers hellos by hand, and hands those it does not care about to a real
// server.
type stub struct {
	net.Listener
	passed chan net.Conn
	done   chan struct{}
	once   sync.Once
}

func (s *stub) Accept() (net.Conn, error) {
	select {
	case c := <-s.passed:
		return c, nil
	case <-s.done:
		return nil, net.ErrClosed
	}
}

func (s *stub) Close() error {
	s.once.Do(func() { close(s.done) })
	return s.Listener.Close()
}

// verdict is what a stub does with a hello.
type verdict struct {
	answer []byte // written, then the connection is closed once the client has
	pass   bool   // to the real server
	hold   bool   // say nothing until the client goes
	reset  bool   // close with a reset
}

// stub starts one; behind it a real server with the given configuration.
func (l *lab) stub(config *tls.Config, handler http.Handler, decide func(n int, o offer) verdict) string {
	l.t.Helper()
	s := &stub{Listener: l.listen(), passed: make(chan net.Conn), done: make(chan struct{})}
	server := &http.Server{Handler: handler, TLSConfig: config, ErrorLog: quietLog}
	l.t.Cleanup(func() { closeQuietly(server); closeQuietly(s) })
	if config != nil {
		go func() { _ = server.ServeTLS(s, "", "") }()
	}
	go func() {
		for n := 0; ; n++ {
			conn, err := s.Listener.Accept()
			if err != nil {
				return
			}
			go s.greet(conn, func(o offer) verdict { return decide(n, o) })
		}
	}()
	return s.Addr().String()
}

func (s *stub) greet(conn net.Conn, decide func(offer) verdict) {
	var head [5]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		closeQuietly(conn)
		return
	}
	body := make([]byte, binary.BigEndian.Uint16(head[3:]))
	if head[0] != 22 { // not TLS: the real server knows what to say
		body = nil
	}
	if _, err := io.ReadFull(conn, body); err != nil {
		closeQuietly(conn)
		return
	}
	v := verdict{pass: true}
	if head[0] == 22 {
		v = decide(readOffer(body))
	}
	switch {
	case v.pass:
		select {
		case s.passed <- &replaying{Conn: conn, first: io.MultiReader(bytes.NewReader(head[:]), bytes.NewReader(body), conn)}:
		case <-s.done:
			closeQuietly(conn)
		}
		return
	case v.reset:
		_ = conn.(*net.TCPConn).SetLinger(0)
	default:
		_, _ = conn.Write(v.answer)
		if v.hold || len(v.answer) > 0 {
			_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
			_, _ = io.Copy(io.Discard, conn)
		}
	}
	closeQuietly(conn)
}

type replaying struct {
	net.Conn
	first io.Reader
}

func (r *replaying) Read(p []byte) (int, error) { return r.first.Read(p) }

func readOffer(record []byte) offer {
	o := offer{size: len(record)}
	r := messageReader{record}
	_, _ = r.take(4)
	version, ok := r.take(2)
	if !ok {
		return o
	}
	o.version = binary.BigEndian.Uint16(version)
	_, _ = r.take(32)
	_, _ = r.vector(1)
	list, _ := r.vector(2)
	for i := 0; i+1 < len(list); i += 2 {
		o.suites = append(o.suites, binary.BigEndian.Uint16(list[i:]))
	}
	_, _ = r.vector(1)
	extensions, _ := r.vector(2)
	for e := (messageReader{extensions}); len(e.rest) > 0; {
		kind, ok := e.take(2)
		data, ok2 := e.vector(2)
		if !ok || !ok2 {
			break
		}
		if binary.BigEndian.Uint16(kind) == extSupportedVersions && bytes.Contains(data, []byte{3, 4}) {
			o.version = tls.VersionTLS13
		}
	}
	return o
}

// alert is a fatal TLS alert.
func alert(code byte) []byte { return []byte{21, 3, 1, 0, 2, 2, code} }

// firstFlight is what a server that chose version and suite says: its hello, a chain unless it is
// anonymous, a Diffie-Hellman group of the given prime, and that it is done.
func firstFlight(version, suite uint16, chain [][]byte, prime []byte) []byte {
	message := func(kind byte, body []byte) []byte {
		return append([]byte{kind, byte(len(body) >> 16), byte(len(body) >> 8), byte(len(body))}, body...)
	}
	hello := binary.BigEndian.AppendUint16(nil, version)
	hello = append(hello, make([]byte, 32)...)
	hello = append(binary.BigEndian.AppendUint16(append(hello, 0), suite), 0)
	serverFlight := message(2, hello)
	if chain != nil {
		var list []byte
		for _, der := range chain {
			list = append(append(list, byte(len(der)>>16), byte(len(der)>>8), byte(len(der))), der...)
		}
		serverFlight = append(serverFlight, message(11, append([]byte{byte(len(list) >> 16), byte(len(list) >> 8), byte(len(list))}, list...))...)
	}
	if prime != nil {
		serverFlight = append(serverFlight, message(12, vector16(vector16(vector16(nil, prime), []byte{2}), prime))...)
	}
	serverFlight = append(serverFlight, message(14, nil)...)
	var out []byte
	for part := range slices.Chunk(serverFlight, 1000) { // several records, as real servers send
		out = vector16(append(out, 22, byte(version>>8), byte(version)), part)
	}
	return out
}

// oakley1024 is the 1024-bit MODP group of RFC 2409, section 6.2.
var oakley1024 = unhex("FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD" +
	"EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED" +
	"EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF")

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}
