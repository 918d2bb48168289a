package prelaunch.checks.errors.survives_requests_test

import data.prelaunch.checks.errors.survives_requests as check
import data.prelaunch.lib.responses_test as given

findings(changes) := result if {
	result := check.findings with input as given.document(changes, [given.wrong])
}

after(changes, exchanges) := {f.outcome | some f in result} if {
	result := check.findings with input as given.document(changes, exchanges)
}

outcomes(changes) := {f.outcome | some f in findings(changes)}

odd := {"family": "F17", "case": "odd-length"}

absent := {"family": "F01", "case": "absent", "event_type": "application.complete"}

stop(cases, changes) := object.union({"cases": cases, "sure": true, "back": true, "waited_seconds": 0}, changes)

test_pass if outcomes({"stops": []}) == {"pass"}

test_fail_names_the_request if {
	some f in findings({"stops": [stop([absent], {})]})
	f.outcome == "fail"
	f.subject == "unsigned/absent (application.complete)"
	contains(f.message, "after unsigned/absent (application.complete); it came back")
	f.evidence.is_cause
}

test_fail_of_one_of_several if {
	some f in findings({"stops": [stop([odd, absent], {"back": false, "waited_seconds": 60})]})
	contains(f.message, "one of 2 requests (unparsable-header/odd-length, ")
	contains(f.message, "did not come back within 60 s")
	some other in findings({"stops": [stop([odd], {"back": false})]})
	contains(other.message, "nothing more was sent")
}

# One that stops later than it responds is among those that it had responded to.
test_names_what_was_responded_to_just_before if {
	some f in findings({"stops": [stop([odd], {"before": [absent]})]})
	contains(f.message, "after unparsable-header/odd-length, or after unsigned/absent (application.complete), responded to just before")
	some other in findings({"stops": [stop([], {"before": [absent], "sure": false})]})
	other.outcome == "inconclusive"
	contains(other.message, "did after unsigned/absent (application.complete)")
	other.evidence.cases == ["unsigned/absent (application.complete)"]
}

# Where this machine may have been shut out, nothing is known.
test_inconclusive if {
	outcomes({"stops": [stop([odd], {"sure": false})]}) == {"inconclusive"}
	outcomes({"stops": [], "unresponsive": true, "reason": "no_answer"}) == {"inconclusive"}
	outcomes({"stops": [], "complete": false}) == {"inconclusive"}
	outcomes({"stops": [], "state": "passive"}) == {"inconclusive"}
}

# It has not kept responding where its gateway says something else in the end.
test_inconclusive_where_the_last_valid_event_is_rejected if {
	control := given.exchange("control", "control", "genuine", {"status": 200})
	rejected := object.union(control, {"status": 503})
	after({"stops": []}, [given.wrong, control, rejected]) == {"inconclusive"}
	after({"stops": []}, [given.wrong, rejected, control]) == {"pass"}
}

test_inconclusive_where_nothing_was_signed if {
	outcomes({"key_held": false}) == {"inconclusive"}
	outcomes({"genuine": false, "distinguishes": false}) == {"inconclusive"}
}

test_same_build_settles_production_without_its_key if {
	result := {[f.environment, f.outcome] | some f in check.findings} with input as given.by_fingerprint([given.wrong], [given.wrong], [])
	result == {["test", "pass"], ["production", "pass"]}
}
