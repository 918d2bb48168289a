package tlsinspect

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"slices"
	"strings"
	"sync"
)

// results keeps what was found out about each thing that was offered.
type results struct {
	accepted, refused map[string]bool
	undecided         map[string]string
}

func newResults() *results {
	return &results{accepted: map[string]bool{}, refused: map[string]bool{}, undecided: map[string]string{}}
}

func (l *results) refuse(what ...string) {
	for _, w := range what {
		l.refused[w] = true
	}
}

// tested sorts the results: one acceptance outweighs any rejection, a rejection an unclear
// response.
func (l *results) tested(all []string) Tested {
	t := newTested()
	for _, w := range all {
		why, unclear := l.undecided[w]
		switch {
		case l.accepted[w]:
			t.Accepted = append(t.Accepted, w)
		case l.refused[w]:
			t.Refused = append(t.Refused, w)
		case unclear:
			t.Undecided = append(t.Undecided, Undecided{What: w, Why: why})
		}
	}
	return t
}

// observations are what the hellos to one address brought. Safe for concurrent use.
type observations struct {
	mu       sync.Mutex
	versions *results
	classes  *results
	suites   []Suite
	groups   []DHGroup
	closed   []func(wereRejections bool) // rejections by a closed connection, to be confirmed
}

func newObservations() *observations {
	return &observations{versions: newResults(), classes: newResults(), suites: []Suite{}, groups: []DHGroup{}}
}

// noteChoice notes a choice the server made.
func (o *observations) noteChoice(version, id uint16, dhBits int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	name := versionName(version)
	o.versions.accepted[name] = true
	if id == 0 {
		return
	}
	s := Suite{Name: suiteName(id), Version: name, Classes: classesOf(suiteName(id))}
	for _, c := range s.Classes {
		o.classes.accepted[c] = true
	}
	if !slices.ContainsFunc(o.suites, func(k Suite) bool { return k.Name == s.Name && k.Version == s.Version }) {
		o.suites = append(o.suites, s)
	}
	if g := (DHGroup{Bits: dhBits, Suite: s.Name}); dhBits > 0 && !slices.Contains(o.groups, g) {
		o.groups = append(o.groups, g)
	}
}

// noteNoChoice notes that a hello which offered these things was not accepted.
func (o *observations) noteNoChoice(to *results, f serverFlight, what []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch f.kind {
	case ReachNoHandshake, ReachOK: // an alert, or a choice of something that was not offered
		to.refuse(what...)
	case ReachReset:
		o.closed = append(o.closed, func(wereRejections bool) {
			for _, w := range what {
				if wereRejections {
					to.refused[w] = true
				} else {
					to.undecided[w] = ReachReset
				}
			}
		})
	default:
		for _, w := range what {
			to.undecided[w] = f.kind
		}
	}
}

func (o *observations) accepted(of *results, what string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return of.accepted[what]
}

// sort orders the lists, which concurrency has shuffled.
func (o *observations) sort() {
	slices.SortFunc(o.suites, func(a, b Suite) int { return strings.Compare(a.Version+a.Name, b.Version+b.Name) })
	slices.SortFunc(o.groups, func(a, b DHGroup) int { return strings.Compare(a.Suite, b.Suite) })
}

// testCapabilities sends the bare hellos: the versions, the broken classes, and those worth a note.
func (l *inspection) testCapabilities(ctx context.Context, g handshakeState, c *chains, wg *sync.WaitGroup) {
	known := versionName(g.state.Version)
	var hellos, versions sync.WaitGroup
	classes := func(sets [][]string) { l.lane(&hellos, func() { l.offerGroups(ctx, &hellos, sets) }) }
	dead := g.reach.Kind == ReachReset // until a version is accepted after all
	if !dead {
		classes(brokenGroups)
	}
	l.plainHTTPOnOwnPort(ctx, wg)
	for _, v := range []uint16{tls.VersionTLS12, tls.VersionTLS11, tls.VersionTLS10, versionSSL3, tls.VersionTLS13} {
		if versionName(v) == known || v == tls.VersionTLS13 && g.state.Version != 0 {
			continue
		}
		l.lane(&versions, func() { l.version(ctx, v, c) })
	}
	if dead {
		versions.Wait()
		if len(l.seen.versions.accepted) == 0 {
			l.confirmClosed(ctx)
			return
		}
		classes(brokenGroups)
	}
	classes(commonGroups)
	l.lane(&hellos, func() {
		<-l.asked
		l.testOtherCertificate(ctx, c)
	})
	versions.Wait()
	l.lane(&hellos, func() { l.testOldestVersion(ctx) })
	hellos.Wait()
	l.confirmClosed(ctx)
	l.seen.sort()
}

