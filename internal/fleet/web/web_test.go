package web

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/database"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/database/databasetest"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/login"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/work"
	"github.com/prelaunch-audit/prelaunch/internal/report"
	"github.com/prelaunch-audit/prelaunch/internal/signoff"
	"github.com/prelaunch-audit/prelaunch/internal/verdict"
)

func TestMain(m *testing.M) { databasetest.Main(m) }

// people are who asks, by a letter: v, o and r have a role for the team payments, V, O and R for every team, x has every role for another
// team, n is known and has none.
var people = map[string][]login.Access{
	"v": {{Role: login.Viewer, Teams: []string{"payments"}}}, "o": {{Role: login.Operator, Teams: []string{"payments"}}}, "r": {{Role: login.Reviewer, Teams: []string{"payments"}}},
	"V": {{Role: login.Viewer, Teams: []string{"*"}}}, "O": {{Role: login.Operator, Teams: []string{"*"}}}, "R": {{Role: login.Reviewer, Teams: []string{"*"}}},
	"x": {{Role: login.Viewer, Teams: []string{"loans"}}, {Role: login.Operator, Teams: []string{"loans"}}, {Role: login.Reviewer, Teams: []string{"loans"}}}, "n": {},
}

// letters are those of people, in an order.
var letters = []string{"v", "o", "r", "V", "O", "R", "x", "n"}

// site is a server with a fleet in its database. Who asks is said by a header, as a trusted proxy would.
type site struct {
	*httptest.Server
	db       *database.DB
	private  ed25519.PrivateKey // of the reviewer Jane
	log      *syncBuffer
	report   []byte
	decision int64
	days     atomic.Int64 // that have passed since sampleTime
}

// syncBuffer is a log that may be written and read at the same time.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func proxied() login.Config {
	config := login.Config{PublicURL: "https://fleet.acme.example", Proxy: &login.Proxy{UserHeader: "X-User", GroupsHeader: "X-Groups", Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}}
	for group, access := range people {
		for _, one := range access {
			one.Group = group
			config.Access = append(config.Access, one)
		}
	}
	return config
}

// sampleTime is when the newest audit came to its end.
var sampleTime = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func open(t *testing.T, config login.Config) *site {
	t.Helper()
	return openAt(t, config, databasetest.SQLite(t))
}

