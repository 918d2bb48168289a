// Package runner runs probes side by side and makes one document of what they emit. A probe that fails, panics, runs too long or
// emits too much is told apart in its status; it never takes the others down.
package runner

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
)

// Bounds of a document: policies take memory and time in proportion to it, and a running builtin cannot be interrupted.
const (
	MaxFactBytes    = 4 << 20 // all facts together, JSON
	MaxFactsPerKind = 4000
)

// Progress is told how the probes get on. Calls come from several goroutines.
type Progress interface {
	Start(probe audit.Probe)
	Step(probe audit.Probe, done, total int)
	End(probe audit.Probe, status audit.ProbeStatus)
}

// Options are the side effects of a run.
type Options struct {
	Probes   []audit.Probe          // every known one
	Needed   func(kind string) bool // whether a selected check reads the kind; nil: all
	Network  audit.Network
	Exec     audit.Exec
	Roots    audit.Roots
	Now      func() time.Time
	Progress Progress // may be nil
	// Notice, Sending, Selected and OnlyMarked are those of audit.Run.
	Notice     func(text string)
	Sending    func(ctx context.Context, event audit.SentEvent) error
	Selected   func(check string) bool
	OnlyMarked bool
	Tool       audit.Tool
	// Exposures are those that earlier audits saw, of any key.
	Exposures []audit.Exposure
	Grace     time.Duration // how long probes may take to stop once the context is done; default 300 ms
}

// Run runs the probes that are needed and returns what they found. It returns also when ctx is done, with what is known by then.
func Run(ctx context.Context, integration *audit.Integration, options Options) *audit.Document {
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.Grace == 0 {
		options.Grace = 300 * time.Millisecond
	}
	c := newCollector(integration, options)
	id := newRunID()
	c.doc.RunID = id
	ledger, shared := &audit.Ledger{}, &audit.Shared{}
	redactor := integration.Redactor()
	var wg, preparing sync.WaitGroup
	var follow []func()
	prepared := make(chan struct{})
	for _, probe := range options.Probes {
		c.add(probe)
	}
	for _, state := range c.states {
		if !state.needed {
			continue
		}
		probe := state.probe
		run := options.run(integration, id, ledger, state)
		run.Shared = shared
		run.Progress = func(done, total int) {
			if options.Progress != nil {
				options.Progress.Step(probe, done, total)
			}
		}
		if options.Progress != nil {
			options.Progress.Start(probe)
		}
		if preparer, ok := probe.(audit.Preparer); ok {
			preparing.Go(func() {
				if err := guarded(func() error { preparer.Prepare(ctx, run); return nil }); err != nil {
					state.mu.Lock()
					defer state.mu.Unlock()
					state.fault(err)
				}
			})
		}
		follower, twoPhases := probe.(audit.Follower)
		wg.Go(func() {
			<-prepared
			err := guarded(func() error { return probe.Run(ctx, run) })
			state.end(err, ctx, redactor, options.Progress, !twoPhases)
		})
		if twoPhases {
			follow = append(follow, func() {
				err := guarded(func() error { return follower.Follow(ctx, run) })
				state.end(err, ctx, redactor, options.Progress, true)
			})
		}
	}
	done := make(chan struct{})
	go func() {
		preparing.Wait()
		close(prepared)
		wg.Wait()
		for _, phase := range follow {
			wg.Go(phase)
		}
		wg.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		select { // probes hand over what they know, and one that does not stop is left behind
		case <-done:
		case <-time.After(options.Grace):
		}
	}
	return c.finish(ctx.Err() != nil)
}

// run is what a probe gets.
func (o Options) run(integration *audit.Integration, id string, ledger *audit.Ledger, sink audit.Sink) *audit.Run {
	return &audit.Run{
		Integration: integration, ID: id, UserAgent: o.Tool.Name + "/" + o.Tool.Version + " run/" + id,
		Now: o.Now, Network: o.Network, Exec: o.Exec, Roots: o.Roots, Ledger: ledger, Sink: sink,
		Notice: o.Notice, Sending: o.Sending, Selected: o.Selected, OnlyMarked: o.OnlyMarked,
	}
}

// guarded turns a panic into an error without its value, which may hold anything.
func guarded(f func() error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = fmt.Errorf("internal error (%s); please report it", reflect.TypeOf(value))
		}
	}()
	return f()
}

func newRunID() string {
	return strings.ToLower(rand.Text()[:12])
}

// collector gathers what the probes emit.
type collector struct {
	mu     sync.Mutex
	doc    *audit.Document
	now    func() time.Time
	needed func(string) bool
	states []*probeState
	bytes  int
	closed bool
}

func newCollector(integration *audit.Integration, options Options) *collector {
	doc := &audit.Document{
		Schema: audit.FactsSchema, Tool: options.Tool, Integration: *integration, ConfigDigest: integration.Digest,
		StartedAt: options.Now().UTC().Truncate(time.Millisecond), Facts: map[string][]json.RawMessage{},
		Scope: audit.Scope{
			Authorized: integration.Authorized,
			Probing:    map[string]string{}, Overrides: []audit.Override{}, DeclaredEmpty: append([]audit.EmptySection{}, integration.DeclaredEmpty...), Skipped: []audit.Skipped{}, Addresses: []audit.Address{},
			Repositories: []audit.RepositoryScope{}, Keys: []audit.KeyScope{}, Requests: map[string]int{}, Sent: []audit.SentEvent{},
			Digests: map[string]string{}, Exposures: exposures(integration, options.Exposures),
		},
	}
	for _, environment := range integration.Environments {
		doc.Scope.Probing[environment.Name] = environment.Probing
	}
	return &collector{doc: doc, now: options.Now, needed: options.Needed}
}

