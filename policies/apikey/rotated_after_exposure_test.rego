package prelaunch.checks.api_key.rotated_after_exposure_test

import data.prelaunch.checks.api_key.rotated_after_exposure as check

current := {"key_environment": "production", "role": "current", "fingerprint": "sha256:00000001"}

retired := {"key_environment": "production", "role": "retired", "fingerprint": "sha256:0000000a"}

in_code(key) := object.union(key, {"area": "files", "path": "config.py", "repository": "."})

in_history(key) := object.union(key, {"area": "history", "path": "old.py", "repository": "."})

try := {"family": "F20", "environment": "production", "key": "sha256:0000000a", "status": 401, "equals": ["wrong"], "witnessed": true}

complete := [{"kinds": ["repository.hit"], "state": "complete"}, {"kinds": ["client.hit"], "state": "complete"}, {"kinds": ["log.hit"], "state": "complete"}]

everything := {"declared": ["repositories", "clients", "logs"], "repositories": [{"path": "."}], "clients": [{"path": "dist"}], "logs": [{"path": "a.log"}]}

facts := {
	"repository.hit": [], "client.hit": [], "log.hit": [],
	"repository.status": [{"gaps": [], "hits_cut": 0}], "client.status": [{"state": "searched", "gaps": [], "hits_cut": 0}], "log.source": [{"state": "read", "gaps": []}],
	"webhook.exchange": [], "webhook.baseline": [{"environment": "production", "genuine": true}], "provider.call": [],
}

findings(change) := result if {
	result := check.findings with input as {"facts": object.union(facts, change), "integration": everything, "probes": complete}
}

outcomes(change) := {f.outcome | some f in findings(change)}

test_pass_without_exposure if {
	some f in findings({})
	f.outcome == "pass"
	f.evidence.searched == ["repositories", "clients", "logs"]
}

test_pass_on_a_dead_key if outcomes({"repository.hit": [in_history(retired)], "webhook.exchange": [try]}) == {"pass"}

test_fail_on_a_current_key if {
	some f in findings({
		"repository.hit": [in_code(current), in_history(current)], "client.hit": [object.union(current, {"target": "dist", "path": "app.js"})],
		"log.hit": [object.union(current, {"what": "key", "file": "a.log"}), {"what": "uid", "file": "a.log", "key_environment": "", "role": "", "fingerprint": ""}],
	})
	f.outcome == "fail"
	f.evidence.exposed_in == ["client dist: app.js", "code of .: config.py", "git history of .: old.py", "log: a.log"]
	f.cause == concat("/", ["api-key.exposed", current.fingerprint])
}

test_inconclusive_on_a_retired_key_that_nothing_rejects if {
	outcomes({"repository.hit": [in_history(retired)]}) == {"inconclusive"}
	some f in findings({"repository.hit": [in_history(retired)], "webhook.exchange": [object.union(try, {"status": 200, "equals": ["genuine"]})]})
	contains(f.message, "still accepted")
}

test_inconclusive_when_not_searched_in_full if {
	outcomes({"repository.status": [{"gaps": [{}], "hits_cut": 0}]}) == {"inconclusive"}
	outcomes({"client.status": [{"state": "missing", "gaps": [], "hits_cut": 0}]}) == {"inconclusive"}
	outcomes({"log.source": [{"state": "read", "gaps": [{}]}]}) == {"inconclusive"}
	outcomes({"log.source": [{"state": "missing", "gaps": []}]}) == {"inconclusive"}
}

sections(integration) := {f.outcome | some f in result} if {
	result := check.findings with input as {"facts": facts, "integration": integration, "probes": complete}
}

test_inconclusive_when_not_declared if sections({"declared": [], "repositories": [], "clients": [], "logs": []}) == {"inconclusive"}

test_not_applicable_when_there_is_none if {
	sections({"declared": ["repositories", "clients", "logs"], "repositories": [], "clients": [], "logs": []}) == {"not_applicable"}
}

test_pass_when_the_rest_is_none if {
	sections({"declared": ["repositories", "clients", "logs"], "repositories": [{"path": "."}], "clients": [], "logs": []}) == {"pass"}
}

test_inconclusive_when_a_declaration_has_expired if {
	result := check.findings with input as {
		"facts": facts, "probes": complete, "finished_at": "2026-11-24T08:00:00Z",
		"integration": {
			"declared": ["repositories", "clients", "logs"], "repositories": [{"path": "."}], "clients": [], "logs": [],
			"declared_empty": [{"section": "clients", "expires": "2026-11-23"}],
		},
	}
	{f.outcome | some f in result} == {"inconclusive"}
}

remembered(role) := result if {
	row := {"fingerprint": "sha256:00000001", "key_environment": "production", "role": role, "last_seen": "2026-11-02T09:00:00Z", "places": ["client dist: app.js"]}
	result := check.findings with input as {"facts": facts, "integration": everything, "probes": complete, "scope": {"exposures": [row]}}
}

test_fail_on_a_current_key_that_an_earlier_audit_saw_exposed if {
	some f in remembered("current")
	f.outcome == "fail"
	f.evidence.exposed_in == ["client dist: app.js, last seen on 2026-11-02"]
	contains(f.message, "2026-11-02")
}

test_inconclusive_on_a_retired_key_that_an_earlier_audit_saw_exposed if {
	{f.outcome | some f in remembered("retired")} == {"inconclusive"}
}

test_pass_when_the_key_that_was_exposed_is_not_in_use if {f.outcome | some f in remembered("")} == {"pass"}

test_a_key_that_is_still_exposed_is_named_once if {
	row := {"fingerprint": "sha256:00000001", "key_environment": "production", "role": "current", "last_seen": "2026-11-02T09:00:00Z", "places": ["client: gone.js"]}
	hits := object.union(facts, {
		"repository.hit": [in_code(current)], "client.hit": [object.union(current, {"target": "dist", "path": "app.js"})],
		"log.hit": [object.union(current, {"what": "key", "file": "a.log"})],
	})
	some f in check.findings with input as {"facts": hits, "integration": everything, "probes": complete, "scope": {"exposures": [row]}}
	f.outcome == "fail"
	f.evidence.exposed_in == ["client dist: app.js", "code of .: config.py", "log: a.log"]
}
