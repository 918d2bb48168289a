package prelaunch.lib.bridging_test

import data.prelaunch.lib.responses_test as given
import data.prelaunch.lib.verdict

judged(document) := result if {
	result := {finding |
		some finding in verdict.settled("production", verdict.judge("production", items("production")), verdict.judge("test", items("test")))
	} with input as document
}

items(environment) := [item |
	some x in input.facts["webhook.exchange"]
	x.environment == environment
	x.family == "F07"
	item := {"fact": x, "class": data.prelaunch.lib.responses.class(x, data.prelaunch.lib.responses.baselines[environment])}
]

tampered := given.refused("F07", "value-changed")

unsent := given.unsent("forgery", "F07", "value-changed", "no_key")

# What Test proved holds for Production, whose key is known by its fingerprint only, where the same build is attested.
test_same_build_settles_what_could_not_be_signed if {
	some finding in judged(given.by_fingerprint([given.wrong, tampered], [given.wrong, unsent], []))
	finding.outcome == "pass"
	finding.basis == "attested"
}

test_same_build_settles_no_failure if {
	{f.outcome | some f in judged(given.by_fingerprint([given.wrong, tampered], [given.wrong, given.forged("F07", "x", {"status": 200})], []))} == {"fail"}
	{f.outcome | some f in judged(given.by_fingerprint([given.wrong, given.accepted("F07", "x")], [given.wrong, unsent], []))} == {"inconclusive"}
}

# A redirect of its own shows that the environment differs from Test.
test_same_build_settles_no_response_of_its_own if {
	redirected := given.forged("F07", "value-changed", {"status": 302})
	{f.outcome | some f in judged(given.by_fingerprint([given.wrong, tampered], [given.wrong, redirected], []))} == {"inconclusive"}
}

# A production that rejects what is correctly signed as incorrectly signed, where Test does not, has another key.
test_same_build_settles_nothing_where_production_has_another_key if {
	own := given.exchange("invalid", "malformed", "brace", {"status": 422})
	alike := object.union(own, {"status": 401, "equals": ["wrong"]})
	{f.outcome | some f in careful(own, own)} == {"pass"}
	{f.outcome | some f in careful(alike, alike)} == {"pass"}
	{f.outcome | some f in careful(own, alike)} == {"inconclusive"}
	every finding in careful(own, alike) {
		startswith(finding.next_step, "Compare the key")
	}
}

# careful is what is judged of a production whose rejections alone show nothing, with the response of each environment
# to a correctly signed invalid body.
careful(in_test, in_production) := judged(object.union(
	given.careful_document([], [given.same_build]),
	{"facts": {
		"webhook.baseline": [
			given.baseline({}),
			given.baseline({
				"environment": "production", "probing": "careful", "genuine": false, "genuine_statuses": [],
				"distinguishes": false,
			}),
		],
		"webhook.exchange": array.concat(
			[given.wrong, tampered, in_test],
			[object.union(x, {"environment": "production"}) | some x in [given.wrong, tampered, in_production]],
		),
	}},
))

# of_other_names is a document of two environments, live and the one it rests on.
of_other_names(exchanges) := json.patch(document, [{"op": "replace", "path": "/integration/environments", "value": [
	{"name": "sandbox", "webhook_url": given.url, "probing": "full"},
	{"name": "live", "webhook_url": given.url, "probing": "careful"},
]}]) if {
	document := object.union(given.careful_document([], [given.same_build]), {"facts": {
		"webhook.baseline": [
			given.baseline({"environment": "sandbox"}),
			given.baseline({
				"environment": "live", "probing": "careful", "genuine": false, "genuine_statuses": [],
				"distinguishes": false,
			}),
		],
		"webhook.exchange": [object.union(x, {"environment": e}) |
			some x in array.concat([given.wrong], exchanges)
			some e in ["sandbox", "live"]
		],
	}})
}

# The environment that others rest on need not be called Test.
test_same_build_of_other_names if {
	named := of_other_names([tampered])
	data.prelaunch.lib.responses.bridged("live") with input as named
	not data.prelaunch.lib.responses.bridged("sandbox") with input as named
	found := verdict.settled("live", verdict.judge("live", items("live")), verdict.judge("sandbox", items("sandbox"))) with input as named
	{f.outcome | some f in found} == {"pass"}
}

test_same_build_of_other_names_in_each_check if {
	families := {
		"rejects_unsigned": "F01", "rejects_tampered": "F07", "rejects_wrong_key": "F04", "rejects_wrong_algorithm": "F05",
		"rejects_partial_signature": "F03", "rejects_stale": "F22", "rejects_unbound_time": "F23", "rejects_downgrade": "F26",
		"rejects_foreign_key": "F28",
	}
	every check, family in families {
		found := data.prelaunch.checks.webhook[check].findings with input as of_other_names([given.refused(family, "x")])
		{[f.environment, f.outcome] | some f in found} == {["sandbox", "pass"], ["live", "pass"]}
	}
}

# What settles it depends on whether there is an environment to rest on.
test_next_step_of_careful_probing if {
	alone := object.union(given.documents([given.baseline({"environment": "live", "probing": "careful"})], [], {}), {"integration": given.integration({"environments": [{"name": "live", "webhook_url": given.url, "probing": "careful"}]})})
	first := data.prelaunch.lib.obstacles.careful("live").next_step with input as alone
	contains(first, "probing: full")
	left := object.union(alone, {"integration": {"left_out": {"environments": ["sandbox"], "sections": []}}})
	second := data.prelaunch.lib.obstacles.careful("live").next_step with input as left
	startswith(second, "Audit the other environments too")
}
