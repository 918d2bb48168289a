# METADATA
# title: No request may stop the receiver from responding
# description: |
#   Whatever is sent, the receiver goes on responding to others. One that a single request can stop, unsigned or
#   malformed, is put out of service by anybody who finds its URL, even where a supervisor starts it again.
# custom:
#   id: errors.survives-requests
#   order: 395
#   section: Handle errors safely
#   level: required
#   severity: high
#   per_environment: true
#   passes: |
#     The receiver responds to the requests that check on it, to the end of the test suite.
#   fails: |
#     It stops responding after a request, which the finding names, even if it comes back.
#   remediation: |
#     Find the crash in the receiver's log at the time of the request, and catch the error there: an exception that
#     nobody catches must end the request, not the process.
#     - Node: await every promise inside try, and pass errors to next(err); Express 4 does not catch those of async handlers
#     - Go: recover in goroutines that the handler starts; net/http recovers in the handler only
#     - limit the size and nesting of bodies, and the time that parsing and matching may take
#   cwe: [CWE-248, CWE-400]
#   owasp_asvs: ["v5.0.0-16.5.3"]
#   facts: [webhook.baseline, webhook.exchange]
package prelaunch.checks.errors.survives_requests

import data.prelaunch.lib
import data.prelaunch.lib.obstacles
import data.prelaunch.lib.responses
import data.prelaunch.lib.text
import data.prelaunch.lib.verdict

findings contains verdict.unread(environment) if some environment, _ in lib.environments

stops(environment) := [stop | some stop in responses.baselines[environment].stops]

certain(environment) := [stop | some stop in stops(environment); stop.sure]

case_label(c) := sprintf("%s/%s (%s)", [text.family(c.family), c.case, c.event_type]) if {
	c.event_type
} else := sprintf("%s/%s", [text.family(c.family), c.case])

labels(stop) := sort({case_label(c) | some c in stop.cases})

# earlier are requests that the receiver had responded to just before: it may stop later than it responds.
earlier(stop) := sort({case_label(c) | some c in stop.before})

# which names the request or, where others were under way or had just been responded to, those of which one it is.
which(stop) := one_of(labels(stop)) if {
	count(earlier(stop)) == 0
} else := one_of(earlier(stop)) if {
	count(labels(stop)) == 0
} else := sprintf("%s, or after %s, responded to just before", [one_of(labels(stop)), one_of(earlier(stop))])

one_of(names) := names[0] if {
	count(names) == 1
} else := sprintf("one of %d requests (%s)", [count(names), concat(", ", names)])

recovery(stop) := "it came back after a while" if {
	stop.back
} else := sprintf("it did not come back within %d s", [stop.waited_seconds]) if {
	stop.waited_seconds > 0
} else := "nothing more was sent to it"

# The subject is what the request was, the first of them where one of several it is.
findings contains verdict.finding(environment, {
	"outcome": "fail", "subject": labels(stop)[0],
	"cause": stopped(environment),
	"message": sprintf("%s stopped responding after %s; %s", [text.receiver(environment), which(stop), recovery(stop)]),
	"evidence": {
		"is_cause": true, "cases": labels(stop), "earlier": earlier(stop), "came_back": stop.back,
		"replay": text.replay(environment, stop.cases),
	},
}) if {
	some environment, _ in lib.environments
	some stop in certain(environment)
}

# doubt says after which requests something stopped that may have been the receiver.
doubt(environment) := concat("", [
	"; it did after ", concat("; ", [which(stop) | some stop in stops(environment)]),
	", and may have been restarted for another reason, or a firewall shut this machine out",
]) if {
	count(stops(environment)) > 0
} else := ""

stopped(environment) := obstacles.cause("stopped-responding", environment)

settled(environment) if count(certain(environment)) > 0

# obstacle is why it is not known whether requests stop the receiver: the first that there is.
obstacle(environment) := [one | some kind in order; one := obstacle_of(kind, environment)][0]

order := ["gave up", "unstable", "incomplete", "unprobed"]

obstacle_of("gave up", environment) := obstacles.gave_up(environment)

obstacle_of("unstable", environment) := obstacles.unstable(environment) if count(stops(environment)) > 0

obstacle_of("unstable", environment) := obstacles.unstable(environment) if stopped_working(environment)

obstacle_of("incomplete", environment) := obstacles.incomplete(environment)

obstacle_of("unprobed", environment) := unprobed(environment)

# stopped_working holds where the last of the valid events that are sent in between was rejected.
stopped_working(environment) if {
	responses.baselines[environment].genuine
	controls := [item.fact | some item in responses.in_family(environment, "control"); item.fact.case == "genuine"]
	not responses.succeeded(controls[count(controls) - 1])
}

# unprobed is why what follows verification was not reached.
unprobed(environment) := obstacles.unsigned(environment) if {
	obstacles.unsigned(environment)
} else := obstacles.indistinct(environment)

# bridged holds where only what could not be signed is open, and Test was observed.
bridged(environment) if {
	responses.bridged(environment)
	obstacle(environment).cause == unprobed(environment).cause
	passes(lib.reference)
}

passes(environment) if {
	not verdict.unread(environment)
	not settled(environment)
	not obstacle(environment)
}

findings contains verdict.bridged(environment, "survived", sprintf("%s kept responding", [
	text.receiver(lib.reference),
])) if {
	some environment, _ in lib.environments
	not settled(environment)
	bridged(environment)
}

findings contains verdict.inconclusive(environment, obstacle(environment), {
	"subject": "not observed",
	"message": sprintf("%s was not shown to survive every request: %s%s", [
		text.receiver(environment), obstacle(environment).why, doubt(environment),
	]),
	"evidence": {"cases": sort({label |
		some stop in stops(environment)
		some label in array.concat(labels(stop), earlier(stop))
	})},
}) if {
	some environment, _ in lib.environments
	not verdict.unread(environment)
	not settled(environment)
	not bridged(environment)
}

findings contains verdict.finding(environment, {
	"outcome": "pass", "subject": "survived",
	"message": sprintf("%s kept responding to the end of the test suite", [text.receiver(environment)]),
	"evidence": {"requests": responses.baselines[environment].requests},
}) if {
	some environment, _ in lib.environments
	passes(environment)
}
