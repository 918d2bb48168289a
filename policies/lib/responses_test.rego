package prelaunch.lib.responses_test

import data.prelaunch.lib.responses

# What other tests build their facts from.

url := "https://hooks.acme.example/begini"

# baseline is that of a receiver that takes genuine events and refuses wrongly signed ones, with some members changed.
baseline(changes) := object.union(
	{
		"environment": "test", "url": url, "probing": "full", "receiver": "inline", "state": "probed", "reason": "", "transport": "verified",
		"key_held": true, "complete": true, "genuine": true, "genuine_sent": 10, "genuine_statuses": [200], "comparable": true,
		"wrong_statuses": [401], "wrong_firewall": false, "distinguishes": true, "controlled": true, "observer": "", "observer_sees": false,
		"fixed_uids": false, "event_type": "application.complete", "addresses": ["192.0.2.1:443"], "unresponsive": false, "after": [], "stops": [],
		"requests": 10,
	},
	changes,
)

exchange(purpose, family, name, changes) := object.union(
	{"environment": "test", "purpose": purpose, "family": family, "case": name, "event_type": "application.complete", "witnessed": true},
	changes,
)

refused(family, name) := exchange("forgery", family, name, {"status": 401, "equals": ["wrong"]})

accepted(family, name) := exchange("forgery", family, name, {"status": 200, "equals": ["genuine"]})

forged(family, name, changes) := exchange("forgery", family, name, changes)

unsent(purpose, family, name, reason) := exchange(purpose, family, name, {"not_sent": reason})

wrong := exchange("reference", "wrong", "random", {"status": 401, "equals": ["wrong"]})

wrong_accepted := exchange("reference", "wrong", "random", {"status": 200, "equals": ["genuine", "wrong"]})

integration(changes) := object.union(
	{
		"environments": [{"name": "test", "webhook_url": url}], "attestations": [], "retired_keys": [],
	},
	changes,
)

# document of one environment.
document(baseline_changes, exchanges) := documents([baseline(baseline_changes)], exchanges, {})

documents(baselines, exchanges, facts) := {
	"finished_at": "2026-11-24T08:00:00Z",
	"integration": integration({"environments": [{"name": b.environment, "webhook_url": url} | some b in baselines]}),
	"probes": [],
	"facts": object.union({"webhook.baseline": baselines, "webhook.exchange": exchanges, "webhook.instance": [], "webhook.diagnosis": []}, facts),
}

# of_taker are the exchanges of a receiver that gives everything the answer it gives genuine events, with more of them.
of_taker(more) := array.concat(
	[
		wrong_accepted, accepted("F01", "absent"), exchange("invalid", "malformed", "blank", {"status": 200, "equals": ["genuine"]}),
	],
	more,
)

# nothing is what a run without this probe leaves.
nothing := {
	"finished_at": "2026-11-24T08:00:00Z",
	"integration": integration({}),
	"probes": [],
	"facts": {"webhook.baseline": [], "webhook.exchange": [], "webhook.instance": [], "webhook.diagnosis": []},
}

same_build := {
	"check": "environments.same-build", "by": "jane@acme.example", "on": "2026-11-01", "statement": "one image", "expires": "2026-12-24",
}

# careful_document has test in full and production in careful probing, with or without the word that both run the same build.
careful_document(test_exchanges, attestations) := object.union(
	documents(
		[baseline({}), baseline({"environment": "production", "probing": "careful", "genuine": false, "genuine_statuses": []})],
		test_exchanges, {},
	),
	{"integration": integration({
		"environments": [
			{"name": "test", "webhook_url": url},
			{"name": "production", "webhook_url": url, "probing": "careful"},
		],
		"attestations": attestations,
	})},
)

# by_fingerprint has test in full and production with a key that is known by its fingerprint only, on the same build. The
# exchanges are sent to both; instances are draws of both.
by_fingerprint(exchanges, production_exchanges, instances) := object.union(
	documents(
		[
			baseline({}),
			baseline({
				"environment": "production", "probing": "full", "key_held": false, "genuine": false, "genuine_statuses": [],
				"distinguishes": false, "controlled": false,
			}),
		],
		array.concat(exchanges, [object.union(x, {"environment": "production"}) | some x in production_exchanges]),
		{"webhook.instance": instances},
	),
	{"integration": integration({
		"environments": [{"name": "test", "webhook_url": url}, {"name": "production", "webhook_url": url}],
		"attestations": [same_build],
		"retired_keys": [],
	})},
)

# The classes.

