# METADATA
# title: Valid webhook events return the provider's success status
# description: |
#   A valid event of each configured type gets {{success}}; the provider counts anything else as a failed delivery and
#   sends it again.
# custom:
#   id: webhook.accepts-genuine
#   order: 70
#   section: Verify all webhook requests
#   level: required
#   severity: high
#   cwe: []
#   owasp_asvs: []
#   per_environment: true
#   passes: |
#     A valid event of each configured type, and valid events over unusual but valid HTTP, get {{success}}, on new
#     connections too.
#   fails: |
#     A valid event gets another response; the finding says what the receiver most likely verifies instead. Valid HTTP
#     that providers merely may send only warns.
#   remediation: |
#     Respond with {{success}} as soon as the signature is verified and the event is stored, and do the work later.
#     Verify the {{mac}} of the {{signed}} in {{encoding}}, with the key of this environment's {{tab}}.
#     Accept bodies of 64 KiB. Where the receiver looks users up, list UIDs that it knows as probe_uids.
#   facts: [webhook.baseline, webhook.exchange, webhook.diagnosis, webhook.instance, provider.call, provider.delivery]
package prelaunch.checks.webhook.accepts_genuine

import data.prelaunch.lib
import data.prelaunch.lib.obstacles
import data.prelaunch.lib.responses
import data.prelaunch.lib.text
import data.prelaunch.lib.verdict

# --- Plain valid events: one of each type and some more of the type that is forged

valid(environment) := [item.fact | some item in responses.in_families(environment, ["type", "baseline"])]

sent(environment) := [x | some x in valid(environment); not x.not_sent]

rejected(environment) := [x | some x in sent(environment); not responses.succeeded(x)]

types(list) := sort({x.event_type | some x in list})

observable(environment) if {
	not verdict.unread(environment)
	count(sent(environment)) > 0
}

passes(environment) if {
	observable(environment)
	count(rejected(environment)) == 0
	not responses.accepts_everything(environment)
}

findings contains verdict.unread(environment) if some environment, _ in lib.environments

# --- Why valid events were rejected: the first of these that holds

reasons := ["recorded", "unknown user", "no answer", "shut out", "genuine"]

reason(environment) := [subject | some subject in reasons; explains(subject, environment)][0]

explains("recorded", environment) if replayed(environment)

explains("unknown user", environment) if unknown_user(environment)

explains("no answer", environment) if {
	responses.baselines[environment].genuine
	every x in rejected(environment) {
		responses.transient(x)
	}
}

explains("shut out", environment) if shut_out(environment)

explains("genuine", _)

# unknown_user holds where events of every type get a 4xx though their signatures are verified: most likely the receiver
# does not know the synthetic UIDs.
unknown_user(environment) if {
	b := responses.baselines[environment]
	not b.genuine
	not b.fixed_uids
	b.distinguishes
	every x in rejected(environment) {
		x.status >= 400
		x.status < 500
	}
	verifies(environment)
}

# verifies is what shows that correct signatures of plain bodies fit.
verifies(environment) := "incorrectly signed ones got another response" if {
	every x in rejected(environment) {
		not x.status in responses.baselines[environment].wrong_statuses
	}
} else := sprintf("signatures make a difference for events without a %s", [case]) if {
	count(accepted_instead(environment)) == 0
	some correct in responses.in_family(environment, "pair")
	correct.fact.purpose == "invalid"
	correct.fact.status >= 400
	correct.fact.status < 500
	correct.fact.status != 429
	not "wrong" in object.get(correct.fact, "equals", [])
	case := correct.fact.case
	case in plain
	some incorrect in responses.in_family(environment, "pair")
	incorrect.fact.purpose == "reference"
	incorrect.fact.case == case
	"wrong" in incorrect.fact.equals
}

# plain are the invalid bodies that only lack a field and are serialized as the valid events are: a receiver that
# verifies another serialization does not accept their signature.
plain := {"uid"}

