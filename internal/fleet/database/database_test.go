package database_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/database"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/database/databasetest"
)

func TestMain(m *testing.M) { databasetest.Main(m) }

func write(t *testing.T, db *database.DB, do func(tx *database.Tx) error) {
	t.Helper()
	if err := db.Write(t.Context(), do); err != nil {
		t.Fatal(err)
	}
}

var day = time.Date(2026, 11, 2, 6, 0, 0, 0, time.UTC)

func integration(name, team string) database.Integration {
	return database.Integration{Name: name, Team: team, Source: "fleet", Path: name + "/prelaunch.yaml", Provider: "begini", ConfigDigest: "sha256:1", Schedule: "0 5 * * *",
		NextDue: day, Status: database.Unknown}
}

func TestMigrationsOfProcessesThatStartTogether(t *testing.T) {
	t.Parallel()
	databasetest.EachAddress(t, func(t *testing.T, address string) {
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				db, err := database.Open(t.Context(), address, nil)
				if err != nil {
					t.Error(err)
					return
				}
				if err := errors.Join(db.Migrate(t.Context()), db.CheckSchema(t.Context()), db.Close()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	})
}

func TestSchemaThatIsNotMigrated(t *testing.T) {
	t.Parallel()
	databasetest.EachAddress(t, func(t *testing.T, address string) {
		db, err := database.Open(t.Context(), address, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = db.Close() }()
		if err := db.CheckSchema(t.Context()); err == nil || !strings.Contains(err.Error(), "prelaunch-server migrate") {
			t.Errorf("the schema of an empty database is accepted: %v", err)
		}
	})
}

func TestAddressIsNotRepeated(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"postgres://user:s3cret-word@127.0.0.1:1/fleet?connect_timeout=5", "postgres://user:s3cret-word@127.0.0.1:port/fleet", "mysql://user:s3cret-word@db/fleet"} {
		db, err := database.Open(t.Context(), address, nil)
		if err == nil {
			_ = db.Close()
			t.Errorf("%s is opened", address)
		} else if strings.Contains(err.Error(), "s3cret-word") {
			t.Errorf("the password is repeated: %v", err)
		}
	}
}

func TestIntegrations(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		ctx := t.Context()
		a, b, gone := integration("Acme_1", "payments"), integration("acme-2", "loans"), integration("gone", "loans")
		b.Status, b.Paused, b.Provider = database.NotReady, true, "stripe"
		gone.RemovedAt = day
		write(t, db, func(tx *database.Tx) error {
			for _, i := range []database.Integration{a, b, gone} {
				if err := tx.PutIntegration(ctx, i); err != nil {
					return err
				}
			}
			return tx.PutFinding(ctx, database.Finding{ID: "f1", Integration: b.Name, Check: "webhook.rejects-unsigned", Severity: "critical", State: database.StateOpen, FirstSeen: day})
		})
		read, err := db.Integration(ctx, a.Name)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(a, read); diff != "" {
			t.Errorf("what is read is not what was written (-written +read):\n%s", diff)
		}
		if _, err := db.Integration(ctx, "nobody"); !errors.Is(err, database.ErrNotFound) {
			t.Errorf("an integration that does not exist: %v", err)
		}
		for _, test := range []struct {
			name   string
			filter database.Filter
			want   []string
		}{
			{"all", database.Filter{}, []string{"Acme_1", "acme-2"}},
			{"of no team", database.Filter{Teams: []string{}}, []string{}},
			{"of the reader's teams", database.Filter{Teams: []string{"payments", "other"}}, []string{"Acme_1"}},
			{"another team is asked for", database.Filter{Teams: []string{"payments"}, Team: "loans"}, []string{}},
			{"by provider", database.Filter{Provider: "stripe"}, []string{"acme-2"}},
			{"by status", database.Filter{Status: database.NotReady}, []string{"acme-2"}},
			{"by check", database.Filter{Check: "webhook.rejects-unsigned"}, []string{"acme-2"}},
			{"a wildcard is a character", database.Filter{Search: "e_"}, []string{"Acme_1"}},
			{"in any case", database.Filter{Search: "ACME"}, []string{"Acme_1", "acme-2"}},
			{"next page", database.Filter{After: "Acme_1", Limit: 1, Removed: true}, []string{"acme-2"}},
			{"removed ones too", database.Filter{Team: "loans", Removed: true}, []string{"acme-2", "gone"}},
		} {
			list, err := db.List(ctx, test.filter)
			if err != nil {
				t.Fatal(err)
			}
			names := []string{}
			for _, i := range list {
				names = append(names, i.Name)
			}
			if !slices.Equal(names, test.want) {
				t.Errorf("%s: %v, expected %v", test.name, names, test.want)
			}
		}
		overview, err := db.Overview(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		want := database.Overview{Total: 2, Due: 1, Paused: 1, ByStatus: map[string]int{database.Unknown: 1, database.NotReady: 1}, OldestDue: day}
		if diff := cmp.Diff(want, overview); diff != "" {
			t.Errorf("overview (-want +got):\n%s", diff)
		}
		write(t, db, func(tx *database.Tx) error { return tx.Forget(ctx, b.Name) })
		if findings, err := db.Findings(ctx, b.Name); err != nil || len(findings) > 0 {
			t.Errorf("findings of a forgotten integration: %v, %v", findings, err)
		}
	})
}

