# METADATA
# title: Production redirect URLs are registered in the Deployment Centre
# description: |
#   What the provider has registered decides where users go, and cannot be observed from outside. Somebody looks at the
#   Production tab (the one shown first is Test) and attests what is there.
# custom:
#   id: deployment-centre.redirects-registered
#   order: 270
#   section: Separate Test and Production cleanly
#   items: [4]
#   level: required
#   severity: medium
#   cwe: []
#   owasp_asvs: []
#   attestable: true
#   remediation: |
#     Open the Production tab of the Deployment Centre, set the completion, cancellation and expiry URLs to those of the
#     configuration, and attest it: an entry for deployment-centre.redirects-registered under attestations, with a screenshot
#     as evidence.
#   sources: ["Begini Security Checklist, Psychometric Integration, pre-launch list (2026-04-14)"]
#   facts: []
package prelaunch.checks.deployment_centre.redirects_registered

import data.prelaunch.lib

id := "deployment-centre.redirects-registered"

redirects := lib.environments.production.redirect_urls

# Where the configuration names none at all, nothing can have been compared with the Deployment Centre. A single one that is missing
# is told by redirects.production-configured.
none_set if {
	every _, url in redirects {
		url == ""
	}
}

findings contains lib.declared({
	"outcome": "fail", "environment": "production", "subject": "not set",
	"message": "the configuration names no Production redirect URL, so none can have been compared with the Deployment Centre. Users would end on the provider's own screens",
	"evidence": {"not_set": sort(object.keys(redirects))},
}) if {
	none_set
}

findings contains lib.attested(id, "production", "") if not none_set

findings contains lib.finding({
	"outcome": "inconclusive", "environment": "production", "subject": "not attested",
	"message": concat("", ["nobody attests that the Production redirect URLs are set in the Deployment Centre, which no program can see", lib.lapse(id)]),
	"evidence": {"reason": "not_attested", "option": "attestations"},
}) if {
	not none_set
	not lib.attestation(id)
}
