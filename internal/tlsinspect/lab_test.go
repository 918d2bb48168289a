package tlsinspect

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/sandbox/certs"
)

const labHost = "hooks.acme.example"

// lab is where one block's servers live: a resolver of their own, and a certification authority.
type lab struct {
	t     testing.TB
	now   time.Time
	ca    *certs.Authority
	names map[string][]string // host:port to dial addresses; a port without an entry is refused
	sixes map[string]string   // IPv6 documentation addresses, and what they stand for

	arrived atomic.Int32 // connections to a far server, whoever makes them

	mu     sync.Mutex
	dialed map[string]int // connections by address
	open   map[string]int
	most   map[string]int // at a time

	options Options
	target  Target
}

func newLab(t testing.TB) *lab {
	t.Helper()
	now := time.Now()
	l := &lab{t: t, now: now, ca: certs.New(now), names: map[string][]string{}, sixes: map[string]string{}, dialed: map[string]int{}, open: map[string]int{}, most: map[string]int{}}
	l.options = Options{
		Resolve: func(_ context.Context, host, port string) ([]string, error) {
			if a, ok := l.names[net.JoinHostPort(host, port)]; ok {
				return a, nil
			}
			return nil, syscall.ECONNREFUSED
		},
		Dial:        l.dial,
		SystemRoots: l.ca.Pool(),
		Now:         func() time.Time { return now },
		Timeout:     5 * time.Second,
		UserAgent:   "prelaunch/test",
	}
	l.target = Target{ID: "webhook", URL: "https://" + labHost + "/begini", Post: true, PlainHTTP: true, Follow: true}
	return l
}

// dial counts, and can be slow or fail as the block wants.
func (l *lab) dial(ctx context.Context, network, address string) (net.Conn, error) {
	l.mu.Lock()
	l.dialed[address]++
	l.open[address]++
	l.most[address] = max(l.most[address], l.open[address])
	l.mu.Unlock()
	to := address
	if strings.HasPrefix(address, "[2001:db8::") { // stands for a loopback server
		to = l.sixes[address]
	}
	var conn net.Conn
	var err error
	switch to {
	case "hang":
		<-ctx.Done()
		err = ctx.Err()
	case "no_route":
		err = &net.OpError{Op: "dial", Net: network, Err: syscall.ENETUNREACH}
	default:
		conn, err = new(net.Dialer).DialContext(ctx, network, to)
	}
	closed := func() {
		l.mu.Lock()
		l.open[address]--
		l.mu.Unlock()
	}
	if err != nil {
		closed()
		return nil, err
	}
	return &counted{Conn: conn, closed: closed}, nil
}

type counted struct {
	net.Conn
	once   sync.Once
	closed func()
}

func (c *counted) Close() error {
	c.once.Do(c.closed)
	return c.Conn.Close()
}

// listen opens a loopback port that the test closes.
func (l *lab) listen() net.Listener {
	l.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { closeQuietly(listener) })
	return listener
}

// at makes an address one of those of host:port.
func (l *lab) at(hostPort string, addresses ...string) {
	l.names[hostPort] = append(l.names[hostPort], addresses...)
}

// receiver is a right receiver: unsigned requests are refused.
var receiver = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
	if r.Method != http.MethodPost {
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	http.Error(w, `{"error":"signature missing"}`, http.StatusUnauthorized)
})

// modern is a right configuration.
func (l *lab) modern() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{l.ca.Intermediate("Sandbox Issuer").Server(labHost)},
		CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}, NextProtos: []string{"h2", "http/1.1"}}
}

// https starts a Go server and gives its address.
func (l *lab) https(config *tls.Config, handler http.Handler) string {
	l.t.Helper()
	listener := l.listen()
	server := &http.Server{Handler: handler, TLSConfig: config, ErrorLog: quietLog}
	l.t.Cleanup(func() { closeQuietly(server) })
	go func() { _ = server.ServeTLS(listener, "", "") }() // ends with the listener
	return listener.Addr().String()
}

// http starts a server in the clear and gives its address.
func (l *lab) http(handler http.Handler) string {
	l.t.Helper()
	listener := l.listen()
	server := &http.Server{Handler: handler, ErrorLog: quietLog}
	l.t.Cleanup(func() { closeQuietly(server) })
	go func() { _ = server.Serve(listener) }()
	return listener.Addr().String()
}

// serve makes a Go server the webhook's.
func (l *lab) serve(config *tls.Config, handler http.Handler) {
	l.at(labHost+":443", l.https(config, handler))
}

// sixth gives the webhook an IPv6 address too, which stands for a loopback server or a failure.
func (l *lab) sixth(standsFor string) {
	six := fmt.Sprintf("[2001:db8::%d]:443", len(l.sixes)+1)
	l.sixes[six] = standsFor
	l.at(labHost+":443", six)
}

// closedPort is an address on which nothing listens any more.
func (l *lab) closedPort() string {
	listener := l.listen()
	closeQuietly(listener)
	return listener.Addr().String()
}

// eitherWay serves TLS, if there is a configuration for it, and the clear on one port.
func (l *lab) eitherWay(config *tls.Config, clear http.Handler) string {
	l.t.Helper()
	inClear := &stub{Listener: l.listen(), passed: make(chan net.Conn), done: make(chan struct{})}
	inTLS := &stub{Listener: inClear.Listener, passed: make(chan net.Conn), done: make(chan struct{})}
	plain := &http.Server{Handler: clear, ErrorLog: quietLog}
	secure := &http.Server{Handler: receiver, TLSConfig: config, ErrorLog: quietLog}
	l.t.Cleanup(func() { closeQuietly(plain); closeQuietly(secure); closeQuietly(inClear); closeQuietly(inTLS) })
	go func() { _ = plain.Serve(inClear) }()
	if config != nil {
		go func() { _ = secure.ServeTLS(inTLS, "", "") }()
	}
	go func() {
		for {
			conn, err := inClear.Listener.Accept()
			if err != nil {
				return
			}
			go func() {
				var head [1]byte
				if _, err := io.ReadFull(conn, head[:]); err != nil {
					closeQuietly(conn)
					return
				}
				to := inClear
				if head[0] == 22 {
					to = inTLS
				}
				select {
				case to.passed <- &replaying{Conn: conn, first: io.MultiReader(bytes.NewReader(head[:]), conn)}:
				case <-to.done:
					closeQuietly(conn)
				}
			}()
		}
	}()
	return inClear.Addr().String()
}

func (l *lab) look() Facts {
	l.t.Helper()
	facts, err := Inspect(context.Background(), l.options, l.target)
	if err != nil {
		l.t.Fatal(err)
	}
	return facts
}

func (l *lab) noRoots() { l.options.SystemRoots = x509.NewCertPool() }
