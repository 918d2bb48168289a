package history

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/report"
)

// TicketFormat is one way to print tickets, one JSON object a line.
type TicketFormat struct {
	Name string
	Help string

	payload func(Ticket, TicketOptions) any
}

// TicketFormats are all formats, the default first.
var TicketFormats = []TicketFormat{
	{"json", "action, key, title, body, severity and labels", func(t Ticket, _ TicketOptions) any { return t }},
	{"github", "action, key, and what GitHub's REST API takes to create or to update an issue; find it by the comment that ends its body", func(t Ticket, _ TicketOptions) any { return gitHubIssue(t) }},
	{"jira", "action, key, and what Jira's REST API (version 3) takes to create, to edit or to transition an issue; find it by its label prelaunch-KEY", func(t Ticket, o TicketOptions) any { return jiraIssue(t, o) }},
	{"servicenow", "action, key, and what ServiceNow's Table API takes to create or to update an incident; find it by its correlation_id prelaunch-KEY", func(t Ticket, _ TicketOptions) any { return serviceNowIncident(t) }},
}

// TicketOptions say how tickets are printed.
type TicketOptions struct {
	JiraProject    string // key of the project for new issues; empty: the importer adds it
	JiraIssueType  string // default: Bug
	JiraTransition string // id of the transition that closes an issue; empty: closed issues get the label prelaunch-resolved
}

// Write prints the tickets on w, one JSON object a line.
func WriteTickets(w io.Writer, format string, tickets []Ticket, o TicketOptions) error {
	var names []string
	for _, f := range TicketFormats {
		names = append(names, f.Name)
		if f.Name != format {
			continue
		}
		var out bytes.Buffer
		encoder := json.NewEncoder(&out)
		for _, t := range tickets {
			if err := encoder.Encode(f.payload(t, o)); err != nil {
				return fmt.Errorf("print the ticket %s: %w", t.Key, err)
			}
		}
		if _, err := w.Write(report.EscapeInvisible(out.Bytes())); err != nil {
			return fmt.Errorf("write the tickets: %w", err)
		}
		return nil
	}
	return fmt.Errorf("there is no ticket format %q; the formats are %s", format, strings.Join(names, ", "))
}

// gitHub is the body of POST /repos/OWNER/REPO/issues and of PATCH …/issues/NUMBER.
// What is not GitHub's are the action and the key, by which an importer knows what to do with which issue.
type gitHub struct {
	Action      string   `json:"action"`
	Key         string   `json:"key"`
	Title       string   `json:"title"`
	Body        string   `json:"body"`
	Labels      []string `json:"labels,omitempty"` // POST only: PATCH would replace those that people added since
	State       string   `json:"state,omitempty"`  // only PATCH takes it
	StateReason string   `json:"state_reason,omitempty"`
}

func gitHubIssue(t Ticket) gitHub {
	issue := gitHub{Action: t.Action, Key: t.Key, Title: t.Title, Body: t.Body}
	switch t.Action {
	case Open:
		issue.Labels = t.Labels
	case Update:
		issue.State = "open"
	case Close:
		issue.State, issue.StateReason = "closed", "completed"
	}
	return issue
}

// jira is the body of POST /rest/api/3/issue, of PUT …/issue/KEY and of POST …/issue/KEY/transitions.
// What is not Jira's are the action and the key, by which an importer knows what to do with which issue.
type jira struct {
	Action     string              `json:"action"`
	Key        string              `json:"key"`
	Fields     *jiraFields         `json:"fields,omitempty"`
	Update     map[string][]jiraOp `json:"update,omitempty"`
	Transition *jiraRef            `json:"transition,omitempty"`
}

type jiraFields struct {
	Project     *jiraKey  `json:"project,omitempty"`
	IssueType   *jiraName `json:"issuetype,omitempty"`
	Summary     string    `json:"summary"`
	Description adfNode   `json:"description"`
	Labels      []string  `json:"labels"`
	Priority    jiraName  `json:"priority"`
}

