// Package work is what a process of the fleet does: it queues what is due, audits it, keeps its history, and sends messages, through
// River's jobs.
//
// Rules: the state of the fleet is in the tables of package database; a job names an integration and holds nothing else, and whatever
// it finds there decides what it does. So a job may be lost, come twice or be of another version. A run has effect in one transaction
// at its end, and only if its worker does not count as dead meanwhile.
package work

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/database"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/settings"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/source"
	"github.com/prelaunch-audit/prelaunch/internal/policy"
)

// The queues: what keeps the fleet going does not wait for audits.
const (
	queueUpkeep = "upkeep"
	queueAudits = "audits"
)

// Timing are the intervals of a process. Tests shorten them.
type Timing struct {
	Beat                 time.Duration // a worker shows that it lives
	Dead                 time.Duration // it has not for so long: others take over; several beats
	Sweep, Reload, Check time.Duration // what is due, what the configurations say, what has expired
	Retain               time.Duration
	Messages             time.Duration // that were not sent are tried again
	Poll                 time.Duration // new jobs
	Busy                 time.Duration // an audit whose target is busy comes back after one to four times as long
	Stop                 time.Duration // running audits may go on when the process is stopped
	Patience             time.Duration // a database that is away is waited for
}

// DefaultTiming is that of a fleet.
var DefaultTiming = Timing{
	Beat: 10 * time.Second, Dead: time.Minute, Sweep: time.Minute, Reload: time.Minute, Check: 10 * time.Minute, Retain: time.Hour, Messages: 10 * time.Second,
	Poll: time.Second, Busy: 15 * time.Second, Stop: 30 * time.Second, Patience: 2 * time.Minute,
}

// Notifier decides who hears of events, and sends messages.
type Notifier interface {
	// Channels says who hears of an event. It is called inside the transaction that writes the event: it is quick, reads nothing from
	// the database and has no effect. One message is written for each channel.
	Channels(e database.Event) []string
	// Pump sends the messages that are due, and notes what became of them.
	Pump(ctx context.Context) error
}

// nobody is the notifier of a process without one.
type nobody struct{}

func (nobody) Channels(database.Event) []string { return nil }
func (nobody) Pump(context.Context) error       { return nil }

// Options are what a process needs.
type Options struct {
	DB        *database.DB
	Settings  *settings.Settings
	Library   *policy.Library // the policies
	LookupEnv func(name string) (value string, set bool)
	Notifier  Notifier // nil: there are no messages
	Log       *slog.Logger
	Tool      audit.Tool
	Role      string // as the list of processes has it
	Timing    Timing
}

// Fleet is a process of the fleet.
type Fleet struct {
	Options
	id      string
	reader  *source.Reader
	client  *river.Client[*sql.Tx]
	judges  *judges
	notes   *notes
	judging chan struct{}                     // bounds how many reports are judged at a time, for the memory that it takes
	scans   chan struct{}                     // and how many audits search repositories
	probes  func([]audit.Probe) []audit.Probe // for tests: in place of the probes there are; nil: all

	reloading sync.Mutex
	reloaded  int64 // newest job that the last reading was for

	mu      sync.Mutex
	running map[string]context.CancelCauseFunc // by run
	orphans map[string]bool                    // runs that could not be ended

	stopBeat context.CancelFunc
	beating  sync.WaitGroup
}

// New returns a process, which does nothing before it is started.
func New(o Options) (*Fleet, error) {
	if o.Notifier == nil {
		o.Notifier = nobody{}
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	f := &Fleet{
		Options: o, id: host + "-" + strings.ToLower(rand.Text()[:8]), judging: make(chan struct{}, runtime.GOMAXPROCS(0)), scans: make(chan struct{}, 1),
		running: map[string]context.CancelCauseFunc{}, orphans: map[string]bool{}, judges: newJudges(),
	}
	f.reader = source.NewReader(o.Settings, o.Library, o.LookupEnv, o.DB.Now, o.Log)
	f.notes = newNotes(o.DB, o.Timing.Patience)
	workers := river.NewWorkers()
	river.AddWorker(workers, river.WorkFunc(func(ctx context.Context, _ *river.Job[sweepArgs]) error { return f.sweep(ctx) }))
	river.AddWorker(workers, river.WorkFunc(func(ctx context.Context, _ *river.Job[checkArgs]) error { return f.check(ctx) }))
	river.AddWorker(workers, river.WorkFunc(func(ctx context.Context, _ *river.Job[retainArgs]) error { return f.retain(ctx) }))
	river.AddWorker(workers, river.WorkFunc(func(ctx context.Context, _ *river.Job[notifyArgs]) error { return f.Notifier.Pump(ctx) }))
	river.AddWorker(workers, river.WorkFunc(f.reloadJob))
	river.AddWorker(workers, &auditWorker{fleet: f})
	every := func(interval time.Duration, args river.JobArgs) *river.PeriodicJob {
		return river.NewPeriodicJob(river.PeriodicInterval(interval), func() (river.JobArgs, *river.InsertOpts) { return args, nil }, &river.PeriodicJobOpts{RunOnStart: true})
	}
	f.client, err = river.NewClient(o.DB.Driver(), &river.Config{
		ID: f.id, Queues: map[string]river.QueueConfig{queueUpkeep: {MaxWorkers: 4}, queueAudits: {MaxWorkers: o.Settings.Limits.Audits}},
		Workers: workers, Logger: slog.New(quiet{o.Log.Handler()}), MaxAttempts: 3, FetchOnlyKnownKinds: true, PollOnly: true,
		FetchPollInterval: o.Timing.Poll, FetchCooldown: min(o.Timing.Poll, 100*time.Millisecond), JobTimeout: 5 * time.Minute,
		RescueStuckJobsAfter: o.Settings.Limits.Timeout + time.Hour, // who is dead is noticed much earlier, by package work itself
		PeriodicJobs: []*river.PeriodicJob{
			every(o.Timing.Sweep, sweepArgs{}), every(o.Timing.Reload, reloadArgs{}), every(o.Timing.Check, checkArgs{}), every(o.Timing.Retain, retainArgs{}),
			every(o.Timing.Messages, notifyArgs{}),
		},
	})
	if err != nil {
		return nil, fmt.Errorf("prepare the queue: %w", err)
	}
	return f, nil
}

// quiet passes on what a person should know of River's log.
type quiet struct{ slog.Handler }

func (q quiet) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && q.Handler.Enabled(ctx, level)
}

