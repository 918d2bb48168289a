package prelaunch.checks.webhook.replay_not_processed_test

import data.prelaunch.checks.webhook.replay_not_processed as check
import data.prelaunch.lib.responses_test as given

findings(document) := result if {
	result := check.findings with input as document
}

outcomes(document) := {f.outcome | some f in findings(document)}

subjects(document) := {f.subject | some f in findings(document)}

again(changes) := given.exchange("genuine", "redelivery", "again", object.union({"status": 200, "equals": ["genuine"]}, changes))

counted(n) := given.document({"observer": "asked", "observer_sees": true}, [given.wrong, again({"effect": "processed", "times_processed": n})])

test_pass if outcomes(counted(1)) == {"pass"}

test_warn_comes_of_a_fail_of_a_recommended_check if {
	{[f.outcome, f.message] | some f in findings(counted(2))} == {["fail", "Test receiver processed the same event 2 times"]}
}

test_warn_of_a_signature_that_fits_another_event if {
	document := given.document({"observer": "asked"}, [given.wrong, again({"times_processed": 1}), given.accepted("F31", "another-event")])
	outcomes(document) == {"pass", "warn"}
	outcomes(given.document({}, [given.wrong_accepted, given.accepted("F31", "another-event")])) == {"inconclusive"}
}

steps(document) := concat(" ", sort({f.next_step | some f in findings(document)}))

test_inconclusive if {
	outcomes(given.nothing) == {"inconclusive"}
	every row in [
		[given.document({}, [given.wrong, again({})]), "effects: {command"],
		[given.document({"observer": "asked", "observer_sees": true}, [given.wrong, again({"effect": "processed"})]), "print how often"],
		[given.document({"key_held": false}, [given.wrong]), "Let the audit sign with the key"],
		[object.union(given.careful_document([], []), {"facts": {"webhook.exchange": []}}), "Probe Test in full"],
	] {
		outcomes(row[0]) == {"inconclusive"}
		contains(steps(row[0]), row[1])
	}
}
