package webhook

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/netprobe"
	"github.com/prelaunch-audit/prelaunch/probes/webhook/cases"
)

// A receiver that stops responding is found out by the control request after each batch. Which request
// it did not survive is found out by sending the batch again, request by request, once it is back;
// where the receiver may serve users, nothing more is sent.

// maxRecoveries is how often a receiver may go away and come back before it is given up.
const maxRecoveries = 20

// tries are the pauses before a receiver that did not respond is asked again. When all fail, it has
// stopped responding.
var tries = []time.Duration{100 * time.Millisecond, 500 * time.Millisecond, 2 * time.Second}

// maxAway is how long a receiver that stopped responding is waited for; it is less where requests time
// out sooner than by default.
var maxAway = time.Minute

// servesUsers reports whether a receiver gets nothing more once it stopped responding.
func (t *transcript) servesUsers() bool {
	name := t.environment.Name
	return name == audit.Production || name != audit.Test && !t.full()
}

// sendWitnessed sends a batch and then a control request. Where the receiver stopped responding, or the
// control fails, and the receiver comes back, the batch is sent again, request by request, unless the
// receiver may serve users.
func (p *prober) sendWitnessed(ctx context.Context, t *transcript, jobs []job) []*record {
	records := p.send(ctx, t, jobs)
	previous := t.batch
	t.batch = sentBatch{jobs, records}
	p.observeCareful(ctx, t, records)
	if stopped := slices.ContainsFunc(records, func(r *record) bool { return r.stopped }); stopped && t.servesUsers() {
		p.away(ctx, t, records)
		return records
	} else if !stopped && p.witness(ctx, t, records) || ctx.Err() != nil {
		return records
	}
	silent := slices.ContainsFunc(records, unanswered)
	if !silent && !p.hasControl(t) {
		return records
	}
	if silent && t.servesUsers() {
		if !p.responds(ctx, t) {
			p.away(ctx, t, records)
		}
		return records
	}
	before := len(t.baseline.Stops)
	absence := p.absence(t, records)
	back, failed := p.recovered(ctx, t)
	if !back {
		if !p.away(ctx, t, records) {
			return records
		}
	} else if !p.hasControl(t) && !slices.ContainsFunc(records, func(r *record) bool { return r.stopped }) {
		return records
	}
	var kept []*record
	var again []job
	for i, r := range records {
		if t.acceptedNow(r) {
			kept = append(kept, r)
		} else {
			again = append(again, jobs[i])
		}
	}
	first := firstFailure(records)
	records, found := p.oneByOne(ctx, t, again, true)
	p.leaveOut(t, again[len(records):], cases.NotSentSilent, func(job) bool { return true })
	if !found && !t.baseline.Unresponsive { // it responded to the one that stopped it
		_, found = p.oneByOne(ctx, t, previous.endedBefore(first), false)
	}
	if !found { // it may have been restarted, or this machine shut out, for another reason
		if failed > 0 && len(t.baseline.Stops) == before {
			p.stopped(t, absence)
		}
		for i := range t.baseline.Stops[before:] {
			t.baseline.Stops[before+i].Sure = false
		}
	}
	return append(kept, records...)
}

// settling is how long a receiver may take to stop after it responded.
const settling = 150 * time.Millisecond

// oneByOne sends jobs each with a control request of its own, so that the one which a receiver does
// not survive is told from its neighbors. It reports whether one was found, and ends where the receiver
// does not come back. First tells that the first job is the first since it came back.
func (p *prober) oneByOne(ctx context.Context, t *transcript, jobs []job, first bool) (records []*record, found bool) {
	for i, j := range jobs {
		j.once = true
		r := p.sendOne(ctx, t, j)
		records = append(records, r)
		_ = netprobe.Sleep(ctx, settling)
		if p.witness(ctx, t, records[i:]) || !p.hasControl(t) && p.responds(ctx, t) {
			first = false
			continue
		}
		t.goneAfter(r)
		stopped := !p.responds(ctx, t)
		found = found || stopped
		var back bool
		if stopped {
			back = p.cameBack(ctx, t, Stop{Cases: []StopCase{stopCase(r)}, Sure: first || p.died(ctx, t, []*record{r})})
		} else {
			back, _ = p.recovered(ctx, t)
		}
		if at := p.known(t, stopCase(r)); stopped && back && !t.shutOut && !t.baseline.Stops[at].Sure {
			back = p.stopsAgain(ctx, t, j)
			t.shutOut = !t.baseline.Stops[at].Sure
		}
		first = stopped
		t.recoveries++
		if !back && (stopped || ctx.Err() != nil || t.recoveries > maxRecoveries || !p.away(ctx, t, records[i:])) {
			t.lost()
			break
		}
	}
	return records, found
}

