# How answers to properly signed but invalid bodies are read: the second half of the package.
package prelaunch.reading

import data.prelaunch.lib

# validation is the findings about properly signed but invalid bodies. lenient are the cases that may also be answered with 200.
validation(environment, items, what, lenient) := {unread(environment)} if {
	unread(environment)
} else := {lib.finding({
	"outcome": "inconclusive", "environment": environment, "subject": "validation", "target": url(environment),
	"message": sprintf("nothing shows how %s are answered: %s", [what, unvalidated(environment)]),
	"evidence": {"reason": "not_observed"},
})} if {
	unvalidated(environment)
} else := validation_faults(environment, items, what, lenient) if {
	count(validation_faults(environment, items, what, lenient)) > 0
} else := {lib.finding({
	"outcome": "inconclusive", "environment": environment, "subject": "validation", "target": url(environment),
	"message": sprintf("of %d %s some were not sent or got no answer of the receiver's own", [count(items), what]),
	"evidence": {"undecided": cases([item | some item in items; undecided_validation(item, environment)])},
})} if {
	some item in items
	undecided_validation(item, environment)
} else := {lib.finding({
	"outcome": "inconclusive", "environment": environment, "subject": "validation", "target": url(environment),
	"message": sprintf("the receiver gives everything the same answer, so that answer to %s shows nothing", [what]),
	"evidence": {"reason": "takes_everything"},
})} if {
	takes_everything(environment)
} else := {lib.finding({
	"outcome": "pass", "environment": environment, "subject": "validation", "target": url(environment),
	"message": sprintf("%d %s were answered as they should be", [count(items), what]),
	"evidence": object.union({"statuses": statuses(items)}, tolerated(items)),
})} if {
	count(items) > 0
} else := {lib.finding({
	"outcome": "inconclusive", "environment": environment, "subject": "validation", "target": url(environment),
	"message": sprintf("no %s were sent", [what]),
	"evidence": {"reason": "not_sent"},
})}

# given_up holds where the receiver ended the battery: it no longer answered, or nothing but timeouts or requests to come back later.
given_up(environment) if baselines[environment].reason in {"no_answer", "timeouts", "busy"}

# unvalidated is why answers to invalid bodies mean nothing.
unvalidated(environment) := unsigned_only(environment) if {
	unsigned_only(environment)
} else := sprintf("the receiver acknowledges everything before it verifies, and %s", [observer_words(environment)]) if {
	queued_unobserved(environment)
} else := "it does not tell right signatures from wrong ones; see webhook.accepts-genuine" if {
	not baselines[environment].genuine
	not baselines[environment].distinguishes
} else := "not all requests were sent" if {
	not baselines[environment].complete
	not given_up(environment)
}

undecided_validation(item, _) if open_validation(item)

undecided_validation(item, environment) if masked(item, environment)

# masked holds in careful probing, where a body lacks a field besides, for a 5xx that a body which only lacks a field gets as well.
masked(item, environment) if {
	item.fact.base == "incomplete"
	item.fact.status >= 500
	some other in of(environment, "missing")
	other.fact.status >= 500
}

open_validation(item) if item.means == "left_out"

open_validation(item) if {
	item.fact.status in {429, 503}
	item.fact.retry_after
}

open_validation(item) if item.fact.status == 429

# fault is what is wrong about the answer to an invalid body.
fault(item, environment, lenient) := "processed" if {
	item.fact.effect == "processed"
	baselines[environment].receiver == "queued"
	not item.fact.case in lenient
} else := "no answer" if {
	item.fact.error
	item.fact.error != "aborted"
	not item.fact.status
} else := "no whole answer" if {
	item.fact.error
	item.fact.error != "aborted"
} else := "a 5xx" if {
	item.fact.status >= 500
	not undecided_validation(item, environment)
} else := "a redirect" if {
	item.fact.status >= 300
	item.fact.status < 400
}

fault(item, environment, lenient) := "a 2xx" if {
	item.fact.status >= 200
	item.fact.status < 300
	not item.fact.case in lenient
	not baselines[environment].receiver == "queued"
}

validation_faults(environment, items, what, lenient) := {finding |
	some kind in {fault(item, environment, lenient) | some item in items}
	faulty := [item | some item in items; fault(item, environment, lenient) == kind]
	finding := lib.finding({
		"outcome": "fail", "environment": environment, "subject": kind, "target": url(environment),
		"message": sprintf("%d of %d %s got %s (%s)", [count(faulty), count(items), what, fault_words[kind], few(faulty)]),
		"evidence": {"cases": cases(faulty), "statuses": statuses(faulty)},
	})
}

fault_words := {
	"processed": "processed", "no answer": "no answer", "no whole answer": "an answer that does not end or cannot be read", "a 5xx": "a 5xx",
	"a redirect": "a redirect", "a 2xx": "a 2xx, as if they had been taken",
}

# tolerated notes what was taken that need not be.
tolerated(items) := {"note_taken": names} if {
	names := cases([item | some item in items; item.fact.status >= 200; item.fact.status < 300])
	count(names) > 0
} else := {}
