package prelaunch.checks.https.api_requests_test

import data.prelaunch.checks.https.api_requests as check

plain(content) := {"repository": ".", "path": "client.go", "line": 4, "host": "api.begini.co", "content": content}

status := {"repository": ".", "objects": 9, "files": 2, "gaps": [], "gaps_cut": 0, "hits_cut": 0, "others_cut": 0, "not_searched": []}

findings(url, places, change) := result if {
	result := check.findings with input as {
		"facts": {"repository.plain_api": places, "repository.status": [object.union(status, change)]},
		"integration": {"declared": ["repositories"], "repositories": [{"path": "."}], "environments": [{"name": "production", "api_base_url": url}]},
		"probes": [{"kinds": ["repository.hit"], "state": "complete"}],
	}
}

outcomes(url, places, change) := {f.outcome | some f in findings(url, places, change)}

https := "https://api.begini.co"

test_pass if {
	some f in findings(https, [plain("text"), plain("test")], {})
	f.outcome == "pass"
	f.basis == "observed"
	f.evidence.named_in_documentation_or_tests == ["client.go"]
}

test_fail_on_the_base_url if outcomes("http://api.begini.co", [], {}) == {"fail"}

test_fail_on_code if {
	some f in findings(https, [plain("code"), object.union(plain("code"), {"line": 2})], {})
	f.outcome == "fail"
	f.subject == ". client.go"
	f.evidence.lines == [2, 4]
}

test_inconclusive_when_not_searched_in_full if {
	outcomes(https, [], {"gaps_cut": 1}) == {"inconclusive"}
	"inconclusive" in outcomes(https, [], {"others_cut": 1})
}

test_pass_on_the_base_url_alone_without_repositories if {
	found := check.findings with input as {
		"facts": {"repository.plain_api": [], "repository.status": []},
		"integration": {"declared": [], "repositories": [], "environments": [{"name": "production", "api_base_url": https}]}, "probes": [],
	}
	some f in found
	f.outcome == "pass"
	f.basis == "declared"
	contains(f.message, "rests on the base URL alone")
}
