package prelaunch.checks.webhook.rejects_downgrade_test

import data.prelaunch.checks.webhook.rejects_downgrade as check
import data.prelaunch.lib.responses_test as given

findings(document) := result if {
	result := check.findings with input as document
}

outcomes(document) := {f.outcome | some f in findings(document)}

subjects(document) := {f.subject | some f in findings(document)}

never(name, status) := given.forged("F26", name, {"status": status, "equals": [{200: "genuine", 401: "wrong"}[status]], "variant": "never"})

legacy(status) := object.union(never("sha1", status), {"variant": "legacy"})

test_pass if outcomes(given.document({}, [given.wrong, never("v0", 401), legacy(401)])) == {"pass"}

test_fail if {
	document := given.document({}, [given.wrong, never("v0", 200), never("none", 401), legacy(401)])
	outcomes(document) == {"fail"}
	subjects(document) == {"F26"}
}

test_warn_of_an_older_scheme_of_the_provider if {
	outcomes(given.document({}, [given.wrong, never("v0", 401), legacy(200)])) == {"warn"}
	outcomes(given.document({}, [given.wrong, legacy(200)])) == {"warn"}
	outcomes(given.document({}, [given.wrong, never("v0", 200), legacy(200)])) == {"fail", "warn"}
}

test_fail_once_without_verification if {
	subjects(given.document({}, [given.wrong_accepted, never("v0", 200), legacy(200)])) == {"verification"}
}

test_inconclusive if {
	outcomes(given.nothing) == {"inconclusive"}
	outcomes(given.document({}, [given.wrong, given.forged("F26", "v0", {"status": 500, "variant": "never"})])) == {"inconclusive"}
}
