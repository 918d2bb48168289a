package tlsinspect

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/sandbox/certs"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

var (
	rsa2048 = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) })
	rsa1024 = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 1024)) })
)

// rsaServer is a right certificate with an RSA key, for suites that need one.
func (l *lab) rsaServer() tls.Certificate {
	return l.ca.Issue(certs.Request{Names: []string{labHost}, Key: rsa2048()})
}

// old is a Go server with the given versions and suites beside the right ones.
func (l *lab) old(least, most uint16, ids ...uint16) {
	c := l.modern()
	c.Certificates = []tls.Certificate{l.rsaServer()}
	c.MinVersion, c.MaxVersion = least, most
	c.CipherSuites = append(c.CipherSuites, ids...)
	l.serve(c, receiver)
}

// chooses is a stub that takes up a suite where it is offered, and is a right server otherwise.
func (l *lab) chooses(version uint16, prime []byte, ids ...uint16) {
	cert := l.rsaServer()
	c := l.modern()
	c.Certificates = []tls.Certificate{cert}
	l.at(labHost+":443", l.stub(c, receiver, func(_ int, o offer) verdict {
		if o.version == tls.VersionTLS13 || version == versionSSL3 && o.version != versionSSL3 {
			return verdict{pass: true}
		}
		if version == versionSSL3 {
			return verdict{answer: firstFlight(version, ids[0], cert.Certificate, prime)}
		}
		right := []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}
		if slices.ContainsFunc(right, o.has) {
			return verdict{pass: true}
		}
		for _, id := range ids {
			if o.has(id) {
				chain := cert.Certificate
				if slices.Contains(classesOf(suiteName(id)), "anonymous") {
					chain = nil
				}
				return verdict{answer: firstFlight(min(version, o.version), id, chain, prime)}
			}
		}
		return verdict{pass: true}
	}))
}

