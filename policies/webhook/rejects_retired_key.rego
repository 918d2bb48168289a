# METADATA
# title: Signatures made with a retired key must be rejected
# description: |
#   An event signed with a key that was rotated out is rejected. That it is still accepted before the end of its
#   rotation window (accepted_until) is only a note.
# custom:
#   id: webhook.rejects-retired-key
#   order: 110
#   section: Verify all webhook requests
#   families: [retired-key]
#   level: required
#   severity: critical
#   cwe: ["CWE-324"]
#   owasp_asvs: ["v5.0.0-13.3.4"]
#   per_environment: true
#   passes: |
#     An event signed with each retired key is rejected with a 4xx status, while a valid event gets {{success}}. A key
#     before its accepted_until is a note.
#   fails: |
#     An event signed with a retired key is accepted.
#   remediation: |
#     Remove the retired key from the receiver's configuration and restart every instance.
#   facts: [webhook.baseline, webhook.exchange]
package prelaunch.checks.webhook.rejects_retired_key

import data.prelaunch.lib
import data.prelaunch.lib.responses
import data.prelaunch.lib.text
import data.prelaunch.lib.verdict

# The case of the key at index i of retired_keys is retired-i.
listed(environment) := {sprintf("retired-%d", [i]): retired |
	some i, retired in input.integration.retired_keys
	retired.environment in {environment, ""}
}

in_window(item, environment) if {
	until := listed(environment)[item.fact.case].accepted_until
	until != ""
	lib.days_since(until) <= 0
}

still_accepted(environment) := [item |
	some item in responses.of_class(responses.in_family(environment, "F20"), "accepted")
	in_window(item, environment)
]

items(environment) := [item |
	some item in responses.in_family(environment, "F20")
	not item in still_accepted(environment)
]

findings contains lib.declared({
	"outcome": "not_applicable", "environment": environment, "subject": "no retired key",
	"target": lib.environments[environment].webhook_url,
	"message": sprintf("No retired key of %s is configured", [lib.label(environment)]),
}) if {
	some environment, _ in lib.environments
	count(listed(environment)) == 0
}

findings contains finding if {
	some environment, _ in lib.environments
	count(listed(environment)) > 0
	not window_only(environment)
	some finding in verdict.rejects(environment, items(environment), items(lib.reference))
}

# Where random signatures are accepted too, that a retired key is accepted shows nothing.
window_only(environment) if {
	not responses.unverified(environment)
	count(still_accepted(environment)) > 0
	count(items(environment)) == 0
}

findings contains verdict.finding(environment, {
	"outcome": "pass", "subject": "rotation window",
	"message": sprintf("%s still accepts a retired key, within its rotation window", [text.receiver(environment)]),
	"evidence": {
		"note": "still_taken",
		"accepted_until": {until |
			some item in still_accepted(environment)
			until := listed(environment)[item.fact.case].accepted_until
		},
	},
}) if {
	some environment, _ in lib.environments
	window_only(environment)
}
