# METADATA
# title: Only TLS 1.2 and 1.3 with strong cipher suites may be offered
# description: |
#   Every address is offered SSL 3.0 and TLS 1.0 to 1.3, and the cipher suites that no client should be given: without
#   encryption (NULL), without authentication (anonymous), of export strength, RC4, DES and 3DES. Finite-field
#   Diffie-Hellman groups below 2048 bits fail. A key exchange without forward secrecy (static RSA or DH) warns. CBC and
#   DHE are noted.
#
#   What timed out is inconclusive, never counted as a rejection.
# custom:
#   id: https.modern-tls
#   order: 200
#   section: Use HTTPS everywhere
#   level: required
#   severity: high
#   cwe: ["CWE-326", "CWE-327"]
#   owasp_asvs: ["v5.0.0-12.1.1", "v5.0.0-12.1.2"]
#   passes: |
#     Every address completes handshakes of TLS 1.2 or 1.3 only, and none with a suite that no client should be given.
#   fails: |
#     An address accepts SSL 3.0, TLS 1.0 or 1.1, a suite without encryption or authentication, of export strength,
#     with RC4, DES or 3DES, or a group below 2048 bits. A key exchange without forward secrecy warns.
#   remediation: |
#     Allow TLS 1.2 and 1.3 only, with ECDHE and AES-GCM or ChaCha20-Poly1305:
#     - nginx: `ssl_protocols TLSv1.2 TLSv1.3; ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305;` in the http block, or in the default server of the port: the `ssl_protocols` of its other servers may be passed over
#     - Apache: `SSLProtocol -all +TLSv1.2 +TLSv1.3` and the same list in `SSLCipherSuite`
#     - HAProxy: `ssl-default-bind-options ssl-min-ver TLSv1.2` and the same list in `ssl-default-bind-ciphers`, both in the global section
#     - Caddy: the defaults; remove a `ciphers` list of your own
#     - AWS load balancers: policy ELBSecurityPolicy-TLS13-1-2-2021-06 or -Res-2021-06 (those with Ext in the name take static RSA); CloudFront: TLSv1.2_2021
#     - Azure: Application Gateway with AppGwSslPolicy20220101 or 20220101S, Front Door with minimum TLS version 1.2
#     - Google Cloud load balancing: an SSL policy with profile MODERN or RESTRICTED and minimum version TLS 1.2
#     - Cloudflare: minimum TLS version 1.2 under SSL/TLS, Edge Certificates
#
#     That list has no DHE. To keep DHE, give it a group of 2048 bits: `ssl_dhparam` (nginx), `SSLOpenSSLConfCmd
#     DHParameters` (Apache), `tune.ssl.default-dh-param 2048` (HAProxy).
#   sources:
#     - Mozilla Server Side TLS 6.0, intermediate configuration (2026-04)
#     - RFC 8996 (TLS 1.0 and 1.1 deprecated), RFC 7568 (SSL 3.0), RFC 7465 (RC4), RFC 9325 (export, NULL, 3DES, static RSA, groups)
#   facts: [https.endpoint, https.url]
#   per_environment: true
package prelaunch.checks.https.modern_tls

import data.prelaunch.lib
import data.prelaunch.lib.https

good_versions := {"1.2", "1.3"}

broken_classes := {"null", "anonymous", "export", "rc4", "des", "3des"}

weak_classes := {"static_rsa", "static_dh"}

# min_dh_bits: Mozilla Server Side TLS 6.0.
min_dh_bits := 2048

version_names := {"ssl3": "SSL 3.0", "1.0": "TLS 1.0", "1.1": "TLS 1.1"}

class_names := {
	"null": "NULL (no encryption)", "anonymous": "anonymous (no authentication)", "export": "EXPORT",
	"rc4": "RC4", "des": "DES",
	"3des": "3DES", "static_rsa": "static RSA", "static_dh": "static DH",
}

findings contains https.unseen(environment) if some environment, _ in lib.environments

findings contains https.some_addresses(environment) if some environment, _ in lib.environments

findings contains lib.finding({
	"outcome": "fail", "environment": environment, "subject": sprintf("version %s", [version]),
	"target": url_of(environment),
	"message": sprintf("%s endpoint accepts %s", [lib.label(environment), version_names[version]]),
	"evidence": {"host": endpoint.host, "version": version, "addresses": https.where(addresses)},
}) if {
	some environment, endpoint in https.webhook_endpoint
	some version, name in version_names
	addresses := [address | some address in https.inspected(endpoint); version in address.versions.accepted]
	count(addresses) > 0
	name
}

findings contains lib.finding({
	"outcome": "fail", "environment": environment, "subject": "no modern version", "target": url_of(environment),
	"message": sprintf("%s endpoint accepts neither TLS 1.2 nor TLS 1.3", [lib.label(environment)]),
	"evidence": {"host": endpoint.host, "addresses": https.where(addresses)},
}) if {
	some environment, endpoint in https.webhook_endpoint
	addresses := [address |
		some address in https.inspected(endpoint)
		count(address.versions.accepted) > 0
		count({version | some version in address.versions.accepted} & good_versions) == 0
	]
	count(addresses) > 0
}

