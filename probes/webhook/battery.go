package webhook

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/provider"
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

// recoveries are the pauses after which a receiver that stopped answering is asked again.
var recoveries = []time.Duration{100 * time.Millisecond, 500 * time.Millisecond, 2 * time.Second}

func wrongJob(event provider.Event) job {
	return job{testCase: testCase{family: "wrong", name: "random", change: wrong}, purpose: PurposeReference, event: event}
}

func genuineJob(family, name string, event provider.Event) job {
	return job{testCase: testCase{family: family, name: name, change: (*forge).sign}, purpose: PurposeGenuine, event: event}
}

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
			jobs = append(jobs, genuineJob(familyType, event.Type, event))
		}
	}
	records := s.send(ctx, jobs)
	silent := func() bool { return !slices.ContainsFunc(records, func(r *record) bool { return r.got }) }
	if silent() && s.client.secure() && s.client.offersHTTP2(ctx) {
		s.client.onlyTwo = true
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
			more = append(more, genuineJob(familyBaseline, name, s.event))
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
		if r.fact.Family == familyType && r.fact.Status == 200 {
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
		case r.fact.Purpose == PurposeReference && r.fact.Family == "wrong":
			if r.got {
				s.wrong.add(r.normal)
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
		s.genuine.add(r.normal)
		s.baseline.Genuine = true
		return
	}
	s.turned.add(r.normal)
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
		if r.fact.Purpose == PurposeGenuine && r.got && r.fact.Status < 500 && r.fact.Status != 429 && s.wrong.count > 0 && !s.wrong.matches(r.normal) {
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
			job{testCase: testCase{family: "pair", name: c.name, change: c.change}, purpose: PurposeInvalid, event: s.event},
			job{testCase: testCase{family: "pair", name: c.name, change: func(f *forge) { c.change(f); f.valid = false; wrong(f) }}, purpose: PurposeReference, event: s.event})
	}
	records := s.send(ctx, jobs)
	s.keep(records...)
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := 0; i+1 < len(records); i += 2 {
		right, wrongly := records[i], records[i+1]
		if !right.got || !wrongly.got || right.fact.Status >= 500 || wrongly.fact.Status >= 500 || right.fact.Status == 429 || wrongly.fact.Status == 429 {
			continue
		}
		var same comparison
		same.add(wrongly.normal)
		if !same.matches(right.normal) {
			s.baseline.Distinguishes = true
			s.invalid.add(right.normal)
			if right.fact.Case == s.profile.Required[0] {
				s.control.add(right.normal)
			}
		}
	}
}

func (s *session) pairCases() []testCase {
	field := s.profile.Required[0]
	return []testCase{
		{name: field, change: signed(func(f *forge) { f.doc.remove(field); f.body = compact.write(f.doc) })},
		{name: "all", change: body("{}")},
		{name: "brace", change: body("{")},
	}
}

// diagnose guesses why a genuine event is refused.
func (s *session) diagnose(ctx context.Context) {
	jobs := make([]job, len(diagnoses))
	for i, d := range diagnoses {
		jobs[i] = job{testCase: testCase{family: "diagnosis", name: d.name, change: d.change}, purpose: PurposeReference, event: s.event}
	}
	for _, r := range s.send(ctx, jobs) {
		if r.fact.NotSent != "" {
			continue
		}
		s.mu.Lock()
		taken := r.got && r.fact.Status/100 == 2 && !s.wrong.matches(r.normal)
		s.diagnosis = append(s.diagnosis, Diagnosis{Environment: s.environment.Name, Guess: r.fact.Case, Status: r.fact.Status, Taken: taken})
		s.mu.Unlock()
	}
}

// plainUnsigned sends the event of each type without a signature. Where that is taken and a random signature is not, the families that
// are sent unsigned carry a random signature instead: otherwise they would show nothing but this again.
func (s *session) plainUnsigned(ctx context.Context) {
	jobs := []job{{testCase: forgeries[0], purpose: PurposeForgery, event: s.event}}
	for _, event := range s.configured() {
		if event.Type != s.event.Type {
			jobs = append(jobs, job{testCase: forgeries[0], purpose: PurposeForgery, event: event})
		}
	}
	records := s.send(ctx, jobs)
	s.witness(ctx, records)
	s.keep(records...)
	if s.takenNow(records[0]) && !s.anyTaken(func(r *record) bool { return r.fact.Family == "wrong" }) {
		s.base = baseWrong
	}
}

func (s *session) anyTaken(which func(*record) bool) bool {
	return slices.ContainsFunc(s.records, func(r *record) bool { return which(r) && s.takenNow(r) })
}

