package work_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/database"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/database/databasetest"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/settings"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/work"
)

// Rules of this file: many integrations are audited by a probe that sends a few events and emits what little the tests look at, with the
// real probe of clients, which finds the key in each.

// receivers is one server that receives for every integration.
type receivers struct {
	*httptest.Server
	pause time.Duration // until it responds

	mu    sync.Mutex
	uids  map[string]int // that were received
	hosts map[string]int // requests under way
	most  map[string]int
	all   int // requests under way, of all hosts
	peak  int
}

func newReceivers(t *testing.T, pause time.Duration) *receivers {
	t.Helper()
	r := &receivers{pause: pause, uids: map[string]int{}, hosts: map[string]int{}, most: map[string]int{}}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		host := request.Header.Get("Integration")
		r.mu.Lock()
		r.uids[request.Header.Get("UID")]++
		r.hosts[host]++
		r.all++
		r.most[host], r.peak = max(r.most[host], r.hosts[host]), max(r.peak, r.all)
		r.mu.Unlock()
		time.Sleep(r.pause)
		r.mu.Lock()
		r.hosts[host]--
		r.all--
		r.mu.Unlock()
		w.WriteHeader(http.StatusOK)
	}))
	t.Cleanup(r.Close)
	return r
}

// event is the probe: it sends events one after the other.
type event struct{ count int }

type baseline struct {
	Environment string `json:"environment"`
	URL         string `json:"url"`
	State       string `json:"state"`
}

func (event) Name() string                                            { return "webhook" }
func (event) Title() string                                           { return "webhook receiver" }
func (event) Kinds() []audit.Kind                                     { return []audit.Kind{audit.KindOf[baseline]("webhook.baseline")} }
func (event) Plan(*audit.Integration, func(string) bool) []audit.Step { return nil }

func (e event) Run(ctx context.Context, run *audit.Run) error {
	for _, environment := range run.Integration.Environments {
		for n := range e.count {
			sent := audit.SentEvent{Environment: environment.Name, UID: fmt.Sprintf("PRELAUNCH%s%d", run.ID, n), EventType: "push", At: time.Now()}
			if err := run.Sending(ctx, sent); err != nil {
				return err
			}
			address := run.Integration.Network.Resolve[hostPort(environment.WebhookURL)][0]
			request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address, nil)
			if err != nil {
				return err
			}
			request.Header.Set("UID", sent.UID)
			request.Header.Set("Integration", environment.WebhookURL)
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				run.Sink.Emit("webhook.baseline", baseline{environment.Name, environment.WebhookURL, "unreachable"})
				return ctx.Err()
			}
			if err := response.Body.Close(); err != nil {
				return err
			}
			run.Sink.Scope(func(scope *audit.Scope) { scope.Sent = append(scope.Sent, sent) })
		}
		run.Sink.Emit("webhook.baseline", baseline{environment.Name, environment.WebhookURL, "probed"})
	}
	return nil
}

func hostPort(url string) string {
	host := url[len("https://"):]
	return host[:len(host)-len("/hook")] + ":443"
}

// few are the probes of these tests.
func few(count int) func([]audit.Probe) []audit.Probe {
	return func(all []audit.Probe) []audit.Probe {
		chosen := []audit.Probe{event{count}}
		for _, probe := range all {
			if probe.Name() == "clients" {
				chosen = append(chosen, probe)
			}
		}
		return chosen
	}
}

// add writes the configuration of an integration whose receiver is at an address.
func (l *lab) add(team, name, host, address, more string) {
	l.t.Helper()
	dir := filepath.Join(l.dir, team, name)
	l.write(filepath.Join(l.options.Settings.SecretsOf(name, team), "live"), keyOf(name))
	l.write(filepath.Join(dir, "dist", "app.js"), "const key = '"+keyOf(name)+"'\n")
	l.write(filepath.Join(dir, "prelaunch.yaml"), fmt.Sprintf(`version: 1
integration: %s
provider: github
environments:
  live: {webhook_url: "https://%s/hook", secret: {file: %s/live}}
clients: [{path: dist}]
network: {resolve: {"%[2]s:443": "%[4]s"}}
%[5]s`, name, host, l.options.Settings.SecretsOf(name, team), address, more))
}

