# METADATA
# title: Unexpected values do no harm
# description: |
#   Genuinely signed events with wrong types, nulls, huge numbers, unknown fields or unknown types are answered with 200 or a 4xx, never
#   with a 5xx or not at all.
# custom:
#   id: input.handles-unexpected-values
#   order: 380
#   section: Validate incoming data
#   items: [7]
#   level: required
#   severity: medium
#   per_environment: true
#   remediation: |
#     Check types and ranges before use, ignore or refuse what is not known, and catch what the database or a library objects to.
#   sources: ["Begini Security Checklist, Psychometric Integration, 5 (2026-04-14)"]
#   facts: [webhook.baseline, webhook.exchange]
package prelaunch.checks.input.handles_unexpected_values

import data.prelaunch.lib
import data.prelaunch.reading

lenient := {item.fact.case |
	some environment, _ in lib.environments
	some item in reading.of(environment, "unexpected")
}

findings contains finding if {
	some environment, _ in lib.environments
	some finding in reading.validation(environment, reading.of(environment, "unexpected"), "events with unexpected values", lenient)
}
