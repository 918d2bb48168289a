package providerapi

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/audit/audittest"
	"github.com/prelaunch-audit/prelaunch/internal/netprobe"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox/certs"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
)

const (
	testKey, productionKey, oldKey = "test-key-0123456789abcdef", "production-key-0123456789", "retired-key-0123456789abc"
	testID, productionID           = "1234567890987654321", "9876543210123456789"
	apiHost                        = "api.acme.example"
)

type sink struct {
	mu    sync.Mutex
	calls []Call
	scope audit.Scope
}

func (s *sink) Emit(_ string, fact any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, fact.(Call))
}

func (s *sink) Scope(change func(*audit.Scope)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.scope)
}

// seen is what a stub was asked, without the random key itself.
type seen struct {
	mu    sync.Mutex
	calls []string
}

func (s *seen) add(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, line)
}

// documented answers as the provider's documentation says; its test webhook is always taken.
func documented(w http.ResponseWriter, key, path, integration, uid string) {
	owner := map[string]string{testKey: testID, productionKey: productionID}[key]
	status, body := 404, `{"detail":"Not Found"}`
	switch {
	case path == "/v1/sessions-management/tokens" && owner != integration:
		status, body = 403, `{"detail":"not authorised"}`
	case path == "/v1/sessions-management/tokens" && len(uid) < 5:
		status, body = 422, `{"detail":"invalid uid"}`
	case path == "/v1/sessions-management/tokens":
		status, body = 200, `{"access_token":"x"}`
	case owner == "":
		status, body = 403, `{"detail":"invalid key"}`
	case path == "/v1/webhooks-management/test":
		status, body = 200, `{"webhook_receiver_status_code":200,"detail":"delivered"}`
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

// stub starts an API; answer replaces what is documented when it returns true.
func stub(t *testing.T, answer func(w http.ResponseWriter, r *http.Request, key string) bool) (*seen, *audit.Run, *sink) {
	t.Helper()
	asked := &seen{}
	authority := certs.New(time.Now())
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			UID         string `json:"uid"`
			Integration string `json:"integration_id"`
		}
		_ = json.NewDecoder(r.Body).Decode(&body)
		key := r.Header.Get("api-key")
		name := map[string]string{testKey: "test", productionKey: "production", oldKey: "old"}[key]
		if name == "" {
			name = "random"
		}
		asked.add(fmt.Sprintf("%s %s %s %s", r.Method, r.URL.Path, name, body.Integration))
		if answer == nil || !answer(w, r, name) {
			documented(w, key, r.URL.Path, body.Integration, body.UID)
		}
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{authority.Server(apiHost)}}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	integration := &audit.Integration{
		Provider: "begini", ProviderChecks: true, AllowedAPIHosts: []string{apiHost},
		RetiredKeys: []audit.RetiredKey{{KeyReference: audit.KeyReference{Key: secret.New([]byte(oldKey))}, Environment: audit.Production}},
		Network:     audit.NetworkOptions{Timeout: 20 * time.Second, Resolve: map[string][]string{apiHost + ":443": {server.Listener.Addr().String()}}},
		Environments: []audit.Environment{
			{Name: audit.Test, IntegrationID: testID, Key: audit.KeyReference{Key: secret.New([]byte(testKey))}, APIBaseURL: "https://" + apiHost, Probing: audit.Full},
			{Name: audit.Production, IntegrationID: productionID, Key: audit.KeyReference{Key: secret.New([]byte(productionKey))}, APIBaseURL: "https://" + apiHost, Probing: audit.Careful},
		},
	}
	s := &sink{}
	return asked, &audit.Run{
		Integration: integration, Network: netprobe.New(integration, nil), Roots: audit.Roots{System: certs.New(time.Now()).Pool(), All: authority.Pool()},
		Now: time.Now, UserAgent: "prelaunch/test", Ledger: &audit.Ledger{}, Sink: s,
	}, s
}

func ran(t *testing.T, run *audit.Run) {
	t.Helper()
	run.Network = netprobe.New(run.Integration, nil)
	if err := New().Run(t.Context(), run); err != nil {
		t.Fatal(err)
	}
}

