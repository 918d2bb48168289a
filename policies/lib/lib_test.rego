package prelaunch.lib_test

import data.prelaunch.lib

test_environments if {
	lib.environments.test.name == "test" with input as {"integration": {"environments": [{"name": "test"}]}}
}

probes := [
	{"name": "a", "kinds": ["a.fact"], "state": "complete"},
	{"name": "b", "kinds": ["b.fact"], "state": "failed", "reason": "no route"},
]

test_complete if {
	lib.complete("a.fact") with input as {"probes": probes}
	not lib.complete("b.fact") with input as {"probes": probes}
	not lib.complete("c.fact") with input as {"probes": probes}
}

test_incomplete if {
	failed := lib.incomplete("test", "b.fact") with input as {"probes": probes}
	failed.outcome == "inconclusive"
	failed.message == "Not checked: no route"
	unknown := lib.incomplete("test", "c.fact") with input as {"probes": probes}
	unknown.message == "Not checked: no probe of this version gathers c.fact"
}

test_declared_finding if {
	lib.declared({
		"outcome": "pass", "environment": "test", "subject": "s", "target": "t",
		"message": "m",
	}).basis == "declared"
}

test_sections if {
	lib.has_section("clients") with input as {"integration": {"declared": ["clients"]}}
	not lib.has_section("logs") with input as {"integration": {"declared": ["clients"]}}
}

empty(expires) := result if {
	result := lib.declared_empty("logs", "log") with input as {"finished_at": now, "integration": {"declared_empty": [
		{"section": "clients", "expires": "2026-01-01"},
		{"section": "logs", "expires": expires},
	]}}
}

test_declared_empty if {
	empty("").outcome == "not_applicable"
	not empty("").valid_until
	empty("2026-11-24").outcome == "not_applicable"
	empty("2026-11-24").valid_until == "2026-11-24"
	empty("2026-11-23").outcome == "inconclusive"
}

now := "2026-11-24T08:00:00Z"

test_days if {
	lib.days_since("2026-11-20") == 4 with input as {"finished_at": now}
	lib.days_since("2026-11-25") == -1 with input as {"finished_at": now}
	lib.add_days("2026-11-30", 2) == "2026-12-02"
}

attestation(on, expires) := {"check": "x.y", "by": "jane@acme.example", "on": on, "statement": "seen", "expires": expires}

attested(list) := result if {
	result := lib.attested("x.y", "", "") with input as {"finished_at": now, "integration": {"attestations": list}}
}

test_attested_takes_the_longest_that_holds if {
	list := [
		attestation("2026-11-01", "2026-12-01"), attestation("2026-11-01", "2026-12-24"),
		attestation("2026-11-25", "2027-01-24"), attestation("2026-06-01", "2026-08-01"),
	]
	f := attested(list)
	f.valid_until == "2026-12-24"
	f.basis == "attested"
	f.outcome == "pass"
	f.evidence.attested_by == "jane@acme.example"
	f.message == "Attested by jane@acme.example on 2026-11-01, valid until 2026-12-24: seen"
}

test_attested_names_the_evidence if {
	f := attested([object.union(attestation("2026-11-01", "2026-12-24"), {"evidence": "evidence/tab.png"})])
	contains(f.message, ", evidence evidence/tab.png: seen")
}

test_attestation_holds_on_its_last_day if attested([attestation("2026-11-01", "2026-11-24")])

test_lapsed_attestation_does_not_count if {
	list := [attestation("2026-06-01", "2026-11-23")]
	not attested(list)
	lapse := lib.lapse("x.y") with input as {"finished_at": now, "integration": {"attestations": list}}
	contains(lapse, "expired on 2026-11-23")
}

test_future_attestation_does_not_count if {
	list := [attestation("2026-11-25", "2026-12-23")]
	not attested(list)
	lapse := lib.lapse("x.y") with input as {"finished_at": now, "integration": {"attestations": list}}
	contains(lapse, "in the future")
}

test_no_attestation if {
	lib.lapse("x.y") == "" with input as {"finished_at": now, "integration": {"attestations": []}}
}

test_label if {
	lib.label("production") == "Production"
	lib.label("") == ""
}

test_amounts if {
	lib.amount(1, "account", "accounts") == "1 account"
	lib.amount(0, "account", "accounts") == "0 accounts"
	lib.all_of(1, "request") == "the request"
	lib.all_of(3, "request") == "all 3 requests"
}

reference(environments) := result if {
	result := lib.reference with input as {"integration": {"environments": environments}}
}

test_reference if {
	reference([{"name": "production", "probing": "full"}, {"name": "test", "probing": "careful"}]) == "test"
	reference([{"name": "live", "probing": "careful"}, {"name": "sandbox", "probing": "full"}]) == "sandbox"
	reference([{"name": "live", "probing": "careful"}]) == "live"
}
