# METADATA
# description: |
#   The words of findings about a receiver: families of test cases, what responses show, errors, lists of cases.
package prelaunch.lib.text

import data.prelaunch.lib
import data.prelaunch.lib.responses

# receiver names the receiver of an environment at the start of a message.
receiver(environment) := sprintf("%s receiver", [lib.label(environment)])

# families are, by the name that facts and finding ids use, the name that is printed and, among others, words that
# complete "the receiver accepted …". They are data, made from the table of families (go test ./probes/webhook/cases
# -update).
families := data.prelaunch.families

# family is the printed name of a family.
family(id) := object.get(object.get(families, id, {}), "name", id)

# shows are, by class, words that complete "N requests …".
shows := {
	"acknowledged": "got a 2xx that differs from the response to valid events",
	"redirected": "got a redirect",
	"failed": "got a 5xx or no response",
	"busy": "got 429 or 503, also after waiting",
	"firewall": "were stopped by a firewall before the receiver",
	"same": "got the response that an event which is not forged gets, too",
	"unproven": "got a 4xx, but no correct signature was seen to make a difference",
	"unwitnessed": "got a 4xx while valid events were rejected, too",
	"queued": "got an acknowledgment before verification",
	"left_out": "could not be sent",
	"shadowed": "succeeded only because a simpler forgery does, which another check reports",
}

# errors are, by class of error, words for a request that got no complete response.
errors := {
	"timeout": "no response in time",
	"reset": "the connection was closed without a response",
	"refused": "the connection was refused",
	"no_route": "there is no route to it",
	"no_address": "its name has no address",
	"lookup_failed": "the DNS lookup of its name failed",
	"blocked": "its address is link-local, cloud metadata or private (--allow-address permits one)",
	"certificate": "its certificate does not verify",
	"client_certificate": "it asks for a client certificate (network.client_certificate)",
	"tls": "no TLS connection could be set up",
	"not_tls": "it does not speak TLS",
	"header_too_large": "its response header is too large",
	"malformed": "its response is not valid HTTP",
	"truncated": "its response is truncated",
	"endless": "its response does not end",
	"url": "the webhook URL is not valid",
}

error(class) := object.get(errors, class, "the request failed")

# response is the status of an exchange, or why there is none.
response(x) := sprintf("%d", [x.status]) if {
	x.status
	not x.error
} else := error(x.error)

responses_of(list) := concat(", ", sort({response(x) | some x in list}))

# case_name is the name of an exchange's case, FAMILY/CASE, with the type of its event where the case is sent for each
# type.
case_name(x) := sprintf("%s (%s)", [label(x), x.event_type]) if {
	x.case in {"absent", "random"}
} else := label(x)

label(x) := sprintf("%s/%s", [family(x.family), x.case])

labels(facts) := sort({label(x) | some x in facts})

cases(items) := sort({case_name(item.fact) | some item in items})

# replay is the command that sends the first of these exchanges again and shows it.
replay(environment, facts) := sprintf("prelaunch replay %s --environment %s", [
	min({replayed(x) | some x in facts}),
	environment,
])

# repeated is the command that reproduces what no single request shows.
repeated(environment, check) := sprintf("prelaunch audit --only %s --environment %s", [check, environment])

# replayed is the name by which a case is sent again. Valid events go by their type, and what is sent to every instance
# by the case that it is.
replayed(x) := sprintf("valid/%s", [x.event_type]) if {
	x.family in {"baseline", "type", "control"}
} else := sprintf("%s/%s", [family(x.family), x.case]) if {
	x.family
} else := {"unsigned": "unsigned/absent", "wrong-key": "guessable-key/random-key"}[x.case] if {
	x.case in {"unsigned", "wrong-key"}
} else := "valid"

# few lists the cases for a message, the first of them where there are many; the evidence has all.
few(items) := concat(", ", cases(items)) if {
	count(cases(items)) <= 4
} else := concat(", ", kinds(items)) if {
	count(kinds(items)) <= 4
} else := sprintf("%s and %d more", [concat(", ", array.slice(kinds(items), 0, 3)), count(kinds(items)) - 3])

# pattern says what items have in common that nothing else among all has, such as "every body that is not JSON"; where
# there is no such thing, or it holds for a few only, it lists the cases.
pattern(items, all) := few(items) if {
	count(common(items, all)) == 0
} else := every_of(items, all) if {
	count(outside(items, all)) == 0
} else := sprintf("%s; also %s", [every_of(items, all), few(outside(items, all))])

every_of(items, all) := concat(" and ", [sprintf("every %s", [trait]) | some trait in sort(common(items, all))])

# common are the traits of three items at least that no request outside items has; one that only some of the items of
# another have is left out.
common(items, all) := {trait |
	some trait in complete(items, all)
	every other in complete(items, all) {
		not narrower(items, trait, other)
	}
}

complete(items, all) := {trait |
	some item in items
	some trait in item.fact.traits
	count(with_trait(items, trait)) >= 3
	count(with_trait(items, trait)) == count(with_trait(all, trait))
}

narrower(items, trait, other) if {
	count(with_trait(items, trait) - with_trait(items, other)) == 0
	count(with_trait(items, trait)) < count(with_trait(items, other))
}

with_trait(items, trait) := {case_name(item.fact) | some item in items; trait in item.fact.traits}

outside(items, all) := [item |
	some item in items
	count({trait | some trait in item.fact.traits} & common(items, all)) == 0
]

kinds(items) := sort({label(item.fact) | some item in items})

# queue is what keeps a receiver that verifies behind a queue from being observed.
queue(environment) := sprintf(
	"acknowledges every request before verifying it, and %s",
	[observer(responses.baselines[environment].observer)],
)

observers := {
	"": "no effects observer is configured",
	"not_allowed": "the effects observer was not run (it needs --allow-commands)",
	"failed": "the effects observer could not be run",
	"fixed_uids": "with probe_uids an effects observer cannot distinguish events",
	"credulous": "the effects observer reports an event that was never sent as processed",
}

observer(state) := object.get(observers, state, "the effects observer did not see a later valid event processed")
