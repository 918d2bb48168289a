package webhook

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/netprobe"
	"github.com/prelaunch-audit/prelaunch/probes/webhook/cases"
	"github.com/prelaunch-audit/prelaunch/probes/webhook/send"
)

// States of an observer, as in Baseline.Observer.
const (
	observerAsked      = "asked"
	observerNotAllowed = "not_allowed"
	observerFailed     = "failed"
	observerFixedUIDs  = "fixed_uids"
	observerCredulous  = "credulous"
)

// observer is the configured command that reports whether an event was processed.
type observer struct {
	exec    audit.Exec
	command audit.Command

	mu    sync.Mutex
	state string
	sees  bool // it has seen a valid event processed that was sent after the forgeries
}

// newObserver returns nil where none is configured. With configured UIDs its result cannot be
// attributed to one event, so it is not asked.
func newObserver(exec audit.Exec, environment audit.Environment) *observer {
	if !environment.HasEffects {
		return nil
	}
	o := &observer{exec: exec, command: environment.Effects, state: observerAsked}
	if len(environment.ProbeUIDs) > 0 {
		o.state = observerFixedUIDs
	}
	return o
}

func (o *observer) active() bool {
	if o == nil {
		return false
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.state == observerAsked
}

// try asks about an event that was never sent: an observer which has seen that one processed proves
// nothing.
func (o *observer) try(ctx context.Context, uid string) {
	if o.ask(ctx, uid) == EffectProcessed {
		o.give(observerCredulous)
	}
}

// ask returns the observer's result for one UID, "" when it cannot be asked.
func (o *observer) ask(ctx context.Context, uid string) string {
	effect, _ := o.count(ctx, uid)
	return effect
}

// count also returns how often the event was processed, where the observer prints a number; else 0.
func (o *observer) count(ctx context.Context, uid string) (effect string, times int) {
	if !o.active() {
		return "", 0
	}
	asked := audit.Command{Args: make([]string, len(o.command.Args)), Env: o.command.Env}
	for i, arg := range o.command.Args {
		asked.Args[i] = strings.ReplaceAll(arg, "{uid}", uid)
	}
	output, exit, err := o.exec(ctx, asked)
	switch {
	case ctx.Err() != nil:
		return "", 0
	case errors.Is(err, audit.ErrCommandsNotAllowed):
		o.give(observerNotAllowed)
		return "", 0
	case err != nil:
		o.give(observerFailed)
		return "", 0
	case exit == 0:
		if number, err := strconv.Atoi(string(bytes.TrimSpace(output))); err == nil && number > 0 {
			times = number
		}
		return EffectProcessed, times
	case exit == 1:
		return EffectNotProcessed, 0
	}
	return EffectUnknown, 0
}

func (o *observer) give(state string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.state = state
}

// observeCareful asks at once what became of requests, where a family ends at its first acceptance.
func (p *prober) observeCareful(ctx context.Context, t *transcript, records []*record) {
	if !t.full() && p.observer.active() {
		send.Each(records, func(r *record) { r.fact.Effect = p.observer.ask(ctx, r.uid) })
	}
}

// observe sends one more valid event, waits until the observer has seen it processed, and then asks
// about everything that was sent before: only now does "not processed" mean that it will not be.
func (p *prober) observe(ctx context.Context, t *transcript) bool {
	if !p.observer.active() {
		return true
	}
	if t.full() && p.canSign() && t.baseline.Genuine && !t.baseline.Unresponsive {
		j := validJob(cases.FamilyControl, "last", t.event)
		j.purpose = PurposeControl
		last := p.sendOne(ctx, t, j)
		p.observer.sees = t.success(last.fact.Status) && p.processed(ctx, last.uid)
		if p.observer.sees {
			last.fact.Effect = EffectProcessed
		}
		t.keep(last)
	}
	var asked []*record
	for _, r := range slices.Concat(t.records, t.instances) {
		if r.uid != "" && r.fact.NotSent == "" && r.fact.Effect != EffectProcessed {
			asked = append(asked, r)
		}
	}
	send.Each(asked, func(r *record) {
		effect, times := p.observer.count(ctx, r.uid)
		r.fact.Effect = effect
		if r.fact.Family == cases.FamilyRedelivery { // only these are meant to be the same event
			r.fact.Processed = times
		}
	})
	for _, r := range asked {
		if r.fact.Effect == EffectProcessed && r.fact.Status/100 != 2 {
			t.accepted = append(t.accepted, audit.SentEvent{
				Environment: p.environment.Name, UID: r.uid, EventType: r.fact.EventType, At: p.run.Now().UTC(),
			})
		}
	}
	return true
}

// processed asks about one UID until it was processed or a request's time and a half has passed.
func (p *prober) processed(ctx context.Context, uid string) bool {
	ctx, cancel := context.WithTimeout(ctx, p.sender.Timeout*3/2)
	defer cancel()
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		if p.observer.ask(ctx, uid) == EffectProcessed {
			return true
		}
		if !p.observer.active() || netprobe.Sleep(ctx, pause) != nil {
			return false
		}
	}
}
