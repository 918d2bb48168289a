package tlsinspect

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"time"

	"golang.org/x/crypto/ocsp"

	"github.com/prelaunch-audit/prelaunch/internal/netprobe"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox/certs"
)

// page makes the target a redirect URL instead of the webhook.
func (l *lab) page() {
	l.target = Target{ID: "completion", URL: "https://" + labHost + "/done", Follow: true}
}

// showing serves pages with that certificate.
func (l *lab) showing(c tls.Certificate) {
	config := l.modern()
	config.Certificates = []tls.Certificate{c}
	l.serve(config, redirects(nil))
}

// lastHop holds what is reported of a host that only a redirect names to its kind.
func lastHop(kind string) func(Facts) error {
	return func(f Facts) error {
		hops := f.URLs[0].RedirectChains[0].Hops
		return expect("last hop", hops[len(hops)-1].Reach, Reach{Kind: kind, LocalRoute: true})
	}
}

var pageBlocks = []block{
	{name: "right: a page", serve: func(l *lab) {
		l.page()
		l.serve(l.modern(), redirects(nil))
	}},
	{name: "right: a page behind a redirect to another host", serve: func(l *lab) {
		l.page()
		l.serve(l.modern(), redirects(map[string]string{"/done": "https://www.acme.example/thanks?from=beacon"}))
		c := l.modern()
		c.Certificates = []tls.Certificate{l.ca.Server("www.acme.example")}
		l.at("www.acme.example:443", l.https(c, redirects(nil)))
	}},
	{name: "right: a page that sets a cookie first", serve: func(l *lab) {
		l.page()
		l.serve(l.modern(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, err := r.Cookie("seen"); err != nil && r.URL.Path == "/check" {
				http.SetCookie(w, &http.Cookie{Name: "seen", Value: "1", Path: "/", Secure: true})
				http.Redirect(w, r, "/done", http.StatusFound)
			} else if err != nil {
				http.Redirect(w, r, "/check", http.StatusFound)
			}
		}))
	}},
	{name: "a page that is not there", want: []string{"fail redirects.production-configured: completion: answer"}, serve: func(l *lab) {
		l.page()
		l.serve(l.modern(), http.NotFoundHandler())
	}},
	{name: "a page behind a bad certificate", want: []string{"fail redirects.production-configured: completion: certificate"}, serve: func(l *lab) {
		l.page()
		l.serve(l.modern(), redirects(map[string]string{"/done": "https://www.acme.example/"}))
		l.at("www.acme.example:443", l.https(l.modern(), redirects(nil)))
	}},
	{name: "a page behind ever more redirects", want: []string{"inconclusive redirects.production-configured: completion: answer"}, serve: func(l *lab) {
		l.page()
		l.serve(l.modern(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path+"x", http.StatusFound) }))
	}},
	{name: "a page over http", want: []string{"fail redirects.production-configured: completion: scheme", "fail redirects: completion"}, serve: func(l *lab) {
		l.page()
		l.target.URL = "http://" + labHost + "/done"
	}},
	{name: "right: a page behind five redirects", serve: func(l *lab) {
		l.page()
		l.serve(l.modern(), redirects(map[string]string{"/done": "a", "/a": "/b", "/b": "c?d=1", "/c": "//" + labHost + "/d", "/d": "../e"}))
	}},
	{name: "right: a page that is busy at first", serve: func(l *lab) {
		l.page()
		l.serve(l.modern(), l.busy(2, redirects(nil)))
	}},
	{name: "a page that may be there for browsers", want: []string{"inconclusive redirects.production-configured: completion: answer"}, serve: func(l *lab) {
		l.page()
		l.serve(l.modern(), status(http.StatusForbidden))
	}},
	{name: "a page that breaks down", want: []string{"fail redirects.production-configured: completion: answer"}, serve: func(l *lab) {
		l.page()
		l.serve(l.modern(), status(http.StatusInternalServerError))
	}},
	{name: "a page that redirects in circles", want: []string{"fail redirects.production-configured: completion: answer"}, serve: func(l *lab) {
		l.page()
		l.serve(l.modern(), redirects(map[string]string{"/done": "/a", "/a": "/done"}))
	}},
	{name: "a page that redirects to http in the end", want: []string{"fail redirects.production-configured: completion: answer"}, serve: func(l *lab) {
		l.page()
		l.serve(l.modern(), redirects(map[string]string{"/done": "/a", "/a": "http://" + labHost + "/b"}))
	}},
	{name: "a page that redirects to nowhere", want: []string{"fail redirects.production-configured: completion: answer"}, serve: func(l *lab) {
		l.page()
		l.serve(l.modern(), status(http.StatusFound))
	}},
	{name: "a page that redirects into an app", want: []string{"inconclusive redirects.production-configured: completion: answer"}, serve: func(l *lab) {
		l.page()
		l.serve(l.modern(), redirects(map[string]string{"/done": "acme://done"}))
	}},
	{name: "a page that redirects to a host that is down", want: []string{"fail redirects.production-configured: completion: answer"}, serve: func(l *lab) {
		l.page()
		l.serve(l.modern(), redirects(map[string]string{"/done": "https://www.acme.example/"}))
		l.at("www.acme.example:443", l.closedPort())
	}, look: lastHop(ReachUnreachable)},
	{name: "a page that redirects to a service that is not HTTPS", want: []string{"fail redirects.production-configured: completion: answer"}, serve: func(l *lab) {
		l.page()
		l.serve(l.modern(), redirects(map[string]string{"/done": "https://www.acme.example/"}))
		l.at("www.acme.example:443", l.http(redirects(nil)))
	}, look: lastHop(ReachUnreachable)},
	{name: "a page that redirects to an address that is not contacted", want: []string{"inconclusive redirects.production-configured: completion: answer"}, serve: func(l *lab) {
		l.page()
		l.serve(l.modern(), redirects(map[string]string{"/done": "https://www.acme.example/"}))
		l.options.DialName = func(_ context.Context, _, address string) (net.Conn, error) {
			return nil, &netprobe.BlockedError{Host: address, Kind: netprobe.AddressPrivate}
		}
	}, look: lastHop(ReachBlocked)},
	{name: "a page that redirects to a host with an expired certificate", want: []string{"fail redirects.production-configured: completion: certificate"}, serve: func(l *lab) {
		l.page()
		l.serve(l.modern(), redirects(map[string]string{"/done": "https://www.acme.example/"}))
		c := l.modern()
		c.Certificates = []tls.Certificate{l.ca.Issue(certs.Request{Names: []string{"www.acme.example"}, NotAfter: l.now.Add(-time.Hour)})}
		l.at("www.acme.example:443", l.https(c, redirects(nil)))
	}},
	{name: "a page that redirects to a host with a revoked certificate", want: []string{"fail redirects.production-configured: completion: certificate"}, serve: func(l *lab) {
		l.page()
		l.serve(l.modern(), redirects(map[string]string{"/done": "https://www.acme.example/"}))
		c := l.modern()
		c.Certificates = []tls.Certificate{l.ca.Issue(certs.Request{Names: []string{"www.acme.example"}, Staple: &certs.Staple{Status: ocsp.Revoked}})}
		l.at("www.acme.example:443", l.https(c, redirects(nil)))
	}},
	{name: "a page with an expired certificate", want: []string{"fail redirects.production-configured: completion: certificate"}, serve: func(l *lab) {
		l.page()
		l.showing(l.ca.Issue(certs.Request{Names: []string{labHost}, NotAfter: l.now.Add(-time.Hour)}))
	}},
	{name: "a page with a revoked certificate", want: []string{"fail redirects.production-configured: completion: certificate"}, serve: func(l *lab) {
		l.page()
		l.showing(l.ca.Issue(certs.Request{Names: []string{labHost}, Staple: &certs.Staple{Status: ocsp.Revoked}}))
	}},
	{name: "a page with a weak key at its second address", want: []string{"fail redirects.production-configured: completion: certificate"}, serve: func(l *lab) {
		l.page()
		l.serve(l.modern(), redirects(nil))
		l.showing(l.ca.Issue(certs.Request{Names: []string{labHost}, Key: rsa1024()}))
	}},
	{name: "a page that wants a client certificate", want: []string{"inconclusive redirects.production-configured: completion: answer"}, serve: func(l *lab) {
		l.page()
		l.authenticating(tls.RequireAndVerifyClientCert, 0)
	}},
	{name: "a page of a host that is down", want: []string{"fail redirects.production-configured: completion: answer"}, serve: func(l *lab) {
		l.page()
		l.at(labHost+":443", l.closedPort())
	}},
	{name: "a page that is silent", want: []string{"inconclusive redirects.production-configured: completion: answer"}, serve: func(l *lab) {
		l.page()
		l.options.Timeout = time.Second
		l.at(labHost+":443", "hang")
	}},
}
