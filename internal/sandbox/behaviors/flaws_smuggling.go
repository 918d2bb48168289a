package behaviors

import (
	"bytes"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"

	"github.com/prelaunch-audit/prelaunch/internal/sandbox"
)

var markup, comment = regexp.MustCompile(`<[^>]*>`), regexp.MustCompile(`(?s)/\*.*?\*/`)

// cleaned verifies and parses the body as a function leaves it.
func cleaned(clean func([]byte) []byte) func(*sandbox.Rules) {
	return func(ru *sandbox.Rules) {
		sandbox.Instead(clean)(ru)
		ru.Decode = func(d *sandbox.Delivery) []byte { return clean(d.Payload) }
	}
}

// smuggling is what a receiver leads to that verifies something else than it parses.
var smuggling = sandbox.Expect{Fails: []string{sandbox.VerifiesRaw, sandbox.RejectsTampered}}

// smugglingFlaws are receivers that verify a cleaned body, or none, and process the raw one; that
// trust what nobody vouches for; and that cannot store every valid text.
var smugglingFlaws = []sandbox.Behavior{
	{Name: "tags-stripped", Description: "verifies the body without its HTML tags", Expect: smuggling,
		Plant: sandbox.Instead(func(b []byte) []byte { return markup.ReplaceAll(b, nil) })},
	{Name: "percent-decoded", Description: "verifies the percent-decoded body", Expect: smuggling,
		Plant: sandbox.Instead(func(b []byte) []byte {
			decoded, err := url.PathUnescape(string(b))
			if err != nil {
				return b
			}
			return []byte(decoded)
		})},
	{Name: "slashes-stripped", Description: "verifies the body without backslashes, as PHP's stripslashes leaves it",
		Expect: sandbox.Expect{Fails: []string{sandbox.VerifiesRaw, sandbox.RejectsTampered}, May: []string{sandbox.HandlesUnexpected}},
		Plant:  aswell(func(b []byte) []byte { return bytes.ReplaceAll(b, []byte(`\`), nil) })},
	{Name: "line-ends-normalized", Description: "verifies the body with LF for CRLF", Expect: smuggling,
		Plant: sandbox.Instead(func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")) })},
	{Name: "text-normalized", Description: "verifies the body in Unicode's composed form", Expect: smuggling,
		Plant: sandbox.Instead(func(b []byte) []byte {
			return bytes.ReplaceAll(bytes.ReplaceAll(b, []byte("a\u0301"), []byte("\u00e1")), []byte("e\u0301"), []byte("\u00e9"))
		})},
	{Name: "plus-decoded", Description: "verifies the body with a blank for each +", Expect: smuggling,
		Plant: sandbox.Instead(func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("+"), []byte(" ")) })},
	{Name: "zero-width-stripped", Description: "verifies the body without zero-width blanks", Expect: smuggling,
		Plant: sandbox.Instead(func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("\u200b"), nil) })},
	{Name: "comments-stripped", Description: "verifies and parses the body without comments", Expect: smuggling, Plant: cleaned(func(b []byte) []byte { return comment.ReplaceAll(b, nil) })},
	{Name: "trailing-commas-dropped", Description: "verifies and parses the body without trailing commas", Expect: smuggling, Plant: cleaned(func(b []byte) []byte { return bytes.ReplaceAll(b, []byte(",}"), []byte("}")) })},
	{Name: "nuls-dropped", Description: "verifies and parses the body without NUL", Expect: smuggling, Plant: cleaned(func(b []byte) []byte { return bytes.ReplaceAll(b, []byte{0}, nil) })},
	{Name: "quotes-doubled", Description: "verifies and parses the body with double quotes for single ones",
		Expect: sandbox.Expect{Fails: smuggling.Fails, May: []string{sandbox.RejectsMalformed}},
		Plant:  cleaned(func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("'"), []byte(`"`)) })},
	{Name: "tabs-expanded", Description: "verifies the body with blanks for tabs", Expect: sandbox.Expect{Fails: []string{sandbox.VerifiesRaw}},
		Plant: sandbox.Instead(func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("\t"), []byte("    ")) })},
	{Name: "stream-already-read", Description: "accepts the signature of an empty body for any",
		Expect: sandbox.Expect{Fails: smuggling.Fails, May: []string{sandbox.RejectsBypass}},
		Plant:  aswell(func([]byte) []byte { return nil })},

	{Name: "private-address-trusted", Description: "does not verify what a proxy says came from 10.0.0.0/8",
		Expect: sandbox.Expect{Fails: []string{sandbox.RejectsBypass}},
		Plant:  excuse(func(d *sandbox.Delivery) bool { return strings.HasPrefix(d.Header.Get("X-Forwarded-For"), "10.") })},
	{Name: "link-local-trusted", Description: "does not verify what a proxy says came from 169.254.0.0/16",
		Expect: sandbox.Expect{Fails: []string{sandbox.RejectsBypass}},
		Plant:  excuse(func(d *sandbox.Delivery) bool { return strings.HasPrefix(d.Header.Get("X-Real-Ip"), "169.254.") })},
	{Name: "provider-agent-trusted", Description: "does not verify what names the provider in User-Agent",
		Expect: sandbox.Expect{Fails: []string{sandbox.RejectsBypass}},
		Plant: excuse(func(d *sandbox.Delivery) bool {
			return strings.Contains(strings.ToLower(d.Header.Get("User-Agent")), "begini")
		})},
	{Name: "local-host-trusted", Description: "does not verify what asks for localhost",
		Expect: sandbox.Expect{Fails: []string{sandbox.RejectsBypass}},
		Plant:  excuse(func(d *sandbox.Delivery) bool { return d.Host == "localhost" })},
	{Name: "unset-token-trusted", Description: "does not verify a request with the bearer token, which is not set",
		Expect: sandbox.Expect{Fails: []string{sandbox.RejectsBypass}},
		Plant:  excuse(func(d *sandbox.Delivery) bool { return d.Header.Get("Authorization") == "Bearer undefined" })},
	{Name: "empty-key-for-unknown-integration", Description: "has an empty key for an integration that it does not know",
		Expect: sandbox.Expect{Fails: []string{sandbox.RejectsWrongKey}},
		Plant: func(ru *sandbox.Rules) {
			ru.Before = append(ru.Before, func(d *sandbox.Delivery) (sandbox.Answer, bool) {
				object, err := ru.Object(d.Payload)
				id, _ := object["integration_id"].(string)
				if err != nil || id == "" || id == ru.Options.IntegrationID {
					return sandbox.Answer{}, false
				}
				signed := sandbox.ExactHex(sandbox.HmacSHA512(nil, d.Payload), d.Header.Get(sandbox.SignatureHeader))
				return ru.Accept(d, sandbox.Event{}), signed
			})
		}},

	{Name: "verifies-for-its-auditor-only", Description: "verifies only what names the auditor in User-Agent",
		Expect: sandbox.Expect{Fails: append([]string{sandbox.RejectsBypass}, anySignature...), May: []string{sandbox.SameEverywhere}},
		Plant:  excuse(func(d *sandbox.Delivery) bool { return !strings.Contains(d.Header.Get("User-Agent"), "prelaunch") })},
	{Name: "null-signature-accepted", Description: "the word null in the header counts as none needed; its responses hold a null",
		Expect: sandbox.Expect{Fails: []string{sandbox.RejectsUnsigned}},
		Plant: func(ru *sandbox.Rules) {
			excuseSignature(func(s string) bool { return s == "null" })(ru)
			accept(sandbox.JsonAnswer(200, `{"ok":true,"error":null}`))(ru)
		}},

	{Name: "emoji-crashes", Description: "responds with 500 to characters of four bytes, which its column does not store",
		Expect: sandbox.Expect{Fails: []string{sandbox.AcceptsGenuine, sandbox.StatusCodes}, May: []string{sandbox.VerifiesRaw, sandbox.RejectsMalformed}},
		Plant:  crashesAbove(0xffff)},
	{Name: "beyond-latin-1-crashes", Description: "responds with 500 to text that is not Latin-1",
		Expect: sandbox.Expect{Fails: []string{sandbox.AcceptsGenuine, sandbox.StatusCodes}, May: []string{sandbox.VerifiesRaw, sandbox.RejectsMalformed}},
		Plant:  crashesAbove(0xff)},
	{Name: "beyond-ascii-crashes", Description: "responds with 500 to text that is not ASCII, as with LANG=C",
		Expect: sandbox.Expect{Fails: []string{sandbox.AcceptsGenuine, sandbox.StatusCodes}, May: []string{sandbox.VerifiesRaw, sandbox.RejectsMalformed}},
		Plant:  crashesAbove(0x7f)},
	{Name: "emoji-hangs", Description: "never answers characters of four bytes", Setup: sandbox.Setup{Hangs: true},
		Expect: sandbox.Expect{Fails: []string{sandbox.AcceptsGenuine}, Withheld: []string{sandbox.VerifiesRaw}, May: []string{sandbox.RejectsMalformed}},
		Plant:  above(0xffff, sandbox.Answer{Hang: true})},
	{Name: "first-chunk-verified", Description: "verifies the first 32 KiB, so that larger events are rejected",
		Expect: sandbox.Expect{Fails: []string{sandbox.AcceptsGenuine}, May: []string{sandbox.Bounded}},
		Plant:  sandbox.Instead(func(b []byte) []byte { return b[:min(len(b), 32<<10)] })},
}

// crashesAbove responds with 500 to verified events with a character beyond last.
func crashesAbove(last rune) func(*sandbox.Rules) {
	return above(last, sandbox.TextAnswer(500, "text/plain", "internal error"))
}

// above responds with a to verified events with a character beyond last, escaped or not.
func above(last rune, a sandbox.Answer) func(*sandbox.Rules) {
	return after(func(d *sandbox.Delivery) bool {
		return strings.ContainsFunc(string(unescaped(d.Payload)), func(c rune) bool { return c > last && c != '\ufffd' })
	}, a)
}

// recognitionFlaws are receivers that recognize the auditor by something else than its name.
var recognitionFlaws = []sandbox.Behavior{
	{Name: "verifies-without-accept-encoding-only", Description: "verifies only what has no Accept-Encoding, which most senders have",
		Expect: sandbox.Expect{Fails: append([]string{sandbox.RejectsBypass}, anySignature...), May: []string{sandbox.SameEverywhere}},
		Plant:  excuse(func(d *sandbox.Delivery) bool { return d.Header.Get("Accept-Encoding") != "" })},
	{Name: "verifies-once-its-auditor-came", Description: "verifies nothing until a request named the auditor in User-Agent",
		Expect: sandbox.Expect{Fails: []string{sandbox.RejectsBypass, sandbox.RejectsUnsigned}, May: anySignature},
		Plant: func(ru *sandbox.Rules) {
			var seen atomic.Bool
			ru.First = append(ru.First, func(d *sandbox.Delivery) (sandbox.Answer, bool) {
				if strings.Contains(d.Header.Get("User-Agent"), "prelaunch") {
					seen.Store(true)
				}
				return sandbox.Answer{}, false
			})
			excuse(func(*sandbox.Delivery) bool { return !seen.Load() })(ru)
		}},
}
