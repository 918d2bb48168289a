package web

import (
	"encoding/csv"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/fleet/database"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/login"
	"github.com/prelaunch-audit/prelaunch/internal/report"
)

// What pages show of long lists.
const (
	pageSize    = 50
	maxPageSize = 500 // that the API gives at a time
	stripLength = 30
	maxEvents   = 50
	maxLog      = 200
)

// filter reads which integrations somebody asks for, among those they may see.
func (q *request) filter() (database.Filter, error) {
	values := q.URL.Query()
	f := database.Filter{
		Team: values.Get("team"), Provider: values.Get("provider"), Status: values.Get("status"), Check: values.Get("check"),
		Search: values.Get("search"), After: values.Get("after"), Limit: pageSize,
	}
	if f.Status != "" && !slices.Contains(statuses, f.Status) { // an empty list would say that all is well
		return f, bad("status must be one of %s.", strings.Join(statuses, ", "))
	}
	if f.Status == notReady {
		f.Status, f.NotReady = "", true
	}
	if text := values.Get("limit"); text != "" {
		limit, err := strconv.Atoi(text)
		if err != nil || limit < 1 || limit > maxPageSize {
			return f, bad("limit must be a number from 1 to %d.", maxPageSize)
		}
		f.Limit = limit
	}
	f.Teams = q.teams()
	return f, nil
}

// notReady is the status that asks for every integration which is not ready, whatever the reason.
const notReady = "any_not_ready"

// teams are those that somebody may see, nil for every one, as database.Filter has it.
func (q *request) teams() []string {
	teams, all := q.who.Teams(login.Viewer)
	if all {
		return nil
	}
	return teams
}

// list returns a page of integrations, and the name after which the next one begins.
func (s *server) list(q *request, f database.Filter) (rows []database.Integration, next string, err error) {
	limit := f.Limit
	f.Limit++ // to see whether there is a next page
	rows, err = s.DB.List(q.Context(), f)
	if err == nil && len(rows) > limit {
		rows = rows[:limit]
		next = rows[limit-1].Name
	}
	return rows, next, err
}

// fleetPage is what the first page shows.
type fleetPage struct {
	Filter   database.Filter
	Status   string // that was asked for
	Overview database.Overview
	Choices  database.Choices
	Checks   []database.CheckCount
	Rows     []database.Integration
	Next     string // address of the next page; "": this is the last one
	CSV      string // address of the list for a spreadsheet
	Filtered bool
}

func (s *server) fleetPage(q *request) error {
	f, err := q.filter()
	if err != nil {
		return err
	}
	page := fleetPage{Filter: f, Status: q.URL.Query().Get("status")}
	if page.Overview, err = s.DB.Overview(q.Context(), f.Teams); err != nil {
		return err
	}
	if page.Choices, err = s.DB.Choices(q.Context(), f.Teams); err != nil {
		return err
	}
	if page.Checks, err = s.DB.OpenChecks(q.Context(), f.Teams); err != nil {
		return err
	}
	var next string
	if page.Rows, next, err = s.list(q, f); err != nil {
		return err
	}
	query := url.Values{}
	for _, name := range []string{"status", "team", "provider", "check", "search"} {
		if value := q.URL.Query().Get(name); value != "" {
			query.Set(name, value)
			page.Filtered = true
		}
	}
	page.CSV = "/integrations.csv?" + query.Encode()
	if next != "" {
		query.Set("after", next)
		page.Next = "/?" + query.Encode()
	}
	return s.page(q, http.StatusOK, "fleet", "Integrations", page)
}

// csvList is the whole list for a spreadsheet, which must take no cell for a formula.
func (s *server) csvList(q *request) error {
	f, err := q.filter()
	if err != nil {
		return err
	}
	f.Limit = 0
	rows, err := s.DB.List(q.Context(), f)
	if err != nil {
		return err
	}
	q.w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	q.w.Header().Set("Content-Disposition", `attachment; filename="integrations.csv"`)
	out := csv.NewWriter(q.w)
	write := func(cells ...string) {
		for i, cell := range cells {
			cells[i] = report.Cell(cell)
		}
		_ = out.Write(cells) // Error says it
	}
	write("integration", "team", "provider", "status", "since", "last_audit", "valid_until", "next_due", "open_findings", "critical_findings", "paused", "problem")
	for _, i := range rows {
		write(i.Name, i.Team, i.Provider, i.Status, stamp(i.StatusSince), stamp(i.LastFinished), stamp(i.ValidUntil), stamp(i.NextDue),
			strconv.Itoa(i.OpenFindings), strconv.Itoa(i.CriticalFindings), strconv.FormatBool(i.Paused), i.Problem)
	}
	out.Flush()
	return out.Error()
}

// stamp is a time for programs, "" for none.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
