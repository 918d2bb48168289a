package prelaunch.checks.api_key.not_in_code_test

import data.prelaunch.checks.api_key.not_in_code as check

hit := {
	"repository": ".", "area": "files", "place": "tracked", "path": "config.py", "member": "", "field": "", "line": 3, "object": "", "commit": "", "ref": "",
	"reachable": false, "more": 0, "spelling": "plain", "key_environment": "production", "role": "current", "fingerprint": "sha256:00000001",
}

retired := object.union(hit, {"role": "retired", "fingerprint": "sha256:0000000a"})

status := {"repository": ".", "objects": 9, "files": 2, "gaps": [], "gaps_cut": 0, "hits_cut": 0, "not_searched": [], "by_fingerprint": ["sha256:0000000f"]}

refusal := {"family": "F20", "environment": "production", "key": "sha256:0000000a", "status": 401, "equals": ["wrong"], "witnessed": true}

findings(hits, change, exchanges) := result if {
	result := check.findings with input as {
		"facts": {
			"repository.hit": hits, "repository.status": [object.union(status, change)],
			"repository.suspect": [],
			"webhook.exchange": exchanges, "webhook.baseline": [{"environment": "production", "genuine": true}], "provider.call": [],
		},
		"integration": {"declared": ["repositories"], "repositories": [{"path": "."}]},
		"probes": [{"kinds": ["repository.hit"], "state": "complete"}],
	}
}

outcomes(hits, change, exchanges) := {f.outcome | some f in findings(hits, change, exchanges)}

test_pass if {
	some f in findings([], {}, [])
	f.outcome == "pass"
	f.evidence.searched_by_fingerprint_only == ["sha256:0000000f"]
	outcomes([object.union(hit, {"area": "history"})], {}, []) == {"pass"}
}

test_fail if {
	some f in findings([hit, object.union(hit, {"line": 9})], {}, [])
	f.outcome == "fail"
	f.environment == "production"
	f.subject == ". config.py"
	count(f.evidence.places) == 2
	f.message == "Production {{key}} is hard-coded in source files: config.py:3"
}

test_fail_once_for_each_file if {
	count(findings([hit, object.union(hit, {"line": 9}), object.union(hit, {"path": "b"})], {}, [])) == 2
}

test_fail_on_a_retired_key_that_nothing_refuses if outcomes([retired], {}, []) == {"fail"}

test_warn_on_a_dead_key if outcomes([retired], {}, [refusal]) == {"warn", "pass"}

test_warn_of_what_looks_like_another_key if {
	result := check.findings with input as {
		"facts": {
			"repository.hit": [], "repository.status": [status], "webhook.exchange": [], "webhook.baseline": [], "provider.call": [],
			"repository.suspect": [{"repository": ".", "area": "files", "path": "a.py", "line": 1}, {"repository": ".", "area": "history", "path": "b.py", "line": 1}],
		},
		"integration": {"declared": ["repositories"], "repositories": [{"path": "."}]},
		"probes": [{"kinds": ["repository.hit"], "state": "complete"}],
	}
	{f.outcome | some f in result} == {"pass", "warn"}
	{f.evidence.path | some f in result; f.outcome == "warn"} == {"a.py"}
}

test_inconclusive_when_not_searched_in_full if {
	outcomes([], {"gaps": [{"reason": "unreadable", "area": "files", "path": "x", "object": "", "detail": "permission denied"}]}, []) == {"inconclusive"}
}

sections(declared, list, probes) := {f.outcome | some f in result} if {
	result := check.findings with input as {
		"facts": {"repository.hit": [], "repository.status": [], "repository.suspect": []},
		"integration": {"declared": declared, "repositories": list}, "probes": probes,
	}
}

test_inconclusive_when_not_declared if sections([], [], []) == {"inconclusive"}

test_not_applicable_when_there_is_none if sections(["repositories"], [], []) == {"not_applicable"}

test_inconclusive_when_the_probe_failed if sections(["repositories"], [{"path": "."}], []) == {"inconclusive"}
