package sandbox

import (
	"crypto/hmac"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
)

// rightVerifying are right receivers that differ in how they find and read the signature, and in what they take as an event.
var rightVerifying = []Behaviour{
	{Name: "plain", Description: "answers 401 to forgeries and 4xx to what is invalid", plant: func(*rules) {}},
	{Name: "hex-of-any-case", Description: "decodes the hex, so that upper case is taken too", plant: func(ru *rules) {
		ru.matchers = append(ru.matchers, decodedHex)
	}},
	{Name: "algorithm-prefix", Description: "takes sha512= before the digits too", plant: func(ru *rules) {
		ru.matchers = append(ru.matchers, func(expected []byte, given string) bool {
			digits, ok := strings.CutPrefix(given, "sha512=")
			return ok && exactHex(expected, digits)
		})
	}},
	{Name: "base64", Description: "takes the digest in base64 too", plant: func(ru *rules) {
		ru.matchers = append(ru.matchers, func(expected []byte, given string) bool {
			got, err := base64.StdEncoding.DecodeString(given)
			return err == nil && hmac.Equal(got, expected)
		})
	}},
	{Name: "surrounding-blanks", Description: "trims the header's value", plant: func(ru *rules) {
		ru.matchers = append(ru.matchers, func(expected []byte, given string) bool { return exactHex(expected, strings.TrimSpace(given)) })
	}},
	{Name: "signature-list", Description: "takes the whole right signature wherever it stands in a list or among several headers", plant: func(ru *rules) {
		ru.candidates = func(d *delivery) []string {
			return strings.FieldsFunc(strings.Join(d.Header.Values(signatureHeader), ","), func(c rune) bool { return c == ',' || c == ' ' || c == ';' })
		}
	}},
	{Name: "first-of-several-headers", Description: "looks at the first of several signature headers, as most frameworks do", plant: func(ru *rules) {
		ru.candidates = func(d *delivery) []string { return []string{d.Header.Get(signatureHeader)} }
	}},
	{Name: "last-of-several-headers", Description: "looks at the last of several signature headers", plant: func(ru *rules) {
		ru.candidates = func(d *delivery) []string {
			values := d.Header.Values(signatureHeader)
			return values[max(0, len(values)-1):]
		}
	}},
	{Name: "unknown-types-ignored", Description: "answers 200 to event types that it does not know and ignores them", plant: func(ru *rules) {
		ru.unknown = ru.accept
	}},
	{Name: "unknown-types-bad-request", Description: "answers 400 to event types that it does not know", plant: func(ru *rules) {
		ru.unknown = func(d *delivery, _ event) answer { return plainRefusal(d, malformed) }
	}},
	{Name: "integration-id-forbidden", Description: "answers 403 to another integration's events", plant: func(ru *rules) {
		ru.after = append(ru.after, func(d *delivery) (answer, bool) {
			object, err := ru.object(d.body)
			id, isText := object["integration_id"].(string)
			return jsonAnswer(403, `{"error":"forbidden"}`), err == nil && isText && id != ru.options.IntegrationID
		})
	}},
	{Name: "integration-id-unchecked", Description: "requires an integration ID but leaves it to the key to tell the integrations apart", plant: func(ru *rules) {
		ru.options.IntegrationID = ""
	}},
	{Name: "known-users-only", Description: "knows its users and answers 404 to others; they are listed as probe_uids", Setup: Setup{KnownUIDs: true}, plant: func(ru *rules) {
		ru.known = func(e event) bool { return slices.Contains(ru.options.KnownUIDs, e.UID) }
	}},
	{Name: "known-users-only-unlisted", Description: "knows its users and answers 404 to others; the configuration lists none", Setup: Setup{HiddenUIDs: true},
		Expect: Expect{Withheld: []string{acceptsGenuine}, May: slices.Concat([]string{redelivery, statusCodes, handlesUnexpected, bounded, logsClean}, forgeryChecks)},
		plant: func(ru *rules) {
			ru.known = func(e event) bool { return slices.Contains(ru.options.KnownUIDs, e.UID) }
		}},
	{Name: "known-users-only-as-wrong-signature", Description: "knows its users and gives others the answer to a wrong signature; the configuration lists none", Setup: Setup{HiddenUIDs: true},
		Expect: Expect{Withheld: []string{acceptsGenuine}, May: slices.Concat([]string{redelivery, statusCodes, handlesUnexpected, bounded, logsClean}, forgeryChecks)},
		plant: func(ru *rules) {
			ru.known = func(e event) bool { return slices.Contains(ru.options.KnownUIDs, e.UID) }
			ru.unknown = func(d *delivery, _ event) answer { return plainRefusal(d, unauthentic) }
		}},
	{Name: "deduplicated-with-another-body", Description: "answers a redelivery with 200 and says that it is one", plant: func(ru *rules) {
		ru.redeliver = func(*delivery, event) answer { return jsonAnswer(200, `{"status":"duplicate"}`) }
	}},
	{Name: "strict-content-type", Description: "answers 415 to all content types but JSON, before the signature is looked at", plant: func(ru *rules) {
		ru.before = append(ru.before, func(d *delivery) (answer, bool) {
			mediaType, _, _ := strings.Cut(d.Header.Get("Content-Type"), ";")
			return jsonAnswer(415, `{"error":"unsupported media type"}`), strings.TrimSpace(mediaType) != "application/json"
		})
	}},
	{Name: "encoded-bodies-refused", Description: "answers 415 to any Content-Encoding", plant: func(ru *rules) {
		ru.before = append(ru.before, func(d *delivery) (answer, bool) {
			return jsonAnswer(415, `{"error":"unsupported encoding"}`), d.Header.Get("Content-Encoding") != ""
		})
	}},
	{Name: "signature-missing-is-bad-request", Description: "answers 400 to a missing signature and 401 to a wrong one", plant: func(ru *rules) {
		ru.before = append(ru.before, func(d *delivery) (answer, bool) {
			return jsonAnswer(400, `{"error":"missing signature"}`), d.Header.Get(signatureHeader) == ""
		})
	}},
	{Name: "invalid-is-bad-request", Description: "answers 400 to all that is invalid", plant: func(ru *rules) {
		ru.unknown = func(d *delivery, _ event) answer { return plainRefusal(d, malformed) }
		ru.refuse = func(d *delivery, why reason) answer {
			if why == invalid {
				why = malformed
			}
			return plainRefusal(d, why)
		}
	}},
	{Name: "small-bodies-only", Description: "answers 413 above 100 KiB", plant: func(ru *rules) { ru.maxBody = 100 << 10 }},
	{Name: "large-bodies-too", Description: "takes up to 16 MiB", plant: func(ru *rules) { ru.maxBody = 16 << 20 }},
	{Name: "deep-nesting-taken", Description: "takes JSON of any depth within its body limit", plant: func(ru *rules) { ru.maxDepth = maxBody }},
	{Name: "byte-order-mark-taken", Description: "verifies the raw bytes, then skips a byte order mark", plant: func(ru *rules) {
		ru.decode = func(d *delivery) []byte { return []byte(strings.TrimPrefix(string(d.body), "\ufeff")) }
	}},
	{Name: "parses-first", Description: "answers 400 to what is no JSON before it verifies", plant: func(ru *rules) {
		ru.before = append(ru.before, func(d *delivery) (answer, bool) {
			_, err := ru.object(d.body)
			return plainRefusal(d, malformed), err != nil
		})
	}},
	{Name: "key-by-integration", Description: "finds the key by the body's integration ID, and answers 404 to those that it does not know before it verifies", plant: func(ru *rules) {
		ru.before = append(ru.before, func(d *delivery) (answer, bool) {
			object, err := ru.object(d.body)
			if err != nil {
				return plainRefusal(d, malformed), true
			}
			return plainRefusal(d, unknownUser), object["integration_id"] != ru.options.IntegrationID
		})
	}},
	{Name: "strict-fields", Description: "answers 422 to fields that the documentation does not name", plant: func(ru *rules) {
		ru.after = append(ru.after, func(d *delivery) (answer, bool) {
			object, err := ru.object(d.body)
			for name := range object {
				if !slices.Contains([]string{"uid", "integration_id", "event"}, name) {
					return plainRefusal(d, invalid), err == nil
				}
			}
			return answer{}, false
		})
	}},
	{Name: "two-current-keys", Description: "takes the retired key until the end of its rotation window, which the configuration tells", Setup: Setup{RetiredKey: true, RotationWindow: true}, plant: takeRetiredKey},
	{Name: "retired-key-refused", Description: "takes the current key only; a retired one is listed", Setup: Setup{RetiredKey: true}, plant: func(*rules) {}},
}

func decodedHex(expected []byte, given string) bool {
	got, err := hex.DecodeString(given)
	return err == nil && hmac.Equal(got, expected)
}

func takeRetiredKey(ru *rules) { ru.keys = append(ru.keys, ru.options.RetiredKey.Expose()) }
