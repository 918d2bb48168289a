package webhook

import (
	"context"
	"slices"

	"github.com/prelaunch-audit/prelaunch/internal/provider"
	"github.com/prelaunch-audit/prelaunch/probes/webhook/cases"
	"github.com/prelaunch-audit/prelaunch/probes/webhook/send"
)

const (
	// batch is how many requests are sent between two control requests: a firewall or rate limit that
	// blocks everything looks like verification otherwise.
	batch = 12
	// maxTimeouts is how many requests may time out before an environment is given up, and
	// maxFamilyTimeouts before a family is.
	maxTimeouts       = 40
	maxFamilyTimeouts = 6
)

// forgeries sends what a correct receiver rejects.
func (p *prober) forgeries(ctx context.Context, t *transcript) bool {
	jobs := slices.DeleteFunc(p.forgeryJobs(t), t.wasSent)
	return p.suite(ctx, t, p.endFamilies(t, t.records, jobs))
}

// forgeryJobs are the forgeries that a selected check reads. The request without a body is sent alone.
func (p *prober) forgeryJobs(t *transcript) []job {
	jobs := slices.DeleteFunc(p.forgedJobs(t), func(j job) bool { return j.Name == cases.CaseNoBody })
	return unmarkShare(p.selected(jobs))
}

// variants sends unusual valid events.
func (p *prober) variants(ctx context.Context, t *transcript) bool {
	return p.suite(ctx, t, p.selected(p.variantJobs(t)))
}

// invalidBodies sends correctly signed requests that are not valid events.
func (p *prober) invalidBodies(ctx context.Context, t *transcript) bool {
	return p.suite(ctx, t, unmarkShare(p.selected(p.invalidJobs(t))))
}

// selected leaves out the jobs of families that no selected check reads.
func (p *prober) selected(jobs []job) []job {
	return slices.DeleteFunc(jobs, func(j job) bool { return !p.reads(j.Family) })
}

func (p *prober) reads(family string) bool { return isRead(family, p.run.Selected) }

// isRead reports whether a selected check reads a family. Some read whatever was sent. Nil: all checks are selected.
func isRead(family string, selected func(check string) bool) bool {
	return selected == nil || slices.ContainsFunc(slices.Concat(cases.FamilyByID(family).Checks, cases.ReadEverything), selected)
}

// share is that of the requests of a family that do not name the auditor: one of three.
const share = 3

// unmarkShare makes a share of every family unmarked, at least one request of each.
func unmarkShare(jobs []job) []job {
	count, seen := map[string]int{}, map[string]int{}
	for _, j := range jobs {
		count[j.Family]++
	}
	for i := range jobs {
		family := jobs[i].Family
		jobs[i].unmarked = seen[family]%share == min(1, count[family]-1)
		seen[family]++
	}
	return jobs
}

// recognition sends forgeries again, marked, that were accepted unmarked where no marked one of the
// family was: a receiver that rejects them now verifies for its auditor only.
func (p *prober) recognition(ctx context.Context, t *transcript) bool {
	if !t.full() { // a family ends at its first acceptance
		return true
	}
	marked := map[string]bool{}
	for _, r := range t.records {
		if !r.fact.Unmarked && t.acceptedNow(r) {
			marked[r.fact.Family] = true
		}
	}
	var again []job
	for _, j := range p.forgedJobs(t) {
		unmarked := slices.ContainsFunc(t.records, func(r *record) bool {
			return r.fact.Unmarked && r.fact.Family == j.Family && r.fact.Case == j.Name && t.acceptedNow(r)
		})
		if unmarked && !marked[j.Family] && len(again) < maxRecognition {
			marked[j.Family] = true
			again = append(again, j)
		}
	}
	return p.suite(ctx, t, again)
}

// maxRecognition is how many forgeries are sent again to find out whether the auditor is recognized.
const maxRecognition = 4

