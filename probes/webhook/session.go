package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha512"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/netprobe"
	"github.com/prelaunch-audit/prelaunch/internal/provider"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
	"github.com/prelaunch-audit/prelaunch/probes/webhook/cases"
	"github.com/prelaunch-audit/prelaunch/probes/webhook/response"
	"github.com/prelaunch-audit/prelaunch/probes/webhook/send"
)

// session probes one environment's receiver.
type session struct {
	run         *audit.Run
	profile     provider.Profile
	environment audit.Environment
	progress    *progress
	client      *send.Client
	scanner     *response.Scanner
	pace        *send.Pace
	target      *url.URL

	key      []byte
	source   *cases.Source
	retired  []retiredKey
	observer *observer

	mu         sync.Mutex
	baseline   Baseline
	event      provider.Event // the one that is forged
	records    []*record
	instances  []*record
	genuine    response.Comparison // answers to genuine events with status 200
	turned     response.Comparison // with another
	wrong      response.Comparison // to the same event under a random signature
	invalid    response.Comparison // to properly signed invalid bodies, where the same body wrongly signed got another answer
	control    response.Comparison // what a control is expected to get
	diagnosis  []Diagnosis
	base       string // what unsigned families carry: "" nothing, baseWrong a random signature
	timeouts   int
	hanging    map[string]int // timeouts by family
	recoveries int            // how often the receiver went away and came back
	offersTwo  bool           // it speaks HTTP/2
	sentEvents []audit.SentEvent
}

type retiredKey struct {
	name        string // "retired-0"
	key         []byte
	fingerprint string
}

// record is one exchange, with what is needed to compare it later.
type record struct {
	fact    Exchange
	address string
	uid     string
	normal  response.Normal
	got     bool // there was an answer
	valid   bool
}

func newSession(run *audit.Run, profile provider.Profile, environment audit.Environment, progress *progress) *session {
	s := &session{run: run, profile: profile, environment: environment, progress: progress, hanging: map[string]int{}}
	s.baseline = Baseline{
		Environment: environment.Name, URL: environment.WebhookURL, Probing: environment.Probing, Receiver: environment.Receiver,
		State: StateStopped, GenuineStatuses: []int{}, WrongStatuses: []int{}, Addresses: []string{}, After: []string{}, KeyHeld: environment.Key.Key.Held(),
		FixedUIDs: len(environment.ProbeUIDs) > 0,
	}
	s.key = heldKey(environment.Key.Key)
	var other []byte
	keys := run.Integration.Keys()
	for _, e := range run.Integration.Environments {
		if e.Name != environment.Name {
			other = heldKey(e.Key.Key)
		}
	}
	for i, retired := range run.Integration.RetiredKeys {
		if retired.Environment == environment.Name || retired.Environment == "" {
			s.retired = append(s.retired, retiredKey{fmt.Sprintf("retired-%d", i), heldKey(retired.Key), retired.Key.Fingerprint()})
		}
	}
	target, err := url.Parse(environment.WebhookURL)
	if err != nil || target.Hostname() == "" {
		s.baseline.Reason = "url"
		return s
	}
	s.target = target
	s.source = &cases.Source{
		Provider: profile.Name, Scheme: profile.Signature, UIDRule: profile.UIDs, URL: target,
		IntegrationID: environment.IntegrationID, Key: s.key, OtherKey: other, UIDs: environment.ProbeUIDs,
	}
	s.client = send.NewClient(run, target)
	s.scanner = response.NewScanner(target.Hostname(), keys)
	s.pace = send.NewPace(run.Network, environment.Name)
	s.observer = newObserver(run.Exec, environment, s.baseline.FixedUIDs)
	s.baseline.Transport = TransportVerified
	if !s.client.Secure() {
		s.baseline.Transport = TransportPlain
	}
	return s
}

