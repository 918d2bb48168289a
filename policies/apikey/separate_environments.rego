# METADATA
# title: Test and Production keys differ
# description: |
#   Each environment of a deployment has a key of its own. A key that opens both makes every leak of the Test key, which more
#   people see, a leak of the Production key.
# custom:
#   id: api-key.separate-environments
#   order: 50
#   section: Protect your API key
#   items: [1, 5]
#   level: required
#   severity: critical
#   remediation: |
#     Copy the key of each tab of the Deployment Centre (Test, Production) into the environment it belongs to, and rotate the one
#     that was used in both.
#   sources: ["Begini Security Checklist, Psychometric Integration, 1 and 4 (2026-04-14)"]
#   facts: [key.pair]
package prelaunch.checks.api_key.separate_environments

import data.prelaunch.lib

pairs := [pair |
	some pair in input.facts["key.pair"]
	pair.second_role == "current"
]

findings contains lib.finding(
	"fail", "", "same key", "", "Test and Production use the same key",
	{"fingerprint": pair.fingerprint},
) if {
	some pair in pairs
	pair.same
}

findings contains lib.finding(
	"pass", "", "different keys", "", "Test and Production use different keys",
	{"fingerprints": [pair.fingerprint, pair.fingerprint2]},
) if {
	some pair in pairs
	not pair.same
}

findings contains lib.incomplete("", "key.pair") if count(pairs) == 0