# shut_out is what keeps this machine, and not necessarily the provider, away from the receiver.
shut_out(environment) := "a firewall's page came in place of the receiver's response" if {
	every x in rejected(environment) {
		x.firewall
	}
} else := "an IP allowlist is attested, this machine is not on it, and incorrectly signed events got the same" if {
	lib.attestation("network.ip-allowlist")
	input.integration.network.vantage == "public"
	not responses.baselines[environment].distinguishes
	count(accepted_instead(environment)) == 0
	every x in rejected(environment) {
		x.status in responses.baselines[environment].wrong_statuses
	}
}

# accepted_instead are the guesses at what the receiver verifies that it was seen to accept.
accepted_instead(environment) := sort({d.guess |
	some d in input.facts["webhook.diagnosis"]
	d.environment == environment
	d.taken
})

guesses := {
	"sha256": "it verifies HMAC-SHA-256",
	"sha256-prefix": "it verifies HMAC-SHA-256 behind sha256=",
	"sha1": "it verifies HMAC-SHA-1",
	"sha384": "it verifies HMAC-SHA-384",
	"base64": "it compares with base64",
	"sha256-base64": "it compares with HMAC-SHA-256 in base64",
	"upper-case": "it compares with upper-case hex",
	"sha512-prefix": "it expects sha512= before the digits",
	"key-trailing-newline": "its key ends with a newline",
	"key-trailing-crlf": "its key ends with a carriage return and newline",
	"key-trimmed": "its key lacks the white space around it",
	"key-in-double-quotes": "its key is enclosed in double quotes",
	"key-in-single-quotes": "its key is enclosed in single quotes",
	"key-hex-decoded": "it decodes the key as hex",
	"key-base64-decoded": "it decodes the key as base64",
	"other-environment": "it has the other environment's key",
	"spaced-body": "it verifies the body re-serialized with blanks",
	"pretty-body": "it verifies the body re-serialized with line breaks",
	"sorted-body": "it verifies the body re-serialized with sorted names",
	"empty-key": "its key is empty: the variable is probably not set",
	"undefined-key": "its key is the text undefined: the variable is not set where the receiver (Node.js) reads it",
	"none-key": "its key is the text None: the variable is not set where the receiver (Python) reads it",
	"unexpanded-key": "its key is the name of the variable: nothing replaced ${…} by the value",
	"base64-body": "it verifies the base64 of the body, as behind a gateway that encodes it (AWS Lambda)",
	"doubly-encoded-body": "it verifies the body encoded as JSON a second time (JSON.stringify of a string)",
	"empty-body": "it verifies an empty body: a parser had read the stream before",
	"python-spelling": "it accepts the body only when serialized with blanks",
}

guess_words(environment) := sprintf(
	"; %s",
	[concat(", ", [guesses[guess] | some guess in accepted_instead(environment)])],
) if {
	count(accepted_instead(environment)) > 0
} else := ""

# cause marks the finding on which others depend where no valid event was accepted.
cause(environment) := {
	"cause": obstacles.unproven(environment).cause,
	"evidence": {"is_cause": true},
} if {
	not responses.baselines[environment].genuine
} else := {}

# count_words is "3 of 8 valid events".
count_words(environment) := sprintf("%d of %s", [
	count(rejected(environment)), lib.amount(count(valid(environment)), "valid event", "valid events"),
])

evidence(environment) := {
	"event_types": types(rejected(environment)),
	"statuses": responses.baselines[environment].genuine_statuses,
	"replay": text.replay(environment, rejected(environment)),
}

about(environment, "unknown user") := {
	"outcome": "inconclusive",
	"message": sprintf("%s rejected valid events (%s), but %s: most likely it does not know the synthetic UIDs", [
		text.receiver(environment), text.responses_of(rejected(environment)), verifies(environment),
	]),
	"evidence": evidence(environment),
	"next_step": lib.setting("List UIDs that the receiver knows", environment, ["probe_uids: [KNOWN0001]"]),
}

about(environment, "recorded") := {
	"outcome": "inconclusive",
	"message": sprintf(
		"%s rejected a recorded delivery (%s): it may know it, find it too old, or have another public key",
		[text.receiver(environment), text.responses_of(rejected(environment))],
	),
	"evidence": {"event_types": types(rejected(environment)), "reason": "recorded"},
	"next_step": "Record a delivery that the receiver has not seen, just before the audit.",
}