// probe runs the whole battery. It returns early when the receiver cannot be reached or the run ends; emit tells what is known.
func (s *session) probe(ctx context.Context) error {
	if s.environment.Probing == audit.Passive {
		s.baseline.State, s.baseline.Complete = StatePassive, true
		s.skip("requests to the webhook receiver", "probing is passive")
		return nil
	}
	if s.target == nil {
		s.baseline.State = StateUnreachable
		return nil
	}
	defer s.client.CloseIdle()
	s.run.Ledger.Begin(s.run.Now())
	addresses, err := s.client.Network.Addresses(ctx, s.client.Host, s.client.Port)
	if err != nil {
		s.baseline.State, s.baseline.Reason = StateUnreachable, netprobe.Classify(ctx, err)
		return nil
	}
	s.baseline.Addresses = addresses
	s.chooseEvent("")
	s.observer.try(ctx, cases.RandomUID(s.profile.UIDs))
	s.progress.add(0, s.expected())
	if !s.begin(ctx) {
		return nil
	}
	s.offersTwo = s.client.OnlyTwo || s.client.Secure() && s.client.OffersHTTP2(ctx)
	s.battery(ctx, s.forgeries())
	s.battery(ctx, s.accepted())
	s.battery(ctx, s.invalids())
	s.redelivery(ctx)
	s.everyInstance(ctx)
	s.observe(ctx)
	s.baseline.Complete = ctx.Err() == nil
	return nil
}

func (s *session) full() bool { return s.environment.Probing == audit.Full }

// canSign reports whether properly signed requests can be sent at all.
func (s *session) canSign() bool { return s.key != nil && s.secureTransport() }

func (s *session) secureTransport() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.baseline.Transport == TransportVerified
}

// chooseEvent picks the event that is forged: the first configured one, in careful probing the first about the course of an application
// if there is one; prefer is a type to take before all others.
func (s *session) chooseEvent(prefer string) {
	events := s.configured()
	if event, ok := s.profile.Event(prefer); ok {
		events = append([]provider.Event{event}, events...)
	}
	if len(events) == 0 {
		events = s.profile.Events
	}
	s.event = events[0]
	if i := slices.IndexFunc(events, func(e provider.Event) bool { return e.Journey }); i >= 0 && !s.full() {
		s.event = events[i]
	}
	s.baseline.EventType = s.event.Type
}

// signable is the event that is sent properly signed but invalid: in careful probing always one about the course of an application.
func (s *session) signable() provider.Event {
	if s.full() || s.event.Journey {
		return s.event
	}
	for _, event := range s.profile.Events {
		if event.Journey {
			return event
		}
	}
	return s.event
}

// job is a case that is to be sent, with how its exchange is reported.
type job struct {
	cases.Case
	purpose string
	event   provider.Event
	key     string // fingerprint of another key
}

// prepare makes the request of a job.
func (s *session) prepare(j job) (*cases.Request, string) {
	f, err := s.source.Request(j.event, s.secureTransport())
	if err != nil {
		return nil, cases.NotSentNotPossible
	}
	if cases.SentUnsigned[j.Family] && s.base == cases.BaseWrong {
		cases.Wrong(f)
		f.Base = cases.BaseWrong
	}
	careful := !s.full()
	if careful && j.purpose == PurposeInvalid && cases.Incomplete[j.Family] {
		f.MakeIncomplete(s.profile.Required, j.Name)
	}
	if careful && (j.FullOnly || j.purpose == PurposeGenuine) {
		f.Refuse(cases.NotSentCareful)
	}
	j.Change(f)
	if f.HTTP2 && !s.offersTwo {
		f.Refuse(cases.NotSentNotOffered)
	}
	if f.Keyed && !s.secureTransport() {
		f.Refuse(cases.NotSentTransport)
	}
	return f, f.NoSend
}

// do sends a job, again where told to come back later, and returns its record.
func (s *session) do(ctx context.Context, j job, address string) *record {
	r := &record{address: address, fact: Exchange{Environment: s.environment.Name, Purpose: j.purpose, Family: j.Family, Case: j.Name, EventType: j.event.Type, Key: j.key}}
	var broken breaks
	for {
		f, reason := s.prepare(j)
		if reason != "" {
			r.fact.NotSent = reason
			s.progress.add(1, 0)
			return r
		}
		if err := s.pace.Wait(ctx); err != nil {
			r.fact.NotSent = cases.NotSentInterrupted
			return r
		}
		a := s.exchange(ctx, f, address, broken.alone)
		if ctx.Err() != nil {
			r.fact.NotSent = cases.NotSentInterrupted
			return r
		}
		if a.Failure == response.ErrCertificate && f.Keyed { // the handshake failed, so nothing was sent
			r.fact.NotSent = cases.NotSentTransport
			s.progress.add(1, 0)
			return r
		}
		if s.again(ctx, &a, f, r, &broken) {
			r.fact.Retries++
			continue
		}
		s.record(r, f, &a)
		return r
	}
}

