# METADATA
# title: Bodies that are no JSON objects are refused
# description: |
#   Genuinely signed bodies that are no valid JSON objects are answered with a 4xx, promptly, and the receiver still works afterwards.
#   A byte order mark may be taken as well as refused.
# custom:
#   id: input.rejects-malformed
#   order: 360
#   section: Validate incoming data
#   items: [7]
#   level: required
#   severity: medium
#   per_environment: true
#   remediation: |
#     Parse the whole body strictly, as UTF-8, want an object and nothing behind it, and turn every parser error into a 400:
#     - Go: `utf8.Valid(body)` before `json.Unmarshal`
#     - Node: `new TextDecoder("utf-8", {fatal: true}).decode(body)` before `JSON.parse`
#     - Python: `body.decode("utf-8")`, then `json.loads(text, parse_constant=refuse)` with a function that raises
#   sources: ["Begini Security Checklist, Psychometric Integration, 5 (2026-04-14)"]
#   facts: [webhook.baseline, webhook.exchange]
package prelaunch.checks.input.rejects_malformed

import data.prelaunch.lib
import data.prelaunch.reading

lenient := {"bom"}

# misread are objects that are no JSON only because of their encoding or of a NaN for a number. The parsers of Go and Node replace a
# broken character, Python's knows NaN and tells UTF-16 by itself: a receiver that takes these and nothing else that is malformed
# parses, with what its language comes with.
misread := {"invalid-utf-8", "utf-16", "nan-inside"}

malformed(environment) := reading.of(environment, "malformed")

taken(environment) := {item.fact.case |
	some item in malformed(environment)
	reading.fault(item, environment, lenient) == "a 2xx"
}

tolerated(environment) := taken(environment) if {
	count(taken(environment) - misread) == 0
} else := set()

findings contains finding if {
	some environment, _ in lib.environments
	items := [item | some item in malformed(environment); not item.fact.case in tolerated(environment)]
	some finding in reading.validation(environment, items, "bodies that are no JSON objects", lenient)
}

findings contains lib.finding({
	"outcome": "warn", "environment": environment, "subject": "lenient parser", "target": reading.url(environment),
	"message": sprintf("signed bodies that are no strict JSON were taken (%s), as lenient standard parsers do: parse strictly, or check the type of every value", [concat(", ", sort(tolerated(environment)))]),
	"evidence": {"cases": sort(tolerated(environment))},
}) if {
	some environment, _ in lib.environments
	not reading.unread(environment)
	not reading.unvalidated(environment)
	count(tolerated(environment)) > 0
}

findings contains lib.finding({
	"outcome": "fail", "environment": environment, "subject": "stopped", "target": reading.url(environment),
	"message": "after malformed bodies the receiver no longer answered genuine events",
	"evidence": {"families": reading.baselines[environment].after},
}) if {
	some environment, _ in lib.environments
	reading.baselines[environment].unresponsive
	"malformed" in reading.baselines[environment].after
}
