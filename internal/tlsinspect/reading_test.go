package tlsinspect

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/policy"
	"github.com/prelaunch-audit/prelaunch/policies"
)

var quietLog = log.New(io.Discard, "", 0)

// The checks that a block is held to, by what its target is.
var (
	webhookChecks = []string{"https.webhook-reachable", "https.certificate-valid", "https.modern-tls", "https.no-plain-http", "https.hsts"}
	pageChecks    = []string{"https.redirects", "redirects.production-configured"}
)

var judges = sync.OnceValues(func() (*policy.Judge, error) {
	library, err := policy.Load(policies.FS, nil)
	if err != nil {
		return nil, err
	}
	selection, err := library.Select(append(slices.Clone(webhookChecks), pageChecks...), nil)
	if err != nil {
		return nil, err
	}
	return library.Compile(context.Background(), selection)
})

// reading is what the policies say of the facts about a webhook, or about the completion page of
// Production: a line for each finding that is not a pass ("fail modern-tls: version 1.0"), and one
// for each check that says nothing at all. A right block gives none, so each of its checks passes.
func (l *lab) reading(f Facts) []string {
	l.t.Helper()
	judge, err := judges()
	if err != nil {
		l.t.Fatal(err)
	}
	raw, err := l.document(f).Encode()
	if err != nil {
		l.t.Fatal(err)
	}
	verdicts, err := judge.Verdicts(context.Background(), raw)
	if err != nil {
		l.t.Fatal(err)
	}
	checks := webhookChecks
	if l.target.ID != "webhook" {
		checks = pageChecks
	}
	lines := []string{}
	for _, check := range checks {
		name := strings.TrimPrefix(check, "https.")
		about := slices.DeleteFunc(verdicts[check], func(v audit.Verdict) bool {
			return strings.HasPrefix(v.Subject, "cancellation") || strings.HasPrefix(v.Subject, "expiry") // not set
		})
		if len(about) == 0 {
			lines = append(lines, "nothing "+name)
		}
		for _, v := range about {
			if v.Outcome != audit.Pass {
				lines = append(lines, fmt.Sprintf("%s %s: %s", v.Outcome, name, v.Subject))
			}
		}
	}
	slices.Sort(lines)
	return slices.Compact(lines)
}

// document is the facts as the https probe hands them on, of an integration that has no more than
// this one URL.
func (l *lab) document(f Facts) *audit.Document {
	type use struct {
		Environment string `json:"environment"`
		Role        string `json:"role"`
		Name        string `json:"name"`
	}
	useOf := func(target string) use {
		switch target {
		case "webhook", "api":
			return use{audit.Production, target, target}
		}
		return use{audit.Production, "redirect", target}
	}
	production := audit.Environment{Name: audit.Production, Probing: audit.Careful}
	switch l.target.ID {
	case "webhook":
		production.WebhookURL = l.target.URL
	default:
		production.Redirects.Completion = l.target.URL
	}
	kinds := []string{"https.endpoint", "https.url"}
	facts := map[string][]json.RawMessage{kinds[0]: {}, kinds[1]: {}}
	uses := map[string][]use{}
	for _, u := range f.URLs {
		uses[u.Endpoint] = append(uses[u.Endpoint], useOf(u.Target))
		type seen URL // an embedded URL would hide its member of that name
		facts[kinds[1]] = append(facts[kinds[1]], must(json.Marshal(struct {
			use
			Contacted bool `json:"contacted"`
			seen
		}{useOf(u.Target), u.Scheme == "https", seen(u)})))
	}
	for _, e := range f.Endpoints {
		facts[kinds[0]] = append(facts[kinds[0]], must(json.Marshal(struct {
			Uses  []use  `json:"uses"`
			Clock string `json:"clock"`
			Endpoint
		}{uses[e.Name], f.Clock, e})))
	}
	return &audit.Document{
		Schema: audit.FactsSchema, StartedAt: l.now, FinishedAt: l.now.Add(time.Minute), Facts: facts,
		Probes: []audit.ProbeStatus{{Name: "https", Kinds: kinds, State: audit.ProbeComplete}},
		Integration: audit.Integration{
			Declared: []string{}, Attestations: []audit.Attestation{}, Environments: []audit.Environment{production},
			Network: audit.NetworkOptions{Vantage: audit.Public},
		},
	}
}
