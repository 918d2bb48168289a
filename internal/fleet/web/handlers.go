package web

import (
	"archive/zip"
	"bytes"
	"crypto/ed25519"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/database"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/login"
	"github.com/prelaunch-audit/prelaunch/internal/history"
	"github.com/prelaunch-audit/prelaunch/internal/report"
	"github.com/prelaunch-audit/prelaunch/internal/signoff"
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
	i := q.integration
	switch {
	case !i.RemovedAt.IsZero():
		return &problem{http.StatusConflict, "Its configuration was removed."}
	case i.Problem != "":
		return &problem{http.StatusConflict, "Its configuration cannot be used: fix it first."}
	case i.Paused:
		return &problem{http.StatusConflict, "It is paused: resume it first."}
	}
	return s.AuditNow(q.Context(), actor(q.who.Login, q.who.Via), i.Name, reason)
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

// runPage is what is shown of one run.
type runPage struct {
	database.Run
	Team      string
	Decisions []database.Decision
	May       may
	HasReport bool
	HasFacts  bool
	Reviewers []string
	Done      string
}

func (s *server) runPage(q *request) error {
	page := runPage{Run: q.run, Team: q.integration.Team, May: s.may(q), HasReport: q.run.Report != "", HasFacts: q.run.Facts != "", Done: done[q.URL.Query().Get("done")]}
	decisions, err := s.DB.Decisions(q.Context(), q.integration.Name)
	if err != nil {
		return err
	}
	for _, decision := range decisions {
		if decision.Run == q.run.ID {
			page.Decisions = append(page.Decisions, decision)
		}
	}
	for _, reviewer := range s.reviewers(q) {
		page.Reviewers = append(page.Reviewers, reviewer.Name)
	}
	return s.page(q, http.StatusOK, "run", "Run of "+q.integration.Name, page)
}

// reviewers are those whose signature counts for a run's integration.
func (s *server) reviewers(q *request) (list []Reviewer) {
	for _, reviewer := range s.Reviewers {
		if len(reviewer.Teams) == 0 || slices.Contains(reviewer.Teams, q.integration.Team) {
			list = append(list, reviewer)
		}
	}
	return list
}

// htmlReport is the report of `prelaunch audit -o html`, with its own style.
func (s *server) htmlReport(q *request) error {
	raw, err := s.document(q.Context(), q.run.Report)
	if err != nil {
		return err
	}
	r, err := report.Read(raw)
	if err != nil {
		return &problem{http.StatusNotFound, "The report is of another version of prelaunch and cannot be shown. Its JSON can be downloaded."}
	}
	var page bytes.Buffer
	if err := report.Write(&page, "html", r, report.Options{Now: s.DB.Now()}); err != nil {
		return err
	}
	header := q.w.Header()
	header.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; style-src "+hashOf(styleOf(page.String())))
	header.Set("Content-Type", "text/html; charset=utf-8")
	_, err = page.WriteTo(q.w)
	return err
}

// styleOf is what stands between the first style tags of a page.
func styleOf(page string) string {
	_, rest, _ := strings.Cut(page, "<style>")
	style, _, _ := strings.Cut(rest, "</style>")
	return style
}

func (s *server) download(q *request, digest, name string) error {
	raw, err := s.document(q.Context(), digest)
	if err != nil {
		return err
	}
	q.w.Header().Set("Content-Type", "application/json")
	q.w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
	_, err = q.w.Write(raw)
	return err
}

func (s *server) reportJSON(q *request) error { return s.download(q, q.run.Report, "report.json") }
func (s *server) factsJSON(q *request) error  { return s.download(q, q.run.Facts, "facts.json") }

// bundle is what a reviewer signs, byte for byte as it was stored.
func (s *server) bundle(q *request) error {
	raw, err := s.document(q.Context(), q.run.Report)
	if err != nil {
		return err
	}
	files := map[string][]byte{"report.json": raw}
	if facts, err := s.document(q.Context(), q.run.Facts); err == nil {
		files["facts.json"] = facts
	} else if !errors.Is(err, database.ErrNotFound) {
		return err
	}
	var packed bytes.Buffer
	archive := zip.NewWriter(&packed)
	for _, name := range []string{"report.json", "facts.json"} {
		content, is := files[name]
		if !is {
			continue
		}
		file, err := archive.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: q.run.Finished})
		if err != nil {
			return fmt.Errorf("write the bundle: %w", err)
		}
		if _, err := file.Write(content); err != nil {
			return fmt.Errorf("write the bundle: %w", err)
		}
	}
	if err := archive.Close(); err != nil {
		return fmt.Errorf("write the bundle: %w", err)
	}
	q.w.Header().Set("Content-Type", "application/zip")
	q.w.Header().Set("Content-Disposition", `attachment; filename="bundle.zip"`)
	_, err = packed.WriteTo(q.w)
	return err
}

