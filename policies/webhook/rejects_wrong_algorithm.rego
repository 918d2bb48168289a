# METADATA
# title: Only HMAC-SHA-512 is taken
# description: |
#   A digest without HMAC, be the key put before or after the body, is refused. Another HMAC with the right key only warns: it still
#   needs the key, but the algorithm is not pinned.
# custom:
#   id: webhook.rejects-wrong-algorithm
#   order: 120
#   section: Verify all webhook requests
#   items: [2]
#   level: required
#   severity: critical
#   per_environment: true
#   remediation: |
#     Pin HMAC-SHA-512; never choose the algorithm by a prefix or a length that the sender decides.
#   sources: ["Begini Security Checklist, Psychometric Integration, 2 (2026-04-14)"]
#   facts: [webhook.baseline, webhook.exchange]
package prelaunch.checks.webhook.rejects_wrong_algorithm

import data.prelaunch.lib
import data.prelaunch.reading

findings contains finding if {
	some environment, _ in lib.environments
	some finding in reading.judge(environment, unkeyed(environment))
	not lenient(environment, finding)
}

# A warning takes the place of the pass.
lenient(environment, finding) if {
	finding.outcome == "pass"
	count(others(environment)) > 0
}

unkeyed(environment) := reading.family(environment, "F05")

others(environment) := [item |
	some item in reading.shadowed(reading.family(environment, "F06"), environment, "F02", {"sha256": "random-64"})
	item.means == "accepted"
]

findings contains lib.finding({
	"outcome": "warn", "environment": environment, "subject": "F06", "target": reading.url(environment),
	"message": sprintf("the receiver accepted the right key with another hash (%s): the algorithm is not pinned", [concat(", ", reading.cases(others(environment)))]),
	"evidence": {"family": "F06", "accepted": reading.cases(others(environment)), "statuses": reading.statuses(others(environment))},
}) if {
	some environment, _ in lib.environments
	not reading.unread(environment)
	not reading.unobservable(environment)
	count(others(environment)) > 0
}
