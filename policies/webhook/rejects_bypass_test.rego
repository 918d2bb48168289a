package prelaunch.checks.webhook.rejects_bypass_test

import data.prelaunch.checks.webhook.rejects_bypass as check
import data.prelaunch.lib.responses_test as given

findings(document) := result if {
	result := check.findings with input as document
}

outcomes(document) := {f.outcome | some f in findings(document)}

subjects(document) := {f.subject | some f in findings(document)}

test_pass if outcomes(given.document({}, [given.wrong, given.refused("F10", "text"), given.refused("F12", "put"), given.refused("F13", "suffix"), given.refused("F14", "x-debug"), given.refused("F16", "query"), given.refused("F18", "gzip"), given.refused("F11", "form-empty"), given.refused("F19", "two-wrong"), given.refused("F21", "large")])) == {"pass"}

test_fail if {
	document := given.document({}, [given.wrong, given.accepted("F10", "text"), given.accepted("F12", "put"), given.accepted("F13", "suffix"), given.accepted("F14", "x-debug"), given.accepted("F16", "query"), given.accepted("F18", "gzip"), given.accepted("F11", "form-empty"), given.accepted("F19", "two-wrong"), given.accepted("F21", "large")])
	outcomes(document) == {"fail"}
	subjects(document) == {"F10", "F11", "F12", "F13", "F14", "F16", "F18", "F19", "F21"}
}

test_fail_once_without_verification if {
	document := given.document({}, [given.wrong_accepted, given.accepted("F10", "text"), given.accepted("F12", "put"), given.accepted("F13", "suffix"), given.accepted("F14", "x-debug"), given.accepted("F16", "query"), given.accepted("F18", "gzip"), given.accepted("F11", "form-empty"), given.accepted("F19", "two-wrong"), given.accepted("F21", "large")])
	subjects(document) == {"verification"}
}

test_inconclusive if {
	outcomes(given.nothing) == {"inconclusive"}
	outcomes(given.document({}, [given.wrong, given.forged("F10", "text", {"status": 500})])) == {"inconclusive"}
}

test_repeated_header_counts_only_where_its_parts_do_not if {
	document := given.document({}, [given.wrong, given.refused("F10", "text"), given.accepted("F19", "empty-and-wrong"), given.accepted("F01", "empty")])
	outcomes(document) == {"inconclusive"}
}

# Plain unsigned events are accepted, so the detours were sent with a random signature: that they are refused shows only half.
test_inconclusive_where_unsigned_events_are_accepted_anyway if {
	document := given.document({}, [given.wrong, given.forged("F14", "x-debug", {"status": 401, "base": "wrong"})])
	outcomes(document) == {"inconclusive"}
}

test_fail_of_a_receiver_that_recognizes_the_auditor if {
	unmarked := given.exchange("forgery", "F12", "put", {"status": 200, "equals": ["genuine"], "unmarked": true})
	result := {f.subject: f | some f in check.findings} with input as given.document({}, [given.wrong, unmarked, given.refused("F12", "put")])
	result.recognized.outcome == "fail"
	result.recognized.evidence.cases == ["method/put"]
	alike := {f.subject | some f in check.findings} with input as given.document({}, [given.wrong, unmarked, given.accepted("F12", "put")])
	not "recognized" in alike
}

test_pass_notes_what_recognition_remains if {
	unmarked := given.exchange("forgery", "F12", "patch", {"status": 401, "equals": ["wrong"], "unmarked": true})
	some with_share in {f | some f in check.findings} with input as given.document({}, [given.wrong, unmarked])
	contains(with_share.evidence.note, "by its address")
	some without in {f | some f in check.findings} with input as given.document({}, [given.wrong, given.refused("F12", "put")])
	contains(without.evidence.note, "--no-unmarked")
}

other_url(name, changes) := given.forged("F29", name, changes)

ok := {"status": 200, "equals": ["genuine"]}

test_warn_of_a_signature_of_another_url if {
	rebuilt := other_url("forwarded-host", object.union(ok, {"variant": "tolerated"}))
	document := given.document({}, [given.wrong, given.refused("F10", "text"), other_url("http", ok), given.refused("F29", "other-environment")])
	outcomes(document) == {"pass", "warn"}
	outcomes(given.document({}, [given.wrong, given.refused("F10", "text"), rebuilt])) == {"pass"}
	other := object.union(ok, {"variant": "legacy"})
	outcomes(given.document({}, [given.wrong, given.refused("F10", "text"), other_url("http", other)])) == {"pass", "warn"}
}

test_fail_where_the_url_is_not_signed if {
	without := other_url("without-url", object.union(ok, {"variant": "never"}))
	outcomes(given.document({}, [given.wrong, given.refused("F10", "text"), without])) == {"fail"}
}

test_fail_on_the_url_of_the_other_environment if {
	other := other_url("other-environment", object.union(ok, {"variant": "other_environment"}))
	outcomes(given.document({}, [given.wrong, given.refused("F10", "text"), other])) == {"fail"}
}
