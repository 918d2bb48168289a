package prelaunch.reading_test

import data.prelaunch.reading

# What other tests build their facts from.

url := "https://hooks.acme.example/begini"

# baseline is that of a receiver that takes genuine events and refuses wrongly signed ones, with some members changed.
baseline(changes) := object.union(
	{
		"environment": "test", "url": url, "probing": "full", "receiver": "inline", "state": "probed", "reason": "", "transport": "verified",
		"key_held": true, "complete": true, "genuine": true, "genuine_sent": 10, "genuine_statuses": [200], "comparable": true,
		"wrong_statuses": [401], "wrong_firewall": false, "distinguishes": true, "controlled": true, "observer": "", "observer_sees": false,
		"fixed_uids": false, "event_type": "application.complete", "addresses": ["192.0.2.1:443"], "unresponsive": false, "after": [],
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
		"environments": [{"name": "test", "webhook_url": url}, {"name": "production", "webhook_url": url}],
		"attestations": attestations,
	})},
)

# The readings.

read(changes, baseline_changes) := reading.reading(forged("F02", "random", changes), baseline(baseline_changes))

test_readings if {
	table := [
		{"x": {"status": 401, "equals": ["wrong"]}, "b": {}, "want": "refused"},
		{"x": {"status": 404, "equals": []}, "b": {}, "want": "refused"},
		{"x": {"status": 200, "equals": ["genuine"]}, "b": {}, "want": "accepted"},
		{"x": {"status": 200, "equals": []}, "b": {}, "want": "acknowledged"},
		{"x": {"status": 204, "equals": []}, "b": {}, "want": "acknowledged"},
		{"x": {"status": 302, "equals": []}, "b": {}, "want": "redirected"},
		{"x": {"status": 500, "equals": []}, "b": {}, "want": "failed"},
		{"x": {"status": 501, "method": "PUT"}, "b": {}, "want": "refused"},
		{"x": {"status": 501}, "b": {}, "want": "failed"},
		{"x": {"error": "timeout"}, "b": {}, "want": "failed"},
		{"x": {"status": 401, "error": "endless"}, "b": {}, "want": "failed"},
		{"x": {"status": 429}, "b": {}, "want": "busy"},
		{"x": {"status": 503, "retry_after": true}, "b": {}, "want": "busy"},
		{"x": {"status": 503}, "b": {}, "want": "failed"},
		{"x": {"status": 403, "firewall": true}, "b": {}, "want": "firewall"},
		{"x": {"status": 403, "firewall": true}, "b": {"wrong_firewall": true}, "want": "refused"},
		{"x": {"status": 401, "witnessed": false}, "b": {}, "want": "unwitnessed"},
		{"x": {"status": 422, "equals": ["turned"]}, "b": {}, "want": "same"},
		{"x": {"status": 401, "equals": ["turned"]}, "b": {}, "want": "refused"},
		{"x": {"status": 404, "elsewhere": true}, "b": {}, "want": "nothing"},
		{"x": {"status": 200, "elsewhere": true}, "b": {}, "want": "nothing"},
		{"x": {"not_sent": "same_key"}, "b": {}, "want": "excused"},
		{"x": {"not_sent": "no_key"}, "b": {}, "want": "left_out"},
		# Without a genuine answer to compare with.
		{"x": {"status": 202}, "b": {"genuine": false}, "want": "accepted"},
		{"x": {"status": 200, "elsewhere": true}, "b": {"genuine": false}, "want": "nothing"},
		{"x": {"status": 401}, "b": {"genuine": false}, "want": "refused"},
		{"x": {"status": 401}, "b": {"genuine": false, "distinguishes": false}, "want": "unproven"},
		{"x": {"status": 404, "equals": ["turned"]}, "b": {"genuine": false}, "want": "same"},
		{"x": {"status": 400, "equals": ["invalid"]}, "b": {"genuine": false}, "want": "same"},
		{"x": {"status": 400, "equals": ["invalid", "wrong"]}, "b": {"genuine": false}, "want": "refused"},
		{"x": {"status": 404}, "b": {"genuine": false}, "want": "same"},
		{"x": {"status": 404}, "b": {"genuine": false, "wrong_statuses": [404]}, "want": "refused"},
		# With an observer or a queue.
		{"x": {"status": 401, "effect": "processed"}, "b": {"observer": "asked"}, "want": "accepted"},
		{"x": {"status": 200, "equals": ["genuine"], "effect": "not_processed"}, "b": {"observer": "asked", "observer_sees": true}, "want": "refused"},
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
	reading.drawn(x, baseline({})) == "refused" with input as {"facts": {"webhook.exchange": []}}
	reading.drawn(x, baseline({"controlled": false})) == "unwitnessed" with input as {"facts": {"webhook.exchange": []}}
}

test_a_get_by_its_own_word_proves_nothing if {
	page := forged("F12", "override-get", {"status": 200})
	reading.reading(page, baseline({})) == "nothing"
	reading.reading(object.union(page, {"equals": ["genuine"]}), baseline({})) == "accepted" with input as {"facts": {"webhook.exchange": []}}
	reading.reading(object.union(page, {"status": 302}), baseline({})) == "redirected"
}

test_another_path_proves_nothing_where_any_path_does if {
	slash := forged("F13", "trailing-slash", {"status": 200, "elsewhere": true, "equals": ["genuine"]})
	unrelated := object.union(slash, {"case": "unrelated"})
	reading.reading(slash, baseline({})) == "accepted" with input as {"facts": {"webhook.exchange": [slash]}}
	reading.reading(slash, baseline({})) == "nothing" with input as {"facts": {"webhook.exchange": [slash, unrelated]}}
	brace := object.union(slash, {"case": "unrelated-brace"})
	reading.reading(slash, baseline({})) == "nothing" with input as {"facts": {"webhook.exchange": [slash, unrelated, brace]}}
}

test_a_receiver_at_every_path_is_told_from_a_page_for_everything if {
	slash := forged("F13", "trailing-slash", {"status": 200, "elsewhere": true, "equals": ["genuine"]})
	unrelated := object.union(slash, {"case": "unrelated"})
	brace := forged("F13", "unrelated-brace", {"status": 400, "elsewhere": true})
	reading.reading(slash, baseline({})) == "accepted" with input as {"facts": {"webhook.exchange": [slash, unrelated, brace]}}
}

judged(input_document) := result if {
	result := {finding |
		some finding in reading.judge("test", array.concat(reading.family("test", "F02"), reading.family("test", "F13"))) with input as input_document
	}
}

one(findings) := finding if {
	count(findings) == 1
	some finding in findings
}

test_judge_pass if {
	f := one(judged(document({}, [wrong, refused("F02", "random"), refused("F02", "zeros"), unsent("forgery", "F02", "x", "same_key")])))
	f.outcome == "pass"
	f.evidence.cases == ["random (application.complete)", "zeros"]
	f.evidence.statuses == [401]
}

test_judge_one_finding_a_family if {
	f := one(judged(document({}, [wrong, accepted("F02", "random"), accepted("F02", "zeros"), refused("F02", "x")])))
	f.outcome == "fail"
	f.subject == "F02"
	f.evidence.accepted == ["random (application.complete)", "zeros"]
	contains(f.message, "(2 of 3: random (application.complete), zeros)")
}

test_few if {
	named := [{"fact": forged("F01", name, {})} | some name in ["absent", "0", "null", "true"]]
	reading.few(named) == "0, absent (application.complete), null, true"
	types := [{"fact": object.union(forged("F01", "absent", {}), {"event_type": type})} | some type in ["a", "b", "c", "d", "e"]]
	reading.few(array.concat(named, types)) == "0, absent, null, true"
	reading.few(array.concat(named, [{"fact": forged("F01", name, {})} | some name in ["false", "none"]])) == "0, absent, false and 3 more"
}

test_judge_unobservable_once if {
	f := one(judged(document({}, [wrong_accepted, accepted("F02", "random"), accepted("F13", "slash")])))
	f.outcome == "fail"
	f.subject == "verification"
}

test_judge_undecided if {
	f := one(judged(document({}, [wrong, refused("F02", "random"), forged("F02", "zeros", {"status": 500})])))
	f.outcome == "inconclusive"
	f.evidence.undecided == {"failed": ["zeros"]}
}

test_judge_only_elsewhere if {
	f := one(judged(document({}, [wrong, forged("F13", "slash", {"status": 404, "elsewhere": true})])))
	f.outcome == "inconclusive"
	f.message == "no forgery of this kind could be sent"
}

test_judge_unread if {
	every document_and_words in [
		[nothing, "Not checked"],
		[document({"state": "passive"}, []), "passive"],
		[document({"state": "unreachable", "reason": "refused"}, []), "the connection was refused"],
		[document({"state": "unreachable", "reason": "odd"}, []), "the request failed"],
		[document({"state": "stopped"}, []), "interrupted"],
	] {
		f := one(judged(document_and_words[0]))
		f.outcome == "inconclusive"
		contains(f.message, document_and_words[1])
	}
}

test_judge_queued if {
	every state_and_words in [
		["", "no effects observer"], ["not_allowed", "--allow-commands"], ["failed", "could not be run"], ["fixed_uids", "probe_uids"], ["credulous", "never sent"],
		["asked", "did not see"],
	] {
		f := one(judged(document({"receiver": "queued", "observer": state_and_words[0]}, [wrong, forged("F02", "random", {"status": 200})])))
		f.outcome == "inconclusive"
		contains(f.message, state_and_words[1])
	}
	observed := {"receiver": "queued", "observer": "asked", "observer_sees": true}
	taken := one(judged(document({"receiver": "queued", "observer": "asked"}, [wrong, forged("F02", "random", {"status": 200, "effect": "processed"})])))
	taken.outcome == "fail"
	not_taken := one(judged(document(observed, [wrong, forged("F02", "random", {"status": 200, "effect": "not_processed"})])))
	not_taken.outcome == "pass"
}

test_judge_left_out if {
	every row in [
		[{"key_held": false}, "no_key", "only its fingerprint"], [{"transport": "plain"}, "transport", "plain http"],
		[{"transport": "unverified"}, "transport", "does not verify"], [{"reason": "no_answer"}, "no_answer", "no longer answered"],
		[{"reason": "timeouts"}, "timeouts", "timed out"], [{"reason": "busy"}, "busy", "turned every request away"], [{}, "interrupted", "1 were not sent"], [{}, "no_key", "the key to forge with"],
	] {
		f := one(judged(document(row[0], [wrong, refused("F02", "random"), unsent("forgery", "F02", "flipped-0", row[1])])))
		f.outcome == "inconclusive"
		contains(f.message, row[2])
	}
}

test_judge_advises_known_uids if {
	f := one(judged(document({"genuine": false, "distinguishes": false}, [wrong, refused("F02", "random")])))
	contains(f.message, "probe_uids")
	taken := {"facts": {"webhook.diagnosis": [{"environment": "test", "guess": "sha256", "status": 200, "taken": true}]}}
	other := one(judged(object.union(document({"genuine": false, "distinguishes": false}, [wrong, refused("F02", "random")]), taken)))
	contains(other.message, "what the receiver takes instead")
	not contains(other.message, "probe_uids")
}

test_shadowed if {
	twins := {"first-1": "random-1"}
	items := [i | some i in reading.shadowed(reading.family("test", "F03"), "test", "F02", twins)] with input as document({}, [accepted("F03", "first-1"), accepted("F02", "random-1")])
	items[0].means == "shadowed"
	alone := [i | some i in reading.shadowed(reading.family("test", "F03"), "test", "F02", twins)] with input as document({}, [accepted("F03", "first-1"), refused("F02", "random-1")])
	alone[0].means == "accepted"
}

test_careful_rests_on_the_same_build if {
	reading.careful("production") with input as careful_document([], [])
	not reading.careful("test") with input as careful_document([], [])
	reading.same_build.by == "jane@acme.example" with input as careful_document([], [same_build])
}

test_case_names if {
	reading.name(forged("F01", "absent", {})) == "absent (application.complete)"
	reading.name(forged("F01", "empty", {})) == "empty"
}

validated(input_document, lenient) := result if {
	result := reading.validation("test", reading.of("test", "malformed"), "odd bodies", lenient) with input as input_document
}

invalid(name, changes) := exchange("invalid", "malformed", name, changes)

test_validation if {
	every row in [
		[{}, [invalid("brace", {"status": 400}), invalid("bom", {"status": 200})], "pass"],
		[{}, [invalid("brace", {"status": 400}), invalid("cut-off", {"error": "aborted"})], "pass"],
		[{}, [invalid("brace", {"status": 200})], "fail"],
		[{}, [invalid("brace", {"status": 500})], "fail"],
		[{}, [invalid("brace", {"status": 302})], "fail"],
		[{}, [invalid("brace", {"error": "timeout"})], "fail"],
		[{}, [invalid("brace", {"status": 400, "error": "endless"})], "fail"],
		[{}, [invalid("brace", {"status": 503, "retry_after": true})], "inconclusive"],
		[{}, [invalid("brace", {"status": 429})], "inconclusive"],
		[{}, [unsent("invalid", "malformed", "brace", "timeouts")], "inconclusive"],
		[{}, [], "inconclusive"],
		[{"genuine": false, "distinguishes": false}, [invalid("brace", {"status": 400})], "inconclusive"],
		[{"key_held": false}, [], "inconclusive"],
		[{"complete": false}, [invalid("brace", {"status": 400})], "inconclusive"],
		[{"receiver": "queued"}, [invalid("brace", {"status": 200})], "inconclusive"],
		[{"receiver": "queued", "observer": "asked", "observer_sees": true}, [invalid("brace", {"status": 200, "effect": "processed"})], "fail"],
		[{"receiver": "queued", "observer": "asked", "observer_sees": true}, [invalid("brace", {"status": 200, "effect": "not_processed"})], "pass"],
		[{"state": "passive"}, [], "inconclusive"],
	] {
		f := one(validated(document(row[0], row[1]), {"bom"}))
		f.outcome == row[2]
	}
}

test_takes_everything if {
	reading.takes_everything("test") with input as document({}, of_taker([]))
	not reading.takes_everything("test") with input as document({}, of_taker([refused("F01", "empty")]))
	not reading.takes_everything("test") with input as document({}, of_taker([exchange("invalid", "malformed", "brace", {"status": 400, "equals": []})]))
	not reading.takes_everything("test") with input as document({}, [wrong_accepted, accepted("F01", "absent")])
	not reading.takes_everything("test") with input as document({}, [wrong])
}

test_validation_of_a_receiver_that_takes_everything if {
	outcomes := {f.outcome | some f in found} with input as document({}, of_taker([exchange("invalid", "unexpected", "unknown-field", {"status": 200, "equals": ["genuine"]})]))
	outcomes == {"inconclusive"}
}

found := reading.validation("test", reading.of("test", "unexpected"), "events", ["unknown-field"])
