package certs_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"github.com/prelaunch-audit/prelaunch/internal/sandbox/certs"
)

func TestServerIsTrustedForItsNamesOnly(t *testing.T) {
	t.Parallel()
	ca := certs.New(time.Now())
	leaf := ca.Intermediate("Sandbox Issuer").Server("127.0.0.1", "localhost", "hooks.acme.example")
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if _, err := io.WriteString(w, "ok"); err != nil {
			t.Error(err)
		}
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{leaf}}
	server.StartTLS()
	defer server.Close()
	for name, want := range map[string]bool{"127.0.0.1": true, "hooks.acme.example": true, "other.acme.example": false} {
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(ca.CAPEM()) {
			t.Fatal("CAPEM holds no certificate")
		}
		conn, err := tls.Dial("tcp", server.Listener.Addr().String(), &tls.Config{RootCAs: pool, ServerName: name})
		if got := err == nil; got != want {
			t.Errorf("%s: trusted %v, want %v (%v)", name, got, want, err)
		}
		if err == nil {
			if err := conn.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	now := time.Now()
	ca := certs.New(now)
	leaf := ca.Issue(certs.Request{Names: []string{"a.acme.example"}, Staple: &certs.Staple{Status: ocsp.Revoked}, MustStaple: true})
	answer, err := ocsp.ParseResponseForCert(leaf.OCSPStaple, leaf.Leaf, ca.Certificate())
	if err != nil || answer.Status != ocsp.Revoked {
		t.Fatalf("staple: %v, %v", answer, err)
	}
	list, err := x509.ParseRevocationList(ca.CRL(now, leaf.Leaf))
	if err != nil {
		t.Fatal(err)
	}
	if err := list.CheckSignatureFrom(ca.Certificate()); err != nil {
		t.Fatal(err)
	}
	if len(list.RevokedCertificateEntries) != 1 {
		t.Fatalf("%d entries, want 1", len(list.RevokedCertificateEntries))
	}
	chain, key := certs.PEM(leaf)
	if _, err := tls.X509KeyPair(chain, key); err != nil {
		t.Fatal(err)
	}
}
