package sandbox

import (
	"bytes"
	"encoding/json"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// inputFlaws are receivers that verify rightly and then trip over what is signed but invalid.
var inputFlaws = slices.Concat(missingFields(), []Behaviour{
	{Name: "malformed-crashes", Description: "answers 500 to what is no JSON", // what is nested too deeply is no JSON to it
		Expect: Expect{Fails: []string{rejectsMalformed}, May: []string{statusCodes, bounded}}, plant: refusal(malformed, crash)},
	{Name: "malformed-accepted", Description: "answers what is no JSON as it answers an event",
		Expect: Expect{Fails: []string{rejectsMalformed}, May: []string{bounded}}, plant: acceptAfter(func(b []byte) bool { return !json.Valid(b) })},
	{Name: "malformed-hangs", Description: "never answers what is no JSON", Setup: Setup{Hangs: true},
		Expect: Expect{Withheld: []string{rejectsMalformed}, May: []string{statusCodes, bounded, handlesUnexpected}}, plant: refusal(malformed, answer{hang: true})},
	{Name: "malformed-resets", Description: "resets the connection on what is no JSON",
		Expect: Expect{Withheld: []string{rejectsMalformed}, May: []string{statusCodes, bounded, handlesUnexpected}}, plant: refusal(malformed, answer{reset: true})},
	{Name: "malformed-redirected", Description: "answers 302 to what is no JSON",
		Expect: Expect{Fails: []string{rejectsMalformed}, May: []string{statusCodes, bounded, handlesUnexpected}}, plant: refusal(malformed, answer{status: 302}.with("Location", "/error"))},
	{Name: "empty-crashes", Description: "answers 500 to an empty body",
		Expect: Expect{Fails: []string{rejectsMalformed}, May: []string{statusCodes}}, plant: crashAfter(func(b []byte) bool { return len(b) == 0 })},
	{Name: "null-crashes", Description: "answers 500 to null",
		Expect: Expect{Fails: []string{rejectsMalformed}, May: []string{statusCodes}}, plant: crashAfter(func(b []byte) bool { return string(bytes.TrimSpace(b)) == "null" })},
	{Name: "list-crashes", Description: "answers 500 to a list",
		Expect: Expect{Fails: []string{rejectsMalformed}, May: []string{statusCodes, bounded}}, plant: crashAfter(func(b []byte) bool { return json.Valid(b) && bytes.HasPrefix(bytes.TrimSpace(b), []byte("[")) })},
	{Name: "scalars-accepted", Description: "answers numbers and texts as it answers an event",
		Expect: Expect{Fails: []string{rejectsMalformed}}, plant: acceptAfter(func(b []byte) bool { return json.Valid(b) && !bytes.ContainsAny(b, "{[") })},
	{Name: "trailing-data-accepted", Description: "reads one JSON value and leaves the rest, as a stream decoder does",
		Expect: Expect{Fails: []string{rejectsMalformed}}, plant: func(ru *rules) {
			ru.decode = func(d *delivery) []byte {
				decoder := json.NewDecoder(bytes.NewReader(d.body))
				var first json.RawMessage
				if decoder.Decode(&first) == nil && len(first) > 0 {
					return first
				}
				return d.body
			}
			ru.after = append(ru.after, func(d *delivery) (answer, bool) { // {}x and {} {}: an empty object, which it takes to be valid
				decoder := json.NewDecoder(bytes.NewReader(d.body))
				var first map[string]any
				if err := decoder.Decode(&first); err != nil || first == nil {
					return answer{}, false
				}
				_, err := decoder.Token()
				return ru.accept(d, event{}), err != io.EOF
			})
		}},
	{Name: "nan-accepted", Description: "takes bare NaN, as Python's json does",
		Expect: Expect{Fails: []string{rejectsMalformed}, May: []string{handlesUnexpected}}, plant: acceptAfter(func(b []byte) bool {
			return bareNaN.Match(b)
		})},
	{Name: "nan-for-a-number", Description: "parses with NaN for a number, as Python's json does, and checks no number",
		Expect: Expect{Warns: []string{rejectsMalformed}}, plant: acceptAfter(func(b []byte) bool {
			return bytes.HasPrefix(b, []byte("{")) && bareNaN.Match(b)
		})},
	{Name: "single-quotes-accepted", Description: "takes single quotes, as a lenient parser does",
		Expect: Expect{Fails: []string{rejectsMalformed}}, plant: acceptAfter(func(b []byte) bool { return bytes.HasPrefix(b, []byte("{'")) })},
	{Name: "invalid-utf-8-accepted", Description: "takes broken UTF-8, as Go's and Node's parsers do",
		Expect: Expect{Warns: []string{rejectsMalformed}}, plant: acceptAfter(func(b []byte) bool { return !utf8.Valid(b) && json.Valid(b) })},
	{Name: "invalid-utf-8-crashes", Description: "answers 500 to broken UTF-8, as Python's decode does",
		Expect: Expect{Fails: []string{rejectsMalformed}, May: []string{statusCodes}}, plant: crashAfter(func(b []byte) bool { return !utf8.Valid(b) })},
	{Name: "byte-order-mark-crashes", Description: "answers 500 to a byte order mark",
		Expect: Expect{Fails: []string{rejectsMalformed}, May: []string{statusCodes}}, plant: crashAfter(func(b []byte) bool { return bytes.HasPrefix(b, []byte("\ufeff")) })},
	{Name: "missing-crashes", Description: "answers 500 when a required field is missing or of a wrong type",
		Expect: Expect{Fails: []string{rejectsMissing}, May: []string{statusCodes, handlesUnexpected}}, plant: func(ru *rules) {
			usual := ru.refuse
			ru.refuse = func(d *delivery, why reason) answer {
				if why == invalid {
					return crash
				}
				return usual(d, why)
			}
		}},
	{Name: "missing-hangs", Description: "never answers when a required field is missing", Setup: Setup{Hangs: true},
		Expect: Expect{Withheld: []string{rejectsMissing}, May: []string{statusCodes, handlesUnexpected}}, plant: func(ru *rules) {
			usual := ru.refuse
			ru.refuse = func(d *delivery, why reason) answer {
				if why == invalid {
					return answer{hang: true}
				}
				return usual(d, why)
			}
		}},
	{Name: "nothing-required", Description: "takes any JSON object",
		Expect: Expect{Fails: []string{rejectsMissing}}, plant: func(ru *rules) { ru.required = nil }},
	{Name: "unknown-type-crashes", Description: "answers 500 to an event type that it does not know",
		Expect: Expect{Fails: []string{handlesUnexpected}, May: []string{statusCodes}}, plant: func(ru *rules) { ru.unknown = func(*delivery, event) answer { return crash } }},
	{Name: "unknown-type-hangs", Description: "never answers an event type that it does not know", Setup: Setup{Hangs: true},
		Expect: Expect{Fails: []string{handlesUnexpected}, May: []string{statusCodes}}, plant: func(ru *rules) { ru.unknown = func(*delivery, event) answer { return answer{hang: true} } }},
	{Name: "unknown-field-crashes", Description: "answers 500 to a field that it does not know",
		Expect: Expect{Fails: []string{handlesUnexpected}, May: []string{statusCodes, rejectsMissing}}, plant: crashWith(func(object map[string]any) bool {
			inner, _ := object["event"].(map[string]any)
			return strangeName(object, "uid", "integration_id", "event") || strangeName(inner, "type", "details", "reasons")
		})},
	{Name: "wrong-type-crashes", Description: "answers 500 when the UID is no text",
		Expect: Expect{OneOf: []string{handlesUnexpected, rejectsMissing}, May: []string{handlesUnexpected, rejectsMissing, statusCodes}}, plant: crashWith(func(object map[string]any) bool {
			value, present := object["uid"]
			_, isText := value.(string)
			return present && !isText
		})},
	{Name: "text-for-an-object-crashes", Description: "answers 500 when the event is a text",
		Expect: Expect{Fails: []string{handlesUnexpected, statusCodes}}, plant: crashWith(func(object map[string]any) bool {
			_, isText := object["event"].(string)
			return isText
		})},
	{Name: "null-field-crashes", Description: "answers 500 when the event is null",
		Expect: Expect{OneOf: []string{handlesUnexpected, rejectsMissing}, May: []string{handlesUnexpected, rejectsMissing, statusCodes}}, plant: crashWith(func(object map[string]any) bool {
			value, present := object["event"]
			return present && value == nil
		})},
	{Name: "huge-number-crashes", Description: "answers 500 to numbers that no float holds",
		Expect: Expect{Fails: []string{handlesUnexpected}, May: []string{statusCodes}}, plant: crashAfter(hugeNumber.Match)},
	{Name: "nul-character-crashes", Description: "answers 500 to \\u0000, which Postgres does not store",
		Expect: Expect{Fails: []string{handlesUnexpected}, May: []string{statusCodes}}, plant: crashAfter(func(b []byte) bool { return bytes.Contains(b, []byte(`\u0000`)) })},
	{Name: "lone-surrogate-crashes", Description: "answers 500 to half a surrogate pair, which UTF-8 cannot spell",
		Expect: Expect{Fails: []string{handlesUnexpected}, May: []string{statusCodes}}, plant: crashAfter(loneSurrogate)},
	{Name: "nesting-crashes", Description: "answers 500 to JSON nested a hundred deep",
		Expect: Expect{Warns: []string{bounded}}, plant: crashAfter(func(b []byte) bool { return depth(b) >= 90 })},
	{Name: "deep-nesting-resets", Description: "a stack that runs over at a thousand levels of JSON ends the connection",
		Expect: Expect{Warns: []string{bounded}, May: []string{statusCodes}}, plant: func(ru *rules) {
			after(func(d *delivery) bool { return depth(d.body) >= 1000 }, answer{reset: true})(ru)
		}},
	{Name: "large-body-crashes", Description: "answers 500 above 1 MiB",
		Expect: Expect{Warns: []string{bounded}, May: []string{statusCodes}}, plant: refusal(tooLarge, crash)},
	{Name: "large-body-hangs", Description: "never answers above 1 MiB", Setup: Setup{Hangs: true},
		Expect: Expect{Withheld: []string{bounded}, May: []string{statusCodes}}, plant: refusal(tooLarge, answer{hang: true})},
})

var crash = textAnswer(500, "text/plain; charset=utf-8", "internal error")

var (
	bareNaN    = regexp.MustCompile(`(^|[:,\[])\s*-?(NaN|Infinity)\s*($|[,}\]])`)
	hugeNumber = regexp.MustCompile(`[:,\[]\s*-?([0-9]{300}|[0-9.]+[eE]\+?[0-9]{3})`)
	surrogates = regexp.MustCompile(`(?i)\\u(d[89ab][0-9a-f]{2})(\\ud[c-f][0-9a-f]{2})?|\\ud[c-f][0-9a-f]{2}`)
)

// missingFields do without one of the fields that every event has.
func missingFields() []Behaviour {
	var out []Behaviour
	for _, field := range []string{"uid", "integration_id", "event.type"} {
		out = append(out, Behaviour{Name: "missing-" + strings.NewReplacer("_", "-", "event.", "").Replace(field) + "-accepted", Description: "takes events without " + field,
			Expect: Expect{Fails: []string{rejectsMissing}}, plant: func(ru *rules) {
				ru.required = without(ru.required, field)
			}})
	}
	return append(out, Behaviour{Name: "missing-event-accepted", Description: "takes bodies without an event",
		Expect: Expect{Fails: []string{rejectsMissing}}, plant: func(ru *rules) {
			acceptAfter(func(b []byte) bool {
				object, err := ru.object(b)
				_, present := object["event"]
				return err == nil && len(object) > 0 && !present
			})(ru)
		}})
}

// crashAfter answers verified bodies of that kind with 500.
func crashAfter(when func([]byte) bool) func(*rules) {
	return after(func(d *delivery) bool { return when(d.body) }, crash)
}

// crashWith answers verified objects of that kind with 500.
func crashWith(when func(map[string]any) bool) func(*rules) {
	return func(ru *rules) {
		crashAfter(func(b []byte) bool {
			object, err := ru.object(b)
			return err == nil && when(object)
		})(ru)
	}
}

// acceptAfter answers verified bodies of that kind as if they were events.
func acceptAfter(when func([]byte) bool) func(*rules) {
	return func(ru *rules) {
		ru.after = append(ru.after, func(d *delivery) (answer, bool) { return ru.accept(d, event{}), when(d.body) })
	}
}

func strangeName(object map[string]any, known ...string) bool {
	for name := range object {
		if !slices.Contains(known, name) {
			return true
		}
	}
	return false
}

// loneSurrogate reports whether a \u escape spells half a pair.
func loneSurrogate(body []byte) bool {
	for _, found := range surrogates.FindAllSubmatch(body, -1) {
		if len(found[1]) == 0 || len(found[2]) == 0 {
			return true
		}
	}
	return false
}
