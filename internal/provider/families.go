package provider

import (
	"slices"
)

// Families of test cases, in words, of which a scheme may make some meaningless.
var families = []string{
	"unsigned", "malformed-signature", "truncated-signature", "guessable-key", "unkeyed-digest", "other-hash", "tampered",
	"reserialized", "decoded-text", "content-type", "empty-body-signature", "method", "path", "trust-header", "other-environment",
	"misplaced-signature", "unparsable-header", "compressed", "repeated-header", "retired-key", "transport",
	"stale-timestamp", "unbound-timestamp", "future-timestamp", "signature-list", "other-scheme", "handshake", "foreign-key",
	"other-url", "body-digest", "token-reuse", "malformed", "missing-field",
}

// Families lists them.
func Families() []string { return slices.Clone(families) }

// Applies reports whether a family of test cases means something for the provider, and if not, why.
func (p *Profile) Applies(family string) (applies bool, because string) {
	for _, not := range p.Not {
		if not.Family == family {
			return false, not.Because
		}
	}
	r, covers := p.Signature, p.Signature.Covers()
	bound := covers.Body || covers.Digest || covers.Fields || covers.Params
	at, _ := parseSlot(r.Timestamp.In)
	timeInEvent := bound && (at.kind == "body" || at.kind == "param")
	for _, rule := range []struct {
		families []string
		holds    bool
		because  string
	}{
		{[]string{"unkeyed-digest", "other-hash"}, r.Keyed(), "the scheme is no HMAC"},
		{[]string{"guessable-key", "other-environment", "retired-key", "empty-body-signature"}, r.Kind != PublicKey, "the scheme has no secret"},
		{[]string{"empty-body-signature"}, r.Kind == HMAC && covers.Body, "the signature does not cover the body as it is sent"},
		{[]string{"tampered"}, bound, "the signature does not cover the body"},
		{[]string{"decoded-text"}, slices.Contains(r.Strict, "decoded-text"), "providers send valid UTF-8, and official SDKs decode the body before they verify it"},
		{[]string{"reserialized", "decoded-text"}, covers.Body, "the signature covers values and not the bytes of the body"},
		{[]string{"stale-timestamp"}, r.Timestamp.In != "" && covers.Time, "the provider signs no time"},
		{[]string{"stale-timestamp"}, r.Timestamp.Tolerance != "", "the provider documents no tolerance"},
		{[]string{"unbound-timestamp"}, !r.isJWS(), "the time is a part of the signed token"},
		{[]string{"future-timestamp"}, r.Timestamp.In != "" && covers.Time, "the provider signs no time"},
		{[]string{"unbound-timestamp"}, covers.Time || covers.ID, "the provider signs neither a time nor an id"},
		{[]string{"unbound-timestamp"}, !timeInEvent || covers.ID, "the time is a part of the event, and what changes it is tampering"},
		{[]string{"signature-list"}, r.List.Style != "" && r.List.Style != "none" && r.Kind == HMAC, "the provider sends one signature"},
		{[]string{"other-scheme"}, len(r.Other) > 0, "the provider has one scheme"},
		{[]string{"handshake"}, len(p.Handshakes) > 0, "the provider has no handshake"},
		{[]string{"foreign-key"}, r.Kind == PublicKey, "the scheme has no public key"},
		{[]string{"other-url"}, covers.URL, "the signature does not cover the URL"},
		{[]string{"body-digest"}, covers.Digest, "the provider sends no digest of the body"},
		{[]string{"malformed"}, p.Delivery.Body != "form", "its events are forms, which have hardly any syntax"},
		{[]string{"missing-field"}, len(p.Required) > 0, "it documents no field without which an event cannot be used"},
		{[]string{"token-reuse"}, r.Kind == HMAC && !bound, "the signature covers the body"},
	} {
		if slices.Contains(rule.families, family) && !rule.holds {
			return false, rule.because
		}
	}
	return slices.Contains(families, family), ""
}