read(changes, baseline_changes) := responses.class(forged("F02", "random", changes), baseline(baseline_changes))

test_classes if {
	table := [
		{"x": {"status": 401, "equals": ["wrong"]}, "b": {}, "want": "rejected"},
		{"x": {"status": 404, "equals": []}, "b": {}, "want": "rejected"},
		{"x": {"status": 200, "equals": ["genuine"]}, "b": {}, "want": "accepted"},
		{"x": {"status": 200, "equals": []}, "b": {}, "want": "acknowledged"},
		{"x": {"status": 204, "equals": []}, "b": {}, "want": "acknowledged"},
		{"x": {"status": 302, "equals": []}, "b": {}, "want": "redirected"},
		{"x": {"status": 500, "equals": []}, "b": {}, "want": "failed"},
		{"x": {"status": 501, "method": "PUT"}, "b": {}, "want": "rejected"},
		{"x": {"status": 501}, "b": {}, "want": "failed"},
		{"x": {"error": "timeout"}, "b": {}, "want": "failed"},
		{"x": {"status": 401, "error": "endless"}, "b": {}, "want": "failed"},
		{"x": {"status": 429}, "b": {}, "want": "busy"},
		{"x": {"status": 503, "retry_after": true}, "b": {}, "want": "busy"},
		{"x": {"status": 503}, "b": {}, "want": "failed"},
		{"x": {"status": 403, "firewall": true}, "b": {}, "want": "firewall"},
		{"x": {"status": 403, "firewall": true}, "b": {"wrong_firewall": true}, "want": "rejected"},
		{"x": {"status": 401, "witnessed": false}, "b": {}, "want": "unwitnessed"},
		{"x": {"status": 422, "equals": ["turned"]}, "b": {}, "want": "same"},
		{"x": {"status": 401, "equals": ["turned"]}, "b": {}, "want": "rejected"},
		{"x": {"status": 404, "elsewhere": true}, "b": {}, "want": "meaningless"},
		{"x": {"status": 200, "elsewhere": true}, "b": {}, "want": "meaningless"},
		{"x": {"not_sent": "same_key"}, "b": {}, "want": "exempt"},
		{"x": {"not_sent": "no_key"}, "b": {}, "want": "left_out"},
		# Without a genuine answer to compare with.
		{"x": {"status": 202}, "b": {"genuine": false}, "want": "accepted"},
		{"x": {"status": 200, "elsewhere": true}, "b": {"genuine": false}, "want": "meaningless"},
		{"x": {"status": 401}, "b": {"genuine": false}, "want": "rejected"},
		{"x": {"status": 401}, "b": {"genuine": false, "distinguishes": false}, "want": "unproven"},
		{"x": {"status": 404, "equals": ["turned"]}, "b": {"genuine": false}, "want": "same"},
		{"x": {"status": 400, "equals": ["invalid"]}, "b": {"genuine": false}, "want": "same"},
		{"x": {"status": 400, "equals": ["invalid", "wrong"]}, "b": {"genuine": false}, "want": "rejected"},
		{"x": {"status": 404}, "b": {"genuine": false}, "want": "same"},
		{"x": {"status": 404}, "b": {"genuine": false, "wrong_statuses": [404]}, "want": "rejected"},
		# With an observer or a queue.
		{"x": {"status": 401, "effect": "processed"}, "b": {"observer": "asked"}, "want": "accepted"},
		{"x": {"status": 200, "equals": ["genuine"], "effect": "not_processed"}, "b": {"observer": "asked", "observer_sees": true}, "want": "rejected"},
		{"x": {"status": 200, "equals": ["genuine"], "effect": "not_processed"}, "b": {"observer": "asked"}, "want": "accepted"},
		{"x": {"status": 200, "equals": ["genuine"]}, "b": {"receiver": "queued"}, "want": "queued"},
	]
	every row in table {
		got := read(row.x, row.b) with input as {"facts": {"webhook.exchange": []}}
		got == row.want
	}
}

test_draws_need_a_control if {
	x := {"environment": "test", "case": "unsigned", "status": 401}
	responses.instance_class(x, baseline({})) == "rejected" with input as {"facts": {"webhook.exchange": []}}
	responses.instance_class(x, baseline({"controlled": false})) == "unwitnessed" with input as {"facts": {"webhook.exchange": []}}
}

