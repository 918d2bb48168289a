# METADATA
# title: Rejected requests return a 4xx status
# description: |
#   What is rejected is rejected with a 4xx: not with a 2xx, which tells the provider that all is well, nor with a
#   redirect, a 5xx or no response, which makes it try again and shows attackers what breaks. A queue that acknowledges
#   everything first warns once an observer has seen that nothing rejected is processed, and is inconclusive without
#   one.
# custom:
#   id: errors.status-codes
#   order: 400
#   section: Handle errors safely
#   level: required
#   severity: medium
#   cwe: ["CWE-755"]
#   owasp_asvs: ["v5.0.0-16.5.3"]
#   per_environment: true
#   passes: |
#     Every request that is rejected is rejected with a 4xx status, and no valid event gets a 5xx or a redirect.
#   fails: |
#     A rejected request gets a 2xx that differs from that of valid events, a redirect, a 5xx or no response.
#   remediation: |
#     Respond with 401 to an invalid signature and with 400 or 422 to an invalid body, and catch every exception in the
#     handler.
#   facts: [webhook.baseline, webhook.exchange]
package prelaunch.checks.errors.status_codes

import data.prelaunch.lib
import data.prelaunch.lib.obstacles
import data.prelaunch.lib.responses
import data.prelaunch.lib.text
import data.prelaunch.lib.verdict

# rejections are forgeries that were not accepted, and invalid bodies. How deeply nested ones are handled is for
# input.bounded, which only recommends: the parser of Python, for one, gives up on them with an exception of its own.
# Handshakes are no events: what the response to one gives away is for webhook.handshake-safe.
rejections(environment) := [item |
	some item in responses.in_families(environment, object.keys(object.get(responses.exchanges, environment, {})))
	item.fact.purpose in {"forgery", "invalid"}
	not startswith(item.fact.case, "nesting-")
	not item.fact.not_sent
	not item.fact.elsewhere
	not item.class in {"accepted", "meaningless", "tolerated"}
	item.fact.family != "F27"
]

# flaw is what is incorrect about the response to a rejected request; the statuses exclude each other.
flaw(item) := "2xx" if {
	item.fact.purpose == "forgery"
	item.fact.status >= 200
	item.fact.status < 300
}

flaw(item) := "redirect" if {
	item.fact.status >= 300
	item.fact.status < 400
}

flaw(item) := "5xx" if {
	item.fact.status >= 500
	not excused(item.fact)
}

flaw(item) := "no answer" if {
	item.fact.error
	not item.fact.status
	not excused(item.fact)
}

flaws := {
	"2xx": "with a 2xx",
	"redirect": "with a redirect",
	"5xx": "with a 5xx",
	"no answer": "without a response",
}

# excused are responses that are as they should be, or are not the receiver's own.
excused(x) if responses.unsupported_method(x)

excused(x) if x.error == "aborted"

excused(x) if {
	x.status == 503
	x.retry_after
}

# Closing the connection on a large body before all of it was read is a rejection, though the response may be lost.
excused(x) if {
	x.case in {"1-MiB", "large", "larger", "large-end-changed"}
	x.error == "reset"
	x.witnessed
}

# Where something kept this machine away from the receiver, a missing response is not a rejection of its own. It is
# where the request stopped the receiver.
excused(x) if {
	x.error
	not x.status
	not x.witnessed
	responses.baselines[x.environment].unresponsive
	not stopped(x)
}

# stopped holds for a connection that was closed without a response, after which nothing accepted connections any more.
# A firewall that bans this machine lets open connections hang instead.
stopped(x) if {
	x.error == "reset"
	x.family in responses.baselines[x.environment].after
	some item in responses.in_family(x.environment, "control")
	item.fact.error in {"refused", "reset"}
}

flawed(environment, name) := [item | some item in rejections(environment); flaw(item) == name]

# Valid events that make the receiver fail are counted, too, whatever they hold. A missing response may be an accident.
valid_failures(environment) := [item |
	some item in responses.in_families(environment, object.keys(object.get(responses.exchanges, environment, {})))
	item.fact.purpose == "genuine"
	flaw(item) in {"5xx", "redirect"}
]

findings contains verdict.finding(environment, {
	"outcome": "fail", "subject": "valid events",
	"message": sprintf("%s responded with a 5xx or a redirect to %s (%s)", [
		text.receiver(environment), lib.amount(count(items), "valid event", "valid events"), text.few(items),
	]),
	"evidence": {
		"cases": text.cases(items), "statuses": responses.statuses(items),
		"replay": text.replay(environment, [item.fact | some item in items]),
	},
}) if {
	some environment, _ in lib.environments
	not verdict.unread(environment)
	items := valid_failures(environment)
	count(items) > 0
}

