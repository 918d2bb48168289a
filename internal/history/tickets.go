package history

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/report"
	"github.com/prelaunch-audit/prelaunch/internal/strictjson"
	"github.com/prelaunch-audit/prelaunch/internal/verdict"
)

// This file turns the difference between reports into tickets to open, update and close, for whatever keeps an issue tracker in step.
//
// A ticket stands for one finding that a required check fails, that it cannot prove, or that a recommended check warns of, or for all
// such findings of one cause; its key is the finding's id, the same in every run. It is closed only when the finding's scope (the check, the environment and the target)
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
	Key         string   `json:"key"`    // the finding's id, or that of the finding that is the cause: one ticket a key
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

// problem is an open ticket while reports are gone through, and in the state that a store keeps.
type problem struct {
	Check   audit.Check   `json:"check"`             // without findings
	Finding audit.Finding `json:"finding"`           // as a reader of the ticket was told it last; its id is the ticket's key
	Waiting []string      `json:"waiting,omitempty"` // inconclusive findings of the same cause, as "check (environment)"
	Alike   []place       `json:"alike,omitempty"`   // other failures of the same cause, the ticket's as well
	Passed  bool          `json:"passed,omitempty"`  // the finding's scope was seen to pass since, not yet all of Alike
	Reason  string        `json:"reason,omitempty"`  // why it stays open although the last audit did not find it
	Perhaps bool          `json:"perhaps,omitempty"` // waived since before the first report: nobody knows whether it has a ticket
}

// place is where a finding was, as far as it takes to see it pass.
type place struct {
	Check       string `json:"check"`
	Environment string `json:"environment,omitempty"`
	Scope       string `json:"scope"`
}

func (p place) name() string {
	if p.Environment == "" {
		return p.Check
	}
	return p.Check + " (" + p.Environment + ")"
}

// isSettled reports whether a report shows that the place passes, or has a failure there that has a ticket of its own.
func (p place) isSettled(r *audit.Report) bool {
	if passes, _ := ScopePasses(r, p.Check, p.Environment, p.Scope); passes {
		return true
	}
	return slices.ContainsFunc(r.Checks, func(check audit.Check) bool {
		return check.ID == p.Check && slices.ContainsFunc(check.Findings, func(f audit.Finding) bool {
			return f.Scope == p.Scope && f.Outcome == audit.Fail
		})
	})
}

// StateSchema names the version of an encoded State.
const StateSchema = "prelaunch.tickets/v1"

// State is which tickets are open after the reports that were applied to it. The zero State knows of none.
type State struct {
	last *audit.Report // without checks
	open map[string]*problem
}

// encoded is a State in a store.
type encoded struct {
	Schema string              `json:"schema"`
	Last   *audit.Report       `json:"last"`
	Open   map[string]*problem `json:"open"`
}

// Encode writes the state.
func (s *State) Encode() ([]byte, error) {
	raw, err := json.Marshal(encoded{StateSchema, s.last, s.open})
	if err != nil {
		return nil, fmt.Errorf("encode the state of the tickets: %w", err)
	}
	return raw, nil
}

// DecodeState reads what Encode wrote.
func DecodeState(raw []byte) (*State, error) {
	var e encoded
	if err := strictjson.DecodeKnown(raw, &e); err != nil {
		return nil, fmt.Errorf("read the state of the tickets: %w", err)
	}
	if e.Schema != StateSchema {
		return nil, fmt.Errorf("the state of the tickets has the schema %.60q, this version reads %q", e.Schema, StateSchema)
	}
	for key, ticket := range e.Open {
		if ticket == nil || ticket.Finding.ID != key {
			return nil, fmt.Errorf("the state of the tickets does not describe ticket %.40q", key)
		}
	}
	return &State{e.Last, e.Open}, nil
}

// Tickets goes through the reports in their order and returns what the last of them changes. Of earlier reports there may be several,
// the oldest first: a ticket that one of them opened and that later ones did not check is then still known. None means that everything
// is new. Reports of another integration, and a report older than the one before it, are errors.
func Tickets(earlier []*audit.Report, now *audit.Report) (tickets []Ticket, err error) {
	all := append(slices.Clone(earlier), now)
	state := &State{}
	for i, r := range all {
		if i > 0 {
			if err := comparable(all[i-1], r); err != nil {
				return nil, err
			}
		}
		if tickets, err = state.Apply(r); err != nil {
			return nil, err
		}
	}
	return tickets, nil
}

