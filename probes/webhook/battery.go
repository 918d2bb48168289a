package webhook

import (
	"context"
	"slices"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/provider"
	"github.com/prelaunch-audit/prelaunch/probes/webhook/cases"
	"github.com/prelaunch-audit/prelaunch/probes/webhook/send"
)

const (
	// batch is how many requests are sent between two genuine events: a firewall or rate limit that blocks everything looks like
	// verification otherwise.
	batch = 12
	// maxTimeouts is how many requests may time out before an environment is given up, and maxFamilyTimeouts before a family is.
	maxTimeouts       = 40
	maxFamilyTimeouts = 6
	// patience is how many requests that timed out are tried again: one may be an accident, many are not.
	patience = 6
	// baselines is how many genuine events of the type that is forged are sent first.
	baselines = 3
)

// maxRecoveries is how often a receiver may go away and come back before it is given up.
const maxRecoveries = 20

// recoveries are the pauses after which a receiver that stopped answering is asked again.
var recoveries = []time.Duration{100 * time.Millisecond, 500 * time.Millisecond, 2 * time.Second}

func wrongJob(event provider.Event) job {
	return job{Case: cases.Case{Family: cases.FamilyWrong, Name: "random", Change: cases.Wrong}, purpose: PurposeReference, event: event}
}

func genuineJob(family, name string, event provider.Event) job {
	return job{Case: cases.Case{Family: family, Name: name, Change: (*cases.Request).Sign}, purpose: PurposeGenuine, event: event}
}

// forgeries are the jobs of the table and of the retired keys.
func (s *session) forgeries() []job {
	var jobs []job
	for _, c := range cases.Forgeries[1:] {
		jobs = append(jobs, job{Case: c, purpose: PurposeForgery, event: s.event})
		for _, event := range s.configured() { // a random signature may be refused for one type of event only
			if c.Family == "F02" && c.Name == "random" && event.Type != s.event.Type && (s.full() || event.Journey) {
				jobs = append(jobs, job{Case: c, purpose: PurposeForgery, event: event})
			}
		}
	}
	for _, retired := range s.retired {
		change := func(f *cases.Request) {
			if retired.key == nil {
				f.Refuse(cases.NotSentNoKey)
				return
			}
			f.Keyed = true
			f.SignWith(retired.key)
		}
		jobs = append(jobs, job{Case: cases.Case{Family: cases.FamilyRetired, Name: retired.name, Change: change}, purpose: PurposeForgery, event: s.event, key: retired.fingerprint})
	}
	return jobs
}

// accepted are the jobs of unusual genuine events.
func (s *session) accepted() []job {
	event := s.event
	for _, other := range s.configured() { // one with a free text and a list, if there is one that the receiver takes
		taken := slices.ContainsFunc(s.records, func(r *record) bool {
			return r.fact.Purpose == PurposeGenuine && r.fact.EventType == other.Type && r.fact.Status == 200
		})
		if taken && hasText(other) && !hasText(event) {
			event = other
		}
	}
	jobs := make([]job, len(cases.Genuine))
	for i, c := range cases.Genuine {
		jobs[i] = job{Case: cases.Case{Family: c.Family, Name: c.Name, Change: func(f *cases.Request) {
			if !s.baseline.Genuine {
				f.Refuse(cases.NotSentNoGenuine)
			}
			c.Change(f)
		}}, purpose: PurposeGenuine, event: event}
	}
	return jobs
}

func hasText(event provider.Event) bool {
	doc, err := cases.Parse(event.Render("u", "i"))
	if err != nil {
		return false
	}
	found := false
	doc.Each(func(_ string, n *cases.Node) { found = found || n.Kind == '"' && n.Text == "prelaunch" })
	return found
}

func (s *session) invalids() []job {
	var jobs []job
	for _, c := range cases.Invalid(s.profile.Required) {
		jobs = append(jobs, job{Case: c, purpose: PurposeInvalid, event: s.signable()})
	}
	return jobs
}

// send sends jobs side by side and returns their records in the same order.
func (s *session) send(ctx context.Context, jobs []job) []*record {
	records := make([]*record, len(jobs))
	index := make([]int, len(jobs))
	for i := range index {
		index[i] = i
	}
	send.Each(index, func(i int) { records[i] = s.do(ctx, jobs[i], "") })
	return records
}

