# METADATA
# title: Tampered events are refused
# description: |
#   The right signature of one body does not open the door to another: a changed value, an added field, a duplicate key, another or an
#   empty body under the old signature is refused.
# custom:
#   id: webhook.rejects-tampered
#   order: 90
#   section: Verify all webhook requests
#   items: [2]
#   level: required
#   severity: critical
#   per_environment: true
#   remediation: |
#     Compute the HMAC-SHA-512 over the raw bytes of the body that is then parsed and acted on, whatever its content type.
#   sources: ["Begini Security Checklist, Psychometric Integration, 2 (2026-04-14)"]
#   facts: [webhook.baseline, webhook.exchange]
package prelaunch.checks.webhook.rejects_tampered

import data.prelaunch.lib
import data.prelaunch.reading

findings contains finding if {
	some environment, _ in lib.environments
	some finding in reading.judge(environment, items(environment))
}

# One signature that fits any form shows something of its own only where a random one under the same content type is refused.
items(environment) := array.concat(
	reading.family(environment, "F07"),
	reading.shadowed(reading.family(environment, "F11"), environment, "F10", {
		"multipart-body-empty": "multipart-body", "multipart-body-braces": "multipart-body", "form-body-empty": "form-body",
		"form-body-braces": "form-body", "multipart-empty": "multipart", "form-empty": "form", "text-empty": "text", "text-braces": "text",
	}),
)
