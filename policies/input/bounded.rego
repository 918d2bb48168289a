# METADATA
# title: Oversized and deeply nested payloads are handled safely
# description: |
#   A body nested 100 or 2,000 levels deep, and one of just over 1 MiB, are rejected or handled, without a 5xx or a
#   hang.
# custom:
#   id: input.bounded
#   order: 390
#   section: Validate incoming data
#   level: recommended
#   severity: low
#   cwe: ["CWE-400", "CWE-674"]
#   owasp_asvs: ["v5.0.0-15.2.2"]
#   per_environment: true
#   passes: |
#     Every deeply nested or large body is accepted or rejected with a 4xx status.
#   fails: |
#     One gets a 5xx or no response, which warns: the check is recommended.
#   remediation: |
#     Limit the size of bodies (1 MiB is ample) at the web server or framework, and use a parser that limits nesting.
#   facts: [webhook.baseline, webhook.exchange]
package prelaunch.checks.input.bounded

import data.prelaunch.lib
import data.prelaunch.lib.responses
import data.prelaunch.lib.validation
import data.prelaunch.lib.verdict

kind := {
	"one": "oversized or deeply nested body",
	"many": "oversized or deeply nested bodies",
	"lenient": {"nesting-100", "nesting-2000", "1-MiB"},
}

# Closing the connection on a body that is too large is a rejection, as long as the receiver goes on working.
items(environment) := [item |
	some item in responses.in_family(environment, "bounded")
	not closed(item.fact)
]

closed(x) if {
	x.case == "1-MiB"
	x.error == "reset"
	x.witnessed
}

findings contains finding if {
	some environment, _ in lib.environments
	some finding in verdict.settled(environment, judged(environment), judged(lib.reference))
}

judged(environment) := validation.judge(environment, items(environment), kind)
