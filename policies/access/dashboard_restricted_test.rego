package prelaunch.checks.access.dashboard_restricted_test

import data.prelaunch.checks.access.dashboard_restricted as check

file := {"path": "users.csv", "complete": true, "problem": "", "size": 10, "digest": "sha256:00", "accounts": 2, "unreadable": 0, "unreadable_rows": []}

personal := {"role": "viewer", "domain": "acme.example", "domain_allowed": true, "shared_looking": false, "count": 2, "rows": [2, 3]}

foreign := object.union(personal, {"domain": "other.example", "domain_allowed": false, "count": 1, "rows": [4]})

shared := object.union(personal, {"shared_looking": true, "count": 1, "rows": [5]})

findings(path, domains, files, groups) := result if {
	result := check.findings with input as {
		"integration": {"access": {"roster": path, "allowed_domains": domains}},
		"facts": {"access.roster": files, "access.accounts": groups},
		"finished_at": "2026-11-24T08:00:00Z", "probes": [],
	}
}

outcomes(path, domains, files, groups) := {f.outcome | some f in findings(path, domains, files, groups)}

own := ["acme.example"]

test_pass if outcomes("users.csv", own, [file], [personal]) == {"pass"}

test_fail_on_a_foreign_domain if {
	some f in findings("users.csv", own, [file], [personal, foreign])
	f.outcome == "fail"
	f.subject == "domain other.example"
	f.evidence.rows == [4]
	outcomes("users.csv", own, [file], [personal, foreign]) == {"fail"}
}

test_fail_on_a_shared_account if outcomes("users.csv", own, [file], [personal, shared]) == {"fail"}

test_fail_also_on_half_a_roster if outcomes("users.csv", own, [object.union(file, {"complete": false})], [shared]) == {"fail", "inconclusive"}

test_inconclusive_without_a_roster if {
	outcomes("", own, [], []) == {"inconclusive"}
	{f.subject | some f in findings("", [], [], [])} == {"no roster"}
}

test_inconclusive_without_domains if outcomes("users.csv", [], [file], [foreign]) == {"inconclusive"}

test_inconclusive_with_unreadable_rows if outcomes("users.csv", own, [object.union(file, {"unreadable": 1})], [personal]) == {"inconclusive"}
