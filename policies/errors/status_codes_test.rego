package prelaunch.checks.errors.status_codes_test

import data.prelaunch.checks.errors.status_codes as check
import data.prelaunch.lib.responses_test as given

findings(document) := result if {
	result := check.findings with input as document
}

outcomes(document) := {f.outcome | some f in findings(document)}

with_one(changes) := given.document({}, [given.wrong, given.refused("F01", "absent"), given.forged("F02", "random", changes)])

test_pass if {
	outcomes(given.document({}, [given.wrong, given.refused("F01", "absent"), given.accepted("F02", "random")])) == {"pass"}
	outcomes(with_one({"status": 501, "method": "PUT"})) == {"pass"}
	outcomes(with_one({"status": 200, "elsewhere": true})) == {"pass"}
}

test_pass_where_a_connection_was_cut_off if {
	cut := given.exchange("invalid", "malformed", "cut-off", {"error": "aborted"})
	large := given.exchange("invalid", "bounded", "1-MiB", {"error": "reset"})
	deep := given.exchange("invalid", "bounded", "nesting-2000", {"status": 500})
	taken := given.exchange("invalid", "unexpected", "unknown-field", {"status": 200})
	outcomes(given.document({}, [given.wrong, given.refused("F01", "absent"), cut, large, deep, taken])) == {"pass"}
}

test_fail if {
	every row in [
		[{"status": 200}, "2xx"], [{"status": 302}, "redirect"], [{"status": 500}, "5xx"], [{"status": 503}, "5xx"], [{"error": "reset"}, "no answer"],
	] {
		some f in findings(with_one(row[0]))
		f.outcome == "fail"
		f.subject == row[1]
	}
}

test_fail_of_an_invalid_body if {
	crash := given.exchange("invalid", "malformed", "brace", {"status": 500})
	outcomes(given.document({}, [given.wrong, given.refused("F01", "absent"), crash])) == {"fail"}
}

test_warns_of_an_observed_queue if {
	sees := {"receiver": "queued", "observer": "asked", "observer_sees": true}
	outcomes(given.document(sees, [given.forged("F01", "absent", {"status": 200, "effect": "not_processed"})])) == {"warn"}
	outcomes(given.document(sees, [given.forged("F01", "absent", {"status": 500, "effect": "not_processed"})])) == {"fail"}
}

test_inconclusive if {
	outcomes(given.nothing) == {"inconclusive"}
	outcomes(given.document({"receiver": "queued"}, [given.forged("F01", "absent", {"status": 200})])) == {"inconclusive"}
	outcomes(given.document({"genuine": false, "distinguishes": false}, [given.wrong, given.refused("F01", "absent")])) == {"inconclusive"}
	outcomes(given.document({"complete": false}, [given.wrong, given.refused("F01", "absent")])) == {"inconclusive"}
	outcomes(given.document({"reason": "timeouts"}, [given.wrong, given.refused("F01", "absent")])) == {"inconclusive"}
	outcomes(given.document({}, [given.wrong_accepted, given.accepted("F01", "absent")])) == {"inconclusive"}
	outcomes(with_one({"status": 503, "retry_after": true})) == {"inconclusive"}
}

test_inconclusive_where_the_receiver_was_away if {
	away := given.forged("F02", "random", {"error": "refused", "witnessed": false})
	outcomes(given.document({"unresponsive": true, "reason": "no_answer"}, [given.wrong, given.refused("F01", "absent"), away])) == {"inconclusive"}
}

test_fail_where_the_receiver_died if {
	killed := given.forged("F17", "odd-length", {"error": "reset", "witnessed": false})
	gone := given.exchange("control", "control", "genuine", {"error": "refused"})
	document := given.document({"unresponsive": true, "reason": "no_answer", "after": ["F16", "F17"]}, [given.wrong, given.refused("F01", "absent"), killed, gone])
	some f in findings(document)
	f.outcome == "fail"
	f.evidence.cases == ["unparsable-header/odd-length"]
}

test_fail_of_a_valid_event if {
	emoji := given.exchange("genuine", "raw-body", "value-emoji", {"status": 500})
	some f in findings(given.document({}, [given.wrong, given.refused("F01", "absent"), emoji]))
	f.outcome == "fail"
	f.subject == "valid events"
}

test_same_build_settles_production_without_its_key if {
	document := given.by_fingerprint([given.wrong, given.refused("F01", "absent")], [given.wrong, given.refused("F01", "absent")], [])
	{[f.environment, f.outcome] | some f in findings(document)} == {["test", "pass"], ["production", "pass"]}
}

test_fail_names_what_the_requests_have_in_common if {
	short := "signature that is not 128 characters long"
	pieces := [given.forged("F03", sprintf("first-%d", [n]), {"status": 500, "traits": [short]}) | some n in [1, 8, 16, 64]]
	words := [given.forged("F01", word, {"status": 500, "traits": [short, "signature that is not hexadecimal"]}) | some word in ["null", "none", "true"]]
	crashes := array.concat(pieces, words)
	other := given.forged("F09", "bom", {"status": 500})
	right := [given.wrong, given.refused("F02", "random"), given.forged("F01", "absent", {"status": 401, "traits": ["request without a signature header"]})]
	some f in findings(given.document({}, array.concat(crashes, right)))
	endswith(f.message, "(every signature that is not 128 characters long)")
	some mixed in findings(given.document({}, array.concat(array.concat(crashes, right), [other])))
	endswith(mixed.message, "(every signature that is not 128 characters long; also decoded-text/bom)")
	unlike := given.forged("F17", "long", {"status": 401, "traits": [short]})
	some not_every in findings(given.document({}, array.concat(array.concat(crashes, right), [unlike])))
	not contains(not_every.message, "128 characters")
}

test_fail_names_bodies_that_are_not_json if {
	crashes := [given.exchange("invalid", "malformed", name, {"status": 500, "traits": ["body that is not JSON"]}) | some name in ["brace", "half", "nan"]]
	some f in findings(given.document({}, array.concat(crashes, [given.wrong, given.refused("F01", "absent")])))
	endswith(f.message, "(every body that is not JSON)")
}

# What correct receivers may accept, and responses to handshakes, are no rejections.
test_pass_whatever_tolerated_cases_and_handshakes_get if {
	tolerated := given.forged("F09", "latin-1", {"status": 202, "equals": [], "variant": "tolerated"})
	handshake := given.forged("F27", "challenge", {"status": 200, "equals": [], "variant": "open", "echo": "text"})
	outcomes(given.document({}, [given.wrong, given.refused("F01", "absent"), tolerated, handshake])) == {"pass"}
	bare := object.remove(tolerated, ["variant"])
	outcomes(given.document({}, [given.wrong, given.refused("F01", "absent"), bare])) == {"fail"}
}
