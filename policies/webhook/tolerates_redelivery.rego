# METADATA
# title: Duplicate deliveries are handled
# description: |
#   The provider sends an event again when a response was late or lost. The same valid event sent twice gets
#   {{status}} both times.
# custom:
#   id: webhook.tolerates-redelivery
#   order: 160
#   section: Verify all webhook requests
#   level: required
#   severity: medium
#   cwe: ["CWE-837"]
#   owasp_asvs: []
#   per_environment: true
#   passes: |
#     The same valid event, sent twice, gets {{success}} both times.
#   fails: |
#     The first delivery gets {{success}} and the second gets something else.
#   remediation: |
#     Look the event up by {{event_id}} before storing it, and respond with {{status}} to one that is known.
#   facts: [webhook.baseline, webhook.exchange]
package prelaunch.checks.webhook.tolerates_redelivery

import data.prelaunch.lib
import data.prelaunch.lib.obstacles
import data.prelaunch.lib.responses
import data.prelaunch.lib.text
import data.prelaunch.lib.verdict

delivery(environment, name) := item.fact if {
	some item in responses.in_family(environment, "redelivery")
	item.fact.case == name
	not item.fact.not_sent
}

first(environment) := delivery(environment, "first")

second(environment) := delivery(environment, "again")

# shown is what two deliveries show: a response that is missing shows nothing.
shown(environment) := "pass" if {
	not responses.accepts_everything(environment)
	responses.succeeded(first(environment))
	responses.succeeded(second(environment))
}

shown(environment) := "fail" if {
	not responses.accepts_everything(environment)
	responses.succeeded(first(environment))
	not responses.succeeded(second(environment))
	not responses.transient(second(environment))
}

about(environment) := {
	"outcome": "pass",
	"message": sprintf("%s responded with {{status}} to the same valid event both times", [text.receiver(environment)]),
} if {
	shown(environment) == "pass"
}

about(environment) := {
	"outcome": "fail",
	"message": sprintf("%s responded with {{status}} to a valid event, but not to its duplicate: %s", [
		text.receiver(environment), text.response(second(environment)),
	]),
} if {
	shown(environment) == "fail"
}

about(environment) := {
	"outcome": "inconclusive",
	"message": sprintf("%s gave no usable response to the same valid event twice: %s and %s", [
		text.receiver(environment), text.response(first(environment)), text.response(second(environment)),
	]),
	"next_step": again(environment).next_step, "cause": again(environment).cause,
} if {
	not shown(environment)
	not responses.accepts_everything(environment)
	second(environment)
}

about(environment) := {
	"outcome": "inconclusive",
	"message": sprintf("%s gives every request the same response, so its {{status}} to a duplicate shows nothing", [
		text.receiver(environment),
	]),
	"next_step": everything.next_step, "cause": everything.cause,
} if {
	everything := obstacles.accepts_everything(environment)
}

about(environment) := {
	"outcome": "inconclusive",
	"message": sprintf("%s got no event twice: %s", [text.receiver(environment), obstacles.unproven(environment).why]),
	"next_step": obstacles.unproven(environment).next_step, "cause": obstacles.unproven(environment).cause,
} if {
	not responses.accepts_everything(environment)
	not second(environment)
}

# twice is the command that sends an event twice, where that is not a pass.
twice(environment) := {"replay": sprintf("prelaunch replay duplicate --environment %s", [environment])} if {
	second(environment)
	not shown(environment) == "pass"
} else := {}

again(environment) := obstacles.not_sent(environment) if {
	responses.succeeded(first(environment))
} else := obstacles.unproven(environment)

bridged(environment) if {
	responses.bridged(environment)
	shown(lib.reference) == "pass"
}

findings contains verdict.unread(environment) if some environment, _ in lib.environments

findings contains verdict.finding(environment, object.union(about(environment), {
	"subject": "redelivery",
	"evidence": object.union(twice(environment), {"statuses": [object.get(item.fact, "status", 0) |
		some item in responses.in_family(environment, "redelivery")
		not item.fact.not_sent
	]}),
})) if {
	some environment, _ in lib.environments
	not verdict.unread(environment)
	not bridged(environment)
}

findings contains verdict.bridged(
	environment,
	"redelivery",
	sprintf("%s responded with {{status}} to the same event twice", [text.receiver(lib.reference)]),
) if {
	some environment, _ in lib.environments
	not verdict.unread(environment)
	bridged(environment)
}