// told writes a call down in a line.
func told(calls []Call) []string {
	var lines []string
	for _, c := range calls {
		what := fmt.Sprint(c.Status)
		switch {
		case c.NotSent != "":
			what = c.NotSent
		case c.Error != "":
			what = c.Error
		case c.Purpose == webhook && c.Role != random:
			what = fmt.Sprintf("%d/%d", c.Status, c.ReceiverStatus)
		}
		lines = append(lines, strings.Join(strings.Fields(strings.Join([]string{c.Environment, c.Purpose, c.Role, c.Owner, what}, " ")), " "))
	}
	return lines
}

func TestADocumentedProvider(t *testing.T) {
	t.Parallel()
	asked, run, s := stub(t, nil)
	ran(t, run)
	want := []string{
		"test pairing random 403", "test pairing current test 422", "test pairing current production 403",
		"test webhook random 403", "test webhook current test 200/200",
		"production pairing random 403", "production pairing current production 422", "production pairing current test 403", "production pairing retired production 403",
		"production webhook random 403", "production webhook current production 200/200",
	}
	if diff := cmp.Diff(want, told(s.calls)); diff != "" {
		t.Error(diff)
	}
	if asked.calls[0] != "POST /v1/sessions-management/tokens random "+testID {
		t.Errorf("the first call was %s", asked.calls[0])
	}
	raw, err := json.Marshal([]any{s.calls, s.scope})
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{testKey, productionKey, oldKey} {
		if strings.Contains(string(raw), key) {
			t.Errorf("the facts hold a key: %s", raw)
		}
	}
	if run.Ledger.Begun().IsZero() {
		t.Error("the ledger does not know that receivers were written to")
	}
	if len(s.scope.Addresses) == 0 {
		t.Error("the scope lacks the API's address")
	}
}

func TestNoRealKeyGoesToAnAPIThatTakesAnyKey(t *testing.T) {
	t.Parallel()
	for name, status := range map[string]int{"unprocessable": 422, "page": 404, "error": 500, "redirect": 307} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asked, run, s := stub(t, func(w http.ResponseWriter, r *http.Request, _ string) bool {
				w.Header().Set("Location", "https://"+apiHost+"/elsewhere")
				w.WriteHeader(status)
				return true
			})
			ran(t, run)
			for _, call := range asked.calls {
				if !strings.Contains(call, " random ") || strings.Contains(call, "elsewhere") {
					t.Errorf("was asked %s", call)
				}
			}
			for _, call := range s.calls {
				if call.Role != random && call.NotSent != "random_not_refused" {
					t.Errorf("%+v", call)
				}
			}
		})
	}
}

func TestAfterASessionNothingMoreIsAsked(t *testing.T) {
	t.Parallel()
	asked, run, s := stub(t, func(w http.ResponseWriter, r *http.Request, name string) bool {
		if strings.HasSuffix(r.URL.Path, "/tokens") && name == "test" {
			w.WriteHeader(200)
			return true
		}
		return false
	})
	ran(t, run)
	want := []string{
		"test pairing random 403", "test pairing current test 200", "test pairing current production session_created",
		"test webhook random 403", "test webhook current test 200/200",
		"production pairing random session_created", "production pairing current production session_created", "production pairing current test session_created", "production pairing retired production session_created",
		"production webhook random 403", "production webhook current production 200/200",
	}
	if diff := cmp.Diff(want, told(s.calls)); diff != "" {
		t.Error(diff)
	}
	tokens := slices.DeleteFunc(slices.Clone(asked.calls), func(call string) bool { return !strings.Contains(call, "/tokens ") })
	if len(tokens) != 2 {
		t.Errorf("sessions were asked for %d times: %v", len(tokens), tokens)
	}
}

