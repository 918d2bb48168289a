# METADATA
# title: The webhook endpoint is reachable over HTTPS on every address
# description: |
#   The provider may connect to any address that the host's name has, IPv4 and IPv6. Each must complete a TLS handshake and answer
#   HTTP; a 502, 503 or 504 is a gateway's answer and proves nothing. A redirect warns, because the provider takes it for a failure; one
#   in a circle or to plain http fails. An address to which this machine itself has no route is not tested, and that is said.
#
#   Where an IP allowlist is attested and this machine is not on it (vantage: public), not getting through proves nothing.
# custom:
#   id: https.webhook-reachable
#   order: 180
#   section: Use HTTPS everywhere
#   items: [3]
#   level: required
#   severity: critical
#   cwe: ["CWE-319"]
#   owasp_asvs: ["v5.0.0-12.2.1"]
#   remediation: |
#     Let every address in the host's A and AAAA records serve the webhook over HTTPS on the configured port, or take those that do
#     not out of DNS. Register the URL that answers itself rather than one that redirects to it. Behind an allowlist, run the audit from an admitted machine and say `network: {vantage: allowlisted}`.
#   sources:
#     - Begini Security Checklist, Psychometric Integration, 3 (2026-04-14)
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
	"message": sprintf("the webhook URL is %s, not https: events and signatures would travel in the clear", [url.scheme]),
	"evidence": {"url": url.url, "scheme": url.scheme},
}) if {
	some environment, url in https.webhook_url
	url.scheme != "https"
}

# The name has no address to connect to.
findings contains lib.finding({
	"outcome": unreachable(endpoint.resolution.kind), "environment": environment, "subject": "resolution",
	"target": url.url,
	"message": sprintf("the webhook's host %s %s", [endpoint.host, resolution[endpoint.resolution.kind]]),
	"evidence": {"host": endpoint.host, "resolution": endpoint.resolution.kind},
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

# Addresses with which no connection came about, together by how they failed.
findings contains lib.finding({
	"outcome": unreachable(kind), "environment": environment, "subject": sprintf("address %s", [kind]),
	"target": url.url,
	"message": sprintf("%d of %d addresses of %s: %s%s", [count(addresses), count(endpoint.addresses), endpoint.host, https.words[kind], allowlisted]),
	"evidence": {"host": endpoint.host, "addresses": https.where(addresses), "kind": kind, "details": details},
}) if {
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
	"message": sprintf("%s asks for a client certificate and %s to look further", [endpoint.host, advice]),
	"evidence": {"host": endpoint.host, "addresses": https.where(addresses), "reason": "client_certificate"},
}) if {
	some environment, url in https.webhook_url
	endpoint := https.webhook_endpoint[environment]
	addresses := [address | some address in endpoint.addresses; wants_client_certificate(address)]
	count(addresses) > 0
	advice := certificate_advice(addresses)
}

certificate_advice(addresses) := "does not take the one that is configured: correct network.client_certificate" if {
	some address in addresses
	address.client_certificate.refused
} else := "none is configured: set network.client_certificate"

# exchanges are the two requests that an address was sent: a GET and an unsigned POST. Either answer shows that it is reached; what a
# receiver does with forgeries is for other checks.
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

gateway_statuses := {502, 503, 504}

# A TLS connection came about, and then no HTTP answer.
findings contains lib.finding({
	"outcome": unreachable(kind), "environment": environment, "subject": sprintf("answer %s", [kind]),
	"target": url.url,
	"message": sprintf("%d of %d addresses of %s complete the TLS handshake and then give no HTTP answer: %s", [count(answers), count(url.answers), url.url, https.words[kind]]),
	"evidence": {"url": url.url, "addresses": https.where(answers), "kind": kind},
}) if {
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
	"message": sprintf("a gateway answers %s in place of the receiver", [concat(", ", sort({sprintf("%d", [exchange.status]) | some answer in answers; some exchange in exchanges(answer); exchange.reach.kind == "ok"}))]),
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

findings contains lib.finding({
	"outcome": "warn", "environment": environment, "subject": "redirect", "target": url.url,
	"message": sprintf("the webhook URL redirects (%d): the provider counts that as a failed delivery", [status]),
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
	"message": sprintf("the webhook URL redirects %s", [where]),
	"evidence": {"url": url.url, "end": end, "methods": sort({trail.method | some trail in trails}), "hops": max({count(trail.hops) | some trail in trails})},
}) if {
	some environment, url in https.webhook_url
	some end, where in {"loop": "in a circle", "downgrade": "to plain http"}
	trails := [trail | some trail in url.trails; trail.end == end]
	count(trails) > 0
}

# A pass is for an environment of which at least one address answered and nothing else is to be said.
findings contains lib.finding({
	"outcome": "pass", "environment": environment, "subject": "reachable", "target": url.url,
	"message": sprintf("%s answers over HTTPS on %d of %d addresses%s", [url.url, count(answering), count(endpoint.addresses), untested_note(endpoint)]),
	"evidence": {
		"url": url.url, "addresses": https.where(answering),
		"untested": https.where([address | some address in endpoint.addresses; https.untested(address.reach)]),
		"notes": sort(notes(endpoint, url)),
	},
}) if {
	some environment, url in https.webhook_url
	endpoint := https.webhook_endpoint[environment]
	answering := [answer | some answer in url.answers; answered(answer)]
	count(answering) > 0
}

# notes are what is worth knowing and no fault. A clock that is five minutes off makes signed times and certificates look wrong.
notes(endpoint, url) := (({"the addresses send different certificates" | some difference in endpoint.differences; difference.fact == "certificate"} | {"a client certificate is asked for, but not required" |
	some address in endpoint.addresses
	address.client_certificate.requested
	address.client_certificate.required == "no"
}) | {sprintf("an address is spoken to %s", [address.reach.detail]) |
	some address in endpoint.addresses
	address.reach.kind == "ok"
	startswith(address.reach.detail, "by ")
}) | {sprintf("the server's clock is %d seconds off this machine's", [answer.clock_skew_seconds]) |
	some answer in url.answers
	abs(answer.clock_skew_seconds) > 300
}

findings contains lib.finding({
	"outcome": "inconclusive", "environment": environment, "subject": "untested", "target": url.url,
	"message": sprintf("this machine has no route to any address of %s: audit it from a machine that has", [endpoint.host]),
	"evidence": {"host": endpoint.host, "reason": "no_route"},
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

# unreachable is what not getting through comes to: nothing, where it was to be expected or where this program gave up.
unreachable(kind) := "inconclusive" if {
	kind in {"cancelled", "limit", "error", "no_common_suite", "blocked"}
} else := "inconclusive" if {
	behind_allowlist
	kind in {"refused", "timeout", "reset"}
} else := "fail"