findings contains lib.finding({
	"outcome": outcome, "environment": environment, "subject": sprintf("cipher %s", [class]),
	"target": url_of(environment),
	"message": sprintf("%s endpoint accepts %s cipher suites", [lib.label(environment), class_names[class]]),
	"evidence": {"host": endpoint.host, "class": class, "addresses": https.where(addresses), "suites": suites},
}) if {
	some environment, endpoint in https.webhook_endpoint
	some outcome, classes in {"fail": broken_classes, "warn": weak_classes}
	some class in classes
	addresses := [address | some address in https.inspected(endpoint); class in address.cipher_classes.accepted]
	count(addresses) > 0
	suites := {suite.name | some address in addresses; some suite in address.suites; class in suite.classes}
}

findings contains lib.finding({
	"outcome": "fail", "environment": environment, "subject": "dh group", "target": url_of(environment),
	"message": sprintf("%s endpoint offers a Diffie-Hellman group of %d bits, fewer than %d", [
		lib.label(environment), bits, min_dh_bits,
	]),
	"evidence": {"host": endpoint.host, "bits": bits, "addresses": https.where(addresses)},
}) if {
	some environment, endpoint in https.webhook_endpoint
	bits := min({group.bits | some address in https.inspected(endpoint); some group in address.dh_groups})
	bits < min_dh_bits
	addresses := [address |
		some address in https.inspected(endpoint)
		some group in address.dh_groups
		group.bits < min_dh_bits
	]
}

# What this check needs and was neither accepted nor rejected: no clear response, or not offered.
undecided(address) := union({
	object.keys(version_names) - answered(address.versions),
	(broken_classes | weak_classes) - answered(address.cipher_classes),
	unseen_group(address),
})

# unseen_group: DHE is accepted and the group did not come along.
unseen_group(address) := {"the size of the DHE group"} if {
	"dhe" in address.cipher_classes.accepted
	count(address.dh_groups) == 0
} else := set()

answered(tested) := {what | some what in array.concat(tested.accepted, tested.refused)}

findings contains lib.finding({
	"outcome": "inconclusive", "environment": environment, "subject": "undecided", "target": url_of(environment),
	"message": sprintf("%s endpoint gave no clear response to an offer of %s", [
		lib.label(environment), concat(", ", sort(whats)),
	]),
	"next_step": "Audit again, from a machine closer to the endpoint if this persists.",
	"evidence": {"host": endpoint.host, "undecided": sort(whats), "reason": "undecided"},
}) if {
	some environment, endpoint in https.webhook_endpoint
	whats := {what | some address in https.inspected(endpoint); some what in undecided(address)}
	count(whats) > 0
}

findings contains lib.finding({
	"outcome": "inconclusive", "environment": environment, "subject": "uninspected", "target": url_of(environment),
	"message": sprintf("%s endpoint: %d of %s could not be checked", [
		lib.label(environment), count(addresses), lib.amount(count(endpoint.addresses), "address", "addresses"),
	]),
	"next_step": "Audit again from a machine that can reach every address of the endpoint.",
	"evidence": {"host": endpoint.host, "addresses": https.where(addresses), "reason": "not_reached"},
}) if {
	some environment, endpoint in https.webhook_endpoint
	addresses := https.uninspected(endpoint)
	count(addresses) > 0
	count(https.inspected(endpoint)) > 0
}

findings contains lib.finding({
	"outcome": "pass", "environment": environment, "subject": "modern", "target": url_of(environment),
	"message": sprintf("%s endpoint accepts only %s with strong cipher suites, on %s", [
		lib.label(environment), concat(" and ", sort([sprintf("TLS %s", [v]) | some v in versions])),
		lib.amount(count(addresses), "address", "addresses"),
	]),
	"evidence": {
		"host": endpoint.host, "versions": sort(versions), "addresses": https.where(addresses), "notes": sort({note |
			some address in addresses
			some note in notes(address)
		}),
	},
}) if {
	some environment, endpoint in https.webhook_endpoint
	addresses := [address | some address in https.inspected(endpoint); modern(address)]
	count(addresses) > 0
	versions := {version | some address in addresses; some version in address.versions.accepted}
}

notes(address) := union({
	{"suites in CBC mode are accepted" | "cbc" in address.cipher_classes.accepted},
	{sprintf("DHE suites are accepted, with a group of %d bits", [group.bits]) | some group in address.dh_groups},
	{"a ClientHello with a post-quantum key share gets no response, a smaller one does" |
		address.handshake.post_quantum_hello == "unanswered"
	},
})

modern(address) if {
	count(address.versions.accepted) > 0
	every version in address.versions.accepted {
		version in good_versions
	}
	count({class | some class in address.cipher_classes.accepted} & broken_classes) == 0
	every group in address.dh_groups {
		group.bits >= min_dh_bits
	}
	count(undecided(address)) == 0
}

url_of(environment) := https.webhook_url[environment].url
