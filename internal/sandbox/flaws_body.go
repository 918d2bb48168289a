package sandbox

import (
	"bytes"
	"encoding/json"
	"slices"
	"sync"
)

// bodyFlaws are receivers that verify something else than the raw body.
var bodyFlaws = []Behaviour{
	{Name: "reserialised", Description: "verifies the parsed JSON written again compactly in the fields' order, as Node's JSON.stringify(req.body) does",
		Expect: Expect{Fails: []string{verifiesRaw}, May: []string{rejectsTampered, rejectsMalformed, handlesUnexpected}}, plant: instead(compact)},
	{Name: "reserialised-as-well", Description: "takes a signature of the raw body, or else of the compact spelling",
		Expect: Expect{Fails: []string{verifiesRaw}, May: []string{rejectsTampered}}, plant: aswell(compact)},
	{Name: "reserialised-with-blanks", Description: "verifies the parsed JSON written again with Python's blanks, so that compact events are refused",
		Expect: withFails(nothingAccepted, verifiesRaw), plant: instead(func(b []byte) []byte { return spaced(compact(b)) })},
	{Name: "reserialised-sorted", Description: "verifies the parsed JSON written again with sorted names",
		Expect: withFails(nothingAccepted, verifiesRaw), plant: instead(sorted)},
	{Name: "known-fields-only", Description: "verifies what remains of the body once it was read into a type without the other fields",
		Expect: Expect{Fails: []string{verifiesRaw, rejectsTampered}, May: []string{handlesUnexpected, rejectsMalformed}}, plant: aswell(knownFields)},
	{Name: "decoded-text", Description: "verifies the body decoded to text, in which broken bytes have become U+FFFD",
		Expect: Expect{Fails: []string{verifiesRaw}, May: []string{rejectsTampered}}, plant: decodedText},
	{Name: "broken-utf-8-dropped", Description: "drops bytes that are no UTF-8 before it verifies",
		Expect: Expect{Fails: []string{verifiesRaw}, May: []string{rejectsMalformed}}, plant: func(ru *rules) {
			drop := func(d *delivery) []byte { return bytes.ToValidUTF8(d.body, nil) }
			ru.messages, ru.decode = []func(*delivery) []byte{drop}, drop
		}},
	{Name: "byte-order-mark-dropped", Description: "drops a byte order mark before it verifies",
		Expect: Expect{Fails: []string{verifiesRaw}}, plant: func(ru *rules) {
			strip := func(d *delivery) []byte { return bytes.TrimPrefix(d.body, []byte("\ufeff")) }
			ru.messages, ru.decode = []func(*delivery) []byte{strip}, strip
		}},
	{Name: "trimmed", Description: "trims the body before it verifies",
		Expect: Expect{Fails: []string{verifiesRaw}, May: []string{acceptsGenuine}}, plant: instead(bytes.TrimSpace)},
	{Name: "blanks-removed", Description: "takes a signature of the body less its blanks and line ends too",
		Expect: Expect{Fails: []string{verifiesRaw}}, plant: aswell(func(b []byte) []byte {
			var out bytes.Buffer
			if json.Compact(&out, b) != nil {
				return b
			}
			return out.Bytes()
		})},
	{Name: "reserialised-in-ascii", Description: "verifies the parsed JSON written again with everything beyond ASCII escaped, as Python's json.dumps does",
		Expect: Expect{Fails: []string{verifiesRaw}, May: []string{rejectsTampered, rejectsMalformed, handlesUnexpected}}, plant: instead(func(b []byte) []byte { return escapedASCII(compact(b)) })},
	{Name: "decoded-as-latin-1", Description: "verifies the body decoded as Latin-1 and encoded as UTF-8",
		Expect: Expect{Fails: []string{verifiesRaw}}, plant: instead(func(b []byte) []byte {
			letters := make([]rune, len(b))
			for i, c := range b {
				letters[i] = rune(c)
			}
			return []byte(string(letters))
		})},
	{Name: "escapes-decoded", Description: "verifies with \\u escapes turned into their letters",
		Expect: Expect{Fails: []string{verifiesRaw}}, plant: instead(unescaped)},
	{Name: "slashes-unescaped", Description: "verifies with \\/ turned into /, as a round trip through PHP does",
		Expect: Expect{Fails: []string{verifiesRaw}}, plant: instead(func(b []byte) []byte { return bytes.ReplaceAll(b, []byte(`\/`), []byte("/")) })},
	{Name: "cut-at-four-kibibytes", Description: "verifies the first 4096 bytes only",
		Expect: Expect{OneOf: []string{acceptsGenuine, verifiesRaw}, May: []string{bounded}}, plant: instead(func(b []byte) []byte { return b[:min(len(b), 4096)] })},
	{Name: "empty-body-acknowledged", Description: "an empty body is not verified and answered as an event is",
		Expect: Expect{Fails: []string{rejectsMalformed}, OneOf: []string{rejectsTampered, rejectsUnsigned}}, plant: func(ru *rules) {
			ru.before = append(ru.before, func(d *delivery) (answer, bool) { return ru.accept(d, event{}), len(d.body) == 0 })
		}},
	{Name: "signature-remembered", Description: "a signature that was right once is taken for any body",
		Expect: Expect{Fails: []string{rejectsTampered}}, plant: func(ru *rules) {
			var remembered sync.Map
			ru.excuses = append(ru.excuses, func(d *delivery) bool {
				signature := d.Header.Get(signatureHeader)
				if _, known := remembered.Load(signature); known {
					return true
				}
				if ru.signed(d) {
					remembered.Store(signature, true)
				}
				return false
			})
		}},
	{Name: "form-body-consumed", Description: "of a form it verifies an empty body, for the parser has read it, and takes its fields",
		Expect: Expect{OneOf: []string{rejectsTampered, rejectsBypass}}, plant: formSignedAs("")},
	{Name: "form-body-as-object", Description: "of a form it verifies {}, which is what its JSON parser made of it",
		Expect: Expect{OneOf: []string{rejectsTampered, rejectsBypass}}, plant: formSignedAs("{}")},
}

