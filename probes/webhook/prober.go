package webhook

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/netprobe"
	"github.com/prelaunch-audit/prelaunch/internal/provider"
	"github.com/prelaunch-audit/prelaunch/internal/provider/delivery"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
	"github.com/prelaunch-audit/prelaunch/probes/webhook/cases"
	"github.com/prelaunch-audit/prelaunch/probes/webhook/response"
	"github.com/prelaunch-audit/prelaunch/probes/webhook/send"
)

// prober sends one environment's requests. What it learns is in the transcript.
type prober struct {
	run         *audit.Run
	profile     provider.Profile
	environment audit.Environment
	progress    *progress
	source      *cases.Source
	sender      *send.Sender // nil where the URL is not valid
	scanner     *response.Scanner
	observer    *observer
	others      []audit.Environment // the first is the one whose key the cases of the table sign with
	retired     []retiredKey
	forged      []cases.Case // the plain unsigned event first
	recorded    string       // what became of a recorded delivery, as in the facts
	release     func()       // lets other probes send requests to the receiver; nil: none waits
}

type retiredKey struct {
	name        string // "retired-0"
	key         []byte
	fingerprint string
}

// job is a case that is to be sent, with how its exchange is reported.
type job struct {
	cases.Case
	purpose string
	event   provider.Event
	key     string // fingerprint of another key

	unmarked bool // does not name the auditor
	once     bool // a gateway's response to it counts as well as the receiver's own
}

// phases are the parts of the probe in their order. One that returns false ends it.
var phases = []func(*prober, context.Context, *transcript) bool{
	(*prober).resolve,
	(*prober).references,
	(*prober).watch,
	(*prober).emptyRequest,
	(*prober).plainUnsigned,
	(*prober).forgeries,
	(*prober).variants,
	(*prober).invalidBodies,
	(*prober).redelivery,
	(*prober).recognition,
	(*prober).everyInstance,
	(*prober).observe,
}

func newProber(run *audit.Run, profile provider.Profile, environment audit.Environment, progress *progress) *prober {
	if environment.KeyPair {
		profile = profile.WithKeyPair()
	}
	p := &prober{run: run, profile: profile, environment: environment, progress: progress}
	p.forged = cases.Forgeries(&p.profile)
	p.source = &cases.Source{
		Profile: &p.profile, IntegrationID: environment.IntegrationID, UIDs: environment.ProbeUIDs,
		Now: run.Now,
	}
	p.source.Key = heldKey(environment.Key.Key)
	switch {
	case environment.KeyPair:
		p.source.Public, _ = profile.Signature.PublicSecret(p.source.Key) // one that is no pair was refused with the configuration
	case profile.Signature.NegativeOnly(): // nobody but the provider can sign
		p.source.Key, p.source.Public = nil, p.source.Key
	}
	if p.others = otherEnvironments(run.Integration, environment); len(p.others) > 0 && p.source.Key != nil {
		p.source.OtherKey = heldKey(p.others[0].Key.Key)
		p.source.OtherURL, _ = url.Parse(p.others[0].WebhookURL) // one that cannot be read is no URL to sign
	}
	for i, retired := range run.Integration.RetiredKeys {
		if retired.Environment == environment.Name || retired.Environment == "" {
			p.retired = append(p.retired, retiredKey{fmt.Sprintf("retired-%d", i), heldKey(retired.Key), retired.Key.Fingerprint()})
		}
	}
	target, err := url.Parse(environment.WebhookURL)
	if err != nil || target.Hostname() == "" {
		return p
	}
	p.source.URL = target
	p.sender = &send.Sender{
		Client: send.NewClient(run, target), Pace: send.NewPace(run.Network, environment.Name, run.Integration.Network.RequestsPerSec[environment.Name]),
		Now: run.Now, Sending: p.note,
	}
	p.scanner = response.NewScanner(target.Hostname(), run.Integration.Keys())
	p.observer = newObserver(run.Exec, environment)
	if p.profile.Signature.NegativeOnly() {
		p.recorded = p.useRecordings()
	}
	return p
}

