# METADATA
# title: The certificate is valid, trusted and not revoked
# description: |
#   On every address, for every certificate the server holds (it may have an RSA and an ECDSA one): the chain as sent
#   leads to a trusted root (nothing is fetched to complete it), the host is among the subjectAltNames, the dates hold,
#   the usage is that of a server, nothing says that it or an intermediate is revoked (stapled OCSP, then the revocation
#   lists), a must-staple certificate comes with its staple, keys are RSA of 2048 bits or P-256 at least, and signatures
#   use SHA-256 at least.
#
#   Warns when less than 14 days, or a sixth of the lifetime where that is shorter, are left, and when the chain needs
#   network.ca_file and the provider is not said to trust it.
#
#   A revocation status that cannot be learnt is a note: Let's Encrypt ended OCSP in August 2025, and private
#   authorities often have neither. A missing intermediate and an unknown authority look alike from here.
# custom:
#   id: https.certificate-valid
#   order: 190
#   section: Use HTTPS everywhere
#   level: required
#   severity: critical
#   cwe: ["CWE-295"]
#   owasp_asvs: ["v5.0.0-12.1.4", "v5.0.0-12.2.2"]
#   passes: |
#     On every address, every certificate has a complete chain to a trusted root, the host's name, current dates,
#     server usage, no revocation, an RSA key of 2048 bits or P-256 at least, and SHA-256 at least.
#   fails: |
#     One of these does not hold on an address. Little time left, or a chain that needs network.ca_file while the
#     provider is not said to trust it, warns.
#   remediation: |
#     Serve a current certificate for this very host name with every intermediate (never the root), renewed
#     automatically:
#     - nginx: `ssl_certificate` names fullchain.pem, not cert.pem; reload after each renewal
#     - Apache 2.4.8 or later: `SSLCertificateFile` names the full chain
#     - HAProxy: one PEM with leaf, intermediates and key under `bind … ssl crt`
#     - Caddy: automatic; for your own files give the full chain to `tls`
#     - AWS, Azure, Google Cloud: attach a managed certificate, or import the chain with it
#
#     A revoked certificate, a key that is too short and a signature with SHA-1 or MD5 need a new certificate, of a new
#     key (ECDSA P-256, or RSA of 2048 bits). One that must be stapled needs `ssl_stapling on;` (nginx), `SSLUseStapling
#     on` with `SSLStaplingCache` (Apache), or to be issued anew without that demand.
#
#     A private authority must be known to the provider; say so with `network: {provider_trusts_ca: true}` once it is.
#   sources:
#     - PCI DSS 4.0.1, 4.2.1 (trusted certificates, valid, not revoked)
#     - Mozilla Server Side TLS 6.0 (keys and signatures)
#     - RFC 5280 (paths, revocation lists), RFC 9525 (subjectAltName alone), RFC 6960 and RFC 7633 (OCSP, must-staple)
#     - CA/Browser Forum SC-081v3 (lifetimes)
#   facts: [https.endpoint, https.url]
#   per_environment: true
package prelaunch.checks.https.certificate_valid

import data.prelaunch.lib
import data.prelaunch.lib.certificates
import data.prelaunch.lib.https

# 14 days: the shortest notice in which a person can still fix a renewal that failed. A sixth of the lifetime keeps
# short-lived certificates, which are renewed at a third, from warning.
warn_days := 14

warn_share := 6

findings contains https.unseen(environment) if some environment, _ in lib.environments

findings contains https.some_addresses(environment) if some environment, _ in lib.environments

# held lists every certificate of an environment's endpoint with the address that sent it.
held[environment] := [{"address": address.address, "certificate": certificate} |
	some address in endpoint.addresses
	some certificate in address.certificates
] if {
	some environment, endpoint in https.webhook_endpoint
}

findings contains lib.finding({
	"outcome": "fail", "environment": environment, "subject": subject, "target": url_of(environment),
	"message": sprintf("%s endpoint: %s", [lib.label(environment), message]),
	"evidence": evidence(environment, concerned),
	"cause": certificates.cause([one.certificate | some one in concerned]),
}) if {
	some environment, all in held
	some subject in {subject | some one in all; some subject, _ in certificates.faults(one.certificate)}
	concerned := [one | some one in all; certificates.faults(one.certificate)[subject]]
	message := min({certificates.faults(one.certificate)[subject] | some one in concerned})
}

