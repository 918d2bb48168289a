package cli_test

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/audit/audittest"
	"github.com/prelaunch-audit/prelaunch/internal/cli"
)

// TestDevNamesTheFailingRequest: a receiver that verifies nothing fails in few lines, with the command that shows it and the key that
// it was to use.
func TestDevNamesTheFailingRequest(t *testing.T) {
	t.Parallel()
	d := newDeveloper(t)
	url, _ := listen(t)
	code, stdout, stderr := d.call("dev", "--url", url, "--uid", "KNOWN0001")
	for _, want := range []string{
		"  export BEGINI_API_KEY=" + d.key() + "\n", "  export BEGINI_INTEGRATION_ID=1234567890987654321\n",
		"fail          webhook.rejects-unsigned\n", "\n    $ prelaunch replay malformed-signature/random --url " + url + " --uid KNOWN0001\n", " fail, ",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("%q is missing", want)
		}
	}
	if lines := strings.Count(stdout, "\n"); code != 1 || lines > 80 || stderr != "" || strings.Contains(stdout, "--environment") {
		t.Errorf("exit %d, %d lines: %s%s", code, lines, stdout, stderr)
	}
	code, shown, stderr := d.call("replay", "malformed-signature/random", "--url", url)
	if code != 0 || !strings.Contains(shown, "< 200 OK") {
		t.Errorf("exit %d: %s%s", code, shown, stderr)
	}
	var report audit.Report
	code, stdout, stderr = d.call("dev", "--url", url, "-o", "json")
	if err := json.Unmarshal([]byte(stdout), &report); code != 1 || err != nil || report.Ready {
		t.Errorf("exit %d: %v%s", code, err, stderr)
	}
}

// TestDevTrustsAPrivateAuthority: a receiver whose certificate is a private CA's is tested with --ca-file, and its commands name the file.
func TestDevTrustsAPrivateAuthority(t *testing.T) {
	t.Parallel()
	d := newDeveloper(t)
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(server.Close)
	url := server.URL + "/begini"
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, stdout, stderr := d.call("dev", "--url", url); code != 1 || !strings.Contains(stdout, "--ca-file FILE names") {
		t.Errorf("without --ca-file: exit %d: %s%s", code, stdout, stderr)
	}
	code, stdout, stderr := d.call("dev", "--url", url, "--ca-file", file)
	if code != 1 || !strings.Contains(stdout, "\n    $ prelaunch replay malformed-signature/random --url "+url+" --ca-file "+file+"\n") {
		t.Errorf("exit %d: %s%s", code, stdout, stderr)
	}
	if code, stdout, stderr := d.call("replay", "malformed-signature/random", "--url", url, "--ca-file", file); code != 0 || !strings.Contains(stdout, "< 200 OK") {
		t.Errorf("exit %d: %s%s", code, stdout, stderr)
	}
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{empty, empty + ".missing"} {
		if code, stdout, stderr := d.call("dev", "--url", url, "--ca-file", name); code != 2 || stdout != "" || !strings.Contains(stderr, "--ca-file") {
			t.Errorf("%s: exit %d: %s%s", name, code, stdout, stderr)
		}
	}
}

func TestDevNeedsAReceiver(t *testing.T) {
	t.Parallel()
	d := newDeveloper(t)
	url := "http://" + audittest.Refusing(t) + "/begini"
	for _, test := range []struct {
		args []string
		code int
		want string
	}{
		{nil, 2, "--url is missing"},
		{[]string{url}, 2, "prelaunch dev cannot be called with 1 argument\nUsage: prelaunch dev --url URL [flags]"},
		{[]string{"--url", "http://hooks.acme.example/begini"}, 2, "plain http is for this machine alone"},
		{[]string{"--url", "https://hooks.acme.example/begini", "--watch"}, 2, "--watch is for receivers on this machine"},
		{[]string{"--url", url, "--provider", "begin"}, 2, "did you mean begini?"},
		{[]string{"--url", url}, 1, "start your receiver"},
	} {
		code, stdout, stderr := d.call(append([]string{"dev"}, test.args...)...)
		if code != test.code || !strings.Contains(stderr, test.want) || test.code == 2 && stdout != "" {
			t.Errorf("%v: exit %d: %s%s", test.args, code, stdout, stderr)
		}
	}
}

// marks is standard output that tells of each summary.
type marks struct {
	text chan string
}

func (m marks) Write(b []byte) (int, error) {
	m.text <- string(b)
	return len(b), nil
}

// TestDevWatchesForRestarts: it waits for the receiver, runs again when it was restarted, and ends at once.
func TestDevWatchesForRestarts(t *testing.T) {
	t.Parallel()
	d := newDeveloper(t)
	first, err := net.Listen("tcp", "127.0.0.2:0") // where no other test gets the port meanwhile
	if err != nil {
		t.Skipf("no second loopback address: %v", err)
	}
	address := first.Addr().String()
	_ = first.Close()
	var requests atomic.Int64
	serve := func() *http.Server {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			requests.Add(1)
			w.WriteHeader(http.StatusUnauthorized) // whatever comes, so that the suite is short
		}), ReadHeaderTimeout: time.Minute}
		go func() { _ = server.Serve(listener) }()
		return server
	}
	ctx, stop := context.WithCancel(t.Context())
	said := marks{make(chan string, 10_000)}
	ended := make(chan int, 1)
	go func() {
		ended <- cli.Main(ctx, []string{"dev", "--url", "http://" + address + "/begini", "--watch"}, cli.Streams{
			In: strings.NewReader(""), Out: said, Err: said, LookupEnv: func(name string) (string, bool) { value, set := d.env[name]; return value, set },
		})
	}()
	await := func(what string) {
		t.Helper()
		for {
			select {
			case text := <-said.text:
				if strings.Contains(text, what) {
					return
				}
			case <-time.After(time.Minute):
				t.Fatalf("%q was not said", what)
			}
		}
	}
	await("Waiting for a receiver at " + address)
	server := serve()
	await("Waiting for the receiver to be restarted")
	once := requests.Load()
	_ = server.Close()
	await("Waiting for a receiver at")
	server = serve()
	defer func() { _ = server.Close() }()
	await("Waiting for the receiver to be restarted")
	if requests.Load() < 2*once-10 || once == 0 {
		t.Errorf("%d requests at first, %d in all", once, requests.Load())
	}
	begun := time.Now()
	stop()
	if code := <-ended; code != 1 || time.Since(begun) > 5*time.Second {
		t.Errorf("exit %d after %v", code, time.Since(begun))
	}
}
