package prelaunch.checks.environments.credentials_not_interchangeable_test

import data.prelaunch.checks.environments.credentials_not_interchangeable as check
import data.prelaunch.lib.responses_test as given

outcomes(document) := result if {
	result := {f.outcome | some f in check.findings} with input as document
}

# both has the same exchanges in both environments.
both(exchanges) := given.documents(
	[given.baseline({}), given.baseline({"environment": "production"})],
	array.concat(exchanges, [object.union(x, {"environment": "production"}) | some x in exchanges]), {},
)

test_pass if outcomes(both([given.wrong, given.refused("F15", "other-environment")])) == {"pass"}

test_fail if {
	outcomes(both([given.wrong, given.accepted("F15", "other-environment")])) == {"fail"}
	outcomes(both([given.wrong, given.unsent("forgery", "F15", "other-environment", "same_key")])) == {"fail"}
}

test_inconclusive if {
	outcomes(object.union(given.nothing, {"integration": {"environments": [{"name": "test", "webhook_url": given.url}, {"name": "production", "webhook_url": given.url}]}})) == {"inconclusive"}
	outcomes(both([given.wrong, given.unsent("forgery", "F15", "other-environment", "no_key")])) == {"inconclusive"}
}

test_not_applicable_to_one_environment if {
	outcomes(given.document({}, [given.wrong, given.unsent("forgery", "F15", "other-environment", "no_key")])) == {"not_applicable"}
}

test_says_that_the_other_key_is_not_held if {
	found := {f | some f in check.findings} with input as both([given.wrong, given.unsent("forgery", "F15", "other-environment", "no_key")])
	every f in found {
		contains(f.message, "fingerprint only")
	}
}
