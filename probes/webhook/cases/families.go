package cases

import "slices"

// Family is a group of cases that show the same thing.
type Family struct {
	// ID is what facts and the subjects of findings hold. It is never printed, and never changes.
	ID string `json:"-"`
	// Name is the family in everything that is printed. Families that are of one kind to a reader
	// share a name: all valid events are "valid".
	Name string `json:"name"`
	// Title says what is sent.
	Title string `json:"title"`
	// Accepted completes "the receiver accepted …"; it is empty where acceptance proves nothing.
	Accepted string `json:"accepted,omitempty"`
	// Checks are those that read the family's responses.
	Checks []string `json:"checks"`
}

// Checks that read several families.
const (
	bypass    = "webhook.rejects-bypass"
	unsigned  = "webhook.rejects-unsigned"
	tamperedC = "webhook.rejects-tampered"
	rawBody   = "webhook.verifies-raw-body"
	genuineC  = "webhook.accepts-genuine"
	statuses  = "errors.status-codes"
	algorithm = "webhook.rejects-wrong-algorithm"
	stale     = "webhook.rejects-stale"
	unbound   = "webhook.rejects-unbound-time"
	downgrade = "webhook.rejects-downgrade"
	replay    = "webhook.replay-not-processed"
	deadline  = "webhook.answers-in-time"
)

// ReadEverything are the checks that read the responses to whatever was sent.
var ReadEverything = []string{"errors.survives-requests", statuses, "errors.no-internal-detail", "errors.logs-clean"}

