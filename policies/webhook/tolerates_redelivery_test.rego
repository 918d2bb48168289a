package prelaunch.checks.webhook.tolerates_redelivery_test

import data.prelaunch.checks.webhook.tolerates_redelivery as check
import data.prelaunch.lib.responses_test as given

outcomes(document) := result if {
	result := {f.outcome | some f in check.findings; f.environment == "test"} with input as document
}

twice(first, again) := given.document({}, [
	given.exchange("genuine", "redelivery", "first", first),
	given.exchange("genuine", "redelivery", "again", again),
])

ok := {"status": 200}

test_pass if outcomes(twice(ok, ok)) == {"pass"}

test_fail if {
	outcomes(twice(ok, {"status": 409})) == {"fail"}
	outcomes(twice(ok, {"status": 200, "error": "endless"})) == {"fail"}
}

test_fail_of_a_duplicate_that_is_dropped if {
	document := twice(ok, {"error": "timeout", "retries": 1, "witnessed": false})
	outcomes(document) == {"inconclusive"}
	reused := given.refused("F07", "signature-reused")
	outcomes(json.patch(document, [{"op": "add", "path": "/facts/webhook.exchange/-", "value": reused}])) == {"fail"}
}

test_inconclusive if {
	outcomes(given.nothing) == {"inconclusive"}
	outcomes(twice({"status": 401}, {"status": 401})) == {"inconclusive"}
	every again in [{"error": "timeout"}, {"status": 429}, {"status": 503, "retry_after": true}] {
		outcomes(twice(ok, again)) == {"inconclusive"}
	}
	outcomes(given.document({}, [given.unsent("genuine", "redelivery", "again", "no_genuine")])) == {"inconclusive"}
	outcomes(given.document({"key_held": false}, [])) == {"inconclusive"}
}

test_inconclusive_where_everything_gets_200 if {
	outcomes(given.document({}, given.of_taker([given.exchange("genuine", "redelivery", name, ok) | some name in ["first", "again"]]))) == {"inconclusive"}
}

careful(attestations) := result if {
	document := given.careful_document([given.exchange("genuine", "redelivery", name, ok) | some name in ["first", "again"]], attestations)
	result := {f | some f in check.findings; f.environment == "production"} with input as document
}

test_careful_rests_on_test_and_the_same_build if {
	{f.outcome | some f in careful([])} == {"inconclusive"}
	{[f.outcome, f.basis] | some f in careful([given.same_build])} == {["pass", "attested"]}
}
