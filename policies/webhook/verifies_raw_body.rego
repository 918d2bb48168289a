# METADATA
# title: The raw bytes of the body are verified
# description: |
#   Genuine events in unusual but valid spellings of JSON are accepted, and a body that was respelled after signing is refused. A receiver
#   that verifies JSON which it parsed and wrote again breaks when the provider's spelling changes, and takes bodies that were not signed.
# custom:
#   id: webhook.verifies-raw-body
#   order: 150
#   section: Verify all webhook requests
#   items: [2]
#   level: required
#   severity: high
#   per_environment: true
#   remediation: |
#     Verify the bytes as they were received, before any parser or character decoding (Express: express.raw; Flask: request.get_data();
#     PHP: php://input; Go: io.ReadAll).
#   sources: ["Begini Security Checklist, Psychometric Integration, 2 (2026-04-14)"]
#   facts: [webhook.baseline, webhook.exchange, webhook.diagnosis]
package prelaunch.checks.webhook.verifies_raw_body

import data.prelaunch.lib
import data.prelaunch.reading

forged(environment) := array.concat(reading.family(environment, "F08"), reading.family(environment, "F09"))

# judged is what forgeries alone show; that they are refused is only half of it.
judged(environment) := {finding |
	some finding in reading.judge(environment, forged(environment))
	finding.outcome != "pass"
}

findings contains finding if {
	some environment, _ in lib.environments
	some finding in judged(environment)
}

sent(environment) := [item.fact | some item in reading.of(environment, "raw-body"); not item.fact.not_sent]

good(x) if {
	x.status == 200
	not x.error
}

passing(x) if {
	not x.status
	x.error
}

passing(x) if x.status == 429

passing(x) if x.retry_after

# A plain genuine event got this answer too, so that it is not the spelling which it objects to.
passing(x) if {
	"turned" in x.equals
	not "wrong" in x.equals
}

passing(x) if {
	"turned" in x.equals
	x.status >= 500
}

# turned_down is refusals that look like a signature that does not fit. A value that is unusual in itself may be refused for that.
turned_down(environment) := sort({x.case |
	some x in sent(environment)
	not good(x)
	not passing(x)
	like_a_wrong_signature(x)
})

like_a_wrong_signature(x) if not startswith(x.case, "value-")

like_a_wrong_signature(x) if "wrong" in x.equals

objected(environment) := sort({x.case |
	some x in sent(environment)
	not good(x)
	not passing(x)
	not like_a_wrong_signature(x)
})

put_off(environment) := sort({x.case | some x in sent(environment); not good(x); passing(x)})

findings contains lib.finding({
	"outcome": "fail", "environment": environment, "subject": "spelling", "target": reading.url(environment),
	"message": sprintf("genuine events in valid but unusual spellings of JSON were refused (%s): what is verified is not the raw body", [concat(", ", turned_down(environment))]),
	"evidence": {"refused": turned_down(environment), "sent": count(sent(environment))},
}) if {
	some environment, _ in lib.environments
	not reading.unread(environment)
	count(turned_down(environment)) > 0
}

findings contains lib.finding({
	"outcome": "warn", "environment": environment, "subject": "value", "target": reading.url(environment),
	"message": sprintf("genuine events with unusual text in them were refused, though not as wrongly signed (%s)", [concat(", ", objected(environment))]),
	"evidence": {"refused": objected(environment)},
}) if {
	some environment, _ in lib.environments
	not reading.unread(environment)
	count(objected(environment)) > 0
}

# respelled is what was taken of a receiver that refuses the plain genuine event: a signature of another spelling of the body.
respelled(environment) := sort({d.guess |
	some d in input.facts["webhook.diagnosis"]
	d.environment == environment
	d.taken
	d.guess in {"spaced-body", "pretty-body", "sorted-body"}
})

