package history

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/report"
	"github.com/prelaunch-audit/prelaunch/internal/verdict"
)

// This file turns the difference between reports into tickets to open, update and close, for whatever keeps an issue tracker in step.
//
// A ticket stands for one finding that a required check fails, that it cannot prove, or that a recommended check warns of; its key is
// the finding's id, the same in every run. It is closed only when the finding's scope (the check, the environment and the target)
// freshly passes: not when the finding is no longer there, the check was left out, became inconclusive, not applicable or waived.

// Actions of a ticket.
const (
	Open   = "open"
	Update = "update"
	Close  = "close"
)

// Ticket is something to do in a tracker. Its text is safe to show: Title is one line, Body is Markdown in which everything
// from outside is escaped.
type Ticket struct {
	Action      string   `json:"action"` // Open, Update or Close
	Key         string   `json:"key"`    // the finding's id: one ticket a key
	Scope       string   `json:"scope"`  // of the finding
	Check       string   `json:"check"`
	Environment string   `json:"environment,omitempty"`
	Outcome     string   `json:"outcome"` // what the finding has come to, or "pass" of a closed one
	Title       string   `json:"title"`
	Body        string   `json:"body"`
	Severity    string   `json:"severity"` // critical, high, medium or low
	Labels      []string `json:"labels"`
	Reason      string   `json:"reason"` // why this is to be done, in a sentence

	parts []part // of Body
}

// problem is an open ticket while reports are gone through.
type problem struct {
	check   audit.Check
	finding audit.Finding
	state   string // what a reader of the ticket was told last, to notice a change
	perhaps bool   // waived since before the reports that are at hand: nobody knows whether it has a ticket
}

// Compare goes through the reports in their order and returns what the last of them changes. Of earlier reports there may be several, the
// oldest first: a ticket that one of them opened and that later ones did not look at is then still known. None means that
// everything is new. Reports of another integration, and a report older than the one before it, are errors.
func Tickets(earlier []*audit.Report, now *audit.Report) ([]Ticket, error) {
	all := append(slices.Clone(earlier), now)
	for i, r := range all[:len(all)-1] {
		if r.Integration != now.Integration || r.Provider != now.Provider {
			return nil, fmt.Errorf("these reports are of different integrations, %.80q and %.80q: compare reports of one", r.Integration, now.Integration)
		}
		if all[i+1].FinishedAt.Before(r.FinishedAt) {
			return nil, errors.New("the later report is older than the earlier one: give the older one first")
		}
	}
	open := map[string]*problem{}
	var tickets []Ticket
	for i, r := range all {
		if i > 0 && r.FinishedAt.Equal(all[i-1].FinishedAt) && r.FactsDigest == all[i-1].FactsDigest && r.PolicyDigest == all[i-1].PolicyDigest {
			tickets = nil // the same audit twice: nothing is fresh
			continue
		}
		changes, err := apply(open, r)
		if err != nil {
			return nil, err
		}
		tickets = changes
	}
	return tickets, nil
}

// apply brings the open tickets up to a report and returns what that changes.
func apply(open map[string]*problem, r *audit.Report) ([]Ticket, error) {
	var tickets []Ticket
	seen := map[string]bool{}
	for _, check := range r.Checks {
		for _, finding := range check.Findings {
			was, known := open[finding.ID]
			isOpen := known && !was.perhaps
			if !isProblem(check, finding) && finding.Outcome != audit.Waived {
				continue
			}
			seen[finding.ID] = true
			if finding.Outcome == audit.Waived && !isOpen {
				open[finding.ID] = &problem{check: check, finding: finding, perhaps: true}
				continue
			}
			state, err := stateOf(check, finding)
			if err != nil {
				return nil, err
			}
			switch {
			case !isOpen:
				open[finding.ID] = &problem{check: check, finding: finding, state: state}
				tickets = append(tickets, newTicket(Open, r, check, finding, "This audit found it."))
			case was.state != state:
				reason := "What is known of it has changed."
				if finding.Outcome == audit.Waived {
					reason = fmt.Sprintf("It is waived until %s.", finding.Waiver.Expires)
				}
				*was = problem{check: check, finding: finding, state: state}
				tickets = append(tickets, newTicket(Update, r, check, finding, reason))
			}
		}
	}
	for _, id := range slices.Sorted(keys(open)) {
		if seen[id] {
			continue
		}
		was := open[id]
		passes, reason := scopePasses(r, was)
		switch {
		case passes:
			delete(open, id)
			closed := was.finding
			closed.Outcome = audit.Pass
			tickets = append(tickets, newTicket(Close, r, was.check, closed, reason))
		case reason != "" && was.state != reason && !was.perhaps:
			was.state = reason
			tickets = append(tickets, newTicket(Update, r, was.check, was.finding, reason))
		}
	}
	return tickets, nil
}

func keys(open map[string]*problem) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for id := range open {
			if !yield(id) {
				return
			}
		}
	}
}