type (
	jiraKey struct {
		Key string `json:"key"`
	}
	jiraName struct {
		Name string `json:"name"`
	}
	jiraRef struct {
		ID string `json:"id"`
	}
	jiraOp struct {
		Add any `json:"add"`
	}
)

// priorities are the names of Jira's default priorities.
var priorities = map[string]string{"critical": "Highest", "high": "High", "medium": "Medium", "low": "Low"}

func jiraIssue(t Ticket, o TicketOptions) jira {
	labels := append([]string{"prelaunch-" + token(t.Key), "prelaunch-scope-" + token(t.Scope)}, t.Labels...)
	priority, known := priorities[t.Severity]
	if !known {
		priority = "Medium"
	}
	fields := &jiraFields{Summary: t.Title, Description: adf(t.parts), Labels: labels, Priority: jiraName{priority}}
	switch t.Action {
	case Open:
		issueType := o.JiraIssueType
		if issueType == "" {
			issueType = "Bug"
		}
		fields.IssueType = &jiraName{issueType}
		if o.JiraProject != "" {
			fields.Project = &jiraKey{o.JiraProject}
		}
		return jira{Action: t.Action, Key: t.Key, Fields: fields}
	case Update:
		return jira{Action: t.Action, Key: t.Key, Fields: fields}
	}
	update := map[string][]jiraOp{
		"comment": {{Add: map[string]adfNode{"body": adf(t.parts)}}},
		"labels":  {{Add: labels[0]}}, // it is there already, and tells which issue is meant
	}
	if o.JiraTransition != "" {
		return jira{Action: t.Action, Key: t.Key, Update: update, Transition: &jiraRef{o.JiraTransition}}
	}
	update["labels"] = append(update["labels"], jiraOp{Add: "prelaunch-resolved"})
	return jira{Action: t.Action, Key: t.Key, Update: update}
}

// serviceNow is the body of POST /api/now/table/incident and of PATCH …/incident/SYS_ID. What is not ServiceNow's are the action and the
// key.
type serviceNow struct {
	Action           string `json:"action"`
	Key              string `json:"key"`
	CorrelationID    string `json:"correlation_id"`
	CorrelationName  string `json:"correlation_display"`
	ShortDescription string `json:"short_description"`
	Description      string `json:"description"`
	Urgency          string `json:"urgency"` // 1 high to 3 low
	Impact           string `json:"impact"`
	State            string `json:"state,omitempty"` // only PATCH sets it: 2 in progress, 6 resolved
	CloseCode        string `json:"close_code,omitempty"`
	CloseNotes       string `json:"close_notes,omitempty"`
}

// maxShortDescription is what ServiceNow's field holds.
const maxShortDescription = 160

func serviceNowIncident(t Ticket) serviceNow {
	level := map[string]string{"critical": "1", "high": "1", "medium": "2"}[t.Severity]
	if level == "" {
		level = "3"
	}
	var text strings.Builder
	for _, p := range t.parts {
		switch {
		case p.style == item && p.name != "":
			fmt.Fprintf(&text, "- %s: %s\n", p.name, p.text)
		case p.style == item:
			fmt.Fprintf(&text, "- %s\n", p.text)
		case p.style == fix:
			fmt.Fprintf(&text, "%s: %s\n", p.name, p.text)
		default:
			fmt.Fprintf(&text, "%s\n\n", p.text)
		}
	}
	incident := serviceNow{
		Action: t.Action, Key: t.Key, CorrelationID: "prelaunch-" + token(t.Key), CorrelationName: "prelaunch",
		ShortDescription: shorten(t.Title, maxShortDescription), Description: text.String(), Urgency: level, Impact: level,
	}
	switch t.Action {
	case Update:
		incident.State = "2"
	case Close:
		incident.State, incident.CloseCode, incident.CloseNotes = "6", "Solution provided", t.Reason
	}
	return incident
}