// forgedJobs are the forgeries of the table, without the plain unsigned event, and of retired keys.
func (p *prober) forgedJobs(t *transcript) []job {
	var jobs []job
	for _, c := range p.forged[1:] {
		if c.Family == cases.FamilyOther && len(p.others) == 0 {
			continue
		}
		purpose := PurposeForgery
		if c.Family == cases.FamilyHandshake {
			purpose = PurposeHandshake
		}
		jobs = append(jobs, job{Case: c, purpose: purpose, event: t.event})
		if c.Family != "F02" || c.Name != "random" {
			continue
		}
		for _, event := range p.configured() { // a random signature may be rejected for one type of event only
			if event.Type != t.event.Type && (t.full() || event.Harmless) {
				jobs = append(jobs, job{Case: c, purpose: PurposeForgery, event: event})
			}
		}
	}
	for _, other := range p.others[min(1, len(p.others)):] {
		c := cases.Case{Family: cases.FamilyOther, Name: "key-of-" + other.Name, Change: cases.SignedWith(heldKey(other.Key.Key))}
		jobs = append(jobs, job{Case: c, purpose: PurposeForgery, event: t.event})
	}
	for _, retired := range p.retired {
		c := cases.Case{Family: cases.FamilyRetired, Name: retired.name, Change: cases.SignedWith(retired.key)}
		jobs = append(jobs, job{Case: c, purpose: PurposeForgery, event: t.event, key: retired.fingerprint})
	}
	return jobs
}

func (p *prober) variantJobs(t *transcript) []job {
	event := t.event
	for _, other := range p.configured() { // one with a free text and a list, if the receiver accepts it
		accepted := slices.ContainsFunc(t.records, func(r *record) bool {
			return r.fact.Purpose == PurposeGenuine && r.fact.EventType == other.Type && t.success(r.fact.Status)
		})
		if accepted && hasText(other) && !hasText(event) {
			event = other
		}
	}
	var jobs []job
	for _, c := range cases.Genuine(&p.profile) {
		change := c.Change
		c.Change = func(f *cases.Request) {
			if !t.baseline.Genuine {
				f.Refuse(cases.NotSentNoGenuine)
			}
			change(f)
		}
		jobs = append(jobs, job{Case: c, purpose: PurposeGenuine, event: event})
	}
	return jobs
}

func hasText(event provider.Event) bool {
	doc, err := cases.Parse(event.Render(provider.Values{UID: "u", IntegrationID: "i"}))
	if err != nil {
		return false
	}
	found := false
	doc.Each(func(_ string, n *cases.Node) { found = found || n.Kind == '"' && n.Text == "prelaunch" })
	return found
}

func (p *prober) invalidJobs(t *transcript) []job {
	var jobs []job
	for _, c := range cases.Invalid(&p.profile) {
		jobs = append(jobs, job{Case: c, purpose: PurposeInvalid, event: p.signable(t)})
	}
	return jobs
}

// suite sends jobs in batches, each followed by a control request.
func (p *prober) suite(ctx context.Context, t *transcript, jobs []job) bool {
	for len(jobs) > 0 {
		if reason := p.over(ctx, t); reason != "" {
			p.leaveOut(t, jobs, reason, func(job) bool { return true })
			break
		}
		now, later := nextBatch(t, jobs)
		records := p.sendWitnessed(ctx, t, now)
		t.keep(records...)
		jobs = p.endFamilies(t, records, p.endHanging(t, later))
	}
	return true
}

// over is why nothing more is sent, "" while the suite goes on.
func (p *prober) over(ctx context.Context, t *transcript) string {
	switch {
	case ctx.Err() != nil:
		return cases.NotSentInterrupted
	case t.baseline.Unresponsive:
		return cases.NotSentSilent
	case t.timeouts >= maxTimeouts:
		t.baseline.Reason = cases.NotSentTimeouts
		return cases.NotSentTimeouts
	case p.sender.Pace.Hopeless():
		t.baseline.Reason = cases.NotSentBusy
		return cases.NotSentBusy
	}
	return ""
}

// nextBatch takes a batch off the jobs: in careful probing one of each family, so that a family can
// end at its first acceptance.
func nextBatch(t *transcript, jobs []job) (now, later []job) {
	if t.full() || jobs[0].purpose != PurposeForgery {
		n := min(batch, len(jobs))
		return jobs[:n], jobs[n:]
	}
	seen := map[string]bool{}
	for _, j := range jobs {
		if len(now) < batch && !seen[j.Family] {
			seen[j.Family] = true
			now = append(now, j)
		} else {
			later = append(later, j)
		}
	}
	return now, later
}

// endFamilies takes the families out of jobs of which a case was accepted, in careful probing.
func (p *prober) endFamilies(t *transcript, records []*record, jobs []job) []job {
	if t.full() {
		return jobs
	}
	ended := map[string]bool{}
	for _, r := range records {
		if r.fact.Purpose == PurposeForgery && t.acceptedNow(r) {
			ended[r.fact.Family] = true
		}
	}
	return p.leaveOut(t, jobs, cases.NotSentFamilyEnded, func(j job) bool { return ended[j.Family] })
}