func TestDue(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		ctx := t.Context()
		write(t, db, func(tx *database.Tx) error {
			for n, change := range []func(*database.Integration){
				func(*database.Integration) {},
				func(i *database.Integration) { i.NextDue = day.Add(time.Hour) },
				func(i *database.Integration) { i.Paused = true },
				func(i *database.Integration) { i.Problem = "its configuration cannot be read" },
				func(i *database.Integration) { i.RemovedAt = day },
				func(i *database.Integration) { i.Job = 7 },
				func(i *database.Integration) { i.NextDue, i.DueReason = day.Add(time.Minute), database.ReasonDeploy },
				func(i *database.Integration) { i.NextDue = day.Add(-time.Minute) },
				func(i *database.Integration) {
					i.Status, i.ValidUntil, i.NextDue = database.NotReady, day, day.AddDate(0, 0, 20)
				},
				func(i *database.Integration) {
					i.Status, i.ValidUntil, i.NextDue = database.Ready, day, day.AddDate(0, 0, 20)
				},
			} {
				i := integration(fmt.Sprint(n), "t")
				change(&i)
				if err := tx.PutIntegration(ctx, i); err != nil {
					return err
				}
			}
			return nil
		})
		due := func(limit int) (names []string) {
			write(t, db, func(tx *database.Tx) error {
				list, err := tx.Due(ctx, day.Add(time.Minute), limit)
				for _, i := range list {
					names = append(names, i.Name)
				}
				return err
			})
			return names
		}
		if got := due(10); !slices.Equal(got, []string{"6", "7", "0"}) {
			t.Errorf("due are %v: first what has a reason of its own, then what is due for longest", got)
		}
		if got := due(1); !slices.Equal(got, []string{"6"}) {
			t.Errorf("%v is more than was asked for", got)
		}
		write(t, db, func(tx *database.Tx) error {
			n, err := tx.FreeJobs(ctx) // there is no job 7
			if n != 1 {
				t.Errorf("%d jobs that have ended", n)
			}
			return err
		})
		if got := due(10); !slices.Equal(got, []string{"6", "7", "0", "5"}) {
			t.Errorf("due are %v after a job was lost", got)
		}
		outdated := func() (names []string) {
			write(t, db, func(tx *database.Tx) error {
				list, err := tx.OutdatedReports(ctx, day, day.Add(time.Hour), 10)
				for _, i := range list {
					names = append(names, i.Name)
				}
				return err
			})
			return names
		}
		if got := outdated(); !slices.Equal(got, []string{"8"}) {
			t.Errorf("reports that no longer hold: %v", got)
		}
		write(t, db, func(tx *database.Tx) error {
			return tx.BeginRun(ctx, database.Run{ID: "r", Integration: "8", Started: day})
		})
		if got := outdated(); len(got) > 0 {
			t.Errorf("%v are audited since then", got)
		}
	})
}

