# METADATA
# title: The webhook endpoint is registered in the Deployment Centre
# description: |
#   The provider sends webhooks to the endpoint that is registered in each {{tab}}, and to no
#   other. With provider_checks it is asked to deliver its own test webhook; without, somebody attests what is
#   registered. What is observed outweighs what is attested.
# custom:
#   id: deployment-centre.webhook-registered
#   order: 250
#   section: Use HTTPS everywhere
#   needs: [registration]
#   level: required
#   severity: high
#   cwe: []
#   owasp_asvs: []
#   attestable: true
#   passes: |
#     The provider delivered its own test webhook to the endpoint (provider_checks), or somebody attests what is
#     registered.
#   fails: |
#     The provider reports that its test webhook was not delivered or that no endpoint is registered.
#   remediation: |
#     In the {{tab}} for the environment (Test, Production), register the webhook URL of the
#     configuration and check that the API key is the one that the configuration references; then audit with
#     provider_checks, or attest deployment-centre.webhook-registered.
#   sources:
#     - "the provider's API: what its test delivery is documented to respond"
#   facts: [provider.call]
#   per_environment: true
package prelaunch.checks.deployment_centre.webhook_registered

import data.prelaunch.lib
import data.prelaunch.lib.provider
import data.prelaunch.lib.responses
import data.prelaunch.lib.urls

id := "deployment-centre.webhook-registered"

# delivery is the call that asked for an environment's test webhook. It was sent only where a random key had been
# rejected.
delivery[environment] := call if {
	some environment, _ in lib.environments
	some call in provider.calls
	call.purpose == "webhook"
	call.role == "current"
	call.environment == environment
}

# alive holds the environments whose key the API accepts, so that a failure to deliver is not one of the API.
alive contains pair.environment if {
	some pair in provider.pairs
	pair.verdict == "accepted"
	pair.owner == pair.environment
	pair.role == "current"
}

rejected contains pair.environment if {
	some pair in provider.pairs
	pair.verdict == "rejected"
	pair.owner == pair.environment
	pair.role == "current"
}

problem[environment] := [what, message] if {
	some environment, call in delivery
	[what, message] := judged(environment, call)
}

judged(environment, call) := ["not taken", sprintf(
	"%s webhook endpoint that is registered responded with %d, not {{status}}, to the provider's test webhook",
	[lib.label(environment), call.receiver_status],
)] if {
	call.status in {200, 422}
	call.documented
	not responses.successful(call.receiver_status)
}

judged(environment, call) := ["none registered", sprintf(
	"%s has no registered webhook endpoint",
	[lib.label(environment)],
)] if {
	call.status == 424
}

judged(environment, call) := ["cannot connect", sprintf(
	"%s webhook endpoint that is registered cannot be reached by the provider",
	[lib.label(environment)],
)] if {
	call.status == 503
	call.documented
	environment in alive
}

judged(environment, call) := ["key refused", sprintf(
	"%s {{key}} is rejected by the provider for the configured {{identity}}",
	[lib.label(environment)],
)] if {
	call.status == 403
	environment in rejected
}

delivered contains environment if {
	some environment, call in delivery
	call.status == 200
	call.documented
	responses.successful(call.receiver_status)
}

evidence(environment) := {
	"status": delivery[environment].status, "receiver_status": delivery[environment].receiver_status,
	"fingerprint": delivery[environment].fingerprint,
	"webhook_url": urls.shown(lib.environments[environment].webhook_url),
}

findings contains lib.finding({
	"outcome": "fail", "environment": environment, "subject": what,
	"message": message,
	"evidence": evidence(environment),
}) if {
	some environment, [what, message] in problem
}

findings contains lib.finding({
	"outcome": "pass", "environment": environment, "subject": "delivered",
	"message": sprintf(
		"%s receiver responded with {{status}} to the test webhook that the provider delivered",
		[lib.label(environment)],
	),
	"evidence": object.union(evidence(environment), {"note": "the provider does not report to which URL it delivered"}),
}) if {
	some environment in delivered
}

findings contains lib.finding({
	"outcome": "warn", "environment": call.environment, "subject": "session created",
	"message": sprintf(
		"%s API responded with %d to an invalid UID, as if it had created a session: look in {{accounts}}",
		[lib.label(call.environment), call.status],
	),
	"evidence": {"status": call.status, "fingerprint": call.fingerprint},
}) if {
	some call in provider.calls
	call.purpose == "pairing"
	call.status >= 200
	call.status < 300
}

open contains environment if {
	some environment, _ in lib.environments
	not problem[environment]
	not environment in delivered
}

findings contains lib.attested(id, environment, "") if some environment in open

findings contains lib.finding({
	"outcome": "inconclusive", "environment": environment, "subject": "not shown",
	"message": sprintf("%s webhook endpoint was not shown to be registered: %s%s", [
		lib.label(environment), reason, lib.lapse(id),
	]),
	"next_step": next_step,
	"cause": concat("", ["attestation.", id]),
	"evidence": {"reason": "not_shown", "provider_checks": input.integration.provider_checks},
}) if {
	some environment in open
	not lib.attestation(id)
	reason := why(environment)
}

why(environment) := provider.why(environment, "webhook") if {
	input.integration.provider_checks
} else := "provider_checks is off, and it is not attested"

next_step := lib.attest(sentence, id, "Webhook URL seen in the tab")

sentence := "Look at the tab of each environment, and attest what is registered" if {
	input.integration.provider_checks
} else := concat("", [
	"Attest that the URL is registered, or let the provider deliver its test webhook (provider_checks: true; ",
	"sends the keys to its API)",
])
