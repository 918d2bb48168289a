package tlsinspect

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// maxNames is how many of a certificate's names the facts repeat, maxLinks how many certificates of
// a chain; all of them are used to verify it.
const (
	maxNames = 50
	maxLinks = 10
)

// describe reports what a chain is worth for a host at this moment.
func (in *inspector) describe(ctx context.Context, host string, s sentChain) Certificate {
	now := in.now()
	c := Certificate{OfferedTo: s.offeredTo, Chain: []Link{}, Trust: Trust{Roots: "none", IssuerURLs: []string{}},
		Name: NameMatch{Names: []string{}}, List: RevocationList{URLs: []string{}}, Revocation: Revocation{Status: "unknown", How: "none"}, Issuers: []Issuer{}}
	c.Sent = len(s.certs)
	for _, cert := range s.certs[:min(maxLinks, len(s.certs))] {
		c.Chain = append(c.Chain, link(cert, now))
	}
	if s.broken != "" || len(s.certs) == 0 {
		c.Trust.Kind, c.Trust.Detail = TrustUnreadable, s.broken
		return c
	}
	leaf := s.certs[0]
	c.Name = nameMatch(leaf, host)
	c.MustStaple = mustStaple(leaf)
	var paths [][]*x509.Certificate
	c.Trust, paths = in.trust(s.certs, now)
	issuer := issuerIn(paths, s.certs)
	c.Staple = checkStaple(s.staple, leaf, issuer, now)
	var path []*x509.Certificate
	var wg sync.WaitGroup
	wg.Go(func() { path, c.Issuers = in.bestPath(ctx, paths, now) })
	switch row := namedLists(leaf); {
	case len(row.URLs) > 0 && (c.Trust.Roots == "none" || issuer == nil || c.Staple.Valid && c.Staple.Status != "unknown"):
		// Only the list of a chain that verifies is fetched: otherwise whoever holds the endpoint
		// could make this machine call on any address.
		row.Problem = "not_tried"
		c.List = row
	default:
		c.List = in.revocationList(ctx, row, leaf, issuer, now)
	}
	wg.Wait()
	for i := range c.Chain {
		c.Chain[i].InPath = slices.ContainsFunc(path, s.certs[i].Equal)
	}
	switch {
	case c.Staple.Valid && c.Staple.Status != "unknown":
		c.Revocation = Revocation{Status: c.Staple.Status, How: "staple"}
	case c.List.Status != "" && c.List.Status != "unknown":
		c.Revocation = Revocation{Status: c.List.Status, How: "list"}
	}
	return c
}

// trust verifies the chain by the system's roots, then by the extra ones too. Only the
// intermediates that were sent are used; none is fetched. It gives the verified paths, leaf first.
func (in *inspector) trust(certs []*x509.Certificate, now time.Time) (Trust, [][]*x509.Certificate) {
	leaf := certs[0]
	t := Trust{Roots: "none", IssuerURLs: []string{}}
	t.LoneLeaf = len(certs) == 1 && !selfSigned(leaf)
	for _, u := range leaf.IssuingCertificateURL[:min(3, len(leaf.IssuingCertificateURL))] {
		t.IssuerURLs = append(t.IssuerURLs, cut(u, 200))
	}
	paths, err := verify(certs, in.system, now)
	if err == nil {
		t.Roots, t.Kind = "system", TrustOK
		return t, paths
	}
	roots := in.system
	if in.combined != nil {
		systemKind := trustKind(err, leaf)
		roots = in.combined
		if paths, err = verify(certs, in.combined, now); err == nil {
			t.Roots, t.Kind, t.SystemKind = "ca_file", TrustOK, systemKind
			return t, paths
		}
	}
	t.Kind, t.Detail = trustKind(err, leaf), cut(err.Error(), 300)
	if t.Kind == TrustExpired || t.Kind == TrustNotYetValid {
		// What would hold if only the dates were right: inspect the middle of the leaf's lifetime.
		middle := leaf.NotBefore.Add(leaf.NotAfter.Sub(leaf.NotBefore) / 2)
		if _, err = verify(certs, roots, middle); err == nil {
			t.OtherwiseKind = TrustOK
		} else {
			t.OtherwiseKind = trustKind(err, leaf)
		}
	}
	return t, nil
}