func TestKeysStayWhereTheyMayGo(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*audit.Run)
		want   string // of every call but where the random one got further
	}{
		"another host":        {func(r *audit.Run) { r.Integration.AllowedAPIHosts = nil }, "host_not_allowed"},
		"an alike host":       {func(r *audit.Run) { setBase(r, "https://api.begini.co.acme.example") }, "host_not_allowed"},
		"in the clear":        {func(r *audit.Run) { setBase(r, "http://"+apiHost) }, "not_https"},
		"not a URL":           {func(r *audit.Run) { setBase(r, "://") }, "not_https"},
		"unknown certificate": {func(r *audit.Run) { r.Roots.All = r.Roots.System }, "api_silent"},
		"only a digest": {func(r *audit.Run) {
			for i := range r.Integration.Environments {
				k, err := secret.FromFingerprint(strings.Repeat("ab", 32), 20)
				if err != nil {
					panic(err)
				}
				r.Integration.Environments[i].Key.Key = k
			}
			r.Integration.RetiredKeys = nil
		}, "key_not_held"},
		"no header takes it": {func(r *audit.Run) {
			for i := range r.Integration.Environments {
				r.Integration.Environments[i].Key.Key = secret.New([]byte("key with a\nline break"))
			}
			r.Integration.RetiredKeys = nil
		}, "key_unsendable"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asked, run, s := stub(t, nil)
			test.change(run)
			ran(t, run)
			if len(s.calls) == 0 {
				t.Fatal("nothing was said")
			}
			for _, call := range s.calls {
				if call.Role != random && call.NotSent != test.want {
					t.Errorf("%+v", call)
				}
			}
			for _, call := range asked.calls {
				if !strings.Contains(call, " random ") {
					t.Errorf("a key went out: %s", call)
				}
			}
		})
	}
}

func setBase(r *audit.Run, base string) {
	for i := range r.Integration.Environments {
		r.Integration.Environments[i].APIBaseURL = base
	}
}

func TestThePassiveGetNoTestWebhook(t *testing.T) {
	t.Parallel()
	asked, run, s := stub(t, nil)
	for i := range run.Integration.Environments {
		run.Integration.Environments[i].Probing = audit.Passive
	}
	ran(t, run)
	for _, call := range s.calls {
		if (call.Purpose == webhook) != (call.NotSent == "passive") {
			t.Errorf("%+v", call)
		}
	}
	for _, call := range asked.calls {
		if strings.Contains(call, "webhooks-management") {
			t.Errorf("was asked %s", call)
		}
	}
}

func TestNothingWithoutProviderChecks(t *testing.T) {
	t.Parallel()
	asked, run, s := stub(t, nil)
	run.Integration.ProviderChecks = false
	ran(t, run)
	if len(asked.calls)+len(s.calls)+len(New().Plan(run.Integration, nil)) != 0 {
		t.Errorf("asked %v, said %v", asked.calls, s.calls)
	}
}

func TestPlanNamesWhatIsSent(t *testing.T) {
	t.Parallel()
	asked, run, _ := stub(t, nil)
	planned := 0
	for _, step := range New().Plan(run.Integration, nil) {
		planned += step.Count
	}
	ran(t, run)
	if planned != len(asked.calls) {
		t.Errorf("planned %d calls, made %d", planned, len(asked.calls))
	}
	run.Integration.AllowedAPIHosts = nil
	if steps := New().Plan(run.Integration, nil); len(steps) != 0 {
		t.Errorf("plans %v", steps)
	}
}

func TestItIsAskedAgainWhenItIsBusy(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	times := 0
	_, run, s := stub(t, func(w http.ResponseWriter, r *http.Request, _ string) bool {
		mu.Lock()
		defer mu.Unlock()
		if times++; times > 1 {
			return false
		}
		w.Header().Set("Retry-After", "0")
		w.WriteHeader(429)
		return true
	})
	ran(t, run)
	if first := s.calls[0]; first.Status != 403 || first.Retries != 1 {
		t.Errorf("%+v", first)
	}
}

func TestItIsNotWaitedForLong(t *testing.T) {
	t.Parallel()
	for _, after := range []string{"3600", "", "soon", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)} {
		_, run, s := stub(t, func(w http.ResponseWriter, r *http.Request, _ string) bool {
			w.Header().Set("Retry-After", after)
			w.WriteHeader(503)
			return true
		})
		ran(t, run)
		if first := s.calls[0]; first.Status != 503 || first.Retries != 0 || s.calls[1].NotSent != "random_not_refused" {
			t.Errorf("%q: %+v", after, first)
		}
	}
}

func TestRetriesAreBounded(t *testing.T) {
	t.Parallel()
	_, run, s := stub(t, func(w http.ResponseWriter, r *http.Request, _ string) bool {
		w.Header().Set("Retry-After", "Mon, 02 Jan 2006 15:04:05 GMT")
		w.WriteHeader(503)
		return true
	})
	ran(t, run)
	if first := s.calls[0]; first.Retries != maxRetries {
		t.Errorf("%+v", first)
	}
}

