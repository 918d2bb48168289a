package prelaunch.checks.webhook.accepts_genuine_test

import data.prelaunch.checks.webhook.accepts_genuine as check
import data.prelaunch.lib.responses_test as given

findings(document) := result if {
	result := {f | some f in check.findings; f.environment == "test"} with input as document
}

outcomes(document) := {f.outcome | some f in findings(document)}

messages(document) := concat(" ", [f.message | some f in findings(document)])

genuine(name, changes) := given.exchange("genuine", "type", name, object.union({"event_type": name}, changes))

ok := {"status": 200, "equals": ["genuine"]}

unusual(family, name, changes) := given.exchange("genuine", family, name, changes)

test_pass if outcomes(given.document({}, [given.wrong, genuine("application.complete", ok), unusual("size", "20-KiB", ok)])) == {"pass"}

test_pass_notes_that_everything_is_accepted if {
	some f in findings(given.document({}, [given.wrong_accepted, genuine("application.complete", ok)]))
	f.outcome == "pass"
	f.evidence.note
}

test_fail if {
	every changes in [{"status": 201}, {"status": 500}, {"status": 401}, {"status": 200, "error": "endless"}] {
		outcomes(given.document({}, [given.wrong, genuine("application.complete", ok), genuine("application.expired", changes)])) == {"fail"}
	}
}

test_fail_says_what_the_receiver_takes_instead if {
	document := given.documents(
		[given.baseline({"genuine": false, "genuine_statuses": [401], "distinguishes": false})],
		[given.wrong, genuine("application.complete", {"status": 401, "equals": ["wrong"]})],
		{"webhook.diagnosis": [{"environment": "test", "guess": "sha256", "status": 200, "taken": true}, {"environment": "test", "guess": "base64", "status": 401, "taken": false}]},
	)
	outcomes(document) == {"fail"}
	contains(messages(document), "it verifies HMAC-SHA-256")
}

test_fail_of_events_that_are_unusual_but_have_to_be_taken if {
	base := [given.wrong, genuine("application.complete", ok)]
	outcomes(given.document({}, array.concat(base, [unusual("size", "20-KiB", {"status": 413})]))) == {"fail", "pass"}
	outcomes(given.document({}, array.concat(base, [unusual("transport", "chunked", {"status": 411})]))) == {"warn", "pass"}
	outcomes(given.document({}, array.concat(base, [unusual("size", "20-KiB", {"error": "timeout"})]))) == {"inconclusive", "pass"}
	outcomes(given.document({}, array.concat(base, [given.unsent("genuine", "transport", "http2", "not_offered")]))) == {"pass"}
}

test_white_space_in_a_large_event_is_for_the_raw_body if {
	large := unusual("size", "20-KiB", {"status": 401, "equals": ["wrong"]})
	base := [given.wrong, genuine("application.complete", ok), large]
	outcomes(given.document({}, array.concat(base, [unusual("raw-body", "pretty", {"status": 401, "equals": ["wrong"]})]))) == {"pass"}
	outcomes(given.document({}, array.concat(base, [unusual("raw-body", "pretty", ok)]))) == {"fail", "pass"}
}

test_inconclusive if {
	outcomes(given.nothing) == {"inconclusive"}
	outcomes(given.document({"key_held": false}, [given.wrong])) == {"inconclusive"}
	outcomes(given.document({}, [given.wrong])) == {"inconclusive"}
}

test_inconclusive_where_the_user_may_be_unknown if {
	document := given.document({"genuine": false, "genuine_statuses": [404]}, [given.wrong, genuine("application.complete", {"status": 404})])
	outcomes(document) == {"inconclusive"}
	some f in findings(document)
	contains(f.next_step, "probe_uids")
	f.evidence.is_cause
	f.cause == "webhook.valid-events-rejected/test"
}

