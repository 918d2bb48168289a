package prelaunch.lib.exposure_test

import data.prelaunch.lib.exposure

retired := {"role": "retired", "key_environment": "production", "fingerprint": "sha256:0000000a"}

try := {"family": "F20", "environment": "production", "key": "sha256:0000000a", "purpose": "forgery", "status": 401, "equals": ["wrong"], "witnessed": true}

baseline := {"environment": "production", "genuine": true}

dead(tries, calls) if {
	exposure.dead(retired) with input as {"facts": {"webhook.exchange": tries, "webhook.baseline": [baseline], "provider.call": calls}}
}

of_both(tries) if {
	exposure.dead(object.union(retired, {"key_environment": ""})) with input as {
		"integration": {"environments": [{"name": "test"}, {"name": "production"}]},
		"facts": {"webhook.exchange": tries, "webhook.baseline": [baseline, object.union(baseline, {"environment": "test"})], "provider.call": []},
	}
}

test_key_of_both_environments if {
	of_both([try, object.union(try, {"environment": "test"})])
	not of_both([try])
}

test_dead_when_the_receiver_refuses if dead([try], [])

test_not_dead_without_a_try if {
	not dead([], [])
	not dead([object.union(try, {"not_sent": "key_not_held"})], [])
	not dead([object.union(try, {"environment": "test"})], [])
	not dead([object.union(try, {"key": "sha256:0000000b"})], [])
	not dead([object.union(try, {"family": "F04"})], [])
}

test_not_dead_when_the_answer_decides_nothing if {
	not dead([object.union(try, {"status": 500})], [])
	not dead([object.union(try, {"status": 302})], [])
	not dead([object.union(try, {"witnessed": false})], [])
	not dead([try, object.union(try, {"status": 429})], [])
}

test_not_dead_when_taken if not dead([try, object.union(try, {"status": 200, "equals": ["genuine"]})], [])

test_not_dead_when_nothing_genuine_was_taken if {
	not exposure.dead(retired) with input as {"facts": {"webhook.exchange": [try], "webhook.baseline": [object.union(baseline, {"genuine": false})], "provider.call": []}}
}

test_current_is_never_dead if {
	not exposure.dead(object.union(retired, {"role": "current"})) with input as {"facts": {"webhook.exchange": [try], "webhook.baseline": [baseline], "provider.call": []}}
}

call := {"environment": "production", "owner": "production", "purpose": "pairing", "host": "api.begini.co", "fingerprint": "sha256:0000000a"}

random := object.union(call, {"role": "random", "fingerprint": "", "status": 403})

current := object.union(call, {"role": "current", "fingerprint": "sha256:00000001", "status": 422})

test_dead_when_the_provider_refuses if dead([], [random, current, object.union(call, {"role": "retired", "status": 403})])

test_not_dead_when_the_provider_takes_it if {
	not dead([], [random, current, object.union(call, {"role": "retired", "status": 422})])
	not dead([try], [random, current, object.union(call, {"role": "retired", "status": 422})])
}

test_places if {
	exposure.place({"path": "a"}) == "a"
	exposure.place({"path": "", "place": "ref", "ref": "refs/heads/x", "field": ""}) == "refs/heads/x"
	exposure.place({"path": "", "place": "commit", "ref": "", "field": "message"}) == "commit message"
	exposure.place({"path": "", "place": "blob", "ref": "", "field": ""}) == "blob"
}

test_shorter if {
	exposure.shorter(["a", "b"]) == "a; b"
	exposure.shorter(["a", "b", "c", "d", "e", "f"]) == "a; b; c; d; and 2 more"
}

status := {"repository": ".", "objects": 1, "files": 1, "gaps": [], "gaps_cut": 0, "hits_cut": 0, "not_searched": []}

gap(area) := {"reason": "corrupt-object", "area": area, "path": "", "object": "abcd", "detail": ""}

coverage(area, change) := {f.subject | some f in found} if {
	found := exposure.coverage(area) with input as {
		"facts": {"repository.status": [object.union(status, change)]},
		"integration": {"declared": ["repositories"], "repositories": [{"path": "."}]},
		"probes": [{"kinds": ["repository.hit"], "state": "complete"}],
	}
}

test_coverage if {
	coverage("files", {}) == set()
	coverage("files", {"gaps": [gap("history")]}) == set()
	coverage("history", {"gaps": [gap("history")]}) == {"not searched in full: ."}
	coverage("files", {"gaps": [gap("both")]}) == {"not searched in full: ."}
	coverage("files", {"gaps_cut": 3}) == {"not searched in full: ."}
	coverage("files", {"hits_cut": 3}) == {"more hits: ."}
	coverage("files", {"not_searched": ["sha256:00000001"]}) == {"too short: sha256:00000001"}
}

test_reasons if {
	exposure.reason(gap("both")) == "abcd: corrupt object"
	exposure.reason({"reason": "x", "path": "a", "object": "", "detail": "broken"}) == "a: broken"
}

test_names_of_keys if {
	exposure.key_name({"role": "current", "key_environment": "production"}) == "Production {{key}}"
	exposure.key_name({"role": "retired", "key_environment": "test"}) == "Retired Test {{key}}"
	exposure.key_name({"role": "retired", "key_environment": ""}) == "Retired {{key}}"
}

test_spots if {
	exposure.spot("a.py", {"line": 3, "commit": "bf47808aaaa"}) == "a.py:3, commit bf47808"
	exposure.spot("a.py", {"line": 0, "commit": ""}) == "a.py"
	exposure.of_repository("app") == " of app"
	exposure.of_repository(".") == ""
}

test_what_a_search_proves_less_of if {
	exposure.searched_less([{"by_fingerprint": ["sha256:0000000a"]}]) == {"searched_by_fingerprint_only": ["sha256:0000000a"]}
	exposure.searched_less([
		{"by_fingerprint": [], "not_decoded": 2},
		{"by_fingerprint": [], "not_decoded": 1},
	]) == {"searched_by_fingerprint_only": [], "not_decoded": 3}
}