// forgeries are the jobs of the table and of the retired keys.
func (s *session) forgeries() []job {
	var jobs []job
	for _, c := range forgeries[1:] {
		jobs = append(jobs, job{testCase: c, purpose: PurposeForgery, event: s.event})
	}
	for _, retired := range s.retired {
		change := func(f *forge) {
			if retired.key == nil {
				f.refuse(notSentNoKey)
				return
			}
			f.keyed = true
			f.signWith(retired.key)
		}
		jobs = append(jobs, job{testCase: testCase{family: familyRetired, name: retired.name, change: change}, purpose: PurposeForgery, event: s.event, key: retired.fingerprint})
	}
	return jobs
}

// accepted are the jobs of unusual genuine events; offered tells whether the receiver speaks HTTP/2.
func (s *session) accepted(offered bool) []job {
	event := s.event
	for _, other := range s.configured() { // one with a free text and a list, if there is one that the receiver takes
		taken := slices.ContainsFunc(s.records, func(r *record) bool {
			return r.fact.Purpose == PurposeGenuine && r.fact.EventType == other.Type && r.fact.Status == 200
		})
		if taken && hasText(other) && !hasText(event) {
			event = other
		}
	}
	jobs := make([]job, len(genuine))
	for i, c := range genuine {
		change := c.change
		if c.name == "http2" {
			change = func(f *forge) {
				if !offered {
					f.refuse(notSentNotOffered)
				}
				c.change(f)
			}
		}
		jobs[i] = job{testCase: testCase{family: c.family, name: c.name, change: func(f *forge) {
			if !s.baseline.Genuine {
				f.refuse(notSentNoGenuine)
			}
			change(f)
		}}, purpose: PurposeGenuine, event: event}
	}
	return jobs
}

func hasText(event provider.Event) bool {
	doc, err := parse(event.Render("u", "i"))
	if err != nil {
		return false
	}
	found := false
	doc.each(func(_ string, n *node) { found = found || n.kind == '"' && n.text == "prelaunch" })
	return found
}

