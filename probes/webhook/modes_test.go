package webhook_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha512"
	"crypto/tls"
	"encoding/hex"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/audit/audittest"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox/behaviors"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox/certs"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
	"github.com/prelaunch-audit/prelaunch/probes/webhook"
	"github.com/prelaunch-audit/prelaunch/probes/webhook/cases"
)

func (l *lab) environment(name string) *audit.Environment {
	for i := range l.integration.Environments {
		if l.integration.Environments[i].Name == name {
			return &l.integration.Environments[i]
		}
	}
	return nil
}

// silence keeps an environment out of a test that does not look at it; its key remains the other one.
func (l *lab) silence(name string) { l.environment(name).Probing = audit.Passive }

func named(t testing.TB, name string) []sandbox.Behavior {
	t.Helper()
	behavior, err := behaviors.Named(name)
	if err != nil {
		t.Fatal(err)
	}
	return []sandbox.Behavior{behavior}
}

// wantOutcomes compares the outcomes of some checks.
func wantOutcomes(t *testing.T, report *audit.Report, environment string, want map[string]audit.Outcome) {
	t.Helper()
	got := outcomes(report, environment)
	for id, outcome := range want {
		if got[id] != outcome {
			t.Errorf("%s %s is %s, want %s: %s", environment, id, got[id], outcome, explain(report, id, environment))
		}
	}
}

// nothingPasses wants no check of an environment to pass.
func nothingPasses(t *testing.T, report *audit.Report, environment string) {
	t.Helper()
	for id, outcome := range outcomes(report, environment) {
		if outcome == audit.Pass {
			t.Errorf("%s passes: %s", id, explain(report, id, environment))
		}
	}
}

func TestCarefulProbingTakesNothing(t *testing.T) {
	t.Parallel()
	l := newLab(t, nil)
	l.environment(audit.Production).Probing = audit.Careful
	doc, report := l.audited(t)
	if got := l.receivers[audit.Production].Events.Total(); got != 0 {
		t.Errorf("production processed %d events", got)
	}
	for _, sent := range doc.Scope.Sent {
		if sent.Environment == audit.Production {
			t.Errorf("an event is listed as taken: %+v", sent)
		}
	}
	needGenuine := map[string]bool{"webhook.accepts-genuine": true, "webhook.verifies-raw-body": true, "webhook.tolerates-redelivery": true}
	for id, outcome := range outcomes(report, audit.Production) {
		want := audit.Pass
		if needGenuine[id] {
			want = audit.Inconclusive
		}
		if outcome != want && outcome != audit.NotApplicable {
			t.Errorf("%s is %s: %s", id, outcome, explain(report, id, audit.Production))
		}
	}
	doc.Integration.Attestations = []audit.Attestation{{
		Check: "environments.same-build", Statement: "one image", By: "jane@acme.example", On: audit.NewDate(time.Now()), Expires: audit.NewDate(time.Now()).AddDays(30),
	}}
	for id := range needGenuine {
		wantOutcomes(t, judge(t, doc), audit.Production, map[string]audit.Outcome{id: audit.Pass})
	}
}

func TestCarefulProbingEndsAFamilyAtItsFirstAcceptance(t *testing.T) {
	t.Parallel()
	l := newLab(t, map[string][]sandbox.Behavior{audit.Production: named(t, "guessable-key-undefined")})
	l.silence(audit.Test)
	l.environment(audit.Production).Probing = audit.Careful
	doc, report := l.audited(t)
	wantOutcomes(t, report, audit.Production, map[string]audit.Outcome{"webhook.rejects-wrong-key": audit.Fail, "webhook.rejects-unsigned": audit.Pass})
	if got := l.receivers[audit.Production].Events.Total(); got != 1 {
		t.Errorf("production processed %d events", got)
	}
	ended := 0
	for _, e := range facts[webhook.Exchange](t, doc, webhook.KindExchange) {
		if e.NotSent == "family_ended" {
			ended++
		}
	}
	if ended == 0 {
		t.Error("the family went on")
	}
}

