package prelaunch.checks.api_key.not_in_client_test

import data.prelaunch.checks.api_key.not_in_client as check

hit := {
	"target": "dist", "environment": "production", "path": "app.js", "member": "", "line": 1, "spelling": "plain", "key_environment": "production",
	"role": "current", "fingerprint": "sha256:00000001", "more": 0,
}

retired := object.union(hit, {"role": "retired", "fingerprint": "sha256:0000000a"})

refusal := {"family": "F20", "environment": "production", "key": "sha256:0000000a", "status": 401, "equals": ["wrong"], "witnessed": true}

call := {"target": "dist", "environment": "production", "path": "app.js", "member": "", "what": "session_api", "with_host": true}

status := {
	"target": "dist", "kind": "bundle", "environment": "production", "state": "searched", "files": 3, "bytes": 10, "gaps": [], "gaps_cut": 0, "hits_cut": 0,
	"other_sites": [], "names_api": false, "not_searched": [], "by_fingerprint": ["sha256:0000000f"],
}

findings(change) := result if {
	result := check.findings with input as {
		"facts": {
			"client.hit": object.get(change, "hits", []), "client.api_call": object.get(change, "calls", []),
			"client.status": [object.union(status, object.get(change, "status", {}))],
			"webhook.exchange": object.get(change, "exchanges", []), "webhook.baseline": [{"environment": "production", "genuine": true}], "provider.call": [],
		},
		"integration": {"declared": ["clients"], "clients": [{"path": "dist"}]},
		"probes": [{"kinds": ["client.hit"], "state": "complete"}],
	}
}

outcomes(change) := {f.outcome | some f in findings(change)}

test_pass if outcomes({}) == {"pass"}

test_pass_on_a_backends_own_path if {
	some f in findings({"calls": [object.union(call, {"with_host": false})]})
	f.outcome == "pass"
	f.evidence.own_paths_of_that_name == ["app.js"]
}

test_fail if {
	some f in findings({"hits": [hit, object.union(hit, {"line": 7})]})
	f.outcome == "fail"
	f.subject == "dist app.js"
	count(f.evidence.places) == 2
}

test_fail_on_a_retired_key if outcomes({"hits": [retired]}) == {"fail"}

test_warn_on_a_dead_key if outcomes({"hits": [retired], "exchanges": [refusal]}) == {"warn", "pass"}

test_fail_on_calls if {
	outcomes({"calls": [call]}) == {"fail"}
	some f in findings({"calls": [object.union(call, {"what": "key_header"})]})
	f.message == "Client code of dist sends the provider's key header: app.js"
}

test_inconclusive_when_split_over_files if {
	outcomes({"calls": [object.union(call, {"with_host": false})], "status": {"names_api": true}}) == {"inconclusive"}
}

test_inconclusive_when_not_searched_in_full if {
	outcomes({"status": {"state": "missing"}}) == {"inconclusive"}
	outcomes({"status": {"gaps": [{"path": "x.js", "reason": "permission denied"}]}}) == {"inconclusive"}
	outcomes({"status": {"hits_cut": 2}}) == {"inconclusive"}
	outcomes({"status": {"not_searched": ["sha256:00000001"]}}) == {"inconclusive"}
}

sections(declared, list) := {f.outcome | some f in result} if {
	result := check.findings with input as {
		"facts": {"client.hit": [], "client.api_call": [], "client.status": []},
		"integration": {"declared": declared, "clients": list}, "probes": [],
	}
}

test_inconclusive_when_not_declared if sections([], []) == {"inconclusive"}

test_not_applicable_when_there_is_none if sections(["clients"], []) == {"not_applicable"}

test_inconclusive_when_the_probe_failed if sections(["clients"], [{"path": "dist"}]) == {"inconclusive"}
