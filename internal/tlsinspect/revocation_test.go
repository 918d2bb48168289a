package tlsinspect

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"slices"
	"testing"
	"time"
)

// selfIssued is a certificate of public, issued by a new ECDSA authority of the given usage, which
// is returned too.
func selfIssued(t *testing.T, public crypto.PublicKey, usage x509.KeyUsage) (leaf, issuer *x509.Certificate, key *ecdsa.PrivateKey) {
	t.Helper()
	key = must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	now := time.Now()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Authority"}, NotBefore: now, NotAfter: now.Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: usage}
	issuer = must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key))))
	server := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "server"}, NotBefore: now, NotAfter: now.Add(time.Hour)}
	leaf = must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, server, issuer, public, key))))
	return leaf, issuer, key
}

// TestFirstVersionList: lists of version 1 are read, as long as the issuer has signed them and may.
func TestFirstVersionList(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		usage   x509.KeyUsage
		revoked int64 // serial number on the list
		spoil   bool
		status  string
		problem string
	}{
		"good":                  {usage: x509.KeyUsageCRLSign, revoked: 8, status: "good"},
		"revoked":               {usage: x509.KeyUsageCRLSign, revoked: 7, status: "revoked"},
		"an issuer without CRL": {usage: x509.KeyUsageCertSign, revoked: 7, problem: "wrong_signer"},
		"another signature":     {usage: x509.KeyUsageCRLSign, revoked: 7, spoil: true, problem: "wrong_signer"},
	} {
		leaf, issuer, key := selfIssued(t, must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)).Public(), test.usage)
		now := time.Now()
		algorithm := pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}}
		//lint:ignore SA1019 the lists of version 1 have no other type
		tbs := must(asn1.Marshal(pkix.TBSCertificateList{Signature: algorithm, Issuer: issuer.Subject.ToRDNSequence(), ThisUpdate: now.UTC().Add(-time.Minute),
			NextUpdate: now.UTC().Add(time.Hour), RevokedCertificates: []pkix.RevokedCertificate{{SerialNumber: big.NewInt(test.revoked), RevocationTime: now.UTC()}}}))
		sum := sha256.Sum256(tbs)
		if test.spoil {
			sum[0] ^= 1
		}
		signature := must(ecdsa.SignASN1(rand.Reader, key, sum[:]))
		raw := must(asn1.Marshal(struct {
			TBS       asn1.RawValue
			Algorithm pkix.AlgorithmIdentifier
			Signature asn1.BitString
		}{asn1.RawValue{FullBytes: tbs}, algorithm, asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}}))
		var row RevocationList
		checkList(&row, raw, leaf, issuer, now)
		if row.Status != test.status || row.Problem != test.problem {
			t.Errorf("%s: %+v", name, row)
		}
	}
}

// TestPSSKey: a key that is for RSA-PSS alone is described as what it is.
func TestPSSKey(t *testing.T) {
	t.Parallel()
	leaf, _, _ := selfIssued(t, must(rsa.GenerateKey(rand.Reader, 2048)).Public(), x509.KeyUsageCertSign)
	encryption, pss := must(asn1.Marshal(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1})), must(asn1.Marshal(oidPSS))
	parsed := must(x509.ParseCertificate(bytes.Replace(leaf.Raw, encryption, pss, 1)))
	if got := link(parsed, time.Now()); got.KeyType != "RSA-PSS" || got.KeyBits != 2048 {
		t.Errorf("%s of %d bits", got.KeyType, got.KeyBits)
	}
}

// TestCovers: not being on a list means something only if the list is about such certificates.
func TestCovers(t *testing.T) {
	t.Parallel()
	const url = "http://crl.acme.example/1.crl"
	tagged := func(tag int, constructed bool, parts ...[]byte) []byte {
		return must(asn1.Marshal(asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: tag, IsCompound: constructed, Bytes: slices.Concat(parts...)}))
	}
	sequence := func(parts ...[]byte) []byte {
		return must(asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: slices.Concat(parts...)}))
	}
	named := func(u string) []byte { return tagged(0, true, tagged(0, true, tagged(6, false, []byte(u)))) }
	yes := []byte{0xff}
	for name, c := range map[string]struct {
		id    asn1.ObjectIdentifier
		value []byte
		want  bool
	}{
		"nothing said":            {asn1.ObjectIdentifier{2, 5, 29, 20}, []byte{2, 1, 1}, true},
		"this distribution point": {oidDistributionPoint, sequence(named(url)), true},
		"server certificates of this distribution point": {oidDistributionPoint, sequence(named(url), tagged(1, false, yes)), true},
		"another distribution point":                     {oidDistributionPoint, sequence(named(url + "x")), false},
		"authorities only":                               {oidDistributionPoint, sequence(tagged(2, false, yes)), false},
		"some reasons only":                              {oidDistributionPoint, sequence(tagged(3, false, []byte{1, 0x40})), false},
		"other authorities' too":                         {oidDistributionPoint, sequence(tagged(4, false, yes)), false},
		"attribute certificates only":                    {oidDistributionPoint, sequence(tagged(5, false, yes)), false},
		"nonsense":                                       {oidDistributionPoint, []byte{1, 2, 3}, false},
		"changes only":                                   {oidDeltaListIndicator, []byte{2, 1, 1}, false},
	} {
		list := &x509.RevocationList{Extensions: []pkix.Extension{{Id: c.id, Value: c.value}}}
		if got := covers(list, []string{url}, false); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