about(environment, "no answer") := {
	"outcome": "inconclusive",
	"message": sprintf("%s gave no usable response to %s (%s), and {{status}} to the others", [
		text.receiver(environment), count_words(environment), text.responses_of(rejected(environment)),
	]),
	"evidence": {
		"event_types": types(rejected(environment)),
		"replay": text.replay(environment, rejected(environment)),
	},
	"next_step": "Audit again when the receiver responds to every request in time.",
}

about(environment, "shut out") := {
	"outcome": "inconclusive",
	"message": sprintf("%s was not seen: %s got %s (%s)", [
		text.receiver(environment), count_words(environment), text.responses_of(rejected(environment)),
		shut_out(environment),
	]),
	"evidence": evidence(environment),
	"next_step": obstacles.firewall(environment).next_step,
}

# habits are what most likely lies behind the status of rejected valid events, where nothing that was tried instead was
# accepted; alike, where incorrectly signed events get the same status.
habits := [
	{
		"statuses": {404, 405}, "alike": true,
		"words": "; it gives every request a 404: most likely the path of webhook_url is wrong",
	},
	{
		"statuses": {400, 401, 403}, "alike": true,
		"words": "; correctly and incorrectly signed events are rejected alike: most likely it has another key",
	},
	{
		"statuses": {201}, "alike": false,
		"words": "; 201 is what NestJS responds to a POST by default: set @HttpCode(200)",
	},
	{
		"statuses": {202}, "alike": false,
		"words": "; 202 is what many receivers that queue events respond, for the provider a failed delivery: set the status",
	},
	{
		"statuses": {204}, "alike": false,
		"words": "; 204 is what many frameworks respond with an empty body: set the status",
	},
]

# habit_words is empty where no habit fits; no two of them do.
habit_words(environment) := concat("", [habit.words |
	some habit in habits
	only_status(environment, habit.statuses)
	fits(habit, environment)
])

fits(habit, _) if not habit.alike

fits(habit, environment) if {
	habit.alike
	responses.baselines[environment].wrong_statuses == rejected_statuses(environment)
}

rejected_statuses(environment) := sort({x.status | some x in rejected(environment)})

only_status(environment, expected) if {
	count(accepted_instead(environment)) == 0
	every x in rejected(environment) {
		x.status in expected
	}
}

about(environment, "genuine") := {
	"outcome": "fail",
	"message": sprintf("%s did not respond with {{status}} to %s: %s%s%s", [
		text.receiver(environment), count_words(environment), text.responses_of(rejected(environment)),
		guess_words(environment), habit_words(environment),
	]),
	"evidence": object.union(evidence(environment), {"receiver_takes": accepted_instead(environment)}),
}

findings contains verdict.finding(environment, object.union(
	object.union(about(environment, subject), cause(environment)),
	{"subject": subject},
)) if {
	some environment, _ in lib.environments
	observable(environment)
	count(rejected(environment)) > 0
	subject := reason(environment)
}

findings contains verdict.inconclusive(environment, obstacles.accepts_everything(environment), {
	"subject": "takes everything",
	"message": sprintf(
		"%s responds with {{status}} to valid events, but also to everything else, forged or not even JSON",
		[text.receiver(environment)],
	),
	"evidence": {"reason": "takes_everything"},
}) if {
	some environment, _ in lib.environments
	observable(environment)
	responses.accepts_everything(environment)
}

findings contains verdict.finding(environment, {
	"outcome": "pass", "subject": "accepted",
	"message": sprintf("%s responded with {{status}} to %s of %s", [
		text.receiver(environment), lib.amount(count(valid(environment)), "valid event", "valid events"),
		lib.amount(count(types(valid(environment))), "type", "types"),
	]),
	"evidence": object.union({"event_types": types(valid(environment))}, note(environment)),
}) if {
	some environment, _ in lib.environments
	passes(environment)
}

