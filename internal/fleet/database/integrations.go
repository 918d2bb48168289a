package database

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Statuses of an integration and of a finished run: what its newest whole report says.
const (
	Ready     = "ready"
	NotReady  = "not_ready"  // a required check fails
	NotProven = "not_proven" // none fails, and one is inconclusive
	Unknown   = "unknown"    // never audited, or the last audit could not be made
	Expired   = "expired"    // it was ready, and its valid_until has passed
)

// Statuses are all of them, the worst first.
var Statuses = []string{NotReady, NotProven, Expired, Unknown, Ready}

// Reasons to audit.
const (
	ReasonNew         = "new"
	ReasonSchedule    = "schedule"
	ReasonConfig      = "configuration changed"
	ReasonPolicies    = "policies changed"
	ReasonProfile     = "provider profile changed"
	ReasonValidUntil  = "report expired"
	ReasonCertificate = "certificate expires soon"
	ReasonDeploy      = "deployment"
	ReasonByHand      = "by hand"
)

// Integration is one that the fleet audits. Team, Source and Path say whose it is and where its configuration is read.
type Integration struct {
	Name, Team, Source, Path       string
	Provider                       string
	ConfigDigest, ProfileDigest    string // "sha256:…" of what was read last
	PolicyDigest                   string // of the policies that its last run was judged by
	Schedule                       string // cron expression
	Problem                        string // why its configuration cannot be used; empty: it can
	Paused                         bool
	RemovedAt                      time.Time // its configuration is gone since; zero: it is there
	NextDue                        time.Time
	DueReason                      string // why it is due other than by its schedule
	Job                            int64  // River's, that was queued for NextDue; 0: none
	Status                         string
	StatusSince, ValidUntil        time.Time
	LastRun                        string // newest run that made a whole report
	LastFinished                   time.Time
	LastPassed                     string // newest run that was ready
	Failures                       int    // runs in a row that made no whole report
	OpenFindings, CriticalFindings int    // counted when it is read
}

const integrationColumns = `name, team, source, path, provider, config_digest, profile_digest, policy_digest, schedule, problem, paused, removed_at,
	next_due_at, due_reason, job, status, status_since, valid_until, last_run, last_finished, last_passed, failures`

func (i *Integration) into() []any {
	return []any{&i.Name, &i.Team, &i.Source, &i.Path, &i.Provider, &i.ConfigDigest, &i.ProfileDigest, &i.PolicyDigest, &i.Schedule, &i.Problem, &i.Paused,
		moment{&i.RemovedAt}, moment{&i.NextDue}, &i.DueReason, &i.Job, &i.Status, moment{&i.StatusSince}, moment{&i.ValidUntil},
		&i.LastRun, moment{&i.LastFinished}, &i.LastPassed, &i.Failures}
}

func scanIntegration(row scanner) (Integration, error) {
	var i Integration
	err := row.Scan(i.into()...)
	return i, err
}

// Filter says which integrations List returns. A field that is zero restricts nothing, except Teams.
type Filter struct {
	Teams    []string // those that the reader may see; nil: all, empty: none
	Team     string
	Provider string
	Status   string
	NotReady bool   // any status but Ready, or a configuration that cannot be used
	Check    string // one with an open finding of this check
	Search   string // part of a name, in any case
	Removed  bool   // those whose configuration is gone too
	After    string // names after this one, for the next page
	Limit    int    // 0: all
}

// List returns integrations by name, with the number of their open findings.
func (d *DB) List(ctx context.Context, f Filter) ([]Integration, error) {
	where, values := f.where()
	query := `SELECT ` + prefixed("i", integrationColumns) + `,
		(SELECT count(*) FROM finding o WHERE o.integration = i.name AND o.state = 'open'),
		(SELECT count(*) FROM finding o WHERE o.integration = i.name AND o.state = 'open' AND o.severity = 'critical')
		FROM integration i WHERE ` + where + ` ORDER BY i.name`
	if f.Limit > 0 {
		query += fmt.Sprintf(" LIMIT %d", f.Limit)
	}
	list, err := all(ctx, d, d.read, func(row scanner) (Integration, error) {
		var i Integration
		err := row.Scan(append(i.into(), &i.OpenFindings, &i.CriticalFindings)...)
		return i, err
	}, query, values...)
	return list, wrap("list the integrations", err)
}

