# METADATA
# title: The webhook endpoint must not be served over plain HTTP
# description: |
#   Port 80 of the webhook's host, and the webhook's own port where that is another, get requests in plain HTTP: a GET,
#   and a POST without body or signature. A refused connection, a 4xx that is not the receiver's own response over
#   HTTPS, or a redirect to HTTPS are correct. Any 2xx, the receiver's own response, or a redirect to http are not. A
#   port that does not respond is inconclusive. Passive probing sends the GET alone.
# custom:
#   id: https.no-plain-http
#   order: 210
#   section: Use HTTPS everywhere
#   level: required
#   severity: high
#   cwe: ["CWE-319"]
#   owasp_asvs: ["v5.0.0-4.1.2", "v5.0.0-12.2.1"]
#   passes: |
#     The port is closed, or plain HTTP is rejected with a 4xx that is not the receiver's own response over HTTPS, or
#     redirected to HTTPS.
#   fails: |
#     Plain HTTP gets a 2xx, the receiver's own response, or a redirect to http.
#   remediation: |
#     Close port 80 for the webhook's host, or redirect everything there to https:
#     - nginx: a `server { listen 80; return 301 https://$host$request_uri; }` of its own
#     - Apache: `Redirect permanent / https://HOST/` in the virtual host of port 80
#     - HAProxy: `http-request redirect scheme https unless { ssl_fc }`
#     - Caddy: the default, unless `auto_https` says `off` or `disable_redirects`
#     - load balancers: a listener on port 80 whose only action is the redirect to HTTPS
#   facts: [https.endpoint, https.url]
#   per_environment: true
package prelaunch.checks.https.no_plain_http

import data.prelaunch.lib
import data.prelaunch.lib.https

findings contains lib.incomplete(environment, "https.url") if {
	some environment, _ in lib.environments
	not https.webhook_url[environment]
}

findings contains lib.declared({
	"outcome": "fail", "environment": environment, "subject": "not https", "target": url.url,
	"message": sprintf("%s webhook URL itself is plain http", [lib.label(environment)]),
	"evidence": {"url": url.url},
}) if {
	some environment, url in https.webhook_url
	url.scheme == "http"
}

# twins lists the responses over plain HTTP of an environment's webhook, each with how it is read.
twins[environment] := [{
	"address": twin.address, "port": twin.port, "method": answer.method,
	"reading": reading(answer), "status": object.get(answer, "status", 0), "kind": answer.reach.kind,
} |
	some twin in url.clear
	some answer in [twin.get, twin.post]
] if {
	some environment, url in https.webhook_url
}

reading(answer) := response(answer) if {
	answer.reach.kind == "ok"
	not answer.tls_only
}

reading(answer) := "refused" if {
	answer.reach.kind == "ok"
	answer.tls_only
}

reading(answer) := object.get(unanswered, answer.reach.kind, "unknown") if {
	answer.reach.kind != "ok"
	not https.untested(answer.reach)
}

reading(answer) := "untested" if https.untested(answer.reach)

unanswered := {
	"refused": "refused", "reset": "refused", "tls": "refused", "not_http": "refused",
	"not_sent": "not asked",
}

# response is how a response over plain HTTP is read: by its status, and where that rejects, by whose response it is.
response(answer) := "taken" if {
	hundreds(answer) == 2
} else := redirection(object.get(answer, ["location", "scheme"], "")) if {
	hundreds(answer) == 3
} else := rejection(answer)

redirection("https") := "redirected"

redirection(scheme) := "downgraded" if scheme != "https"

rejection(answer) := "the receiver" if {
	answer.method == "POST"
	answer.same_answer_as_https
} else := "refused" if {
	hundreds(answer) == 4
	told_apart(answer)
} else := "unknown"

# told_apart: that it is not the receiver's own response was seen. A GET tells nothing of the receiver.
told_apart(answer) if answer.method == "GET"

told_apart(answer) if answer.comparable

hundreds(answer) := floor(answer.status / 100)

messages := {
	"taken": "accepts requests over plain HTTP",
	"downgraded": "redirects plain HTTP, but not to https",
	"the receiver": "responds over plain HTTP as it does over HTTPS",
}

