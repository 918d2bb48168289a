package prelaunch.checks.webhook.rejects_foreign_key_test

import data.prelaunch.checks.webhook.rejects_foreign_key as check
import data.prelaunch.lib.responses_test as given

findings(document) := result if {
	result := check.findings with input as document
}

outcomes(document) := {f.outcome | some f in findings(document)}

subjects(document) := {f.subject | some f in findings(document)}

test_pass if outcomes(given.document({}, [given.wrong, given.refused("F28", "own-key")])) == {"pass"}

test_fail if {
	document := given.document({}, [given.wrong, given.accepted("F28", "own-key"), given.refused("F28", "key-url")])
	outcomes(document) == {"fail"}
	subjects(document) == {"F28"}
}

# Without a valid event, a receiver that rejects everything passes nothing.
test_inconclusive if {
	outcomes(given.nothing) == {"inconclusive"}
	without := {"genuine": false, "distinguishes": false, "genuine_statuses": []}
	outcomes(given.document(without, [given.wrong, given.refused("F28", "own-key")])) == {"inconclusive"}
}

test_fail_also_without_a_valid_event if {
	without := {"genuine": false, "distinguishes": false, "genuine_statuses": []}
	taken := given.forged("F28", "own-key", {"status": 204})
	outcomes(given.document(without, [given.wrong, taken])) == {"fail"}
}
