package tlsinspect

import (
	"crypto/tls"
	"encoding/json"
	"encoding/xml"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var compare = flag.Bool("compare", false, "hold the look against sslscan and testssl.sh, where they are installed (minutes)")

// comparable are the words all three tools have.
var comparableWords = []string{"ssl3", "1.0", "1.1", "1.2", "1.3", "null", "anonymous", "export", "rc4", "3des"}

// TestCompare prints what this package, sslscan and testssl.sh say about the same servers 50 ms
// away, how long each took and how many connections it made. compare.sh runs it.
func TestCompare(t *testing.T) {
	if !*compare {
		t.Log("run with -compare")
		return
	}
	type server struct {
		name string
		lab  *lab
	}
	var servers []server
	for i, l := range startNginx(t) {
		if s := nginxServers[i]; !s.ownPort && slices.Contains([]string{"right", "right: DHE with 2048 bits, CBC", "TLS 1.0 and up", "NULL", "anonymous", "everything this library has"}, s.name) {
			servers = append(servers, server{"nginx, " + s.name, l})
		}
	}
	for name, ids := range map[string][]uint16{"RC4": {tls.TLS_ECDHE_RSA_WITH_RC4_128_SHA}, "3DES": {tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA}} {
		l := newLab(t)
		l.old(tls.VersionTLS12, 0, ids...)
		servers = append(servers, server{"Go, " + name, l})
	}
	for _, s := range servers {
		near := s.lab.names[labHost+":443"][0]
		far := s.lab.far(near)
		fmt.Printf("%s\n", s.name)
		s.lab.names[labHost+":443"] = []string{far}
		ours := row(t, s.lab, "this package", func() ([]string, error) {
			a := address(s.lab.look())
			return append(slices.Clone(a.Versions.Accepted), a.CipherClasses.Accepted...), nil
		})
		for name, run := range map[string]func(string, string) ([]string, error){"sslscan": sslscan, "testssl": testssl} {
			if _, err := exec.LookPath(name); err != nil {
				fmt.Printf("  %-13s not installed\n", name)
				continue
			}
			theirs := row(t, s.lab, name, func() ([]string, error) { return run(t.TempDir(), far) })
			if !slices.Equal(ours, theirs) {
				t.Errorf("%s: %v, %s says %v", s.name, ours, name, theirs)
			}
		}
	}
}

func row(t *testing.T, l *lab, name string, run func() ([]string, error)) []string {
	t.Helper()
	before, begun := l.arrived.Load(), time.Now()
	said, err := run()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	said = slices.DeleteFunc(slices.Clone(comparableWords), func(w string) bool { return !slices.Contains(said, w) })
	fmt.Printf("  %-13s %6.2f s %4d connections  %s\n", name, time.Since(begun).Seconds(), l.arrived.Load()-before, strings.Join(said, " "))
	return said
}

func sslscan(dir, target string) ([]string, error) {
	out := filepath.Join(dir, "out.xml")
	if text, err := exec.Command("sslscan", "--no-colour", "--sni-name="+labHost, "--xml="+out, target).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("run sslscan: %w: %s", err, text)
	}
	raw, err := os.ReadFile(out)
	if err != nil {
		return nil, err
	}
	var document struct {
		Test struct {
			Protocols []struct {
				Type    string `xml:"type,attr"`
				Version string `xml:"version,attr"`
				Enabled string `xml:"enabled,attr"`
			} `xml:"protocol"`
			Ciphers []struct {
				Name string `xml:"cipher,attr"`
			} `xml:"cipher"`
		} `xml:"ssltest"`
	}
	if err := xml.Unmarshal(raw, &document); err != nil {
		return nil, err
	}
	var said []string
	for _, p := range document.Test.Protocols {
		if p.Enabled == "1" {
			said = append(said, map[string]string{"ssl": "ssl", "tls": ""}[p.Type]+p.Version)
		}
	}
	for _, c := range document.Test.Ciphers {
		for part, class := range map[string]string{"NULL": "null", "ADH": "anonymous", "AECDH": "anonymous", "anon": "anonymous", "EXP": "export", "RC4": "rc4", "DES-CBC3": "3des", "3DES": "3des"} {
			if strings.Contains(c.Name, part) {
				said = append(said, class)
			}
		}
	}
	return said, nil
}

func testssl(dir, target string) ([]string, error) {
	out := filepath.Join(dir, "out.json")
	_, port, err := net.SplitHostPort(target)
	if err != nil {
		return nil, err
	}
	command := exec.Command("testssl", "--quiet", "--color", "0", "--warnings", "off", "-p", "-s", "--jsonfile", out, "--ip", "127.0.0.1", labHost+":"+port)
	text, runErr := command.CombinedOutput() // its exit status counts findings
	raw, err := os.ReadFile(out)
	if err != nil {
		return nil, fmt.Errorf("run testssl: %w: %s", runErr, text)
	}
	var findings []struct{ ID, Finding string }
	if err := json.Unmarshal(raw, &findings); err != nil {
		return nil, err
	}
	words := map[string]string{"SSLv3": "ssl3", "TLS1": "1.0", "TLS1_1": "1.1", "TLS1_2": "1.2", "TLS1_3": "1.3", "cipherlist_NULL": "null", "cipherlist_aNULL": "anonymous",
		"cipherlist_EXPORT": "export", "cipherlist_LOW": "rc4", "cipherlist_3DES_IDEA": "3des"}
	var said []string
	for _, f := range findings {
		if word, ok := words[f.ID]; ok && strings.HasPrefix(f.Finding, "offered") {
			said = append(said, word)
		}
	}
	return said, nil
}
