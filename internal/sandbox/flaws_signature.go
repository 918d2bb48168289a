package sandbox

import (
	"encoding/hex"
	"net"
	"net/http"
	"slices"
	"strings"
)

// signatureFlaws are receivers that look at the signature wrongly, or at part of it.
var signatureFlaws = []Behaviour{
	{Name: "unsigned-accepted", Description: "a request without the header is not verified",
		Expect: Expect{Fails: []string{rejectsUnsigned}, May: []string{sameEverywhere, rejectsBypass}},
		plant:  excuse(func(d *delivery) bool { return len(d.Header.Values(signatureHeader)) == 0 })},
	{Name: "empty-signature-accepted", Description: "an empty header is not verified",
		Expect: Expect{Fails: []string{rejectsUnsigned}}, plant: excuseSignature(func(s string) bool { return s == "" })},
	{Name: "falsy-signature-accepted", Description: "null, none, 0 and the like in the header count as no need to verify",
		Expect: Expect{Fails: []string{rejectsUnsigned}},
		plant:  excuseSignature(func(s string) bool { return slices.Contains([]string{"null", "none", "0", "false"}, s) })},
	{Name: "true-signature-accepted", Description: "the word true in the header counts as verified",
		Expect: Expect{Fails: []string{rejectsUnsigned}}, plant: excuseSignature(func(s string) bool { return s == "true" })},
	{Name: "presence-only", Description: "any signature will do",
		Expect: Expect{Fails: anySignature, May: []string{rejectsBypass, rejectsRetired, sameEverywhere, statusCodes}}, plant: excuseSignature(func(s string) bool { return s != "" })},
	{Name: "form-only", Description: "any 128 hex digits will do",
		Expect: Expect{Fails: anySignature, May: []string{rejectsBypass, rejectsRetired, sameEverywhere}}, plant: excuseSignature(func(s string) bool {
			raw, err := hex.DecodeString(s)
			return err == nil && len(raw) == 64
		})},
	{Name: "zeros-accepted", Description: "a signature of zeros counts as a test's",
		Expect: Expect{Fails: []string{rejectsUnsigned}}, plant: excuseSignature(func(s string) bool { return s == strings.Repeat("0", 128) })},
	{Name: "prefix-of-any-length", Description: "a signature that the right one begins with is taken",
		Expect: Expect{Fails: []string{rejectsPartial}, May: []string{rejectsUnsigned}}, plant: match(func(expected, given string) bool { return given != "" && strings.HasPrefix(expected, given) })},
	{Name: "first-sixteen-digits", Description: "only the first 16 digits are compared",
		Expect: Expect{Fails: []string{rejectsPartial}, May: []string{rejectsUnsigned, rejectsTampered}}, plant: match(func(expected, given string) bool { return len(given) >= 16 && given[:16] == expected[:16] })},
	{Name: "first-half", Description: "of 128 digits only the first 64 are compared",
		Expect: Expect{OneOf: []string{rejectsPartial, rejectsUnsigned, rejectsTampered}}, plant: match(func(expected, given string) bool { return len(given) == 128 && given[:64] == expected[:64] })},
	{Name: "all-but-the-last-digit", Description: "the last digit is not compared",
		Expect: Expect{OneOf: []string{rejectsPartial, rejectsUnsigned, rejectsTampered}}, plant: match(func(expected, given string) bool { return len(given) == 128 && given[:127] == expected[:127] })},
	{Name: "all-but-the-first-digit", Description: "the first digit is not compared",
		Expect: Expect{OneOf: []string{rejectsPartial, rejectsUnsigned, rejectsTampered}}, plant: match(func(expected, given string) bool { return len(given) == 128 && given[1:] == expected[1:] })},
	{Name: "suffix", Description: "a signature that the right one ends with is taken",
		Expect: Expect{Fails: []string{rejectsPartial}, May: []string{rejectsUnsigned}}, plant: match(func(expected, given string) bool { return given != "" && strings.HasSuffix(expected, given) })},
	{Name: "piece", Description: "any piece of the right signature is taken",
		Expect: Expect{Fails: []string{rejectsPartial}, May: []string{rejectsUnsigned}}, plant: match(func(expected, given string) bool { return given != "" && strings.Contains(expected, given) })},
	{Name: "shorter-length-compared", Description: "as many digits as the shorter of both has are compared, none for an empty header",
		Expect: Expect{Fails: []string{rejectsPartial, rejectsUnsigned}}, plant: match(func(expected, given string) bool {
			n := min(len(expected), len(given))
			return expected[:n] == given[:n]
		})},
	{Name: "signature-from-query", Description: "a right signature in the query will do",
		Expect: Expect{Fails: []string{rejectsBypass}}, plant: otherSource(func(d *delivery) []string {
			var out []string
			for _, values := range d.URL.Query() {
				out = append(out, values...)
			}
			return out
		})},
	{Name: "signature-from-any-header", Description: "a right signature in any header will do",
		Expect: Expect{Fails: []string{rejectsBypass}}, plant: otherSource(func(d *delivery) []string {
			var out []string
			for _, values := range d.Header {
				out = append(out, values...)
			}
			return out
		})},
	{Name: "sha-256-too", Description: "HMAC-SHA-256 with the right key is taken too",
		Expect: Expect{Warns: []string{rejectsAlgorithm}}, plant: digests(hmacSHA256)},
	{Name: "sha-1-too", Description: "HMAC-SHA-1 with the right key is taken too",
		Expect: Expect{Warns: []string{rejectsAlgorithm}}, plant: digests(hmacSHA1)},
	{Name: "md5-too", Description: "HMAC-MD5 with the right key is taken too",
		Expect: Expect{Warns: []string{rejectsAlgorithm}}, plant: digests(hmacMD5)},
	{Name: "sha-384-too", Description: "HMAC-SHA-384 with the right key is taken too",
		Expect: Expect{Warns: []string{rejectsAlgorithm}}, plant: digests(hmacSHA384)},
	{Name: "algorithm-from-header", Description: "the header names the algorithm, as in sha256=…",
		Expect: Expect{Warns: []string{rejectsAlgorithm}}, plant: func(ru *rules) {
			ru.excuses = append(ru.excuses, func(d *delivery) bool {
				name, digits, _ := strings.Cut(d.Header.Get(signatureHeader), "=")
				make, ok := map[string]digest{"sha256": hmacSHA256, "sha1": hmacSHA1, "sha384": hmacSHA384, "md5": hmacMD5}[name]
				return ok && exactHex(make(ru.keys[0], d.body), digits)
			})
		}},
	{Name: "unknown-algorithm-accepted", Description: "an algorithm that it does not know, as in bogus=…, is not verified",
		Expect: Expect{OneOf: []string{rejectsAlgorithm, rejectsUnsigned}}, plant: excuseSignature(func(s string) bool {
			name, _, named := strings.Cut(s, "=")
			return named && !slices.Contains([]string{"sha512", "sha384", "sha256", "sha1", "md5"}, name)
		})},
	{Name: "unkeyed-digest", Description: "the body's own SHA-512 is taken",
		Expect: Expect{Fails: []string{rejectsAlgorithm}}, plant: digests(plainSHA512)},
	{Name: "key-before-body", Description: "SHA-512 of key and body is taken, which can be extended",
		Expect: Expect{Fails: []string{rejectsAlgorithm}}, plant: digests(func(key, m []byte) []byte { return plainSHA512(nil, slices.Concat(key, m)) })},
	{Name: "key-after-body", Description: "SHA-512 of body and key is taken",
		Expect: Expect{Fails: []string{rejectsAlgorithm}}, plant: digests(func(key, m []byte) []byte { return plainSHA512(nil, slices.Concat(m, key)) })},
	{Name: "sha-256-only", Description: "verifies HMAC-SHA-256, as an older guide has it, so that every event is refused",
		Expect: nothingAccepted, plant: func(ru *rules) { ru.digests = []digest{hmacSHA256} }},
	{Name: "base64-only", Description: "compares with base64, so that every event is refused",
		Expect: nothingAccepted, plant: func(ru *rules) { ru.matchers = []func([]byte, string) bool{exactBase64} }},
	{Name: "refuses-everything", Description: "has another key, so that every event is refused",
		Expect: nothingAccepted, plant: func(ru *rules) { ru.keys = [][]byte{[]byte(randomHex(20))} }},
	{Name: "key-with-newline", Description: "read its key with the trailing newline, so that every event is refused",
		Expect: nothingAccepted, plant: func(ru *rules) { ru.keys[0] = append(ru.keys[0], '\n') }},
	{Name: "key-in-quotes", Description: "read its key with its quotes, so that every event is refused",
		Expect: nothingAccepted, plant: func(ru *rules) { ru.keys[0] = []byte(`"` + string(ru.keys[0]) + `"`) }},
	{Name: "other-environments-key-only", Description: "has the other environment's key instead of its own",
		Expect: withFails(nothingAccepted, notInterchanged), plant: func(ru *rules) { ru.keys = [][]byte{ru.options.OtherKey.Expose()} }},
	{Name: "prefix-required", Description: "requires sha512= before the digits, so that every event is refused",
		Expect: nothingAccepted, plant: func(ru *rules) {
			ru.matchers = []func([]byte, string) bool{func(expected []byte, given string) bool { return given == "sha512="+hex.EncodeToString(expected) }}
		}},
	{Name: "lower-case-header-missed", Description: "finds the header only in its usual spelling, which HTTP does not promise",
		Expect: Expect{Warns: []string{acceptsGenuine}}, plant: func(ru *rules) {
			protocols(false, true)(ru)
			ru.wrap = func(c net.Conn) net.Conn { return rewritingConn{c, "\nx-signature:", "\nx-ignored-it:"} }
		}},
	{Name: "non-hex-crashes", Description: "answers 500 when the signature is no hex",
		Expect: Expect{Fails: []string{statusCodes}, Withheld: []string{rejectsUnsigned}, May: []string{rejectsPartial, rejectsAlgorithm, rejectsBypass}}, plant: before(func(d *delivery) bool {
			_, err := hex.DecodeString(d.Header.Get(signatureHeader))
			return err != nil
		}, textAnswer(http.StatusInternalServerError, "text/plain", "internal error"))},
	{Name: "non-ascii-crashes", Description: "answers 500 when the signature is not ASCII, as Python's compare_digest on text does",
		Expect: Expect{Fails: []string{statusCodes}, May: []string{rejectsUnsigned}}, plant: before(func(d *delivery) bool {
			return strings.ContainsFunc(d.Header.Get(signatureHeader), func(c rune) bool { return c > 126 })
		}, textAnswer(http.StatusInternalServerError, "text/html", "<h1>Internal Server Error</h1>"))},
	{Name: "long-signature-resets", Description: "a signature of 4 KB ends the connection",
		Expect: Expect{Fails: []string{statusCodes}, May: []string{rejectsUnsigned}}, plant: before(func(d *delivery) bool {
			return len(d.Header.Get(signatureHeader)) > 1024
		}, answer{reset: true})},
	{Name: "wrong-length-crashes", Description: "answers 500 when the signature has another length, as Node's timingSafeEqual does",
		Expect: Expect{Fails: []string{statusCodes}, Withheld: []string{rejectsUnsigned, rejectsPartial}, May: []string{rejectsAlgorithm, rejectsBypass, sameEverywhere}}, plant: before(func(d *delivery) bool {
			s := d.Header.Get(signatureHeader)
			return s != "" && len(s) != 128
		}, textAnswer(http.StatusInternalServerError, "text/plain", "Internal Server Error"))},
}

