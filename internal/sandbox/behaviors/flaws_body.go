package behaviors

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf16"

	"github.com/prelaunch-audit/prelaunch/internal/sandbox"
)

// bodyFlaws are receivers that verify something else than the raw body.
var bodyFlaws = []sandbox.Behavior{
	{Name: "reserialised-as-well", Description: "accepts a signature of the raw body, or else of the compact serialization",
		Expect: sandbox.Expect{Fails: []string{sandbox.VerifiesRaw}, May: []string{sandbox.RejectsTampered}}, Plant: aswell(sandbox.Compact)},
	{Name: "reserialised-with-blanks", Description: "verifies the parsed JSON re-serialized with Python's spaces, so that compact events are rejected",
		Expect: withFails(nothingAccepted, sandbox.VerifiesRaw), Plant: sandbox.Instead(func(b []byte) []byte { return spaced(sandbox.Compact(b)) })},
	{Name: "reserialised-sorted", Description: "verifies the parsed JSON re-serialized with sorted names",
		Expect: withFails(nothingAccepted, sandbox.VerifiesRaw), Plant: sandbox.Instead(sorted)},
	{Name: "known-fields-only", Description: "verifies what remains of the body once it was read into a type without the other fields",
		Expect: sandbox.Expect{Fails: []string{sandbox.VerifiesRaw, sandbox.RejectsTampered}, May: []string{sandbox.HandlesUnexpected, sandbox.RejectsMalformed}}, Plant: aswell(knownFields)},
	{Name: "decoded-text", Description: "verifies the body decoded to text, in which broken bytes have become U+FFFD",
		Expect: smuggling, Plant: decodedText},
	{Name: "broken-utf-8-dropped", Description: "drops bytes of invalid UTF-8 before it verifies",
		Expect: sandbox.Expect{Fails: []string{sandbox.VerifiesRaw, sandbox.RejectsTampered}, May: []string{sandbox.RejectsMalformed}}, Plant: func(ru *sandbox.Rules) {
			drop := func(d *sandbox.Delivery) []byte { return bytes.ToValidUTF8(d.Payload, nil) }
			ru.Messages, ru.Decode = []func(*sandbox.Delivery) []byte{drop}, drop
		}},
	{Name: "byte-order-mark-dropped", Description: "drops a byte order mark before it verifies",
		Expect: sandbox.Expect{Fails: []string{sandbox.VerifiesRaw}}, Plant: func(ru *sandbox.Rules) {
			strip := func(d *sandbox.Delivery) []byte { return bytes.TrimPrefix(d.Payload, []byte("\ufeff")) }
			ru.Messages, ru.Decode = []func(*sandbox.Delivery) []byte{strip}, strip
		}},
	{Name: "trimmed", Description: "trims the body before it verifies",
		Expect: sandbox.Expect{Fails: []string{sandbox.VerifiesRaw}, May: []string{sandbox.AcceptsGenuine}}, Plant: sandbox.Instead(bytes.TrimSpace)},
	{Name: "blanks-removed", Description: "accepts a signature of the body less its blanks and line ends too",
		Expect: sandbox.Expect{Fails: []string{sandbox.VerifiesRaw}}, Plant: aswell(func(b []byte) []byte {
			var out bytes.Buffer
			if json.Compact(&out, b) != nil {
				return b
			}
			return out.Bytes()
		})},
	{Name: "reserialised-in-ascii", Description: "verifies the parsed JSON re-serialized with everything beyond ASCII escaped, as Python's json.dumps does",
		Expect: sandbox.Expect{Fails: []string{sandbox.VerifiesRaw}, May: []string{sandbox.RejectsTampered, sandbox.RejectsMalformed, sandbox.HandlesUnexpected}}, Plant: sandbox.Instead(func(b []byte) []byte { return escapedASCII(sandbox.Compact(b)) })},
	{Name: "decoded-as-latin-1", Description: "verifies the body decoded as Latin-1 and encoded as UTF-8",
		Expect: sandbox.Expect{Fails: []string{sandbox.VerifiesRaw}, May: []string{sandbox.RejectsTampered}}, Plant: sandbox.Instead(func(b []byte) []byte {
			letters := make([]rune, len(b))
			for i, c := range b {
				letters[i] = rune(c)
			}
			return []byte(string(letters))
		})},
	{Name: "escapes-decoded", Description: "verifies with \\u escapes turned into their letters",
		Expect: sandbox.Expect{Fails: []string{sandbox.VerifiesRaw}}, Plant: sandbox.Instead(unescaped)},
	{Name: "slashes-unescaped", Description: "verifies with \\/ turned into /, as a round trip through PHP does",
		Expect: sandbox.Expect{Fails: []string{sandbox.VerifiesRaw}}, Plant: sandbox.Instead(func(b []byte) []byte { return bytes.ReplaceAll(b, []byte(`\/`), []byte("/")) })},
	{Name: "cut-at-four-kibibytes", Description: "verifies the first 4096 bytes only",
		Expect: sandbox.Expect{OneOf: []string{sandbox.AcceptsGenuine, sandbox.VerifiesRaw}, May: []string{sandbox.Bounded}}, Plant: sandbox.Instead(func(b []byte) []byte { return b[:min(len(b), 4096)] })},
	{Name: "empty-body-acknowledged", Description: "an empty body is not verified and answered as an event is",
		Expect: sandbox.Expect{Fails: []string{sandbox.RejectsMalformed}, OneOf: []string{sandbox.RejectsTampered, sandbox.RejectsUnsigned}}, Plant: func(ru *sandbox.Rules) {
			ru.Before = append(ru.Before, func(d *sandbox.Delivery) (sandbox.Answer, bool) {
				return ru.Accept(d, sandbox.Event{}), len(d.Payload) == 0
			})
		}},
	{Name: "signature-remembered", Description: "a signature that was correct once is accepted for any body",
		Expect: sandbox.Expect{Fails: []string{sandbox.RejectsTampered}}, Plant: func(ru *sandbox.Rules) {
			var remembered sync.Map
			ru.Excuses = append(ru.Excuses, func(d *sandbox.Delivery) bool {
				signature := d.Header.Get(sandbox.SignatureHeader)
				if _, known := remembered.Load(signature); known {
					return true
				}
				if ru.Signed(d) {
					remembered.Store(signature, true)
				}
				return false
			})
		}},
	{Name: "form-body-consumed", Description: "of a form it verifies an empty body, for the parser has read it, and takes its fields",
		Expect: sandbox.Expect{OneOf: []string{sandbox.RejectsTampered, sandbox.RejectsBypass}}, Plant: formSignedAs("")},
	{Name: "form-body-as-object", Description: "of a form it verifies {}, which is what its JSON parser made of it",
		Expect: sandbox.Expect{OneOf: []string{sandbox.RejectsTampered, sandbox.RejectsBypass}}, Plant: formSignedAs("{}")},
}

