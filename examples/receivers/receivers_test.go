// Package receivers holds receivers to copy. Its tests start each of them, over HTTPS on loopback, and write to it by hand.
package receivers

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha512"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/sandbox/certs"
)

const (
	host          = "hooks.acme.example"
	integrationID = "1234567890987654321"
)

// receiver is one that runs as a program of its own.
type receiver struct {
	t      *testing.T
	key    string
	path   string
	client *http.Client
	output *lines
	spool  string
	// address and ca are where it listens, and the roots of its certificate in PEM.
	address string
	ca      []byte
}

// start runs a command with the receiver's environment and waits until a line of its output tells the address.
func start(t *testing.T, path string, address *regexp.Regexp, command ...string) *receiver {
	t.Helper()
	dir := t.TempDir()
	ca := certs.New(time.Now())
	chain, key := certs.PEM(ca.Server(host, "test."+host, "127.0.0.1", "127.0.0.3"))
	for name, content := range map[string][]byte{"cert.pem": chain, "key.pem": key} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r := &receiver{t: t, key: rand.Text(), path: path, output: newLines(), spool: filepath.Join(dir, "spool")}
	if err := os.Mkdir(r.spool, 0o700); err != nil {
		t.Fatal(err)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for i, argument := range command {
		command[i] = strings.NewReplacer("CERT", filepath.Join(dir, "cert.pem"), "KEY", filepath.Join(dir, "key.pem")).Replace(argument)
	}
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = append(os.Environ(),
		"BEGINI_API_KEY="+r.key, "BEGINI_INTEGRATION_ID="+integrationID, "LISTEN=127.0.0.1:0",
		"TLS_CERT_FILE="+filepath.Join(dir, "cert.pem"), "TLS_KEY_FILE="+filepath.Join(dir, "key.pem"),
		"SPOOL="+r.spool, "TAKE_EVENT="+filepath.Join(here, "debian-webhook", "take-event"))
	cmd.Stdout, cmd.Stderr = r.output, r.output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cmd.Process.Kill(); err != nil {
			t.Error(err)
		}
		_ = cmd.Wait() // it was killed
		if strings.Contains(r.output.text(), r.key) {
			t.Error("the log holds the key")
		}
	})
	found := r.output.wait(t, address)
	r.address, r.ca = found, ca.CAPEM()
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: ca.Pool()},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, found)
		},
	}
	t.Cleanup(transport.CloseIdleConnections)
	r.client = &http.Client{Transport: transport}
	return r
}

// lines collects a program's output and tells who waits for a line of it.
type lines struct {
	mu      sync.Mutex
	all     bytes.Buffer
	changed *sync.Cond
}

func newLines() *lines {
	l := &lines{}
	l.changed = sync.NewCond(&l.mu)
	return l
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.changed.Broadcast()
	return l.all.Write(p)
}

func (l *lines) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.String()
}

// wait returns what the pattern's group matches, once it does.
func (l *lines) wait(t *testing.T, pattern *regexp.Regexp) string {
	t.Helper()
	late := false
	timer := time.AfterFunc(time.Minute, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		late = true
		l.changed.Broadcast()
	})
	defer timer.Stop()
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		if found := pattern.FindStringSubmatch(l.all.String()); found != nil {
			return found[len(found)-1]
		}
		if late {
			t.Fatalf("%s did not come:\n%s", pattern, l.all.String())
		}
		l.changed.Wait()
	}
}

func (r *receiver) sign(body string) string {
	mac := hmac.New(sha512.New, []byte(r.key))
	mac.Write([]byte(body))
	return hex.EncodeToString(mac.Sum(nil))
}

func (r *receiver) send(method, path, contentType, body string, signatures ...string) (int, string) {
	r.t.Helper()
	request, err := http.NewRequest(method, "https://"+host+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	if signatures != nil {
		request.Header["X-Signature"] = signatures
	}
	response, err := r.client.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	text, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		r.t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

func (r *receiver) post(body string, signatures ...string) int {
	r.t.Helper()
	status, _ := r.send(http.MethodPost, r.path, "application/json", body, signatures...)
	return status
}

func event(uid string) string {
	return fmt.Sprintf(`{"uid":%q,"integration_id":%q,"event":{"type":"application.complete","details":{"application_started_at":1}}}`, uid, integrationID)
}

var listening = regexp.MustCompile(`listening on (127\.0\.0\.1:[0-9]+)`)

// program says how a receiver is started; where its interpreter is missing, only its own test is left out.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed on this machine, so its receiver cannot be started", name)
	}
	return path
}

