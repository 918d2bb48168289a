package work

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/riverqueue/river"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/auditor"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/database"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/findings"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/lease"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/schedule"
	"github.com/prelaunch-audit/prelaunch/internal/history"
	"github.com/prelaunch-audit/prelaunch/internal/policy"
	"github.com/prelaunch-audit/prelaunch/internal/report"
	"github.com/prelaunch-audit/prelaunch/internal/runner"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
)

// auditWorker audits one integration.
type auditWorker struct {
	river.WorkerDefaults[auditArgs]
	fleet *Fleet
}

// Timeout is far above what an audit may take, which ends earlier by itself: River's end would leave nothing behind.
func (w *auditWorker) Timeout(*river.Job[auditArgs]) time.Duration {
	return w.fleet.Settings.Limits.Timeout + 10*time.Minute
}

// Work audits the integration of a job.
func (w *auditWorker) Work(ctx context.Context, job *river.Job[auditArgs]) error {
	return w.fleet.audit(ctx, job.ID, job.Args.Integration)
}

// Why a run is cut short.
var (
	errTimeout = errors.New("the audit took longer than it may")
	errDead    = errors.New("other processes consider this one dead")
	errNotes   = errors.New("the events that are sent cannot be noted")
)

// notAudited is how many runs in a row may fail before somebody is told.
const notAudited = 3

func (f *Fleet) audit(ctx context.Context, job int64, name string) error {
	a := &auditing{Fleet: f, log: f.Log.With("integration", name), run: database.Run{
		ID: strings.ToLower(rand.Text()[:12]), Integration: name, Started: f.DB.Now(), Worker: f.id, Version: f.Tool.Version, Job: job,
	}}
	a.log = a.log.With("run", a.run.ID)
	i, err := f.DB.Integration(ctx, name)
	if errors.Is(err, database.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return a.audit(ctx, i)
}

// auditing is one run while it lasts.
type auditing struct {
	*Fleet
	run     database.Run
	team    string
	targets lease.Targets
	log     *slog.Logger
}

func (a *auditing) audit(ctx context.Context, i database.Integration) error {
	a.team = i.Team
	if wanted, err := a.wanted(ctx, i); err != nil || !wanted {
		return err
	}
	integration, exec, err := a.reader.Load(ctx, i.Name, i.Team, i.Source, i.Path)
	if ctx.Err() != nil {
		return river.JobSnooze(0)
	}
	var options runner.Options
	if err == nil {
		options, err = auditor.Options(integration, exec)
	}
	if err == nil {
		a.targets = lease.Of(ctx, integration, options.Network)
	}
	cannot := err // the run begins all the same, so that it is seen why it could not be made
	if cannot != nil {
		a.targets = lease.Targets{}
	}
	switch began, err := a.begin(ctx); {
	case err != nil:
		return err
	case began == busy:
		wait := a.Timing.Busy
		return river.JobSnooze(wait + time.Duration(mathrand.Int64N(int64(3*wait))))
	case began == postponed:
		return nil
	}
	a.log.Info("an audit begins", "reason", a.run.Reason)
	limited, timeout := context.WithTimeoutCause(ctx, a.Settings.Limits.Timeout, errTimeout)
	defer timeout()
	running, cancel := context.WithCancelCause(limited)
	defer cancel(nil)
	a.track(a.run.ID, cancel)
	defer a.untrack(a.run.ID)
	var document *audit.Document
	var judged *audit.Report
	if cannot == nil {
		cannot = guarded(func() (err error) {
			document, judged, err = a.probe(running, cancel, integration, options)
			return err
		})
	}
	redactor := secret.NewRedactor()
	if integration != nil {
		redactor = integration.Redactor()
	}
	switch cause := context.Cause(running); {
	case errors.Is(cause, errDead):
		a.log.Info("an audit is given up: other processes consider this one dead")
		return river.JobSnooze(a.Timing.Busy)
	case errors.Is(cause, errNotes):
		cannot = errNotes
	case cause != nil && !errors.Is(cause, errTimeout): // the process is being stopped
		a.lose(context.WithoutCancel(ctx), "its worker was stopped")
		return river.JobSnooze(0)
	case cause != nil:
		cannot = fmt.Errorf("%w (%v)", errTimeout, a.Settings.Limits.Timeout)
	}
	if cannot != nil {
		return a.end(ctx, nil, nil, redactor.RedactString(report.Plain(cannot.Error())), redactor)
	}
	return a.end(ctx, document, judged, "", redactor)
}

// wanted reports whether the job is still to be done.
func (a *auditing) wanted(ctx context.Context, i database.Integration) (bool, error) {
	if i.Job != a.run.Job { // it was done, or another one is for it
		return false, nil
	}
	if i.Refusal() == "" {
		return true, nil
	}
	return false, a.DB.Write(ctx, func(tx *database.Tx) error { return tx.SetJob(ctx, i.Name, 0) })
}

// guarded turns a panic into an error without its value, which may hold anything.
func guarded(do func() error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = fmt.Errorf("internal error (%s); please report it", reflect.TypeOf(value))
		}
	}()
	return do()
}