func keyOf(name string) string { return "the-key-of-" + name + "-0123456789" }

func (l *lab) addMany(n int, r *receivers) []string {
	l.t.Helper()
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("acme-%03d", i)
		l.add("payments", names[i], names[i]+".hooks.acme.example", r.Listener.Addr().String(), "")
	}
	return names
}

// allFinished waits until every integration was audited and nothing is under way.
func (l *lab) allFinished(names []string) {
	l.t.Helper()
	l.await("every integration is audited", func() bool {
		list, err := l.db.List(l.t.Context(), database.Filter{})
		if err != nil {
			l.t.Fatal(err)
		}
		audited := 0
		for _, i := range list {
			if i.LastRun != "" && i.Job == 0 {
				audited++
			}
		}
		running, err := l.db.RunningRuns(l.t.Context())
		if err != nil {
			l.t.Fatal(err)
		}
		return audited == len(names) && len(running) == 0
	})
}

// TestPoliteness holds how many audits go to one host and to one address over all workers.
func TestPoliteness(t *testing.T) {
	t.Parallel()
	databasetest.EachAddress(t, func(t *testing.T, address string) {
		l := newLab(t, address, "limits: {audits: 8, audits_per_address: 3}\n")
		r := newReceivers(t, 20*time.Millisecond)
		var names []string
		for n := range 12 { // two integrations have one host, and all have one address
			name := fmt.Sprintf("acme-%03d", n)
			names = append(names, name)
			l.add("payments", name, fmt.Sprintf("hooks-%d.acme.example", n/2), r.Listener.Addr().String(), "")
		}
		for range 2 {
			l.startFew(3)
		}
		l.allFinished(names)
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.peak > 3 {
			t.Errorf("%d audits at a time at one address", r.peak)
		}
		for host, most := range r.most {
			if most > 1 {
				t.Errorf("%d audits at a time at %s", most, host)
			}
		}
		leases, err := l.db.Leases(t.Context())
		if err != nil || len(leases) > 0 {
			t.Errorf("leases that nobody needs: %v, %v", leases, err)
		}
	})
}

// startFew starts a process that audits with few probes.
func (l *lab) startFew(events int) *work.Fleet {
	l.t.Helper()
	f, err := work.New(l.options)
	if err != nil {
		l.t.Fatal(err)
	}
	f.ShareJudges()
	f.UseProbes(few(events))
	l.run(f)
	return f
}

// TestReceiversThatAreDown holds that a receiver that is down is left alone for longer and longer, except where somebody asks.
func TestReceiversThatAreDown(t *testing.T) {
	t.Parallel()
	databasetest.EachAddress(t, func(t *testing.T, address string) {
		l := newLab(t, address, "")
		gone, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		closed := gone.Addr().String()
		t.Cleanup(func() { _ = gone.Close() })
		go func() { // the port stays taken, and nobody responds
			for {
				conn, err := gone.Accept()
				if err != nil {
					return
				}
				_ = conn.Close()
			}
		}()
		l.add("payments", "acme", "hooks.acme.example", closed, "")
		l.startFew(1)
		desk := l.desk()
		l.finished("acme", 1)
		again := func(n int, reason string) {
			t.Helper()
			if err := desk.AuditNow(t.Context(), "test", "acme", reason); err != nil {
				t.Fatal(err)
			}
			l.finished("acme", n)
		}
		again(2, database.ReasonByHand) // twice in a row
		if err := desk.AuditNow(t.Context(), "test", "acme", database.ReasonConfig); err != nil {
			t.Fatal(err)
		}
		l.await("the audit is put off", func() bool {
			i := l.integration("acme")
			return i.Job == 0 && i.NextDue.Sub(l.db.Now()) > 10*time.Minute && i.DueReason == database.ReasonConfig
		})
		if n := len(l.runs("acme")); n != 2 {
			t.Errorf("%d runs at a receiver that is down", n)
		}
		again(3, database.ReasonDeploy)
		r := newReceivers(t, 0) // another team's, at which the first one pointed
		l.add("loans", "victim", "hooks.acme.example", r.Listener.Addr().String(), "")
		if run := l.finished("victim", 1)[0]; run.State != database.Finished {
			t.Errorf("what another team says of its receiver puts it off: %+v", run)
		}
	})
}

