package web

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/cli"
	"github.com/prelaunch-audit/prelaunch/internal/provider"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox/certs"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
)

// pushSecret is one that each forge may have.
const pushSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// pushes are one of each forge, by its name, which is being given another secret.
func pushes(t *testing.T) (list []Push) {
	t.Helper()
	for _, name := range Forges {
		list = append(list, Push{Name: name, Forge: provider.Must(name).Signature, Secrets: []secret.Key{secret.New([]byte("whsec_bmV3LXNlY3JldC1vZi10aGUtcHVzaC1ub3c=")), secret.New([]byte(pushSecret))}})
	}
	return list
}

// TestPush: a forge that signs has the configurations read, nobody else does, and what it sends again adds nothing.
func TestPush(t *testing.T) {
	t.Parallel()
	s := open(t, proxied())
	post := func(name string, body []byte, header http.Header) int {
		t.Helper()
		response, text := s.as(t, "", http.MethodPost, "/api/v1/pushes/"+name, bytes.NewReader(body), func(r *http.Request) { maps.Copy(r.Header, header) })
		if response.StatusCode >= 500 || strings.Contains(text, "whsec_") {
			t.Errorf("%s: %d %s", name, response.StatusCode, text)
		}
		return response.StatusCode
	}
	signed := func(name, with string, body []byte, at time.Time) http.Header {
		t.Helper()
		message, err := provider.Must(name).Signature.Sign([]byte(with), provider.Message{Body: body, Time: at, ID: "msg_1"})
		if err != nil {
			t.Fatal(err)
		}
		return message.Header
	}
	body := []byte(`{"ref":"refs/heads/main"}`)
	for _, name := range Forges {
		good := signed(name, pushSecret, body, sampleTime)
		for what, status := range map[string]int{
			"unsigned": post(name, body, nil), "with another secret": post(name, body, signed(name, "whsec_b3RoZXItc2VjcmV0LXRoYXQtaXMtbG9uZw==", body, sampleTime)),
			"at another path": post("nobody", body, good), "below it": post(name+"/x", body, good), "the empty name": post("", body, good),
		} {
			if status != http.StatusUnauthorized && status != http.StatusNotFound {
				t.Errorf("%s %s: %d", name, what, status)
			}
		}
		covers := provider.Must(name).Signature
		if covers.Kind != provider.Token && post(name, []byte(`{"ref":"refs/heads/other"}`), good) != http.StatusUnauthorized {
			t.Errorf("%s: a body that was not signed is accepted", name)
		}
		if covers.Timestamp.Tolerance.Duration() > 0 && post(name, body, signed(name, pushSecret, body, sampleTime.Add(-time.Hour))) != http.StatusUnauthorized {
			t.Errorf("%s: a request of an hour ago is accepted", name)
		}
		large := []byte(`{"ref":"` + strings.Repeat("a", maxPush) + `"}`)
		if status := post(name, large, signed(name, pushSecret, large, sampleTime)); status != http.StatusRequestEntityTooLarge {
			t.Errorf("%s: a large body: %d", name, status)
		}
		if status := post(name, []byte("ref=main"), signed(name, pushSecret, []byte("ref=main"), sampleTime)); status != http.StatusBadRequest {
			t.Errorf("%s: no JSON: %d", name, status)
		}
	}
	entries, err := s.db.LogEntries(t.Context(), 0, 10)
	if err != nil || len(entries) != 0 {
		t.Fatalf("%v: what was rejected has changed something: %+v", err, entries)
	}
	for range 3 {
		for _, name := range Forges {
			if status := post(name, body, signed(name, pushSecret, body, sampleTime)); status != http.StatusAccepted {
				t.Errorf("%s: %d", name, status)
			}
		}
	}
	entries, err = s.db.LogEntries(t.Context(), 0, 10)
	if err != nil || len(entries) != 1 || entries[0].Actor != "github (push)" || entries[0].Action != "reload" {
		t.Errorf("%v: the audit log has %+v", err, entries)
	}
	queues, err := s.db.Queues(t.Context())
	if err != nil || len(queues) != 1 || queues[0].Kind != "reload" || queues[0].Jobs != 1 {
		t.Errorf("%v: queued are %+v", err, queues)
	}
	if log := s.log.String(); strings.Contains(log, "whsec_") || !strings.Contains(log, "a push was not accepted") {
		t.Errorf("the log: %s", log)
	}
}

// TestPushIsAudited: our own audit finds nothing in the receiver of pushes.
func TestPushIsAudited(t *testing.T) {
	t.Parallel()
	s := open(t, proxied())
	authority, dir := certs.New(time.Now()), t.TempDir()
	receiver := httptest.NewUnstartedServer(s.Config.Handler)
	receiver.TLS = &tls.Config{Certificates: []tls.Certificate{authority.Server("fleet.acme.example")}, MinVersion: tls.VersionTLS12}
	receiver.StartTLS()
	t.Cleanup(receiver.Close)
	configuration := fmt.Sprintf(`version: 1
integration: acme-pushes
provider: github
environments:
  live: {webhook_url: "https://fleet.acme.example/api/v1/pushes/github", secret: {env: PRELAUNCH_PUSH}, probing: full}
network:
  ca_file: ca.pem
  resolve: {"fleet.acme.example:443": %q}
  max_requests_per_second: 1000
`, receiver.Listener.Addr().String())
	for name, content := range map[string][]byte{"prelaunch.yaml": []byte(configuration), "ca.pem": authority.CAPEM()} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out, problems bytes.Buffer
	cli.Main(t.Context(), []string{"audit", filepath.Join(dir, "prelaunch.yaml"), "-o", "json", "--only", "webhook.*", "--only", "input.*", "--only", "errors.*"}, cli.Streams{In: strings.NewReader(""), Out: &out, Err: &problems,
		LookupEnv: func(name string) (string, bool) { return pushSecret, name == "PRELAUNCH_PUSH" }})
	var report struct {
		Checks []struct {
			ID, Outcome string
			Findings    []struct{ Outcome, Message string }
		}
	}
	if err := json.Unmarshal(out.Bytes(), &report); err != nil {
		t.Fatalf("%v\n%s", err, problems.String())
	}
	passed := 0
	for _, check := range report.Checks {
		switch check.Outcome {
		case "fail", "warn":
			t.Errorf("%s is %s: %v", check.ID, check.Outcome, check.Findings)
		case "pass":
			passed++
		}
	}
	if passed < 12 {
		t.Errorf("only %d checks pass: the receiver was not audited", passed)
	}
}
