# METADATA
# title: Signature verification cannot be bypassed
# description: |
#   No other method, variant of the path, content type, encoding, repeated header, or header that hints at trust gets an
#   event accepted that is rejected without it.
# custom:
#   id: webhook.rejects-bypass
#   order: 140
#   section: Verify all webhook requests
#   level: required
#   severity: critical
#   cwe: ["CWE-288", "CWE-290"]
#   owasp_asvs: ["v5.0.0-4.1.3", "v5.0.0-4.1.4", "v5.0.0-13.2.1"]
#   per_environment: true
#   remediation: |
#     Verify in the handler that processes the event, for every request that reaches it, regardless of its method, path,
#     content type, encoding and headers.
#   facts: [webhook.baseline, webhook.exchange]
package prelaunch.checks.webhook.rejects_bypass

import data.prelaunch.lib
import data.prelaunch.lib.responses
import data.prelaunch.lib.text
import data.prelaunch.lib.verdict

findings contains finding if {
	some environment, _ in lib.environments
	some finding in verdict.settled(environment, judged(environment), judged(lib.reference))
	not half(environment, finding)
}

# recognized are forgeries that were accepted without the auditor's name in their User-Agent, and rejected with it.
recognized(environment) := sort({sprintf("%s/%s", [text.family(unmarked.fact.family), unmarked.fact.case]) |
	some unmarked in responses.in_families(environment, object.keys(object.get(responses.exchanges, environment, {})))
	unmarked.fact.unmarked
	unmarked.fact.purpose == "forgery"
	unmarked.class == "accepted"
	some marked in responses.in_family(environment, unmarked.fact.family)
	not marked.fact.unmarked
	marked.fact.case == unmarked.fact.case
	marked.fact.event_type == unmarked.fact.event_type
	marked.class in {"rejected", "unwitnessed"}
})

findings contains verdict.finding(environment, {
	"outcome": "fail", "subject": "recognized",
	"message": sprintf(
		"%s verifies for the auditor only: it accepted forged events that do not name it in User-Agent (%s)",
		[text.receiver(environment), concat(", ", recognized(environment))],
	),
	"evidence": {
		"cases": recognized(environment),
		"replay": text.repeated(environment, "webhook.rejects-bypass"), # a replay names the auditor
	},
}) if {
	some environment, _ in lib.environments
	not verdict.unread(environment)
	count(recognized(environment)) > 0
}

# recognition is what a pass leaves open about receivers that recognize the auditor.
recognition(environment) := {
	"note": "a receiver that recognizes the auditor by its address, its synthetic UIDs or the pattern of its requests is not found out",
} if {
	some x in input.facts["webhook.exchange"]
	x.environment == environment
	x.unmarked
} else := {"note": "recognition of the auditor was not tested (--no-unmarked)"}

judged(environment) := verdict.noted(found(environment), recognition(environment))

found(environment) := verdict.judge(environment, items(environment))

# half holds where plain unsigned events are accepted, so that the bypasses were sent with a random signature: that they
# are rejected shows nothing about unsigned ones.
half(environment, finding) if {
	finding.outcome == "pass"
	some item in items(environment)
	item.fact.base == "wrong"
}

findings contains verdict.finding(environment, {
	"outcome": "inconclusive", "subject": "unsigned anyway",
	"message": sprintf(
		"%s accepts unsigned events without any bypass; with a random signature the bypasses were rejected",
		[text.receiver(environment)],
	),
	"evidence": object.union(
		finding.evidence,
		{"replay": text.replay(environment, [{"family": "F01", "case": "absent"}])},
	),
	"next_step": "Make the receiver reject unsigned events first: see webhook.rejects-unsigned.",
}) if {
	some environment, _ in lib.environments
	some finding in judged(environment)
	half(environment, finding)
}

# Sent unsigned or, where plain unsigned events are accepted anyway, with a random signature.
items(environment) := array.concat(
	responses.in_families(environment, ["F10", "F12", "F13", "F14", "F16", "F18", "F21"]),
	array.concat(array.concat(forms(environment), repeated(environment)), other_urls(environment)),
)

# A signature of another URL is that of an event which the provider meant for another receiver. Receivers rebuild the
# URL from headers that a proxy sets, so only that of the other environment fails, and one of no URL at all.
other_urls(environment) := [item |
	some item in responses.in_family(environment, "F29")
	not rebuilt(item)
]

rebuilt(item) if {
	item.class == "accepted"
	not item.fact.variant in {"other_environment", "never"}
}

rebuilt(item) if {
	item.class == "accepted"
	not item.fact.variant
}

findings contains verdict.warning(environment, hits, {
	"subject": "F29 rebuilt",
	"message": sprintf("%s accepted %s (%s): it takes its own URL from the request", [
		text.receiver(environment), text.families.F29.accepted, concat(", ", text.cases(hits)),
	]),
}) if {
	some environment, _ in lib.environments
	not verdict.unread(environment)
	not responses.unverified(environment)
	hits := [item | some item in responses.in_family(environment, "F29"); rebuilt(item)]
	count(hits) > 0
}

# Without another content type it is no bypass.
forms(environment) := responses.shadowed(other_types(environment), "F10", responses.plain_forms)

other_types(environment) := [item |
	some item in responses.in_family(environment, "F11")
	not startswith(item.fact.case, "json-")
]

# An empty signature next to a random one, and a list of random ones, are shadowed by different families.
repeated(environment) := responses.shadowed(
	responses.shadowed(responses.in_family(environment, "F19"), "F01", {"empty-and-wrong": "empty"}),
	"F17", {"list-of-wrong": "long"},
)
