package work_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/auditor"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/database"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/database/databasetest"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/work"
)

// TestPostgresRestarts restarts the database while audits are under way.
func TestPostgresRestarts(t *testing.T) {
	t.Parallel()
	server := databasetest.Own(t)
	address := server.Database(t)
	l := newLab(t, address, "limits: {audits: 6, audits_per_address: 100}\n")
	r := newReceivers(t, 20*time.Millisecond)
	names := l.addMany(20, r)
	l.startWorker(address, 6, impatient())
	for range 2 {
		before := r.received()
		l.await("audits are under way", func() bool { return r.received() >= before+10 })
		if err := server.Down(); err != nil {
			t.Fatal(err)
		}
		if err := server.Up(); err != nil {
			t.Fatal(err)
		}
	}
	l.allFinished(names)
	l.holdsAfterFaults(names, r, 1)
}

// TestDiskIsFull lets the file of SQLite grow no further for a while.
func TestDiskIsFull(t *testing.T) {
	t.Parallel()
	l := newLab(t, databasetest.SQLite(t), "limits: {audits: 4, audits_per_address: 100}\n")
	r := newReceivers(t, 20*time.Millisecond)
	names := l.addMany(20, r)
	pages := func(more int) {
		t.Helper()
		l.in(func(tx *database.Tx) error { // the one connection that writes
			count := 0
			if err := tx.SQL.QueryRowContext(t.Context(), "PRAGMA page_count").Scan(&count); err != nil {
				return err
			}
			_, err := tx.SQL.ExecContext(t.Context(), fmt.Sprintf("PRAGMA max_page_count = %d", count+more))
			return err
		})
	}
	l.startFew(6)
	l.await("audits are under way", func() bool { return r.received() >= 10 })
	pages(0)
	l.await("the disk is full", func() bool { return l.db.Write(t.Context(), fill(t)) != nil })
	received := r.received()
	pages(1_000_000)
	l.allFinished(names)
	if r.received() == received {
		t.Error("nothing was left to do when the disk was full")
	}
	l.holdsAfterFaults(names, r, 1)
}

// fill writes what does not fit on a full disk, and nothing where it does.
func fill(t *testing.T) func(tx *database.Tx) error {
	return func(tx *database.Tx) error {
		if err := tx.SetSetting(t.Context(), "filler", strings.Repeat("x", 1<<16)); err != nil {
			return err
		}
		return tx.SetSetting(t.Context(), "filler", "")
	}
}

// poison is a probe that panics where nothing of an audit's own expects it.
type poison struct{ audit.Probe }

func (poison) Name() string { panic("the value of a panic, which may hold anything") }

// TestPoisonedAudit holds that an audit that cannot be made harms no other, and that somebody is told.
func TestPoisonedAudit(t *testing.T) {
	t.Parallel()
	databasetest.EachAddress(t, func(t *testing.T, address string) {
		l := newLab(t, address, "")
		r := newReceivers(t, 0)
		l.add("payments", "acme", "hooks.acme.example", r.Listener.Addr().String(), "")
		f, err := work.New(l.options)
		if err != nil {
			t.Fatal(err)
		}
		var poisoned atomic.Bool
		poisoned.Store(true)
		f.UseProbes(func(all []audit.Probe) []audit.Probe {
			if poisoned.Load() {
				return []audit.Probe{poison{}}
			}
			return few(1)(all)
		})
		l.run(f)
		for n := range 3 {
			for _, run := range l.finished("acme", n+1) {
				if run.State != database.Failed || !strings.Contains(run.Problem, "internal error") || strings.Contains(run.Problem, "may hold anything") {
					t.Fatalf("%+v", run)
				}
			}
			poisoned.Store(n < 2)
			if err := l.desk().AuditNow(t.Context(), "test", "acme", database.ReasonByHand); err != nil {
				t.Fatal(err)
			}
		}
		if run := l.finished("acme", 4)[0]; run.State != database.Finished {
			t.Errorf("the audit after it: %+v", run)
		}
		l.await("somebody is told once, and of the end too", func() bool {
			kinds := l.heard.kinds()
			return kinds[database.EventNotAudited] == 1 && kinds[database.EventAudited] == 1
		})
	})
}

