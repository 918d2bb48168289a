// Package fleet holds examples of running a fleet: on one machine, on many, and with Compose. Its test reads the settings and runs the
// command lines; the module below validate holds the files to the tools and types of what runs them.
package fleet

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prelaunch-audit/prelaunch/internal/config"
	"github.com/prelaunch-audit/prelaunch/internal/fleet"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/database"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/database/databasetest"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/notice"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/settings"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/web"
	"github.com/prelaunch-audit/prelaunch/internal/signoff"
	"github.com/prelaunch-audit/prelaunch/internal/yamldoc"
)

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// inline is the block of text below a line of a file, without its indentation.
func inline(t *testing.T, file, after string) string {
	t.Helper()
	_, rest, found := strings.Cut(read(t, file), after+"\n")
	if !found {
		t.Fatalf("%s has no %q", file, after)
	}
	var block strings.Builder
	indent := len(rest) - len(strings.TrimLeft(rest, " "))
	for line := range strings.Lines(rest) {
		if strings.TrimSpace(line) != "" && !strings.HasPrefix(line, strings.Repeat(" ", indent)) {
			break
		}
		block.WriteString(strings.TrimPrefix(line, strings.Repeat(" ", indent)))
	}
	return block.String()
}

// prepared is a text of settings as it is on a machine that has everything which they name: the paths lead into dir.
func prepared(t *testing.T, dir, text string) string {
	t.Helper()
	_, public, err := signoff.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"client-secret": "client secret", "slack-url": "https://hooks.slack.example/services/x", "webhook-secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "github-token": "token", "push-secret": "a secret of sixteen", "jane.pub": string(public),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, "integrations"), 0o700); err != nil {
		t.Fatal(err)
	}
	return strings.NewReplacer("/run/credentials/prelaunch-server.service", dir, "/run/secrets/web", dir, "/etc/prelaunch/reviewers", dir, "/etc/prelaunch/integrations", filepath.Join(dir, "integrations")).Replace(text)
}

func nothing(string) (string, bool) { return "", false }