var brokenClassesAndStaticDH = append(append([]string{}, brokenClasses...), "static_dh")

// sendHello sends one bare hello, within the limit on connections.
func (l *inspection) sendHello(ctx context.Context, h clientHello) serverFlight {
	h.host = l.host
	conn, err := l.dial(ctx, forHello)
	if err != nil {
		return serverFlight{kind: errorKind(err)}
	}
	return sendAndRead(ctx, conn, h, l.in.Timeout)
}

// version offers one version and everything older servers may want with it.
func (l *inspection) version(ctx context.Context, v uint16, c *chains) {
	h := clientHello{version: v, suites: allSuites()}
	if v == tls.VersionTLS13 {
		h.suites = tls13Suites
	}
	f := l.sendHello(ctx, h)
	if f.kind == ReachOK && f.version <= v {
		l.seen.noteChoice(f.version, f.suite, f.dhBits)
		// A server may send clients without SNI support (SSLv3) a certificate that no one else
		// gets.
		if f.version == tls.VersionTLS12 || c.empty() && f.version > versionSSL3 {
			c.addRaw("older", f.chain, f.staple)
		}
		if f.version == v {
			return
		}
	}
	l.seen.noteNoChoice(l.seen.versions, f, []string{versionName(v)})
}

var tls13Suites = []uint16{tls.TLS_AES_128_GCM_SHA256, tls.TLS_AES_256_GCM_SHA384, tls.TLS_CHACHA20_POLY1305_SHA256, 0x1304, 0x1305}

// brokenGroups and commonGroups are offered in one hello each, which a strict server rejects. To
// one that does not, the classes left are offered set by set, in parallel, to save time.
var (
	brokenGroups = [][]string{{"rc4", "3des", "static_dh"}, {"null", "anonymous"}, {"export", "des"}}
	commonGroups = [][]string{{"dhe"}, {"static_rsa"}, {"cbc"}}
)

func (l *inspection) offerGroups(ctx context.Context, hellos *sync.WaitGroup, sets [][]string) {
	left := l.offer(ctx, tls.VersionTLS12, slices.Concat(sets...))
	for i, set := range sets {
		set = slices.DeleteFunc(slices.Clone(set), func(class string) bool { return !slices.Contains(left, class) })
		if len(set) == 0 {
			continue
		}
		if i == 0 {
			defer l.offerUntilRejected(ctx, tls.VersionTLS12, set) // in this lane, once the others are under way
			continue
		}
		hellos.Go(func() {
			l.lanes <- struct{}{}
			defer func() { <-l.lanes }()
			l.offerUntilRejected(ctx, tls.VersionTLS12, set)
		})
	}
}

// offerUntilRejected offers classes until the server rejects what remains of them.
func (l *inspection) offerUntilRejected(ctx context.Context, version uint16, classes []string) {
	for len(classes) > 0 {
		classes = l.offer(ctx, version, classes)
	}
}

