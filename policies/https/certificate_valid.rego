# METADATA
# title: The webhook endpoint's certificate is valid for its name, in date, trusted and not revoked
# description: |
#   On every address, for every certificate the server holds (it may have an RSA and an ECDSA one): the chain as sent leads to a
#   trusted root (nothing is fetched to complete it), the host is among the subjectAltNames, the dates hold, the usage is that of a
#   server, nothing says that it is revoked (stapled OCSP, then the revocation list), a must-staple certificate comes with its
#   staple, keys are RSA of 2048 bits or P-256 at least, and signatures use SHA-256 at least.
#
#   Warns when less than 14 days, or a sixth of the lifetime where that is shorter, are left, and when the chain needs
#   network.ca_file and the provider is not said to trust it.
#
#   A revocation status that cannot be learnt is a note: Let's Encrypt ended OCSP in August 2025, and private authorities often have
#   neither. A missing intermediate and an unknown authority look alike from here.
# custom:
#   id: https.certificate-valid
#   order: 190
#   section: Use HTTPS everywhere
#   items: [3]
#   level: required
#   severity: critical
#   remediation: |
#     Serve a current certificate for this very host name with every intermediate (never the root), renewed automatically:
#     - nginx: `ssl_certificate` names fullchain.pem, not cert.pem; reload after each renewal
#     - Apache: `SSLCertificateFile` names the full chain
#     - HAProxy: one PEM with leaf, intermediates and key under `bind … ssl crt`
#     - Caddy: automatic; for your own files give the full chain to `tls`
#     - AWS, Azure, Google Cloud: attach a managed certificate, or import the chain with it
#     A private authority must be known to the provider; say so with `network: {provider_trusts_ca: true}` once it is.
#   sources:
#     - PCI DSS 4.0.1, 4.2.1 (trusted certificates, valid, not revoked)
#     - Mozilla Server Side TLS 6.0 (keys and signatures)
#     - CA/Browser Forum SC-081v3 (lifetimes)
#   facts: [https.endpoint, https.url]
#   per_environment: true
package prelaunch.checks.https.certificate_valid

import data.prelaunch.lib
import data.prelaunch.lib.https

# 14 days: the shortest notice in which a person can still mend a renewal that failed. A sixth of the lifetime keeps short-lived
# certificates, which are renewed at a third, from warning.
warn_days := 14

warn_share := 6

min_rsa_bits := 2048

min_curve_bits := 256

weak_hashes := {"MD5", "SHA-1"}

findings contains https.unseen(environment) if some environment, _ in lib.environments

# held lists every certificate of an environment's endpoint with the address that sent it.
held[environment] := [{"address": address.address, "certificate": certificate} |
	some address in endpoint.addresses
	some certificate in address.certificates
] if {
	some environment, endpoint in https.webhook_endpoint
}

# faults maps what is wrong with a certificate to how it is told.
faults(certificate) := {subject: message |
	some fault in [trust_faults(certificate), name_faults(certificate), key_faults(certificate), status_faults(certificate)]
	some subject, message in fault
}

trust_faults(certificate) := {sprintf("trust %s", [certificate.trust.kind]): trust_words(certificate)} if {
	certificate.trust.roots == "none"
} else := {}

trust_words(certificate) := "the chain leads to no trusted root: an intermediate is missing, or the authority is unknown (they look alike from here)" if {
	certificate.trust.kind == "unknown_issuer"
} else := sprintf("the certificate expired on %s (this machine's clock says %s)", [certificate.chain[0].not_after, clock]) if {
	certificate.trust.kind == "expired"
	certificate.chain[0].remaining_seconds < 0
} else := sprintf("the certificate is not valid before %s (this machine's clock says %s)", [certificate.chain[0].not_before, clock]) if {
	certificate.trust.kind == "not_yet_valid"
	certificate.chain[0].starts_in_seconds > 0
} else := trust_words_of[certificate.trust.kind] if {
	trust_words_of[certificate.trust.kind]
} else := "the chain does not verify"

trust_words_of := {
	"expired": "a certificate of the chain has expired",
	"not_yet_valid": "a certificate of the chain is not valid yet",
	"self_signed": "the certificate is self-signed",
	"wrong_usage": "the certificate is not for servers",
	"not_authority": "the certificate was issued by one that may not issue",
	"constraint": "a constraint of an issuer forbids this certificate",
	"weak_signature": "a signature in the chain is too weak to be trusted",
	"unreadable": "the certificate cannot be read",
}

clock := min({endpoint.clock | some endpoint in input.facts["https.endpoint"]})

