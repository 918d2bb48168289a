package tlsinspect

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// inspection is the work on one address of one endpoint.
type inspection struct {
	in        *inspector
	host      string
	port      string
	address   string
	urlVisits []urlVisit

	asked chan struct{} // closed when all over HTTPS have been made
	http1 atomic.Bool   // HTTP/2 was agreed on, but does not work
	lanes chan struct{} // holds a token for each connection that is open
	mu    sync.Mutex    // guards what follows
	used  [len(limits)]int
	seen  *observations

	modern Certificate // the first handshake's

	facts   Address
	answers []Answer      // by visit
	plain   [][]PlainHTTP // by visit
}

func newInspection(in *inspector, host, port, address string, urlVisits []urlVisit) *inspection {
	l := &inspection{
		in: in, host: host, port: port, address: address, urlVisits: urlVisits,
		lanes:   make(chan struct{}, Lanes),
		asked:   make(chan struct{}),
		seen:    newObservations(),
		answers: make([]Answer, len(urlVisits)),
		plain:   make([][]PlainHTTP, len(urlVisits)),
	}
	l.facts = Address{
		Address: address, Family: family(address), DHGroups: []DHGroup{}, Suites: []Suite{}, Certificates: []Certificate{},
		Versions: newTested(), CipherClasses: newTested(), ClientCertificate: ClientCertificate{Required: "unknown"},
	}
	for i := range urlVisits {
		l.answers[i].Address = address
	}
	return l
}

func newTested() Tested {
	return Tested{Accepted: []string{}, Refused: []string{}, Undecided: []Undecided{}}
}

func family(address string) string {
	if ap, err := netip.ParseAddrPort(address); err == nil && !ap.Addr().Unmap().Is4() {
		return "ipv6"
	}
	return "ipv4"
}

// budget is what a connection is opened for. Each has a limit of its own, so that what the server
// offers is found out whatever the number of URLs that live there.
type budget int

const (
	forHello   budget = iota // to learn what the server offers: MaxConnections
	forRequest               // to send a request, where the connection of the first handshake is gone: MaxRequestConnections
)

var limits = [...]int{forHello: MaxConnections, forRequest: MaxRequestConnections}

// dial opens a connection within the limits.
func (l *inspection) dial(ctx context.Context, purpose budget) (net.Conn, error) {
	l.mu.Lock()
	if l.used[purpose] >= limits[purpose] {
		l.facts.LimitReached = true
		l.mu.Unlock()
		return nil, errLimit
	}
	l.used[purpose]++
	l.facts.Connections++
	l.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, l.in.Timeout)
	defer cancel()
	return l.in.Dial(ctx, "tcp", l.address)
}

// lane runs f once one of the lanes is free. The caller waits for the lane, not for f, so that
// what is asked first is also begun first.
func (l *inspection) lane(wg *sync.WaitGroup, f func()) {
	l.lanes <- struct{}{}
	wg.Go(func() {
		defer func() { <-l.lanes }()
		f()
	})
}

// run gathers everything about the address.
func (l *inspection) run(ctx context.Context) {
	begun := time.Now()
	g := l.firstHandshake(ctx)
	if time.Since(begun) > l.in.Timeout/8 {
		// Slow already when alone: in parallel its responses might come too late.
		for range Lanes - 1 {
			l.lanes <- struct{}{}
		}
	}
	l.facts.Reach = g.reach
	l.facts.Handshake = g.handshake()
	l.facts.ClientCertificate = g.clientCertificate(l.in.ClientCert != nil)
	if g.reach.Kind == ReachNoRoute {
		if ap, err := netip.ParseAddrPort(l.address); err == nil {
			l.facts.Reach.LocalRoute = l.in.HasRoute(ap.Addr())
		}
	}
	speaksTLS := slices.Contains([]string{ReachOK, ReachNoHandshake, ReachNoCommonSuite}, g.reach.Kind)
	var wg sync.WaitGroup
	switch g.reach.Kind {
	case ReachOK, ReachNoHandshake, ReachNoCommonSuite, ReachReset:
		chains := &chains{}
		if len(g.state.PeerCertificates) > 0 {
			chains.add("modern", g.state.PeerCertificates, g.state.OCSPResponse)
			sent := chains.list[0]
			// Begun at once, because a revocation list may have to be fetched.
			wg.Go(func() { l.modern = l.in.describe(ctx, l.host, sent) })
		}
		if g.conn == nil {
			close(l.asked)
		} else {
			l.lane(&wg, func() {
				defer close(l.asked)
				l.exchanges(ctx, g)
			})
		}
		l.testCapabilities(ctx, g, chains, &wg)
		wg.Wait()
		l.describeCertificates(ctx, chains, g)
	case ReachNotTLS:
		l.plainHTTPOnOwnPort(ctx, &wg)
		wg.Wait()
	}
	l.completePlainHTTP()
	l.facts.Versions = l.seen.versions.tested(AllVersions)
	l.facts.CipherClasses = l.seen.classes.tested(AllClasses)
	l.facts.Suites = l.seen.suites
	l.facts.DHGroups = l.seen.groups
	switch {
	case g.conn == nil && g.reach.Kind != ReachOK && l.onlyUnsupportedSuites():
		l.facts.Reach.Kind = ReachNoCommonSuite
		l.facts.Reach.Detail = "the server chooses only cipher suites that are not spoken here"
	case g.conn == nil && g.reach.Kind == ReachNoHandshake && l.onlyPSSKeys():
		l.facts.Reach.Kind, l.facts.Reach.Detail = ReachNoCommonSuite, unsupportedKey
	case !speaksTLS && len(l.facts.Versions.Accepted) > 0:
		// Closed on everything a modern client offers, but an old hello got a response.
		l.facts.Reach.Kind = ReachNoHandshake
		l.facts.Reach.Detail = "only hellos that no modern client sends get a response"
	}
	if g.conn == nil {
		l.noResponse()
	}
}

