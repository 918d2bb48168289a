package prelaunch.checks.environments.no_mixed_configuration_test

import data.prelaunch.checks.environments.no_mixed_configuration as check

pairing := {"repository": ".", "path": ".env.production", "line": 2, "belongs": "production", "carries": "integration_id", "of": "test"}

status := {"repository": ".", "objects": 9, "files": 2, "gaps": [], "gaps_cut": 0, "hits_cut": 0, "others_cut": 0, "not_searched": []}

findings(pairings, change) := result if {
	result := check.findings with input as {
		"facts": {"repository.pairing": pairings, "repository.status": [object.union(status, change)]},
		"integration": {"declared": ["repositories"], "repositories": [{"path": "."}], "environments": [{"name": "test"}, {"name": "production"}]},
		"probes": [{"kinds": ["repository.hit"], "state": "complete"}],
	}
}

outcomes(pairings, change) := {f.outcome | some f in findings(pairings, change)}

test_pass if outcomes([], {}) == {"pass"}

test_fail if {
	found := findings([pairing, object.union(pairing, {"line": 7})], {})
	count(found) == 1
	some f in found
	f.outcome == "fail"
	f.environment == "production"
	f.evidence.lines == [2, 7]
	f.message == "Production configuration file .env.production contains the integration ID of Test"
}

test_inconclusive_when_not_searched_in_full if {
	outcomes([], {"gaps_cut": 1}) == {"inconclusive"}
	outcomes([], {"others_cut": 1}) == {"inconclusive"}
}

test_inconclusive_when_not_declared if {
	found := check.findings with input as {
		"facts": {"repository.pairing": [], "repository.status": []},
		"integration": {"declared": [], "repositories": [], "environments": [{"name": "test"}, {"name": "production"}]}, "probes": [],
	}
	{f.outcome | some f in found} == {"inconclusive"}
}

test_not_applicable_to_one_environment if {
	found := check.findings with input as {
		"facts": {"repository.pairing": [], "repository.status": [object.union(status, {"others_cut": 1})]},
		"integration": {"declared": [], "repositories": [], "environments": [{"name": "live"}]}, "probes": [],
	}
	{f.outcome | some f in found} == {"not_applicable"}
}
