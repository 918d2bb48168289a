package prelaunch.lib.provider_test

import data.prelaunch.lib.provider

call(changes) := object.union(
	{
		"purpose": "pairing", "environment": "production", "role": "current", "owner": "production", "fingerprint": "sha256:00000001", "host": "api.acme.example",
		"not_sent": "", "error": "", "status": 422, "retries": 0, "receiver_status": 0, "documented": false,
	},
	changes,
)

stranger(status) := call({"role": "random", "owner": "", "fingerprint": "", "status": status})

retired := call({"role": "retired", "status": 403})

verdicts(calls) := result if {
	result := {[pair.role, pair.verdict] | some pair in provider.pairs} with input as {"facts": {"provider.call": calls}}
}

test_a_taken_and_a_refused_key if verdicts([stranger(403), call({}), retired]) == {["current", "accepted"], ["retired", "rejected"]}

test_a_retired_key_that_is_taken if verdicts([stranger(403), call({}), call({"role": "retired"})]) == {["current", "accepted"], ["retired", "accepted"]}

test_422_proves_nothing_unless_a_random_key_was_refused if verdicts([stranger(422), call({})]) == set()

test_a_refusal_proves_nothing_unless_a_key_was_taken if verdicts([stranger(403), call({"status": 403}), retired]) == set()

test_a_refusal_by_another_host_proves_nothing if verdicts([stranger(403), call({}), call({"role": "retired", "status": 403, "host": "other.acme.example"})]) == {["current", "accepted"]}

test_only_a_random_key_that_was_refused_for_a_pairing_counts if {
	verdicts([stranger(422), call({}), retired]) == set()
	verdicts([call({"owner": "test", "status": 403}), call({}), retired]) == set()
	verdicts([object.union(stranger(403), {"purpose": "webhook"}), call({}), retired]) == set()
}

test_only_another_key_that_was_taken_for_a_pairing_by_the_host_counts if {
	verdicts([stranger(403), call({"purpose": "webhook"}), retired]) == set()
	verdicts([stranger(403), stranger(422), retired]) == set()
	verdicts([stranger(403), object.union(stranger(403), {"host": "other.acme.example"}), call({}), object.union(retired, {"host": "other.acme.example"})]) == {["current", "accepted"]}
}

why(calls) := result if {
	result := provider.why("production", "pairing") with input as {"facts": {"provider.call": calls}, "probes": [{"name": "providerapi", "kinds": ["provider.call"], "state": "failed", "reason": "no route"}]}
}

test_why if {
	contains(why([call({"not_sent": "random_not_refused", "status": 0})]), "random key")
	why([call({"error": "timeout", "status": 0})]) == "the API did not respond (timeout)"
	why([call({"status": 500})]) == "the API responded with 500"
	why([]) == "no route"
}
