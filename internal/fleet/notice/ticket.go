package notice

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/database"
	"github.com/prelaunch-audit/prelaunch/internal/history"
	"github.com/prelaunch-audit/prelaunch/internal/report"
)

// maxPages bounds how many issues of one check are searched in GitHub, a hundred a page.
const maxPages = 20

// tracker is what a kind of tracker needs done. An id is what its API calls an issue; "" is none.
type tracker interface {
	find(ctx context.Context, t history.Ticket) (id string, is standing, err error)
	create(ctx context.Context, body []byte) (id string, err error)
	update(ctx context.Context, id string, action string, body []byte) error
	page(id string) string // for people
}

// standing is whether an issue is being worked on.
type standing int

const (
	open     standing = iota
	resolved          // an update opens it again
	done              // an update leaves it as it is
)

func standingOf(isOpen bool) standing {
	if isOpen {
		return open
	}
	return resolved
}

// ticket brings the ticket of an event's finding to the state that the finding has now, and returns its page.
func (n *Notifier) ticket(ctx context.Context, channel Channel, event database.Event) (string, error) {
	finding, err := n.DB.Finding(ctx, event.Finding)
	if errors.Is(err, database.ErrNotFound) {
		return "", nil // its integration was removed meanwhile
	}
	if err != nil {
		return "", err
	}
	if strings.Trim(finding.ID, "0123456789abcdef") != "" {
		return "", errors.New("the finding's id is not hexadecimal, so it is put in no query")
	}
	action := history.Update
	if finding.State == database.StateClosed {
		action = history.Close
	}
	with, format := n.tracker(channel)
	ticket, err := n.ticketOf(ctx, action, finding)
	if err != nil {
		return "", err
	}
	id, is, err := with.find(ctx, ticket)
	if is == done && action == history.Update && finding.State == database.StateOpen && (event.Kind == database.EventReopened || event.Kind == database.EventOpened) {
		id = "" // the finding is back: a new ticket tells of it, since the old one stays as it is
	}
	switch {
	case err != nil:
		return "", err
	case id == "" && (action == history.Close || finding.State == database.StateWaived), id != "" && is != open && action == history.Close:
		return "", nil // nothing to tell
	case id == "":
		if ticket, err = n.ticketOf(ctx, history.Open, finding); err != nil {
			return "", err
		}
	}
	var line bytes.Buffer
	options := history.TicketOptions{JiraProject: channel.Project, JiraIssueType: channel.IssueType, JiraTransition: channel.Transition}
	if err := history.WriteTickets(&line, format, []history.Ticket{ticket}, options); err != nil {
		return "", err
	}
	body, err := withoutOurs(line.Bytes())
	if err != nil {
		return "", err
	}
	if id == "" {
		if id, err = with.create(ctx, body); err != nil {
			return "", err
		}
		return with.page(id), nil
	}
	return with.page(id), with.update(ctx, id, ticket.Action, body)
}

// withoutOurs drops what is for importers and not for the tracker.
func withoutOurs(line []byte) ([]byte, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(line, &fields); err != nil {
		return nil, fmt.Errorf("read a ticket: %w", err)
	}
	delete(fields, "action")
	delete(fields, "key")
	return json.Marshal(fields)
}

