package prelaunch.checks.webhook.same_everywhere_test

import data.prelaunch.checks.webhook.same_everywhere as check
import data.prelaunch.lib.responses_test as given

draw(name, draws, changes) := object.union({"environment": "test", "case": name, "address": "192.0.2.1:443", "draws": draws, "status": 401, "equals": ["wrong"]}, changes)

findings(changes, draws) := result if {
	result := check.findings with input as given.documents([given.baseline(changes)], [given.wrong], {"webhook.instance": draws})
}

outcomes(changes, draws) := {f.outcome | some f in findings(changes, draws)}

both := [draw("unsigned", 30, {}), draw("wrong-key", 30, {}), draw("genuine", 1, {"status": 200, "equals": ["genuine"]})]

test_pass if {
	some f in findings({}, both)
	f.outcome == "pass"
	f.evidence.share_percent == 10
}

test_fail if {
	taken := draw("wrong-key", 3, {"status": 200, "equals": ["genuine"]})
	some f in findings({}, [draw("unsigned", 30, {}), draw("wrong-key", 27, {}), taken])
	f.outcome == "fail"
	f.evidence.accepted == 3
	f.evidence.cases == ["guessable-key/random-key"]
	contains(f.message, "(guessable-key/random-key)")
}

test_fail_without_verification if {
	result := {f.subject | some f in check.findings} with input as given.documents([given.baseline({})], [given.wrong_accepted], {"webhook.instance": both})
	result == {"verification"}
}

test_inconclusive if {
	result := {f.outcome | some f in check.findings} with input as given.nothing
	result == {"inconclusive"}
	outcomes({}, []) == {"inconclusive"}
	outcomes({}, array.concat(both, [draw("unsigned", 1, {"status": 0, "error": "timeout"})])) == {"inconclusive"}
	outcomes({"addresses": ["192.0.2.1:443", "192.0.2.2:443"]}, both) == {"inconclusive"}
	outcomes({"complete": false}, both) == {"inconclusive"}
	outcomes({"unresolved": ["AAAA"]}, both) == {"inconclusive"}
	outcomes({}, [draw("unsigned", 30, {}), draw("wrong-key", 30, {}), draw("genuine", 1, {"status": 500})]) == {"inconclusive"}
	outcomes({"receiver": "queued"}, both) == {"inconclusive"}
}

test_warns_where_refusals_differ if {
	outcomes({}, [draw("unsigned", 30, {}), draw("wrong-key", 20, {}), draw("wrong-key", 10, {"status": 403})]) == {"warn"}
}

test_pass_tells_which_address_was_not_tested if {
	draws := array.concat(both, [draw("unsigned", 1, {"address": "[2001:db8::1]:443", "status": 0, "error": "no_route"})])
	some f in findings({"addresses": ["192.0.2.1:443", "[2001:db8::1]:443"]}, draws)
	f.outcome == "pass"
	f.evidence.not_tested == ["[2001:db8::1]:443"]
	contains(f.message, "1 address not tested")
}

test_same_build_settles_production_without_its_key if {
	of_production := [object.union(x, {"environment": "production"}) | some x in both; x.case != "genuine"]
	document := given.by_fingerprint([given.wrong], [given.wrong], array.concat(both, of_production))
	result := {[f.environment, f.outcome] | some f in check.findings} with input as document
	result == {["test", "pass"], ["production", "pass"]}
}
