package prelaunch.checks.https.no_plain_http_test

import data.prelaunch.checks.https.fixture_test as fixture
import data.prelaunch.checks.https.no_plain_http as check

said(facts) := result if {
	result := {[f.outcome, f.subject] | some f in check.findings} with input as facts
}

clear(method, change) := object.union(fixture.clear_answer(method, "ok"), change)

both(change) := fixture.with_clear({"get": clear("GET", change), "post": clear("POST", change)})

test_pass_refused if said(fixture.right) == {["pass", "refused"]}

test_pass_not_tried if {
	untried := {"address": "", "get": fixture.clear_answer("GET", "refused"), "post": fixture.clear_answer("POST", "refused")}
	some finding in check.findings with input as fixture.with_clear(untried)
	finding.outcome == "pass"
	finding.evidence == {"addresses": [], "ports": ["80"], "not_tried": ["80"]}
	contains(finding.message, "(80 was not tried, and counts as closed")
}

test_pass_ways_to_refuse if {
	every change in [{"status": 404}, {"status": 426}, {"status": 400, "tls_only": true}, {"status": 301, "location": {"scheme": "https"}}] {
		said(both(change)) == {["pass", "refused"]}
	}
}

test_pass_get_answered_alike if {
	facts := fixture.with_clear({"get": clear("GET", {"status": 404, "same_answer_as_https": true}), "post": clear("POST", {"status": 404})})
	said(facts) == {["pass", "refused"]}
}

test_fail_taken if said(both({"status": 204})) == {["fail", "taken 80"]}

test_fail_get_redirects_and_post_is_taken if {
	facts := fixture.with_clear({"get": clear("GET", {"status": 301, "location": {"scheme": "https"}}), "post": clear("POST", {"status": 200})})
	said(facts) == {["fail", "taken 80"], ["pass", "refused"]}
}

test_fail_the_receiver_itself if {
	["fail", "the receiver 80"] in said(both({"status": 401, "same_answer_as_https": true}))
}

test_fail_downgrade if {
	said(both({"status": 302, "location": {"scheme": "http"}})) == {["fail", "downgraded 80"]}
	said(both({"status": 302})) == {["fail", "downgraded 80"]}
}

test_fail_plain_url if said(fixture.plain) == {["fail", "not https"]}

test_inconclusive_silent if {
	facts := fixture.with_clear({"get": fixture.clear_answer("GET", "timeout"), "post": fixture.clear_answer("POST", "timeout")})
	said(facts) == {["inconclusive", "unknown 80"]}
}

test_inconclusive_server_error if said(both({"status": 503})) == {["inconclusive", "unknown 80"]}

test_inconclusive_nothing_to_compare_with if {
	facts := fixture.with_clear({"get": clear("GET", {"status": 404}), "post": clear("POST", {"status": 404, "comparable": false})})
	said(facts) == {["inconclusive", "unknown 80"], ["pass", "refused"]}
}

test_inconclusive_no_route if {
	untested := {"reach": fixture.no_route, "tls_only": false, "same_answer_as_https": false, "comparable": true}
	facts := fixture.with_clear({"get": object.union(untested, {"method": "GET"}), "post": object.union(untested, {"method": "POST"})})
	said(facts) == {["inconclusive", "not looked at"]}
}

test_inconclusive_not_run if said(fixture.not_run) == {["inconclusive", "not looked at"]}

# Passive probing sends no POST.
test_inconclusive_only_a_get if {
	redirected := fixture.with_clear({"get": clear("GET", {"status": 301, "location": {"scheme": "https"}}), "post": fixture.clear_answer("POST", "not_sent")})
	said(redirected) == {["inconclusive", "not asked 80"], ["pass", "refused"]}
}

test_inconclusive_other_addresses if {
	every change in [{"kind": "ok", "unresolved": ["AAAA"]}, {"kind": "ok", "addresses": 20, "skipped": 4}] {
		facts := fixture.with_facts([object.union(fixture.endpoint, {"resolution": change})], [fixture.url])
		said(facts) == {["inconclusive", "other addresses"], ["pass", "refused"]}
	}
}
