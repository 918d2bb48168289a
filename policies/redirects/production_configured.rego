# METADATA
# title: Production redirect URLs are configured and live
# description: |
#   After an assessment users are sent to the completion, cancellation or expiry page. One that is not set leaves them
#   on a screen of the provider; one that is broken, local or of a test environment ends their journey just as well.
#   Each is judged by its name and by the response to one GET, whose redirects are followed as a browser follows them.
#   Certificates, of its host and of those it redirects to, are judged like the webhook's: see https.certificate-valid.
# custom:
#   id: redirects.production-configured
#   order: 260
#   section: Separate Test and Production cleanly
#   needs: [redirects]
#   level: required
#   severity: high
#   cwe: []
#   owasp_asvs: []
#   environment: production
#   passes: |
#     All the URLs of Production are set, https, with a valid certificate, respond with a 2xx, also after redirects,
#     and are no test, local or default page.
#   fails: |
#     A URL is missing, of a test environment, local or the provider's default page, or its page does not respond with
#     a 2xx.
#   remediation: |
#     Set all three URLs in the Production {{tab}}{{first_tab}} to public https
#     pages of the production environment, configure the same ones under environments.production.redirect_urls, and open
#     each in a browser.
#   sources:
#     - "RFC 6761 and RFC 6890: names and addresses that are not public"
#   facts: [https.url, https.endpoint]
package prelaunch.checks.redirects.production_configured

import data.prelaunch.lib
import data.prelaunch.lib.certificates
import data.prelaunch.lib.places
import data.prelaunch.lib.urls

redirects := lib.environments.production.redirect_urls

# faults of each redirect: [outcome, what, message]; the subject of a finding is the redirect's name and what.
faults[name] contains [
	"fail", "not set",
	sprintf("Production %s URL is not configured: users would end on a screen of the provider", [name]),
] if {
	redirects[name] == ""
}

set[name] := url if {
	some name, url in redirects
	url != ""
}

faults[name] contains ["fail", "scheme", sprintf("Production %s URL is not https", [name])] if {
	some name, url in set
	urls.scheme(url) != "https"
}

faults[name] contains [outcome, what, sprintf("Production %s URL %s", [name, message])] if {
	some name, url in set
	some [outcome, what, message] in misplaced(url)
}

# Where its redirects end is judged like the URL itself.
faults[name] contains [
	outcome, concat(" ", ["ends", what]),
	sprintf("Production %s URL redirects to %s, which %s", [name, urls.shown(last.url), message]),
] if {
	some name, trail in trails
	count(trail.hops) > 1
	last := trail.hops[count(trail.hops) - 1]
	some [outcome, what, message] in misplaced(last.url)
	count(misplaced(set[name])) == 0
}

# misplaced is what is wrong with where a URL is: the first that there is, or nothing.
misplaced(url) := array.slice([fault | some place in places_to_avoid; fault := at(place, url)], 0, 1)

places_to_avoid := ["local", "provider", "test", "perhaps test"]

at("local", url) := ["fail", "local", "is a local name or address that no user reaches"] if places.local(url)

at("provider", url) := ["fail", "provider", "is a default page of the provider"] if places.provider_page(url)

at("test", url) := ["fail", "test", sprintf("looks like that of a test environment (%s)", [places.stage_word(url)])]

at("perhaps test", url) := ["warn", "test", sprintf("may be that of a test environment (%s)", [word])] if {
	word := places.doubtful_word(url)
}

# requested, by name: the result of the GET of a URL that is https.
requested[name] := fact if {
	some name, url in set
	urls.scheme(url) == "https"
	some fact in input.facts["https.url"]
	fact.environment == "production"
	fact.role == "redirect"
	fact.name == name
	fact.contacted
}

trails[name] := trail if {
	some name, fact in requested
	some trail in fact.trails
	trail.method == "GET"
}

faults[name] contains [
	"inconclusive", "not looked at",
	sprintf("Production %s URL was not checked: %s", [name, lib.why_incomplete("https.url")]),
] if {
	some name, url in set
	urls.scheme(url) == "https"
	not requested[name]
}