// beginning is what became of an attempt to begin.
type beginning int

const (
	began beginning = iota
	busy
	postponed
)

var errBusy = errors.New("a target is busy")

// turn is for how many times Timing.Busy a team that waits for a host keeps its turn. It comes back after four of them at the latest.
const turn = 10

// begin takes the targets and writes the run, or puts it off.
func (a *auditing) begin(ctx context.Context) (outcome beginning, err error) {
	target := "" // that is busy
	err = a.DB.Write(ctx, func(tx *database.Tx) error {
		i, err := tx.Integration(ctx, a.run.Integration)
		if err != nil {
			return err
		}
		if i.Job != a.run.Job {
			outcome = postponed
			return nil
		}
		if a.run.Reason, err = a.reason(ctx, tx, i); err != nil {
			return err
		}
		now := tx.Now()
		if a.run.Reason != database.ReasonByHand && a.run.Reason != database.ReasonDeploy {
			until, err := lease.Down(ctx, tx, a.team, a.targets)
			if err != nil {
				return err
			}
			if end, quiet := a.Settings.Quiet.Until(now); quiet {
				until = end.Add(schedule.Spread(i.Name, time.Hour))
			}
			if until.After(now) {
				outcome = postponed
				return errors.Join(tx.SetDue(ctx, i.Name, until, i.DueReason), tx.SetJob(ctx, i.Name, 0))
			}
		}
		claim := lease.Claim{Run: a.run.ID, Worker: a.id, Team: a.team, Patience: turn * a.Timing.Busy}
		if target, err = lease.Take(ctx, tx, claim, a.targets, a.Settings.Limits.PerAddress); err != nil {
			return err
		}
		if target != "" {
			return errBusy
		}
		if i.NextDue, err = schedule.Next(a.Settings.Cron(i.Name, i.Team), i.Name, now); err != nil {
			return err
		}
		i.DueReason = ""
		return errors.Join(tx.PutIntegration(ctx, i), tx.BeginRun(ctx, a.run))
	})
	if errors.Is(err, errBusy) {
		return busy, a.DB.Write(ctx, func(tx *database.Tx) error { return lease.Wait(ctx, tx, a.team, target) })
	}
	return outcome, err
}

// reason is why the integration is audited: a job that is done again keeps its first reason.
func (a *auditing) reason(ctx context.Context, tx *database.Tx, i database.Integration) (string, error) {
	if i.DueReason != "" {
		return i.DueReason, nil
	}
	reason, err := tx.ReasonOf(ctx, a.run.Job)
	if reason == "" {
		reason = database.ReasonSchedule
	}
	return reason, err
}

