package prelaunch.checks.api_key.separate_environments_test

import data.prelaunch.checks.api_key.separate_environments as check

pair(same) := {"first": "test", "second": "production", "second_role": "current", "same": same, "fingerprint": "sha256:00000001", "fingerprint2": "sha256:00000002"}

outcomes(facts) := result if {
	result := {f.outcome | some f in check.findings} with input as {"facts": {"key.pair": facts}, "probes": []}
}

test_pass if outcomes([pair(false)]) == {"pass"}

test_fail if outcomes([pair(true)]) == {"fail"}

test_inconclusive if outcomes([]) == {"inconclusive"}

test_retired_keys_do_not_count if outcomes([object.union(pair(true), {"second_role": "retired"})]) == {"inconclusive"}
