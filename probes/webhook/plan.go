package webhook

import (
	"fmt"
	"slices"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/provider"
	"github.com/prelaunch-audit/prelaunch/probes/webhook/cases"
)

// planned is a family and how many of its requests are sent at most.
type planned struct {
	family string
	count  int
}

// Plan lists what Run would send, by family.
func (*probe) Plan(integration *audit.Integration, selected func(check string) bool) []audit.Step {
	var steps []audit.Step
	profile, err := provider.Of(integration.Provider, integration.ProviderProfile)
	if err != nil {
		return steps
	}
	for _, environment := range integration.Environments {
		if environment.Probing == audit.Passive {
			continue
		}
		for _, p := range plan(integration, profile, environment, selected) {
			steps = append(steps, audit.Step{
				Probe: "webhook", Environment: environment.Name, Action: "send", Target: environment.WebhookURL,
				Detail: fmt.Sprintf("%s: %s", cases.FamilyByID(p.family).Name, cases.FamilyByID(p.family).Title), Count: p.count,
			})
		}
		if environment.HasEffects {
			steps = append(steps, audit.Step{
				Probe: "webhook", Environment: environment.Name, Action: "run", Target: environment.Effects.String(),
				Detail: "effects observer, once for each synthetic UID",
			})
		}
	}
	return steps
}

// plan counts the requests to one environment's receiver from the tables, those that all else is compared with and those that a
// selected check reads.
func plan(integration *audit.Integration, profile provider.Profile, environment audit.Environment, selected func(check string) bool) []planned {
	if environment.KeyPair {
		profile = profile.WithKeyPair()
	}
	full := environment.Probing == audit.Full
	// A plan is made before any key is resolved: only a reference by fingerprint never gives one.
	signing := !profile.Signature.NegativeOnly() && environment.Key.Source != audit.FromFingerprint && (environment.Key.Key.Held() || environment.Key.Key.IsZero())
	types := len(integration.EventTypes)
	// Where only the provider can sign, its recorded delivery is sent again; other valid or invalid bodies cannot be signed.
	replaying := full && profile.Signature.NegativeOnly() && environment.Captured != nil
	signing = signing || replaying
	var list []planned
	add := func(family string, count int) {
		for i := range list {
			if list[i].family == family {
				list[i].count += count
				return
			}
		}
		if count > 0 {
			list = append(list, planned{family, count})
		}
	}
	add(cases.FamilyWrong, 3)
	if full && signing {
		add(cases.FamilyType, types)
		add(cases.FamilyBaseline, baselines)
	}
	if signing && !full {
		add(cases.FamilyPair, 2*3)
	}
	unread := func(c cases.Case) bool { return !isRead(c.Family, selected) }
	elsewhere := otherEnvironments(integration, environment)
	for i, c := range cases.Forgeries(&profile) {
		switch {
		case i > 0 && unread(c): // the first is the plain unsigned event
		case c.Family == cases.FamilyOther:
			add(c.Family, len(elsewhere))
		case full || !c.FullOnly:
			add(c.Family, 1)
		}
	}
	add("F01", max(0, types-1))
	if isRead("F02", selected) {
		add("F02", max(0, others(integration, profile, full)-1))
	}
	for _, retired := range integration.RetiredKeys {
		if !isRead(cases.FamilyRetired, selected) {
			break
		}
		if retired.Environment == environment.Name || retired.Environment == "" {
			add(cases.FamilyRetired, 1)
		}
	}
	controls := batches(list, full)
	if signing {
		more := 0
		if full {
			valid := slices.DeleteFunc(cases.Genuine(&profile), unread)
			for _, c := range valid {
				if !replaying || c.Family == cases.FamilyTransport {
					add(c.Family, 1)
				}
			}
			if reused := reusedFamily(&profile); isRead(cases.FamilyRedelivery, selected) || isRead(reused, selected) {
				add(cases.FamilyRedelivery, 2)
				add(reused, 1) // another event under the signature that was delivered
			}
			more += inBatches(len(valid))
		}
		invalid := cases.Invalid(&profile)
		if replaying {
			invalid = invalid[len(invalid)-1:] // a delivery that is cut off
		}
		invalid = slices.DeleteFunc(invalid, unread)
		for _, c := range invalid {
			add(c.Family, 1)
		}
		add(cases.FamilyControl, controls+more+inBatches(len(invalid)))
	}
	draws := 2 * integration.Network.FreshConnections
	if full && signing {
		draws += validDraws
	}
	if isRead(cases.FamilyInstance, selected) {
		add(cases.FamilyInstance, draws)
	}
	if full && signing && !replaying {
		add(cases.FamilyDiagnosis, len(cases.Diagnoses(&profile)))
	}
	return list
}

// others is of how many types events are sent under a random signature: all that are configured, in careful probing those about the
// course of an application.
func others(integration *audit.Integration, profile provider.Profile, full bool) int {
	n := 0
	for _, eventType := range integration.EventTypes {
		if event, ok := profile.Event(eventType); ok && (full || event.Harmless) {
			n++
		}
	}
	return n
}

// batches is in how many batches the forgeries go out, each of which is followed by a control; one more follows the request without a
// body, and two the plain unsigned events. In careful probing a batch has no two of a family.
func batches(list []planned, full bool) int {
	var left []int
	sum := 0
	for _, p := range list {
		if strings.HasPrefix(p.family, "F") {
			left = append(left, p.count)
			sum += p.count
		}
	}
	if full {
		return inBatches(sum) + 3
	}
	rounds := 2
	for ; sum > 0; rounds++ {
		taken := 0
		for i := range left {
			if left[i] > 0 && taken < batch {
				left[i]--
				taken++
			}
		}
		sum -= taken
	}
	return rounds
}

// inBatches is in how many batches n requests go out.
func inBatches(n int) int { return (n + batch - 1) / batch }

// expected is how many requests are likely.
func (p *prober) expected() int {
	sum := 0
	for _, planned := range plan(p.run.Integration, p.profile, p.environment, p.run.Selected) {
		if planned.family != cases.FamilyDiagnosis {
			sum += planned.count
		}
	}
	return sum
}