func (s *session) invalids() []job {
	var jobs []job
	for _, c := range invalidOf(s.profile.Required) {
		jobs = append(jobs, job{testCase: c, purpose: PurposeInvalid, event: s.event})
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
	each(index, func(i int) { records[i] = s.do(ctx, jobs[i], "") })
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
		return notSentInterrupted
	case s.baseline.Unresponsive:
		return notSentSilent
	case s.timeouts >= maxTimeouts:
		s.baseline.Reason = notSentTimeouts
		return notSentTimeouts
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
		if len(now) < batch && !seen[j.family] {
			seen[j.family] = true
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
	return s.leaveOut(jobs, notSentFamilyEnded, func(j job) bool { return ended[j.family] })
}

// endHanging takes the families out of jobs of which too many requests timed out. A connection that is cut off does not wait for an
// answer.
func (s *session) endHanging(jobs []job) []job {
	return s.leaveOut(jobs, notSentTimeouts, func(j job) bool { return j.name != caseCutOff && s.hanging[j.family] >= maxFamilyTimeouts })
}

func (s *session) leaveOut(jobs []job, reason string, which func(job) bool) []job {
	return slices.DeleteFunc(slices.Clone(jobs), func(j job) bool {
		if !which(j) {
			return false
		}
		s.keep(&record{fact: Exchange{Environment: s.environment.Name, Purpose: j.purpose, Family: j.family, Case: j.name, EventType: j.event.Type, Key: j.key, NotSent: reason}})
		s.progress.add(1, 0)
		return true
	})
}

// sendWitnessed sends a batch and then a control. Where the control fails and the receiver comes back, the batch is sent again.
func (s *session) sendWitnessed(ctx context.Context, jobs []job) []*record {
	records := s.send(ctx, jobs)
	if !s.full() && s.observer.active() {
		each(records, func(r *record) { r.fact.Effect = s.observer.ask(ctx, r.uid) })
	}
	if s.witness(ctx, records) || !s.hasControl() || ctx.Err() != nil {
		return records
	}
	families := familiesOf(records)
	if !s.recovered(ctx) {
		s.lost(families)
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
	second := s.send(ctx, again)
	if !s.witness(ctx, second) && ctx.Err() == nil {
		s.baseline.After = families
		if !s.recovered(ctx) {
			s.lost(families)
		}
		for _, r := range second { // what was seen at first stands as well: the receiver went away twice
			r.fact.Retries++
		}
	}
	return append(kept, second...)
}

func familiesOf(records []*record) string {
	var names []string
	for _, r := range records {
		if name := r.fact.Family; r.fact.NotSent == "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return strings.Join(names, ",")
}

// lost notes that the receiver is gone.
func (s *session) lost(families string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.baseline.Unresponsive, s.baseline.Reason, s.baseline.After = true, notSentSilent, families
}

func (s *session) recovered(ctx context.Context) bool {
	for _, pause := range recoveries {
		if sleep(ctx, pause) != nil {
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
	if s.full() && s.baseline.GenuineSent > 0 && (s.baseline.Genuine || s.turned.count > 0 && s.baseline.Distinguishes && len(s.expectedStatuses()) > 0) {
		return true
	}
	return s.control.count > 0
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
	genuine := s.full() && (s.baseline.Genuine || s.turned.count > 0 && len(s.expectedStatuses()) > 0)
	j := job{testCase: testCase{family: familyControl, name: "genuine", change: (*forge).sign}, purpose: PurposeControl, event: s.event}
	if !genuine {
		j.name, j.change = "invalid", s.pairCases()[0].change
	}
	r := s.do(ctx, j, "")
	s.keep(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !r.got {
		return false
	}
	if !genuine {
		return s.control.matches(r.normal)
	}
	if r.fact.Error == "" && r.fact.Status == 200 {
		s.addGenuine(r)
	}
	return slices.Contains(s.expectedStatuses(), r.fact.Status)
}

// redelivery sends the same bytes twice.
func (s *session) redelivery(ctx context.Context) {
	first := job{testCase: testCase{family: familyRedelivery, name: "first", change: (*forge).sign}, purpose: PurposeGenuine, event: s.event}
	if s.over(ctx) != "" || !s.full() || !s.canSign() || !s.baseline.Genuine {
		reason := notSentNoGenuine
		if !s.full() {
			reason = notSentCareful
		}
		s.keep(&record{fact: Exchange{Environment: s.environment.Name, Purpose: PurposeGenuine, Family: familyRedelivery, Case: "again", EventType: s.event.Type, NotSent: reason}})
		return
	}
	f, err := s.forge(s.event)
	if err != nil {
		return
	}
	f.sign()
	for _, name := range []string{"first", "again"} {
		first.name = name
		first.change = func(g *forge) { g.body, g.doc, g.uid = f.body, f.doc, f.uid; g.sign() }
		s.keep(s.do(ctx, first, ""))
	}
}

// everyInstance sends an unsigned and a wrongly signed event on many connections of their own, spread over every address, and one
// genuine event to each address.
func (s *session) everyInstance(ctx context.Context) {
	if s.over(ctx) != "" {
		return
	}
	s.client.closeIdle()
	addresses := s.baseline.Addresses
	draws := max(s.run.Integration.Network.FreshConnections, len(addresses))
	for _, c := range []job{
		{testCase: testCase{family: "instance", name: "unsigned", change: forgeries[0].change}, purpose: PurposeForgery, event: s.event},
		{testCase: testCase{family: "instance", name: "wrong-key", change: func(f *forge) { f.signWith([]byte(randomHex(32))) }}, purpose: PurposeForgery, event: s.event},
	} {
		turns := make([]int, draws)
		for i := range turns {
			turns[i] = i
		}
		for chunk := range slices.Chunk(turns, s.chunk(draws)) {
			drawn := make([]*record, len(chunk))
			each(chunk, func(i int) { drawn[i-chunk[0]] = s.do(ctx, c, addresses[i%len(addresses)]) })
			s.instances = append(s.instances, drawn...)
			if ctx.Err() != nil || s.timeouts >= maxTimeouts || !s.full() && slices.ContainsFunc(drawn, s.takenNow) {
				break
			}
		}
	}
	if s.full() && s.canSign() && s.baseline.Genuine && ctx.Err() == nil {
		drawn := make([]*record, len(addresses))
		index := make([]int, len(addresses))
		for i := range index {
			index[i] = i
		}
		each(index, func(i int) {
			drawn[i] = s.do(ctx, genuineJob("instance", "genuine", s.event), addresses[i])
		})
		s.instances = append(s.instances, drawn...)
	}
}

// chunk is how many draws are made before looking at the answers: in careful probing few, to stop at the first acceptance.
func (s *session) chunk(draws int) int {
	if s.full() {
		return draws
	}
	return parallel
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
			Digest: r.fact.Digest, Equals: r.fact.Equals, Leaks: r.fact.Leaks, Firewall: r.fact.Firewall, Effect: r.fact.Effect,
		}
		key := fact.Case + fact.Address + fact.Error + fact.Digest + fact.Effect
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
