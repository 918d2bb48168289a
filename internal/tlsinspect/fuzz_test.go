package tlsinspect

import (
	"bytes"
	"crypto/tls"
	"net/http"
	"testing"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/sandbox/certs"
)

// FuzzFlight: whatever a server sends, reading it ends, within its bounds, and a group's size is
// only ever told for a suite that has one.
func FuzzFlight(f *testing.F) {
	chain := certs.New(time.Now()).Server(labHost).Certificate
	f.Add(firstFlight(tls.VersionTLS12, 0x009E, chain, oakley1024))
	f.Add(firstFlight(versionSSL3, 0x0035, chain, nil))
	f.Add(alert(40))
	f.Add([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
	f.Add([]byte{22, 3, 3, 0, 4, 2, 0, 0, 0})
	f.Add([]byte{22, 3, 3, 0, 4, 11, 255, 255, 255})
	f.Fuzz(func(t *testing.T, data []byte) {
		chosen := 0
		got, err := readServerFlight(bytes.NewReader(data), func() { chosen++ })
		if err == nil && got.kind == "" && got.version == 0 && len(data) == 0 {
			t.Error("nothing was sent, and no error")
		}
		if s, _ := suiteByID(got.suite); got.dhBits > 0 && !s.finiteField() {
			t.Errorf("a group of %d bits with %s", got.dhBits, s.name)
		}
		if got.kind == ReachNotTLS && got.version != 0 {
			t.Error("both TLS and not")
		}
	})
}

func FuzzHSTS(f *testing.F) {
	for _, seed := range []string{"max-age=31536000; includeSubDomains; preload", `max-age="0"`, "", ";;", "max-age", "max-age=99999999999999999999", "max-age=1, max-age=2", "MAX-AGE=1;=;"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		h := hsts(http.Header{"Strict-Transport-Security": {value}})
		if h.WellFormed == (h.Problem != "") || h.MaxAge < 0 || h.MaxAge > 0 && !h.Present {
			t.Errorf("%q: %+v", value, h)
		}
	})
}

// FuzzStaple: no bytes but the issuer's own words are ever a valid staple.
func FuzzStaple(f *testing.F) {
	now := time.Now()
	ca := certs.New(now)
	leaf := ca.Issue(certs.Request{Names: []string{labHost}, Staple: &certs.Staple{}})
	f.Add(certs.New(now).Answer(leaf.Leaf, certs.Staple{EmbedCA: true}))
	f.Add(ca.Answer(leaf.Leaf, certs.Staple{NextUpdate: now.Add(-time.Minute)}))
	f.Add([]byte{0x30, 0x03, 0x0a, 0x01, 0x01})
	f.Fuzz(func(t *testing.T, raw []byte) {
		if s := checkStaple(raw, leaf.Leaf, ca.Certificate(), now); s.Valid {
			t.Errorf("valid: %+v", s)
		}
	})
}

// FuzzList: likewise for revocation lists.
func FuzzList(f *testing.F) {
	now := time.Now()
	ca := certs.New(now)
	leaf := ca.Issue(certs.Request{Names: []string{labHost}}).Leaf
	f.Add(certs.New(now).CRL(now, leaf))
	f.Add([]byte("-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var row RevocationList
		checkList(&row, raw, leaf, ca.Certificate(), now)
		if row.Status != "" && row.Status != "unknown" {
			t.Errorf("%+v", row)
		}
	})
}
