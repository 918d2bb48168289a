package work

import (
	"context"
	"fmt"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/database"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/schedule"
)

// Rules of this file: what a person has renewed is known from the configuration, the newest report or the newest decision, so an event
// about it is never stale. A certificate is renewed without any of them: it is looked at again before anything is said about it, unless the integration is paused.

// certificateSoon is when the check of certificates begins to warn.
const certificateSoon = 14 * 24 * time.Hour

// check raises events for what expires soon or has expired since, without probing anything, and has reports that no longer hold replaced.
func (f *Fleet) check(ctx context.Context) error {
	for {
		took := 0
		err := f.DB.Write(ctx, func(tx *database.Tx) error {
			now := tx.Now()
			expired, err := tx.TakeExpired(ctx, now, batch)
			if err != nil {
				return err
			}
			expiring, err := tx.TakeExpiring(ctx, now, now.Add(f.Settings.Announce), false, batch)
			if err != nil {
				return err
			}
			certificates, err := tx.TakeExpiring(ctx, now, now.Add(certificateSoon), true, batch)
			if err != nil {
				return err
			}
			outdated, err := tx.ExpireReports(ctx, now, batch)
			if err != nil {
				return err
			}
			others, err := tx.OutdatedReports(ctx, now, now.Add(time.Hour), batch)
			if err != nil {
				return err
			}
			took = len(expired) + len(expiring) + len(certificates) + len(outdated) + len(others)
			for _, i := range others { // nobody relied on them
				if err := tx.DueAgain(ctx, i.Name, now.Add(schedule.Spread(i.Name, time.Hour)), database.ReasonValidUntil); err != nil {
					return err
				}
			}
			for _, e := range expired {
				if looked, err := f.looksAgain(ctx, tx, e); err != nil {
					return err
				} else if looked {
					continue
				}
				if err := f.tellOf(ctx, tx, database.EventExpired, e, "has expired"); err != nil {
					return err
				}
			}
			for _, e := range certificates {
				if looked, err := f.looksAgain(ctx, tx, e); err != nil {
					return err
				} else if !looked {
					expiring = append(expiring, e)
					continue
				}
				if err := tx.DueAgain(ctx, e.Integration, now.Add(schedule.Spread(e.Integration, time.Hour)), database.ReasonCertificate); err != nil {
					return err
				}
			}
			for _, e := range expiring {
				left := int((e.ExpiresAt.Sub(now) + 24*time.Hour - 1) / (24 * time.Hour))
				if err := f.tellOf(ctx, tx, database.EventExpiring, e, fmt.Sprintf("expires within %d days: its last day is %s", left, lastDay(e))); err != nil {
					return err
				}
			}
			for _, i := range outdated {
				if err := f.event(ctx, tx, i, database.Event{Kind: database.EventExpired, Run: i.LastRun, Message: "The report has expired", Data: map[string]string{"kind": "report"}}); err != nil {
					return err
				}
				if err := tx.SetDue(ctx, i.Name, now.Add(schedule.Spread(i.Name, time.Hour)), database.ReasonValidUntil); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil || took == 0 {
			return err
		}
	}
}

// looksAgain reports whether something may have been renewed since it was seen, and is looked at again: a certificate, unless nobody
// audits its integration.
func (f *Fleet) looksAgain(ctx context.Context, tx *database.Tx, e database.Expiry) (bool, error) {
	if e.Kind != database.ExpiryCertificate {
		return false, nil
	}
	i, err := tx.Integration(ctx, e.Integration)
	return err == nil && !i.Paused && i.Problem == "", err
}

func lastDay(e database.Expiry) string { return e.ExpiresAt.AddDate(0, 0, -1).Format(time.DateOnly) }

// tellOf raises an event about something that expires.
func (f *Fleet) tellOf(ctx context.Context, tx *database.Tx, kind string, e database.Expiry, what string) error {
	i, err := tx.Integration(ctx, e.Integration)
	if err != nil {
		return err
	}
	return f.event(ctx, tx, i, database.Event{Kind: kind, Message: fmt.Sprintf("The %s of %s %s", e.Kind, e.Subject, what),
		Data: map[string]string{"kind": e.Kind, "subject": e.Subject, "person": e.Person, "last_day": lastDay(e)}})
}

// seenExpiries are what a report rests on that expires, next to what the configuration says of itself.
func seenExpiries(document *audit.Document, judged *audit.Report) (list []database.Expiry) {
	kinds := map[string]string{"https.certificate-valid": database.ExpiryCertificate, "access.reviewed": database.ExpiryReview}
	for _, check := range judged.Checks {
		kind := kinds[check.ID]
		for _, finding := range check.Findings {
			if kind == "" || finding.ValidUntil.IsZero() || finding.Outcome != audit.Pass {
				continue
			}
			e := database.Expiry{Kind: kind, Subject: check.ID, ExpiresAt: finding.ValidUntil.AddDays(1).Time()}
			if finding.Environment != "" {
				e.Subject += " (" + finding.Environment + ")"
			}
			if kind == database.ExpiryReview {
				e.Person = document.Integration.Access.ReviewedBy
			}
			list = append(list, e)
		}
	}
	return list
}