// probe gathers the facts and judges them.
func (a *auditing) probe(ctx context.Context, cancel context.CancelCauseFunc, integration *audit.Integration, options runner.Options) (*audit.Document, *audit.Report, error) {
	profile, err := auditor.Profile(integration)
	if err != nil {
		return nil, nil, err
	}
	judge, err := a.judges.of(context.WithoutCancel(ctx), a.Library, profile)
	if err != nil {
		return nil, nil, err
	}
	if options.Exposures, err = a.exposures(ctx, integration); err != nil {
		return nil, nil, err
	}
	options.Now, options.Tool, options.Needed, options.Selected = a.DB.Now, a.Tool, judge.selection.Reads, judge.selection.Selects
	if a.probes != nil {
		options.Probes = a.probes(options.Probes)
	}
	for i, probe := range options.Probes {
		if probe.Name() == "repositories" {
			options.Probes[i] = oneAtATime{probe, a.scans}
		}
	}
	options.Sending = func(ctx context.Context, event audit.SentEvent) error {
		err := a.notes.add(ctx, database.Sent{Run: a.run.ID, Integration: a.run.Integration, Environment: event.Environment, UID: event.UID, EventType: event.EventType, At: event.At})
		if err != nil {
			cancel(errNotes)
		}
		return err
	}
	document := runner.Run(ctx, integration, options)
	if ctx.Err() != nil {
		return nil, nil, context.Cause(ctx)
	}
	document.Profile = profile
	auditor.Describe(document, integration, a.reader.Overrides(integration.Name, a.team), a.LookupEnv)
	a.judging <- struct{}{}
	defer func() { <-a.judging }()
	judged, err := auditor.Judge(ctx, document, judge.library, judge.selection, judge.judge, "")
	return document, judged, err
}

// oneAtATime is a probe of which one runs at a time in a process.
type oneAtATime struct {
	audit.Probe
	free chan struct{}
}

// Run implements audit.Probe.
func (p oneAtATime) Run(ctx context.Context, run *audit.Run) error {
	select {
	case p.free <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-p.free }()
	return p.Probe.Run(ctx, run)
}

// exposures are those that earlier audits saw: a key does not become secret again.
func (a *auditing) exposures(ctx context.Context, integration *audit.Integration) ([]audit.Exposure, error) {
	i, err := a.DB.Integration(ctx, integration.Name)
	if err != nil || i.LastRun == "" {
		return nil, err
	}
	run, err := a.DB.Run(ctx, i.LastRun)
	if err != nil || run.Facts == "" {
		return nil, err
	}
	facts, err := a.DB.Document(ctx, run.Facts)
	if err != nil {
		return nil, err
	}
	inUse := []string{}
	for _, key := range integration.Keys() {
		inUse = append(inUse, key.Fingerprint())
	}
	return history.MergeExposures(history.Exposures(facts), inUse...), nil
}

// end writes what a run has come to, in one transaction; where the database is away it is waited for. Nothing is written where the run is
// no longer this process's.
func (a *auditing) end(ctx context.Context, document *audit.Document, judged *audit.Report, problem string, redactor *secret.Redactor) error {
	a.run.State, a.run.Problem = database.Failed, problem
	var documents []database.PackedDocument
	if judged != nil {
		var err error
		if documents, err = a.pack(document, judged, redactor); err != nil {
			a.run.Problem, judged = err.Error(), nil
		}
	}
	if judged != nil {
		a.run.State, a.run.Status, a.run.Summary, a.run.ConfigDigest, a.run.PolicyDigest = database.Finished, statusOf(judged), judged.Summary, judged.ConfigDigest, judged.PolicyDigest
		a.run.Report, a.run.Facts, a.run.ValidUntil = documents[0].Digest, documents[1].Digest, judged.ValidUntil.AddDays(1).Time()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.Timing.Patience)
	defer cancel()
	err := persist(ctx, func() error {
		return a.DB.Write(ctx, func(tx *database.Tx) error { return a.write(ctx, tx, documents, document, judged) })
	})
	if err != nil {
		a.orphan(a.run.ID)
		return fmt.Errorf("write the run: %w", err)
	}
	a.log.Info("an audit ends", "state", a.run.State, "status", a.run.Status, "problem", a.run.Problem)
	return nil
}

