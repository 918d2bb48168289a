package prelaunch.checks.deployment_centre.webhook_registered_test

import data.prelaunch.checks.deployment_centre.webhook_registered as check

call(changes) := object.union(
	{
		"purpose": "pairing", "environment": "production", "role": "current", "owner": "production", "fingerprint": "sha256:00000001", "host": "api.acme.example",
		"not_sent": "", "error": "", "status": 422, "retries": 0, "receiver_status": 0, "documented": false,
	},
	changes,
)

stranger := call({"role": "random", "owner": "", "fingerprint": "", "status": 403})

delivered(status, receiver) := call({"purpose": "webhook", "status": status, "receiver_status": receiver, "documented": true})

attestation := {"check": "deployment-centre.webhook-registered", "by": "jane@acme.example", "on": "2026-11-01", "statement": "seen", "expires": "2026-12-24"}

findings(calls, checks, attestations) := result if {
	result := check.findings with input as {
		"finished_at": "2026-11-24T08:00:00Z",
		"integration": {"provider_checks": checks, "attestations": attestations, "environments": [{"name": "production", "webhook_url": "https://hooks.acme.example/begini"}]},
		"facts": {"provider.call": calls},
		"probes": [],
	}
}

seen(calls) := {[f.subject, f.outcome, f.basis] | some f in findings(array.concat(calls, beside), true, [])}

# Calls that stand beside every other: the random key for the test webhook, and another environment's.
beside := [
	call({"purpose": "webhook", "role": "random", "owner": "", "fingerprint": "", "status": 403}),
	call({"purpose": "webhook", "environment": "test", "owner": "test", "status": 424, "documented": true}),
]

cross := call({"owner": "test", "environment": "production"})

test_inconclusive_when_only_other_keys_are_taken if {
	seen([stranger, cross, call({"status": 503}), delivered(503, 0)]) == {["not shown", "inconclusive", "observed"]}
	seen([stranger, call({"role": "retired"}), call({"status": 503}), delivered(503, 0)]) == {["not shown", "inconclusive", "observed"]}
}

test_inconclusive_when_only_other_keys_are_refused if {
	seen([stranger, call({}), object.union(cross, {"status": 403}), delivered(403, 0)]) == {["not shown", "inconclusive", "observed"]}
	seen([stranger, call({}), call({"role": "retired", "status": 403}), delivered(403, 0)]) == {["not shown", "inconclusive", "observed"]}
}

test_inconclusive_on_a_gateways_503 if {
	seen([stranger, call({}), object.union(delivered(503, 0), {"documented": false})]) == {["not shown", "inconclusive", "observed"]}
}

test_pass_when_a_status_of_the_api_is_no_session if seen([stranger, call({"status": 300}), delivered(200, 200)]) == {["delivered", "pass", "observed"]}

test_pass_when_delivered if seen([stranger, call({}), delivered(200, 200)]) == {["delivered", "pass", "observed"]}

test_pass_when_attested if {
	{[f.outcome, f.basis] | some f in findings([], false, [attestation])} == {["pass", "attested"]}
	{[f.outcome, f.basis] | some f in findings([call({"purpose": "webhook", "not_sent": "passive", "status": 0})], true, [attestation])} == {["pass", "attested"]}
}

test_fail_when_the_receiver_refuses if {
	seen([stranger, call({}), delivered(422, 401)]) == {["not taken", "fail", "observed"]}
	seen([stranger, call({}), delivered(200, 500)]) == {["not taken", "fail", "observed"]}
}

test_fail_when_none_is_registered if seen([stranger, call({}), delivered(424, 0)]) == {["none registered", "fail", "observed"]}

test_fail_although_attested if {
	{[f.subject, f.outcome] | some f in findings([stranger, call({}), delivered(424, 0)], true, [attestation])} == {["none registered", "fail"]}
}

test_fail_when_the_provider_cannot_connect if seen([stranger, call({}), delivered(503, 0)]) == {["cannot connect", "fail", "observed"]}

test_fail_when_the_key_is_refused_and_another_is_not if {
	other := call({"environment": "test", "owner": "test"})
	seen([stranger, other, call({"status": 403}), delivered(403, 0)]) == {["key refused", "fail", "observed"]}
}

test_inconclusive_when_every_key_is_refused if seen([stranger, call({"status": 403}), delivered(403, 0)]) == {["not shown", "inconclusive", "observed"]}

test_inconclusive_when_the_api_itself_is_down if {
	seen([stranger, call({"status": 503}), delivered(503, 0)]) == {["not shown", "inconclusive", "observed"]}
}

test_inconclusive_on_an_answer_of_another_form if {
	seen([stranger, call({}), object.union(delivered(200, 0), {"documented": false})]) == {["not shown", "inconclusive", "observed"]}
}

test_inconclusive_without_provider_checks if {
	some f in findings([], false, [])
	f.outcome == "inconclusive"
	contains(f.message, "provider_checks")
}

test_warn_when_a_session_was_created if {
	seen([stranger, call({"status": 200}), delivered(200, 200)]) == {["session created", "warn", "observed"], ["delivered", "pass", "observed"]}
}