func TestCarefulProbingOfReceiversThatKnowTheirUsersOrRefuseAll(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"one-refusal-for-all", "refuses-everything", "everything-acknowledged"} {
		l := newLab(t, map[string][]sandbox.Behavior{audit.Production: named(t, name)})
		l.silence(audit.Test)
		l.environment(audit.Production).Probing = audit.Careful
		_, report := l.audited(t)
		for id, outcome := range outcomes(report, audit.Production) {
			if outcome == audit.Pass && id != "errors.no-internal-detail" {
				t.Errorf("%s: %s passes: %s", name, id, explain(report, id, audit.Production))
			}
		}
	}
}

func TestPassiveProbingSendsNothing(t *testing.T) {
	t.Parallel()
	l := newLab(t, nil)
	l.silence(audit.Production)
	l.selected = func(id string) bool { return id == "webhook.rejects-unsigned" }
	_, report := l.audited(t)
	if got := l.receivers[audit.Production].Requests(); got != 0 {
		t.Errorf("%d requests", got)
	}
	nothingPasses(t, report, audit.Production)
	if steps := webhook.New().Plan(l.integration, nil); len(steps) == 0 {
		t.Error("nothing is planned")
	} else {
		for _, step := range steps {
			if step.Environment == audit.Production {
				t.Errorf("planned: %+v", step)
			}
		}
	}
}

// TestPlanIsTheSameBeforeKeysAreResolved: a plan needs no key.
func TestPlanIsTheSameBeforeKeysAreResolved(t *testing.T) {
	t.Parallel()
	l := newLab(t, nil)
	held := webhook.New().Plan(l.integration, nil)
	for i := range l.integration.Environments {
		l.integration.Environments[i].Key.Key = secret.Key{}
	}
	if diff := cmp.Diff(held, webhook.New().Plan(l.integration, nil)); diff != "" {
		t.Error(diff)
	}
	for i := range l.integration.Environments {
		l.integration.Environments[i].Key = audit.KeyReference{Source: audit.FromFingerprint}
	}
	if len(webhook.New().Plan(l.integration, nil)) >= len(held) {
		t.Error("without a key as much would be sent")
	}
}

// TestPlanCoversWhatIsSent holds the plan to being no less than what is sent, and that to what an audit has cost so far: a case that
// finds nothing of its own does not belong to the suite.
func TestPlanCoversWhatIsSent(t *testing.T) {
	t.Parallel()
	only := func(check string) func(string) bool { return func(id string) bool { return id == check } }
	for _, test := range []struct {
		probing  string
		selected func(check string) bool
		most     int
	}{
		{audit.Full, nil, 357}, // one of them under the retired key
		{audit.Careful, nil, 322},
		{audit.Full, only("webhook.rejects-unsigned"), 100},
		{audit.Full, only("webhook.rejects-retired-key"), 60},
		{audit.Careful, only("input.bounded"), 60},
	} {
		l := newLab(t, map[string][]sandbox.Behavior{audit.Test: named(t, "retired-key-refused")})
		l.environment(audit.Test).Probing, l.selected = test.probing, test.selected
		l.silence(audit.Production)
		planned := 0
		for _, step := range webhook.New().Plan(l.integration, test.selected) {
			if step.Environment == audit.Test {
				planned += step.Count
			}
		}
		doc := l.run(t.Context())
		if sent := doc.Scope.Requests[audit.Test]; sent > planned || sent < planned-30 || sent > test.most {
			t.Errorf("%s: %d requests are planned, %d were sent, of at most %d", test.probing, planned, sent, test.most)
		}
	}
}

func TestKeyKnownByItsFingerprintOnly(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]audit.Outcome{"plain": audit.Inconclusive, "unsigned-accepted": audit.Fail} {
		l := newLab(t, map[string][]sandbox.Behavior{audit.Test: named(t, name)})
		l.silence(audit.Production)
		l.environment(audit.Test).Key.Key = audittest.Fingerprinted(testKey)
		_, report := l.audited(t)
		wantOutcomes(t, report, audit.Test, map[string]audit.Outcome{"webhook.rejects-unsigned": want, "webhook.accepts-genuine": audit.Inconclusive})
		nothingPasses(t, report, audit.Test)
	}
}

