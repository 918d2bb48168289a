# METADATA
# title: Requests without a valid signature must be rejected
# description: |
#   An event without a signature, or with an empty, placeholder or malformed one, is rejected, for each type of event.
#   A receiver that accepts one believes anybody who knows its URL.
# custom:
#   id: webhook.rejects-unsigned
#   order: 80
#   section: Verify all webhook requests
#   level: required
#   severity: critical
#   cwe: ["CWE-347", "CWE-306"]
#   owasp_asvs: ["v5.0.0-4.1.5", "v5.0.0-13.2.1"]
#   per_environment: true
#   remediation: |
#     Reject with 401 whenever the {{placement}} is missing, empty, of the wrong length or not {{notation}}, before
#     the body is parsed.
#   facts: [webhook.baseline, webhook.exchange]
package prelaunch.checks.webhook.rejects_unsigned

import data.prelaunch.lib
import data.prelaunch.lib.responses
import data.prelaunch.lib.verdict

findings contains finding if {
	some environment, _ in lib.environments
	some finding in verdict.rejects(environment, items(environment), items(lib.reference))
}

# Signatures with one incorrect digit belong to webhook.rejects-partial-signature.
items(environment) := [item |
	some item in responses.in_families(environment, ["F01", "F17", "F02", "F25"])
	not startswith(item.fact.case, "flipped-")
]
