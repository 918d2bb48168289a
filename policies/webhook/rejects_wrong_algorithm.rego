# METADATA
# title: Only the provider's signature algorithm may be accepted
# description: |
#   A digest without HMAC is rejected, whether the key stands before or after the body. Another HMAC with the correct
#   key only warns: it still needs the key, but the algorithm is not pinned.
# custom:
#   id: webhook.rejects-wrong-algorithm
#   order: 120
#   section: Verify all webhook requests
#   families: [unkeyed-digest, other-hash]
#   level: required
#   severity: critical
#   cwe: ["CWE-327", "CWE-347"]
#   owasp_asvs: ["v5.0.0-4.1.5", "v5.0.0-11.4.1"]
#   per_environment: true
#   passes: |
#     Every digest without HMAC is rejected with a 4xx status, and so is every HMAC with another hash, while a valid
#     event gets {{success}}.
#   fails: |
#     The receiver accepts a digest without HMAC. Another HMAC with the correct key only warns.
#   remediation: |
#     Pin {{algorithm}}; never choose the algorithm by a prefix or a length that the sender controls.
#   facts: [webhook.baseline, webhook.exchange]
package prelaunch.checks.webhook.rejects_wrong_algorithm

import data.prelaunch.lib
import data.prelaunch.lib.responses
import data.prelaunch.lib.text
import data.prelaunch.lib.verdict

findings contains finding if {
	some environment, _ in lib.environments
	some finding in verdict.rejects(environment, unkeyed(environment), unkeyed(lib.reference))
	not replaced(environment, finding)
}

# The warning takes the place of the pass.
replaced(environment, finding) if {
	finding.outcome == "pass"
	count(other_hashes(environment)) > 0
}

unkeyed(environment) := responses.in_family(environment, "F05")

other_hashes(environment) := responses.of_class(
	responses.shadowed(responses.in_family(environment, "F06"), "F02", {"sha256": "random-64"}),
	"accepted",
)

findings contains verdict.warning(environment, hits, {
	"subject": "F06",
	"message": sprintf("%s accepted the correct key with another hash (%s): the algorithm is not pinned", [
		text.receiver(environment), concat(", ", text.cases(hits)),
	]),
}) if {
	some environment, _ in lib.environments
	not verdict.unread(environment)
	not responses.unverified(environment)
	hits := other_hashes(environment)
	count(hits) > 0
}
