package tlsinspect

import (
	"bytes"
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"golang.org/x/crypto/ocsp"

	"github.com/prelaunch-audit/prelaunch/internal/netprobe"
)

// clockSlack is how far ahead of this machine's clock a signer's may be.
const clockSlack = 5 * time.Minute

var (
	oidTLSFeature         = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 24}
	oidDistributionPoint  = asn1.ObjectIdentifier{2, 5, 29, 28}
	oidDeltaListIndicator = asn1.ObjectIdentifier{2, 5, 29, 27}
)

// mustStaple reports whether the certificate obliges its server to staple (RFC 7633, feature 5).
func mustStaple(c *x509.Certificate) bool {
	for _, e := range c.Extensions {
		if e.Id.Equal(oidTLSFeature) {
			var features []int
			rest, err := asn1.Unmarshal(e.Value, &features)
			return err == nil && len(rest) == 0 && slices.Contains(features, 5)
		}
	}
	return false
}

// checkStaple checks an OCSP response: who signed it, about what, and when.
func checkStaple(raw []byte, leaf, issuer *x509.Certificate, now time.Time) Staple {
	s := Staple{Present: len(raw) > 0}
	if !s.Present {
		return s
	}
	if issuer == nil {
		s.Problem = "wrong_signer" // nobody known who could have signed it
		return s
	}
	r, err := ocsp.ParseResponseForCert(raw, leaf, issuer)
	if err != nil {
		var refused ocsp.ResponseError
		if errors.As(err, &refused) {
			s.Problem = "responder_error"
			return s
		}
		// The library rejects a response that carries the issuing authority's own certificate:
		// read without an issuer, it has checked the signature by the carried certificate.
		r, err = ocsp.ParseResponseForCert(raw, leaf, nil)
		if err != nil {
			s.Problem = "malformed"
			return s
		}
		if r.Certificate == nil || !bytes.Equal(r.Certificate.RawSubjectPublicKeyInfo, issuer.RawSubjectPublicKeyInfo) ||
			!bytes.Equal(r.Certificate.RawSubject, issuer.RawSubject) {
			s.Problem = "wrong_signer"
			return s
		}
	}
	s.ThisUpdate = r.ThisUpdate.UTC().Format(time.RFC3339)
	if !r.NextUpdate.IsZero() {
		s.NextUpdate = r.NextUpdate.UTC().Format(time.RFC3339)
	}
	s.Status = map[int]string{ocsp.Good: "good", ocsp.Revoked: "revoked"}[r.Status]
	if s.Status == "" {
		s.Status = "unknown"
	}
	switch {
	case !maySignStatus(r.Certificate, issuer, now):
		s.Problem, s.Status = "wrong_signer", ""
	case r.ThisUpdate.After(now.Add(clockSlack)):
		s.Problem = "not_yet_valid"
	case !r.NextUpdate.IsZero() && r.NextUpdate.Before(now):
		s.Problem = "stale"
	default:
		s.Valid = true
	}
	return s
}

// maySignStatus: the issuer itself, or a certificate of its that is in date and made for signing
// OCSP responses. The library checks only who issued the carried certificate; without this any
// server certificate of the same authority could vouch for another.
func maySignStatus(carried, issuer *x509.Certificate, now time.Time) bool {
	if carried == nil || bytes.Equal(carried.RawSubjectPublicKeyInfo, issuer.RawSubjectPublicKeyInfo) {
		return true
	}
	return slices.Contains(carried.ExtKeyUsage, x509.ExtKeyUsageOCSPSigning) && !now.Before(carried.NotBefore) && !now.After(carried.NotAfter)
}

// namedLists is an empty row for the revocation lists that a certificate names.
func namedLists(c *x509.Certificate) RevocationList {
	urls := httpURLs(c.CRLDistributionPoints)
	return RevocationList{URLs: urls[:min(2, len(urls))]}
}

