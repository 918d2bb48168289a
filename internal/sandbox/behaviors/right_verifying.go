package behaviors

import (
	"crypto/hmac"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/sandbox"
)

// rightVerifying are correct receivers that differ in how they find and read the signature, and in what they take as an event.
var rightVerifying = []sandbox.Behavior{
	{Name: "plain", Description: "answers 401 to forgeries and 4xx to what is invalid", Plant: func(*sandbox.Rules) {}},
	{Name: "hex-of-any-case", Description: "decodes the hex, so that upper case is accepted too", Plant: func(ru *sandbox.Rules) {
		ru.Matchers = append(ru.Matchers, decodedHex)
	}},
	{Name: "algorithm-prefix", Description: "takes sha512= before the digits too", Plant: func(ru *sandbox.Rules) {
		ru.Matchers = append(ru.Matchers, func(expected []byte, given string) bool {
			digits, ok := strings.CutPrefix(given, "sha512=")
			return ok && sandbox.ExactHex(expected, digits)
		})
	}},
	{Name: "base64", Description: "takes the digest in base64 too", Plant: func(ru *sandbox.Rules) {
		ru.Matchers = append(ru.Matchers, func(expected []byte, given string) bool {
			got, err := base64.StdEncoding.DecodeString(given)
			return err == nil && hmac.Equal(got, expected)
		})
	}},
	{Name: "surrounding-blanks", Description: "trims the header's value", Plant: func(ru *sandbox.Rules) {
		ru.Matchers = append(ru.Matchers, func(expected []byte, given string) bool { return sandbox.ExactHex(expected, strings.TrimSpace(given)) })
	}},
	{Name: "signature-list", Description: "accepts the whole correct signature wherever it appears in a list or among several headers", Plant: func(ru *sandbox.Rules) {
		ru.Candidates = func(d *sandbox.Delivery) []string {
			return strings.FieldsFunc(strings.Join(d.Header.Values(sandbox.SignatureHeader), ","), func(c rune) bool { return c == ',' || c == ' ' || c == ';' })
		}
	}},
	{Name: "first-of-several-headers", Description: "looks at the first of several signature headers, as most frameworks do", Plant: func(ru *sandbox.Rules) {
		ru.Candidates = func(d *sandbox.Delivery) []string { return []string{d.Header.Get(sandbox.SignatureHeader)} }
	}},
	{Name: "last-of-several-headers", Description: "looks at the last of several signature headers", Plant: func(ru *sandbox.Rules) {
		ru.Candidates = func(d *sandbox.Delivery) []string {
			values := d.Header.Values(sandbox.SignatureHeader)
			return values[max(0, len(values)-1):]
		}
	}},
	{Name: "unknown-types-ignored", Description: "answers 200 to event types that it does not know and ignores them", Plant: func(ru *sandbox.Rules) {
		ru.Unknown = ru.Accept
	}},
	{Name: "unknown-types-bad-request", Description: "answers 400 to event types that it does not know", Plant: func(ru *sandbox.Rules) {
		ru.Unknown = func(d *sandbox.Delivery, _ sandbox.Event) sandbox.Answer {
			return sandbox.PlainRefusal(d, sandbox.Malformed)
		}
	}},
	{Name: "integration-id-forbidden", Description: "answers 403 to another integration's events", Plant: func(ru *sandbox.Rules) {
		ru.After = append(ru.After, func(d *sandbox.Delivery) (sandbox.Answer, bool) {
			object, err := ru.Object(d.Payload)
			id, isText := object["integration_id"].(string)
			return sandbox.JsonAnswer(403, `{"error":"forbidden"}`), err == nil && isText && id != ru.Options.IntegrationID
		})
	}},
	{Name: "integration-id-unchecked", Description: "requires an integration ID but leaves it to the key to tell the integrations apart", Plant: func(ru *sandbox.Rules) {
		ru.Options.IntegrationID = ""
	}},
	{Name: "known-users-only", Description: "knows its users and answers 404 to others; they are listed as probe_uids", Setup: sandbox.Setup{KnownUIDs: true}, Plant: func(ru *sandbox.Rules) {
		ru.Known = func(e sandbox.Event) bool { return slices.Contains(ru.Options.KnownUIDs, e.UID) }
	}},
	{Name: "known-users-only-unlisted", Description: "knows its users and answers 404 to others; the configuration lists none", Setup: sandbox.Setup{HiddenUIDs: true},
		Expect: sandbox.Expect{Withheld: []string{sandbox.AcceptsGenuine}, May: slices.Concat([]string{sandbox.Redelivery, sandbox.StatusCodes, sandbox.HandlesUnexpected, sandbox.Bounded, sandbox.LogsClean}, sandbox.ForgeryChecks)},
		Plant: func(ru *sandbox.Rules) {
			ru.Known = func(e sandbox.Event) bool { return slices.Contains(ru.Options.KnownUIDs, e.UID) }
		}},
	{Name: "known-users-only-as-wrong-signature", Description: "knows its users and gives others the answer to an incorrect signature; the configuration lists none", Setup: sandbox.Setup{HiddenUIDs: true},
		Expect: sandbox.Expect{Withheld: []string{sandbox.AcceptsGenuine}, May: slices.Concat([]string{sandbox.Redelivery, sandbox.StatusCodes, sandbox.HandlesUnexpected, sandbox.Bounded, sandbox.LogsClean}, sandbox.ForgeryChecks)},
		Plant: func(ru *sandbox.Rules) {
			ru.Known = func(e sandbox.Event) bool { return slices.Contains(ru.Options.KnownUIDs, e.UID) }
			ru.Unknown = func(d *sandbox.Delivery, _ sandbox.Event) sandbox.Answer {
				return sandbox.PlainRefusal(d, sandbox.Unauthentic)
			}
		}},
	{Name: "deduplicated-with-another-body", Description: "answers a duplicate delivery with 200 and says that it is one", Plant: func(ru *sandbox.Rules) {
		ru.Redeliver = func(*sandbox.Delivery, sandbox.Event) sandbox.Answer {
			return sandbox.JsonAnswer(200, `{"status":"duplicate"}`)
		}
	}},
	{Name: "strict-content-type", Description: "answers 415 to all content types but JSON, before the signature is checked", Plant: beforeVerifying(func(d *sandbox.Delivery) (sandbox.Answer, bool) {
		mediaType, _, _ := strings.Cut(d.Header.Get("Content-Type"), ";")
		return sandbox.JsonAnswer(415, `{"error":"unsupported media type"}`), strings.TrimSpace(mediaType) != "application/json"
	})},
	{Name: "encoded-bodies-refused", Description: "answers 415 to any Content-Encoding", Plant: beforeVerifying(func(d *sandbox.Delivery) (sandbox.Answer, bool) {
		return sandbox.JsonAnswer(415, `{"error":"unsupported encoding"}`), d.Header.Get("Content-Encoding") != ""
	})},
	{Name: "signature-missing-is-bad-request", Description: "answers 400 to a missing signature and 401 to a wrong one", Plant: beforeVerifying(func(d *sandbox.Delivery) (sandbox.Answer, bool) {
		return sandbox.JsonAnswer(400, `{"error":"missing signature"}`), d.Header.Get(sandbox.SignatureHeader) == ""
	})},
	{Name: "invalid-is-bad-request", Description: "answers 400 to all that is invalid", Plant: func(ru *sandbox.Rules) {
		ru.Unknown = func(d *sandbox.Delivery, _ sandbox.Event) sandbox.Answer {
			return sandbox.PlainRefusal(d, sandbox.Malformed)
		}
		ru.Refuse = func(d *sandbox.Delivery, why sandbox.Reason) sandbox.Answer {
			if why == sandbox.Invalid {
				why = sandbox.Malformed
			}
			return sandbox.PlainRefusal(d, why)
		}
	}},
	{Name: "small-bodies-only", Description: "answers 413 above 100 KiB", Plant: func(ru *sandbox.Rules) { ru.MaxBody = 100 << 10 }},
	{Name: "large-bodies-too", Description: "takes up to 16 MiB", Plant: func(ru *sandbox.Rules) { ru.MaxBody = 16 << 20 }},
	{Name: "deep-nesting-taken", Description: "takes JSON of any depth within its body limit", Plant: func(ru *sandbox.Rules) { ru.MaxDepth = sandbox.MaxBody }},
	{Name: "byte-order-mark-taken", Description: "verifies the raw bytes, then skips a byte order mark", Plant: func(ru *sandbox.Rules) {
		ru.Decode = func(d *sandbox.Delivery) []byte { return []byte(strings.TrimPrefix(string(d.Payload), "\ufeff")) }
	}},
	{Name: "parses-first", Description: "answers 400 to a body that is not JSON before it verifies", Plant: func(ru *sandbox.Rules) {
		ru.Before = append(ru.Before, func(d *sandbox.Delivery) (sandbox.Answer, bool) {
			_, err := ru.Object(d.Payload)
			return sandbox.PlainRefusal(d, sandbox.Malformed), err != nil
		})
	}},
	{Name: "key-by-integration", Description: "finds the key by the body's integration ID, and answers 404 to those that it does not know before it verifies", Plant: func(ru *sandbox.Rules) {
		ru.Before = append(ru.Before, func(d *sandbox.Delivery) (sandbox.Answer, bool) {
			object, err := ru.Object(d.Payload)
			if err != nil {
				return sandbox.PlainRefusal(d, sandbox.Malformed), true
			}
			return sandbox.PlainRefusal(d, sandbox.UnknownUser), object["integration_id"] != ru.Options.IntegrationID
		})
	}},
	{Name: "strict-fields", Description: "answers 422 to fields that the documentation does not name", Plant: func(ru *sandbox.Rules) {
		ru.After = append(ru.After, func(d *sandbox.Delivery) (sandbox.Answer, bool) {
			object, err := ru.Object(d.Payload)
			for name := range object {
				if !slices.Contains([]string{"uid", "integration_id", "event"}, name) {
					return sandbox.PlainRefusal(d, sandbox.Invalid), err == nil
				}
			}
			return sandbox.Answer{}, false
		})
	}},
	{Name: "two-current-keys", Description: "takes the retired key until the end of its rotation window, which the configuration tells", Setup: sandbox.Setup{RetiredKey: true, RotationWindow: true}, Plant: takeRetiredKey},
	{Name: "retired-key-refused", Description: "takes the current key only; a retired one is listed", Setup: sandbox.Setup{RetiredKey: true}, Plant: func(*sandbox.Rules) {}},
}

func decodedHex(expected []byte, given string) bool {
	got, err := hex.DecodeString(given)
	return err == nil && hmac.Equal(got, expected)
}

func takeRetiredKey(ru *sandbox.Rules) { ru.Keys = append(ru.Keys, ru.Options.RetiredKey.Expose()) }
