package database

import (
	"context"
	"slices"
	"time"
)

// States of a finding.
const (
	StateOpen   = "open"
	StateWaived = "waived"
	StateClosed = "closed"
)

// Finding is one problem of an integration from the run that found it first to the one that showed it fixed.
type Finding struct {
	ID, Integration, Scope        string
	Check, Environment            string
	Level, Severity               string
	Outcome                       string // fail or warn; of a waived one, what it would be
	State                         string
	Message                       string
	Owner                         string    // of the waiver: who fixes it
	ExpiresAt                     time.Time // of the waiver: start of the first day on which it no longer holds
	FirstSeen, LastSeen, ClosedAt time.Time
	FirstRun, LastRun             string
	Ticket                        string // its address in a tracker, as the sender of tickets got it
}

const findingColumns = `id, integration, scope, check_id, environment, level, severity, outcome, state, message, owner, expires_at,
	first_seen, last_seen, closed_at, first_run, last_run, ticket`

func scanFinding(row scanner) (Finding, error) {
	var f Finding
	err := row.Scan(&f.ID, &f.Integration, &f.Scope, &f.Check, &f.Environment, &f.Level, &f.Severity, &f.Outcome, &f.State, &f.Message, &f.Owner, moment{&f.ExpiresAt},
		moment{&f.FirstSeen}, moment{&f.LastSeen}, moment{&f.ClosedAt}, &f.FirstRun, &f.LastRun, &f.Ticket)
	return f, err
}

// Findings returns the findings of an integration in the given states (none: all), the most severe and oldest first.
func (d *DB) Findings(ctx context.Context, integration string, states ...string) ([]Finding, error) {
	list, err := findings(ctx, d, d.read, integration, states)
	return list, wrap("list the findings", err)
}

// Findings returns those of an integration that are open or waived, inside a transaction.
func (tx *Tx) Findings(ctx context.Context, integration string) ([]Finding, error) {
	list, err := findings(ctx, tx.db, tx.SQL, integration, []string{StateOpen, StateWaived})
	return list, wrap("list the findings", err)
}

func findings(ctx context.Context, d *DB, from queryer, integration string, states []string) ([]Finding, error) {
	query, values := "SELECT "+findingColumns+" FROM finding WHERE integration = ?", []any{integration}
	for i, state := range states {
		query += map[bool]string{true: " AND (state = ?", false: " OR state = ?"}[i == 0]
		values = append(values, state)
	}
	if len(states) > 0 {
		query += ")"
	}
	return all(ctx, d, from, scanFinding, query+` ORDER BY CASE severity WHEN 'critical' THEN 0 WHEN 'high' THEN 1 WHEN 'medium' THEN 2 ELSE 3 END, first_seen, id`, values...)
}

// Finding returns one finding.
func (d *DB) Finding(ctx context.Context, id string) (Finding, error) {
	f, err := one(ctx, d, d.read, scanFinding, "SELECT "+findingColumns+" FROM finding WHERE id = ?", id)
	return f, wrap("finding "+id, err)
}

// FindingOf returns one finding inside a transaction.
func (tx *Tx) FindingOf(ctx context.Context, id string) (Finding, error) {
	f, err := one(ctx, tx.db, tx.SQL, scanFinding, "SELECT "+findingColumns+" FROM finding WHERE id = ?", id)
	return f, wrap("finding "+id, err)
}

