// Package netprobe is how every probe connects to what is audited: one dialer, one HTTP client, one
// classifier of network errors. It honors network.resolve, never uses a proxy, keeps away from
// addresses that it must not contact, bounds the connections to one receiver and paces the requests
// to it.
package netprobe

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/time/rate"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
)

// MaxConnections is how many connections to one address are open at a time.
const MaxConnections = 16

// dialTimeout bounds a connection attempt where the caller's context is more patient.
const dialTimeout = 10 * time.Second

// Network implements audit.Network.
type Network struct {
	guard     guard
	overrides map[string][]string // "host:port" → "address:port"
	hosts     map[string]bool     // hosts that have any override
	resolver  Resolver
	dialer    *net.Dialer
	limiters  map[string]*rate.Limiter

	mu      sync.Mutex
	slots   map[string]chan struct{}
	names   map[string]*lookup
	granted map[string]bool // "address:port" of hosts that may be contacted there
}

// lookup is one query of DNS, shared by all who ask for the name.
type lookup struct {
	done      chan struct{}
	addresses []netip.Addr
	failed    []string // record types for which DNS did not say whether there are any
	err       error
}

// Resolver looks names up; *net.Resolver is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// RefusedError reports that a port was not tried because network.resolve names other ports of its
// host only.
type RefusedError struct{ Address string }

func (e *RefusedError) Error() string {
	return fmt.Sprintf("%s: connection refused (network.resolve has no entry for this port)", e.Address)
}

// Unwrap makes errors.Is(err, syscall.ECONNREFUSED) hold.
func (e *RefusedError) Unwrap() error { return syscall.ECONNREFUSED }

// New returns the network of an integration. resolver nil means the machine's own.
func New(integration *audit.Integration, resolver Resolver) *Network {
	if resolver == nil {
		resolver = net.DefaultResolver
	}
	n := &Network{
		guard: newGuard(integration), granted: map[string]bool{},
		overrides: map[string][]string{}, hosts: map[string]bool{}, resolver: resolver,
		dialer:   &net.Dialer{Timeout: dialTimeout},
		limiters: map[string]*rate.Limiter{}, slots: map[string]chan struct{}{}, names: map[string]*lookup{},
	}
	if integration.Network.Timeout > 0 {
		n.dialer.Timeout = integration.Network.Timeout
	}
	for from, to := range integration.Network.Resolve {
		host, port, err := net.SplitHostPort(from)
		if err != nil {
			continue // config rejects such an entry
		}
		host = canonical(host)
		if isForeignAPI(integration, host) {
			continue
		}
		n.overrides[net.JoinHostPort(host, port)] = to
		n.hosts[host] = true
		n.guard.named[host] = true
	}
	for environment, perSecond := range integration.Network.RequestsPerSec {
		// A burst of a tenth of a second keeps parallel requests busy without exceeding the rate
		// over any second by more than that.
		n.limiters[environment] = rate.NewLimiter(rate.Limit(perSecond), max(1, int(perSecond/10)))
	}
	return n
}

// isForeignAPI reports whether host is one that keys are sent to and that the command line did not
// name: the configuration, which may come from the audited team, must not lead such a connection
// elsewhere.
func isForeignAPI(integration *audit.Integration, host string) bool {
	if slices.ContainsFunc(integration.AllowedAPIHosts, func(allowed string) bool { return strings.EqualFold(allowed, host) }) {
		return false
	}
	return slices.ContainsFunc(integration.Environments, func(environment audit.Environment) bool {
		base, err := url.Parse(environment.APIBaseURL)
		return err == nil && strings.EqualFold(base.Hostname(), host)
	})
}

// Addresses implements audit.Network. An IP literal is its own address. Each name is looked up once
// a run.
func (n *Network) Addresses(ctx context.Context, host, port string) ([]string, error) {
	host = canonical(host)
	addresses, err := n.resolve(ctx, host, port)
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, address := range addresses {
		if at, err := netip.ParseAddrPort(address); err == nil && n.guard.check(host, at.Addr()) == nil {
			n.granted[address] = true
		}
	}
	return addresses, nil
}

func (n *Network) resolve(ctx context.Context, host, port string) ([]string, error) {
	key := net.JoinHostPort(host, port)
	if to, ok := n.overrides[key]; ok {
		return slices.Clone(to), nil
	}
	if n.hosts[host] {
		return nil, &RefusedError{Address: key}
	}
	if literal, err := netip.ParseAddr(host); err == nil {
		return []string{netip.AddrPortFrom(literal, mustPort(port)).String()}, nil
	}
	found, err := n.lookUp(ctx, host)
	if err != nil {
		return nil, err
	}
	addresses := make([]string, len(found))
	for i, address := range found {
		addresses[i] = net.JoinHostPort(address.String(), port)
	}
	return addresses, nil
}

// lookUp asks DNS, once for all who want the name at the same time or later. A failure is not kept.
func (n *Network) lookUp(ctx context.Context, host string) ([]netip.Addr, error) {
	for {
		n.mu.Lock()
		found, begun := n.names[host]
		if !begun {
			found = &lookup{done: make(chan struct{})}
			n.names[host] = found
		}
		n.mu.Unlock()
		if !begun {
			n.ask(ctx, host, found)
		}
		select {
		case <-found.done:
		case <-ctx.Done():
			return nil, fmt.Errorf("look up %s: %w", host, ctx.Err())
		}
		if errors.Is(found.err, context.Canceled) && ctx.Err() == nil {
			continue // another caller's query, which was canceled
		}
		return found.addresses, found.err
	}
}

