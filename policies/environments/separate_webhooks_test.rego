package prelaunch.checks.environments.separate_webhooks_test

import data.prelaunch.checks.environments.separate_webhooks as check

findings(test, production) := result if {
	result := check.findings with input as {"integration": {"environments": [
		{"name": "test", "webhook_url": test},
		{"name": "production", "webhook_url": production},
	]}}
}

outcomes(test, production) := {f.outcome | some f in findings(test, production)}

test_pass_and_notes_the_host if {
	some other in findings("https://hooks-test.acme.example/begini", "https://hooks.acme.example/begini")
	other.outcome == "pass"
	not other.evidence.same_host
	some same in findings("https://hooks.acme.example/test", "https://hooks.acme.example/begini")
	same.outcome == "pass"
	same.evidence.same_host
}

test_fail if outcomes("https://hooks.acme.example/begini", "https://hooks.acme.example/begini") == {"fail"}

test_fail_on_another_spelling if outcomes("HTTPS://Hooks.acme.example:443/a/../begini", "https://hooks.acme.example/begini") == {"fail"}

test_inconclusive if {
	outcomes("", "https://hooks.acme.example/begini") == {"inconclusive"}
	outcomes("", "") == {"inconclusive"}
}
