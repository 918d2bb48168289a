package prelaunch.checks.webhook.handshake_safe_test

import data.prelaunch.checks.webhook.handshake_safe as check
import data.prelaunch.lib.responses_test as given

findings(document) := result if {
	result := check.findings with input as document
}

outcomes(document) := {f.outcome | some f in findings(document)}

subjects(document) := {f.subject | some f in findings(document)}

shake(name, changes) := given.exchange("forgery", "F27", name, object.union({"status": 401, "equals": ["wrong"]}, changes))

open(name, changes) := object.union(shake(name, changes), {"purpose": "genuine", "variant": "open"})

test_pass if {
	outcomes(given.document({}, [given.wrong, shake("unsigned-challenge", {}), shake("oracle", {"status": 200, "equals": ["genuine"]})])) == {"pass"}
	outcomes(given.document({}, [given.wrong, open("challenge", {"status": 200, "echo": "text"})])) == {"pass"}
}

test_purpose_of_a_request_without_an_event if {
	unsigned := object.union(shake("unsigned-challenge", {}), {"purpose": "handshake"})
	outcomes(given.document({}, [given.wrong, unsigned])) == {"pass"}
	oracle := object.union(shake("oracle", {"status": 200, "echo": "mac"}), {"purpose": "handshake"})
	outcomes(given.document({}, [given.wrong, oracle])) == {"fail"}
}

test_pass_where_the_provider_authenticates_itself if {
	signed := given.exchange("genuine", "F27", "challenge", {"status": 200, "echo": "mac"})
	outcomes(given.document({}, [given.wrong, signed, shake("unsigned-challenge", {})])) == {"pass"}
}

test_fail if {
	every row in [
		[shake("oracle", {"status": 200, "echo": "mac"}), "mac"],
		[shake("no-token", {"status": 200, "echo": "html"}), "html"],
		[open("challenge", {"status": 200, "echo": "html"}), "html"],
	] {
		document := given.document({}, [given.wrong, row[0], shake("wrong-token", {})])
		outcomes(document) == {"fail"}
		subjects(document) == {row[1]}
	}
}

test_fail_also_where_nothing_else_can_be_told if {
	document := given.document({"genuine": false, "distinguishes": false}, [given.wrong, shake("oracle", {"status": 200, "echo": "mac"})])
	outcomes(document) == {"fail", "inconclusive"}
}

test_warn_of_a_challenge_that_is_repeated_to_anybody if {
	document := given.document({}, [given.wrong, shake("no-token", {"status": 200, "echo": "text"}), shake("wrong-token", {})])
	outcomes(document) == {"warn"}
	subjects(document) == {"text"}
}

test_inconclusive if {
	outcomes(given.nothing) == {"inconclusive"}
	outcomes(given.document({}, [given.wrong])) == {"inconclusive"}
	outcomes(given.document({"genuine": false, "distinguishes": false}, [given.wrong, shake("no-token", {})])) == {"inconclusive"}
	outcomes(given.document({}, [given.wrong, shake("no-token", {"status": 500, "equals": []}), shake("wrong-token", {})])) == {"inconclusive"}
}
