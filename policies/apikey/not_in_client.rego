# METADATA
# title: API keys must not be exposed in client-side code
# description: |
#   No configured key, in any usual encoding, may be in the declared bundles, app packages and live pages, their scripts and
#   source maps; and no client code may call the provider's session API or send its key header, which only a server may.
# custom:
#   id: api-key.not-in-client
#   order: 40
#   section: Protect your API key
#   items: [1]
#   level: required
#   severity: critical
#   cwe: ["CWE-798", "CWE-522"]
#   owasp_asvs: ["v5.0.0-13.3.1"]
#   remediation: |
#     Rotate the key at once: everybody who loaded the client has it. Create sessions on the server, and give the client only
#     the URL that the session API returns. Build tools put variables with prefixes such as NEXT_PUBLIC_ or VITE_ into the
#     client.
#   sources: ["Begini Security Checklist, Psychometric Integration, 1 (2026-04-14)"]
#   facts: [client.hit, client.status, client.api_call]
package prelaunch.checks.api_key.not_in_client

import data.prelaunch.lib
import data.prelaunch.lib.exposure

statuses := input.facts["client.status"]

alive := [hit | some hit in exposure.client_hits; not exposure.dead(hit)]

places := {[hit.key_environment, hit.target, hit.path] | some hit in alive}

findings contains lib.finding({
	"outcome": "fail", "environment": where[0], "subject": concat(" ", [where[1], where[2]]), "target": where[1],
	"message": sprintf("%s of %s reaches clients in %s", [exposure.role_of(list[0]), where[0], where[2]]),
	"evidence": {"target": where[1], "path": where[2], "places": exposure.spots(list)},
}) if {
	some where in places
	list := [hit | some hit in alive; [hit.key_environment, hit.target, hit.path] == where]
}

findings contains lib.finding({
	"outcome": "warn", "environment": hit.key_environment, "subject": concat(" ", ["dead key:", hit.target, hit.path]),
	"target": hit.target,
	"message": sprintf("a retired key of %s, which is refused by now, still reaches clients in %s", [hit.key_environment, hit.path]),
	"evidence": {"target": hit.target, "path": hit.path, "fingerprint": hit.fingerprint},
}) if {
	some hit in exposure.client_hits
	exposure.dead(hit)
}

messages := {
	"session_api": "client code calls the provider's session API, which takes the key: %s",
	"key_header": "client code sends the provider's key header: %s",
}

made := [call | some call in input.facts["client.api_call"]; call.with_host]

findings contains lib.finding({
	"outcome": "fail", "environment": call.environment, "subject": concat(" ", [call.what, call.target, call.path]),
	"target": call.target,
	"message": sprintf(messages[call.what], [call.path]),
	"evidence": {"target": call.target, "path": call.path, "member": call.member, "what": call.what},
}) if {
	some call in made
}

# split are clients that name the API's host in one file and the path of its session API in another.
split contains call if {
	some call in input.facts["client.api_call"]
	not call.with_host
	some status in statuses
	status.target == call.target
	status.names_api
}

findings contains lib.finding({
	"outcome": "inconclusive", "environment": call.environment, "subject": concat(" ", ["perhaps", call.what, call.target, call.path]),
	"target": call.target,
	"message": sprintf("%s names the path of the provider's session API, and another file of %s the API's host; whether it is called from the client cannot be told", [call.path, call.target]),
	"evidence": {"reason": "not_decided", "target": call.target, "path": call.path},
}) if {
	some call in split
}

findings contains lib.finding({
	"outcome": "inconclusive", "subject": "not declared",
	"message": "no client is declared: name what reaches browsers and phones under clients, or say `clients: []`",
	"evidence": {"reason": "not_declared", "option": "clients"},
}) if {
	not lib.has_section("clients")
}

findings contains lib.declared_empty("clients", "client") if {
	lib.has_section("clients")
	count(input.integration.clients) == 0
}

findings contains lib.incomplete("", "client.hit") if {
	count(input.integration.clients) > 0
	not lib.complete("client.hit")
}

states := {
	"missing": "it does not exist",
	"empty": "there is nothing in it",
	"unreadable": "it cannot be read",
	"unreachable": "it cannot be fetched",
}

reasons(status) := sort(({states[status.state]} | {sprintf("%s: %s", [gap.path, gap.reason]) | some gap in status.gaps})) if {
	states[status.state]
} else := sort({sprintf("%s: %s", [gap.path, gap.reason]) | some gap in status.gaps} | {"there are more hits than are listed" | status.hits_cut > 0})

partly contains status if {
	some status in statuses
	count(reasons(status)) > 0
}

findings contains lib.finding({
	"outcome": "inconclusive", "environment": status.environment, "subject": concat(" ", ["not searched in full:", status.target]),
	"target": status.target,
	"message": sprintf("%s was not searched in full: %s", [status.target, exposure.shorter(reasons(status))]),
	"evidence": {"reason": "not_looked_at", "target": status.target, "gaps": array.slice(reasons(status), 0, 20)},
}) if {
	some status in partly
}

findings contains finding if some finding in exposure.unsearchable(statuses)

whole if {
	count(statuses) > 0
	lib.complete("client.hit")
	count(partly) == 0
	count(exposure.too_short(statuses)) == 0
}

findings contains lib.finding({
	"outcome": "pass", "subject": "searched",
	"message": "no key reaches the declared clients, and their code does not call the provider's API",
	"evidence": {
		"clients": {status.target: {"files": status.files, "bytes": status.bytes} | some status in statuses},
		"other_sites": sort({host | some status in statuses; some host in status.other_sites}),
		"searched_by_fingerprint_only": exposure.by_fingerprint(statuses),
		"own_paths_of_that_name": sort({call.path | some call in input.facts["client.api_call"]}),
	},
}) if {
	whole
	(count(alive) + count(made)) + count(split) == 0
}
