# METADATA
# title: Signatures of both keys are accepted during rotation
# description: |
#   While a key is being rotated, the provider signs every event with both keys and sends both signatures. A valid
#   event with one signature that is correct and one that is not, in either order, is accepted. A receiver that
#   reads one signature only loses events during a rotation, so that nobody dares to rotate an exposed key.
# custom:
#   id: webhook.accepts-rotation
#   order: 173
#   section: Verify all webhook requests
#   needs: [signature-list]
#   level: recommended
#   severity: low
#   cwe: []
#   owasp_asvs: ["v5.0.0-13.3.4"]
#   per_environment: true
#   passes: |
#     A valid event with two signatures, one of them correct, gets {{success}} in either order.
#   fails: |
#     The receiver rejects it in one order or both, which warns: the check is recommended.
#   remediation: |
#     Read every signature of the {{placement}}, and accept the event if any one of them is correct. Bound how many
#     are read.
#   facts: [webhook.baseline, webhook.exchange]
package prelaunch.checks.webhook.accepts_rotation

import data.prelaunch.lib
import data.prelaunch.lib.obstacles
import data.prelaunch.lib.responses
import data.prelaunch.lib.text
import data.prelaunch.lib.verdict

sent(environment) := [item | some item in responses.in_family(environment, "rotation"); not item.fact.not_sent]

rejected(environment) := [item |
	some item in sent(environment)
	not responses.succeeded(item.fact)
	not responses.transient(item.fact)
]

open(environment) := [item | some item in sent(environment); responses.transient(item.fact)]

# shown holds where the response to a list means something: a plain valid event is accepted, and not everything is.
shown(environment) if {
	not verdict.unread(environment)
	responses.baselines[environment].genuine
	not responses.unverified(environment)
	count(sent(environment)) > 0
}

about(environment) := {
	"outcome": "fail",
	"message": sprintf("%s rejected valid events with several signatures, one of them correct (%s)", [
		text.receiver(environment), concat(", ", text.cases(rejected(environment))),
	]),
	"evidence": {
		"refused": text.cases(rejected(environment)), "statuses": responses.statuses(rejected(environment)),
		"replay": text.replay(environment, [item.fact | some item in rejected(environment)]),
	},
} if {
	shown(environment)
	count(rejected(environment)) > 0
} else := {
	"outcome": "pass",
	"message": sprintf("%s accepted valid events with several signatures, one of them correct", [
		text.receiver(environment),
	]),
	"evidence": {"accepted": text.cases(sent(environment))},
} if {
	shown(environment)
	count(open(environment)) == 0
} else := {
	"outcome": "inconclusive",
	"message": sprintf("%s was not seen to accept one of several signatures: %s", [
		text.receiver(environment), obstacle(environment).why,
	]),
	"next_step": obstacle(environment).next_step, "cause": obstacle(environment).cause,
}

obstacle(environment) := obstacles.unsent(environment) if {
	obstacles.unsent(environment)
} else := obstacles.accepts_everything(environment) if {
	obstacles.accepts_everything(environment)
} else := obstacles.unproven(environment) if {
	not responses.baselines[environment].genuine
} else := obstacles.not_sent(environment)

findings contains verdict.unread(environment) if some environment, _ in lib.environments

findings contains verdict.finding(environment, object.union({"subject": "rotation"}, about(environment))) if {
	some environment, _ in lib.environments
	not verdict.unread(environment)
	not bridged(environment)
}

bridged(environment) if {
	responses.bridged(environment)
	about(lib.reference).outcome == "pass"
}

findings contains verdict.bridged(
	environment, "rotation",
	sprintf("%s accepted valid events with several signatures, one of them correct", [text.receiver(lib.reference)]),
) if {
	some environment, _ in lib.environments
	not verdict.unread(environment)
	bridged(environment)
}
