package tlsinspect

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/md5"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"net/http"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/sandbox/certs"
)

// named serves a certificate for a name other than the lab's usual one.
func (l *lab) named(host, url string, names ...string) {
	l.target.URL = url
	c := l.modern()
	c.Certificates = []tls.Certificate{l.ca.Server(names...)}
	l.at(host, l.https(c, receiver))
}

// below issues from a chain of two authorities, whose certificates the server sends as order says.
func (l *lab) below(order func(leaf, issuer, above []byte) [][]byte) {
	c := l.ca.Intermediate("Sandbox Policy").Intermediate("Sandbox Issuer").Server(labHost)
	c.Certificate = order(c.Certificate[0], c.Certificate[1], c.Certificate[2])
	l.present(c)
}

const rootListURL = "http://crl.acme.example/root.crl"

// issuerListed serves a chain whose intermediate names its root's revocation list.
func (l *lab) issuerListed(revoked bool) {
	issuer := l.ca.IntermediateWith("Sandbox Issuer", func(c *x509.Certificate) { c.CRLDistributionPoints = []string{rootListURL} })
	body := l.ca.CRL(l.now)
	if revoked {
		body = l.ca.CRL(l.now, issuer.Certificate())
	}
	l.at("crl.acme.example:80", l.http(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) })))
	l.present(issuer.Server(labHost))
}

// withMD5 signs a certificate of an RSA key anew, by itself and with MD5, which crypto/x509 does
// not do.
func withMD5(c tls.Certificate) tls.Certificate {
	var parsed struct {
		TBS       asn1.RawValue
		Algorithm asn1.RawValue
		Signature asn1.BitString
	}
	must(asn1.Unmarshal(c.Certificate[0], &parsed))
	// sha256WithRSAEncryption becomes md5WithRSAEncryption: their identifiers differ in the last
	// byte.
	sha256, md5RSA := unhex("2a864886f70d01010b"), unhex("2a864886f70d010104")
	swap := func(b []byte) []byte { return bytes.Replace(b, sha256, md5RSA, 1) }
	tbs := swap(parsed.TBS.FullBytes)
	sum := md5.Sum(tbs)
	parsed.TBS, parsed.Algorithm = asn1.RawValue{FullBytes: tbs}, asn1.RawValue{FullBytes: swap(parsed.Algorithm.FullBytes)}
	signature := must(rsa.SignPKCS1v15(rand.Reader, c.PrivateKey.(*rsa.PrivateKey), crypto.MD5, sum[:]))
	parsed.Signature = asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}
	c.Certificate, c.Leaf = [][]byte{must(asn1.Marshal(parsed))}, nil
	return c
}

