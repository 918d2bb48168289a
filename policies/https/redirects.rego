# METADATA
# title: Redirect URLs use HTTPS
# description: |
#   Users come back to these pages with the parameters of their session; over plain HTTP, anybody on the path reads and
#   changes them.
# custom:
#   id: https.redirects
#   order: 230
#   section: Use HTTPS everywhere
#   needs: [redirects]
#   level: required
#   severity: high
#   cwe: ["CWE-319"]
#   owasp_asvs: ["v5.0.0-12.2.1"]
#   passes: |
#     Every redirect URL of every environment is https.
#   fails: |
#     A redirect URL is not.
#   remediation: |
#     Serve the pages over HTTPS and set their https URLs in both {{tabs}} (Test, Production).
#   facts: []
#   per_environment: true
package prelaunch.checks.https.redirects

import data.prelaunch.lib
import data.prelaunch.lib.urls

redirects[environment][name] := url if {
	some environment, declared in lib.environments
	some name, url in declared.redirect_urls
	url != ""
}

insecure[environment] contains name if {
	some environment, list in redirects
	some name, url in list
	urls.scheme(url) != "https"
}

findings contains lib.declared({
	"outcome": "fail", "environment": environment, "subject": name, "target": name,
	"message": sprintf("%s %s URL is not https: %s", [lib.label(environment), name, urls.shown(url)]),
	"evidence": {"redirect": name, "url": urls.shown(url)},
}) if {
	some environment, names in insecure
	some name in names
	url := redirects[environment][name]
}

findings contains lib.declared({
	"outcome": "pass", "environment": environment, "subject": "https",
	"message": sprintf("%s redirect URLs are all https", [lib.label(environment)]),
	"evidence": {"redirects": sort(object.keys(list)), "not_set": sort(unset)},
}) if {
	some environment, list in redirects
	not insecure[environment]
	unset := [name | some name, url in lib.environments[environment].redirect_urls; url == ""]
}

findings contains lib.declared(object.union(lib.redirects_needed(environment), {
	"outcome": "inconclusive", "environment": environment, "subject": "none",
	"message": sprintf("%s redirect URLs are not configured", [lib.label(environment)]),
})) if {
	some environment, _ in lib.environments
	not redirects[environment]
}