# evidence names the addresses and certificates concerned. It has no time of the audit, which would make the same
# finding another one each time.
evidence(environment, some_held) := {
	"host": https.webhook_endpoint[environment].host,
	"addresses": https.where(some_held),
	"certificates": sort({link.fingerprint | some one in some_held; link := one.certificate.chain[0]}),
	"names": sort({name | some one in some_held; some name in one.certificate.name.names}),
	"chain": {sprintf("%s, issued by %s, until %s", [link.subject, link.issuer, substring(link.not_after, 0, 10)]) |
		some one in some_held
		some i, link in one.certificate.chain
		i > 0
	},
	"issuer_urls": sort({url | some one in some_held; some url in one.certificate.trust.issuer_urls}),
}

findings contains object.union(
	lib.finding({
		"outcome": "warn", "environment": environment, "subject": "renewal", "target": url_of(environment),
		"message": sprintf("%s endpoint: the certificate expires on %s, in %s", [
			lib.label(environment), first.not_after,
			lib.amount(floor(first.remaining_seconds / 86400), "day", "days"),
		]),
		"evidence": evidence(environment, soon),
		"cause": certificates.cause([one.certificate | some one in soon]),
	}),
	{"valid_until": substring(first.not_after, 0, 10)},
) if {
	some environment, all in held
	soon := [one | some one in all; expires_soon(one.certificate.chain[0])]
	left := min({one.certificate.chain[0].remaining_seconds | some one in soon})
	first := [leaf | some one in soon; leaf := one.certificate.chain[0]; leaf.remaining_seconds == left][0]
}

expires_soon(leaf) if {
	leaf.remaining_seconds >= 0
	leaf.remaining_seconds < min({warn_days * 86400, leaf.lifetime_seconds / warn_share})
}

findings contains lib.finding({
	"outcome": "warn", "environment": environment, "subject": "private authority", "target": url_of(environment),
	"message": sprintf("%s endpoint: the chain needs the roots of network.ca_file, which the provider may not trust", [
		lib.label(environment),
	]),
	"evidence": evidence(environment, private),
}) if {
	some environment, all in held
	not input.integration.network.provider_trusts_ca
	private := [one | some one in all; one.certificate.trust.roots == "ca_file"]
	count(private) > 0
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
	addresses := [address |
		some address in endpoint.addresses
		not https.untested(address.reach)
		count(address.certificates) == 0
	]
	count(addresses) > 0
	count(https.inspected(endpoint)) > 0
}

findings contains lib.finding({
	"outcome": "inconclusive", "environment": environment, "subject": "revocation list", "target": url_of(environment),
	"message": sprintf(
		"%s: a revocation list could not be fetched: %s",
		[lib.label(environment), certificates.unfetched_words[problem]],
	),
	"evidence": object.union(evidence(environment, concerned), {"reason": problem}),
	"next_step": certificates.unfetched_steps[problem],
}) if {
	some environment, all in held
	problem := min({problem | some one in all; some problem in certificates.unfetched(one.certificate)})
	concerned := [one | some one in all; problem in certificates.unfetched(one.certificate)]
}

findings contains object.union(
	lib.finding({
		"outcome": "pass", "environment": environment, "subject": "valid", "target": url_of(environment),
		"message": sprintf("%s endpoint: the certificate for %s is valid until %s", [
			lib.label(environment), https.webhook_endpoint[environment].host, until,
		]),
		"evidence": object.union(evidence(environment, sound), {
			"revocation": sort({status | some one in sound; status := one.certificate.revocation.status}),
			"notes": sort({note | some one in sound; some note in certificates.notes(one.certificate)}),
		}),
	}),
	{"valid_until": until},
) if {
	some environment, all in held
	sound := [one | some one in all; count(certificates.faults(one.certificate)) == 0; count(one.certificate.chain) > 0]
	count(sound) > 0
	until := min({substring(one.certificate.chain[0].not_after, 0, 10) | some one in sound})
}

url_of(environment) := https.webhook_url[environment].url