// Net is what several rounds of tickets, the earliest first, come to for a tracker that has seen none of them.
func Net(rounds ...[]Ticket) []Ticket {
	first := map[string]string{}
	last := map[string]Ticket{}
	var order []string
	for _, round := range rounds {
		for _, ticket := range round {
			if _, known := first[ticket.Key]; !known {
				first[ticket.Key] = ticket.Action
				order = append(order, ticket.Key)
			}
			last[ticket.Key] = ticket
		}
	}
	net := []Ticket{}
	for _, key := range order {
		ticket := last[key]
		switch {
		case first[key] == Open && ticket.Action == Close:
			continue
		case first[key] == Open:
			ticket.Action = Open
		case ticket.Action == Open: // it was closed meanwhile
			ticket.Action = Update
		}
		net = append(net, ticket)
	}
	return net
}

// Apply brings the open tickets up to a report and returns what that changes.
func (s *State) Apply(r *audit.Report) ([]Ticket, error) {
	if l := s.last; l != nil {
		if l.Integration != r.Integration || l.Provider != r.Provider {
			return nil, differentIntegrations(l, r)
		}
		if l.FinishedAt.Equal(r.FinishedAt) && l.FactsDigest == r.FactsDigest && l.PolicyDigest == r.PolicyDigest {
			return []Ticket{}, nil // the same audit twice: nothing is fresh
		}
	}
	if s.open == nil {
		s.open = map[string]*problem{}
	}
	head := *r
	head.Checks, head.Checklist, head.Notes, head.Scope = nil, nil, nil, audit.Scope{}
	s.last = &head
	tickets := []Ticket{}
	seen := map[string]bool{}
	for _, is := range s.problems(r) {
		key := is.Finding.ID
		was, known := s.open[key]
		isOpen := known && !was.Perhaps
		seen[key] = true
		switch {
		case is.Finding.Outcome == audit.Waived && !isOpen:
			is.Perhaps = true
			s.open[key] = is
		case !isOpen:
			s.open[key] = is
			tickets = append(tickets, newTicket(Open, r, is, "This audit found it."))
		case was.Reason != "" || !was.says(is):
			reason := "What is known of it has changed."
			switch {
			case is.Finding.Outcome == audit.Waived:
				reason = fmt.Sprintf("It is waived until %s.", is.Finding.Waiver.Expires)
			case was.Reason != "":
				reason = "This audit found it again."
			}
			s.open[key] = is
			tickets = append(tickets, newTicket(Update, r, is, reason))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(s.open)) {
		if seen[key] {
			continue
		}
		was := s.open[key]
		passes, reason := ScopePasses(r, was.Check.ID, was.Finding.Environment, was.Finding.Scope)
		was.Passed = was.Passed || passes
		left := slices.DeleteFunc(slices.Clone(was.Alike), func(p place) bool { return p.isSettled(r) })
		if was.Passed && len(left) > 0 {
			reason = "Not everything of the same cause was seen to pass: " + strings.Join(names(left), ", ") + "."
		}
		switch {
		case was.Passed && len(left) == 0:
			delete(s.open, key)
			closed := *was
			closed.Finding.Outcome = audit.Pass
			tickets = append(tickets, newTicket(Close, r, &closed, orElse(reason, "A fresh audit shows that the last scope of its cause passes.")))
		case reason != "" && was.Reason != reason && !was.Perhaps:
			was.Reason, was.Alike = reason, left
			tickets = append(tickets, newTicket(Update, r, was, reason))
		default:
			was.Alike = left
		}
	}
	return tickets, nil
}

// NewTicket is the ticket of one finding of a report, for whoever keeps the state of tickets elsewhere.
func NewTicket(action string, r *audit.Report, check audit.Check, finding audit.Finding, reason string) Ticket {
	check.Findings = nil
	return newTicket(action, r, &problem{Check: check, Finding: finding}, reason)
}

// says reports whether a reader of the ticket learns nothing new.
func (p *problem) says(is *problem) bool {
	a, b := p.Check, is.Check
	return a.Title == b.Title && a.Severity == b.Severity && a.Level == b.Level && a.Remediation == b.Remediation &&
		slices.Equal(p.Waiting, is.Waiting) && slices.Equal(p.Alike, is.Alike) && sameFinding(p.Finding, is.Finding)
}

// problems are what a report needs tickets for. Findings of one cause share one: that of the finding that is the cause, unless one is
// open for the cause already. A finding that has a ticket of its own keeps it.
func (s *State) problems(r *audit.Report) []*problem {
	var all []*problem
	byCause, keys := map[string]*problem{}, s.keys(r)
	for _, check := range r.Checks {
		for _, finding := range check.Findings {
			if !isProblem(check, finding) && finding.Outcome != audit.Waived {
				continue
			}
			one := &problem{Check: check, Finding: finding}
			one.Check.Findings = nil
			own := s.open[finding.ID]
			alone := own != nil && !own.Perhaps && keys[finding.Cause] != finding.ID
			if finding.Cause == "" || finding.Outcome == audit.Waived || alone {
				all = append(all, one)
				continue
			}
			main, known := byCause[finding.Cause]
			switch {
			case !known:
				all = append(all, one)
				byCause[finding.Cause] = one
			case one.weightier(main):
				one.Waiting, one.Alike = main.Waiting, main.Alike
				one.join(main)
				*main = *one
			default:
				main.join(one)
			}
		}
	}
	for cause, main := range byCause {
		slices.Sort(main.Waiting)
		main.Waiting = slices.Compact(main.Waiting)
		slices.SortFunc(main.Alike, func(a, b place) int {
			return cmp.Or(strings.Compare(a.Check, b.Check), strings.Compare(a.Environment, b.Environment), strings.Compare(a.Scope, b.Scope))
		})
		main.Alike = slices.Compact(main.Alike)
		if key := keys[cause]; key != "" {
			main.Finding.ID = key
		}
	}
	return all
}

// keys are, by cause, those of the open tickets that the findings of a report share: one that is open for the cause, or else that of
// one of the findings, which had another cause before.
func (s *State) keys(r *audit.Report) map[string]string {
	keys := map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(s.open)) {
		if open := s.open[key]; !open.Perhaps && keys[open.Finding.Cause] == "" {
			keys[open.Finding.Cause] = key
		}
	}
	for _, check := range r.Checks {
		for _, finding := range check.Findings {
			if open := s.open[finding.ID]; open != nil && !open.Perhaps && keys[finding.Cause] == "" && isProblem(check, finding) {
				keys[finding.Cause] = finding.ID
			}
		}
	}
	return keys
}

