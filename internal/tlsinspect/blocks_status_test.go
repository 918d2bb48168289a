package tlsinspect

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/crypto/ocsp"

	"github.com/prelaunch-audit/prelaunch/internal/netprobe"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox/certs"
)

const listURL = "http://crl.acme.example/issuer.crl"

// listed serves a leaf that names a revocation list, and the list that make makes of it.
func (l *lab) listed(list func(issuer *certs.Authority, leaf *x509.Certificate) []byte) {
	issuer := l.ca.Intermediate("Sandbox Issuer")
	leaf := issuer.Issue(certs.Request{Names: []string{labHost}, CRLs: []string{listURL}})
	body := list(issuer, leaf.Leaf)
	l.at("crl.acme.example:80", l.http(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(body) // a client that has read enough hangs up
	})))
	l.present(leaf)
}

func revocation(status, how string) func(Facts) error {
	return func(f Facts) error {
		return expect("revocation", address(f).Certificates[0].Revocation, Revocation{Status: status, How: how})
	}
}

func stapled(problem string) func(Facts) error {
	return func(f Facts) error {
		s := address(f).Certificates[0].Staple
		return first(expect("staple present", s.Present, true), expect("staple's problem", s.Problem, problem))
	}
}

func listProblem(problem string) func(Facts) error {
	return func(f Facts) error {
		c := address(f).Certificates[0]
		return first(expect("list's problem", c.List.Problem, problem), expect("revocation", c.Revocation.Status, "unknown"))
	}
}

