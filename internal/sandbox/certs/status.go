package certs

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"time"

	"golang.org/x/crypto/ocsp"
)

// mustStaple is RFC 7633's TLS feature extension naming status_request (5).
var mustStaple = pkix.Extension{
	Id:    asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 24},
	Value: []byte{0x30, 0x03, 0x02, 0x01, 0x05},
}

// Staple says what an OCSP answer about a certificate states. The zero value is a fresh "good".
type Staple struct {
	Status     int       // ocsp.Good, ocsp.Revoked or ocsp.Unknown
	ThisUpdate time.Time // default: an hour before the authority's now
	NextUpdate time.Time // default: four days after the authority's now
	EmbedCA    bool      // carry the issuing authority's own certificate, as some responders do
	Responder  *Responder
}

// Responder signs OCSP answers in the authority's stead.
type Responder struct {
	Certificate *x509.Certificate
	Key         crypto.Signer
}

// Responder issues a delegated OCSP signer. Without usages it has none that entitles it to sign answers.
func (a *Authority) Responder(usages ...x509.ExtKeyUsage) *Responder {
	c := a.Issue(Request{CommonName: "Sandbox OCSP", Usages: append([]x509.ExtKeyUsage{}, usages...)})
	return &Responder{Certificate: c.Leaf, Key: c.PrivateKey.(crypto.Signer)}
}

// Answer makes the OCSP answer about a certificate that a issued.
func (a *Authority) Answer(leaf *x509.Certificate, s Staple) []byte {
	template := ocsp.Response{
		Status:       s.Status,
		SerialNumber: leaf.SerialNumber,
		ThisUpdate:   or(s.ThisUpdate, a.now.Add(-time.Hour)),
		NextUpdate:   or(s.NextUpdate, a.now.Add(96*time.Hour)),
	}
	if s.Status == ocsp.Revoked {
		template.RevokedAt = a.now.Add(-48 * time.Hour)
	}
	responder, key := a.cert, a.key
	if s.EmbedCA {
		template.Certificate = a.cert
	}
	if s.Responder != nil {
		responder, key = s.Responder.Certificate, s.Responder.Key
		template.Certificate = responder
	}
	der, err := ocsp.CreateResponse(a.cert, responder, template, key)
	if err != nil {
		panic(fmt.Errorf("mint sandbox OCSP answer: %w", err))
	}
	return der
}

// CRL makes the authority's revocation list, in DER, naming the revoked certificates; it is valid
// from an hour before now until four days after it.
func (a *Authority) CRL(now time.Time, revoked ...*x509.Certificate) []byte {
	list := &x509.RevocationList{
		Number:     big.NewInt(now.Unix()),
		ThisUpdate: now.Add(-time.Hour),
		NextUpdate: now.Add(96 * time.Hour),
	}
	for _, c := range revoked {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries, x509.RevocationListEntry{
			SerialNumber: c.SerialNumber, RevocationTime: now.Add(-48 * time.Hour),
		})
	}
	der, err := x509.CreateRevocationList(rand.Reader, list, a.cert, a.key)
	if err != nil {
		panic(fmt.Errorf("mint sandbox revocation list: %w", err))
	}
	return der
}

func or(t, fallback time.Time) time.Time {
	if t.IsZero() {
		return fallback
	}
	return t
}
