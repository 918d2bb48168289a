# METADATA
# title: The webhook endpoint is reachable over HTTPS on every address
# description: |
#   The provider may connect to any address that the host's name has, IPv4 and IPv6. Each must complete a TLS handshake
#   and respond over HTTP; a 502, 503 or 504 is a gateway's response and proves nothing. A redirect warns, because the
#   provider counts it as a failure; one in a circle or to plain http fails. An address to which this machine itself has
#   no route is not tested, and the finding says so.
#
#   Where an IP allowlist is attested and this machine is not on it (vantage: public), not getting through proves
#   nothing.
# custom:
#   id: https.webhook-reachable
#   order: 180
#   section: Use HTTPS everywhere
#   level: required
#   severity: critical
#   cwe: ["CWE-319"]
#   owasp_asvs: ["v5.0.0-12.2.1"]
#   passes: |
#     Every address of the host completes a TLS handshake and gives a response of its own over HTTP.
#   fails: |
#     An address accepts no connection, breaks off the handshake or does not respond, or the endpoint redirects in a
#     circle or to plain HTTP. Another redirect warns.
#   remediation: |
#     Let every address in the host's A and AAAA records serve the webhook over HTTPS on the configured port, or take
#     those that do not out of DNS. Register the final URL rather than one that redirects to it. Behind an allowlist,
#     run the audit from an admitted machine and say `network: {vantage: allowlisted}`.
#   sources:
#     - RFC 9110 section 4.2.2 (the https URI scheme)
#   facts: [https.endpoint, https.url]
#   per_environment: true
package prelaunch.checks.https.webhook_reachable

import data.prelaunch.lib
import data.prelaunch.lib.https

findings contains https.unseen(environment) if {
	some environment, _ in lib.environments
	not https.webhook_url[environment]
}

findings contains lib.declared({
	"outcome": "fail", "environment": environment, "subject": "not https", "target": url.url,
	"message": sprintf("%s webhook URL is %s, not https: events and signatures would be sent in plain text", [
		lib.label(environment), url.scheme,
	]),
	"evidence": {"url": url.url, "scheme": url.scheme, "is_cause": true},
	"cause": sprintf("webhook.plain-http/%s", [environment]),
}) if {
	some environment, url in https.webhook_url
	url.scheme != "https"
}

# The name has no address to connect to.
findings contains lib.finding({
	"outcome": unreachable(endpoint.resolution.kind), "environment": environment, "subject": "resolution",
	"target": url.url,
	"message": sprintf("%s webhook host %s %s", [
		lib.label(environment), endpoint.host, resolution[endpoint.resolution.kind],
	]),
	"next_step": reach_step,
	"cause": sprintf("webhook.unreachable/%s", [environment]),
	"evidence": {"host": endpoint.host, "resolution": endpoint.resolution.kind, "is_cause": true},
}) if {
	some environment, url in https.webhook_url
	endpoint := https.webhook_endpoint[environment]
	endpoint.resolution.kind != "ok"
}

resolution := {
	"none": "has no address in DNS",
	"not_found": "does not exist in DNS",
	"refused": "is not reachable at this port (network.resolve has no entry for it)",
	"timeout": "could not be looked up in time",
	"error": "could not be looked up",
}

reach_step := "Audit from a machine that the endpoint admits, and say so:\nnetwork:\n  vantage: allowlisted" if {
	behind_allowlist
} else := "Audit again from a machine that can reach every address of the endpoint."

findings contains object.union(https.some_addresses(environment), {"evidence": {"is_cause": true}}) if {
	some environment, _ in lib.environments
}

# Addresses that could not be connected to, grouped by how they failed.
findings contains lib.finding(object.union(waited_for(environment, url), {
	"outcome": unreachable(kind), "environment": environment, "subject": sprintf("address %s", [kind]),
	"target": url.url,
	"message": sprintf("%s webhook host %s: %d of %s %s%s", [
		lib.label(environment), endpoint.host, count(addresses),
		lib.amount(count(endpoint.addresses), "address", "addresses"), https.words[kind], allowlisted,
	]),
	"next_step": reach_step,
	"evidence": {"host": endpoint.host, "addresses": https.where(addresses), "kind": kind, "details": details},
})) if {
	some environment, url in https.webhook_url
	endpoint := https.webhook_endpoint[environment]
	some kind in {address.reach.kind | some address in endpoint.addresses}
	kind != "ok"
	addresses := [address |
		some address in endpoint.addresses
		address.reach.kind == kind
		not https.untested(address.reach)
		not wants_client_certificate(address)
	]
	count(addresses) > 0
	details := {address.reach.detail | some address in addresses; address.reach.detail}
}

