package prelaunch.checks.input.bounded_test

import data.prelaunch.checks.input.bounded as check
import data.prelaunch.lib.responses_test as given

outcomes(document) := result if {
	result := {f.outcome | some f in check.findings} with input as document
}

invalid(name, changes) := given.exchange("invalid", "bounded", name, changes)

test_pass if outcomes(given.document({}, [given.wrong, invalid("x", {"status": 400})])) == {"pass"}

test_fail if outcomes(given.document({}, [given.wrong, invalid("x", {"status": 400}), invalid("y", {"status": 500})])) == {"fail"}

test_inconclusive if {
	outcomes(given.nothing) == {"inconclusive"}
	outcomes(given.document({}, [given.wrong, given.unsent("invalid", "bounded", "x", "timeouts")])) == {"inconclusive"}
}

test_a_connection_closed_on_a_large_body_is_a_refusal if {
	outcomes(given.document({}, [given.wrong, invalid("nesting-100", {"status": 200}), invalid("1-MiB", {"error": "reset"})])) == {"pass"}
}

test_fail_where_nesting_ends_the_connection if {
	outcomes(given.document({}, [given.wrong, invalid("nesting-2000", {"error": "reset"})])) == {"fail"}
}