// TestClockIsSetBack holds that the fleet goes on when its clock was a year ahead for a while.
func TestClockIsSetBack(t *testing.T) {
	t.Parallel()
	databasetest.EachAddress(t, func(t *testing.T, address string) {
		l := newLab(t, address, "")
		var ahead atomic.Int64
		ahead.Store(int64(365 * 24 * time.Hour))
		db, err := database.Open(t.Context(), address, func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) })
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		l.options.DB = db
		r := newReceivers(t, 0)
		l.add("payments", "acme", "hooks.acme.example", r.Listener.Addr().String(), "")
		l.startFew(1)
		first := l.finished("acme", 1)[0]
		if due := l.integration("acme").NextDue; due.Before(first.Started) {
			t.Errorf("it is due at %v", due)
		}
		ahead.Store(0)
		l.await("it is due by the clock as it is now", func() bool { return l.integration("acme").NextDue.Before(time.Now().AddDate(0, 2, 0)) })
		l.finished("acme", 2)
		l.await("the newest run counts", func() bool { return l.integration("acme").LastFinished.Before(first.Started) })
		l.write(filepath.Join(l.dir, "payments", "acme", "dist", "app.js"), "nothing\n")
		if err := l.desk().AuditNow(t.Context(), "test", "acme", database.ReasonByHand); err != nil {
			t.Fatal(err)
		}
		l.await("a finding is closed", func() bool { return l.heard.kinds()[database.EventClosed] == 1 })
	})
}

// TestTwoLeaders has two processes queue what is due at the same time.
func TestTwoLeaders(t *testing.T) {
	t.Parallel()
	databasetest.EachAddress(t, func(t *testing.T, address string) {
		l := newLab(t, address, "limits: {audits_per_minute: 1000}\n")
		ctx := t.Context()
		l.in(func(tx *database.Tx) error {
			for n := range 150 {
				if err := tx.PutIntegration(ctx, database.Integration{Name: fmt.Sprintf("acme-%03d", n), Team: "t", Source: "own", Path: "x", Schedule: "0 5 * * *",
					Status: database.Unknown, NextDue: tx.Now().Add(-time.Hour)}); err != nil {
					return err
				}
			}
			return nil
		})
		var wg sync.WaitGroup
		for range 3 {
			f, err := work.New(l.options) // which is not started
			if err != nil {
				t.Fatal(err)
			}
			wg.Go(func() {
				if err := f.Sweep(ctx); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		waiting, err := l.db.WaitingAudits(ctx)
		if err != nil || waiting != 150 {
			t.Errorf("%d audits were queued for 150 integrations: %v", waiting, err)
		}
		list, err := l.db.List(ctx, database.Filter{})
		if err != nil {
			t.Fatal(err)
		}
		jobs := map[int64]bool{}
		for _, i := range list {
			jobs[i.Job] = true
		}
		if len(jobs) != 150 || jobs[0] {
			t.Errorf("150 integrations have %d jobs", len(jobs))
		}
	})
}

// TestWorkersOfTwoVersions holds that new policies have everything audited again once, not for as long as two versions run.
func TestWorkersOfTwoVersions(t *testing.T) {
	t.Parallel()
	databasetest.EachAddress(t, func(t *testing.T, address string) {
		l := newLab(t, address, "")
		ctx := t.Context()
		own := t.TempDir()
		if err := os.WriteFile(filepath.Join(own, "helper.rego"), []byte("package acme.helper\n\nanswer := 42\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		l.write(filepath.Join(own, "check.rego"), "# METADATA\n# title: Always\n# custom:\n#   id: acme.always\n#   section: Acme\n#   level: recommended\n#   severity: low\n#   remediation: None\n#   facts: []\npackage acme.always\n\nimport rego.v1\n\nfindings contains {\"outcome\": \"pass\", \"environment\": \"\", \"subject\": \"s\", \"target\": \"\", \"basis\": \"declared\", \"message\": \"m\", \"evidence\": {}}\n")
		older, err := work.New(l.options)
		if err != nil {
			t.Fatal(err)
		}
		if l.options.Library, err = auditor.Policies([]string{own}); err != nil {
			t.Fatal(err)
		}
		newer, err := work.New(l.options)
		if err != nil {
			t.Fatal(err)
		}
		l.add("payments", "acme", "hooks.acme.example", "127.0.0.1:1", "")
		settle := func() {
			l.in(func(tx *database.Tx) error { return tx.SetDue(ctx, "acme", tx.Now().Add(time.Hour), "") })
		}
		reload := func(f *work.Fleet, want string) {
			t.Helper()
			if err := f.Reload(ctx); err != nil {
				t.Fatal(err)
			}
			if i := l.integration("acme"); i.DueReason != want {
				t.Errorf("it is due because of %q, expected %q", i.DueReason, want)
			}
			settle()
		}
		reload(older, database.ReasonNew)
		reload(newer, database.ReasonPolicies)
		for range 2 {
			reload(older, "")
			reload(newer, "")
		}
	})
}
