package prelaunch.checks.webhook.accepts_rotation_test

import data.prelaunch.checks.webhook.accepts_rotation as check
import data.prelaunch.lib.responses_test as given

findings(document) := result if {
	result := check.findings with input as document
}

outcomes(document) := {f.outcome | some f in findings(document)}

subjects(document) := {f.subject | some f in findings(document)}

list(name, changes) := given.exchange("genuine", "rotation", name, changes)

ok := {"status": 200, "equals": ["genuine"]}

test_pass if outcomes(given.document({}, [given.wrong, list("valid-first", ok), list("valid-last", ok)])) == {"pass"}

test_warn_comes_of_a_fail_of_a_recommended_check if {
	document := given.document({}, [given.wrong, list("valid-first", {"status": 401, "equals": ["wrong"]}), list("valid-last", ok)])
	{[f.outcome, f.evidence.refused] | some f in findings(document)} == {["fail", ["signature-list/valid-first"]]}
}

why(document) := concat(" ", sort({f.message | some f in findings(document)}))

test_inconclusive if {
	outcomes(given.nothing) == {"inconclusive"}
	every row in [
		[given.document({}, [given.wrong]), "not all requests were sent"],
		[given.document({}, [given.wrong, list("valid-first", {"error": "timeout"})]), "not all requests were sent"],
		[given.document({"key_held": false}, [given.wrong]), "the key is not available"],
		[given.document({"genuine": false}, [given.wrong, list("valid-first", {"status": 401})]), "no correct signature"],
		[given.document({}, given.of_taker([list("valid-first", ok)])), "gives every request the same response"],
		[given.careful_document([], []), "careful probing sends no valid events"],
	] {
		outcomes(row[0]) == {"inconclusive"}
		contains(why(row[0]), row[1])
	}
}

test_pass_where_the_same_build_was_seen_in_test if {
	document := given.careful_document([given.wrong, list("valid-first", ok)], [given.same_build])
	{[f.environment, f.outcome, f.basis] | some f in findings(document)} == {["test", "pass", "observed"], ["production", "pass", "attested"]}
}

test_pass_where_the_same_build_was_seen_elsewhere if {
	document := json.patch(given.careful_document([], [given.same_build]), [
		{"op": "replace", "path": "/integration/environments/0", "value": {"name": "sandbox", "webhook_url": given.url, "probing": "full"}},
		{"op": "replace", "path": "/facts/webhook.baseline/0/environment", "value": "sandbox"},
		{"op": "add", "path": "/facts/webhook.exchange", "value": [
		object.union(x, {"environment": "sandbox"}) |
			some x in [given.wrong, list("valid-first", ok)]
		]},
	])
	some f in findings(document)
	f.environment == "production"
	f.outcome == "pass"
	startswith(f.message, "Sandbox receiver accepted")
}
