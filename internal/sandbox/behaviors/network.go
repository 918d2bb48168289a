package behaviors

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/sandbox"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox/certs"
)

// slowness is how long a slow receiver takes for an answer: noticeable, and far below the provider's patience.
const slowness = 200 * time.Millisecond

// protocols sets which HTTP versions are spoken.
func protocols(http2, http1 bool) func(*sandbox.Rules) {
	return func(ru *sandbox.Rules) {
		ru.Protocols = new(http.Protocols)
		ru.Protocols.SetHTTP1(http1)
		ru.Protocols.SetHTTP2(http2)
	}
}

// certificate sets how the receiver's certificate is issued.
func certificate(issue func(ca *certs.Authority, host string) tls.Certificate) func(*sandbox.Rules) {
	return func(ru *sandbox.Rules) { ru.Certificate = issue }
}

func withIntermediate(ca *certs.Authority, host string) tls.Certificate {
	return ca.Intermediate("Sandbox Issuing Authority").Server(host)
}

// rsaCertificate has an RSA key, which some suites need.
func rsaCertificate(ca *certs.Authority, host string) tls.Certificate {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(fmt.Errorf("make sandbox key: %w", err)) // as certs does
	}
	return ca.Issue(certs.Request{Names: []string{host}, Key: key})
}

var clientUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}

// rewritingConn replaces text in what arrives; both texts have the same length, and the old one is found where it comes in one piece.
type rewritingConn struct {
	net.Conn
	old, new string
}

// Read reads and replaces.
func (c rewritingConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	for {
		i := bytes.Index(b[:n], []byte(c.old))
		if i < 0 {
			return n, err
		}
		copy(b[i:], c.new)
	}
}
