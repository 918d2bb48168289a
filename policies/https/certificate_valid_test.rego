package prelaunch.checks.https.certificate_valid_test

import data.prelaunch.checks.https.certificate_valid as check
import data.prelaunch.checks.https.fixture_test as fixture

said(facts) := result if {
	result := {[f.outcome, f.subject] | some f in check.findings} with input as facts
}

message(facts, subject) := result if {
	result := {f.message | some f in check.findings; f.subject == subject} with input as facts
}

untrusted(kind) := {"trust": {"roots": "none", "kind": kind, "issuer_urls": ["http://ca.acme.example/i.crt"]}}

test_pass if {
	said(fixture.right) == {["pass", "valid"]}
	some f in check.findings with input as fixture.right
	f.valid_until == "2027-01-30"
}

test_pass_sound_keys if {
	every change in [{"key_type": "RSA", "key_bits": 2048}, {"key_type": "RSA-PSS", "key_bits": 2048}, {"key_type": "ECDSA", "key_bits": 384}, {"key_type": "Ed25519", "key_bits": 256}] {
		said(fixture.with_leaf(change)) == {["pass", "valid"]}
	}
}

test_fail_untrusted if {
	every kind in ["unknown_issuer", "self_signed", "wrong_usage", "not_authority", "constraint", "weak_signature", "other"] {
		said(fixture.with_certificate(untrusted(kind))) == {["fail", sprintf("trust %s", [kind])]}
	}
	contains(message(fixture.with_certificate(untrusted("unknown_issuer")), "trust unknown_issuer")[_], "intermediate is missing")
	contains(message(fixture.with_certificate(untrusted("other")), "trust other")[_], "does not verify")
}

test_fail_dates if {
	expired := object.union(untrusted("expired"), {"chain": [object.union(fixture.leaf, {"remaining_seconds": -5})]})
	contains(message(fixture.with_certificate(expired), "trust expired")[_], "expired on 2027-01-30")
	contains(message(fixture.with_certificate(untrusted("expired")), "trust expired")[_], "of the chain has expired")
	{f.cause | some f in check.findings} == {"certificate/aa"} with input as fixture.with_certificate(expired)
	early := object.union(untrusted("not_yet_valid"), {"chain": [object.union(fixture.leaf, {"starts_in_seconds": 60})]})
	contains(message(fixture.with_certificate(early), "trust not_yet_valid")[_], "not valid before")
	contains(message(fixture.with_certificate(untrusted("not_yet_valid")), "trust not_yet_valid")[_], "of the chain is not valid yet")
}

test_fail_name if said(fixture.with_certificate({"name": {"matches": false, "names": ["other.acme.example"]}})) == {["fail", "name"]}

test_fail_weak_key if {
	every change in [{"key_type": "RSA", "key_bits": 1024}, {"key_type": "RSA-PSS", "key_bits": 1024}, {"key_type": "ECDSA", "key_bits": 224}, {"key_type": "other", "key_bits": 0}] {
		said(fixture.with_leaf(change)) == {["fail", "key"]}
	}
}

test_fail_weak_signature if {
	said(fixture.with_leaf({"signature_hash": "SHA-1"})) == {["fail", "signature SHA-1"]}
	refused := object.union(untrusted("weak_signature"), {"chain": [object.union(fixture.leaf, {"signature_hash": "SHA-1"})]})
	said(fixture.with_certificate(refused)) == {["fail", "signature SHA-1"]}
}

test_fail_weak_issuer if {
	issuer := object.union(fixture.leaf, {"key_type": "RSA", "key_bits": 1024})
	said(fixture.with_certificate({"chain": [fixture.leaf, issuer]})) == {["fail", "issuer key"]}
}

test_the_chain_is_told if {
	some f in check.findings with input as fixture.with_certificate({"chain": [fixture.leaf, fixture.leaf]})
	f.evidence.chain == {"CN=hooks, issued by CN=issuer, until 2027-01-30"}
}

test_pass_weak_certificate_that_nobody_needs if {
	beside := object.union(fixture.leaf, {"key_type": "RSA", "key_bits": 1024, "signature_hash": "SHA-1", "in_path": false})
	said(fixture.with_certificate({"chain": [fixture.leaf, beside]})) == {["pass", "valid"]}
}

test_fail_revoked_issuer if {
	said(fixture.with_certificate({"issuers": [{"revocation_list": {"status": "revoked"}}]})) == {["fail", "issuer revoked"]}
}

