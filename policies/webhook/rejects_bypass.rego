# METADATA
# title: No detour avoids verification
# description: |
#   No other method, spelling of the path, content type, encoding, repeated header, or header that looks trusted gets an event accepted
#   that is refused without it.
# custom:
#   id: webhook.rejects-bypass
#   order: 140
#   section: Verify all webhook requests
#   items: [2]
#   level: required
#   severity: critical
#   per_environment: true
#   remediation: |
#     Verify in the handler that acts on the event, for every request that reaches it: whatever its method, path, content type, encoding or
#     headers say.
#   sources: ["Begini Security Checklist, Psychometric Integration, 2 (2026-04-14)"]
#   facts: [webhook.baseline, webhook.exchange]
package prelaunch.checks.webhook.rejects_bypass

import data.prelaunch.lib
import data.prelaunch.reading

findings contains finding if {
	some environment, _ in lib.environments
	some finding in reading.judge(environment, items(environment))
	not half(environment, finding)
}

# half holds where plain unsigned events are accepted, so that the detours were sent with a random signature: that they are refused shows
# nothing about unsigned ones.
half(environment, finding) if {
	finding.outcome == "pass"
	some item in items(environment)
	item.fact.base == "wrong"
}

findings contains lib.finding({
	"outcome": "inconclusive", "environment": environment, "subject": "unsigned anyway",
	"target": reading.url(environment),
	"message": "unsigned events are accepted without any detour (see webhook.rejects-unsigned); with a random signature the detours were refused",
	"evidence": finding.evidence,
}) if {
	some environment, _ in lib.environments
	some finding in reading.judge(environment, items(environment))
	half(environment, finding)
}

# Sent unsigned, or, where plain unsigned events are accepted anyway, with a random signature.
items(environment) := array.concat(
	array.concat(
		array.concat(reading.family(environment, "F10"), reading.family(environment, "F12")),
		array.concat(reading.family(environment, "F13"), reading.family(environment, "F14")),
	),
	array.concat(
		array.concat(reading.family(environment, "F16"), reading.family(environment, "F18")),
		array.concat(array.concat(forms(environment), repeated(environment)), reading.family(environment, "F21")),
	),
)

forms(environment) := reading.shadowed(reading.family(environment, "F11"), environment, "F10", {
	"multipart-body-empty": "multipart-body", "multipart-body-braces": "multipart-body", "form-body-empty": "form-body",
	"form-body-braces": "form-body", "multipart-empty": "multipart", "form-empty": "form", "text-empty": "text", "text-braces": "text",
})

repeated(environment) := array.concat(
	reading.shadowed(
		[item | some item in reading.family(environment, "F19"); item.fact.case == "empty-and-wrong"],
		environment, "F01", {"empty-and-wrong": "empty"},
	),
	reading.shadowed(
		[item | some item in reading.family(environment, "F19"); item.fact.case != "empty-and-wrong"],
		environment, "F17", {"list-of-wrong": "long"},
	),
)
