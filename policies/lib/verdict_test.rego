package prelaunch.lib.verdict_test

import data.prelaunch.lib.responses
import data.prelaunch.lib.responses_test as given
import data.prelaunch.lib.verdict

one(findings) := finding if {
	count(findings) == 1
	some finding in findings
}

judged(input_document) := result if {
	result := {finding |
		some finding in verdict.judge("test", array.concat(responses.in_family("test", "F02"), responses.in_family("test", "F13"))) with input as input_document
	}
}

test_judge_pass if {
	f := one(judged(given.document({}, [given.wrong, given.refused("F02", "random"), given.refused("F02", "zeros"), given.unsent("forgery", "F02", "x", "same_key")])))
	f.outcome == "pass"
	f.evidence.cases == ["malformed-signature/random (application.complete)", "malformed-signature/zeros"]
	f.evidence.statuses == [401]
}

test_judge_one_finding_a_family if {
	f := one(judged(given.document({}, [given.wrong, given.accepted("F02", "random"), given.accepted("F02", "zeros"), given.refused("F02", "x")])))
	f.outcome == "fail"
	f.subject == "F02"
	f.evidence.accepted == ["malformed-signature/random (application.complete)", "malformed-signature/zeros"]
	contains(f.message, "(2 of 3: malformed-signature/random (application.complete), malformed-signature/zeros)")
}

test_judge_unobservable_once if {
	f := one(judged(given.document({}, [given.wrong_accepted, given.accepted("F02", "random"), given.accepted("F13", "slash")])))
	f.outcome == "fail"
	f.subject == "verification"
}

test_judge_undecided if {
	f := one(judged(given.document({}, [given.wrong, given.refused("F02", "random"), given.forged("F02", "zeros", {"status": 500})])))
	f.outcome == "inconclusive"
	f.evidence.undecided == {"failed": ["malformed-signature/zeros"]}
}

test_judge_only_elsewhere if {
	f := one(judged(given.document({}, [given.wrong, given.forged("F13", "slash", {"status": 404, "elsewhere": true})])))
	f.outcome == "inconclusive"
	f.message == "No forged request of this kind could be sent to the Test receiver"
}

test_what_only_the_provider_can_sign_takes_a_recording if {
	document := given.document({"key_held": false, "recorded": "stale"}, [given.unsent("forgery", "F02", "x", "not_possible")])
	contains(one(judged(document)).next_step, "Record a delivery just before the audit")
}

test_judge_unread if {
	every document_and_words in [
		[given.nothing, "Not checked"],
		[given.document({"state": "passive"}, []), "passive"],
		[given.document({"state": "unreachable", "reason": "refused"}, []), "the connection was refused"],
		[given.document({"state": "unreachable", "reason": "odd"}, []), "the request failed"],
		[given.document({"state": "stopped"}, []), "interrupted"],
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
		f := one(judged(given.document({"receiver": "queued", "observer": state_and_words[0]}, [given.wrong, given.forged("F02", "random", {"status": 200})])))
		f.outcome == "inconclusive"
		contains(f.message, state_and_words[1])
	}
	observed := {"receiver": "queued", "observer": "asked", "observer_sees": true}
	taken := one(judged(given.document({"receiver": "queued", "observer": "asked"}, [given.wrong, given.forged("F02", "random", {"status": 200, "effect": "processed"})])))
	taken.outcome == "fail"
	not_taken := one(judged(given.document(observed, [given.wrong, given.forged("F02", "random", {"status": 200, "effect": "not_processed"})])))
	not_taken.outcome == "pass"
}

test_judge_left_out if {
	every row in [
		[{"key_held": false}, "no_key", "only its fingerprint"], [{"transport": "plain"}, "transport", "plain http"],
		[{"transport": "unverified"}, "transport", "does not verify"], [{"reason": "no_answer"}, "no_answer", "stopped responding"],
		[{"reason": "timeouts"}, "timeouts", "timed out"], [{"reason": "busy"}, "busy", "429 or 503"], [{}, "interrupted", "1 could not be sent"], [{}, "no_key", "known by its fingerprint"],
	] {
		f := one(judged(given.document(row[0], [given.wrong, given.refused("F02", "random"), given.unsent("forgery", "F02", "flipped-0", row[1])])))
		f.outcome == "inconclusive"
		contains(f.message, row[2])
	}
}

# What each class leaves to do, and on what it depends.
test_way_out if {
	every row in [
		[{"status": 500}, {}, "webhook.not-4xx/test", "errors.status-codes"],
		[{"status": 429}, {}, "webhook.busy/test", "max_requests_per_second"],
		[{"status": 403, "firewall": true}, {}, "webhook.firewall/test", "vantage: allowlisted"],
		[{"status": 401, "witnessed": false}, {}, "webhook.unstable/test", "log"],
		[{"status": 401}, {"genuine": false, "distinguishes": false}, "webhook.valid-events-rejected/test", "webhook.accepts-genuine"],
		[{"not_sent": "interrupted"}, {}, "webhook.not-sent/test", "Audit again"],
		[{"status": 401}, {"state": "passive"}, "webhook.passive/test", "probing: careful"],
		[{"status": 200}, {"receiver": "queued"}, "webhook.queued/test", "effects:"],
		[{"status": 200}, {"receiver": "queued", "observer": "asked", "observer_sees": true}, "webhook.queued/test", "effects observer"],
	] {
		f := one(judged(given.document(row[1], [given.wrong, given.forged("F02", "random", row[0])])))
		f.outcome == "inconclusive"
		f.cause == row[2]
		contains(f.next_step, row[3])
	}
}

# A shadowed case depends on the forgery that is accepted, not on what keeps others from being observed.
test_way_out_of_several_causes if {
	f := one(judged(given.document({}, [
		given.wrong, given.forged("F02", "random", {"status": 500}), given.forged("F02", "zeros", {"status": 429}),
	])))
	f.evidence.undecided == {"busy": ["malformed-signature/zeros"], "failed": ["malformed-signature/random (application.complete)"]}
	not f.cause
	contains(f.next_step, "max_requests_per_second")
}

test_an_accepted_family_is_printed_by_name if {
	f := one(judged(given.document({}, [given.wrong, given.accepted("F13", "slash")])))
	f.subject == "F13"
	f.evidence.family == "path"
	f.message == "Test receiver accepted unsigned events sent to a variant of the path (1 of 1: path/slash)"
}
