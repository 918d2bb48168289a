// Package tlsinspect inspects HTTPS endpoints the way a TLS engineer would, and describes what it
// saw.
//
// Rules of this package:
//   - It describes, it never judges: no threshold and no verdict is written here.
//   - A host:port is inspected once, however many URLs live on it; its TLS facts are in an
//     Endpoint, what one path responds with is in a URL.
//   - One hello goes to an address first. Only when something responds do more follow: at most
//     Lanes connections at a time, at most MaxConnections to learn what is offered and
//     MaxRequestConnections for requests.
//   - A rejection is an alert, or a closed connection while others got responses. A timeout is
//     never read as a rejection: what timed out is inconclusive.
//   - The server's name is always sent (SNI), no proxy is ever used, every read is bounded.
//   - Nothing secret is ever sent: requests carry no body, no key and no signature.
package tlsinspect

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/lazy"
	"github.com/prelaunch-audit/prelaunch/internal/netprobe"
)

// Bounds on what one inspection may cost. They are exported so that a plan can print them.
const (
	MaxConnections        = 16       // to one address, to learn what it offers
	MaxRequestConnections = 32       // to one address, for requests beyond the first connection
	Lanes                 = 4        // connections at a time to one address
	MaxAddresses          = 16       // of one name; more are counted, not inspected
	MaxHops               = 10       // of a chain of redirects
	MaxBody               = 64 << 10 // bytes of a response that are read
	MaxList               = 10 << 20 // bytes of a revocation list that are read
	maxServerFlight       = 256 << 10
)

// Options say how to look. Resolve and Dial are required.
type Options struct {
	// Resolve gives the addresses to dial, "ip:port", for a host and a port. An error that is
	// syscall.ECONNREFUSED means that the port counts as refused.
	Resolve func(ctx context.Context, host, port string) ([]string, error)
	// Unresolved are the types of DNS records of a host that Resolve found addresses for whose lookup
	// failed; nil: of none.
	Unresolved func(host string) []string
	// Dial opens a connection to one such address.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// DialName connects to "host:port" for what a response or a certificate names; nil: by Resolve
	// and Dial.
	DialName func(ctx context.Context, network, address string) (net.Conn, error)
	// Led reports whether the configuration says where a host is; nil: of none.
	Led func(host string) bool

	SystemRoots *x509.CertPool      // nil: those of the machine
	ExtraRoots  []*x509.Certificate // of ca_file; kept apart from the system's
	ClientCert  *tls.Certificate    // for servers that ask for one
	Now         func() time.Time    // for certificates' dates; nil: time.Now
	Timeout     time.Duration       // per request; zero: 10 s
	UserAgent   string
	Getenv      func(string) string // to report proxies that are not used; nil: none are
	// Pace is asked before each HTTP request to a host (not before bare hellos) and may wait.
	Pace func(ctx context.Context, host string) error
	// Wait passes the time until a busy server is asked again; nil: it really does.
	Wait func(context.Context, time.Duration) error
	// HasRoute reports whether this machine can send to an address at all; nil asks the kernel.
	HasRoute func(netip.Addr) bool
}

// Target is one URL to inspect.
type Target struct {
	ID        string // the caller's name for it, repeated in the facts
	URL       string
	Post      bool // also send the unsigned empty POST, over HTTPS and over plain HTTP
	PlainHTTP bool // also inspect the plain-HTTP twin
	Follow    bool // also follow redirects, to their end
}

// Inspect inspects the targets. Each host:port is inspected once; a URL that cannot be contacted is
// described as such. The error says that the options do not suffice, or is the context's: facts
// gathered before a cancellation are returned with it.
func Inspect(ctx context.Context, o Options, targets ...Target) (Facts, error) {
	in, err := newInspector(o)
	if err != nil {
		return Facts{}, err
	}
	facts := Facts{Clock: in.now().UTC().Format(time.RFC3339), ProxyVariables: proxyVariables(o.Getenv), Endpoints: []Endpoint{}, URLs: make([]URL, len(targets))}
	type group struct {
		host, port string
		urlVisits  []urlVisit
	}
	groups := map[string]*group{}
	var order []string
	for i, t := range targets {
		u, err := parse(t.URL)
		facts.URLs[i] = URL{Target: t.ID, Answers: []Answer{}, PlainHTTP: []PlainHTTP{}, RedirectChains: []RedirectChain{}}
		if err != nil {
			facts.URLs[i].Problem = err.Error()
			continue
		}
		facts.URLs[i].URL, facts.URLs[i].Scheme = display(u), u.Scheme
		if u.Scheme != "https" {
			continue // described by its scheme alone; never contacted
		}
		host, port := hostPort(u)
		key := net.JoinHostPort(host, port)
		facts.URLs[i].Endpoint = key
		g := groups[key]
		if g == nil {
			g = &group{host: host, port: port}
			groups[key] = g
			order = append(order, key)
		}
		g.urlVisits = append(g.urlVisits, urlVisit{target: t, url: u, facts: &facts.URLs[i]})
	}
	facts.Endpoints = make([]Endpoint, len(order))
	var wg sync.WaitGroup
	for i, key := range order {
		g := groups[key]
		wg.Go(func() { facts.Endpoints[i] = in.endpoint(ctx, g.host, g.port, g.urlVisits) })
	}
	wg.Wait()
	return facts, ctx.Err()
}

// urlVisit is one URL while its endpoint is being inspected.
type urlVisit struct {
	target Target
	url    *url.URL
	facts  *URL
}

type inspector struct {
	Options
	system   *x509.CertPool
	combined *x509.CertPool // nil without extra roots
	lists    listCache
	waited   atomic.Int64 // for busy servers, in nanoseconds
}

