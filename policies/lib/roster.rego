# METADATA
# description: |
#   What the checks of dashboard accounts share: the roster, and what keeps it from proving anything.
package prelaunch.lib.roster

import data.prelaunch.lib

# path is the configured path of the roster, "" for none.
path := input.integration.access.roster

file := input.facts["access.roster"][0] if path != ""

# groups are the accounts that are alike, each with its count and the lines of the roster.
groups := input.facts["access.accounts"]

# gaps are the findings of a check for which the roster does not suffice. Without any, it lists every account.
gaps contains lib.declared(object.union(declare, {
	"outcome": "inconclusive", "subject": "no roster",
	"message": "Dashboard accounts are not declared, so nothing shows who may use the dashboard",
	"evidence": {"reason": "not_declared", "option": "access.roster"},
})) if {
	path == ""
}

declare := lib.declare(
	"access", "Export the dashboard's users, have somebody review them, and declare the file",
	[
		"access:", "  roster: evidence/{{roster}}", sprintf("  exported_on: %s", [lib.today]),
		"  allowed_domains: [acme.example]", sprintf("  reviewed: {by: you@acme.example, on: %s}", [lib.today]),
	],
)

gaps contains lib.incomplete("", "access.roster") if {
	path != ""
	not file
}

gaps contains lib.finding({
	"outcome": "inconclusive", "subject": "roster not whole", "target": path,
	"message": sprintf("Roster %s could not be read completely: %s", [path, file.problem]),
	"next_step": "Export the roster again, and audit again.", "cause": "access.roster",
	"evidence": {"reason": "not_readable", "path": path, "problem": file.problem, "bytes": file.size},
}) if {
	not file.complete
}

gaps contains lib.finding({
	"outcome": "inconclusive", "subject": "unreadable rows", "target": path,
	"message": sprintf("Roster %s has %s without an e-mail address, or with more or fewer fields than its header", [
		path, lib.amount(file.unreadable, "row", "rows"),
	]),
	"next_step": "Correct the rows listed in the evidence, and audit again.", "cause": "access.roster",
	"evidence": {"reason": "not_readable", "path": path, "rows": file.unreadable_rows, "count": file.unreadable},
}) if {
	file.unreadable > 0
}

gaps contains lib.finding({
	"outcome": "inconclusive", "subject": "no account", "target": path,
	"message": sprintf("Roster %s lists no account", [path]),
	"next_step": "Export the roster again, and audit again.", "cause": "access.roster",
	"evidence": {"reason": "empty", "path": path},
}) if {
	file.complete
	file.accounts == 0
	file.unreadable == 0
}

# translated says what the configuration makes of the roster's own words for roles: a reader has to agree with it.
translated := {"roles": input.integration.access.roster_roles} if {
	count(input.integration.access.roster_roles) > 0
} else := {}

# counted is the number of accounts in some groups.
counted(some_groups) := sum([group.count | some group in some_groups])

# rows are the rows of the roster with accounts of some groups; of large groups the first ones.
rows(some_groups) := sort([row | some group in some_groups; some row in group.rows])
