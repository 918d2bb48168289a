// Package https inspected at every HTTPS endpoint of an integration: the webhook, the redirect URLs
// and, with provider_checks, the API. What is seen is described by internal/tlsinspect; this probe
// says whose endpoint it is.
package https

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"maps"
	"net"
	"net/url"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/tlsinspect"
)

// Use tells whose endpoint or URL it is.
type Use struct {
	Environment string `json:"environment"`
	Role        string `json:"role"` // webhook, redirect or api
	Name        string `json:"name"` // of a redirect: completion, cancellation or expiry; otherwise the role
}

// Endpoint is a fact of kind "https.endpoint": one host:port, inspected once for all who use it.
type Endpoint struct {
	Uses  []Use  `json:"uses"`
	Clock string `json:"clock"` // this machine's time, RFC 3339
	tlsinspect.Endpoint
}

// URL is a fact of kind "https.url": one configured URL.
type URL struct {
	Use
	Contacted bool `json:"contacted"` // false: only its scheme was checked
	Seen
}

// Seen is what a URL responded with. It has a name of its own because an embedded URL would hide
// its field of that name.
type Seen = tlsinspect.URL

const (
	kindEndpoint = "https.endpoint"
	kindURL      = "https.url"

	roleWebhook  = "webhook"
	roleRedirect = "redirect"
	roleAPI      = "api"
)

type probe struct{}

// New returns the probe.
func New() audit.Probe { return probe{} }

func (probe) Name() string  { return "https" }
func (probe) Title() string { return "HTTPS" }

func (probe) Kinds() []audit.Kind {
	return []audit.Kind{audit.KindOf[Endpoint](kindEndpoint), audit.KindOf[URL](kindURL)}
}

func (probe) Plan(integration *audit.Integration, _ func(check string) bool) []audit.Step {
	var steps []audit.Step
	seen := map[string]bool{}
	for _, wanted := range targets(integration) {
		host, ok := endpointOf(wanted.url)
		if !ok || !wanted.contact {
			continue
		}
		if !seen[host] {
			seen[host] = true
			steps = append(steps, audit.Step{Probe: "https", Action: "connect", Target: host,
				Detail: "TLS handshakes with each address; of a trusted certificate also the revocation lists that it and its issuers name", Count: tlsinspect.MaxConnections})
		}
		detail := "GET, and of each URL that it redirects to"
		switch {
		case wanted.post:
			detail = "GET and an unsigned empty POST, over HTTPS and in the clear"
		case wanted.role == roleWebhook:
			detail = "GET, over HTTPS and in the clear"
		}
		steps = append(steps, audit.Step{Probe: "https", Environment: wanted.Environment, Action: "send", Target: wanted.url, Detail: detail})
	}
	return steps
}

// endpointOf is the host:port of an https URL.
func endpointOf(raw string) (string, bool) {
	u, err := url.Parse(raw)
	if err != nil || !strings.EqualFold(u.Scheme, "https") {
		return "", false
	}
	port := u.Port()
	if port == "" {
		port = "443"
	}
	return net.JoinHostPort(strings.ToLower(strings.TrimSuffix(u.Hostname(), ".")), port), true
}

type target struct {
	Use
	role    string
	url     string
	contact bool
	post    bool // also send the unsigned empty POST
}

func targets(integration *audit.Integration) []target {
	var list []target
	add := func(environment, role, name, url string, contact, post bool) {
		if url != "" {
			list = append(list, target{Use{environment, role, name}, role, url, contact, post})
		}
	}
	for _, environment := range integration.Environments {
		add(environment.Name, roleWebhook, roleWebhook, environment.WebhookURL, true, environment.Probing != audit.Passive)
		for _, redirect := range environment.Redirects.ByName() {
			add(environment.Name, roleRedirect, redirect.Name, redirect.URL, true, false)
		}
		add(environment.Name, roleAPI, roleAPI, environment.APIBaseURL, integration.ProviderChecks, false)
	}
	return list
}

func (probe) Run(ctx context.Context, run *audit.Run) error {
	wanted := targets(run.Integration)
	extra, err := certificates(run.Integration.Network.ExtraRootsPEM)
	if err != nil {
		return err
	}
	var inspected []tlsinspect.Target
	uses := map[string][]Use{}         // host:port → who uses it
	receivers := map[string][]string{} // host → environments whose receiver it is; the rate of the last holds for it
	var contacted []target
	for _, t := range wanted {
		endpoint, isHTTPS := endpointOf(t.url)
		if !t.contact || !isHTTPS {
			run.Sink.Emit(kindURL, URL{Use: t.Use, Seen: schemeOnly(t)})
			continue
		}
		uses[endpoint] = append(uses[endpoint], t.Use)
		host, _, _ := net.SplitHostPort(endpoint)
		if t.role == roleWebhook {
			receivers[host] = append(receivers[host], t.Environment)
		}
		contacted = append(contacted, t)
		inspected = append(inspected, tlsinspect.Target{ID: fmt.Sprint(len(inspected)), URL: t.url, Post: t.post, PlainHTTP: t.role == roleWebhook, Follow: t.role != roleAPI})
	}
	facts, err := tlsinspect.Inspect(ctx, tlsinspect.Options{
		Resolve: run.Network.Addresses, Unresolved: run.Network.Unresolved, Dial: run.Network.DialAddress, DialName: run.Network.DialContext, Led: run.Integration.Network.Leads,
		SystemRoots: run.Roots.System, ExtraRoots: extra, ClientCert: run.Integration.Network.ClientCertificate,
		Now: run.Now, Timeout: run.Integration.Network.Timeout, UserAgent: run.UserAgent,
		Pace: func(ctx context.Context, host string) error {
			var environment string // "" where it is no receiver
			for _, environment = range receivers[strings.TrimSuffix(strings.ToLower(host), ".")] {
				if err := run.Shared.Wait(ctx, audit.Receiver(environment)); err != nil {
					return err
				}
			}
			return run.Network.Pace(ctx, environment)
		},
	}, inspected...)
	for _, endpoint := range facts.Endpoints {
		run.Sink.Emit(kindEndpoint, Endpoint{Uses: nonNil(uses[endpoint.Name]), Clock: facts.Clock, Endpoint: endpoint})
		run.Sink.Scope(func(scope *audit.Scope) {
			for _, address := range endpoint.Addresses {
				scope.Addresses = append(scope.Addresses, audit.Address{Host: endpoint.Name, Address: address.Address})
			}
			maps.Copy(scope.Digests, digests(endpoint))
		})
	}
	for i, seen := range facts.URLs {
		run.Sink.Emit(kindURL, URL{Use: contacted[i].Use, Contacted: true, Seen: seen})
	}
	return err
}

func nonNil(uses []Use) []Use { return append([]Use{}, uses...) }

// schemeOnly describes a URL that is not contacted.
func schemeOnly(t target) tlsinspect.URL {
	described := tlsinspect.URL{Target: t.Name, Answers: []tlsinspect.Answer{}, PlainHTTP: []tlsinspect.PlainHTTP{}, RedirectChains: []tlsinspect.RedirectChain{}}
	if u, err := url.Parse(t.url); err == nil {
		described.Scheme = strings.ToLower(u.Scheme)
		described.URL = (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
	}
	return described
}

// certificates reads those of network.ca_file.
func certificates(raw []byte) ([]*x509.Certificate, error) {
	var list []*x509.Certificate
	for len(raw) > 0 {
		var block *pem.Block
		if block, raw = pem.Decode(raw); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("network.ca_file holds a certificate that cannot be read: %w", err)
		}
		list = append(list, certificate)
	}
	return list, nil
}
