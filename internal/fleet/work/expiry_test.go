package work_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/database"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/database/databasetest"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/work"
)

// TestExpiryIsAnnounced: what people have to renew is announced once, as many days before as the settings say; a certificate, which may
// have been renewed since it was seen, is looked at again instead.
func TestExpiryIsAnnounced(t *testing.T) {
	t.Parallel()
	for settings, want := range map[string][]string{
		"":                      {"The sign-off of run r1 expires within 10 days: its last day is ", "The waiver of input.bounded expires within 14 days: its last day is "},
		"announce_expiry: 12\n": {"The sign-off of run r1 expires within 10 days: its last day is "},
		"announce_expiry: 0\n":  nil,
	} {
		l := newLab(t, databasetest.SQLite(t), settings)
		ctx, now := t.Context(), l.db.Now()
		l.in(func(tx *database.Tx) error {
			if err := tx.PutIntegration(ctx, database.Integration{Name: "acme", Team: "payments", Status: database.Ready, NextDue: now.AddDate(0, 0, 20)}); err != nil {
				return err
			}
			for _, one := range []struct {
				kinds []string
				e     database.Expiry
			}{
				{database.OfConfiguration, database.Expiry{Kind: database.ExpiryWaiver, Subject: "input.bounded", Person: "bob@acme.example", ExpiresAt: now.Add(14*24*time.Hour - time.Minute)}},
				{database.OfDecision, database.Expiry{Kind: database.ExpirySignOff, Subject: "run r1", ExpiresAt: now.Add(10*24*time.Hour - time.Minute)}},
				{database.OfReport, database.Expiry{Kind: database.ExpiryCertificate, Subject: "https.certificate-valid (test)", ExpiresAt: now.Add(13 * 24 * time.Hour)}},
			} {
				if err := tx.SetExpiries(ctx, "acme", one.kinds, []database.Expiry{one.e}); err != nil {
					return err
				}
			}
			return nil
		})
		checkTwice(l)
		events, err := l.db.Events(ctx, "acme", nil, 10)
		if err != nil || len(events) != len(want) {
			t.Fatalf("%q: %v: %+v", settings, err, events)
		}
		for n, e := range events { // the newest first, and what expires first was raised first
			start := want[len(want)-1-n]
			if e.Kind != database.EventExpiring || len(e.Message) <= len(start) || e.Message[:len(start)] != start {
				t.Errorf("%q: %+v, expected %q", settings, e, start)
			}
		}
		if i := l.integration("acme"); i.DueReason != database.ReasonCertificate || i.NextDue.After(now.Add(2*time.Hour)) {
			t.Errorf("%q: a certificate expires, and the next audit is %v, %q", settings, i.NextDue, i.DueReason)
		}
	}
}

// TestNobodyLooksAgain: the certificate of a paused integration is announced, since no audit looks at it again; a report that no longer
// holds is replaced whatever it says.
func TestNobodyLooksAgain(t *testing.T) {
	t.Parallel()
	databasetest.EachAddress(t, func(t *testing.T, address string) {
		l := newLab(t, address, "")
		ctx, now := t.Context(), l.db.Now()
		l.in(func(tx *database.Tx) error {
			for _, i := range []database.Integration{
				{Name: "paused", Team: "payments", Status: database.Ready, Paused: true, NextDue: now.AddDate(0, 0, 20)},
				{Name: "failing", Team: "payments", Status: database.NotReady, ValidUntil: now.Add(-time.Minute), NextDue: now.AddDate(0, 0, 20)},
			} {
				if err := tx.PutIntegration(ctx, i); err != nil {
					return err
				}
			}
			return tx.SetExpiries(ctx, "paused", database.OfReport, []database.Expiry{
				{Kind: database.ExpiryCertificate, Subject: "https.certificate-valid (test)", ExpiresAt: now.Add(13 * 24 * time.Hour)},
				{Kind: database.ExpiryCertificate, Subject: "https.certificate-valid (production)", ExpiresAt: now.Add(-time.Hour)},
			})
		})
		checkTwice(l)
		kinds := map[string]int{}
		events, err := l.db.Events(ctx, "paused", nil, 10)
		for _, e := range events {
			kinds[e.Kind+" "+e.Data["kind"]]++
		}
		if diff := cmp.Diff(map[string]int{"expiring certificate": 1, "expired certificate": 1}, kinds); diff != "" || err != nil {
			t.Errorf("%v: %s", err, diff)
		}
		if i := l.integration("failing"); i.DueReason != database.ReasonValidUntil || i.NextDue.After(now.Add(2*time.Hour)) {
			t.Errorf("a report that no longer holds, and the next audit is %v, %q", i.NextDue, i.DueReason)
		}
		if err := l.desk().AuditNow(ctx, "test", "paused", database.ReasonByHand); err == nil || !strings.Contains(err.Error(), "resume it first") {
			t.Errorf("an audit of what is paused is asked for: %v", err)
		}
	})
}

// checkTwice looks for what expires, the second time without anything new.
func checkTwice(l *lab) {
	l.t.Helper()
	f, err := work.New(l.options) // which is not started
	if err != nil {
		l.t.Fatal(err)
	}
	for range 2 {
		if err := f.Check(l.t.Context()); err != nil {
			l.t.Fatal(err)
		}
	}
}

// TestSeenExpiries: certificates and reviews that a report saw, for as long as it says.
func TestSeenExpiries(t *testing.T) {
	t.Parallel()
	day := audit.NewDate(time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC))
	of := func(id string, outcome audit.Outcome, environment string, until audit.Date) audit.Check {
		return audit.Check{ID: id, Findings: []audit.Finding{{Outcome: outcome, Environment: environment, ValidUntil: until}}}
	}
	list := work.SeenExpiries(&audit.Document{Integration: audit.Integration{Access: audit.Access{ReviewedBy: "jane@acme.example"}}}, &audit.Report{Checks: []audit.Check{
		of("https.certificate-valid", audit.Pass, "test", day), of("https.certificate-valid", audit.Warn, "production", day), of("https.certificate-valid", audit.Pass, "live", audit.Date{}),
		of("access.reviewed", audit.Pass, "", day), of("network.ip-allowlist", audit.Pass, "test", day),
	}})
	after := time.Date(2027, 2, 1, 0, 0, 0, 0, time.UTC)
	want := []database.Expiry{
		{Kind: database.ExpiryCertificate, Subject: "https.certificate-valid (test)", ExpiresAt: after},
		{Kind: database.ExpiryReview, Subject: "access.reviewed", Person: "jane@acme.example", ExpiresAt: after},
	}
	if diff := cmp.Diff(want, list); diff != "" {
		t.Error(diff)
	}
}
