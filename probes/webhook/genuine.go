package webhook

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"
)

// Families of properly signed requests.
const (
	familyBaseline   = "baseline"   // plain events, before anything else is sent
	familyType       = "type"       // one of each configured type
	familyRaw        = "raw-body"   // valid JSON in unusual spellings
	familySize       = "size"       // large events
	familyTransport  = "transport"  // unusual but valid HTTP
	familyRedelivery = "redelivery" // the same bytes twice
	familyControl    = "control"
	familyMalformed  = "malformed"
	familyMissing    = "missing"
	familyUnexpected = "unexpected"
	familyBounded    = "bounded"
	familyRetired    = "F20"

	caseCutOff = "cut-off"
)

// genuine are events that a right receiver takes. Those whose name starts with "value-" also hold an unusual value, to which a receiver
// may object for another reason than its signature.
var genuine = []testCase{
	{family: familyRaw, name: "python", change: signed(func(f *forge) { f.body = python.write(f.doc) })},
	{family: familyRaw, name: "pretty", change: signed(func(f *forge) { f.body = pretty.write(f.doc) })},
	{family: familyRaw, name: "trailing-newline", change: signed(func(f *forge) { f.body = append(bytes.Clone(f.body), '\n') })},
	{family: familyRaw, name: "reordered", change: signed(func(f *forge) { f.body = compact.write(f.doc.reversed()) })},
	{family: familyRaw, name: "escaped", change: signed(func(f *forge) { f.body = escaped.write(f.doc) })},
	{family: familyRaw, name: "value-non-ascii", change: signed(func(f *forge) { f.respell("prélaunch ✓", compact) })},
	{family: familyRaw, name: "value-escaped-non-ascii", change: signed(func(f *forge) { f.respell("prélaunch ✓", ascii) })},
	{family: familyRaw, name: "value-escaped-slash", change: signed(func(f *forge) { f.respell("pre/launch", slashed) })},
	{family: familyRaw, name: "value-control-character", change: signed(func(f *forge) { f.respell("prelaunch\u001b", compact) })},

	{family: familySize, name: "20-KiB", change: signed(func(f *forge) { f.grow(20 << 10) })},
	{family: familySize, name: "64-KiB", change: signed(func(f *forge) { f.grow(64 << 10) })},

	{family: familyTransport, name: "lower-case-header", change: signed(func(f *forge) { f.lowerName = true })},
	{family: familyTransport, name: "chunked", change: signed(func(f *forge) { f.chunked = true })},
	{family: familyTransport, name: "two-writes", change: signed(func(f *forge) { f.slow = true })},
	{family: familyTransport, name: "expect-continue", change: signed(func(f *forge) { f.expect = true })},
	{family: familyTransport, name: "charset", change: signed(func(f *forge) { f.contentType("application/json; charset=utf-8") })},
	{family: familyTransport, name: "http2", change: signed(func(f *forge) { f.http2 = true })},
}

// invalid are properly signed requests whose body is malformed, incomplete or unusual.
var invalid = func() []testCase {
	cases := []testCase{
		{family: familyMalformed, name: "empty", change: body("")},
		{family: familyMalformed, name: "blank", change: body("  \n")},
		{family: familyMalformed, name: "brace", change: body("{")},
		{family: familyMalformed, name: "half", change: signed(func(f *forge) { f.body = f.body[:len(f.body)/2] })},
		{family: familyMalformed, name: "trailing-junk", change: signed(func(f *forge) { f.body = append(bytes.Clone(f.body), 'x') })},
		{family: familyMalformed, name: "two-values", change: signed(func(f *forge) { f.body = append(bytes.Clone(f.body), " {}"...) })},
		{family: familyMalformed, name: "single-quotes", change: signed(func(f *forge) { f.body = bytes.ReplaceAll(f.body, []byte{'"'}, []byte{'\''}) })},
		{family: familyMalformed, name: "nan", change: body("NaN")},
		{family: familyMalformed, name: "nan-inside", change: signed(func(f *forge) { f.body = timeField.ReplaceAll(f.body, []byte("${1}NaN")) })},
		{family: familyMalformed, name: "null", change: body("null")},
		{family: familyMalformed, name: "array", change: body("[]")},
		{family: familyMalformed, name: "string", change: body(`"x"`)},
		{family: familyMalformed, name: "number", change: body("123")},
		{family: familyMalformed, name: "true", change: body("true")},
		{family: familyMalformed, name: "invalid-utf-8", change: signed(func(f *forge) {
			f.note("prelaunch\uFFFD")
			f.body = bytes.Replace(f.body, []byte("\uFFFD"), []byte{0xff}, 1)
		})},
		{family: familyMalformed, name: "utf-16", change: signed(func(f *forge) { f.body = utf16LE(f.body) })},
		{family: familyMissing, name: "all", change: body("{}")},

		{family: familyUnexpected, name: "number-out-of-range", change: signed(func(f *forge) { f.firstTime("1e400") })},
		{family: familyUnexpected, name: "number-of-400-digits", change: signed(func(f *forge) { f.firstTime(strings.Repeat("9", 400)) })},
		{family: familyUnexpected, name: "nul-character", change: signed(func(f *forge) { f.note("prelaunch\x00") })},
		{family: familyUnexpected, name: "lone-surrogate", change: signed(func(f *forge) {
			f.note("prelaunch\uFFFD")
			f.body = bytes.Replace(f.body, []byte("\uFFFD"), []byte(`\ud800`), 1)
		})},
		{family: familyMalformed, name: "bom", change: signed(func(f *forge) { f.body = append([]byte("\uFEFF"), f.body...) })},
		{family: familyUnexpected, name: "unknown-field", change: signed(func(f *forge) { f.set("prelaunch", text("unknown")) })},
		{family: familyUnexpected, name: "unknown-event-type", change: signed(func(f *forge) { f.set("event.type", text("prelaunch.unknown")) })},
		{family: familyUnexpected, name: "details-null", change: signed(func(f *forge) { f.set("event.details", literal("null")) })},
		{family: familyUnexpected, name: "details-text", change: signed(func(f *forge) { f.set("event.details", text("x")) })},
		{family: familyUnexpected, name: "details-empty", change: signed(func(f *forge) { f.set("event.details", &node{kind: '{'}) })},
		{family: familyUnexpected, name: "time-text", change: signed(func(f *forge) { f.firstTime(`"x"`) })},
		{family: familyUnexpected, name: "time-negative", change: signed(func(f *forge) { f.firstTime("-1") })},

		{family: familyBounded, name: "nesting-100", change: signed(func(f *forge) { f.nest(100) })},
		{family: familyBounded, name: "nesting-2000", change: signed(func(f *forge) { f.nest(2000) })},
		{family: familyBounded, name: "1-MiB", change: signed(func(f *forge) { f.fill(1<<20 + 1) })},
	}
	return cases
}()

