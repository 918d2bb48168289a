# METADATA
# title: The provider's API is called over HTTPS only
# description: |
#   The API base URL is https, and no code in the declared repositories uses the API's host with an http URL.
#   Documentation and test code may mention it. Without repositories the check rests on the base URL alone.
# custom:
#   id: https.api-requests
#   order: 220
#   section: Use HTTPS everywhere
#   needs: [api]
#   level: required
#   severity: high
#   cwe: ["CWE-319"]
#   owasp_asvs: ["v5.0.0-12.3.1"]
#   passes: |
#     The API base URL is https, and no code of the declared repositories has the API's host in an http URL.
#   fails: |
#     The base URL is http, or code has such a URL; the finding names file and line.
#   remediation: |
#     Write https:// wherever the API's address is used. A request over http carries the key in the clear before any
#     redirect.
#   facts: [repository.plain_api, repository.status]
package prelaunch.checks.https.api_requests

import data.prelaunch.lib
import data.prelaunch.lib.exposure
import data.prelaunch.lib.urls

findings contains lib.declared({
	"outcome": "fail", "environment": environment, "subject": "base URL",
	"message": sprintf("%s API base URL is not https: %s", [lib.label(environment), urls.shown(declared.api_base_url)]),
	"evidence": {"url": urls.shown(declared.api_base_url)},
}) if {
	some environment, declared in lib.environments
	urls.scheme(declared.api_base_url) != "https"
}

code := [plain | some plain in input.facts["repository.plain_api"]; plain.content == "code"]

elsewhere := sort({plain.path | some plain in input.facts["repository.plain_api"]; plain.content != "code"})

findings contains lib.finding({
	"outcome": "fail", "subject": concat(" ", [where[0], where[1]]), "target": where[0],
	"message": sprintf("Source file%s calls the provider's API over http: %s:%d", [
		exposure.of_repository(where[0]), where[1], lines[0],
	]),
	"evidence": {"repository": where[0], "path": where[1], "lines": lines},
}) if {
	some where in {[plain.repository, plain.path] | some plain in code}
	lines := array.slice(sort({plain.line | some plain in code; [plain.repository, plain.path] == where}), 0, 20)
}

findings contains lib.finding({
	"outcome": "inconclusive", "subject": "more places",
	"message": "More source files may call the provider's API over http than are listed",
	"next_step": "Fix the listed files, and audit again.",
	"evidence": {"reason": "cut_short"},
}) if {
	some status in exposure.statuses
	status.others_cut > 0
}

problems := exposure.unfinished | exposure.partly("files")

findings contains finding if some finding in problems

findings contains object.union(
	lib.finding({
		"outcome": "pass", "environment": environment, "subject": "https",
		"message": sprintf("%s API base URL is https%s", [lib.label(environment), rest]),
		"evidence": {
			"url": urls.shown(declared.api_base_url),
			"repositories": exposure.searched,
			"named_in_documentation_or_tests": array.slice(elsewhere, 0, 20),
		},
	}),
	{"basis": basis},
) if {
	some environment, declared in lib.environments
	urls.scheme(declared.api_base_url) == "https"
	count(problems) + count(code) == 0
}

default basis := "declared"

basis := "observed" if count(exposure.searched) > 0

default rest := "; no repository was searched, so this rests on the base URL alone"

rest := ", and no code in the declared repositories uses it over http" if count(exposure.searched) > 0
