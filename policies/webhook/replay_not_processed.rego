# METADATA
# title: Replayed events must not be processed twice
# description: |
#   The same valid event sent twice is processed once, which only an effects observer can see that prints how often
#   an event was processed. Where the signature does not cover the event, one that was used before is not accepted
#   with another event.
# custom:
#   id: webhook.replay-not-processed
#   order: 177
#   section: Verify all webhook requests
#   needs: [event-id]
#   level: recommended
#   severity: medium
#   cwe: ["CWE-294", "CWE-837"]
#   owasp_asvs: ["v5.0.0-2.3.3"]
#   per_environment: true
#   passes: |
#     An effects observer saw an event that was sent twice processed once, and no signature that was used before is
#     accepted with another event.
#   fails: |
#     The observer saw it processed more often, or another event is accepted under a used signature. Both warn: the
#     check is recommended.
#   remediation: |
#     Store {{event_id}} of each event under a unique constraint in the transaction that processes it, for as long
#     as the provider sends events again, and respond with {{status}} without processing to one that is known.
#   facts: [webhook.baseline, webhook.exchange]
package prelaunch.checks.webhook.replay_not_processed

import data.prelaunch.lib
import data.prelaunch.lib.obstacles
import data.prelaunch.lib.responses
import data.prelaunch.lib.text
import data.prelaunch.lib.verdict

findings contains verdict.unread(environment) if some environment, _ in lib.environments

# --- The same event twice

# times is how often the observer saw an event processed that was sent twice.
times(environment) := max({item.fact.times_processed |
	some item in responses.in_family(environment, "redelivery")
	item.fact.times_processed
})

about(environment) := {
	"outcome": "fail",
	"message": sprintf("%s processed the same event %d times", [text.receiver(environment), times(environment)]),
	"evidence": {"replay": text.repeated(environment, "webhook.replay-not-processed")}, # only an observer counts
} if {
	times(environment) > 1
} else := {
	"outcome": "pass",
	"message": sprintf("%s processed an event that was sent twice once", [text.receiver(environment)]),
} if {
	times(environment) == 1
} else := {
	"outcome": "inconclusive",
	"message": sprintf("%s was not seen to process an event that is sent twice once: %s", [
		text.receiver(environment), obstacle(environment).why,
	]),
	"next_step": obstacle(environment).next_step, "cause": obstacle(environment).cause,
}

obstacle(environment) := obstacles.unsent(environment) if {
	obstacles.unsent(environment)
} else := obstacles.uncounted(environment)

findings contains verdict.finding(environment, object.union({"subject": "replay"}, about(environment))) if {
	some environment, _ in lib.environments
	not verdict.unread(environment)
}

# --- A signature that does not cover the event

reused(environment) := [item |
	not responses.unverified(environment)
	some item in responses.of_class(responses.in_family(environment, "F31"), "accepted")
]

findings contains verdict.warning(environment, hits, {
	"subject": "F31",
	"message": sprintf("%s accepted %s (%s)", [
		text.receiver(environment), text.families.F31.accepted, concat(", ", text.cases(hits)),
	]),
}) if {
	some environment, _ in lib.environments
	not verdict.unread(environment)
	hits := reused(environment)
	count(hits) > 0
}
