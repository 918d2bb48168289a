# METADATA
# title: API keys are stored in a server-side secret store
# description: |
#   The key opens the provider's API and signs the webhooks. What this program can observe is how the auditor's own
#   configuration gets it; where the receiver gets it is shown by declared workload manifests, or attested.
# custom:
#   id: api-key.stored-securely
#   order: 10
#   section: Protect your API key
#   items: [1]
#   level: required
#   severity: critical
#   cwe: ["CWE-522"]
#   owasp_asvs: ["v5.0.0-13.3.1"]
#   attestable: true
#   remediation: |
#     Keep the key in an environment variable of the server or in a secret manager, reference it in the configuration as
#     {env: …} or {command: […]}, or as a file that only its owner can read, outside any repository (chmod 600). Then declare
#     the receiver's manifests under workloads, or attest api-key.stored-securely.
#   sources:
#     - "Begini Security Checklist, Psychometric Integration, 1 (2026-04-14)"
#     - "16 characters: 64 bits even in hexadecimal, beyond guessing over a network"
#   facts: [key.reference, workload.status, workload.key]
#   per_environment: true
package prelaunch.checks.api_key.stored_securely

import data.prelaunch.lib

id := "api-key.stored-securely"

shortest := 16

current[reference.environment] := reference if {
	some reference in input.facts["key.reference"]
	reference.role == "current"
}

problems[environment] contains [subject, message] if {
	some environment, reference in current
	some subject, message in faults(reference)
}

faults(reference) := {subject: message |
	some subject, message in {
		"placeholder": placeholder(reference), "too short": too_short(reference),
		"readable by others": readable(reference), "in a repository": in_repository(reference),
	}
	message != ""
}

placeholder(reference) := "the key is a placeholder, not a key" if {
	reference.placeholder
} else := ""

too_short(reference) := sprintf("the key is %d characters long; less than %d can be guessed", [reference.length, shortest]) if {
	reference.length < shortest
} else := ""

readable(reference) := sprintf("others than its owner can read the key file %s (mode %s)", [reference.name, reference.file.mode]) if {
	reference.source == "file"
	reference.file.unknown == ""
	not reference.file.owner_only
	not reference.file.secret_mount
} else := ""

in_repository(reference) := sprintf("the key file %s lies in the audited repository %s", [reference.name, reference.file.in_repository]) if {
	reference.source == "file"
	reference.file.in_repository != ""
} else := ""

findings contains lib.finding({
	"outcome": "fail", "environment": environment, "subject": subject,
	"message": message,
	"evidence": evidence(current[environment]),
}) if {
	some environment, found in problems
	some [subject, message] in found
}

findings contains lib.finding({
	"outcome": "inconclusive", "environment": environment, "subject": "file not looked at",
	"message": sprintf("what protects the key file %s could not be looked at: %s", [reference.name, reference.file.unknown]),
	"evidence": object.union(evidence(reference), {"reason": "not_looked_at"}),
}) if {
	some environment, reference in current
	unseen(reference)
}

unseen(reference) if {
	reference.source == "file"
	reference.file.unknown != ""
}

findings contains lib.finding({
	"outcome": "warn", "environment": environment, "subject": "blank",
	"message": "the key begins or ends with white space, as one that was copied wrongly does: compare it with the Deployment Centre",
	"evidence": evidence(reference),
}) if {
	some environment, reference in current
	reference.blank
}

# places are where the declared manifests say that an environment's receiver gets its key.
places[environment] contains place if {
	some environment, _ in lib.environments
	some place in input.facts["workload.key"]
	of_environment(place, environment)
}

literal := {"literal_key", "literal_file"}

of_environment(place, environment) if {
	place.source in literal
	place.key_environment == environment
}

of_environment(place, environment) if {
	not place.source in literal
	place.environment in {"", environment}
}

stores := {"secret_reference", "secret_mount", "credential", "environment_file", "variable", "sealed"}

findings contains lib.finding({
	"outcome": "fail", "environment": environment, "subject": concat(" ", ["literal key in", place.path, place.file]),
	"target": place.path,
	"message": sprintf("the key stands %s: %s, line %d%s", [where[place.source], place.file, place.line, named(place)]),
	"evidence": {"path": place.path, "file": place.file, "line": place.line, "name": place.name, "fingerprint": place.fingerprint},
}) if {
	some environment, place in open
}

where := {"literal_key": "in a manifest in the clear", "literal_file": "beside the manifests in a file that others than its owner can read"}

named(place) := "" if {
	place.name == ""
} else := sprintf(" (%s)", [place.name])

open[environment] := place if {
	some environment, list in places
	literals := [place | some place in list; exposed(place); place.role == "current"]
	place := literals[0]
}

exposed(place) if place.source == "literal_key"

# A file of variables or of a secret that only its owner can read is where a server keeps them.
exposed(place) if {
	place.source == "literal_file"
	not place.owner_only
}

doubtful[environment] contains place if {
	some environment, list in places
	some place in list
	place.source in {"literal_unknown", "config_map"}
}

unread[environment] contains status if {
	some environment, _ in lib.environments
	some status in input.facts["workload.status"]
	status.environment in {"", environment}
	not read(status)
}

read(status) if {
	status.state == "read"
	count(status.unread) == 0
}

# shown holds the environments whose manifests all say that the key comes out of a secret store or a variable of the server.
shown[environment] := names if {
	some environment, list in places
	lib.complete("workload.key")
	not open[environment]
	not doubtful[environment]
	not unread[environment]
	names := {concat(": ", [place.file, place.source]) | some place in list; place.source in stores}
	count(names) > 0
}

safe contains environment if {
	some environment, reference in current
	not problems[environment]
	not unseen(reference)
	not open[environment]
}

findings contains lib.finding({
	"outcome": "pass", "environment": environment, "subject": "manifests",
	"message": "the reference to the key is safe, and the declared manifests give it to the receiver out of a secret store or a variable of the server",
	"evidence": object.union(evidence(current[environment]), {"manifests": sort(names)}),
}) if {
	some environment, names in shown
	environment in safe
}

vouched contains environment if {
	some environment in safe
	not shown[environment]
	lib.attestation(id)
}

findings contains object.union(lib.attested(id, environment, ""), {"evidence": object.union(evidence(current[environment]), {"manifests_in_doubt": doubts(environment)})}) if {
	some environment in vouched
}

findings contains lib.finding({
	"outcome": "inconclusive", "environment": environment, "subject": "receiver",
	"message": concat("", ["the reference to the key is safe, but nothing shows where the receiver gets it: declare its manifests under workloads, or attest it", lib.lapse(id)]),
	"evidence": object.union(evidence(current[environment]), {"reason": "not_attested", "manifests_in_doubt": doubts(environment)}),
}) if {
	some environment in safe
	not shown[environment]
	not environment in vouched
}

# doubts are what keeps declared manifests from showing it.
doubts(environment) := sort((({sprintf("%s, line %d: %s", [place.file, place.line, place.source]) | some place in doubtful[environment]} | {sprintf("%s: %s", [status.path, status.state]) | some status in unread[environment]; status.state != "read"}) | {sprintf("%s: %s", [file.file, file.reason]) | some status in unread[environment]; some file in status.unread}))

findings contains lib.incomplete(environment, "key.reference") if {
	some environment, _ in lib.environments
	not current[environment]
}

evidence(reference) := {"source": reference.source, "name": reference.name, "fingerprint": reference.fingerprint, "length": reference.length}
