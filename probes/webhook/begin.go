package webhook

import (
	"context"
	"slices"

	"github.com/prelaunch-audit/prelaunch/internal/provider"
	"github.com/prelaunch-audit/prelaunch/probes/webhook/cases"
	"github.com/prelaunch-audit/prelaunch/probes/webhook/response"
)

// Before anything is forged, the receiver shows how it answers what is genuine and what is plainly wrong.

// configured are the events of the configured types.
func (s *session) configured() []provider.Event {
	var events []provider.Event
	for _, eventType := range s.run.Integration.EventTypes {
		if event, ok := s.profile.Event(eventType); ok {
			events = append(events, event)
		}
	}
	return events
}

// begin learns how the receiver answers genuine and plainly wrong events. It reports whether there is anything to go on with.
func (s *session) begin(ctx context.Context) bool {
	// All of these are sent, so that a receiver which hangs costs one timeout.
	jobs := []job{wrongJob(s.event), wrongJob(s.event), wrongJob(s.event)}
	signing := s.full() && s.canSign()
	if signing {
		for _, event := range s.configured() {
			jobs = append(jobs, genuineJob(cases.FamilyType, event.Type, event))
		}
	}
	records := s.send(ctx, jobs)
	silent := func() bool { return !slices.ContainsFunc(records, func(r *record) bool { return r.got }) }
	if silent() && s.client.Secure() && s.client.OffersHTTP2(ctx) {
		s.client.OnlyTwo = true
		records = s.send(ctx, jobs)
	}
	s.keep(records...)
	if ctx.Err() != nil {
		return false
	}
	if silent() {
		s.baseline.State, s.baseline.Reason = StateUnreachable, records[0].fact.Error
		for _, r := range records { // the receiver's own fault tells more than a request that was not sent
			if r.fact.Error != "" {
				s.baseline.Reason = r.fact.Error
			}
		}
		return false
	}
	s.baseline.State = StateProbed
	s.learn(records)
	if signing && s.canSign() {
		s.settle(records)
		more := make([]job, 0, baselines)
		for _, name := range []string{"1", "2", "3"}[:baselines] {
			more = append(more, genuineJob(cases.FamilyBaseline, name, s.event))
		}
		again := s.send(ctx, more)
		s.keep(again...)
		s.learn(again)
	}
	s.judgeReferences()
	if s.canSign() && !s.baseline.Genuine {
		s.pairs(ctx)
		if s.full() {
			s.diagnose(ctx)
		}
	}
	s.baseline.Controlled = s.hasControl()
	s.plainUnsigned(ctx)
	return ctx.Err() == nil
}

// settle forges from now on the first type of event that the receiver takes, if any.
func (s *session) settle(records []*record) {
	for _, r := range records {
		if r.fact.Family == cases.FamilyType && r.fact.Status == 200 {
			s.chooseEvent(r.fact.EventType)
			return
		}
	}
}

// learn adds answers to what later ones are compared with.
func (s *session) learn(records []*record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range records {
		switch {
		case r.fact.Purpose == PurposeReference && r.fact.Family == cases.FamilyWrong:
			if r.got {
				s.wrong.Add(r.normal)
				s.baseline.WrongFirewall = s.baseline.WrongFirewall || r.fact.Firewall
				s.baseline.WrongStatuses = addOnce(s.baseline.WrongStatuses, r.fact.Status)
			}
		case r.fact.Purpose == PurposeGenuine && r.fact.NotSent == "":
			s.baseline.GenuineSent++
			if !r.got {
				continue
			}
			s.baseline.GenuineStatuses = addOnce(s.baseline.GenuineStatuses, r.fact.Status)
			s.addGenuine(r)
		}
	}
}

func (s *session) addGenuine(r *record) {
	if r.fact.Status == 200 && r.fact.Error == "" {
		s.genuine.Add(r.normal)
		s.baseline.Genuine = true
		return
	}
	s.turned.Add(r.normal)
}

func addOnce(list []int, value int) []int {
	if slices.Contains(list, value) {
		return list
	}
	list = append(list, value)
	slices.Sort(list)
	return list
}