paired(right, wrongly) := given.document({"genuine": false, "genuine_statuses": [401]}, [
	given.wrong, genuine("application.complete", {"status": 401, "equals": ["turned", "wrong"]}),
	given.exchange("invalid", "pair", "uid", right), given.exchange("reference", "pair", "uid", wrongly),
])

test_inconclusive_where_an_unknown_user_gets_the_refusal_of_a_wrong_signature if {
	document := paired({"status": 422}, {"status": 401, "equals": ["turned", "wrong"]})
	outcomes(document) == {"inconclusive"}
	contains(messages(document), "signatures make a difference")
}

test_fail_where_no_signature_is_seen_to_fit if {
	outcomes(paired({"status": 401, "equals": ["turned", "wrong"]}, {"status": 401, "equals": ["turned", "wrong"]})) == {"fail"}
	outcomes(paired({"status": 422}, {"status": 422})) == {"fail"} # validated first
	outcomes(paired({"status": 500}, {"status": 401, "equals": ["turned", "wrong"]})) == {"fail"}
	outcomes(object.union(
		paired({"status": 422}, {"status": 401, "equals": ["turned", "wrong"]}),
		{"facts": {"webhook.diagnosis": [{"environment": "test", "guess": "sha256", "status": 200, "taken": true}]}},
	)) == {"fail"}
}

test_inconclusive_where_an_answer_is_missing if {
	every changes in [{"error": "timeout"}, {"status": 429}, {"status": 503, "retry_after": true}] {
		outcomes(given.document({}, [given.wrong, genuine("application.complete", ok), genuine("application.expired", changes)])) == {"inconclusive"}
	}
}

careful(attestations) := result if {
	document := given.careful_document([given.wrong, genuine("application.complete", ok)], attestations)
	result := {f | some f in check.findings; f.environment == "production"} with input as document
}

test_careful_rests_on_test_and_the_same_build if {
	{f.outcome | some f in careful([])} == {"inconclusive"}
	some f in careful([given.same_build])
	f.outcome == "pass"
	f.basis == "attested"
	f.valid_until == "2026-12-24"
}

test_inconclusive_where_everything_gets_200 if {
	genuine := given.exchange("genuine", "baseline", "1", {"status": 200, "equals": ["genuine"]})
	document := given.document({}, given.of_taker([genuine]))
	found := {f.outcome | some f in check.findings; f.environment == "test"} with input as document
	found == {"inconclusive"}
}

drawn(changes) := object.union({"environment": "test", "case": "genuine", "address": "192.0.2.7:443", "draws": 2, "status": 200, "digest": "d", "equals": ["genuine"]}, changes)

on_new_connections(draws) := given.documents([given.baseline({})], [given.wrong, genuine("application.complete", ok)], {"webhook.instance": draws})

test_fail_where_an_instance_turns_it_down if {
	document := on_new_connections([drawn({}), drawn({"status": 401, "equals": ["wrong"], "address": "192.0.2.8:443", "draws": 1})])
	outcomes(document) == {"fail", "pass"}
	contains(messages(document), "did not respond with {{status}} to 1 of 3 valid events on new connections (401): 192.0.2.8:443 does not accept them")
}

test_pass_where_a_new_connection_tells_nothing if {
	outcomes(on_new_connections([drawn({})])) == {"pass"}
	outcomes(on_new_connections([drawn({"status": 403})])) == {"pass"} # a ban keeps out all of them; see webhook.same-everywhere
	every changes in [{"status": 429}, {"status": 503}, {"status": 0, "error": "reset"}, {"status": 403, "firewall": true}] {
		outcomes(on_new_connections([drawn({}), drawn(changes)])) == {"pass"}
	}
}

refused_alike(changes) := object.union(
	given.document({"genuine": false, "genuine_statuses": [403], "wrong_statuses": [403], "distinguishes": false}, [given.wrong, genuine("application.complete", object.union({"status": 403}, changes))]),
	{"finished_at": "2026-11-24T08:00:00Z"},
)

admitting(document, vantage, attestations) := object.union(document, {"integration": {"network": {"vantage": vantage}, "attestations": attestations}})

