# METADATA
# title: Weaker signature schemes must be rejected
# description: |
#   Signatures of schemes that never authenticate an event (test labels, unkeyed digests, static tokens, an
#   algorithm that the sender names) are rejected. An older scheme of the provider itself, with the correct key,
#   only warns: it still needs the key, but is weaker than the one that the provider sends next to it.
# custom:
#   id: webhook.rejects-downgrade
#   order: 174
#   section: Verify all webhook requests
#   needs: [other-scheme]
#   level: required
#   severity: high
#   cwe: ["CWE-757", "CWE-327"]
#   owasp_asvs: ["v5.0.0-9.1.2", "v5.0.0-11.4.1"]
#   per_environment: true
#   passes: |
#     Every signature of another scheme (test label, unkeyed digest, static token, algorithm of the sender's choice)
#     is rejected with a 4xx status.
#   fails: |
#     The receiver accepts one of them. An older scheme of the provider itself with the correct key only warns.
#   remediation: |
#     Read the {{placement}} only, accept {{algorithm}} and no other scheme, and reject a request in which it is
#     missing, whatever other signature headers or labels it has.
#   facts: [webhook.baseline, webhook.exchange]
package prelaunch.checks.webhook.rejects_downgrade

import data.prelaunch.lib
import data.prelaunch.lib.responses
import data.prelaunch.lib.text
import data.prelaunch.lib.verdict

# legacy are older schemes of the provider that are accepted. Where nothing is verified, that shows nothing.
legacy(environment) := [item |
	not responses.unverified(environment)
	some item in responses.of_class(responses.in_family(environment, "F26"), "accepted")
	item.fact.variant == "legacy"
]

items(environment) := [item |
	some item in responses.in_family(environment, "F26")
	not item in legacy(environment)
]

findings contains finding if {
	some environment, _ in lib.environments
	not legacy_only(environment)
	some finding in verdict.rejects(environment, items(environment), items(lib.reference))
	not replaced(environment, finding)
}

legacy_only(environment) if {
	not verdict.unread(environment)
	count(legacy(environment)) > 0
	count(items(environment)) == 0
}

# The warning takes the place of the pass.
replaced(environment, finding) if {
	finding.outcome == "pass"
	count(legacy(environment)) > 0
}

findings contains verdict.warning(environment, hits, {
	"subject": "F26 legacy",
	"message": sprintf("%s accepted an older signature scheme of the provider with the correct key (%s)", [
		text.receiver(environment), concat(", ", text.cases(hits)),
	]),
}) if {
	some environment, _ in lib.environments
	not verdict.unread(environment)
	hits := legacy(environment)
	count(hits) > 0
}
