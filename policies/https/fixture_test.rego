# What the tests of the HTTPS policies share: one right endpoint, and how to put flaws into it.
package prelaunch.checks.https.fixture_test

reach(kind) := {"kind": kind, "local_route": true, "detail": sprintf("it was %s", [kind])}

no_route := {"kind": "no_route", "local_route": false}

leaf := {
	"subject": "CN=hooks", "issuer": "CN=issuer", "key_type": "ECDSA", "key_bits": 256, "signature_hash": "SHA-256", "self_signed": false, "fingerprint": "aa",
	"not_before": "2026-11-01T00:00:00Z", "not_after": "2027-01-30T00:00:00Z", "lifetime_seconds": 7776000,
	"remaining_seconds": 5788800, "starts_in_seconds": -1, "in_path": true,
}

certificate := {
	"chain": [leaf], "trust": {"roots": "system", "kind": "ok", "issuer_urls": []}, "name": {"matches": true, "names": ["hooks.acme.example"]},
	"must_staple": false, "staple": {"valid": false}, "revocation": {"status": "unknown", "how": "none"},
	"issuers": [],
}

classes := {"accepted": ["cbc"], "refused": ["null", "anonymous", "export", "rc4", "des", "3des", "static_rsa", "static_dh", "dhe"], "undecided": []}

address := {
	"address": "192.0.2.1:443", "reach": reach("ok"), "versions": {"accepted": ["1.2", "1.3"], "refused": ["ssl3", "1.0", "1.1"], "undecided": []},
	"cipher_classes": classes, "suites": [], "dh_groups": [], "certificates": [certificate], "client_certificate": {"required": "no", "sent": false},
}

exchange(method, status) := {"method": method, "reach": reach("ok"), "status": status}

hsts := {"present": true, "well_formed": true, "max_age": 31536000}

answer := {"address": "192.0.2.1:443", "get": exchange("GET", 405), "post": exchange("POST", 401), "hsts": hsts}

clear_answer(method, kind) := {"method": method, "reach": reach(kind), "tls_only": false, "same_answer_as_https": false, "comparable": true}

clear := {"port": "80", "address": "192.0.2.1:80", "own_port": false, "get": clear_answer("GET", "refused"), "post": clear_answer("POST", "refused")}

url := {
	"environment": "test", "role": "webhook", "name": "webhook", "scheme": "https", "url": "https://hooks.acme.example/begini",
	"answers": [answer], "clear": [clear], "trails": [],
}

endpoint := {
	"uses": [{"environment": "test", "role": "webhook", "name": "webhook"}], "clock": "2026-11-24T08:00:00Z", "host": "hooks.acme.example",
	"resolution": {"kind": "ok"}, "addresses": [address],
}

# with_facts is the input of an audit of the Test environment that saw these.
with_facts(endpoints, urls) := {
	"finished_at": "2026-11-24T08:00:00Z",
	"integration": {"environments": [{"name": "test"}], "attestations": [], "network": {"vantage": "public", "provider_trusts_ca": false}},
	"probes": [{"name": "https", "kinds": ["https.endpoint", "https.url"], "state": "complete"}],
	"facts": {"https.endpoint": endpoints, "https.url": urls},
}

right := with_facts([endpoint], [url])

# An endpoint with other members in its only address, or another certificate.
with_address(change) := with_facts([object.union(endpoint, {"addresses": [object.union(address, change)]})], [url])

with_certificate(change) := with_address({"certificates": [object.union(certificate, change)]})

with_leaf(change) := with_certificate({"chain": [object.union(leaf, change)]})

with_answer(change) := with_facts([endpoint], [object.union(url, {"answers": [object.union(answer, change)]})])

with_clear(change) := with_facts([endpoint], [object.union(url, {"clear": [object.union(clear, change)]})])

with_url(change) := with_facts([endpoint], [object.union(url, change)])

# A second address that behaves otherwise.
with_second(change) := with_facts([object.union(endpoint, {"addresses": [address, object.union(address, object.union({"address": "192.0.2.2:443"}, change))]})], [url])

not_run := object.union(with_facts([], []), {"probes": [{"name": "https", "kinds": ["https.endpoint", "https.url"], "state": "failed", "reason": "no network"}]})

plain := with_facts([], [object.union(url, {"scheme": "http", "url": "http://hooks.acme.example/begini", "answers": [], "clear": []})])

unreached := with_facts(
	[object.union(endpoint, {"addresses": [object.union(address, {
		"reach": reach("refused"), "versions": {"accepted": [], "refused": [], "undecided": []}, "certificates": [],
	})]})],
	[object.union(url, {"answers": []})],
)

attested := {"integration": {"attestations": [{
	"check": "network.ip-allowlist", "by": "jane@acme.example", "on": "2026-11-01", "statement": "admitted only", "expires": "2026-12-31",
}]}}
