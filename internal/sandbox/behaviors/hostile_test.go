package behaviors_test

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/sandbox/behaviors"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox/certs"
)

// sight is what a client sees of a hostile endpoint.
type sight struct {
	starts string // of what arrives
	bytes  int    // at least; the client stops reading there
	ends   bool   // the endpoint closes before that
	silent bool   // nothing arrives, and the connection stays open
}

var sights = map[string]sight{
	"endless-body":                   {starts: "HTTP/1.1 200", bytes: 1 << 20},
	"endless-chunks":                 {starts: "HTTP/1.1 200", bytes: 1 << 20},
	"endless-headers":                {starts: "HTTP/1.1 200", bytes: 4 << 20},
	"one-megabyte-header":            {starts: "HTTP/1.1 200", bytes: 1 << 20},
	"endless-interim-answers":        {starts: "HTTP/1.1 100", bytes: 1 << 16},
	"slow-drip":                      {starts: "HTTP/1.1 200", bytes: 50},
	"slow-drip-headers":              {starts: "HTTP/1.1 200", bytes: 30},
	"gzip-bomb":                      {starts: "HTTP/1.1 200", bytes: 60 << 10},
	"truncated":                      {starts: "HTTP/1.1 200", bytes: 1000, ends: true},
	"truncated-headers":              {starts: "HTTP/1.1 200", bytes: 100, ends: true},
	"not-utf-8":                      {starts: "HTTP/1.1 200", bytes: 80},
	"close-at-once":                  {bytes: 1, ends: true},
	"close-after-request":            {bytes: 1, ends: true},
	"silent-after-handshake":         {silent: true},
	"silent-port":                    {silent: true},
	"close-before-handshake":         {bytes: 1, ends: true},
	"garbage-instead-of-tls":         {starts: "\x16\x03\x01\xff\xff", bytes: 500},
	"plain-http-instead-of-tls":      {starts: "HTTP/1.1 400", bytes: 40},
	"endless-garbage-instead-of-tls": {starts: "\x16\x03\x03\x40", bytes: 1 << 20},
	"http-0.9":                       {starts: "<html>ok</html>", bytes: 15},
	"garbage-status":                 {starts: "HTTP/1.1 2x0", bytes: 16},
	"status-999":                     {starts: "HTTP/1.1 999", bytes: 20},
	"two-lengths":                    {starts: "HTTP/1.1 200", bytes: 20},
	"negative-length":                {starts: "HTTP/1.1 200", bytes: 20},
	"huge-redirect":                  {starts: "HTTP/1.1 302", bytes: 512 << 10},
	"redirect-to-file":               {starts: "HTTP/1.1 302 Found\r\nLocation: file:", bytes: 40},
	"redirect-loop":                  {starts: "HTTP/1.1 307", bytes: 40},
	"retry-after-a-year":             {starts: "HTTP/1.1 429", bytes: 40},
	"retry-after-nonsense":           {starts: "HTTP/1.1 503", bytes: 40},
	"terminal-controls":              {starts: "HTTP/1.1 200", bytes: 100},
	"stray-bytes":                    {starts: "HTTP/1.1 400", bytes: 40},
	"unasked-protocol":               {starts: "HTTP/1.1 101", bytes: 40},
}

func TestHostileEndpointsAreHostile(t *testing.T) {
	t.Parallel()
	for _, hostile := range behaviors.Hostiles() {
		t.Run(hostile.Name, func(t *testing.T) {
			t.Parallel()
			want, ok := sights[hostile.Name]
			if !ok {
				t.Fatal("nothing looks at this endpoint")
			}
			ca := certs.New(time.Now())
			endpoint, err := behaviors.StartHostile(hostile.Name, ca, "hooks.acme.example")
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := endpoint.Close(); err != nil {
					t.Error(err)
				}
			}()
			var conn net.Conn
			dialer := &net.Dialer{}
			if strings.Contains(hostile.Name, "tls") || strings.Contains(hostile.Name, "port") || strings.Contains(hostile.Name, "before-handshake") {
				conn, err = dialer.Dial("tcp", endpoint.Address())
			} else {
				conn, err = tls.DialWithDialer(dialer, "tcp", endpoint.Address(), &tls.Config{RootCAs: ca.Pool(), ServerName: "hooks.acme.example"})
			}
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }() // the endpoint may have closed it
			if _, err := io.WriteString(conn, "POST /begini HTTP/1.1\r\nHost: hooks.acme.example\r\nContent-Length: 2\r\n\r\n{}"); err != nil && !want.ends {
				t.Fatal(err)
			}
			if want.silent {
				if err := conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
					t.Fatal(err)
				}
				timeout := net.Error(nil)
				if n, err := conn.Read(make([]byte, 1)); n != 0 || !errors.As(err, &timeout) || !timeout.Timeout() {
					t.Errorf("read %d bytes, %v", n, err)
				}
				return
			}
			got := make([]byte, want.bytes)
			n, err := io.ReadFull(bufio.NewReader(conn), got)
			if (err != nil) != want.ends {
				t.Errorf("%d bytes, then %v", n, err)
			}
			if !strings.HasPrefix(string(got[:n]), want.starts) {
				t.Errorf("starts with %q", got[:min(n, 40)])
			}
		})
	}
	if _, err := behaviors.StartHostile("kind", nil, ""); err == nil {
		t.Error("an unknown endpoint is started")
	}
}
