# METADATA
# title: Malformed payloads must be rejected
# description: |
#   Correctly signed bodies that are not valid JSON objects get a 4xx, promptly, and the receiver still works
#   afterwards. A byte order mark may be accepted or rejected.
# custom:
#   id: input.rejects-malformed
#   order: 360
#   section: Validate incoming data
#   families: [malformed]
#   level: required
#   severity: medium
#   cwe: ["CWE-20", "CWE-1286"]
#   owasp_asvs: ["v5.0.0-2.2.1", "v5.0.0-2.2.2"]
#   per_environment: true
#   passes: |
#     Every correctly signed body that is not a JSON object is rejected with a 4xx status, and the receiver works
#     afterwards.
#   fails: |
#     One is accepted, redirected, or gets a 5xx or no response. What lenient standard parsers accept (invalid UTF-8,
#     UTF-16, NaN) only warns.
#   remediation: |
#     Parse the whole body strictly, as UTF-8, expect an object and nothing after it, and turn every parser error into a
#     400:
#     - Go: `utf8.Valid(body)` before `json.Unmarshal`
#     - Node: `new TextDecoder("utf-8", {fatal: true}).decode(body)` before `JSON.parse`
#     - Python: `body.decode("utf-8")`, then `json.loads(text, parse_constant=reject)` with a function that raises
#   facts: [webhook.baseline, webhook.exchange]
package prelaunch.checks.input.rejects_malformed

import data.prelaunch.lib
import data.prelaunch.lib.responses
import data.prelaunch.lib.text
import data.prelaunch.lib.validation
import data.prelaunch.lib.verdict

kind := {"one": "malformed body", "many": "malformed bodies", "lenient": {"bom"}}

# Objects that are not JSON only because of their encoding or of a NaN for a number. The parsers of Go and Node replace
# an invalid character, Python's knows NaN and detects UTF-16: a receiver that accepts these and nothing else that is
# malformed parses with what its language comes with.
parser_habits := {"invalid-utf-8", "utf-16", "nan-inside"}

malformed(environment) := responses.in_family(environment, "malformed")

accepted(environment) := [item |
	some item in malformed(environment)
	validation.fault(item, environment, kind.lenient) == "a 2xx"
]

tolerated(environment) := accepted(environment) if {
	every item in accepted(environment) {
		item.fact.case in parser_habits
	}
} else := []

findings contains finding if {
	some environment, _ in lib.environments
	some finding in verdict.settled(environment, judged(environment), judged(lib.reference))
}

judged(environment) := validation.judge(
	environment,
	[item | some item in malformed(environment); not item in tolerated(environment)],
	kind,
)

findings contains verdict.finding(environment, {
	"outcome": "warn", "subject": "lenient parser",
	"message": sprintf("%s accepted signed bodies that are not strict JSON (%s), as lenient standard parsers do", [
		text.receiver(environment), concat(", ", text.cases(tolerated(environment))),
	]),
	"evidence": {
		"cases": text.cases(tolerated(environment)),
		"replay": text.replay(environment, [item.fact | some item in tolerated(environment)]),
	},
}) if {
	some environment, _ in lib.environments
	validation.testable(environment)
	count(tolerated(environment)) > 0
}

findings contains verdict.finding(environment, {
	"outcome": "fail", "subject": "stopped",
	"message": sprintf("%s stopped responding to valid events after malformed bodies", [text.receiver(environment)]),
	"evidence": {
		"families": responses.baselines[environment].after,
		"replay": text.repeated(environment, "input.rejects-malformed"),
	},
}) if {
	some environment, _ in lib.environments
	responses.baselines[environment].unresponsive
	"malformed" in responses.baselines[environment].after
}
