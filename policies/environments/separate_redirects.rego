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
	some environment in ["test", "production"]
	some name, url in lib.environments[environment].redirect_urls
	url != ""
}

unset contains concat(".", [environment, name]) if {
	some environment in ["test", "production"]
	some name, url in lib.environments[environment].redirect_urls
	url == ""
}

undeclared contains environment if {
	some environment in ["test", "production"]
	not redirects[environment]
}

shared[url] contains name if {
	some url in redirects.production
	some environment, list in redirects
	some redirect, other in list
	urls.canonical(other) == urls.canonical(url)
	some test in redirects.test
	urls.canonical(test) == urls.canonical(url)
	name := concat(".", [environment, redirect])
}

findings contains lib.declared({
	"outcome": "fail", "subject": concat(" ", ["shared", urls.canonical(url)]),
	"message": sprintf(
		"Test and Production share the redirect URL %s (%s)",
		[urls.shown(url), concat(", ", sort(names))],
	),
	"evidence": {"url": urls.shown(url), "used_as": sort(names)},
}) if {
	some url, names in shared
}

findings contains lib.declared({
	"outcome": "pass", "subject": "different redirects",
	"message": "Test and Production use different redirect URLs",
	"evidence": {
		"test": sort([urls.shown(url) | some url in redirects.test]), "production": sort([urls.shown(url) |
			some url in redirects.production
		]),
		"not_set": sort(unset),
	},
}) if {
	count(undeclared) == 0
	count(shared) == 0
}

findings contains lib.declared({
	"outcome": "inconclusive", "subject": concat(" ", ["none in", environment]),
	"message": sprintf("%s redirect URLs are not configured, so nothing can be compared", [lib.label(environment)]),
	"next_step": sprintf("Configure them under environments.%s.redirect_urls.", [environment]),
	"cause": sprintf("not-declared.redirect_urls/%s", [environment]),
	"evidence": {"reason": "not_declared", "option": sprintf("environments.%s.redirect_urls", [environment])},
}) if {
	some environment in undeclared
}
