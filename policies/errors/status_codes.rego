# METADATA
# title: Refusals have the right status
# description: |
#   What is refused is refused with a 4xx: not with a 2xx, which tells the provider that all is well, nor with a redirect, a 5xx or no
#   answer, which makes it try again and shows attackers what breaks. A queue that acknowledges everything first warns once an observer
#   has seen that nothing refused is processed, and is inconclusive without one.
# custom:
#   id: errors.status-codes
#   order: 400
#   section: Handle errors safely
#   items: [7]
#   level: required
#   severity: medium
#   per_environment: true
#   remediation: |
#     Answer 401 to a wrong signature and 400 or 422 to an invalid body, and catch every exception in the handler.
#   sources: ["Begini Security Checklist, Psychometric Integration, 6 (2026-04-14)"]
#   facts: [webhook.baseline, webhook.exchange]
package prelaunch.checks.errors.status_codes

import data.prelaunch.lib
import data.prelaunch.reading

# refusals are forgeries that were not accepted, and invalid bodies. How deeply nested ones are answered is for input.bounded, which only
# recommends: the parser of Python, for one, gives up on them with an exception of its own.
refusals(environment) := [item |
	some family in object.keys(object.get(reading.exchanges, environment, {}))
	some item in reading.of(environment, family)
	item.fact.purpose in {"forgery", "invalid"}
	not startswith(item.fact.case, "nesting-")
	not item.fact.not_sent
	not item.fact.elsewhere
	not item.means in {"accepted", "nothing"}
]

# wrong_how is what is wrong about a refusal's answer.
wrong_how(item) := "2xx" if {
	item.fact.purpose == "forgery"
	item.fact.status >= 200
	item.fact.status < 300
} else := "redirect" if {
	item.fact.status >= 300
	item.fact.status < 400
} else := "5xx" if {
	item.fact.status >= 500
	not excused(item.fact)
} else := "no answer" if {
	item.fact.error
	not item.fact.status
	not excused(item.fact)
}

# excused are answers that are as they should be, or no answers of the receiver's own.
excused(x) if {
	x.status == 501
	x.method
}

excused(x) if x.error == "aborted"

excused(x) if {
	x.status == 503
	x.retry_after
}

# A connection that is closed on a large body before all of it was read is a refusal, though the answer may be lost.
excused(x) if {
	x.case in {"1-MiB", "large", "larger", "large-end-changed"}
	x.error == "reset"
	x.witnessed
}

# Where something kept this machine away from the receiver, a missing answer is no way to refuse. It is where the receiver died of it.
excused(x) if {
	x.error
	not x.status
	not x.witnessed
	lost(x.environment)
	not died(x)
}

# died holds for a connection that was closed without an answer, after which nothing took connections any more. A firewall that bans
# this machine lets open connections hang instead.
died(x) if {
	x.error == "reset"
	x.family in reading.baselines[x.environment].after
	some item in reading.of(x.environment, "control")
	item.fact.error in {"refused", "reset"}
}

lost(environment) if reading.baselines[environment].unresponsive

words := {"2xx": "with a 2xx", "redirect": "with a redirect", "5xx": "with a 5xx", "no answer": "with no answer at all"}

wrong(environment, how) := [item | some item in refusals(environment); wrong_how(item) == how]

findings contains lib.finding({
	"outcome": "fail", "environment": environment, "subject": how, "target": reading.url(environment),
	"message": sprintf("requests that were not taken were answered %s: %d (%s)", [words[how], count(wrong(environment, how)), reading.few(wrong(environment, how))]),
	"evidence": {"families": sort({item.fact.family | some item in wrong(environment, how)}), "cases": reading.cases(wrong(environment, how)), "statuses": reading.statuses(wrong(environment, how))},
}) if {
	some environment, _ in lib.environments
	not reading.unread(environment)
	some how, _ in words
	count(wrong(environment, how)) > 0
	counted(environment, how)
}

# A receiver with a queue acknowledges by design, which webhook checks hold against it where nobody observes it.
counted(_, how) if how != "2xx"

counted(environment, "2xx") if reading.baselines[environment].receiver == "inline"

right(environment) := [item | some item in refusals(environment); item.fact.status >= 400; item.fact.status < 500; item.means == "refused"]

faulty(environment) if {
	some how, _ in words
	counted(environment, how)
	count(wrong(environment, how)) > 0
}

findings contains reading.unread(environment) if some environment, _ in lib.environments

findings contains lib.finding({
	"outcome": "inconclusive", "environment": environment, "subject": "undecided",
	"target": reading.url(environment),
	"message": because(environment),
	"evidence": {"reason": "undecided"},
}) if {
	some environment, _ in lib.environments
	not reading.unread(environment)
	not faulty(environment)
	because(environment)
}

because(environment) := sprintf("the receiver acknowledges everything before it verifies, and %s", [reading.observer_words(environment)]) if {
	reading.queued_unobserved(environment)
} else := "nothing shows that the receiver tells right signatures from wrong ones, so its refusals mean nothing; see webhook.accepts-genuine" if {
	not reading.counts(reading.baselines[environment])
} else := "not all requests were sent" if {
	not reading.baselines[environment].complete
} else := "the receiver stopped answering before all requests were sent" if {
	reading.given_up(environment)
} else := "requests were put off with 429 or 503, also after waiting" if {
	some item in refusals(environment)
	item.means == "busy"
} else := "no refusal was seen" if {
	count(right(environment)) == 0
	not queued(environment)
}

queued(environment) if reading.baselines[environment].receiver == "queued"

# A queue whose observer saw that nothing refused was processed is right in its way, and yet its sender is told that all is well.
findings contains lib.finding({
	"outcome": "warn", "environment": environment, "subject": "acknowledged", "target": reading.url(environment),
	"message": "the receiver acknowledges everything before it verifies: no status tells what its queue refuses",
	"evidence": {"statuses": reading.statuses(refusals(environment))},
}) if {
	some environment, _ in lib.environments
	queued(environment)
	not reading.unread(environment)
	not faulty(environment)
	not because(environment)
}

findings contains lib.finding({
	"outcome": "pass", "environment": environment, "subject": "refusals", "target": reading.url(environment),
	"message": sprintf("all %d refusals were a 4xx", [count(right(environment))]),
	"evidence": {"statuses": reading.statuses(right(environment))},
}) if {
	some environment, _ in lib.environments
	not queued(environment)
	not reading.unread(environment)
	not faulty(environment)
	not because(environment)
}
