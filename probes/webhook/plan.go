package webhook

import (
	"fmt"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/provider"
	"github.com/prelaunch-audit/prelaunch/probes/webhook/cases"
)

// familyTitles tell a reader of a plan what a family is.
var familyTitles = map[string]string{
	"F01": "no, empty or placeholder signature",
	"F02": "nonsense signature, or one digit wrong",
	"F03": "piece of the right signature",
	"F04": "signed with a random key or what a missing variable turns into",
	"F05": "digest without HMAC",
	"F06": "another HMAC with the right key",
	"F07": "right signature of another body",
	"F08": "body respelled after signing",
	"F09": "body whose decoded text was signed",
	"F10": "wrong signature with other content types",
	"F11": "signature of an empty body",
	"F12": "unsigned with other methods",
	"F13": "unsigned to other spellings of the path",
	"F14": "unsigned with headers or fields that hint at trust",
	"F15": "signed with the other environment's key",
	"F16": "right signature in the wrong place, a wrong one in the header",
	"F17": "signature that is hard to parse",
	"F18": "unsigned and compressed",
	"F19": "repeated signature header",
	"F20": "signed with a retired key",
	"F21": "unsigned and large, without a length, or over HTTP/2",

	cases.FamilyBaseline:   "genuine events to compare with",
	cases.FamilyType:       "one genuine event of each type",
	cases.FamilyRaw:        "genuine events in unusual spellings",
	cases.FamilySize:       "large genuine events",
	cases.FamilyTransport:  "genuine events over unusual but valid HTTP",
	cases.FamilyRedelivery: "the same genuine event twice",
	cases.FamilyControl:    "properly signed events between the others, to see that the receiver still answers",
	cases.FamilyMalformed:  "properly signed bodies that are no JSON objects",
	cases.FamilyMissing:    "properly signed events without a required field",
	cases.FamilyUnexpected: "properly signed events with unexpected values",
	cases.FamilyBounded:    "properly signed events that are deeply nested or large",
	"wrong":                "random signatures to compare with",
	"pair":                 "invalid events, properly and wrongly signed",
	"instance":             "unsigned and wrongly signed events on connections of their own",
	"diagnosis":            "where the genuine event is refused: guesses at what the receiver expects",
}

// planned is a family and how many of its requests are sent at most.
type planned struct {
	family string
	count  int
}

// Plan lists what Run would send, by family.
func (*probe) Plan(integration *audit.Integration) []audit.Step {
	var steps []audit.Step
	profile, err := provider.ByName(integration.Provider)
	if err != nil {
		return steps
	}
	for _, environment := range integration.Environments {
		if environment.Probing == audit.Passive {
			continue
		}
		for _, p := range plan(integration, profile, environment) {
			steps = append(steps, audit.Step{
				Probe: "webhook", Environment: environment.Name, Action: "send", Target: environment.WebhookURL,
				Detail: fmt.Sprintf("%s: %s", p.family, familyTitles[p.family]), Count: p.count,
			})
		}
		if len(environment.Effects) > 0 {
			steps = append(steps, audit.Step{
				Probe: "webhook", Environment: environment.Name, Action: "run", Target: environment.Effects[0],
				Detail: "effects observer, once for each synthetic UID",
			})
		}
	}
	return steps
}

// plan counts the requests to one environment's receiver from the tables.
func plan(integration *audit.Integration, profile provider.Profile, environment audit.Environment) []planned {
	full := environment.Probing == audit.Full
	// A plan is made before any key is resolved: only a reference by fingerprint never gives one.
	signing := environment.Key.Source != audit.FromFingerprint && (environment.Key.Key.Held() || environment.Key.Key.IsZero())
	types := len(integration.EventTypes)
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
	add("wrong", 3)
	if full && signing {
		add(cases.FamilyType, types)
		add(cases.FamilyBaseline, baselines)
	}
	if signing && !full {
		add("pair", 2*3)
	}
	for _, c := range cases.Forgeries {
		if full || !c.FullOnly {
			add(c.Family, 1)
		}
	}
	add("F01", max(0, types-1))
	add("F02", max(0, others(integration, profile, full)-1))
	for _, retired := range integration.RetiredKeys {
		if retired.Environment == environment.Name || retired.Environment == "" {
			add(cases.FamilyRetired, 1)
		}
	}
	controls := batches(list, full)
	if signing {
		more := 0
		if full {
			for _, c := range cases.Genuine {
				add(c.Family, 1)
			}
			add(cases.FamilyRedelivery, 2)
			add("F07", 1) // another event under the signature that was delivered
			more += (len(cases.Genuine)-1)/batch + 1
		}
		invalid := cases.Invalid(profile.Required)
		for _, c := range invalid {
			add(c.Family, 1)
		}
		add(cases.FamilyControl, controls+more+(len(invalid)-1)/batch+1)
	}
	draws := 2 * integration.Network.FreshConnections
	if full && signing {
		draws += genuineDraws
	}
	add("instance", draws)
	if full && signing {
		add("diagnosis", len(cases.Diagnoses))
	}
	return list
}

// others is of how many types events are sent under a random signature: all that are configured, in careful probing those about the
// course of an application.
func others(integration *audit.Integration, profile provider.Profile, full bool) int {
	n := 0
	for _, eventType := range integration.EventTypes {
		if event, ok := profile.Event(eventType); ok && (full || event.Journey) {
			n++
		}
	}
	return n
}

// batches is in how many batches the forgeries go out, each of which is followed by a control; one more follows the plain unsigned
// events. In careful probing a batch has no two of a family.
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
		return (sum-1)/batch + 2
	}
	rounds := 1
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

// expected is how many requests are likely.
func (s *session) expected() int {
	sum := 0
	for _, p := range plan(s.run.Integration, s.profile, s.environment) {
		if p.family != "diagnosis" {
			sum += p.count
		}
	}
	return sum
}