// invalidOf are the invalid cases of a provider: for each required field one without it, one with null, and one of a wrong type.
func invalidOf(required []string) []testCase {
	cases := append([]testCase(nil), invalid...)
	for _, field := range required {
		cases = append(cases,
			testCase{family: familyMissing, name: field, change: signed(func(f *forge) { f.doc.remove(field); f.body = compact.write(f.doc) })},
			testCase{family: familyUnexpected, name: "null-" + field, change: signed(func(f *forge) { f.set(field, literal("null")) })},
			testCase{family: familyUnexpected, name: "number-" + field, change: signed(func(f *forge) { f.set(field, literal("7")) })},
			testCase{family: familyUnexpected, name: "array-" + field, change: signed(func(f *forge) { f.set(field, &node{kind: '['}) })},
		)
		if slices.ContainsFunc(required, func(other string) bool { return strings.HasPrefix(other, field+".") }) {
			cases = append(cases, testCase{family: familyUnexpected, name: "text-" + field, change: signed(func(f *forge) { f.set(field, text("x")) })})
		}
	}
	// Last, because it costs the connection.
	return append(cases, testCase{family: familyMalformed, name: caseCutOff, change: signed(func(f *forge) { f.abort = true })})
}

// incomplete says for which families a body is also made incomplete in careful probing, so that no right receiver takes it.
var incomplete = map[string]bool{familyUnexpected: true, familyBounded: true}

// makeIncomplete leaves out a required field that the case is not about.
func (f *forge) makeIncomplete(required []string, name string) {
	for _, field := range required {
		if !strings.HasSuffix(name, field) && !strings.Contains(field, ".") && field != "event" {
			f.doc.remove(field)
			f.body = compact.write(f.doc)
			f.base = baseIncomplete
			return
		}
	}
	f.refuse(notSentCareful)
}

// signed changes the body and signs what came of it.
func signed(change func(*forge)) func(*forge) {
	return func(f *forge) { change(f); f.sign() }
}

func body(b string) func(*forge) {
	return signed(func(f *forge) { f.body = []byte(b) })
}

func (f *forge) respell(words string, s style) {
	f.note(words)
	f.body = s.write(f.doc)
}

// firstTime replaces the value of the first time field.
func (f *forge) firstTime(value string) {
	at := timeField.FindSubmatchIndex(f.body)
	if at == nil {
		f.refuse(notSentNotPossible)
		return
	}
	f.body = append(append(bytes.Clone(f.body[:at[4]]), value...), f.body[at[5]:]...)
}

// grow makes the event as large as size by repeating what stands in its first list, or, where it has none, by white space.
func (f *forge) grow(size int) {
	var list *node
	f.doc.each(func(_ string, n *node) {
		if list == nil && n.kind == '[' && len(n.members) > 0 {
			list = n
		}
	})
	if list == nil {
		f.body = append(f.body[:1:1], append(bytes.Repeat([]byte(" "), max(0, size-len(f.body))), f.body[1:]...)...)
		return
	}
	item := list.members[0]
	each := len(compact.write(item)) + 1
	for i := range (size-len(f.body))/each + 1 {
		again := item.clone()
		again.each(func(name string, n *node) {
			if name == "key" && n.kind == '"' {
				n.text = fmt.Sprintf("%s%d", n.text, i)
			}
		})
		list.members = append(list.members, again)
	}
	f.body = compact.write(f.doc)
}

// nest adds a member that is that many lists deep.
func (f *forge) nest(depth int) {
	f.set("event.details.prelaunch", literal(strings.Repeat("[", depth)+strings.Repeat("]", depth)))
}

// fill adds a member so long that the body has exactly size bytes.
func (f *forge) fill(size int) {
	f.set("event.details.prelaunch", text(""))
	f.set("event.details.prelaunch", text(strings.Repeat("a", size-len(f.body))))
}

func utf16LE(body []byte) []byte {
	out := []byte{0xff, 0xfe}
	for _, unit := range utf16.Encode([]rune(string(body))) {
		out = append(out, byte(unit), byte(unit>>8))
	}
	return out
}
