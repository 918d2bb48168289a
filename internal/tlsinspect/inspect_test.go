package tlsinspect

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// allFive are the URLs of one environment on one host.
func allFive() []Target {
	base := "https://" + labHost
	return []Target{
		{ID: "webhook", URL: base + "/begini", Post: true, PlainHTTP: true, Follow: true},
		{ID: "completion", URL: base + "/done", Follow: true},
		{ID: "cancellation", URL: base + "/cancelled", Follow: true},
		{ID: "expiry", URL: base + "/expired", Follow: true},
		{ID: "api", URL: base},
	}
}

// TestOneHostOnce: five URLs on a host, even one that closes each connection and redirects three of
// them, cost no more than the limit, and leave nothing undecided.
func TestOneHostOnce(t *testing.T) {
	t.Parallel()
	for _, closing := range []bool{false, true} {
		l := newLab(t)
		c := l.modern()
		if closing {
			c.NextProtos = nil
		}
		l.serve(c, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if closing {
				w.Header().Set("Connection", "close")
			}
			switch r.URL.Path {
			case "/begini":
				receiver(w, r)
			case "/done", "/cancelled", "/expired":
				http.Redirect(w, r, "/thanks", http.StatusSeeOther)
			}
		}))
		facts, err := Inspect(t.Context(), l.options, allFive()...)
		if err != nil {
			t.Fatal(err)
		}
		if len(facts.Endpoints) != 1 || len(facts.URLs) != 5 {
			t.Fatalf("%d endpoints, %d URLs; want 1 and 5", len(facts.Endpoints), len(facts.URLs))
		}
		if d := cmp.Diff([]string{}, l.reading(facts)); d != "" {
			t.Errorf("closing %v: %s", closing, d)
		}
		a := facts.Endpoints[0].Addresses[0]
		if n := l.dialed[a.Address]; n != a.Connections || n > MaxConnections+MaxRequestConnections {
			t.Errorf("closing %v: %d connections, %d in the facts", closing, n, a.Connections)
		}
	}
}

// TestManyURLsOnOneHost: the webhooks and pages of both environments on one host and a port of
// their own, which closes each connection, leave nothing untested.
func TestManyURLsOnOneHost(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	c := l.modern()
	c.NextProtos = nil
	l.at(labHost+":8443", l.https(c, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close")
		receiver(w, r)
	})))
	base := "https://" + labHost + ":8443"
	l.target.URL = base + "/test"
	targets := []Target{{ID: "webhook", URL: base + "/test", Post: true, PlainHTTP: true, Follow: true}, {ID: "webhook", URL: base + "/production", Post: true, PlainHTTP: true, Follow: true}}
	for _, path := range []string{"/a", "/b", "/c", "/d", "/e", "/f"} {
		targets = append(targets, Target{ID: "expiry", URL: base + path, Follow: true})
	}
	facts, err := Inspect(t.Context(), l.options, targets...)
	if err != nil {
		t.Fatal(err)
	}
	seen := facts.Endpoints[0].Addresses[0]
	if seen.LimitReached || len(seen.CipherClasses.Undecided)+len(seen.Versions.Undecided) > 0 {
		t.Errorf("limit reached: %v, versions %+v, classes %+v", seen.LimitReached, seen.Versions, seen.CipherClasses)
	}
	for _, u := range facts.URLs {
		if u.Answers[0].Get.Status == 0 {
			t.Errorf("%s: %+v", u.URL, u.Answers[0].Get.Reach)
		}
	}
}

