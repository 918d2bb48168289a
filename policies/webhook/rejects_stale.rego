# METADATA
# title: Stale timestamps must be rejected
# description: |
#   A correctly signed event whose signed timestamp is older than the provider's tolerance is rejected. A receiver
#   that accepts it accepts a recorded event for as long as the key is in use. A timestamp in the future is a note:
#   official SDKs accept it.
# custom:
#   id: webhook.rejects-stale
#   order: 171
#   section: Verify all webhook requests
#   needs: [timestamp]
#   families: [stale-timestamp]
#   level: required
#   severity: high
#   cwe: ["CWE-294"]
#   owasp_asvs: ["v5.0.0-9.2.1"]
#   per_environment: true
#   passes: |
#     An event whose signed timestamp is older than the provider's tolerance is rejected with a 4xx status, while a
#     current one gets {{success}}.
#   fails: |
#     The receiver accepts a correctly signed event whose timestamp is older than the tolerance.
#   remediation: |
#     Compare the signed timestamp with the clock, after the signature is verified, and reject events that are older
#     than {{tolerance}}. Keep the clock synchronized (NTP). The provider's SDK does this unless its tolerance is
#     switched off.
#   sources: ["providers' SDKs: which tolerance they have, and that they accept timestamps in the future"]
#   facts: [webhook.baseline, webhook.exchange]
package prelaunch.checks.webhook.rejects_stale

import data.prelaunch.lib
import data.prelaunch.lib.responses
import data.prelaunch.lib.text
import data.prelaunch.lib.verdict

findings contains finding if {
	some environment, _ in lib.environments
	some finding in verdict.settled(environment, judged(environment), judged(lib.reference))
}

judged(environment) := verdict.noted(
	verdict.judge(environment, responses.in_family(environment, "F22")),
	future(environment),
)

future(environment) := {"note": sprintf("timestamps in the future are accepted (%s)", [
	concat(", ", text.cases(hits)),
])} if {
	hits := responses.of_class(responses.in_family(environment, "F24"), "accepted")
	count(hits) > 0
} else := {}