func TestACancelledRunStops(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	_, run, _ := stub(t, func(w http.ResponseWriter, r *http.Request, _ string) bool {
		cancel()
		<-r.Context().Done()
		return true
	})
	if err := New().Run(ctx, run); err != context.Canceled {
		t.Errorf("got %v", err)
	}
}

func TestWhatGoesWrongIsClassed(t *testing.T) {
	t.Parallel()
	closed := audittest.Refusing(t)
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	for want, change := range map[string]func(*audit.Run){
		"refused":     func(r *audit.Run) { resolve(r, closed) },
		"tls":         func(r *audit.Run) { resolve(r, plain.Listener.Addr().String()) },
		"certificate": func(r *audit.Run) { r.Roots.All = r.Roots.System },
	} {
		_, run, s := stub(t, nil)
		change(run)
		ran(t, run)
		if s.calls[0].Error != want {
			t.Errorf("%s: %+v", want, s.calls[0])
		}
	}
	_, run, s := stub(t, func(w http.ResponseWriter, r *http.Request, _ string) bool { panic(http.ErrAbortHandler) })
	ran(t, run)
	if s.calls[0].Error != "reset" {
		t.Errorf("reset: %+v", s.calls[0])
	}
	_, run, s = stub(t, func(w http.ResponseWriter, r *http.Request, _ string) bool { <-r.Context().Done(); return true })
	run.Integration.Network.Timeout = 50 * time.Millisecond
	ran(t, run)
	if s.calls[0].Error != "timeout" {
		t.Errorf("timeout: %+v", s.calls[0])
	}
	for _, call := range s.calls[1:] {
		if call.NotSent != "api_silent" {
			t.Errorf("a silent API is asked again: %+v", call)
		}
	}
}

func resolve(r *audit.Run, address string) {
	r.Integration.Network.Resolve = map[string][]string{apiHost + ":443": {address}}
}

func TestDelivery(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		status     int
		body       string
		receiver   int
		documented bool
	}{
		{200, `{"webhook_receiver_status_code":200,"detail":"x"}`, 200, true},
		{200, `{"webhook_receiver_status_code":500,"detail":"x"}`, 500, true},
		{200, `{"detail":{"webhook_receiver_status_code":200}}`, 0, false},
		{200, `{}`, 0, false},
		{200, `<html>`, 0, false},
		{200, `{"webhook_receiver_status_code":"200"}`, 0, false},
		{200, `{"webhook_receiver_status_code":200.5}`, 0, false},
		{200, `{"webhook_receiver_status_code":99999}`, 0, false},
		{200, `{"webhook_receiver_status_code":200`, 0, false},
		{422, `{"detail":{"webhook_receiver_status_code":401,"webhook_receiver_body_content":"x"}}`, 401, true},
		{422, `{"detail":[{"loc":["body"]}]}`, 0, false},
		{422, `{"detail":"x"}`, 0, false},
		{424, `{"detail":"none registered"}`, 0, true},
		{503, `<html>`, 0, false},
		{503, `{"detail":"cannot connect"}`, 0, true},
	} {
		if receiver, ok := delivery(test.status, []byte(test.body)); receiver != test.receiver || ok != test.documented {
			t.Errorf("%d %s: %d %v", test.status, test.body, receiver, ok)
		}
	}
}

func FuzzDelivery(f *testing.F) {
	for _, seed := range []string{`{"webhook_receiver_status_code":200}`, `{"detail":{"webhook_receiver_status_code":500}}`, `{"detail":null}`, `[[[[`, "\x00\xff", `{"webhook_receiver_status_code":1e99}`, ``} {
		for _, status := range []int{200, 422, 424} {
			f.Add(status, []byte(seed))
		}
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		receiver, documented := delivery(status, body)
		if receiver != 0 && (receiver < 100 || receiver > 599 || !documented) {
			t.Errorf("%d %v", receiver, documented)
		}
		if receiver == 0 && documented && (status == 200 || status == 422) {
			t.Error("it is as documented and tells no status")
		}
	})
}