// judgeReferences notes whether a genuine event gets an answer that the same event wrongly signed does not.
func (s *session) judgeReferences() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.records {
		if r.fact.Purpose == PurposeGenuine && r.got && r.fact.Status < 500 && r.fact.Status != 429 && s.wrong.Count > 0 && !s.wrong.Matches(r.normal) {
			s.baseline.Distinguishes = true
		}
	}
}

// pairs sends invalid bodies properly and wrongly signed: where that makes a difference, signatures are verified, although no genuine
// event was taken.
func (s *session) pairs(ctx context.Context) {
	var jobs []job
	for _, c := range s.pairCases() {
		jobs = append(jobs,
			job{Case: cases.Case{Family: cases.FamilyPair, Name: c.Name, Change: c.Change}, purpose: PurposeInvalid, event: s.signable()},
			job{Case: cases.Case{Family: cases.FamilyPair, Name: c.Name, Change: func(f *cases.Request) { c.Change(f); f.Valid = false; cases.Wrong(f) }}, purpose: PurposeReference, event: s.signable()})
	}
	records := s.send(ctx, jobs)
	s.keep(records...)
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := 0; i+1 < len(records); i += 2 {
		right, wrongly := records[i], records[i+1]
		if !right.got || !wrongly.got || right.fact.Status >= 500 || wrongly.fact.Status == 503 || right.fact.Status == 429 || wrongly.fact.Status == 429 {
			continue
		}
		var same response.Comparison
		same.Add(wrongly.normal)
		if !same.Matches(right.normal) {
			s.baseline.Distinguishes = true
			s.invalid.Add(right.normal)
			// Only a body spelled as events are: "{}" is the same in every spelling, and a receiver that verifies another one tells its
			// signature, and that of no event.
			if right.fact.Case == s.profile.Required[0] {
				s.control.Add(right.normal)
			}
		}
	}
}

func (s *session) pairCases() []cases.Case {
	field := s.profile.Required[0]
	return []cases.Case{
		{Name: field, Change: cases.Signed(func(f *cases.Request) { f.Doc.Remove(field); f.Body = cases.Compact.Write(f.Doc) })},
		{Name: "all", Change: cases.Body("{}")},
		{Name: "brace", Change: cases.Body("{")},
	}
}

// diagnose guesses why a genuine event is refused. Where it is answered with a 2xx, though not 200, the same answer to a guess tells nothing.
func (s *session) diagnose(ctx context.Context) {
	jobs := make([]job, len(cases.Diagnoses))
	for i, d := range cases.Diagnoses {
		jobs[i] = job{Case: cases.Case{Family: cases.FamilyDiagnosis, Name: d.Name, Change: d.Change}, purpose: PurposeReference, event: s.event}
	}
	for _, r := range s.send(ctx, jobs) {
		if r.fact.NotSent != "" {
			continue
		}
		s.mu.Lock()
		taken := r.got && r.fact.Status/100 == 2 && !s.wrong.Matches(r.normal) && !slices.Contains(s.baseline.GenuineStatuses, r.fact.Status)
		s.diagnosis = append(s.diagnosis, Diagnosis{Environment: s.environment.Name, Guess: r.fact.Case, Status: r.fact.Status, Taken: taken})
		s.mu.Unlock()
	}
}

// plainUnsigned sends the event of each type without a signature. Where that is taken and a random signature is not, the families that
// are sent unsigned carry a random signature instead: otherwise they would show nothing but this again.
func (s *session) plainUnsigned(ctx context.Context) {
	jobs := []job{{Case: cases.Forgeries[0], purpose: PurposeForgery, event: s.event}}
	for _, event := range s.configured() {
		if event.Type != s.event.Type {
			jobs = append(jobs, job{Case: cases.Forgeries[0], purpose: PurposeForgery, event: event})
		}
	}
	records := s.send(ctx, jobs)
	s.witness(ctx, records)
	s.keep(records...)
	if s.takenNow(records[0]) && !s.anyTaken(func(r *record) bool { return r.fact.Family == cases.FamilyWrong }) {
		s.base = cases.BaseWrong
	}
}

func (s *session) anyTaken(which func(*record) bool) bool {
	return slices.ContainsFunc(s.records, func(r *record) bool { return which(r) && s.takenNow(r) })
}
