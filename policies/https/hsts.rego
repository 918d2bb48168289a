# METADATA
# title: HSTS is enabled (Strict-Transport-Security)
# description: |
#   A client that has seen the header never goes back to plain HTTP for the time it names. For an API it is a courtesy
#   to browsers and a sign of care, so its absence only warns.
# custom:
#   id: https.hsts
#   order: 240
#   section: Use HTTPS everywhere
#   level: recommended
#   severity: low
#   cwe: ["CWE-319"]
#   owasp_asvs: ["v5.0.0-3.4.1"]
#   passes: |
#     The endpoint's host sends Strict-Transport-Security with a max-age of at least 180 days.
#   fails: |
#     The header is missing, unreadable or shorter, which warns: the check is recommended.
#   remediation: |
#     Send `Strict-Transport-Security: max-age=31536000` with every answer over HTTPS:
#     - nginx: `add_header Strict-Transport-Security "max-age=31536000" always;`, repeated in each location that has an `add_header` of its own
#     - Apache: `Header always set Strict-Transport-Security "max-age=31536000"`
#     - HAProxy: `http-response set-header Strict-Transport-Security max-age=31536000`
#     - Caddy: `header Strict-Transport-Security max-age=31536000`
#     - AWS application load balancer: the listener's attribute `routing.http.response.strict_transport_security.header_value`
#   sources:
#     - RFC 6797
#     - Mozilla HTTP Observatory (at least 180 days)
#   facts: [https.url]
#   per_environment: true
package prelaunch.checks.https.hsts

import data.prelaunch.lib
import data.prelaunch.lib.https

# min_age is 180 days in seconds: Mozilla HTTP Observatory.
min_age := 15552000

answers[environment] := [answer |
	some answer in url.answers
	some exchange in [object.get(answer, "get", {}), object.get(answer, "post", {})]
	object.get(exchange, ["reach", "kind"], "") == "ok"
] if {
	some environment, url in https.webhook_url
}

enough(answer) if {
	answer.hsts.well_formed
	answer.hsts.max_age >= min_age
}

findings contains lib.incomplete(environment, "https.url") if {
	some environment, _ in lib.environments
	not https.webhook_url[environment]
}

findings contains lib.finding({
	"outcome": "inconclusive", "environment": environment, "subject": "no answer",
	"target": https.webhook_url[environment].url,
	"message": sprintf("%s endpoint gave no response over HTTPS, so no header was seen", [lib.label(environment)]),
	"next_step": "Make the webhook endpoint reachable from this machine (see https.webhook-reachable), and audit again.",
	"cause": sprintf("webhook.unreachable/%s", [environment]),
	"evidence": {"reason": "not_reached"},
}) if {
	some environment, all in answers
	count(all) == 0
}

findings contains lib.finding({
	"outcome": "warn", "environment": environment, "subject": "hsts", "target": https.webhook_url[environment].url,
	"message": sprintf("%s endpoint sends no Strict-Transport-Security of at least 180 days on %d of %s", [
		lib.label(environment), count(short), lib.amount(count({a.address | some a in all}), "address", "addresses"),
	]),
	"evidence": {"addresses": sort(short), "max_age": sort({a.hsts.max_age | some a in all})},
}) if {
	some environment, all in answers
	short := {a.address | some a in all; not enough(a)}
	count(short) > 0
}

findings contains lib.finding({
	"outcome": "pass", "environment": environment, "subject": "hsts", "target": https.webhook_url[environment].url,
	"message": sprintf("%s endpoint sends Strict-Transport-Security for %d days", [
		lib.label(environment), floor(min({a.hsts.max_age | some a in all}) / 86400),
	]),
	"evidence": {"max_age": sort({a.hsts.max_age | some a in all})},
}) if {
	some environment, all in answers
	count(all) > 0
	every answer in all {
		enough(answer)
	}
}
