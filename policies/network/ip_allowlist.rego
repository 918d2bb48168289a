# METADATA
# title: Only the provider's IP addresses can reach the receiver
# description: |
#   A receiver that only the provider can reach is safer from whoever finds a flaw in it. That it holds for everybody
#   but this machine cannot be observed from here, so it is attested; that a machine on no allowlist gets through is
#   observed.
# custom:
#   id: network.ip-allowlist
#   order: 430
#   section: Consider IP whitelisting
#   level: recommended
#   severity: low
#   cwe: []
#   owasp_asvs: []
#   attestable: true
#   passes: |
#     Somebody attests that only the provider's addresses get through, and this machine, if it is on no allowlist,
#     does not.
#   fails: |
#     A machine that is on no allowlist (vantage: public) gets through although one is attested, which warns: the
#     check is recommended.
#   remediation: |
#     {{Addresses}}, admit only them in front of the receiver
#     (firewall, load balancer or gateway), attest network.ip-allowlist, and audit from an admitted machine with
#     `network: {vantage: allowlisted}`.
#   facts: [webhook.baseline]
#   per_environment: true
package prelaunch.checks.network.ip_allowlist

import data.prelaunch.lib

id := "network.ip-allowlist"

public if input.integration.network.vantage == "public"

# through holds the environments whose receiver itself responded, and not something in front of it: it accepted a valid
# event, or treated a correct signature and an incorrect one differently.
through contains baseline.environment if {
	some baseline in input.facts["webhook.baseline"]
	responded(baseline)
}

responded(baseline) if baseline.genuine

responded(baseline) if baseline.distinguishes

findings contains lib.finding({
	"outcome": "warn", "environment": environment, "subject": "open",
	"message": sprintf("%s receiver responds to this machine, which is on no allowlist (vantage: public)%s", [
		lib.label(environment), claim,
	]),
	"evidence": {"vantage": "public", "attested": attested},
}) if {
	public
	some environment in through
}

attested if {
	lib.attestation(id)
} else := false

claim := sprintf(", although %s attested on %s that only the provider is admitted", [a.by, a.on]) if {
	a := lib.attestation(id)
} else := ""

closed contains environment if {
	some environment, _ in lib.environments
	not public
}

closed contains environment if {
	some environment, _ in lib.environments
	not environment in through
}

findings contains lib.attested(id, environment, "") if some environment in closed

findings contains lib.finding({
	"outcome": "inconclusive", "environment": environment, "subject": "not attested",
	"message": sprintf("%s receiver is not attested to be reachable by the provider's addresses only%s", [
		lib.label(environment), lib.lapse(id),
	]),
	"next_step": lib.attest("Attest the allowlist", id, "The gateway admits the provider's addresses only"),
	"cause": concat("", ["attestation.", id]),
	"evidence": {"reason": "not_attested", "vantage": input.integration.network.vantage},
}) if {
	some environment in closed
	not attested
}