// useRecordings has the recorded deliveries of the environment sent as its valid events, and says what became of them.
func (p *prober) useRecordings() string {
	capture := p.environment.Captured
	switch {
	case capture == nil:
		return RecordedNone
	case p.environment.Probing != audit.Full:
		return RecordedCareful
	case p.source.Public == nil:
		return RecordedNoKey
	}
	captured, err := delivery.Parse(capture.Content)
	if err != nil {
		return RecordedUnverified // it was read with the configuration
	}
	messages := make([]provider.Message, len(captured))
	for i, one := range captured {
		messages[i] = one.Message
		messages[i].URL = delivery.SignedURL(one.URL, p.environment.WebhookURL)
	}
	recordings := cases.Recordings(&p.profile, messages, p.source.Public)
	if stale := cases.Stale(&p.profile, recordings, p.run.Now()); stale.Name != "" {
		p.forged = append(p.forged, stale)
	}
	p.source.Recorded = cases.Fresh(&p.profile, recordings, p.run.Now())
	switch {
	case len(recordings) == 0:
		return RecordedUnverified
	case len(p.source.Recorded) == 0:
		return RecordedStale
	}
	return RecordedReplayed
}

func otherEnvironments(integration *audit.Integration, environment audit.Environment) []audit.Environment {
	return slices.DeleteFunc(slices.Clone(integration.Environments), func(other audit.Environment) bool { return other.Name == environment.Name })
}

// heldKey is a key's bytes, nil when only its fingerprint is known.
func heldKey(key secret.Key) []byte {
	if !key.Held() {
		return nil
	}
	return key.Expose()
}

// probe runs the phases. It returns early when the receiver cannot be reached or the run ends.
func (p *prober) probe(ctx context.Context, t *transcript) {
	b := &t.baseline
	if p.sender != nil {
		b.Transport = TransportVerified
		b.Recorded = p.recorded
		if !p.sender.Verified() {
			b.Transport = TransportPlain
		}
	}
	if t.environment.Probing == audit.Passive {
		b.State, b.Complete = StatePassive, true
		p.skip("requests to the webhook receiver", "probing is passive")
		return
	}
	if p.sender == nil {
		b.State, b.Reason = StateUnreachable, "url"
		return
	}
	defer p.sender.CloseIdle()
	p.run.Ledger.Begin(p.run.Now())
	for _, phase := range phases {
		if !phase(p, ctx, t) {
			return
		}
	}
	b.Complete = ctx.Err() == nil
}

// resolve looks up the receiver's addresses.
func (p *prober) resolve(ctx context.Context, t *transcript) bool {
	addresses, err := p.run.Network.Addresses(ctx, p.sender.Host, p.sender.Port)
	if err != nil {
		t.baseline.State, t.baseline.Reason = StateUnreachable, netprobe.Classify(ctx, err)
		return false
	}
	t.baseline.Addresses, t.baseline.Unresolved = addresses, p.run.Network.Unresolved(p.sender.Host)
	p.chooseEvent(t, "")
	p.observer.try(ctx, cases.RandomUID(p.profile.UID))
	p.progress.add(0, p.expected())
	return true
}

// canSign reports whether correctly signed requests can be sent at all.
func (p *prober) canSign() bool {
	return (p.source.Key != nil || len(p.source.Recorded) > 0) && p.sender.Verified()
}

// configured are the events of the configured types.
func (p *prober) configured() []provider.Event {
	var events []provider.Event
	for _, eventType := range p.run.Integration.EventTypes {
		if event, ok := p.profile.Event(eventType); ok {
			events = append(events, event)
		}
	}
	return events
}

// signed are the events that can be sent correctly signed.
func (p *prober) signed() []provider.Event {
	if p.source.Key != nil {
		return p.configured()
	}
	var events []provider.Event
	for _, eventType := range slices.Sorted(maps.Keys(p.source.Recorded)) {
		events = append(events, provider.Event{Type: eventType})
	}
	return events
}

// chooseEvent picks the event that is forged: the first configured one, in careful probing the first
// about the course of an application if there is one. prefer is a type to take before all others.
func (p *prober) chooseEvent(t *transcript, prefer string) {
	events := p.configured()
	if len(p.source.Recorded) > 0 {
		events = p.signed()
	}
	if i := slices.IndexFunc(events, func(e provider.Event) bool { return e.Type == prefer }); i >= 0 {
		events = events[i:]
	} else if event, ok := p.profile.Event(prefer); ok {
		events = []provider.Event{event}
	}
	if len(events) == 0 {
		events = p.profile.Events
	}
	t.event = events[0]
	if i := slices.IndexFunc(events, func(e provider.Event) bool { return e.Harmless }); i >= 0 && !t.full() {
		t.event = events[i]
	}
	t.baseline.EventType = t.event.Type
}

