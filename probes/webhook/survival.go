package webhook

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/netprobe"
	"github.com/prelaunch-audit/prelaunch/probes/webhook/cases"
	"github.com/prelaunch-audit/prelaunch/probes/webhook/send"
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
const maxAway = time.Minute

// servesUsers reports whether a receiver gets nothing more once it stopped responding.
func (t *transcript) servesUsers() bool {
	name := t.environment.Name
	return name == audit.Production || name != audit.Test && !t.full()
}

// sendWitnessed sends a batch and then a control request. Where the control fails and the receiver
// comes back, the batch is sent again, request by request, unless the receiver may serve users.
func (p *prober) sendWitnessed(ctx context.Context, t *transcript, jobs []job) []*record {
	records := p.send(ctx, t, jobs)
	if !t.full() && p.observer.active() {
		send.Each(records, func(r *record) { r.fact.Effect = p.observer.ask(ctx, r.uid) })
	}
	if p.witness(ctx, t, records) || ctx.Err() != nil {
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
	if !p.recovered(ctx, t) {
		if !p.away(ctx, t, records) {
			return records
		}
	} else if !p.hasControl(t) {
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
	return append(kept, p.oneByOne(ctx, t, again)...)
}

// oneByOne sends jobs each with a control request of its own, so that the one which a receiver does
// not survive is told from its neighbors.
func (p *prober) oneByOne(ctx context.Context, t *transcript, jobs []job) []*record {
	var records []*record
	for i, j := range jobs {
		r := p.sendOne(ctx, t, j)
		records = append(records, r)
		if p.witness(ctx, t, records[i:]) || !p.hasControl(t) && p.responds(ctx, t) {
			continue
		}
		t.goneAfter(r)
		stopped := unanswered(r) && !p.responds(ctx, t)
		back := p.recovered(ctx, t)
		if stopped && back { // a supervisor started it again
			p.stopped(t, Stop{Cases: []StopCase{stopCase(r)}, Sure: true, Back: true})
		}
		t.recoveries++
		if !back && (ctx.Err() != nil || t.recoveries > maxRecoveries || !p.away(ctx, t, records[i:])) {
			t.lost()
			p.leaveOut(t, jobs[i+1:], cases.NotSentSilent, func(job) bool { return true })
			break
		}
	}
	return records
}

// unanswered reports whether a request was sent and got no response.
func unanswered(r *record) bool {
	broken := r.fact.Error == netprobe.Reset || r.fact.Error == netprobe.Timeout || r.fact.Error == netprobe.Refused
	return r.fact.NotSent == "" && !r.got && broken
}

func stopCase(r *record) StopCase {
	c := StopCase{Family: r.fact.Family, Case: r.fact.Case}
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
	last := p.ping(ctx, t)
	stop := Stop{Cases: suspects(records)}
	responds := last.got
	// A firewall that shuts this machine out lets connections hang, or refuses requests in its own name.
	stop.Sure = !responds && len(stop.Cases) > 0 && (last.fact.Error != netprobe.Timeout || p.connects(ctx, t))
	if responds {
		stop.Cases = nil
	}
	if !t.servesUsers() && !responds {
		stop.Back, stop.Waited = p.wait(ctx, t)
	}
	if len(stop.Cases) > 0 {
		p.stopped(t, stop)
	}
	if !stop.Back {
		t.lost()
	}
	return stop.Back
}

// suspects are the requests of which one stopped the receiver: those without a response that were
// under way when the first of them failed. Later ones met a receiver that had stopped already, as do
// those whose connection was refused at once; one that is refused when it is sent again was under way.
func suspects(records []*record) []StopCase {
	var first time.Time
	silent := slices.DeleteFunc(slices.Clone(records), func(r *record) bool {
		return !unanswered(r) || r.fact.Error == netprobe.Refused && !r.broke
	})
	for _, r := range silent {
		if first.IsZero() || r.ended.Before(first) {
			first = r.ended
		}
	}
	list := []StopCase{}
	for _, r := range silent {
		if !r.begun.After(first) && !slices.Contains(list, stopCase(r)) {
			list = append(list, stopCase(r))
		}
	}
	return list
}

// connects reports whether the receiver still takes connections.
func (p *prober) connects(ctx context.Context, t *transcript) bool {
	ctx, cancel := context.WithTimeout(ctx, p.sender.Timeout)
	defer cancel()
	for _, address := range t.baseline.Addresses {
		if conn, err := p.run.Network.DialAddress(ctx, "tcp", address); err == nil {
			_ = conn.Close()
			return true
		}
	}
	return false
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
// out takes the place of the batch that it was in.
func (p *prober) stopped(t *transcript, stop Stop) {
	known := slices.IndexFunc(t.baseline.Stops, func(other Stop) bool {
		return slices.ContainsFunc(other.Cases, func(c StopCase) bool { return slices.Contains(stop.Cases, c) })
	})
	if known >= 0 {
		if other := t.baseline.Stops[known]; len(other.Cases) >= len(stop.Cases) {
			stop.Waited = max(stop.Waited, other.Waited)
			t.baseline.Stops[known] = stop
		}
		return
	}
	t.baseline.Stops = append(t.baseline.Stops, stop)
	if p.run.Notice != nil {
		first := stop.Cases[0]
		more := ""
		if n := len(stop.Cases) - 1; n > 0 {
			more = fmt.Sprintf(" or one of %d other requests", n)
		}
		p.run.Notice(fmt.Sprintf("%s: the webhook receiver stopped responding after %s%s", t.environment.Name, cases.Label(first.Family, first.Case), more))
	}
}

func (p *prober) recovered(ctx context.Context, t *transcript) bool {
	for _, pause := range tries {
		if netprobe.Sleep(ctx, pause) != nil {
			return false
		}
		if p.alive(ctx, t) {
			return true
		}
	}
	return false
}

// ping sends a request that a receiver which still works responds to.
func (p *prober) ping(ctx context.Context, t *transcript) *record {
	j := randomJob(t.event)
	j.Family, j.Name, j.purpose = cases.FamilyControl, "responds", PurposeControl
	r := p.sendOne(ctx, t, j)
	t.keep(r)
	return r
}

func (p *prober) responds(ctx context.Context, t *transcript) bool { return p.ping(ctx, t).got }
