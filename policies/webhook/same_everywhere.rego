# METADATA
# title: Every backend instance verifies signatures
# description: |
#   Several machines may share one name, and a deployment may have missed one. Unsigned and incorrectly signed events on
#   many new connections, spread over every address, are all rejected alike. How small a share of unpatched instances
#   that can show depends on the number of connections: thirty show a share of 10 % with a confidence of 95 %, if
#   connections are spread at random.
# custom:
#   id: webhook.same-everywhere
#   order: 170
#   section: Verify all webhook requests
#   level: required
#   severity: high
#   cwe: ["CWE-347"]
#   owasp_asvs: ["v5.0.0-4.1.5"]
#   per_environment: true
#   passes: |
#     Every unsigned and incorrectly signed event on 30 new connections each, spread over every address of the name,
#     is rejected.
#   fails: |
#     One of them is accepted; the finding names the address. Rejections with different statuses warn.
#   remediation: |
#     Roll the same build and configuration out to every instance and address, and remove those that do not start.
#   facts: [webhook.baseline, webhook.exchange, webhook.instance]
package prelaunch.checks.webhook.same_everywhere

import data.prelaunch.lib
import data.prelaunch.lib.responses
import data.prelaunch.lib.text
import data.prelaunch.lib.verdict

draws(environment) := [draw |
	some x in input.facts["webhook.instance"]
	x.environment == environment
	draw := {"fact": x, "class": responses.instance_class(x, responses.baselines[environment])}
]

# Draws to an address to which this machine has no route are not tested, and the pass says so.
unrouted(draw) if draw.fact.error == "no_route"

forged(environment) := [draw | some draw in draws(environment); draw.fact.case != "genuine"; not unrouted(draw)]

not_tested(environment) := addresses([draw | some draw in draws(environment); unrouted(draw)])

addresses(list) := sort({draw.fact.address | some draw in list})

number(list) := sum([draw.fact.draws | some draw in list])

accepted(environment) := responses.of_class(forged(environment), "accepted")

rejected(environment) := responses.of_class(forged(environment), "rejected")

open(environment) := [draw | some draw in forged(environment); not draw.class in {"accepted", "rejected"}]

# strays are valid events that an address did not accept as others did.
strays(environment) := [draw |
	some draw in draws(environment)
	draw.fact.case == "genuine"
	not responses.successful(draw.fact.status)
	not unrouted(draw)
]

# share is the smallest share of unpatched instances, in percent, that n connections miss with a probability of at most
# 5 %.
share(n) := smallest if {
	connections := numbers.range(1, n)
	smallest := min({percent |
		some percent in numbers.range(1, 100)
		kept := 1 - (percent / 100)
		product([kept | some _ in connections]) <= 0.05
	})
}

fewest(environment) := min({number([draw | some draw in rejected(environment); draw.fact.case == name]) |
	some name in {"unsigned", "wrong-key"}
})

# unreached are addresses that no connection reached.
unreached(environment) := addresses_of_name - (reached | {address | some address in not_tested(environment)}) if {
	addresses_of_name := {address | some address in responses.baselines[environment].addresses}
	reached := {draw.fact.address | some draw in forged(environment); draw.fact.status > 0}
}

enough(environment) if {
	fewest(environment) >= 3
	count(unreached(environment)) == 0
	responses.baselines[environment].complete
}

# different are the statuses of rejections where one and the same request got several.
different(environment) := sort({sprintf("%d", [draw.fact.status]) |
	some draw in rejected(environment)
	some other in rejected(environment)
	draw.fact.case == other.fact.case
	draw.fact.status != other.fact.status
})

findings contains verdict.blocker(environment, forged(environment)) if some environment, _ in lib.environments

findings contains verdict.finding(environment, object.union(about(environment), {"subject": "instances"})) if {
	some environment, _ in lib.environments
	not verdict.blocker(environment, forged(environment))
	not bridged(environment)
}

# bridged holds where all requests were rejected, though nothing but Test shows that a correct signature makes a
# difference.
bridged(environment) if {
	responses.bridged(environment)
	not verdict.blocker(environment, forged(environment))
	not verdict.blocker(lib.reference, forged(lib.reference))
	about(lib.reference).outcome == "pass"
	count(forged(environment)) > 0
	every draw in forged(environment) {
		draw.class in {"rejected", "unproven", "unwitnessed", "same"}
	}
}

findings contains verdict.bridged(environment, "instances", about(lib.reference).message) if {
	some environment, _ in lib.environments
	bridged(environment)
}

# order is that of the cases: the first that holds is reported.
order := ["accepted", "open", "stray", "too few", "unresolved", "different", "rejected"]

