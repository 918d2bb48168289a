package webhook

import (
	"slices"
	"sync"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/provider"
	"github.com/prelaunch-audit/prelaunch/probes/webhook/cases"
	"github.com/prelaunch-audit/prelaunch/probes/webhook/response"
)

// transcript is what was sent to one environment's receiver and how it responded. Phases add to it
// one after the other; while requests are under way, it is only read.
type transcript struct {
	environment audit.Environment
	baseline    Baseline
	event       provider.Event // the one that is forged
	base        string         // what unsigned families carry: "" nothing, BaseWrong a random signature
	offersTwo   bool           // the receiver speaks HTTP/2
	unnamed     bool           // no request has named the auditor yet, and none is to

	records   []*record
	batch     sentBatch // the last one
	instances []*record
	diagnoses []Diagnosis
	accepted  []audit.SentEvent // synthetic events that got a 2xx
	unmarked  []audit.UnmarkedRequest

	valid    response.Comparison // responses to valid events with a status of success
	rejected response.Comparison // to valid events, with another status
	random   response.Comparison // to the same event under a random signature
	invalid  response.Comparison // to signed invalid bodies, where the same body incorrectly signed gets another
	control  response.Comparison // what a control request is expected to get

	timeouts   int
	hanging    map[string]int // timeouts by family
	gateway    bool           // incorrectly signed events get a gateway's response
	shutOut    bool           // it stopped responding after a request, and not when that was sent again
	recoveries int            // how often the receiver went away and came back
}

// record is one exchange, with what is needed to compare it later.
type record struct {
	fact    Exchange
	address string
	uid     string
	normal  response.Normal
	got     bool  // there was a response
	broke   bool  // a connection that had accepted it broke, whatever became of it when it was sent again
	closed  bool  // and the peer had closed it in order
	gateway bool  // a gateway responded in place of the receiver
	stopped bool  // and went on doing so
	late    *late // what followed the response; nil: nothing can

	begun, ended time.Time // of the first attempt; of the first that got no response, else of the last
}

// late is what arrived on a connection after a response. Only with it is the request kept: those of a whole suite take 10 MB.
type late struct {
	mu      sync.Mutex
	request *cases.Request // nil: nothing arrived
	read    []byte
}

func (l *late) add(f *cases.Request, p []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.request, l.read = f, append(l.read, p...)
}

func newTranscript(environment audit.Environment, profile *provider.Profile) *transcript {
	t := &transcript{
		environment: environment, hanging: map[string]int{},
		baseline: Baseline{
			Environment: environment.Name, URL: environment.WebhookURL, Probing: environment.Probing,
			Receiver: environment.Receiver, State: StateStopped, GenuineStatuses: []int{},
			WrongStatuses: []int{}, Addresses: []string{}, After: []string{}, Stops: []Stop{},
			Success: [][]int{}, Within: int(profile.Delivery.Within.Duration().Milliseconds()),
			KeyHeld: environment.Key.Key.Held() && (environment.KeyPair || !profile.Signature.NegativeOnly()), FixedUIDs: len(environment.ProbeUIDs) > 0,
		},
	}
	if profile.Signature.Covers().Time {
		t.baseline.Tolerance = int(profile.Signature.Timestamp.Tolerance.Duration().Seconds())
	}
	for _, r := range profile.Delivery.Success.Ranges() {
		t.baseline.Success = append(t.baseline.Success, []int{r.From, r.To})
	}
	return t
}

// success reports whether the provider counts a status as a delivery.
func (t *transcript) success(status int) bool {
	return slices.ContainsFunc(t.baseline.Success, func(r []int) bool { return r[0] <= status && status <= r[1] })
}

func (t *transcript) full() bool { return t.environment.Probing == audit.Full }

func (t *transcript) keep(records ...*record) { t.records = append(t.records, records...) }

