package prelaunch.checks.api_key.stored_securely_test

import data.prelaunch.checks.api_key.stored_securely as check

attestation(expires) := {"check": "api-key.stored-securely", "by": "jane@acme.example", "on": "2026-11-01", "statement": "from the secret manager", "expires": expires}

reference := {
	"environment": "production", "role": "current", "source": "env", "name": "KEY", "fingerprint": "sha256:00000001", "length": 40, "held": true,
	"placeholder": false, "blank": false, "file": {"owner_only": false, "secret_mount": false, "in_repository": "", "unknown": ""},
}

in_file(file) := {"source": "file", "name": "key.txt", "file": object.union({"mode": "0600", "owner_only": true, "secret_mount": false, "in_repository": "", "unknown": ""}, file)}

findings(change, attestations) := result if {
	result := check.findings with input as {
		"finished_at": "2026-11-24T08:00:00Z",
		"integration": {"attestations": attestations, "environments": [{"name": "production"}]},
		"facts": {"key.reference": [object.union(reference, change)]},
		"probes": [],
	}
}

outcomes(change) := {f.outcome | some f in findings(change, [attestation("2026-12-24")])}

subjects(change) := {f.subject | some f in findings(change, [attestation("2026-12-24")])}

test_pass_when_attested if {
	some f in findings({}, [attestation("2026-12-24")])
	f.outcome == "pass"
	f.basis == "attested"
	f.environment == "production"
	f.evidence.attested_by == "jane@acme.example"
	f.evidence.fingerprint == "sha256:00000001"
}

test_pass_by_source if {
	outcomes({"source": "command", "name": "vault"}) == {"pass"}
	outcomes({"source": "sha256", "name": "", "held": false}) == {"pass"}
	outcomes(in_file({})) == {"pass"}
	outcomes(in_file({"owner_only": false, "mode": "0644", "secret_mount": true})) == {"pass"}
}

test_fail_on_a_placeholder if subjects({"placeholder": true}) == {"placeholder"}

test_fail_on_a_short_key if {
	subjects({"length": 15}) == {"too short"}
	outcomes({"length": 16}) == {"pass"}
}

test_fail_on_a_file_that_others_read if subjects(in_file({"owner_only": false, "mode": "0644"})) == {"readable by others"}

test_fail_on_a_file_in_a_repository if subjects(in_file({"in_repository": "."})) == {"in a repository"}

test_fail_without_an_attestation_too if {
	{f.outcome | some f in findings({"placeholder": true}, [])} == {"fail"}
}

test_warn_on_white_space if outcomes({"blank": true}) == {"warn", "pass"}

test_inconclusive_on_a_file_that_cannot_be_looked_at if outcomes(in_file({"unknown": "permission denied", "owner_only": false})) == {"inconclusive"}

test_inconclusive_when_not_attested if {
	{f.outcome | some f in findings({}, [])} == {"inconclusive"}
	some f in findings({}, [attestation("2026-11-23")])
	f.outcome == "inconclusive"
	contains(f.message, "expired on 2026-11-23")
}

test_inconclusive_without_facts if outcomes({"role": "retired"}) == {"inconclusive"}

place := {"path": "deploy", "environment": "production", "file": "app.yaml", "line": 7, "format": "manifest", "name": "API_KEY", "source": "secret_reference", "key_environment": "", "role": "", "fingerprint": ""}

literal := object.union(place, {"environment": "", "source": "literal_key", "key_environment": "production", "role": "current", "fingerprint": "sha256:00000001"})

status := {"path": "deploy", "environment": "production", "state": "read", "files": 1, "unread": []}

with_manifests(places, statuses, attestations) := result if {
	result := {[f.outcome, f.basis] | some f in check.findings} with input as {
		"finished_at": "2026-11-24T08:00:00Z",
		"integration": {"attestations": attestations, "environments": [{"name": "production"}]},
		"facts": {"key.reference": [reference], "workload.key": places, "workload.status": statuses},
		"probes": [{"name": "workloads", "kinds": ["workload.key", "workload.status"], "state": "complete"}],
	}
}

test_pass_by_manifests if {
	with_manifests([place], [status], []) == {["pass", "observed"]}
	with_manifests([object.union(place, {"environment": ""})], [status], [attestation("2026-12-24")]) == {["pass", "observed"]}
}

test_fail_on_a_key_in_a_manifest_although_attested if {
	with_manifests([place, literal], [status], [attestation("2026-12-24")]) == {["fail", "observed"]}
}

test_fail_on_a_key_in_a_file_beside_the_manifests_that_others_read if {
	file := object.union(literal, {"source": "literal_file", "name": "", "owner_only": false})
	with_manifests([place, file], [status], []) == {["fail", "observed"]}
	with_manifests([place, object.union(file, {"owner_only": true})], [status], []) == {["pass", "observed"]}
}

test_inconclusive_on_manifests_that_show_nothing if {
	with_manifests([], [status], []) == {["inconclusive", "observed"]}
	with_manifests([object.union(place, {"environment": "test"})], [status], []) == {["inconclusive", "observed"]}
	with_manifests([object.union(literal, {"key_environment": "test"})], [status], []) == {["inconclusive", "observed"]}
	with_manifests([object.union(literal, {"role": "retired"})], [status], []) == {["inconclusive", "observed"]}
	with_manifests([place, object.union(place, {"source": "config_map"})], [status], []) == {["inconclusive", "observed"]}
	with_manifests([place, object.union(place, {"source": "literal_unknown"})], [status], [attestation("2026-12-24")]) == {["pass", "attested"]}
	with_manifests([place], [object.union(status, {"state": "cut_short"})], []) == {["inconclusive", "observed"]}
	with_manifests([place], [object.union(status, {"unread": [{"file": "b.yaml", "reason": "no valid YAML"}]})], []) == {["inconclusive", "observed"]}
}
