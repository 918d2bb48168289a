package prelaunch.checks.environments.separate_redirects_test

import data.prelaunch.checks.environments.separate_redirects as check

redirects(completion, cancellation, expiry) := {"completion": completion, "cancellation": cancellation, "expiry": expiry}

findings(test, production) := result if {
	result := check.findings with input as {"integration": {"environments": [
		{"name": "test", "redirect_urls": test},
		{"name": "production", "redirect_urls": production},
	]}}
}

outcomes(test, production) := {f.outcome | some f in findings(test, production)}

production := redirects("https://acme.example/done", "https://acme.example/cancelled", "https://acme.example/expired")

test_pass if outcomes(redirects("https://test.acme.example/done", "https://test.acme.example/cancelled", "https://test.acme.example/expired"), production) == {"pass"}

test_pass_names_what_is_not_set if {
	some f in findings(redirects("https://test.acme.example/done", "", ""), production)
	f.outcome == "pass"
	f.evidence.not_set == ["test.cancellation", "test.expiry"]
}

test_pass_on_one_page_for_all_of_an_environment if {
	one := redirects("https://acme.example/end", "https://acme.example/end", "https://acme.example/end")
	outcomes(redirects("https://test.acme.example/end", "https://test.acme.example/end", ""), one) == {"pass"}
}

test_fail_on_another_spelling_in_another_role if {
	some f in findings(redirects("https://test.acme.example/done", "HTTPS://ACME.example:443/done", ""), production)
	f.outcome == "fail"
	f.evidence.used_as == ["production.completion", "test.cancellation"]
}

test_inconclusive if {
	outcomes(redirects("", "", ""), production) == {"inconclusive"}
	outcomes(redirects("", "", ""), redirects("", "", "")) == {"inconclusive"}
}

test_not_applicable_to_one_environment if {
	found := check.findings with input as {"integration": {"environments": [{"name": "live", "redirect_urls": redirects("", "", "")}]}}
	{f.outcome | some f in found} == {"not_applicable"}
}
