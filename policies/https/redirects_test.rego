package prelaunch.checks.https.redirects_test

import data.prelaunch.checks.https.redirects as check

findings(test, production) := result if {
	result := check.findings with input as {"integration": {"environments": [
		{"name": "test", "redirect_urls": {"completion": test, "cancellation": "", "expiry": ""}},
		{"name": "production", "redirect_urls": {"completion": production, "cancellation": "", "expiry": ""}},
	]}}
}

outcomes(test, production) := {[f.environment, f.outcome] | some f in findings(test, production)}

test_pass if outcomes("https://test.acme.example/done", "HTTPS://acme.example/done") == {["test", "pass"], ["production", "pass"]}

test_fail_in_its_environment if {
	outcomes("http://test.acme.example/done", "https://acme.example/done") == {["test", "fail"], ["production", "pass"]}
	outcomes("acme.example", "https://acme.example/done") == {["test", "fail"], ["production", "pass"]}
}

test_inconclusive if outcomes("https://test.acme.example/done", "") == {["test", "pass"], ["production", "inconclusive"]}
