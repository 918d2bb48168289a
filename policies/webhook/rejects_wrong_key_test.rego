package prelaunch.checks.webhook.rejects_wrong_key_test

import data.prelaunch.checks.webhook.rejects_wrong_key as check
import data.prelaunch.lib.responses_test as given

findings(document) := result if {
	result := check.findings with input as document
}

outcomes(document) := {f.outcome | some f in findings(document)}

subjects(document) := {f.subject | some f in findings(document)}

test_pass if outcomes(given.document({}, [given.wrong, given.refused("F04", "undefined")])) == {"pass"}

test_fail if {
	document := given.document({}, [given.wrong, given.accepted("F04", "undefined")])
	outcomes(document) == {"fail"}
	subjects(document) == {"F04"}
}

test_fail_once_without_verification if {
	document := given.document({}, [given.wrong_accepted, given.accepted("F04", "undefined")])
	subjects(document) == {"verification"}
}

test_inconclusive if {
	outcomes(given.nothing) == {"inconclusive"}
	outcomes(given.document({}, [given.wrong, given.forged("F04", "undefined", {"status": 500})])) == {"inconclusive"}
}