// exchange sends one request and notes it wherever requests are counted.
func (s *session) exchange(ctx context.Context, f *cases.Request, address string, alone bool) response.Response {
	at := s.run.Now()
	event := audit.LedgerEvent{Environment: s.environment.Name, UID: f.UID, Valid: f.Valid, Body: f.Body, At: at}
	if !tellsUID(f) {
		event.UID = ""
	}
	if !f.Unsigned {
		event.Signature = f.Signature
	}
	s.run.Ledger.Add(event)
	if f.Exposed != "" {
		event.Signature, event.Valid = f.Exposed, true
		s.run.Ledger.Add(event)
	}
	s.mu.Lock()
	s.baseline.Requests++
	s.mu.Unlock()
	a := s.client.Send(ctx, f, address, alone)
	if a.Status/100 == 2 && event.UID != "" && !f.Elsewhere {
		s.taken(f, event)
	}
	return a
}

func (s *session) taken(f *cases.Request, event audit.LedgerEvent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sentEvents = append(s.sentEvents, audit.SentEvent{Environment: event.Environment, UID: event.UID, EventType: f.Event.Type, At: event.At.UTC()})
}

// record notes what came back.
func (s *session) record(r *record, f *cases.Request, a *response.Response) {
	own, request := s.own(f)
	n := response.Normalize(a, own)
	s.mu.Lock()
	defer s.mu.Unlock()
	r.uid, r.valid, r.got = f.UID, f.Valid, a.Status != 0
	r.normal = n
	r.fact.Elsewhere, r.fact.Base = f.Elsewhere, f.Base
	if f.Method != "POST" {
		r.fact.Method = f.Method
	}
	r.fact.Status, r.fact.Error, r.fact.ContentType, r.fact.Cut = a.Status, a.Failure, a.MediaType(), a.Cut
	r.fact.RetryAfter = a.Asked && (a.Status == 429 || a.Status == 503) || a.Status == 503 && s.pace.Overload()
	if a.Unverified && r.address == "" {
		s.baseline.Transport = TransportUnverified
	}
	if r.got {
		r.fact.Digest = n.Digest()
		r.fact.Firewall = a.Firewall()
		r.fact.Leaks = s.scanner.Scan(a, request, s.expectedSignatures(f))
		r.fact.Cut = a.Cut
		if f.Valid && a.Status == 200 && r.fact.Purpose != PurposeInvalid {
			s.scanner.Learn(a)
		}
	}
	s.progress.add(1, 0)
}

// own returns what an answer may repeat: words to take out before comparing, and the whole request, in which a leak does not count.
func (s *session) own(f *cases.Request) (words []string, request string) {
	words = []string{f.UID, f.Signature}
	var b strings.Builder
	b.WriteString(f.Path + "\n" + s.target.Path + "\n" + f.Query + "\n" + s.target.String() + "\n" + f.Signature + "\n")
	for _, pair := range f.Header {
		b.WriteString(pair[0] + ": " + pair[1] + "\n")
	}
	if len(f.Body) <= response.MaxBody {
		b.Write(f.Body)
		b.WriteString("\n" + response.Unescape(string(f.Body)))
	}
	return words, b.String()
}

// expectedSignatures are what a receiver that prints the signature it expected would print: of the body as sent and as it may have
// respelled it. A request that is properly signed holds it itself.
func (s *session) expectedSignatures(f *cases.Request) [][]byte {
	if s.key == nil || f.Valid || f.Exposed != "" {
		return nil
	}
	bodies := [][]byte{f.Body, cases.Compact.Write(f.Doc), cases.Python.Write(f.Doc)}
	var out [][]byte
	for _, body := range bodies {
		mac := hmac.New(sha512.New, s.key)
		mac.Write(body)
		out = append(out, mac.Sum(nil))
	}
	return out
}