// materials are the files that a decision about a run is about.
func (s *server) materials(q *request) (m signoff.Materials, err error) {
	if m.Report, err = s.document(q.Context(), q.run.Report); err != nil {
		if errors.Is(err, database.ErrNotFound) {
			return m, &problem{http.StatusConflict, "This run has no report to decide on."}
		}
		return m, err
	}
	m.Facts, err = s.document(q.Context(), q.run.Facts)
	if errors.Is(err, database.ErrNotFound) {
		return m, nil
	}
	return m, err
}

// takeStatement verifies what a reviewer signed on a machine of their own.
func (s *server) takeStatement(q *request, envelope []byte) error {
	m, err := s.materials(q)
	if err != nil {
		return err
	}
	reviewers := s.reviewers(q)
	keys := make([]ed25519.PublicKey, len(reviewers))
	for i, reviewer := range reviewers {
		keys[i] = reviewer.Key
	}
	verified, err := signoff.Verify(envelope, keys, m, signoff.Against{PolicyDigest: s.PolicyDigest, Now: s.DB.Now()})
	switch {
	case err != nil:
		return bad("The statement was not accepted: %s", report.Plain(err.Error()))
	case verified.Expired != "":
		return bad("The statement was not accepted: %s", verified.Expired)
	}
	signer := ""
	for _, reviewer := range reviewers {
		if id, err := signoff.KeyID(reviewer.Key); err == nil && id == verified.KeyID {
			signer = reviewer.Name
		}
	}
	return s.keep(q, database.Decision{Kind: kindSigned, Verdict: verified.Statement.Predicate.Decision.Outcome, Signer: signer, Statement: envelope})
}

// Kinds of decisions in the database.
const (
	kindSigned = "signed"   // with a reviewer's key
	kindLogin  = "approval" // by a click, signed by the server
)

// decideByClick signs for somebody who is logged in, with the server's own key.
func (s *server) decideByClick(q *request, outcome string, risks []string) error {
	if !s.may(q).Click {
		return &problem{http.StatusForbidden, "Decisions by click need somebody who is logged in and a signing key of this server. Sign with prelaunch sign instead."}
	}
	m, err := s.materials(q)
	if err != nil {
		return err
	}
	statement, err := signoff.SignForLogin(s.Signer, m, signoff.Decision{Outcome: outcome, By: actor(q.who.Login, q.who.Via), On: s.DB.Now(), ResidualRisks: risks})
	if err != nil {
		return bad("The decision was not accepted: %s", report.Plain(err.Error()))
	}
	return s.keep(q, database.Decision{Kind: kindLogin, Verdict: outcome, Signer: "server", Statement: statement})
}

func (s *server) keep(q *request, d database.Decision) error {
	d.Integration, d.Run, d.Report, d.Login, d.ExpiresAt = q.integration.Name, q.run.ID, q.run.Report, actor(q.who.Login, q.who.Via), q.run.ValidUntil
	return s.change(q, "decide", q.integration.Name, d.Kind+" "+d.Verdict+", run "+d.Run, func(tx *database.Tx) error {
		_, err := tx.AddDecision(q.Context(), d)
		return err
	})
}

