package prelaunch.checks.environments.credentials_not_interchangeable_test

import data.prelaunch.checks.environments.credentials_not_interchangeable as check
import data.prelaunch.lib.responses_test as given

outcomes(document) := result if {
	result := {f.outcome | some f in check.findings} with input as document
}

test_pass if outcomes(given.document({}, [given.wrong, given.refused("F15", "other-environment")])) == {"pass"}

test_fail if {
	outcomes(given.document({}, [given.wrong, given.accepted("F15", "other-environment")])) == {"fail"}
	outcomes(given.document({}, [given.wrong, given.unsent("forgery", "F15", "other-environment", "same_key")])) == {"fail"}
}

test_inconclusive if {
	outcomes(given.nothing) == {"inconclusive"}
	outcomes(given.document({}, [given.wrong, given.unsent("forgery", "F15", "other-environment", "no_key")])) == {"inconclusive"}
}

test_says_that_the_other_key_is_not_held if {
	found := {f | some f in check.findings} with input as given.document({}, [given.wrong, given.unsent("forgery", "F15", "other-environment", "no_key")])
	every f in found {
		contains(f.message, "fingerprint only")
	}
}
