# METADATA
# title: Genuine events are answered with 200
# description: |
#   A genuine event of each configured type is answered with exactly 200; the provider counts anything else, 201 and 204 too, as a
#   failed delivery and sends it again.
# custom:
#   id: webhook.accepts-genuine
#   order: 70
#   section: Verify all webhook requests
#   items: [2]
#   level: required
#   severity: high
#   per_environment: true
#   remediation: |
#     Answer exactly 200 as soon as the signature is verified and the event is stored, and do the work later. Verify HMAC-SHA-512 of the raw
#     body in hex, with the key of this environment's tab of the Deployment Centre. Take bodies of 64 KiB. Where the receiver looks users up,
#     list UIDs that it knows as probe_uids.
#   sources: ["Begini Security Checklist, Psychometric Integration, 2 (2026-04-14)"]
#   facts: [webhook.baseline, webhook.exchange, webhook.diagnosis, webhook.instance, provider.call]
package prelaunch.checks.webhook.accepts_genuine

import data.prelaunch.lib
import data.prelaunch.reading

# genuine is the plain events: one of each type and some more of the type that is forged.
genuine(environment) := [item.fact |
	some family in ["type", "baseline"]
	some item in reading.of(environment, family)
]

good(x) if {
	x.status == 200
	not x.error
}

bad(environment) := [x | some x in genuine(environment); not good(x); not x.not_sent]

kinds(list) := sort({x.event_type | some x in list})

# unknown_user holds where events get a 4xx, whatever their type, though their signatures are verified: most likely the receiver does
# not know the synthetic UIDs.
unknown_user(environment) if {
	b := reading.baselines[environment]
	not b.genuine
	not b.fixed_uids
	b.distinguishes
	every x in bad(environment) {
		x.status >= 400
		x.status < 500
	}
	verifies(environment)
}

# verifies says what shows that right signatures of plain bodies fit.
verifies(environment) := "wrongly signed ones another answer" if {
	every x in bad(environment) {
		not x.status in reading.baselines[environment].wrong_statuses
	}
} else := sprintf("events without a %s are told apart by their signature", [case]) if {
	count(guesses(environment)) == 0
	some right in reading.of(environment, "pair")
	right.fact.purpose == "invalid"
	right.fact.status >= 400
	right.fact.status < 500
	right.fact.status != 429
	not "wrong" in right.fact.equals
	case := right.fact.case
	case in plain
	some wrong in reading.of(environment, "pair")
	wrong.fact.purpose == "reference"
	wrong.fact.case == case
	"wrong" in wrong.fact.equals
}

# plain are the invalid bodies that only lack a field, spelled as the genuine events are: a receiver which verifies another spelling
# does not take their signature for right.
plain := {"uid"}

# silent holds for an answer that did not come, where others did.
silent(environment) if {
	reading.baselines[environment].genuine
	every x in bad(environment) {
		passing(x)
	}
}

passing(x) if {
	not x.status
	x.error
}

passing(x) if x.status == 429

passing(x) if x.retry_after

# shut_out is what keeps this machine, and not necessarily the provider, away from the receiver.
shut_out(environment) := "a firewall's page came in place of the receiver's answer" if {
	every x in bad(environment) {
		x.firewall
	}
} else := "an IP allowlist is attested, this machine is not on it, and wrongly signed events got the same" if {
	lib.attestation("network.ip-allowlist")
	input.integration.network.vantage == "public"
	not reading.baselines[environment].distinguishes
	count(guesses(environment)) == 0
	every x in bad(environment) {
		x.status in reading.baselines[environment].wrong_statuses
	}
}

# guesses are what the receiver was seen to take instead.
guesses(environment) := sort({d.guess |
	some d in input.facts["webhook.diagnosis"]
	d.environment == environment
	d.taken
})

guess_words := {
	"sha256": "it verifies HMAC-SHA-256", "sha256-prefix": "it verifies HMAC-SHA-256 behind sha256=", "sha1": "it verifies HMAC-SHA-1",
	"sha384": "it verifies HMAC-SHA-384", "base64": "it compares with base64", "sha256-base64": "it compares with HMAC-SHA-256 in base64",
	"upper-case": "it compares with upper-case hex", "sha512-prefix": "it wants sha512= before the digits",
	"key-trailing-newline": "its key ends with a newline", "key-trailing-crlf": "its key ends with a carriage return and newline",
	"key-trimmed": "its key lacks the white space around it", "key-in-double-quotes": "its key stands in double quotes",
	"key-in-single-quotes": "its key stands in single quotes", "key-hex-decoded": "it decodes the key as hex",
	"key-base64-decoded": "it decodes the key as base64", "other-environment": "it has the other environment's key",
	"spaced-body": "it verifies the body spelled again with blanks", "pretty-body": "it verifies the body spelled again with line breaks",
	"sorted-body": "it verifies the body spelled again with its names sorted", "python-spelling": "it takes the body only when spelled with blanks",
}

