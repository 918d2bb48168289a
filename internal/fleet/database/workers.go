package database

import (
	"context"
	"time"
)

// Worker is a process of the fleet.
type Worker struct {
	ID, Version, Role, Host string
	Started, Seen           time.Time
	Beat                    int64 // counts up while it lives; clocks do not matter
}

// PutWorker writes a process that starts.
func (tx *Tx) PutWorker(ctx context.Context, w Worker) error {
	_, err := tx.exec(ctx, "INSERT INTO worker (id, version, role, host, started_at, seen_at, beat) VALUES (?, ?, ?, ?, ?, ?, 0)", w.ID, w.Version, w.Role, w.Host, millis(w.Started), millis(w.Started))
	return wrap("write the worker", err)
}

// Beat notes that a worker lives. It reports false where others have taken it for dead: whatever it is doing must have no effect.
func (d *DB) Beat(ctx context.Context, worker string) (bool, error) {
	alive := false
	err := d.Write(ctx, func(tx *Tx) error {
		n, err := tx.exec(ctx, "UPDATE worker SET beat = beat + 1, seen_at = ? WHERE id = ?", millis(d.Now()), worker)
		alive = n == 1
		return err
	})
	return alive, wrap("note that the worker lives", err)
}

// Workers returns the processes that are not known to have ended.
func (d *DB) Workers(ctx context.Context) ([]Worker, error) {
	list, err := all(ctx, d, d.read, func(row scanner) (Worker, error) {
		var w Worker
		err := row.Scan(&w.ID, &w.Version, &w.Role, &w.Host, moment{&w.Started}, moment{&w.Seen}, &w.Beat)
		return w, err
	}, "SELECT id, version, role, host, started_at, seen_at, beat FROM worker ORDER BY started_at, id")
	return list, wrap("list the workers", err)
}

// RemoveWorker removes a worker that ended, or that is taken for dead because its beat is still the given one (a negative one: whatever
// it is), with its leases. It reports false where the worker is gone already or has shown that it lives.
func (tx *Tx) RemoveWorker(ctx context.Context, worker string, beat int64) (bool, error) {
	n, err := tx.exec(ctx, "DELETE FROM worker WHERE id = ? AND (? < 0 OR beat = ?)", worker, beat, beat)
	if err != nil || n == 0 {
		return false, wrap("remove a worker", err)
	}
	_, err = tx.exec(ctx, "DELETE FROM lease WHERE worker = ?", worker)
	return true, wrap("release the leases of a worker", err)
}

// Lease is a target that a run keeps others away from.
type Lease struct {
	Target, Run, Worker string // a target is "host NAME" or "address IP"
	Slot                int
	Since               time.Time
}

// TakeLease takes the first free slot of a target, of which there are slots. It reports false where none is free.
func (tx *Tx) TakeLease(ctx context.Context, l Lease, slots int) (bool, error) {
	for slot := range slots {
		n, err := tx.exec(ctx, "INSERT INTO lease (target, slot, run, worker, since) VALUES (?, ?, ?, ?, ?) ON CONFLICT (target, slot) DO NOTHING", l.Target, slot, l.Run, l.Worker, millis(l.Since))
		if err != nil || n == 1 {
			return n == 1, wrap("take a lease", err)
		}
	}
	return false, nil
}

// Wait notes that a team waits for a target. It has waited since it was noted first; those that have not come back for long are forgotten.
func (tx *Tx) Wait(ctx context.Context, target, team string) error {
	now := tx.Now()
	_, err := tx.exec(ctx, "DELETE FROM waiting WHERE target = ? AND (seen < ? OR seen > ?)", target, millis(now.Add(-time.Hour)), millis(now.Add(time.Hour)))
	if err == nil {
		_, err = tx.exec(ctx, "INSERT INTO waiting (target, team, since, seen) VALUES (?, ?, ?, ?) ON CONFLICT (target, team) DO UPDATE SET seen = excluded.seen",
			target, team, millis(now), millis(now))
	}
	return wrap("note who waits for "+target, err)
}

