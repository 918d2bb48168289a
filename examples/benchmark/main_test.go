package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// A tool that says nothing of what it sees is no tool: the score tells what it missed from what it could not tell.
func TestScoreTellsMissedFromFound(t *testing.T) {
	t.Parallel()
	for script, want := range map[string]string{
		`exit 0`: "flawed receivers:  0 found, 1 missed, 0 not told",
		`exit 1`: "flawed receivers:  1 found, 0 missed, 0 not told",
		`exit 7`: "flawed receivers:  0 found, 0 missed, 1 not told",
		`test -s "$WEBHOOK_CA" && test -n "$WEBHOOK_KEY" && test -n "$WEBHOOK_ADDRESS" && exit 1; exit 7`: "flawed receivers:  1 found, 0 missed, 0 not told",
	} {
		var out bytes.Buffer
		if err := run(t.Context(), []string{"score", "--only", "falsy-signature-accepted", "--", "sh", "-c", script}, &out); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out.String(), want) {
			t.Errorf("%s:\n%s\nwant %s", script, &out, want)
		}
	}
}

func TestCorpusHoldsBothKinds(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	count := map[bool]int{}
	for _, r := range corpus("") {
		if names[r.Name] {
			t.Errorf("%s is there twice", r.Name)
		}
		names[r.Name] = true
		count[r.flawed]++
	}
	if count[false] < 30 || count[true] < 100 {
		t.Errorf("%d correct, %d flawed", count[false], count[true])
	}
	var out bytes.Buffer
	if err := run(t.Context(), []string{"list"}, &out); err != nil || strings.Count(out.String(), "\n") != len(names) {
		t.Errorf("%d lines, %v", strings.Count(out.String(), "\n"), err)
	}
}

// A receiver that is served can be reached as the lines that it prints say, also at another address, as a container has one.
func TestServePrintsWhereTheReceiverIs(t *testing.T) {
	t.Parallel()
	for _, arguments := range [][]string{{"serve", "falsy-signature-accepted"}, {"serve", "--listen", ":0", "falsy-signature-accepted"}} {
		ctx, cancel := context.WithCancel(t.Context())
		read, write := io.Pipe()
		ended := make(chan error, 1)
		go func() { ended <- errors.Join(run(ctx, arguments, write), write.Close()) }()
		told, lines := map[string]string{}, bufio.NewReader(read)
		for len(told) < 6 {
			line, err := lines.ReadString('\'')
			value, closed := lines.ReadString('\'')
			if err != nil || closed != nil {
				t.Fatalf("%q: %v, %v", line, err, closed)
			}
			told[strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(line), "export "), "='")] = strings.TrimSuffix(value, "'")
		}
		go func() { _, _ = io.Copy(io.Discard, lines) }()
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM([]byte(told["WEBHOOK_CA_PEM"])) {
			t.Errorf("no authority in %q", told)
		}
		if len(arguments) > 2 && strings.HasPrefix(told["WEBHOOK_ADDRESS"], "127.0.0.1:") {
			t.Errorf("is at %s", told["WEBHOOK_ADDRESS"])
		}
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, told["WEBHOOK_ADDRESS"])
		}}}
		response, err := client.Post(told["WEBHOOK_URL"], "application/json", strings.NewReader("{}"))
		if err != nil {
			t.Errorf("%q: %v", arguments, err)
		} else {
			_ = response.Body.Close()
		}
		client.CloseIdleConnections()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}
