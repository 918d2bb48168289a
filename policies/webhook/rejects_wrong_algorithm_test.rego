package prelaunch.checks.webhook.rejects_wrong_algorithm_test

import data.prelaunch.checks.webhook.rejects_wrong_algorithm as check
import data.prelaunch.lib.responses_test as given

findings(document) := result if {
	result := check.findings with input as document
}

outcomes(document) := {f.outcome | some f in findings(document)}

subjects(document) := {f.subject | some f in findings(document)}

test_pass if outcomes(given.document({}, [given.wrong, given.refused("F05", "sha512-body")])) == {"pass"}

test_fail if {
	document := given.document({}, [given.wrong, given.accepted("F05", "sha512-body")])
	outcomes(document) == {"fail"}
	subjects(document) == {"F05"}
}

test_fail_once_without_verification if {
	document := given.document({}, [given.wrong_accepted, given.accepted("F05", "sha512-body")])
	subjects(document) == {"verification"}
}

test_inconclusive if {
	outcomes(given.nothing) == {"inconclusive"}
	outcomes(given.document({}, [given.wrong, given.forged("F05", "sha512-body", {"status": 500})])) == {"inconclusive"}
}

test_warns_of_another_hash if {
	document := given.document({}, [given.wrong, given.refused("F05", "sha512-body"), given.accepted("F06", "sha256"), given.refused("F06", "md5")])
	outcomes(document) == {"warn"}
}

test_another_hash_says_nothing_where_any_digits_of_its_length_are_taken if {
	document := given.document({}, [given.wrong, given.refused("F05", "sha512-body"), given.accepted("F06", "sha256"), given.accepted("F02", "random-64")])
	outcomes(document) == {"pass"}
}