// revocationList asks the revocation lists of a certificate whose issuer is known.
func (in *inspector) revocationList(ctx context.Context, row RevocationList, about, issuer *x509.Certificate, now time.Time) RevocationList {
	for _, u := range row.URLs {
		raw, problem := in.lists.get(ctx, in, u)
		if problem != "" {
			if !slices.Contains([]string{ListBlocked, ListUnresolved, ListLed}, row.Problem) { // which the user can do something about
				row.Problem = problem
			}
			continue
		}
		row.Fetched, row.Problem = u, ""
		checkList(&row, raw, about, issuer, now)
		if row.Status != "" && row.Status != "unknown" {
			break
		}
	}
	return row
}

func checkList(row *RevocationList, raw []byte, about, issuer *x509.Certificate, now time.Time) {
	if block, _ := pem.Decode(raw); block != nil && block.Type == "X509 CRL" {
		raw = block.Bytes // against RFC 5280, but private authorities do it
	}
	list, problem := parseList(raw, issuer)
	if problem != "" {
		row.Problem = problem
		return
	}
	row.ThisUpdate = list.ThisUpdate.UTC().Format(time.RFC3339)
	if !list.NextUpdate.IsZero() {
		row.NextUpdate = list.NextUpdate.UTC().Format(time.RFC3339)
	}
	for _, e := range list.RevokedCertificateEntries {
		if e.SerialNumber.Cmp(about.SerialNumber) == 0 && e.ReasonCode != 8 { // 8: removed from the list
			row.Status = "revoked" // even by a list that is out of date
			return
		}
	}
	row.Status = "unknown"
	switch {
	case !covers(list, row.URLs, about.IsCA):
		row.Problem = "not_covering"
	case list.ThisUpdate.After(now.Add(clockSlack)):
		row.Problem = "not_yet_valid"
	case !list.NextUpdate.IsZero() && list.NextUpdate.Before(now):
		row.Problem = "stale"
	default:
		row.Status = "good"
	}
}

// parseList reads a list that the issuer has signed.
func parseList(raw []byte, issuer *x509.Certificate) (list *x509.RevocationList, problem string) {
	list, err := x509.ParseRevocationList(raw)
	if err != nil {
		return parseFirstVersion(raw, issuer)
	}
	if !bytes.Equal(list.RawIssuer, issuer.RawSubject) || list.CheckSignatureFrom(issuer) != nil {
		return nil, "wrong_signer"
	}
	return list, ""
}

// parseFirstVersion reads a list of version 1, as `openssl ca -gencrl` makes without
// crl_extensions. Only the deprecated functions of crypto/x509 know that version, which has no
// extensions.
func parseFirstVersion(raw []byte, issuer *x509.Certificate) (*x509.RevocationList, string) {
	//lint:ignore SA1019 see above
	old, err := x509.ParseDERCRL(raw)
	if err != nil || old.TBSCertList.Version != 0 {
		return nil, "malformed"
	}
	maySign := issuer.IsCA && (issuer.KeyUsage == 0 || issuer.KeyUsage&x509.KeyUsageCRLSign != 0)
	//lint:ignore SA1019 see above
	unsigned := issuer.CheckCRLSignature(old)
	if !maySign || old.TBSCertList.Issuer.String() != issuer.Subject.ToRDNSequence().String() || unsigned != nil {
		return nil, "wrong_signer"
	}
	list := &x509.RevocationList{ThisUpdate: old.TBSCertList.ThisUpdate, NextUpdate: old.TBSCertList.NextUpdate}
	for _, entry := range old.TBSCertList.RevokedCertificates {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: entry.SerialNumber})
	}
	return list, ""
}

// covers reports whether absence from the list means anything for a certificate, an authority's or
// a server's, that names the list at one of these URLs (RFC 5280, 5.2.5): not for a delta, nor for
// a list of something else.
func covers(list *x509.RevocationList, urls []string, authority bool) bool {
	for _, e := range list.Extensions {
		switch {
		case e.Id.Equal(oidDeltaListIndicator):
			return false
		case e.Id.Equal(oidDistributionPoint):
			return pointCovers(e, urls, authority)
		}
	}
	return true
}