func TestRunsOfDeadWorkersHaveNoEffect(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		ctx := t.Context()
		run := database.Run{ID: "r1", Integration: "acme", Reason: database.ReasonSchedule, Started: day, Worker: "w1", Version: "1", Job: 3}
		write(t, db, func(tx *database.Tx) error {
			if err := tx.PutWorker(ctx, database.Worker{ID: "w1", Version: "1", Role: "all", Host: "h", Started: day}); err != nil {
				return err
			}
			if err := tx.BeginRun(ctx, run); err != nil {
				return err
			}
			_, err := tx.TakeLease(ctx, database.Lease{Target: "host h", Run: "r1", Worker: "w1", Since: day}, 1)
			return err
		})
		if alive, err := db.Beat(ctx, "w1"); err != nil || !alive {
			t.Fatalf("alive %v, %v", alive, err)
		}
		write(t, db, func(tx *database.Tx) error {
			if removed, err := tx.RemoveWorker(ctx, "w1", 0); removed || err != nil {
				t.Errorf("a worker that has shown that it lives was removed: %v", err)
			}
			removed, err := tx.RemoveWorker(ctx, "w1", 1)
			if !removed {
				t.Error("a dead worker was not removed")
			}
			if err != nil {
				return err
			}
			lost, err := tx.LoseRuns(ctx, "w1")
			if len(lost) != 1 || lost[0].ID != "r1" {
				t.Errorf("lost runs: %v", lost)
			}
			return err
		})
		if alive, err := db.Beat(ctx, "w1"); err != nil || alive {
			t.Errorf("a worker that was taken for dead is alive: %v", err)
		}
		write(t, db, func(tx *database.Tx) error {
			run.State = database.Finished
			ended, err := tx.EndRun(ctx, run)
			if ended {
				t.Error("a lost run has ended")
			}
			return err
		})
		if leases, err := db.Leases(ctx); err != nil || len(leases) > 0 {
			t.Errorf("leases of a dead worker: %v, %v", leases, err)
		}
	})
}

