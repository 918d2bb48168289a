package prelaunch.lib.roster_test

import data.prelaunch.lib.roster

file := {"path": "users.csv", "complete": true, "problem": "", "size": 10, "accounts": 2, "unreadable": 0, "unreadable_rows": []}

gaps(path, facts) := result if {
	result := {gap.subject | some gap in roster.gaps} with input as {"integration": {"access": {"roster": path}}, "facts": {"access.roster": facts}, "probes": [], "finished_at": "2026-11-24T08:00:00Z"}
}

test_every_gap_is_inconclusive if {
	outcomes := {gap.outcome | some gap in roster.gaps} with input as {
		"integration": {"access": {"roster": "users.csv"}},
		"facts": {"access.roster": [object.union(file, {"accounts": 0})]}, "probes": [],
	}
	outcomes == {"inconclusive"}
}

test_a_whole_roster_has_no_gaps if gaps("users.csv", [file]) == set()

test_nothing_declared if gaps("", []) == {"no roster"}

test_not_looked_at if gaps("users.csv", []) == {"not looked at"}

test_not_whole if gaps("users.csv", [object.union(file, {"complete": false, "problem": "it does not exist", "accounts": 0})]) == {"roster not whole"}

test_unreadable_rows if gaps("users.csv", [object.union(file, {"unreadable": 1, "unreadable_rows": [3], "accounts": 0})]) == {"unreadable rows"}

test_no_account if gaps("users.csv", [object.union(file, {"accounts": 0})]) == {"no account"}

test_sums if {
	groups := [{"count": 2, "rows": [5, 3]}, {"count": 1, "rows": [4]}]
	roster.counted(groups) == 3
	roster.rows(groups) == [3, 4, 5]
	count(roster.groups) == 2 with input as {"facts": {"access.accounts": groups}}
}
