# METADATA
# title: Test and Production use different redirect URLs
# description: |
#   Somebody who finishes a real assessment must not land on a page of the test environment, nor the other way round.
# custom:
#   id: environments.separate-redirects
#   order: 290
#   section: Separate Test and Production cleanly
#   needs: [redirects]
#   level: required
#   severity: medium
#   cwe: ["CWE-653"]
#   owasp_asvs: []
#   compares_environments: true
#   passes: |
#     No redirect URL of one environment is one of another's.
#   fails: |
#     Two environments share a redirect URL; the finding names it.
#   remediation: |
#     Give each environment redirect URLs of its own, set them in the {{tab}} they belong to (Test,
#     Production), and configure them under environments.NAME.redirect_urls.
#   sources:
#     - "RFC 3986, 6.2: when two URLs are equivalent"
#   facts: []
package prelaunch.checks.environments.separate_redirects

import data.prelaunch.lib
import data.prelaunch.lib.urls

redirects[environment][name] := url if {
	some environment, declared in lib.environments
	some name, url in declared.redirect_urls
	url != ""
}

unset(pair) := sort([concat(".", [environment, name]) |
	some environment in pair
	some name, url in lib.environments[environment].redirect_urls
	url == ""
])

undeclared contains environment if {
	some environment, _ in lib.environments
	not redirects[environment]
}

# shared, by the URL as the second of a pair writes it, are the redirects of both that lead there.
shared(pair) := {url: names |
	some url in redirects[pair[1]]
	some first in redirects[pair[0]]
	urls.canonical(first) == urls.canonical(url)
	names := sort([concat(".", [environment, name]) |
		some environment in pair
		some name, other in redirects[environment]
		urls.canonical(other) == urls.canonical(url)
	])
}

compared contains pair if {
	some pair in lib.pairs
	every environment in pair {
		redirects[environment]
	}
}

findings contains lib.alone

findings contains lib.declared({
	"outcome": "fail", "subject": lib.of_pair(concat(" ", ["shared", urls.canonical(url)]), pair),
	"message": sprintf("%s share the redirect URL %s (%s)", [lib.of_both(pair), urls.shown(url), concat(", ", names)]),
	"evidence": {"url": urls.shown(url), "used_as": names},
}) if {
	some pair in compared
	some url, names in shared(pair)
}

findings contains lib.declared({
	"outcome": "pass", "subject": lib.of_pair("different redirects", pair),
	"message": sprintf("%s use different redirect URLs", [lib.of_both(pair)]),
	"evidence": object.union(
		{environment: sort([urls.shown(url) | some url in redirects[environment]]) | some environment in pair},
		{"not_set": unset(pair)},
	),
}) if {
	some pair in compared
	count(shared(pair)) == 0
}

findings contains lib.declared(object.union(lib.redirects_needed(environment), {
	"outcome": "inconclusive", "subject": concat(" ", ["none in", environment]),
	"message": sprintf("%s redirect URLs are not configured, so nothing can be compared", [lib.label(environment)]),
})) if {
	count(lib.pairs) > 0
	some environment in undeclared
}
