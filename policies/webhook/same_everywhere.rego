# METADATA
# title: Every instance verifies
# description: |
#   Behind one name may stand several machines, and a deployment may have missed one. Unsigned and wrongly signed events on many new
#   connections, spread over every address, are refused alike. How small a share of bad instances that can show depends on how many
#   connections there were: thirty see a share of 10 % with a confidence of 95 %, if connections are spread by chance.
# custom:
#   id: webhook.same-everywhere
#   order: 170
#   section: Verify all webhook requests
#   items: [2]
#   level: required
#   severity: high
#   per_environment: true
#   remediation: |
#     Roll the same build and configuration out to every instance and address, and take out what does not come up.
#   sources: ["Begini Security Checklist, Psychometric Integration, 2 (2026-04-14)"]
#   facts: [webhook.baseline, webhook.exchange, webhook.instance]
package prelaunch.checks.webhook.same_everywhere

import data.prelaunch.lib
import data.prelaunch.reading

draws(environment) := [draw |
	some x in input.facts["webhook.instance"]
	x.environment == environment
	draw := {"fact": x, "means": reading.drawn(x, reading.baselines[environment])}
]

# Draws to an address to which this machine has no route are not tested, and that is said.
forged(environment) := [draw | some draw in draws(environment); draw.fact.case != "genuine"; not unrouted(draw.fact)]

unrouted(x) if x.error == "no_route"

beyond(environment) := sort({draw.fact.address | some draw in draws(environment); unrouted(draw.fact)})

untested(environment) := sprintf("; %d more addresses were not tested, since this machine has no route to them", [count(beyond(environment))]) if {
	count(beyond(environment)) > 0
} else := ""

sum_of(list) := sum([draw.fact.draws | some draw in list])

accepted(environment) := [draw | some draw in forged(environment); draw.means == "accepted"]

open(environment) := [draw | some draw in forged(environment); not draw.means in {"accepted", "refused"}]

refused(environment) := [draw | some draw in forged(environment); draw.means == "refused"]

# astray are genuine events that an address did not take as others did.
astray(environment) := [draw |
	some draw in draws(environment)
	draw.fact.case == "genuine"
	draw.fact.status != 200
	not unrouted(draw.fact)
]

addresses(list) := sort({draw.fact.address | some draw in list})

# share is the smallest share of bad instances, in percent, that n connections miss with a probability of at most 5 %.
share(n) := smallest if {
	connections := numbers.range(1, n)
	smallest := min({percent |
		some percent in numbers.range(1, 100)
		kept := 1 - (percent / 100)
		product([kept | some _ in connections]) <= 0.05
	})
}

fewest(environment) := min({sum_of([draw | some draw in refused(environment); draw.fact.case == name]) | some name in {"unsigned", "wrong-key"}})

# untouched are addresses that no connection reached.
untouched(environment) := ({address | some address in reading.baselines[environment].addresses} - {draw.fact.address | some draw in forged(environment); draw.fact.status > 0}) - {address | some address in beyond(environment)}

findings contains finding if {
	some environment, _ in lib.environments
	some finding in judge(environment)
}

judge(environment) := {reading.unread(environment)} if {
	reading.unread(environment)
} else := {lib.finding({
	"outcome": "inconclusive", "environment": environment, "subject": "queued", "target": reading.url(environment),
	"message": sprintf("the receiver acknowledges everything before it verifies, and %s", [reading.observer_words(environment)]),
	"evidence": {"reason": "queued"},
})} if {
	reading.queued_unobserved(environment)
	count(accepted(environment)) == 0
} else := {lib.finding({
	"outcome": "fail", "environment": environment, "subject": "verification", "target": reading.url(environment),
	"message": "verification cannot be observed: events under a random signature are answered as genuine ones are",
	"evidence": {"statuses": reading.baselines[environment].wrong_statuses},
})} if {
	reading.unobservable(environment)
} else := {lib.finding({
	"outcome": "fail", "environment": environment, "subject": "instances", "target": reading.url(environment),
	"message": sprintf("%d of %d forgeries on new connections were accepted (%s), at %s", [
		sum_of(accepted(environment)), sum_of(forged(environment)), concat(", ", sort({draw.fact.case | some draw in accepted(environment)})),
		concat(", ", addresses(accepted(environment))),
	]),
	"evidence": {"accepted": sum_of(accepted(environment)), "draws": sum_of(forged(environment)), "addresses": addresses(accepted(environment)), "cases": sort({draw.fact.case | some draw in accepted(environment)})},
})} if {
	count(accepted(environment)) > 0
} else := {lib.finding({
	"outcome": "inconclusive", "environment": environment, "subject": "instances",
	"target": reading.url(environment),
	"message": sprintf("%d of %d forgeries on new connections were neither accepted nor refused (%s)", [sum_of(open(environment)), sum_of(forged(environment)), words(open(environment))]),
	"evidence": {"undecided": sum_of(open(environment)), "draws": sum_of(forged(environment)), "addresses": addresses(open(environment))},
})} if {
	count(open(environment)) > 0
} else := {lib.finding({
	"outcome": "inconclusive", "environment": environment, "subject": "instances",
	"target": reading.url(environment),
	"message": sprintf("a genuine event was not answered with 200 at %s", [concat(", ", addresses(astray(environment)))]),
	"evidence": {"addresses": addresses(astray(environment))},
})} if {
	reading.baselines[environment].genuine
	count(astray(environment)) > 0
} else := {lib.finding({
	"outcome": "inconclusive", "environment": environment, "subject": "instances",
	"target": reading.url(environment),
	"message": "no forgery on a new connection was answered at every address",
	"evidence": {"addresses": sort(untouched(environment)), "draws": sum_of(forged(environment))},
})} if {
	not enough(environment)
} else := {lib.finding({
	"outcome": "warn", "environment": environment, "subject": "instances", "target": reading.url(environment),
	"message": sprintf("forgeries on new connections were refused, but not alike: with %s", [concat(", ", different(environment))]),
	"evidence": {"refused": sum_of(refused(environment)), "answers": different(environment)},
})} if {
	count(different(environment)) > 0
} else := {lib.finding({
	"outcome": "pass", "environment": environment, "subject": "instances", "target": reading.url(environment),
	"message": sprintf("%d forgeries on as many new connections to %d addresses were refused: instances that do not verify would be seen with 95 %% confidence if they took %d %% of the connections or more%s", [
		sum_of(refused(environment)), count(addresses(refused(environment))), share(fewest(environment)), untested(environment),
	]),
	"evidence": {"draws": sum_of(refused(environment)), "addresses": addresses(refused(environment)), "not_tested": beyond(environment), "share_percent": share(fewest(environment)), "confidence_percent": 95},
})}

enough(environment) if {
	fewest(environment) >= 3
	count(untouched(environment)) == 0
	reading.baselines[environment].complete
}

# different are the statuses of refusals where one and the same request got several.
different(environment) := sort({sprintf("%d", [draw.fact.status]) |
	some draw in refused(environment)
	some other in refused(environment)
	draw.fact.case == other.fact.case
	draw.fact.status != other.fact.status
})

words(list) := concat("; ", sort({sprintf("%d %s", [sum_of([d | some d in list; d.means == draw.means]), reading.reasons[draw.means]]) | some draw in list}))
