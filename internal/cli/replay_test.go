package cli_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/cli"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox"
)

// developer is somebody whose receiver listens on loopback, with a state directory of their own.
type developer struct {
	t     *testing.T
	state string
	env   map[string]string
}

func newDeveloper(t *testing.T) *developer {
	state := t.TempDir()
	return &developer{t, state, map[string]string{"XDG_STATE_HOME": state}}
}

func (d *developer) call(args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = cli.Main(d.t.Context(), args, cli.Streams{In: strings.NewReader(""), Out: &out, Err: &errs, LookupEnv: func(name string) (string, bool) {
		value, set := d.env[name]
		return value, set
	}})
	return code, out.String(), errs.String()
}

// key is the throw-away key, once it was made.
func (d *developer) key() string {
	raw, err := os.ReadFile(filepath.Join(d.state, "prelaunch", "dev.key"))
	if err != nil {
		d.t.Fatal(err)
	}
	return strings.TrimSpace(string(raw))
}

// listen starts a receiver that verifies nothing and repeats what it got.
func listen(t *testing.T) (url string, requests *atomic.Int64) {
	t.Helper()
	requests = &atomic.Int64{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		body, err := io.ReadAll(r.Body)
		if err == nil {
			_, _ = w.Write([]byte(r.Header.Get("X-Signature") + string(body)))
		}
	}))
	t.Cleanup(server.Close)
	return server.URL + "/begini", requests
}

// TestReplayOfAThrowAwayKey: a developer sees what was sent, signature and all, in each format.
func TestReplayOfAThrowAwayKey(t *testing.T) {
	t.Parallel()
	d := newDeveloper(t)
	url, _ := listen(t)
	var shown struct {
		Schema    string
		Exchanges []struct {
			Case, Expected string
			Checks         []string
			Request        struct {
				Method, URL, Body string
				Headers           []struct{ Name, Value string }
			}
			Response struct {
				Status int
				Body   string
			}
		}
	}
	code, stdout, stderr := d.call("replay", "valid/application.complete", "--url", url, "--json")
	if err := json.Unmarshal([]byte(stdout), &shown); err != nil || code != 0 || shown.Schema != "prelaunch.replay/v1" || len(shown.Exchanges) != 1 {
		t.Fatalf("exit %d: %v: %s%s", code, err, stdout, stderr)
	}
	one := shown.Exchanges[0]
	mac := hmac.New(sha512.New, []byte(d.key()))
	mac.Write([]byte(one.Request.Body))
	if want := hex.EncodeToString(mac.Sum(nil)); one.Response.Body != want+one.Request.Body || one.Response.Status != 200 || one.Request.Method != "POST" || one.Request.URL != url {
		t.Errorf("want the signature %s of %+v", want, one)
	}
	code, table, stderr := d.call("replay", "webhook.rejects-partial-signature", "--url", url)
	if code != 0 || !strings.Contains(table, "> POST /begini\n> Host: 127.0.0.1:") || !strings.Contains(table, "truncated-signature/first-16") ||
		!strings.Contains(table, "expected: rejected with a 4xx status") || !strings.Contains(table, "< 200 OK (") {
		t.Errorf("exit %d: %s%s", code, table, stderr)
	}
	var archive struct {
		Log struct {
			Version string
			Entries []struct {
				Request  struct{ PostData struct{ Text string } }
				Response struct{ Status int }
			}
		}
	}
	code, stdout, stderr = d.call("replay", "tampered", "--url", url, "--har")
	if err := json.Unmarshal([]byte(stdout), &archive); err != nil || code != 0 || archive.Log.Version != "1.2" || len(archive.Log.Entries) < 7 ||
		archive.Log.Entries[0].Response.Status != 200 || !strings.Contains(archive.Log.Entries[0].Request.PostData.Text, "PRELAUNCH") {
		t.Errorf("exit %d: %v: %s%s", code, err, stdout, stderr)
	}
	if info, err := os.Stat(filepath.Join(d.state, "prelaunch", "dev.key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
}

// TestReplayWithoutAnotherEnvironment: what is signed with the key of another environment cannot be sent where there is none.
func TestReplayWithoutAnotherEnvironment(t *testing.T) {
	t.Parallel()
	d := newDeveloper(t)
	url, requests := listen(t)
	for _, args := range [][]string{{"other-environment"}, {"other-environment/other-environment", "--curl"}, {"environments.credentials-not-interchangeable"}} {
		code, stdout, stderr := d.call(append([]string{"replay", "--url", url}, args...)...)
		if code != 2 || stdout != "" || !strings.Contains(stderr, args[0]+" cannot be sent here") || requests.Load() != 0 {
			t.Errorf("%v: exit %d: %s%s", args, code, stdout, stderr)
		}
	}
}

// TestReplayOfADevelopersOwnKey: it and what is made with it are redacted.
func TestReplayOfADevelopersOwnKey(t *testing.T) {
	t.Parallel()
	d := newDeveloper(t)
	d.env["ACME_KEY"] = "a-key-of-the-developer-7Jq2mXw9"
	url, _ := listen(t)
	for _, format := range []string{"table", "json", "har", "curl"} {
		code, stdout, stderr := d.call("replay", "valid/application.complete", "--url", url, "--key-env", "ACME_KEY", "-o", format)
		if code != 0 || strings.Contains(stdout+stderr, d.env["ACME_KEY"]) || (format == "curl") != strings.Contains(stdout, `"$ACME_KEY"`) ||
			(format != "curl") != strings.Contains(stdout, "[redacted]") {
			t.Errorf("%s: exit %d: %s%s", format, code, stdout, stderr)
		}
	}
}

func TestReplayGoesToLoopbackOrHTTPS(t *testing.T) {
	t.Parallel()
	d := newDeveloper(t)
	url, requests := listen(t)
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"unsigned/absent", "--url", "http://hooks.acme.example/begini"}, "plain http is for this machine alone"},
		{[]string{"unsigned/absent", "--url", "http://10.0.0.1/begini"}, "plain http is for this machine alone"},
		{[]string{"unsigned/absent", "--url", "ftp://localhost/"}, "plain http is for this machine alone"},
		{[]string{"unsigned/absent", "--url", "localhost:8080"}, "it looks like http://localhost:8080/"},
		{[]string{"unsigned/absent", "--url", "http://user:pass@localhost/"}, "takes no user name"},
		{[]string{"unsigned/absent", "--url", "https://169.254.169.254/begini"}, "found no listener"},
		{[]string{"unsigned/absent", "prelaunch.yaml", "--url", url}, "--url names a receiver of its own"},
		{[]string{"unsigned/absent", "--environment", "production", "--url", url}, "--url names a receiver of its own"},
		{[]string{"unsigned/absent", "--key-env", "ACME_KEY"}, "--key-env describes the receiver of --url"},
		{[]string{"unsigned/absent", "--key-env", "ACME_KEY", "--url", url}, "the variable is not set"},
		{[]string{"unsigned/absnt", "--url", url}, "did you mean unsigned/absent?"},
		{[]string{"retired-key", "--url", url}, "retired-key has no test case of its own here"},
		{[]string{"access.reviewed", "--url", url}, "access.reviewed has no test case of its own"},
		{[]string{"unsigned/absent", "--url", url, "--json", "--har"}, "none of the others can be"},
		{[]string{"unsigned/absent", "--url", url, "--integration-id", `"`}, "is no identifier"},
	} {
		code, stdout, stderr := d.call(append([]string{"replay"}, test.args...)...)
		blocked := strings.Contains(test.args[len(test.args)-1], "169.254") // is not contacted, which is shown as the outcome
		if blocked && (code != 0 || !strings.Contains(stdout, "blocked")) || !blocked && (code != 2 || stdout != "" || !strings.Contains(stderr, test.want)) {
			t.Errorf("%v: exit %d: %s%s", test.args, code, stdout, stderr)
		}
	}
	if requests.Load() > 0 {
		t.Errorf("%d requests were sent", requests.Load())
	}
	d.env["XDG_STATE_HOME"] = ""
	if code, _, stderr := d.call("replay", "unsigned/absent", "--url", url); code != 2 || !strings.Contains(stderr, "--key-env") {
		t.Errorf("no state directory: exit %d: %s", code, stderr)
	}
}

