# METADATA
# title: The signature is verified over the raw request body
# description: |
#   Valid events in unusual but valid JSON serializations are accepted, and a body that was re-serialized after signing
#   is rejected. A receiver that verifies JSON which it parsed and serialized again breaks when the provider's
#   serialization changes, and accepts bodies that were not signed.
# custom:
#   id: webhook.verifies-raw-body
#   order: 150
#   section: Verify all webhook requests
#   families: [reserialized]
#   level: required
#   severity: high
#   cwe: ["CWE-347", "CWE-436"]
#   owasp_asvs: ["v5.0.0-1.5.3", "v5.0.0-4.1.5"]
#   per_environment: true
#   passes: |
#     Every valid event in an unusual but valid serialization is accepted, and every body that was re-serialized after
#     signing, or of which only the decoded text was signed, is rejected.
#   fails: |
#     A valid event is rejected for its serialization, or a body is accepted that is not what was signed. A valid
#     event that is rejected for unusual text in it, not as incorrectly signed, warns.
#   remediation: |
#     Verify the bytes as they were received, before any parser or character decoding:
#     - Express: `express.raw({type: "*/*"})`; Fastify: the fastify-raw-body plugin with `encoding: false`
#     - Koa: `await getRawBody(ctx.req)` of raw-body, not `ctx.request.rawBody` of koa-bodyparser, which is decoded text
#     - Hono: `await c.req.arrayBuffer()`; Next: `await request.arrayBuffer()` in the route handler, not `request.text()`
#     - Flask: `request.get_data()`; Django: `request.body`; FastAPI: `await request.body()`
#     - PHP: `php://input`; Rails: `request.raw_post`; Go: `io.ReadAll(r.Body)`
#   facts: [webhook.baseline, webhook.exchange, webhook.diagnosis]
package prelaunch.checks.webhook.verifies_raw_body

import data.prelaunch.lib
import data.prelaunch.lib.obstacles
import data.prelaunch.lib.responses
import data.prelaunch.lib.text
import data.prelaunch.lib.verdict

forged(environment) := array.concat(
	responses.in_families(environment, ["F08", "F09"]),
	[item | some item in responses.in_family(environment, "F11"); startswith(item.fact.case, "json-")],
)

# judged is what forgeries alone show; that they are rejected is only half of it.
judged(environment) := {finding |
	some finding in verdict.rejects(environment, forged(environment), forged(lib.reference))
	finding.outcome != "pass"
}

findings contains finding if {
	some environment, _ in lib.environments
	some finding in judged(environment)
}

# --- Valid events in unusual serializations

sent(environment) := [item.fact | some item in responses.in_family(environment, "raw-body"); not item.fact.not_sent]

accepted(environment) := text.labels([x | some x in sent(environment); responses.succeeded(x)])

not_accepted(environment) := [x | some x in sent(environment); not responses.succeeded(x)]

shows_nothing(x) if responses.transient(x)

shows_nothing(x) if responses.dropped(x)

# A plain valid event got this response too, so it is not the serialization that the receiver objects to.
shows_nothing(x) if {
	"turned" in x.equals
	not "wrong" in x.equals
}

shows_nothing(x) if {
	"turned" in x.equals
	x.status >= 500
}

# A value that is unusual in itself may be rejected for that, unless it is rejected as an incorrect signature is.
as_incorrect_signature(x) if not startswith(x.case, "value-")

as_incorrect_signature(x) if "wrong" in x.equals

rejected(environment) := [x |
	some x in not_accepted(environment)
	not shows_nothing(x)
	as_incorrect_signature(x)
]

objected(environment) := [x |
	some x in not_accepted(environment)
	not shows_nothing(x)
	not as_incorrect_signature(x)
]

unanswered(environment) := [x | some x in not_accepted(environment); shows_nothing(x)]

findings contains verdict.finding(environment, {
	"outcome": "fail", "subject": "spelling",
	"message": sprintf("%s does not verify the raw body: valid events in unusual serializations were rejected (%s)", [
		text.receiver(environment), concat(", ", text.labels(rejected(environment))),
	]),
	"evidence": {
		"refused": text.labels(rejected(environment)), "sent": count(sent(environment)),
		"replay": text.replay(environment, rejected(environment)),
	},
}) if {
	some environment, _ in lib.environments
	not verdict.unread(environment)
	count(rejected(environment)) > 0
}

findings contains verdict.finding(environment, {
	"outcome": "warn", "subject": "value",
	"message": sprintf("%s rejected valid events with unusual text in them, though not as incorrectly signed (%s)", [
		text.receiver(environment), concat(", ", text.labels(objected(environment))),
	]),
	"evidence": {
		"refused": text.labels(objected(environment)),
		"replay": text.replay(environment, objected(environment)),
	},
}) if {
	some environment, _ in lib.environments
	not verdict.unread(environment)
	count(objected(environment)) > 0
}

