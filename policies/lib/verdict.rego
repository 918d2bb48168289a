# METADATA
# description: |
#   What checks conclude from the classes of responses: the findings about forgeries that a receiver has to reject.
package prelaunch.lib.verdict

import data.prelaunch.lib
import data.prelaunch.lib.obstacles
import data.prelaunch.lib.responses
import data.prelaunch.lib.text

# finding is one about the receiver of an environment.
finding(environment, fields) := lib.finding(object.union(
	{"environment": environment, "target": lib.environments[environment].webhook_url},
	fields,
))

# inconclusive is a finding about what an obstacle keeps from being observed.
inconclusive(environment, obstacle, fields) := finding(environment, object.union(
	{"outcome": "inconclusive", "next_step": obstacle.next_step, "cause": obstacle.cause},
	fields,
))

# bridged is the pass of careful probing that rests on what was observed in Test and on the attestation of the same
# build.
bridged(environment, subject, observed) := object.union(
	lib.by_attestation("environments.same-build", {
		"subject": subject,
		"message": sprintf(
			"%s, and %s attests that both environments run the same build",
			[observed, responses.same_build.by],
		),
	}),
	{"environment": environment, "target": lib.environments[environment].webhook_url},
)

# rejects is the findings of a check that requires these forgeries to be rejected. of_reference are those of
# lib.reference.
rejects(environment, items, of_reference) := settled(
	environment,
	judge(environment, items),
	judge(lib.reference, of_reference),
)

# settled is the findings of a check, or where they only leave something open that was proved in Test, the pass that
# rests on it and on the attestation of the same build. test is the check's findings in Test.
settled(environment, findings, test) := {bridged(environment, subjects[0], observed)} if {
	settles(environment, findings, test)
	subjects := [finding.subject | some finding in test]
	observed := concat("; ", [finding.message | some finding in test])
}

settled(environment, findings, test) := {one | some one in findings} if not settles(environment, findings, test)

settles(environment, findings, test) if {
	responses.bridged(environment)
	count(test) > 0
	count(findings) > 0
	every finding in findings {
		bridgeable(finding)
	}
	every finding in test {
		finding.outcome == "pass"
	}
}

# Responses of its own that decide nothing, such as a redirect, show that an environment differs from Test.
bridgeable(finding) if {
	finding.outcome == "inconclusive"
	every class in open_classes(finding) {
		class in {"left_out", "unproven", "unwitnessed", "same"}
	}
}

open_classes(finding) := {class |
	some class, _ in finding.evidence.undecided
	is_string(class)
}

# noted is findings with more evidence in those that pass.
noted(findings, evidence) := {object.union(finding, {"evidence": object.union(finding.evidence, more)}) |
	some finding in findings
	more := {key: value | some key, value in evidence; finding.outcome == "pass"}
}

# warning is about cases of one family that were accepted and that some correct receivers accept.
warning(environment, hits, fields) := finding(environment, object.union(
	{"outcome": "warn", "evidence": {
		"family": text.family(hits[0].fact.family), "accepted": text.cases(hits), "statuses": responses.statuses(hits),
		"replay": text.replay(environment, [item.fact | some item in hits]),
	}},
	fields,
))

# unread is the finding where nothing can be said about a receiver.
unread(environment) := lib.incomplete(environment, "webhook.baseline") if {
	not responses.baselines[environment]
} else := inconclusive(environment, obstacle, {
	"subject": "not observed",
	"message": sprintf("%s was not tested: %s", [text.receiver(environment), obstacle.why]),
	"evidence": {
		"reason": responses.baselines[environment].state,
		"cause": responses.baselines[environment].reason,
	},
}) if {
	obstacle := obstacles.blocked(environment)
}

# judge is the findings of a check that requires forgeries to be rejected. items are exchanges; one with a member group
# is reported under that name instead of its family's.
judge(environment, items) := {blocker(environment, items)}

judge(environment, items) := open_findings(environment, items) if {
	not blocker(environment, items)
	count(open_findings(environment, items)) > 0
}

judge(environment, items) := {pass(environment, items)} if {
	not blocker(environment, items)
	count(open_findings(environment, items)) == 0
}

# blocker is the one finding where the responses to forgeries show nothing or everything.
blocker(environment, items) := unread(environment) if {
	unread(environment)
} else := unobserved_queue(environment) if {
	count(responses.of_class(items, "accepted")) == 0
	responses.queued_unobserved(environment)
} else := without_verification(environment) if {
	responses.unverified(environment)
}

unobserved_queue(environment) := inconclusive(environment, obstacles.queued(environment), {
	"subject": "queued",
	"message": sprintf("%s %s", [text.receiver(environment), text.queue(environment)]),
	"evidence": {"reason": "queued", "observer": responses.baselines[environment].observer},
})

without_verification(environment) := finding(environment, {
	"outcome": "fail", "subject": "verification",
	"message": sprintf(
		"%s does not verify signatures: randomly signed events get the response of valid ones",
		[text.receiver(environment)],
	),
	"evidence": {
		"statuses": responses.baselines[environment].wrong_statuses,
		"requests": count(responses.in_family(environment, "wrong")),
		"replay": text.replay(environment, [{"family": "F02", "case": "random"}]),
	},
})

