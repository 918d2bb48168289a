package prelaunch.checks.errors.logs_clean_test

import data.prelaunch.checks.errors.logs_clean as check

source(index, environment) := {"index": index, "source": sprintf("%d.log", [index]), "kind": "file", "environment": environment, "state": "read", "files": 1, "bytes": 10, "gaps": [], "not_searched": [], "by_fingerprint": ["sha256:0000000f"]}

follow(index, environment) := {
	"index": index, "source": sprintf("%d.log", [index]), "environment": environment, "sent": 9, "signed": 3, "added": 100, "activity": "growth",
	"marker": false, "gaps": [], "uids_not_searched": 0,
}

hit := {
	"index": 1, "source": "1.log", "environment": "production", "file": "1.log", "member": "", "line": 0, "what": "uid", "spelling": "plain", "phase": "since",
	"right": false, "more": 0, "key_environment": "", "role": "", "fingerprint": "",
}

key := object.union(hit, {"what": "key", "phase": "before", "line": 4, "key_environment": "production", "role": "current", "fingerprint": "sha256:00000001"})

retired := object.union(key, {"role": "retired", "fingerprint": "sha256:0000000a"})

refusal := {"family": "F20", "environment": "production", "key": "sha256:0000000a", "status": 401, "equals": ["wrong"], "witnessed": true}

same_build := {"check": "environments.same-build", "by": "jane@acme.example", "on": "2026-11-01", "statement": "same image", "expires": "2026-12-24"}

base := {
	"finished_at": "2026-11-24T08:00:00Z",
	"facts": {
		"log.source": [source(0, "test"), source(1, "production")], "log.follow": [follow(0, "test"), follow(1, "production")], "log.hit": [],
		"webhook.exchange": [], "webhook.baseline": [{"environment": "production", "genuine": true, "key_held": true}], "provider.call": [],
	},
	"scope": {"sent": [{"environment": "test"}, {"environment": "production"}]},
	"integration": {
		"declared": ["logs"], "logs": [{"environment": "test"}, {"environment": "production"}], "attestations": [],
		"environments": [{"name": "test", "probing": "full"}, {"name": "production", "probing": "full"}],
	},
	"probes": [{"kinds": ["log.follow", "log.hit", "log.source"], "state": "complete"}],
}

findings(change) := result if {
	result := check.findings with input as object.union(base, change)
}

facts(change) := {"facts": change}

outcomes(change) := {[f.environment, f.outcome] | some f in findings(change)}

second(change) := facts({"log.follow": [follow(0, "test"), object.union(follow(1, "production"), change)]})

test_pass if outcomes({}) == {["test", "pass"], ["production", "pass"]}

test_pass_with_one_log_of_both if {
	outcomes(object.union(
		facts({"log.source": [source(0, "")], "log.follow": [follow(0, "")]}),
		{"integration": {"logs": [{"environment": ""}]}},
	)) == {["test", "pass"], ["production", "pass"]}
}

test_pass_with_a_dead_key if {
	outcomes(facts({"log.hit": [retired], "webhook.exchange": [refusal]})) == {["test", "pass"], ["production", "pass"]}
}

test_fail if {
	some f in findings(facts({"log.hit": [hit, object.union(hit, {"spelling": "base64"})]}))
	f.outcome == "fail"
	f.environment == "production"
	f.subject == "1.log 1.log uid"
	f.message == "Production log contains the UID of an event since the probing began: 1.log"
	count(f.evidence.places) == 2
}

test_fail_on_a_key if {
	some f in findings(facts({"log.hit": [key]}))
	f.outcome == "fail"
	f.message == "Production log contains {{a_key}}: 1.log:4"
}

test_inconclusive_on_a_retired_key_that_nothing_refuses if {
	outcomes(facts({"log.hit": [retired]})) == {["test", "pass"], ["production", "inconclusive"]}
}

test_inconclusive_when_the_log_shows_nothing if {
	every change in [
		{"sent": 0}, {"activity": "none"}, {"marker": true}, {"uids_not_searched": 2}, {"gaps": [{"file": "1.log", "reason": "moved away"}]},
	] {
		outcomes(second(change)) == {["test", "pass"], ["production", "inconclusive"]}
	}
	outcomes(second({"marker": true, "activity": "marker"})) == {["test", "pass"], ["production", "pass"]}
}

test_inconclusive_when_it_cannot_be_read if {
	every change in [{"state": "missing"}, {"state": "not_allowed"}, {"gaps": [{"file": "1.log", "reason": "permission denied"}]}] {
		outcomes(facts({"log.source": [source(0, "test"), object.union(source(1, "production"), change)]})) == {["test", "pass"], ["production", "inconclusive"]}
	}
}

test_inconclusive_with_a_key_that_is_too_short if {
	outcomes(facts({"log.source": [source(0, "test"), object.union(source(1, "production"), {"not_searched": ["sha256:00000001"]})]})) == {["", "inconclusive"]}
}

careful(attestations) := {"integration": {"attestations": attestations, "environments": [{"name": "test", "probing": "full"}, {"name": "production", "probing": "careful"}]}}

test_inconclusive_when_careful if {
	outcomes(careful([])) == {["test", "pass"], ["production", "inconclusive"]}
}

test_pass_when_careful_and_the_same_build if {
	outcomes(careful([same_build])) == {["test", "pass"], ["production", "pass"]}
	some f in findings(careful([same_build]))
	f.environment == "production"
	f.basis == "attested"
	f.valid_until == "2026-12-24"
}

test_inconclusive_when_careful_and_test_is_not_clean if {
	dirty := object.union(hit, {"index": 0, "source": "0.log", "environment": "test"})
	outcomes(object.union(careful([same_build]), facts({"log.hit": [dirty]}))) == {["test", "fail"], ["production", "inconclusive"]}
}

test_inconclusive_when_nothing_was_taken if {
	some f in findings({"scope": {"sent": [{"environment": "test"}]}})
	f.outcome == "inconclusive"
	contains(f.message, "no correct signature was seen to make a difference")
}

test_inconclusive_without_a_log_of_production if {
	["production", "inconclusive"] in outcomes({"integration": {"logs": [{"environment": "test"}]}})
}

test_inconclusive_when_not_declared if {
	outcomes(object.union(facts({"log.source": [], "log.follow": []}), {"integration": {"declared": [], "logs": []}})) == {["", "inconclusive"]}
}

test_not_applicable_when_there_is_none if {
	outcomes(object.union(facts({"log.source": [], "log.follow": []}), {"integration": {"logs": []}})) == {["", "not_applicable"]}
}

test_inconclusive_when_the_probe_failed if {
	["", "inconclusive"] in outcomes({"probes": [{"kinds": ["log.follow"], "state": "failed", "reason": "broken"}]})
}
