package tlsinspect

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/prelaunch-audit/prelaunch/internal/sandbox/certs"
)

// modp2048 is the 2048-bit MODP group of RFC 3526, section 3.
var modp2048 = unhex("FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD" +
	"EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED" +
	"EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F" +
	"83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B" +
	"E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA0510" +
	"15728E5A8AACAA68FFFFFFFFFFFFFFFF")

// served is one server of the nginx that the lab runs: what differs from a right configuration.
type served struct {
	name    string
	config  string // replaces the defaults of the same name
	certs   func(*lab) []tls.Certificate
	ownPort bool
	setup   func(*lab)
	want    []string
	look    func(Facts) error
}

const (
	rightSSL = "ssl_protocols TLSv1.2 TLSv1.3; ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256;"
	rightWeb = `location / { add_header Strict-Transport-Security "max-age=31536000" always; limit_except POST { deny all; } return 401; }`
)

func ecdsaOnly(l *lab) []tls.Certificate { return []tls.Certificate{l.ca.Server(labHost)} }
func rsaOnly(l *lab) []tls.Certificate   { return []tls.Certificate{l.rsaServer()} }

// foreign is what is said of a server that may be right and that only other programs could talk to.
var foreign = []string{"inconclusive webhook-reachable: address no_common_suite", "inconclusive hsts: no answer"}

