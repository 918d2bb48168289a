package database

import (
	"context"
	"fmt"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
)

// States of a run.
const (
	Running  = "running"
	Finished = "finished" // it made a whole report
	Failed   = "failed"   // it could not be made, as Problem says
	Lost     = "lost"     // its worker went away; what it had sent is in the table of sent events
)

// Run is one audit of an integration.
type Run struct {
	ID, Integration, Reason    string
	State                      string
	Started, Finished          time.Time
	Status                     string // Ready, NotReady or NotProven, of a finished one
	Summary                    audit.Summary
	Report, Facts              string // digests of documents; empty: it made none, or it is not kept anymore
	ConfigDigest, PolicyDigest string
	ValidUntil                 time.Time // start of the first day on which it no longer holds
	Worker, Version            string
	Job                        int64
	Problem                    string // without anything secret
}

const runColumns = `id, integration, reason, state, started_at, finished_at, status, passed, failed, warned, inconclusive, waived, not_applicable,
	report, facts, config_digest, policy_digest, valid_until, worker, version, job, problem`

func scanRun(row scanner) (Run, error) {
	var r Run
	s := &r.Summary
	err := row.Scan(&r.ID, &r.Integration, &r.Reason, &r.State, moment{&r.Started}, moment{&r.Finished}, &r.Status, &s.Pass, &s.Fail, &s.Warn, &s.Inconclusive,
		&s.Waived, &s.NotApplicable, &r.Report, &r.Facts, &r.ConfigDigest, &r.PolicyDigest, moment{&r.ValidUntil}, &r.Worker, &r.Version, &r.Job, &r.Problem)
	return r, err
}

// Runs returns the newest runs of an integration, the newest first.
func (d *DB) Runs(ctx context.Context, integration string, limit int) ([]Run, error) {
	list, err := all(ctx, d, d.read, scanRun, "SELECT "+runColumns+" FROM run WHERE integration = ? ORDER BY started_at DESC, id LIMIT ?", integration, limit)
	return list, wrap("list the runs", err)
}

// Run returns one run.
func (d *DB) Run(ctx context.Context, id string) (Run, error) {
	r, err := one(ctx, d, d.read, scanRun, "SELECT "+runColumns+" FROM run WHERE id = ?", id)
	return r, wrap("run "+id, err)
}

// RunningRuns returns the runs that are under way, the oldest first.
func (d *DB) RunningRuns(ctx context.Context) ([]Run, error) {
	list, err := all(ctx, d, d.read, scanRun, "SELECT "+runColumns+" FROM run WHERE state = 'running' ORDER BY started_at, id")
	return list, wrap("list the runs that are under way", err)
}

// RunOf returns one run inside a transaction.
func (tx *Tx) RunOf(ctx context.Context, id string) (Run, error) {
	r, err := one(ctx, tx.db, tx.SQL, scanRun, "SELECT "+runColumns+" FROM run WHERE id = ?"+tx.db.forUpdate(""), id)
	return r, wrap("run "+id, err)
}

// ReasonOf is why a job began its first run, "" where it began none.
func (tx *Tx) ReasonOf(ctx context.Context, job int64) (string, error) {
	list, err := all(ctx, tx.db, tx.SQL, scanRun, "SELECT "+runColumns+" FROM run WHERE job = ? ORDER BY started_at LIMIT 1", job)
	if err != nil || len(list) == 0 {
		return "", wrap("find the first run of a job", err)
	}
	return list[0].Reason, nil
}

// BeginRun writes a run that is under way.
func (tx *Tx) BeginRun(ctx context.Context, r Run) error {
	_, err := tx.exec(ctx, `INSERT INTO run (id, integration, reason, state, started_at, worker, version, job) VALUES (?, ?, ?, 'running', ?, ?, ?, ?)`,
		r.ID, r.Integration, r.Reason, millis(r.Started), r.Worker, r.Version, r.Job)
	return wrap("begin a run of "+r.Integration, err)
}

