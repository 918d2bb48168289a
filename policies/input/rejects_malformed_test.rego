package prelaunch.checks.input.rejects_malformed_test

import data.prelaunch.checks.input.rejects_malformed as check
import data.prelaunch.lib.responses_test as given

outcomes(document) := result if {
	result := {f.outcome | some f in check.findings} with input as document
}

invalid(name, changes) := given.exchange("invalid", "malformed", name, changes)

test_pass if outcomes(given.document({}, [given.wrong, invalid("x", {"status": 400})])) == {"pass"}

test_fail if outcomes(given.document({}, [given.wrong, invalid("x", {"status": 400}), invalid("y", {"status": 500})])) == {"fail"}

test_inconclusive if {
	outcomes(given.nothing) == {"inconclusive"}
	outcomes(given.document({}, [given.wrong, given.unsent("invalid", "malformed", "x", "timeouts")])) == {"inconclusive"}
}

test_fail_of_what_is_taken if outcomes(given.document({}, [given.wrong, invalid("brace", {"status": 200})])) == {"fail"}

test_warns_of_what_standard_parsers_take_alone if {
	every case in ["invalid-utf-8", "utf-16", "nan-inside"] {
		outcomes(given.document({}, [given.wrong, invalid("x", {"status": 400}), invalid(case, {"status": 200})])) == {"pass", "warn"}
		outcomes(given.document({}, [given.wrong, invalid("brace", {"status": 200}), invalid(case, {"status": 200})])) == {"fail"}
		outcomes(given.document({}, [given.wrong, invalid("x", {"status": 400}), invalid(case, {"status": 500})])) == {"fail"}
		outcomes(given.document({"genuine": false, "distinguishes": false}, [given.wrong, invalid(case, {"status": 200})])) == {"inconclusive"}
	}
}

test_a_byte_order_mark_may_be_taken if outcomes(given.document({}, [given.wrong, invalid("bom", {"status": 200})])) == {"pass"}

test_fail_where_the_receiver_stopped if {
	outcomes(given.document({"unresponsive": true, "reason": "no_answer", "after": ["F19", "malformed"]}, [given.wrong, invalid("brace", {"status": 400})])) == {"fail", "pass"}
}