// PutFinding writes a finding, new or changed. A ticket that is known stays.
func (tx *Tx) PutFinding(ctx context.Context, f Finding) error {
	_, err := tx.exec(ctx, `INSERT INTO finding (`+findingColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET integration = excluded.integration, scope = excluded.scope, check_id = excluded.check_id, environment = excluded.environment,
			level = excluded.level, severity = excluded.severity, outcome = excluded.outcome, state = excluded.state, message = excluded.message,
			owner = excluded.owner, expires_at = excluded.expires_at, first_seen = excluded.first_seen, last_seen = excluded.last_seen,
			closed_at = excluded.closed_at, first_run = excluded.first_run, last_run = excluded.last_run`,
		f.ID, f.Integration, f.Scope, f.Check, f.Environment, f.Level, f.Severity, f.Outcome, f.State, f.Message, f.Owner, millis(f.ExpiresAt),
		millis(f.FirstSeen), millis(f.LastSeen), millis(f.ClosedAt), f.FirstRun, f.LastRun, f.Ticket)
	return wrap("write the finding "+f.ID, err)
}

// SetTicket notes the ticket of a finding.
func (tx *Tx) SetTicket(ctx context.Context, finding, ticket string) error {
	_, err := tx.exec(ctx, "UPDATE finding SET ticket = ? WHERE id = ?", ticket, finding)
	return wrap("note the ticket of "+finding, err)
}

// CheckCount is how many integrations have an open finding of a check.
type CheckCount struct {
	Check        string
	Integrations int
}

// OpenChecks counts by check the integrations of the teams (as in Filter) that have an open finding of it, the most first.
func (d *DB) OpenChecks(ctx context.Context, teams []string) ([]CheckCount, error) {
	where, values := Filter{Teams: teams}.where()
	list, err := all(ctx, d, d.read, func(row scanner) (CheckCount, error) {
		var c CheckCount
		err := row.Scan(&c.Check, &c.Integrations)
		return c, err
	}, `SELECT f.check_id, count(DISTINCT f.integration) AS n FROM finding f JOIN integration i ON i.name = f.integration
		WHERE f.state = 'open' AND `+where+` GROUP BY f.check_id ORDER BY n DESC, f.check_id`, values...)
	return list, wrap("count the findings", err)
}

// SeverityCount is how many findings of a severity an integration has open.
type SeverityCount struct {
	Integration, Severity string
	Findings              int
}

// OpenSeverities counts the open findings by severity of every integration that is there.
func (d *DB) OpenSeverities(ctx context.Context) ([]SeverityCount, error) {
	list, err := all(ctx, d, d.read, func(row scanner) (SeverityCount, error) {
		var c SeverityCount
		err := row.Scan(&c.Integration, &c.Severity, &c.Findings)
		return c, err
	}, `SELECT f.integration, f.severity, count(*) FROM finding f JOIN integration i ON i.name = f.integration
		WHERE f.state = 'open' AND i.removed_at = 0 GROUP BY f.integration, f.severity ORDER BY f.integration, f.severity`)
	return list, wrap("count the findings", err)
}

// Kinds of what expires.
const (
	ExpiryWaiver      = "waiver"
	ExpiryAttestation = "attestation"
	ExpiryDeclaration = "declaration"
	ExpiryReview      = "review"      // of the accounts
	ExpiryCertificate = "certificate" // that the newest report saw: it may have been renewed since
	ExpirySignOff     = "sign-off"    // of a report
)

// The kinds that are known from one place each, which replaces them.
var (
	OfConfiguration = []string{ExpiryWaiver, ExpiryAttestation, ExpiryDeclaration}
	OfReport        = []string{ExpiryReview, ExpiryCertificate}
	OfDecision      = []string{ExpirySignOff}
)

// Expiry is something that an integration rests on until it expires.
type Expiry struct {
	Integration string
	Kind        string
	Subject     string    // the check, the section of the configuration, or the run
	Person      string    // who can renew it
	ExpiresAt   time.Time // start of the first day on which it no longer holds
}

// SetExpiries replaces what is known of an integration's by kinds. One whose event was raised stays raised.
func (tx *Tx) SetExpiries(ctx context.Context, integration string, kinds []string, list []Expiry) error {
	known, err := all(ctx, tx.db, tx.SQL, scanExpiry, "SELECT "+expiryColumns+" FROM expiry WHERE integration = ?", integration)
	if err != nil {
		return wrap("read what expires", err)
	}
	wanted := map[Expiry]bool{}
	for _, e := range list {
		e.Integration, e.ExpiresAt = integration, e.ExpiresAt.UTC()
		wanted[e] = true
		_, err := tx.exec(ctx, `INSERT INTO expiry (integration, kind, subject, person, expires_at) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (integration, kind, subject, expires_at) DO UPDATE SET person = excluded.person`, integration, e.Kind, e.Subject, e.Person, millis(e.ExpiresAt))
		if err != nil {
			return wrap("write what expires", err)
		}
	}
	for _, e := range known {
		if !wanted[e] && slices.Contains(kinds, e.Kind) {
			_, err := tx.exec(ctx, "DELETE FROM expiry WHERE integration = ? AND kind = ? AND subject = ? AND expires_at = ? AND person = ?", integration, e.Kind, e.Subject, millis(e.ExpiresAt), e.Person)
			if err != nil {
				return wrap("drop what no longer expires", err)
			}
		}
	}
	return nil
}

const expiryColumns = "integration, kind, subject, person, expires_at"

func scanExpiry(row scanner) (Expiry, error) {
	var e Expiry
	err := row.Scan(&e.Integration, &e.Kind, &e.Subject, &e.Person, moment{&e.ExpiresAt})
	return e, err
}

// Expiries returns what an integration rests on, the soonest first.
func (d *DB) Expiries(ctx context.Context, integration string) ([]Expiry, error) {
	list, err := all(ctx, d, d.read, scanExpiry, "SELECT "+expiryColumns+" FROM expiry WHERE integration = ? ORDER BY expires_at, kind, subject", integration)
	return list, wrap("list what expires", err)
}

// TakeExpired returns what has expired and no event was raised for yet, and notes that it was.
func (tx *Tx) TakeExpired(ctx context.Context, now time.Time, limit int) ([]Expiry, error) {
	return tx.takeExpiries(ctx, "raised_at", now, limit, "expires_at <= ?", millis(now))
}

// TakeExpiring returns what expires until a time, was not announced yet and has not expired, and notes that it was announced:
// certificates, or everything else.
func (tx *Tx) TakeExpiring(ctx context.Context, now, until time.Time, certificates bool, limit int) ([]Expiry, error) {
	return tx.takeExpiries(ctx, "announced_at", now, limit, "raised_at = 0 AND expires_at > ? AND expires_at <= ? AND (kind = 'certificate') = ?", millis(now), millis(until), certificates)
}

// takeExpiries returns what meets a condition and is not noted yet in a column, and notes it.
func (tx *Tx) takeExpiries(ctx context.Context, column string, now time.Time, limit int, condition string, values ...any) ([]Expiry, error) {
	list, err := all(ctx, tx.db, tx.SQL, scanExpiry, "SELECT "+expiryColumns+" FROM expiry WHERE "+column+" = 0 AND "+condition+
		" ORDER BY expires_at, integration LIMIT ?"+tx.db.forUpdate(" SKIP LOCKED"), append(values, limit)...)
	if err != nil {
		return nil, wrap("find what expires", err)
	}
	for _, e := range list {
		if _, err := tx.exec(ctx, "UPDATE expiry SET "+column+" = ? WHERE integration = ? AND kind = ? AND subject = ? AND expires_at = ?",
			millis(now), e.Integration, e.Kind, e.Subject, millis(e.ExpiresAt)); err != nil {
			return nil, wrap("note what expires", err)
		}
	}
	return list, nil
}