test_a_get_by_its_own_word_proves_nothing if {
	page := forged("F12", "override-get", {"status": 200})
	responses.class(page, baseline({})) == "meaningless"
	responses.class(object.union(page, {"equals": ["genuine"]}), baseline({})) == "accepted" with input as {"facts": {"webhook.exchange": []}}
	responses.class(object.union(page, {"status": 302}), baseline({})) == "redirected"
}

test_another_path_proves_nothing_where_any_path_does if {
	slash := forged("F13", "trailing-slash", {"status": 200, "elsewhere": true, "equals": ["genuine"]})
	unrelated := object.union(slash, {"case": "unrelated"})
	responses.class(slash, baseline({})) == "accepted" with input as {"facts": {"webhook.exchange": [slash]}}
	responses.class(slash, baseline({})) == "meaningless" with input as {"facts": {"webhook.exchange": [slash, unrelated]}}
	brace := object.union(slash, {"case": "unrelated-brace"})
	responses.class(slash, baseline({})) == "meaningless" with input as {"facts": {"webhook.exchange": [slash, unrelated, brace]}}
}

test_a_receiver_at_every_path_is_told_from_a_page_for_everything if {
	slash := forged("F13", "trailing-slash", {"status": 200, "elsewhere": true, "equals": ["genuine"]})
	unrelated := object.union(slash, {"case": "unrelated"})
	brace := forged("F13", "unrelated-brace", {"status": 400, "elsewhere": true})
	responses.class(slash, baseline({})) == "accepted" with input as {"facts": {"webhook.exchange": [slash, unrelated, brace]}}
}

test_shadowed if {
	twins := {"first-1": "random-1"}
	items := [i | some i in responses.shadowed(responses.in_family("test", "F03"), "F02", twins)] with input as document({}, [accepted("F03", "first-1"), accepted("F02", "random-1")])
	items[0].class == "shadowed"
	alone := [i | some i in responses.shadowed(responses.in_family("test", "F03"), "F02", twins)] with input as document({}, [accepted("F03", "first-1"), refused("F02", "random-1")])
	alone[0].class == "accepted"
}

test_careful_rests_on_the_same_build if {
	responses.bridged("production") with input as careful_document([], [same_build])
	not responses.bridged("production") with input as careful_document([], [])
	responses.careful("production") with input as careful_document([], [])
	not responses.careful("test") with input as careful_document([], [])
	responses.same_build.by == "jane@acme.example" with input as careful_document([], [same_build])
}

test_takes_everything if {
	responses.accepts_everything("test") with input as document({}, of_taker([]))
	responses.accepts_everything("test") with input as document({}, of_taker([exchange("wrong", "wrong", "9", {"error": "timeout"})]))
	responses.accepts_everything("test") with input as document({}, [wrong_accepted, accepted("F01", "absent"), unsent("invalid", "malformed", "brace", "stopped")])
	no_body := exchange("forgery", "F01", "no-body", {"status": 200, "variant": "tolerated", "equals": ["genuine"]})
	responses.accepts_everything("test") with input as document({}, of_taker([no_body]))
	not responses.accepts_everything("test") with input as document({}, of_taker([refused("F01", "empty")]))
	not responses.accepts_everything("test") with input as document({}, of_taker([exchange("invalid", "malformed", "brace", {"status": 400, "equals": []})]))
	not responses.accepts_everything("test") with input as document({}, [wrong_accepted, accepted("F01", "absent")])
	not responses.accepts_everything("test") with input as document({}, [wrong])
}

# A router's 404 for another method is told from a receiver's by what an invalid POST gets.
test_other_methods if {
	careful := baseline({"probing": "careful", "genuine": false, "genuine_statuses": [], "distinguishes": true})
	put := forged("F12", "put", {"status": 404, "method": "PUT", "witnessed": false})
	invalid := exchange("invalid", "malformed", "brace", {"status": 400})
	also := exchange("invalid", "malformed", "brace", {"status": 404})
	responses.class(put, careful) == "rejected" with input as document({}, [invalid])
	responses.class(put, careful) == "same" with input as document({}, [also])
	responses.class(put, object.union(careful, {"wrong_statuses": [404]})) != "same" with input as document({}, [invalid])
}

test_success_is_what_the_provider_says if {
	ok := {"status": 204}
	responses.succeeded(ok) with input as {"profile": {"success": [{"from": 200, "to": 299}]}}
	not responses.succeeded(ok) with input as {"profile": {"success": [{"from": 200, "to": 200}, {"from": 202, "to": 202}]}}
	not responses.succeeded(ok) with input as {}
	not responses.succeeded({"status": 200, "error": "reset"}) with input as {}
}
