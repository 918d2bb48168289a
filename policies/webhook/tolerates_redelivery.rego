# METADATA
# title: The same event may arrive twice
# description: |
#   The provider sends an event again when an answer was late or lost. The same genuine event twice is answered with 200 both times.
# custom:
#   id: webhook.tolerates-redelivery
#   order: 160
#   section: Verify all webhook requests
#   items: [2]
#   level: required
#   severity: medium
#   per_environment: true
#   remediation: |
#     Look the event up by UID and type before storing it, and answer 200 for one that is known.
#   sources: ["Begini Security Checklist, Psychometric Integration, 2 (2026-04-14)"]
#   facts: [webhook.baseline, webhook.exchange]
package prelaunch.checks.webhook.tolerates_redelivery

import data.prelaunch.lib
import data.prelaunch.reading

deliveries(environment) := [item.fact |
	some item in reading.of(environment, "redelivery")
	not item.fact.not_sent
]

good(x) if {
	x.status == 200
	not x.error
}

second(environment) := x if {
	some x in deliveries(environment)
	x.case == "again"
}

first(environment) := x if {
	some x in deliveries(environment)
	x.case == "first"
}

both(environment) if {
	first(environment)
	second(environment)
}

outcome(environment) := "inconclusive" if {
	reading.takes_everything(environment)
} else := "pass" if {
	both(environment)
	good(first(environment))
	good(second(environment))
} else := "fail" if {
	both(environment)
	good(first(environment))
	not passing(second(environment))
} else := "inconclusive"

passing(x) if {
	not x.status
	x.error
}

passing(x) if x.status == 429

passing(x) if x.retry_after

how(x) := sprintf("%d", [x.status]) if {
	x.status
	not x.error
} else := reading.error_words(x.error)

message(environment) := "the receiver gives everything the same answer, so its 200 to a second delivery shows nothing" if {
	reading.takes_everything(environment)
} else := "the same genuine event was answered with 200 both times" if {
	outcome(environment) == "pass"
} else := sprintf("a genuine event was answered with 200, and the same event again with %s", [how(second(environment))]) if {
	outcome(environment) == "fail"
} else := sprintf("the same genuine event twice got %s and %s", [how(first(environment)), how(second(environment))]) if {
	both(environment)
} else := sprintf("no event was sent twice: %s", [reading.unsigned_only(environment)]) if {
	reading.unsigned_only(environment)
} else := sprintf(
	"no genuine event is sent in careful probing; attest that both environments run the same build (environments.same-build), and probe Test in full%s",
	[lib.lapse("environments.same-build")],
) if {
	reading.careful(environment)
} else := "no event could be sent twice: see webhook.accepts-genuine"

by_attestation(environment) if {
	reading.careful(environment)
	not reading.unsigned_only(environment)
	environment != "test"
	reading.same_build
	outcome("test") == "pass"
}

findings contains reading.unread(environment) if some environment, _ in lib.environments

findings contains lib.finding({
	"outcome": outcome(environment), "environment": environment, "subject": "redelivery",
	"target": reading.url(environment),
	"message": message(environment),
	"evidence": {"statuses": [object.get(x, "status", 0) | some x in deliveries(environment)]},
}) if {
	some environment, _ in lib.environments
	not reading.unread(environment)
	not by_attestation(environment)
}

findings contains object.union(
	lib.finding({
		"outcome": "pass", "environment": environment, "subject": "redelivery", "target": reading.url(environment),
		"message": sprintf("the same event twice was answered with 200 in test, and %s attests that both environments run the same build", [reading.same_build.by]),
		"evidence": lib.attestation_evidence(reading.same_build),
	}),
	{"basis": "attested", "valid_until": reading.same_build.expires},
) if {
	some environment, _ in lib.environments
	not reading.unread(environment)
	by_attestation(environment)
}