// learn adds responses to what later ones are compared with.
func (t *transcript) learn(records []*record) {
	b := &t.baseline
	for _, r := range records {
		switch {
		case r.fact.Purpose == PurposeReference && r.fact.Family == cases.FamilyWrong && r.got:
			t.random.Add(r.normal)
			b.WrongFirewall = b.WrongFirewall || r.fact.Firewall
			t.gateway = t.gateway || r.gateway
			b.WrongStatuses = addOnce(b.WrongStatuses, r.fact.Status)
		case r.fact.Purpose == PurposeGenuine && r.fact.NotSent == "":
			b.GenuineSent++
			if r.got {
				b.GenuineStatuses = addOnce(b.GenuineStatuses, r.fact.Status)
				t.addValid(r)
			}
		}
	}
}

func (t *transcript) addValid(r *record) {
	if t.success(r.fact.Status) && r.fact.Error == "" {
		t.valid.Add(r.normal)
		t.baseline.Genuine = true
		return
	}
	t.rejected.Add(r.normal)
}

func addOnce(list []int, value int) []int {
	if slices.Contains(list, value) {
		return list
	}
	list = append(list, value)
	slices.Sort(list)
	return list
}

// acceptedNow reports, while requests are still being sent, whether a response looks as if the event
// was accepted.
func (t *transcript) acceptedNow(r *record) bool {
	switch {
	case r.fact.Effect == EffectProcessed:
		return true
	case !r.got || r.fact.Status/100 != 2 || t.environment.Receiver == audit.Queued:
		return false
	case !t.baseline.Genuine:
		return !r.fact.Elsewhere
	}
	return t.valid.Matches(r.normal)
}

// wasSent reports whether a forgery was sent already, or found that it cannot be.
func (t *transcript) wasSent(j job) bool {
	return slices.ContainsFunc(t.records, func(r *record) bool {
		return r.fact.Purpose == j.purpose && r.fact.Family == j.Family && r.fact.Case == j.Name && r.fact.EventType == j.event.Type
	})
}

func (t *transcript) anyAccepted(family string) bool {
	return slices.ContainsFunc(t.records, func(r *record) bool {
		return r.fact.Family == family && t.acceptedNow(r)
	})
}

// expectedStatuses are those of the first responses to valid events that random signatures do not
// get.
func (t *transcript) expectedStatuses() []int {
	if t.baseline.Genuine {
		return t.baseline.GenuineStatuses
	}
	var statuses []int
	for _, status := range t.baseline.GenuineStatuses {
		if !slices.Contains(t.baseline.WrongStatuses, status) {
			statuses = append(statuses, status)
		}
	}
	return statuses
}

// validControl reports whether a valid event can serve as the control request.
func (t *transcript) validControl() bool {
	return t.full() && t.baseline.GenuineSent > 0 &&
		(t.baseline.Genuine || t.rejected.Count() > 0 && len(t.expectedStatuses()) > 0)
}

// goneAfter notes families that were sent just before the receiver went away.
func (t *transcript) goneAfter(records ...*record) {
	for _, r := range records {
		if r.fact.NotSent == "" && !slices.Contains(t.baseline.After, r.fact.Family) {
			t.baseline.After = append(t.baseline.After, r.fact.Family)
		}
	}
}

// lost notes that the receiver does not come back.
func (t *transcript) lost() {
	t.baseline.Unresponsive, t.baseline.Reason = true, cases.NotSentSilent
}

// compare notes whose response a response equals. It comes last, since each valid event's response
// shows more of what varies.
func (t *transcript) compare(r *record) {
	if !r.got {
		return
	}
	for _, c := range []struct {
		name string
		with *response.Comparison
	}{
		{EqualsGenuine, &t.valid}, {EqualsTurned, &t.rejected},
		{EqualsWrong, &t.random}, {EqualsInvalid, &t.invalid},
	} {
		if c.with.Matches(r.normal) {
			r.fact.Equals = append(r.fact.Equals, c.name)
		}
	}
}
