package prelaunch.checks.redirects.production_configured_test

import data.prelaunch.checks.redirects.production_configured as check

good := "https://acme.example/done"

hop(url, reach, trust) := {"method": "GET", "url": url, "reach": {"kind": reach, "local_route": true}, "trust": trust}

trail(end, status, hops) := {"method": "GET", "end": end, "status": status, "hops": hops}

answered := trail("answer", 200, [hop(good, "ok", "ok")])

fact(name, trails) := {"environment": "production", "role": "redirect", "name": name, "contacted": true, "endpoint": "acme.example:443", "trails": trails}

endpoint := {
	"name": "acme.example:443", "resolution": {"kind": "ok"},
	"addresses": [{"reach": {"kind": "ok"}, "certificates": [{"trust": {"roots": "system", "kind": "ok"}}]}],
}

findings(url, trails, endpoints, trusts) := result if {
	facts := array.concat([fact("cancellation", [answered]), fact("expiry", [answered]), fact("completion", trails)], beside)
	result := check.findings with input as {
		"integration": {
			"network": {"provider_trusts_ca": trusts},
			"environments": [{"name": "test"}, {"name": "production", "redirect_urls": {"completion": url, "cancellation": "https://acme.example/cancelled", "expiry": "https://acme.example/expired"}}],
		},
		"profile": {"hosts": ["provider.example"]},
		"facts": {"https.url": facts, "https.endpoint": array.concat(endpoints, elsewhere)},
		"probes": [],
	}
}

# What stands beside it and is about something else.
gone := {"method": "GET", "end": "answer", "status": 404, "hops": []}

beside := [
	object.union(fact("completion", [gone]), {"environment": "test"}),
	object.union(fact("completion", [gone]), {"role": "webhook"}),
]

elsewhere := [{
	"name": "hooks.acme.example:443", "resolution": {"kind": "timeout"},
	"addresses": [{"reach": {"kind": "timeout"}, "certificates": [{"trust": {"roots": "ca_file", "kind": "ok"}}]}],
}]

posted := {"method": "POST", "end": "answer", "status": 405, "hops": [hop(good, "ok", "ok")]}

test_pass_whatever_a_post_gets if of(good, [answered, posted], [endpoint]) == {["completion", "pass"]}

# of holds what the check says of the completion URL.
of(url, trails, endpoints) := {[f.subject, f.outcome] |
	some f in findings(url, trails, endpoints, false)
	f.target == "completion"
}

told(trail) := of(good, [trail], [endpoint])

test_pass_each_of_three if {
	{f.outcome | some f in findings(good, [answered], [endpoint], false)} == {"pass"}
	count(findings(good, [answered], [endpoint], false)) == 3
}

test_pass_on_a_redirect_that_ends_in_a_page if {
	told(trail("answer", 204, [hop(good, "ok", "ok"), hop("https://www.acme.example/thanks", "ok", "ok")])) == {["completion", "pass"]}
}

test_fail_when_not_set if of("", [], [endpoint]) == {["completion: not set", "fail"]}

test_fail_on_http if of("http://acme.example/done", [], [endpoint]) == {["completion: scheme", "fail"]}

test_fail_by_name if {
	of("https://localhost/done", [answered], [endpoint]) == {["completion: local", "fail"]}
	of("https://staging.acme.example/done", [answered], [endpoint]) == {["completion: test", "fail"]}
	of("https://app.provider.example/done", [answered], [endpoint]) == {["completion: provider", "fail"]}
}

test_warn_on_a_doubtful_name if of("https://acme-dev.example/done", [answered], [endpoint]) == {["completion: test", "warn"]}

test_fail_only_once_where_it_begins_and_ends_wrongly if {
	ends := trail("answer", 200, [hop("https://localhost/done", "ok", "ok"), hop("https://uat.acme.example/", "ok", "ok")])
	of("https://localhost/done", [ends], [endpoint]) == {["completion: local", "fail"]}
}

test_fail_where_it_ends if {
	told(trail("answer", 200, [hop(good, "ok", "ok"), hop("https://uat.acme.example/", "ok", "ok")])) == {["completion: ends test", "fail"]}
	told(trail("answer", 200, [hop(good, "ok", "ok"), hop("https://provider.example/", "ok", "ok")])) == {["completion: ends provider", "fail"]}
}

test_fail_by_answer if {
	every one in [
		trail("answer", 404, [hop(good, "ok", "ok")]),
		trail("answer", 500, [hop(good, "ok", "ok")]),
		trail("answer", 300, [hop(good, "ok", "ok")]),
		trail("loop", 302, [hop(good, "ok", "ok")]),
		trail("downgrade", 301, [hop(good, "ok", "ok")]),
		trail("bad_location", 301, [hop(good, "ok", "ok")]),
		trail("unreachable", 0, [hop(good, "refused", "")]),
		trail("unreachable", 0, [hop(good, "unreachable", "")]),
	] {
		told(one) == {["completion: answer", "fail"]}
	}
}

test_inconclusive_by_answer if {
	every one in [
		trail("answer", 403, [hop(good, "ok", "ok")]),
		trail("answer", 503, [hop(good, "ok", "ok")]),
		trail("other_scheme", 302, [hop(good, "ok", "ok")]),
		trail("limit", 302, [hop(good, "ok", "ok")]),
		trail("unreachable", 0, [hop(good, "timeout", "")]),
		trail("unreachable", 0, [hop(good, "blocked", "")]),
		trail("unreachable", 0, []),
	] {
		told(one) == {["completion: answer", "inconclusive"]}
	}
}