// isProblem reports whether a finding needs a ticket. That a recommended check proves nothing needs none, and a waiver accepts what
// it waives; a ticket that is open stays open under it.
func isProblem(check audit.Check, finding audit.Finding) bool {
	switch finding.Outcome {
	case audit.Fail, audit.Warn:
		return true
	case audit.Inconclusive:
		return check.Level == audit.Required
	}
	return false
}

// scopePasses reports whether the scope of a ticket freshly passes in a report. If not, reason says why the ticket stays open; it is empty
// where the report did not look at the check at all.
func scopePasses(r *audit.Report, was *problem) (passes bool, reason string) {
	at := slices.IndexFunc(r.Checks, func(c audit.Check) bool { return c.ID == was.check.ID })
	if at < 0 {
		return false, ""
	}
	outcomes := []audit.Outcome{}
	passed := false
	for _, finding := range r.Checks[at].Findings {
		if covers(r, was, finding) {
			outcomes = append(outcomes, finding.Outcome)
			passed = passed || finding.Outcome == audit.Pass
		}
	}
	worst := audit.Worst(outcomes...)
	switch {
	case len(outcomes) == 0:
		return false, "This audit says nothing about the place in which it was found, so it is not shown to be mended."
	case passed && worst == audit.Pass:
		return true, "A fresh audit shows that its scope passes."
	}
	return false, fmt.Sprintf("This audit did not find it again, but its scope does not pass: it is %s.", strings.ReplaceAll(worst.String(), "_", " "))
}

// covers reports whether a finding speaks of the scope of a ticket: it has the same; or the ticket is about its check in its environment as a
// whole; or the finding is a pass of several targets that names the ticket's among them in its evidence.
func covers(r *audit.Report, was *problem, finding audit.Finding) bool {
	scope := func(target string) string {
		return verdict.ScopeOf(was.check.ID, r.Integration, was.finding.Environment, target)
	}
	concerned := was.finding.Environment == "" || finding.Environment == "" || finding.Environment == was.finding.Environment
	switch {
	case finding.Scope == was.finding.Scope:
		return true
	case !concerned:
		return false
	case was.finding.Scope == scope(""):
		return true
	}
	named := false
	if finding.Outcome == audit.Pass {
		eachName(finding.Evidence, func(name string) { named = named || scope(name) == was.finding.Scope })
	}
	return named
}

// eachName calls use with every text and every field name in evidence.
func eachName(evidence any, use func(string)) {
	switch value := evidence.(type) {
	case string:
		use(value)
	case []any:
		for _, inner := range value {
			eachName(inner, use)
		}
	case map[string]any:
		for name, inner := range value {
			use(name)
			eachName(inner, use)
		}
	}
}

// stateOf is all that a reader of a ticket learns of a finding, for telling whether that has changed.
func stateOf(check audit.Check, finding audit.Finding) (string, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	err := encoder.Encode([]any{finding.Outcome, finding.RawOutcome, finding.Message, finding.Evidence, finding.Waiver, check.Title, check.Severity, check.Level, check.Remediation})
	if err != nil {
		return "", fmt.Errorf("compare finding %s of %s: %w", finding.ID, check.ID, err)
	}
	return b.String(), nil
}

// maxTitle is how many characters a title has at most: GitHub takes 256, Jira 255.
const maxTitle = 200

func newTicket(action string, r *audit.Report, check audit.Check, finding audit.Finding, reason string) Ticket {
	where := ""
	if finding.Environment != "" {
		where = " (" + finding.Environment + ")"
	}
	labels := []string{"prelaunch", "severity:" + check.Severity, "check:" + check.ID}
	if finding.Environment != "" {
		labels = append(labels, "environment:"+finding.Environment)
	}
	switch finding.Outcome {
	case audit.Inconclusive:
		labels = append(labels, "not-proven")
	case audit.Waived:
		labels = append(labels, "waived")
	}
	for i, label := range labels {
		labels[i] = shorten(strings.ReplaceAll(report.Plain(label), " ", "-"), 50) // GitHub takes 50 characters, Jira no spaces
	}
	parts := describe(r, check, finding, reason)
	return Ticket{
		parts:  parts,
		Action: action, Key: finding.ID, Scope: finding.Scope, Check: report.Plain(check.ID), Environment: report.Plain(finding.Environment), Outcome: finding.Outcome.String(),
		Title: shorten(report.Plain(fmt.Sprintf("%s%s: %s", check.ID, where, orElse(finding.Message, check.Title))), maxTitle),
		Body:  markdown(parts, finding.ID, finding.Scope), Severity: check.Severity, Labels: labels, Reason: reason,
	}
}

func orElse(text, otherwise string) string {
	if strings.TrimSpace(text) == "" {
		return otherwise
	}
	return text
}

// shorten cuts text to at most n characters.
func shorten(text string, n int) string {
	runes := []rune(text)
	if len(runes) <= n {
		return text
	}
	return string(runes[:n-1]) + "…"
}
