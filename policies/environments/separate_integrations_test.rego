package prelaunch.checks.environments.separate_integrations_test

import data.prelaunch.checks.environments.separate_integrations as check

outcomes(test, production) := result if {
	result := {f.outcome | some f in check.findings} with input as {"integration": {"environments": [
		{"name": "test", "integration_id": test},
		{"name": "production", "integration_id": production},
	]}}
}

test_pass if outcomes("1234567890987654321", "9876543210123456789") == {"pass"}

test_fail if outcomes("1234567890987654321", "1234567890987654321 ") == {"fail"}

test_inconclusive if {
	outcomes("", "9876543210123456789") == {"inconclusive"}
	outcomes("", "") == {"inconclusive"}
}

test_not_applicable_to_one_environment if {
	found := check.findings with input as {"integration": {"environments": [{"name": "live", "integration_id": "1"}]}}
	{f.outcome | some f in found} == {"not_applicable"}
}
