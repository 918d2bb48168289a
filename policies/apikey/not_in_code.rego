# METADATA
# title: "{{Keys}} must not be hard-coded in source files"
# description: |
#   No configured key, in any usual encoding, may be in any file of the declared repositories that is tracked, or
#   neither tracked nor ignored; archives are searched. A retired key counts until it is seen to be rejected; one that
#   is rejected only warns: it opens nothing, but the next key will be put in the same place.
# custom:
#   id: api-key.not-in-code
#   order: 20
#   section: "Protect your {{key}}"
#   needs: [secret]
#   level: required
#   severity: critical
#   severity_of_endpoint: high
#   cwe: ["CWE-798", "CWE-540"]
#   owasp_asvs: ["v5.0.0-13.3.1"]
#   passes: |
#     Every file of the declared repositories that is tracked, or neither tracked nor ignored, was searched to its
#     end, and none contains a key.
#   fails: |
#     A file contains a key, plain or encoded; the finding names file and line.
#   remediation: |
#     {{Rotate}} first: whoever has the code has the key. Then remove it from the file, read it from an environment
#     variable or a secret manager, and list the old one under retired_keys.
#   facts: [repository.hit, repository.status, repository.suspect]
package prelaunch.checks.api_key.not_in_code

import data.prelaunch.lib
import data.prelaunch.lib.exposure

alive := [hit | some hit in exposure.hits("files"); not exposure.dead(hit)]

dead := [hit | some hit in exposure.hits("files"); exposure.dead(hit)]

findings contains lib.finding({
	"outcome": "fail", "environment": where[0], "subject": concat(" ", [where[1], where[2]]), "target": where[1],
	"message": sprintf("%s is hard-coded in source files%s: %s", [
		exposure.key_name(list[0]), exposure.of_repository(where[1]), exposure.spot(where[2], list[0]),
	]),
	"cause": exposure.cause(list[0]),
	"evidence": {"repository": where[1], "path": where[2], "places": exposure.spots(list)},
}) if {
	some where in exposure.found(alive)
	list := exposure.at(alive, where)
}

findings contains lib.finding({
	"outcome": "warn", "environment": where[0], "subject": concat(" ", ["dead key:", where[1], where[2]]),
	"target": where[1],
	"message": sprintf("%s, which is rejected by now, is still in source files%s: %s", [
		exposure.key_name(list[0]), exposure.of_repository(where[1]), exposure.spot(where[2], list[0]),
	]),
	"evidence": {"repository": where[1], "path": where[2], "places": exposure.spots(list)},
}) if {
	some where in exposure.found(dead)
	list := exposure.at(dead, where)
}

problems := exposure.coverage("files")

findings contains finding if some finding in problems

findings contains lib.finding({
	"outcome": "pass", "subject": "searched",
	"message": "No {{key}} that is in use is in a file of the declared repositories",
	"evidence": object.union(exposure.searched_less(exposure.statuses), {
		"repositories": exposure.searched,
	}),
}) if {
	count(problems) == 0
	count(alive) == 0
}

# What looks like a key and is not a configured one may be a third one that was forgotten, or test data.
findings contains lib.finding({
	"outcome": "warn", "subject": concat(" ", ["suspect", suspect.repository, suspect.path]),
	"target": suspect.repository,
	"message": sprintf("Possible {{key}} that is not configured found in source files%s: %s:%d", [
		exposure.of_repository(suspect.repository), suspect.path, suspect.line,
	]),
	"evidence": {"repository": suspect.repository, "path": suspect.path, "line": suspect.line},
}) if {
	some suspect in input.facts["repository.suspect"]
	suspect.area == "files"
}