var protocolBlocks = []block{
	{name: "right: TLS 1.2 and 1.3", serve: func(l *lab) { l.serve(l.modern(), receiver) }, look: func(f Facts) error {
		return first(expect("ALPN", address(f).Handshake.ALPN, "h2"), expect("post-quantum", address(f).Handshake.PostQuantumHello, "chosen"))
	}},
	{name: "right: TLS 1.2 only, RSA", serve: func(l *lab) { l.old(tls.VersionTLS12, tls.VersionTLS12) }},
	{name: "right: TLS 1.3 only", serve: func(l *lab) { l.old(tls.VersionTLS13, tls.VersionTLS13) }},
	{name: "right: TLS 1.3 only, old hellos are hung up on", serve: func(l *lab) {
		l.at(labHost+":443", l.stub(l.modern(), receiver, func(_ int, o offer) verdict { return verdict{pass: o.version == tls.VersionTLS13, reset: true} }))
	}, look: func(f Facts) error {
		return expect("refused versions", fmt.Sprint(address(f).Versions.Refused), "[ssl3 1.0 1.1 1.2]")
	}},
	{name: "right: CBC suites are a note", serve: func(l *lab) { l.old(tls.VersionTLS12, 0, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA) }, look: func(f Facts) error {
		return expect("classes", fmt.Sprint(address(f).CipherClasses.Accepted), "[cbc]")
	}},
	{name: "right: DHE with 2048 bits is a note", serve: func(l *lab) {
		l.chooses(tls.VersionTLS12, append([]byte{0x80}, make([]byte, 255)...), 0x009E)
	}, look: func(f Facts) error { return expect("bits", smallest(address(f).DHGroups), 2048) }},
	{name: "right: ECDSA and RSA certificates side by side", serve: func(l *lab) {
		c := l.modern()
		c.Certificates = append(c.Certificates, l.rsaServer())
		l.serve(c, receiver)
	}, look: func(f Facts) error { return expect("certificates", len(address(f).Certificates), 2) }},
	{name: "the second certificate is expired", want: []string{"fail certificate-valid: trust expired"}, serve: func(l *lab) {
		c := l.modern()
		c.Certificates = append(c.Certificates, l.ca.Issue(certs.Request{Names: []string{labHost}, Key: rsa2048(), NotAfter: l.now.Add(-time.Hour)}))
		l.serve(c, receiver)
	}},
	{name: "right: P-384", serve: func(l *lab) {
		c := l.modern()
		c.Certificates = []tls.Certificate{l.ca.Issue(certs.Request{Names: []string{labHost}, Key: must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))})}
		l.serve(c, receiver)
	}},
	{name: "right: Ed25519", serve: func(l *lab) {
		c := l.modern()
		_, key, err := ed25519.GenerateKey(rand.Reader)
		c.Certificates = []tls.Certificate{l.ca.Issue(certs.Request{Names: []string{labHost}, Key: must(key, err)})}
		l.serve(c, receiver)
	}},
	{name: "right: another certificate without SNI", serve: func(l *lab) {
		right, other := l.modern(), l.modern()
		other.Certificates = []tls.Certificate{l.ca.Server("default.acme.example")}
		l.serve(&tls.Config{Certificates: other.Certificates, GetConfigForClient: func(i *tls.ClientHelloInfo) (*tls.Config, error) {
			if i.ServerName == labHost {
				return right, nil
			}
			return other, nil
		}, NextProtos: right.NextProtos}, receiver)
	}},
	{name: "right: large hellos are dropped on the way", serve: func(l *lab) {
		l.options.Timeout = 4 * time.Second
		l.at(labHost+":443", l.stub(l.modern(), receiver, func(_ int, o offer) verdict { return verdict{hold: o.size > 1300, pass: o.size <= 1300} }))
	}, look: func(f Facts) error {
		return expect("post-quantum", address(f).Handshake.PostQuantumHello, "unanswered")
	}},
	{name: "right: large hellos are reset on the way", serve: func(l *lab) {
		l.at(labHost+":443", l.stub(l.modern(), receiver, func(_ int, o offer) verdict { return verdict{reset: o.size > 1300, pass: o.size <= 1300} }))
	}, look: func(f Facts) error {
		return expect("post-quantum", address(f).Handshake.PostQuantumHello, "unanswered")
	}},
	{name: "right: a warning about the name before the hello", serve: func(l *lab) {
		cert := l.rsaServer()
		c := l.modern()
		c.Certificates = []tls.Certificate{cert}
		l.at(labHost+":443", l.stub(c, receiver, func(_ int, o offer) verdict {
			if o.version == tls.VersionTLS12 && o.has(tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256) {
				return verdict{answer: append([]byte{21, 3, 3, 0, 2, 1, 112}, firstFlight(o.version, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, cert.Certificate, nil)...)}
			}
			return verdict{pass: true}
		}))
	}, look: func(f Facts) error { return expect("versions", fmt.Sprint(address(f).Versions.Accepted), "[1.2 1.3]") }},
	{name: "SSLv3", want: []string{"fail modern-tls: version ssl3", "warn modern-tls: cipher static_rsa"}, serve: func(l *lab) { l.chooses(versionSSL3, nil, 0x0035) }},
	{name: "SSLv3, no more than a server hello", want: []string{"fail modern-tls: version ssl3", "warn modern-tls: cipher static_rsa"}, serve: func(l *lab) {
		l.at(labHost+":443", l.stub(l.modern(), receiver, func(_ int, o offer) verdict {
			if o.version == versionSSL3 {
				hello := firstFlight(versionSSL3, 0x0035, nil, nil)
				return verdict{answer: append([]byte{22, 3, 0, 0, 42}, hello[5:5+42]...)}
			}
			return verdict{pass: true}
		}))
	}},
	{name: "right: a hello that is taken back with an alert", serve: func(l *lab) {
		l.at(labHost+":443", l.stub(l.modern(), receiver, func(_ int, o offer) verdict {
			if o.version == tls.VersionTLS10 {
				hello := firstFlight(tls.VersionTLS10, 0xC013, nil, nil)
				return verdict{answer: append(append([]byte{22, 3, 1, 0, 42}, hello[5:5+42]...), alert(80)...)}
			}
			return verdict{pass: true}
		}))
	}},
	{name: "SSLv3 only", want: []string{"fail modern-tls: no modern version", "fail modern-tls: version ssl3", "fail webhook-reachable: address no_handshake", "inconclusive certificate-valid: uninspected", "inconclusive hsts: no answer", "warn modern-tls: cipher static_rsa"}, serve: func(l *lab) {
		cert := l.rsaServer()
		l.at(labHost+":443", l.stub(nil, nil, func(_ int, o offer) verdict {
			if o.version == versionSSL3 {
				return verdict{answer: firstFlight(versionSSL3, 0x0035, cert.Certificate, nil)}
			}
			return verdict{reset: true}
		}))
	}},
	{name: "TLS 1.0 and up", want: []string{"fail modern-tls: version 1.0", "fail modern-tls: version 1.1"}, serve: func(l *lab) {
		l.old(tls.VersionTLS10, 0, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA)
	}},
	{name: "TLS 1.1 and up", want: []string{"fail modern-tls: version 1.1"}, serve: func(l *lab) {
		l.old(tls.VersionTLS11, 0, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA)
	}},
	{name: "TLS 1.0 only", want: []string{"fail modern-tls: no modern version", "fail modern-tls: version 1.0", "warn modern-tls: cipher static_rsa"}, serve: func(l *lab) {
		l.old(tls.VersionTLS10, tls.VersionTLS10, tls.TLS_RSA_WITH_AES_128_CBC_SHA)
	}},
	{name: "RC4", want: []string{"fail modern-tls: cipher rc4"}, serve: func(l *lab) { l.old(tls.VersionTLS12, 0, tls.TLS_ECDHE_RSA_WITH_RC4_128_SHA) }},
	{name: "3DES", want: []string{"fail modern-tls: cipher 3des"}, serve: func(l *lab) { l.old(tls.VersionTLS12, 0, tls.TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA) }},
	{name: "RC4 and 3DES and static RSA", want: []string{"fail modern-tls: cipher 3des", "fail modern-tls: cipher rc4", "warn modern-tls: cipher static_rsa"}, serve: func(l *lab) {
		l.old(tls.VersionTLS12, 0, tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA, tls.TLS_RSA_WITH_RC4_128_SHA)
	}},
	{name: "RC4 for TLS 1.0 alone", want: []string{"fail modern-tls: cipher rc4", "fail modern-tls: version 1.0", "fail modern-tls: version 1.1"}, serve: func(l *lab) {
		cert := l.rsaServer()
		c := l.modern()
		c.Certificates = []tls.Certificate{cert}
		c.MinVersion = tls.VersionTLS10
		c.CipherSuites = append(c.CipherSuites, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA)
		l.at(labHost+":443", l.stub(c, receiver, func(_ int, o offer) verdict {
			if o.version == tls.VersionTLS10 && o.has(0xC011) && !o.has(0xC013) {
				return verdict{answer: firstFlight(o.version, 0xC011, cert.Certificate, nil)}
			}
			return verdict{pass: true}
		}))
	}},
	{name: "static RSA", want: []string{"warn modern-tls: cipher static_rsa"}, serve: func(l *lab) { l.old(tls.VersionTLS12, 0, tls.TLS_RSA_WITH_AES_128_GCM_SHA256) }},
	{name: "NULL", want: []string{"fail modern-tls: cipher null", "warn modern-tls: cipher static_rsa"}, serve: func(l *lab) { l.chooses(tls.VersionTLS12, nil, 0x003B) }},
	{name: "NULL with ECDHE", want: []string{"fail modern-tls: cipher null"}, serve: func(l *lab) { l.chooses(tls.VersionTLS12, nil, 0xC010) }},
	{name: "anonymous", want: []string{"fail modern-tls: cipher anonymous"}, serve: func(l *lab) { l.chooses(tls.VersionTLS12, nil, 0xC018) }},
	{name: "anonymous with a small group", want: []string{"fail modern-tls: cipher anonymous", "fail modern-tls: dh group"}, serve: func(l *lab) { l.chooses(tls.VersionTLS12, oakley1024, 0x00A6) }},
	{name: "EXPORT", want: []string{"fail modern-tls: cipher des", "fail modern-tls: cipher export", "fail modern-tls: dh group"}, serve: func(l *lab) {
		l.chooses(tls.VersionTLS12, oakley1024[:64], 0x0014)
	}},
	{name: "DES", want: []string{"fail modern-tls: cipher des", "warn modern-tls: cipher static_rsa"}, serve: func(l *lab) { l.chooses(tls.VersionTLS12, nil, 0x0009) }},
	{name: "everything broken", want: []string{"fail modern-tls: cipher 3des", "fail modern-tls: cipher anonymous", "fail modern-tls: cipher des", "fail modern-tls: cipher export", "fail modern-tls: cipher null", "fail modern-tls: cipher rc4", "warn modern-tls: cipher static_rsa"}, serve: func(l *lab) {
		l.chooses(tls.VersionTLS12, nil, 0xC018, 0x003B, 0x0008, 0x0005, 0x0009, 0x000A)
	}},
	{name: "DH with 1024 bits", want: []string{"fail modern-tls: dh group"}, serve: func(l *lab) { l.chooses(tls.VersionTLS12, oakley1024, 0x009E) }},
	{name: "right: DH with 2048 bits and nothing else, which crypto/tls does not speak", want: foreign, serve: func(l *lab) {
		cert := l.rsaServer()
		l.at(labHost+":443", l.stub(nil, nil, func(_ int, o offer) verdict {
			if o.has(0x009E) && o.version == tls.VersionTLS12 {
				return verdict{answer: firstFlight(o.version, 0x009E, cert.Certificate, modp2048)}
			}
			return verdict{answer: alert(40)}
		}))
	}, look: func(f Facts) error { return expect("trust", address(f).Certificates[0].Trust.Kind, TrustOK) }},
	// Its signature is of the key before it was marked.
	{name: "a key for RSA-PSS only, which crypto/tls does not offer", want: append([]string{"fail certificate-valid: trust unknown_issuer"}, foreign...), serve: func(l *lab) {
		encryption, pss := must(asn1.Marshal(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1})), must(asn1.Marshal(oidPSS))
		chain := slices.Clone(l.rsaServer().Certificate)
		chain[0] = bytes.Replace(chain[0], encryption, pss, 1)
		l.at(labHost+":443", l.stub(nil, nil, func(n int, o offer) verdict {
			if n > 1 && o.version == tls.VersionTLS12 && o.has(0xC02F) { // the first two are of crypto/tls
				return verdict{answer: firstFlight(o.version, 0xC02F, chain, nil)}
			}
			return verdict{answer: alert(40)}
		}))
	}, look: func(f Facts) error { return expect("key", address(f).Certificates[0].Chain[0].KeyType, "RSA-PSS") }},
	{name: "DH with 1024 bits and nothing else", want: []string{"fail modern-tls: dh group", "inconclusive webhook-reachable: address no_common_suite", "inconclusive hsts: no answer"}, serve: func(l *lab) {
		cert := l.rsaServer()
		l.at(labHost+":443", l.stub(nil, nil, func(_ int, o offer) verdict {
			if o.version == tls.VersionTLS12 && o.has(0x009E) {
				return verdict{answer: firstFlight(o.version, 0x009E, cert.Certificate, oakley1024)}
			}
			return verdict{answer: alert(40)}
		}))
	}, look: func(f Facts) error { return expect("certificates", len(address(f).Certificates), 1) }},
	{name: "old hellos time out", want: []string{"inconclusive modern-tls: undecided"}, serve: func(l *lab) {
		l.options.Timeout = time.Second
		l.at(labHost+":443", l.stub(l.modern(), receiver, func(_ int, o offer) verdict {
			return verdict{hold: o.version == tls.VersionTLS10, pass: o.version != tls.VersionTLS10}
		}))
	}},
	{name: "a limit closes connections after a few", serve: func(l *lab) {
		var n atomic.Int32
		l.at(labHost+":443", l.stub(l.modern(), receiver, func(_ int, o offer) verdict {
			return verdict{pass: n.Add(1) == 1, reset: true}
		}))
	}, want: []string{"inconclusive modern-tls: undecided"}},
	{name: "RSA with 1024 bits", want: []string{"fail certificate-valid: key"}, serve: func(l *lab) {
		c := l.modern()
		c.Certificates = []tls.Certificate{l.ca.Issue(certs.Request{Names: []string{labHost}, Key: rsa1024()})}
		l.serve(c, receiver)
	}},
	{name: "SHA-1", want: []string{"fail certificate-valid: signature SHA-1"}, serve: func(l *lab) {
		c := l.modern()
		c.Certificates = []tls.Certificate{l.ca.Issue(certs.Request{Names: []string{labHost}, Signature: x509.ECDSAWithSHA1})}
		l.serve(c, receiver)
	}},
	{name: "right: a group of its own (P-521)", serve: func(l *lab) {
		c := l.modern()
		c.CurvePreferences = []tls.CurveID{tls.CurveP521}
		l.serve(c, receiver)
	}},
	{name: "TLS 1.1 only", want: []string{"fail modern-tls: no modern version", "fail modern-tls: version 1.1"}, serve: func(l *lab) {
		l.old(tls.VersionTLS11, tls.VersionTLS11, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA)
	}},
}