func (l *lab) desk() *work.Desk {
	l.t.Helper()
	desk, err := work.NewDesk(l.db)
	if err != nil {
		l.t.Fatal(err)
	}
	return desk
}

// TestNoHerdAfterARestart holds how much is queued at a time when everything is due.
func TestNoHerdAfterARestart(t *testing.T) {
	t.Parallel()
	databasetest.EachAddress(t, func(t *testing.T, address string) {
		l := newLab(t, address, "limits: {audits_per_minute: 30}\n")
		ctx := t.Context()
		l.in(func(tx *database.Tx) error {
			for n := range 200 {
				if err := tx.PutIntegration(ctx, database.Integration{Name: fmt.Sprintf("acme-%03d", n), Team: "t", Source: "own", Path: "x", Schedule: "0 5 * * *",
					Status: database.Unknown, NextDue: tx.Now().Add(-time.Hour)}); err != nil {
					return err
				}
			}
			return nil
		})
		f, err := work.New(l.options) // which is not started
		if err != nil {
			t.Fatal(err)
		}
		for n, want := range []int{30, 60, 60} { // no more than two minutes' worth waits
			if err := f.Sweep(ctx); err != nil {
				t.Fatal(err)
			}
			if waiting, err := l.db.WaitingAudits(ctx); err != nil || waiting != want {
				t.Errorf("%d audits wait after sweep %d, expected %d: %v", waiting, n+1, want, err)
			}
		}
	})
}

func (l *lab) in(do func(tx *database.Tx) error) {
	l.t.Helper()
	if err := l.db.Write(l.t.Context(), do); err != nil {
		l.t.Fatal(err)
	}
}

// TestQuietHours holds that nothing begins by itself in quiet hours, and what is asked for does.
func TestQuietHours(t *testing.T) {
	t.Parallel()
	databasetest.EachAddress(t, func(t *testing.T, address string) {
		now := time.Now().UTC()
		l := newLab(t, address, fmt.Sprintf("quiet_hours: {from: %q, to: %q}\n", now.Add(-time.Hour).Format("15:04"), now.Add(6*time.Hour).Format("15:04")))
		r := newReceivers(t, 0)
		l.add("payments", "acme", "hooks.acme.example", r.Listener.Addr().String(), "")
		l.startFew(1)
		l.await("the audit is put off", func() bool {
			i, err := l.db.Integration(t.Context(), "acme")
			return err == nil && i.Job == 0 && i.NextDue.Sub(now) > 5*time.Hour && i.DueReason == database.ReasonNew
		})
		if runs := l.runs("acme"); len(runs) > 0 {
			t.Errorf("runs in quiet hours: %+v", runs)
		}
		if err := l.desk().AuditNow(t.Context(), "test", "acme", database.ReasonByHand); err != nil {
			t.Fatal(err)
		}
		if run := l.finished("acme", 1)[0]; run.Reason != database.ReasonByHand || run.State != database.Finished {
			t.Errorf("%+v", run)
		}
	})
}

