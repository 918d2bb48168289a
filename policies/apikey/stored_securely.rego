# METADATA
# title: Each key is kept in a secret store on the server side
# description: |
#   The key opens the provider's API and signs the webhooks. What this program can see is how the auditor's own configuration gets it;
#   where the receiver gets it is seen in declared workload manifests, or attested.
# custom:
#   id: api-key.stored-securely
#   order: 10
#   section: Protect your API key
#   items: [1]
#   level: required
#   severity: critical
#   attestable: true
#   remediation: |
#     Keep the key in an environment variable of the server or in a secret manager, refer to it from here by {env: …} or
#     {command: […]}, or by a file that only its owner can read and that lies in no repository (chmod 600). Then declare the
#     receiver's manifests under workloads, or attest api-key.stored-securely.
#   sources:
#     - "Begini Security Checklist, Psychometric Integration, 1 (2026-04-14)"
#     - "16 characters: 64 bits even in hexadecimal, beyond guessing over a network"
#   facts: [key.reference]
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

findings contains lib.finding("fail", environment, subject, "", message, evidence(current[environment])) if {
	some environment, found in problems
	some [subject, message] in found
}

findings contains lib.finding(
	"inconclusive", environment, "file not looked at", "",
	sprintf("what protects the key file %s could not be looked at: %s", [reference.name, reference.file.unknown]),
	object.union(evidence(reference), {"reason": "not_looked_at"}),
) if {
	some environment, reference in current
	unseen(reference)
}

unseen(reference) if {
	reference.source == "file"
	reference.file.unknown != ""
}

findings contains lib.finding(
	"warn", environment, "blank", "",
	"the key begins or ends with white space, as one that was copied wrongly does: the provider's signatures will not match",
	evidence(reference),
) if {
	some environment, reference in current
	reference.blank
}

safe contains environment if {
	some environment, reference in current
	not problems[environment]
	not unseen(reference)
}

findings contains object.union(lib.attested(id, environment, ""), {"evidence": evidence(current[environment])}) if {
	some environment in safe
}

findings contains lib.finding(
	"inconclusive", environment, "receiver", "",
	concat("", ["the reference to the key is safe, but nothing shows where the receiver gets it: declare its manifests under workloads, or attest it", lib.lapse(id)]),
	object.union(evidence(current[environment]), {"reason": "not_attested"}),
) if {
	some environment in safe
	not lib.attestation(id)
}

findings contains lib.incomplete(environment, "key.reference") if {
	some environment, _ in lib.environments
	not current[environment]
}

evidence(reference) := {"source": reference.source, "name": reference.name, "fingerprint": reference.fingerprint, "length": reference.length}