func (s *server) postDecision(q *request) error {
	if err := q.ParseMultipartForm(maxBody); err != nil {
		return bad("The form could not be read.")
	}
	var err error
	switch how := q.PostFormValue("how"); how {
	case "statement":
		statement := []byte(q.PostFormValue("statement"))
		if file, _, missing := q.FormFile("file"); missing == nil {
			uploaded, err := io.ReadAll(file)
			if err != nil {
				return bad("The file could not be read.")
			}
			if len(uploaded) > 0 {
				statement = uploaded
			}
		}
		err = s.takeStatement(q, statement)
	case "click":
		var risks []string
		for line := range strings.Lines(q.PostFormValue("risks")) {
			if line = strings.TrimSpace(line); line != "" {
				risks = append(risks, line)
			}
		}
		err = s.decideByClick(q, q.PostFormValue("outcome"), risks)
	default:
		err = bad("The form names no way to decide.")
	}
	if err != nil {
		return err
	}
	return back(q, "/runs/"+url.PathEscape(q.run.ID), "decide")
}

// decision is the statement of a decision, to be verified elsewhere.
func (s *server) decisionStatement(q *request) error {
	decisions, err := s.DB.Decisions(q.Context(), q.integration.Name)
	if err != nil {
		return err
	}
	for _, decision := range decisions {
		if decision.Run == q.run.ID && strconv.FormatInt(decision.ID, 10) == q.PathValue("decision") {
			q.w.Header().Set("Content-Type", "application/json")
			q.w.Header().Set("Content-Disposition", `attachment; filename="report.sig.json"`)
			_, err := q.w.Write(decision.Statement)
			return err
		}
	}
	return missing
}

// queuePage is the health of the queue.
type queuePage struct {
	Overview database.Overview
	Queues   []database.Queue
	Running  []database.Run
	Workers  []database.Worker
	Leases   []database.Lease
	Outboxes []database.Outbox
	Now      time.Time
}

func (s *server) queueData(q *request) (page queuePage, err error) {
	ctx := q.Context()
	page.Now = s.DB.Now()
	if page.Overview, err = s.DB.Overview(ctx, nil); err != nil {
		return page, err
	}
	if page.Queues, err = s.DB.Queues(ctx); err != nil {
		return page, err
	}
	if page.Running, err = s.DB.RunningRuns(ctx); err != nil {
		return page, err
	}
	if page.Workers, err = s.DB.Workers(ctx); err != nil {
		return page, err
	}
	if page.Leases, err = s.DB.Leases(ctx); err != nil {
		return page, err
	}
	page.Outboxes, err = s.DB.Outboxes(ctx)
	return page, err
}

func (s *server) queuePage(q *request) error {
	page, err := s.queueData(q)
	if err != nil {
		return err
	}
	return s.page(q, http.StatusOK, "queue", "Queue", page)
}

// logPage is a part of the audit log.
type logPage struct {
	Entries []database.LogEntry
	Before  int64 // id before which the next page begins; 0: there is none
}

func (s *server) logData(q *request) (page logPage, err error) {
	before := int64(0)
	if text := q.URL.Query().Get("before"); text != "" {
		if before, err = strconv.ParseInt(text, 10, 64); err != nil || before < 1 {
			return page, bad("before must be the id of an entry.")
		}
	}
	page.Entries, err = s.DB.LogEntries(q.Context(), before, maxLog)
	if len(page.Entries) == maxLog {
		page.Before = page.Entries[maxLog-1].ID
	}
	return page, err
}

func (s *server) logPage(q *request) error {
	page, err := s.logData(q)
	if err != nil {
		return err
	}
	return s.page(q, http.StatusOK, "log", "Audit log", page)
}

// token is an API token as it is shown.
type token struct {
	Name      string        `json:"name"`
	Grants    []login.Grant `json:"grants"`
	CreatedBy string        `json:"created_by"`
	Created   time.Time     `json:"created"`
	Expires   time.Time     `json:"expires"`
}

// tokens are those that somebody made, or could have made.
func (s *server) tokens(q *request) (list []token, err error) {
	kept, err := s.DB.Tokens(q.Context())
	if err != nil {
		return nil, err
	}
	list = []token{}
	for _, one := range kept {
		t := token{Name: one.Name, CreatedBy: one.CreatedBy, Created: one.Created, Expires: one.Expires}
		if err := json.Unmarshal([]byte(one.Grants), &t.Grants); err != nil {
			return nil, fmt.Errorf("read the grants of a token: %w", err)
		}
		if holds(q.who, t.Grants) {
			list = append(list, t)
		}
	}
	return list, nil
}