const unsupportedKey = "the certificate's key is of a kind that is not supported here"

// onlyPSSKeys: the server rejects a client that does not offer signatures of keys for RSA-PSS only, as crypto/tls does not.
func (l *inspection) onlyPSSKeys() bool {
	other := func(c Certificate) bool { return len(c.Chain) == 0 || c.Chain[0].KeyType != keyPSS }
	return len(l.facts.Certificates) > 0 && !slices.ContainsFunc(l.facts.Certificates, other)
}

// onlyUnsupportedSuites: the server chose suites of TLS, none of which crypto/tls could have
// offered.
func (l *inspection) onlyUnsupportedSuites() bool {
	foreign := false
	for _, s := range l.seen.suites {
		if slices.ContainsFunc(offeredSuites, func(id uint16) bool { return suiteName(id) == s.Name }) {
			return false
		}
		foreign = foreign || s.Version != "ssl3"
	}
	return foreign
}

// noResponse marks the requests over HTTPS that could not be made for want of a handshake.
func (l *inspection) noResponse() {
	reach := l.facts.Reach
	if reach.Kind == ReachOK {
		reach.Kind, reach.Phase = ReachClientCertificate, "handshake"
	}
	for i, v := range l.urlVisits {
		l.answers[i].Get = &Exchange{Method: "GET", Reach: reach}
		if v.target.Post {
			l.answers[i].Post = &Exchange{Method: "POST", Reach: reach}
		}
	}
}

// chains are the certificate chains one address was seen to send.
type chains struct {
	mu   sync.Mutex
	list []sentChain
}

type sentChain struct {
	offeredTo string
	certs     []*x509.Certificate
	staple    []byte
	broken    string // why a certificate could not be read
}

// add keeps a chain unless the same leaf is known already.
func (c *chains) add(offeredTo string, certs []*x509.Certificate, staple []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !slices.ContainsFunc(c.list, func(s sentChain) bool { return len(s.certs) > 0 && s.certs[0].Equal(certs[0]) }) {
		c.list = append(c.list, sentChain{offeredTo: offeredTo, certs: certs, staple: staple})
	}
}

// addRaw is add for certificates that came unencrypted.
func (c *chains) addRaw(offeredTo string, raw [][]byte, staple []byte) {
	var certs []*x509.Certificate
	for _, der := range raw {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			c.mu.Lock()
			defer c.mu.Unlock()
			if len(c.list) == 0 {
				c.list = append(c.list, sentChain{offeredTo: offeredTo, certs: certs, broken: err.Error()})
			}
			return
		}
		certs = append(certs, cert)
	}
	if len(certs) > 0 {
		c.add(offeredTo, certs, staple)
	}
}

// first is the leaf that most clients get, if it could be read.
func (c *chains) first() *x509.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.list) == 0 || len(c.list[0].certs) == 0 {
		return nil
	}
	return c.list[0].certs[0]
}

func (c *chains) empty() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.list) == 0
}

// handshakeState is what the first hello brought.
type handshakeState struct {
	reach       Reach
	conn        net.Conn // open, when the handshake was completed
	state       tls.ConnectionState
	requested   bool // a client certificate was asked for
	rejectedUs  bool // and its absence ended the handshake
	postQuantum bool // whether the hello that got a response had a post-quantum key share
	noResponse  bool // one with such a share got no response
}

// describeCertificates completes the certificates once all hellos are done.
func (l *inspection) describeCertificates(ctx context.Context, c *chains, g handshakeState) {
	for i, s := range c.list {
		described := l.modern
		if i > 0 || len(g.state.PeerCertificates) == 0 {
			described = l.in.describe(ctx, l.host, s)
		} else if described.MustStaple && !described.Staple.Present {
			// A server that fetches its staple on demand has none for its very first client.
			if again := l.handshakeAgain(ctx, g); len(again.state.OCSPResponse) > 0 {
				s.staple = again.state.OCSPResponse
				described = l.in.describe(ctx, l.host, s)
			}
		}
		l.facts.Certificates = append(l.facts.Certificates, described)
	}
}

func (l *inspection) handshakeAgain(ctx context.Context, g handshakeState) attempt {
	ctx, cancel := context.WithTimeout(ctx, l.in.Timeout)
	defer cancel()
	var connected, heard atomic.Bool
	a := l.handshake(ctx, forHello, g.postQuantum, &connected, &heard)
	if a.conn != nil {
		closeQuietly(a.conn)
	}
	return a
}
