// Package tickets holds glue between `prelaunch tickets` and issue trackers. Its test runs each script against a stand-in of the
// tracker's API that refuses what the API does not take.
package tickets

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/cli"
)

// reports are one with two failures and a later one in which one of them passes.
func reports(t *testing.T) (older, newer string) {
	t.Helper()
	at := time.Date(2026, 11, 5, 10, 0, 0, 0, time.UTC)
	make := func(name string, outcomes map[string]audit.Outcome) string {
		r := audit.Report{
			Schema: audit.ReportSchema, Tool: audit.Tool{Name: "prelaunch", Version: "1.0.0"}, Integration: "acme", Provider: "begini",
			StartedAt: at, FinishedAt: at.Add(time.Minute), Partial: true, ValidUntil: audit.NewDate(at).AddDays(90),
			Checklist: []audit.ChecklistItem{}, Notes: []string{}, Checks: []audit.Check{},
			Scope: audit.Scope{Probing: map[string]string{}, Overrides: []audit.Override{}, Skipped: []audit.Skipped{}, Addresses: []audit.Address{},
				Repositories: []audit.RepositoryScope{}, Keys: []audit.KeyScope{}, Requests: map[string]int{}, Sent: []audit.SentEvent{}, Digests: map[string]string{}},
		}
		at = at.Add(24 * time.Hour)
		for i, id := range []string{"webhook.rejects-unsigned", "webhook.rejects-wrong-key"} {
			outcome := outcomes[id]
			if outcome == audit.Fail {
				r.Summary.Fail++
			} else {
				r.Summary.Pass++
			}
			r.Checks = append(r.Checks, audit.Check{ID: id, Title: "It must be rejected", Section: "Webhooks", Items: []int{}, Level: audit.Required,
				Severity: "critical", Outcome: outcome, Remediation: "Verify the signature.", CWE: []string{}, OWASPASVS: []string{},
				Findings: []audit.Finding{{ID: fmt.Sprintf("%016x", i+1), Scope: fmt.Sprintf("%016x", i+17), Outcome: outcome, Environment: audit.Test,
					Basis: audit.Observed, Message: "Test receiver accepted an event", Evidence: map[string]any{}}}})
		}
		raw, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	older = make("older.json", map[string]audit.Outcome{"webhook.rejects-unsigned": audit.Fail, "webhook.rejects-wrong-key": audit.Fail})
	newer = make("newer.json", map[string]audit.Outcome{"webhook.rejects-unsigned": audit.Pass, "webhook.rejects-wrong-key": audit.Fail})
	return older, newer
}

// lines are what prelaunch tickets prints.
func lines(t *testing.T, args ...string) []byte {
	t.Helper()
	var out, errs bytes.Buffer
	code := cli.Main(t.Context(), append([]string{"tickets"}, args...), cli.Streams{In: strings.NewReader(""), Out: &out, Err: &errs,
		LookupEnv: func(string) (string, bool) { return "", false }})
	if code != 0 || out.Len() == 0 {
		t.Fatalf("exit %d: %s%s", code, &out, &errs)
	}
	return out.Bytes()
}

// run gives a script its tickets.
func run(t *testing.T, tickets []byte, env []string, script string, args ...string) string {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed")
	}
	command := exec.Command(python, append([]string{script}, args...)...)
	command.Stdin, command.Env = bytes.NewReader(tickets), append(env, "PYTHONDONTWRITEBYTECODE=1")
	said, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	return string(said)
}

// gitHub is a stand-in of the issues of one repository.
type gitHub struct {
	mu      sync.Mutex
	issues  []map[string]any
	changed int
	busy    bool // refuse the next request as a rate limit does
}

func (g *gitHub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if r.Header.Get("Authorization") != "Bearer test-token" {
		http.Error(w, "bad credentials", http.StatusUnauthorized)
		return
	}
	if g.busy {
		g.busy = false
		w.Header().Set("Retry-After", "0")
		w.WriteHeader(http.StatusTooManyRequests)
		return
	}
	var payload map[string]any
	if r.Method != http.MethodGet {
		if err := json.NewDecoder(r.Body).Decode(&payload); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		for field := range payload {
			if !slices.Contains([]string{"title", "body", "labels", "state", "state_reason"}, field) {
				http.Error(w, field+" is unknown", http.StatusUnprocessableEntity)
				return
			}
		}
		g.changed++
	}
	var number int
	switch path := r.URL.Path; {
	case r.Method == http.MethodGet && path == "/repos/acme/payments/issues":
		page := g.issues
		if r.URL.Query().Get("page") != "1" {
			page = nil
		}
		_ = json.NewEncoder(w).Encode(page)
	case r.Method == http.MethodPost && path == "/repos/acme/payments/issues":
		payload["number"], payload["state"] = len(g.issues)+1, "open"
		g.issues = append(g.issues, payload)
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(payload)
	case r.Method == http.MethodPatch && scan(path, "/repos/acme/payments/issues/%d", &number) && number <= len(g.issues):
		for field, value := range payload {
			g.issues[number-1][field] = value
		}
		_ = json.NewEncoder(w).Encode(g.issues[number-1])
	default:
		http.NotFound(w, r)
	}
}

func scan(text, format string, into *int) bool {
	_, err := fmt.Sscanf(text, format, into)
	return err == nil
}

