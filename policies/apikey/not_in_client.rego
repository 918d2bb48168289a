# METADATA
# title: "{{Keys}} must not be exposed in client-side code"
# description: |
#   No configured key, in any usual encoding, may be in the declared bundles, app packages and live pages, their scripts
#   and source maps; and no client code may call the provider's session API or send its key header, which only a server
#   may.
# custom:
#   id: api-key.not-in-client
#   order: 40
#   section: "Protect your {{key}}"
#   needs: [secret]
#   level: required
#   severity: critical
#   severity_of_endpoint: high
#   cwe: ["CWE-798", "CWE-522"]
#   owasp_asvs: ["v5.0.0-13.3.1"]
#   passes: |
#     Every declared bundle, app package and page, with its scripts and source maps, was searched to its end, none
#     contains a key, and none calls the provider's session API.
#   fails: |
#     One contains a key, or calls the session API or sends its key header, which only a server may.
#   remediation: |
#     Rotate the key at once: everybody who loaded the client has it. Create sessions on the server, and give the client
#     only the URL that the session API returns. Build tools put variables with prefixes such as NEXT_PUBLIC_ or VITE_
#     into the client.
#   facts: [client.hit, client.status, client.api_call]
package prelaunch.checks.api_key.not_in_client

import data.prelaunch.lib
import data.prelaunch.lib.exposure

statuses := input.facts["client.status"]

alive := [hit | some hit in exposure.client_hits; not exposure.dead(hit)]

places := {[hit.key_environment, hit.target, hit.path] | some hit in alive}

findings contains lib.finding({
	"outcome": "fail", "environment": where[0], "subject": concat(" ", [where[1], where[2]]), "target": where[1],
	"message": sprintf("%s is exposed in client-side code of %s: %s", [
		exposure.key_name(list[0]), where[1], exposure.spot(where[2], list[0]),
	]),
	"cause": exposure.cause(list[0]),
	"evidence": {"target": where[1], "path": where[2], "places": exposure.spots(list)},
}) if {
	some where in places
	list := [hit | some hit in alive; [hit.key_environment, hit.target, hit.path] == where]
}

findings contains lib.finding({
	"outcome": "warn", "environment": hit.key_environment, "subject": concat(" ", ["dead key:", hit.target, hit.path]),
	"target": hit.target,
	"message": sprintf("%s, which is rejected by now, is still in client-side code of %s: %s", [
		exposure.key_name(hit), hit.target, exposure.spot(hit.path, hit),
	]),
	"evidence": {"target": hit.target, "path": hit.path, "fingerprint": hit.fingerprint},
}) if {
	some hit in exposure.client_hits
	exposure.dead(hit)
}

messages := {
	"session_api": "Client code of %s calls the provider's session API, which requires the key: %s",
	"key_header": "Client code of %s sends the provider's key header: %s",
}

made := [call | some call in input.facts["client.api_call"]; call.with_host]

findings contains lib.finding({
	"outcome": "fail", "environment": call.environment, "subject": concat(" ", [call.what, call.target, call.path]),
	"target": call.target,
	"message": sprintf(messages[call.what], [call.target, call.path]),
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
	"outcome": "inconclusive", "environment": call.environment,
	"subject": concat(" ", ["perhaps", call.what, call.target, call.path]),
	"target": call.target,
	"message": sprintf("Client code of %s may call the session API: %s has its path, another file its host", [
		call.target, call.path,
	]),
	"next_step": "Review whether the client makes this call; if not, keep the API's host out of what is delivered.",
	"evidence": {"reason": "not_decided", "target": call.target, "path": call.path},
}) if {
	some call in split
}

findings contains lib.finding(object.union(declare, {
	"outcome": "inconclusive", "subject": "not declared",
	"message": "Clients are not declared, so nothing was searched",
	"evidence": {"reason": "not_declared", "option": "clients"},
})) if {
	not lib.has_section("clients")
}

declare := lib.declare(
	"clients", "Declare everything that browsers and phones get (`clients: []` if there is nothing)",
	[
		"clients:", "  - {path: ./dist, environment: production}",
		"  - {url: https://app.acme.example/, environment: production}",
	],
)

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
	"empty": "it is empty",
	"unreadable": "it cannot be read",
	"unreachable": "it cannot be fetched",
}

reasons(status) := sort(({states[status.state]} | {sprintf("%s: %s", [gap.path, gap.reason]) |
	some gap in status.gaps
})) if {
	states[status.state]
} else := sort(union({
	{sprintf("%s: %s", [gap.path, gap.reason]) | some gap in status.gaps},
	{"there are more findings than are listed" | status.hits_cut > 0},
}))

partly contains status if {
	some status in statuses
	count(reasons(status)) > 0
}

findings contains lib.finding({
	"outcome": "inconclusive", "environment": status.environment,
	"subject": concat(" ", ["not searched in full:", status.target]),
	"target": status.target,
	"message": sprintf("Client %s was not searched in full: %s", [status.target, exposure.shorter(reasons(status))]),
	"next_step": "Make the listed places readable, and audit again.",
	"cause": sprintf("client.not-searched/%s", [status.target]),
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
	"message": "No {{key}} is in the declared clients, and their code does not call the provider's session API",
	"evidence": object.union(exposure.searched_less(statuses), {
		"clients": {status.target: {"files": status.files, "bytes": status.bytes} | some status in statuses},
		"other_sites": sort({host | some status in statuses; some host in status.other_sites}),
		"own_paths_of_that_name": sort({call.path | some call in input.facts["client.api_call"]}),
	}),
}) if {
	whole
	(count(alive) + count(made)) + count(split) == 0
}