# reserialized are the serializations whose signature a receiver accepts that rejects the plain valid event.
reserialized(environment) := [{"family": "diagnosis", "case": d.guess} |
	some d in input.facts["webhook.diagnosis"]
	d.environment == environment
	d.taken
	d.guess in {"spaced-body", "pretty-body", "sorted-body"}
]

findings contains verdict.finding(environment, {
	"outcome": "fail", "subject": "respelled",
	"message": sprintf("%s accepts the signature of another serialization of the body (%s)", [
		text.receiver(environment), concat(", ", text.labels(reserialized(environment))),
	]),
	"evidence": {
		"taken": text.labels(reserialized(environment)),
		"replay": text.replay(environment, reserialized(environment)),
	},
}) if {
	some environment, _ in lib.environments
	not responses.unverified(environment)
	count(reserialized(environment)) > 0
}

# own_signature is the case that sends a decoded text's bytes with their own signature.
own_signature := {
	"byte-ff": "invalid-utf-8", "byte-ff-dropped": "invalid-utf-8", "byte-ff-replaced": "invalid-utf-8", "bom": "bom",
}

# decoded are bodies of invalid UTF-8 that were rejected as incorrectly signed with their own signature, but not with
# that of what decoding makes of them, although no such body is accepted in the end.
decoded(environment) := [x |
	some item in responses.in_family(environment, "F09")
	x := item.fact
	not x.variant # decoding that the provider's own SDKs do
	x.status >= 400
	x.status < 500
	not x.status in responses.baselines[environment].wrong_statuses
	some own in responses.in_family(environment, "malformed")
	own.fact.case == own_signature[x.case]
	"wrong" in own.fact.equals
]

findings contains verdict.finding(environment, {
	"outcome": "fail", "subject": "decoded",
	"message": sprintf("%s verifies decoded text: invalid UTF-8 is rejected with its own signature only (%s)", [
		text.receiver(environment), concat(", ", text.labels(decoded(environment))),
	]),
	"evidence": {
		"cases": text.labels(decoded(environment)),
		"replay": text.replay(environment, decoded(environment)),
	},
}) if {
	some environment, _ in lib.environments
	not verdict.unread(environment)
	count(decoded(environment)) > 0
}

# --- What is not proven, and what passes

unproven(environment) := obstacles.unstable(environment) if {
	count(unanswered(environment)) > 0
} else := obstacles.unproven(environment) if {
	not verdict.unread(environment)
	count(judged(environment)) + count(rejected(environment)) == 0
	count(sent(environment)) == 0
}

findings contains verdict.inconclusive(environment, unproven(environment), {
	"subject": "spelling",
	"message": message(environment),
	"evidence": object.union({"no_answer": text.labels(unanswered(environment))}, shown_again(environment)),
}) if {
	some environment, _ in lib.environments
	not bridged(environment)
}

# shown_again is how to see a response that shows nothing.
shown_again(environment) := {"replay": text.replay(environment, unanswered(environment))} if {
	count(unanswered(environment)) > 0
} else := {}

message(environment) := sprintf("%s gave no conclusive response to valid events in unusual serializations (%s)", [
	text.receiver(environment), concat(", ", text.labels(unanswered(environment))),
]) if {
	count(unanswered(environment)) > 0
} else := sprintf("%s got no valid event in an unusual serialization: %s", [
	text.receiver(environment), obstacles.unproven(environment).why,
])

passes(environment) if {
	not verdict.unread(environment)
	count(sent(environment)) > 0
	count(judged(environment)) == 0
	count(rejected(environment)) == 0
	count(unanswered(environment)) == 0
	count(decoded(environment)) == 0
}

bridged(environment) if {
	responses.bridged(environment)
	passes(lib.reference)
}

findings contains verdict.finding(environment, {
	"outcome": "pass", "subject": "raw body",
	"message": sprintf("%s accepted %s and rejected %s", [
		text.receiver(environment),
		lib.amount(count(accepted(environment)), "unusual serialization", "unusual serializations"),
		lib.amount(count(hits), "body re-serialized after signing", "bodies re-serialized after signing"),
	]),
	"evidence": {"accepted": accepted(environment), "refused": text.cases(hits)},
}) if {
	some environment, _ in lib.environments
	passes(environment)
	hits := responses.of_class(forged(environment), "rejected")
}

findings contains verdict.bridged(environment, "raw body", sprintf("%s verifies the raw body", [
	text.receiver(lib.reference),
])) if {
	some environment, _ in lib.environments
	bridged(environment)
	unproven(environment)
}