// ticketOf writes the ticket of a finding from the report that showed it last, or from what the database keeps where there is none.
func (n *Notifier) ticketOf(ctx context.Context, action string, f database.Finding) (history.Ticket, error) {
	r := &audit.Report{Integration: f.Integration, FinishedAt: f.LastSeen, Tool: audit.Tool{Name: "prelaunch", Version: n.Version}}
	check := audit.Check{ID: f.Check, Title: f.Check, Level: f.Level, Severity: f.Severity}
	finding := audit.Finding{ID: f.ID, Scope: f.Scope, Environment: f.Environment, Message: f.Message}
	if err := finding.Outcome.UnmarshalText([]byte(f.Outcome)); err != nil {
		return history.Ticket{}, fmt.Errorf("read a finding: %w", err)
	}
	run, err := n.DB.Run(ctx, f.LastRun)
	if err != nil && !errors.Is(err, database.ErrNotFound) {
		return history.Ticket{}, err
	}
	if err == nil && run.Report != "" {
		raw, err := n.DB.Document(ctx, run.Report)
		if err != nil && !errors.Is(err, database.ErrNotFound) {
			return history.Ticket{}, err
		}
		if whole, err := report.Read(raw); err == nil {
			for _, c := range whole.Checks {
				if at := slices.IndexFunc(c.Findings, func(one audit.Finding) bool { return one.ID == f.ID }); at >= 0 {
					r, check, finding = whole, c, c.Findings[at]
				}
			}
		}
	}
	reason := "An audit found it."
	switch f.State {
	case database.StateClosed:
		finding.Outcome, reason = audit.Pass, "A fresh audit shows that its scope passes."
	case database.StateWaived:
		reason = "It is waived until " + f.ExpiresAt.Format("2006-01-02") + "."
	}
	return history.NewTicket(action, r, check, finding, reason), nil
}

func (n *Notifier) tracker(channel Channel) (tracker, string) {
	api := trackerAPI{n: n, base: strings.TrimRight(string(channel.URL.Expose()), "/"), header: http.Header{"Accept": {"application/json"}, "Content-Type": {"application/json"}}}
	token := string(channel.Token.Expose())
	api.header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(channel.User+":"+token)))
	switch channel.Kind {
	case Jira:
		return jira{api}, "jira"
	case ServiceNow:
		return serviceNow{api}, "servicenow"
	}
	api.header.Set("Authorization", "Bearer "+token)
	api.header.Set("Accept", "application/vnd.github+json")
	if api.base == "" {
		api.base = "https://api.github.com"
	}
	return gitHub{api, channel.Repository}, "github"
}

type trackerAPI struct {
	n      *Notifier
	base   string
	header http.Header
}

func (a trackerAPI) call(ctx context.Context, method, path string, body []byte, into any) error {
	raw, err := a.n.request(ctx, method, a.base+path, a.header.Clone(), body)
	if err != nil || into == nil {
		return err
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return errors.New("the tracker's response is not the JSON that its API documents")
	}
	return nil
}

type gitHub struct {
	trackerAPI
	repository string
}

// find looks through the issues of the finding's check for the comment with its key: a list is up to date at once, a search is not.
func (g gitHub) find(ctx context.Context, t history.Ticket) (string, standing, error) {
	marker, _, _ := strings.Cut(history.Marker(t.Key, t.Scope), " scope=")
	label := "prelaunch"
	for _, one := range t.Labels {
		if strings.HasPrefix(one, "check:") {
			label = one
		}
	}
	for page := 1; page <= maxPages; page++ {
		var issues []struct {
			Number int             `json:"number"`
			State  string          `json:"state"`
			Body   string          `json:"body"`
			Pull   json.RawMessage `json:"pull_request"`
		}
		query := url.Values{"labels": {label}, "state": {"all"}, "per_page": {"100"}, "page": {strconv.Itoa(page)}}
		if err := g.call(ctx, http.MethodGet, "/repos/"+g.repository+"/issues?"+query.Encode(), nil, &issues); err != nil {
			return "", open, err
		}
		for _, issue := range issues {
			if issue.Pull == nil && strings.Contains(issue.Body, marker+" ") {
				return strconv.Itoa(issue.Number), standingOf(issue.State == "open"), nil
			}
		}
		if len(issues) < 100 {
			break
		}
	}
	return "", open, nil
}

func (g gitHub) create(ctx context.Context, body []byte) (string, error) {
	var made struct {
		Number int `json:"number"`
	}
	err := g.call(ctx, http.MethodPost, "/repos/"+g.repository+"/issues", body, &made)
	return strconv.Itoa(made.Number), err
}

