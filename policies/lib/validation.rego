# METADATA
# description: |
#   How responses to correctly signed but invalid bodies are judged.
package prelaunch.lib.validation

import data.prelaunch.lib
import data.prelaunch.lib.obstacles
import data.prelaunch.lib.responses
import data.prelaunch.lib.text
import data.prelaunch.lib.verdict

# judge is the findings about correctly signed but invalid bodies. kind has one and many, which name such a body, and
# lenient, the cases that may also be answered with 200.
judge(environment, _, _) := {verdict.unread(environment)}

judge(environment, _, kind) := {verdict.inconclusive(environment, obstacle(environment), {
	"subject": "validation",
	"message": sprintf(
		"%s was not tested with %s: %s",
		[text.receiver(environment), kind.many, obstacle(environment).why],
	),
	"evidence": {"reason": "not_observed"},
})} if {
	not verdict.unread(environment)
	obstacle(environment)
}

judge(environment, items, kind) := faults(environment, items, kind) if {
	testable(environment)
	count(faults(environment, items, kind)) > 0
}

judge(environment, items, kind) := {without_fault(environment, items, kind)} if {
	testable(environment)
	count(faults(environment, items, kind)) == 0
}

testable(environment) if {
	not verdict.unread(environment)
	not obstacle(environment)
}

# obstacle is why responses to invalid bodies show nothing: the first that there is.
obstacle(environment) := [one | some kind in order; one := obstacle_of(kind, environment)][0]

order := ["unsigned", "queued", "unproven", "incomplete"]

obstacle_of("unsigned", environment) := obstacles.unsigned(environment)

obstacle_of("queued", environment) := obstacles.queued(environment)

obstacle_of("unproven", environment) := obstacles.indistinct(environment)

obstacle_of("incomplete", environment) := obstacles.incomplete(environment)

without_fault(environment, items, kind) := verdict.inconclusive(environment, open_obstacle(environment, open), {
	"subject": "validation",
	"message": sprintf("%d of %s were not sent to the %s or got no response of its own", [
		count(open), lib.amount(count(items), kind.one, kind.many), text.receiver(environment),
	]),
	"evidence": object.union({"undecided": text.cases(open)}, verdict.open_replay(environment, open)),
}) if {
	open := [item | some item in items; undecided(item, environment)]
	count(open) > 0
} else := verdict.inconclusive(environment, obstacles.accepts_everything(environment), {
	"subject": "validation",
	"message": sprintf(
		"%s gives every request the same response, so its response to %s shows nothing",
		[text.receiver(environment), kind.many],
	),
	"evidence": {"reason": "takes_everything"},
}) if {
	responses.accepts_everything(environment)
} else := verdict.finding(environment, {
	"outcome": "pass", "subject": "validation",
	"message": sprintf(
		"%s handled %s correctly",
		[text.receiver(environment), lib.amount(count(items), kind.one, kind.many)],
	),
	"evidence": object.union({"statuses": responses.statuses(items)}, accepted_note(items)),
}) if {
	count(items) > 0
} else := verdict.inconclusive(environment, obstacles.not_sent(environment), {
	"subject": "validation",
	"message": sprintf("No %s was sent to the %s", [kind.one, text.receiver(environment)]),
	"evidence": {"reason": "not_sent"},
})

open_obstacle(environment, open) := obstacles.gave_up(environment) if {
	obstacles.gave_up(environment)
} else := obstacles.busy(environment) if {
	some item in open
	responses.asks_to_wait(item.fact)
} else := obstacles.not_sent(environment)

undecided(item, _) if item.class == "left_out"

undecided(item, _) if responses.asks_to_wait(item.fact)

# In careful probing, where a body also lacks a field, for a 5xx that a body which only lacks a field gets as well.
undecided(item, environment) if {
	item.fact.base == "incomplete"
	item.fact.status >= 500
	some other in responses.in_family(environment, "missing")
	other.fact.status >= 500
}

# fault is what is incorrect about the response to an invalid body.
fault(item, environment, lenient) := "processed" if {
	processed(item, environment, lenient)
}

fault(item, environment, lenient) := "no answer" if {
	broken(item.fact)
	not item.fact.status
	not processed(item, environment, lenient)
}

fault(item, environment, lenient) := "no whole answer" if {
	broken(item.fact)
	item.fact.status
	not processed(item, environment, lenient)
}

fault(item, environment, lenient) := status_fault(item, environment, lenient) if {
	not broken(item.fact)
	not processed(item, environment, lenient)
}

processed(item, environment, lenient) if {
	item.fact.effect == "processed"
	responses.queued(environment)
	not item.fact.case in lenient
}

broken(x) if {
	x.error
	x.error != "aborted"
}

status_fault(item, environment, lenient) := "a 2xx" if {
	item.fact.status >= 200
	item.fact.status < 300
	not item.fact.case in lenient
	not responses.queued(environment)
}

status_fault(item, _, _) := "a redirect" if {
	item.fact.status >= 300
	item.fact.status < 400
}

status_fault(item, environment, _) := "a 5xx" if {
	item.fact.status >= 500
	not undecided(item, environment)
}

faults(environment, items, kind) := {finding |
	some name in {fault(item, environment, kind.lenient) | some item in items}
	faulty := [item | some item in items; fault(item, environment, kind.lenient) == name]
	finding := verdict.finding(environment, {
		"outcome": "fail", "subject": name,
		"message": sprintf("%s %s %d of %s (%s)", [
			text.receiver(environment), fault_words[name], count(faulty),
			lib.amount(count(items), kind.one, kind.many), text.pattern(faulty, items),
		]),
		"evidence": {
			"cases": text.cases(faulty), "statuses": responses.statuses(faulty),
			"replay": text.replay(environment, [item.fact | some item in faulty]),
		},
	})
}

# Words between "the receiver" and "3 of 8 bodies".
fault_words := {
	"processed": "processed",
	"no answer": "did not respond to",
	"no whole answer": "gave an incomplete or unreadable response to",
	"a 5xx": "responded with a 5xx to",
	"a redirect": "redirected",
	"a 2xx": "accepted (2xx)",
}

# accepted_note lists what was accepted that need not be.
accepted_note(items) := {"note_taken": names} if {
	names := text.cases([item | some item in items; item.fact.status >= 200; item.fact.status < 300])
	count(names) > 0
} else := {}