// anySignature are the checks of a receiver that takes any signature.
var anySignature = []string{rejectsUnsigned, rejectsTampered, rejectsWrongKey, rejectsAlgorithm, rejectsPartial, verifiesRaw, notInterchanged}

// nothingAccepted is what a receiver that refuses every genuine event leads to: nothing else about its verification is known.
var nothingAccepted = Expect{
	Fails:    []string{acceptsGenuine},
	Withheld: without(forgeryChecks, rejectsRetired),
	May:      slices.Concat([]string{redelivery, rejectsRetired, statusCodes, logsClean}, inputChecks),
}

func withFails(e Expect, ids ...string) Expect {
	e.Fails = append(slices.Clone(e.Fails), ids...)
	e.Withheld = without(e.Withheld, ids...)
	return e
}

// excuse spares requests from verification.
func excuse(when func(*delivery) bool) func(*rules) {
	return func(ru *rules) { ru.excuses = append(ru.excuses, when) }
}

// excuseSignature spares requests with a single such signature.
func excuseSignature(when func(string) bool) func(*rules) {
	return excuse(func(d *delivery) bool {
		values := d.Header.Values(signatureHeader)
		return len(values) == 1 && when(values[0])
	})
}

// match takes a signature that relates to the right one, in hex, in that way too.
func match(relates func(expected, given string) bool) func(*rules) {
	return func(ru *rules) {
		ru.matchers = append(ru.matchers, func(expected []byte, given string) bool { return relates(hex.EncodeToString(expected), given) })
	}
}

// otherSource looks for the signature in another place too.
func otherSource(find func(*delivery) []string) func(*rules) {
	return func(ru *rules) {
		usual := ru.candidates
		ru.candidates = func(d *delivery) []string { return append(slices.Clone(usual(d)), find(d)...) }
	}
}

// digests takes signatures made in that way too.
func digests(extra ...digest) func(*rules) {
	return func(ru *rules) { ru.digests = append(ru.digests, extra...) }
}

// before answers requests before they are verified.
func before(when func(*delivery) bool, a answer) func(*rules) {
	return func(ru *rules) {
		ru.before = append(ru.before, func(d *delivery) (answer, bool) { return a, when(d) })
	}
}

// after answers requests that were verified, before they are validated.
func after(when func(*delivery) bool, a answer) func(*rules) {
	return func(ru *rules) {
		ru.after = append(ru.after, func(d *delivery) (answer, bool) { return a, when(d) })
	}
}