// TestReasons holds what has an integration audited again.
func TestReasons(t *testing.T) {
	t.Parallel()
	databasetest.EachAddress(t, func(t *testing.T, address string) {
		l := newLab(t, address, "")
		r := newReceivers(t, 0)
		nextMonth := time.Now().UTC().AddDate(0, 1, 0).Format("2006-01-02")
		l.add("payments", "acme", "hooks.acme.example", r.Listener.Addr().String(), "")
		l.startFew(1)
		desk := l.desk()
		expect := func(n int, reason string) {
			t.Helper()
			if run := l.finished("acme", n)[0]; run.Reason != reason || run.State != database.Finished {
				t.Fatalf("run %d: %+v, expected %s\n%s", n, run, reason, l.log)
			}
		}
		expect(1, database.ReasonNew)
		l.add("payments", "acme", "hooks.acme.example", r.Listener.Addr().String(), "repositories: []\n")
		expect(2, database.ReasonConfig)
		for n, reason := range []string{database.ReasonByHand, database.ReasonDeploy} {
			if err := desk.AuditNow(t.Context(), "jane", "acme", reason); err != nil {
				t.Fatal(err)
			}
			expect(n+3, reason)
		}
		l.in(func(tx *database.Tx) error { return tx.SetDue(t.Context(), "acme", tx.Now(), "") })
		expect(5, database.ReasonSchedule)
		l.in(func(tx *database.Tx) error { // policies of another version were known
			return tx.SetSetting(t.Context(), "policies", `["sha256:other"]`)
		})
		expect(6, database.ReasonPolicies)
		l.in(func(tx *database.Tx) error { // it was ready, on a report of long ago
			i, err := tx.Integration(t.Context(), "acme")
			i.Status, i.ValidUntil, i.DueReason, i.NextDue = database.Ready, tx.Now().Add(-time.Hour), "", tx.Now().Add(time.Hour)
			if err != nil {
				return err
			}
			return tx.PutIntegration(t.Context(), i)
		})
		l.await("the report has expired", func() bool {
			i := l.integration("acme")
			return i.Status == database.Expired && i.DueReason == database.ReasonValidUntil
		})
		l.in(func(tx *database.Tx) error {
			return tx.SetDue(t.Context(), "acme", tx.Now(), database.ReasonValidUntil)
		}) // up to an hour later otherwise
		expect(7, database.ReasonValidUntil)
		entries, err := l.db.LogEntries(t.Context(), 0, 10)
		if err != nil || len(entries) != 2 || entries[0].Actor != "jane" {
			t.Errorf("the audit log is %+v: %v", entries, err)
		}
		// A waiver expires without an audit.
		l.add("payments", "acme", "hooks.acme.example", r.Listener.Addr().String(),
			"waivers: [{check: api-key.not-in-code, reason: r, owner: bob@acme.example, approved_by: jane@acme.example, expires: "+nextMonth+"}]\n")
		expect(8, database.ReasonConfig)
		runs := len(l.runs("acme"))
		l.in(func(tx *database.Tx) error {
			return tx.SetExpiries(t.Context(), "acme", database.OfConfiguration, []database.Expiry{{Kind: "waiver", Subject: "api-key.not-in-code", Person: "bob@acme.example", ExpiresAt: tx.Now().Add(-time.Minute)}})
		})
		l.await("an event says that the waiver has expired", func() bool { return l.heard.kinds()[database.EventExpired] >= 2 })
		if now := len(l.runs("acme")); now != runs {
			t.Errorf("a waiver that expired had %d audits made", now-runs)
		}
		if err := os.RemoveAll(filepath.Join(l.dir, "payments", "acme")); err != nil {
			t.Fatal(err)
		}
		l.await("the integration is gone", func() bool { return !l.integration("acme").RemovedAt.IsZero() })
	})
}

