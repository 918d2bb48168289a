package webhook

import (
	"context"
	"fmt"
	"slices"

	"github.com/prelaunch-audit/prelaunch/probes/webhook/cases"
	"github.com/prelaunch-audit/prelaunch/probes/webhook/response"
	"github.com/prelaunch-audit/prelaunch/probes/webhook/send"
)

// genuineDraws is how many genuine events are sent on connections of their own, or one to each address where it has more: each is an event
// to be purged, so these are fewer than the forgeries. Eight see a quarter of the instances that refuse with 90 % confidence.
const genuineDraws = 8

// everyInstance sends an unsigned and a wrongly signed event on many connections of their own, spread over every address, and a few
// genuine events in the same way.
func (s *session) everyInstance(ctx context.Context) {
	if s.over(ctx) != "" {
		return
	}
	s.client.CloseIdle()
	draws := max(s.run.Integration.Network.FreshConnections, len(s.baseline.Addresses))
	addresses := s.routed(ctx)
	if len(addresses) == 0 {
		return
	}
	for _, c := range []job{
		s.unsignedDraw(),
		{Case: cases.Case{Family: cases.FamilyInstance, Name: "wrong-key", Change: func(f *cases.Request) { f.SignWith([]byte(cases.RandomHex(32))) }}, purpose: PurposeForgery, event: s.event},
	} {
		turns := make([]int, draws)
		for i := range turns {
			turns[i] = i
		}
		for chunk := range slices.Chunk(turns, s.chunk(draws)) {
			drawn := make([]*record, len(chunk))
			send.Each(chunk, func(i int) { drawn[i-chunk[0]] = s.do(ctx, c, addresses[i%len(addresses)]) })
			s.instances = append(s.instances, drawn...)
			if ctx.Err() != nil || s.timeouts >= maxTimeouts || !s.full() && slices.ContainsFunc(drawn, s.takenNow) {
				break
			}
		}
	}
	if s.full() && s.canSign() && s.baseline.Genuine && ctx.Err() == nil {
		drawn := make([]*record, max(genuineDraws, len(addresses)))
		index := make([]int, len(drawn))
		for i := range index {
			index[i] = i
		}
		send.Each(index, func(i int) {
			drawn[i] = s.do(ctx, genuineJob(cases.FamilyInstance, "genuine", s.event), addresses[i%len(addresses)])
		})
		s.instances = append(s.instances, drawn...)
	}
}

func (s *session) unsignedDraw() job {
	return job{Case: cases.Case{Family: cases.FamilyInstance, Name: "unsigned", Change: cases.Forgeries[0].Change}, purpose: PurposeForgery, event: s.event}
}

// routed are the addresses to which this machine has a route, found out by one draw each: a machine without IPv6 has none to half of
// many receivers, and draws there would show nothing.
func (s *session) routed(ctx context.Context) []string {
	var addresses []string
	if len(s.baseline.Addresses) == 1 {
		return s.baseline.Addresses
	}
	for _, address := range s.baseline.Addresses {
		r := s.do(ctx, s.unsignedDraw(), address)
		s.instances = append(s.instances, r)
		if r.fact.Error == response.ErrNoRoute {
			s.skip("webhook receiver at "+address, "this machine has no route to it")
			continue
		}
		addresses = append(addresses, address)
	}
	return addresses
}

// chunk is how many draws are made before looking at the answers: in careful probing few, to stop at the first acceptance.
func (s *session) chunk(draws int) int {
	if s.full() {
		return draws
	}
	return send.Parallel
}

// emitInstances sums up draws that were answered alike.
func (s *session) emitInstances() {
	var order []string
	sums := map[string]*Instance{}
	for _, r := range s.instances {
		if r.fact.NotSent != "" {
			continue
		}
		s.compare(r)
		fact := Instance{
			Environment: s.environment.Name, Case: r.fact.Case, Address: r.address, Status: r.fact.Status, Error: r.fact.Error,
			Digest: r.fact.Digest, Equals: r.fact.Equals, Leaks: r.fact.Leaks, Firewall: r.fact.Firewall, Effect: r.fact.Effect, Cut: r.fact.Cut,
		}
		// Answers that differ in nothing but what varies from one to the next have the same digest, and may leak all the same.
		key := fmt.Sprintf("%#v", fact)
		if sums[key] == nil {
			sums[key] = &fact
			order = append(order, key)
		}
		sums[key].Draws++
	}
	for _, key := range order {
		s.run.Sink.Emit(KindInstance, *sums[key])
	}
}