// signable is the event that is sent correctly signed but invalid: in careful probing always one
// about the course of an application.
func (p *prober) signable(t *transcript) provider.Event {
	if t.full() || t.event.Harmless {
		return t.event
	}
	for _, event := range p.profile.Events {
		if event.Harmless {
			return event
		}
	}
	return t.event
}

// prepare makes the request of a job. It returns the reason where it cannot be sent.
func (p *prober) prepare(t *transcript, j job) (*cases.Request, string) {
	f, err := p.source.Request(j.event, p.sender.Verified())
	if err != nil {
		return nil, cases.NotSentNotPossible
	}
	if cases.SentUnsigned[j.Family] && t.base == cases.BaseWrong {
		cases.Wrong(f)
		f.Base = cases.BaseWrong
	}
	if !t.full() && j.purpose == PurposeInvalid && cases.Incomplete[j.Family] {
		f.MakeIncomplete(p.profile.Required, j.Name)
	}
	if !t.full() && (j.FullOnly || j.purpose == PurposeGenuine) {
		f.Refuse(cases.NotSentCareful)
	}
	f.Unmarked = (j.unmarked || t.unnamed) && !p.run.OnlyMarked
	j.Change(f)
	if f.HTTP2 && !t.offersTwo {
		f.Refuse(cases.NotSentNotOffered)
	}
	if f.Keyed && !p.sender.Verified() {
		f.Refuse(cases.NotSentTransport)
	}
	return f, f.NoSend
}

// send sends jobs side by side and returns their records in the same order.
func (p *prober) send(ctx context.Context, t *transcript, jobs []job) []*record {
	return p.sendTo(ctx, t, jobs, nil)
}

// sendTo sends jobs to addresses by turns, each on a connection of its own.
func (p *prober) sendTo(ctx context.Context, t *transcript, jobs []job, addresses []string) []*record {
	index, results := make([]int, len(jobs)), make([]send.Result, len(jobs))
	for i := range index {
		index[i] = i
	}
	address := func(i int) string {
		if len(addresses) == 0 {
			return ""
		}
		return addresses[i%len(addresses)]
	}
	send.Each(index, func(i int) {
		results[i] = p.sender.Do(ctx, address(i), jobs[i].once, func() (*cases.Request, string) { return p.prepare(t, jobs[i]) })
		p.progress.add(1, 0)
	})
	records := make([]*record, len(jobs))
	for i, result := range results {
		records[i] = p.read(t, jobs[i], &result)
		records[i].address = address(i)
	}
	if t.baseline.Transport == TransportVerified && !p.sender.Verified() {
		t.baseline.Transport = TransportUnverified
	}
	return records
}

func (p *prober) sendOne(ctx context.Context, t *transcript, j job) *record {
	return p.send(ctx, t, []job{j})[0]
}

// note puts a request that is about to be sent into the ledger, for which the logs are searched, once whoever keeps the list of what
// has to be purged has its UID.
func (p *prober) note(ctx context.Context, f *cases.Request, at time.Time) error {
	event := audit.LedgerEvent{Environment: p.environment.Name, UID: readableUID(f), Valid: f.Valid, Body: f.Body, At: at}
	if p.run.Sending != nil && event.UID != "" {
		if err := p.run.Sending(ctx, audit.SentEvent{Environment: event.Environment, UID: event.UID, EventType: f.Event.Type, At: at.UTC()}); err != nil {
			return err
		}
	}
	if len(p.run.Integration.Logs) == 0 { // nobody asks, and the bodies of a whole suite take megabytes
		return nil
	}
	if !f.Unsigned {
		event.Signature = f.Signature
	}
	if len(f.Body) > 0 {
		event.Correct = p.source.CorrectSignature(f)
	}
	p.run.Ledger.Add(event)
	if f.Exposed != "" {
		event.Signature, event.Valid = f.Exposed, true
		p.run.Ledger.Add(event)
	}
	return nil
}