// TestSettings: each example's settings are accepted whole, and those that listen elsewhere than on loopback have a login.
func TestSettings(t *testing.T) {
	t.Parallel()
	for name, example := range map[string]struct{ text, listen string }{
		"fleet.yaml":      {read(t, "fleet.yaml"), "0.0.0.0:8080"},
		"the package's":   {read(t, "../../.github/release/server/fleet.yaml"), "127.0.0.1:8080"},
		"kubernetes.yaml": {inline(t, "kubernetes.yaml", "  fleet.yaml: |"), "0.0.0.0:8080"},
		"compose.yaml":    {inline(t, "compose.yaml", "    content: |"), "127.0.0.1:8080"},
	} {
		dir := t.TempDir()
		file := filepath.Join(dir, "fleet.yaml")
		if err := os.WriteFile(file, []byte(prepared(t, dir, example.text)), 0o600); err != nil {
			t.Fatal(err)
		}
		set, err := settings.Read(file, web.Field(), notice.Field())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var pages web.Options
		if err := web.From(set.Field("web"), nothing, &pages); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := pages.Login.Check(example.listen); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, _, err := notice.From(set.Field("notices"), nothing); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestCommandLines runs each command line of the examples, with an empty fleet, until it would wait for work.
func TestCommandLines(t *testing.T) {
	t.Parallel()
	lines := map[string][]string{}
	for name, pattern := range map[string]string{"prelaunch-server.service": `ExecStart=\S+ (.*)`, "kubernetes.yaml": `args: \[(serve.*)\]`, "compose.yaml": `command: \[(serve.*)\]`} {
		for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(read(t, name), -1) {
			lines[fmt.Sprint(name, " ", len(lines))] = strings.Fields(strings.NewReplacer(",", " ", `"`, "").Replace(match[1]))
		}
	}
	if len(lines) != 5 {
		t.Fatalf("%d command lines: %v", len(lines), lines)
	}
	for name, args := range lines {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			text := inline(t, "compose.yaml", "    content: |")
			if slices.Contains(args, "0.0.0.0:8080") {
				text = inline(t, "kubernetes.yaml", "  fleet.yaml: |")
			}
			file := filepath.Join(dir, "fleet.yaml")
			if err := os.WriteFile(file, []byte(prepared(t, dir, text)), 0o600); err != nil {
				t.Fatal(err)
			}
			address := "sqlite:" + filepath.Join(dir, "fleet.db")
			databasetest.Open(t, address) // so that nothing is left to do before it waits
			here := slices.Clone(args)
			for i := range here {
				here[i] = strings.NewReplacer("0.0.0.0:8080", "0.0.0.0:0", "127.0.0.1:8080", "127.0.0.1:0", "sqlite:/var/lib/prelaunch/fleet.db", address).Replace(here[i])
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			log := &waiting{until: []string{"the pages are served"}, reached: cancel}
			if slices.Contains(args, "worker") || !slices.Contains(args, "--role") {
				log.until = []string{"the fleet is audited"}
			}
			code := fleet.Main(ctx, append(here, "--settings", file), fleet.Streams{Out: io.Discard, Err: log, LookupEnv: func(variable string) (string, bool) {
				if variable == "PRELAUNCH_DATABASE" {
					return address, true
				}
				return "", false
			}})
			if code != 0 || ctx.Err() == nil {
				t.Errorf("%v: exit %d: %s", args, code, log.text.String())
			}
		})
	}
}

// waiting is a log that calls reached when it has said what is waited for.
type waiting struct {
	text    bytes.Buffer
	until   []string
	reached func()
}

// Write is called by the log's handler, one line at a time.
func (w *waiting) Write(line []byte) (int, error) {
	for _, text := range w.until {
		if bytes.Contains(line, []byte(text)) {
			w.reached()
		}
	}
	return w.text.Write(line)
}

// TestConfiguration: the example's integration can be read.
func TestConfiguration(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	text := strings.ReplaceAll(read(t, filepath.Join("integrations", "payments", "acme-personal-loans", "prelaunch.yaml")), "/run/secrets/prelaunch/acme-personal-loans/", "./")
	for name, content := range map[string]string{"prelaunch.yaml": text, "test": "key of test", "production": "key of production"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := config.Load(filepath.Join(dir, "prelaunch.yaml"), config.Options{}); err != nil {
		t.Error(err)
	}
}

// TestAlerts: the rules ask for metrics that the server has, and promtool accepts them where it is installed.
func TestAlerts(t *testing.T) {
	t.Parallel()
	db := databasetest.Open(t, databasetest.SQLite(t))
	err := db.Write(t.Context(), func(tx *database.Tx) error {
		ctx := t.Context()
		if err := tx.PutIntegration(ctx, database.Integration{Name: "acme-loans", Team: "payments", Status: database.NotReady, NextDue: tx.Now().Add(-1), ValidUntil: tx.Now(), LastFinished: tx.Now()}); err != nil {
			return err
		}
		if err := tx.PutFinding(ctx, database.Finding{ID: "f", Integration: "acme-loans", Severity: "critical", State: database.StateOpen}); err != nil {
			return err
		}
		if err := tx.PutWorker(ctx, database.Worker{ID: "w", Role: "all"}); err != nil {
			return err
		}
		_, err := tx.AddEvent(ctx, database.Event{Integration: "acme-loans", Kind: database.EventReadyLost}, []string{"chat"})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	pages, err := web.New(web.Options{DB: db, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	response := httptest.NewRecorder()
	pages.ServeHTTP(response, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1/metrics", nil))
	rules := read(t, "alerts.yaml")
	if _, mistakes := yamldoc.Strict([]byte(rules)); len(mistakes) > 0 {
		t.Errorf("not YAML: %v", mistakes)
	}
	names := regexp.MustCompile(`prelaunch_[a-z_]+`).FindAllString(strings.Join(regexp.MustCompile(`(?m)expr: .*$`).FindAllString(rules, -1), "\n"), -1)
	if len(names) < 8 {
		t.Errorf("only %v", names)
	}
	for _, name := range names {
		if !regexp.MustCompile(`(?m)^` + name + `[{ ]`).MatchString(response.Body.String()) {
			t.Errorf("the server has no metric %s:\n%s", name, response.Body)
		}
	}
	if promtool, err := exec.LookPath("promtool"); err == nil {
		if said, err := exec.CommandContext(t.Context(), promtool, "check", "rules", "alerts.yaml").CombinedOutput(); err != nil {
			t.Errorf("promtool: %v\n%s", err, said)
		}
	}
}
