# METADATA
# title: Signatures made with another key must be rejected
# description: |
#   An event signed with a random key, an empty key, a default, or the value of an unset variable (undefined, null,
#   None) is rejected.
# custom:
#   id: webhook.rejects-wrong-key
#   order: 100
#   section: Verify all webhook requests
#   families: [guessable-key]
#   level: required
#   severity: critical
#   cwe: ["CWE-347", "CWE-1392"]
#   owasp_asvs: ["v5.0.0-4.1.5", "v5.0.0-13.2.3"]
#   per_environment: true
#   remediation: |
#     Make the receiver fail at startup when its key is missing or empty, and read the key from one place only.
#   facts: [webhook.baseline, webhook.exchange]
package prelaunch.checks.webhook.rejects_wrong_key

import data.prelaunch.lib
import data.prelaunch.lib.responses
import data.prelaunch.lib.verdict

findings contains finding if {
	some environment, _ in lib.environments
	some finding in verdict.rejects(environment, items(environment), items(lib.reference))
}

items(environment) := responses.in_family(environment, "F04")