// holds reports whether somebody has all the grants themselves.
func holds(who login.Identity, grants []login.Grant) bool {
	return !slices.ContainsFunc(grants, func(grant login.Grant) bool { return !who.May(grant.Role, grant.Team) })
}

// Bounds of a token.
const (
	maxTokenName = 100
	maxTokenDays = 365
)

// addToken makes a token with no more than its maker may do, and returns its text, which is shown once. A token makes no tokens.
func (s *server) addToken(q *request, name string, grants []login.Grant, days int) (text string, err error) {
	switch {
	case q.who.Via == login.ViaToken:
		return "", &problem{http.StatusForbidden, "A token cannot make or revoke tokens."}
	case strings.TrimSpace(name) == "" || len(name) > maxTokenName || report.Plain(name) != name:
		return "", bad("A token needs a name of at most %d visible characters.", maxTokenName)
	case days < 1 || days > maxTokenDays:
		return "", bad("A token is valid for 1 to %d days.", maxTokenDays)
	case len(grants) == 0:
		return "", bad("A token needs at least one role for a team.")
	case slices.ContainsFunc(grants, func(grant login.Grant) bool {
		return grant.Role != login.Viewer && grant.Role != login.Operator && grant.Role != login.Reviewer || grant.Team == ""
	}):
		return "", bad("A role is viewer, operator or reviewer, of a named team.")
	case !holds(q.who, grants):
		return "", &problem{http.StatusForbidden, "A token cannot do more than whoever makes it."}
	}
	text, hash := login.NewToken()
	raw, err := json.Marshal(grants)
	if err != nil {
		return "", fmt.Errorf("write the token: %w", err)
	}
	now := s.DB.Now()
	err = s.change(q, "token", name, string(raw), func(tx *database.Tx) error {
		added, err := tx.AddToken(q.Context(), database.Token{Name: name, Hash: hash, Grants: string(raw), CreatedBy: actor(q.who.Login, q.who.Via), Created: now, Expires: now.AddDate(0, 0, days)})
		if err == nil && !added {
			err = &problem{http.StatusConflict, "There is a token of this name."}
		}
		return err
	})
	return text, err
}

func (s *server) dropToken(q *request, name string) error {
	if q.who.Via == login.ViaToken {
		return &problem{http.StatusForbidden, "A token cannot make or revoke tokens."}
	}
	list, err := s.tokens(q)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(list, func(t token) bool { return t.Name == name }) {
		return missing
	}
	return s.change(q, "revoke", name, "", func(tx *database.Tx) error { return tx.DropToken(q.Context(), name) })
}

// tokenPage lists tokens; New is the text of one that was made just now.
type tokenPage struct {
	Tokens  []token
	New     string
	NewName string
	Roles   []login.Role
	Done    string
}

func (s *server) tokenPage(q *request) error { return s.showTokens(q, tokenPage{}) }

func (s *server) showTokens(q *request, page tokenPage) (err error) {
	if page.Tokens, err = s.tokens(q); err != nil {
		return err
	}
	page.Roles, page.Done = []login.Role{login.Viewer, login.Operator, login.Reviewer}, done[q.URL.Query().Get("done")]
	return s.page(q, http.StatusOK, "tokens", "API tokens", page)
}

func (s *server) postToken(q *request) error {
	days, err := strconv.Atoi(q.PostFormValue("days"))
	if err != nil {
		return bad("The days must be a number.")
	}
	name := q.PostFormValue("name")
	text, err := s.addToken(q, name, []login.Grant{{Role: login.Role(q.PostFormValue("role")), Team: q.PostFormValue("team")}}, days)
	if err != nil {
		return err
	}
	return s.showTokens(q, tokenPage{New: text, NewName: name})
}

func (s *server) postRevoke(q *request) error {
	if err := s.dropToken(q, q.PostFormValue("name")); err != nil {
		return err
	}
	return back(q, "/tokens", "revoke")
}