// persist does something until it succeeds or ctx ends: a database may be away for a while.
func persist(ctx context.Context, do func() error) error {
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		err := do()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(wait):
		}
	}
}

func (a *auditing) pack(document *audit.Document, judged *audit.Report, redactor *secret.Redactor) ([]database.PackedDocument, error) {
	a.judging <- struct{}{}
	defer func() { <-a.judging }()
	var text bytes.Buffer
	if err := report.Write(&text, "json", judged, report.Options{Redactor: redactor}); err != nil {
		return nil, fmt.Errorf("write the report: %w", err)
	}
	if _, err := report.Read(text.Bytes()); err != nil { // what cannot be read back is no report
		return nil, fmt.Errorf("write the report: %w", err)
	}
	facts, err := document.Encode()
	if err != nil {
		return nil, err
	}
	return []database.PackedDocument{database.Pack(text.Bytes()), database.Pack(redactor.Redact(facts))}, nil
}

func statusOf(r *audit.Report) string {
	switch {
	case r.Ready:
		return database.Ready
	case r.Summary.Fail > 0:
		return database.NotReady
	}
	return database.NotProven
}

// write is the transaction at the end of a run.
func (a *auditing) write(ctx context.Context, tx *database.Tx, documents []database.PackedDocument, document *audit.Document, judged *audit.Report) error {
	a.run.Finished = tx.Now()
	ended, err := tx.EndRun(ctx, a.run)
	if err != nil {
		return err
	}
	if !ended { // others have ended it, or its integration was forgotten: nobody else knows then what it has taken
		return tx.ReleaseLeases(ctx, a.run.ID)
	}
	i, err := tx.Integration(ctx, a.run.Integration)
	if err != nil {
		return err
	}
	for _, packed := range documents {
		if err := tx.PutDocument(ctx, packed); err != nil {
			return err
		}
	}
	if i.Job == a.run.Job {
		i.Job = 0
	}
	before, failures := i.Status, i.Failures
	if judged == nil {
		i.Failures++
	} else {
		i.Failures, i.LastRun, i.LastFinished, i.ValidUntil, i.PolicyDigest = 0, a.run.ID, a.run.Finished, a.run.ValidUntil, a.run.PolicyDigest
		if i.Status != a.run.Status {
			i.Status, i.StatusSince = a.run.Status, a.run.Finished
		}
		if a.run.Status == database.Ready {
			i.LastPassed = a.run.ID
		}
	}
	if err := errors.Join(tx.PutIntegration(ctx, i), tx.ReleaseLeases(ctx, a.run.ID)); err != nil {
		return err
	}
	if judged == nil {
		if i.Failures != notAudited {
			return nil
		}
		return a.event(ctx, tx, i, database.Event{Kind: database.EventNotAudited, Run: a.run.ID, Message: fmt.Sprintf("%d audits in a row could not be made: %s", i.Failures, a.run.Problem)})
	}
	if err := tx.SettleSent(ctx, a.run.ID, i.Name, document.Scope.Sent); err != nil {
		return err
	}
	if !i.RemovedAt.IsZero() { // meanwhile: nobody is told of what is no longer there
		return nil
	}
	if err := tx.SetExpiries(ctx, i.Name, database.OfReport, seenExpiries(document, judged)); err != nil {
		return err
	}
	if err := lease.Note(ctx, tx, a.team, a.targets, down(document)); err != nil {
		return err
	}
	if failures >= notAudited {
		if err := a.event(ctx, tx, i, database.Event{Kind: database.EventAudited, Run: a.run.ID, Message: "It could be audited again"}); err != nil {
			return err
		}
	}
	if err := a.transition(ctx, tx, i, before); err != nil {
		return err
	}
	return a.changes(ctx, tx, i, judged)
}

