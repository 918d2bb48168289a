# METADATA
# title: The timestamp must be covered by the signature
# description: |
#   A timestamp or an event id that was changed after signing, or a signature over the body alone, is rejected. A
#   receiver that compares a timestamp which the signature does not cover with its clock lets whoever recorded an
#   event give it a new one. Other encodings of the same value are a note: official SDKs accept them.
# custom:
#   id: webhook.rejects-unbound-time
#   order: 172
#   section: Verify all webhook requests
#   needs: [unbound-timestamp]
#   level: required
#   severity: high
#   cwe: ["CWE-294", "CWE-345"]
#   owasp_asvs: ["v5.0.0-4.1.5"]
#   per_environment: true
#   passes: |
#     Every event whose timestamp or id was changed after signing, or whose body alone was signed, is rejected with a
#     4xx status.
#   fails: |
#     The receiver accepts one of them.
#   remediation: |
#     Compute the {{mac}} over the {{signed}}, with the timestamp and the id exactly as they were received, and
#     reject a request in which one of them is missing or is no number.
#   facts: [webhook.baseline, webhook.exchange]
package prelaunch.checks.webhook.rejects_unbound_time

import data.prelaunch.lib
import data.prelaunch.lib.responses
import data.prelaunch.lib.verdict

# seen leaves out two times in one request where an old one alone is accepted too: webhook.rejects-stale says so.
seen(environment) := [item | some item in responses.in_family(environment, "F23"); not stale_too(environment, item)]

stale_too(environment, item) if {
	startswith(item.fact.case, "time-twice-")
	some old in responses.in_family(environment, "F22")
	old.class == "accepted"
}

findings contains finding if {
	some environment, _ in lib.environments
	some finding in verdict.rejects(environment, seen(environment), seen(lib.reference))
}