// programs start each of the receivers that are programs of this project's own.
var programs = map[string]func(t *testing.T) *receiver{
	"go": func(t *testing.T) *receiver {
		binary := filepath.Join(t.TempDir(), "receiver")
		if out, err := exec.Command("go", "build", "-o", binary, "./go").CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return start(t, "/begini", listening, binary)
	},
	"python": func(t *testing.T) *receiver {
		return start(t, "/begini", listening, program(t, "python3"), "python/receiver.py")
	},
	"node": func(t *testing.T) *receiver {
		return start(t, "/begini", listening, program(t, "node"), "node/receiver.mjs")
	},
}

func TestReceiversAreRight(t *testing.T) {
	t.Parallel()
	for name, begin := range programs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := begin(t)
			genuine := event("GENUINE0001")
			for i := range 2 {
				if status, text := r.send(http.MethodPost, r.path, "application/json", genuine, r.sign(genuine)); status != 200 || text != `{"status":"ok"}` {
					t.Errorf("genuine event, delivery %d: %d %s", i+1, status, text)
				}
			}
			spelt := strings.ReplaceAll(event("GENUINE0002"), ",", ",\n ") + "\n"
			if status := r.post(spelt, r.sign(spelt)); status != 200 {
				t.Errorf("spelt otherwise: %d", status)
			}
			large := strings.Replace(event("GENUINE0003"), ":1}", `:1,"x":"`+strings.Repeat("x", 64<<10)+`"}`, 1)
			if status := r.post(large, r.sign(large)); status != 200 {
				t.Errorf("64 KiB: %d", status)
			}
			r.chunked(event("GENUINE0004"))
			forged := event("FORGED0001")
			right := r.sign(forged)
			for name, signatures := range map[string][]string{
				"none": nil, "empty": {""}, "word": {"null"}, "random": {strings.Repeat("ab", 64)}, "prefix": {right[:64]}, "another body's": {r.sign(genuine)},
				"not ASCII": {"\xe9"}, "odd": {"abc"}, "long": {strings.Repeat("a", 4096)}, "upper half": {right[:127]}, "two": {"bad", "bad"},
			} {
				status, text := r.send(http.MethodPost, r.path, "application/json", forged, signatures...)
				if status != 401 || text != `{"error":"refused"}` {
					t.Errorf("signature %s: %d %s", name, status, text)
				}
			}
			for name, c := range map[string]struct {
				body string
				want int
			}{
				"empty": {"", 400}, "open": {"{", 400}, "trailing": {"{}x", 400}, "two": {"{} {}", 400}, "NaN": {`{"a":NaN}`, 400}, "null": {"null", 400},
				"list": {"[]", 400}, "text": {`"x"`, 400}, "broken UTF-8": {"{\"uid\":\"\xff\"}", 400}, "byte order mark": {"\ufeff" + forged, 400},
				"nothing": {"{}", 422}, "no UID": {strings.Replace(forged, `"uid"`, `"id"`, 1), 422}, "number as UID": {strings.Replace(forged, `"FORGED0001"`, "5", 1), 422},
				"no event": {strings.Replace(forged, `"event"`, `"x"`, 1), 422}, "null as event": {`{"uid":"FORGED0001","integration_id":"` + integrationID + `","event":null}`, 422},
				"no type": {strings.Replace(forged, `"type"`, `"x"`, 1), 422}, "unknown type": {strings.Replace(forged, "application.complete", "x", 1), 422},
				"another integration": {strings.Replace(forged, integrationID, "1", 1), 422}, "list as type": {strings.Replace(forged, `"application.complete"`, "[]", 1), 422},
				"deep": {strings.Repeat("[", 2000), 400}, "too large": {strings.Repeat(" ", 1<<20+1), 413},
			} {
				if got := r.post(c.body, r.sign(c.body)); got != c.want {
					t.Errorf("signed, %s: %d, want %d", name, got, c.want)
				}
			}
			if status, _ := r.send(http.MethodPut, r.path, "application/json", forged, right); status != 405 {
				t.Errorf("PUT: %d", status)
			}
			if status, _ := r.send(http.MethodGet, r.path, "", ""); status != 405 {
				t.Errorf("GET: %d", status)
			}
			if status, _ := r.send(http.MethodPost, r.path+"/", "application/json", forged, right); status != 404 {
				t.Errorf("another path: %d", status)
			}
			last := event("GENUINE0005")
			if status := r.post(last, r.sign(last)); status != 200 {
				t.Errorf("after all that: %d", status)
			}
			r.output.wait(t, regexp.MustCompile(`(?s)(event taken.*){5}`))
			text := r.output.text()
			if taken, again := strings.Count(text, "event taken"), strings.Count(text, "event known already"); taken != 5 || again != 1 {
				t.Errorf("%d events taken and %d known already, want 5 and 1", taken, again)
			}
			for _, secret := range []string{"GENUINE", "FORGED", "details", right, r.sign(genuine)} {
				if strings.Contains(text, secret) {
					t.Errorf("the log tells %q:\n%s", secret, text)
				}
			}
		})
	}
}