// TestFindingsAreOpenedAndClosed holds the events of a finding that comes, is waived, comes back and goes.
func TestFindingsAreOpenedAndClosed(t *testing.T) {
	t.Parallel()
	databasetest.EachAddress(t, func(t *testing.T, address string) {
		l := newLab(t, address, "")
		r := newReceivers(t, 0)
		l.add("payments", "acme", "hooks.acme.example", r.Listener.Addr().String(), "")
		l.startFew(1)
		state := func() string {
			list, err := l.db.Findings(t.Context(), "acme")
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range list {
				if f.Check == "api-key.not-in-client" {
					return f.State
				}
			}
			return "none"
		}
		step := func(n int, want string, change func()) {
			t.Helper()
			change()
			l.finished("acme", n)
			if got := state(); got != want {
				t.Fatalf("after run %d the finding is %s, expected %s", n, got, want)
			}
		}
		bundle := filepath.Join(l.dir, "payments", "acme", "dist", "app.js")
		waive := func(more string) {
			l.add("payments", "acme", "hooks.acme.example", r.Listener.Addr().String(), more)
		}
		audit := func() {
			if err := l.desk().AuditNow(t.Context(), "test", "acme", database.ReasonByHand); err != nil {
				t.Fatal(err)
			}
		}
		step(1, database.StateOpen, func() {})
		step(2, database.StateOpen, audit)
		step(3, database.StateOpen, func() { // what cannot be read proves nothing
			if err := os.Remove(bundle); err != nil {
				t.Fatal(err)
			}
			audit()
		})
		step(4, database.StateWaived, func() {
			waive("waivers: [{check: api-key.not-in-client, reason: r, owner: bob@acme.example, approved_by: jane@acme.example, expires: " + time.Now().UTC().AddDate(0, 1, 0).Format("2006-01-02") + "}]\n")
		})
		step(5, database.StateOpen, func() { waive("repositories: []\n") })
		step(6, database.StateClosed, func() {
			l.write(bundle, "const key = fetchKey()\n")
			audit()
		})
		step(7, database.StateOpen, func() {
			l.write(bundle, "const key = '"+keyOf("acme")+"'\n")
			audit()
		})
		events, err := l.db.Events(t.Context(), "acme", nil, 100)
		if err != nil {
			t.Fatal(err)
		}
		var kinds []string
		for n := range events {
			if e := events[len(events)-1-n]; e.Data["check"] == "api-key.not-in-client" {
				kinds = append(kinds, e.Kind)
			}
		}
		want := fmt.Sprint([]string{database.EventOpened, database.EventWaived, database.EventReopened, database.EventClosed, database.EventReopened})
		if fmt.Sprint(kinds) != want {
			t.Errorf("the events are %v, expected %s", kinds, want)
		}
	})
}

// TestNamesBelongToTeams holds that no team gets the keys or the history of another by its name.
func TestNamesBelongToTeams(t *testing.T) {
	t.Parallel()
	databasetest.EachAddress(t, func(t *testing.T, address string) {
		l := newLab(t, address, "")
		ctx := t.Context()
		f, err := work.New(l.options) // which is not started
		if err != nil {
			t.Fatal(err)
		}
		reload := func() (problems string) {
			t.Helper()
			if err := f.Reload(ctx); err != nil {
				t.Fatal(err)
			}
			list, err := l.db.SourceProblems(ctx)
			if err != nil {
				t.Fatal(err)
			}
			for _, one := range list {
				problems += one.Path + ": " + one.Problem + "\n"
			}
			return problems
		}
		l.add("loans", "acme", "hooks.acme.example", "127.0.0.1:1", "")
		if problems := reload(); problems != "" {
			t.Errorf("problems: %s", problems)
		}
		l.write(filepath.Join(l.dir, "loans", "acme", "prelaunch.yaml"), "version: 1\nintegration: [acme\n") // a mistake, and nobody takes it away
		if problems := reload(); problems != "" {
			t.Errorf("problems: %s", problems)
		}
		if i := l.integration("acme"); !i.RemovedAt.IsZero() || !strings.Contains(i.Problem, "prelaunch.yaml:2:") {
			t.Errorf("a configuration that is no YAML anymore: %+v", i)
		}
		l.add("loans", "acme", "hooks.acme.example", "127.0.0.1:1", "")
		reload()
		if i := l.integration("acme"); i.Problem != "" {
			t.Errorf("its mistake is gone: %+v", i)
		}
		events, err := l.db.Events(ctx, "acme", nil, 10)
		if err != nil || len(events) != 2 || events[0].Kind != database.EventAudited || events[1].Kind != database.EventProblem {
			t.Errorf("what is told of a mistake that was mended: %v %+v", err, events)
		}
		l.write(filepath.Join(l.dir, "attackers", "\xff", "prelaunch.yaml"), "integration: new\n") // which Postgres takes for no text
		if problems := reload(); !strings.Contains(problems, "holds what is no text") {
			t.Errorf("problems: %s", problems)
		}
		l.add("attackers", "acme", "hooks.attackers.example", "127.0.0.1:1", "")
		if problems := reload(); !strings.Contains(problems, "belongs to another team") {
			t.Errorf("problems: %s", problems)
		}
		if i := l.integration("acme"); i.Team != "loans" || i.Path != "loans/acme/prelaunch.yaml" {
			t.Errorf("the integration is %+v", i)
		}
		if err := os.RemoveAll(filepath.Join(l.dir, "loans")); err != nil {
			t.Fatal(err)
		}
		if problems := reload(); !strings.Contains(problems, "belongs to another team") || l.integration("acme").RemovedAt.IsZero() {
			t.Errorf("a name that was given up: %s, %+v", problems, l.integration("acme"))
		}
		if err := l.desk().Forget(ctx, "test", "acme"); err != nil {
			t.Fatal(err)
		}
		reload()
		if i := l.integration("acme"); i.Team != "attackers" {
			t.Errorf("a name that was freed belongs to %s", i.Team)
		}
		for _, team := range []string{"one", "two"} { // which come at the same time
			l.add(team, "new", "hooks.acme.example", "127.0.0.1:1", "")
		}
		if problems := reload(); !strings.Contains(problems, "Two teams claim its name") {
			t.Errorf("problems: %s", problems)
		}
		if _, err := l.db.Integration(ctx, "new"); !errors.Is(err, database.ErrNotFound) {
			t.Errorf("a name that two teams claim: %v", err)
		}
	})
}

