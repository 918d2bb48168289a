# METADATA
# title: "{{Keys}} are stored in a server-side secret store"
# description: |
#   The key opens the provider's API and signs the webhooks. What this program can observe is how the auditor's own
#   configuration gets it; where the receiver gets it is shown by declared workload manifests, or attested.
# custom:
#   id: api-key.stored-securely
#   order: 10
#   section: "Protect your {{key}}"
#   needs: [secret]
#   level: required
#   severity: critical
#   cwe: ["CWE-522"]
#   owasp_asvs: ["v5.0.0-13.3.1"]
#   attestable: true
#   passes: |
#     The auditor's reference reads each key from an environment variable, a secret manager's command or a file that
#     only its owner can read, outside the audited repositories; the key is no placeholder and has 16 characters at
#     least; and a declared workload manifest or an attestation shows that the receiver gets it from a server-side
#     variable or secret manager.
#   fails: |
#     A key file is readable by others or lies in an audited repository, a key is a placeholder or shorter than 16
#     characters, or a manifest has the key in clear text.
#   remediation: |
#     Keep the key in an environment variable of the server or in a secret manager, reference it in the configuration as
#     {env: …} or {command: […]}, or as a file that only its owner can read, outside any repository (chmod 600). Then
#     declare the receiver's manifests under workloads, or attest api-key.stored-securely.
#   sources:
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

placeholder(reference) := "is a placeholder" if {
	reference.placeholder
} else := ""

too_short(reference) := sprintf(
	"is %d characters long; fewer than %d can be guessed",
	[reference.length, shortest],
) if {
	reference.length < shortest
} else := ""

readable(reference) := sprintf(
	"is in a file that others than its owner can read: %s (mode %s)",
	[reference.name, reference.file.mode],
) if {
	reference.source == "file"
	reference.file.unknown == ""
	not reference.file.owner_only
	not reference.file.secret_mount
} else := ""

in_repository(reference) := sprintf(
	"is in a file inside the audited repository %s: %s",
	[reference.file.in_repository, reference.name],
) if {
	reference.source == "file"
	reference.file.in_repository != ""
} else := ""

findings contains lib.finding({
	"outcome": "fail", "environment": environment, "subject": subject,
	"message": sprintf("%s {{key}} %s", [lib.label(environment), message]),
	"evidence": evidence(current[environment]),
}) if {
	some environment, found in problems
	some [subject, message] in found
}

findings contains lib.finding({
	"outcome": "inconclusive", "environment": environment, "subject": "file not looked at",
	"message": sprintf("%s {{key}} is in a file whose protection could not be checked: %s (%s)", [
		lib.label(environment), reference.name, reference.file.unknown,
	]),
	"next_step": "Make the file's directory readable, and audit again.",
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
	"message": sprintf("%s {{key}} begins or ends with white space: compare it with the {{dashboard}}", [
		lib.label(environment),
	]),
	"evidence": evidence(reference),
}) if {
	some environment, reference in current
	reference.blank
}

# places are where, according to the declared manifests, an environment's receiver gets its key.
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
	"message": sprintf("%s {{key}} is %s: %s:%d%s", [
		lib.label(environment), where[place.source], place.file, place.line, named(place),
	]),
	"evidence": {
		"path": place.path, "file": place.file, "line": place.line, "name": place.name,
		"fingerprint": place.fingerprint,
	},
}) if {
	some environment, place in open
}

where := {
	"literal_key": "in a manifest in plain text",
	"literal_file": "next to the manifests in a file that others than its owner can read",
}

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

# shown holds the environments whose manifests all show that the key comes from a secret store or a variable of the
# server.
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
	"message": sprintf("%s {{key}} is referenced safely and, by its manifests, in a secret store or variable", [
		lib.label(environment),
	]),
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

findings contains object.union(
	lib.attested(id, environment, ""),
	{"evidence": object.union(evidence(current[environment]), {"manifests_in_doubt": doubts(environment)})},
) if {
	some environment in vouched
}

findings contains lib.finding({
	"outcome": "inconclusive", "environment": environment, "subject": "receiver",
	"message": sprintf("%s {{key}} is referenced safely, but nothing shows where the receiver gets it%s", [
		lib.label(environment), lib.lapse(id),
	]),
	"next_step": lib.attest(
		"Declare the receiver's manifests under workloads, or attest where it gets its key",
		id, "The receiver gets its key from a secret manager",
	),
	"cause": concat("", ["attestation.", id]),
	"evidence": object.union(
		evidence(current[environment]),
		{"reason": "not_attested", "manifests_in_doubt": doubts(environment)},
	),
}) if {
	some environment in safe
	not shown[environment]
	not environment in vouched
}

# doubts are what keeps declared manifests from showing it.
doubts(environment) := sort((({sprintf("%s, line %d: %s", [place.file, place.line, place.source]) |
	some place in doubtful[environment]
} | {sprintf("%s: %s", [status.path, status.state]) |
	some status in unread[environment]
	status.state != "read"
}) | {sprintf("%s: %s", [file.file, file.reason]) |
	some status in unread[environment]
	some file in status.unread
}))

findings contains lib.incomplete(environment, "key.reference") if {
	some environment, _ in lib.environments
	not current[environment]
}

evidence(reference) := {
	"source": reference.source, "name": reference.name, "fingerprint": reference.fingerprint,
	"length": reference.length,
}