# replayed holds where the valid events are recorded deliveries of the provider's, which alone can sign.
replayed(environment) if responses.baselines[environment].recorded == "replayed"

unrecorded(environment) := sort({type | some type in input.integration.event_types} - {x.event_type |
	some x in valid(environment)
})

findings contains verdict.inconclusive(environment, obstacles.unsigned(environment), {
	"subject": "unrecorded",
	"message": sprintf("%s got no valid event of the type %s: %s", [
		text.receiver(environment), concat(", ", unrecorded(environment)), obstacles.unsigned(environment).why,
	]),
	"evidence": {"event_types": unrecorded(environment)},
}) if {
	some environment, _ in lib.environments
	replayed(environment)
	observable(environment)
	count(unrecorded(environment)) > 0
}

note(environment) := {"note": "incorrectly signed events get the same response"} if {
	responses.unverified(environment)
} else := {}

# --- Where no plain valid event was sent

findings contains verdict.inconclusive(environment, unsent(environment), {
	"subject": "not observed",
	"message": sprintf("%s got no valid event: %s%s", [
		text.receiver(environment), unsent(environment).why, provider_words(environment),
	]),
	"evidence": {"reason": "not_sent"},
}) if {
	some environment, _ in lib.environments
	not verdict.unread(environment)
	not observable(environment)
	not bridged(environment)
	not rejected_by_status(environment)
}

unsent(environment) := obstacles.unsent(environment) if {
	obstacles.unsent(environment)
} else := obstacles.not_sent(environment)

# provider_status is the receiver's response to the provider's own test webhook, the valid event of careful probing.
provider_status(environment) := call.receiver_status if {
	responses.careful(environment)
	some call in input.facts["provider.call"]
	call.environment == environment
	call.purpose == "webhook"
	call.role == "current"
	call.documented
	call.status in {200, 422}
}

provider_words(environment) := "; the provider's test webhook got {{status}}, but is only one event" if {
	responses.successful(provider_status(environment))
} else := ""

rejected_by_status(environment) if not responses.successful(provider_status(environment))

findings contains verdict.finding(environment, {
	"outcome": "fail", "subject": "test webhook",
	"message": sprintf(
		"%s responded with %d, not {{status}}, to the provider's test webhook",
		[text.receiver(environment), status],
	),
	"evidence": {"statuses": [status], "replay": text.repeated(environment, "webhook.accepts-genuine")},
}) if {
	some environment, _ in lib.environments
	not verdict.unread(environment)
	rejected_by_status(environment)
	status := provider_status(environment)
}

bridged(environment) if {
	responses.bridged(environment)
	passes(lib.reference)
}

findings contains verdict.bridged(environment, "accepted", sprintf("%s responded with {{status}} to valid events", [
	text.receiver(lib.reference),
])) if {
	some environment, _ in lib.environments
	bridged(environment)
}

# --- A recipe that nothing confirms: what fits it may not fit the provider

findings contains lib.finding({
	"outcome": "inconclusive", "subject": "recipe",
	"message": "The signature scheme of {{provider}} is not confirmed: no delivery of the provider was verified by it",
	"evidence": {"reason": "unverified_profile"},
	"next_step": "Record a real delivery, verify it with `prelaunch verify-delivery FILE`, and name the file as captured of its environment.",
}) if {
	input.profile.verified == false
	not confirmed
}

# confirmed holds where a recorded delivery of the provider was verified by the recipe.
confirmed if {
	some delivery in input.facts["provider.delivery"]
	delivery.verified
}

# --- New connections

fresh(environment) := [x |
	some x in input.facts["webhook.instance"]
	x.environment == environment
	x.case == "genuine"
]

# strays are those that one instance or address rejected while another accepted them; one that asks to wait or bans this
# machine shows nothing.
strays(environment) := [x |
	some x in fresh(environment)
	x.status > 0
	not x.status in {429, 503}
	not responses.successful(x.status)
	not x.firewall
	some other in fresh(environment)
	responses.successful(other.status)
]

draws(list) := sum([x.draws | some x in list])

addresses(list) := sort({x.address | some x in list})

