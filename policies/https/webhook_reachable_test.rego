package prelaunch.checks.https.webhook_reachable_test

import data.prelaunch.checks.https.fixture_test as fixture
import data.prelaunch.checks.https.webhook_reachable as check

said(facts) := result if {
	result := {[f.outcome, f.subject] | some f in check.findings} with input as facts
}

test_pass if said(fixture.right) == {["pass", "reachable"]}

both(exchange) := {"get": object.union(exchange, {"method": "GET"}), "post": object.union(exchange, {"method": "POST"})}

# What a receiver does with an unsigned POST is for other checks, as long as it is there.
test_pass_whatever_becomes_of_a_forgery if {
	every post in [{"reach": fixture.reach("reset")}, {"reach": fixture.reach("ok"), "status": 503}, {"reach": fixture.reach("ok"), "status": 302}] {
		said(fixture.with_answer({"post": object.union(post, {"method": "POST"})})) == {["pass", "reachable"]}
	}
}

test_pass_beside_an_address_without_a_route if {
	said(fixture.with_second({"reach": fixture.no_route})) == {["pass", "reachable"]}
}

test_fail_not_https if said(fixture.plain) == {["fail", "not https"]}

test_fail_not_found if {
	facts := fixture.with_facts([object.union(fixture.endpoint, {"resolution": {"kind": "not_found"}, "addresses": []})], [object.union(fixture.url, {"answers": []})])
	said(facts) == {["fail", "resolution"]}
}

test_fail_one_address_of_two if {
	said(fixture.with_second({"reach": fixture.reach("timeout")})) == {["fail", "address timeout"], ["pass", "reachable"]}
}

test_fail_no_answer if {
	said(fixture.with_answer(both({"reach": fixture.reach("timeout")}))) == {["fail", "answer timeout"]}
}

test_fail_loop if {
	facts := fixture.with_url({"trails": [{"method": "GET", "hops": [], "end": "loop", "status": 302}]})
	["fail", "redirect loop"] in said(facts)
	posted := fixture.with_url({"trails": [
		{"method": "GET", "hops": [], "end": "answer", "status": 405},
		{"method": "POST", "hops": [], "end": "downgrade", "status": 308},
	]})
	["fail", "redirect downgrade"] in said(posted)
}

test_warn_redirect if {
	said(fixture.with_answer(both({"reach": fixture.reach("ok"), "status": 301}))) == {["warn", "redirect"], ["pass", "reachable"]}
}

test_inconclusive_not_run if said(fixture.not_run) == {["inconclusive", "not looked at"]}

test_inconclusive_gateway if {
	said(fixture.with_answer(both({"reach": fixture.reach("ok"), "status": 502}))) == {["inconclusive", "gateway"]}
}

test_inconclusive_behind_allowlist if {
	said(object.union(fixture.unreached, {"integration": object.union(fixture.unreached.integration, fixture.attested.integration)})) == {["inconclusive", "address refused"]}
}

test_fail_without_allowlist if said(fixture.unreached) == {["fail", "address refused"]}

# Where no address responds, the rest of the audit is folded under that.
test_cause_only_where_no_address_responds if {
	causes(fixture.unreached) == {["webhook.unreachable/test", true]}
	causes(fixture.with_answer(both({"reach": fixture.reach("timeout")}))) == {["webhook.unreachable/test", true]}
	causes(fixture.with_second({"reach": fixture.reach("timeout")})) == {["", false]}
}

causes(facts) := {[object.get(f, "cause", ""), object.get(f.evidence, "is_cause", false)] |
	some f in check.findings with input as facts
}

test_inconclusive_interrupted if {
	said(fixture.with_address({"reach": fixture.reach("cancelled")})) == {["inconclusive", "address cancelled"], ["pass", "reachable"]}
}

test_inconclusive_client_certificate if {
	facts := fixture.with_facts(
		[object.union(fixture.endpoint, {"addresses": [object.union(fixture.address, {
			"reach": fixture.reach("no_handshake"),
			"client_certificate": {"required": "yes", "sent": false},
		})]})],
		[object.union(fixture.url, {"answers": []})],
	)
	said(facts) == {["inconclusive", "client certificate"]}
}

test_inconclusive_no_route if {
	facts := fixture.with_facts([object.union(fixture.endpoint, {"addresses": [object.union(fixture.address, {"reach": fixture.no_route})]})], [object.union(fixture.url, {"answers": []})])
	said(facts) == {["inconclusive", "untested"]}
}

test_inconclusive_no_common_suite if {
	["inconclusive", "address no_common_suite"] in said(fixture.with_address({"reach": fixture.reach("no_common_suite")}))
}

# Passive probing sends no POST.
test_get_alone if {
	alone := fixture.with_facts([fixture.endpoint], [object.union(fixture.url, {"answers": [object.remove(fixture.answer, ["post"])]})])
	said(alone) == {["pass", "reachable"]}
	broken := object.union(object.remove(fixture.answer, ["post"]), {"get": {"reach": fixture.reach("reset")}})
	said(fixture.with_facts([fixture.endpoint], [object.union(fixture.url, {"answers": [broken]})])) == {["fail", "answer reset"]}
}

test_pass_with_notes if {
	seen := object.union(fixture.endpoint, {
		"differences": [{"fact": "certificate"}],
		"addresses": [object.union(fixture.address, {
			"client_certificate": {"requested": true, "required": "no"},
			"reach": {"kind": "ok", "local_route": true, "detail": "by old means"},
		})],
	})
	some f in check.findings with input as fixture.with_facts([seen], [object.union(fixture.url, {"answers": [object.union(fixture.answer, {"clock_skew_seconds": -7200})]})])
	f.evidence.notes == [
		"a client certificate is asked for, but not required",
		"an address is spoken to by old means",
		"the addresses send different certificates",
	]
	f.evidence.clock_skew_seconds == [-7200]
}

test_inconclusive_client_certificate_refused if {
	refused := fixture.with_facts(
		[object.union(fixture.endpoint, {"addresses": [object.union(fixture.address, {"client_certificate": {"required": "yes", "sent": true, "refused": true}})]})],
		[object.union(fixture.url, {"answers": []})],
	)
	said(refused) == {["inconclusive", "client certificate"]}
	some f in check.findings with input as refused
	contains(f.message, "rejects the configured one")
	contains(f.next_step, "client_certificate")
}

test_inconclusive_other_addresses if {
	every change in [{"kind": "ok", "unresolved": ["AAAA"]}, {"kind": "ok", "addresses": 20, "skipped": 4}] {
		facts := fixture.with_facts([object.union(fixture.endpoint, {"resolution": change})], [fixture.url])
		said(facts) == {["inconclusive", "other addresses"], ["pass", "reachable"]}
	}
}
