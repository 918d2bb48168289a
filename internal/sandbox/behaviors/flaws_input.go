package behaviors

import (
	"bytes"
	"encoding/json"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/prelaunch-audit/prelaunch/internal/sandbox"
)

// inputFlaws are receivers that verify correctly and then trip over what is signed but invalid.
var inputFlaws = slices.Concat(missingFields(), []sandbox.Behavior{
	{Name: "malformed-accepted", Description: "answers a body that is not JSON as it answers an event",
		Expect: sandbox.Expect{Fails: []string{sandbox.RejectsMalformed}, May: []string{sandbox.Bounded}}, Plant: acceptAfter(func(b []byte) bool { return !json.Valid(b) })},
	{Name: "malformed-hangs", Description: "never answers a body that is not JSON", Setup: sandbox.Setup{Hangs: true},
		Expect: sandbox.Expect{Withheld: []string{sandbox.RejectsMalformed}, May: []string{sandbox.StatusCodes, sandbox.Bounded, sandbox.HandlesUnexpected}}, Plant: sandbox.Refusal(sandbox.Malformed, sandbox.Answer{Hang: true})},
	{Name: "malformed-resets", Description: "resets the connection on a body that is not JSON",
		Expect: sandbox.Expect{Withheld: []string{sandbox.RejectsMalformed}, May: []string{sandbox.StatusCodes, sandbox.Bounded, sandbox.HandlesUnexpected}}, Plant: sandbox.Refusal(sandbox.Malformed, sandbox.Answer{Reset: true})},
	{Name: "malformed-redirected", Description: "answers 302 to a body that is not JSON",
		Expect: sandbox.Expect{Fails: []string{sandbox.RejectsMalformed}, May: []string{sandbox.StatusCodes, sandbox.Bounded, sandbox.HandlesUnexpected}}, Plant: sandbox.Refusal(sandbox.Malformed, sandbox.Answer{Status: 302}.With("Location", "/error"))},
	{Name: "empty-crashes", Description: "answers 500 to an empty body",
		Expect: sandbox.Expect{Fails: []string{sandbox.RejectsMalformed}, May: []string{sandbox.StatusCodes}}, Plant: crashAfter(func(b []byte) bool { return len(b) == 0 })},
	{Name: "null-crashes", Description: "answers 500 to null",
		Expect: sandbox.Expect{Fails: []string{sandbox.RejectsMalformed}, May: []string{sandbox.StatusCodes}}, Plant: crashAfter(func(b []byte) bool { return string(bytes.TrimSpace(b)) == "null" })},
	{Name: "list-crashes", Description: "answers 500 to a list",
		Expect: sandbox.Expect{Fails: []string{sandbox.RejectsMalformed}, May: []string{sandbox.StatusCodes, sandbox.Bounded}}, Plant: crashAfter(func(b []byte) bool { return json.Valid(b) && bytes.HasPrefix(bytes.TrimSpace(b), []byte("[")) })},
	{Name: "scalars-accepted", Description: "answers numbers and texts as it answers an event",
		Expect: sandbox.Expect{Fails: []string{sandbox.RejectsMalformed}}, Plant: acceptAfter(func(b []byte) bool { return json.Valid(b) && !bytes.ContainsAny(b, "{[") })},
	{Name: "trailing-data-accepted", Description: "reads one JSON value and leaves the rest, as a stream decoder does",
		Expect: sandbox.Expect{Fails: []string{sandbox.RejectsMalformed}}, Plant: func(ru *sandbox.Rules) {
			ru.Decode = func(d *sandbox.Delivery) []byte {
				decoder := json.NewDecoder(bytes.NewReader(d.Payload))
				var first json.RawMessage
				if decoder.Decode(&first) == nil && len(first) > 0 {
					return first
				}
				return d.Payload
			}
			ru.After = append(ru.After, func(d *sandbox.Delivery) (sandbox.Answer, bool) { // {}x and {} {}: an empty object, which it takes to be valid
				decoder := json.NewDecoder(bytes.NewReader(d.Payload))
				var first map[string]any
				if err := decoder.Decode(&first); err != nil || first == nil {
					return sandbox.Answer{}, false
				}
				_, err := decoder.Token()
				return ru.Accept(d, sandbox.Event{}), err != io.EOF
			})
		}},
	{Name: "nan-accepted", Description: "takes bare NaN, as Python's json does",
		Expect: sandbox.Expect{Fails: []string{sandbox.RejectsMalformed}, May: []string{sandbox.HandlesUnexpected}}, Plant: acceptAfter(func(b []byte) bool {
			return bareNaN.Match(b)
		})},
	{Name: "nan-for-a-number", Description: "parses with NaN for a number, as Python's json does, and checks no number",
		Expect: sandbox.Expect{Warns: []string{sandbox.RejectsMalformed}}, Plant: acceptAfter(func(b []byte) bool {
			return bytes.HasPrefix(b, []byte("{")) && bareNaN.Match(b)
		})},
	{Name: "single-quotes-accepted", Description: "takes single quotes, as a lenient parser does",
		Expect: sandbox.Expect{Fails: []string{sandbox.RejectsMalformed}}, Plant: acceptAfter(func(b []byte) bool { return bytes.HasPrefix(b, []byte("{'")) })},
	{Name: "invalid-utf-8-accepted", Description: "takes broken UTF-8, as Go's and Node's parsers do",
		Expect: sandbox.Expect{Warns: []string{sandbox.RejectsMalformed}}, Plant: acceptAfter(func(b []byte) bool { return !utf8.Valid(b) && json.Valid(b) })},
	{Name: "invalid-utf-8-crashes", Description: "answers 500 to broken UTF-8, as Python's decode does",
		Expect: sandbox.Expect{Fails: []string{sandbox.RejectsMalformed}, May: []string{sandbox.StatusCodes}}, Plant: crashAfter(func(b []byte) bool { return !utf8.Valid(b) })},
	{Name: "byte-order-mark-crashes", Description: "answers 500 to a byte order mark",
		Expect: sandbox.Expect{Fails: []string{sandbox.RejectsMalformed}, May: []string{sandbox.StatusCodes}}, Plant: crashAfter(func(b []byte) bool { return bytes.HasPrefix(b, []byte("\ufeff")) })},
	{Name: "missing-crashes", Description: "answers 500 when a required field is missing or of a wrong type",
		Expect: sandbox.Expect{Fails: []string{sandbox.RejectsMissing}, May: []string{sandbox.StatusCodes, sandbox.HandlesUnexpected}}, Plant: func(ru *sandbox.Rules) {
			usual := ru.Refuse
			ru.Refuse = func(d *sandbox.Delivery, why sandbox.Reason) sandbox.Answer {
				if why == sandbox.Invalid {
					return sandbox.Crash
				}
				return usual(d, why)
			}
		}},
	{Name: "missing-hangs", Description: "never answers when a required field is missing", Setup: sandbox.Setup{Hangs: true},
		Expect: sandbox.Expect{Withheld: []string{sandbox.RejectsMissing}, May: []string{sandbox.StatusCodes, sandbox.HandlesUnexpected}}, Plant: func(ru *sandbox.Rules) {
			usual := ru.Refuse
			ru.Refuse = func(d *sandbox.Delivery, why sandbox.Reason) sandbox.Answer {
				if why == sandbox.Invalid {
					return sandbox.Answer{Hang: true}
				}
				return usual(d, why)
			}
		}},
	{Name: "nothing-required", Description: "takes any JSON object",
		Expect: sandbox.Expect{Fails: []string{sandbox.RejectsMissing}}, Plant: func(ru *sandbox.Rules) { ru.Required = nil }},
	{Name: "unknown-type-crashes", Description: "answers 500 to an event type that it does not know",
		Expect: sandbox.Expect{Fails: []string{sandbox.HandlesUnexpected}, May: []string{sandbox.StatusCodes}}, Plant: func(ru *sandbox.Rules) {
			ru.Unknown = func(*sandbox.Delivery, sandbox.Event) sandbox.Answer { return sandbox.Crash }
		}},
	{Name: "unknown-type-hangs", Description: "never answers an event type that it does not know", Setup: sandbox.Setup{Hangs: true},
		Expect: sandbox.Expect{Fails: []string{sandbox.HandlesUnexpected}, May: []string{sandbox.StatusCodes}}, Plant: func(ru *sandbox.Rules) {
			ru.Unknown = func(*sandbox.Delivery, sandbox.Event) sandbox.Answer { return sandbox.Answer{Hang: true} }
		}},
	{Name: "unknown-field-crashes", Description: "answers 500 to a field that it does not know",
		Expect: sandbox.Expect{Fails: []string{sandbox.HandlesUnexpected}, May: []string{sandbox.StatusCodes, sandbox.RejectsMissing}}, Plant: crashWith(func(object map[string]any) bool {
			inner, _ := object["event"].(map[string]any)
			return strangeName(object, "uid", "integration_id", "event") || strangeName(inner, "type", "details", "reasons")
		})},
	{Name: "wrong-type-crashes", Description: "answers 500 when the UID is no text",
		Expect: sandbox.Expect{OneOf: []string{sandbox.HandlesUnexpected, sandbox.RejectsMissing}, May: []string{sandbox.HandlesUnexpected, sandbox.RejectsMissing, sandbox.StatusCodes}}, Plant: crashWith(func(object map[string]any) bool {
			value, present := object["uid"]
			_, isText := value.(string)
			return present && !isText
		})},
	{Name: "text-for-an-object-crashes", Description: "answers 500 when the event is a text",
		Expect: sandbox.Expect{Fails: []string{sandbox.HandlesUnexpected, sandbox.StatusCodes}}, Plant: crashWith(func(object map[string]any) bool {
			_, isText := object["event"].(string)
			return isText
		})},
	{Name: "null-field-crashes", Description: "answers 500 when the event is null",
		Expect: sandbox.Expect{OneOf: []string{sandbox.HandlesUnexpected, sandbox.RejectsMissing}, May: []string{sandbox.HandlesUnexpected, sandbox.RejectsMissing, sandbox.StatusCodes}}, Plant: crashWith(func(object map[string]any) bool {
			value, present := object["event"]
			return present && value == nil
		})},
	{Name: "huge-number-crashes", Description: "answers 500 to numbers that no float holds",
		Expect: sandbox.Expect{Fails: []string{sandbox.HandlesUnexpected}, May: []string{sandbox.StatusCodes}}, Plant: crashAfter(hugeNumber.Match)},
	{Name: "nul-character-crashes", Description: "answers 500 to \\u0000, which Postgres does not store",
		Expect: sandbox.Expect{Fails: []string{sandbox.HandlesUnexpected}, May: []string{sandbox.StatusCodes}}, Plant: crashAfter(func(b []byte) bool { return bytes.Contains(b, []byte(`\u0000`)) })},
	{Name: "lone-surrogate-crashes", Description: "answers 500 to half a surrogate pair, which UTF-8 cannot spell",
		Expect: sandbox.Expect{Fails: []string{sandbox.HandlesUnexpected}, May: []string{sandbox.StatusCodes}}, Plant: crashAfter(loneSurrogate)},
	{Name: "nesting-crashes", Description: "answers 500 to JSON nested a hundred deep",
		Expect: sandbox.Expect{Warns: []string{sandbox.Bounded}}, Plant: crashAfter(func(b []byte) bool { return sandbox.Depth(b) >= 90 })},
	{Name: "deep-nesting-resets", Description: "a stack that runs over at a thousand levels of JSON ends the connection",
		Expect: sandbox.Expect{Warns: []string{sandbox.Bounded}, May: []string{sandbox.StatusCodes}}, Plant: func(ru *sandbox.Rules) {
			after(func(d *sandbox.Delivery) bool { return sandbox.Depth(d.Payload) >= 1000 }, sandbox.Answer{Reset: true})(ru)
		}},
	{Name: "large-body-crashes", Description: "answers 500 above 1 MiB",
		Expect: sandbox.Expect{Warns: []string{sandbox.Bounded}, May: []string{sandbox.StatusCodes}}, Plant: sandbox.Refusal(sandbox.TooLarge, sandbox.Crash)},
	{Name: "large-body-hangs", Description: "never answers above 1 MiB", Setup: sandbox.Setup{Hangs: true},
		Expect: sandbox.Expect{Withheld: []string{sandbox.Bounded}, May: []string{sandbox.StatusCodes}}, Plant: sandbox.Refusal(sandbox.TooLarge, sandbox.Answer{Hang: true})},
})

