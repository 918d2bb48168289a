# METADATA
# title: Dashboard access was reviewed in the last 90 days
# description: |
#   People change teams and leave. A named person reviews who may use {{accounts}} at least every 90 days, on a list
#   that is no older.
# custom:
#   id: access.reviewed
#   order: 350
#   section: Limit access
#   needs: [dashboard]
#   level: required
#   severity: medium
#   cwe: ["CWE-286"]
#   owasp_asvs: []
#   passes: |
#     A named person reviewed the roster in the last 90 days, on an export of the last 90 days.
#   fails: |
#     The review or the export is older, dated in the future, or nobody is named.
#   remediation: |
#     Export the list of users from {{accounts}}, have one named person review it and remove whoever needs no access any
#     more, and record the day of the export under access.exported_on and the review under access.reviewed.
#   sources:
#     - "90 days: a review each quarter, as PCI DSS and the providers of cloud services ask for privileged access"
#   facts: [access.roster]
package prelaunch.checks.access.reviewed

import data.prelaunch.lib
import data.prelaunch.lib.roster

longest := 90

access := input.integration.access

findings contains gap if some gap in roster.gaps

findings contains lib.declared({
	"outcome": "inconclusive", "subject": "no review", "target": roster.path,
	"message": "Access review is not declared",
	"next_step": sprintf(
		"Declare who reviewed the roster, and when:\naccess:\n  reviewed: {by: you@acme.example, on: %s}",
		[lib.today],
	),
	"evidence": {"reason": "not_declared", "option": "access.reviewed"},
}) if {
	roster.path != ""
	unreviewed
}

unreviewed if access.reviewed_by == ""

unreviewed if access.reviewed_on == ""

findings contains lib.declared({
	"outcome": "inconclusive", "subject": "no export day", "target": roster.path,
	"message": "Export day of the roster is not declared",
	"next_step": sprintf("Declare when the roster was exported:\naccess:\n  exported_on: %s", [lib.today]),
	"evidence": {"reason": "not_declared", "option": "access.exported_on"},
}) if {
	roster.path != ""
	access.exported_on == ""
}

wrong contains lib.declared({
	"outcome": "fail", "subject": "old review", "target": roster.path,
	"message": sprintf("Access was last reviewed %d days ago, on %s; at most %d days are allowed", [
		lib.days_since(access.reviewed_on), access.reviewed_on, longest,
	]),
	"evidence": {"reviewed_on": access.reviewed_on, "days": lib.days_since(access.reviewed_on), "allowed": longest},
}) if {
	not unreviewed
	lib.days_since(access.reviewed_on) > longest
}

wrong contains lib.declared({
	"outcome": "fail", "subject": "review in the future", "target": roster.path,
	"message": sprintf("Access review is dated in the future: %s (today is %s)", [access.reviewed_on, lib.today]),
	"evidence": {"reviewed_on": access.reviewed_on, "today": lib.today},
}) if {
	not unreviewed
	lib.days_since(access.reviewed_on) < 0
}

wrong contains lib.declared({
	"outcome": "fail", "subject": "reviewer", "target": roster.path,
	"message": "Access was reviewed by a team or a shared mailbox, not by a person",
	"evidence": {"option": "access.reviewed.by"},
}) if {
	not unreviewed
	roster.file.reviewer_shared
}

wrong contains lib.declared({
	"outcome": "fail", "subject": "old export", "target": roster.path,
	"message": sprintf("Roster was exported %d days ago, on %s; at most %d days are allowed", [
		lib.days_since(access.exported_on), access.exported_on, longest,
	]),
	"evidence": {"exported_on": access.exported_on, "days": lib.days_since(access.exported_on), "allowed": longest},
}) if {
	roster.path != ""
	access.exported_on != ""
	lib.days_since(access.exported_on) > longest
}

wrong contains lib.declared({
	"outcome": "fail", "subject": "export in the future", "target": roster.path,
	"message": sprintf("Roster export is dated in the future: %s (today is %s)", [access.exported_on, lib.today]),
	"evidence": {"exported_on": access.exported_on, "today": lib.today},
}) if {
	roster.path != ""
	access.exported_on != ""
	lib.days_since(access.exported_on) < 0
}

findings contains finding if some finding in wrong

findings contains object.union(
	lib.declared({
		"outcome": "pass", "subject": "reviewed", "target": roster.path,
		"message": sprintf(
			"Access was reviewed by %s on %s, on a roster of %s",
			[access.reviewed_by, access.reviewed_on, access.exported_on],
		),
		"evidence": {
			"reviewed_by": access.reviewed_by, "reviewed_on": access.reviewed_on,
			"exported_on": access.exported_on, "digest": roster.file.digest,
			"exported_after_review": lib.day(access.exported_on) > lib.day(access.reviewed_on),
		},
	}),
	{"valid_until": lib.add_days(min({access.reviewed_on, access.exported_on}), longest)},
) if {
	count(roster.gaps) == 0
	not unreviewed
	access.exported_on != ""
	count(wrong) == 0
}
