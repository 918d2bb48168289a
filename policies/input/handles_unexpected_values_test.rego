package prelaunch.checks.input.handles_unexpected_values_test

import data.prelaunch.checks.input.handles_unexpected_values as check
import data.prelaunch.lib.responses_test as given

outcomes(document) := result if {
	result := {f.outcome | some f in check.findings} with input as document
}

invalid(name, changes) := given.exchange("invalid", "unexpected", name, changes)

test_pass if outcomes(given.document({}, [given.wrong, invalid("x", {"status": 400})])) == {"pass"}

test_fail if outcomes(given.document({}, [given.wrong, invalid("x", {"status": 400}), invalid("y", {"status": 500})])) == {"fail"}

test_inconclusive if {
	outcomes(given.nothing) == {"inconclusive"}
	outcomes(given.document({}, [given.wrong, given.unsent("invalid", "unexpected", "x", "timeouts")])) == {"inconclusive"}
}

test_what_is_taken_is_noted if {
	result := {f | some f in check.findings} with input as given.document({}, [given.wrong, invalid("unknown-field", {"status": 200})])
	some f in result
	f.outcome == "pass"
	f.evidence.note_taken == ["unexpected-value/unknown-field"]
}

test_careful_does_not_blame_a_value_for_a_missing_field if {
	crash := {"status": 500, "base": "incomplete"}
	outcomes(given.document({}, [given.wrong, invalid("x", crash)])) == {"fail"}
	missing := given.exchange("invalid", "missing", "uid", {"status": 500})
	outcomes(given.document({}, [given.wrong, invalid("x", crash), missing])) == {"inconclusive"}
	outcomes(given.document({}, [given.wrong, invalid("x", {"status": 500}), missing])) == {"fail"}
}

test_pass_where_a_queue_processes_what_may_be_taken if {
	queued := {"receiver": "queued", "observer": "asked", "observer_sees": true}
	outcomes(given.document(queued, [given.wrong, invalid("unknown-field", {"status": 200, "effect": "processed"})])) == {"pass"}
}