pass(environment, items) := finding(environment, {
	"outcome": "pass", "subject": "refused",
	"message": sprintf("%s rejected %s", [text.receiver(environment), lib.all_of(count(rejected), "forged request")]),
	"evidence": object.union(
		{
			"refused": count(rejected),
			"statuses": responses.statuses(rejected),
			"cases": text.cases(rejected),
		},
		tolerated(items),
	),
}) if {
	rejected := responses.of_class(items, "rejected")
}

# tolerated notes what a receiver accepted and correct receivers may accept.
tolerated(items) := {"note_tolerated": cases} if {
	cases := text.cases([item |
		some item in responses.of_class(items, "tolerated")
		item.fact.status >= 200
		item.fact.status < 300
	])
	count(cases) > 0
} else := {}

open_findings(environment, items) := union({
	accepted(environment, items),
	inconclusive_rest(environment, items),
	none_sent(environment, items),
})

group(item) := object.get(item, "group", item.fact.family)

accepted(environment, items) := {one |
	some name in {group(item) | some item in responses.of_class(items, "accepted")}
	members := [item | some item in items; group(item) == name; not item.class in {"exempt", "left_out"}]
	hits := responses.of_class(members, "accepted")
	one := finding(environment, {
		"outcome": "fail", "subject": name,
		"message": sprintf("%s accepted %s (%d of %d: %s)", [
			text.receiver(environment), text.families[name].accepted, count(hits), count(members), text.few(hits),
		]),
		"evidence": {
			"family": text.family(name), "accepted": text.cases(hits), "sent": count(members),
			"statuses": responses.statuses(hits),
			"replay": text.replay(environment, [item.fact | some item in hits]),
		},
	})
}

# Classes that decide nothing, in the order in which one of them gives the next step.
undecided := [
	"left_out", "unproven", "same", "unwitnessed", "queued", "firewall", "busy", "failed", "acknowledged", "redirected",
	"shadowed",
]

# found is those of them that occur.
found(items) := [class | some class in undecided; count(responses.of_class(items, class)) > 0]

inconclusive_rest(environment, items) := {one |
	open := [item | some item in items; item.class in undecided]
	count(open) > 0
	parts := [sprintf("%d %s%s", [count(members), text.shows[class], left_out_why(environment, class, members)]) |
		some class in found(open)
		members := responses.of_class(open, class)
	]
	tested := count([item | some item in items; item.class != "exempt"])
	one := finding(environment, object.union(
		{
			"outcome": "inconclusive", "subject": "undecided",
			"message": sprintf("%d of %s to the %s are inconclusive: %s", [
				count(open), lib.amount(tested, "forged request", "forged requests"), text.receiver(environment),
				concat("; ", parts),
			]),
			"evidence": object.union(
				{
					"undecided": {class: text.cases(responses.of_class(open, class)) | some class in found(open)},
					"statuses": responses.statuses(open),
				},
				open_replay(environment, open),
			),
		},
		way_out(environment, open),
	))
}

# open_replay is how to see one of the responses that decide nothing, where any request was sent.
open_replay(environment, open) := {"replay": text.replay(environment, sent)} if {
	sent := [item.fact | some item in open; not item.fact.not_sent]
	count(sent) > 0
} else := {}

none_sent(environment, items) := {one |
	every item in items {
		item.class in {"exempt", "meaningless", "tolerated"}
	}
	one := finding(environment, {
		"outcome": "inconclusive", "subject": "undecided",
		"message": sprintf("No forged request of this kind could be sent to the %s", [text.receiver(environment)]),
		"evidence": {"not_sent": sort({item.fact.not_sent | some item in items; item.fact.not_sent})},
		"next_step": unsent_step(environment),
	})
}

unsent_step(environment) := obstacles.unsigned(environment).next_step if {
	responses.baselines[environment].recorded
} else := "Audit this environment with full probing and with its key."

left_out_why(environment, class, members) := sprintf(" (%s)", [left_out(environment, members).why]) if {
	class == "left_out"
	left_out(environment, members)
} else := ""

# left_out is the obstacle that kept requests from being sent; undefined where none is known.
left_out(environment, members) := obstacles.unsigned(environment) if {
	obstacles.unsigned(environment)
} else := obstacles.other_key(environment) if {
	{item.fact.not_sent | some item in members} == {"no_key"}
} else := obstacles.gave_up(environment)

# way_out is the next step for what is open and, where all of it has one cause, that cause.
way_out(environment, open) := object.union({"next_step": ways[0].next_step}, shared_cause(ways)) if {
	ways := [way(environment, class, responses.of_class(open, class)) | some class in found(open)]
}

shared_cause(ways) := {"cause": ways[0].cause} if {
	count({one.cause | some one in ways}) == 1
} else := {}

way(environment, "left_out", members) := left_out(environment, members)

way(environment, "left_out", members) := obstacles.not_sent(environment) if not left_out(environment, members)

way(environment, class, _) := obstacles.unproven(environment) if class in {"unproven", "same"}

way(environment, "unwitnessed", _) := obstacles.unstable(environment)

way(environment, "queued", _) := obstacles.queue(environment)

way(environment, "firewall", _) := obstacles.firewall(environment)

way(environment, "busy", _) := obstacles.busy(environment)

way(environment, class, _) := obstacles.not_4xx(environment) if class in {"failed", "acknowledged", "redirected"}

way(environment, "shadowed", _) := obstacles.simpler_forgery(environment)