// EndRun writes how a run ended. It reports false, and writes nothing, where the run is no longer under way: another process has
// taken its worker for dead, and the run must have no effect.
func (tx *Tx) EndRun(ctx context.Context, r Run) (bool, error) {
	s := r.Summary
	n, err := tx.exec(ctx, `UPDATE run SET state = ?, finished_at = ?, status = ?, passed = ?, failed = ?, warned = ?, inconclusive = ?, waived = ?, not_applicable = ?,
		report = ?, facts = ?, config_digest = ?, policy_digest = ?, valid_until = ?, problem = ? WHERE id = ? AND state = 'running'`,
		r.State, millis(r.Finished), r.Status, s.Pass, s.Fail, s.Warn, s.Inconclusive, s.Waived, s.NotApplicable,
		r.Report, r.Facts, r.ConfigDigest, r.PolicyDigest, millis(r.ValidUntil), r.Problem, r.ID)
	return n == 1, wrap("end the run "+r.ID, err)
}

// LoseRuns ends the runs of a worker that went away, and returns them.
func (tx *Tx) LoseRuns(ctx context.Context, worker string) ([]Run, error) {
	runs, err := all(ctx, tx.db, tx.SQL, scanRun, "SELECT "+runColumns+" FROM run WHERE worker = ? AND state = 'running'", worker)
	if err != nil {
		return nil, wrap("find the runs of a worker", err)
	}
	_, err = tx.exec(ctx, "UPDATE run SET state = 'lost', finished_at = ?, problem = ? WHERE worker = ? AND state = 'running'",
		millis(tx.Now()), "the worker went away", worker)
	return runs, wrap("end the runs of a worker", err)
}

// Sent is a synthetic event that went out to a receiver, or was about to.
type Sent struct {
	Run, Integration, Environment, UID, EventType string
	At                                            time.Time
	// Accepted says whether the receiver took it. It is nil where the run did not come to its end: then it may have been.
	Accepted *bool
	PurgedAt time.Time // zero: it is still to be purged
}

// AddSent notes events that are about to be sent. An event that is noted already stays as it is.
func (tx *Tx) AddSent(ctx context.Context, events []Sent) error {
	for _, e := range events {
		_, err := tx.exec(ctx, `INSERT INTO sent (run, integration, environment, uid, event_type, at) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
			e.Run, e.Integration, e.Environment, e.UID, e.EventType, millis(e.At))
		if err != nil {
			return fmt.Errorf("note an event that is sent: %w", err)
		}
	}
	return nil
}

// SettleSent writes which events of a finished run the receivers accepted; those of the run that are not among them were rejected and
// are dropped, as nothing is to be purged for them.
func (tx *Tx) SettleSent(ctx context.Context, run, integration string, accepted []audit.SentEvent) error {
	for _, e := range accepted {
		_, err := tx.exec(ctx, `INSERT INTO sent (run, integration, environment, uid, event_type, at, accepted) VALUES (?, ?, ?, ?, ?, ?, TRUE)
			ON CONFLICT (run, environment, uid) DO UPDATE SET accepted = TRUE, event_type = excluded.event_type, at = excluded.at`,
			run, integration, e.Environment, e.UID, e.EventType, millis(e.At))
		if err != nil {
			return fmt.Errorf("note an accepted event: %w", err)
		}
	}
	_, err := tx.exec(ctx, "DELETE FROM sent WHERE run = ? AND accepted IS NULL", run)
	return wrap("drop rejected events", err)
}

// SentOf returns the events of an integration that are still to be purged, the oldest first: those that were accepted, and those of
// runs that did not come to their end.
func (d *DB) SentOf(ctx context.Context, integration string) ([]Sent, error) {
	list, err := all(ctx, d, d.read, func(row scanner) (Sent, error) {
		var s Sent
		err := row.Scan(&s.Run, &s.Integration, &s.Environment, &s.UID, &s.EventType, moment{&s.At}, &s.Accepted, moment{&s.PurgedAt})
		return s, err
	}, `SELECT run, integration, environment, uid, event_type, at, accepted, purged_at FROM sent WHERE integration = ? AND purged_at = 0 ORDER BY at, uid`, integration)
	return list, wrap("list the events to be purged", err)
}

// MarkPurged notes that the events of a run were purged from the receivers' data.
func (tx *Tx) MarkPurged(ctx context.Context, run string) error {
	_, err := tx.exec(ctx, "UPDATE sent SET purged_at = ? WHERE run = ? AND purged_at = 0", millis(tx.Now()), run)
	return wrap("note that events were purged", err)
}