func verify(certs []*x509.Certificate, roots *x509.CertPool, at time.Time) ([][]*x509.Certificate, error) {
	intermediates := x509.NewCertPool()
	for _, c := range certs[1:] {
		intermediates.AddCert(c)
	}
	return certs[0].Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: intermediates, CurrentTime: at,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
}

func trustKind(err error, leaf *x509.Certificate) string {
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var constraint x509.ConstraintViolationError
	switch {
	case errors.As(err, &invalid):
		switch invalid.Reason {
		case x509.Expired:
			if invalid.Cert != nil && strings.Contains(invalid.Detail, "is before") {
				return TrustNotYetValid
			}
			return TrustExpired
		case x509.IncompatibleUsage:
			return TrustWrongUsage
		case x509.NotAuthorizedToSign:
			return TrustNotAuthority
		case x509.TooManyIntermediates, x509.CANotAuthorizedForThisName, x509.NameConstraintsWithoutSANs,
			x509.UnconstrainedName, x509.TooManyConstraints, x509.CANotAuthorizedForExtKeyUsage:
			return TrustConstraint
		}
		return TrustOther
	case errors.As(err, &constraint):
		return TrustConstraint
	case errors.As(err, &unknown):
		switch {
		case strings.Contains(err.Error(), "insecure algorithm"):
			return TrustWeakSignature
		case selfSigned(leaf):
			return TrustSelfSigned
		case strings.Contains(err.Error(), "not authorized to sign"), strings.Contains(err.Error(), "parent certificate cannot sign"):
			return TrustNotAuthority
		}
		return TrustUnknownIssuer
	}
	return TrustOther
}

// issuerIn finds who signed the leaf, in a verified path or else among what was sent.
func issuerIn(paths [][]*x509.Certificate, sent []*x509.Certificate) *x509.Certificate {
	if len(paths) > 0 && len(paths[0]) > 1 {
		return paths[0][1]
	}
	for _, c := range sent[1:] {
		if sent[0].CheckSignatureFrom(c) == nil {
			return c
		}
	}
	return nil
}

// maxPaths is how many verified paths are inspected for one without a revoked intermediate.
const maxPaths = 3

// bestPath is the first verified path none of whose intermediates is revoked, or else the first,
// with what is said about its intermediates: a client that knows of a revocation takes another path
// where there is one.
func (in *inspector) bestPath(ctx context.Context, paths [][]*x509.Certificate, now time.Time) (best []*x509.Certificate, issuers []Issuer) {
	best, issuers = nil, []Issuer{}
	for i, path := range paths[:min(maxPaths, len(paths))] {
		said := in.issuers(ctx, path, now)
		revoked := slices.ContainsFunc(said, func(s Issuer) bool { return s.List.Status == "revoked" })
		if i == 0 || !revoked {
			best, issuers = path, said
		}
		if !revoked {
			break
		}
	}
	return best, issuers
}

// issuers asks the revocation lists of a path's intermediates, in parallel. The root has none.
func (in *inspector) issuers(ctx context.Context, path []*x509.Certificate, now time.Time) []Issuer {
	out := []Issuer{}
	var wg sync.WaitGroup
	var mu sync.Mutex
	for i := 1; i < min(maxLinks, len(path)-1); i++ {
		row := namedLists(path[i])
		if len(row.URLs) == 0 {
			continue
		}
		wg.Go(func() {
			sum := sha256.Sum256(path[i].Raw)
			row = in.revocationList(ctx, row, path[i], path[i+1], now)
			mu.Lock()
			defer mu.Unlock()
			out = append(out, Issuer{Subject: cut(path[i].Subject.String(), 200), SHA256: hex.EncodeToString(sum[:]), List: row})
		})
	}
	wg.Wait()
	slices.SortFunc(out, func(a, b Issuer) int { return strings.Compare(a.SHA256, b.SHA256) })
	return out
}

