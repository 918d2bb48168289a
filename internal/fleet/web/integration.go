package web

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/database"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/login"
	"github.com/prelaunch-audit/prelaunch/internal/history"
	"github.com/prelaunch-audit/prelaunch/internal/report"
)

// integrationPage is what is shown of one integration.
type integrationPage struct {
	database.Integration
	Runs      []database.Run // the oldest first
	Findings  []database.Finding
	Diff      *history.Diff // to the newest run that was ready
	DiffNote  string        // why there is none
	Expiries  []database.Expiry
	ToPurge   []purge
	Decisions []database.Decision
	Events    []database.Event
	May       may
	Done      string
}

// may is what somebody may do with an integration.
type may struct{ Operate, Review, Click bool }

func (s *server) may(q *request) may {
	team := q.integration.Team
	review := q.who.May(login.Reviewer, team)
	return may{q.who.May(login.Operator, team), review, review && s.Signer != nil && q.who.Via != login.ViaToken}
}

// purge are the synthetic events of a run that are still in a receiver's data.
type purge struct {
	Run    string
	At     time.Time
	Events []database.Sent
}

func (s *server) integrationPage(q *request) error {
	page, err := s.integrationData(q)
	if err != nil {
		return err
	}
	return s.page(q, http.StatusOK, "integration", q.integration.Name, page)
}

func (s *server) integrationData(q *request) (page integrationPage, err error) {
	ctx, name := q.Context(), q.integration.Name
	page = integrationPage{Integration: q.integration, May: s.may(q), Done: done[q.URL.Query().Get("done")]}
	if page.Runs, err = s.DB.Runs(ctx, name, stripLength); err != nil {
		return page, err
	}
	slices.Reverse(page.Runs)
	if page.Findings, err = s.DB.Findings(ctx, name, database.StateOpen, database.StateWaived); err != nil {
		return page, err
	}
	if page.Expiries, err = s.DB.Expiries(ctx, name); err != nil {
		return page, err
	}
	sent, err := s.DB.SentOf(ctx, name)
	if err != nil {
		return page, err
	}
	for _, event := range sent {
		at := slices.IndexFunc(page.ToPurge, func(p purge) bool { return p.Run == event.Run })
		if at < 0 {
			at = len(page.ToPurge)
			page.ToPurge = append(page.ToPurge, purge{Run: event.Run, At: event.At})
		}
		page.ToPurge[at].Events = append(page.ToPurge[at].Events, event)
	}
	if page.Decisions, err = s.DB.Decisions(ctx, name); err != nil {
		return page, err
	}
	if page.Events, err = s.DB.Events(ctx, name, q.teams(), maxEvents); err != nil {
		return page, err
	}
	page.Diff, page.DiffNote, err = s.diff(q)
	return page, err
}

// diff compares the newest run with the newest one that was ready.
func (s *server) diff(q *request) (*history.Diff, string, error) {
	i := q.integration
	switch {
	case i.LastRun == "":
		return nil, "It was never audited.", nil
	case i.LastPassed == "":
		return nil, "No audit was ready yet.", nil
	case i.LastPassed == i.LastRun:
		return nil, "The newest audit is ready.", nil
	}
	var reports [2]*audit.Report
	for n, id := range []string{i.LastPassed, i.LastRun} {
		found, err := s.DB.Run(q.Context(), id)
		if err != nil {
			return nil, "", err
		}
		raw, err := s.document(q.Context(), found.Report)
		if errors.Is(err, database.ErrNotFound) {
			return nil, "The report of one of them is not kept anymore.", nil
		}
		if err != nil {
			return nil, "", err
		}
		if reports[n], err = report.Read(raw); err != nil {
			return nil, "One of the reports is of another version and cannot be read.", nil
		}
	}
	diff, err := history.Compare(reports[0], reports[1], history.DiffOptions{AnyOrder: true})
	if err != nil {
		return nil, "They cannot be compared.", nil
	}
	return diff, "", nil
}

// done are the sentences that a page begins with after something was done.
var done = map[string]string{
	"run":    "An audit was asked for. It begins as soon as a worker is free and nobody else audits the same receiver.",
	"pause":  "The schedule is paused.",
	"resume": "The schedule goes on.",
	"purged": "It was noted that the events were purged.",
	"decide": "The decision was kept.",
	"revoke": "The token was revoked.",
}

// back sends a browser to a page, with the sentence of what was done.
func back(q *request, path, what string) error {
	http.Redirect(q.w, q.Request, path+"?done="+what, http.StatusSeeOther)
	return nil
}

func pathOf(name string) string { return "/integrations/" + url.PathEscape(name) }

// runNow asks for an audit, for a page or for a program, such as a deployment that came to its end.
func (s *server) runNow(q *request, reason string) error {
	if refusal := q.integration.Refusal(); refusal != "" {
		return &problem{http.StatusConflict, refusal}
	}
	return s.AuditNow(q.Context(), actor(q.who.Login, q.who.Via), q.integration.Name, reason)
}

func (s *server) postRun(q *request) error {
	if err := s.runNow(q, database.ReasonByHand); err != nil {
		return err
	}
	return back(q, pathOf(q.integration.Name), "run")
}

func (s *server) setPaused(q *request, paused bool) error {
	what := map[bool]string{true: "pause", false: "resume"}[paused]
	return s.change(q, what, q.integration.Name, "", func(tx *database.Tx) error { return tx.SetPaused(q.Context(), q.integration.Name, paused) })
}

func (s *server) postPause(q *request) error {
	if err := s.setPaused(q, true); err != nil {
		return err
	}
	return back(q, pathOf(q.integration.Name), "pause")
}

func (s *server) postResume(q *request) error {
	if err := s.setPaused(q, false); err != nil {
		return err
	}
	return back(q, pathOf(q.integration.Name), "resume")
}

func (s *server) purged(q *request) error {
	return s.change(q, "purged", q.integration.Name, "run "+q.run.ID, func(tx *database.Tx) error { return tx.MarkPurged(q.Context(), q.run.ID) })
}

func (s *server) postPurged(q *request) error {
	if err := s.purged(q); err != nil {
		return err
	}
	return back(q, pathOf(q.integration.Name), "purged")
}