findings contains verdict.finding(environment, {
	"outcome": "fail", "subject": "instances",
	"message": sprintf(
		"%s did not respond with {{status}} to %d of %s on new connections (%s): %s does not accept them",
		[
			text.receiver(environment), draws(strays(environment)),
			lib.amount(draws(fresh(environment)), "valid event", "valid events"),
			text.responses_of(strays(environment)), concat(", ", addresses(strays(environment))),
		],
	),
	"evidence": {
		"statuses": sort({x.status | some x in strays(environment)}),
		"addresses": addresses(strays(environment)),
		"replay": text.repeated(environment, "webhook.accepts-genuine"),
	},
}) if {
	some environment, _ in lib.environments
	passes(environment)
	count(strays(environment)) > 0
}

# --- Unusual but valid HTTP. What providers merely may send only warns.

must := {"20-KiB", "charset", "http2"}

unusual(environment) := [item.fact |
	some item in responses.in_families(environment, ["size", "transport"])
	not responses.succeeded(item.fact)
	not item.fact.not_sent
	not padded(environment, item.fact)
]

# padded holds for a large event that is large by white space, where white space alone gets an event rejected as
# incorrectly signed: that is for verifies-raw-body.
padded(environment, x) if {
	x.family == "size"
	"wrong" in x.equals
	some item in responses.in_family(environment, "raw-body")
	item.fact.case == "pretty"
	"wrong" in item.fact.equals
}

unusual_words := {
	"20-KiB": "of 20 KiB",
	"64-KiB": "of 64 KiB",
	"charset": "declared as application/json; charset=utf-8",
	"http2": "sent over HTTP/2, which it offers",
	"lower-case-header": "whose signature header is written in lower case",
	"chunked": "without Content-Length (chunked)",
	"two-writes": "whose body arrives in two pieces",
	"expect-continue": "with Expect: 100-continue",
}

level(x) := "fail" if {
	x.case in must
} else := "fail" if {
	x.case == "64-KiB" # only a 413 is a limit of the size, and it may be lost where the connection is closed at once
	object.get(x, "status", 0) != 413
	object.get(x, "error", "") != "reset"
} else := "warn"

# values are valid events with unusual text in them that make the receiver fail. A 4xx is for verifies-raw-body.
values(environment) := [item |
	some item in responses.in_family(environment, "raw-body")
	breaks(item.fact)
]

breaks(x) if {
	startswith(x.case, "value-")
	x.status >= 500
	not responses.transient(x)
}

breaks(x) if responses.dropped(x)

findings contains verdict.finding(environment, {
	"outcome": "fail", "subject": "values",
	"message": sprintf("%s did not respond with {{status}} to valid events with unusual text in them (%s): %s", [
		text.receiver(environment), concat(", ", text.cases(items)),
		text.responses_of([item.fact | some item in items]),
	]),
	"evidence": {
		"cases": text.cases(items), "statuses": responses.statuses(items),
		"replay": text.replay(environment, [item.fact | some item in items]),
	},
}) if {
	some environment, _ in lib.environments
	passes(environment)
	items := values(environment)
	count(items) > 0
}

unusual_message(environment, x) := sprintf("%s did not respond with {{status}} to a valid event %s: %s", [
	text.receiver(environment), unusual_words[x.case], text.response(x),
])

findings contains verdict.finding(environment, {
	"outcome": level(x), "subject": x.case,
	"message": unusual_message(environment, x),
	"evidence": {"case": text.label(x), "status": object.get(x, "status", 0), "replay": text.replay(environment, [x])},
}) if {
	some environment, _ in lib.environments
	passes(environment)
	some x in unusual(environment)
	not responses.transient(x)
}

findings contains verdict.finding(environment, {
	"outcome": "inconclusive", "subject": "unusual",
	"message": unusual_message(environment, x),
	"evidence": {"case": text.label(x), "replay": text.replay(environment, [x])},
	"next_step": "Audit again when the receiver responds to every request in time.",
}) if {
	some environment, _ in lib.environments
	passes(environment)
	some x in unusual(environment)
	responses.transient(x)
	level(x) == "fail"
}