// recorder notes every request, and answers with a status.
type recorder struct {
	mu       sync.Mutex
	requests []recorded
	status   int
}

type recorded struct{ head, body string }

// signed is the right signature of a body, in hex.
func signed(key, body string) string {
	mac := hmac.New(sha512.New, []byte(key))
	_, _ = io.WriteString(mac, body) // a hash takes everything
	return hex.EncodeToString(mac.Sum(nil))
}

func (r *recorder) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return
	}
	var b strings.Builder
	_ = request.Header.Write(&b) // a strings.Builder takes everything
	r.mu.Lock()
	r.requests = append(r.requests, recorded{request.RequestURI + "\n" + b.String(), string(body)})
	r.mu.Unlock()
	w.WriteHeader(r.status)
}

// TestNothingMadeWithAKeyLeavesUnprotected runs the probe against a plain HTTP receiver and one with a certificate that does not verify,
// and searches what arrived for whatever the key signs.
func TestNothingMadeWithAKeyLeavesUnprotected(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		status int
		secure bool
		want   audit.Outcome
	}{
		{"plain, refuses", 401, false, audit.Inconclusive},
		{"plain, takes all", 200, false, audit.Fail},
		{"unverified, refuses", 401, true, audit.Inconclusive},
		{"unverified, takes all", 200, true, audit.Fail},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, map[string][]sandbox.Behavior{audit.Test: named(t, "retired-key-refused")})
			l.silence(audit.Production)
			r := &recorder{status: test.status}
			server := httptest.NewUnstartedServer(r)
			server.Config.ErrorLog = log.New(io.Discard, "", 0) // of handshakes that the probe breaks off
			if test.secure {
				server.TLS = &tls.Config{Certificates: []tls.Certificate{certs.New(time.Now()).Server("127.0.0.1")}}
				server.StartTLS()
			} else {
				server.Start()
			}
			t.Cleanup(server.Close)
			l.environment(audit.Test).WebhookURL = server.URL + "/begini"
			doc, report := l.audited(t)
			if len(r.requests) < 40 {
				t.Errorf("only %d requests", len(r.requests))
			}
			r.mu.Lock()
			defer r.mu.Unlock()
			for _, key := range []string{testKey, productionKey, retiredKey} {
				for _, request := range r.requests {
					if text := strings.ToLower(request.head + request.body); strings.Contains(text, key) || strings.Contains(text, signed(key, request.body)[:8]) {
						t.Errorf("something made with a key was sent: %s", request.head)
					}
				}
			}
			wantOutcomes(t, report, audit.Test, map[string]audit.Outcome{
				"webhook.rejects-unsigned": test.want, "webhook.accepts-genuine": audit.Inconclusive, "input.rejects-malformed": audit.Inconclusive,
			})
			nothingPasses(t, report, audit.Test)
			for _, e := range facts[webhook.Exchange](t, doc, webhook.KindExchange) {
				if e.Environment == audit.Test && e.Purpose == webhook.PurposeGenuine && e.NotSent == "" && e.Error == "" {
					t.Errorf("%s %s was sent", e.Family, e.Case)
				}
			}
		})
	}
}

// stepper closes reached once that many requests are done.
type stepper struct {
	at      int
	reached chan struct{}
	once    sync.Once
}

func (s *stepper) Start(audit.Probe) {}
func (s *stepper) Step(_ audit.Probe, done, _ int) {
	if done >= s.at {
		s.once.Do(func() { close(s.reached) })
	}
}
func (s *stepper) End(audit.Probe, audit.ProbeStatus) {}

