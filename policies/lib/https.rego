# METADATA
# description: |
#   How the facts about HTTPS endpoints are read: which endpoint serves an environment's webhook, and which of its
#   addresses could be checked from here.
package prelaunch.lib.https

import data.prelaunch.lib

# webhook_url is the result of requesting the webhook's URL in an environment.
webhook_url[environment] := url if {
	some url in input.facts["https.url"]
	url.role == "webhook"
	environment := url.environment
}

# webhook_endpoint is the host:port on which the webhook's URL lives.
webhook_endpoint[environment] := endpoint if {
	some endpoint in input.facts["https.endpoint"]
	some use in endpoint.uses
	use.role == "webhook"
	environment := use.environment
}

# untested holds for an address to which this machine has no route, as one of IPv6 where there is none.
untested(reach) if {
	reach.kind == "no_route"
	not reach.local_route
}

# inspected are the addresses of an endpoint that completed a TLS handshake, or at least sent a certificate.
inspected(endpoint) := [address |
	some address in endpoint.addresses
	address.reach.kind in {"ok", "no_handshake", "no_common_suite"}
	count(address.versions.accepted) + count(address.certificates) > 0
]

# uninspected are the others, without those that cannot be tested from here.
uninspected(endpoint) := [address |
	some address in endpoint.addresses
	not address in inspected(endpoint)
	not untested(address.reach)
]

# others are why an endpoint may have, or has, addresses that were not inspected.
others(endpoint) := {sprintf("its %s records could not be looked up", [record]) |
	some record in object.get(endpoint.resolution, "unresolved", [])
} | {sprintf("it has %s, more than are checked", [lib.amount(endpoint.resolution.addresses, "address", "addresses")]) |
	object.get(endpoint.resolution, "skipped", 0) > 0
}

# some_addresses is the finding where an endpoint may have addresses that were not inspected.
some_addresses(environment) := lib.finding({
	"outcome": "inconclusive", "environment": environment, "subject": "other addresses",
	"target": webhook_url[environment].url,
	"message": sprintf("%s webhook host %s was not checked on every address: %s", [
		lib.label(environment), endpoint.host, concat(", ", reasons),
	]),
	"next_step": "Make DNS respond for A and AAAA records, or name the addresses under `network: {resolve: …}`, and audit again.",
	"evidence": {"host": endpoint.host, "addresses": where(endpoint.addresses), "reason": "not_every_address"},
	"cause": sprintf("webhook.lookup/%s", [environment]),
}) if {
	endpoint := webhook_endpoint[environment]
	count(inspected(endpoint)) > 0
	reasons := others(endpoint)
	count(reasons) > 0
}

# unseen is the finding where nothing can be said about an environment's webhook endpoint.
unseen(environment) := lib.incomplete(environment, "https.endpoint") if {
	not webhook_url[environment]
	not lib.complete("https.endpoint")
} else := not_https(environment) if {
	webhook_url[environment].scheme != "https"
} else := nothing_inspected(environment) if {
	count([address | some address in inspected(webhook_endpoint[environment])]) == 0
}

not_https(environment) := lib.finding({
	"outcome": "inconclusive", "environment": environment, "subject": "not https",
	"target": webhook_url[environment].url,
	"message": sprintf("%s webhook URL is not https, so there is no TLS to check", [lib.label(environment)]),
	"evidence": {"url": webhook_url[environment].url, "reason": "not_https"},
	"next_step": lib.setting(
		"Configure the https URL of the webhook endpoint",
		environment,
		["webhook_url: https://…"],
	),
	"cause": sprintf("webhook.plain-http/%s", [environment]),
})

nothing_inspected(environment) := lib.finding({
	"outcome": "inconclusive", "environment": environment, "subject": "not reached",
	"target": webhook_url[environment].url,
	"message": sprintf("%s webhook endpoint completed no TLS handshake with this machine", [lib.label(environment)]),
	"evidence": {"url": webhook_url[environment].url, "reason": "not_reached"},
	"next_step": "Make the webhook endpoint reachable from this machine (see https.webhook-reachable), and audit again.",
	"cause": sprintf("webhook.unreachable/%s", [environment]),
})

# where lists the addresses of a set of places, for the evidence.
where(places) := sort({place.address | some place in places})

# words are how an attempt to reach an address ended.
words := {
	"refused": "refused the connection",
	"timeout": "did not respond in time",
	"reset": "closed the connection before responding",
	"no_route": "cannot be routed to",
	"not_tls": "does not speak TLS",
	"no_handshake": "speaks TLS but rejected the handshake",
	"no_common_suite": "offers only cipher suites or keys that this program does not support",
	"not_http": "does not speak HTTP",
	"tls": "speaks TLS only",
	"not_sent": "was not sent a POST (probing is passive)",
	"client_certificate": "asks for a client certificate",
	"limit": "was not checked (limit of connections)",
	"blocked": "was not contacted: it is link-local, cloud metadata or private (--allow-address CIDR permits it)",
	"cancelled": "was not checked (interrupted)",
	"error": "could not be checked",
}
