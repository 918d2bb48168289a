package webhook

import (
	"context"
	"fmt"
	"slices"

	"github.com/prelaunch-audit/prelaunch/internal/netprobe"
	"github.com/prelaunch-audit/prelaunch/probes/webhook/cases"
	"github.com/prelaunch-audit/prelaunch/probes/webhook/send"
)

// validDraws is how many valid events are sent on connections of their own, or one to each address
// where there are more: each is an event to be purged, so these are fewer than the forgeries. Eight
// see a quarter of the instances that reject with 90 % confidence.
const validDraws = 8

// everyInstance sends an unsigned and an incorrectly signed event on many connections of their own,
// spread over every address, and a few valid events in the same way.
func (p *prober) everyInstance(ctx context.Context, t *transcript) bool {
	if p.over(ctx, t) != "" || !p.reads(cases.FamilyInstance) {
		return true
	}
	p.sender.CloseIdle()
	addresses := p.routed(ctx, t)
	if len(addresses) == 0 {
		return true
	}
	draws := max(p.run.Integration.Network.FreshConnections, len(t.baseline.Addresses))
	chunk := draws
	if !t.full() { // few, to stop at the first acceptance
		chunk = send.Parallel
	}
	for _, name := range []string{"unsigned", "wrong-key"} {
		for left := draws; left > 0; left -= chunk {
			drawn := p.draw(ctx, t, p.drawJob(t, name), min(chunk, left), rotated(addresses, draws-left))
			if ctx.Err() != nil || t.timeouts >= maxTimeouts || !t.full() && slices.ContainsFunc(drawn, t.acceptedNow) {
				break
			}
		}
	}
	if t.full() && p.canSign() && t.baseline.Genuine && ctx.Err() == nil {
		p.draw(ctx, t, validJob(cases.FamilyInstance, "genuine", t.event), max(validDraws, len(addresses)), addresses)
	}
	return true
}

func (p *prober) drawJob(t *transcript, name string) job {
	c := cases.Case{Family: cases.FamilyInstance, Name: name, Change: p.forged[0].Change}
	if name == "wrong-key" {
		c.Change = cases.RandomKey
	}
	return job{Case: c, purpose: PurposeForgery, event: t.event}
}

// draw sends a job n times, to addresses by turns.
func (p *prober) draw(ctx context.Context, t *transcript, j job, n int, addresses []string) []*record {
	drawn := p.sendTo(ctx, t, slices.Repeat([]job{j}, n), addresses)
	t.instances = append(t.instances, drawn...)
	if slices.ContainsFunc(drawn, func(r *record) bool { return r.stopped }) && t.servesUsers() {
		p.away(ctx, t, drawn)
	}
	return drawn
}

// rotated is addresses from another one on.
func rotated(addresses []string, by int) []string {
	by %= len(addresses)
	return slices.Concat(addresses[by:], addresses[:by])
}

// routed are the addresses to which this machine has a route, found out by one draw each: a machine
// without IPv6 has none to half of many receivers, and draws there would show nothing.
func (p *prober) routed(ctx context.Context, t *transcript) []string {
	if len(t.baseline.Addresses) == 1 {
		return t.baseline.Addresses
	}
	var addresses []string
	for _, address := range t.baseline.Addresses {
		if p.draw(ctx, t, p.drawJob(t, "unsigned"), 1, []string{address})[0].fact.Error == netprobe.NoRoute {
			p.skip("webhook receiver at "+address, "this machine has no route to it")
			continue
		}
		addresses = append(addresses, address)
	}
	return addresses
}

// instanceSums sums up draws that got the same response.
func (t *transcript) instanceSums() []Instance {
	var sums []Instance
	place := map[string]int{}
	for _, r := range t.instances {
		if r.fact.NotSent != "" {
			continue
		}
		t.compare(r)
		sum := Instance{
			Environment: t.environment.Name, Case: r.fact.Case, Address: r.address, Status: r.fact.Status,
			Error: r.fact.Error, Digest: r.fact.Digest, Equals: r.fact.Equals, Leaks: r.fact.Leaks,
			Firewall: r.fact.Firewall, Effect: r.fact.Effect, Cut: r.fact.Cut,
		}
		// Responses that differ in nothing but what varies have the same digest, and may leak all the same.
		key := fmt.Sprintf("%#v", sum)
		i, known := place[key]
		if !known {
			i = len(sums)
			place[key], sums = i, append(sums, sum)
		}
		sums[i].Draws++
	}
	return sums
}
