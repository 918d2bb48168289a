package web

import (
	"encoding/json"
	"io"
	"net/http"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/database"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/login"
)

// What the API responds with. Times are RFC 3339; what has none is left out.

type integrationJSON struct {
	Name             string    `json:"name"`
	Team             string    `json:"team"`
	Provider         string    `json:"provider"`
	Status           string    `json:"status"`
	StatusSince      time.Time `json:"status_since,omitzero"`
	ValidUntil       time.Time `json:"valid_until,omitzero"`
	LastRun          string    `json:"last_run,omitempty"`
	LastFinished     time.Time `json:"last_finished,omitzero"`
	LastReadyRun     string    `json:"last_ready_run,omitempty"`
	NextDue          time.Time `json:"next_due,omitzero"`
	DueReason        string    `json:"due_reason,omitempty"`
	Schedule         string    `json:"schedule,omitempty"`
	Paused           bool      `json:"paused"`
	Problem          string    `json:"problem,omitempty"`
	RemovedAt        time.Time `json:"removed_at,omitzero"` // since then its configuration is gone
	OpenFindings     int       `json:"open_findings"`
	CriticalFindings int       `json:"critical_findings"`
}

func integrationOf(i database.Integration) integrationJSON {
	return integrationJSON{i.Name, i.Team, i.Provider, i.Status, i.StatusSince, i.ValidUntil, i.LastRun, i.LastFinished, i.LastPassed, i.NextDue, i.DueReason, i.Schedule, i.Paused, i.Problem, i.RemovedAt, i.OpenFindings, i.CriticalFindings}
}

type integrationList struct {
	Integrations []integrationJSON `json:"integrations"`
	Next         string            `json:"next,omitempty"` // value of after for the next page
}

type runJSON struct {
	ID          string        `json:"id"`
	Integration string        `json:"integration"`
	Reason      string        `json:"reason"`
	State       string        `json:"state"`
	Status      string        `json:"status,omitempty"`
	Started     time.Time     `json:"started"`
	Finished    time.Time     `json:"finished,omitzero"`
	ValidUntil  time.Time     `json:"valid_until,omitzero"`
	Summary     audit.Summary `json:"summary"`
	Report      string        `json:"report,omitempty"`
	Facts       string        `json:"facts,omitempty"`
	Worker      string        `json:"worker"`
	Version     string        `json:"version"`
	Problem     string        `json:"problem,omitempty"`
}

func runOf(r database.Run) runJSON {
	return runJSON{r.ID, r.Integration, r.Reason, r.State, r.Status, r.Started, r.Finished, r.ValidUntil, r.Summary, r.Report, r.Facts, r.Worker, r.Version, r.Problem}
}

type findingJSON struct {
	ID          string    `json:"id"`
	Scope       string    `json:"scope"`
	Check       string    `json:"check"`
	Environment string    `json:"environment,omitempty"`
	Level       string    `json:"level"`
	Severity    string    `json:"severity"`
	Outcome     string    `json:"outcome"`
	State       string    `json:"state"`
	Message     string    `json:"message"`
	Owner       string    `json:"owner,omitempty"`
	ExpiresAt   time.Time `json:"expires_at,omitzero"`
	FirstSeen   time.Time `json:"first_seen"`
	LastSeen    time.Time `json:"last_seen"`
	Ticket      string    `json:"ticket,omitempty"`
}

type eventJSON struct {
	ID      int64             `json:"id"`
	Kind    string            `json:"kind"`
	At      time.Time         `json:"at"`
	Run     string            `json:"run,omitempty"`
	Finding string            `json:"finding,omitempty"`
	Message string            `json:"message"`
	Details map[string]string `json:"details,omitempty"`
}

type decisionJSON struct {
	ID        int64           `json:"id"`
	Run       string          `json:"run"`
	Report    string          `json:"report"`
	Kind      string          `json:"kind"` // signed by a reviewer, or an approval by login
	Outcome   string          `json:"outcome"`
	Signer    string          `json:"signer"`
	Login     string          `json:"login"`
	At        time.Time       `json:"at"`
	ExpiresAt time.Time       `json:"expires_at,omitzero"`
	Statement json.RawMessage `json:"statement"`
}

