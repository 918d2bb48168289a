// Package cases makes the requests of the webhook probe. It sends nothing.
//
// The rules of the package:
//   - A case is a row in one of three tables (Forgeries, Genuine, Invalid); a row adds a case.
//   - A forgery differs from an accepted valid event in one thing.
//   - Nothing made with a held key is sent over plain HTTP or to a peer whose certificate does not
//     verify; Request.Keyed marks what is.
package cases

import (
	"slices"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/provider"
)

// Case is one request of the test suite: a valid event without a signature, and what is changed about
// it.
type Case struct {
	Family, Name string
	Change       func(f *Request)
	Variant      string // as in the facts, where the cases of a family are not judged alike
	What         string // in words; "" where the family and the name say it all
	// FullOnly keeps it out of careful probing: a correct receiver accepts it, or it holds more than
	// half of the body's correct signature.
	FullOnly bool
}

// Forgeries are requests that a correct receiver of a profile's events rejects; the first is the plain
// unsigned event. Those of SentUnsigned are sent unsigned, or
// with a random signature where a receiver accepts plain unsigned events anyway.
func Forgeries(profile *provider.Profile) []Case {
	list := slices.Concat(forgeries(profile), schemeForgeries(profile))
	for i := range list {
		// The official SDKs that were tried decode the body before they verify it: providers send valid UTF-8.
		if list[i].Family == "F09" && profile.Signature.Tolerates("decoded-text") {
			list[i].Variant = variantTolerated
		}
		// Those for Python compare with hmac.compare_digest, which throws on a text that is not ASCII.
		if list[i].Label() == "unparsable-header/byte-e9" && profile.Signature.Tolerates("non-ascii") {
			list[i].Variant = variantThrows
		}
	}
	return slices.DeleteFunc(list, func(c Case) bool { return !applies(profile, c) || pointless(SchemeOf(profile), c) })
}

// schemeForgeries are those that only some schemes have.
func schemeForgeries(profile *provider.Profile) []Case {
	s := SchemeOf(profile)
	return slices.Concat(
		alone(profile), timestamps(s), lists(s), otherSchemes(s), urls(s), bodyDigests(s), uncovered(s), foreignKeys(s), handshakes(profile),
	)
}

// pointless reports whether a case means nothing for a scheme, or nothing that its family is about.
func pointless(s Scheme, c Case) bool {
	switch c.Family {
	case "F06":
		return strings.HasSuffix(c.Name, "-prefix") && s.Timestamp.In == "signature"
	case "F07":
		textual := slices.Contains([]string{"duplicate-key", "large-end-changed"}, c.Name)
		whole := slices.Contains([]string{"field-added", "empty-body"}, c.Name)
		return textual && !(s.coversBytes() && s.isJSON()) || whole && !s.coversBytes() && !s.covers.Params ||
			c.Name == "empty-body" && s.inBody() || c.Name == "from-empty" && s.coversBytes() // that is empty-body-signature
	case "F08", "F09", "F11":
		return !s.isJSON()
	case "F10":
		return !s.isJSON() && strings.HasPrefix(c.Name, "form")
	case "F16":
		return c.Name == "query" && s.covers.URL
	case "F17", "F19":
		return s.Header() == ""
	}
	return false
}

// forgeries are those of all schemes.
func forgeries(profile *provider.Profile) []Case {
	scheme := SchemeOf(profile)
	return slices.Concat(
		noSignatures(), emptied(scheme), parts(scheme),
		guessedKeys(), digests(scheme), tamperings(), respellings(), undecodables(),
		contentTypes(profile.Delivery.ContentType()), unreadBodies(), methods(), paths(), hints(), otherEnvironment(), misplaced(scheme.Header()),
		unparsable(), contentEncodings(), repeated(scheme.Header()), shapes(),
	)
}

// SentUnsigned are the families that carry no signature, or a random one where a receiver takes unsigned events as they are.
var SentUnsigned = map[string]bool{"F12": true, "F13": true, "F14": true, "F18": true, "F21": true}