test_fail_common_name if {
	certificate := {"name": {"matches": false, "common_name_only": true, "names": []}}
	contains(message(fixture.with_certificate(certificate), "name")[_], "subjectAltName")
}

test_pass_long_lifetime_is_noted if {
	some f in check.findings with input as fixture.with_leaf({"lifetime_seconds": 34300800})
	f.evidence.notes == [
		"it is valid for 397 days; public authorities may not issue for more than 200",
		"its revocation status is unknown: no OCSP staple, and no revocation list that covers it",
	]
}

test_pass_unusual_keys_are_noted if {
	every change in [{"key_type": "Ed25519", "key_bits": 256}, {"key_type": "RSA-PSS", "key_bits": 3072}, {"key_type": "ECDSA", "key_bits": 521}] {
		facts := fixture.with_certificate({"chain": [object.union(fixture.leaf, change)], "revocation": {"status": "good", "how": "list"}})
		some f in check.findings with input as facts
		count(f.evidence.notes) == 1
	}
}

test_pass_without_notes if {
	some f in check.findings with input as fixture.with_certificate({"revocation": {"status": "good", "how": "list"}})
	f.evidence.notes == []
}

test_one_finding_for_two_addresses if {
	two := fixture.with_second({"certificates": [object.union(fixture.certificate, {"chain": [object.union(fixture.leaf, {"remaining_seconds": 5})]})]})
	some f in check.findings with input as two
	f.subject == "renewal"
	f.evidence.addresses == ["192.0.2.2:443"]
	count([g | some g in check.findings; g.subject == "renewal"]) == 1 with input as two
}

test_pass_self_signed_root_may_use_any_hash if {
	root := object.union(fixture.leaf, {"self_signed": true, "signature_hash": "SHA-1"})
	said(fixture.with_certificate({"chain": [fixture.leaf, root]})) == {["pass", "valid"]}
}

test_fail_revoked if said(fixture.with_certificate({"revocation": {"status": "revoked", "how": "staple"}})) == {["fail", "revoked"]}

test_fail_must_staple if {
	said(fixture.with_certificate({"must_staple": true})) == {["fail", "must-staple"]}
	said(fixture.with_certificate({"must_staple": true, "staple": {"valid": true}})) == {["pass", "valid"]}
}

test_warn_renewal if {
	said(fixture.with_leaf({"remaining_seconds": 1000000})) == {["warn", "renewal"], ["pass", "valid"]}
}

test_pass_short_lived_in_normal_renewal if {
	said(fixture.with_leaf({"lifetime_seconds": 518400, "remaining_seconds": 172800})) == {["pass", "valid"]}
}

test_warn_private_authority if {
	private := {"trust": {"roots": "ca_file", "kind": "ok", "issuer_urls": []}}
	said(fixture.with_certificate(private)) == {["warn", "private authority"], ["pass", "valid"]}
	trusted := object.union(fixture.with_certificate(private), {"integration": {"network": {"provider_trusts_ca": true}}})
	said(trusted) == {["pass", "valid"]}
}

test_inconclusive_unfetched_list if {
	every problem in ["not_resolved", "led_elsewhere", "blocked"] {
		said(fixture.with_certificate({"revocation_list": {"problem": problem}})) == {["inconclusive", "revocation list"], ["pass", "valid"]}
		said(fixture.with_certificate({"issuers": [{"revocation_list": {"problem": problem}}]})) == {["inconclusive", "revocation list"], ["pass", "valid"]}
	}
	said(fixture.with_certificate({"revocation_list": {"problem": "unreachable"}})) == {["pass", "valid"]}
}

test_inconclusive_one_address_uninspected if {
	facts := fixture.with_second({"reach": fixture.reach("timeout"), "versions": {"accepted": [], "refused": [], "undecided": []}, "certificates": []})
	said(facts) == {["inconclusive", "uninspected"], ["pass", "valid"]}
}

test_inconclusive_not_run if said(fixture.not_run) == {["inconclusive", "not looked at"]}

test_inconclusive_other_addresses if {
	every change in [{"kind": "ok", "unresolved": ["AAAA"]}, {"kind": "ok", "addresses": 20, "skipped": 4}] {
		facts := fixture.with_facts([object.union(fixture.endpoint, {"resolution": change})], [fixture.url])
		said(facts) == {["inconclusive", "other addresses"], ["pass", "valid"]}
	}
}
