# METADATA
# title: Valid events are answered within the provider's deadline
# description: |
#   The provider waits for a response for a documented time, counts what comes later as a failed delivery and sends
#   the event again. The slowest response to a valid event is compared with it; half of it already warns, since the
#   audit's events have nothing to wait for.
# custom:
#   id: webhook.answers-in-time
#   order: 178
#   section: Verify all webhook requests
#   needs: [deadline]
#   level: recommended
#   severity: low
#   cwe: []
#   owasp_asvs: []
#   per_environment: true
#   passes: |
#     The slowest response to a valid event took at most half of the time that the provider waits.
#   fails: |
#     A response took longer than the provider waits, or more than half of it. Both warn: the check is recommended.
#   remediation: |
#     Verify the signature, store the event, respond, and do the work later, from a queue.
#   facts: [webhook.baseline, webhook.exchange]
package prelaunch.checks.webhook.answers_in_time

import data.prelaunch.lib
import data.prelaunch.lib.obstacles
import data.prelaunch.lib.responses
import data.prelaunch.lib.text
import data.prelaunch.lib.verdict

limit := input.profile.within_seconds * 1000

# times are how long the responses to valid events took, in milliseconds.
times(environment) := [item.fact.milliseconds |
	some item in responses.in_families(environment, ["baseline", "type"])
	responses.succeeded(item.fact)
	item.fact.milliseconds
]

# slow is how to see the slowest response again.
slow(environment) := {"replay": text.replay(environment, [item.fact |
	some item in responses.in_families(environment, ["baseline", "type"])
	item.fact.milliseconds == max(times(environment))
])}

# late are valid events to which no response came in the time that the audit itself waits, which may be shorter.
late(environment) := [item |
	some item in responses.in_families(environment, ["baseline", "type"])
	item.fact.error == "timeout"
]

about(environment) := {
	"outcome": "fail",
	"message": sprintf("%s took %d ms to respond to a valid event, and the provider waits for %d ms", [
		text.receiver(environment), max(times(environment)), limit,
	]),
	"evidence": slow(environment),
} if {
	max(times(environment)) > limit
} else := {
	"outcome": "warn",
	"message": sprintf(
		"%s took %d ms to respond to a valid event, more than half of the %d ms that the provider waits for",
		[text.receiver(environment), max(times(environment)), limit],
	),
	"evidence": slow(environment),
} if {
	max(times(environment)) > limit / 2
} else := {
	"outcome": "pass",
	"message": sprintf("%s responded to %s within %d ms; the provider waits for %d ms", [
		text.receiver(environment), lib.amount(count(times(environment)), "valid event", "valid events"),
		max(times(environment)), limit,
	]),
} if {
	count(times(environment)) > 0
	count(late(environment)) == 0
} else := {
	"outcome": "inconclusive",
	"message": sprintf("%s was not seen to respond to every valid event: %s", [
		text.receiver(environment), obstacle(environment).why,
	]),
	"next_step": obstacle(environment).next_step, "cause": obstacle(environment).cause,
}

obstacle(environment) := obstacles.unsent(environment) if {
	obstacles.unsent(environment)
} else := obstacles.no_response(environment) if {
	count(late(environment)) > 0
} else := obstacles.unproven(environment)

findings contains verdict.unread(environment) if some environment, _ in lib.environments

findings contains verdict.finding(environment, object.union({"subject": "deadline"}, about(environment))) if {
	some environment, _ in lib.environments
	not verdict.unread(environment)
}
