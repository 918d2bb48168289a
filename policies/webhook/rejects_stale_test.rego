package prelaunch.checks.webhook.rejects_stale_test

import data.prelaunch.checks.webhook.rejects_stale as check
import data.prelaunch.lib.responses_test as given

findings(document) := result if {
	result := check.findings with input as document
}

outcomes(document) := {f.outcome | some f in findings(document)}

subjects(document) := {f.subject | some f in findings(document)}

test_pass if {
	outcomes(given.document({}, [given.wrong, given.refused("F22", "hour"), given.refused("F22", "year")])) == {"pass"}
}

test_fail if {
	document := given.document({}, [given.wrong, given.accepted("F22", "hour"), given.refused("F22", "year")])
	outcomes(document) == {"fail"}
	subjects(document) == {"F22"}
}

test_fail_once_without_verification if {
	subjects(given.document({}, [given.wrong_accepted, given.accepted("F22", "hour")])) == {"verification"}
}

test_pass_whatever_the_future_brings if {
	document := given.document({}, [given.wrong, given.refused("F22", "hour"), given.accepted("F24", "hour")])
	{[f.outcome, f.evidence.note] | some f in findings(document)} == {["pass", "timestamps in the future are accepted (future-timestamp/hour)"]}
}

test_inconclusive if {
	outcomes(given.nothing) == {"inconclusive"}
	outcomes(given.document({}, [given.wrong])) == {"inconclusive"}
	outcomes(given.document({}, [given.wrong, given.forged("F22", "hour", {"status": 500})])) == {"inconclusive"}
	outcomes(given.document({"genuine": false, "distinguishes": false}, [given.wrong, given.refused("F22", "hour")])) == {"inconclusive"}
}
