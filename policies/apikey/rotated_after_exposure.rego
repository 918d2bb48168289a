# METADATA
# title: "Exposed {{keys}} must be rotated"
# description: |
#   A key in code, in history, in a client or in a log was seen by more people than may use it. Removing it from there
#   does not help: it has to be rotated, and the old one rejected. So an exposed current key fails; an exposed retired
#   key passes once the receiver or the provider was seen to reject it, and is inconclusive before.
# custom:
#   id: api-key.rotated-after-exposure
#   order: 60
#   section: "Protect your {{key}}"
#   needs: [secret]
#   level: required
#   severity: critical
#   severity_of_endpoint: high
#   cwe: ["CWE-324"]
#   owasp_asvs: ["v5.0.0-13.3.4"]
#   passes: |
#     No key was found where it is exposed; or each that was is retired, and the receiver or the provider was seen to
#     reject it.
#   fails: |
#     A key that is still in use was found in code, Git history, a client or a log.
#   remediation: |
#     Rotate the exposed key in the {{dashboard}}, give the new one to the receiver, and list the old one under
#     retired_keys; the next audit sends the receiver an event signed with it, which has to be rejected.
#   facts: [repository.hit, repository.status, client.hit, client.status, log.hit, log.source, webhook.exchange,
#   webhook.baseline, provider.call]
package prelaunch.checks.api_key.rotated_after_exposure

import data.prelaunch.lib
import data.prelaunch.lib.exposure

exposures contains {"where": where, "hit": key(hit)} if {
	some hit in input.facts["repository.hit"]
	where := sprintf("%s of %s: %s", [area[hit.area], hit.repository, exposure.place(hit)])
}

exposures contains {"where": sprintf("client %s: %s", [hit.target, hit.path]), "hit": key(hit)} if {
	some hit in exposure.client_hits
}

exposures contains {"where": sprintf("log: %s", [hit.file]), "hit": key(hit)} if some hit in exposure.log_keys

# A key does not become secret again when it is removed from where it was found.
exposures contains {
	"where": sprintf("%s, last seen on %s", [place, substring(row.last_seen, 0, 10)]), "hit": key(row),
} if {
	some row in remembered
	some place in row.places
}

# remembered are the exposures of keys in use that only earlier audits saw.
remembered contains row if {
	some row in input.scope.exposures
	row.role != ""
	not row.fingerprint in seen_now
}

seen_now contains hit.fingerprint if some hit in input.facts["repository.hit"]

seen_now contains hit.fingerprint if some hit in exposure.client_hits

seen_now contains hit.fingerprint if some hit in exposure.log_keys

area := {"files": "code", "history": "git history"}

key(hit) := {"key_environment": hit.key_environment, "role": hit.role, "fingerprint": hit.fingerprint}

exposed := {one.hit | some one in exposures}

wheres(hit) := sort({one.where | some one in exposures; one.hit == hit})

evidence(hit) := {
	"fingerprint": hit.fingerprint, "role": hit.role, "exposed_in": array.slice(wheres(hit), 0, 20),
	"places": count(wheres(hit)),
}

findings contains lib.finding({
	"outcome": "fail", "environment": hit.key_environment, "subject": concat(" ", ["key", hit.fingerprint]),
	"message": sprintf("%s is exposed and still in use (%s)", [exposure.key_name(hit), exposure.shorter(wheres(hit))]),
	"evidence": evidence(hit), "cause": exposure.cause(hit),
}) if {
	some hit in exposed
	hit.role == "current"
}

findings contains lib.finding({
	"outcome": "pass", "environment": hit.key_environment, "subject": concat(" ", ["key", hit.fingerprint]),
	"message": sprintf("%s (%s) was exposed and is rejected by now", [exposure.key_name(hit), hit.fingerprint]),
	"evidence": evidence(hit),
}) if {
	some hit in exposed
	exposure.dead(hit)
}

findings contains lib.finding(object.union(exposure.unsettled, {
	"outcome": "inconclusive", "environment": hit.key_environment,
	"subject": concat(" ", ["key", hit.fingerprint]),
	"message": sprintf("%s (%s) was exposed, and %s", [exposure.key_name(hit), hit.fingerprint, why(hit)]),
	"evidence": object.union(evidence(hit), {"reason": "not_seen_refused"}),
})) if {
	some hit in exposed
	hit.role == "retired"
	not exposure.dead(hit)
}

why(hit) := "it is still accepted" if {
	exposure.accepted(hit)
} else := "it was not seen to be rejected"

open contains "repositories" if {
	not lib.has_section("repositories")
}

open contains "repositories" if {
	count(input.integration.repositories) > 0
	not repositories_searched
}

repositories_searched if {
	lib.complete("repository.hit")
	every status in input.facts["repository.status"] {
		count(status.gaps) + status.hits_cut == 0
	}
}

open contains "clients" if {
	not lib.has_section("clients")
}

open contains section if {
	some section in ["repositories", "clients", "logs"]
	lib.expired(section)
}

open contains "clients" if {
	count(input.integration.clients) > 0
	not clients_searched
}

clients_searched if {
	lib.complete("client.hit")
	every status in input.facts["client.status"] {
		status.state == "searched"
		count(status.gaps) + status.hits_cut == 0
	}
}

open contains "logs" if {
	not lib.has_section("logs")
}

open contains "logs" if {
	count(input.integration.logs) > 0
	not logs_searched
}

logs_searched if {
	lib.complete("log.hit")
	every source in input.facts["log.source"] {
		source.state == "read"
		count(source.gaps) == 0
	}
}

findings contains lib.finding(object.union(first_cause, {
	"outcome": "inconclusive", "subject": "not searched everywhere",
	"message": sprintf("Exposed {{keys}} were not searched for everywhere: %s not declared, or not searched in full", [
		concat(", ", sort(open)),
	]),
	"evidence": {"reason": "not_looked_at", "sections": sort(open)},
	"next_step": sprintf("Declare what is missing, and make it readable: %s.", [concat(", ", sort(open))]),
})) if {
	count(open) > 0
}

# first_cause is the first section that is not declared: the checks that search it name it, too.
first_cause := {"cause": concat("", ["not-declared.", undeclared[0]])} if {
	undeclared := [section | some section in sort(open); not lib.has_section(section)]
} else := {}

nowhere if {
	(count(input.integration.repositories) + count(input.integration.clients)) + count(input.integration.logs) == 0
}

findings contains lib.declared({
	"outcome": "not_applicable", "subject": "none",
	"message": "The configuration declares that there is no repository, client or log",
}) if {
	nowhere
	count(open) == 0
}

findings contains lib.finding({
	"outcome": "pass", "subject": "no exposure",
	"message": "No exposed {{key}} was found",
	"evidence": {"searched": sections},
}) if {
	count(open) + count(exposed) == 0
	not nowhere
	sections := [name |
		some name in ["repositories", "clients", "logs"]
		count(input.integration[name]) > 0
	]
}