func TestCancelled(t *testing.T) {
	t.Parallel()
	for name, serve := range map[string]func(*lab){
		"silent": func(l *lab) {
			l.at(labHost+":443", l.stub(nil, nil, func(int, offer) verdict { return verdict{hold: true} }))
		},
		"hanging": func(l *lab) { l.at(labHost+":443", "hang") },
		"hanging after the handshake": func(l *lab) {
			l.serve(l.modern(), http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			l.options.Timeout = time.Hour
			serve(l)
			ctx, cancel := context.WithCancel(t.Context())
			// Cancelled once something is under way.
			dial := l.options.Dial
			l.options.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
				time.AfterFunc(50*time.Millisecond, cancel)
				return dial(ctx, network, address)
			}
			if _, err := Inspect(ctx, l.options, l.target); !errors.Is(err, context.Canceled) {
				t.Errorf("error %v, want the context's", err)
			}
		})
	}
}

// TestNoProxy: what the environment says about proxies is not heeded.
func TestNoProxy(t *testing.T) {
	for _, name := range []string{"HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "https_proxy", "http_proxy"} {
		t.Setenv(name, "http://127.0.0.1:1")
	}
	l := newLab(t)
	l.twin(upgrade)
	l.options.Getenv = os.Getenv
	facts := l.look()
	if d := cmp.Diff([]string{}, l.reading(facts)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY"}, facts.ProxyVariables); d != "" {
		t.Error(d)
	}
}

// TestBadTarget: a URL that cannot be contacted does not keep the others from being looked at, and
// what is secret in a URL is not repeated.
func TestBadTarget(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.serve(l.modern(), receiver)
	l.target.URL = "https://user:hunter2@" + labHost + "/begini?token=hunter2#hunter2"
	facts, err := Inspect(t.Context(), l.options, l.target, Target{ID: "none", URL: "https://:443/hunter2"}, Target{ID: "odd", URL: "https://höhle.example/"}, Target{ID: "broken", URL: "https://%zz/hunter2"})
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range facts.URLs[1:] {
		if u.Problem == "" || u.Endpoint != "" || strings.Contains(u.Problem, "hunter2") {
			t.Errorf("%+v", u)
		}
	}
	if got, want := facts.URLs[0].URL, "https://"+labHost+"/begini?…"; got != want || facts.URLs[0].Answers[0].Post.Status != 401 {
		t.Errorf("%q, want %q; %+v", got, want, facts.URLs[0].Answers)
	}
	if _, err := Inspect(t.Context(), Options{}, l.target); err == nil {
		t.Error("no error without a resolver")
	}
}

func TestManyAddresses(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	down := l.closedPort()
	for range MaxAddresses + 3 {
		l.at(labHost+":443", down)
	}
	facts := l.look()
	if r := facts.Endpoints[0].Resolution; r.Skipped != 3 || r.Addresses != MaxAddresses+3 || len(facts.Endpoints[0].Addresses) != MaxAddresses {
		t.Errorf("%+v", r)
	}
}

// TestAddressesThatDNSDidNotTell: a name may have more addresses than those that were found.
func TestAddressesThatDNSDidNotTell(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.at(labHost+":443", l.closedPort())
	l.options.Unresolved = func(string) []string { return []string{"AAAA"} }
	if r := l.look().Endpoints[0].Resolution; r.Kind != ReachOK || !slices.Equal(r.Unresolved, []string{"AAAA"}) {
		t.Errorf("%+v", r)
	}
}

// TestURLsOfResponsesHoldNoCredentials: a server may put a signature into where it redirects to.
func TestURLsOfResponsesHoldNoCredentials(t *testing.T) {
	t.Parallel()
	base := &url.URL{Scheme: "https", Host: "acme.example", Path: "/done"}
	for value, want := range map[string]string{
		"/next": "https://acme.example/next",
		"/" + strings.Repeat("0f", 64) + "/x?a=b#c":                             "https://acme.example/…/x?…",
		"https://jane:pw@www.acme.example/f0e4c2f7-6c58-4a1b-9a3d-0c2f0d1e5b7a": "https://www.acme.example/f0e4c2f7-6c58-4a1b-9a3d-0c2f0d1e5b7a",
	} {
		if got := location(value, base).URL; got != want {
			t.Errorf("%s is %s, want %s", value, got, want)
		}
	}
}
