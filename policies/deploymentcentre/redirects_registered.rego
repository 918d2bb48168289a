# METADATA
# title: Production redirect URLs are registered in the Deployment Centre
# description: |
#   What the provider has registered decides where users go, and cannot be observed from outside. Somebody looks at the
#   Production {{tab}}{{first_tab}} and attests what is there.
# custom:
#   id: deployment-centre.redirects-registered
#   order: 270
#   section: Separate Test and Production cleanly
#   needs: [redirects, registration]
#   level: required
#   severity: medium
#   cwe: []
#   owasp_asvs: []
#   attestable: true
#   environment: production
#   passes: |
#     Somebody attests, by name and with a date, what is registered in Production's part of the dashboard.
#   fails: |
#     Nothing: what no program can see is inconclusive until it is attested.
#   remediation: |
#     Open the Production {{tab}}, set the completion, cancellation and expiry URLs to those of the
#     configuration, and attest it: an entry for deployment-centre.redirects-registered under attestations, with a
#     screenshot as evidence.
#   facts: []
package prelaunch.checks.deployment_centre.redirects_registered

import data.prelaunch.lib

id := "deployment-centre.redirects-registered"

redirects := lib.environments.production.redirect_urls

# Where the configuration has none at all, nothing can have been compared with the dashboard. A single one that
# is missing is reported by redirects.production-configured.
none_set if {
	every _, url in redirects {
		url == ""
	}
}

findings contains lib.declared({
	"outcome": "fail", "environment": "production", "subject": "not set",
	"message": "Production redirect URLs are not configured, so none can have been compared with the {{dashboard}}",
	"evidence": {"not_set": sort(object.keys(redirects))},
}) if {
	none_set
}

findings contains lib.attested(id, "production", "") if not none_set

findings contains lib.finding({
	"outcome": "inconclusive", "environment": "production", "subject": "not attested",
	"message": concat("", [
		"Production redirect URLs are not attested to be registered in the {{dashboard}}, which no program can observe",
		lib.lapse(id),
	]),
	"next_step": lib.attest(
		"Look at the Production {{tab}}, and attest what is registered",
		id, "Production redirect URLs seen in the Production tab",
	),
	"cause": concat("", ["attestation.", id]),
	"evidence": {"reason": "not_attested", "option": "attestations"},
}) if {
	not none_set
	not lib.attestation(id)
}