test_blocked_address_is_not_called_a_redirect if {
	own := findings(good, [trail("unreachable", 0, [hop(good, "blocked", "")])], [endpoint], false)
	some first in own
	contains(first.message, "has an address that is not contacted")
	hops := [hop(good, "ok", "ok"), hop("https://www.acme.example/thanks", "blocked", "")]
	led := findings(good, [trail("unreachable", 0, hops)], [endpoint], false)
	some second in led
	contains(second.message, "redirects to an address that is not contacted")
}

test_fail_on_a_certificate if {
	told(trail("answer", 200, [hop(good, "ok", "expired")])) == {["completion: certificate", "fail"]}
	told(trail("answer", 200, [hop(good, "ok", "ok"), hop("https://www.acme.example/", "ok", "name_mismatch")])) == {["completion: certificate", "fail"]}
}

test_inconclusive_without_a_certificate if told(trail("answer", 200, [hop(good, "ok", "")])) == {["completion: certificate", "inconclusive"]}

test_warn_on_roots_of_its_own if {
	own := object.union(endpoint, {"addresses": [{"reach": {"kind": "ok"}, "certificates": [{"trust": {"roots": "ca_file", "kind": "ok"}}]}]})
	of(good, [answered], [own]) == {["completion: own roots", "warn"]}
	{f.outcome | some f in findings(good, [answered], [own], true)} == {"pass"}
}

unreached(kind) := object.union(endpoint, {"addresses": [{"reach": {"kind": kind}, "certificates": []}]})

test_fail_when_nothing_is_there if {
	of(good, [], [object.union(endpoint, {"resolution": {"kind": "not_found"}, "addresses": []})]) == {["completion: answer", "fail"]}
	of(good, [], [unreached("refused")]) == {["completion: answer", "fail"]}
	of(good, [], [unreached("not_tls")]) == {["completion: answer", "fail"]}
}

test_inconclusive_when_it_was_not_reached if {
	of(good, [], [unreached("timeout")]) == {["completion: answer", "inconclusive"]}
	of(good, [], [object.union(endpoint, {"resolution": {"kind": "timeout"}, "addresses": []})]) == {["completion: answer", "inconclusive"]}
	of(good, [], []) == {["completion: answer", "inconclusive"]}
}

test_inconclusive_without_facts if {
	result := {f.outcome | some f in check.findings} with input as {
		"integration": {"provider": "begini", "network": {"provider_trusts_ca": false}, "environments": [{"name": "production", "redirect_urls": {"completion": good}}]},
		"facts": {"https.url": [], "https.endpoint": []},
		"probes": [],
	}
	result == {"inconclusive"}
}

test_inconclusive_without_production if {
	result := {f.outcome | some f in check.findings} with input as {"integration": {"environments": [{"name": "test"}]}, "facts": {}}
	result == {"inconclusive"}
}

# The second address, or what no hop tells of: a revoked certificate.
test_fail_on_a_faulty_certificate_of_its_host if {
	seen := object.union(endpoint, {"addresses": array.concat(endpoint.addresses, [{
		"reach": {"kind": "ok"},
		"certificates": [{
			"chain": [{"fingerprint": "aa"}], "trust": {"roots": "system", "kind": "ok"}, "revocation": {"status": "revoked", "how": "list"},
		}],
	}])})
	of(good, [answered], [seen]) == {["completion: certificate", "fail"]}
	"certificate/aa" in {f.cause | some f in findings(good, [answered], [seen], false)}
}

test_fail_once_where_the_way_is_refused_already if {
	seen := object.union(endpoint, {"addresses": [{
		"reach": {"kind": "ok"},
		"certificates": [{"trust": {"roots": "none", "kind": "expired"}, "chain": []}],
	}]})
	of(good, [trail("answer", 200, [hop(good, "ok", "expired")])], [seen]) == {["completion: certificate", "fail"]}
}

# A list that only the audit's setup kept from being fetched leaves the certificate open, as it does the webhook's.
test_inconclusive_on_an_unfetched_revocation_list if {
	unfetched := {"trust": {"roots": "system", "kind": "ok"}, "issuers": [], "revocation_list": {"problem": "not_resolved"}}
	seen := object.union(endpoint, {"addresses": [{"reach": {"kind": "ok"}, "certificates": [unfetched]}]})
	some f in findings(good, [answered], [seen], true)
	f.subject == "completion: revocation list"
	f.outcome == "inconclusive"
	contains(f.next_step, "network.resolve")
}

test_fail_on_a_faulty_certificate_on_the_way if {
	revoked := {"trust": {"roots": "system", "kind": "ok"}, "revocation": {"status": "revoked", "how": "list"}}
	there := object.union(hop("https://www.acme.example/thanks", "ok", "ok"), {"certificate": revoked})
	told(trail("answer", 200, [hop(good, "ok", "ok"), there])) == {["completion: certificate", "fail"]}
}

test_warn_on_dhe_alone if {
	seen := object.union(endpoint, {"addresses": [object.union(endpoint.addresses[0], {"handshake": {"suite": "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256"}})]})
	of(good, [answered], [seen]) == {["completion: dhe alone", "warn"]}
}