// WaitsLonger reports whether another team has waited for a target for longer than a team, and has come back for it within a time.
func (tx *Tx) WaitsLonger(ctx context.Context, target, team string, within time.Duration) (longer bool, err error) {
	now := tx.Now()
	err = tx.row(ctx, `SELECT count(*) > 0 FROM waiting WHERE target = ? AND team <> ? AND seen >= ? AND seen <= ?
		AND since < coalesce((SELECT own.since FROM waiting own WHERE own.target = waiting.target AND own.team = ?), ?)`,
		target, team, millis(now.Add(-within)), millis(now.Add(within)), team, millis(now)).Scan(&longer)
	return longer, wrap("find who waits for "+target, err)
}

// Waited notes that a team waits for a target no longer.
func (tx *Tx) Waited(ctx context.Context, target, team string) error {
	_, err := tx.exec(ctx, "DELETE FROM waiting WHERE target = ? AND team = ?", target, team)
	return wrap("note who waits for "+target, err)
}

// ReleaseLeases releases what a run has taken.
func (tx *Tx) ReleaseLeases(ctx context.Context, run string) error {
	_, err := tx.exec(ctx, "DELETE FROM lease WHERE run = ?", run)
	return wrap("release the leases of a run", err)
}

// Leases returns those that are held, the longest first.
func (d *DB) Leases(ctx context.Context) ([]Lease, error) {
	list, err := all(ctx, d, d.read, func(row scanner) (Lease, error) {
		var l Lease
		err := row.Scan(&l.Target, &l.Slot, &l.Run, &l.Worker, moment{&l.Since})
		return l, err
	}, "SELECT target, slot, run, worker, since FROM lease ORDER BY since, target, slot")
	return list, wrap("list the leases", err)
}

// Receiver is a target that was down or asked for fewer requests in its last audits.
type Receiver struct {
	Target   string
	Failures int       // audits in a row
	Until    time.Time // it is left alone until then
}

// Receiver returns what is known of a target; the zero failures of one that was well.
func (tx *Tx) Receiver(ctx context.Context, target string) (Receiver, error) {
	list, err := all(ctx, tx.db, tx.SQL, func(row scanner) (Receiver, error) {
		r := Receiver{Target: target}
		err := row.Scan(&r.Failures, moment{&r.Until})
		return r, err
	}, "SELECT failures, until_at FROM receiver WHERE target = ?"+tx.db.forUpdate(""), target)
	if err != nil || len(list) == 0 {
		return Receiver{Target: target}, wrap("read the state of a receiver", err)
	}
	return list[0], nil
}

// PutReceiver writes what is known of a target, or forgets one that is well.
func (tx *Tx) PutReceiver(ctx context.Context, r Receiver) error {
	if r.Failures == 0 {
		_, err := tx.exec(ctx, "DELETE FROM receiver WHERE target = ?", r.Target)
		return wrap("write the state of a receiver", err)
	}
	_, err := tx.exec(ctx, `INSERT INTO receiver (target, failures, until_at) VALUES (?, ?, ?)
		ON CONFLICT (target) DO UPDATE SET failures = excluded.failures, until_at = excluded.until_at`, r.Target, r.Failures, millis(r.Until))
	return wrap("write the state of a receiver", err)
}

// Queue is how many jobs there are by kind and state, for the page of the queue and for metrics.
type Queue struct {
	Kind, State string
	Jobs        int
}

// Queues counts River's jobs that have not come to an end, and those that were discarded.
func (d *DB) Queues(ctx context.Context) ([]Queue, error) {
	list, err := all(ctx, d, d.read, func(row scanner) (Queue, error) {
		var q Queue
		err := row.Scan(&q.Kind, &q.State, &q.Jobs)
		return q, err
	}, `SELECT kind, CAST(state AS TEXT), count(*) FROM river_job WHERE state IN ('available', 'pending', 'running', 'scheduled', 'retryable', 'discarded')
		GROUP BY kind, state ORDER BY kind, state`)
	return list, wrap("count the jobs", err)
}
