package webhook

import (
	"context"
	"math/rand/v2"
	"slices"
	"strconv"

	"github.com/prelaunch-audit/prelaunch/internal/provider"
	"github.com/prelaunch-audit/prelaunch/probes/webhook/cases"
	"github.com/prelaunch-audit/prelaunch/probes/webhook/response"
)

// At first nothing names the auditor: valid events, so that what is compared with them is known, and a
// few forgeries. A receiver that verifies only once it has seen its auditor accepts these. Then the
// receiver shows how it responds to what is plainly invalid.

const (
	// baselines is how many valid events of the type that is forged are sent at least, next to those of
	// each type and a control request.
	baselines = 2
	// strangers is how many forgeries, next to the plain unsigned event, are sent before the auditor is
	// named. One is the random signature.
	strangers = 3
)

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
	records := p.firstContact(ctx, t)
	if p.onlyTwo(ctx, t, records) {
		p.sender.OnlyTwo = true
		records = p.firstContact(ctx, t)
	}
	t.keep(records...)
	if ctx.Err() != nil {
		return false
	}
	if silent(records) {
		t.baseline.State, t.baseline.Reason = StateUnreachable, records[0].fact.Error
		for _, r := range records { // the receiver's own fault tells more than a request that was not sent
			if r.fact.Error != "" {
				t.baseline.Reason = r.fact.Error
			}
		}
		return false
	}
	t.baseline.State = StateProbed
	t.learn(slices.DeleteFunc(slices.Clone(records), func(r *record) bool { return r.fact.Purpose != PurposeGenuine }))
	if p.lost(ctx, t, records) {
		return true
	}
	if t.unnamed {
		t.keep(p.sendWitnessed(ctx, t, p.absentJobs(t)[:1])...)
		t.unnamed = false
		if p.over(ctx, t) != "" {
			return ctx.Err() == nil
		}
		random := p.send(ctx, t, randomJobs(t))
		t.keep(random...)
		if p.lost(ctx, t, random) {
			return true
		}
	}
	if t.full() && p.canSign() {
		more := make([]job, baselines)
		for i := range more {
			more[i] = validJob(cases.FamilyBaseline, strconv.Itoa(i+1), t.event)
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
	p.witnessFirst(t)
	p.offerTwo(ctx, t)
	return ctx.Err() == nil
}

// onlyTwo reports whether the receiver is to be spoken to over HTTP/2: nothing responds over HTTP/1.1,
// or what rejects everything there, as Node.js does, gives another response over HTTP/2.
func (p *prober) onlyTwo(ctx context.Context, t *transcript, records []*record) bool {
	var rejections response.Comparison
	for _, r := range records {
		if r.got && r.fact.Status/100 != 4 {
			return false
		}
		if r.got {
			rejections.Add(r.normal)
		}
	}
	if !p.sender.Secure() || !p.sender.OffersHTTP2(ctx) {
		return false
	}
	if silent(records) {
		return true
	}
	t.offersTwo = true
	j := randomJob(t.event)
	j.Change = func(f *cases.Request) { cases.Wrong(f); f.HTTP2 = true }
	r := p.sendOne(ctx, t, j)
	if r.got && !rejections.Matches(r.normal) {
		return true
	}
	t.keep(r) // it is as good as one over HTTP/1.1
	t.learn([]*record{r})
	return false
}

// firstContact sends valid events and forgeries that do not name the auditor. Where there is no valid
// event that gets a response, it sends random signatures instead: the receiver may hang on valid events
// alone.
func (p *prober) firstContact(ctx context.Context, t *transcript) []*record {
	t.unnamed = true
	var jobs []job
	signing := t.full() && p.canSign()
	if signing {
		for _, event := range p.signed() {
			jobs = append(jobs, validJob(cases.FamilyType, event.Type, event))
		}
	}
	// Valid events come first, since a receiver may not survive others.
	records := p.send(ctx, t, jobs)
	if signing && p.canSign() {
		for _, r := range records { // from now on, the first type of event that is accepted is forged
			if t.success(r.fact.Status) {
				p.chooseEvent(t, r.fact.EventType)
				break
			}
		}
	}
	if len(records) == 0 || !silent(records) {
		for _, j := range p.firstForgeries(t) { // one after the other: a receiver may not survive one
			ended := func(r *record) bool { return !t.full() && r.fact.Family == j.Family && t.acceptedNow(r) }
			if slices.ContainsFunc(records, ended) {
				continue
			}
			r := p.sendOne(ctx, t, j)
			records = append(records, r)
			p.observeCareful(ctx, t, records[len(records)-1:])
			if unanswered(r) {
				return records
			}
		}
	}
	if silent(records) {
		t.unnamed = false
		records = append(records, p.send(ctx, t, randomJobs(t))...)
	}
	return records
}

// silent reports whether no request got a response.
func silent(records []*record) bool {
	return !slices.ContainsFunc(records, func(r *record) bool { return r.got })
}

// randomJobs are the random signatures that show how the receiver rejects: three of them, with any that was sent already.
func randomJobs(t *transcript) []job {
	sent := 0
	for _, r := range t.records {
		if r.fact.Family == cases.FamilyWrong {
			sent++
		}
	}
	return slices.Repeat([]job{randomJob(t.event)}, 3-sent)
}

// firstForgeries are those that are sent before the auditor is named: the random signature, and a few at
// random of the unmarked share whose requests look like any other.
func (p *prober) firstForgeries(t *transcript) []job {
	var first, others []job
	for _, j := range p.forgeryJobs(t) {
		switch {
		case j.Family == "F02" && j.Name == "random" && j.event.Type == t.event.Type:
			first = append(first, j)
		case j.unmarked && slices.Contains([]string{"F02", "F03", "F04", "F05", "F07"}, j.Family) && (t.full() || !j.FullOnly):
			others = append(others, j)
		}
	}
	rand.Shuffle(len(others), func(a, b int) { others[a], others[b] = others[b], others[a] })
	first = append(first, others...)
	return first[:min(strangers, len(first))]
}

// witnessFirst marks the forgeries that were sent before there was a control request, once the receiver
// was seen to accept or to tell apart what is correctly signed.
func (p *prober) witnessFirst(t *transcript) {
	first := slices.DeleteFunc(slices.Clone(t.records), func(r *record) bool { return r.fact.Purpose != PurposeForgery || r.fact.NotSent != "" })
	witnessed := slices.ContainsFunc(first, func(r *record) bool { return r.fact.Witnessed }) || t.control.Count() > 0
	for _, r := range first {
		r.fact.Witnessed = witnessed && p.hasControl(t)
	}
}

// lost reports whether the receiver is gone for good after records. It learns how incorrectly signed
// events are responded to: what a gateway responds in the place of a receiver is not how that responds.
func (p *prober) lost(ctx context.Context, t *transcript, records []*record) bool {
	gone := p.gone(ctx, t, records)
	incorrect := slices.DeleteFunc(slices.Clone(records), func(r *record) bool {
		return r.fact.Purpose != PurposeReference || gone && r.stopped
	})
	lost := gone && (!p.away(ctx, t, records) || t.servesUsers())
	t.learn(incorrect)
	return lost
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
	// One that was accepted from a stranger is sent again, as the auditor's.
	recognized := t.full() && !p.run.OnlyMarked && t.anyAccepted("F01")
	jobs := slices.DeleteFunc(p.absentJobs(t), func(j job) bool { return t.wasSent(j) && !recognized })
	if reason := p.over(ctx, t); reason != "" {
		p.leaveOut(t, jobs, reason, func(job) bool { return true })
		return ctx.Err() == nil
	}
	if jobs = p.endFamilies(t, t.records, jobs); len(jobs) > 0 {
		t.keep(p.sendWitnessed(ctx, t, jobs)...)
	}
	var last *record
	for _, r := range t.records {
		if r.fact.Family == "F01" && r.fact.Case == p.forged[0].Name && r.fact.EventType == t.event.Type && r.fact.NotSent == "" {
			last = r
		}
	}
	if last != nil && t.acceptedNow(last) && !t.anyAccepted(cases.FamilyWrong) {
		t.base = cases.BaseWrong
	}
	return ctx.Err() == nil
}

// absentJobs are the event of each type without a signature, the one that is forged first.
func (p *prober) absentJobs(t *transcript) []job {
	jobs := []job{{Case: p.forged[0], purpose: PurposeForgery, event: t.event}}
	for _, event := range p.configured() {
		if event.Type != t.event.Type {
			jobs = append(jobs, job{Case: p.forged[0], purpose: PurposeForgery, event: event})
		}
	}
	return jobs
}
