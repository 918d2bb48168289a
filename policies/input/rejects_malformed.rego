# METADATA
# title: Bodies that are no JSON objects are refused
# description: |
#   Genuinely signed bodies that are no valid JSON objects are answered with a 4xx, promptly, and the receiver still works afterwards.
#   A byte order mark may be taken as well as refused.
#
#   Some standard parsers are lenient: Go's and Node's replace broken UTF-8, Python's takes NaN and guesses UTF-16. What they take
#   need not be what was signed, so the receiver has to refuse it itself.
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

findings contains finding if {
	some environment, _ in lib.environments
	some finding in reading.validation(environment, reading.of(environment, "malformed"), "bodies that are no JSON objects", lenient)
}

findings contains lib.finding(
	"fail", environment, "stopped", reading.url(environment), "after malformed bodies the receiver no longer answered genuine events",
	{"families": reading.baselines[environment].after},
) if {
	some environment, _ in lib.environments
	reading.baselines[environment].unresponsive
	"malformed" in reading.baselines[environment].after
}
