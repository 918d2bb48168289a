# METADATA
# title: Tampered payloads must be rejected
# description: |
#   The correct signature of one body is not valid for another: a changed value, an added field, a duplicate key,
#   another or an empty body with the old signature is rejected.
# custom:
#   id: webhook.rejects-tampered
#   order: 90
#   section: Verify all webhook requests
#   families: [tampered, body-digest]
#   level: required
#   severity: critical
#   cwe: ["CWE-347", "CWE-354"]
#   owasp_asvs: ["v5.0.0-4.1.5"]
#   per_environment: true
#   remediation: |
#     Compute the {{mac}} over the raw bytes of the same body that is then parsed and processed, whatever its content
#     type: `express.raw` in Express, fastify-raw-body with `encoding: false` in Fastify, raw-body in Koa
#     (koa-bodyparser keeps decoded text only), `arrayBuffer()` of the request in Hono and Next, `request.get_data()`
#     in Flask, `php://input` in PHP, `io.ReadAll(r.Body)` in Go.
#   facts: [webhook.baseline, webhook.exchange]
package prelaunch.checks.webhook.rejects_tampered

import data.prelaunch.lib
import data.prelaunch.lib.responses
import data.prelaunch.lib.text
import data.prelaunch.lib.verdict

findings contains finding if {
	some environment, _ in lib.environments
	some finding in verdict.rejects(environment, items(environment), items(lib.reference))
}

# One signature that fits any form shows something of its own only where a random one under the same content type is
# rejected.
items(environment) := array.concat(
	array.concat(changed(environment), smuggled(environment)),
	responses.shadowed(responses.in_family(environment, "F11"), "F10", responses.plain_forms),
)

changed(environment) := [item |
	some item in responses.in_families(environment, ["F07", "F30"])
	not appended(item)
]

# appended holds for a batch of which a receiver may process the first item alone, as samples of providers do that send
# one item: whether the unsigned one is processed is not seen.
appended(item) if {
	item.fact.case == "item-appended"
	item.class == "accepted"
}

findings contains verdict.warning(environment, hits, {
	"subject": "F07 appended",
	"message": sprintf("%s accepted a signed batch with an unsigned item appended to it (%s)", [
		text.receiver(environment), concat(", ", text.cases(hits)),
	]),
}) if {
	some environment, _ in lib.environments
	not verdict.unread(environment)
	not responses.unverified(environment)
	hits := [item | some item in responses.in_family(environment, "F07"); appended(item)]
	count(hits) > 0
}

# Where a cleaned or decoded body is verified and the raw one is parsed, what is processed was not signed.
smuggled(environment) := [item |
	some item in responses.in_families(environment, ["F08", "F09"])
	cleaned(item.fact.case)
]

cleaned(name) if name in {
	"tags-added", "percent-encoded", "html-entity", "plus-added", "decomposed", "zero-width-added", "slash-added",
	"crlf", "latin-1", "comment-added", "comma-added", "single-quotes", "nul-added",
}

cleaned(name) if startswith(name, "byte-ff")