func pointCovers(e pkix.Extension, urls []string, authority bool) bool {
	var point struct {
		Name struct {
			FullName []asn1.RawValue `asn1:"optional,tag:0"`
			Relative asn1.RawValue   `asn1:"optional,tag:1"`
		} `asn1:"optional,tag:0"`
		OnlyUsers       bool           `asn1:"optional,tag:1"`
		OnlyAuthorities bool           `asn1:"optional,tag:2"`
		SomeReasons     asn1.BitString `asn1:"optional,tag:3"`
		Indirect        bool           `asn1:"optional,tag:4"`
		OnlyAttributes  bool           `asn1:"optional,tag:5"`
	}
	if rest, err := asn1.Unmarshal(e.Value, &point); err != nil || len(rest) > 0 {
		return false
	}
	if point.OnlyAuthorities && !authority || point.OnlyUsers && authority || point.OnlyAttributes || point.SomeReasons.BitLength > 0 || point.Indirect {
		return false
	}
	if len(point.Name.FullName) == 0 {
		return true
	}
	return slices.ContainsFunc(point.Name.FullName, func(n asn1.RawValue) bool {
		return n.Class == asn1.ClassContextSpecific && n.Tag == 6 && slices.Contains(urls, string(n.Bytes))
	})
}

// listCache fetches each list once for all certificates that name it.
type listCache struct {
	mu   sync.Mutex
	rows map[string]*cachedList
}

type cachedList struct {
	once    sync.Once
	raw     []byte
	problem string
}

func (c *listCache) get(ctx context.Context, in *inspector, url string) ([]byte, string) {
	c.mu.Lock()
	if c.rows == nil {
		c.rows = map[string]*cachedList{}
	}
	row := c.rows[url]
	if row == nil {
		row = &cachedList{}
		c.rows[url] = row
	}
	c.mu.Unlock()
	row.once.Do(func() { row.raw, row.problem = in.fetchList(ctx, url) })
	return row.raw, row.problem
}

// fetchList reads at most MaxList bytes within the timeout.
func (in *inspector) fetchList(ctx context.Context, url string) (raw []byte, problem string) {
	transport := netprobe.NewTransport(in.dialByName, nil)
	transport.DisableKeepAlives = true
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, "unreachable"
	}
	request.Header.Set("User-Agent", in.UserAgent)
	response, err := netprobe.Exchange(ctx, transport, request, netprobe.Limits{Timeout: in.Timeout, Body: MaxList, Redirects: 3})
	var unresolved *netprobe.RefusedError
	switch {
	case errors.As(err, &unresolved):
		return nil, ListUnresolved
	case netprobe.Classify(ctx, err) == netprobe.Blocked:
		return nil, ListBlocked
	case in.Led != nil && in.Led(request.URL.Hostname()) && (err != nil || response.Status != http.StatusOK || response.Broken != ""):
		return nil, ListLed
	case err != nil, response.Status != http.StatusOK, response.Broken != "":
		return nil, "unreachable"
	case response.Truncated:
		return nil, "too_large"
	}
	return response.Body, ""
}

// dialByName connects to the first address of a name that responds.
func (in *inspector) dialByName(ctx context.Context, network, address string) (net.Conn, error) {
	if in.DialName != nil {
		return in.DialName(ctx, network, address)
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", address, err)
	}
	addresses, err := in.Resolve(ctx, host, port)
	if err != nil {
		return nil, err
	}
	err = fmt.Errorf("connect to %s: the name has no address", host)
	for _, a := range addresses[:min(4, len(addresses))] {
		var conn net.Conn
		if conn, err = in.Dial(ctx, network, a); err == nil {
			return conn, nil
		}
	}
	return nil, err
}
