package prelaunch.checks.access.reviewed_test

import data.prelaunch.checks.access.reviewed as check

file := {"path": "users.csv", "complete": true, "problem": "", "size": 10, "digest": "sha256:00", "accounts": 5, "unreadable": 0, "unreadable_rows": [], "reviewer_shared": false}

access := {"roster": "users.csv", "exported_on": "2026-10-30", "reviewed_by": "jane@acme.example", "reviewed_on": "2026-11-01"}

findings(changes, files) := result if {
	result := check.findings with input as {
		"integration": {"access": object.union(access, changes)},
		"finished_at": "2026-11-24T08:00:00Z",
		"facts": {"access.roster": files},
		"probes": [],
	}
}

outcomes(changes) := {f.outcome | some f in findings(changes, [file])}

subjects(changes) := {[f.subject, f.outcome] | some f in findings(changes, [file])}

test_pass_until_the_export_is_90_days_old if {
	some f in findings({}, [file])
	f.outcome == "pass"
	f.basis == "declared"
	f.valid_until == "2027-01-28"
	not f.evidence.exported_after_review
}

test_pass_until_the_review_is_90_days_old if {
	some f in findings({"exported_on": "2026-11-02"}, [file])
	f.outcome == "pass"
	f.valid_until == "2027-01-30"
	f.evidence.exported_after_review
}

test_pass_on_the_90th_day_and_today if {
	outcomes({"reviewed_on": "2026-11-24", "exported_on": "2026-08-26"}) == {"pass"}
	outcomes({"reviewed_on": "2026-08-26", "exported_on": "2026-11-24"}) == {"pass"}
	some f in findings({"reviewed_on": "2026-11-24", "exported_on": "2026-11-24"}, [file])
	f.outcome == "pass"
	not f.evidence.exported_after_review
}

test_fail_on_an_old_review if subjects({"reviewed_on": "2026-08-25"}) == {["old review", "fail"]}

test_fail_on_a_review_in_the_future if subjects({"reviewed_on": "2026-11-25"}) == {["review in the future", "fail"]}

test_fail_on_an_old_export if subjects({"exported_on": "2026-08-25"}) == {["old export", "fail"]}

test_fail_on_an_export_in_the_future if subjects({"exported_on": "2026-11-25"}) == {["export in the future", "fail"]}

test_fail_on_a_reviewer_who_is_nobody if {
	{[f.subject, f.outcome] | some f in findings({}, [object.union(file, {"reviewer_shared": true})])} == {["reviewer", "fail"]}
}

test_inconclusive_without_a_review if {
	outcomes({"reviewed_by": "", "reviewed_on": ""}) == {"inconclusive"}
	outcomes({"reviewed_on": ""}) == {"inconclusive"}
}

test_inconclusive_without_a_reviewer_though_the_list_is_a_teams if {
	{f.subject | some f in findings({"reviewed_by": ""}, [object.union(file, {"reviewer_shared": true})])} == {"no review"}
}

test_inconclusive_without_the_day_of_the_export if outcomes({"exported_on": ""}) == {"inconclusive"}

test_inconclusive_without_a_roster if {
	{f.subject | some f in findings({"roster": "", "exported_on": "", "reviewed_by": "", "reviewed_on": ""}, [])} == {"no roster"}
	{f.subject | some f in findings({"roster": "", "exported_on": "2026-08-25"}, [])} == {"no roster"}
	{f.subject | some f in findings({"roster": "", "exported_on": "2026-11-25"}, [])} == {"no roster"}
}

test_inconclusive_when_the_roster_cannot_be_read if {
	{f.outcome | some f in findings({}, [object.union(file, {"complete": false, "accounts": 0})])} == {"inconclusive"}
}
