// Package findings keeps the history of an integration's findings: what a report opens, updates and closes, by the same rules as tickets.
//
// Rules: a finding is opened by a failure or a warning and has the id that it has in every report. It is closed only by a report in which
// its scope freshly passes. What is inconclusive opens nothing and closes nothing. A waiver accepts a finding for as long as it holds.
// Every change is an event, in the transaction of the run.
package findings

import (
	"context"
	"errors"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/database"
	"github.com/prelaunch-audit/prelaunch/internal/history"
	"github.com/prelaunch-audit/prelaunch/internal/report"
)

// Change is one that a report makes.
type Change struct {
	Event   string // empty: it is seen again as it was
	Finding database.Finding
	Reason  string
}

// Store reads what is known.
type Store interface {
	// Findings are those of an integration that are open or waived.
	Findings(ctx context.Context, integration string) ([]database.Finding, error)
	// FindingOf is the one of that id, in whatever state; database.ErrNotFound where there is none.
	FindingOf(ctx context.Context, id string) (database.Finding, error)
}

// Changes are those that a whole report of a run makes.
func Changes(ctx context.Context, store Store, run string, r *audit.Report) ([]Change, error) {
	known, err := store.Findings(ctx, r.Integration)
	if err != nil {
		return nil, err
	}
	byID := map[string]database.Finding{}
	for _, f := range known {
		byID[f.ID] = f
	}
	var changes []Change
	seen := map[string]bool{}
	for _, check := range r.Checks {
		for _, finding := range check.Findings {
			outcome := finding.Judged()
			if seen[finding.ID] || outcome != audit.Fail && outcome != audit.Warn {
				continue
			}
			seen[finding.ID] = true
			was, open := byID[finding.ID]
			if !open {
				if was, err = store.FindingOf(ctx, finding.ID); err != nil && !errors.Is(err, database.ErrNotFound) {
					return nil, err
				}
			}
			changes = append(changes, change(was, current(r, run, check, finding, outcome)))
		}
	}
	for _, was := range known {
		if seen[was.ID] {
			continue
		}
		if passes, reason := history.ScopePasses(r, was.Check, was.Environment, was.Scope); passes {
			was.State, was.ClosedAt, was.LastRun = database.StateClosed, r.FinishedAt, run
			changes = append(changes, Change{database.EventClosed, was, reason})
		}
	}
	return changes, nil
}

// current is a finding as a report has it.
func current(r *audit.Report, run string, check audit.Check, finding audit.Finding, outcome audit.Outcome) database.Finding {
	f := database.Finding{
		ID: finding.ID, Integration: r.Integration, Scope: finding.Scope, Check: check.ID, Environment: finding.Environment, Level: check.Level, Severity: check.Severity,
		Outcome: outcome.String(), State: database.StateOpen, Message: report.Plain(finding.Message), FirstSeen: r.FinishedAt, LastSeen: r.FinishedAt, FirstRun: run, LastRun: run,
	}
	if f.Message == "" {
		f.Message = report.Plain(check.Title)
	}
	if finding.Outcome == audit.Waived {
		f.State = database.StateWaived
		if finding.Waiver != nil {
			f.Owner, f.ExpiresAt = finding.Waiver.Owner, finding.Waiver.Expires.AddDays(1).Time()
		}
	}
	return f
}

// change is what became of a finding; was is the zero one where it is new.
func change(was, is database.Finding) Change {
	if was.ID != "" && was.State != database.StateClosed {
		is.FirstSeen, is.FirstRun = was.FirstSeen, was.FirstRun
	}
	switch {
	case is.State == database.StateWaived && was.State == database.StateWaived:
		return Change{"", is, ""}
	case is.State == database.StateWaived && was.State == database.StateOpen:
		return Change{database.EventWaived, is, "It is waived."}
	case is.State == database.StateWaived: // nobody has heard of it
		return Change{"", is, ""}
	case was.State == database.StateWaived:
		return Change{database.EventReopened, is, "It is no longer waived."}
	case was.State == database.StateClosed:
		return Change{database.EventReopened, is, "This audit found it again."}
	case was.ID == "":
		return Change{database.EventOpened, is, "This audit found it."}
	case was.Outcome != is.Outcome || was.Severity != is.Severity || was.Level != is.Level || was.Message != is.Message:
		return Change{database.EventUpdated, is, "What is known of it has changed."}
	}
	return Change{"", is, ""}
}