func link(c *x509.Certificate, now time.Time) Link {
	sum := sha256.Sum256(c.Raw)
	l := Link{
		Subject: cut(c.Subject.String(), 200), Issuer: cut(c.Issuer.String(), 200),
		Serial: fmt.Sprintf("%x", c.SerialNumber), SHA256: hex.EncodeToString(sum[:]),
		SignatureAlgorithm: c.SignatureAlgorithm.String(), SignatureHash: signatureHash(c.SignatureAlgorithm),
		NotBefore: c.NotBefore.UTC().Format(time.RFC3339), NotAfter: c.NotAfter.UTC().Format(time.RFC3339),
		LifetimeSeconds:  int64(c.NotAfter.Sub(c.NotBefore) / time.Second),
		RemainingSeconds: int64(c.NotAfter.Sub(now) / time.Second),
		StartsInSeconds:  int64(c.NotBefore.Sub(now) / time.Second),
		SelfSigned:       selfSigned(c), Authority: c.IsCA,
	}
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		l.KeyType, l.KeyBits = "RSA", key.N.BitLen()
	case *ecdsa.PublicKey:
		l.KeyType, l.KeyBits, l.Curve = "ECDSA", key.Curve.Params().BitSize, key.Curve.Params().Name
	case ed25519.PublicKey:
		l.KeyType, l.KeyBits = "Ed25519", 256
	default:
		l.KeyType = "other" // DSA among them, which no client accepts any more
		if bits, ok := pssBits(c); ok {
			l.KeyType, l.KeyBits = keyPSS, bits
		}
	}
	return l
}

const keyPSS = "RSA-PSS"

var oidPSS = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 10}

// pssBits is the size of an RSA key that is for PSS signatures only (RFC 4055, 1.2), which
// crypto/x509 does not read.
func pssBits(c *x509.Certificate) (int, bool) {
	var info struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	if rest, err := asn1.Unmarshal(c.RawSubjectPublicKeyInfo, &info); err != nil || len(rest) > 0 || !info.Algorithm.Algorithm.Equal(oidPSS) {
		return 0, false
	}
	key, err := x509.ParsePKCS1PublicKey(info.Key.RightAlign())
	if err != nil {
		return 0, false
	}
	return key.N.BitLen(), true
}

// selfSigned reports whether a certificate is its own issuer; the signature itself is checked,
// because a name alone can be borrowed.
func selfSigned(c *x509.Certificate) bool {
	return string(c.RawIssuer) == string(c.RawSubject) && c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil
}

func signatureHash(a x509.SignatureAlgorithm) string {
	name := a.String()
	switch {
	case a == x509.PureEd25519:
		return "none"
	case strings.Contains(name, "SHA256"):
		return "SHA-256"
	case strings.Contains(name, "SHA384"):
		return "SHA-384"
	case strings.Contains(name, "SHA512"):
		return "SHA-512"
	case strings.Contains(name, "SHA1"):
		return "SHA-1"
	case strings.Contains(name, "MD5"), strings.Contains(name, "MD2"):
		return "MD5"
	}
	return "unknown"
}

func nameMatch(leaf *x509.Certificate, host string) NameMatch {
	m := NameMatch{Matches: leaf.VerifyHostname(host) == nil, Names: []string{}}
	names := append([]string{}, leaf.DNSNames...)
	for _, ip := range leaf.IPAddresses {
		names = append(names, ip.String())
	}
	for i, n := range names {
		if i < maxNames {
			m.Names = append(m.Names, cut(n, 253))
		}
	}
	if !m.Matches && len(names) == 0 && net.ParseIP(host) == nil {
		alone := &x509.Certificate{DNSNames: []string{leaf.Subject.CommonName}}
		m.CommonNameOnly = alone.VerifyHostname(host) == nil
	}
	return m
}

// httpURLs keeps what can be fetched.
func httpURLs(all []string) []string {
	out := []string{}
	for _, raw := range all {
		if u, err := url.Parse(raw); err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" {
			out = append(out, raw)
		}
	}
	return out
}

func cut(s string, n int) string {
	if len(s) > n {
		return strings.ToValidUTF8(s[:n], "") + "…"
	}
	return strings.ToValidUTF8(s, "?")
}
