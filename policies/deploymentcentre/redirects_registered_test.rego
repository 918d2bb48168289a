package prelaunch.checks.deployment_centre.redirects_registered_test

import data.prelaunch.checks.deployment_centre.redirects_registered as check

attestation(expires) := {"check": "deployment-centre.redirects-registered", "by": "jane@acme.example", "on": "2026-11-01", "statement": "seen", "expires": expires}

outcomes(urls, attestations) := result if {
	result := {[f.outcome, f.basis] | some f in check.findings} with input as {
		"finished_at": "2026-11-24T08:00:00Z",
		"integration": {
			"attestations": attestations,
			"environments": [{"name": "production", "redirect_urls": urls}],
		},
	}
}

all := {"completion": "https://acme.example/done", "cancellation": "https://acme.example/cancelled", "expiry": "https://acme.example/expired"}

none := {"completion": "", "cancellation": "", "expiry": ""}

test_pass if outcomes(all, [attestation("2026-12-24")]) == {["pass", "attested"]}

test_pass_with_one_unset if outcomes(object.union(all, {"expiry": ""}), [attestation("2026-12-24")]) == {["pass", "attested"]}

test_fail_although_attested if outcomes(none, [attestation("2026-12-24")]) == {["fail", "declared"]}

test_inconclusive if outcomes(all, []) == {["inconclusive", "observed"]}

test_inconclusive_once_lapsed if outcomes(all, [attestation("2026-11-23")]) == {["inconclusive", "observed"]}
