// Package sandbox runs the loopback receivers that the demo, the tests and the examples share: right ones in all the ways in which a
// receiver may be right, and flawed ones, each right but for a single flaw. It also plays the provider's API and
// endpoints that are plainly hostile.
//
// Rules of this package:
//   - It is the control group of the webhook probe and knows nothing of it: receivers are built from the provider's documentation
//     alone, and what a flaw must lead to (Expect) from the contract's wording.
//   - A behavior is one row of a table (Rights, Flaws). It changes the rules of an otherwise correct receiver and nothing else.
//   - What a receiver really did is counted by itself (Events), whatever it answered.
//   - Everything listens on loopback at a port of the system's choosing; keys are drawn afresh in each run.
package sandbox

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/provider"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox/certs"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
)

// Options describe a receiver. Authority, Host and Key are required.
type Options struct {
	Authority     *certs.Authority // issues the receiver's certificate
	Host          string           // the name in its URL and certificate
	Path          string           // of the webhook; default "/begini"
	Key           secret.Key
	Profile       *provider.Profile // whose events it receives; nil: those of the demo
	IntegrationID string
	Behaviors     []Behavior // applied in this order to a correct receiver
	OtherKey      secret.Key // the other environment's, known to the flaws that mix the two
	RetiredKey    secret.Key // rotated out, known to the flaws that still take it
	KnownUIDs     []string   // the users of a receiver that knows its users
	EffectsDir    string     // where each processed event leaves a file named by its UID; empty: nowhere
	Log           io.Writer  // the receiver's log; default: discarded
	Now           func() time.Time
}

// Receiver is a running receiver. Close ends it.
type Receiver struct {
	Events *Events // what it really processed

	Options  Options
	Rules    *Rules
	server   *http.Server
	plain    *http.Server // the plain-HTTP twin, nil when there is none
	tls      []net.Listener
	clear    net.Listener
	requests atomic.Int64
	conns    atomic.Int64
	closing  chan struct{}
	once     sync.Once
	serving  sync.WaitGroup
	logs     sync.Mutex
	gate     sync.RWMutex // held for reading by every handler
	gone     bool         // handlers that come late do nothing
}

type contextKey int

const connNumber contextKey = 0

// Start starts a receiver.
func Start(o Options) (*Receiver, error) {
	if o.Authority == nil || o.Host == "" || o.Key.IsZero() {
		return nil, errors.New("start sandbox receiver: an authority, a host and a key are needed")
	}
	if o.Path == "" {
		o.Path = "/begini"
	}
	if o.Log == nil {
		o.Log = io.Discard
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	events := newEvents(o.EffectsDir)
	r := &Receiver{Events: events, Options: o, Rules: rightRules(o, events), closing: make(chan struct{})}
	for _, behavior := range o.Behaviors {
		behavior.Plant(r.Rules)
	}
	if err := r.listen(); err != nil {
		return nil, errors.Join(fmt.Errorf("start sandbox receiver: %w", err), r.Close())
	}
	return r, nil
}

func (r *Receiver) listen() error {
	handler := http.Handler(http.HandlerFunc(r.serve))
	quiet := log.New(io.Discard, "", 0)
	config := &tls.Config{Certificates: []tls.Certificate{r.Rules.Certificate(r.Options.Authority, r.Options.Host)}}
	if r.Rules.Tls != nil {
		r.Rules.Tls(config)
	}
	r.server = &http.Server{
		Handler: handler, TLSConfig: config, ErrorLog: quiet, ReadHeaderTimeout: time.Minute, IdleTimeout: r.Rules.Idle, Protocols: r.Rules.Protocols,
		ConnContext: func(ctx context.Context, _ net.Conn) context.Context {
			return context.WithValue(ctx, connNumber, r.conns.Add(1)-1)
		},
	}
	r.server.SetKeepAlivesEnabled(!r.Rules.NoKeepAlive)
	for i := range max(1, r.Rules.Addresses) {
		address := "127.0.0.1:0"
		if i > 0 && r.Rules.Ipv6 {
			address = "[::1]:0"
		}
		l, err := net.Listen("tcp", address)
		if err != nil {
			return err
		}
		r.tls = append(r.tls, l)
	}
	for _, l := range r.tls {
		r.serving.Go(func() { // serving ends with ErrServerClosed
			if r.Rules.Wrap != nil {
				_ = r.server.Serve(wrappingListener{tls.NewListener(l, config), r.Rules.Wrap})
				return
			}
			_ = r.server.ServeTLS(l, "", "")
		})
	}
	if r.Rules.Plain != nil {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		r.clear = l
		r.plain = &http.Server{Handler: r.Rules.Plain(r, handler), ErrorLog: quiet, ReadHeaderTimeout: time.Minute}
		r.serving.Go(func() { _ = r.plain.Serve(l) })
	}
	return nil
}

// URL is the webhook's, at port 443 of its host; Addresses say where that is to be reached.
func (r *Receiver) URL() string { return "https://" + r.Options.Host + r.Options.Path }

// Addresses are the "address:port" behind port 443 of the host.
func (r *Receiver) Addresses() []string {
	out := make([]string, len(r.tls))
	for i, l := range r.tls {
		out[i] = l.Addr().String()
	}
	return out
}

// PlainAddress is the "address:port" behind port 80 of the host, empty when nothing listens there.
func (r *Receiver) PlainAddress() string {
	if r.clear == nil {
		return ""
	}
	return r.clear.Addr().String()
}

// Requests is how many requests arrived, the plain ones included.
func (r *Receiver) Requests() int { return int(r.requests.Load()) }

// Close ends the receiver and waits until nothing of it runs. A second call does nothing.
func (r *Receiver) Close() error {
	var err error
	r.once.Do(func() {
		close(r.closing)
		for _, server := range []*http.Server{r.server, r.plain} {
			if server != nil {
				err = errors.Join(err, server.Close())
			}
		}
		for _, l := range append(r.tls, r.clear) {
			if l != nil {
				_ = l.Close() // closed already where its server ran
			}
		}
		r.serving.Wait()
		r.gate.Lock() // once every handler has left; closing a server does not wait for them
		r.gone = true
		r.gate.Unlock()
		r.Rules.background.Wait()
	})
	if err != nil {
		return fmt.Errorf("close sandbox receiver: %w", err)
	}
	return nil
}
