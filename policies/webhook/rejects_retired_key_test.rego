package prelaunch.checks.webhook.rejects_retired_key_test

import data.prelaunch.checks.webhook.rejects_retired_key as check
import data.prelaunch.lib.responses_test as given

outcomes(document, until) := result if {
	result := {f.outcome | some f in check.findings} with input as listing(document, until)
}

# listing has one retired key of test with that end of its rotation window.
listing(document, until) := object.union(document, {"integration": given.integration({"retired_keys": [{"environment": "test", "accepted_until": until}]})})

key(exchange) := object.union(exchange, {"key": "sha256:00000001"})

test_pass if outcomes(given.document({}, [given.wrong, key(given.refused("F20", "retired-0"))]), "") == {"pass"}

test_fail if {
	taken := given.document({}, [given.wrong, key(given.accepted("F20", "retired-0"))])
	outcomes(taken, "") == {"fail"}
	outcomes(taken, "2026-11-23") == {"fail"}
}

test_pass_with_a_note_within_the_window if {
	taken := given.document({}, [given.wrong, key(given.accepted("F20", "retired-0"))])
	outcomes(taken, "2026-11-24") == {"pass"}
}

test_fail_without_verification if {
	taken := given.document({}, [given.wrong_accepted, key(given.accepted("F20", "retired-0"))])
	outcomes(taken, "2026-12-24") == {"fail"}
}

test_inconclusive if {
	outcomes(given.nothing, "") == {"inconclusive"}
	outcomes(given.document({}, [given.wrong, given.unsent("forgery", "F20", "retired-0", "no_key")]), "") == {"inconclusive"}
}

test_not_applicable if {
	result := {f.outcome | some f in check.findings} with input as given.document({}, [given.wrong])
	result == {"not_applicable"}
}