func openAt(t *testing.T, config login.Config, address string) *site {
	t.Helper()
	s := &site{log: &syncBuffer{}}
	var err error
	if s.db, err = database.Open(t.Context(), address, func() time.Time { return sampleTime.AddDate(0, 0, int(s.days.Load())) }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.db.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := s.db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, serverKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s.private = private
	desk, err := work.NewDesk(s.db)
	if err != nil {
		t.Fatal(err)
	}
	handler, err := New(Options{DB: s.db, AuditNow: desk.AuditNow, Reload: desk.Reload, Login: config, Version: "1.2.3", Signer: serverKey, Reviewers: []Reviewer{{Name: "jane@acme.example", Key: public}}, Pushes: pushes(t), Log: slog.New(slog.NewJSONHandler(s.log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	s.Server = httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return s
}

// audited is a report of acme-personal-loans, and its facts, in which one check has an outcome.
func audited(t *testing.T, at time.Time, outcome audit.Outcome) (content, facts []byte) {
	t.Helper()
	doc := &audit.Document{
		Schema: audit.FactsSchema, Tool: audit.Tool{Name: "prelaunch", Version: "1.2.3"}, StartedAt: at, FinishedAt: at, ConfigDigest: audit.Digest([]byte("version: 1\n")),
		Integration: audit.Integration{Name: "acme-personal-loans", Provider: "begini"}, Facts: map[string][]json.RawMessage{"webhook.exchange": {json.RawMessage(`{"status":401}`)}},
	}
	facts, err := doc.Encode()
	if err != nil {
		t.Fatal(err)
	}
	r := verdict.Assemble(doc, audit.Digest(facts), verdict.Judgment{
		Checks:       []audit.CheckInfo{{ID: "webhook.rejects-unsigned", Title: "Requests without a valid signature must be rejected", Level: audit.Required, Severity: "critical", Items: []int{2}}},
		Verdicts:     map[string][]audit.Verdict{"webhook.rejects-unsigned": {{Outcome: outcome, Environment: "production", Subject: "x", Message: "Production receiver accepts unsigned requests", Evidence: map[string]any{"status": 401}}}},
		PolicyDigest: audit.Digest([]byte("policies")),
	}, []string{"Keys", "Signatures"})
	var out bytes.Buffer
	if err := report.Write(&out, "json", r, report.Options{}); err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), facts
}

func (s *site) write(t *testing.T, do func(*database.Tx) error) {
	t.Helper()
	if err := s.db.Write(t.Context(), do); err != nil {
		t.Fatal(err)
	}
}

// fill writes an integration of each team: one of payments, which is not ready, and one of loans.
func (s *site) fill(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	earlier, _ := audited(t, sampleTime.AddDate(0, 0, -1), audit.Pass)
	content, ownFacts := audited(t, sampleTime.Add(-time.Minute), audit.Fail)
	s.report = content
	newest, before, facts := database.Pack(content), database.Pack(earlier), database.Pack(ownFacts)
	s.write(t, func(tx *database.Tx) error {
		for _, document := range []database.PackedDocument{newest, before, facts} {
			if err := tx.PutDocument(ctx, document); err != nil {
				return err
			}
		}
		for _, i := range []database.Integration{
			{Name: "acme-personal-loans", Team: "payments", Provider: "begini", Status: database.NotReady, StatusSince: sampleTime.Add(-time.Hour), LastRun: "run-2", LastPassed: "run-1", LastFinished: sampleTime, NextDue: sampleTime.Add(time.Hour), ValidUntil: sampleTime.AddDate(0, 2, 0)},
			{Name: "secret-lending", Team: "loans", Provider: "stripe", Status: database.Ready, LastRun: "run-x"},
			{Name: "gone-lending", Team: "loans", Provider: "stripe", Status: database.NotReady, RemovedAt: sampleTime},
			{Name: "acme-refunds", Team: "payments", Provider: "begini", Status: database.Ready, Problem: "prelaunch.yaml:1:1: its key is gone"},
		} {
			if err := tx.PutIntegration(ctx, i); err != nil {
				return err
			}
		}
		for _, r := range []database.Run{
			{ID: "run-1", Integration: "acme-personal-loans", Reason: database.ReasonSchedule, Started: sampleTime.AddDate(0, 0, -1), Finished: sampleTime.AddDate(0, 0, -1).Add(time.Minute), State: database.Finished, Status: database.Ready, Report: before.Digest, Worker: "w1", Version: "1.2.3"},
			{ID: "run-2", Integration: "acme-personal-loans", Reason: database.ReasonConfig, Started: sampleTime.Add(-time.Minute), Finished: sampleTime, State: database.Finished, Status: database.NotReady, Report: newest.Digest, Facts: facts.Digest, ValidUntil: sampleTime.AddDate(0, 2, 0), Worker: "w1", Version: "1.2.3", Summary: audit.Summary{Fail: 2, Pass: 4}},
			{ID: "run-x", Integration: "secret-lending", Started: sampleTime, Finished: sampleTime, State: database.Finished, Status: database.Ready, Report: newest.Digest, Worker: "w1"},
		} {
			if err := tx.BeginRun(ctx, r); err != nil {
				return err
			}
			if _, err := tx.EndRun(ctx, r); err != nil {
				return err
			}
		}
		if err := tx.PutFinding(ctx, database.Finding{ID: "00aa", Integration: "acme-personal-loans", Scope: "s", Check: "webhook.rejects-unsigned", Environment: "production", Level: "required", Severity: "critical", Outcome: "fail", State: database.StateOpen,
			Message: "Production receiver accepts unsigned requests", FirstSeen: sampleTime, LastSeen: sampleTime, FirstRun: "run-2", LastRun: "run-2"}); err != nil {
			return err
		}
		if err := tx.PutFinding(ctx, database.Finding{ID: "00bb", Integration: "gone-lending", Check: "https.hsts", Severity: "low", State: database.StateOpen, FirstSeen: sampleTime}); err != nil {
			return err
		}
		if err := tx.SetSourceProblems(ctx, []database.SourceProblem{{Source: "own", Path: "loans/x/prelaunch.yaml", Problem: "Two teams claim its name."}}); err != nil {
			return err
		}
		if err := tx.SetTicket(ctx, "00aa", "https://github.com/acme/payments/issues/1"); err != nil {
			return err
		}
		if err := tx.AddSent(ctx, []database.Sent{{Run: "run-2", Integration: "acme-personal-loans", Environment: "test", UID: "PRELAUNCHabc", EventType: "application.complete", At: sampleTime}}); err != nil {
			return err
		}
		if _, err := tx.AddEvent(ctx, database.Event{Integration: "acme-personal-loans", Team: "payments", Run: "run-2", Kind: database.EventReadyLost, Message: "No longer ready"}, []string{"slack"}); err != nil {
			return err
		}
		decision, err := tx.AddDecision(ctx, database.Decision{Integration: "acme-personal-loans", Run: "run-2", Report: newest.Digest, Kind: kindSigned, Verdict: signoff.Rejected, Signer: "jane@acme.example", Login: "r (proxy)", Statement: []byte(`{}`)})
		s.decision = decision.ID
		return err
	})
}

// as sends a request of one of people, "" for a stranger.
func (s *site) as(t *testing.T, who, method, path string, body io.Reader, change ...func(*http.Request)) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, body)
	if err != nil {
		t.Fatal(err)
	}
	if who != "" {
		request.Header.Set("X-User", "user-"+who)
		request.Header.Set("X-Groups", who)
	}
	for _, one := range change {
		one(request)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(raw)
}

func (s *site) get(t *testing.T, who, path string) string {
	t.Helper()
	response, body := s.as(t, who, http.MethodGet, path, nil)
	if response.StatusCode != http.StatusOK {
		t.Fatalf("GET %s as %q: %d %s", path, who, response.StatusCode, body)
	}
	return body
}

// main is the main part of a page.
func main(page string) string {
	_, rest, _ := strings.Cut(page, "<main")
	return rest
}

func form(values url.Values) (io.Reader, func(*http.Request)) {
	return strings.NewReader(values.Encode()), func(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") }
}

// multi is a form with parts, as the page of a run sends it.
func multi(t *testing.T, values map[string]string) (io.Reader, func(*http.Request)) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for name, value := range values {
		if err := w.WriteField(name, value); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &b, func(r *http.Request) { r.Header.Set("Content-Type", w.FormDataContentType()) }
}

// permitted says who gets through each route, about the integration of payments.
var permitted = map[string]string{
	"GET /healthz": "vorVORxn", "GET /readyz": "vorVORxn", "GET /metrics": "VOR",
	"GET /{$}": "vorVORx", "GET /integrations.csv": "vorVORx", "GET /tokens": "vorVORx", "POST /tokens": "vorVORx", "POST /tokens/revoke": "vorVORx",
	"GET /integrations/{name}": "vorVOR", "POST /integrations/{name}/runs": "oO", "POST /integrations/{name}/pause": "oO", "POST /integrations/{name}/resume": "oO",
	"GET /runs/{run}": "vorVOR", "GET /runs/{run}/report": "vorVOR", "GET /runs/{run}/bundle.zip": "vorVOR", "POST /runs/{run}/decisions": "rR",
	"GET /runs/{run}/decisions/{decision}": "vorVOR", "POST /runs/{run}/purged": "oO", "GET /queue": "O", "GET /log": "R",
	"GET /api/v1/openapi.json": "vorVORx", "GET /api/v1/integrations": "vorVORx", "GET /api/v1/integrations/{name}": "vorVOR", "GET /api/v1/integrations/{name}/runs": "vorVOR",
	"GET /api/v1/integrations/{name}/findings": "vorVOR", "GET /api/v1/integrations/{name}/events": "vorVOR", "GET /api/v1/integrations/{name}/decisions": "vorVOR",
	"GET /api/v1/integrations/{name}/sent": "vorVOR", "POST /api/v1/integrations/{name}/runs": "oO", "POST /api/v1/integrations/{name}/pause": "oO", "POST /api/v1/integrations/{name}/resume": "oO",
	"GET /api/v1/runs/{run}": "vorVOR", "GET /api/v1/runs/{run}/report": "vorVOR", "GET /api/v1/runs/{run}/facts": "vorVOR", "POST /api/v1/runs/{run}/decisions": "rR",
	"POST /api/v1/runs/{run}/purged": "oO", "POST /api/v1/reload": "O", "POST /api/v1/pushes/{push}": "", "GET /api/v1/queue": "O", "GET /api/v1/log": "R", "GET /api/v1/tokens": "vorVORx", "POST /api/v1/tokens": "vorVORx", "DELETE /api/v1/tokens/{token}": "vorVORx",
}

// TestAccess walks every route as everybody.
func TestAccess(t *testing.T) {
	t.Parallel()
	s := open(t, proxied())
	s.fill(t)
	known := map[string]bool{}
	for _, route := range (&server{}).routes() {
		name := route.method + " " + route.path
		known[name] = true
		may, listed := permitted[name]
		if !listed {
			t.Errorf("%s is not in the table of this test: who may use it?", name)
			continue
		}
		path := strings.NewReplacer("{$}", "", "{name}", "acme-personal-loans", "{run}", "run-2", "{decision}", fmt.Sprint(s.decision), "{token}", "none", "{push}", "github").Replace(route.path)
		for _, who := range append([]string{""}, letters...) {
			response, body := s.as(t, who, route.method, path, nil)
			status := response.StatusCode
			through := status != http.StatusUnauthorized && status != http.StatusForbidden && (status != http.StatusNotFound || strings.Contains(name, "token"))
			if want := who != "" && strings.Contains(may, who) || route.about == nothing && may != ""; through != want {
				t.Errorf("%s as %q: %d, permitted %v: %.200s", name, who, status, want, body)
			}
			if status >= 500 {
				t.Errorf("%s as %q: %d %.300s", name, who, status, body)
			}
			if who == "x" && (strings.Contains(body, "acme-personal-loans") || strings.Contains(body, "run-2")) {
				t.Errorf("%s shows another team what is not theirs: %.300s", name, body)
			}
			if !strings.Contains("VOR", who) && (strings.Contains(body, "secret-lending") && who != "x") {
				t.Errorf("%s shows %q another team's integration: %.300s", name, who, body)
			}
			if who == "" && route.about != nothing && status != http.StatusUnauthorized {
				t.Errorf("%s: a stranger gets %d", name, status)
			}
			if who == "x" && (route.about == integration || route.about == run) && status != http.StatusNotFound {
				t.Errorf("%s: another team gets %d, so it knows that there is something", name, status)
			}
		}
	}
	for name := range permitted {
		if !known[name] {
			t.Errorf("%s is in the table of this test, and no route", name)
		}
	}
	for _, path := range []string{"/nothing", "/integrations/none", "/runs/none", "/api/v1/nothing", "/api/v1/runs/none", "/pages/style.css", "/static/", "/debug/pprof/", "/integrations/..%2f..%2fetc"} {
		if response, _ := s.as(t, "", http.MethodGet, path, nil); response.StatusCode != http.StatusUnauthorized {
			t.Errorf("a stranger gets %d for %s", response.StatusCode, path)
		}
		if response, _ := s.as(t, "R", http.MethodGet, path, nil); response.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, response.StatusCode)
		}
	}
}

// TestCrossSite: what a page of another site sends changes nothing, on any route.
func TestCrossSite(t *testing.T) {
	t.Parallel()
	s := open(t, proxied())
	s.fill(t)
	for _, route := range (&server{}).routes() {
		if route.method == http.MethodGet {
			continue
		}
		path := strings.NewReplacer("{name}", "acme-personal-loans", "{run}", "run-2", "{token}", "none", "{push}", "github").Replace(route.path)
		response, body := s.as(t, "O", route.method, path, nil, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") })
		if response.StatusCode != http.StatusForbidden || !strings.Contains(body, "another site") {
			t.Errorf("%s %s: %d %s", route.method, path, response.StatusCode, body)
		}
	}
	entries, err := s.db.LogEntries(t.Context(), 0, 10)
	if err != nil || len(entries) != 0 {
		t.Errorf("%v: %v", err, entries)
	}
}

// TestChangesAreLogged: each change of state is in the audit log, with who made it.
func TestChangesAreLogged(t *testing.T) {
	t.Parallel()
	s := open(t, proxied())
	s.fill(t)
	post := func(who, path string, status int, values url.Values) {
		t.Helper()
		body, kind := form(values)
		if response, text := s.as(t, who, http.MethodPost, path, body, kind); response.StatusCode != status {
			t.Errorf("POST %s as %s: %d %s", path, who, response.StatusCode, text)
		}
	}
	const one = "/integrations/acme-personal-loans"
	post("o", one+"/runs", http.StatusSeeOther, nil)
	if i, err := s.db.Integration(t.Context(), "acme-personal-loans"); err != nil || i.NextDue.After(sampleTime) || i.DueReason != database.ReasonByHand {
		t.Errorf("%v: due %v, %q", err, i.NextDue, i.DueReason)
	}
	post("o", one+"/pause", http.StatusSeeOther, nil)
	post("o", one+"/runs", http.StatusConflict, nil)
	post("o", "/api/v1"+one+"/runs", http.StatusConflict, nil)
	post("o", one+"/resume", http.StatusSeeOther, nil)
	post("o", "/runs/run-2/purged", http.StatusSeeOther, nil)
	post("o", "/tokens", http.StatusOK, url.Values{"name": {"deploy"}, "role": {"operator"}, "team": {"payments"}, "days": {"30"}})
	post("O", "/api/v1/reload", http.StatusAccepted, nil)
	post("o", "/tokens/revoke", http.StatusSeeOther, url.Values{"name": {"deploy"}})
	entries, err := s.db.LogEntries(t.Context(), 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, entry := range entries {
		lines = append(lines, entry.Actor+" "+entry.Action+" "+entry.Object)
	}
	slices.Reverse(lines)
	want := []string{"user-o (proxy) audit acme-personal-loans", "user-o (proxy) pause acme-personal-loans", "user-o (proxy) resume acme-personal-loans", "user-o (proxy) purged acme-personal-loans",
		"user-o (proxy) token deploy", "user-O (proxy) reload ", "user-o (proxy) revoke deploy"}
	if !slices.Equal(lines, want) {
		t.Errorf("the audit log:\n%s\nwant:\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
	if body := s.get(t, "R", "/log"); !strings.Contains(body, "user-o (proxy)") {
		t.Errorf("the page of the log: %s", body)
	}
}

// TestTokens: a token does what it was given, and nobody gives more than they have.
func TestTokens(t *testing.T) {
	t.Parallel()
	s := open(t, proxied())
	s.fill(t)
	make := func(who, name string, grants ...login.Grant) (int, string) {
		t.Helper()
		raw, err := json.Marshal(newToken{Name: name, Grants: grants, Days: 10})
		if err != nil {
			t.Fatal(err)
		}
		response, body := s.as(t, who, http.MethodPost, "/api/v1/tokens", bytes.NewReader(raw))
		var made madeToken
		_ = json.Unmarshal([]byte(body), &made)
		return response.StatusCode, made.Token
	}
	operator := login.Grant{Role: login.Operator, Team: "payments"}
	status, token := make("o", "deploy", operator)
	if status != http.StatusCreated || token == "" {
		t.Fatalf("make a token: %d", status)
	}
	bearer := func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
	if response, body := s.as(t, "", http.MethodPost, "/api/v1/integrations/acme-personal-loans/runs", nil, bearer); response.StatusCode != http.StatusAccepted {
		t.Errorf("a deployment asks for an audit: %d %s", response.StatusCode, body)
	}
	if i, err := s.db.Integration(t.Context(), "acme-personal-loans"); err != nil || i.DueReason != database.ReasonDeploy {
		t.Errorf("%v: the reason is %q", err, i.DueReason)
	}
	if response, _ := s.as(t, "", http.MethodGet, "/api/v1/integrations/secret-lending", nil, bearer); response.StatusCode != http.StatusNotFound {
		t.Errorf("another team's integration: %d", response.StatusCode)
	}
	raw := strings.NewReader(`{"name":"more","grants":[{"role":"operator","team":"payments"}],"days":1}`)
	if response, _ := s.as(t, "", http.MethodPost, "/api/v1/tokens", raw, bearer); response.StatusCode != http.StatusForbidden {
		t.Errorf("a token makes another: %d", response.StatusCode)
	}
	body, kind := multi(t, map[string]string{"how": "click", "outcome": "rejected"})
	if _, reviewing := make("r", "reviewing", login.Grant{Role: login.Reviewer, Team: "payments"}); reviewing != "" {
		if response, _ := s.as(t, "", http.MethodPost, "/runs/run-2/decisions", body, kind, func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+reviewing) }); response.StatusCode != http.StatusForbidden {
			t.Errorf("a token decides by a click: %d", response.StatusCode)
		}
	}
	for name, test := range map[string]struct {
		who    string
		grant  login.Grant
		status int
	}{
		"another role":      {"o", login.Grant{Role: login.Reviewer, Team: "payments"}, http.StatusForbidden},
		"another team":      {"o", login.Grant{Role: login.Operator, Team: "loans"}, http.StatusForbidden},
		"every team":        {"o", login.Grant{Role: login.Operator, Team: "*"}, http.StatusForbidden},
		"a role that isn't": {"O", login.Grant{Role: "admin", Team: "*"}, http.StatusBadRequest},
		"no team":           {"O", login.Grant{Role: login.Operator}, http.StatusBadRequest},
		"a name twice":      {"o", operator, http.StatusConflict},
	} {
		if name == "a name twice" {
			name = "deploy"
		}
		if status, _ := make(test.who, name, test.grant); status != test.status {
			t.Errorf("%s: %d, want %d", name, status, test.status)
		}
	}
	if response, _ := s.as(t, "v", http.MethodDelete, "/api/v1/tokens/deploy", nil); response.StatusCode != http.StatusNotFound {
		t.Errorf("somebody who may do less revokes it: %d", response.StatusCode)
	}
	if list := s.get(t, "o", "/api/v1/tokens"); strings.Contains(list, token) || !strings.Contains(list, "deploy") {
		t.Errorf("the list: %s", list)
	}
	if response, _ := s.as(t, "o", http.MethodDelete, "/api/v1/tokens/deploy", nil); response.StatusCode != http.StatusNoContent {
		t.Errorf("revoke it: %d", response.StatusCode)
	}
	if response, _ := s.as(t, "", http.MethodGet, "/api/v1/integrations", nil, bearer); response.StatusCode != http.StatusUnauthorized {
		t.Errorf("a revoked token: %d", response.StatusCode)
	}
}

// TestDecisions: a statement counts that a known reviewer signed about exactly this report; a click is something else.
func TestDecisions(t *testing.T) {
	t.Parallel()
	s := open(t, proxied())
	s.fill(t)
	_, stranger, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var zipped []byte
	{
		_, body := s.as(t, "r", http.MethodGet, "/runs/run-2/bundle.zip", nil)
		zipped = []byte(body)
	}
	archive, err := zip.NewReader(bytes.NewReader(zipped), int64(len(zipped)))
	if err != nil {
		t.Fatal(err)
	}
	file, err := archive.Open("report.json")
	if err != nil {
		t.Fatal(err)
	}
	bundled, err := io.ReadAll(file)
	if err != nil || !bytes.Equal(bundled, s.report) {
		t.Fatalf("%v: the bundle's report is not the stored one", err)
	}
	day := 0
	sign := func(key ed25519.PrivateKey, content []byte, byLogin bool) string {
		t.Helper()
		decision := signoff.Decision{Outcome: signoff.Approved, By: "jane@acme.example", On: sampleTime.AddDate(0, 0, day), ResidualRisks: []string{"the limit lands in January"}}
		m := signoff.Materials{Report: content}
		var envelope []byte
		var err error
		if byLogin {
			envelope, err = signoff.SignForLogin(key, m, decision)
		} else {
			envelope, err = signoff.Sign(key, m, decision)
		}
		if err != nil {
			t.Fatal(err)
		}
		return string(envelope)
	}
	other, err := report.Read(s.report)
	if err != nil {
		t.Fatal(err)
	}
	other.Integration = "another"
	var otherReport bytes.Buffer
	if err := report.Write(&otherReport, "json", other, report.Options{}); err != nil {
		t.Fatal(err)
	}
	good := sign(s.private, bundled, false)
	hand := func(who, statement string) (int, string) {
		t.Helper()
		body, kind := multi(t, map[string]string{"how": "statement", "statement": statement})
		response, text := s.as(t, who, http.MethodPost, "/runs/run-2/decisions", body, kind)
		return response.StatusCode, main(text)
	}
	for name, statement := range map[string]string{
		"by a stranger": sign(stranger, bundled, false), "about another report": sign(s.private, otherReport.Bytes(), false),
		"by login": sign(s.private, bundled, true), "edited": strings.Replace(good, `"payload": "`, `"payload": "AAAA`, 1), "nothing": "", "no JSON": "<x>",
	} {
		if status, text := hand("r", statement); status != http.StatusBadRequest || !strings.Contains(text, "was not accepted") {
			t.Errorf("%s: %d %s", name, status, text)
		}
	}
	if status, _ := hand("o", good); status != http.StatusForbidden {
		t.Errorf("an operator decides: %d", status)
	}
	if status, text := hand("r", good); status != http.StatusSeeOther {
		t.Fatalf("the reviewer's: %d %s", status, text)
	}
	day = 1
	later := sign(s.private, bundled, false)
	if response, text := s.as(t, "r", http.MethodPost, "/api/v1/runs/run-2/decisions", strings.NewReader(later)); response.StatusCode != http.StatusCreated {
		t.Errorf("by the API: %d %s", response.StatusCode, text)
	}
	for _, again := range []string{good, later, strings.Replace(later, ":", ": ", 1)} { // the reviewer may have changed their mind in between
		if status, text := hand("r", again); status != http.StatusConflict || !strings.Contains(text, "no newer than one") {
			t.Errorf("a statement that was handed in before: %d %s", status, text)
		}
	}
	click := func(values map[string]string) (int, string) {
		t.Helper()
		values["how"] = "click"
		body, kind := multi(t, values)
		response, text := s.as(t, "r", http.MethodPost, "/runs/run-2/decisions", body, kind)
		return response.StatusCode, text
	}
	if status, text := click(map[string]string{"outcome": "approved"}); status != http.StatusBadRequest || !strings.Contains(text, "residual risks") {
		t.Errorf("approve what is not ready without a word: %d %s", status, text)
	}
	if status, text := click(map[string]string{"outcome": "approved", "risks": "the limit lands in January\r\n\r\n"}); status != http.StatusSeeOther {
		t.Errorf("a click: %d %s", status, text)
	}
	var kept []decisionJSON
	if err := json.Unmarshal([]byte(s.get(t, "v", "/api/v1/integrations/acme-personal-loans/decisions")), &kept); err != nil {
		t.Fatal(err)
	}
	if len(kept) != 4 || kept[0].Kind != kindLogin || kept[0].Login != "user-r (proxy)" || kept[2].Kind != kindSigned || kept[2].Signer != "jane@acme.example" {
		t.Errorf("kept: %+v", kept)
	}
	expires, err := s.db.Expiries(t.Context(), "acme-personal-loans")
	if err != nil || len(expires) != 1 || expires[0].Kind != database.ExpirySignOff || expires[0].Person != "user-r (proxy)" || !expires[0].ExpiresAt.Equal(kept[0].ExpiresAt) {
		t.Errorf("the sign-off expires: %+v %v", expires, err)
	}
	public, _ := s.private.Public().(ed25519.PublicKey)
	if _, err := signoff.Verify(kept[0].Statement, []ed25519.PublicKey{public}, signoff.Materials{Report: s.report}, signoff.Against{}); err == nil {
		t.Error("a click verifies as the reviewer's sign-off")
	}
	s.days.Store(200)
	if status, text := hand("r", good); status != http.StatusBadRequest || !strings.Contains(text, "audit again") {
		t.Errorf("about a report that has expired: %d %s", status, text)
	}
	page := s.get(t, "v", "/runs/run-2")
	if !strings.Contains(page, "signed with a key of their own") || !strings.Contains(page, "by a click; signed by the server") || strings.Contains(page, "Hand in the statement") {
		t.Errorf("the page of the run, for a viewer: %s", main(page))
	}
}

const attack = "=cmd|' /C calc'!A0\r\nX-Injected: 1\r\n\r\n\"><script>alert(1)</script><img src=x onerror=alert(1)>{{.}}\u202e\x1b[31m"

// TestInjection: no name becomes markup, a header, a line of the log or a formula.
func TestInjection(t *testing.T) {
	t.Parallel()
	s := open(t, proxied())
	s.write(t, func(tx *database.Tx) error {
		ctx := t.Context()
		if err := tx.PutIntegration(ctx, database.Integration{Name: attack, Team: attack, Provider: attack, Status: attack, Problem: attack, DueReason: attack, LastRun: attack, StatusSince: sampleTime}); err != nil {
			return err
		}
		r := database.Run{ID: attack, Integration: attack, Reason: attack, Started: sampleTime, Finished: sampleTime, State: database.Failed, Status: attack, Problem: attack, Worker: attack, Version: attack, Report: "sha256:x"}
		if err := tx.BeginRun(ctx, r); err != nil {
			return err
		}
		if _, err := tx.EndRun(ctx, r); err != nil {
			return err
		}
		if err := tx.PutFinding(ctx, database.Finding{ID: attack, Integration: attack, Check: attack, Environment: attack, Severity: attack, State: database.StateOpen, Message: attack, Owner: attack, FirstSeen: sampleTime, LastSeen: sampleTime}); err != nil {
			return err
		}
		if err := tx.SetTicket(ctx, attack, "javascript:alert(1)"); err != nil {
			return err
		}
		if err := tx.AddSent(ctx, []database.Sent{{Run: attack, Integration: attack, Environment: attack, UID: attack, EventType: attack, At: sampleTime}}); err != nil {
			return err
		}
		if _, err := tx.AddEvent(ctx, database.Event{Integration: attack, Team: attack, Kind: attack, Message: attack, Data: map[string]string{attack: attack}}, []string{attack}); err != nil {
			return err
		}
		if _, err := tx.AddDecision(ctx, database.Decision{Integration: attack, Run: attack, Kind: attack, Verdict: attack, Signer: attack, Login: attack, Statement: []byte("{}")}); err != nil {
			return err
		}
		if err := tx.PutWorker(ctx, database.Worker{ID: attack, Version: attack, Role: attack, Host: attack}); err != nil {
			return err
		}
		if _, err := tx.TakeLease(ctx, database.Lease{Target: attack, Run: attack, Worker: attack, Since: sampleTime}, 1); err != nil {
			return err
		}
		if _, err := tx.AddToken(ctx, database.Token{Name: attack, Hash: "x", Grants: `[{"role":"viewer","team":"*"}]`, CreatedBy: attack}); err != nil {
			return err
		}
		return tx.Log(ctx, attack, attack, attack, attack)
	})
	name := url.PathEscape(attack)
	for _, path := range []string{"/", "/?search=" + url.QueryEscape(attack), "/?status=" + url.QueryEscape(attack), "/?team=" + url.QueryEscape(attack), "/integrations/" + name, "/runs/" + name, "/queue", "/log", "/tokens", "/metrics",
		"/integrations/" + name + "?done=" + url.QueryEscape(attack), "/runs/" + name + "/report", "/x" + name, "/integrations.csv", "/api/v1/integrations", "/api/v1/integrations/" + name + "/events"} {
		who := "O"
		if path == "/log" {
			who = "R"
		}
		response, body := s.as(t, who, http.MethodGet, path, nil)
		if response.StatusCode >= 500 {
			t.Errorf("%s: %d %s", path, response.StatusCode, body)
		}
		if response.Header.Get("X-Injected") != "" {
			t.Errorf("%s: a name became a header", path)
		}
		if strings.Contains(response.Header.Get("Content-Type"), "html") {
			// A value that a form sends back must be what it was; it is shown nowhere.
			body = regexp.MustCompile(`value="[^"]*"`).ReplaceAllString(body, "")
			for _, part := range []string{"<script", "<img", "\x1b", "\u202e", `href="javascript:`, "\r"} {
				if strings.Contains(body, part) {
					t.Errorf("%s has %q", path, part)
				}
			}
		}
	}
	rows, err := csv.NewReader(strings.NewReader(s.get(t, "V", "/integrations.csv"))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, cell := range slices.Concat(rows...) {
		if strings.HasPrefix(cell, "=") {
			t.Errorf("a spreadsheet takes %q for a formula", cell)
		}
	}
	for line := range strings.Lines(s.log.String()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("a line of the log is not JSON: %q", line)
		}
	}
}

// TestHeaders: every page may load nothing, run nothing and be framed by nobody.
func TestHeaders(t *testing.T) {
	t.Parallel()
	s := open(t, proxied())
	s.fill(t)
	for _, path := range []string{"/", "/integrations/acme-personal-loans", "/runs/run-2", "/runs/run-2/report", "/tokens", "/nothing", "/api/v1/integrations"} {
		response, body := s.as(t, "V", http.MethodGet, path, nil)
		policy := response.Header.Get("Content-Security-Policy")
		if !strings.HasPrefix(policy, "default-src 'none'; base-uri 'none';") || !strings.Contains(policy, "frame-ancestors 'none'") || strings.Contains(policy, "unsafe") || strings.Contains(policy, "script-src") {
			t.Errorf("%s: the policy is %q", path, policy)
		}
		if strings.Contains(body, "<style>") && !strings.Contains(policy, hashOf(styleOf(body))) {
			t.Errorf("%s: the policy does not allow the page's own style", path)
		}
		for name, value := range map[string]string{"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Strict-Transport-Security": "max-age=31536000", "Referrer-Policy": "same-origin"} {
			if got := response.Header.Get(name); got != value {
				t.Errorf("%s: %s is %q", path, name, got)
			}
		}
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	databasetest.EachAddress(t, func(t *testing.T, address string) {
		s := openAt(t, proxied(), address)
		s.fill(t)
		for path, says := range map[string][]string{
			"/":                                 {"acme-personal-loans", "secret-lending", "Not ready", "1, 1 critical", "2026-11-20 11:00 UTC"},
			"/?status=any_not_ready":            {"acme-personal-loans", "acme-refunds"},
			"/integrations/acme-refunds":        {"It was never audited, so none is known", "its key is gone"},
			"/integrations/gone-lending":        {"Its configuration is gone since", "<dt>Next audit</dt><dd>none"},
			"/api/v1/integrations/gone-lending": {`"removed_at":"2026-11-20T`},
			"/?check=webhook.rejects-unsigned":  {"acme-personal-loans"},
			"/?team=loans":                      {"secret-lending"},
			"/?search=nothing":                  {"No integration matches"},
			"/integrations/acme-personal-loans": {"Production receiver accepts unsigned requests", "PRELAUNCHabc", "it may have been accepted", "https://github.com/acme/payments/issues/1", "No longer ready", "Changes since it was ready", "<td data-label=\"Then\">pass</td><td data-label=\"Now\">fail</td>", "/runs/run-1"},
			"/runs/run-2":                       {"Open the report", "configuration changed", "2 fail"},
			"/runs/run-2/report":                {"Pre-launch audit", "acme-personal-loans"},
			"/queue":                            {"No worker is known", "loans/x/prelaunch.yaml", "Two teams claim its name."},
			"/metrics": {`prelaunch_ready{integration="acme-personal-loans",team="payments"} 0`, `prelaunch_ready{integration="secret-lending",team="loans"} 1`, `prelaunch_ready{integration="acme-refunds",team="payments"} 0`,
				`prelaunch_findings{integration="acme-personal-loans",severity="critical"} 1`, `prelaunch_notices{channel="slack",state="waiting"} 1`, "prelaunch_source_problems 1", "prelaunch_collected 1"},
		} {
			who := "V"
			if path == "/queue" {
				who = "O"
			}
			body := s.get(t, who, path)
			for _, text := range says {
				if !strings.Contains(body, text) {
					t.Errorf("%s does not say %q:\n%s", path, text, main(body))
				}
			}
		}
		for _, path := range []string{"/integrations/%ff", "/integrations/%00", "/runs/%ff", "/?search=%ff", "/?after=%00", "/?team=%ff", "/api/v1/integrations?provider=%c3%28", "/api/v1/integrations?check=%zz"} {
			if response, body := s.as(t, "V", http.MethodGet, path, nil); response.StatusCode != http.StatusBadRequest {
				t.Errorf("%s: %d %s", path, response.StatusCode, main(body))
			}
		}
		if body := s.get(t, "V", "/?team=loans"); strings.Contains(body, "acme-personal-loans") {
			t.Error("the filter by team shows another team's")
		}
		if body := s.get(t, "V", "/integrations/acme-personal-loans"); strings.Contains(body, "Run now") {
			t.Error("a viewer is offered to run")
		}
		if body := s.get(t, "O", "/integrations/gone-lending"); strings.Contains(body, "<form method=\"post\" action=\"/integrations") {
			t.Error("an operator is offered to run or to pause what is gone")
		}
		if body := s.get(t, "V", "/metrics"); strings.Contains(body, "webhook.") || strings.Contains(body, "gone-lending") {
			t.Error("there are series by check, or of what was removed")
		}
	})
}

// TestPaging walks all pages of a long list.
func TestPaging(t *testing.T) {
	t.Parallel()
	s := open(t, proxied())
	s.write(t, func(tx *database.Tx) error {
		for i := range 120 {
			if err := tx.PutIntegration(t.Context(), database.Integration{Name: fmt.Sprintf("integration-%03d", i), Team: "payments", Status: database.Ready}); err != nil {
				return err
			}
		}
		return nil
	})
	seen, after := 0, ""
	for range 4 {
		var page integrationList
		if err := json.Unmarshal([]byte(s.get(t, "v", "/api/v1/integrations?limit=50&after="+url.QueryEscape(after))), &page); err != nil {
			t.Fatal(err)
		}
		for _, i := range page.Integrations {
			if i.Name <= after {
				t.Errorf("%s follows %s", i.Name, after)
			}
			after = i.Name
			seen++
		}
		if page.Next == "" {
			break
		}
	}
	if seen != 120 {
		t.Errorf("%d of 120 integrations", seen)
	}
	if body := s.get(t, "v", "/?team=payments"); !strings.Contains(body, `href="/?after=integration-049&amp;team=payments" rel="next"`) {
		t.Errorf("the page has no next one: %s", main(body))
	}
	for _, path := range []string{"/api/v1/integrations?status=nonsense", "/?status=nonsense"} { // an empty list would say that all is well
		if response, _ := s.as(t, "v", http.MethodGet, path, nil); response.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %d", path, response.StatusCode)
		}
	}
	if response, _ := s.as(t, "v", http.MethodGet, "/api/v1/integrations?limit=x", nil); response.StatusCode != http.StatusBadRequest {
		t.Errorf("a limit that is no number: %d", response.StatusCode)
	}
}

// TestOpenAPI holds the document to the routes and to what the API responds with.
func TestOpenAPI(t *testing.T) {
	t.Parallel()
	s := open(t, proxied())
	s.fill(t)
	var document struct {
		OpenAPI string
		Paths   map[string]map[string]struct {
			OperationID string
			Parameters  []struct{ Name, In, Description string }
			Responses   map[string]struct {
				Content map[string]struct{ Schema map[string]any }
			}
		}
	}
	if err := json.Unmarshal([]byte(s.get(t, "v", "/api/v1/openapi.json")), &document); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(document.OpenAPI, "3.1.") {
		t.Errorf("it is of version %q", document.OpenAPI)
	}
	ids, operations := map[string]bool{}, 0
	for _, route := range (&server{}).routes() {
		inAPI := strings.HasPrefix(route.path, apiPrefix)
		if inAPI != (route.doc != nil) {
			t.Errorf("%s %s: documented %v", route.method, route.path, route.doc != nil)
		}
		if !inAPI {
			continue
		}
		operations++
		described, there := document.Paths[route.path][strings.ToLower(route.method)]
		if !there || ids[described.OperationID] {
			t.Errorf("%s %s is not in the document, or its id is used twice", route.method, route.path)
			continue
		}
		ids[described.OperationID] = true
		for _, parameter := range described.Parameters {
			if parameter.Description == "" || parameter.In == "path" && !strings.Contains(route.path, "{"+parameter.Name+"}") {
				t.Errorf("%s %s: the parameter %+v", route.method, route.path, parameter)
			}
		}
		if route.method != http.MethodGet || route.doc.responds == nil {
			continue
		}
		schema, err := schemaOf(route.doc.responds)
		if err != nil {
			t.Fatal(err)
		}
		resolved, err := schema.Resolve(nil)
		if err != nil {
			t.Fatalf("%s: %v", route.path, err)
		}
		who := map[string]string{"queue": "O"}[strings.TrimPrefix(route.path, apiPrefix)]
		if who == "" {
			who = "R"
		}
		var value any
		if err := json.Unmarshal([]byte(s.get(t, who, strings.NewReplacer("{name}", "acme-personal-loans", "{run}", "run-2").Replace(route.path))), &value); err != nil {
			t.Fatal(err)
		}
		if err := resolved.Validate(value); err != nil {
			t.Errorf("%s responds otherwise than the document says: %v\n%v", route.path, err, value)
		}
	}
	total := 0
	for _, methods := range document.Paths {
		total += len(methods)
	}
	if total != operations {
		t.Errorf("the document has %d operations, the API %d", total, operations)
	}
}

// TestDatabaseDown: the server says that it is not ready, and nothing of why.
func TestDatabaseDown(t *testing.T) {
	t.Parallel()
	s := open(t, proxied())
	if body := s.get(t, "", "/readyz"); body != "ready\n" {
		t.Errorf("ready: %q", body)
	}
	handler, err := New(Options{DB: closed(t), Login: proxied(), Log: slog.New(slog.NewJSONHandler(s.log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	down := httptest.NewServer(handler)
	t.Cleanup(down.Close)
	s.Server = down
	if response, _ := s.as(t, "", http.MethodGet, "/readyz", nil); response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("readyz: %d", response.StatusCode)
	}
	if response, _ := s.as(t, "", http.MethodGet, "/healthz", nil); response.StatusCode != http.StatusOK {
		t.Errorf("healthz: %d", response.StatusCode)
	}
	if response, body := s.as(t, "V", http.MethodGet, "/", nil); response.StatusCode != http.StatusInternalServerError || strings.Contains(body, "sql") || !strings.Contains(s.log.String(), "sql: database is closed") {
		t.Errorf("%d %s\n%s", response.StatusCode, body, s.log)
	}
}

func closed(t *testing.T) *database.DB {
	t.Helper()
	db, err := database.Open(context.Background(), databasetest.SQLite(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return db
}
