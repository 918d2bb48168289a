package prelaunch.checks.webhook.rejects_unbound_time_test

import data.prelaunch.checks.webhook.rejects_unbound_time as check
import data.prelaunch.lib.responses_test as given

findings(document) := result if {
	result := check.findings with input as document
}

outcomes(document) := {f.outcome | some f in findings(document)}

subjects(document) := {f.subject | some f in findings(document)}

test_pass if outcomes(given.document({}, [given.wrong, given.refused("F23", "time-changed")])) == {"pass"}

test_fail if {
	document := given.document({}, [given.wrong, given.accepted("F23", "time-changed"), given.refused("F23", "body-only")])
	outcomes(document) == {"fail"}
	subjects(document) == {"F23"}
}

test_pass_where_only_another_encoding_of_the_time_is_accepted if {
	plus := object.union(given.accepted("F23", "time-plus"), {"variant": "tolerated"})
	document := given.document({}, [given.wrong, given.refused("F23", "time-changed"), plus])
	{[f.outcome, f.evidence.note_tolerated] | some f in findings(document)} == {["pass", ["unbound-timestamp/time-plus"]]}
}

test_fail_where_the_fresh_one_of_two_times_decides if {
	twice := given.accepted("F23", "time-twice-fresh-first")
	old := given.refused("F22", "day")
	outcomes(given.document({}, [given.wrong, given.refused("F23", "time-changed"), twice, old])) == {"fail"}
}

test_pass_where_two_times_are_accepted_because_an_old_one_is if {
	twice := given.accepted("F23", "time-twice-fresh-first")
	old := given.accepted("F22", "day")
	outcomes(given.document({}, [given.wrong, given.refused("F23", "time-changed"), twice, old])) == {"pass"}
}

test_inconclusive if {
	outcomes(given.nothing) == {"inconclusive"}
	outcomes(given.document({}, [given.wrong, given.forged("F23", "time-changed", {"status": 500})])) == {"inconclusive"}
	plus := object.union(given.accepted("F23", "time-plus"), {"variant": "tolerated"})
	outcomes(given.document({}, [given.wrong, plus])) == {"inconclusive"}
}
