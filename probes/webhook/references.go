package webhook

import (
	"context"
	"slices"

	"github.com/prelaunch-audit/prelaunch/internal/provider"
	"github.com/prelaunch-audit/prelaunch/probes/webhook/cases"
	"github.com/prelaunch-audit/prelaunch/probes/webhook/response"
)

// Before anything is forged, the receiver shows how it responds to what is valid and to what is
// plainly invalid.

// baselines is how many valid events of the type that is forged are sent first.
const baselines = 3

func randomJob(event provider.Event) job {
	return job{
		Case:    cases.Case{Family: cases.FamilyWrong, Name: "random", Change: cases.Wrong},
		purpose: PurposeReference, event: event,
	}
}

func validJob(family, name string, event provider.Event) job {
	return job{
		Case:    cases.Case{Family: family, Name: name, Change: (*cases.Request).Sign},
		purpose: PurposeGenuine, event: event,
	}
}

// references learns how the receiver responds to valid events and to random signatures. It reports
// whether there is anything to go on with.
func (p *prober) references(ctx context.Context, t *transcript) bool {
	var jobs []job
	signing := t.full() && p.canSign()
	if signing {
		for _, event := range p.signed() {
			jobs = append(jobs, validJob(cases.FamilyType, event.Type, event))
		}
	}
	random := []job{randomJob(t.event), randomJob(t.event), randomJob(t.event)}
	// Valid events come first, since a receiver may not survive others. Where they get no response, all
	// the same are sent: it may hang on them alone.
	records := p.send(ctx, t, jobs)
	records = append(records, p.send(ctx, t, random)...)
	silent := func() bool { return !slices.ContainsFunc(records, func(r *record) bool { return r.got }) }
	if silent() && p.sender.Secure() && p.sender.OffersHTTP2(ctx) {
		p.sender.OnlyTwo = true
		records = p.send(ctx, t, slices.Concat(jobs, random))
	}
	t.keep(records...)
	if ctx.Err() != nil {
		return false
	}
	if silent() {
		t.baseline.State, t.baseline.Reason = StateUnreachable, records[0].fact.Error
		for _, r := range records { // the receiver's own fault tells more than a request that was not sent
			if r.fact.Error != "" {
				t.baseline.Reason = r.fact.Error
			}
		}
		return false
	}
	t.baseline.State = StateProbed
	valid, incorrect := records[:len(jobs)], records[len(jobs):]
	t.learn(valid)
	if p.gone(ctx, t, records) {
		// What a gateway responded then is not how the receiver responds.
		incorrect = slices.DeleteFunc(slices.Clone(incorrect), func(r *record) bool { return r.stopped })
		if !p.away(ctx, t, records) || t.servesUsers() {
			t.learn(incorrect)
			return true
		}
	}
	t.learn(incorrect)
	if signing && p.canSign() {
		for _, r := range records { // from now on, the first type of event that is accepted is forged
			if r.fact.Family == cases.FamilyType && t.success(r.fact.Status) {
				p.chooseEvent(t, r.fact.EventType)
				break
			}
		}
		more := make([]job, 0, baselines)
		for _, name := range []string{"1", "2", "3"}[:baselines] {
			j := validJob(cases.FamilyBaseline, name, t.event)
			j.unmarked = name == "2"
			more = append(more, j)
		}
		again := p.send(ctx, t, more)
		t.keep(again...)
		t.learn(again)
	}
	for _, r := range t.records {
		if r.fact.Purpose == PurposeGenuine && r.got && r.fact.Status < 500 && r.fact.Status != 429 &&
			t.random.Count() > 0 && !t.random.Matches(r.normal) {
			t.baseline.Distinguishes = true
		}
	}
	if p.canSign() && !t.baseline.Genuine {
		p.pairs(ctx, t)
		if t.full() {
			p.diagnose(ctx, t)
		}
	}
	t.baseline.Controlled = p.hasControl(t)
	p.offerTwo(ctx, t)
	return ctx.Err() == nil
}

// offerTwo finds out whether requests can be sent over HTTP/2.
func (p *prober) offerTwo(ctx context.Context, t *transcript) {
	t.offersTwo = p.sender.OnlyTwo || p.sender.Secure() && p.sender.OffersHTTP2(ctx)
}

