// Package certs mints the certificates that the sandbox receivers, the demo and the tests serve.
//
// Rules of this file:
//   - Everything is made afresh in memory; no key is ever stored in the repository.
//   - The clock comes from the caller, so an expired or a future certificate needs no waiting.
//   - Minting fails only when the program itself asks for something impossible, so these functions
//     panic instead of returning an error: a sandbox with half a certificate is of no use to anyone.
package certs

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"time"
)

// Authority is a certification authority: a self-signed root, or an intermediate below one.
type Authority struct {
	now   time.Time
	cert  *x509.Certificate
	key   crypto.Signer
	root  *x509.Certificate
	chain [][]byte // what a server sends after its leaf: this authority and those above it, without the root
}

// New makes a self-signed root whose certificates are valid around now.
func New(now time.Time) *Authority {
	key := newKey()
	template := authorityTemplate("Sandbox Root", now)
	cert := sign(template, template, key.Public(), key)
	return &Authority{now: now, cert: cert, key: key, root: cert}
}

// Intermediate makes an authority below a; what it issues carries it in the chain.
func (a *Authority) Intermediate(name string) *Authority {
	return a.IntermediateWith(name, func(*x509.Certificate) {})
}

// IntermediateWith makes an authority below a with a fault of its own: change may turn its
// certificate into an expired one, a constrained one, or one that may not issue at all.
func (a *Authority) IntermediateWith(name string, change func(*x509.Certificate)) *Authority {
	key := newKey()
	template := authorityTemplate(name, a.now)
	change(template)
	cert := sign(template, a.cert, key.Public(), a.key)
	return &Authority{now: a.now, cert: cert, key: key, root: a.root, chain: append([][]byte{cert.Raw}, a.chain...)}
}

// Certificate is the authority's own certificate.
func (a *Authority) Certificate() *x509.Certificate { return a.cert }

// CAPEM is the root's certificate in PEM, as a ca_file holds it.
func (a *Authority) CAPEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.root.Raw})
}

// Pool trusts the root and nothing else.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.root)
	return pool
}

// Server issues a faultless server certificate for the names, which are host names or IP addresses.
func (a *Authority) Server(names ...string) tls.Certificate {
	return a.Issue(Request{Names: names})
}

// Client issues a certificate with which a client identifies itself.
func (a *Authority) Client(name string) tls.Certificate {
	return a.Issue(Request{CommonName: name, Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
}

// Request says how a certificate differs from a faultless server certificate. The zero value of each field is the faultless choice.
type Request struct {
	Names      []string           // subjectAltName: host names and IP addresses
	CommonName string             // the subject's; default: "Sandbox"
	NotBefore  time.Time          // default: 15 days before the authority's now
	NotAfter   time.Time          // default: 75 days after the authority's now
	Key        crypto.Signer      // default: a new P-256 key
	Usages     []x509.ExtKeyUsage // default: serverAuth
	Signature  x509.SignatureAlgorithm
	CRLs       []string       // CRL distribution points, URLs
	OCSP       []string       // OCSP responders, URLs
	Issuers    []string       // where the issuer's certificate can be fetched (AIA), URLs
	MustStaple bool           // RFC 7633's status_request feature
	Staple     *Staple        // an OCSP answer to send along
	Authority  bool           // mark the leaf as an authority, as self-signed server certificates often are
	SelfSigned bool           // sign with the certificate's own key instead of the authority's
	OmitChain  bool           // leave the intermediates out of what the server sends
	AppendRoot bool           // send the root too, which is needless but no fault
	KeyUsage   *x509.KeyUsage // default: digitalSignature and keyEncipherment
}

// Issue makes a certificate with its chain and key, ready to serve.
func (a *Authority) Issue(r Request) tls.Certificate {
	key := r.Key
	if key == nil {
		key = newKey()
	}
	template := r.template(a.now)
	parent, signer := a.cert, a.key
	if r.SelfSigned {
		parent, signer = template, key
	}
	leaf := sign(template, parent, key.Public(), signer)
	out := tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf}
	if !r.OmitChain && !r.SelfSigned {
		out.Certificate = append(out.Certificate, a.chain...)
	}
	if r.AppendRoot {
		out.Certificate = append(out.Certificate, a.root.Raw)
	}
	if r.Staple != nil {
		out.OCSPStaple = a.Answer(leaf, *r.Staple)
	}
	return out
}

func (r Request) template(now time.Time) *x509.Certificate {
	t := &x509.Certificate{
		SerialNumber:          serial(),
		Subject:               pkix.Name{CommonName: "Sandbox"},
		NotBefore:             now.Add(-15 * 24 * time.Hour),
		NotAfter:              now.Add(75 * 24 * time.Hour),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		IsCA:                  r.Authority,
		SignatureAlgorithm:    r.Signature,
		CRLDistributionPoints: r.CRLs,
		OCSPServer:            r.OCSP,
		IssuingCertificateURL: r.Issuers,
	}
	if r.CommonName != "" {
		t.Subject.CommonName = r.CommonName
	}
	if !r.NotBefore.IsZero() {
		t.NotBefore = r.NotBefore
	}
	if !r.NotAfter.IsZero() {
		t.NotAfter = r.NotAfter
	}
	if r.Usages != nil {
		t.ExtKeyUsage = r.Usages
	}
	if r.KeyUsage != nil {
		t.KeyUsage = *r.KeyUsage
	}
	if r.Authority {
		t.KeyUsage |= x509.KeyUsageCertSign
	}
	if r.MustStaple {
		t.ExtraExtensions = append(t.ExtraExtensions, mustStaple)
	}
	for _, name := range r.Names {
		if ip := net.ParseIP(name); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else {
			t.DNSNames = append(t.DNSNames, name)
		}
	}
	return t
}

// PEM spells a certificate the way servers read it from files: the chain, leaf first, and the key in PKCS #8.
func PEM(c tls.Certificate) (chain, key []byte) {
	for _, der := range c.Certificate {
		chain = append(chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		panic(fmt.Errorf("spell sandbox key: %w", err))
	}
	return chain, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func authorityTemplate(name string, now time.Time) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber:          serial(),
		Subject:               pkix.Name{Organization: []string{"Acme Sandbox"}, CommonName: name},
		NotBefore:             now.Add(-400 * 24 * time.Hour),
		NotAfter:              now.Add(4000 * 24 * time.Hour),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
}

func sign(template, parent *x509.Certificate, public crypto.PublicKey, key crypto.Signer) *x509.Certificate {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		panic(fmt.Errorf("mint sandbox certificate %q: %w", template.Subject.CommonName, err))
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		panic(fmt.Errorf("read back sandbox certificate %q: %w", template.Subject.CommonName, err))
	}
	return cert
}

func newKey() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(fmt.Errorf("make sandbox key: %w", err))
	}
	return key
}

func serial() *big.Int {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		panic(fmt.Errorf("draw sandbox serial number: %w", err))
	}
	return n.Add(n, big.NewInt(1))
}