var nginxServers = []served{
	{name: "right", certs: ecdsaOnly, config: rightSSL + rightWeb},
	{name: "right: both kinds of certificate", certs: func(l *lab) []tls.Certificate { return append(ecdsaOnly(l), rsaOnly(l)...) }, config: rightSSL + rightWeb, look: func(f Facts) error {
		return expect("certificates", len(address(f).Certificates), 2)
	}},
	{name: "right: DHE with 2048 bits, CBC", certs: rsaOnly, config: "ssl_protocols TLSv1.2 TLSv1.3; ssl_dhparam DIR/dh2048.pem; ssl_ciphers ECDHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-SHA;" + rightWeb, look: func(f Facts) error {
		return expect("bits", smallest(address(f).DHGroups), 2048)
	}},
	{name: "right: own port, nginx's complaint", certs: ecdsaOnly, ownPort: true, config: rightSSL + rightWeb, look: func(f Facts) error {
		c := f.URLs[0].PlainHTTP[0]
		return first(expect("GET", c.Get.TLSOnly, true), expect("POST", c.Post.TLSOnly, true))
	}},
	{name: "right: own port, complaint turned into a redirect", certs: ecdsaOnly, ownPort: true, config: "error_page 497 301 =301 https://$host:8443$request_uri;" + rightSSL + rightWeb},
	{name: "right: stapled", config: rightSSL + rightWeb + "ssl_stapling on; ssl_stapling_file CERT0.ocsp;", certs: func(l *lab) []tls.Certificate {
		return []tls.Certificate{l.ca.Issue(certs.Request{Names: []string{labHost}, Staple: &certs.Staple{}, MustStaple: true})}
	}, look: revocation("good", "staple")},
	{name: "right: a client certificate is optional", certs: ecdsaOnly, config: "ssl_verify_client optional; ssl_client_certificate DIR/ca.pem;" + rightSSL + rightWeb},
	{name: "a client certificate is required", certs: ecdsaOnly, config: "ssl_verify_client on; ssl_client_certificate DIR/ca.pem;" + rightSSL + rightWeb,
		want: []string{"inconclusive webhook-reachable: client certificate", "inconclusive hsts: no answer"}, look: func(f Facts) error {
			return expect("how", address(f).ClientCertificate, ClientCertificate{Requested: true, Required: "yes", How: "http_400"})
		}},
	{name: "right: the required client certificate is configured", certs: ecdsaOnly, config: "ssl_verify_client on; ssl_client_certificate DIR/ca.pem;" + rightSSL + rightWeb,
		setup: func(l *lab) {
			c := l.ca.Client("prelaunch")
			l.options.ClientCert = &c
		}},
	{name: "the configured client certificate is not taken", certs: ecdsaOnly, config: "ssl_verify_client on; ssl_client_certificate DIR/ca.pem;" + rightSSL + rightWeb,
		setup: (*lab).identified, want: mTLS},
	{name: "TLS 1.0 and up", certs: rsaOnly, config: "ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3; ssl_ciphers ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-SHA:@SECLEVEL=0;" + rightWeb,
		want: []string{"fail modern-tls: version 1.0", "fail modern-tls: version 1.1"}},
	{name: "TLS 1.0 asked for, forbidden by the security level", certs: rsaOnly, config: "ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3; ssl_ciphers ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-SHA;" + rightWeb},
	{name: "static RSA", certs: rsaOnly, config: "ssl_protocols TLSv1.2; ssl_ciphers ECDHE-RSA-AES128-GCM-SHA256:AES128-GCM-SHA256;" + rightWeb, want: []string{"warn modern-tls: cipher static_rsa"}},
	{name: "NULL", certs: rsaOnly, config: "ssl_protocols TLSv1.2; ssl_ciphers ECDHE-RSA-AES128-GCM-SHA256:NULL-SHA256:@SECLEVEL=0;" + rightWeb, want: []string{"fail modern-tls: cipher null", "warn modern-tls: cipher static_rsa"}},
	{name: "anonymous", certs: rsaOnly, config: "ssl_protocols TLSv1.2; ssl_ciphers ECDHE-RSA-AES128-GCM-SHA256:AECDH-AES128-SHA:@SECLEVEL=0;" + rightWeb, want: []string{"fail modern-tls: cipher anonymous"}},
	{name: "DH with 1024 bits", certs: rsaOnly, config: "ssl_protocols TLSv1.2; ssl_dhparam DIR/dh1024.pem; ssl_ciphers ECDHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0;" + rightWeb, want: []string{"fail modern-tls: dh group"}},
	{name: "DH with 1024 bits and nothing else", certs: rsaOnly, config: "ssl_protocols TLSv1.2; ssl_dhparam DIR/dh1024.pem; ssl_ciphers DHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0;" + rightWeb,
		want: append([]string{"fail modern-tls: dh group"}, foreign...), look: func(f Facts) error {
			return first(expect("trust", address(f).Certificates[0].Trust.Kind, TrustOK), expect("name", address(f).Certificates[0].Name.Matches, true))
		}},
	{name: "everything this library has", certs: rsaOnly, config: "ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3; ssl_dhparam DIR/dh1024.pem; ssl_ciphers ALL:COMPLEMENTOFALL:@SECLEVEL=0;" + rightWeb,
		want: []string{"fail modern-tls: cipher anonymous", "fail modern-tls: cipher null", "fail modern-tls: dh group", "fail modern-tls: version 1.0", "fail modern-tls: version 1.1", "warn modern-tls: cipher static_rsa"}},
	{name: "right: DHE only, which crypto/tls does not speak", certs: rsaOnly, config: "ssl_protocols TLSv1.2; ssl_dhparam DIR/dh2048.pem; ssl_ciphers DHE-RSA-AES128-GCM-SHA256;" + rightWeb, want: foreign},
	{name: "right, but nothing that crypto/tls speaks: CBC with SHA-384", certs: rsaOnly, config: "ssl_protocols TLSv1.2; ssl_ciphers ECDHE-RSA-AES256-SHA384;" + rightWeb, want: foreign},
	{name: "no forward secrecy", certs: rsaOnly, config: "ssl_protocols TLSv1.2; ssl_ciphers AES128-SHA:AES256-GCM-SHA384;" + rightWeb, want: []string{"warn modern-tls: cipher static_rsa"}},
	{name: "right: ChaCha20 only", certs: ecdsaOnly, config: "ssl_protocols TLSv1.2; ssl_ciphers ECDHE-ECDSA-CHACHA20-POLY1305;" + rightWeb},
	{name: "right: TLS 1.3 only, P-384", certs: ecdsaOnly, config: "ssl_protocols TLSv1.3; ssl_ecdh_curve secp384r1;" + rightWeb},
	{name: "right: redirects of the port's own", certs: ecdsaOnly, ownPort: true, config: "error_page 497 =400 /497; location = /497 { internal; return 400; }" + rightSSL + rightWeb},
	{name: "RSA with 1024 bits", config: "ssl_protocols TLSv1.2; ssl_ciphers ECDHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0;" + rightWeb, certs: func(l *lab) []tls.Certificate {
		return []tls.Certificate{l.ca.Issue(certs.Request{Names: []string{labHost}, Key: rsa1024()})}
	}, want: []string{"fail certificate-valid: key"}},
	{name: "SHA-1", config: "ssl_protocols TLSv1.2; ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256:@SECLEVEL=0;" + rightWeb, certs: func(l *lab) []tls.Certificate {
		return []tls.Certificate{l.ca.Issue(certs.Request{Names: []string{labHost}, Signature: x509.ECDSAWithSHA1})}
	}, want: []string{"fail certificate-valid: signature SHA-1"}},
	{name: "the name is not known there", certs: ecdsaOnly, config: "ssl_reject_handshake on;" + rightSSL + rightWeb, want: dark("fail webhook-reachable: address no_handshake"), look: func(f Facts) error {
		return expect("alert", address(f).Reach.Alert, "tls: unrecognized name")
	}},
	{name: "hangs up on requests", certs: ecdsaOnly, config: rightSSL + "location / { return 444; }", want: []string{"fail webhook-reachable: answer reset", "inconclusive hsts: no answer"}},
}