func (f Filter) where() (string, []any) {
	terms, values := []string{"1 = 1"}, []any{}
	add := func(term string, value ...any) {
		terms, values = append(terms, term), append(values, value...)
	}
	if f.Teams != nil {
		list := []any{}
		for _, team := range f.Teams {
			list = append(list, team)
		}
		if len(list) == 0 {
			add("1 = 0")
		} else {
			add("i.team IN (?"+strings.Repeat(", ?", len(list)-1)+")", list...)
		}
	}
	if !f.Removed {
		add("i.removed_at = 0")
	}
	for column, value := range map[string]string{"team": f.Team, "provider": f.Provider, "status": f.Status} {
		if value != "" {
			add("i."+column+" = ?", value)
		}
	}
	if f.NotReady {
		add("(i.status <> 'ready' OR i.problem <> '')")
	}
	if f.Check != "" {
		add("i.name IN (SELECT c.integration FROM finding c WHERE c.state = 'open' AND c.check_id = ?)", f.Check)
	}
	if f.Search != "" {
		add(`lower(i.name) LIKE ? ESCAPE '\'`, "%"+strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(strings.ToLower(f.Search))+"%")
	}
	if f.After != "" {
		add("i.name > ?", f.After)
	}
	return strings.Join(terms, " AND "), values
}

// prefixed puts a table's alias before each of its columns.
func prefixed(table, columns string) string {
	list := strings.Split(columns, ",")
	for i, column := range list {
		list[i] = table + "." + strings.TrimSpace(column)
	}
	return strings.Join(list, ", ")
}

// Integration returns one integration.
func (d *DB) Integration(ctx context.Context, name string) (Integration, error) {
	i, err := one(ctx, d, d.read, scanIntegration, "SELECT "+integrationColumns+" FROM integration WHERE name = ?", name)
	if err != nil {
		return i, fmt.Errorf("integration %q: %w", name, err)
	}
	var findings, critical int
	err = d.read.QueryRowContext(ctx, d.placeholders(`SELECT count(*), coalesce(sum(CASE WHEN severity = 'critical' THEN 1 ELSE 0 END), 0)
		FROM finding WHERE integration = ? AND state = 'open'`), name).Scan(&findings, &critical)
	i.OpenFindings, i.CriticalFindings = findings, critical
	return i, wrap("count the findings", err)
}

// Integration returns one integration and, on Postgres, keeps others from changing it until the end of the transaction.
func (tx *Tx) Integration(ctx context.Context, name string) (Integration, error) {
	i, err := one(ctx, tx.db, tx.SQL, scanIntegration, "SELECT "+integrationColumns+" FROM integration WHERE name = ?"+tx.db.forUpdate(""), name)
	if err != nil {
		return i, fmt.Errorf("integration %q: %w", name, err)
	}
	return i, nil
}

// forUpdate locks the rows that are read. SQLite has one writer, so nothing needs to be locked there.
func (d *DB) forUpdate(how string) string {
	if !d.postgres {
		return ""
	}
	return " FOR UPDATE" + how
}

