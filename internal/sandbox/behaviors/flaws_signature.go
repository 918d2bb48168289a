package behaviors

import (
	"encoding/hex"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/sandbox"
)

// signatureFlaws are receivers that look at the signature incorrectly, or at part of it.
var signatureFlaws = []sandbox.Behavior{
	{Name: "unsigned-accepted", Description: "a request without the header is not verified",
		Expect: sandbox.Expect{Fails: []string{sandbox.RejectsUnsigned}, May: []string{sandbox.SameEverywhere, sandbox.RejectsBypass}},
		Plant:  excuse(func(d *sandbox.Delivery) bool { return len(d.Header.Values(sandbox.SignatureHeader)) == 0 })},
	{Name: "empty-signature-accepted", Description: "an empty header is not verified",
		Expect: sandbox.Expect{Fails: []string{sandbox.RejectsUnsigned}}, Plant: excuseSignature(func(s string) bool { return s == "" })},
	{Name: "falsy-signature-accepted", Description: "null, none, 0 and the like in the header count as no need to verify",
		Expect: sandbox.Expect{Fails: []string{sandbox.RejectsUnsigned}},
		Plant:  excuseSignature(func(s string) bool { return slices.Contains([]string{"null", "none", "0", "false"}, s) })},
	{Name: "true-signature-accepted", Description: "the word true in the header counts as verified",
		Expect: sandbox.Expect{Fails: []string{sandbox.RejectsUnsigned}}, Plant: excuseSignature(func(s string) bool { return s == "true" })},
	{Name: "presence-only", Description: "any signature will do",
		Expect: sandbox.Expect{Fails: anySignature, May: []string{sandbox.RejectsBypass, sandbox.RejectsRetired, sandbox.SameEverywhere, sandbox.StatusCodes}}, Plant: excuseSignature(func(s string) bool { return s != "" })},
	{Name: "form-only", Description: "any 128 hex digits will do",
		Expect: sandbox.Expect{Fails: anySignature, May: []string{sandbox.RejectsBypass, sandbox.RejectsRetired, sandbox.SameEverywhere}}, Plant: excuseSignature(func(s string) bool {
			raw, err := hex.DecodeString(s)
			return err == nil && len(raw) == 64
		})},
	{Name: "zeros-accepted", Description: "a signature of zeros counts as a test's",
		Expect: sandbox.Expect{Fails: []string{sandbox.RejectsUnsigned}}, Plant: excuseSignature(func(s string) bool { return s == strings.Repeat("0", 128) })},
	{Name: "prefix-of-any-length", Description: "a signature that the correct one begins with is accepted",
		Expect: sandbox.Expect{Fails: []string{sandbox.RejectsPartial}, May: []string{sandbox.RejectsUnsigned}}, Plant: sandbox.Match(func(expected, given string) bool { return given != "" && strings.HasPrefix(expected, given) })},
	{Name: "first-half", Description: "of 128 digits only the first 64 are compared",
		Expect: sandbox.Expect{OneOf: []string{sandbox.RejectsPartial, sandbox.RejectsUnsigned, sandbox.RejectsTampered}}, Plant: sandbox.Match(func(expected, given string) bool { return len(given) == 128 && given[:64] == expected[:64] })},
	{Name: "all-but-the-last-digit", Description: "the last digit is not compared",
		Expect: sandbox.Expect{OneOf: []string{sandbox.RejectsPartial, sandbox.RejectsUnsigned, sandbox.RejectsTampered}}, Plant: sandbox.Match(func(expected, given string) bool { return len(given) == 128 && given[:127] == expected[:127] })},
	{Name: "all-but-the-first-digit", Description: "the first digit is not compared",
		Expect: sandbox.Expect{OneOf: []string{sandbox.RejectsPartial, sandbox.RejectsUnsigned, sandbox.RejectsTampered}}, Plant: sandbox.Match(func(expected, given string) bool { return len(given) == 128 && given[1:] == expected[1:] })},
	{Name: "suffix", Description: "a signature that the correct one ends with is accepted",
		Expect: sandbox.Expect{Fails: []string{sandbox.RejectsPartial}, May: []string{sandbox.RejectsUnsigned}}, Plant: sandbox.Match(func(expected, given string) bool { return given != "" && strings.HasSuffix(expected, given) })},
	{Name: "piece", Description: "any part of the correct signature is accepted",
		Expect: sandbox.Expect{Fails: []string{sandbox.RejectsPartial}, May: []string{sandbox.RejectsUnsigned}}, Plant: sandbox.Match(func(expected, given string) bool { return given != "" && strings.Contains(expected, given) })},
	{Name: "shorter-length-compared", Description: "as many digits as the shorter of both has are compared, none for an empty header",
		Expect: sandbox.Expect{Fails: []string{sandbox.RejectsPartial, sandbox.RejectsUnsigned}}, Plant: sandbox.Match(func(expected, given string) bool {
			n := min(len(expected), len(given))
			return expected[:n] == given[:n]
		})},
	{Name: "signature-from-query", Description: "a correct signature in the query will do",
		Expect: sandbox.Expect{Fails: []string{sandbox.RejectsBypass}}, Plant: otherSource(func(d *sandbox.Delivery) []string {
			var out []string
			for _, values := range d.URL.Query() {
				out = append(out, values...)
			}
			return out
		})},
	{Name: "signature-from-any-header", Description: "a correct signature in any header will do",
		Expect: sandbox.Expect{Fails: []string{sandbox.RejectsBypass}}, Plant: otherSource(func(d *sandbox.Delivery) []string {
			var out []string
			for _, values := range d.Header {
				out = append(out, values...)
			}
			return out
		})},
	{Name: "sha-256-too", Description: "HMAC-SHA-256 with the correct key is accepted too",
		Expect: sandbox.Expect{Warns: []string{sandbox.RejectsAlgorithm}}, Plant: digests(hmacSHA256)},
	{Name: "sha-1-too", Description: "HMAC-SHA-1 with the correct key is accepted too",
		Expect: sandbox.Expect{Warns: []string{sandbox.RejectsAlgorithm}}, Plant: digests(hmacSHA1)},
	{Name: "md5-too", Description: "HMAC-MD5 with the correct key is accepted too",
		Expect: sandbox.Expect{Warns: []string{sandbox.RejectsAlgorithm}}, Plant: digests(hmacMD5)},
	{Name: "sha-384-too", Description: "HMAC-SHA-384 with the correct key is accepted too",
		Expect: sandbox.Expect{Warns: []string{sandbox.RejectsAlgorithm}}, Plant: digests(hmacSHA384)},
	{Name: "algorithm-from-header", Description: "the header names the algorithm, as in sha256=…",
		Expect: sandbox.Expect{Warns: []string{sandbox.RejectsAlgorithm}}, Plant: func(ru *sandbox.Rules) {
			ru.Excuses = append(ru.Excuses, func(d *sandbox.Delivery) bool {
				name, digits, _ := strings.Cut(d.Header.Get(sandbox.SignatureHeader), "=")
				make, ok := map[string]sandbox.Digest{"sha256": hmacSHA256, "sha1": hmacSHA1, "sha384": hmacSHA384, "md5": hmacMD5}[name]
				return ok && sandbox.ExactHex(make(ru.Keys[0], d.Payload), digits)
			})
		}},
	{Name: "unknown-algorithm-accepted", Description: "an algorithm that it does not know, as in bogus=…, is not verified",
		Expect: sandbox.Expect{OneOf: []string{sandbox.RejectsAlgorithm, sandbox.RejectsUnsigned}}, Plant: excuseSignature(func(s string) bool {
			name, _, named := strings.Cut(s, "=")
			return named && !slices.Contains([]string{"sha512", "sha384", "sha256", "sha1", "md5"}, name)
		})},
	{Name: "unkeyed-digest", Description: "the body's own SHA-512 is accepted",
		Expect: sandbox.Expect{Fails: []string{sandbox.RejectsAlgorithm}}, Plant: digests(plainSHA512)},
	{Name: "key-before-body", Description: "SHA-512 of key and body is accepted, which can be extended",
		Expect: sandbox.Expect{Fails: []string{sandbox.RejectsAlgorithm}}, Plant: digests(func(key, m []byte) []byte { return plainSHA512(nil, slices.Concat(key, m)) })},
	{Name: "key-after-body", Description: "SHA-512 of body and key is accepted",
		Expect: sandbox.Expect{Fails: []string{sandbox.RejectsAlgorithm}}, Plant: digests(func(key, m []byte) []byte { return plainSHA512(nil, slices.Concat(m, key)) })},
	{Name: "sha-256-only", Description: "verifies HMAC-SHA-256, as an older guide has it, so that every event is rejected",
		Expect: nothingAccepted, Plant: func(ru *sandbox.Rules) { ru.Digests = []sandbox.Digest{hmacSHA256} }},
	{Name: "base64-only", Description: "compares with base64, so that every event is rejected",
		Expect: nothingAccepted, Plant: func(ru *sandbox.Rules) { ru.Matchers = []func([]byte, string) bool{exactBase64} }},
	{Name: "refuses-everything", Description: "uses another key, so that every event is rejected",
		Expect: nothingAccepted, Plant: func(ru *sandbox.Rules) { ru.Keys = [][]byte{[]byte(sandbox.RandomHex(20))} }},
	{Name: "key-with-newline", Description: "read its key with the trailing newline, so that every event is rejected",
		Expect: nothingAccepted, Plant: func(ru *sandbox.Rules) { ru.Keys[0] = append(ru.Keys[0], '\n') }},
	{Name: "key-in-quotes", Description: "read its key with its quotes, so that every event is rejected",
		Expect: nothingAccepted, Plant: func(ru *sandbox.Rules) { ru.Keys[0] = []byte(`"` + string(ru.Keys[0]) + `"`) }},
	{Name: "other-environments-key-only", Description: "has the other environment's key instead of its own",
		Expect: withFails(nothingAccepted, sandbox.NotInterchanged), Plant: func(ru *sandbox.Rules) { ru.Keys = [][]byte{ru.Options.OtherKey.Expose()} }},
	{Name: "prefix-required", Description: "requires sha512= before the digits, so that every event is rejected",
		Expect: nothingAccepted, Plant: func(ru *sandbox.Rules) {
			ru.Matchers = []func([]byte, string) bool{func(expected []byte, given string) bool { return given == "sha512="+hex.EncodeToString(expected) }}
		}},
	{Name: "lower-case-header-missed", Description: "finds the header only in its usual case, which HTTP does not promise",
		Expect: sandbox.Expect{Warns: []string{sandbox.AcceptsGenuine}}, Plant: func(ru *sandbox.Rules) {
			protocols(false, true)(ru)
			ru.Wrap = func(c net.Conn) net.Conn { return rewritingConn{c, "\nx-signature:", "\nx-ignored-it:"} }
		}},
	{Name: "non-hex-crashes", Description: "answers 500 when the signature is no hex",
		Expect: sandbox.Expect{Fails: []string{sandbox.StatusCodes}, Withheld: []string{sandbox.RejectsUnsigned}, May: []string{sandbox.RejectsPartial, sandbox.RejectsAlgorithm, sandbox.RejectsBypass}}, Plant: before(func(d *sandbox.Delivery) bool {
			_, err := hex.DecodeString(d.Header.Get(sandbox.SignatureHeader))
			return err != nil
		}, sandbox.TextAnswer(http.StatusInternalServerError, "text/plain", "internal error"))},
	{Name: "non-ascii-crashes", Description: "answers 500 when the signature is not ASCII, as Python's compare_digest on text does",
		Expect: sandbox.Expect{Fails: []string{sandbox.StatusCodes}, May: []string{sandbox.RejectsUnsigned}}, Plant: before(func(d *sandbox.Delivery) bool {
			return strings.ContainsFunc(d.Header.Get(sandbox.SignatureHeader), func(c rune) bool { return c > 126 })
		}, sandbox.TextAnswer(http.StatusInternalServerError, "text/html", "<h1>Internal Server Error</h1>"))},
	{Name: "long-signature-resets", Description: "a signature of 4 KB ends the connection",
		Expect: sandbox.Expect{Fails: []string{sandbox.StatusCodes}, May: []string{sandbox.RejectsUnsigned}}, Plant: before(func(d *sandbox.Delivery) bool {
			return len(d.Header.Get(sandbox.SignatureHeader)) > 1024
		}, sandbox.Answer{Reset: true})},
	{Name: "wrong-length-crashes", Description: "answers 500 when the signature has another length, as Node's timingSafeEqual does",
		Expect: sandbox.Expect{Fails: []string{sandbox.StatusCodes}, Withheld: []string{sandbox.RejectsUnsigned, sandbox.RejectsPartial}, May: []string{sandbox.RejectsAlgorithm, sandbox.RejectsBypass, sandbox.SameEverywhere}}, Plant: before(func(d *sandbox.Delivery) bool {
			s := d.Header.Get(sandbox.SignatureHeader)
			return s != "" && len(s) != 128
		}, sandbox.TextAnswer(http.StatusInternalServerError, "text/plain", "Internal Server Error"))},
}

