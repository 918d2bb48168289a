package work

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivertype"

	"github.com/prelaunch-audit/prelaunch/internal/fleet/database"
)

// Rules of this file: a process shows that it lives by counting up, and whoever sees a count stand still for a while by his own
// monotonic clock takes the process for dead, whatever the clocks of the machines say. What it had taken is released, what it was doing
// is done again by others, and should it come back it gives up what it was doing.

// enlist writes the process into the list of those that live.
func (f *Fleet) enlist(ctx context.Context) error {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return f.DB.Write(ctx, func(tx *database.Tx) error {
		return tx.PutWorker(ctx, database.Worker{ID: f.id, Version: f.Tool.Version, Role: f.Role, Host: host, Started: f.DB.Now()})
	})
}

// seen is the count of another process, and since when it stands still.
type seen struct {
	beat  int64
	since time.Time // with this process's monotonic clock
}

// beat shows that this process lives, and watches the others.
func (f *Fleet) beat(ctx context.Context) {
	others := map[string]seen{}
	ticker := time.NewTicker(f.Timing.Beat)
	defer ticker.Stop()
	for {
		alive, err := f.DB.Beat(ctx, f.id)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil: // nobody can show that he lives now
			clear(others)
			f.Log.Warn("the database is away", "problem", err.Error())
		case !alive:
			f.Log.Warn("other processes consider this one dead: it gives up what it was doing")
			f.cancelAll(errDead)
			if err := f.enlist(ctx); err != nil {
				f.Log.Warn("the process cannot be listed again", "problem", err.Error())
			}
		default:
			if err := f.watch(ctx, others); err != nil {
				clear(others)
				f.Log.Warn("other processes cannot be watched", "problem", err.Error())
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// watch takes over from processes whose count stands still.
func (f *Fleet) watch(ctx context.Context, others map[string]seen) error {
	f.endOrphans(ctx)
	workers, err := f.DB.Workers(ctx)
	if err != nil {
		return err
	}
	now, living := time.Now(), map[string]bool{f.id: true}
	for _, w := range workers {
		if w.ID == f.id {
			continue
		}
		living[w.ID] = true
		known, ok := others[w.ID]
		if !ok || known.beat != w.Beat {
			others[w.ID] = seen{w.Beat, now}
			continue
		}
		if now.Sub(known.since) >= f.Timing.Dead {
			if err := f.bury(ctx, w); err != nil {
				return err
			}
			delete(living, w.ID)
		}
	}
	err = f.rescue(ctx, living, others, now)
	maps.DeleteFunc(others, func(id string, _ seen) bool { return !living[id] })
	return err
}

// bury releases what a dead process had taken.
func (f *Fleet) bury(ctx context.Context, w database.Worker) error {
	return f.DB.Write(ctx, func(tx *database.Tx) error {
		removed, err := tx.RemoveWorker(ctx, w.ID, w.Beat)
		if err != nil || !removed {
			return err
		}
		f.Log.Warn("a process is considered dead", "worker", w.ID)
		runs, err := tx.LoseRuns(ctx, w.ID)
		if err != nil {
			return err
		}
		for _, run := range runs {
			if err := f.fail(ctx, tx, run); err != nil {
				return err
			}
		}
		return nil
	})
}

// fail counts a run whose process died, which may be because of what it audited.
func (f *Fleet) fail(ctx context.Context, tx *database.Tx, run database.Run) error {
	i, err := tx.Integration(ctx, run.Integration)
	if err != nil {
		return err
	}
	i.Failures++
	if err := tx.PutIntegration(ctx, i); err != nil || i.Failures != notAudited {
		return err
	}
	return f.event(ctx, tx, i, database.Event{Kind: database.EventNotAudited, Run: run.ID, Message: fmt.Sprintf("%d audits in a row could not be made: the worker went away in each", i.Failures)})
}

// atOnce is how often an audit is made again at once.
const atOnce = 3

// rescue has the jobs of processes that are gone done again. The first are done at once, further ones after longer and longer, in case it
// is the audit that kills. One that was begun as often as it may be is given up; its integration is audited again by its schedule.
func (f *Fleet) rescue(ctx context.Context, living map[string]bool, others map[string]seen, now time.Time) error {
	list, err := f.client.JobList(ctx, river.NewJobListParams().Kinds(auditArgs{}.Kind()).States(rivertype.JobStateRunning).First(1000))
	if err != nil {
		return fmt.Errorf("list the jobs that run: %w", err)
	}
	at := f.DB.Now()
	params := &riverdriver.JobRescueManyParams{StuckHorizon: at.Add(24 * 365 * 10 * time.Hour)} // whatever the clocks of the dead said
	for _, job := range list.Jobs {
		worker := ""
		if len(job.AttemptedBy) > 0 {
			worker = job.AttemptedBy[len(job.AttemptedBy)-1]
		}
		if living[worker] {
			continue
		}
		// A process that has just come may work before it is listed here.
		gone := "gone " + worker
		if known, ok := others[gone]; !ok {
			others[gone] = seen{0, now}
			living[gone] = true
			continue
		} else if living[gone] = true; now.Sub(known.since) < f.Timing.Beat {
			continue
		}
		failure, err := json.Marshal(rivertype.AttemptError{At: at, Attempt: max(job.Attempt, 0), Error: "the worker went away"})
		if err != nil {
			return fmt.Errorf("write why a job is done again: %w", err)
		}
		state, finalized, again := rivertype.JobStateAvailable, (*time.Time)(nil), at
		switch {
		case job.Attempt >= job.MaxAttempts:
			state, finalized = rivertype.JobStateDiscarded, &at
		case job.Attempt > atOnce:
			state, again = rivertype.JobStateRetryable, at.Add(min(f.Timing.Beat<<(job.Attempt-atOnce), 24*time.Hour))
		}
		params.ID, params.Error, params.ScheduledAt = append(params.ID, job.ID), append(params.Error, failure), append(params.ScheduledAt, again)
		params.FinalizedAt, params.State = append(params.FinalizedAt, finalized), append(params.State, string(state))
	}
	if len(params.ID) == 0 {
		return nil
	}
	if _, err := f.DB.Driver().GetExecutor().JobRescueMany(ctx, params); err != nil {
		return fmt.Errorf("have jobs done again: %w", err)
	}
	return nil
}

func (f *Fleet) track(run string, cancel context.CancelCauseFunc) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.running[run] = cancel
}

func (f *Fleet) untrack(run string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.running, run)
}

func (f *Fleet) cancelAll(cause error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, cancel := range f.running {
		cancel(cause)
	}
}

// orphan remembers a run that could not be ended because the database was away.
func (f *Fleet) orphan(run string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.orphans[run] = true
}

// endOrphans ends the runs that could not be ended, now that the database is back.
func (f *Fleet) endOrphans(ctx context.Context) {
	f.mu.Lock()
	runs := slices.Collect(maps.Keys(f.orphans))
	f.mu.Unlock()
	for _, id := range runs {
		err := f.DB.Write(ctx, func(tx *database.Tx) error {
			run, err := tx.RunOf(ctx, id)
			if errors.Is(err, database.ErrNotFound) { // its integration was forgotten
				return tx.ReleaseLeases(ctx, id)
			}
			if err != nil {
				return err
			}
			run.State, run.Problem, run.Finished = database.Lost, "the database was away when it ended", tx.Now()
			if _, err := tx.EndRun(ctx, run); err != nil {
				return err
			}
			return tx.ReleaseLeases(ctx, id)
		})
		if err == nil {
			f.mu.Lock()
			delete(f.orphans, id)
			f.mu.Unlock()
		}
	}
}