# A receiver with a queue acknowledges by design; where nobody observes it, the webhook checks report that.
counts(_, name) if name != "2xx"

counts(environment, "2xx") if responses.baselines[environment].receiver == "inline"

faulty(environment) if {
	some name, _ in flaws
	counts(environment, name)
	count(flawed(environment, name)) > 0
}

faulty(environment) if count(valid_failures(environment)) > 0

findings contains verdict.finding(environment, {
	"outcome": "fail", "subject": name,
	"cause": obstacles.not_4xx(environment).cause,
	"message": sprintf("%s rejected %s %s instead of a 4xx (%s)", [
		text.receiver(environment), lib.amount(count(items), "request", "requests"), flaws[name],
		text.pattern(items, rejections(environment)),
	]),
	"evidence": {
		"is_cause": true,
		"families": sort({text.family(item.fact.family) | some item in items}),
		"cases": text.cases(items), "statuses": responses.statuses(items),
		"replay": text.replay(environment, [item.fact | some item in items]),
	},
}) if {
	some environment, _ in lib.environments
	not verdict.unread(environment)
	some name, _ in flaws
	counts(environment, name)
	items := flawed(environment, name)
	count(items) > 0
}

correct(environment) := [item |
	some item in responses.of_class(rejections(environment), "rejected")
	item.fact.status >= 400
	item.fact.status < 500
]

findings contains verdict.unread(environment) if some environment, _ in lib.environments

# obstacle is why the statuses of rejections show nothing, or not everything: the first that there is.
obstacle(environment) := [one | some kind in order; one := obstacle_of(kind, environment)][0]

order := ["queued", "unproven", "incomplete", "gave up", "busy", "no rejection"]

obstacle_of("queued", environment) := obstacles.queued(environment)

obstacle_of("unproven", environment) := obstacles.indistinct(environment)

obstacle_of("incomplete", environment) := obstacles.incomplete(environment)

obstacle_of("gave up", environment) := obstacles.gave_up(environment)

obstacle_of("busy", environment) := obstacles.busy(environment) if {
	count(responses.of_class(rejections(environment), "busy")) > 0
}

obstacle_of("no rejection", environment) := obstacles.no_rejection(environment) if {
	count(correct(environment)) == 0
	not responses.queued(environment)
}

findings contains verdict.inconclusive(environment, obstacle(environment), {
	"subject": "undecided",
	"message": sprintf(
		"%s was not shown to reject with a 4xx: %s",
		[text.receiver(environment), obstacle(environment).why],
	),
	"evidence": {"reason": "undecided"},
}) if {
	some environment, _ in lib.environments
	not verdict.unread(environment)
	not faulty(environment)
	not bridged(environment)
}

# bridged holds where nothing but Test shows that the receiver treats signatures differently.
bridged(environment) if {
	responses.bridged(environment)
	not faulty(environment)
	obstacle(environment).cause == obstacles.unproven(environment).cause
	sound(lib.reference)
}

findings contains verdict.bridged(environment, "refusals", sprintf("%s rejected %s with a 4xx", [
	text.receiver(lib.reference), lib.all_of(count(correct(lib.reference)), "request"),
])) if {
	some environment, _ in lib.environments
	bridged(environment)
}

# A queue whose observer saw that nothing rejected was processed is correct, and yet its sender is told that all is
# well.
findings contains verdict.finding(environment, {
	"outcome": "warn", "subject": "acknowledged",
	"message": sprintf("%s acknowledges every request before verifying it: no status reveals what its queue rejects", [
		text.receiver(environment),
	]),
	"evidence": {
		"statuses": responses.statuses(rejections(environment)),
		"replay": text.replay(environment, [item.fact | some item in rejections(environment)]),
	},
}) if {
	some environment, _ in lib.environments
	responses.queued(environment)
	sound(environment)
}

findings contains verdict.finding(environment, {
	"outcome": "pass", "subject": "refusals",
	"message": sprintf("%s rejected %s with a 4xx", [
		text.receiver(environment), lib.all_of(count(correct(environment)), "request"),
	]),
	"evidence": {"statuses": responses.statuses(correct(environment))},
}) if {
	some environment, _ in lib.environments
	not responses.queued(environment)
	sound(environment)
}

sound(environment) if {
	not verdict.unread(environment)
	not faulty(environment)
	not obstacle(environment)
}
