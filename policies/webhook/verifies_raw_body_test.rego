package prelaunch.checks.webhook.verifies_raw_body_test

import data.prelaunch.checks.webhook.verifies_raw_body as check
import data.prelaunch.lib.responses_test as given

outcomes(document) := result if {
	result := {f.outcome | some f in check.findings; f.environment == "test"} with input as document
}

spelled(name, changes) := given.exchange("genuine", "raw-body", name, changes)

ok := {"status": 200, "equals": ["genuine"]}

refusals := [given.wrong, given.refused("F08", "pretty"), given.refused("F09", "bom")]

beside(list) := given.document({}, array.concat(refusals, list))

test_pass if outcomes(beside([spelled("python", ok)])) == {"pass"}

test_fail_where_a_respelled_body_is_taken if {
	outcomes(given.document({}, [given.wrong, given.accepted("F08", "pretty"), given.refused("F09", "bom"), spelled("python", ok)])) == {"fail"}
}

test_fail_where_a_spelling_is_refused if {
	outcomes(beside([spelled("python", {"status": 401, "equals": ["wrong"]})])) == {"fail"}
	outcomes(beside([spelled("value-non-ascii", {"status": 401, "equals": ["wrong"]})])) == {"fail"}
	outcomes(beside([spelled("python", {"status": 401, "equals": ["turned", "wrong"]})])) == {"fail"}
	outcomes(beside([spelled("python", {"status": 500})])) == {"fail"}
}

test_a_dropped_event_is_no_rejection if {
	outcomes(beside([spelled("pretty", {"error": "timeout", "retries": 1, "witnessed": true})])) == {"inconclusive"}
}

test_warns_where_a_value_is_refused_for_itself if outcomes(beside([spelled("python", ok), spelled("value-non-ascii", {"status": 422})])) == {"warn", "pass"}

test_fail_where_another_spelling_is_what_is_verified if {
	document := given.documents(
		[given.baseline({"genuine": false, "distinguishes": false})],
		[given.wrong, given.unsent("genuine", "raw-body", "python", "no_genuine"), given.refused("F08", "pretty")],
		{"webhook.diagnosis": [{"environment": "test", "guess": "sorted-body", "status": 200, "taken": true}]},
	)
	"fail" in outcomes(document)
}

test_fail_where_decoded_text_is_verified_and_the_bytes_are_parsed if {
	own := given.exchange("invalid", "malformed", "invalid-utf-8", {"status": 401, "equals": ["wrong"]})
	text := given.forged("F09", "byte-ff", {"status": 400})
	outcomes(beside([spelled("python", ok), own, text])) == {"fail"}

	# Parsed first, or refused alike: nothing is known of what is verified.
	outcomes(beside([spelled("python", ok), object.union(own, {"status": 400, "equals": []}), text])) == {"pass"}
	outcomes(beside([spelled("python", ok), own, given.refused("F09", "byte-ff")])) == {"pass"}
}

test_inconclusive if {
	outcomes(given.nothing) == {"inconclusive"}
	outcomes(beside([])) == {"inconclusive"}
	every changes in [{"error": "timeout"}, {"status": 429}, {"status": 503, "retry_after": true}] {
		outcomes(beside([spelled("python", changes)])) == {"inconclusive"}
	}
	every changes in [{"status": 409, "equals": ["turned"]}, {"status": 503, "equals": ["turned", "wrong"]}] {
		outcomes(beside([spelled("python", changes)])) == {"inconclusive"}
	}
	outcomes(given.document({"key_held": false}, refusals)) == {"inconclusive"}
}

careful(attestations) := result if {
	production := [object.union(x, {"environment": "production"}) | some x in array.concat(refusals, [given.unsent("genuine", "raw-body", "python", "careful")])]
	document := given.careful_document(array.concat(array.concat(refusals, [spelled("python", ok)]), production), attestations)
	result := {f | some f in check.findings; f.environment == "production"} with input as document
}

test_careful_rests_on_test_and_the_same_build if {
	{f.outcome | some f in careful([])} == {"inconclusive"}
	{[f.outcome, f.basis] | some f in careful([given.same_build])} == {["pass", "attested"]}
}

# Where everything that is invalid gets one response, correct signatures make no difference that careful probing sees.
test_careful_rests_on_test_where_one_response_fits_all_that_is_invalid if {
	production := [object.union(x, {"environment": "production"}) | some x in refusals]
	document := given.careful_document(array.concat(array.concat(refusals, [spelled("python", ok)]), production), [given.same_build])
	alike := object.union(document.facts, {"webhook.baseline": [
		given.baseline({}),
		given.baseline({
			"environment": "production", "probing": "careful", "genuine": false, "genuine_statuses": [],
			"distinguishes": false,
		}),
	]})
	result := {[f.outcome, f.basis] | some f in check.findings; f.environment == "production"} with input as object.union(document, {"facts": alike})
	result == {["pass", "attested"]}
}