// chunked sends a genuine body without its length.
func (r *receiver) chunked(body string) {
	r.t.Helper()
	request, err := http.NewRequest(http.MethodPost, "https://"+host+r.path, io.MultiReader(strings.NewReader(body)))
	if err != nil {
		r.t.Fatal(err)
	}
	request.Header.Set("X-Signature", r.sign(body))
	response, err := r.client.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil {
		r.t.Fatal(err)
	}
	if response.StatusCode != 200 {
		r.t.Errorf("without length: %d", response.StatusCode)
	}
}

// An unset key must stop a receiver; the HMAC of an empty key is one that anybody can make.
func TestReceiversWantAKey(t *testing.T) {
	t.Parallel()
	for name, command := range map[string][]string{"python": {"python3", "python/receiver.py"}, "node": {"node", "node/receiver.mjs"}, "go": {"go", "run", "./go"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(program(t, command[0]), command[1:]...)
			cmd.Env = append(os.Environ(), "BEGINI_API_KEY=", "BEGINI_INTEGRATION_ID="+integrationID, "LISTEN=127.0.0.1:0")
			if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "set BEGINI_API_KEY") {
				t.Errorf("it starts without a key: %v\n%s", err, out)
			}
		})
	}
}

// TestDebianWebhook starts Debian's webhook program as it should be configured, and as its documentation has it.
// debianWebhook starts Debian's program with one of the configurations.
func debianWebhook(t *testing.T, hooks string) *receiver {
	t.Helper()
	binary := program(t, "webhook")
	l, err := net.Listen("tcp", "127.0.0.3:0") // it cannot tell which port it was given: one that is free, where nothing else takes it meanwhile
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	serving := regexp.MustCompile(fmt.Sprintf(`serving hooks on https://(127\.0\.0\.3:%d)/hooks`, port))
	return start(t, "/hooks/begini", serving, binary, "-ip", "127.0.0.3", "-port", fmt.Sprint(port), "-secure", "-cert", "CERT", "-key", "KEY",
		"-template", "-hooks", filepath.Join("debian-webhook", hooks), "-verbose")
}

func TestDebianWebhook(t *testing.T) {
	t.Parallel()
	genuine, forged := event("GENUINE0001"), event("FORGED0001")
	t.Run("right", func(t *testing.T) {
		t.Parallel()
		r := debianWebhook(t, "hooks.json.tmpl")
		for name, got := range map[string]int{
			"no signature": r.post(forged), "wrong": r.post(forged, strings.Repeat("ab", 64)), "no hex": r.post(forged, "xyz"), "another body's": r.post(forged, r.sign(genuine)),
		} {
			if got != 401 {
				t.Errorf("%s: %d", name, got)
			}
		}
		form := "--x\r\nContent-Disposition: form-data; name=\"uid\"\r\n\r\nFORGED0001\r\n--x--\r\n"
		if status, _ := r.send(http.MethodPost, r.path, "multipart/form-data; boundary=x", form, r.sign("")); status < 400 || status >= 500 {
			t.Errorf("a form under the signature of nothing: %d", status)
		}
		for range 2 {
			if got := r.post(genuine, r.sign(genuine)); got != 200 {
				t.Errorf("genuine: %d", got)
			}
		}
		r.output.wait(t, regexp.MustCompile(`(?s)finished handling.*(finished handling) begini`))
		entries, err := os.ReadDir(r.spool)
		if err != nil || len(entries) != 1 || entries[0].Name() != "GENUINE0001.application.complete" {
			t.Errorf("the spool holds %v, %v", entries, err)
		}
	})
	t.Run("as documented", func(t *testing.T) {
		t.Parallel()
		r := debianWebhook(t, "hooks-as-documented.json.tmpl")
		if status, text := r.send(http.MethodPost, r.path, "application/json", forged); status != 200 || text != "Hook rules were not satisfied." {
			t.Errorf("no signature: %d %s", status, text)
		}
		if got := r.post(forged, strings.Repeat("ab", 64)); got != 500 {
			t.Errorf("wrong signature: %d", got)
		}
		form := "--x\r\nContent-Disposition: form-data; name=\"uid\"\r\n\r\nFORGED0001\r\n--x--\r\n"
		if status, _ := r.send(http.MethodPost, r.path, "multipart/form-data; boundary=x", form, r.sign("")); status != 200 {
			t.Errorf("a form under the signature of nothing: %d", status)
		}
		r.output.wait(t, regexp.MustCompile(`(executing) .*take-event`))
	})
}