func TestLeases(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		ctx := t.Context()
		take := func(run string, slots int) (taken bool) {
			write(t, db, func(tx *database.Tx) (err error) {
				taken, err = tx.TakeLease(ctx, database.Lease{Target: "address 192.0.2.1", Run: run, Worker: "w", Since: day}, slots)
				return err
			})
			return taken
		}
		for n, want := range []bool{true, true, false} {
			if got := take(fmt.Sprint(n), 2); got != want {
				t.Errorf("lease %d of two is taken: %v", n, got)
			}
		}
		write(t, db, func(tx *database.Tx) error { return tx.ReleaseLeases(ctx, "0") })
		if !take("3", 2) {
			t.Error("a lease that was released is not free")
		}
		var wg sync.WaitGroup
		var mu sync.Mutex
		taken := 0
		for n := range 8 {
			wg.Go(func() {
				err := db.Write(ctx, func(tx *database.Tx) error {
					got, err := tx.TakeLease(ctx, database.Lease{Target: "host contended", Run: fmt.Sprint("c", n), Worker: "w", Since: day}, 3)
					mu.Lock()
					defer mu.Unlock()
					if got {
						taken++
					}
					return err
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if taken != 3 {
			t.Errorf("%d of 3 leases were taken", taken)
		}
	})
}

func TestSentEvents(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		ctx := t.Context()
		uids := func() (list []string) {
			sent, err := db.SentOf(ctx, "acme")
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range sent {
				list = append(list, s.UID)
			}
			return list
		}
		add := func(run string, uids ...string) {
			write(t, db, func(tx *database.Tx) error {
				for _, uid := range append(uids, uids...) { // twice the same
					if err := tx.AddSent(ctx, []database.Sent{{Run: run, Integration: "acme", Environment: "test", UID: uid, At: day}}); err != nil {
						return err
					}
				}
				return nil
			})
		}
		add("r1", "A", "B")
		add("r2", "C")
		if got := uids(); !slices.Equal(got, []string{"A", "B", "C"}) {
			t.Errorf("to be purged are %v", got)
		}
		write(t, db, func(tx *database.Tx) error {
			return tx.SettleSent(ctx, "r1", "acme", []audit.SentEvent{{Environment: "test", UID: "B", EventType: "e", At: day}, {Environment: "test", UID: "D", At: day}})
		})
		if got := uids(); !slices.Equal(got, []string{"B", "C", "D"}) {
			t.Errorf("to be purged are %v after the run was settled", got)
		}
		write(t, db, func(tx *database.Tx) error { return tx.MarkPurged(ctx, "r1") })
		if got := uids(); !slices.Equal(got, []string{"C"}) {
			t.Errorf("to be purged are %v after one run was", got)
		}
	})
}

func TestDocumentsAndRetention(t *testing.T) {
	t.Parallel()
	databasetest.EachAddress(t, func(t *testing.T, address string) {
		ctx := t.Context()
		now := day
		db, err := database.Open(ctx, address, func() time.Time { return now })
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		if err := db.Migrate(ctx); err != nil {
			t.Fatal(err)
		}
		text := []byte(strings.Repeat(`{"checks": []}`, 1000))
		var digests []string
		write(t, db, func(tx *database.Tx) error {
			i := integration("acme", "t")
			i.LastRun, i.LastPassed = "r3", "r0"
			if err := tx.PutIntegration(ctx, i); err != nil {
				return err
			}
			for n := range 4 {
				document, facts := database.Pack(append(text, fmt.Sprint(n)...)), database.Pack(append(text, fmt.Sprint("facts", n)...))
				digests = append(digests, document.Digest)
				run := database.Run{ID: fmt.Sprint("r", n), Integration: "acme", Started: now.Add(time.Duration(n) * time.Hour), State: database.Finished, Report: document.Digest, Facts: facts.Digest}
				if err := errors.Join(tx.PutDocument(ctx, document), tx.PutDocument(ctx, document), tx.PutDocument(ctx, facts), tx.BeginRun(ctx, run)); err != nil {
					return err
				}
				if _, err := tx.EndRun(ctx, run); err != nil {
					return err
				}
			}
			_, err := tx.AddEvent(ctx, database.Event{Integration: "acme", Kind: database.EventOpened}, []string{"slack"})
			return err
		})
		if read, err := db.Document(ctx, digests[0]); err != nil || string(read) != string(text)+"0" {
			t.Errorf("a document is read: %v", err)
		}
		retain := func() {
			write(t, db, func(tx *database.Tx) error {
				more, err := tx.Retain(ctx, database.Retention{Runs: 48 * time.Hour, Facts: 24 * time.Hour, Events: 48 * time.Hour}, 100)
				if more {
					t.Error("there is more to remove")
				}
				return err
			})
		}
		now = day.Add(30 * time.Hour)
		retain()
		for id, facts := range map[string]bool{"r0": true, "r1": false, "r2": false, "r3": true} {
			run, err := db.Run(ctx, id)
			if err != nil || (run.Facts != "") != facts {
				t.Errorf("the facts of %s are kept: %v, %v", id, run.Facts != "", err)
			}
		}
		now = day.Add(300 * time.Hour)
		retain()
		runs, err := db.Runs(ctx, "acme", 10)
		if err != nil || len(runs) != 2 || runs[0].ID != "r3" || runs[1].ID != "r0" {
			t.Errorf("kept are %v: %v", runs, err)
		}
		if _, err := db.Document(ctx, digests[1]); !errors.Is(err, database.ErrNotFound) {
			t.Errorf("the report of a run that is not kept: %v", err)
		}
		if _, err := db.Document(ctx, digests[0]); err != nil {
			t.Errorf("the report of the last run that was ready: %v", err)
		}
		if events, err := db.Events(ctx, "", nil, 10); err != nil || len(events) > 0 {
			t.Errorf("old events: %v, %v", events, err)
		}
	})
}

func TestOutbox(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		ctx := t.Context()
		event := database.Event{Integration: "acme", Team: "t", Run: "r", Kind: database.EventOpened, Message: "Unsigned events are accepted", At: day, Data: map[string]string{"check": "webhook.rejects-unsigned"}}
		write(t, db, func(tx *database.Tx) (err error) {
			event, err = tx.AddEvent(ctx, event, []string{"slack", "mail"})
			return err
		})
		due := func(now time.Time) (list []database.Message) {
			write(t, db, func(tx *database.Tx) (err error) {
				list, err = tx.DueMessages(ctx, now, now.Add(time.Minute), 10)
				return err
			})
			return list
		}
		if key := (database.Message{ID: 1, Event: database.Event{At: day}}).Key(); key == (database.Message{ID: 1, Event: database.Event{At: day.Add(time.Second)}}).Key() {
			t.Errorf("the first message of a database that was made anew has the key of another: %s", key)
		}
		first := due(day)
		if len(first) != 2 || first[0].Channel != "slack" || first[0].Key() == first[1].Key() {
			t.Fatalf("messages: %v", first)
		}
		if diff := cmp.Diff(event, first[0].Event); diff != "" {
			t.Errorf("the event of a message (-written +read):\n%s", diff)
		}
		if again := due(day); len(again) > 0 {
			t.Errorf("messages that are being sent are due: %v", again)
		}
		write(t, db, func(tx *database.Tx) error {
			return errors.Join(tx.MessageSent(ctx, first[0].ID), tx.MessageFailed(ctx, first[1].ID, day.Add(time.Hour), "it responded with 503"))
		})
		if again := due(day.Add(30 * time.Minute)); len(again) > 0 {
			t.Errorf("a message is tried again too early: %v", again)
		}
		if again := due(day.Add(time.Hour)); len(again) != 1 || again[0].Attempts != 1 || again[0].Key() != first[1].Key() {
			t.Errorf("a message is tried again: %v", again)
		}
		write(t, db, func(tx *database.Tx) error {
			return tx.MessageFailed(ctx, first[1].ID, time.Time{}, "it responded with 404")
		})
		if again := due(day.Add(1000 * time.Hour)); len(again) > 0 {
			t.Errorf("a message that was given up is due: %v", again)
		}
		boxes, err := db.Outboxes(ctx)
		if diff := cmp.Diff([]database.Outbox{{Channel: "mail", GivenUp: 1, Oldest: day, Problem: "it responded with 404"}}, boxes); diff != "" || err != nil {
			t.Errorf("the outbox (-want +got): %v\n%s", err, diff)
		}
	})
}

