package sandbox

import (
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/provider"
)

// DemoTest and DemoProduction are the flaws of the receivers in the demo's flawed integration.
var (
	DemoTest = []Behavior{
		{Name: "reserialised", Description: "verifies the parsed JSON re-serialized compactly in the fields' order, as Node's JSON.stringify(req.body) does",
			Expect: Expect{Fails: []string{VerifiesRaw}, May: []string{RejectsTampered, RejectsMalformed, HandlesUnexpected}}, Plant: Instead(Compact)},
		{Name: "logs-uid", Description: "logs each UID", Expect: SpoiltLog, Plant: Logging(func(_ *Rules, d *Delivery) string {
			if found := SpelledUID.FindSubmatch(d.Payload); found != nil {
				return "uid=" + string(found[1])
			}
			return ""
		})},
	}
	DemoProduction = []Behavior{
		{Name: "first-sixteen-digits", Description: "only the first 16 digits are compared",
			Expect: Expect{Fails: []string{RejectsPartial}, May: []string{RejectsUnsigned, RejectsTampered}}, Plant: Match(func(expected, given string) bool { return len(given) >= 16 && given[:16] == expected[:16] })},
		{Name: "malformed-crashes", Description: "responds with 500 to a body that is not JSON", // what is nested too deeply is not JSON to it
			Expect: Expect{Fails: []string{RejectsMalformed}, May: []string{StatusCodes, Bounded}}, Plant: Refusal(Malformed, Crash)},
		{Name: "plain-http-served", Description: "responds over plain HTTP as it does over HTTPS",
			Expect: Expect{Fails: []string{NoPlainHTTP}}, Plant: func(ru *Rules) {
				ru.Plain = func(_ *Receiver, own http.Handler) http.Handler { return own }
			}},
		{Name: "tls-1.0", Description: "accepts TLS 1.0 and 1.1, too", Expect: Expect{Fails: []string{ModernTLS}}, Plant: func(ru *Rules) {
			ru.Tls = func(c *tls.Config) { c.MinVersion = tls.VersionTLS10 }
		}},
	}
)

// DemoDeployment are the flaws around the receivers of the demo's flawed integration.
var DemoDeployment = []DeploymentFlaw{
	{"key-in-history", "a commit contained the Production key until the next removed it", Expect{Fails: []string{NotInHistory, Rotated}}, func(d *Deployment) {
		d.Commits[0].Files["receiver.py"] = ReceiverCode(string(d.Production.Secret.Expose()))
	}},
	{"key-in-client", "a bundle holds the Production key", Expect{Fails: []string{NotInClient, Rotated}}, func(d *Deployment) {
		d.Files["dist/app.js"] = fmt.Sprintf("fetch(\"/start\", {headers: {\"api-key\": %q}});\n", d.Production.Secret.Expose())
	}},
	{"redirect-unset", "Production has no cancellation page", Expect{Fails: []string{PagesConfigured}, May: []string{RedirectsRegistered}}, func(d *Deployment) { d.Production.Cancellation = "" }},
	{"foreign-account", "an account of another domain has access", Expect{Fails: []string{AccessRestricted}}, func(d *Deployment) {
		d.Roster = append(d.Roster, []string{"jane@elsewhere.example", "Viewer"})
	}},
	{"shared-redirect", "both environments send users to the same page when the time is up", Expect{Fails: []string{separateRedirects}, May: []string{PagesConfigured}}, func(d *Deployment) {
		d.Production.Expiry = d.Test.Expiry
	}},
}

// DemoScheme are the flaws of the receivers in the demo's flawed integration with a provider, in Test and in Production.
func DemoScheme(profile *provider.Profile) (test, production []Behavior) {
	recipe := profile.Signature
	if recipe.Kind == provider.HMAC && recipe.Covers().Time && recipe.Timestamp.Tolerance != "" {
		test = append(test, Behavior{
			Name: "stale-accepted", Description: "the age of the signed timestamp is not checked",
			Expect: Expect{Fails: []string{RejectsStale}}, Plant: func(ru *Rules) { ru.Scheme.AnyAge = true },
		})
	}
	test = append(test, Behavior{
		Name: "prefix-compared", Description: "a signature that the correct one begins with is accepted",
		Expect: Expect{Fails: []string{RejectsPartial}},
		Plant:  func(ru *Rules) { ru.Scheme.Also = append(ru.Scheme.Also, beginsAlike) },
	})
	production = append(production, Behavior{
		Name: "no-verification", Description: "signatures are not checked",
		Expect: Expect{Fails: []string{RejectsUnsigned}},
		Plant: func(ru *Rules) {
			ru.Scheme.Also = append(ru.Scheme.Also, func(*Scheme, provider.Message) bool { return true })
		},
	})
	return test, production
}

// beginsAlike reports whether the correct signature begins with the one that was sent.
func beginsAlike(s *Scheme, m provider.Message) bool {
	received := s.Profile.Signature.Read(m)
	m.Timestamp, m.ID = received.Timestamp, received.ID
	expected, err := s.Profile.Signature.Signature(s.Secrets[0], m)
	return err == nil && slices.ContainsFunc(received.Signatures, func(given string) bool {
		return given != "" && strings.HasPrefix(expected, given)
	})
}

// DemoSchemeDeployment are the flaws around those receivers.
func DemoSchemeDeployment(profile *provider.Profile) []DeploymentFlaw {
	var flaws []DeploymentFlaw
	for _, flaw := range DemoDeployment {
		fits := map[string]bool{
			"key-in-history": true, "key-in-client": true, "foreign-account": profile.Features.Dashboard,
			"redirect-unset": profile.Features.Redirects, "shared-redirect": profile.Features.Redirects,
		}
		if fits[flaw.Name] {
			flaws = append(flaws, flaw)
		}
	}
	return flaws
}

// Instead replaces what is verified.
func Instead(message func([]byte) []byte) func(*Rules) {
	return func(ru *Rules) {
		ru.Messages = []func(*Delivery) []byte{func(d *Delivery) []byte { return message(d.Payload) }}
	}
}

// Compact is the JSON as JSON.stringify(JSON.parse(body)) writes it: no blanks, names in their order with the last of equal ones
// kept, escapes resolved. What is not JSON stays as it is.
func Compact(body []byte) []byte {
	value, ok := parseOrdered(body)
	if !ok {
		return body
	}
	return AppendOrdered(nil, value)
}

// Match accepts a signature that relates to the right one, in hex, in that way too.
func Match(relates func(expected, given string) bool) func(*Rules) {
	return func(ru *Rules) {
		ru.Matchers = append(ru.Matchers, func(expected []byte, given string) bool { return relates(hex.EncodeToString(expected), given) })
	}
}

// rejection answers what is rejected for that reason.
func Refusal(reasonFor Reason, a Answer) func(*Rules) {
	return func(ru *Rules) {
		usual := ru.Refuse
		ru.Refuse = func(d *Delivery, why Reason) Answer {
			if why == reasonFor {
				return a
			}
			return usual(d, why)
		}
		if reasonFor == Invalid {
			ru.Unknown = func(*Delivery, Event) Answer { return a }
		}
	}
}

var Crash = TextAnswer(500, "text/plain; charset=utf-8", "internal error")

var SpoiltLog = Expect{Fails: []string{LogsClean}}

func Logging(tell func(*Rules, *Delivery) string) func(*Rules) {
	return func(ru *Rules) {
		ru.logged = func(d *Delivery) string { return tell(ru, d) }
	}
}

var SpelledUID = regexp.MustCompile(`"uid"\s*:\s*"([^"]*)"`)