// PutIntegration writes an integration, new or changed.
func (tx *Tx) PutIntegration(ctx context.Context, i Integration) error {
	_, err := tx.exec(ctx, `INSERT INTO integration (`+integrationColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (name) DO UPDATE SET team = excluded.team, source = excluded.source, path = excluded.path, provider = excluded.provider,
			config_digest = excluded.config_digest, profile_digest = excluded.profile_digest, policy_digest = excluded.policy_digest,
			schedule = excluded.schedule, problem = excluded.problem, paused = excluded.paused, removed_at = excluded.removed_at,
			next_due_at = excluded.next_due_at, due_reason = excluded.due_reason, job = excluded.job, status = excluded.status,
			status_since = excluded.status_since, valid_until = excluded.valid_until, last_run = excluded.last_run,
			last_finished = excluded.last_finished, last_passed = excluded.last_passed, failures = excluded.failures`,
		i.Name, i.Team, i.Source, i.Path, i.Provider, i.ConfigDigest, i.ProfileDigest, i.PolicyDigest, i.Schedule, i.Problem, i.Paused, millis(i.RemovedAt),
		millis(i.NextDue), i.DueReason, i.Job, i.Status, millis(i.StatusSince), millis(i.ValidUntil), i.LastRun, millis(i.LastFinished), i.LastPassed, i.Failures)
	return wrap("write the integration "+i.Name, err)
}

// Due returns at most limit integrations that are to be audited and have no job yet, the ones that are due for longest first. Other
// processes get other ones until the transaction ends.
func (tx *Tx) Due(ctx context.Context, now time.Time, limit int) ([]Integration, error) {
	list, err := all(ctx, tx.db, tx.SQL, scanIntegration, `SELECT `+integrationColumns+` FROM integration
		WHERE next_due_at <= ? AND next_due_at > 0 AND job = 0 AND NOT paused AND removed_at = 0 AND problem = ''
		ORDER BY CASE WHEN due_reason = '' THEN 1 ELSE 0 END, next_due_at, name LIMIT ?`+tx.db.forUpdate(" SKIP LOCKED"), millis(now), limit)
	return list, wrap("read the integrations to audit", err)
}

// SetDue makes an integration due at a time. A reason other than the schedule stays until a run begins.
func (tx *Tx) SetDue(ctx context.Context, name string, at time.Time, reason string) error {
	_, err := tx.exec(ctx, "UPDATE integration SET next_due_at = ?, due_reason = ? WHERE name = ?", millis(at), reason, name)
	return wrap("set the next run of "+name, err)
}

// DueAgain makes an integration due for a reason, unless it is due for one already, or earlier.
func (tx *Tx) DueAgain(ctx context.Context, name string, at time.Time, reason string) error {
	_, err := tx.exec(ctx, "UPDATE integration SET next_due_at = ?, due_reason = ? WHERE name = ? AND due_reason = '' AND next_due_at > ?", millis(at), reason, name, millis(at))
	return wrap("set the next run of "+name, err)
}

// SetJob notes the job that was queued for an integration.
func (tx *Tx) SetJob(ctx context.Context, name string, job int64) error {
	_, err := tx.exec(ctx, "UPDATE integration SET job = ? WHERE name = ?", job, name)
	return wrap("note the job of "+name, err)
}

// FreeJobs forgets the jobs that have come to an end without a run that took their place, so that what they were queued for is
// queued again. It returns how many there were.
func (tx *Tx) FreeJobs(ctx context.Context) (int64, error) {
	n, err := tx.exec(ctx, `UPDATE integration SET job = 0 WHERE job <> 0 AND NOT EXISTS (
		SELECT 1 FROM river_job j WHERE j.id = integration.job AND j.state IN ('available', 'pending', 'running', 'scheduled', 'retryable'))`)
	return n, wrap("find jobs that have ended", err)
}

// ClampDue makes what is due later than a schedule can say due then: the clock was ahead when it was written.
func (tx *Tx) ClampDue(ctx context.Context, latest time.Time) error {
	_, err := tx.exec(ctx, "UPDATE integration SET next_due_at = ? WHERE next_due_at > ?", millis(tx.Now()), millis(latest))
	return wrap("correct due times", err)
}

// AllDue makes every integration due for a reason, unless it is due for one already.
func (tx *Tx) AllDue(ctx context.Context, at time.Time, reason string) error {
	_, err := tx.exec(ctx, "UPDATE integration SET next_due_at = ?, due_reason = ? WHERE due_reason = '' AND removed_at = 0", millis(at), reason)
	return wrap("make everything due", err)
}

// ExpireReports gives integrations that were ready on a report that no longer holds the status Expired, and returns them.
func (tx *Tx) ExpireReports(ctx context.Context, now time.Time, limit int) ([]Integration, error) {
	list, err := all(ctx, tx.db, tx.SQL, scanIntegration, `SELECT `+integrationColumns+` FROM integration WHERE status = ? AND valid_until > 0 AND valid_until <= ?
		AND removed_at = 0 ORDER BY name LIMIT ?`+tx.db.forUpdate(" SKIP LOCKED"), Ready, millis(now), limit)
	if err != nil {
		return nil, wrap("find reports that have expired", err)
	}
	for _, i := range list {
		if _, err := tx.exec(ctx, "UPDATE integration SET status = ?, status_since = ? WHERE name = ?", Expired, millis(now), i.Name); err != nil {
			return nil, wrap("note a report that has expired", err)
		}
	}
	return list, nil
}

// OutdatedReports returns the integrations that were not ready anyway, on a report that no longer holds, and that no audit was begun of
// since then and none is due until a time.
func (tx *Tx) OutdatedReports(ctx context.Context, now, until time.Time, limit int) ([]Integration, error) {
	list, err := all(ctx, tx.db, tx.SQL, scanIntegration, `SELECT `+integrationColumns+` FROM integration WHERE status NOT IN (?, ?) AND valid_until > 0 AND valid_until <= ?
		AND due_reason = '' AND next_due_at > ? AND removed_at = 0
		AND NOT EXISTS (SELECT 1 FROM run WHERE run.integration = integration.name AND run.started_at >= integration.valid_until)
		ORDER BY name LIMIT ?`+tx.db.forUpdate(" SKIP LOCKED"), Ready, Expired, millis(now), millis(until), limit)
	return list, wrap("find reports that no longer hold", err)
}

// Refusal is why the integration is not audited now, whoever asks; "": it is.
func (i Integration) Refusal() string {
	switch {
	case !i.RemovedAt.IsZero():
		return "Its configuration was removed."
	case i.Problem != "":
		return "Its configuration cannot be used: fix it first."
	case i.Paused:
		return "It is paused: resume it first."
	}
	return ""
}

// WaitingAudits counts the audits that were queued and have not begun.
func (d *DB) WaitingAudits(ctx context.Context) (n int, err error) {
	err = d.read.QueryRowContext(ctx, "SELECT count(*) FROM river_job WHERE kind = 'audit' AND state IN ('available', 'scheduled', 'retryable', 'pending')").Scan(&n)
	return n, wrap("count the audits that wait", err)
}

// JobWaits reports whether a job of a kind was queued and has not begun.
func (tx *Tx) JobWaits(ctx context.Context, kind string) (waits bool, err error) {
	err = tx.row(ctx, "SELECT count(*) > 0 FROM river_job WHERE kind = ? AND state IN ('available', 'scheduled')", kind).Scan(&waits)
	return waits, wrap("find a job that waits", err)
}

// NewestJob is the id of the newest job of a kind.
func (d *DB) NewestJob(ctx context.Context, kind string) (id int64, err error) {
	err = d.read.QueryRowContext(ctx, d.placeholders("SELECT coalesce(max(id), 0) FROM river_job WHERE kind = ?"), kind).Scan(&id)
	return id, wrap("find the newest job", err)
}

// SetPaused pauses an integration or resumes it.
func (tx *Tx) SetPaused(ctx context.Context, name string, paused bool) error {
	n, err := tx.exec(ctx, "UPDATE integration SET paused = ? WHERE name = ?", paused, name)
	if err == nil && n == 0 {
		err = ErrNotFound
	}
	return wrap("pause or resume "+name, err)
}

// Forget removes an integration and all that is known of it. Documents go with the next round of retention.
func (tx *Tx) Forget(ctx context.Context, name string) error {
	for _, table := range []string{"run", "finding", "expiry", "event", "sent", "decision"} {
		if table == "event" {
			if _, err := tx.exec(ctx, "DELETE FROM outbox WHERE event IN (SELECT id FROM event WHERE integration = ?)", name); err != nil {
				return wrap("forget "+name, err)
			}
		}
		if _, err := tx.exec(ctx, "DELETE FROM "+table+" WHERE integration = ?", name); err != nil {
			return wrap("forget "+name, err)
		}
	}
	n, err := tx.exec(ctx, "DELETE FROM integration WHERE name = ?", name)
	if err == nil && n == 0 {
		err = ErrNotFound
	}
	return wrap("forget "+name, err)
}

// Overview counts the integrations that are there by status, and those that are due, paused or cannot be audited.
type Overview struct {
	Total, Due, Paused, Problems int
	ByStatus                     map[string]int
	OldestDue                    time.Time // zero: none is due
}

// Overview returns the counts for the teams, as in Filter.
func (d *DB) Overview(ctx context.Context, teams []string) (Overview, error) {
	where, values := Filter{Teams: teams}.where()
	o := Overview{ByStatus: map[string]int{}}
	now := millis(d.Now())
	const due = "i.next_due_at > 0 AND i.next_due_at <= ? AND NOT i.paused AND i.problem = ''" // those that a sweep takes, or has taken
	_, err := all(ctx, d, d.read, func(row scanner) (struct{}, error) {
		var status string
		var total, due, paused, problems int
		var oldest int64
		err := row.Scan(&status, &total, &due, &paused, &problems, &oldest)
		o.Total, o.Due, o.Paused, o.Problems = o.Total+total, o.Due+due, o.Paused+paused, o.Problems+problems
		o.ByStatus[status] = total
		if at := time.UnixMilli(oldest).UTC(); oldest > 0 && (o.OldestDue.IsZero() || at.Before(o.OldestDue)) {
			o.OldestDue = at
		}
		return struct{}{}, err
	}, `SELECT i.status, count(*), sum(CASE WHEN `+due+` THEN 1 ELSE 0 END), sum(CASE WHEN i.paused THEN 1 ELSE 0 END),
		sum(CASE WHEN i.problem <> '' THEN 1 ELSE 0 END), coalesce(min(CASE WHEN `+due+` THEN i.next_due_at END), 0)
		FROM integration i WHERE `+where+` GROUP BY i.status`, append([]any{now, now}, values...)...)
	return o, wrap("count the integrations", err)
}

// Choices are what integrations can be filtered by.
type Choices struct{ Teams, Providers []string }

// Choices returns the teams and providers of the integrations that are there, for the teams as in Filter.
func (d *DB) Choices(ctx context.Context, teams []string) (c Choices, err error) {
	where, values := Filter{Teams: teams}.where()
	for column, into := range map[string]*[]string{"team": &c.Teams, "provider": &c.Providers} {
		*into, err = all(ctx, d, d.read, func(row scanner) (string, error) {
			var value string
			err := row.Scan(&value)
			return value, err
		}, "SELECT DISTINCT i."+column+" FROM integration i WHERE "+where+" AND i."+column+" <> '' ORDER BY 1", values...)
		if err != nil {
			return c, wrap("list what integrations can be filtered by", err)
		}
	}
	return c, nil
}
