# METADATA
# title: Unsigned events are refused
# description: |
#   An event without a signature, with an empty or placeholder one, or with nonsense in its place is refused, for each type of event.
#   A receiver that takes one lets anybody who knows its URL decide about a person's credit.
# custom:
#   id: webhook.rejects-unsigned
#   order: 80
#   section: Verify all webhook requests
#   items: [2]
#   level: required
#   severity: critical
#   per_environment: true
#   remediation: |
#     Refuse with 401 whenever the X-Signature header is missing, empty, of the wrong length or no hexadecimal, before the body is parsed.
#   sources: ["Begini Security Checklist, Psychometric Integration, 2 (2026-04-14)"]
#   facts: [webhook.baseline, webhook.exchange]
package prelaunch.checks.webhook.rejects_unsigned

import data.prelaunch.lib
import data.prelaunch.reading

findings contains finding if {
	some environment, _ in lib.environments
	some finding in reading.judge(environment, items(environment))
}

# Nearly right signatures belong to webhook.rejects-partial-signature.
items(environment) := array.concat(
	array.concat(reading.family(environment, "F01"), reading.family(environment, "F17")),
	reading.grouped([item | some item in reading.of(environment, "F02"); not startswith(item.fact.case, "flipped-")], "F02"),
)
