package prelaunch.checks.access.least_privilege_test

import data.prelaunch.checks.access.least_privilege as check

file := {"path": "users.csv", "complete": true, "problem": "", "size": 10, "digest": "sha256:00", "accounts": 5, "several": 0, "unreadable": 0, "unreadable_rows": []}

group(role, number) := {"role": role, "domain": "acme.example", "domain_allowed": true, "shared_looking": false, "count": number, "rows": [2]}

outcomes(path, files, groups) := result if {
	result := {f.outcome | some f in check.findings} with input as {
		"integration": {"access": {"roster": path, "max_admins": 3}},
		"facts": {"access.roster": files, "access.accounts": groups},
		"finished_at": "2026-11-24T08:00:00Z", "probes": [],
	}
}

test_pass if outcomes("users.csv", [file], [group("admin", 3), group("viewer", 2)]) == {"pass"}

test_fail_on_too_many_admins if outcomes("users.csv", [file], [group("admin", 3), group("admin", 1)]) == {"fail"}

test_fail_on_an_unknown_role if outcomes("users.csv", [file], [group("admin", 1), group("operational", 1), group("unrecognised", 2)]) == {"fail"}

test_inconclusive_without_a_role if outcomes("users.csv", [file], [group("admin", 1), group("", 1)]) == {"inconclusive"}

test_inconclusive_without_a_roster if outcomes("", [], []) == {"inconclusive"}

test_inconclusive_on_half_a_roster if outcomes("users.csv", [object.union(file, {"complete": false})], [group("admin", 1)]) == {"inconclusive"}

test_what_the_roles_were_taken_for_is_shown if {
	found := check.findings with input as {
		"integration": {"access": {"roster": "users.csv", "max_admins": 3, "roster_roles": {"owner": "Admin"}}},
		"facts": {"access.roster": [file], "access.accounts": [group("admin", 3)]},
		"finished_at": "2026-11-24T08:00:00Z", "probes": [],
	}
	{f.evidence.roles | some f in found} == {{"owner": "Admin"}}
}