// aswell accepts a signature of another message too.
func aswell(message func([]byte) []byte) func(*sandbox.Rules) {
	return func(ru *sandbox.Rules) {
		ru.Messages = append(ru.Messages, func(d *sandbox.Delivery) []byte { return message(d.Payload) })
	}
}

// formSignedAs takes a form that is signed as if it were that body, and all of its fields as an event.
func formSignedAs(body string) func(*sandbox.Rules) {
	return func(ru *sandbox.Rules) {
		ru.Before = append(ru.Before, func(d *sandbox.Delivery) (sandbox.Answer, bool) {
			if !isForm(d.Header.Get("Content-Type")) {
				return sandbox.Answer{}, false
			}
			signed := slices.ContainsFunc(ru.Candidates(d), func(s string) bool { return sandbox.ExactHex(sandbox.HmacSHA512(ru.Keys[0], []byte(body)), s) })
			return ru.Accept(d, sandbox.Event{}), signed
		})
	}
}

func decodedText(ru *sandbox.Rules) {
	text := func(d *sandbox.Delivery) []byte { return []byte(string([]rune(string(d.Payload)))) }
	ru.Messages, ru.Decode = []func(*sandbox.Delivery) []byte{text}, text
}

func sorted(body []byte) []byte {
	var value any
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	if decoder.Decode(&value) != nil {
		return body
	}
	return sandbox.AppendOrdered(nil, value)
}

// spaced writes a compact JSON text with a blank after each comma and colon outside strings.
func spaced(body []byte) []byte {
	var out []byte
	inString, escaped := false, false
	for _, c := range body {
		out = append(out, c)
		switch {
		case escaped:
			escaped = false
		case inString:
			escaped, inString = c == '\\', c != '"'
		case c == '"':
			inString = true
		case c == ',' || c == ':':
			out = append(out, ' ')
		}
	}
	return out
}

// knownFields is the body as a program writes it that read it into a type with the documented fields of the envelope.
func knownFields(body []byte) []byte {
	var known struct {
		UID           string `json:"uid"`
		IntegrationID string `json:"integration_id"`
		Event         struct {
			Type    string          `json:"type"`
			Details json.RawMessage `json:"details"`
			Reasons json.RawMessage `json:"reasons,omitempty"`
		} `json:"event"`
	}
	if json.Unmarshal(body, &known) != nil {
		return body
	}
	out, err := json.Marshal(known)
	if err != nil {
		return body
	}
	return out
}

// isForm reports whether a content type is that of an HTML form.
func isForm(contentType string) bool {
	return strings.HasPrefix(contentType, "multipart/") || strings.HasPrefix(contentType, "application/x-www-form-urlencoded")
}

var escapedLetter = regexp.MustCompile(`\\u[0-9a-fA-F]{4}(\\u[dD][c-fC-F][0-9a-fA-F]{2})?`)

// unescaped is the text with its \u escapes of printable letters beyond ASCII resolved.
func unescaped(body []byte) []byte {
	return escapedLetter.ReplaceAllFunc(body, func(escape []byte) []byte {
		first, _ := strconv.ParseUint(string(escape[2:6]), 16, 16)
		if first < 0x80 || utf16.IsSurrogate(rune(first)) && len(escape) == 6 {
			return escape
		}
		if len(escape) == 6 {
			return []byte(string(rune(first)))
		}
		second, _ := strconv.ParseUint(string(escape[8:12]), 16, 16)
		if pair := utf16.DecodeRune(rune(first), rune(second)); pair != '\ufffd' {
			return []byte(string(pair))
		}
		return escape
	})
}

// escapedASCII is the text with all letters beyond ASCII as \u escapes.
func escapedASCII(body []byte) []byte {
	var out []byte
	for _, letter := range string(body) {
		if letter < 0x80 {
			out = append(out, byte(letter))
			continue
		}
		for _, unit := range utf16.Encode([]rune{letter}) {
			out = fmt.Appendf(out, `\u%04x`, unit)
		}
	}
	return out
}