// readableUID is the UID that the receiver can read in the body, in whatever encoding; "" where it
// cannot.
func readableUID(f *cases.Request) string {
	for _, pair := range f.Header {
		if pair[0] == "Content-Encoding" {
			return f.UID
		}
	}
	if bytes.Contains(f.Body, []byte(f.UID)) {
		return f.UID
	}
	plain := strings.ReplaceAll(string(f.Body), "\x00", "") // UTF-16
	if strings.Contains(plain, f.UID) || strings.Contains(response.Unescape(plain), f.UID) {
		return f.UID
	}
	return ""
}

// read makes the record of what became of a job.
func (p *prober) read(t *transcript, j job, result *send.Result) *record {
	r := &record{fact: Exchange{
		Environment: p.environment.Name, Purpose: j.purpose, Family: j.Family, Case: j.Name,
		EventType: j.event.Type, Key: j.key, NotSent: result.NotSent, Variant: j.Variant,
	}}
	t.baseline.Requests += len(result.Attempts) + result.Pings
	t.timeouts += result.Timeouts
	t.hanging[j.Family] += result.Timeouts
	for _, attempt := range result.Attempts {
		r.broke = r.broke || attempt.Failure == netprobe.Reset
		r.closed = r.closed || attempt.Closed
		if attempt.Request.Unmarked {
			t.unmarked = append(t.unmarked, audit.UnmarkedRequest{
				Environment: p.environment.Name, Case: cases.Label(j.Family, j.Name), At: attempt.At.UTC(),
			})
		}
		if uid := readableUID(attempt.Request); attempt.Status/100 == 2 && uid != "" && !attempt.Request.Elsewhere && j.purpose != PurposeHandshake {
			t.accepted = append(t.accepted, audit.SentEvent{
				Environment: p.environment.Name, UID: uid, EventType: j.event.Type, At: attempt.At.UTC(),
			})
		}
	}
	if n := len(result.Attempts); n > 0 {
		r.fact.Retries = n - 1
		r.begun, r.ended = result.Attempts[0].Begun, result.Attempts[n-1].Ended
		if at := slices.IndexFunc(result.Attempts, func(a send.Attempt) bool { return a.Status == 0 || a.Gateway }); at >= 0 {
			r.ended = result.Attempts[at].Ended
		}
	}
	if result.NotSent != "" {
		return r
	}
	f, a := result.Request, &result.Response
	r.uid, r.got, r.gateway, r.stopped = f.UID, a.Status != 0, a.Gateway(), result.Stopped
	r.fact.Elsewhere, r.fact.Base, r.fact.Unmarked = f.Elsewhere, f.Base, f.Unmarked
	if f.Method != cmp.Or(p.profile.Delivery.Method, "POST") {
		r.fact.Method = f.Method
	}
	r.fact.Status, r.fact.Error, r.fact.ContentType = a.Status, a.Failure, a.MediaType()
	r.fact.RetryAfter = a.Asked && (a.Status == 429 || a.Status == 503) || a.Status == 503 && p.sender.Pace.Overload()
	if r.got {
		r.normal = response.Normalize(a, []string{f.UID, f.Signature})
		r.fact.Digest = r.normal.Digest()
		r.fact.Firewall = a.Firewall()
		r.fact.Leaks = p.scanner.Scan(a, p.sent(f), p.source.ExpectedSignatures(f))
		if a.Late != nil {
			late := &late{}
			r.late = late
			a.Late(func(p []byte) { late.add(f, p) })
		}
		if j.purpose == PurposeHandshake {
			r.fact.Echo = a.Echo(f.Challenge, p.source.ChallengeMAC(f))
		}
		if f.Valid && t.success(a.Status) && j.purpose != PurposeInvalid {
			p.scanner.Learn(a)
		}
	} else if len(a.Stray) > 0 {
		r.fact.Leaks = p.scanner.Scan(a, p.sent(f), p.source.ExpectedSignatures(f))
	}
	if t.baseline.Within > 0 && j.purpose == PurposeGenuine && r.got {
		r.fact.Duration = milliseconds(result.Attempts[len(result.Attempts)-1].Took())
	}
	r.fact.Cut = a.Cut
	if j.purpose == PurposeForgery || j.purpose == PurposeInvalid {
		r.fact.Traits = f.Traits(j.purpose == PurposeInvalid)
	}
	return r
}