// TestInterruptedKeepsWhatIsKnown interrupts the probe in the middle, and wants what it knows by then, soon.
func TestInterruptedKeepsWhatIsKnown(t *testing.T) {
	t.Parallel()
	l := newLab(t, map[string][]sandbox.Behavior{audit.Test: named(t, "slow")})
	s := &stepper{at: 330, reached: make(chan struct{})}
	l.progress = s
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan *audit.Document, 1)
	go func() { done <- l.run(ctx) }()
	<-s.reached
	cancel()
	cancelled := time.Now()
	doc := <-done
	if took := time.Since(cancelled); took > 5*time.Second {
		t.Errorf("it went on for %v", took)
	}
	known := len(doc.Facts[webhook.KindExchange]) // what was sent on purpose, and below the draws on connections of their own
	for _, instance := range facts[webhook.Instance](t, doc, webhook.KindInstance) {
		known += instance.Draws
	}
	if !doc.CutShort || known < 300 || len(doc.Facts[webhook.KindBaseline]) != 2 {
		t.Errorf("cut short %v, %d requests known, %d baselines", doc.CutShort, known, len(doc.Facts[webhook.KindBaseline]))
	}
	report := judge(t, doc)
	for _, id := range []string{"webhook.rejects-bypass", "input.rejects-malformed", "errors.status-codes", "errors.no-internal-detail", "webhook.same-everywhere"} {
		wantOutcomes(t, report, audit.Test, map[string]audit.Outcome{id: audit.Inconclusive})
	}
}

// TestObserverDecides holds the observer's word to weighing more than any answer, behind a queue and without one.
func TestObserverDecides(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		planted []string
		want    map[string]audit.Outcome
	}{
		{[]string{"queued-observed"}, map[string]audit.Outcome{"webhook.rejects-unsigned": audit.Pass, "webhook.rejects-bypass": audit.Pass, "webhook.same-everywhere": audit.Pass, "webhook.accepts-genuine": audit.Pass, "errors.status-codes": audit.Warn}},
		{[]string{"queued-observed", "unsigned-accepted"}, map[string]audit.Outcome{"webhook.rejects-unsigned": audit.Fail, "webhook.rejects-wrong-key": audit.Pass}},
		{[]string{"queued-observed", "guessable-key-null"}, map[string]audit.Outcome{"webhook.rejects-unsigned": audit.Pass, "webhook.rejects-wrong-key": audit.Fail}},
		{[]string{"observed", "forgeries-acknowledged"}, map[string]audit.Outcome{"webhook.rejects-unsigned": audit.Pass, "webhook.rejects-wrong-key": audit.Pass, "errors.status-codes": audit.Fail}},
		{[]string{"observed", "presence-only"}, map[string]audit.Outcome{"webhook.rejects-wrong-key": audit.Fail, "webhook.rejects-tampered": audit.Fail}},
	} {
		var planted []sandbox.Behavior
		for _, name := range test.planted {
			planted = append(planted, named(t, name)...)
		}
		l := newLab(t, map[string][]sandbox.Behavior{audit.Test: planted})
		l.silence(audit.Production)
		_, report := l.audited(t)
		wantOutcomes(t, report, audit.Test, test.want)
		if t.Failed() {
			t.Logf("with %v", test.planted)
		}
	}
}

// TestReplaysAreCounted: an observer that prints how often an event was processed shows whether a replay
// was processed again.
func TestReplaysAreCounted(t *testing.T) {
	t.Parallel()
	again := sandbox.Behavior{Name: "replay-processed", Plant: func(ru *sandbox.Rules) { ru.Reprocess = true }}
	for want, planted := range map[int][]sandbox.Behavior{1: named(t, "observed"), 2: append(named(t, "observed"), again)} {
		l := newLab(t, map[string][]sandbox.Behavior{audit.Test: planted})
		l.silence(audit.Production)
		for _, e := range facts[webhook.Exchange](t, l.run(t.Context()), webhook.KindExchange) {
			if e.Family == cases.FamilyRedelivery && e.NotSent == "" && e.Processed != want {
				t.Errorf("%s was processed %d times, want %d", e.Case, e.Processed, want)
			}
		}
	}
}

