package prelaunch.checks.deployment_centre.redirects_registered_test

import data.prelaunch.checks.deployment_centre.redirects_registered as check

attestation(expires) := {"check": "deployment-centre.redirects-registered", "by": "jane@acme.example", "on": "2026-11-01", "statement": "seen", "expires": expires}

outcomes(expiry, attestations) := result if {
	result := {[f.outcome, f.basis] | some f in check.findings} with input as {
		"finished_at": "2026-11-24T08:00:00Z",
		"integration": {
			"attestations": attestations,
			"environments": [{"name": "production", "redirect_urls": {"completion": "https://acme.example/done", "cancellation": "https://acme.example/cancelled", "expiry": expiry}}],
		},
	}
}

test_pass if outcomes("https://acme.example/expired", [attestation("2026-12-24")]) == {["pass", "attested"]}

test_fail_although_attested if outcomes("", [attestation("2026-12-24")]) == {["fail", "declared"]}

test_inconclusive if outcomes("https://acme.example/expired", []) == {["inconclusive", "observed"]}

test_inconclusive_once_lapsed if outcomes("https://acme.example/expired", [attestation("2026-11-23")]) == {["inconclusive", "observed"]}
