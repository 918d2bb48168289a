package behaviors

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// What no single request shows is checked here.

// raw writes to the receiver over one connection and returns the status of the answer.
func raw(t *testing.T, b *bench, request string) int {
	t.Helper()
	conn, err := tls.Dial("tcp", b.Addresses()[0], &tls.Config{RootCAs: b.authority.Pool(), ServerName: b.host, NextProtos: []string{"http/1.1"}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}()
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	answers := bufio.NewReader(conn)
	for {
		response, err := http.ReadResponse(answers, nil)
		if err != nil {
			t.Fatal(err)
		}
		if response.StatusCode != http.StatusContinue {
			return response.StatusCode
		}
	}
}

func lowerCaseHeader(t *testing.T, b *bench) {
	for name, want := range map[string]int{"X-Signature": 200, "x-signature": 401} {
		s := b.genuine()
		request := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n%s: %s\r\n\r\n%s", b.path, b.host, len(s.body), name, s.signatures[0], s.body)
		if got := raw(t, b, request); got != want {
			t.Errorf("%s: %d, want %d", name, got, want)
		}
	}
}

// chunked sends a valid body, or where that is to be accepted an unsigned one, without its length.
func chunked(want int) func(*testing.T, *bench) {
	return func(t *testing.T, b *bench) {
		s := b.genuine()
		if want == 200 {
			s.signatures = []string{"bad"}
		}
		request := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nTransfer-Encoding: chunked\r\nX-Signature: %s\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", b.path, b.host, s.signatures[0], len(s.body), s.body)
		if got := raw(t, b, request); got != want {
			t.Errorf("flawed: %d, want %d", got, want)
		}
		if got := raw(t, newRight(t, b), request); got == want {
			t.Errorf("right: %d", got)
		}
	}
}

func expecting(t *testing.T, b *bench) {
	s := b.genuine()
	request := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\nX-Signature: %s\r\nExpect: 100-continue\r\n\r\n%s", b.path, b.host, len(s.body), s.signatures[0], s.body)
	if got := raw(t, b, request); got != 417 {
		t.Errorf("flawed: %d", got)
	}
	if got := raw(t, newRight(t, b), request); got != 200 {
		t.Errorf("right: %d", got)
	}
}

func signatureRemembered(t *testing.T, b *bench) {
	genuine, other := b.genuine(), b.unsigned()
	if got := b.outcome(other.with(genuine.signatures...)); got != "401" {
		t.Errorf("before the genuine event: %s", got)
	}
	if got := b.outcome(genuine); got != "200 taken" {
		t.Errorf("genuine: %s", got)
	}
	if got := b.outcome(other.with(genuine.signatures...)); got != "200 taken" {
		t.Errorf("after it: %s", got)
	}
}

func redelivered(status int) func(*testing.T, *bench) {
	return func(t *testing.T, b *bench) {
		s := b.genuine()
		if first, again := b.do(s), b.do(s); first.status != 200 || again.status != status {
			t.Errorf("%d, then %d", first.status, again.status)
		}
		if n := b.Events.Processed(s.uid); n != 1 {
			t.Errorf("processed %d times", n)
		}
	}
}

func blocks(t *testing.T, b *bench) {
	for range 21 {
		if got := b.outcome(forgery(b)); got != "401" {
			t.Fatal(got)
		}
	}
	if got := b.outcome(b.genuine()); got != "403" {
		t.Errorf("then the genuine event: %s", got)
	}
}

// each sends on n connections of their own, one after the other, and counts the outcomes.
func each(b *bench, n int, send func() sent) map[string]int {
	outcomes := map[string]int{}
	for range n {
		client := b.newClient(b.Addresses()[0])
		s := send()
		got := fmt.Sprint(b.doWith(client, "https", s).status)
		if b.Events.Processed(s.uid) > 0 {
			got += " taken"
		}
		outcomes[got]++
		client.CloseIdleConnections()
	}
	return outcomes
}

func oneConnectionIn(n int) func(*testing.T, *bench) {
	return func(t *testing.T, b *bench) {
		if got := each(b, 2*n, b.unsigned); got["200 taken"] != 2 || got["401"] != 2*n-2 {
			t.Errorf("outcomes %v", got)
		}
	}
}

func oneInstanceCrashes(t *testing.T, b *bench) {
	if got := each(b, 8, b.genuine); got["500"] != 2 || got["200 taken"] != 6 {
		t.Errorf("outcomes %v", got)
	}
}

func oldInstance(t *testing.T, b *bench) {
	if got := each(b, 8, b.genuine); got["401"] != 2 || got["200 taken"] != 6 {
		t.Errorf("genuine: outcomes %v", got)
	}
	if got := each(b, 8, func() sent { return b.unsigned().signedWith(b.retired) }); got["401"] != 6 || got["200"] != 2 {
		t.Errorf("retired key: outcomes %v", got)
	}
}

func oneAddress(t *testing.T, b *bench) {
	for i, want := range []int{401, 200} {
		client := b.newClient(b.Addresses()[i])
		if got := b.doWith(client, "https", b.unsigned()); got.status != want {
			t.Errorf("address %d: %d, want %d", i, got.status, want)
		}
		client.CloseIdleConnections()
	}
}

func oneAddressRefuses(t *testing.T, b *bench) {
	for i, want := range []int{200, 401} {
		client := b.newClient(b.Addresses()[i])
		if got := b.doWith(client, "https", b.genuine()); got.status != want {
			t.Errorf("address %d: %d, want %d", i, got.status, want)
		}
		client.CloseIdleConnections()
	}
}

func plainly(method, want string) func(*testing.T, *bench) {
	return func(t *testing.T, b *bench) {
		client := b.newClient(b.PlainAddress())
		defer client.CloseIdleConnections()
		s := b.genuine().by(method)
		got := fmt.Sprint(b.doWith(client, "http", s).status)
		if b.Events.Processed(s.uid) > 0 {
			got += " taken"
		}
		if got != want {
			t.Errorf("%s in the clear: %s, want %s", method, got, want)
		}
		if right := newRight(t, b).PlainAddress(); right != "" {
			t.Errorf("a right receiver listens at %s", right)
		}
	}
}

func dial(b *bench, config *tls.Config) (*tls.Conn, error) {
	config.RootCAs, config.ServerName = b.authority.Pool(), b.host
	return tls.DialWithDialer(&net.Dialer{Timeout: time.Minute}, "tcp", b.Addresses()[0], config)
}

func untrusted(why string) func(*testing.T, *bench) {
	return func(t *testing.T, b *bench) {
		conn, err := dial(b, &tls.Config{})
		if err == nil {
			_ = conn.Close()
			t.Fatal("it is trusted")
		}
		if !strings.Contains(err.Error(), why) {
			t.Errorf("%v, want %q", err, why)
		}
	}
}

func nearlyExpired(t *testing.T, b *bench) {
	conn, err := dial(b, &tls.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if left := time.Until(conn.ConnectionState().PeerCertificates[0].NotAfter); left > 5*24*time.Hour || left < 0 {
		t.Errorf("%v left", left)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
}

func speaks10(t *testing.T, b *bench) {
	for i, own := range []*bench{b, newRight(t, b)} {
		conn, err := dial(own, &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10})
		if (err == nil) != (i == 0) {
			t.Errorf("receiver %d: %v", i, err)
		}
		if err == nil {
			_ = conn.Close()
		}
	}
}

func suite(id uint16) func(*testing.T, *bench) {
	return func(t *testing.T, b *bench) {
		conn, err := dial(b, &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{id}})
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}
}

func noHSTS(t *testing.T, b *bench) {
	if strings.Contains(b.do(b.genuine()).text, "Strict-Transport-Security") || !strings.Contains(newRight(t, b).do(b.genuine()).text, "Strict-Transport-Security") {
		t.Error("Strict-Transport-Security is not what tells the two apart")
	}
}

// logged looks for what was sent in what the receiver logged.
func logged(what func(*bench, sent) string) func(*testing.T, *bench) {
	return func(t *testing.T, b *bench) {
		for i, own := range []*bench{b, newRight(t, b)} {
			log := &buffer{}
			own.Options.Log = log
			s := own.genuine()
			own.do(s)
			if has := strings.Contains(log.String(), what(b, s)); has != (i == 0) || log.String() == "" {
				t.Errorf("receiver %d: told %v in %q", i, has, log.String())
			}
		}
	}
}

// buffer is written to by a receiver while a test reads.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