why(environment) := sprintf("; %s", [concat(", ", [guess_words[guess] | some guess in guesses(environment)])]) if {
	count(guesses(environment)) > 0
} else := ""

how(x) := sprintf("%d", [x.status]) if {
	x.status
	not x.error
} else := reading.error_words(x.error)

hows(list) := concat(", ", sort({how(x) | some x in list}))

# observable holds where plain genuine events were sent.
observable(environment) if {
	not reading.unread(environment)
	count([x | some x in genuine(environment); not x.not_sent]) > 0
}

findings contains reading.unread(environment) if some environment, _ in lib.environments

findings contains lib.finding({
	"outcome": "inconclusive", "environment": environment, "subject": "not observed",
	"target": reading.url(environment),
	"message": unsent(environment),
	"evidence": {"reason": "not_sent"},
}) if {
	some environment, _ in lib.environments
	not reading.unread(environment)
	not observable(environment)
	not by_attestation(environment)
	not provider_turned_down(environment)
}

# provider_status is how the receiver answered the provider's own test webhook, the genuine event of careful probing.
provider_status(environment) := call.receiver_status if {
	reading.careful(environment)
	some call in input.facts["provider.call"]
	call.environment == environment
	call.purpose == "webhook"
	call.role == "current"
	call.documented
	call.status in {200, 422}
}

provider_turned_down(environment) if provider_status(environment) != 200

findings contains lib.finding({
	"outcome": "fail", "environment": environment, "subject": "test webhook", "target": reading.url(environment),
	"message": sprintf("the provider's test webhook was not answered with 200: %d", [provider_status(environment)]),
	"evidence": {"statuses": [provider_status(environment)]},
}) if {
	some environment, _ in lib.environments
	not reading.unread(environment)
	provider_turned_down(environment)
}

unsent(environment) := sprintf("no genuine event was sent: %s", [reading.unsigned_only(environment)]) if {
	reading.unsigned_only(environment)
} else := sprintf(
	"%sattest that both environments run the same build (environments.same-build), and probe Test in full%s",
	[seen(environment), lib.lapse("environments.same-build")],
)

seen(environment) := "no genuine event is sent in careful probing, and the provider's test webhook, which was answered with 200, is but one; " if {
	provider_status(environment) == 200
} else := "no genuine event is sent in careful probing; "

# by_attestation holds where careful probing rests on Test, which was observed, and on the word that both run the same build.
by_attestation(environment) if {
	reading.careful(environment)
	not reading.unsigned_only(environment)
	reading.same_build
	passes("test")
	environment != "test"
}

passes(environment) if {
	observable(environment)
	count(bad(environment)) == 0
	not reading.takes_everything(environment)
}

findings contains lib.finding({
	"outcome": "inconclusive", "environment": environment, "subject": "takes everything",
	"target": reading.url(environment),
	"message": "genuine events were answered with 200, but so is everything else, forged or not even JSON: the answer shows nothing",
	"evidence": {"reason": "takes_everything"},
}) if {
	some environment, _ in lib.environments
	observable(environment)
	reading.takes_everything(environment)
}

findings contains object.union(
	lib.finding({
		"outcome": "pass", "environment": environment, "subject": "accepted", "target": reading.url(environment),
		"message": sprintf("genuine events were answered with 200 in test, and %s attests that both environments run the same build", [reading.same_build.by]),
		"evidence": lib.attestation_evidence(reading.same_build),
	}),
	{"basis": "attested", "valid_until": reading.same_build.expires},
) if {
	some environment, _ in lib.environments
	by_attestation(environment)
}

findings contains lib.finding({
	"outcome": "inconclusive", "environment": environment, "subject": "unknown user",
	"target": reading.url(environment),
	"message": sprintf("genuine events got %s, and %s: most likely the receiver does not know the synthetic UIDs; list some that it knows as probe_uids", [hows(bad(environment)), verifies(environment)]),
	"evidence": {"statuses": reading.baselines[environment].genuine_statuses, "event_types": kinds(bad(environment))},
}) if {
	some environment, _ in lib.environments
	observable(environment)
	count(bad(environment)) > 0
	unknown_user(environment)
}

findings contains lib.finding({
	"outcome": "inconclusive", "environment": environment, "subject": "no answer",
	"target": reading.url(environment),
	"message": sprintf("%d of %d genuine events got no usable answer (%s); the others got 200", [count(bad(environment)), count(genuine(environment)), hows(bad(environment))]),
	"evidence": {"event_types": kinds(bad(environment))},
}) if {
	some environment, _ in lib.environments
	observable(environment)
	count(bad(environment)) > 0
	silent(environment)
}