func newInspector(o Options) (*inspector, error) {
	if o.Resolve == nil || o.Dial == nil {
		return nil, errors.New("look at endpoints: no resolver or no dialer was given")
	}
	in := &inspector{Options: o, system: o.SystemRoots}
	if in.Timeout <= 0 {
		in.Timeout = 10 * time.Second
	}
	if in.Wait == nil {
		in.Wait = netprobe.Sleep
	}
	if in.HasRoute == nil {
		in.HasRoute = hasRoute
	}
	if in.system == nil {
		pool, err := x509.SystemCertPool()
		if err != nil {
			return nil, fmt.Errorf("read the system's root certificates: %w", err)
		}
		in.system = pool
	}
	if len(o.ExtraRoots) > 0 {
		in.combined = in.system.Clone()
		for _, c := range o.ExtraRoots {
			in.combined.AddCert(c)
		}
	}
	return in, nil
}

func proxyVariables(getenv func(string) string) []string {
	set := []string{}
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"} {
		if getenv != nil && getenv(name) != "" {
			set = append(set, name)
		}
	}
	return set
}

func (in *inspector) now() time.Time {
	if in.Now == nil {
		return time.Now()
	}
	return in.Now()
}

// endpoint inspects every address of one host:port, all at once, and the URLs that live there.
func (in *inspector) endpoint(ctx context.Context, host, port string, urlVisits []urlVisit) Endpoint {
	e := Endpoint{Name: net.JoinHostPort(host, port), Host: host, Port: port, Addresses: []Address{}, Differences: []Difference{}}
	addresses, resolution := in.resolve(ctx, host, port)
	e.Resolution = resolution
	inspections := make([]*inspection, len(addresses))
	twins := make([][]PlainHTTP, len(urlVisits))
	var wg sync.WaitGroup
	for i, v := range urlVisits {
		if v.target.PlainHTTP {
			wg.Go(func() { twins[i] = in.plainHTTPOnPort80(ctx, host, v) })
		}
	}
	for i, a := range addresses {
		inspections[i] = newInspection(in, host, port, a, urlVisits)
		wg.Go(func() { inspections[i].run(ctx) })
	}
	wg.Wait()
	for _, l := range inspections {
		for i, v := range urlVisits {
			v.facts.Answers = append(v.facts.Answers, l.answers[i])
			v.facts.PlainHTTP = append(v.facts.PlainHTTP, l.plain[i]...)
		}
	}
	for i, v := range urlVisits {
		v.facts.PlainHTTP = append(v.facts.PlainHTTP, twins[i]...)
		comparePlainHTTP(v.facts)
	}
	in.follow(ctx, urlVisits, inspections)
	for _, l := range inspections {
		e.Addresses = append(e.Addresses, l.facts)
	}
	e.Differences = differences(e.Addresses)
	return e
}

// resolve bounds the number of addresses and describes how the name resolved.
func (in *inspector) resolve(ctx context.Context, host, port string) ([]string, Resolution) {
	ctx, cancel := context.WithTimeout(ctx, in.Timeout)
	defer cancel()
	addresses, err := in.Resolve(ctx, host, port)
	r := Resolution{Kind: ReachOK, Addresses: len(addresses)}
	if err != nil {
		r.Kind, r.Detail = resolutionKind(err), detailOf(err)
		return nil, r
	}
	if in.Unresolved != nil {
		r.Unresolved = in.Unresolved(host)
	}
	if len(addresses) == 0 {
		r.Kind, r.Detail = ResolutionNone, "the name has no address"
	}
	if len(addresses) > MaxAddresses {
		r.Skipped = len(addresses) - MaxAddresses
		addresses = addresses[:MaxAddresses]
	}
	return addresses, r
}

func parse(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, errors.New("not a URL") // the parser's message repeats the text, which may hold credentials
	}
	if u.Host == "" || u.Hostname() == "" {
		return nil, errors.New("the URL names no host")
	}
	for _, r := range u.Hostname() {
		if r > 126 || r <= ' ' {
			return nil, errors.New("the URL's host is not plain ASCII; write an international name in its xn-- form")
		}
	}
	u.Scheme = strings.ToLower(u.Scheme)
	return u, nil
}

// hostPort gives the name to send and verify, without a trailing dot, and the port.
func hostPort(u *url.URL) (host, port string) {
	host, port = strings.TrimSuffix(strings.ToLower(u.Hostname()), "."), u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	return host, port
}

// display writes a URL without what may be secret in it: credentials, query, fragment.
func display(u *url.URL) string {
	shown := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}
	text := shown.String()
	if u.RawQuery != "" {
		text += "?…"
	}
	if len(text) > 500 {
		text = text[:500] + "…"
	}
	return text
}

// token is what may be a signature or another credential: as long as HMAC-SHA-256 is in base64, or longer.
var token = lazy.Regexp(`[A-Za-z0-9_-]{43,}`)

// named writes a URL that a response names, which may hold anything that the server knows.
func named(u *url.URL) string { return token().ReplaceAllString(display(u), "…") }

// request makes the one request this package sends: without body, key or signature.
func (in *inspector) request(ctx context.Context, method string, u *url.URL) (*http.Request, error) {
	clean := *u
	clean.User, clean.Fragment = nil, ""
	r, err := http.NewRequestWithContext(ctx, method, clean.String(), nil)
	if err != nil {
		return nil, err
	}
	if method == http.MethodPost {
		r.Body, r.ContentLength = http.NoBody, 0
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("User-Agent", in.UserAgent)
	return r, nil
}
