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
#   compares_environments: true
#   passes: |
#     The environments have different integration IDs.
#   fails: |
#     Two environments have the same integration ID.
#   remediation: |
#     Copy the {{identity}} of each {{tab}} (Test, Production) to the environment it belongs to{{hint}}.
#   facts: []
package prelaunch.checks.environments.separate_integrations

import data.prelaunch.lib

id(environment) := trim_space(lib.environments[environment].integration_id)

declared(pair) if {
	every environment in pair {
		id(environment) != ""
	}
}

findings contains lib.alone

findings contains lib.declared({
	"outcome": "fail", "subject": lib.of_pair("same integration", pair),
	"message": sprintf("%s use the same {{identity}}", [lib.of_both(pair)]),
	"evidence": {"integration_id": id(pair[0])},
}) if {
	some pair in lib.pairs
	declared(pair)
	id(pair[0]) == id(pair[1])
}

findings contains lib.declared({
	"outcome": "pass", "subject": lib.of_pair("different integrations", pair),
	"message": sprintf("%s use different {{identities}}", [lib.of_both(pair)]),
	"evidence": {environment: id(environment) | some environment in pair},
}) if {
	some pair in lib.pairs
	declared(pair)
	id(pair[0]) != id(pair[1])
}

findings contains lib.declared({
	"outcome": "inconclusive", "subject": lib.of_pair("no integration", pair),
	"message": "Integration IDs are not both configured, so they cannot be compared",
	"next_step": "Configure the {{identity}} of both environments under environments.NAME.integration_id.",
	"evidence": {"reason": "not_declared"},
}) if {
	some pair in lib.pairs
	not declared(pair)
}