test_inconclusive_where_this_machine_is_shut_out if {
	outcomes(refused_alike({"firewall": true})) == {"inconclusive"}
	attested := [{"check": "network.ip-allowlist", "by": "jane@acme.example", "on": "2026-11-01", "statement": "the gateway admits the provider only", "expires": "2026-12-24"}]
	outcomes(admitting(refused_alike({}), "public", attested)) == {"inconclusive"}
	outcomes(admitting(refused_alike({}), "allowlisted", attested)) == {"fail"}
	outcomes(admitting(refused_alike({}), "public", [])) == {"fail"}
}

test_careful_hears_what_the_provider_says if {
	document := given.careful_document([given.wrong, genuine("application.complete", ok)], [])
	every row in [[200, "inconclusive", "only one event"], [404, "fail", "with 404, not {{status}}"]] {
		call := {"environment": "production", "purpose": "webhook", "role": "current", "documented": true, "status": 200, "receiver_status": row[0]}
		findings := {f | some f in check.findings; f.environment == "production"} with input as object.union(document, {"facts": {"provider.call": [call]}})
		{f.outcome | some f in findings} == {row[1]}
		some f in findings
		contains(f.message, row[2])
	}
}

test_fail_of_a_text_that_cannot_be_stored if {
	document := given.document({}, [given.wrong, genuine("application.complete", ok), unusual("raw-body", "value-emoji", {"status": 500})])
	some f in findings(document)
	f.outcome == "fail"
	f.subject == "values"
}

# A large event may be over a limit, and nothing else.
large(status) := given.document({}, [given.wrong, genuine("application.complete", ok), unusual("size", "64-KiB", {"status": status})])

test_large_events if {
	outcomes(large(413)) == {"pass", "warn"}
	outcomes(large(401)) == {"pass", "fail"}
}

# A valid event that gets no response twice is one that the receiver cannot take, where it responds to others afterwards.
lost(error) := {"error": error, "retries": 1, "witnessed": true}

test_fail_of_an_event_that_is_dropped if {
	base := [given.wrong, genuine("application.complete", ok)]
	every row in [
		["raw-body", "value-emoji", "timeout", {"fail", "pass"}],
		["raw-body", "pretty", "reset", {"fail", "pass"}],
		["size", "64-KiB", "timeout", {"fail", "pass"}],
		["size", "64-KiB", "reset", {"warn", "pass"}],
		["transport", "chunked", "timeout", {"warn", "pass"}],
		["transport", "http2", "truncated", {"fail", "pass"}],
	] {
		outcomes(given.document({}, array.concat(base, [unusual(row[0], row[1], lost(row[2]))]))) == row[3]
	}
}

test_an_accident_shows_nothing if {
	base := [given.wrong, genuine("application.complete", ok)]
	every changes in [{"retries": 0}, {"witnessed": false}, {"error": "refused"}] {
		document := given.document({}, array.concat(base, [unusual("size", "64-KiB", object.union(lost("timeout"), changes))]))
		outcomes(document) == {"inconclusive", "pass"}
	}
}

test_fail_of_a_type_that_is_dropped if {
	expired := genuine("application.expired", {"error": "timeout", "retries": 1, "witnessed": false})
	base := [given.wrong, genuine("application.complete", ok), expired]
	outcomes(given.document({}, base)) == {"inconclusive"}
	outcomes(given.document({}, array.concat(base, [given.exchange("genuine", "baseline", "1", ok)]))) == {"fail"}
	outcomes(given.document({}, array.concat(base, [given.exchange("genuine", "baseline", "1", {"error": "timeout"})]))) == {"inconclusive"}
}

# The cause that a status suggests is named.
test_habits if {
	every row in [[404, [404], "path of webhook_url"], [401, [401], "another key"], [201, [401], "NestJS"], [202, [401], "queue events"], [204, [401], "empty body"]] {
		document := given.document(
			{"genuine": false, "distinguishes": false, "wrong_statuses": row[1], "genuine_statuses": [row[0]]},
			[given.wrong, genuine("application.complete", {"status": row[0]})],
		)
		contains(messages(document), row[2])
	}
}