// stopsAgain sends a job once more, as the first since the receiver came back: a firewall shuts a
// machine out after several requests, not after one. It reports whether the receiver responds or came
// back.
func (p *prober) stopsAgain(ctx context.Context, t *transcript, j job) bool {
	r := p.sendOne(ctx, t, j)
	_ = netprobe.Sleep(ctx, settling)
	return p.responds(ctx, t) || p.cameBack(ctx, t, Stop{Cases: []StopCase{stopCase(r)}, Sure: true})
}

// gone reports whether the receiver stopped responding to what it accepted while the first requests
// were sent.
func (p *prober) gone(ctx context.Context, t *transcript, records []*record) bool {
	lost := func(r *record) bool { return unanswered(r) || r.gateway }
	if !slices.ContainsFunc(records, lost) || p.alive(ctx, t) {
		return false
	}
	if r := p.ping(ctx, t); r.got && (!r.gateway || !p.hasControl(t)) {
		return false
	}
	for _, r := range records {
		r.stopped = r.stopped || r.gateway
	}
	return ctx.Err() == nil
}

// cameBack notes that a request stopped the receiver, and waits until it is back.
func (p *prober) cameBack(ctx context.Context, t *transcript, stop Stop) bool {
	at := p.stopped(t, stop)
	back, _ := p.recovered(ctx, t)
	if !back && ctx.Err() == nil {
		back, t.baseline.Stops[at].Waited = p.wait(ctx, t)
	}
	t.baseline.Stops[at].Back = back
	return back
}

// unanswered reports whether a request was sent and got no response of the receiver.
func unanswered(r *record) bool {
	broken := r.fact.Error == netprobe.Reset || r.fact.Error == netprobe.Timeout || r.fact.Error == netprobe.Refused
	return r.stopped || r.fact.NotSent == "" && !r.got && broken
}

func stopCase(r *record) StopCase {
	c := StopCase{Family: r.fact.Family, Case: r.fact.Case}
	if c.Family == cases.FamilyWrong { // the same is sent as a forgery
		c.Family = "F02"
	}
	if c.Case == "absent" || c.Case == "random" {
		c.EventType = r.fact.EventType
	}
	return c
}

// away notes that the receiver stopped responding after records and waits for it, but not where it may
// serve users. It reports whether the receiver is back.
func (p *prober) away(ctx context.Context, t *transcript, records []*record) bool {
	t.goneAfter(records...)
	_ = netprobe.Sleep(ctx, tries[0]) // a connection may break by accident
	stop := Stop{}
	halted := slices.ContainsFunc(records, func(r *record) bool { return r.stopped })
	if !halted && p.responds(ctx, t) { // though not as at the beginning
		t.lost()
		return false
	}
	stop.Cases, stop.Before = suspects(records)
	stop.Sure = len(stop.Cases) > 0 && p.died(ctx, t, records)
	at := p.stopped(t, stop)
	if t.servesUsers() {
		t.lost()
		return false
	}
	back, waited := p.wait(ctx, t)
	if at >= 0 {
		t.baseline.Stops[at].Back, t.baseline.Stops[at].Waited = back, max(waited, t.baseline.Stops[at].Waited)
	}
	if !back {
		t.lost()
	}
	return back
}

// died reports whether what became of records, and of the connections that are tried now, shows that
// the receiver is gone or hangs, rather than that a firewall shuts this machine out: that resets
// connections or lets them hang, and does not respond as a gateway that lost its receiver.
func (p *prober) died(ctx context.Context, t *transcript, records []*record) bool {
	switch last := t.records[len(t.records)-1]; {
	case slices.ContainsFunc(records, func(r *record) bool { return r.stopped }):
		return true
	case slices.ContainsFunc(records, func(r *record) bool { return r.gateway }) && last.gateway:
		return true
	case last.fact.Error == netprobe.Timeout:
		return p.sender.Accepts(ctx, false)
	}
	return slices.ContainsFunc(records, func(r *record) bool { return r.closed }) && !p.sender.Accepts(ctx, true)
}

// lateness is how much earlier a receiver may have responded to a request that stopped it.
const lateness = 500 * time.Millisecond

// sentBatch are jobs that were sent together.
type sentBatch struct {
	jobs    []job
	records []*record
}

// endedBefore are the jobs that got a response just before a time.
func (b sentBatch) endedBefore(at time.Time) []job {
	var jobs []job
	for i, r := range b.records {
		if !at.IsZero() && r.got && at.Sub(r.ended) < lateness {
			jobs = append(jobs, b.jobs[i])
		}
	}
	return jobs
}

// firstFailure is when the first of records failed, zero where none did.
func firstFailure(records []*record) time.Time {
	var first time.Time
	for _, r := range records {
		if unanswered(r) && (first.IsZero() || r.ended.Before(first)) {
			first = r.ended
		}
	}
	return first
}