// startNginx runs all of nginxServers and gives the lab of each; none where nginx is not installed.
func startNginx(t *testing.T) []*lab {
	program, err := exec.LookPath("nginx")
	if err != nil {
		t.Log("nginx is not installed: its servers are not looked at; the lab's own are in TestLab")
		return nil
	}
	dir := t.TempDir()
	labs := make([]*lab, len(nginxServers))
	var sockets []*os.File
	var inherited strings.Builder
	var config bytes.Buffer
	fmt.Fprintf(&config, "daemon off; user root; worker_processes 1; pid %[1]s/pid; error_log %[1]s/error.log crit; events { worker_connections 512; }\nhttp { access_log off;\n", dir)
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		fmt.Fprintf(&config, "%s_temp_path %s/%s;\n", kind, dir, kind)
	}
	write(t, dir, "dh1024.pem", dhParameters(oakley1024))
	write(t, dir, "dh2048.pem", dhParameters(modp2048))
	authority := certs.New(newLab(t).now)
	write(t, dir, "ca.pem", authority.CAPEM())
	for i, s := range nginxServers {
		l := newLab(t)
		l.ca, l.options.SystemRoots = authority, authority.Pool()
		labs[i] = l
		listener := l.listen().(*net.TCPListener)
		file, err := listener.File()
		if err != nil {
			t.Fatal(err)
		}
		sockets = append(sockets, file)
		fmt.Fprintf(&inherited, "%d;", 2+len(sockets))
		fmt.Fprintf(&config, "server { listen %s ssl http2; server_name %s;\n", listener.Addr(), labHost)
		for j, c := range s.certs(l) {
			name := fmt.Sprintf("%d-%d", i, j)
			chain, key := certs.PEM(c)
			write(t, dir, name+".crt", chain)
			write(t, dir, name+".key", key)
			write(t, dir, name+".ocsp", c.OCSPStaple)
			fmt.Fprintf(&config, "ssl_certificate %[1]s/%[2]s.crt; ssl_certificate_key %[1]s/%[2]s.key;\n", dir, name)
		}
		config.WriteString(strings.NewReplacer("DIR", dir, "CERT0", fmt.Sprintf("%s/%d-0", dir, i)).Replace(s.config) + "}\n")
		if s.ownPort {
			l.onOwnPort(listener.Addr().String())
		} else {
			l.at(labHost+":443", listener.Addr().String())
		}
	}
	config.WriteString("}\n")
	write(t, dir, "nginx.conf", config.Bytes())
	// The sockets are open already and handed over, so there is nothing to wait for and no port to
	// race for.
	command := exec.Command(program, "-p", dir, "-c", filepath.Join(dir, "nginx.conf"), "-e", filepath.Join(dir, "error.log"))
	command.ExtraFiles, command.Env = sockets, append(os.Environ(), "NGINX="+inherited.String())
	var output bytes.Buffer
	command.Stdout, command.Stderr = &output, &output
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	gone := make(chan error, 1)
	go func() { gone <- command.Wait() }()
	t.Cleanup(func() {
		_ = command.Process.Signal(os.Interrupt)
		<-gone
		if t.Failed() {
			t.Log(output.String())
		}
	})
	return labs
}

// TestNginx holds the look against Debian's nginx and OpenSSL, where they are installed.
func TestNginx(t *testing.T) {
	t.Parallel()
	labs := startNginx(t)
	for i, l := range labs {
		s := nginxServers[i]
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			l.t = t
			if s.setup != nil {
				s.setup(l)
			}
			facts := l.look()
			want := append([]string{}, s.want...)
			slices.Sort(want)
			if d := cmp.Diff(want, l.reading(facts)); d != "" {
				t.Error(d)
			}
			if s.look != nil {
				if err := s.look(facts); err != nil {
					t.Error(err)
				}
			}
			for address, n := range l.dialed {
				if n > MaxConnections+MaxRequestConnections || l.most[address] > Lanes {
					t.Errorf("%s: %d connections, %d at a time", address, n, l.most[address])
				}
			}
		})
	}
}

func write(t *testing.T, dir, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// dhParameters spells a group with generator 2 as servers read it (PKCS #3).
func dhParameters(prime []byte) []byte {
	der := must(asn1.Marshal(struct{ P, G *big.Int }{new(big.Int).SetBytes(prime), big.NewInt(2)}))
	return pem.EncodeToMemory(&pem.Block{Type: "DH PARAMETERS", Bytes: der})
}