func TestFindingsDecisionsAndLog(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		ctx := t.Context()
		low := database.Finding{ID: "f1", Integration: "acme", Scope: "s", Check: "https.hsts", Environment: "test", Level: "recommended", Severity: "low", Outcome: "warn",
			State: database.StateOpen, Message: "m", FirstSeen: day, LastSeen: day, FirstRun: "r", LastRun: "r"}
		high := low
		high.ID, high.Severity, high.State, high.Owner, high.ExpiresAt = "f2", "critical", database.StateWaived, "bob@acme.example", day
		closed := low
		closed.ID, closed.State, closed.ClosedAt = "f3", database.StateClosed, day
		decision := database.Decision{Integration: "acme", Run: "r", Report: "sha256:1", Kind: "signed", Verdict: "approved", Signer: "jane", Login: "jane@acme.example", At: day, Statement: []byte("{}")}
		write(t, db, func(tx *database.Tx) (err error) {
			for _, f := range []database.Finding{low, high, closed} {
				if err := tx.PutFinding(ctx, f); err != nil {
					return err
				}
			}
			if decision, err = tx.AddDecision(ctx, decision); err != nil {
				return err
			}
			return errors.Join(tx.SetTicket(ctx, "f1", "ACME-1"), tx.PutFinding(ctx, low), tx.Log(ctx, "jane", "run", "acme", ""), tx.Log(ctx, "jane", "pause", "acme", "for a while"))
		})
		low.Ticket = "ACME-1"
		findings, err := db.Findings(ctx, "acme", database.StateOpen, database.StateWaived)
		if diff := cmp.Diff([]database.Finding{high, low}, findings); diff != "" || err != nil {
			t.Errorf("findings (-want +got): %v\n%s", err, diff)
		}
		decisions, err := db.Decisions(ctx, "acme")
		if diff := cmp.Diff([]database.Decision{decision}, decisions); diff != "" || err != nil {
			t.Errorf("decisions (-want +got): %v\n%s", err, diff)
		}
		entries, err := db.LogEntries(ctx, 0, 1)
		if err != nil || len(entries) != 1 || entries[0].Action != "pause" {
			t.Fatalf("the newest entry of the log is %v: %v", entries, err)
		}
		if entries, err = db.LogEntries(ctx, entries[0].ID, 10); err != nil || len(entries) != 1 || entries[0].Action != "run" {
			t.Errorf("the entries before it are %v: %v", entries, err)
		}
	})
}