// suspects are the requests of which one stopped the receiver: those without a response that were
// under way when the first of them failed, and those that got one just before. Later ones met a
// receiver that had stopped already, as do those whose connection was refused at once; one that is
// refused when it is sent again was under way.
func suspects(records []*record) (underWay, before []StopCase) {
	silent, responded, first := []*record{}, []*record{}, firstFailure(records)
	for _, r := range records {
		switch {
		case unanswered(r) && (r.fact.Error != netprobe.Refused || r.broke):
			silent = append(silent, r)
		case r.got:
			responded = append(responded, r)
		}
	}
	underWay = []StopCase{}
	for _, r := range silent {
		if c := stopCase(r); !r.begun.After(first) && !slices.Contains(underWay, c) {
			underWay = append(underWay, c)
		}
	}
	for _, r := range responded {
		if c := stopCase(r); first.Sub(r.ended) < lateness && r.ended.Before(first) && !slices.Contains(underWay, c) {
			before = append(before, c)
		}
	}
	return underWay, before
}

// absence is what was under way, or had just got a response, when the receiver or the control request
// that followed records got none. It came back before it counted as stopped.
func (p *prober) absence(t *transcript, records []*record) Stop {
	stop := Stop{Back: true}
	stop.Cases, stop.Before = suspects(records)
	control := t.records[len(t.records)-1]
	if len(stop.Cases)+len(stop.Before) > 0 || !unanswered(control) {
		return stop
	}
	for _, r := range records {
		if c := stopCase(r); r.got && control.begun.Sub(r.ended) < lateness && !slices.Contains(stop.Before, c) {
			stop.Before = append(stop.Before, c)
		}
	}
	return stop
}

// wait asks again and again whether the receiver is back.
func (p *prober) wait(ctx context.Context, t *transcript) (back bool, seconds int) {
	begun := time.Now()
	limit := min(maxAway, 6*p.sender.Timeout)
	for time.Since(begun) < limit {
		if netprobe.Sleep(ctx, 2*time.Second) != nil {
			break
		}
		if p.alive(ctx, t) {
			return true, int(time.Since(begun).Seconds())
		}
	}
	return false, int(time.Since(begun).Seconds())
}

// stopped notes that the receiver stopped responding, and says so at once. A request that was found
// out takes the place of the batch that it was in. It returns the index of the stop, -1 where no
// request is known.
func (p *prober) stopped(t *transcript, stop Stop) int {
	all := slices.Concat(stop.Cases, stop.Before)
	if len(all) == 0 {
		return -1
	}
	if at := p.known(t, all...); at >= 0 {
		if other := t.baseline.Stops[at]; len(other.Cases)+len(other.Before) >= len(all) {
			stop.Sure = stop.Sure || other.Sure && len(other.Cases) == 1
			stop.Waited = max(stop.Waited, other.Waited)
			t.baseline.Stops[at] = stop
		}
		return at
	}
	t.baseline.Stops = append(t.baseline.Stops, stop)
	if p.run.Notice != nil {
		more := ""
		if n := len(all) - 1; n > 0 {
			more = fmt.Sprintf(" or one of %d other requests", n)
		}
		p.run.Notice(fmt.Sprintf("%s: the webhook receiver stopped responding after %s%s", t.environment.Name, cases.Label(all[0].Family, all[0].Case), more))
	}
	return len(t.baseline.Stops) - 1
}

// known is the index of the stop of which one of some requests is a suspect, -1 where there is none.
func (p *prober) known(t *transcript, suspected ...StopCase) int {
	return slices.IndexFunc(t.baseline.Stops, func(other Stop) bool {
		return slices.ContainsFunc(slices.Concat(other.Cases, other.Before), func(c StopCase) bool { return slices.Contains(suspected, c) })
	})
}

// recovered reports whether the receiver responds as at the beginning, and how many tries failed before.
func (p *prober) recovered(ctx context.Context, t *transcript) (back bool, failed int) {
	for i, pause := range tries {
		if netprobe.Sleep(ctx, pause) != nil {
			return false, i
		}
		if p.alive(ctx, t) {
			return true, i
		}
	}
	return false, len(tries)
}

func pingJob(t *transcript) job {
	j := randomJob(t.event)
	j.Family, j.Name, j.purpose, j.once = cases.FamilyControl, "responds", PurposeControl, true
	return j
}

// watch makes a gateway's response be followed by a ping at once, unless that is how the receiver
// responds to one.
func (p *prober) watch(_ context.Context, t *transcript) bool {
	if len(t.baseline.WrongStatuses) > 0 && !t.gateway {
		p.sender.Halt = t.servesUsers()
		p.sender.Ping = func() *cases.Request {
			if f, reason := p.prepare(t, pingJob(t)); reason == "" {
				return f
			}
			return nil
		}
	}
	return true
}

// ping sends a request that a receiver which still works responds to.
func (p *prober) ping(ctx context.Context, t *transcript) *record {
	r := p.sendOne(ctx, t, pingJob(t))
	t.keep(r)
	return r
}

// responds reports whether the receiver itself responds, and not a gateway that has lost it.
func (p *prober) responds(ctx context.Context, t *transcript) bool {
	r := p.ping(ctx, t)
	return r.got && (!r.gateway || t.gateway)
}
