package fleet_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/prelaunch-audit/prelaunch/internal/fleet"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/database"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/database/databasetest"
)

// settingsFile writes a file of settings, and the directory of configurations that it names.
func settingsFile(t *testing.T, more string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "fleet"), 0o700); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "fleet.yaml")
	if err := os.WriteFile(file, []byte("version: 1\nsources: [{name: own, directory: "+filepath.Join(dir, "fleet")+", team: payments}]\n"+more), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestServe starts a whole process, asks for its pages, and tells it to end.
func TestServe(t *testing.T) {
	t.Parallel()
	for _, role := range []string{"all", "web"} {
		t.Run(role, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			reader, writer := io.Pipe()
			ended := make(chan int, 1)
			go func() {
				code := fleet.Main(ctx, []string{"serve", "--role", role, "--listen", "127.0.0.1:0", "--settings", settingsFile(t, ""), "--database", "sqlite:" + filepath.Join(t.TempDir(), "fleet.db")},
					fleet.Streams{Out: io.Discard, Err: writer, LookupEnv: func(string) (string, bool) { return "", false }})
				_ = writer.Close() // the log is at its end
				ended <- code
			}()
			address := ""
			lines := bufio.NewScanner(reader)
			for address == "" && lines.Scan() {
				var line struct{ Address string }
				if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
					t.Fatalf("the log is not JSON: %s", lines.Text())
				}
				address = line.Address
			}
			drained := make(chan struct{})
			go func() {
				defer close(drained)
				for lines.Scan() { // what else is logged
				}
			}()
			for path, says := range map[string]string{"/": "<h1>Integrations</h1>", "/readyz": "ready", "/healthz": "ok", "/metrics": "prelaunch_collected 1", "/api/v1/integrations": `"integrations":[]`} {
				request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+path, nil)
				if err != nil {
					t.Fatal(err)
				}
				response, err := http.DefaultClient.Do(request)
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(response.Body)
				if err := response.Body.Close(); err != nil {
					t.Error(err)
				}
				if err != nil || response.StatusCode != http.StatusOK || !strings.Contains(string(body), says) {
					t.Errorf("%s: %v, %d %s", path, err, response.StatusCode, body)
				}
			}
			cancel()
			if code := <-ended; code != 0 {
				t.Errorf("it ended with %d", code)
			}
			<-drained
		})
	}
}

// TestServeIsRefused: what would be open to everybody, or could never work, does not start.
func TestServeIsRefused(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		settings string
		args     []string
		says     string
	}{
		"no login":        {"", []string{"--listen", "0.0.0.0:0"}, "a login is required"},
		"a hidden secret": {"web: {login: {oidc: {issuer: \"https://id.acme.example\", client_id: fleet, client_secret: {env: MISSING}}}}\n", nil, "MISSING is not set"},
		"a channel":       {"notices: {channels: [{name: chat, kind: slack, url_from: {env: MISSING}}]}\n", nil, "MISSING is not set"},
		"another role":    {"", []string{"--role", "admin"}, "the roles are all, web, worker"},
		"unknown setting": {"wbe: {}\n", nil, "wbe"},
	} {
		var problems strings.Builder
		args := append([]string{"serve", "--settings", settingsFile(t, test.settings), "--database", "sqlite:" + filepath.Join(t.TempDir(), "fleet.db")}, test.args...)
		code := fleet.Main(t.Context(), args, fleet.Streams{Out: io.Discard, Err: &problems, LookupEnv: func(string) (string, bool) { return "", false }})
		if code != 2 || !strings.Contains(problems.String(), test.says) {
			t.Errorf("%s: exit %d, %s", name, code, problems.String())
		}
	}
}

// TestWebHoldsNoSecretsOfNotices: a process that serves pages needs none of the secrets of channels.
func TestWebHoldsNoSecretsOfNotices(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // it starts, and ends at once
	var problems strings.Builder
	code := fleet.Main(ctx, []string{"serve", "--role", "web", "--listen", "127.0.0.1:0", "--settings", settingsFile(t, "notices: {channels: [{name: chat, kind: slack, url_from: {env: MISSING}}]}\n"),
		"--database", "sqlite:" + filepath.Join(t.TempDir(), "fleet.db")}, fleet.Streams{Out: io.Discard, Err: &problems, LookupEnv: func(string) (string, bool) { return "", false }})
	if strings.Contains(problems.String(), "MISSING") {
		t.Errorf("exit %d: %s", code, problems.String())
	}
}

// TestCommandLine: a status that there is not is an error, since an empty list would say that all is well; help fits a terminal.
func TestCommandLine(t *testing.T) {
	t.Parallel()
	run := func(args ...string) (int, string) {
		var out strings.Builder
		code := fleet.Main(t.Context(), args, fleet.Streams{Out: &out, Err: &out, LookupEnv: func(string) (string, bool) { return "", false }})
		return code, out.String()
	}
	if code, text := run("list", "--status", "nonsense"); code != 2 || !strings.Contains(text, "not_ready") {
		t.Errorf("%d %s", code, text)
	}
	address := databasetest.SQLite(t)
	db := databasetest.Open(t, address)
	if err := db.Write(t.Context(), func(tx *database.Tx) error {
		return tx.PutIntegration(t.Context(), database.Integration{Name: "acme", Team: "payments", Status: database.Unknown, Problem: "prelaunch.yaml:1:1: one\nprelaunch.yaml:2:1: two\nprelaunch.yaml:3:1: three"})
	}); err != nil {
		t.Fatal(err)
	}
	if code, text := run("list", "--database", address); code != 0 || strings.Count(text, "\n") != 2 || !strings.Contains(text, "1:1: one (and 2 more)\n") {
		t.Errorf("%d %s", code, text)
	}
	if code, text := run("audit", "acme", "--database", address); code != 2 || !strings.Contains(text, "cannot be used") {
		t.Errorf("%d %s", code, text)
	}
	for _, command := range []string{"", "serve", "list", "audit"} {
		_, text := run(append(strings.Fields(command), "--help")...)
		for line := range strings.Lines(text) {
			if columns := utf8.RuneCountInString(strings.TrimRight(line, "\n")); columns > 80 {
				t.Errorf("help of %q has %d columns: %s", command, columns, line)
			}
		}
	}
}
