# METADATA
# title: Dashboard roles follow least privilege
# description: |
#   An Admin of {{accounts}} can read and rotate keys, change integrations and invite others; a Viewer can only read.
#   The fewer Admins, the fewer accounts whose compromise exposes a key.
# custom:
#   id: access.least-privilege
#   order: 340
#   section: Limit access
#   needs: [dashboard]
#   level: required
#   severity: medium
#   cwe: ["CWE-269"]
#   owasp_asvs: ["v5.0.0-8.2.1"]
#   passes: |
#     The roster lists no more Admins than access.max_admins and no role that is unknown.
#   fails: |
#     It lists more, or a role that is unknown.
#   remediation: |
#     In {{accounts}}, make Viewers of the Admins who need no keys, until at most access.max_admins are left, and give
#     every account one of the roles Admin and Viewer; then export the list of users again.
#   sources:
#     - "at most three Admins: this program's default, changed by access.max_admins"
#   facts: [access.roster, access.accounts]
package prelaunch.checks.access.least_privilege

import data.prelaunch.lib
import data.prelaunch.lib.roster

roles := {"admin", "viewer"}

limit := input.integration.access.max_admins

findings contains gap if some gap in roster.gaps

admins := {group | some group in roster.groups; group.role == "admin"}

too_many if roster.counted(admins) > limit

findings contains lib.finding({
	"outcome": "fail", "subject": "admins", "target": roster.path,
	"message": sprintf("Roster lists %s; at most %d are allowed", [
		lib.amount(roster.counted(admins), "Admin", "Admins"), limit,
	]),
	"evidence": object.union(
		{"path": roster.path, "admins": roster.counted(admins), "allowed": limit, "rows": roster.rows(admins)},
		roster.translated,
	),
}) if {
	too_many
}

unknown[group.role] contains group if {
	some group in roster.groups
	group.role != ""
	not group.role in roles
}

findings contains lib.finding({
	"outcome": "fail", "subject": concat(" ", ["role", role]), "target": roster.path,
	"message": sprintf("Roster lists %s with the unknown role %s", [
		lib.amount(roster.counted(groups), "account", "accounts"), role,
	]),
	"evidence": {"path": roster.path, "role": role, "accounts": roster.counted(groups), "rows": roster.rows(groups)},
}) if {
	some role, groups in unknown
}

without := {group | some group in roster.groups; group.role == ""}

findings contains lib.finding({
	"outcome": "inconclusive", "subject": "no role", "target": roster.path,
	"message": sprintf("Roster lists %s without a role", [lib.amount(roster.counted(without), "account", "accounts")]),
	"next_step": "Fill in the role on the rows listed in the evidence, and audit again.",
	"evidence": {
		"reason": "not_told", "path": roster.path, "accounts": roster.counted(without), "rows": roster.rows(without),
	},
}) if {
	count(without) > 0
}

findings contains lib.finding({
	"outcome": "pass", "subject": "roles", "target": roster.path,
	"message": sprintf("Roster lists %s of at most %d allowed, among %s; all others are Viewers", [
		lib.amount(roster.counted(admins), "Admin", "Admins"), limit,
		lib.amount(roster.file.accounts, "account", "accounts"),
	]),
	"evidence": object.union(
		{
			"path": roster.path, "admins": roster.counted(admins), "allowed": limit, "accounts": roster.file.accounts,
			"in_two_roles": roster.file.several, "digest": roster.file.digest,
		},
		roster.translated,
	),
}) if {
	count(roster.gaps) == 0
	not too_many
	count(unknown) == 0
	count(without) == 0
}