// TestGoneWhileItIsAudited holds that an audit gives back what it has taken, and tells nobody, when its integration is removed or
// forgotten meanwhile.
func TestGoneWhileItIsAudited(t *testing.T) {
	t.Parallel()
	databasetest.EachAddress(t, func(t *testing.T, address string) {
		l := newLab(t, address, "")
		reached, goOn := make(chan struct{}, 10), make(chan struct{})
		receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			reached <- struct{}{}
			<-goOn
			w.WriteHeader(http.StatusOK)
		}))
		t.Cleanup(receiver.Close)
		for _, name := range []string{"removed", "forgotten"} {
			l.add("payments", name, name+".acme.example", receiver.Listener.Addr().String(), "")
		}
		l.startFew(1)
		<-reached
		<-reached
		if err := os.RemoveAll(filepath.Join(l.dir, "payments")); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"removed", "forgotten"} {
			l.await(name, func() bool { return !l.integration(name).RemovedAt.IsZero() })
		}
		if err := l.desk().Forget(t.Context(), "test", "forgotten"); err != nil {
			t.Fatal(err)
		}
		close(goOn)
		l.await("the leases are given back", func() bool {
			leases, err := l.db.Leases(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return len(leases) == 0
		})
		for name, want := range map[string]int{"removed": 1, "forgotten": 0} {
			events, err := l.db.Events(t.Context(), name, nil, 10)
			if err != nil || len(events) != want || want == 1 && events[0].Kind != database.EventRemoved {
				t.Errorf("%s: %v: %+v", name, err, events)
			}
		}
	})
}

