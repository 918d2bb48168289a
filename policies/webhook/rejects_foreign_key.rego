# METADATA
# title: Keys named by the request must be rejected
# description: |
#   An event that is signed with a key of the sender's own, which the request names or brings (a certificate or key
#   URL, an embedded key, an algorithm of none or one that takes the public key for a secret), is rejected. Without
#   a valid event to compare with, that a receiver rejects shows nothing.
# custom:
#   id: webhook.rejects-foreign-key
#   order: 176
#   section: Verify all webhook requests
#   needs: [foreign-key]
#   level: required
#   severity: critical
#   cwe: ["CWE-347", "CWE-346"]
#   owasp_asvs: ["v5.0.0-9.1.2", "v5.0.0-9.1.3"]
#   per_environment: true
#   passes: |
#     Every event signed with a key that the request itself names or brings is rejected with a 4xx status, while a
#     valid event gets {{success}}.
#   fails: |
#     The receiver accepts one of them.
#   remediation: |
#     Verify with the provider's key alone: configured, or fetched over HTTPS from a host that is compared as a
#     whole with the provider's. Pin the algorithm, and take no key, certificate or address of one from the request.
#   facts: [webhook.baseline, webhook.exchange]
package prelaunch.checks.webhook.rejects_foreign_key

import data.prelaunch.lib
import data.prelaunch.lib.responses
import data.prelaunch.lib.verdict

findings contains finding if {
	some environment, _ in lib.environments
	some finding in verdict.rejects(environment, items(environment), items(lib.reference))
}

items(environment) := responses.in_family(environment, "F28")
