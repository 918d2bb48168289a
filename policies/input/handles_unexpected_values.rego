# METADATA
# title: Unexpected values must not cause server errors
# description: |
#   Correctly signed events with wrong types, nulls, huge numbers, unknown fields or unknown types get a 200 or a 4xx,
#   never a 5xx or no response.
# custom:
#   id: input.handles-unexpected-values
#   order: 380
#   section: Validate incoming data
#   level: required
#   severity: medium
#   cwe: ["CWE-20", "CWE-755"]
#   owasp_asvs: ["v5.0.0-2.2.1", "v5.0.0-16.5.3"]
#   per_environment: true
#   passes: |
#     Every correctly signed event with unexpected values is accepted or rejected with a 4xx status.
#   fails: |
#     One is redirected, or gets a 5xx or no response.
#   remediation: |
#     Check types and ranges before use, ignore or reject what is unknown, and catch what the database or a library
#     throws.
#   facts: [webhook.baseline, webhook.exchange]
package prelaunch.checks.input.handles_unexpected_values

import data.prelaunch.lib
import data.prelaunch.lib.responses
import data.prelaunch.lib.validation
import data.prelaunch.lib.verdict

items(environment) := responses.in_family(environment, "unexpected")

# Any of them may be accepted.
kind(environment) := {
	"one": "event with an unexpected value",
	"many": "events with unexpected values",
	"lenient": {item.fact.case | some item in items(environment)},
}

findings contains finding if {
	some environment, _ in lib.environments
	some finding in verdict.settled(environment, judged(environment), judged(lib.reference))
}

judged(environment) := validation.judge(environment, items(environment), kind(environment))
