# METADATA
# description: |
#   The faults of a certificate and of the chain that came with it, whoever it serves: the thresholds, and the messages.
package prelaunch.lib.certificates

# Mozilla Server Side TLS 6.0.
min_rsa_bits := 2048

min_curve_bits := 256

weak_hashes := {"MD5", "SHA-1"}

# The longest lifetimes of public authorities' certificates, in days, by the first day of their validity: CA/Browser
# Forum, SC-081v3.
longest := [["2029-03-15", 47], ["2027-03-15", 100], ["2026-03-15", 200], ["2020-09-01", 398]]

# faults maps the faults of a certificate to their messages.
faults(certificate) := {subject: message |
	some fault in [
		trust_faults(certificate), name_faults(certificate), key_faults(certificate), status_faults(certificate),
	]
	some subject, message in fault
}

# cause is shared by what fails because of a certificate, whichever hosts it serves; "" where none was sent.
cause(list) := concat("/", ["certificate", min(leaves)]) if {
	leaves := {link.fingerprint | some certificate in list; link := certificate.chain[0]}
	count(leaves) > 0
} else := ""

# A chain that is rejected for a weak signature is reported by the signature itself, where that was sent.
trust_faults(certificate) := {} if {
	certificate.trust.kind == "weak_signature"
	count(weak_signatures(certificate)) > 0
} else := {sprintf("trust %s", [certificate.trust.kind]): trust_words(certificate)} if {
	certificate.trust.roots == "none"
} else := {}

trust_words(certificate) := leaf_words(certificate) if {
	leaf_words(certificate)
} else := object.get(chain_words, object.get(certificate.trust, "kind", ""), "the chain does not verify")

leaf_words(certificate) := sprintf(
	"the certificate expired on %s, by the local clock",
	[certificate.chain[0].not_after],
) if {
	certificate.trust.kind == "expired"
	certificate.chain[0].remaining_seconds < 0
}

leaf_words(certificate) := sprintf(
	"the certificate is not valid before %s, by the local clock",
	[certificate.chain[0].not_before],
) if {
	certificate.trust.kind == "not_yet_valid"
	certificate.chain[0].starts_in_seconds > 0
}

chain_words := {
	"unknown_issuer": "the chain leads to no trusted root: an intermediate is missing, or the authority is unknown",
	"expired": "a certificate of the chain has expired",
	"not_yet_valid": "a certificate of the chain is not valid yet",
	"self_signed": "the certificate is self-signed",
	"wrong_usage": "the certificate is not for servers",
	"not_authority": "the certificate was issued by a certificate that is not an authority",
	"constraint": "a constraint of an issuer forbids this certificate",
	"weak_signature": "a signature in the chain is too weak to be trusted",
	"unreadable": "the certificate cannot be read",
}

name_faults(certificate) := {"name": name_words(certificate)} if {
	not certificate.name.matches
	count(certificate.chain) > 0
} else := {}

name_words(certificate) := "the certificate has the host in its common name only, which clients ignore, not in subjectAltName" if {
	certificate.name.common_name_only
} else := "the certificate is for other host names"

key_faults(certificate) := object.union_n([
	weak_leaf(certificate), weak_issuers(certificate), weak_signatures(certificate),
])

weak_leaf(certificate) := {"key": sprintf(
	"the certificate's key is %s of %d bits",
	[leaf.key_type, leaf.key_bits],
)} if {
	leaf := certificate.chain[0]
	weak_key(leaf)
} else := {}

# Of an issuer that is needed to reach the root; the root itself is the client's.
weak_issuers(certificate) := {"issuer key": sprintf(
	"an intermediate certificate's key is %s of %d bits",
	[link.key_type, link.key_bits],
) |
	link := [link | some i, link in certificate.chain; i > 0; link.in_path; not link.self_signed; weak_key(link)][0]
}

weak_signatures(certificate) := {subject: message |
	some link in certificate.chain
	not link.self_signed
	needed(certificate, link)
	link.signature_hash in weak_hashes
	subject := sprintf("signature %s", [link.signature_hash])
	message := sprintf("the chain is signed with %s", [link.signature_hash])
}

# Without a path to a root nobody knows which certificates would be on it.
needed(certificate, _) if certificate.trust.roots == "none"

needed(_, link) if link.in_path

weak_key(link) if {
	link.key_type in {"RSA", "RSA-PSS"}
	link.key_bits < min_rsa_bits
}

weak_key(link) if {
	link.key_type == "ECDSA"
	link.key_bits < min_curve_bits
}

weak_key(link) if link.key_type == "other"

status_faults(certificate) := object.union_n([
	revoked(certificate), revoked_issuer(certificate), unstapled(certificate),
])

revoked(certificate) := {"revoked": sprintf(
	"the certificate is revoked, according to the %s",
	[{"staple": "stapled OCSP response", "list": "revocation list", "none": "issuer"}[certificate.revocation.how]],
)} if {
	certificate.revocation.status == "revoked"
} else := {}

revoked_issuer(certificate) := {"issuer revoked": "an intermediate certificate is on its issuer's revocation list"} if {
	some issuer in certificate.issuers
	issuer.revocation_list.status == "revoked"
} else := {}

unstapled(certificate) := {"must-staple": "the certificate is must-staple, but no valid OCSP response was stapled"} if {
	certificate.must_staple
	not certificate.staple.valid
} else := {}

# unfetched are the problems of revocation lists, of a certificate and of its issuers, that only the setup of the audit
# kept from being fetched.
unfetched(certificate) := {list.problem |
	some one in array.concat([certificate], certificate.issuers)
	list := one.revocation_list
	list.problem in object.keys(unfetched_words)
}

unfetched_words := {
	"not_resolved": "network.resolve has no entry for the port of its host",
	"led_elsewhere": "network.resolve has an entry for its host, and the list is not there",
	"blocked": "its address is loopback, private, link-local or cloud metadata",
}

unfetched_steps := {
	"not_resolved": "Add an entry for the list's host and port to network.resolve, or remove that host from it.",
	"led_elsewhere": "Let network.resolve lead to where the list is, or remove its host from it.",
	"blocked": "Permit the address of the revocation list with --allow-address CIDR.",
}

# notes are what is worth knowing about a certificate and is not a fault.
notes(certificate) := {note |
	some note in [lifetime(certificate), status(certificate), unusual(certificate)]
	note != ""
}

lifetime(certificate) := sprintf(
	"it is valid for %d days; public authorities may not issue for more than %d",
	[days, allowed],
) if {
	certificate.trust.roots == "system"
	leaf := certificate.chain[0]
	days := ceil(leaf.lifetime_seconds / 86400)
	allowed := [rule[1] | some rule in longest; substring(leaf.not_before, 0, 10) >= rule[0]][0]
	days > allowed
} else := ""

status(certificate) := "its revocation status is unknown: no OCSP staple, and no revocation list that covers it" if {
	certificate.revocation.status == "unknown"
} else := ""

# Mozilla recommends RSA, P-256 and P-384 only; what is stronger is not a fault, but not every client accepts it.
unusual(certificate) := "its key is Ed25519, which few clients accept" if {
	certificate.chain[0].key_type == "Ed25519"
} else := "its key is for RSA-PSS signatures only, which few clients accept" if {
	certificate.chain[0].key_type == "RSA-PSS"
} else := "its key is on a curve that not every client accepts" if {
	certificate.chain[0].key_type == "ECDSA"
	certificate.chain[0].key_bits > 384
} else := ""