func TestGitHub(t *testing.T) {
	t.Parallel()
	api := &gitHub{issues: []map[string]any{{"number": 1, "state": "open", "title": "by hand", "body": nil}}, busy: true}
	server := httptest.NewServer(api)
	t.Cleanup(server.Close)
	env := []string{"GITHUB_API_URL=" + server.URL, "GITHUB_TOKEN=test-token"}
	older, newer := reports(t)
	first := lines(t, "--format", "github", older)
	for range 2 { // the second time nothing is opened
		run(t, first, env, "github.py", "acme/payments")
		if len(api.issues) != 3 {
			t.Fatalf("%d issues", len(api.issues))
		}
	}
	if said := run(t, lines(t, "--format", "github", older, newer), env, "github.py", "acme/payments"); !strings.Contains(said, "close 0000000000000001 #2") {
		t.Errorf("it says %s", said)
	}
	if state := api.issues[1]["state"]; state != "closed" || api.issues[2]["state"] != "open" || api.issues[0]["title"] != "by hand" {
		t.Errorf("issues: %v", api.issues)
	}
	// What was solved and is there again is opened again.
	run(t, first, env, "github.py", "acme/payments")
	if len(api.issues) != 3 || api.issues[1]["state"] != "open" {
		t.Errorf("issues: %v", api.issues)
	}
}

// jira is a stand-in of a project.
type jira struct {
	mu     sync.Mutex
	issues []map[string]any
	done   []bool
}

var labelled = regexp.MustCompile(`^labels = "(prelaunch-[0-9a-f]{16})" ORDER BY created DESC$`)

func (j *jira) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if user, token, _ := r.BasicAuth(); user != "bot@acme.example" || token != "test-token" {
		http.Error(w, "who are you", http.StatusUnauthorized)
		return
	}
	var payload struct {
		JQL        string
		Fields     json.RawMessage
		Update     map[string]any
		Transition *struct{ ID string }
	}
	if err := json.NewDecoder(r.Body).Decode(&payload); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var number int
	switch path := r.URL.Path; {
	case r.Method == http.MethodPost && path == "/rest/api/3/search/jql":
		label := labelled.FindStringSubmatch(payload.JQL)
		if label == nil {
			http.Error(w, payload.JQL, http.StatusBadRequest)
			return
		}
		found := []any{}
		for i, fields := range slices.Backward(j.issues) {
			if len(found) == 0 && slices.Contains(fields["labels"].([]any), any(label[1])) {
				status := map[bool]string{false: "new", true: "done"}[j.done[i]]
				found = append(found, map[string]any{"key": fmt.Sprintf("SEC-%d", i+1), "fields": map[string]any{
					"labels": fields["labels"], "status": map[string]any{"statusCategory": map[string]any{"key": status}}}})
			}
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"issues": found})
	case r.Method == http.MethodPost && path == "/rest/api/3/issue":
		var fields map[string]any
		if err := json.Unmarshal(payload.Fields, &fields); err != nil || fields["project"] == nil || fields["issuetype"] == nil || fields["summary"] == nil {
			http.Error(w, "a field is missing", http.StatusBadRequest)
			return
		}
		j.issues, j.done = append(j.issues, fields), append(j.done, false)
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(map[string]any{"key": fmt.Sprintf("SEC-%d", len(j.issues))})
	case r.Method == http.MethodPost && scan(path, "/rest/api/3/issue/SEC-%d/transitions", &number) && strings.HasSuffix(path, "/transitions"):
		if payload.Transition == nil || payload.Transition.ID != "31" {
			http.Error(w, "no such transition", http.StatusBadRequest)
			return
		}
		j.done[number-1] = true
		w.WriteHeader(http.StatusNoContent)
	case r.Method == http.MethodPut && scan(path, "/rest/api/3/issue/SEC-%d", &number):
		if strings.Contains(string(payload.Fields), `"project"`) {
			http.Error(w, "an issue keeps its project", http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	default:
		http.NotFound(w, r)
	}
}

func TestJira(t *testing.T) {
	t.Parallel()
	api := &jira{}
	server := httptest.NewServer(api)
	t.Cleanup(server.Close)
	env := []string{"JIRA_URL=" + server.URL, "JIRA_USER=bot@acme.example", "JIRA_TOKEN=test-token"}
	flags := []string{"--format", "jira", "--jira-project", "SEC", "--jira-transition", "31"}
	older, newer := reports(t)
	first := lines(t, append(flags, older)...)
	for range 2 {
		run(t, first, env, "jira.py")
		if len(api.issues) != 2 {
			t.Fatalf("%d issues", len(api.issues))
		}
	}
	closing := lines(t, append(flags, older, newer)...)
	for range 2 {
		if said := run(t, closing, env, "jira.py"); !strings.Contains(said, "close 0000000000000001 SEC-1") {
			t.Errorf("it says %s", said)
		}
	}
	if !slices.Equal(api.done, []bool{true, false}) {
		t.Errorf("done: %v", api.done)
	}
	run(t, first, env, "jira.py") // there again: a new issue
	if len(api.issues) != 3 {
		t.Errorf("%d issues", len(api.issues))
	}
}

// A token is sent to nobody in the clear.
func TestTokenNeedsHTTPS(t *testing.T) {
	t.Parallel()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed")
	}
	command := exec.Command(python, "github.py", "acme/payments")
	command.Env = []string{"GITHUB_API_URL=http://api.acme.example", "GITHUB_TOKEN=test-token", "PYTHONDONTWRITEBYTECODE=1"}
	if said, err := command.CombinedOutput(); err == nil || !strings.Contains(string(said), "not https") {
		t.Errorf("%v: %s", err, said)
	}
}