// join notes that another finding of the same cause shares p's ticket.
func (p *problem) join(other *problem) {
	at := place{other.Check.ID, other.Finding.Environment, other.Finding.Scope}
	if other.Finding.Outcome == audit.Inconclusive {
		p.Waiting = append(p.Waiting, at.name())
	} else {
		p.Alike = append(p.Alike, at)
	}
}

// names are those of places, each once.
func names(places []place) []string {
	var all []string
	for _, p := range places {
		if name := p.name(); !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	return all
}

// weightier reports whether the ticket of a cause is rather about p: because it is the cause, or else because it is worse.
func (p *problem) weightier(than *problem) bool {
	cause := func(p *problem) bool { is, _ := p.Finding.Evidence["is_cause"].(bool); return is }
	if cause(p) != cause(than) {
		return cause(p)
	}
	if p.Finding.Outcome != than.Finding.Outcome {
		return p.Finding.Outcome.Worse(than.Finding.Outcome)
	}
	severities := []string{"critical", "high", "medium", "low"}
	return slices.Index(severities, p.Check.Severity) < slices.Index(severities, than.Check.Severity)
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

// ScopePasses reports whether the scope of a finding of a check freshly passes in a report. If not, reason says why the finding stays
// open; it is empty where the report did not look at the check, or at what the finding is about, at all.
func ScopePasses(r *audit.Report, check, environment, scope string) (passes bool, reason string) {
	at := slices.IndexFunc(r.Checks, func(c audit.Check) bool { return c.ID == check })
	if at < 0 {
		return false, ""
	}
	if r.LeftOpen != nil && environment == "" || leftOut(r, environment) {
		return false, ""
	}
	outcomes := []audit.Outcome{}
	passed := false
	for _, finding := range r.Checks[at].Findings {
		if covers(r, check, environment, scope, finding) {
			outcomes = append(outcomes, finding.Outcome)
			passed = passed || finding.Outcome == audit.Pass
		}
	}
	worst := audit.Worst(outcomes...)
	switch {
	case len(outcomes) == 0:
		return false, "This audit says nothing about the place in which it was found, so it is not shown to be fixed."
	case passed && worst == audit.Pass:
		return true, "A fresh audit shows that its scope passes."
	}
	return false, fmt.Sprintf("This audit did not find it again, but its scope does not pass: it is %s.", strings.ReplaceAll(worst.String(), "_", " "))
}

// covers reports whether a finding speaks of a scope: it has the same; or the scope is that of its check in its environment as a whole;
// or the finding is a pass of several targets that names the scope's among them in its evidence.
func covers(r *audit.Report, check, environment, scope string, finding audit.Finding) bool {
	of := func(target string) string { return verdict.ScopeOf(check, r.Integration, environment, target) }
	concerned := environment == "" || finding.Environment == "" || finding.Environment == environment
	switch {
	case finding.Scope == scope:
		return true
	case !concerned:
		return false
	case scope == of(""):
		return true
	}
	named := false
	if finding.Outcome == audit.Pass {
		eachName(finding.Evidence, func(name string) { named = named || of(name) == scope })
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

// maxTitle is how many characters a title has at most: GitHub takes 256, Jira 255.
const maxTitle = 200

func newTicket(action string, r *audit.Report, about *problem, reason string) Ticket {
	check, finding := about.Check, about.Finding
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
	parts := describe(r, about, reason)
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