// transition raises an event where an integration became ready or no longer is.
func (a *auditing) transition(ctx context.Context, tx *database.Tx, i database.Integration, before string) error {
	e := database.Event{Run: a.run.ID, Data: map[string]string{"status": i.Status, "before": before}}
	switch {
	case i.Status == before || before == database.Unknown && i.Status != database.Ready:
		return nil
	case i.Status == database.Ready:
		e.Kind, e.Message = database.EventReadyGained, "It is ready"
	case before == database.Ready || before == database.Expired:
		e.Kind, e.Message = database.EventReadyLost, "It is no longer ready"
	default:
		return nil
	}
	return a.event(ctx, tx, i, e)
}

func (a *auditing) changes(ctx context.Context, tx *database.Tx, i database.Integration, judged *audit.Report) error {
	changes, err := findings.Changes(ctx, tx, a.run.ID, judged)
	if err != nil {
		return err
	}
	for _, c := range changes {
		if err := tx.PutFinding(ctx, c.Finding); err != nil {
			return err
		}
		if c.Event == "" {
			continue
		}
		data := map[string]string{"check": c.Finding.Check, "environment": c.Finding.Environment, "severity": c.Finding.Severity, "level": c.Finding.Level, "outcome": c.Finding.Outcome, "reason": c.Reason}
		if err := a.event(ctx, tx, i, database.Event{Kind: c.Event, Run: a.run.ID, Finding: c.Finding.ID, Message: c.Finding.Message, Data: data}); err != nil {
			return err
		}
	}
	return nil
}

// down reports, by the facts, which hosts could not be reached.
func down(document *audit.Document) func(target string) bool {
	hosts := map[string]bool{}
	for _, raw := range document.Facts["webhook.baseline"] {
		var baseline struct {
			URL   string `json:"url"`
			State string `json:"state"`
		}
		if err := json.Unmarshal(raw, &baseline); err != nil || baseline.State != "unreachable" {
			continue
		}
		if receiver, err := url.Parse(baseline.URL); err == nil {
			hosts[lease.Host(receiver.Hostname())] = true
		}
	}
	return func(target string) bool { return hosts[target] }
}

// lose ends a run that is to be made again.
func (a *auditing) lose(ctx context.Context, problem string) {
	ctx, cancel := context.WithTimeout(ctx, a.Timing.Beat)
	defer cancel()
	a.run.State, a.run.Problem, a.run.Finished = database.Lost, problem, a.DB.Now()
	err := a.DB.Write(ctx, func(tx *database.Tx) error {
		_, err := tx.EndRun(ctx, a.run)
		return errors.Join(err, tx.ReleaseLeases(ctx, a.run.ID))
	})
	if err != nil {
		a.orphan(a.run.ID)
	}
}

// judge is the policies as compiled for a provider.
type judge struct {
	library   *policy.Library
	selection policy.Selection
	judge     *policy.Judge
}

// maxJudges bounds how many are kept: one for each provider, and for each profile of a team's own.
const maxJudges = 40

// judges compiles the policies once for each provider.
type judges struct {
	mu    sync.Mutex
	made  map[string]*judge
	order []string
}

func newJudges() *judges { return &judges{made: map[string]*judge{}} }

func (j *judges) of(ctx context.Context, library *policy.Library, profile audit.Profile) (*judge, error) {
	text, err := json.Marshal(profile)
	if err != nil {
		return nil, fmt.Errorf("read the profile: %w", err)
	}
	key := audit.Digest(text)
	j.mu.Lock()
	defer j.mu.Unlock()
	if made, ok := j.made[key]; ok {
		return made, nil
	}
	made := &judge{library: library.For(profile)}
	if made.selection, err = made.library.Select(nil, nil); err != nil {
		return nil, err
	}
	if made.judge, err = made.library.Compile(ctx, made.selection); err != nil {
		return nil, err
	}
	if len(j.order) == maxJudges {
		delete(j.made, j.order[0])
		j.order = slices.Delete(j.order, 0, 1)
	}
	j.made[key], j.order = made, append(j.order, key)
	return made, nil
}