wants_client_certificate(address) if {
	address.client_certificate.required == "yes"
	not address.client_certificate.sent
}

wants_client_certificate(address) if address.client_certificate.refused

findings contains lib.finding({
	"outcome": "inconclusive", "environment": environment, "subject": "client certificate", "target": url.url,
	"message": sprintf("%s webhook host %s asks for a client certificate, and %s", [
		lib.label(environment), endpoint.host, advice,
	]),
	"next_step": "Configure the client certificate:\nnetwork:\n  client_certificate: {cert: client.pem, key: client.key}",
	"cause": sprintf("webhook.unreachable/%s", [environment]),
	"evidence": {
		"host": endpoint.host, "addresses": https.where(addresses), "reason": "client_certificate", "is_cause": true,
	},
}) if {
	some environment, url in https.webhook_url
	endpoint := https.webhook_endpoint[environment]
	addresses := [address | some address in endpoint.addresses; wants_client_certificate(address)]
	count(addresses) > 0
	advice := certificate_advice(addresses)
}

certificate_advice(addresses) := "rejects the configured one" if {
	some address in addresses
	address.client_certificate.refused
} else := "none is configured"

# exchanges are the two requests that an address was sent: a GET and an unsigned POST. Either response shows that it is
# reached; what a receiver does with forgeries is for other checks.
exchanges(answer) := [exchange |
	some member in ["get", "post"]
	exchange := answer[member]
]

# last is the POST, or the GET where probing is passive.
last(answer) := answer.post if answer.post

last(answer) := answer.get if not answer.post

answered(answer) if {
	some exchange in exchanges(answer)
	exchange.reach.kind == "ok"
	not exchange.status in gateway_statuses
}

# waited_for marks a finding as the cause on which everything else about the receiver depends, where no address
# responded.
waited_for(environment, url) := {
	"cause": sprintf("webhook.unreachable/%s", [environment]),
	"evidence": {"is_cause": true},
} if {
	every answer in url.answers {
		every exchange in exchanges(answer) {
			exchange.reach.kind != "ok"
		}
	}
} else := {}

gateway_statuses := {502, 503, 504}

# A TLS connection was set up, and then no HTTP response came.
findings contains lib.finding(object.union(waited_for(environment, url), {
	"outcome": unreachable(kind), "environment": environment, "subject": sprintf("answer %s", [kind]),
	"target": url.url,
	"message": sprintf("%s webhook endpoint gives no HTTP response after the TLS handshake on %d of %s (%s)", [
		lib.label(environment), count(answers), lib.amount(count(url.answers), "address", "addresses"),
		https.words[kind],
	]),
	"next_step": reach_step,
	"evidence": {"url": url.url, "addresses": https.where(answers), "kind": kind},
})) if {
	some environment, url in https.webhook_url
	some kind in {last(answer).reach.kind | some answer in url.answers}
	kind != "ok"
	answers := [answer |
		some answer in url.answers
		last(answer).reach.kind == kind
		every exchange in exchanges(answer) {
			exchange.reach.kind != "ok"
		}
		some address in https.webhook_endpoint[environment].addresses
		address.address == answer.address
		address.reach.kind == "ok"
		not wants_client_certificate(address)
	]
	count(answers) > 0
}

findings contains lib.finding({
	"outcome": "inconclusive", "environment": environment, "subject": "gateway", "target": url.url,
	"message": sprintf(
		"%s receiver was not reached: a gateway responded with %s",
		[lib.label(environment), statuses(answers)],
	),
	"next_step": "Start the receiver behind the gateway, and audit again.",
	"evidence": {"url": url.url, "addresses": https.where(answers), "reason": "gateway"},
}) if {
	some environment, url in https.webhook_url
	answers := [answer |
		some answer in url.answers
		not answered(answer)
		some exchange in exchanges(answer)
		exchange.reach.kind == "ok"
	]
	count(answers) > 0
}

statuses(answers) := concat(", ", sort({sprintf("%d", [exchange.status]) |
	some answer in answers
	some exchange in exchanges(answer)
	exchange.reach.kind == "ok"
}))