findings contains lib.finding({
	"outcome": "fail", "environment": environment, "subject": "respelled", "target": reading.url(environment),
	"message": sprintf("the receiver takes the signature of another spelling of the body (%s)", [concat(", ", respelled(environment))]),
	"evidence": {"taken": respelled(environment)},
}) if {
	some environment, _ in lib.environments
	not reading.unobservable(environment)
	count(respelled(environment)) > 0
}

# decoded are bodies that are no proper text and were told wrongly signed by their own signature, but not by that of what decoding makes of
# them, although no such body is taken in the end.
decoded(environment) := sort({x.case |
	some item in reading.of(environment, "F09")
	x := item.fact
	x.status >= 400
	x.status < 500
	not x.status in reading.baselines[environment].wrong_statuses
	some own in reading.of(environment, "malformed")
	own.fact.case == {"byte-ff": "invalid-utf-8", "byte-ff-dropped": "invalid-utf-8", "bom": "bom"}[x.case]
	"wrong" in own.fact.equals
})

findings contains lib.finding({
	"outcome": "fail", "environment": environment, "subject": "decoded", "target": reading.url(environment),
	"message": sprintf("a body that is no proper UTF-8 is refused under its own signature as wrongly signed, and not under that of its decoded text (%s)", [concat(", ", decoded(environment))]),
	"evidence": {"cases": decoded(environment)},
}) if {
	some environment, _ in lib.environments
	not reading.unread(environment)
	count(decoded(environment)) > 0
}

unproven(environment) if {
	not reading.unread(environment)
	count(judged(environment)) + count(turned_down(environment)) == 0
	count(sent(environment)) == 0
}

unproven(environment) if count(put_off(environment)) > 0

findings contains lib.finding({
	"outcome": "inconclusive", "environment": environment, "subject": "spelling",
	"target": reading.url(environment),
	"message": because(environment),
	"evidence": {"no_answer": put_off(environment)},
}) if {
	some environment, _ in lib.environments
	unproven(environment)
	not by_attestation(environment)
}

because(environment) := sprintf("genuine events in unusual spellings got no usable answer, or one that plain genuine events get as well (%s)", [concat(", ", put_off(environment))]) if {
	count(put_off(environment)) > 0
} else := sprintf("no genuine event in an unusual spelling was sent: %s", [reading.unsigned_only(environment)]) if {
	reading.unsigned_only(environment)
} else := sprintf(
	"no genuine event is sent in careful probing; attest that both environments run the same build (environments.same-build), and probe Test in full%s",
	[lib.lapse("environments.same-build")],
) if {
	reading.careful(environment)
} else := "no genuine event in an unusual spelling could be sent: see webhook.accepts-genuine"

passes(environment) if {
	not reading.unread(environment)
	count(sent(environment)) > 0
	((count(judged(environment)) + count(turned_down(environment))) + count(put_off(environment))) + count(decoded(environment)) == 0
}

by_attestation(environment) if {
	reading.careful(environment)
	not reading.unsigned_only(environment)
	environment != "test"
	reading.same_build
	passes("test")
}

findings contains lib.finding({
	"outcome": "pass", "environment": environment, "subject": "raw body", "target": reading.url(environment),
	"message": sprintf("%d unusual spellings were accepted, and %d bodies respelled after signing were refused", [count([x | some x in sent(environment); good(x)]), count(reading.refused(forged(environment)))]),
	"evidence": {"accepted": sort({x.case | some x in sent(environment); good(x)}), "refused": reading.cases(reading.refused(forged(environment)))},
}) if {
	some environment, _ in lib.environments
	passes(environment)
}

findings contains object.union(
	lib.finding({
		"outcome": "pass", "environment": environment, "subject": "raw body", "target": reading.url(environment),
		"message": sprintf("the raw body is verified in test, and %s attests that both environments run the same build", [reading.same_build.by]),
		"evidence": lib.attestation_evidence(reading.same_build),
	}),
	{"basis": "attested", "valid_until": reading.same_build.expires},
) if {
	some environment, _ in lib.environments
	by_attestation(environment)
	unproven(environment)
}