// takenNow reports, while the battery runs, whether an answer looks as if the event was taken.
func (s *session) takenNow(r *record) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.fact.Effect == EffectProcessed {
		return true
	}
	if !r.got || r.normal.Status/100 != 2 || s.environment.Receiver == audit.Queued {
		return false
	}
	if !s.baseline.Genuine {
		return !r.fact.Elsewhere
	}
	return s.genuine.Matches(r.normal)
}

func (s *session) keep(records ...*record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.records = append(s.records, records...)
}

func (s *session) skip(what, reason string) {
	s.run.Sink.Scope(func(scope *audit.Scope) {
		scope.Skipped = append(scope.Skipped, audit.Skipped{What: what, Environment: s.environment.Name, Reason: reason})
	})
}

// emit hands over what is known. Only now are answers compared, since every genuine one teaches what varies.
func (s *session) emit() {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := &s.baseline
	b.Comparable = s.genuine.Comparable()
	if s.observer != nil {
		b.Observer, b.ObserverSees = s.observer.state, s.observer.sees
	}
	left := map[string]int{}
	for _, r := range s.records {
		s.compare(r)
		if r.fact.NotSent != "" {
			left[r.fact.NotSent]++
		}
		s.run.Sink.Emit(KindExchange, r.fact)
	}
	s.emitInstances()
	for _, d := range s.diagnosis {
		s.run.Sink.Emit(KindDiagnosis, d)
	}
	s.run.Sink.Emit(KindBaseline, *b)
	s.run.Sink.Scope(func(scope *audit.Scope) {
		if scope.Requests == nil {
			scope.Requests = map[string]int{}
		}
		scope.Requests[b.Environment] += b.Requests
		scope.Sent = append(scope.Sent, s.sentEvents...)
		for _, address := range b.Addresses {
			scope.Addresses = append(scope.Addresses, audit.Address{Environment: b.Environment, Host: s.client.Host, Address: address})
		}
		for _, reason := range slices.Sorted(maps.Keys(left)) {
			if text := whyLeftOut[reason]; text != "" {
				scope.Skipped = append(scope.Skipped, audit.Skipped{What: fmt.Sprintf("%d webhook requests", left[reason]), Environment: b.Environment, Reason: text})
			}
		}
	})
}

// whyLeftOut tells a reader why requests were not sent; reasons that change nothing about the audit are not listed.
var whyLeftOut = map[string]string{
	cases.NotSentNoKey:       "the key to sign them with is not held",
	cases.NotSentCareful:     "probing is careful",
	cases.NotSentFamilyEnded: "probing is careful, and a forgery of the same family had been taken",
	cases.NotSentTransport:   "nothing made with a key is sent over plain HTTP or to a peer whose certificate does not verify",
	cases.NotSentSilent:      "the receiver no longer answered as at the beginning",
	cases.NotSentTimeouts:    "too many requests had timed out",
	cases.NotSentBusy:        "the receiver turned every request away for now, with 429 or 503, also after waiting as it asked",
	cases.NotSentInterrupted: "the audit was interrupted",
	cases.NotSentNoGenuine:   "the receiver did not take the genuine event",
}

func (s *session) compare(r *record) {
	if !r.got {
		return
	}
	for _, c := range []struct {
		name string
		with *response.Comparison
	}{{EqualsGenuine, &s.genuine}, {EqualsTurned, &s.turned}, {EqualsWrong, &s.wrong}, {EqualsInvalid, &s.invalid}} {
		if c.with.Matches(r.normal) {
			r.fact.Equals = append(r.fact.Equals, c.name)
		}
	}
}

// heldKey is a key's bytes, nil when only its fingerprint is known.
func heldKey(key secret.Key) []byte {
	if !key.Held() {
		return nil
	}
	return key.Expose()
}

// tellsUID reports whether the receiver can read the UID in the body, in whatever spelling.
func tellsUID(f *cases.Request) bool {
	for _, pair := range f.Header {
		if pair[0] == "Content-Encoding" {
			return true
		}
	}
	plain := string(bytes.ReplaceAll(f.Body, []byte{0}, nil)) // UTF-16
	return strings.Contains(plain, f.UID) || strings.Contains(response.Unescape(plain), f.UID)
}
