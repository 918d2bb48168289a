# METADATA
# title: "Test and Production use different {{keys}}"
# description: |
#   Each environment of a deployment has a key of its own. A key that works in both makes every leak of the Test key,
#   which more people see, a leak of the Production key.
# custom:
#   id: api-key.separate-environments
#   order: 50
#   section: "Protect your {{key}}"
#   needs: [secret]
#   level: required
#   severity: critical
#   cwe: ["CWE-653"]
#   owasp_asvs: ["v5.0.0-13.3.2"]
#   compares_environments: true
#   passes: |
#     The keys of the environments differ, by their values or by their fingerprints.
#   fails: |
#     Two environments have the same key.
#   remediation: |
#     Copy the key of each {{tab}} (Test, Production) into the environment it belongs to, and
#     rotate the one that was used in both.
#   facts: [key.pair, key.reference, provider.call]
package prelaunch.checks.api_key.separate_environments

import data.prelaunch.lib
import data.prelaunch.lib.provider

pairs := [pair |
	some pair in input.facts["key.pair"]
	pair.second_role == "current"
]

findings contains lib.alone

findings contains lib.finding({
	"outcome": "fail", "subject": lib.of_pair("same key", [pair.first, pair.second]),
	"message": sprintf("%s use the same {{key}}", [lib.of_both([pair.first, pair.second])]),
	"evidence": {"fingerprint": pair.fingerprint},
}) if {
	some pair in pairs
	pair.same
}

findings contains lib.finding({
	"outcome": "pass", "subject": lib.of_pair("different keys", [pair.first, pair.second]),
	"message": sprintf("%s use different {{keys}}", [lib.of_both([pair.first, pair.second])]),
	"evidence": {"fingerprints": [pair.fingerprint, pair.fingerprint2]},
}) if {
	some pair in pairs
	not pair.same
}

# A value that shows its environment, as sk_test_… does, and is configured for another.
findings contains lib.finding({
	"outcome": "fail", "environment": reference.environment, "subject": "value of another environment",
	"message": sprintf("%s {{key}} is one of %s: its value shows it", [
		lib.label(reference.environment), lib.label(reference.value_environment),
	]),
	"evidence": {"fingerprint": reference.fingerprint, "value_environment": reference.value_environment},
}) if {
	some reference in input.facts["key.reference"]
	reference.role == "current"
	stages[reference.environment] != stages[reference.value_environment]
}

# stages are what environments of other names mostly are; what one of a further name is is not known.
stages := {
	"test": "test", "sandbox": "test", "staging": "test", "development": "test", "dev": "test",
	"production": "production", "prod": "production", "live": "production",
}

# With provider_checks: a key that is accepted for the other environment's integration ID. It counts only where the
# provider was seen to reject such a pair in the other direction: an API that checks the UID first would accept every
# pair.
findings contains lib.finding({
	"outcome": "fail", "subject": concat(" ", [pair.owner, "key for", pair.environment]),
	"message": sprintf("%s {{key}} is accepted by the provider for the {{identity}} of %s", [
		lib.label(pair.owner), lib.label(pair.environment),
	]),
	"evidence": {"fingerprint": pair.fingerprint, "status": pair.status},
}) if {
	some pair in crossed
	lib.environments[pair.owner].integration_id != lib.environments[pair.environment].integration_id
	pair.verdict == "accepted"
	some other in crossed
	other.verdict == "rejected"
}

crossed contains pair if {
	some pair in provider.pairs
	pair.role == "current"
	pair.owner != pair.environment
}

findings contains lib.incomplete("", "key.pair") if {
	count(pairs) == 0
	not lib.alone
}
