# METADATA
# title: Events without required fields are refused
# description: |
#   Genuinely signed events without uid, integration_id, event or type are answered with a 4xx.
# custom:
#   id: input.rejects-missing-fields
#   order: 370
#   section: Validate incoming data
#   items: [7]
#   level: required
#   severity: medium
#   per_environment: true
#   remediation: |
#     Check that every required field is present and of its type before acting on an event, and answer 400 or 422 otherwise.
#   sources: ["Begini Security Checklist, Psychometric Integration, 5 (2026-04-14)"]
#   facts: [webhook.baseline, webhook.exchange]
package prelaunch.checks.input.rejects_missing_fields

import data.prelaunch.lib
import data.prelaunch.reading

findings contains finding if {
	some environment, _ in lib.environments
	some finding in reading.validation(environment, reading.of(environment, "missing"), "events without a required field", set())
}
