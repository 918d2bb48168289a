package prelaunch.checks.network.ip_allowlist_test

import data.prelaunch.checks.network.ip_allowlist as check

attestation := {"check": "network.ip-allowlist", "by": "jane@acme.example", "on": "2026-11-01", "statement": "the gateway admits the provider only", "expires": "2026-12-24"}

baseline(genuine, distinguishes) := {"environment": "production", "genuine": genuine, "distinguishes": distinguishes}

outcomes(vantage, baselines, attestations) := result if {
	result := {[f.outcome, f.basis] | some f in check.findings} with input as {
		"finished_at": "2026-11-24T08:00:00Z",
		"integration": {"network": {"vantage": vantage}, "attestations": attestations, "environments": [{"name": "production"}]},
		"facts": {"webhook.baseline": baselines},
	}
}

test_pass_when_attested if {
	outcomes("public", [baseline(false, false)], [attestation]) == {["pass", "attested"]}
	outcomes("public", [], [attestation]) == {["pass", "attested"]}
	outcomes("allowlisted", [baseline(true, true)], [attestation]) == {["pass", "attested"]}
}

test_warn_when_the_public_gets_through if {
	outcomes("public", [baseline(true, false)], [attestation]) == {["warn", "observed"]}
	outcomes("public", [baseline(false, true)], []) == {["warn", "observed"]}
}

test_inconclusive_when_not_attested if {
	outcomes("public", [baseline(false, false)], []) == {["inconclusive", "observed"]}
	outcomes("allowlisted", [baseline(true, false)], []) == {["inconclusive", "observed"]}
}
