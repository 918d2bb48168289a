package prelaunch.checks.https.modern_tls_test

import data.prelaunch.checks.https.fixture_test as fixture
import data.prelaunch.checks.https.modern_tls as check

said(facts) := result if {
	result := {[f.outcome, f.subject] | some f in check.findings} with input as facts
}

versions(accepted, refused) := {"versions": {"accepted": accepted, "refused": refused, "undecided": []}}

accepting(class) := {"cipher_classes": object.union(fixture.classes, {
	"accepted": [class], "refused": [other | some other in fixture.classes.refused; other != class],
})}

test_pass if said(fixture.right) == {["pass", "modern"]}

test_fail_old_version if {
	said(fixture.with_address(versions(["1.0", "1.2"], ["ssl3", "1.1", "1.3"]))) == {["fail", "version 1.0"]}
}

test_fail_only_old_versions if {
	said(fixture.with_address(versions(["1.1"], ["ssl3", "1.0", "1.2", "1.3"]))) == {["fail", "version 1.1"], ["fail", "no modern version"]}
}

test_fail_broken_cipher if {
	every class in ["null", "anonymous", "export", "rc4", "des", "3des"] {
		said(fixture.with_address(accepting(class))) == {["fail", sprintf("cipher %s", [class])]}
	}
}

test_warn_static_rsa if {
	facts := fixture.with_address(object.union(accepting("static_rsa"), {"suites": [{"name": "TLS_RSA_X", "classes": ["static_rsa"]}]}))
	said(facts) == {["warn", "cipher static_rsa"], ["pass", "modern"]}
}

test_fail_small_group if {
	said(fixture.with_address({"dh_groups": [{"bits": 1024}]})) == {["fail", "dh group"]}
	said(fixture.with_address({"dh_groups": [{"bits": 2048}]})) == {["pass", "modern"]}
}

test_fail_on_one_address_of_two if {
	said(fixture.with_second(versions(["ssl3", "1.2"], ["1.0", "1.1", "1.3"]))) == {["fail", "version ssl3"], ["pass", "modern"]}
}

test_inconclusive_unseen_group if {
	said(fixture.with_address(object.union(accepting("dhe"), {"suites": []}))) == {["inconclusive", "undecided"]}
	said(fixture.with_address(object.union(accepting("dhe"), {"dh_groups": [{"bits": 2048}]}))) == {["pass", "modern"]}
}

test_inconclusive_undecided if {
	said(fixture.with_address(versions(["1.2"], ["ssl3", "1.1"]))) == {["inconclusive", "undecided"]}
}

test_inconclusive_one_address_uninspected if {
	facts := fixture.with_second({"reach": fixture.reach("timeout"), "versions": {"accepted": [], "refused": [], "undecided": []}, "certificates": []})
	said(facts) == {["inconclusive", "uninspected"], ["pass", "modern"]}
}

test_inconclusive_not_run if said(fixture.not_run) == {["inconclusive", "not looked at"]}

test_inconclusive_plain if said(fixture.plain) == {["inconclusive", "not https"]}

test_inconclusive_unreached if said(fixture.unreached) == {["inconclusive", "not reached"]}

test_inconclusive_unresolved if {
	said(fixture.with_facts([], [fixture.url])) == {["inconclusive", "not reached"]}
}

test_pass_with_notes if {
	facts := fixture.with_address({
		"cipher_classes": object.union(fixture.classes, {"accepted": ["cbc", "dhe"], "refused": [other | some other in fixture.classes.refused; other != "dhe"]}),
		"dh_groups": [{"bits": 3072}],
		"handshake": {"post_quantum_hello": "unanswered"},
	})
	some f in check.findings with input as facts
	f.evidence.notes == [
		"DHE suites are accepted, with a group of 3072 bits",
		"a ClientHello with a post-quantum key share gets no response, a smaller one does",
		"suites in CBC mode are accepted",
	]
}

test_inconclusive_other_addresses if {
	every change in [{"kind": "ok", "unresolved": ["AAAA"]}, {"kind": "ok", "addresses": 20, "skipped": 4}] {
		facts := fixture.with_facts([object.union(fixture.endpoint, {"resolution": change})], [fixture.url])
		said(facts) == {["inconclusive", "other addresses"], ["pass", "modern"]}
	}
}
