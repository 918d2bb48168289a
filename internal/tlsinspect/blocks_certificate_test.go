package tlsinspect

import (
	"crypto/tls"
	"crypto/x509"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/sandbox/certs"
)

const day = 24 * time.Hour

// issue serves a certificate that differs from a right one as r says.
func (l *lab) issue(r certs.Request) {
	if r.Names == nil {
		r.Names = []string{labHost}
	}
	l.present(l.ca.Intermediate("Sandbox Issuer").Issue(r))
}

func (l *lab) present(c tls.Certificate) {
	config := l.modern()
	config.Certificates = []tls.Certificate{c}
	l.serve(config, receiver)
}

var certificateBlocks = []block{
	{name: "right: a wildcard", serve: func(l *lab) { l.issue(certs.Request{Names: []string{"*.acme.example"}}) }},
	{name: "right: the root is sent too", serve: func(l *lab) { l.issue(certs.Request{AppendRoot: true}) }},
	{name: "right: an unrelated certificate in the chain", serve: func(l *lab) {
		c := l.ca.Intermediate("Sandbox Issuer").Server(labHost)
		other := certs.New(l.now).Certificate().Raw
		c.Certificate = [][]byte{c.Certificate[0], other, c.Certificate[1]}
		l.present(c)
	}},
	{name: "right: short-lived, in normal renewal", serve: func(l *lab) {
		l.issue(certs.Request{NotBefore: l.now.Add(-3 * day), NotAfter: l.now.Add(3 * day)})
	}},
	{name: "right: issued this minute", serve: func(l *lab) { l.issue(certs.Request{NotBefore: l.now.Add(-time.Minute)}) }},
	{name: "a private authority of ca_file", want: []string{"warn certificate-valid: private authority"}, serve: func(l *lab) {
		l.noRoots()
		l.options.ExtraRoots = []*x509.Certificate{l.ca.Certificate()}
		l.issue(certs.Request{})
	}, look: func(f Facts) error {
		return expect("system's word", address(f).Certificates[0].Trust.SystemKind, TrustUnknownIssuer)
	}},
	{name: "an unknown authority", want: []string{"fail certificate-valid: trust unknown_issuer"}, serve: func(l *lab) {
		l.noRoots()
		l.issue(certs.Request{})
	}},
	{name: "a missing intermediate", want: []string{"fail certificate-valid: trust unknown_issuer"}, serve: func(l *lab) {
		l.issue(certs.Request{OmitChain: true, Issuers: []string{"http://ca.acme.example/issuer.crt"}})
	}, look: func(f Facts) error {
		t := address(f).Certificates[0].Trust
		return first(expect("lone leaf", t.LoneLeaf, true), expect("issuer hints", len(t.IssuerURLs), 1))
	}},
	{name: "self-signed", want: []string{"fail certificate-valid: trust self_signed"}, serve: func(l *lab) { l.issue(certs.Request{SelfSigned: true}) }},
	{name: "expired", want: []string{"fail certificate-valid: trust expired"}, serve: func(l *lab) { l.issue(certs.Request{NotAfter: l.now.Add(-time.Hour)}) }, look: func(f Facts) error {
		return expect("dates aside", address(f).Certificates[0].Trust.OtherwiseKind, TrustOK)
	}},
	{name: "expired and unknown", want: []string{"fail certificate-valid: trust expired"}, serve: func(l *lab) {
		l.noRoots()
		l.issue(certs.Request{OmitChain: true, NotAfter: l.now.Add(-time.Hour)})
	}, look: func(f Facts) error {
		return expect("dates aside", address(f).Certificates[0].Trust.OtherwiseKind, TrustUnknownIssuer)
	}},
	{name: "not yet valid", want: []string{"fail certificate-valid: trust not_yet_valid"}, serve: func(l *lab) { l.issue(certs.Request{NotBefore: l.now.Add(time.Hour)}) }},
	{name: "renewal is overdue", want: []string{"warn certificate-valid: renewal"}, serve: func(l *lab) {
		l.issue(certs.Request{NotBefore: l.now.Add(-80 * day), NotAfter: l.now.Add(10 * day)})
	}},
	{name: "short-lived and nearly over", want: []string{"warn certificate-valid: renewal"}, serve: func(l *lab) {
		l.issue(certs.Request{NotBefore: l.now.Add(-5 * day), NotAfter: l.now.Add(12 * time.Hour)})
	}},
	{name: "another name", want: []string{"fail certificate-valid: name"}, serve: func(l *lab) { l.issue(certs.Request{Names: []string{"www.acme.example"}}) }},
	{name: "a wildcard one label too short", want: []string{"fail certificate-valid: name"}, serve: func(l *lab) { l.issue(certs.Request{Names: []string{"*.example"}}) }},
	{name: "the name in the subject alone", want: []string{"fail certificate-valid: name"}, serve: func(l *lab) {
		l.issue(certs.Request{Names: []string{}, CommonName: labHost})
	}, look: func(f Facts) error {
		return expect("common name only", address(f).Certificates[0].Name.CommonNameOnly, true)
	}},
	{name: "for clients only", want: []string{"fail certificate-valid: trust wrong_usage"}, serve: func(l *lab) {
		l.issue(certs.Request{Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	}},
	{name: "issued by a certificate that may not", want: []string{"fail certificate-valid: trust not_authority"}, serve: func(l *lab) {
		l.present(l.ca.IntermediateWith("Sandbox Leaf", func(c *x509.Certificate) { c.IsCA, c.KeyUsage = false, x509.KeyUsageDigitalSignature }).Server(labHost))
	}},
	{name: "issued against a name constraint", want: []string{"fail certificate-valid: trust constraint"}, serve: func(l *lab) {
		l.present(l.ca.IntermediateWith("Sandbox Constrained", func(c *x509.Certificate) {
			c.PermittedDNSDomains, c.PermittedDNSDomainsCritical = []string{"other.example"}, true
		}).Server(labHost))
	}},
	{name: "an expired intermediate", want: []string{"fail certificate-valid: trust expired"}, serve: func(l *lab) {
		l.present(l.ca.IntermediateWith("Sandbox Expired", func(c *x509.Certificate) { c.NotAfter = l.now.Add(-day) }).Server(labHost))
	}},
}
