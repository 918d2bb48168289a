# METADATA
# title: Dashboard access is limited to personal accounts of allowed domains
# description: |
#   Whoever may use {{accounts}} can see results, and an Admin can read and rotate keys. An account that several people
#   share cannot be revoked for one of them and does not show who did what; one of another domain stays when its owner
#   leaves.
# custom:
#   id: access.dashboard-restricted
#   order: 330
#   section: Limit access
#   needs: [dashboard]
#   level: required
#   severity: high
#   cwe: ["CWE-286"]
#   owasp_asvs: ["v5.0.0-8.2.1"]
#   passes: |
#     Every account of the roster is a personal one of an allowed domain.
#   fails: |
#     The roster lists a shared account or one of another domain.
#   remediation: |
#     In {{accounts}}, remove the accounts on the listed rows, invite each person who needs access under an address of
#     their own at one of the allowed domains, export the list of users again and reference it under access.roster. A
#     column "name" in the roster distinguishes a person from a team of the same name.
#   facts: [access.roster, access.accounts]
package prelaunch.checks.access.dashboard_restricted

import data.prelaunch.lib
import data.prelaunch.lib.roster

domains := input.integration.access.allowed_domains

findings contains gap if some gap in roster.gaps

findings contains lib.declared({
	"outcome": "inconclusive", "subject": "no domains",
	"message": "Allowed domains are not declared, so nothing shows which accounts belong",
	"next_step": "Declare the domains of your own accounts:\naccess:\n  allowed_domains: [acme.example]",
	"evidence": {"reason": "not_declared", "option": "access.allowed_domains"},
}) if {
	roster.path != ""
	count(domains) == 0
}

outside[group.domain] contains group if {
	some group in roster.groups
	count(domains) > 0
	not group.domain_allowed
}

findings contains lib.finding({
	"outcome": "fail", "subject": concat(" ", ["domain", domain]), "target": roster.path,
	"message": sprintf("Roster lists %s of %s, which is not an allowed domain", [
		lib.amount(roster.counted(groups), "account", "accounts"), domain,
	]),
	"evidence": {
		"path": roster.path, "domain": domain, "accounts": roster.counted(groups),
		"rows": roster.rows(groups), "allowed_domains": domains,
	},
}) if {
	some domain, groups in outside
}

shared := {group | some group in roster.groups; group.shared_looking}

findings contains lib.finding({
	"outcome": "fail", "subject": "shared accounts", "target": roster.path,
	"message": sprintf("Roster lists %s of a function or a team, not of a person", [
		lib.amount(roster.counted(shared), "account", "accounts"),
	]),
	"evidence": {"path": roster.path, "accounts": roster.counted(shared), "rows": roster.rows(shared)},
}) if {
	count(shared) > 0
}

findings contains lib.finding({
	"outcome": "pass", "subject": "personal accounts", "target": roster.path,
	"message": sprintf("Roster lists %s, personal and of an allowed domain", [
		lib.amount(roster.file.accounts, "account", "accounts"),
	]),
	"evidence": {
		"path": roster.path, "accounts": roster.file.accounts, "allowed_domains": domains, "digest": roster.file.digest,
	},
}) if {
	count(roster.gaps) == 0
	count(domains) > 0
	count(outside) == 0
	count(shared) == 0
}