// pairs sends invalid bodies correctly and incorrectly signed: where that makes a difference,
// signatures are verified, although no valid event was accepted.
func (p *prober) pairs(ctx context.Context, t *transcript) {
	event := p.signable(t)
	var jobs []job
	for _, c := range cases.Pairs(p.profile.Required) {
		unsigned := c
		unsigned.Change = func(f *cases.Request) { c.Change(f); f.Valid = false; cases.Wrong(f) }
		jobs = append(jobs,
			job{Case: c, purpose: PurposeInvalid, event: event},
			job{Case: unsigned, purpose: PurposeReference, event: event})
	}
	records := p.send(ctx, t, jobs)
	t.keep(records...)
	for pair := range slices.Chunk(records, 2) {
		signed, unsigned := pair[0], pair[1]
		if !signed.got || !unsigned.got || signed.fact.Status >= 500 || unsigned.fact.Status == 503 ||
			signed.fact.Status == 429 || unsigned.fact.Status == 429 {
			continue
		}
		var same response.Comparison
		same.Add(unsigned.normal)
		if same.Matches(signed.normal) {
			continue
		}
		t.baseline.Distinguishes = true
		t.invalid.Add(signed.normal)
		// Only a body that is serialized as events are: "{}" is the same in every serialization, and a
		// receiver that verifies another one knows its signature, and that of no event.
		if slices.Contains(p.profile.Required, signed.fact.Case) {
			t.control.Add(signed.normal)
		}
	}
}

// diagnose guesses why a valid event is rejected. Where it gets a 2xx that the
// provider does not count as success, the same response to a guess shows nothing.
func (p *prober) diagnose(ctx context.Context, t *transcript) {
	for _, r := range p.send(ctx, t, p.diagnosisJobs(t)) {
		if r.fact.NotSent != "" {
			continue
		}
		accepted := r.got && r.fact.Status/100 == 2 && !t.random.Matches(r.normal) &&
			!slices.Contains(t.baseline.GenuineStatuses, r.fact.Status)
		t.diagnoses = append(t.diagnoses, Diagnosis{
			Environment: t.environment.Name, Guess: r.fact.Case, Status: r.fact.Status, Taken: accepted,
		})
	}
}

func (p *prober) diagnosisJobs(t *transcript) []job {
	var jobs []job
	for _, c := range cases.Diagnoses(&p.profile) {
		jobs = append(jobs, job{Case: c, purpose: PurposeReference, event: t.event})
	}
	return jobs
}

// emptyRequest sends an unsigned POST without a body, alone. Other probes send the same, and wait until
// the receiver has shown that it survives that.
func (p *prober) emptyRequest(ctx context.Context, t *transcript) bool {
	i := slices.IndexFunc(p.forged, func(c cases.Case) bool { return c.Name == cases.CaseNoBody })
	if i < 0 || !p.reads(p.forged[i].Family) {
		return true
	}
	jobs := []job{{Case: p.forged[i], purpose: PurposeForgery, event: t.event}}
	if reason := p.over(ctx, t); reason != "" {
		p.leaveOut(t, jobs, reason, func(job) bool { return true })
		return ctx.Err() == nil
	}
	t.keep(p.sendWitnessed(ctx, t, jobs)...)
	if p.release != nil {
		p.release()
	}
	return ctx.Err() == nil
}

// plainUnsigned sends the event of each type without a signature. Where that is accepted and a random
// signature is not, the families that are sent unsigned carry a random signature instead: otherwise
// they would show nothing but this again.
func (p *prober) plainUnsigned(ctx context.Context, t *transcript) bool {
	jobs := []job{{Case: p.forged[0], purpose: PurposeForgery, event: t.event}}
	for _, event := range p.configured() {
		if event.Type != t.event.Type {
			jobs = append(jobs, job{Case: p.forged[0], purpose: PurposeForgery, event: event})
		}
	}
	if reason := p.over(ctx, t); reason != "" {
		p.leaveOut(t, jobs, reason, func(job) bool { return true })
		return ctx.Err() == nil
	}
	jobs = unmarkShare(jobs)
	records := p.sendWitnessed(ctx, t, jobs)
	t.keep(records...)
	if len(records) > 0 && t.acceptedNow(records[0]) && !t.anyAccepted(cases.FamilyWrong) {
		t.base = cases.BaseWrong
	}
	return ctx.Err() == nil
}
