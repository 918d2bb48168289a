package prelaunch.checks.api_key.separate_environments_test

import data.prelaunch.checks.api_key.separate_environments as check

pair(same) := {"first": "test", "second": "production", "second_role": "current", "same": same, "fingerprint": "sha256:00000001", "fingerprint2": "sha256:00000002"}

outcomes(facts) := result if {
	result := {f.outcome | some f in check.findings} with input as {"facts": {"key.pair": facts}, "probes": [], "integration": {"environments": [{"name": "test"}, {"name": "production"}]}}
}

test_pass if outcomes([pair(false)]) == {"pass"}

test_fail if outcomes([pair(true)]) == {"fail"}

test_inconclusive if outcomes([]) == {"inconclusive"}

test_retired_keys_do_not_count if outcomes([object.union(pair(true), {"second_role": "retired"})]) == {"inconclusive"}

call(environment, owner, role, status) := {
	"purpose": "pairing", "environment": environment, "role": role, "owner": owner, "fingerprint": "sha256:00000001", "host": "api.acme.example", "not_sent": "", "error": "",
	"status": status, "retries": 0, "receiver_status": 0, "documented": false,
}

asked(cross) := result if {
	result := {f.outcome | some f in check.findings} with input as {
		"facts": {
			"key.pair": [pair(false)],
			"provider.call": [call("test", "", "random", 403), call("production", "", "random", 403), call("test", "test", "current", 422), call("test", "production", "current", 403), call("production", "test", "current", cross)],
		},
		"integration": {"environments": [{"name": "test", "integration_id": "1"}, {"name": "production", "integration_id": "2"}]},
		"probes": [],
	}
}

test_fail_when_the_provider_takes_the_key_for_the_other_environment if asked(422) == {"pass", "fail"}

test_pass_when_the_provider_refuses_it if asked(403) == {"pass"}

test_not_applicable_to_one_environment if {
	found := check.findings with input as {"facts": {"key.pair": []}, "probes": [], "integration": {"environments": [{"name": "live"}]}}
	{f.outcome | some f in found} == {"not_applicable"}
}

test_several_environments if {
	first := {"first": "sandbox", "second": "staging", "second_role": "current", "same": true, "fingerprint": "sha256:1", "fingerprint2": "sha256:1"}
	found := check.findings with input as {
		"facts": {"key.pair": [first, object.union(first, {"second": "live", "same": false})]}, "probes": [],
		"integration": {"environments": [{"name": "sandbox"}, {"name": "staging"}, {"name": "live"}]},
	}
	{[f.outcome, f.subject] | some f in found} == {["fail", "same key: sandbox and staging"], ["pass", "different keys: sandbox and live"]}
}

valued(environment, of) := result if {
	reference := {"environment": environment, "role": "current", "value_environment": of, "fingerprint": "sha256:00000001"}
	result := {f.outcome | some f in check.findings} with input as {
		"facts": {"key.pair": [pair(false)], "key.reference": [reference]}, "probes": [],
		"integration": {"environments": [{"name": "test"}, {"name": "production"}]},
	}
}

test_fail_where_the_value_shows_another_environment if {
	valued("production", "test") == {"pass", "fail"}
	valued("live", "test") == {"pass", "fail"}
}

test_pass_where_it_shows_the_same_or_none if {
	valued("production", "production") == {"pass"}
	valued("live", "production") == {"pass"}
	valued("eu-west", "test") == {"pass"}
}
