package browsertest

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"golang.org/x/crypto/bcrypt"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/cli"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/database"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/login"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/web"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/work"
	"github.com/prelaunch-audit/prelaunch/internal/report"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox"
	"github.com/prelaunch-audit/prelaunch/internal/signoff"
)

// prelaunch runs the command line.
func prelaunch(t *testing.T, env []string, args ...string) string {
	t.Helper()
	var out, problems bytes.Buffer
	code := cli.Main(t.Context(), args, cli.Streams{In: strings.NewReader(""), Out: &out, Err: &problems, LookupEnv: func(name string) (string, bool) {
		for _, variable := range env {
			if value, is := strings.CutPrefix(variable, name+"="); is {
				return value, true
			}
		}
		return "", false
	}})
	if code == 2 {
		t.Fatalf("prelaunch %v:\n%s", args, problems.String())
	}
	return out.String()
}

// fleet is a server on loopback with a login, and a database with one audited integration among others.
type fleet struct {
	*httptest.Server
	db      *database.DB
	files   string // directory with report.json, facts.json and the reviewer's key
	bundled []byte
}

func start(t *testing.T) *fleet {
	t.Helper()
	f := &fleet{files: t.TempDir()}
	pair, err := sandbox.StartPair(sandbox.PairOptions{Dir: t.TempDir(), Probing: map[string]string{audit.Test: audit.Passive, audit.Production: audit.Passive}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pair.Close(); err != nil {
			t.Error(err)
		}
	})
	paths := map[string]string{"json": filepath.Join(f.files, "report.json"), "facts": filepath.Join(f.files, "facts.json")}
	prelaunch(t, pair.Env(), append([]string{"audit", pair.File, "-o", "json=" + paths["json"], "-o", "facts=" + paths["facts"]}, pair.Args()...)...)
	var facts []byte
	if f.bundled, err = os.ReadFile(paths["json"]); err != nil {
		t.Fatal(err)
	}
	if facts, err = os.ReadFile(paths["facts"]); err != nil {
		t.Fatal(err)
	}
	audited, err := report.Read(f.bundled)
	if err != nil {
		t.Fatal(err)
	}
	prelaunch(t, nil, "sign", "--new-key", filepath.Join(f.files, "jane"))
	public, err := signoff.ReadPublicKey(filepath.Join(f.files, "jane.pub"))
	if err != nil {
		t.Fatal(err)
	}
	_, own, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if f.db, err = database.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "fleet.db"), nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.db.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := f.db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := f.db.Write(t.Context(), func(tx *database.Tx) error { return fill(t.Context(), tx, audited, f.bundled, facts) }); err != nil {
		t.Fatal(err)
	}
	hash, err := bcrypt.GenerateFromPassword([]byte("correct horse"), bcrypt.DefaultCost)
	if err != nil {
		t.Fatal(err)
	}
	desk, err := work.NewDesk(f.db)
	if err != nil {
		t.Fatal(err)
	}
	f.Server = httptest.NewUnstartedServer(nil)
	handler, err := web.New(web.Options{
		DB: f.db, AuditNow: desk.AuditNow, Version: "1.2.3", Log: slog.New(slog.DiscardHandler), Signer: own, Reviewers: []web.Reviewer{{Name: "jane@acme.example", Key: public}},
		Login: login.Config{
			PublicURL: "http://" + f.Listener.Addr().String(), Basic: []login.User{{Name: "jane", Bcrypt: string(hash), Groups: []string{"security"}}},
			Access: []login.Access{{Group: "security", Role: login.Operator, Teams: []string{"*"}}, {Group: "security", Role: login.Reviewer, Teams: []string{"*"}}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	f.Config.Handler = handler
	f.Server.Start()
	t.Cleanup(f.Close)
	return f
}

// fill writes the audited integration, with all that its page can show, and others.
func fill(ctx context.Context, tx *database.Tx, audited *audit.Report, content, facts []byte) error {
	now := tx.Now()
	packed, packedFacts := database.Pack(content), database.Pack(facts)
	for _, document := range []database.PackedDocument{packed, packedFacts} {
		if err := tx.PutDocument(ctx, document); err != nil {
			return err
		}
	}
	one := database.Integration{Name: audited.Integration, Team: "payments", Provider: audited.Provider, Status: database.NotProven, StatusSince: now.Add(-72 * time.Hour), LastRun: "run-2", LastFinished: now, NextDue: now.Add(24 * time.Hour), ValidUntil: audited.ValidUntil.Time()}
	if err := tx.PutIntegration(ctx, one); err != nil {
		return err
	}
	for i := range 60 {
		status := []string{database.Ready, database.NotReady, database.Expired, database.Unknown}[i%4]
		if err := tx.PutIntegration(ctx, database.Integration{Name: fmt.Sprintf("lending-%02d", i), Team: "loans", Provider: "stripe", Status: status, StatusSince: now.Add(-time.Duration(i) * time.Hour), Paused: i == 5}); err != nil {
			return err
		}
	}
	for _, r := range []database.Run{
		{ID: "run-1", Integration: one.Name, Reason: database.ReasonSchedule, Started: now.Add(-48 * time.Hour), Finished: now.Add(-48 * time.Hour), State: database.Failed, Problem: "The audit could not be made: a key does not resolve.", Worker: "w1", Version: "1.2.3"},
		{ID: "run-2", Integration: one.Name, Reason: database.ReasonConfig, Started: now.Add(-time.Minute), Finished: now, State: database.Finished, Status: database.NotProven, Report: packed.Digest, Facts: packedFacts.Digest, Summary: audited.Summary, ValidUntil: audited.ValidUntil.Time(), Worker: "w1", Version: "1.2.3"},
	} {
		if err := tx.BeginRun(ctx, r); err != nil {
			return err
		}
		if _, err := tx.EndRun(ctx, r); err != nil {
			return err
		}
	}
	if err := tx.PutFinding(ctx, database.Finding{ID: "00aa", Integration: one.Name, Scope: "s", Check: "https.hsts", Environment: "production", Level: "recommended", Severity: "low", Outcome: "warn", State: database.StateOpen, Message: "Production sends no Strict-Transport-Security", FirstSeen: now, LastSeen: now, FirstRun: "run-2", LastRun: "run-2"}); err != nil {
		return err
	}
	if err := tx.SetTicket(ctx, "00aa", "https://github.com/acme/payments/issues/1"); err != nil {
		return err
	}
	if err := tx.AddSent(ctx, []database.Sent{{Run: "run-2", Integration: one.Name, Environment: "test", UID: "PRELAUNCHabc", EventType: "application.complete", At: now}}); err != nil {
		return err
	}
	if err := tx.SetExpiries(ctx, one.Name, database.OfConfiguration, []database.Expiry{{Kind: "waiver", Subject: "input.bounded", Person: "bob@acme.example", ExpiresAt: now.Add(240 * time.Hour)}}); err != nil {
		return err
	}
	if _, err := tx.AddEvent(ctx, database.Event{Integration: one.Name, Team: "payments", Run: "run-2", Kind: database.EventReadyLost, Message: "It is no longer ready"}, []string{"slack"}); err != nil {
		return err
	}
	if err := tx.PutWorker(ctx, database.Worker{ID: "w1", Version: "1.2.3", Role: "all", Host: "audit-1", Started: now, Seen: now}); err != nil {
		return err
	}
	_, err := tx.TakeLease(ctx, database.Lease{Target: "host hooks.acme.example", Run: "run-2", Worker: "w1", Since: now}, 1)
	return err
}

// until waits for an expression to hold on whatever page there is: the one that it began on may be left meanwhile.
func (b *browser) until(t *testing.T, expression string) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if holds, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](`!!(document.readyState == "complete" && (`+expression+`))`)); err == nil && holds {
			return
		}
		select {
		case <-tick.C:
		case <-b.ctx.Done():
			t.Fatalf("it never came to be that %s", expression)
		}
	}
}

