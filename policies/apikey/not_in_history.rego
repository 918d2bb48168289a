# METADATA
# title: "{{Keys}} must not be in Git history"
# description: |
#   No configured key, in any usual encoding, may be in any Git object, reachable or not, any ref, stash, note, reflog,
#   message, tag, author or name, nor in the index or Git's own files. A retired key that is seen to be rejected is a
#   note: what it opened is closed, and rewriting history fixes nothing. One that is not yet seen to be rejected is
#   inconclusive.
# custom:
#   id: api-key.not-in-history
#   order: 30
#   section: "Protect your {{key}}"
#   needs: [secret]
#   level: required
#   severity: critical
#   severity_of_endpoint: high
#   cwe: ["CWE-798", "CWE-540"]
#   owasp_asvs: ["v5.0.0-13.3.1"]
#   passes: |
#     Every Git object of the declared repositories, with refs, reflogs, index and Git's own files, was searched, and
#     none contains a key.
#   fails: |
#     An object, reachable or not, a message or a name contains a key; the finding names path, line and commit.
#   remediation: |
#     {{Rotate}}: whoever has ever cloned the repository keeps it. List the old one under
#     retired_keys, so that its rejection is tested. Only then, if at all, rewrite history (git filter-repo, then expire
#     reflogs and git gc).
#   facts: [repository.hit, repository.status]
package prelaunch.checks.api_key.not_in_history

import data.prelaunch.lib
import data.prelaunch.lib.exposure

hits := exposure.hits("history")

current := [hit | some hit in hits; hit.role == "current"]

unsettled := [hit | some hit in hits; hit.role == "retired"; not exposure.dead(hit)]

dead := {sprintf("%s: %s", [hit.fingerprint, exposure.place(hit)]) | some hit in hits; exposure.dead(hit)}

findings contains lib.finding({
	"outcome": "fail", "environment": where[0], "subject": concat(" ", [where[1], where[2]]), "target": where[1],
	"message": sprintf("%s found in the Git history%s: %s", [
		exposure.key_name(list[0]), exposure.of_repository(where[1]), exposure.spot(where[2], list[0]),
	]),
	"cause": exposure.cause(list[0]),
	"evidence": {"repository": where[1], "path": where[2], "places": exposure.spots(list)},
}) if {
	some where in exposure.found(current)
	list := exposure.at(current, where)
}

findings contains lib.finding(object.union(exposure.unsettled, {
	"outcome": "inconclusive", "environment": where[0], "subject": concat(" ", ["retired:", where[1], where[2]]),
	"target": where[1],
	"message": sprintf("%s found in the Git history%s, and it was not seen to be rejected: %s", [
		exposure.key_name(list[0]), exposure.of_repository(where[1]), exposure.spot(where[2], list[0]),
	]),
	"evidence": {
		"reason": "not_seen_refused", "repository": where[1], "path": where[2], "places": exposure.spots(list),
	},
})) if {
	some where in exposure.found(unsettled)
	list := exposure.at(unsettled, where)
}

problems := exposure.coverage("history")

findings contains finding if some finding in problems

findings contains lib.finding({
	"outcome": "pass", "subject": "searched",
	"message": "No {{key}} that is in use is in the Git history of the declared repositories",
	"evidence": object.union(exposure.searched_less(exposure.statuses), {
		"repositories": exposure.searched, "dead_keys": array.slice(sort(dead), 0, 20),
	}),
}) if {
	count(problems) == 0
	count(current) + count(unsettled) == 0
}