// TestSourceThatHangs holds that audits and messages go on while a source cannot be read, however often that is asked for.
func TestSourceThatHangs(t *testing.T) {
	t.Parallel()
	l := newLab(t, databasetest.SQLite(t), "limits: {audits: 1}\n")
	listener, err := net.Listen("tcp", "127.0.0.1:0") // which never accepts
	if err != nil {
		t.Fatal(err)
	}
	l.options.Settings.Sources = append(l.options.Settings.Sources, settings.Source{Name: "slow", Directory: t.TempDir(), Git: "https://" + listener.Addr().String() + "/slow.git", Branch: "main", Team: "loans"})
	l.options.Timing.Reload = 50 * time.Millisecond
	r := newReceivers(t, 0)
	l.add("payments", "acme", "hooks.acme.example", r.Listener.Addr().String(), "")
	l.in(func(tx *database.Tx) error {
		return tx.PutIntegration(t.Context(), database.Integration{Name: "acme", Team: "payments", Source: "own", Path: "payments/acme/prelaunch.yaml", Status: database.Unknown, NextDue: tx.Now().AddDate(0, 0, 1)})
	})
	l.startFew(1)
	t.Cleanup(func() { _ = listener.Close() }) // before the process is stopped, which would wait for it
	l.await("reading was asked for more often than there are workers", func() bool {
		queues, err := l.db.Queues(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		asked := 0
		for _, q := range queues {
			if q.Kind == "reload" {
				asked += q.Jobs
			}
		}
		return asked > 6
	})
	if err := l.desk().AuditNow(t.Context(), "test", "acme", database.ReasonByHand); err != nil {
		t.Fatal(err)
	}
	l.finished("acme", 1)
	l.await("its messages are sent", func() bool { return l.heard.kinds()[database.EventOpened] > 0 })
}

// scan is a probe that stands for the search of repositories: each holds its place until every audit has sent its event, so that all
// would be in it at the same time if they could.
type scan struct {
	event
	receivers    *receivers
	audits       int
	within, most *atomic.Int64
}

func (scan) Name() string { return "repositories" }

func (s scan) Run(ctx context.Context, _ *audit.Run) error {
	s.most.Store(max(s.most.Load(), s.within.Add(1)))
	defer s.within.Add(-1)
	for ctx.Err() == nil {
		s.receivers.mu.Lock()
		seen := len(s.receivers.uids)
		s.receivers.mu.Unlock()
		if seen >= s.audits { // more in later audits
			break
		}
		runtime.Gosched()
	}
	return ctx.Err()
}

// TestOnceForEveryAudit holds what a process does once, however many audits it makes: repositories are searched for one at a time, and
// policies are compiled once.
func TestOnceForEveryAudit(t *testing.T) {
	t.Parallel()
	l := newLab(t, databasetest.SQLite(t), "limits: {audits: 4, audits_per_address: 4}\n")
	r := newReceivers(t, 0)
	names := l.addMany(4, r)
	var within, most atomic.Int64
	f, err := work.New(l.options)
	if err != nil {
		t.Fatal(err)
	}
	f.UseProbes(func([]audit.Probe) []audit.Probe {
		return []audit.Probe{event{1}, scan{event{}, r, len(names), &within, &most}}
	})
	l.run(f)
	l.allFinished(names)
	if n := most.Load(); n != 1 {
		t.Errorf("%d audits searched repositories at a time", n)
	}
	compiled := f.Compiled()
	if len(compiled) != 1 {
		t.Fatalf("the policies are compiled %d times for one provider", len(compiled))
	}
	for _, name := range names {
		if err := l.desk().AuditNow(t.Context(), "test", name, database.ReasonByHand); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range names {
		l.finished(name, 2)
	}
	if again := f.Compiled(); len(again) != 1 || again[0] != compiled[0] {
		t.Error("later audits compile the policies again")
	}
}

// TestProfileIsAReason holds that an integration is audited again once the profile that its configuration names has changed.
func TestProfileIsAReason(t *testing.T) {
	t.Parallel()
	l := newLab(t, databasetest.SQLite(t), "")
	profile, err := os.ReadFile("../../provider/profiles/generic-hmac.yaml")
	if err != nil {
		t.Fatal(err)
	}
	own := strings.Replace(string(profile), "name: generic-hmac", "name: acme-hmac", 1)
	directory := filepath.Join(l.dir, "payments", "acme")
	l.add("payments", "acme", "hooks.acme.example", "127.0.0.1:1", "")
	configuration, err := os.ReadFile(filepath.Join(directory, "prelaunch.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	l.write(filepath.Join(directory, "prelaunch.yaml"), strings.Replace(string(configuration), "provider: github", "provider: ./acme.yaml", 1))
	f, err := work.New(l.options) // which is not started
	if err != nil {
		t.Fatal(err)
	}
	for n, step := range []struct{ profile, reason string }{
		{own, database.ReasonNew}, {own, ""}, {strings.Replace(own, "put: {header: X-Signature", "put: {header: X-Acme-Signature", 1), database.ReasonProfile},
	} {
		l.write(filepath.Join(directory, "acme.yaml"), step.profile)
		if err := f.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		if i := l.integration("acme"); i.DueReason != step.reason || i.Problem != "" {
			t.Errorf("step %d: %q is due because of %q, expected %q: %s", n, i.Name, i.DueReason, step.reason, i.Problem)
		}
		l.in(func(tx *database.Tx) error { return tx.SetDue(t.Context(), "acme", tx.Now().AddDate(0, 0, 1), "") })
	}
}
