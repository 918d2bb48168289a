package https

import (
	"crypto/tls"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/audit/audittest"
	"github.com/prelaunch-audit/prelaunch/internal/netprobe"
	"github.com/prelaunch-audit/prelaunch/internal/runner"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox/certs"
	"github.com/prelaunch-audit/prelaunch/internal/tlsinspect"
)

// TestRedirectsDoNotReachInside: a page that redirects to a private address or to the metadata of a
// cloud makes no connection there, and the report is the same whether something listens or not.
func TestRedirectsDoNotReachInside(t *testing.T) {
	t.Parallel()
	authority := certs.New(time.Now())
	var touched atomic.Int32
	inside := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	inside.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			touched.Add(1)
		}
	}
	inside.TLS = &tls.Config{Certificates: []tls.Certificate{authority.Server("127.0.0.1")}}
	inside.StartTLS()
	t.Cleanup(inside.Close)
	closed := audittest.Refusing(t)
	page := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		to := map[string]string{"/open": inside.URL, "/closed": "https://" + closed, "/metadata": "https://169.254.169.254/"}[r.URL.Path]
		http.Redirect(w, r, to, http.StatusFound)
	}))
	page.TLS = &tls.Config{Certificates: []tls.Certificate{authority.Server("acme.example")}}
	page.StartTLS()
	t.Cleanup(page.Close)
	lastHop := func(path string, allowed ...netip.Prefix) tlsinspect.Reach {
		integration := &audit.Integration{
			Environments:     []audit.Environment{{Name: audit.Production, Redirects: audit.Redirects{Completion: "https://acme.example" + path}}},
			AllowedAddresses: allowed,
			Network: audit.NetworkOptions{ExtraRootsPEM: authority.CAPEM(), Timeout: 10 * time.Second,
				Resolve: map[string][]string{"acme.example:443": {page.Listener.Addr().String()}}},
		}
		roots, err := netprobe.Roots(authority.CAPEM())
		if err != nil {
			t.Fatal(err)
		}
		document := runner.Run(t.Context(), integration, runner.Options{
			Probes: []audit.Probe{New()}, Network: netprobe.New(integration, nil), Roots: roots, Tool: audit.Tool{Name: "prelaunch", Version: "test"},
		})
		for _, raw := range document.Facts[kindURL] {
			var url URL
			if err := json.Unmarshal(raw, &url); err != nil {
				t.Fatal(err)
			}
			if len(url.RedirectChains) > 0 {
				hops := url.RedirectChains[0].Hops
				return hops[len(hops)-1].Reach
			}
		}
		t.Fatalf("%s: no redirect was followed", path)
		return tlsinspect.Reach{}
	}
	for _, path := range []string{"/open", "/closed", "/metadata"} {
		if got, want := lastHop(path), (tlsinspect.Reach{Kind: tlsinspect.ReachBlocked, LocalRoute: true}); got != want {
			t.Errorf("%s: %+v", path, got)
		}
	}
	if n := touched.Load(); n != 0 {
		t.Errorf("%d connections were made inside", n)
	}
	if got := lastHop("/open", netip.MustParsePrefix("127.0.0.0/8")); got.Kind != tlsinspect.ReachOK {
		t.Errorf("allowed: %+v", got)
	}
}