// arrive waits until the page with a heading is there.
func (b *browser) arrive(t *testing.T, heading string) {
	t.Helper()
	b.until(t, fmt.Sprintf(`document.querySelector("h1") && document.querySelector("h1").textContent.includes(%q)`, heading))
}

// says fails unless the page has a text.
func (b *browser) says(t *testing.T, text string) {
	t.Helper()
	if body := js[string](t, b, `document.body.innerText`); !strings.Contains(body, text) {
		t.Fatalf("%s does not say %q:\n%s", js[string](t, b, "location.href"), text, body)
	}
}

// inspect holds a page to axe-core in both color schemes, and to 320 pixels of width.
func (b *browser) inspect(t *testing.T, name, axe string) {
	t.Helper()
	b.do(t, chromedp.Evaluate[chromedp.Void](`for (const d of document.querySelectorAll("details")) d.open = true`))
	for _, scheme := range []string{"dark", "light"} {
		b.media(t, "", scheme)
		for _, width := range []int64{1280, 320} {
			b.do(t, chromedp.EmulateViewport(width, 900))
			if found := b.audit(t, axe); len(found) > 0 {
				t.Errorf("%s, %s, %d pixels:\n%s", name, scheme, width, strings.Join(found, "\n"))
			}
			if wide := js[int64](t, b, `document.documentElement.scrollWidth`); wide > width {
				t.Errorf("%s, %s: %d pixels wide at %d", name, scheme, wide, width)
			}
			if *screenshots != "" {
				keep(t, fmt.Sprintf("%s-%s-%d.png", name, scheme, width), get(t, b, chromedp.FullScreenshot(100)))
			}
		}
	}
	b.do(t, chromedp.EmulateViewport(1280, 900))
}