# What is not sent is not blamed on unknown UIDs: the next step is that of its cause.
test_unsent_names_its_cause if {
	every row in [
		[{"transport": "plain"}, "plain http", "webhook_url: https://"],
		[{"transport": "unverified"}, "certificate does not verify", "https.certificate-valid"],
		[{"key_held": false}, "only its fingerprint", "api_key"],
	] {
		document := given.document(object.union({"genuine": false, "distinguishes": false}, row[0]), [given.wrong])
		some f in check.findings with input as document
		f.outcome == "inconclusive"
		contains(f.message, row[1])
		contains(f.next_step, row[2])
		not contains(f.next_step, "probe_uids")
	}
}

test_guesses_name_the_cause if {
	every row in [["undefined-key", "the text undefined"], ["none-key", "the text None"], ["unexpanded-key", "the name of the variable"]] {
		contains(
			messages(object.union(rejected_document, {"facts": object.union(rejected_document.facts, {"webhook.diagnosis": [
				{"environment": "test", "guess": row[0], "status": 200, "taken": true},
			]})})),
			row[1],
		)
	}
}

rejected_document := given.document(
	{"genuine": false, "distinguishes": false, "wrong_statuses": [401], "genuine_statuses": [401]},
	[given.wrong, genuine("application.complete", {"status": 401})],
)

of_recipe(profile) := result if {
	document := object.union(given.document({}, [given.wrong, genuine("application.complete", ok)]), {"profile": profile})
	result := {f.outcome | some f in check.findings; f.subject == "recipe"} with input as document
}

test_inconclusive_while_nothing_confirms_the_recipe if {
	of_recipe({"verified": false}) == {"inconclusive"}
	of_recipe({"verified": true}) == set()
	of_recipe({}) == set()
}

# A recorded delivery confirms a recipe once it was verified.
test_a_recorded_delivery_confirms_the_recipe if {
	every row in [[true, set()], [false, {"inconclusive"}]] {
		recorded := {"environment": "test", "verified": row[0]}
		document := object.union(
			given.document({}, [given.wrong, genuine("application.complete", ok)]),
			{"profile": {"verified": false}},
		)
		{f.outcome | some f in check.findings; f.subject == "recipe"} == row[1] with input as json.patch(document, [{
			"op": "add", "path": "facts/provider.delivery", "value": [recorded],
		}])
	}
}

# Where only the provider can sign, its recorded delivery is the valid event.
recorded(state, exchanges) := object.union(
	given.document({"key_held": false, "recorded": state, "genuine": state == "replayed"}, exchanges),
	{"integration": object.union(given.integration({}), {"event_types": ["application.complete"]})},
)

test_a_recorded_delivery_is_the_valid_event if {
	outcomes(recorded("replayed", [given.wrong, genuine("application.complete", ok)])) == {"pass"}
	other := genuine("application.expired", ok)
	outcomes(recorded("replayed", [given.wrong, other])) == {"inconclusive", "pass"}
	contains(messages(recorded("replayed", [given.wrong, other])), "of the type application.complete")
}

test_a_rejected_recording_is_inconclusive if {
	document := recorded("replayed", [given.wrong, genuine("application.complete", {"status": 409})])
	outcomes(document) == {"inconclusive"}
	contains(messages(document), "may know it")
}

test_without_a_recorded_delivery_nothing_is_shown if {
	every state in ["none", "careful", "no_key", "unverified", "stale"] {
		document := recorded(state, [given.wrong])
		outcomes(document) == {"inconclusive"}
		contains(messages(document), "only the provider can sign, and")
	}
	plain := given.document({"key_held": false, "recorded": "replayed", "genuine": false, "transport": "plain"}, [given.wrong])
	contains(messages(plain), "plain http")
}