var chainBlocks = []block{
	{name: "right: an IPv4 address for a host", serve: func(l *lab) { l.named("192.0.2.1:443", "https://192.0.2.1/begini", "192.0.2.1") }},
	{name: "right: an IPv6 address for a host", serve: func(l *lab) {
		l.named("[2001:db8::7]:443", "https://[2001:DB8::7]/begini", "2001:db8::7")
	}},
	{name: "another address for a host", want: []string{"fail certificate-valid: name"}, serve: func(l *lab) {
		l.named("192.0.2.1:443", "https://192.0.2.1/begini", "192.0.2.2", labHost)
	}},
	{name: "right: an international name", serve: func(l *lab) {
		l.named("xn--hhle-5qa.acme.example:443", "https://XN--hhle-5qa.acme.example/begini", "xn--hhle-5qa.acme.example")
	}},
	{name: "right: a final dot", serve: func(l *lab) { l.named(labHost+":443", "https://"+labHost+"./begini", labHost) }},
	{name: "a wildcard two labels up", want: []string{"fail certificate-valid: name"}, serve: func(l *lab) {
		l.named("a."+labHost+":443", "https://a."+labHost+"/begini", "*.acme.example")
	}},
	{name: "right: two intermediates", serve: func(l *lab) {
		l.below(func(leaf, issuer, above []byte) [][]byte { return [][]byte{leaf, issuer, above} })
	}},
	{name: "right: two intermediates in the wrong order", serve: func(l *lab) {
		l.below(func(leaf, issuer, above []byte) [][]byte { return [][]byte{leaf, above, issuer} })
	}},
	{name: "the upper intermediate is missing", want: []string{"fail certificate-valid: trust unknown_issuer"}, serve: func(l *lab) {
		l.below(func(leaf, issuer, _ []byte) [][]byte { return [][]byte{leaf, issuer} })
	}},
	{name: "the lower intermediate is missing", want: []string{"fail certificate-valid: trust unknown_issuer"}, serve: func(l *lab) {
		l.below(func(leaf, _, above []byte) [][]byte { return [][]byte{leaf, above} })
	}},
	{name: "right: cross-signed, and the other authority's signature has expired", serve: func(l *lab) {
		c := l.ca.Intermediate("Sandbox Issuer").Server(labHost)
		crossed := certs.New(l.now).IntermediateWith("Sandbox Root", func(c *x509.Certificate) { c.NotAfter = l.now.Add(-day) })
		c.Certificate = append(c.Certificate, crossed.Certificate().Raw)
		l.present(c)
	}},
	{name: "right: an old certificate beside the chain, of a weak key and signature", serve: func(l *lab) {
		c := l.ca.Intermediate("Sandbox Issuer").Server(labHost)
		old := l.ca.Issue(certs.Request{Key: rsa1024(), Signature: x509.ECDSAWithSHA1, Authority: true, OmitChain: true})
		c.Certificate = append(c.Certificate, old.Certificate[0])
		l.present(c)
	}},
	{name: "right: no usage is named at all", serve: func(l *lab) { l.issue(certs.Request{Usages: []x509.ExtKeyUsage{}}) }},
	{name: "right: for servers and clients", serve: func(l *lab) {
		l.issue(certs.Request{Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}})
	}},
	{name: "a longer path than an issuer allows", want: []string{"fail certificate-valid: trust constraint"}, serve: func(l *lab) {
		top := l.ca.IntermediateWith("Sandbox Last", func(c *x509.Certificate) { c.MaxPathLenZero = true })
		l.present(top.Intermediate("Sandbox Issuer").Server(labHost))
	}},
	{name: "signed with SHA-1 higher up", want: []string{"fail certificate-valid: signature SHA-1"}, serve: func(l *lab) {
		l.present(l.ca.IntermediateWith("Sandbox Old", func(c *x509.Certificate) { c.SignatureAlgorithm = x509.ECDSAWithSHA1 }).Server(labHost))
	}},
	{name: "signed with MD5", want: []string{"fail certificate-valid: signature MD5", "fail certificate-valid: trust unknown_issuer"}, serve: func(l *lab) {
		l.present(withMD5(l.ca.Issue(certs.Request{Names: []string{labHost}, Key: rsa2048(), SelfSigned: true})))
	}},
	{name: "P-224", want: []string{"fail certificate-valid: key"}, serve: func(l *lab) {
		c := l.modern()
		c.MaxVersion = tls.VersionTLS12
		c.Certificates = []tls.Certificate{l.ca.Issue(certs.Request{Names: []string{labHost}, Key: must(ecdsa.GenerateKey(elliptic.P224(), rand.Reader))})}
		l.serve(c, receiver)
	}},
	{name: "right: P-521", serve: func(l *lab) {
		l.issue(certs.Request{Key: must(ecdsa.GenerateKey(elliptic.P521(), rand.Reader))})
	}},
	{name: "right: 15 days are left of a year", serve: func(l *lab) {
		l.issue(certs.Request{NotBefore: l.now.Add(-350 * day), NotAfter: l.now.Add(15 * day)})
	}},
	{name: "13 days are left of a year", want: []string{"warn certificate-valid: renewal"}, serve: func(l *lab) {
		l.issue(certs.Request{NotBefore: l.now.Add(-350 * day), NotAfter: l.now.Add(13 * day)})
	}},
	{name: "right: 9 days are left of 47", serve: func(l *lab) {
		l.issue(certs.Request{NotBefore: l.now.Add(-38 * day), NotAfter: l.now.Add(9 * day)})
	}},
	{name: "right: valid for ten years, which is a note", serve: func(l *lab) {
		l.issue(certs.Request{NotBefore: l.now.Add(-10 * day), NotAfter: l.now.Add(3640 * day)})
	}},
	{name: "right: the intermediate is on no list", serve: func(l *lab) { l.issuerListed(false) }, look: func(f Facts) error {
		issuers := address(f).Certificates[0].Issuers
		return first(expect("issuers", len(issuers), 1), expect("status", issuers[0].List.Status, "good"))
	}},
	{name: "the intermediate is revoked", want: []string{"fail certificate-valid: issuer revoked"}, serve: func(l *lab) { l.issuerListed(true) }},
	{name: "right: a second certificate that must be stapled and is", serve: func(l *lab) {
		c := l.modern()
		c.Certificates = []tls.Certificate{
			l.ca.Issue(certs.Request{Names: []string{labHost}, MustStaple: true, Staple: &certs.Staple{}}),
			l.ca.Issue(certs.Request{Names: []string{labHost}, Key: rsa2048(), MustStaple: true, Staple: &certs.Staple{}}),
		}
		l.serve(c, receiver)
	}, look: func(f Facts) error { return expect("certificates", len(address(f).Certificates), 2) }},
	{name: "a second certificate that must be stapled and is not", want: []string{"fail certificate-valid: must-staple"}, serve: func(l *lab) {
		c := l.modern()
		c.Certificates = append(c.Certificates, l.ca.Issue(certs.Request{Names: []string{labHost}, Key: rsa2048(), MustStaple: true}))
		l.serve(c, receiver)
	}},
	{name: "an IPv6 address with another certificate", want: []string{"fail certificate-valid: name"}, serve: func(l *lab) {
		l.serve(l.modern(), receiver)
		c := l.modern()
		c.Certificates = []tls.Certificate{l.ca.Server("other.acme.example")}
		l.sixth(l.https(c, receiver))
	}},
	{name: "the certificate is from tomorrow and expired", want: []string{"fail certificate-valid: trust not_yet_valid"}, serve: func(l *lab) {
		l.issue(certs.Request{NotBefore: l.now.Add(time.Hour), NotAfter: l.now.Add(30 * time.Minute)})
	}},
}
