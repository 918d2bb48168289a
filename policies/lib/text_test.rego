package prelaunch.lib.text_test

import data.prelaunch.lib.responses_test as given
import data.prelaunch.lib.text

test_few if {
	named := [{"fact": given.forged("F01", name, {})} | some name in ["absent", "0", "null", "true"]]
	text.few(named) == "unsigned/0, unsigned/absent (application.complete), unsigned/null, unsigned/true"
	types := [{"fact": object.union(given.forged("F01", "absent", {}), {"event_type": type})} | some type in ["a", "b", "c", "d", "e"]]
	text.few(array.concat(named, types)) == "unsigned/0, unsigned/absent, unsigned/null, unsigned/true"
	text.few(array.concat(named, [{"fact": given.forged("F01", name, {})} | some name in ["false", "none"]])) == "unsigned/0, unsigned/absent, unsigned/false and 3 more"
}

test_case_names if {
	text.case_name(given.forged("F01", "absent", {})) == "unsigned/absent (application.complete)"
	text.case_name(given.forged("F01", "empty", {})) == "unsigned/empty"
}

test_replay if {
	items := [given.forged("F03", "last-8", {}), given.forged("F03", "first-16", {})]
	text.replay("production", items) == "prelaunch replay truncated-signature/first-16 --environment production"
	text.replay("test", [{"family": "baseline", "case": "1", "event_type": "application.complete"}]) == "prelaunch replay valid/application.complete --environment test"
	text.replay("test", [{"case": "unsigned"}]) == "prelaunch replay unsigned/absent --environment test"
	text.replay("test", [{"case": "genuine"}]) == "prelaunch replay valid --environment test"
}

test_family_names if {
	text.family("F03") == "truncated-signature"
	text.family("unknown") == "unknown"
}

test_response if {
	text.response({"status": 500}) == "500"
	text.response({"error": "timeout"}) == "no response in time"
}