// endHanging takes the families out of jobs of which too many requests timed out. A connection that
// is cut off does not wait for a response.
func (p *prober) endHanging(t *transcript, jobs []job) []job {
	return p.leaveOut(t, jobs, cases.NotSentTimeouts, func(j job) bool {
		return j.Name != cases.CaseCutOff && t.hanging[j.Family] >= maxFamilyTimeouts
	})
}

func (p *prober) leaveOut(t *transcript, jobs []job, reason string, which func(job) bool) []job {
	return slices.DeleteFunc(slices.Clone(jobs), func(j job) bool {
		if !which(j) {
			return false
		}
		t.keep(p.read(t, j, &send.Result{NotSent: reason}))
		p.progress.add(1, 0)
		return true
	})
}

// witness sends a control request after the records were made, and marks them where it got the
// response that it got at the beginning.
func (p *prober) witness(ctx context.Context, t *transcript, records []*record) bool {
	if !slices.ContainsFunc(records, func(r *record) bool { return r.fact.NotSent == "" }) {
		return true
	}
	ok := p.hasControl(t) && p.alive(ctx, t)
	for _, r := range records {
		r.fact.Witnessed = ok && r.fact.NotSent == ""
	}
	return ok
}

// hasControl reports whether there is a correctly signed request whose response shows that signatures
// are still verified.
func (p *prober) hasControl(t *transcript) bool {
	return p.canSign() && p.source.Current(t.event) && (t.validControl() && (t.baseline.Genuine || t.baseline.Distinguishes) || t.control.Count() > 0)
}

// alive sends a control request and reports whether the receiver responds as at the beginning.
func (p *prober) alive(ctx context.Context, t *transcript) bool {
	if !p.hasControl(t) {
		return p.responds(ctx, t)
	}
	j := validJob(cases.FamilyControl, "genuine", t.event)
	j.purpose = PurposeControl
	valid := t.validControl()
	if !valid {
		j.Change, j.event = cases.Pairs(p.profile.Required)[0].Change, p.signable(t)
		j.Name = "invalid"
	}
	r := p.sendOne(ctx, t, j)
	t.keep(r)
	switch {
	case !r.got:
		return false
	case !valid:
		return t.control.Matches(r.normal)
	}
	if r.fact.Error == "" && t.success(r.fact.Status) {
		t.addValid(r)
	}
	return slices.Contains(t.expectedStatuses(), r.fact.Status)
}

// redelivery sends the same bytes twice, and then another event under the signature that was
// accepted: a receiver that remembers signatures as valid, to save the work, accepts any body under
// it.
func (p *prober) redelivery(ctx context.Context, t *transcript) bool {
	j := validJob(cases.FamilyRedelivery, "again", t.event)
	if !p.reads(cases.FamilyRedelivery) && !p.reads(reusedFamily(&p.profile)) {
		return true
	}
	if p.over(ctx, t) != "" || !t.full() || !p.canSign() || !t.baseline.Genuine {
		reason := cases.NotSentNoGenuine
		if !t.full() {
			reason = cases.NotSentCareful
		}
		t.keep(p.read(t, j, &send.Result{NotSent: reason}))
		return true
	}
	jobs, err := p.redeliveryJobs(t)
	if err != nil {
		return true
	}
	for _, j := range jobs[:2] {
		t.keep(p.sendOne(ctx, t, j))
	}
	return p.suite(ctx, t, jobs[2:])
}

// redeliveryJobs are the same delivery twice, and another event under its signature.
func (p *prober) redeliveryJobs(t *transcript) ([]job, error) {
	first, err := p.source.Request(t.event, true)
	if err != nil {
		return nil, err
	}
	first.Sign()
	again := func(f *cases.Request) { f.Repeat(first) }
	jobs := []job{validJob(cases.FamilyRedelivery, "first", t.event), validJob(cases.FamilyRedelivery, "again", t.event)}
	jobs[0].Change, jobs[1].Change = again, again
	reused := cases.Case{Family: reusedFamily(&p.profile), Name: "signature-reused", Change: cases.Reused(first)}
	return append(jobs, job{Case: reused, purpose: PurposeForgery, event: t.event}), nil
}

// reusedFamily is what another event under a signature that was accepted belongs to.
func reusedFamily(profile *provider.Profile) string {
	if cases.CoversEvent(profile) {
		return "F07"
	}
	return cases.FamilyReuse
}
