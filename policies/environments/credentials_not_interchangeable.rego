# METADATA
# title: Each environment must reject the other's credentials
# description: |
#   An event signed with the other environment's key is rejected, in both directions. A receiver that accepts both lets
#   whoever holds the Test key, which is far more widely known, forge Production events.
# custom:
#   id: environments.credentials-not-interchangeable
#   order: 310
#   section: Separate Test and Production cleanly
#   families: [other-environment]
#   level: required
#   severity: critical
#   cwe: ["CWE-347", "CWE-653"]
#   owasp_asvs: ["v5.0.0-4.1.5", "v5.0.0-13.3.2"]
#   per_environment: true
#   compares_environments: true
#   remediation: |
#     Configure each environment's receiver with the key of its own {{tab}} only, never with a list
#     of keys.
#   facts: [webhook.baseline, webhook.exchange]
package prelaunch.checks.environments.credentials_not_interchangeable

import data.prelaunch.lib
import data.prelaunch.lib.responses
import data.prelaunch.lib.text
import data.prelaunch.lib.verdict

items(environment) := responses.in_family(environment, "F15")

findings contains lib.alone

# same_key holds where the other environment's key is this one's own: then there is nothing to forge.
same_key(environment) if {
	some item in items(environment)
	item.fact.not_sent == "same_key"
}

findings contains finding if {
	count(lib.pairs) > 0
	some environment, _ in lib.environments
	not same_key(environment)
	some finding in verdict.rejects(environment, items(environment), items(lib.reference))
}

findings contains verdict.finding(environment, {
	"outcome": "fail", "subject": "same key",
	"message": sprintf(
		"%s uses the other environment's key, so it accepts the other's events",
		[lib.label(environment)],
	),
	"evidence": {"family": text.family("F15")},
}) if {
	some environment, _ in lib.environments
	same_key(environment)
}