# Without a trail, no address of the host could be requested.
faults[name] contains [outcome, "answer", sprintf("Production %s URL %s", [name, message])] if {
	some name, fact in requested
	not trails[name]
	[outcome, message] := unasked(kinds(fact.endpoint))
}

# kinds are what became of reaching an endpoint: of looking its name up, or else of each address.
kinds(name) := {kind |
	some endpoint in input.facts["https.endpoint"]
	endpoint.name == name
	endpoint.resolution.kind != "ok"
	kind := endpoint.resolution.kind
} | {kind |
	some endpoint in input.facts["https.endpoint"]
	endpoint.name == name
	some address in endpoint.addresses
	kind := address.reach.kind
}

unasked(seen) := ["fail", closed[sort(seen)[0]]] if {
	count(seen) > 0
	every kind in seen {
		closed[kind]
	}
} else := ["inconclusive", sprintf("could not be reached from here (%s)", [concat(", ", sort(seen))])]

faults[name] contains [outcome, "answer", sprintf("Production %s URL %s", [name, message])] if {
	some name, trail in trails
	[outcome, message] := ending(trail)
	outcome != "pass"
}

closed := {
	"not_found": "does not exist: its host name is not known",
	"none": "does not exist: its host name has no address",
	"refused": "is closed: connections are refused",
	"not_tls": "does not speak TLS",
	"no_handshake": "completes no TLS handshake",
	"not_http": "does not respond in HTTP",
	"unreachable": "redirects to an address at which nothing responds over HTTPS",
}

# Statuses by which a server may reject a program though it would let a browser pass.
perhaps := {403, 429, 503}

ending(trail) := page(trail.status) if {
	trail.end == "answer"
} else := stopped if {
	stopped := endings[trail.end]
} else := unanswered(trail.hops[count(trail.hops) - 1].reach.kind, count(trail.hops)) if {
	count(trail.hops) > 0
} else := ["inconclusive", "was not seen to respond"]

page(status) := ["pass", ""] if {
	floor(status / 100) == 2
} else := ["inconclusive", sprintf("responds with %d, which a browser may not get", [status])] if {
	status in perhaps
} else := ["fail", sprintf("responds with %d instead of a page", [status])]

# endings are those that redirects come to before a page, by why they end.
endings := {
	"loop": ["fail", "redirects in a circle"],
	"downgrade": ["fail", "redirects to plain http"],
	"bad_location": ["fail", "redirects to nowhere: its Location is missing or invalid"],
	"other_scheme": ["inconclusive", "opens an app by another scheme than https, which cannot be followed from here"],
	"limit": ["inconclusive", "redirects more often than is followed here"],
}

# unanswered is what no response from the last host means, after how many hosts were asked.
unanswered(kind, _) := ["fail", closed[kind]]

unanswered("blocked", 1) := ["inconclusive", concat(" ", ["has an address", permitted])]

unanswered("blocked", hops) := ["inconclusive", concat(" ", ["redirects to an address", permitted])] if hops > 1

unanswered(kind, _) := ["inconclusive", sprintf("was not seen to respond (%s)", [kind])] if {
	kind != "blocked"
	not closed[kind]
}

permitted := "that is not contacted: --allow-address CIDR permits it"

# Every page on the way shows its certificate to the user's browser.
faults[name] contains [
	"fail", "certificate", sprintf("Production %s URL uses a certificate that browsers reject (%s)", [name, kind]),
] if {
	some name, trail in trails
	kinds := [hop.trust | some hop in trail.hops; not hop.trust in {"ok", ""}]
	kind := kinds[0]
}

# Certificates are judged like the webhook's: of the URL's own host on every address, of another on the way the one that
# was seen.
faults[name] contains ["fail", "certificate", sprintf("Production %s URL: %s", [name, message])] if {
	some name, _ in requested
	not rejected_on_the_way[name]
	message := min({message | some certificate in met[name]; some message in certificates.faults(certificate)})
}

