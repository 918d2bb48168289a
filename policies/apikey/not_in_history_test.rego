package prelaunch.checks.api_key.not_in_history_test

import data.prelaunch.checks.api_key.not_in_history as check

hit := {
	"repository": ".", "area": "history", "place": "blob", "path": "config.py", "member": "", "field": "", "line": 3, "object": "abcd", "commit": "ef01", "ref": "refs/heads/main",
	"reachable": true, "more": 0, "spelling": "plain", "key_environment": "production", "role": "current", "fingerprint": "sha256:00000001",
}

retired := object.union(hit, {"role": "retired", "fingerprint": "sha256:0000000a"})

refusal := {"family": "F20", "environment": "production", "key": "sha256:0000000a", "status": 401, "equals": ["wrong"], "witnessed": true}

findings(hits, gaps, exchanges) := result if {
	result := check.findings with input as {
		"facts": {
			"repository.hit": hits,
			"repository.status": [{"repository": ".", "objects": 9, "files": 2, "gaps": gaps, "gaps_cut": 0, "hits_cut": 0, "not_searched": [], "by_fingerprint": ["sha256:0000000f"]}],
			"webhook.exchange": exchanges, "webhook.baseline": [{"environment": "production", "genuine": true}], "provider.call": [],
		},
		"integration": {"declared": ["repositories"], "repositories": [{"path": "."}]},
		"probes": [{"kinds": ["repository.hit"], "state": "complete"}],
	}
}

outcomes(hits, gaps, exchanges) := {f.outcome | some f in findings(hits, gaps, exchanges)}

test_pass if {
	outcomes([], [], []) == {"pass"}
	outcomes([object.union(hit, {"area": "files", "place": "tracked", "object": ""})], [], []) == {"pass"}
}

test_fail_on_the_current_commit_of_a_bare_repository if outcomes([object.union(hit, {"area": "files"})], [], []) == {"fail"}

test_pass_with_a_dead_key if {
	some f in findings([retired], [], [refusal])
	f.outcome == "pass"
	f.evidence.dead_keys == ["sha256:0000000a: config.py"]
}

test_fail if {
	some f in findings([hit, object.union(hit, {"object": "0123"})], [], [])
	f.outcome == "fail"
	f.subject == ". config.py"
	count(f.evidence.places) == 2
	f.evidence.places[0].object == "abcd"
}

test_fail_on_messages_names_one_place if {
	message := object.union(hit, {"path": "", "place": "commit", "field": "message"})
	found := findings([message, object.union(message, {"commit": "2345"})], [], [])
	count(found) == 1
	some f in found
	f.subject == ". commit message"
}

test_inconclusive_on_a_retired_key_that_nothing_refuses if outcomes([retired], [], []) == {"inconclusive"}

test_inconclusive_on_a_shallow_clone if {
	outcomes([], [{"reason": "shallow-clone", "area": "history", "path": "", "object": "", "detail": "history is not here"}], []) == {"inconclusive"}
}