// milliseconds are at least 1: a response in less was seen, and 0 is what was not.
func milliseconds(took time.Duration) int {
	return max(1, int(took.Round(time.Millisecond).Milliseconds()))
}

// lateLeaks are those in what arrived on a connection after a response.
func (p *prober) lateLeaks(l *late) []string {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.request == nil {
		return nil
	}
	return p.scanner.Scan(&response.Response{Stray: l.read}, p.sent(l.request), p.source.ExpectedSignatures(l.request))
}

// sent is the request as a response may repeat it: what is in it is no leak.
func (p *prober) sent(f *cases.Request) string {
	var b strings.Builder
	for _, part := range []string{f.Path, p.source.URL.Path, f.Query, p.source.URL.String(), f.Signature} {
		b.WriteString(part + "\n")
	}
	for _, pair := range f.Header {
		b.WriteString(pair[0] + ": " + pair[1] + "\n")
	}
	if len(f.Body) <= response.MaxBody {
		b.Write(f.Body)
		b.WriteString("\n" + response.Unescape(string(f.Body)))
	}
	return b.String()
}

func (p *prober) skip(what, reason string) {
	p.run.Sink.Scope(func(scope *audit.Scope) {
		scope.Skipped = append(scope.Skipped, audit.Skipped{What: what, Environment: p.environment.Name, Reason: reason})
	})
}

// emit hands over what is known.
func (p *prober) emit(t *transcript) {
	b := &t.baseline
	b.Comparable = t.valid.Comparable()
	if p.observer != nil {
		b.Observer, b.ObserverSees = p.observer.state, p.observer.sees
	}
	left := map[string]int{}
	for _, r := range t.records {
		t.compare(r)
		if late := p.lateLeaks(r.late); len(late) > 0 {
			r.fact.Leaks = slices.Compact(slices.Sorted(slices.Values(append(late, r.fact.Leaks...))))
		}
		if r.fact.NotSent != "" {
			left[r.fact.NotSent]++
		}
		p.run.Sink.Emit(KindExchange, r.fact)
	}
	for _, sum := range t.instanceSums() {
		p.run.Sink.Emit(KindInstance, sum)
	}
	for _, d := range t.diagnoses {
		p.run.Sink.Emit(KindDiagnosis, d)
	}
	p.run.Sink.Emit(KindBaseline, *b)
	p.run.Sink.Scope(func(scope *audit.Scope) {
		if scope.Requests == nil {
			scope.Requests = map[string]int{}
		}
		scope.Requests[b.Environment] += b.Requests
		if p.sender != nil && b.Requests > 1 {
			if scope.Rates == nil {
				scope.Rates = map[string]float64{}
			}
			scope.Rates[b.Environment] = math.Round(10*p.sender.Pace.Used()) / 10
		}
		scope.Sent = append(scope.Sent, t.accepted...)
		scope.Unmarked = append(scope.Unmarked, t.unmarked...)
		for _, address := range b.Addresses {
			scope.Addresses = append(scope.Addresses, audit.Address{Environment: b.Environment, Host: p.sender.Host, Address: address})
		}
		for _, reason := range slices.Sorted(maps.Keys(left)) {
			if text := whyNotSent[reason]; text != "" {
				scope.Skipped = append(scope.Skipped, audit.Skipped{
					What: fmt.Sprintf("%d webhook requests", left[reason]), Environment: b.Environment, Reason: text,
				})
			}
		}
	})
}

// whyNotSent are the reasons why requests were not sent, for readers of the report; those that change
// nothing about the audit are not listed.
var whyNotSent = map[string]string{
	cases.NotSentNoKey:       "the key to sign them with is not held",
	cases.NotSentCareful:     "probing is careful",
	cases.NotSentFamilyEnded: "probing is careful, and a forgery of the same family had been accepted",
	cases.NotSentTransport:   "nothing made with a key is sent over plain HTTP or to a peer whose certificate does not verify",
	cases.NotSentSilent:      "the receiver no longer responded as at the beginning",
	cases.NotSentTimeouts:    "too many requests had timed out",
	cases.NotSentBusy:        "the receiver put off every request with 429 or 503, even after waiting as it asked",
	cases.NotSentInterrupted: "the audit was interrupted",
	cases.NotSentOutdated:    "the recorded delivery had become older than the scheme allows",
	cases.NotSentNoGenuine:   "the receiver did not accept the valid event",
}