type sentJSON struct {
	Run         string    `json:"run"`
	Environment string    `json:"environment"`
	UID         string    `json:"uid"`
	EventType   string    `json:"event_type"`
	At          time.Time `json:"at"`
	Accepted    *bool     `json:"accepted,omitempty"` // absent: the run did not come to its end
}

type logJSON struct {
	ID     int64     `json:"id"`
	At     time.Time `json:"at"`
	Actor  string    `json:"actor"`
	Action string    `json:"action"`
	Object string    `json:"object"`
	Detail string    `json:"detail,omitempty"`
}

type queueJSON struct {
	Integrations map[string]int `json:"integrations"` // by status
	Due          int            `json:"due"`
	OldestDue    time.Time      `json:"oldest_due,omitzero"`
	Jobs         []queuedJSON   `json:"jobs"`
	Running      []runJSON      `json:"running"`
	Workers      []workerJSON   `json:"workers"`
	Leases       int            `json:"leases"`
	Notices      []channelJSON  `json:"notices"`
	Sources      []sourceJSON   `json:"sources"` // configurations, or whole sources, that stand for no integration
}

type queuedJSON struct {
	Kind  string `json:"kind"`
	State string `json:"state"`
	Jobs  int    `json:"jobs"`
}

type workerJSON struct {
	ID      string    `json:"id"`
	Version string    `json:"version"`
	Role    string    `json:"role"`
	Host    string    `json:"host"`
	Started time.Time `json:"started"`
	Seen    time.Time `json:"seen"`
}

type channelJSON struct {
	Channel string    `json:"channel"`
	Waiting int       `json:"waiting"`
	GivenUp int       `json:"given_up"`
	Oldest  time.Time `json:"oldest,omitzero"`
	Problem string    `json:"problem,omitempty"`
}

type sourceJSON struct {
	Source  string `json:"source"`
	Path    string `json:"path,omitempty"` // empty: the whole source
	Problem string `json:"problem"`
}

// newToken asks for a token.
type newToken struct {
	Name   string        `json:"name"`
	Grants []login.Grant `json:"grants"`
	Days   int           `json:"days"`
}

// madeToken is a token that was made just now.
type madeToken struct {
	Name  string `json:"name"`
	Token string `json:"token"`
}

// each turns every row into what the API responds with.
func each[From, To any](list []From, turn func(From) To) []To {
	out := make([]To, len(list))
	for i, one := range list {
		out[i] = turn(one)
	}
	return out
}

func (s *server) apiList(q *request) error {
	f, err := q.filter()
	if err != nil {
		return err
	}
	rows, next, err := s.list(q, f)
	if err != nil {
		return err
	}
	return respond(q.w, http.StatusOK, integrationList{each(rows, integrationOf), next})
}

func (s *server) apiIntegration(q *request) error {
	return respond(q.w, http.StatusOK, integrationOf(q.integration))
}

func (s *server) apiRuns(q *request) error {
	rows, err := s.DB.Runs(q.Context(), q.integration.Name, maxPageSize)
	if err != nil {
		return err
	}
	return respond(q.w, http.StatusOK, each(rows, runOf))
}

func (s *server) apiFindings(q *request) error {
	rows, err := s.DB.Findings(q.Context(), q.integration.Name, database.StateOpen, database.StateWaived)
	if err != nil {
		return err
	}
	return respond(q.w, http.StatusOK, each(rows, func(f database.Finding) findingJSON {
		return findingJSON{f.ID, f.Scope, f.Check, f.Environment, f.Level, f.Severity, f.Outcome, f.State, f.Message, f.Owner, f.ExpiresAt, f.FirstSeen, f.LastSeen, f.Ticket}
	}))
}

func (s *server) apiEvents(q *request) error {
	rows, err := s.DB.Events(q.Context(), q.integration.Name, q.teams(), maxPageSize)
	if err != nil {
		return err
	}
	return respond(q.w, http.StatusOK, each(rows, func(e database.Event) eventJSON {
		return eventJSON{e.ID, e.Kind, e.At, e.Run, e.Finding, e.Message, e.Data}
	}))
}