// TestWalk: a reviewer logs in, filters, opens a report, asks for an audit and signs off; axe-core finds nothing on any page.
func TestWalk(t *testing.T) {
	axe := axeCore(t)
	f := start(t)
	b := newBrowser(t)

	b.do(t, chromedp.Navigate(f.URL+"/?status=not_proven"))
	b.arrive(t, "Log in")
	b.inspect(t, "login", axe)
	b.do(t, chromedp.SendKeys("#name", "jane"), chromedp.SendKeys("#password", "wrong"+kb.Enter))
	b.until(t, `document.querySelector("[role=alert]")`)
	b.says(t, "Name or password is incorrect.")
	b.do(t, chromedp.SendKeys("#name", "jane"), chromedp.SendKeys("#password", "correct horse"+kb.Enter))
	b.arrive(t, "Integrations")
	if at := js[string](t, b, "location.pathname + location.search"); at != "/?status=not_proven" {
		t.Errorf("after the login it is at %s, not where it was going", at)
	}

	b.do(t, chromedp.Navigate(f.URL+"/"))
	b.arrive(t, "Integrations")
	b.inspect(t, "fleet", axe)
	b.do(t, chromedp.Click(`a[rel=next]`))
	b.until(t, `location.search.includes("after=")`)
	b.do(t, chromedp.Navigate(f.URL+"/"))
	b.arrive(t, "Integrations")
	b.do(t, chromedp.SetValue(`select[name=team]`, "payments"), chromedp.Click(`form.filter button`))
	b.until(t, `location.search.includes("team=payments")`)
	if rows := js[int](t, b, `document.querySelectorAll("tbody tr").length`); rows != 1 {
		t.Fatalf("%d integrations of the team", rows)
	}
	b.do(t, chromedp.Click(`tbody th a`))
	b.arrive(t, "acme-personal-loans")
	b.inspect(t, "integration", axe)

	// By keyboard alone: the skip link is first, and Enter on the button asks for an audit.
	b.do(t, chromedp.KeyEvent(kb.Tab))
	if first := js[string](t, b, `document.activeElement.textContent`); first != "Skip to the content" {
		t.Errorf("the first stop of the keyboard is %q", first)
	}
	b.do(t, chromedp.KeyEvent(kb.Enter))
	for range 10 {
		if js[string](t, b, `document.activeElement.textContent`) == "Run now" {
			break
		}
		b.do(t, chromedp.KeyEvent(kb.Tab))
	}
	b.do(t, chromedp.KeyEvent(kb.Enter))
	b.until(t, `document.querySelector("[role=status]")`)
	b.says(t, "An audit was asked for.")
	if i, err := f.db.Integration(t.Context(), "acme-personal-loans"); err != nil || i.DueReason != database.ReasonByHand || i.NextDue.After(f.db.Now()) {
		t.Errorf("%v: due %s, %q", err, i.NextDue, i.DueReason)
	}

	b.do(t, chromedp.Click(`.strip li:last-child a`))
	b.arrive(t, "Run of")
	b.inspect(t, "run", axe)
	b.do(t, chromedp.Click(`a[href$="/report"]`))
	b.arrive(t, "acme-personal-loans")
	b.says(t, "Pre-launch audit")
	b.do(t, chromedp.Navigate(f.URL+"/runs/run-2"))
	b.arrive(t, "Run of")

	prelaunch(t, nil, "sign", filepath.Join(f.files, "report.json"), "--facts", filepath.Join(f.files, "facts.json"), "--key", filepath.Join(f.files, "jane.pem"),
		"--decision", "approved", "--by", "jane@acme.example", "--risk", "nothing was probed", "-o", filepath.Join(f.files, "statement.json"))
	statement, err := os.ReadFile(filepath.Join(f.files, "statement.json"))
	if err != nil {
		t.Fatal(err)
	}
	b.do(t, chromedp.SetValue("#statement", string(statement)), chromedp.Click(`//button[text()="Hand in the statement"]`))
	b.until(t, `document.querySelector("[role=status]")`)
	b.says(t, "The decision was kept.")
	b.says(t, "jane@acme.example, signed with a key of their own")
	b.do(t, chromedp.Click(`input[value=rejected]`), chromedp.Click(`//button[contains(., "Decide as")]`))
	b.until(t, `document.querySelectorAll("tbody tr").length == 2`)
	b.says(t, "jane (basic), by a click; signed by the server")
	b.inspect(t, "decided", axe)

	for path, heading := range map[string]string{"/queue": "Queue", "/log": "Audit log", "/tokens": "API tokens", "/nothing": "Not done"} {
		b.do(t, chromedp.Navigate(f.URL+path))
		b.arrive(t, heading)
		b.inspect(t, heading, axe)
	}
	b.do(t, chromedp.Navigate(f.URL+"/tokens"))
	b.arrive(t, "API tokens")
	b.do(t, chromedp.SendKeys(`input[name=name]`, "deploy"), chromedp.SendKeys(`input[name=team]`, "payments"), chromedp.Click(`//button[text()="Make a token"]`))
	b.until(t, `document.querySelector("[role=status]")`)
	b.says(t, "which is shown this once")
	b.inspect(t, "token", axe)

	b.do(t, chromedp.Click(`//button[text()="Log out"]`))
	b.arrive(t, "Log in")
	b.do(t, chromedp.Navigate(f.URL+"/runs/run-2"))
	b.arrive(t, "Log in")

	b.mu.Lock()
	defer b.mu.Unlock()
	for _, request := range b.requests {
		if !strings.HasPrefix(request, f.URL) && request != "about:blank" {
			t.Errorf("the pages ask for %s", request)
		}
	}
	for _, complaint := range b.complaints {
		// What Chromium itself notes of responses that are meant, and of the icon that it looks for.
		if !strings.Contains(complaint, "Failed to load resource") {
			t.Errorf("the console says: %s", complaint)
		}
	}
}
