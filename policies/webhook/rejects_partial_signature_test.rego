package prelaunch.checks.webhook.rejects_partial_signature_test

import data.prelaunch.checks.webhook.rejects_partial_signature as check
import data.prelaunch.lib.responses_test as given

findings(document) := result if {
	result := check.findings with input as document
}

outcomes(document) := {f.outcome | some f in findings(document)}

subjects(document) := {f.subject | some f in findings(document)}

test_pass if outcomes(given.document({}, [given.wrong, given.refused("F03", "first-16"), given.refused("F02", "flipped-127")])) == {"pass"}

test_fail if {
	document := given.document({}, [given.wrong, given.accepted("F03", "first-16"), given.accepted("F02", "flipped-127")])
	outcomes(document) == {"fail"}
	subjects(document) == {"F02-near", "F03"}
}

test_fail_once_without_verification if {
	document := given.document({}, [given.wrong_accepted, given.accepted("F03", "first-16"), given.accepted("F02", "flipped-127")])
	subjects(document) == {"verification"}
}

test_inconclusive if {
	outcomes(given.nothing) == {"inconclusive"}
	outcomes(given.document({}, [given.wrong, given.forged("F03", "first-16", {"status": 500})])) == {"inconclusive"}
}

test_inconclusive_where_any_digits_of_that_length_are_taken if {
	document := given.document({}, [given.wrong, given.accepted("F03", "first-32"), given.accepted("F02", "random-32")])
	outcomes(document) == {"inconclusive"}
}