var statusBlocks = []block{
	{name: "right: stapled", serve: func(l *lab) { l.issue(certs.Request{Staple: &certs.Staple{}}) }, look: revocation("good", "staple")},
	{name: "right: the staple carries the authority's certificate", serve: func(l *lab) {
		l.issue(certs.Request{Staple: &certs.Staple{EmbedCA: true}})
	}, look: revocation("good", "staple")},
	{name: "right: a delegated responder", serve: func(l *lab) {
		issuer := l.ca.Intermediate("Sandbox Issuer")
		l.present(issuer.Issue(certs.Request{Names: []string{labHost}, Staple: &certs.Staple{Responder: issuer.Responder(x509.ExtKeyUsageOCSPSigning)}}))
	}, look: revocation("good", "staple")},
	{name: "right: must-staple and stapled", serve: func(l *lab) { l.issue(certs.Request{MustStaple: true, Staple: &certs.Staple{}}) }},
	{name: "right: must-staple, the first client goes without", serve: func(l *lab) {
		c := l.ca.Issue(certs.Request{Names: []string{labHost}, MustStaple: true, Staple: &certs.Staple{}})
		bare := c
		bare.OCSPStaple = nil
		config := l.modern()
		var n atomic.Int32
		config.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			if n.Add(1) == 1 {
				return &bare, nil
			}
			return &c, nil
		}
		config.Certificates = nil
		l.serve(config, receiver)
	}, look: revocation("good", "staple")},
	{name: "right: a revocation list without it", serve: func(l *lab) {
		l.listed(func(issuer *certs.Authority, _ *x509.Certificate) []byte { return issuer.CRL(l.now) })
	}, look: revocation("good", "list")},
	{name: "right: an unreachable revocation list is a note", serve: func(l *lab) { l.issue(certs.Request{CRLs: []string{listURL}}) }, look: listProblem("unreachable")},
	{name: "a revocation list that network.resolve keeps from being fetched", want: []string{"inconclusive certificate-valid: revocation list"}, serve: func(l *lab) {
		l.issue(certs.Request{CRLs: []string{listURL}})
		l.options.DialName = func(_ context.Context, _, address string) (net.Conn, error) {
			return nil, &netprobe.RefusedError{Address: address}
		}
	}, look: listProblem("not_resolved")},
	{name: "a revocation list on a host that the configuration leads nowhere", want: []string{"inconclusive certificate-valid: revocation list"}, serve: func(l *lab) {
		l.issue(certs.Request{CRLs: []string{listURL}})
		l.options.Led = func(host string) bool { return strings.Contains(listURL, "//"+host+"/") }
		l.options.DialName = func(context.Context, string, string) (net.Conn, error) { return nil, syscall.ECONNREFUSED }
	}, look: listProblem("led_elsewhere")},
	{name: "a revocation list at an address that is not contacted", want: []string{"inconclusive certificate-valid: revocation list"}, serve: func(l *lab) {
		l.issue(certs.Request{CRLs: []string{listURL}})
		l.options.DialName = func(_ context.Context, _, address string) (net.Conn, error) {
			return nil, &netprobe.BlockedError{Host: address, Kind: netprobe.AddressPrivate}
		}
	}, look: listProblem("blocked")},
	{name: "right: a stale revocation list is a note", serve: func(l *lab) {
		l.listed(func(issuer *certs.Authority, _ *x509.Certificate) []byte { return issuer.CRL(l.now.Add(-30 * day)) })
	}, look: listProblem("stale")},
	{name: "right: a revocation list of someone else is a note", serve: func(l *lab) {
		l.listed(func(_ *certs.Authority, leaf *x509.Certificate) []byte { return certs.New(l.now).CRL(l.now, leaf) })
	}, look: listProblem("wrong_signer")},
	{name: "right: an endless revocation list is a note", serve: func(l *lab) {
		l.listed(func(_ *certs.Authority, _ *x509.Certificate) []byte { return make([]byte, MaxList+2) })
	}, look: listProblem("too_large")},
	{name: "right: a stale staple without must-staple is a note", serve: func(l *lab) {
		l.issue(certs.Request{Staple: &certs.Staple{ThisUpdate: l.now.Add(-9 * day), NextUpdate: l.now.Add(-2 * day)}})
	}, look: stapled("stale")},
	{name: "revoked, by staple", want: []string{"fail certificate-valid: revoked"}, serve: func(l *lab) { l.issue(certs.Request{Staple: &certs.Staple{Status: ocsp.Revoked}}) }},
	{name: "revoked, by list", want: []string{"fail certificate-valid: revoked"}, serve: func(l *lab) {
		l.listed(func(issuer *certs.Authority, leaf *x509.Certificate) []byte { return issuer.CRL(l.now, leaf) })
	}},
	{name: "revoked, by a stale list", want: []string{"fail certificate-valid: revoked"}, serve: func(l *lab) {
		l.listed(func(issuer *certs.Authority, leaf *x509.Certificate) []byte {
			return issuer.CRL(l.now.Add(-30*day), leaf)
		})
	}},
	{name: "revoked by list, stapled as unknown", want: []string{"fail certificate-valid: revoked"}, serve: func(l *lab) {
		issuer := l.ca.Intermediate("Sandbox Issuer")
		leaf := issuer.Issue(certs.Request{Names: []string{labHost}, CRLs: []string{listURL}, Staple: &certs.Staple{Status: ocsp.Unknown}})
		body := issuer.CRL(l.now, leaf.Leaf)
		l.at("crl.acme.example:80", l.http(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) })))
		l.present(leaf)
	}},
	{name: "must-staple, not stapled", want: []string{"fail certificate-valid: must-staple"}, serve: func(l *lab) { l.issue(certs.Request{MustStaple: true}) }},
	{name: "must-staple, stapled too long ago", want: []string{"fail certificate-valid: must-staple"}, serve: func(l *lab) {
		l.issue(certs.Request{MustStaple: true, Staple: &certs.Staple{ThisUpdate: l.now.Add(-9 * day), NextUpdate: l.now.Add(-2 * day)}})
	}},
	{name: "must-staple, stapled by a mere server certificate", want: []string{"fail certificate-valid: must-staple"}, serve: func(l *lab) {
		issuer := l.ca.Intermediate("Sandbox Issuer")
		l.present(issuer.Issue(certs.Request{Names: []string{labHost}, MustStaple: true, Staple: &certs.Staple{Responder: issuer.Responder(x509.ExtKeyUsageServerAuth)}}))
	}},
	{name: "must-staple, stapled by a stranger", want: []string{"fail certificate-valid: must-staple"}, serve: func(l *lab) {
		c := l.ca.Issue(certs.Request{Names: []string{labHost}, MustStaple: true})
		c.OCSPStaple = certs.New(l.now).Answer(c.Leaf, certs.Staple{EmbedCA: true})
		l.present(c)
	}},
	{name: "must-staple, stapled nonsense", want: []string{"fail certificate-valid: must-staple"}, serve: func(l *lab) {
		c := l.ca.Issue(certs.Request{Names: []string{labHost}, MustStaple: true})
		c.OCSPStaple = []byte{0x30, 0x03, 0x0a, 0x01}
		l.present(c)
	}},
}

// identified configures a client certificate of an authority that the lab's servers do not know.
func (l *lab) identified() {
	c := certs.New(l.now).Client("prelaunch")
	l.options.ClientCert = &c
}

// authenticating serves with a demand for client certificates.
func (l *lab) authenticating(demand tls.ClientAuthType, most uint16) {
	c := l.modern()
	c.ClientAuth, c.ClientCAs, c.MaxVersion = demand, l.ca.Pool(), most
	l.serve(c, receiver)
}

var mTLS = []string{"inconclusive hsts: no answer", "inconclusive webhook-reachable: client certificate"}