// Unresolved implements audit.Network.
func (n *Network) Unresolved(host string) []string {
	n.mu.Lock()
	found := n.names[canonical(host)]
	n.mu.Unlock()
	if found == nil {
		return nil
	}
	<-found.done
	return found.failed
}

// families are the record types that hold addresses, with how LookupNetIP calls what they hold. Each is
// asked for alone: a resolver that is asked for both does not say that one of the answers was an error.
var families = []struct{ record, network string }{{"A", "ip4"}, {"AAAA", "ip6"}}

func (n *Network) ask(ctx context.Context, host string, found *lookup) {
	defer close(found.done)
	ctx, cancel := context.WithTimeout(ctx, n.dialer.Timeout)
	defer cancel()
	addresses, errs := make([][]netip.Addr, len(families)), make([]error, len(families))
	var wait sync.WaitGroup
	for i, family := range families {
		wait.Go(func() { addresses[i], errs[i] = n.resolver.LookupNetIP(ctx, family.network, host) })
	}
	wait.Wait()
	var failure error // one that leaves open whether there are addresses tells more than that there are none
	for i, err := range errs {
		switch {
		case err == nil:
		case !hasNone(err):
			found.failed, failure = append(found.failed, families[i].record), err
		case failure == nil:
			failure = err
		}
	}
	all := slices.Concat(addresses...)
	if canceled := ctx.Err(); errors.Is(canceled, context.Canceled) && failure != nil {
		all, failure = nil, canceled // others may still want to know
	}
	if len(all) == 0 {
		found.failed, found.err = nil, fmt.Errorf("look up %s: %w", host, cmp.Or(failure, errNoAddress(host)))
		n.mu.Lock()
		delete(n.names, host)
		n.mu.Unlock()
		return
	}
	for i := range all {
		all[i] = all[i].Unmap()
	}
	slices.SortFunc(all, netip.Addr.Compare)
	found.addresses = slices.Compact(all)
}

// hasNone reports whether a lookup ended with the name having no address of the kind.
func hasNone(err error) bool {
	var dns *net.DNSError
	var unsuitable *net.AddrError // the hosts file has the other kind only
	return errors.As(err, &dns) && dns.IsNotFound || errors.As(err, &unsuitable)
}

func errNoAddress(host string) error {
	return &net.DNSError{Err: "no address", Name: host, IsNotFound: true}
}

func mustPort(port string) uint16 {
	number, err := net.LookupPort("tcp", port)
	if err != nil {
		return 0
	}
	return uint16(number)
}

// DialContext implements audit.Network. A host is reached at the first of its addresses that
// answers.
func (n *Network) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", address, err)
	}
	addresses, err := n.Addresses(ctx, host, port)
	if err != nil {
		return nil, err
	}
	var first error
	for _, candidate := range addresses {
		conn, err := n.dial(ctx, network, host, candidate)
		if err == nil {
			return conn, nil
		}
		if first == nil {
			first = err
		}
		if ctx.Err() != nil {
			break
		}
	}
	if first == nil {
		return nil, errNoAddress(host)
	}
	return nil, first
}

// DialAddress implements audit.Network.
func (n *Network) DialAddress(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", address, err)
	}
	return n.dial(ctx, network, host, address)
}

// dial connects to an address on behalf of a host once one of the address's slots is free, and
// keeps the slot until the connection is closed.
func (n *Network) dial(ctx context.Context, network, host, address string) (net.Conn, error) {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", address, err)
	}
	if err := n.guard.check(host, at.Addr()); err != nil && !n.isGranted(address) {
		return nil, err
	}
	slot := n.slot(address)
	select {
	case slot <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	conn, err := n.dialer.DialContext(ctx, network, address)
	if err != nil {
		<-slot
		return nil, err
	}
	return &slotted{Conn: conn, release: sync.OnceFunc(func() { <-slot })}, nil
}

func (n *Network) isGranted(address string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.granted[address]
}

func (n *Network) slot(address string) chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	slot, ok := n.slots[address]
	if !ok {
		slot = make(chan struct{}, MaxConnections)
		n.slots[address] = slot
	}
	return slot
}

type slotted struct {
	net.Conn
	release func()
}

func (c *slotted) Close() error {
	defer c.release()
	return c.Conn.Close()
}

// CloseWrite lets a caller end its half of the connection.
func (c *slotted) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// Pace implements audit.Network.
func (n *Network) Pace(ctx context.Context, environment string) error {
	limiter, ok := n.limiters[environment]
	if !ok {
		return ctx.Err()
	}
	return limiter.Wait(ctx)
}

// Roots are the machine's certificate authorities and, in All, also those of a PEM file.
func Roots(extraPEM []byte) (audit.Roots, error) {
	system, err := x509.SystemCertPool()
	if err != nil {
		return audit.Roots{}, fmt.Errorf("read the machine's certificate authorities: %w", err)
	}
	all := system.Clone()
	if len(extraPEM) > 0 && !all.AppendCertsFromPEM(extraPEM) {
		return audit.Roots{}, errors.New("network.ca_file holds no certificate in PEM")
	}
	return audit.Roots{System: system, All: all}, nil
}
