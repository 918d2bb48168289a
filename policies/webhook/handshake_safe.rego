# METADATA
# title: Handshakes must not sign arbitrary input
# description: |
#   With a handshake the provider makes sure that an endpoint is its owner's. A receiver that answers a handshake
#   which does not come from the provider with the signature of the caller's text signs forged events for anybody;
#   one that shows the caller's text as HTML runs scripts in its own name. One that only repeats the text to callers
#   who cannot authenticate themselves lets anybody register its URL, and warns.
# custom:
#   id: webhook.handshake-safe
#   order: 175
#   section: Verify all webhook requests
#   needs: [handshake]
#   level: required
#   severity: critical
#   cwe: ["CWE-345", "CWE-79"]
#   owasp_asvs: ["v5.0.0-1.2.1", "v5.0.0-4.1.5"]
#   per_environment: true
#   passes: |
#     No handshake that anybody can send gets its text back signed, as HTML, or at all.
#   fails: |
#     A response to such a handshake contains a signature of the caller's text, or its text as HTML. Repeating the
#     text to callers who should have authenticated themselves warns.
#   remediation: |
#     Verify the signature or the token of a handshake before answering it, answer with text/plain or JSON and
#     X-Content-Type-Options: nosniff, and never sign text that does not have the form of the provider's challenges.
#   facts: [webhook.baseline, webhook.exchange]
package prelaunch.checks.webhook.handshake_safe

import data.prelaunch.lib
import data.prelaunch.lib.obstacles
import data.prelaunch.lib.responses
import data.prelaunch.lib.text
import data.prelaunch.lib.verdict

# foreign are the handshakes that anybody can send: those that do not authenticate themselves, and those that the
# provider itself sends so.
foreign(environment) := [item |
	some item in responses.in_family(environment, "F27")
	not item.fact.not_sent
	anybody(item.fact)
]

anybody(x) if x.purpose in {"forgery", "handshake"}

anybody(x) if x.variant == "open"

with_echo(environment, echo) := [item | some item in foreign(environment); item.fact.echo == echo]

# echoed are those whose text was repeated although the caller had to authenticate itself.
echoed(environment) := [item | some item in with_echo(environment, "text"); not item.fact.variant == "open"]

failures := {
	"mac": "signs text of the caller's choice in its response to a handshake",
	"html": "shows text of the caller's choice as HTML in its response to a handshake",
}

findings contains verdict.finding(environment, {
	"outcome": "fail", "subject": echo,
	"message": sprintf("%s %s (%s)", [text.receiver(environment), words, concat(", ", text.cases(hits))]),
	"evidence": {
		"family": text.family("F27"), "cases": text.cases(hits), "statuses": responses.statuses(hits),
		"replay": text.replay(environment, [item.fact | some item in hits]),
	},
}) if {
	some environment, _ in lib.environments
	some echo, words in failures
	hits := with_echo(environment, echo)
	count(hits) > 0
}

findings contains verdict.finding(environment, {
	"outcome": "warn", "subject": "text",
	"message": sprintf("%s answers handshakes that do not come from the provider (%s)", [
		text.receiver(environment), concat(", ", text.cases(hits)),
	]),
	"evidence": {
		"family": text.family("F27"), "cases": text.cases(hits), "statuses": responses.statuses(hits),
		"replay": text.replay(environment, [item.fact | some item in hits]),
	},
}) if {
	some environment, _ in lib.environments
	hits := echoed(environment)
	count(hits) > 0
}

findings contains verdict.unread(environment) if some environment, _ in lib.environments

# open are those without a complete response of the receiver's own.
open(environment) := [item |
	some item in foreign(environment)
	item.class in {"failed", "busy", "firewall", "redirected"}
	not item.fact.echo
]

faults(environment) := count(echoed(environment)) + sum([n |
	some echo, _ in failures
	n := count(with_echo(environment, echo))
])

obstacle(environment) := obstacles.not_sent(environment) if {
	count(foreign(environment)) == 0
} else := obstacles.unproven(environment) if {
	not responses.distinguishes(responses.baselines[environment])
} else := obstacles.not_4xx(environment) if {
	count(open(environment)) > 0
}

findings contains verdict.inconclusive(environment, obstacle(environment), {
	"subject": "handshake",
	"message": sprintf("%s was not seen to withstand handshakes that do not come from the provider: %s", [
		text.receiver(environment), obstacle(environment).why,
	]),
	"evidence": {"undecided": text.cases(open(environment))},
}) if {
	some environment, _ in lib.environments
	not verdict.unread(environment)
}

findings contains verdict.finding(environment, {
	"outcome": "pass", "subject": "handshake",
	"message": sprintf("%s gave nothing away in its responses to %s that anybody can send", [
		text.receiver(environment), lib.amount(count(foreign(environment)), "handshake", "handshakes"),
	]),
	"evidence": {"cases": text.cases(foreign(environment)), "statuses": responses.statuses(foreign(environment))},
}) if {
	some environment, _ in lib.environments
	not verdict.unread(environment)
	not obstacle(environment)
	faults(environment) == 0
}