func (s *server) apiDecisions(q *request) error {
	rows, err := s.DB.Decisions(q.Context(), q.integration.Name)
	if err != nil {
		return err
	}
	return respond(q.w, http.StatusOK, each(rows, func(d database.Decision) decisionJSON {
		return decisionJSON{d.ID, d.Run, d.Report, d.Kind, d.Verdict, d.Signer, d.Login, d.At, d.ExpiresAt, d.Statement}
	}))
}

func (s *server) apiSent(q *request) error {
	rows, err := s.DB.SentOf(q.Context(), q.integration.Name)
	if err != nil {
		return err
	}
	return respond(q.w, http.StatusOK, each(rows, func(e database.Sent) sentJSON {
		return sentJSON{e.Run, e.Environment, e.UID, e.EventType, e.At, e.Accepted}
	}))
}

func (s *server) apiRun(q *request) error {
	reason := database.ReasonByHand
	if q.who.Via == login.ViaToken {
		reason = database.ReasonDeploy
	}
	if err := s.runNow(q, reason); err != nil {
		return err
	}
	q.w.WriteHeader(http.StatusAccepted)
	return nil
}

func (s *server) apiReload(q *request) error {
	if err := s.Reload(q.Context(), actor(q.who.Login, q.who.Via)); err != nil {
		return err
	}
	q.w.WriteHeader(http.StatusAccepted)
	return nil
}

// noContent responds to something that was done.
func noContent(q *request, err error) error {
	if err != nil {
		return err
	}
	q.w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *server) apiPause(q *request) error  { return noContent(q, s.setPaused(q, true)) }
func (s *server) apiResume(q *request) error { return noContent(q, s.setPaused(q, false)) }
func (s *server) apiPurged(q *request) error { return noContent(q, s.purged(q)) }

func (s *server) apiOneRun(q *request) error { return respond(q.w, http.StatusOK, runOf(q.run)) }

func (s *server) apiDecide(q *request) error {
	envelope, err := io.ReadAll(q.Body)
	if err != nil {
		return err
	}
	if err := s.takeStatement(q, envelope); err != nil {
		return err
	}
	q.w.WriteHeader(http.StatusCreated)
	return nil
}

func (s *server) apiQueue(q *request) error {
	page, err := s.queueData(q)
	if err != nil {
		return err
	}
	return respond(q.w, http.StatusOK, queueJSON{
		Integrations: page.Overview.ByStatus, Due: page.Overview.Due, OldestDue: page.Overview.OldestDue, Leases: len(page.Leases), Running: each(page.Running, runOf),
		Jobs: each(page.Queues, func(j database.Queue) queuedJSON { return queuedJSON(j) }),
		Workers: each(page.Workers, func(w database.Worker) workerJSON {
			return workerJSON{w.ID, w.Version, w.Role, w.Host, w.Started, w.Seen}
		}),
		Notices: each(page.Outboxes, func(o database.Outbox) channelJSON {
			return channelJSON{o.Channel, o.Waiting, o.GivenUp, o.Oldest, o.Problem}
		}),
		Sources: each(page.Sources, func(p database.SourceProblem) sourceJSON { return sourceJSON(p) }),
	})
}

func (s *server) apiLog(q *request) error {
	page, err := s.logData(q)
	if err != nil {
		return err
	}
	return respond(q.w, http.StatusOK, each(page.Entries, func(e database.LogEntry) logJSON { return logJSON(e) }))
}

func (s *server) apiTokens(q *request) error {
	list, err := s.tokens(q)
	if err != nil {
		return err
	}
	return respond(q.w, http.StatusOK, list)
}

func (s *server) apiAddToken(q *request) error {
	var wanted newToken
	decoder := json.NewDecoder(q.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&wanted); err != nil {
		return bad("The body must be JSON with name, grants and days.")
	}
	text, err := s.addToken(q, wanted.Name, wanted.Grants, wanted.Days)
	if err != nil {
		return err
	}
	return respond(q.w, http.StatusCreated, madeToken{wanted.Name, text})
}

func (s *server) apiDropToken(q *request) error {
	return noContent(q, s.dropToken(q, q.PathValue("token")))
}
