# METADATA
# title: "Test and Production use different {{identities}}"
# description: |
#   The {{identity}} identifies a deployment in one environment. One that is used for both mixes synthetic events with
#   those of real people.
# custom:
#   id: environments.separate-integrations
#   order: 300
#   section: Separate Test and Production cleanly
#   needs: [identity]
#   level: required
#   severity: high
#   cwe: ["CWE-653"]
#   owasp_asvs: []
#   remediation: |
#     Copy the {{identity}} of each {{tab}} (Test, Production) to the environment it belongs to{{hint}}.
#   facts: []
package prelaunch.checks.environments.separate_integrations

import data.prelaunch.lib

test := trim_space(lib.environments.test.integration_id)

production := trim_space(lib.environments.production.integration_id)

declared if {
	test != ""
	production != ""
}

findings contains lib.declared({
	"outcome": "fail", "subject": "same integration",
	"message": "Test and Production use the same {{identity}}",
	"evidence": {"integration_id": production},
}) if {
	declared
	test == production
}

findings contains lib.declared({
	"outcome": "pass", "subject": "different integrations",
	"message": "Test and Production use different {{identities}}",
	"evidence": {"test": test, "production": production},
}) if {
	declared
	test != production
}

findings contains lib.declared({
	"outcome": "inconclusive", "subject": "no integration",
	"message": "Integration IDs are not both configured, so they cannot be compared",
	"next_step": "Configure the {{identity}} of both environments under environments.NAME.integration_id.",
	"evidence": {"reason": "not_declared"},
}) if {
	not declared
}