// instead replaces what is verified.
func instead(message func([]byte) []byte) func(*rules) {
	return func(ru *rules) {
		ru.messages = []func(*delivery) []byte{func(d *delivery) []byte { return message(d.body) }}
	}
}

// aswell takes a signature of another message too.
func aswell(message func([]byte) []byte) func(*rules) {
	return func(ru *rules) {
		ru.messages = append(ru.messages, func(d *delivery) []byte { return message(d.body) })
	}
}

// formSignedAs takes a form that is signed as if it were that body, and all of its fields as an event.
func formSignedAs(body string) func(*rules) {
	return func(ru *rules) {
		ru.before = append(ru.before, func(d *delivery) (answer, bool) {
			if !isForm(d.Header.Get("Content-Type")) {
				return answer{}, false
			}
			signed := slices.ContainsFunc(ru.candidates(d), func(s string) bool { return exactHex(hmacSHA512(ru.keys[0], []byte(body)), s) })
			return ru.accept(d, event{}), signed
		})
	}
}

func decodedText(ru *rules) {
	text := func(d *delivery) []byte { return []byte(string([]rune(string(d.body)))) }
	ru.messages, ru.decode = []func(*delivery) []byte{text}, text
}

// compact is the JSON as JSON.stringify(JSON.parse(body)) writes it: no blanks, names in their order with the last of equal ones
// kept, escapes resolved. What is no JSON stays as it is.
func compact(body []byte) []byte {
	value, ok := parseOrdered(body)
	if !ok {
		return body
	}
	return appendOrdered(nil, value)
}

func sorted(body []byte) []byte {
	var value any
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	if decoder.Decode(&value) != nil {
		return body
	}
	return appendOrdered(nil, value)
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