// exposures gives those of keys in use their place in the configuration: a row for each place, and one for a key that is not in use.
func exposures(integration *audit.Integration, seen []audit.Exposure) []audit.Exposure {
	rows := []audit.Exposure{}
	for _, exposure := range seen {
		before := len(rows)
		row := func(key secret.Key, environment, role string) {
			if key.Fingerprint() == exposure.Fingerprint {
				exposure.KeyEnvironment, exposure.Role = environment, role
				rows = append(rows, exposure)
			}
		}
		for _, environment := range integration.Environments {
			row(environment.Key.Key, environment.Name, "current")
		}
		for _, retired := range integration.RetiredKeys {
			row(retired.Key, retired.Environment, "retired")
		}
		if len(rows) == before {
			exposure.KeyEnvironment, exposure.Role = "", ""
			rows = append(rows, exposure)
		}
	}
	return rows
}

// probeState is one probe's sink and status.
type probeState struct {
	*collector
	probe  audit.Probe
	kinds  map[string]reflect.Type
	needed bool
	failed error // first fault of the probe's own use of the sink, or of a bound
	status audit.ProbeStatus
}

func (c *collector) add(probe audit.Probe) {
	state := &probeState{collector: c, probe: probe, kinds: map[string]reflect.Type{}}
	state.status = audit.ProbeStatus{Name: probe.Name(), Kinds: []string{}, State: audit.ProbeSkipped, Reason: "no selected check needs it"}
	for _, kind := range probe.Kinds() {
		state.kinds[kind.Name] = kind.Type
		state.status.Kinds = append(state.status.Kinds, kind.Name)
		c.doc.Facts[kind.Name] = []json.RawMessage{}
		state.needed = state.needed || c.needed == nil || c.needed(kind.Name)
	}
	if state.needed {
		state.status.State, state.status.Reason = audit.ProbeCutShort, "it was interrupted before it was done"
	}
	c.states = append(c.states, state)
}

// Emit implements audit.Sink.
func (s *probeState) Emit(kind string, fact any) {
	raw, err := json.Marshal(fact)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch declared := s.kinds[kind]; {
	case s.closed:
	case err != nil:
		s.fault(fmt.Errorf("a fact of kind %s cannot be written as JSON", kind))
	case declared == nil || reflect.TypeOf(fact) != declared:
		s.fault(fmt.Errorf("the probe emitted a fact that it does not declare, of kind %s", kind))
	case s.bytes+len(raw) > MaxFactBytes || len(s.doc.Facts[kind]) >= MaxFactsPerKind:
		s.fault(fmt.Errorf("there were more facts than a document holds (%d of a kind, %d MB in all); what came later was left out", MaxFactsPerKind, MaxFactBytes>>20))
	default:
		s.bytes += len(raw)
		s.doc.Facts[kind] = append(s.doc.Facts[kind], raw)
	}
}

func (s *probeState) fault(err error) {
	if s.failed == nil {
		s.failed = err
	}
}

// Scope implements audit.Sink.
func (s *probeState) Scope(change func(*audit.Scope)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		change(&s.doc.Scope)
	}
}

// end sets the status after a phase; last tells whether no other follows. A fault of the first phase is kept through the second.
func (s *probeState) end(err error, ctx context.Context, redactor *secret.Redactor, progress Progress, last bool) {
	s.mu.Lock()
	if err != nil && s.failed == nil {
		s.failed = err
	}
	if s.closed || !last && s.failed == nil {
		s.mu.Unlock()
		return
	}
	switch {
	case s.failed == nil:
		s.status.State, s.status.Reason = audit.ProbeComplete, ""
	case ctx.Err() != nil && errors.Is(s.failed, ctx.Err()):
		s.status.State, s.status.Reason = audit.ProbeCutShort, "it was interrupted before it was done"
	default:
		s.status.State, s.status.Reason = audit.ProbeFailed, redactor.RedactString(s.failed.Error())
	}
	status := s.status
	s.mu.Unlock()
	if progress != nil && last {
		progress.End(s.probe, status)
	}
}

// finish closes the document: what a probe that was left behind emits later is dropped.
func (c *collector) finish(cutShort bool) *audit.Document {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	c.doc.CutShort = cutShort
	c.doc.FinishedAt = c.now().UTC().Truncate(time.Millisecond)
	c.doc.Probes = []audit.ProbeStatus{}
	for _, state := range c.states {
		c.doc.Probes = append(c.doc.Probes, state.status)
	}
	for _, facts := range c.doc.Facts { // parallel probes emit in any order; the document's order is that of its content
		slices.SortFunc(facts, func(a, b json.RawMessage) int { return strings.Compare(string(a), string(b)) })
	}
	scope := &c.doc.Scope
	slices.SortFunc(scope.Addresses, func(a, b audit.Address) int {
		return strings.Compare(a.Environment+" "+a.Host+" "+a.Address, b.Environment+" "+b.Host+" "+b.Address)
	})
	scope.Addresses = slices.Compact(scope.Addresses)
	slices.SortFunc(scope.Skipped, func(a, b audit.Skipped) int {
		return strings.Compare(a.What+" "+a.Environment+" "+a.Reason, b.What+" "+b.Environment+" "+b.Reason)
	})
	scope.Skipped = slices.Compact(scope.Skipped)
	slices.SortStableFunc(scope.Sent, func(a, b audit.SentEvent) int { return a.At.Compare(b.At) })
	return c.doc
}