// ID names the process in the tables.
func (f *Fleet) ID() string { return f.id }

// Start begins to work. The work goes on until Stop.
func (f *Fleet) Start(ctx context.Context) error {
	if err := f.enlist(ctx); err != nil {
		return err
	}
	ctx, f.stopBeat = context.WithCancel(context.WithoutCancel(ctx))
	f.beating.Go(func() { f.beat(ctx) })
	if err := f.client.Start(ctx); err != nil {
		return fmt.Errorf("start the queue: %w", err)
	}
	return nil
}

// Stop ends the work: nothing new begins, and audits under way are given a while before they are cut short, to be made again by others.
func (f *Fleet) Stop() error {
	soft, cancel := context.WithTimeout(context.Background(), f.Timing.Stop)
	defer cancel()
	err := f.client.Stop(soft)
	if err != nil {
		hard, cancel := context.WithTimeout(context.Background(), f.Timing.Stop)
		defer cancel()
		err = f.client.StopAndCancel(hard)
	}
	f.stopBeat()
	f.beating.Wait()
	return errors.Join(err, f.DB.Write(context.Background(), func(tx *database.Tx) error {
		_, err := tx.RemoveWorker(context.Background(), f.id, -1)
		return err
	}))
}

// The arguments of jobs.
type (
	sweepArgs  struct{}
	checkArgs  struct{}
	retainArgs struct{}
	notifyArgs struct{}
	reloadArgs struct{}
	auditArgs  struct {
		Integration string `json:"integration" river:"unique"`
	}
)

func (sweepArgs) Kind() string  { return "sweep" }
func (checkArgs) Kind() string  { return "check" }
func (retainArgs) Kind() string { return "retain" }
func (notifyArgs) Kind() string { return "notify" }
func (reloadArgs) Kind() string { return "reload" }
func (auditArgs) Kind() string  { return "audit" }

func (sweepArgs) InsertOpts() river.InsertOpts  { return river.InsertOpts{Queue: queueUpkeep} }
func (checkArgs) InsertOpts() river.InsertOpts  { return river.InsertOpts{Queue: queueUpkeep} }
func (retainArgs) InsertOpts() river.InsertOpts { return river.InsertOpts{Queue: queueUpkeep} }
func (notifyArgs) InsertOpts() river.InsertOpts { return river.InsertOpts{Queue: queueUpkeep} }
func (reloadArgs) InsertOpts() river.InsertOpts { return river.InsertOpts{Queue: queueUpkeep} }

// maxAttempts is how often an audit is begun whose worker goes away in it: it may be the audit that kills. The attempts are days apart
// in the end.
const maxAttempts = 20

// InsertOpts makes one job at a time for an integration. Those that have come to an end do not count, or an integration could be audited
// once a day only.
func (auditArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: queueAudits, MaxAttempts: maxAttempts, UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: []rivertype.JobState{
		rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRunning, rivertype.JobStateScheduled, rivertype.JobStateRetryable,
	}}}
}

// priority is River's, from 1: people wait for what was asked for.
func priority(reason string) int {
	switch reason {
	case database.ReasonByHand, database.ReasonDeploy:
		return 1
	case database.ReasonConfig, database.ReasonNew:
		return 2
	case database.ReasonSchedule, "":
		return 3
	}
	return 4
}

// queue inserts the jobs of integrations, and notes them.
func queue(ctx context.Context, client *river.Client[*sql.Tx], tx *database.Tx, due []database.Integration) error {
	if len(due) == 0 {
		return nil
	}
	jobs := make([]river.InsertManyParams, len(due))
	for i, one := range due {
		jobs[i] = river.InsertManyParams{Args: auditArgs{one.Name}, InsertOpts: &river.InsertOpts{Priority: priority(one.DueReason)}}
	}
	results, err := client.InsertManyTx(ctx, tx.SQL, jobs)
	if err != nil {
		return fmt.Errorf("queue audits: %w", err)
	}
	for i, result := range results {
		if err := tx.SetJob(ctx, due[i].Name, result.Job.ID); err != nil {
			return err
		}
	}
	return nil
}
