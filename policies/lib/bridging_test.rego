package prelaunch.lib.bridging_test

import data.prelaunch.lib.responses_test as given
import data.prelaunch.lib.verdict

judged(document) := result if {
	result := {finding |
		some finding in verdict.settled("production", verdict.judge("production", items("production")), verdict.judge("test", items("test")))
	} with input as document
}

items(environment) := [item |
	some x in input.facts["webhook.exchange"]
	x.environment == environment
	x.family == "F07"
	item := {"fact": x, "class": data.prelaunch.lib.responses.class(x, data.prelaunch.lib.responses.baselines[environment])}
]

tampered := given.refused("F07", "value-changed")

unsent := given.unsent("forgery", "F07", "value-changed", "no_key")

# What Test proved holds for Production, whose key is known by its fingerprint only, where the same build is attested.
test_same_build_settles_what_could_not_be_signed if {
	some finding in judged(given.by_fingerprint([given.wrong, tampered], [given.wrong, unsent], []))
	finding.outcome == "pass"
	finding.basis == "attested"
}

test_same_build_settles_no_failure if {
	{f.outcome | some f in judged(given.by_fingerprint([given.wrong, tampered], [given.wrong, given.forged("F07", "x", {"status": 200})], []))} == {"fail"}
	{f.outcome | some f in judged(given.by_fingerprint([given.wrong, given.accepted("F07", "x")], [given.wrong, unsent], []))} == {"inconclusive"}
}

# A redirect of its own shows that the environment differs from Test.
test_same_build_settles_no_response_of_its_own if {
	redirected := given.forged("F07", "value-changed", {"status": 302})
	{f.outcome | some f in judged(given.by_fingerprint([given.wrong, tampered], [given.wrong, redirected], []))} == {"inconclusive"}
}
