# METADATA
# title: Payloads without required fields must be rejected
# description: |
#   Correctly signed events without a required field ({{required}}) get a 4xx.
# custom:
#   id: input.rejects-missing-fields
#   order: 370
#   section: Validate incoming data
#   families: [missing-field]
#   level: required
#   severity: medium
#   cwe: ["CWE-20", "CWE-230"]
#   owasp_asvs: ["v5.0.0-2.2.1", "v5.0.0-2.2.2"]
#   per_environment: true
#   passes: |
#     Every correctly signed event without a field that the provider always sends is rejected with a 4xx status.
#   fails: |
#     One is accepted, redirected, or gets a 5xx or no response.
#   remediation: |
#     Check that every required field is present and has the expected type before processing an event, and respond with
#     400 or 422 otherwise.
#   facts: [webhook.baseline, webhook.exchange]
package prelaunch.checks.input.rejects_missing_fields

import data.prelaunch.lib
import data.prelaunch.lib.responses
import data.prelaunch.lib.validation
import data.prelaunch.lib.verdict

kind := {"one": "event without a required field", "many": "events without a required field", "lenient": set()}

findings contains finding if {
	some environment, _ in lib.environments
	some finding in verdict.settled(environment, judged(environment), judged(lib.reference))
}

judged(environment) := validation.judge(environment, responses.in_family(environment, "missing"), kind)
