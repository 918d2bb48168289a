# METADATA
# description: |
#   What the checks of the dashboard's accounts share: the roster, and what keeps it from proving anything.
package prelaunch.lib.roster

import data.prelaunch.lib

# path is where the configuration says that the roster lies, "" for nowhere.
path := input.integration.access.roster

file := input.facts["access.roster"][0] if path != ""

# groups are the accounts that are alike, each with its count and the lines of the roster.
groups := input.facts["access.accounts"]

# gaps are the findings of a check for which the roster does not hold enough. Without any, the roster tells every account.
gaps contains lib.declared({
	"outcome": "inconclusive", "subject": "no roster",
	"message": "no roster is declared, so nothing shows who may use the dashboard: export its users and name the file under access.roster",
	"evidence": {"reason": "not_declared", "option": "access.roster"},
}) if {
	path == ""
}

gaps contains lib.incomplete("", "access.roster") if {
	path != ""
	not file
}

gaps contains lib.finding({
	"outcome": "inconclusive", "subject": "roster not whole", "target": path,
	"message": sprintf("the roster %s was not read as a whole: %s", [path, file.problem]),
	"evidence": {"reason": "not_readable", "path": path, "problem": file.problem, "bytes": file.size},
}) if {
	not file.complete
}

gaps contains lib.finding({
	"outcome": "inconclusive", "subject": "unreadable rows", "target": path,
	"message": sprintf("%d row(s) of the roster %s hold no e-mail address, or more or fewer fields than its header: correct the lines given", [file.unreadable, path]),
	"evidence": {"reason": "not_readable", "path": path, "rows": file.unreadable_rows, "count": file.unreadable},
}) if {
	file.unreadable > 0
}

gaps contains lib.finding({
	"outcome": "inconclusive", "subject": "no account", "target": path,
	"message": sprintf("the roster %s lists no account: export it again", [path]),
	"evidence": {"reason": "empty", "path": path},
}) if {
	file.complete
	file.accounts == 0
	file.unreadable == 0
}

# counted sums groups up.
counted(some_groups) := sum([group.count | some group in some_groups])

# rows are the lines of the roster on which accounts of some groups stand; of large groups the first ones.
rows(some_groups) := sort([row | some group in some_groups; some row in group.rows])