findings contains lib.finding({
	"outcome": "warn", "environment": environment, "subject": "redirect", "target": url.url,
	"message": sprintf("%s webhook URL redirects (%d): the provider counts that as a failed delivery", [
		lib.label(environment), status,
	]),
	"evidence": {"url": url.url, "addresses": https.where(answers), "status": status},
}) if {
	some environment, url in https.webhook_url
	some status in {last(answer).status | some answer in url.answers}
	answers := [answer |
		some answer in url.answers
		last(answer).status == status
		every exchange in exchanges(answer) {
			exchange.status in numbers.range(300, 399)
		}
	]
	count(answers) > 0
}

findings contains lib.finding({
	"outcome": "fail", "environment": environment, "subject": sprintf("redirect %s", [end]), "target": url.url,
	"message": sprintf("%s webhook URL redirects %s", [lib.label(environment), where]),
	"evidence": {
		"url": url.url, "end": end, "methods": sort({trail.method |
			some trail in trails
		}),
		"hops": max({count(trail.hops) |
			some trail in trails
		}),
	},
}) if {
	some environment, url in https.webhook_url
	some end, where in {"loop": "in a circle", "downgrade": "to plain http"}
	trails := [trail | some trail in url.trails; trail.end == end]
	count(trails) > 0
}

# A pass is for an environment of which at least one address responded and nothing else was found.
findings contains lib.finding({
	"outcome": "pass", "environment": environment, "subject": "reachable", "target": url.url,
	"message": sprintf("%s webhook endpoint responds over HTTPS on %d of %s%s", [
		lib.label(environment), count(answering), lib.amount(count(endpoint.addresses), "address", "addresses"),
		untested_note(endpoint),
	]),
	"evidence": object.union(clock(url), {
		"url": url.url, "addresses": https.where(answering),
		"untested": https.where([address | some address in endpoint.addresses; https.untested(address.reach)]),
		"notes": sort(notes(endpoint)),
	}),
}) if {
	some environment, url in https.webhook_url
	endpoint := https.webhook_endpoint[environment]
	answering := [answer | some answer in url.answers; answered(answer)]
	count(answering) > 0
}

# notes are what is worth knowing and is not a fault.
notes(endpoint) := ({"the addresses send different certificates" |
	some difference in endpoint.differences
	difference.fact == "certificate"
} | {"a client certificate is asked for, but not required" |
	some address in endpoint.addresses
	address.client_certificate.requested
	address.client_certificate.required == "no"
}) | {sprintf("an address is spoken to %s", [address.reach.detail]) |
	some address in endpoint.addresses
	address.reach.kind == "ok"
	startswith(address.reach.detail, "by ")
}

# clock is how far the server's clock is off this machine's: five minutes make signed times and certificates look
# invalid. It changes from audit to audit.
clock(url) := {"clock_skew_seconds": skews} if {
	skews := sort({answer.clock_skew_seconds | some answer in url.answers; abs(answer.clock_skew_seconds) > 300})
	count(skews) > 0
} else := {}

findings contains lib.finding({
	"outcome": "inconclusive", "environment": environment, "subject": "untested", "target": url.url,
	"message": sprintf("%s webhook endpoint was not tested: this machine has no route to %s", [
		lib.label(environment), endpoint.host,
	]),
	"next_step": "Audit from a machine that has a route to it.",
	"cause": sprintf("webhook.unreachable/%s", [environment]),
	"evidence": {"host": endpoint.host, "reason": "no_route", "is_cause": true},
}) if {
	some environment, url in https.webhook_url
	endpoint := https.webhook_endpoint[environment]
	count(endpoint.addresses) > 0
	every address in endpoint.addresses {
		https.untested(address.reach)
	}
}

untested_note(endpoint) := "; the others cannot be tested from here (no route)" if {
	some address in endpoint.addresses
	https.untested(address.reach)
} else := ""

default behind_allowlist := false

behind_allowlist if {
	lib.attestation("network.ip-allowlist")
	input.integration.network.vantage == "public"
}

allowlisted := " (an IP allowlist is attested, and this machine is not on it)" if {
	behind_allowlist
} else := ""

# unreachable is the outcome of not getting through: inconclusive where it was to be expected or this program gave up.
unreachable(kind) := "inconclusive" if {
	kind in {"cancelled", "limit", "error", "no_common_suite", "blocked"}
} else := "inconclusive" if {
	behind_allowlist
	kind in {"refused", "timeout", "reset"}
} else := "fail"