// offer offers all suites of the classes at once and gives the classes that are still inconclusive:
// those the server did not choose, and none once it has rejected them all. Of the common classes
// only suites that are in none of the broken ones are offered.
func (l *inspection) offer(ctx context.Context, version uint16, classes []string) []string {
	var unwanted []string
	if !slices.ContainsFunc(classes, func(class string) bool { return slices.Contains(brokenClassesAndStaticDH, class) }) {
		unwanted = brokenClassesAndStaticDH
	}
	offered := suitesIn(classes, unwanted...)
	f := l.sendHello(ctx, clientHello{version: version, suites: offered})
	if f.kind != ReachOK || !slices.Contains(offered, f.suite) || f.version > version {
		l.seen.noteNoChoice(l.seen.classes, f, classes)
		return nil
	}
	l.seen.noteChoice(f.version, f.suite, f.dhBits)
	return slices.DeleteFunc(slices.Clone(classes), func(class string) bool { return l.seen.accepted(l.seen.classes, class) })
}

// testOtherCertificate asks for the second certificate of a server that has one of each kind. A
// server that speaks TLS 1.3 alone shows it to nobody, because every client of that version takes
// both kinds (RFC 8446, section 9.1).
func (l *inspection) testOtherCertificate(ctx context.Context, c *chains) {
	if c.empty() {
		return
	}
	h := clientHello{version: tls.VersionTLS12, suites: ephemeralSuites("ECDSA"), schemes: schemesECDSA}
	kind := "ecdsa"
	if leaf := c.first(); leaf == nil || leaf.PublicKeyAlgorithm.String() != "RSA" {
		h.suites, h.schemes, kind = ephemeralSuites("RSA"), schemesRSA, "rsa"
	}
	f := l.sendHello(ctx, h)
	if len(f.chain) > 0 && len(f.staple) == 0 {
		// A server that fetches its staple on demand has none for the first client that gets a
		// certificate.
		if leaf, err := x509.ParseCertificate(f.chain[0]); err == nil && mustStaple(leaf) {
			if again := l.sendHello(ctx, h); len(again.staple) > 0 {
				f = again
			}
		}
	}
	if f.kind == ReachOK && slices.Contains(h.suites, f.suite) && f.version <= tls.VersionTLS12 {
		l.seen.noteChoice(f.version, f.suite, f.dhBits)
		c.addRaw(kind, f.chain, f.staple)
	}
}

// testOldestVersion repeats the question for broken suites at the oldest version the server accepts
// next to TLS 1.2: some configurations keep RC4 or 3DES for old clients only.
func (l *inspection) testOldestVersion(ctx context.Context) {
	if !l.seen.accepted(l.seen.versions, "1.2") {
		return
	}
	for _, v := range []uint16{versionSSL3, tls.VersionTLS10, tls.VersionTLS11} {
		if !l.seen.accepted(l.seen.versions, versionName(v)) {
			continue
		}
		var open []string
		for _, class := range brokenClassesAndStaticDH {
			if !l.seen.accepted(l.seen.classes, class) {
				open = append(open, class)
			}
		}
		l.offerUntilRejected(ctx, v, open)
		return
	}
}

// confirmClosed decides whether closed connections were rejections: they were, if a hello that was
// accepted before is still accepted after them. Otherwise something else closes connections, say a
// limit.
func (l *inspection) confirmClosed(ctx context.Context) {
	l.seen.mu.Lock()
	pending := l.seen.closed
	var control uint16
	for v, name := range map[uint16]string{versionSSL3: "ssl3", tls.VersionTLS10: "1.0", tls.VersionTLS11: "1.1", tls.VersionTLS12: "1.2", tls.VersionTLS13: "1.3"} {
		if l.seen.versions.accepted[name] && v > control {
			control = v
		}
	}
	l.seen.mu.Unlock()
	if len(pending) == 0 {
		return
	}
	wereRejections := false
	if control != 0 {
		h := clientHello{version: control, suites: allSuites()}
		if control == tls.VersionTLS13 {
			h.suites = tls13Suites
		}
		f := l.sendHello(ctx, h)
		wereRejections = f.kind == ReachOK && f.version == control
	}
	l.seen.mu.Lock()
	defer l.seen.mu.Unlock()
	for _, decide := range pending {
		decide(wereRejections)
	}
}
