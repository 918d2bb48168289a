# METADATA
# title: Truncated signatures must be rejected
# description: |
#   A prefix or suffix of the correct signature, or one with a single incorrect digit, is rejected. A receiver that
#   compares only a part can be guessed at digit by digit.
# custom:
#   id: webhook.rejects-partial-signature
#   order: 130
#   section: Verify all webhook requests
#   families: [truncated-signature]
#   level: required
#   severity: critical
#   cwe: ["CWE-347", "CWE-187"]
#   owasp_asvs: ["v5.0.0-4.1.5"]
#   per_environment: true
#   passes: |
#     Every part of the correct signature, and the correct one with one incorrect digit, is rejected with a 4xx
#     status, while a valid event gets {{success}}.
#   fails: |
#     The receiver accepts one of them.
#   remediation: |
#     Compare the whole signature, {{whole}}, with a constant-time function of the standard library.
#   facts: [webhook.baseline, webhook.exchange]
package prelaunch.checks.webhook.rejects_partial_signature

import data.prelaunch.lib
import data.prelaunch.lib.responses
import data.prelaunch.lib.verdict

findings contains finding if {
	some environment, _ in lib.environments
	some finding in verdict.rejects(environment, items(environment), items(lib.reference))
}

# A truncated signature shows something of its own only where random digits of the same length are rejected.
items(environment) := array.concat(
	responses.shadowed(truncated(environment), "F02", {c: regex.replace(c, "^(first|last)-", "random-") |
		some item in truncated(environment)
		c := item.fact.case
	}),
	[object.union(item, {"group": "F02-near"}) |
		some item in responses.in_family(environment, "F02")
		startswith(item.fact.case, "flipped-")
	],
)

truncated(environment) := responses.in_family(environment, "F03")