findings contains lib.finding({
	"outcome": "inconclusive", "environment": environment, "subject": "shut out",
	"target": reading.url(environment),
	"message": sprintf("%d of %d genuine events got %s: %s; run the audit from an admitted machine, with `network: {vantage: allowlisted}`", [
		count(bad(environment)), count(genuine(environment)), hows(bad(environment)), shut_out(environment),
	]),
	"evidence": {"statuses": reading.baselines[environment].genuine_statuses, "event_types": kinds(bad(environment))},
}) if {
	some environment, _ in lib.environments
	observable(environment)
	count(bad(environment)) > 0
	shut_out(environment)
	not unknown_user(environment)
	not silent(environment)
}

findings contains lib.finding({
	"outcome": "fail", "environment": environment, "subject": "genuine", "target": reading.url(environment),
	"message": sprintf("%d of %d genuine events were not answered with 200: %s%s", [count(bad(environment)), count(genuine(environment)), hows(bad(environment)), why(environment)]),
	"evidence": {"event_types": kinds(bad(environment)), "statuses": reading.baselines[environment].genuine_statuses, "receiver_takes": guesses(environment)},
}) if {
	some environment, _ in lib.environments
	observable(environment)
	count(bad(environment)) > 0
	not unknown_user(environment)
	not silent(environment)
	not shut_out(environment)
}

# fresh is genuine events on connections of their own.
fresh(environment) := [x |
	some x in input.facts["webhook.instance"]
	x.environment == environment
	x.case == "genuine"
]

# strays are those that an instance or address turned down while another took them; one that asks to wait or bans says nothing of that.
strays(environment) := [x |
	some x in fresh(environment)
	x.status > 0
	not x.status in {200, 429, 503}
	not x.firewall
	some other in fresh(environment)
	other.status == 200
]

findings contains lib.finding({
	"outcome": "fail", "environment": environment, "subject": "instances", "target": reading.url(environment),
	"message": sprintf("%d of %d genuine events on new connections were not answered with 200 (%s), at %s: not every instance takes them", [
		sum([x.draws | some x in strays(environment)]), sum([x.draws | some x in fresh(environment)]), hows(strays(environment)),
		concat(", ", sort({x.address | some x in strays(environment)})),
	]),
	"evidence": {"statuses": sort({x.status | some x in strays(environment)}), "addresses": sort({x.address | some x in strays(environment)})},
}) if {
	some environment, _ in lib.environments
	passes(environment)
	count(strays(environment)) > 0
}

# Valid HTTP that a receiver has to take; what providers merely may send only warns.
must := {"20-KiB", "charset", "http2"}

unusual(environment) := [item.fact |
	some family in ["size", "transport"]
	some item in reading.of(environment, family)
	not good(item.fact)
	not item.fact.not_sent
]

unusual_words := {
	"20-KiB": "of 20 KiB", "64-KiB": "of 64 KiB", "charset": "declared as application/json; charset=utf-8", "http2": "sent over HTTP/2, which the receiver offers",
	"lower-case-header": "whose signature header is written in lower case", "chunked": "without Content-Length (chunked)",
	"two-writes": "whose body arrives in two pieces", "expect-continue": "with Expect: 100-continue",
}

level(name) := "fail" if {
	name in must
} else := "warn"

findings contains lib.finding({
	"outcome": level(x.case), "environment": environment, "subject": x.case, "target": reading.url(environment),
	"message": sprintf("a genuine event %s was not answered with 200: %s", [unusual_words[x.case], how(x)]),
	"evidence": {"case": x.case, "status": object.get(x, "status", 0)},
}) if {
	some environment, _ in lib.environments
	passes(environment)
	some x in unusual(environment)
	not passing(x)
}

findings contains lib.finding({
	"outcome": "inconclusive", "environment": environment, "subject": "unusual",
	"target": reading.url(environment),
	"message": sprintf("a genuine event %s got no usable answer: %s", [unusual_words[x.case], how(x)]),
	"evidence": {"case": x.case},
}) if {
	some environment, _ in lib.environments
	passes(environment)
	some x in unusual(environment)
	passing(x)
	x.case in must
}

findings contains lib.finding({
	"outcome": "pass", "environment": environment, "subject": "accepted", "target": reading.url(environment),
	"message": sprintf("%d genuine events of %d types were answered with 200", [count(genuine(environment)), count(kinds(genuine(environment)))]),
	"evidence": object.union({"event_types": kinds(genuine(environment))}, note(environment)),
}) if {
	some environment, _ in lib.environments
	passes(environment)
}

note(environment) := {"note": "wrongly signed events get the same answer"} if {
	reading.unobservable(environment)
} else := {}