var (
	bareNaN    = regexp.MustCompile(`(^|[:,\[])\s*-?(NaN|Infinity)\s*($|[,}\]])`)
	hugeNumber = regexp.MustCompile(`[:,\[]\s*-?([0-9]{300}|[0-9.]+[eE]\+?[0-9]{3})`)
	surrogates = regexp.MustCompile(`(?i)\\u(d[89ab][0-9a-f]{2})(\\ud[c-f][0-9a-f]{2})?|\\ud[c-f][0-9a-f]{2}`)
)

// missingFields do without one of the fields that every event has.
func missingFields() []sandbox.Behavior {
	var out []sandbox.Behavior
	for _, field := range []string{"uid", "integration_id", "event.type"} {
		out = append(out, sandbox.Behavior{Name: "missing-" + strings.NewReplacer("_", "-", "event.", "").Replace(field) + "-accepted", Description: "takes events without " + field,
			Expect: sandbox.Expect{Fails: []string{sandbox.RejectsMissing}}, Plant: func(ru *sandbox.Rules) {
				ru.Required = without(ru.Required, field)
			}})
	}
	return append(out, sandbox.Behavior{Name: "missing-event-accepted", Description: "takes bodies without an event",
		Expect: sandbox.Expect{Fails: []string{sandbox.RejectsMissing}}, Plant: func(ru *sandbox.Rules) {
			acceptAfter(func(b []byte) bool {
				object, err := ru.Object(b)
				_, present := object["event"]
				return err == nil && len(object) > 0 && !present
			})(ru)
		}})
}

// crashAfter answers verified bodies of that kind with 500.
func crashAfter(when func([]byte) bool) func(*sandbox.Rules) {
	return after(func(d *sandbox.Delivery) bool { return when(d.Payload) }, sandbox.Crash)
}

// crashWith answers verified objects of that kind with 500.
func crashWith(when func(map[string]any) bool) func(*sandbox.Rules) {
	return func(ru *sandbox.Rules) {
		crashAfter(func(b []byte) bool {
			object, err := ru.Object(b)
			return err == nil && when(object)
		})(ru)
	}
}

// acceptAfter answers verified bodies of that kind as if they were events.
func acceptAfter(when func([]byte) bool) func(*sandbox.Rules) {
	return func(ru *sandbox.Rules) {
		ru.After = append(ru.After, func(d *sandbox.Delivery) (sandbox.Answer, bool) {
			return ru.Accept(d, sandbox.Event{}), when(d.Payload)
		})
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