// battery sends jobs in batches, each followed by a control.
func (s *session) battery(ctx context.Context, jobs []job) {
	for len(jobs) > 0 {
		if reason := s.over(ctx); reason != "" {
			s.leaveOut(jobs, reason, func(job) bool { return true })
			return
		}
		now, later := s.next(jobs)
		records := s.sendWitnessed(ctx, now)
		s.keep(records...)
		jobs = s.endFamilies(records, s.endHanging(later))
	}
}

// over says why nothing more is sent, "" while the battery goes on.
func (s *session) over(ctx context.Context) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case ctx.Err() != nil:
		return cases.NotSentInterrupted
	case s.baseline.Unresponsive:
		return cases.NotSentSilent
	case s.timeouts >= maxTimeouts:
		s.baseline.Reason = cases.NotSentTimeouts
		return cases.NotSentTimeouts
	case s.pace.Hopeless():
		s.baseline.Reason = cases.NotSentBusy
		return cases.NotSentBusy
	}
	return ""
}

// next takes a batch off the jobs: in careful probing one of each family, so that a family can end at its first acceptance.
func (s *session) next(jobs []job) (now, later []job) {
	if s.full() || jobs[0].purpose != PurposeForgery {
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

// endFamilies takes the families out of jobs of which a case was taken, in careful probing.
func (s *session) endFamilies(records []*record, jobs []job) []job {
	if s.full() {
		return jobs
	}
	ended := map[string]bool{}
	for _, r := range records {
		if r.fact.Purpose == PurposeForgery && s.takenNow(r) {
			ended[r.fact.Family] = true
		}
	}
	return s.leaveOut(jobs, cases.NotSentFamilyEnded, func(j job) bool { return ended[j.Family] })
}

// endHanging takes the families out of jobs of which too many requests timed out. A connection that is cut off does not wait for an
// answer.
func (s *session) endHanging(jobs []job) []job {
	return s.leaveOut(jobs, cases.NotSentTimeouts, func(j job) bool { return j.Name != cases.CaseCutOff && s.hanging[j.Family] >= maxFamilyTimeouts })
}

func (s *session) leaveOut(jobs []job, reason string, which func(job) bool) []job {
	return slices.DeleteFunc(slices.Clone(jobs), func(j job) bool {
		if !which(j) {
			return false
		}
		s.keep(&record{fact: Exchange{Environment: s.environment.Name, Purpose: j.purpose, Family: j.Family, Case: j.Name, EventType: j.event.Type, Key: j.key, NotSent: reason}})
		s.progress.add(1, 0)
		return true
	})
}

// sendWitnessed sends a batch and then a control. Where the control fails and the receiver comes back, the batch is sent again, request
// by request.
func (s *session) sendWitnessed(ctx context.Context, jobs []job) []*record {
	records := s.send(ctx, jobs)
	if !s.full() && s.observer.active() {
		send.Each(records, func(r *record) { r.fact.Effect = s.observer.ask(ctx, r.uid) })
	}
	if s.witness(ctx, records) || !s.hasControl() || ctx.Err() != nil {
		return records
	}
	if !s.recovered(ctx) {
		s.fatal(familiesOf(records)...)
		s.lost()
		return records
	}
	var kept []*record
	var again []job
	for i, r := range records {
		if s.takenNow(r) {
			kept = append(kept, r)
		} else {
			again = append(again, jobs[i])
		}
	}
	return append(kept, s.oneByOne(ctx, again)...)
}

// oneByOne sends jobs each with a control of its own, so that the one which a receiver does not survive is told from its neighbours.
func (s *session) oneByOne(ctx context.Context, jobs []job) []*record {
	var records []*record
	for i, j := range jobs {
		r := s.do(ctx, j, "")
		records = append(records, r)
		if s.witness(ctx, records[i:]) {
			continue
		}
		s.fatal(j.Family)
		if s.recoveries++; ctx.Err() != nil || s.recoveries > maxRecoveries || !s.recovered(ctx) {
			s.lost()
			s.leaveOut(jobs[i+1:], cases.NotSentSilent, func(job) bool { return true })
			break
		}
	}
	return records
}

func familiesOf(records []*record) []string {
	var names []string
	for _, r := range records {
		if r.fact.NotSent == "" {
			names = append(names, r.fact.Family)
		}
	}
	return names
}

// fatal notes families that were sent just before the receiver went away.
func (s *session) fatal(families ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, family := range families {
		if !slices.Contains(s.baseline.After, family) {
			s.baseline.After = append(s.baseline.After, family)
		}
	}
}

// lost notes that the receiver does not come back.
func (s *session) lost() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.baseline.Unresponsive, s.baseline.Reason = true, cases.NotSentSilent
}

func (s *session) recovered(ctx context.Context) bool {
	for _, pause := range recoveries {
		if send.Sleep(ctx, pause) != nil {
			return false
		}
		if s.alive(ctx) {
			return true
		}
	}
	return false
}

// witness sends a control after the records were made and marks them where it was answered as at the beginning.
func (s *session) witness(ctx context.Context, records []*record) bool {
	if !slices.ContainsFunc(records, func(r *record) bool { return r.fact.NotSent == "" }) {
		return true
	}
	ok := s.alive(ctx)
	for _, r := range records {
		r.fact.Witnessed = ok && r.fact.NotSent == ""
	}
	return ok
}

// hasControl reports whether there is a properly signed request whose answer tells that signatures are still looked at.
func (s *session) hasControl() bool {
	if !s.canSign() {
		return false
	}
	if s.full() && s.baseline.GenuineSent > 0 && (s.baseline.Genuine || s.turned.Count > 0 && s.baseline.Distinguishes && len(s.expectedStatuses()) > 0) {
		return true
	}
	return s.control.Count > 0
}

// expectedStatuses are those of the first answers to genuine events that wrong ones do not get.
func (s *session) expectedStatuses() []int {
	if s.baseline.Genuine {
		return s.baseline.GenuineStatuses
	}
	var statuses []int
	for _, status := range s.baseline.GenuineStatuses {
		if !slices.Contains(s.baseline.WrongStatuses, status) {
			statuses = append(statuses, status)
		}
	}
	return statuses
}

// alive sends a control and reports whether the receiver answered it as at the beginning.
func (s *session) alive(ctx context.Context) bool {
	if !s.hasControl() {
		return false
	}
	genuine := s.full() && (s.baseline.Genuine || s.turned.Count > 0 && len(s.expectedStatuses()) > 0)
	j := job{Case: cases.Case{Family: cases.FamilyControl, Name: "genuine", Change: (*cases.Request).Sign}, purpose: PurposeControl, event: s.event}
	if !genuine {
		j.Name, j.Change, j.event = "invalid", s.pairCases()[0].Change, s.signable()
	}
	r := s.do(ctx, j, "")
	s.keep(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !r.got {
		return false
	}
	if !genuine {
		return s.control.Matches(r.normal)
	}
	if r.fact.Error == "" && r.fact.Status == 200 {
		s.addGenuine(r)
	}
	return slices.Contains(s.expectedStatuses(), r.fact.Status)
}

// redelivery sends the same bytes twice, and then another event under the signature that was taken: a receiver that remembers
// signatures as right, to save the work, takes any body under it.
func (s *session) redelivery(ctx context.Context) {
	first := job{Case: cases.Case{Family: cases.FamilyRedelivery, Name: "first", Change: (*cases.Request).Sign}, purpose: PurposeGenuine, event: s.event}
	if s.over(ctx) != "" || !s.full() || !s.canSign() || !s.baseline.Genuine {
		reason := cases.NotSentNoGenuine
		if !s.full() {
			reason = cases.NotSentCareful
		}
		s.keep(&record{fact: Exchange{Environment: s.environment.Name, Purpose: PurposeGenuine, Family: cases.FamilyRedelivery, Case: "again", EventType: s.event.Type, NotSent: reason}})
		return
	}
	f, err := s.source.Request(s.event, true)
	if err != nil {
		return
	}
	f.Sign()
	for _, name := range []string{"first", "again"} {
		first.Name = name
		first.Change = func(g *cases.Request) { g.Body, g.Doc, g.UID = f.Body, f.Doc, f.UID; g.Sign() }
		s.keep(s.do(ctx, first, ""))
	}
	reused := cases.Case{Family: "F07", Name: "signature-reused", Change: func(g *cases.Request) {
		if g.Fixed { // the same user's event at another time
			g.Body = cases.ShiftTimes(g.Body, 60*86400)
		}
		g.Put(g.Right(f.Body))
	}}
	s.battery(ctx, []job{{Case: reused, purpose: PurposeForgery, event: s.event}})
}