met[name] contains certificate if {
	some name, seen in endpoints
	some address in seen.addresses
	some certificate in address.certificates
}

met[name] contains hop.certificate if {
	some name, trail in trails
	some hop in trail.hops
}

rejected_on_the_way contains name if {
	some name, trail in trails
	some hop in trail.hops
	not hop.trust in {"ok", ""}
}

# endpoints, by name of the URL that lives there.
endpoints[name] := seen if {
	some name, fact in requested
	some seen in input.facts["https.endpoint"]
	seen.name == fact.endpoint
}

faults[name] contains [
	"inconclusive", "certificate", sprintf("Production %s URL did not show its certificate", [name]),
] if {
	some name, trail in trails
	some hop in trail.hops
	hop.reach.kind == "ok"
	hop.trust == ""
}

# What keeps the webhook's certificate from a pass keeps these.
faults[name] contains [
	"inconclusive", "revocation list",
	sprintf(
		"Production %s URL: a revocation list could not be fetched: %s",
		[name, certificates.unfetched_words[problem]],
	),
] if {
	some name, problem in unfetched
}

unfetched[name] := min(problems) if {
	some name, _ in met
	problems := {problem | some certificate in met[name]; some problem in certificates.unfetched(certificate)}
	count(problems) > 0
}

faults[name] contains [
	"warn", "dhe alone",
	sprintf(
		"Production %s URL is on a host that negotiates DHE cipher suites only, which browsers no longer support",
		[name],
	),
] if {
	some name, seen in endpoints
	some address in seen.addresses
	startswith(address.handshake.suite, "TLS_DHE_")
}

faults[name] contains [
	"warn", "own roots",
	sprintf(
		"Production %s URL uses a certificate that needs the roots of network.ca_file, which browsers do not have",
		[name],
	),
] if {
	some name, seen in endpoints
	not input.integration.network.provider_trusts_ca
	some address in seen.addresses
	some certificate in address.certificates
	certificate.trust.roots == "ca_file"
}

findings contains lib.finding(object.union(next_step(outcome, name, what), {
	"outcome": outcome, "environment": "production", "subject": concat(": ", [name, what]), "target": name,
	"message": message,
	"evidence": object.union({"redirect": name}, evidence(name)),
})) if {
	some name, list in faults
	some [outcome, what, message] in list
}

findings contains lib.finding({
	"outcome": "pass", "environment": "production", "subject": name, "target": name,
	"message": sprintf("Production %s URL leads to a live https page", [name]),
	"evidence": object.union({"redirect": name}, evidence(name)),
}) if {
	some name, _ in trails
	not faults[name]
}

findings contains lib.declared(object.union(lib.redirects_needed("production"), {
	"outcome": "inconclusive", "environment": "production", "subject": "none",
	"message": "Production redirect URLs are not configured",
})) if {
	not lib.environments.production
}

next_step("inconclusive", name, "revocation list") := {"next_step": certificates.unfetched_steps[unfetched[name]]}

next_step(outcome, name, what) := {
	"next_step": "Open it in a browser; let this program's requests through, or audit from where it can be reached.",
	"cause": sprintf("redirect.not-seen/%s", [name]),
} if {
	outcome == "inconclusive"
	what != "revocation list"
}

next_step(outcome, name, what) := shared(name, what) if outcome != "inconclusive"

# shared is the cause where it is the certificate, which may serve other hosts.
shared(name, "certificate") := {"cause": certificates.cause([certificate |
	some certificate in met[name]
	count(certificates.faults(certificate)) > 0
])}

shared(_, what) := {} if what != "certificate"

evidence(name) := {
	"url": urls.shown(set[name]), "status": trails[name].status,
	"redirects_followed": count(trails[name].hops) - 1, "way": way(trails[name]),
} if {
	trails[name]
} else := {"url": urls.shown(set[name])} if {
	set[name]
} else := {}

way(trail) := [urls.shown(hop.url) | some hop in trail.hops]