func TestHostileReceivers(t *testing.T) {
	t.Parallel()
	hostiles := behaviors.Hostiles()
	for i := range audittest.Rows(t, len(hostiles), 1) {
		hostile := hostiles[i]
		t.Run(hostile.Name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, nil)
			authority := certs.New(time.Now())
			endpoint, err := behaviors.StartHostile(hostile.Name, authority, "hostile.acme.example")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := endpoint.Close(); err != nil {
					t.Error(err)
				}
			})
			l.roots.All = authority.Pool()
			l.integration.Environments = l.integration.Environments[:1]
			l.environment(audit.Test).WebhookURL = endpoint.URL()
			l.integration.Network.Timeout = 500 * time.Millisecond
			l.integration.Network.FreshConnections = 6
			l.integration.Network.Resolve["hostile.acme.example:443"] = []string{endpoint.Address()}
			if strings.HasPrefix(hostile.Name, "retry-after-a-year") { // waiting is bounded, and long; that is another test
				ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
				defer cancel()
				begun := time.Now()
				l.run(ctx)
				if took := time.Since(begun); took > 5*time.Second {
					t.Errorf("it went on for %v", took)
				}
				return
			}
			_, report := l.audited(t)
			mayPass := []string{
				"errors.no-internal-detail", "errors.survives-requests", "webhook.accepts-genuine",
				"webhook.tolerates-redelivery", "input.handles-unexpected-values", "input.bounded",
			}
			for id, outcome := range outcomes(report, audit.Test) {
				if outcome == audit.Pass && !slices.Contains(mayPass, id) {
					t.Errorf("%s passes: %s", id, explain(report, id, audit.Test))
				}
			}
		})
	}
}

// limited refuses with 429 what comes faster than it bears.
type limited struct {
	mu     sync.Mutex
	tokens float64
	last   time.Time
	rate   float64
	next   http.Handler
	turned int
}

func (l *limited) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	now := time.Now()
	l.tokens = min(20, l.tokens+now.Sub(l.last).Seconds()*l.rate)
	l.last = now
	ok := l.tokens >= 1
	if ok {
		l.tokens--
	} else {
		l.turned++
	}
	l.mu.Unlock()
	if !ok {
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusTooManyRequests)
		return
	}
	l.next.ServeHTTP(w, r)
}

// TestRateLimitedReceiver puts a limit in front of a right receiver, and wants the same outcome as without, sooner or later.
func TestRateLimitedReceiver(t *testing.T) {
	t.Parallel()
	l := newLab(t, nil)
	authority := certs.New(time.Now())
	next := forward(t, l, l.receivers[audit.Test])
	limit := &limited{rate: 60, tokens: 20, last: time.Now(), next: next}
	server := httptest.NewUnstartedServer(limit)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{authority.Server("limited.acme.example")}}
	server.StartTLS()
	t.Cleanup(server.Close)
	l.roots.All = authority.Pool()
	l.integration.Environments = l.integration.Environments[:1]
	l.environment(audit.Test).WebhookURL = "https://limited.acme.example/begini"
	l.integration.Network.Resolve["limited.acme.example:443"] = []string{server.Listener.Addr().String()}
	_, report := l.audited(t)
	for id, outcome := range outcomes(report, audit.Test) {
		if outcome != audit.Pass && outcome != audit.NotApplicable && id != "environments.credentials-not-interchangeable" {
			t.Errorf("%s is %s: %s", id, outcome, explain(report, id, audit.Test))
		}
	}
	t.Logf("%d requests were turned down", limit.turned)
}

// forward hands requests on to a receiver as they came.
func forward(t testing.TB, l *lab, target *sandbox.Receiver) http.Handler {
	t.Helper()
	u, err := url.Parse(target.URL())
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{
		DisableCompression: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, network, target.Addresses()[0])
		},
		TLSClientConfig: &tls.Config{RootCAs: l.roots.System, ServerName: u.Hostname()},
	}
	t.Cleanup(transport.CloseIdleConnections)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		out := r.Clone(r.Context())
		out.URL.Scheme, out.URL.Host, out.Host, out.RequestURI = u.Scheme, u.Host, u.Host, ""
		response, err := transport.RoundTrip(out)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		defer func() { _ = response.Body.Close() }()
		for name, values := range response.Header {
			w.Header()[name] = values
		}
		w.WriteHeader(response.StatusCode)
		_, _ = io.Copy(w, response.Body) // the client may have gone
	})
}
