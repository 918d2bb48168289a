package prelaunch.checks.webhook.rejects_tampered_test

import data.prelaunch.checks.webhook.rejects_tampered as check
import data.prelaunch.lib.responses_test as given

findings(document) := result if {
	result := check.findings with input as document
}

outcomes(document) := {f.outcome | some f in findings(document)}

subjects(document) := {f.subject | some f in findings(document)}

test_pass if outcomes(given.document({}, [given.wrong, given.refused("F07", "value-changed"), given.refused("F11", "form-empty")])) == {"pass"}

test_fail if {
	document := given.document({}, [given.wrong, given.accepted("F07", "value-changed"), given.accepted("F11", "form-empty")])
	outcomes(document) == {"fail"}
	subjects(document) == {"F07", "F11"}
}

test_fail_where_cleaned_or_decoded_text_is_verified if {
	every item in [["F08", "html-entity"], ["F09", "byte-ff-replaced"]] {
		outcomes(given.document({}, [given.wrong, given.accepted(item[0], item[1])])) == {"fail"}
	}
}

test_fail_once_without_verification if {
	document := given.document({}, [given.wrong_accepted, given.accepted("F07", "value-changed"), given.accepted("F11", "form-empty")])
	subjects(document) == {"verification"}
}

test_inconclusive if {
	outcomes(given.nothing) == {"inconclusive"}
	outcomes(given.document({}, [given.wrong, given.forged("F07", "value-changed", {"status": 500})])) == {"inconclusive"}
}

test_inconclusive_where_any_form_is_taken if {
	document := given.document({}, [given.wrong, given.refused("F07", "value-changed"), given.accepted("F11", "form-empty"), given.accepted("F10", "form")])
	outcomes(document) == {"inconclusive"}
}

test_warn_of_an_item_that_was_appended if {
	base := [given.wrong, given.refused("F07", "value-changed")]
	outcomes(given.document({}, array.concat(base, [given.accepted("F07", "item-appended")]))) == {"pass", "warn"}
	outcomes(given.document({}, array.concat(base, [given.refused("F07", "item-appended")]))) == {"pass"}
}