name_faults(certificate) := {"name": "the certificate is for other names than the webhook's host"} if {
	not certificate.name.matches
	count(certificate.chain) > 0
} else := {}

key_faults(certificate) := object.union(weak_leaf(certificate), weak_signatures(certificate))

weak_leaf(certificate) := {"key": sprintf("the certificate's key is %s of %d bits", [leaf.key_type, leaf.key_bits])} if {
	leaf := certificate.chain[0]
	weak_key(leaf)
} else := {}

weak_signatures(certificate) := {subject: message |
	some link in certificate.chain
	not link.self_signed
	link.signature_hash in weak_hashes
	subject := sprintf("signature %s", [link.signature_hash])
	message := sprintf("the chain is signed with %s", [link.signature_hash])
}

weak_key(link) if {
	link.key_type == "RSA"
	link.key_bits < min_rsa_bits
}

weak_key(link) if {
	link.key_type == "ECDSA"
	link.key_bits < min_curve_bits
}

weak_key(link) if link.key_type == "other"

status_faults(certificate) := object.union(revoked(certificate), unstapled(certificate))

revoked(certificate) := {"revoked": sprintf("the certificate is revoked, says the %s", [{"staple": "stapled OCSP answer", "list": "revocation list", "none": "issuer"}[certificate.revocation.how]])} if {
	certificate.revocation.status == "revoked"
} else := {}

unstapled(certificate) := {"must-staple": "the certificate demands a stapled OCSP answer and none that is valid comes with it"} if {
	certificate.must_staple
	not certificate.staple.valid
} else := {}

findings contains lib.finding(
	"fail", environment, subject, url_of(environment), message,
	evidence(environment, [one | some one in held[environment]; faults(one.certificate)[subject] == message]),
) if {
	some environment, all in held
	some one in all
	some subject, message in faults(one.certificate)
}

# evidence names the addresses and certificates concerned.
evidence(environment, some_held) := {
	"host": https.webhook_endpoint[environment].host,
	"addresses": https.where(some_held),
	"certificates": sort({link.fingerprint | some one in some_held; link := one.certificate.chain[0]}),
	"names": sort({name | some one in some_held; some name in one.certificate.name.names}),
	"issuer_urls": sort({url | some one in some_held; some url in one.certificate.trust.issuer_urls}),
	"clock": clock,
}

findings contains object.union(
	lib.finding(
		"warn", environment, "renewal", url_of(environment),
		sprintf("the certificate runs out on %s, in %d days", [leaf.not_after, floor(leaf.remaining_seconds / 86400)]),
		evidence(environment, [one]),
	),
	{"valid_until": substring(leaf.not_after, 0, 10)},
) if {
	some environment, all in held
	some one in all
	leaf := one.certificate.chain[0]
	leaf.remaining_seconds >= 0
	leaf.remaining_seconds < min({warn_days * 86400, leaf.lifetime_seconds / warn_share})
}

findings contains lib.finding(
	"warn", environment, "private authority", url_of(environment),
	"the chain needs the roots of network.ca_file; nothing says that the provider trusts them",
	evidence(environment, [one]),
) if {
	some environment, all in held
	some one in all
	one.certificate.trust.roots == "ca_file"
	not input.integration.network.provider_trusts_ca
}

findings contains lib.finding(
	"inconclusive", environment, "uninspected", url_of(environment),
	sprintf("%d of %d addresses of %s could not be looked at", [count(addresses), count(endpoint.addresses), endpoint.host]),
	{"host": endpoint.host, "addresses": https.where(addresses), "reason": "not_reached"},
) if {
	some environment, endpoint in https.webhook_endpoint
	addresses := [address |
		some address in endpoint.addresses
		not https.untested(address.reach)
		count(address.certificates) == 0
	]
	count(addresses) > 0
	count(https.inspected(endpoint)) > 0
}

findings contains object.union(
	lib.finding(
		"pass", environment, "valid", url_of(environment),
		sprintf("the certificate for %s is valid until %s", [https.webhook_endpoint[environment].host, until]),
		object.union(evidence(environment, sound), {"revocation": sort({status | some one in sound; status := one.certificate.revocation.status})}),
	),
	{"valid_until": until},
) if {
	some environment, all in held
	sound := [one | some one in all; count(faults(one.certificate)) == 0; count(one.certificate.chain) > 0]
	count(sound) > 0
	until := min({substring(one.certificate.chain[0].not_after, 0, 10) | some one in sound})
}

url_of(environment) := https.webhook_url[environment].url