func TestExpiries(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		ctx := t.Context()
		waiver := database.Expiry{Integration: "acme", Kind: "waiver", Subject: "input.bounded", Person: "bob@acme.example", ExpiresAt: day}
		later := database.Expiry{Integration: "acme", Kind: "attestation", Subject: "network.ip-allowlist", Person: "jane@acme.example", ExpiresAt: day.AddDate(0, 1, 0)}
		set := func(list ...database.Expiry) {
			write(t, db, func(tx *database.Tx) error { return tx.SetExpiries(ctx, "acme", database.OfConfiguration, list) })
		}
		expiring := func(now time.Time, certificates bool) (list []database.Expiry) {
			write(t, db, func(tx *database.Tx) (err error) {
				list, err = tx.TakeExpiring(ctx, now, now.AddDate(0, 0, 14), certificates, 10)
				return err
			})
			return list
		}
		expired := func(now time.Time) (list []database.Expiry) {
			write(t, db, func(tx *database.Tx) (err error) {
				list, err = tx.TakeExpired(ctx, now, 10)
				return err
			})
			return list
		}
		certificate := database.Expiry{Integration: "acme", Kind: database.ExpiryCertificate, Subject: "https.certificate-valid (test)", ExpiresAt: day}
		write(t, db, func(tx *database.Tx) error {
			return tx.SetExpiries(ctx, "acme", database.OfReport, []database.Expiry{certificate})
		})
		set(waiver, later)
		if got := expiring(day.AddDate(0, 0, -14).Add(-time.Second), false); len(got) > 0 {
			t.Errorf("%v is announced too early", got)
		}
		if got := expiring(day.AddDate(0, 0, -14), false); len(got) != 1 || got[0] != waiver {
			t.Errorf("announced are %v", got)
		}
		if got := expiring(day.AddDate(0, 0, -1), true); len(got) != 1 || got[0] != certificate {
			t.Errorf("certificates that expire are %v", got)
		}
		set(waiver, later)
		if got := expiring(day.AddDate(0, 0, -1), false); len(got) > 0 {
			t.Errorf("%v is announced twice", got)
		}
		write(t, db, func(tx *database.Tx) error { return tx.SetExpiries(ctx, "acme", database.OfReport, nil) })
		if got := expired(day.Add(-time.Second)); len(got) > 0 {
			t.Errorf("%v has expired too early", got)
		}
		if got := expired(day); len(got) != 1 || got[0] != waiver {
			t.Errorf("expired are %v", got)
		}
		set(waiver, later)
		if got := expired(day); len(got) > 0 {
			t.Errorf("%v has expired twice", got)
		}
		if got := expiring(day, false); len(got) > 0 {
			t.Errorf("%v is announced after it expired", got)
		}
		waiver.ExpiresAt = day.AddDate(0, 0, 10)
		set(waiver)
		list, err := db.Expiries(ctx, "acme")
		if diff := cmp.Diff([]database.Expiry{waiver}, list); diff != "" || err != nil {
			t.Errorf("what expires after the configuration changed (-want +got): %v\n%s", err, diff)
		}
	})
}

func TestWriteIsRolledBack(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		ctx := t.Context()
		failed := errors.New("failed")
		if err := db.Write(ctx, func(tx *database.Tx) error {
			return errors.Join(tx.PutIntegration(ctx, integration("acme", "t")), failed)
		}); !errors.Is(err, failed) {
			t.Errorf("the error of a transaction is %v", err)
		}
		func() {
			defer func() { _ = recover() }()
			_ = db.Write(ctx, func(tx *database.Tx) error {
				_ = tx.PutIntegration(ctx, integration("acme", "t"))
				panic("in the middle")
			})
		}()
		if _, err := db.Integration(ctx, "acme"); !errors.Is(err, database.ErrNotFound) {
			t.Errorf("what was rolled back is there: %v", err)
		}
	})
}
