package prelaunch.checks.errors.no_internal_detail_test

import data.prelaunch.checks.errors.no_internal_detail as check
import data.prelaunch.lib.responses_test as given

findings(document) := result if {
	result := check.findings with input as document
}

outcomes(document) := {f.outcome | some f in findings(document)}

with_leaks(leaks) := given.document({}, [given.wrong, given.forged("F01", "absent", {"status": 401, "leaks": leaks})])

test_pass if outcomes(with_leaks([])) == {"pass"}

test_pass_notes_versions if {
	some f in findings(with_leaks(["version"]))
	f.outcome == "pass"
	f.evidence.note
}

test_fail if {
	document := with_leaks(["expected_signature", "python"])
	outcomes(document) == {"fail"}
	{f.subject | some f in findings(document)} == {"expected_signature", "python"}
}

test_fail_of_one_instance if {
	draw := {"environment": "test", "case": "unsigned", "address": "192.0.2.1:443", "draws": 1, "status": 401, "leaks": ["node"]}
	document := given.documents([given.baseline({})], [given.wrong], {"webhook.instance": [draw]})
	outcomes(document) == {"fail"}
}

test_fail_in_place_of_a_response if {
	broken := given.forged("F01", "absent", {"status": 0, "error": "reset", "leaks": ["key"]})
	outcomes(given.document({}, [given.wrong, broken])) == {"fail"}
}

test_warns_of_a_decoder if outcomes(with_leaks(["go_decoder"])) == {"warn"}

test_inconclusive if {
	outcomes(given.nothing) == {"inconclusive"}
	outcomes(given.document({"transport": "plain"}, [given.wrong])) == {"inconclusive"}
	outcomes(given.document({"complete": false}, [given.wrong])) == {"inconclusive"}
	outcomes(given.document({"reason": "no_answer"}, [given.wrong])) == {"inconclusive"}
	outcomes(given.document({}, [given.forged("F01", "absent", {"status": 401, "cut": true})])) == {"inconclusive"}
	outcomes(given.document({}, [given.wrong, given.forged("F01", "absent", {"status": 401, "error": "truncated"})])) == {"inconclusive"}
	outcomes(given.document({}, [given.forged("F01", "absent", {"status": 0, "error": "reset"})])) == {"inconclusive"}
}

test_same_build_settles_production_without_its_key if {
	document := given.by_fingerprint([given.wrong, given.refused("F01", "absent")], [given.wrong, given.refused("F01", "absent")], [])
	{[f.environment, f.outcome] | some f in findings(document)} == {["test", "pass"], ["production", "pass"]}
}
