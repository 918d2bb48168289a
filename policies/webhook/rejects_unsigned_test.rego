package prelaunch.checks.webhook.rejects_unsigned_test

import data.prelaunch.checks.webhook.rejects_unsigned as check
import data.prelaunch.lib.responses_test as given

findings(document) := result if {
	result := check.findings with input as document
}

outcomes(document) := {f.outcome | some f in findings(document)}

subjects(document) := {f.subject | some f in findings(document)}

test_pass if outcomes(given.document({}, [given.wrong, given.refused("F01", "absent"), given.refused("F02", "random"), given.refused("F17", "long")])) == {"pass"}

test_fail if {
	document := given.document({}, [given.wrong, given.accepted("F01", "absent"), given.accepted("F02", "random"), given.accepted("F17", "long")])
	outcomes(document) == {"fail"}
	subjects(document) == {"F01", "F02", "F17"}
}

test_fail_once_without_verification if {
	document := given.document({}, [given.wrong_accepted, given.accepted("F01", "absent"), given.accepted("F02", "random"), given.accepted("F17", "long")])
	subjects(document) == {"verification"}
}

test_inconclusive if {
	outcomes(given.nothing) == {"inconclusive"}
	outcomes(given.document({}, [given.wrong, given.forged("F01", "absent", {"status": 500})])) == {"inconclusive"}
}

test_nearly_right_signatures_belong_elsewhere if {
	outcomes(given.document({}, [given.wrong, given.refused("F01", "absent"), given.accepted("F02", "flipped-0")])) == {"pass"}
}

# Official SDKs throw on a signature that is not ASCII: that is no acceptance, and that it is accepted counts all the same.
thrown(changes) := given.document({}, [given.wrong, given.refused("F01", "absent"), given.forged("F17", "byte-e9", object.union({"variant": "throws"}, changes))])

test_pass_where_official_sdks_throw if {
	outcomes(thrown({"status": 500})) == {"pass"}
	outcomes(thrown({"status": 200, "equals": ["genuine"]})) == {"fail"}
	outcomes(thrown({"error": "timeout"})) == {"inconclusive"}
}