// Families is every family, in the order in which they are reported.
var Families = []Family{
	{"F01", "unsigned", "no signature, or an empty or placeholder one", "events without a signature, or with an empty or placeholder one", []string{unsigned, bypass}},
	{"F02", "malformed-signature", "a malformed or random signature, or one incorrect digit", "events with a malformed or random signature", []string{unsigned, "webhook.rejects-partial-signature", algorithm}},
	{"F02-near", "malformed-signature", "a signature with one incorrect digit", "signatures with one incorrect digit", []string{"webhook.rejects-partial-signature"}},
	{"F03", "truncated-signature", "a part of the correct signature", "truncated signatures", []string{"webhook.rejects-partial-signature"}},
	{"F04", "guessable-key", "signed with a random or default key, or with what a missing variable turns into", "events signed with a random or default key, or with what a missing variable turns into", []string{"webhook.rejects-wrong-key"}},
	{"F05", "unkeyed-digest", "a digest without HMAC", "a digest without HMAC (no key, or the key next to the body)", []string{algorithm}},
	{"F06", "other-hash", "an HMAC with the correct key and another hash", "the correct key with another hash", []string{algorithm}},
	{"F07", "tampered", "the correct signature of another body", "a body that was changed after signing", []string{tamperedC}},
	{"F08", "reserialized", "a body that was re-serialized after signing", "a body that was re-serialized after signing", []string{rawBody, tamperedC}},
	{"F09", "decoded-text", "a body of which only the decoded text was signed", "a body of which only the decoded text was signed", []string{rawBody, tamperedC}},
	{"F10", "content-type", "an incorrect signature under another content type", "incorrectly signed events under another content type", []string{bypass, tamperedC}},
	{"F11", "empty-body-signature", "the signature of an empty body with a form or text", "the signature of an empty body for a form or text", []string{tamperedC, bypass, rawBody}},
	{"F12", "method", "unsigned, with another method", "unsigned events sent with another method", []string{bypass}},
	{"F13", "path", "unsigned, to a variant of the path", "unsigned events sent to a variant of the path", []string{bypass}},
	{"F14", "trust-header", "unsigned, with a header or field that hints at trust", "unsigned events with a header or field that hints at trust", []string{bypass}},
	{"F15", "other-environment", "signed with the other environment's key", "events signed with the other environment's key", []string{"environments.credentials-not-interchangeable"}},
	{"F16", "misplaced-signature", "the correct signature in the wrong place, an incorrect one in the header", "a correct signature in the wrong place next to an incorrect one in the header", []string{bypass}},
	{"F17", "unparsable-header", "a signature header that cannot be parsed", "events with a signature header that cannot be parsed", []string{unsigned, bypass}},
	{"F18", "compressed", "unsigned, with a Content-Encoding", "unsigned events under a Content-Encoding", []string{bypass}},
	{"F19", "repeated-header", "incorrect signatures in a repeated header", "incorrect signatures in a repeated header", []string{bypass}},
	{"F20", "retired-key", "signed with a retired key", "events signed with a retired key", []string{"webhook.rejects-retired-key", "api-key.rotated-after-exposure"}},
	{"F21", "transport", "unsigned and large, chunked or sent over HTTP/2", "unsigned events that are large, chunked or sent over HTTP/2", []string{bypass}},
	{FamilyStale, "stale-timestamp", "a correct signature over a timestamp beyond the tolerance", "events whose signed timestamp is older than the tolerance", []string{stale}},
	{FamilyUnbound, "unbound-timestamp", "the correct signature with another timestamp or identifier, or over the body alone", "events whose timestamp or identifier is not covered by the signature", []string{unbound}},
	{FamilyFuture, "future-timestamp", "a correct signature over a timestamp in the future", "events whose signed timestamp is in the future", []string{stale}},
	{FamilyList, "signature-list", "several signatures, none of them correct", "a list of signatures of which none is correct", []string{unsigned}},
	{FamilyRotation, "signature-list", "several signatures, one of them correct", "", []string{"webhook.accepts-rotation"}},
	{FamilyScheme, "other-scheme", "a signature of another or older scheme", "signatures of another or older scheme", []string{downgrade}},
	{FamilyHandshake, "handshake", "a handshake that does not come from the provider", "handshakes that do not come from the provider", []string{"webhook.handshake-safe"}},
	{FamilyForeignKey, "foreign-key", "signed with a key that the request itself names or brings", "events signed with a key that the request names or brings", []string{"webhook.rejects-foreign-key"}},
	{FamilyURL, "other-url", "the correct signature of another URL", "the correct signature of another URL", []string{bypass}},
	{FamilyDigest, "body-digest", "the correct signature with the digest of another body", "a body that is not the one whose digest was signed", []string{tamperedC}},
	{FamilyReuse, "token-reuse", "another event under a signature that does not cover it", "another event under a signature that was used before", []string{replay}},

	{FamilyBaseline, "valid", "valid events to compare with", "", []string{genuineC, deadline, statuses}},
	{FamilyType, "valid", "a valid event of each type", "", []string{genuineC, deadline, statuses}},
	{FamilySize, "valid", "large valid events", "", []string{genuineC, statuses}},
	{FamilyTransport, "valid", "valid events over unusual but valid HTTP", "", []string{genuineC, statuses}},
	{FamilyRaw, "raw-body", "valid events in unusual serializations", "", []string{rawBody, genuineC, statuses}},
	{FamilyRedelivery, "duplicate", "the same valid event twice", "", []string{"webhook.tolerates-redelivery", replay, statuses}},
	{FamilyMalformed, "malformed", "correctly signed bodies that are not JSON objects", "", []string{"input.rejects-malformed", rawBody, genuineC, "webhook.tolerates-redelivery"}},
	{FamilyMissing, "missing-field", "correctly signed events without a required field", "", []string{"input.rejects-missing-fields", "input.rejects-malformed", "input.handles-unexpected-values", "input.bounded"}},
	{FamilyUnexpected, "unexpected-value", "correctly signed events with unexpected values", "", []string{"input.handles-unexpected-values"}},
	{FamilyBounded, "oversized", "correctly signed events that are deeply nested or large", "", []string{"input.bounded"}},
	{FamilyControl, "control", "correctly signed requests in between, to see that the receiver still responds", "", nil},
	{FamilyWrong, "control", "random signatures to compare with", "", nil},
	{FamilyPair, "control", "invalid events, correctly and incorrectly signed, to compare", "", nil},
	{FamilyInstance, "instance", "unsigned and incorrectly signed events on connections of their own", "", []string{"webhook.same-everywhere"}},
	{FamilyDiagnosis, "diagnosis", "where the valid event is rejected: guesses at what the receiver expects", "", []string{genuineC}},
}

// FamilyByID returns the family of an ID, one without words where there is none.
func FamilyByID(id string) Family {
	if i := slices.IndexFunc(Families, func(f Family) bool { return f.ID == id }); i >= 0 {
		return Families[i]
	}
	return Family{ID: id, Name: id}
}

// Label is a case as it is printed, such as "truncated-signature/first-16".
func Label(family, name string) string { return FamilyByID(family).Name + "/" + name }