func (g gitHub) update(ctx context.Context, id, _ string, body []byte) error {
	return g.call(ctx, http.MethodPatch, "/repos/"+g.repository+"/issues/"+id, body, nil)
}

func (g gitHub) page(id string) string {
	base := "https://github.com"
	if host, enterprise := strings.CutSuffix(g.base, "/api/v3"); enterprise {
		base = host
	}
	return base + "/" + g.repository + "/issues/" + id
}

type jira struct{ trackerAPI }

func (j jira) find(ctx context.Context, t history.Ticket) (string, standing, error) {
	query, err := json.Marshal(map[string]any{"jql": `labels = "prelaunch-` + t.Key + `" ORDER BY created DESC`, "fields": []string{"status", "labels"}, "maxResults": 1})
	if err != nil {
		return "", open, fmt.Errorf("write a query: %w", err)
	}
	var found struct {
		Issues []struct {
			Key    string `json:"key"`
			Fields struct {
				Labels []string `json:"labels"`
				Status struct {
					Category struct {
						Key string `json:"key"`
					} `json:"statusCategory"`
				} `json:"status"`
			} `json:"fields"`
		} `json:"issues"`
	}
	if err := j.call(ctx, http.MethodPost, "/rest/api/3/search/jql", query, &found); err != nil || len(found.Issues) == 0 {
		return "", open, err
	}
	issue := found.Issues[0]
	if issue.Fields.Status.Category.Key == "done" {
		return issue.Key, done, nil
	}
	return issue.Key, standingOf(!slices.Contains(issue.Fields.Labels, "prelaunch-resolved")), nil // an update replaces the labels
}

func (j jira) create(ctx context.Context, body []byte) (string, error) {
	var made struct {
		Key string `json:"key"`
	}
	err := j.call(ctx, http.MethodPost, "/rest/api/3/issue", body, &made)
	return made.Key, err
}

func (j jira) update(ctx context.Context, id, _ string, body []byte) error {
	path := "/rest/api/3/issue/" + url.PathEscape(id)
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil {
		return fmt.Errorf("read a ticket: %w", err)
	}
	if _, transition := fields["transition"]; transition {
		return j.call(ctx, http.MethodPost, path+"/transitions", body, nil)
	}
	return j.call(ctx, http.MethodPut, path, body, nil)
}

func (j jira) page(id string) string { return j.base + "/browse/" + url.PathEscape(id) }

type serviceNow struct{ trackerAPI }

func (s serviceNow) find(ctx context.Context, t history.Ticket) (string, standing, error) {
	query := url.Values{"sysparm_query": {"correlation_id=prelaunch-" + t.Key + "^ORDERBYDESCsys_created_on"}, "sysparm_fields": {"sys_id,state"}, "sysparm_limit": {"1"}}
	var found struct {
		Result []struct {
			ID    string `json:"sys_id"`
			State string `json:"state"`
		} `json:"result"`
	}
	if err := s.call(ctx, http.MethodGet, "/api/now/table/incident?"+query.Encode(), nil, &found); err != nil || len(found.Result) == 0 {
		return "", open, err
	}
	one := found.Result[0]
	if one.State == "7" || one.State == "8" { // closed, canceled
		return one.ID, done, nil
	}
	return one.ID, standingOf(one.State != "6"), nil
}

func (s serviceNow) create(ctx context.Context, body []byte) (string, error) {
	var made struct {
		Result struct {
			ID string `json:"sys_id"`
		} `json:"result"`
	}
	err := s.call(ctx, http.MethodPost, "/api/now/table/incident", body, &made)
	return made.Result.ID, err
}

func (s serviceNow) update(ctx context.Context, id, _ string, body []byte) error {
	return s.call(ctx, http.MethodPatch, "/api/now/table/incident/"+url.PathEscape(id), body, nil)
}

func (s serviceNow) page(id string) string {
	return s.base + "/nav_to.do?uri=" + url.QueryEscape("incident.do?sys_id="+id)
}
