package prelaunch.checks.input.rejects_missing_fields_test

import data.prelaunch.checks.input.rejects_missing_fields as check
import data.prelaunch.lib.responses_test as given

outcomes(document) := result if {
	result := {f.outcome | some f in check.findings} with input as document
}

invalid(name, changes) := given.exchange("invalid", "missing", name, changes)

test_pass if outcomes(given.document({}, [given.wrong, invalid("x", {"status": 400})])) == {"pass"}

test_fail if outcomes(given.document({}, [given.wrong, invalid("x", {"status": 400}), invalid("y", {"status": 500})])) == {"fail"}

test_inconclusive if {
	outcomes(given.nothing) == {"inconclusive"}
	outcomes(given.document({}, [given.wrong, given.unsent("invalid", "missing", "x", "timeouts")])) == {"inconclusive"}
}

test_fail_of_what_is_taken if outcomes(given.document({}, [given.wrong, invalid("uid", {"status": 200})])) == {"fail"}
