# METADATA
# title: Retired keys are refused
# description: |
#   An event signed with a key that was rotated out is refused. Before the end of its rotation window (accepted_until) that it is still
#   taken is only noted.
# custom:
#   id: webhook.rejects-retired-key
#   order: 110
#   section: Verify all webhook requests
#   items: [2]
#   level: required
#   severity: critical
#   per_environment: true
#   remediation: |
#     Remove the retired key from the receiver's configuration and restart every instance.
#   sources: ["Begini Security Checklist, Psychometric Integration, 2 (2026-04-14)"]
#   facts: [webhook.baseline, webhook.exchange]
package prelaunch.checks.webhook.rejects_retired_key

import data.prelaunch.lib
import data.prelaunch.reading

# The case of the key at place i of retired_keys is retired-i.
listed(environment) := {sprintf("retired-%d", [i]): retired |
	some i, retired in input.integration.retired_keys
	retired.environment in {environment, ""}
}

in_window(item, environment) if {
	until := listed(environment)[item.fact.case].accepted_until
	until != ""
	lib.days_since(until) <= 0
}

items(environment) := [item |
	some item in reading.family(environment, "F20")
	not noted(item, environment)
]

noted(item, environment) if {
	item.means == "accepted"
	in_window(item, environment)
}

still_taken(environment) := [item | some item in reading.family(environment, "F20"); noted(item, environment)]

findings contains lib.declared({
	"outcome": "not_applicable", "environment": environment, "subject": "no retired key",
	"target": reading.url(environment),
	"message": "no retired key is listed",
}) if {
	some environment, _ in lib.environments
	count(listed(environment)) == 0
}

findings contains finding if {
	some environment, _ in lib.environments
	count(listed(environment)) > 0
	not window_only(environment)
	some finding in reading.judge(environment, items(environment))
}

# Where random signatures are taken too, that a retired key is taken says nothing.
window_only(environment) if {
	not reading.unobservable(environment)
	count(still_taken(environment)) > 0
	count(items(environment)) == 0
}

findings contains lib.finding({
	"outcome": "pass", "environment": environment, "subject": "rotation window",
	"target": reading.url(environment),
	"message": "events signed with a retired key are still taken, within the rotation window",
	"evidence": {"note": "still_taken", "accepted_until": {listed(environment)[item.fact.case].accepted_until | some item in still_taken(environment)}},
}) if {
	some environment, _ in lib.environments
	window_only(environment)
}