findings contains lib.finding({
	"outcome": "fail", "environment": environment, "subject": sprintf("%s %s", [wrong, port]),
	"target": https.webhook_url[environment].url,
	"message": sprintf("%s receiver %s (port %s)", [lib.label(environment), message, port]),
	"evidence": {
		"port": port, "addresses": https.where(some_twins), "methods": sort({t.method |
			some t in some_twins
		}),
		"statuses": sort({t.status | some t in some_twins}),
	},
}) if {
	some environment, all in twins
	some wrong, message in messages
	some port in {t.port | some t in all}
	some_twins := [t | some t in all; t.reading == wrong; t.port == port]
	count(some_twins) > 0
}

findings contains lib.finding({
	"outcome": "inconclusive", "environment": environment, "subject": sprintf("unknown %s", [port]),
	"target": https.webhook_url[environment].url,
	"message": sprintf("%s endpoint gave no clear response over plain HTTP on port %s (%s)", [
		lib.label(environment), port, concat(", ", sort({how(t) | some t in some_twins})),
	]),
	"next_step": "Close the port or redirect it to HTTPS; or audit from another machine, since it may be filtered for this one only.",
	"evidence": {"port": port, "addresses": https.where(some_twins), "reason": "unknown_from_here"},
}) if {
	some environment, all in twins
	some port in {t.port | some t in all}
	some_twins := [t | some t in all; t.reading == "unknown"; t.port == port]
	count(some_twins) > 0
}

findings contains lib.finding({
	"outcome": "inconclusive", "environment": environment, "subject": sprintf("not asked %s", [port]),
	"target": https.webhook_url[environment].url,
	"message": sprintf("%s endpoint was not tested with a plain HTTP POST on port %s: probing is passive", [
		lib.label(environment), port,
	]),
	"next_step": lib.setting("Allow probing", environment, ["probing: careful"]),
	"cause": sprintf("webhook.passive/%s", [environment]),
	"evidence": {"port": port, "addresses": https.where(some_twins), "reason": "passive"},
}) if {
	some environment, all in twins
	some port in {t.port | some t in all}
	some_twins := [t | some t in all; t.reading == "not asked"; t.port == port]
	count(some_twins) > 0
}

findings contains https.some_addresses(environment) if some environment, _ in lib.environments

words := {"refused": "rejected", "redirected": "redirected"}

plural := {true: "ports", false: "port"}

# not_tried are the ports that count as closed because network.resolve names other ports of the host only.
not_tried(right) := sort({r.port | some r in right; r.kind == "refused"; r.address == ""})

aside([]) := ""

aside(ports) := sprintf(" (%s was not tried, and counts as closed: network.resolve names other ports of the host)", [
	concat(", ", ports),
]) if count(ports) > 0

how(twin) := https.words[twin.kind] if {
	twin.kind != "ok"
} else := sprintf("status %d", [twin.status])

findings contains lib.finding({
	"outcome": "pass", "environment": environment, "subject": "refused",
	"target": https.webhook_url[environment].url,
	"message": sprintf("%s endpoint: plain HTTP is %s on %s %s%s", [
		lib.label(environment), concat(" or ", sort({words[r.reading] | some r in right})),
		plural[count({r.port | some r in right}) > 1], concat(", ", sort({r.port | some r in right})),
		aside(not_tried(right)),
	]),
	"evidence": {
		"addresses": https.where([r | some r in right; r.address != ""]), "ports": sort({r.port | some r in right}),
		"not_tried": not_tried(right),
	},
}) if {
	some environment, all in twins
	right := [t | some t in all; t.reading in {"refused", "redirected"}]
	count(right) > 0
}

findings contains lib.finding({
	"outcome": "inconclusive", "environment": environment, "subject": "not looked at",
	"target": https.webhook_url[environment].url,
	"message": sprintf("%s endpoint could not be tested over plain HTTP from here", [lib.label(environment)]),
	"next_step": "Audit from a machine that has a route to the endpoint.",
	"evidence": {"reason": "not_looked_at"},
}) if {
	some environment, all in twins
	https.webhook_url[environment].scheme != "http"
	count([t | some t in all; t.reading != "untested"]) == 0
}
