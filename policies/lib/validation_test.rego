package prelaunch.lib.validation_test

import data.prelaunch.lib.responses
import data.prelaunch.lib.responses_test as given
import data.prelaunch.lib.validation

one(findings) := finding if {
	count(findings) == 1
	some finding in findings
}

validated(input_document, lenient) := result if {
	result := validation.judge("test", responses.in_family("test", "malformed"), {"one": "odd body", "many": "odd bodies", "lenient": lenient}) with input as input_document
}

invalid(name, changes) := given.exchange("invalid", "malformed", name, changes)

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
		[{}, [given.unsent("invalid", "malformed", "brace", "timeouts")], "inconclusive"],
		[{"reason": "no_answer"}, [given.unsent("invalid", "malformed", "brace", "no_answer")], "inconclusive"],
		[{}, [], "inconclusive"],
		[{"genuine": false, "distinguishes": false}, [invalid("brace", {"status": 400})], "inconclusive"],
		[{"key_held": false}, [], "inconclusive"],
		[{"complete": false}, [invalid("brace", {"status": 400})], "inconclusive"],
		[{"receiver": "queued"}, [invalid("brace", {"status": 200})], "inconclusive"],
		[{"receiver": "queued", "observer": "asked", "observer_sees": true}, [invalid("brace", {"status": 200, "effect": "processed"})], "fail"],
		[{"receiver": "queued", "observer": "asked", "observer_sees": true}, [invalid("brace", {"status": 200, "effect": "not_processed"})], "pass"],
		[{"state": "passive"}, [], "inconclusive"],
	] {
		f := one(validated(given.document(row[0], row[1]), {"bom"}))
		f.outcome == row[2]
	}
}

test_validation_of_a_receiver_that_accepts_everything if {
	outcomes := {f.outcome | some f in found} with input as given.document({}, given.of_taker([given.exchange("invalid", "unexpected", "unknown-field", {"status": 200, "equals": ["genuine"]})]))
	outcomes == {"inconclusive"}
}

found := validation.judge("test", responses.in_family("test", "unexpected"), {
	"one": "event", "many": "events", "lenient": {"unknown-field"},
})
