package prelaunch.checks.https.hsts_test

import data.prelaunch.checks.https.fixture_test as fixture
import data.prelaunch.checks.https.hsts as check

outcomes(facts) := result if {
	result := {f.outcome | some f in check.findings} with input as facts
}

test_pass if outcomes(fixture.right) == {"pass"}

test_warn if {
	every header in [{"present": false, "well_formed": false, "max_age": 0}, {"well_formed": true, "max_age": 15551999}, {"well_formed": false, "max_age": 31536000}] {
		outcomes(fixture.with_answer({"hsts": header})) == {"warn"}
	}
}

test_inconclusive_no_answer if {
	outcomes(fixture.with_answer({"get": {"method": "GET", "reach": fixture.reach("reset")}, "post": {"method": "POST", "reach": fixture.reach("reset")}})) == {"inconclusive"}
}

test_inconclusive_not_run if outcomes(fixture.not_run) == {"inconclusive"}