// anySignature are the checks of a receiver that takes any signature.
var anySignature = []string{sandbox.RejectsUnsigned, sandbox.RejectsTampered, sandbox.RejectsWrongKey, sandbox.RejectsAlgorithm, sandbox.RejectsPartial, sandbox.VerifiesRaw, sandbox.NotInterchanged}

// nothingAccepted is what a receiver that rejects every valid event leads to: nothing else about its verification is known.
var nothingAccepted = sandbox.Expect{
	Fails:    []string{sandbox.AcceptsGenuine},
	Withheld: without(sandbox.ForgeryChecks, sandbox.RejectsRetired),
	May:      slices.Concat([]string{sandbox.Redelivery, sandbox.RejectsRetired, sandbox.StatusCodes, sandbox.Survives, sandbox.LogsClean}, sandbox.InputChecks),
}

func withFails(e sandbox.Expect, ids ...string) sandbox.Expect {
	e.Fails = append(slices.Clone(e.Fails), ids...)
	e.Withheld = without(e.Withheld, ids...)
	return e
}

// excuse spares requests from verification.
func excuse(when func(*sandbox.Delivery) bool) func(*sandbox.Rules) {
	return func(ru *sandbox.Rules) { ru.Excuses = append(ru.Excuses, when) }
}

// excuseSignature spares requests with a single such signature.
func excuseSignature(when func(string) bool) func(*sandbox.Rules) {
	return excuse(func(d *sandbox.Delivery) bool {
		values := d.Header.Values(sandbox.SignatureHeader)
		return len(values) == 1 && when(values[0])
	})
}

// otherSource looks for the signature in another place too.
func otherSource(find func(*sandbox.Delivery) []string) func(*sandbox.Rules) {
	return func(ru *sandbox.Rules) {
		usual := ru.Candidates
		ru.Candidates = func(d *sandbox.Delivery) []string { return append(slices.Clone(usual(d)), find(d)...) }
	}
}

// digests takes signatures made in that way too.
func digests(extra ...sandbox.Digest) func(*sandbox.Rules) {
	return func(ru *sandbox.Rules) { ru.Digests = append(ru.Digests, extra...) }
}

// before answers requests before they are verified.
func before(when func(*sandbox.Delivery) bool, a sandbox.Answer) func(*sandbox.Rules) {
	return func(ru *sandbox.Rules) {
		ru.Before = append(ru.Before, func(d *sandbox.Delivery) (sandbox.Answer, bool) { return a, when(d) })
	}
}

// after answers requests that were verified, before they are validated.
func after(when func(*sandbox.Delivery) bool, a sandbox.Answer) func(*sandbox.Rules) {
	return func(ru *sandbox.Rules) {
		ru.After = append(ru.After, func(d *sandbox.Delivery) (sandbox.Answer, bool) { return a, when(d) })
	}
}