// TestReplayOfAConfiguration: Test is meant unless Production is named, as carefully as an audit goes about it, and no key is shown.
func TestReplayOfAConfiguration(t *testing.T) {
	t.Parallel()
	pair := start(t, sandbox.PairOptions{Probing: map[string]string{audit.Production: audit.Careful}})
	run := func(args ...string) (int, string, string) {
		return pair.call(t.Context(), append(append([]string{"replay", args[0], pair.File}, pair.Args()...), args[1:]...)...)
	}
	code, stdout, stderr := run("valid/application.complete")
	if code != 0 || !strings.Contains(stdout, "Host: hooks-test.acme.example") || !strings.Contains(stdout, "< 200 OK") || !strings.Contains(stdout, "X-Signature: [redacted]") {
		t.Errorf("exit %d: %s%s", code, stdout, stderr)
	}
	for _, variable := range pair.Env() {
		if _, value, _ := strings.Cut(variable, "="); len(value) > 12 && strings.Contains(stdout, value) {
			t.Error("a key is shown")
		}
	}
	code, stdout, stderr = run("valid/application.complete", "--environment", "production")
	if code != 2 || stdout != "" || !strings.Contains(stderr, "was not sent: probing is careful") {
		t.Errorf("production: exit %d: %s%s", code, stdout, stderr)
	}
	code, stdout, stderr = run("unsigned/absent", "--environment", "production")
	if code != 0 || !strings.Contains(stdout, "< 401 Unauthorized") {
		t.Errorf("production: exit %d: %s%s", code, stdout, stderr)
	}
}
