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

several(urls) := result if {
	result := [f | some f in check.findings] with input as {"integration": {"environments": [{"name": name, "webhook_url": url} | some [name, url] in urls]}}
}

test_not_applicable_to_one_environment if {
	found := several([["sandbox", "https://hooks.acme.example/x"]])
	[f.outcome | some f in found] == ["not_applicable"]
	found[0].message == "Sandbox is the only environment, so there is nothing to compare"
}

# Of several environments, each two are compared, and the findings are told apart.
test_several_environments if {
	found := several([["sandbox", "https://a.acme.example/x"], ["staging", "https://b.acme.example/x"], ["live", "https://a.acme.example/x"]])
	{[f.outcome, f.subject] | some f in found} == {
		["fail", "same webhook: sandbox and live"], ["pass", "different webhooks: sandbox and staging"],
		["pass", "different webhooks: staging and live"],
	}
	"Sandbox and Live use the same webhook URL" in {f.message | some f in found}
}
