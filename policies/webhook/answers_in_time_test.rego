package prelaunch.checks.webhook.answers_in_time_test

import data.prelaunch.checks.webhook.answers_in_time as check
import data.prelaunch.lib.responses_test as given

findings(document) := result if {
	result := check.findings with input as document
}

outcomes(document) := {f.outcome | some f in findings(document)}

subjects(document) := {f.subject | some f in findings(document)}

took(milliseconds) := given.exchange("genuine", "baseline", "plain", {"status": 200, "equals": ["genuine"], "milliseconds": milliseconds})

document(changes, exchanges) := object.union(
	given.document(changes, array.concat([given.wrong], exchanges)),
	{"profile": {"success": [{"from": 200, "to": 299}], "within_seconds": 5}},
)

test_pass if outcomes(document({}, [took(20), took(2500)])) == {"pass"}

test_warn_at_half_of_it if outcomes(document({}, [took(20), took(2600)])) == {"warn"}

test_fail if outcomes(document({}, [took(20), took(5100)])) == {"fail"}

test_inconclusive if {
	outcomes(given.nothing) == {"inconclusive"}
	outcomes(document({}, [])) == {"inconclusive"}
	outcomes(document({"key_held": false}, [])) == {"inconclusive"}
	outcomes(document({}, [took(20), given.exchange("genuine", "type", "plain", {"error": "timeout"})])) == {"inconclusive"}
	careful := object.union(given.careful_document([], []), {"profile": {"success": [], "within_seconds": 5}})
	outcomes(careful) == {"inconclusive"}
}