var reachBlocks = []block{
	{name: "right: a client certificate is asked for, not required", serve: func(l *lab) { l.authenticating(tls.RequestClientCert, 0) }, look: func(f Facts) error {
		return expect("client certificate", address(f).ClientCertificate, ClientCertificate{Requested: true, Required: "no"})
	}},
	{name: "right: the required client certificate is configured", serve: func(l *lab) {
		c := l.ca.Client("prelaunch")
		l.options.ClientCert = &c
		l.authenticating(tls.RequireAndVerifyClientCert, 0)
	}},
	{name: "a client certificate is required, TLS 1.3", want: []string{"inconclusive hsts: no answer", "inconclusive webhook-reachable: client certificate"}, serve: func(l *lab) { l.authenticating(tls.RequireAndVerifyClientCert, 0) }},
	{name: "a client certificate is required, TLS 1.2", want: []string{"inconclusive hsts: no answer", "inconclusive webhook-reachable: client certificate"}, serve: func(l *lab) { l.authenticating(tls.RequireAndVerifyClientCert, tls.VersionTLS12) }},
	{name: "the configured client certificate is not taken, TLS 1.3", want: mTLS, serve: func(l *lab) {
		l.identified()
		l.authenticating(tls.RequireAndVerifyClientCert, 0)
	}},
	{name: "the configured client certificate is not taken, TLS 1.2", want: mTLS, serve: func(l *lab) {
		l.identified()
		l.authenticating(tls.RequireAndVerifyClientCert, tls.VersionTLS12)
	}},
	{name: "right: two addresses, two serial numbers", serve: func(l *lab) {
		l.serve(l.modern(), receiver)
		l.serve(l.modern(), receiver)
	}, look: func(f Facts) error {
		return first(expect("differences", len(f.Endpoints[0].Differences), 1), expect("fact", f.Endpoints[0].Differences[0].Fact, "certificate"))
	}},
	{name: "right: IPv4 and IPv6", serve: func(l *lab) {
		l.serve(l.modern(), receiver)
		l.sixth(l.https(l.modern(), receiver))
	}, look: func(f Facts) error { return expect("family", f.Endpoints[0].Addresses[1].Family, "ipv6") }},
	{name: "right: no IPv6 here", serve: func(l *lab) {
		l.serve(l.modern(), receiver)
		l.options.HasRoute = func(a netip.Addr) bool { return a.Is4() }
		l.sixth("no_route")
	}},
	{name: "one address is down", want: []string{"fail webhook-reachable: address refused", "inconclusive certificate-valid: uninspected", "inconclusive modern-tls: uninspected"}, serve: func(l *lab) {
		l.serve(l.modern(), receiver)
		l.at(labHost+":443", l.closedPort())
	}},
	{name: "one address has an expired certificate", want: []string{"fail certificate-valid: trust expired"}, serve: func(l *lab) {
		l.serve(l.modern(), receiver)
		l.issue(certs.Request{NotAfter: l.now.Add(-time.Hour)})
	}},
	{name: "one address takes TLS 1.0", want: []string{"fail modern-tls: version 1.0", "fail modern-tls: version 1.1"}, serve: func(l *lab) {
		l.serve(l.modern(), receiver)
		c := l.modern()
		c.MinVersion = tls.VersionTLS10
		c.CipherSuites = append(c.CipherSuites, tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA)
		l.serve(c, receiver)
	}, look: func(f Facts) error { return expect("addresses", len(f.Endpoints[0].Addresses), 2) }},
	{name: "refused", want: dark("fail webhook-reachable: address refused"), serve: func(l *lab) { l.at(labHost+":443", l.closedPort()) }},
	{name: "silent", want: dark("fail webhook-reachable: address timeout"), serve: func(l *lab) {
		l.options.Timeout = time.Second
		l.at(labHost+":443", l.stub(nil, nil, func(int, offer) verdict { return verdict{hold: true} }))
	}},
	{name: "no answer to the connection", want: dark("fail webhook-reachable: address timeout"), serve: func(l *lab) {
		l.options.Timeout = time.Second
		l.at(labHost+":443", "hang")
	}},
	{name: "closed at once", want: dark("fail webhook-reachable: address reset"), serve: func(l *lab) {
		l.at(labHost+":443", l.stub(nil, nil, func(int, offer) verdict { return verdict{} }))
	}},
	{name: "reset at once", want: dark("fail webhook-reachable: address reset"), serve: func(l *lab) {
		l.at(labHost+":443", l.stub(nil, nil, func(int, offer) verdict { return verdict{reset: true} }))
	}},
	{name: "no route", want: dark("fail webhook-reachable: address no_route"), serve: func(l *lab) { l.at(labHost+":443", "no_route") }},
	{name: "another protocol", want: dark("fail webhook-reachable: address not_tls"), serve: func(l *lab) {
		l.at(labHost+":443", l.stub(nil, nil, func(int, offer) verdict { return verdict{answer: []byte("SSH-2.0-OpenSSH_9.2p1\r\n")} }))
	}},
	{name: "HTTP where HTTPS was due", want: dark("fail webhook-reachable: address not_tls"), serve: func(l *lab) { l.at(labHost+":443", l.http(receiver)) }},
	{name: "every hello is refused", want: dark("fail webhook-reachable: address no_handshake"), serve: func(l *lab) {
		l.at(labHost+":443", l.stub(nil, nil, func(int, offer) verdict { return verdict{answer: alert(40)} }))
	}},
	{name: "the name is not known there", want: dark("fail webhook-reachable: address no_handshake"), serve: func(l *lab) {
		l.serve(&tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, nil }}, receiver)
	}},
	{name: "the name does not resolve", want: dark("fail webhook-reachable: resolution"), serve: func(*lab) {}},
}