about(environment) := [fields | some case in order; fields := concluded(case, environment)][0]

forgeries(environment) := lib.amount(number(forged(environment)), "forged request", "forged requests")

# kinds are the cases of the draws, as they are sent again.
kinds(list) := sort({text.replayed(draw.fact) | some draw in list})

concluded("accepted", environment) := {
	"outcome": "fail",
	"message": sprintf("%s accepted %d of %s on new connections (%s), at %s", [
		text.receiver(environment), number(accepted(environment)), forgeries(environment),
		concat(", ", kinds(accepted(environment))), concat(", ", addresses(accepted(environment))),
	]),
	"evidence": {
		"accepted": number(accepted(environment)), "draws": number(forged(environment)),
		"addresses": addresses(accepted(environment)), "cases": kinds(accepted(environment)),
		"replay": text.repeated(environment, "webhook.same-everywhere"),
	},
} if {
	count(accepted(environment)) > 0
}

concluded("open", environment) := object.union(
	verdict.way_out(environment, open(environment)),
	{
		"outcome": "inconclusive",
		"message": sprintf("%d of %s to the %s on new connections are inconclusive: %s", [
			number(open(environment)), forgeries(environment), text.receiver(environment), concat("; ", words),
		]),
		"evidence": {
			"undecided": number(open(environment)), "draws": number(forged(environment)),
			"addresses": addresses(open(environment)),
			"replay": text.repeated(environment, "webhook.same-everywhere"),
		},
	},
) if {
	count(open(environment)) > 0
	words := [sprintf("%d %s", [number(responses.of_class(open(environment), class)), text.shows[class]]) |
		some class in verdict.found(open(environment))
	]
}

concluded("stray", environment) := {
	"outcome": "inconclusive",
	"message": sprintf("%s did not respond with {{status}} to a valid event at %s", [
		text.receiver(environment), concat(", ", addresses(strays(environment))),
	]),
	"evidence": {
		"addresses": addresses(strays(environment)),
		"replay": text.repeated(environment, "webhook.same-everywhere"),
	},
	"next_step": "Make every address accept valid events (see webhook.accepts-genuine), and audit again.",
} if {
	responses.baselines[environment].genuine
	count(strays(environment)) > 0
}

concluded("too few", environment) := {
	"outcome": "inconclusive",
	"message": sprintf("%s responded to too few forged requests on new connections, or not at every address", [
		text.receiver(environment),
	]),
	"evidence": {"addresses": sort(unreached(environment)), "draws": number(forged(environment))},
	"next_step": "Audit again when every address of the endpoint responds.",
} if {
	not enough(environment)
}

concluded("unresolved", environment) := {
	"outcome": "inconclusive",
	"message": sprintf(
		"%s may have more addresses than those that rejected forged requests: its %s records could not be looked up",
		[text.receiver(environment), concat(" and ", responses.baselines[environment].unresolved)],
	),
	"evidence": {"addresses": addresses(rejected(environment)), "draws": number(forged(environment))},
	"next_step": "Make DNS respond for A and AAAA records, or name the addresses under `network: {resolve: …}`, and audit again.",
	"cause": sprintf("webhook.lookup/%s", [environment]),
} if {
	count(object.get(responses.baselines[environment], "unresolved", [])) > 0
}

concluded("different", environment) := {
	"outcome": "warn",
	"message": sprintf("%s rejected the same forged request on new connections with different statuses: %s", [
		text.receiver(environment), concat(", ", different(environment)),
	]),
	"evidence": {
		"refused": number(rejected(environment)), "answers": different(environment),
		"replay": text.repeated(environment, "webhook.same-everywhere"),
	},
} if {
	count(different(environment)) > 0
}

concluded("rejected", environment) := {
	"outcome": "pass",
	"message": sprintf("%s rejected %s on new connections to %s; %s%s", [
		text.receiver(environment), lib.all_of(number(rejected(environment)), "forged request"),
		lib.amount(count(addresses(rejected(environment))), "address", "addresses"),
		sprintf("unpatched instances with a share of %d %% or more would show with 95 %% confidence", [percent]),
		not_tested_words(environment),
	]),
	"evidence": {
		"draws": number(rejected(environment)), "addresses": addresses(rejected(environment)),
		"not_tested": not_tested(environment), "share_percent": percent, "confidence_percent": 95,
	},
} if {
	percent := share(fewest(environment))
}

not_tested_words(environment) := sprintf(
	"; %s not tested (no route from this machine)",
	[lib.amount(n, "address", "addresses")],
) if {
	n := count(not_tested(environment))
	n > 0
} else := ""
