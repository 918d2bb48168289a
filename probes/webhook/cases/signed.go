package cases

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode/utf16"

	"github.com/prelaunch-audit/prelaunch/internal/provider"
)

// Families of properly signed requests.
const (
	FamilyBaseline   = "baseline"   // plain events, before anything else is sent
	FamilyType       = "type"       // one of each configured type
	FamilyRaw        = "raw-body"   // valid JSON in unusual serializations
	FamilySize       = "size"       // large events
	FamilyTransport  = "transport"  // unusual but valid HTTP
	FamilyRedelivery = "redelivery" // the same bytes twice
	FamilyControl    = "control"
	FamilyMalformed  = "malformed"
	FamilyMissing    = "missing"
	FamilyUnexpected = "unexpected"
	FamilyBounded    = "bounded"
	FamilyRetired    = "F20"
	FamilyOther      = "F15"       // signed with the key of another environment
	FamilyWrong      = "wrong"     // random signatures
	FamilyPair       = "pair"      // invalid bodies, correctly and incorrectly signed
	FamilyInstance   = "instance"  // on connections of their own
	FamilyDiagnosis  = "diagnosis" // guesses at what the receiver expects

	// Families that apply to some schemes only, with the names of their cases.
	FamilyStale      = "F22"      // past-tolerance hour day year: correct signatures over old times
	FamilyUnbound    = "F23"      // time-changed id-changed time-missing …, with the signature kept; body-only
	FamilyFuture     = "F24"      // hour: never more than a note
	FamilyList       = "F25"      // all-invalid hundred-invalid
	FamilyScheme     = "F26"      // by variant: never fails, legacy warns
	FamilyHandshake  = "F27"      // challenge unsigned-challenge oracle no-token empty-token wrong-token: by echo
	FamilyForeignKey = "F28"      // own-key zero-signature algorithm-none public-key-as-secret key-url
	FamilyURL        = "F29"      // http forwarded-host other-environment, the last of its own variant
	FamilyDigest     = "F30"      // other-body digest-of-other-body digest-removed
	FamilyReuse      = "F31"      // another-event
	FamilyRotation   = "rotation" // valid-first valid-last: valid events with one correct signature of two

	CaseCutOff = "cut-off"
	CaseNoBody = "no-body" // unsigned, as whoever looks whether something responds sends it
)

// Genuine are events that a correct receiver accepts. Those whose name starts with "value-" also hold an unusual value, to which a receiver
// may object for another reason than its signature.
func Genuine(profile *provider.Profile) []Case {
	s := SchemeOf(profile)
	list := slices.Concat(variants, rotations(s))
	return slices.DeleteFunc(list, func(c Case) bool {
		return c.Family == FamilyRaw && !(s.coversBytes() && s.isJSON())
	})
}

// variants are those of all schemes.
var variants = []Case{
	{Family: FamilyRaw, Name: "python", Change: signed(func(f *Request) { f.Body = Python.Write(f.Doc) })},
	{Family: FamilyRaw, Name: "pretty", Change: signed(func(f *Request) { f.Body = pretty.Write(f.Doc) })},
	{Family: FamilyRaw, Name: "trailing-newline", Change: signed(func(f *Request) { f.Body = append(bytes.Clone(f.Body), '\n') })},
	{Family: FamilyRaw, Name: "reordered", Change: signed(func(f *Request) { f.Body = Compact.Write(f.Doc.reversed()) })},
	{Family: FamilyRaw, Name: "white-space", Change: signed(func(f *Request) { f.Body = append([]byte("\n\t "), tabbed.Write(f.Doc)...) })},
	{Family: FamilyRaw, Name: "escaped", Change: signed(func(f *Request) { f.Body = escaped.Write(f.Doc) })},
	{Family: FamilyRaw, Name: "value-non-ascii", Change: signed(func(f *Request) { f.respell("prélaunch ✓", Compact) })},
	{Family: FamilyRaw, Name: "value-escaped-non-ascii", Change: signed(func(f *Request) { f.respell("prélaunch ✓", ascii) })},
	{Family: FamilyRaw, Name: "value-emoji", Change: signed(func(f *Request) { f.respell("prelaunch \U0001f600", Compact) })},
	{Family: FamilyRaw, Name: "value-escaped-emoji", Change: signed(func(f *Request) { f.respell("prelaunch \U0001f600", ascii) })},
	{Family: FamilyRaw, Name: "value-latin-1", Change: signed(func(f *Request) { f.respell("pr\u00e9launch", Compact) })},
	// What cleaning, decoding and Unicode normalization change, so that their result has another signature.
	{Family: FamilyRaw, Name: "value-encoded", Change: signed(func(f *Request) { f.respell(`a+b  50%25 &#112; %u0070 "q" c:\d`, Compact) })},
	{Family: FamilyRaw, Name: "value-unicode-forms", Change: signed(func(f *Request) { f.respell("e\u0301 \u200b \u00a0 \u2019 \u2028 \ufb01 \uff21", Compact) })},
	{Family: FamilyRaw, Name: "value-escaped-slash", Change: signed(func(f *Request) { f.respell("pre/launch", slashed) })},
	{Family: FamilyRaw, Name: "value-control-character", Change: signed(func(f *Request) { f.respell("prelaunch\u001b", Compact) })},

	{Family: FamilySize, Name: "20-KiB", Change: signed(func(f *Request) { f.grow(20 << 10) })},
	{Family: FamilySize, Name: "64-KiB", Change: signed(func(f *Request) { f.grow(64 << 10) })},

	{Family: FamilyTransport, Name: "lower-case-header", Change: signed(func(f *Request) { f.LowerName = true })},
	{Family: FamilyTransport, Name: "chunked", Change: signed(func(f *Request) { f.Chunked = true })},
	{Family: FamilyTransport, Name: "two-writes", Change: signed(func(f *Request) { f.Slow = true })},
	{Family: FamilyTransport, Name: "expect-continue", Change: signed(func(f *Request) { f.Expect = true })},
	{Family: FamilyTransport, Name: "charset", Change: signed(func(f *Request) { f.contentType(f.Header[0][1] + "; charset=utf-8") })},
	{Family: FamilyTransport, Name: "http2", Change: signed(func(f *Request) { f.HTTP2 = true })},
}

// invalid are properly signed requests whose body is malformed, incomplete or unusual.
var invalidBodies = func() []Case {
	cases := []Case{
		{Family: FamilyMalformed, Name: "empty", Change: body("")},
		{Family: FamilyMalformed, Name: "blank", Change: body("  \n")},
		{Family: FamilyMalformed, Name: "brace", Change: body("{")},
		{Family: FamilyMalformed, Name: "half", Change: signed(func(f *Request) { f.Body = f.Body[:len(f.Body)/2] })},
		{Family: FamilyMalformed, Name: "trailing-junk", Change: signed(func(f *Request) { f.Body = append(bytes.Clone(f.Body), 'x') })},
		{Family: FamilyMalformed, Name: "two-values", Change: signed(func(f *Request) { f.Body = append(bytes.Clone(f.Body), " {}"...) })},
		{Family: FamilyMalformed, Name: "single-quotes", Change: signed(func(f *Request) { f.Body = bytes.ReplaceAll(f.Body, []byte{'"'}, []byte{'\''}) })},
		{Family: FamilyMalformed, Name: "nan", Change: body("NaN")},
		{Family: FamilyMalformed, Name: "nan-inside", Change: signed((*Request).withoutNumbers)},
		{Family: FamilyMalformed, Name: "null", Change: body("null")},
		{Family: FamilyMalformed, Name: "array", Change: body("[]")},
		{Family: FamilyMalformed, Name: "string", Change: body(`"x"`)},
		{Family: FamilyMalformed, Name: "number", Change: body("123")},
		{Family: FamilyMalformed, Name: "true", Change: body("true")},
		{Family: FamilyMalformed, Name: "invalid-utf-8", Change: signed(func(f *Request) {
			f.note("prelaunch\uFFFD")
			f.Body = bytes.Replace(f.Body, []byte("\uFFFD"), []byte{0xff}, 1)
		})},
		{Family: FamilyMalformed, Name: "utf-16", Change: signed(func(f *Request) { f.Body = utf16LE(f.Body) })},
		{Family: FamilyMissing, Name: "all", Change: body("{}")},

		{Family: FamilyUnexpected, Name: "number-out-of-range", Change: signed(func(f *Request) { f.setNumber("1e400") })},
		{Family: FamilyUnexpected, Name: "number-of-400-digits", Change: signed(func(f *Request) { f.setNumber(strings.Repeat("9", 400)) })},
		{Family: FamilyUnexpected, Name: "nul-character", Change: signed(func(f *Request) { f.note("prelaunch\x00") })},
		{Family: FamilyUnexpected, Name: "lone-surrogate", Change: signed(func(f *Request) {
			f.note("prelaunch\uFFFD")
			f.Body = bytes.Replace(f.Body, []byte("\uFFFD"), []byte(`\ud800`), 1)
		})},
		{Family: FamilyMalformed, Name: "bom", Change: signed(func(f *Request) { f.Body = append([]byte("\uFEFF"), f.Body...) })},
		{Family: FamilyUnexpected, Name: "unknown-field", Change: signed(func(f *Request) { f.set("prelaunch", text("unknown")) })},
		{Family: FamilyUnexpected, Name: "unknown-event-type", Change: signed((*Request).retype)},
		{Family: FamilyUnexpected, Name: "details-null", Change: signed(func(f *Request) { f.set(f.payloadPath(), literal("null")) })},
		{Family: FamilyUnexpected, Name: "details-text", Change: signed(func(f *Request) { f.set(f.payloadPath(), text("x")) })},
		{Family: FamilyUnexpected, Name: "details-empty", Change: signed(func(f *Request) { f.set(f.payloadPath(), &Node{Kind: '{'}) })},
		{Family: FamilyUnexpected, Name: "time-text", Change: signed(func(f *Request) { f.setNumber(`"x"`) })},
		{Family: FamilyUnexpected, Name: "time-negative", Change: signed(func(f *Request) { f.setNumber("-1") })},

		{Family: FamilyBounded, Name: "nesting-100", Change: signed(func(f *Request) { f.nest(100) })},
		{Family: FamilyBounded, Name: "nesting-2000", Change: signed(func(f *Request) { f.nest(2000) })},
		{Family: FamilyBounded, Name: "1-MiB", Change: signed(func(f *Request) { f.fill(1<<20 + 1) })},
	}
	return cases
}()

// invalidOf are the invalid cases of a provider: for each required field one without it, one with null, and one of a wrong type.
func Invalid(profile *provider.Profile) []Case {
	s, required := SchemeOf(profile), profile.Required
	cases := slices.DeleteFunc(slices.Clone(invalidBodies), func(c Case) bool { return !invalidFor(s, required, c) })
	for _, field := range required {
		cases = append(cases,
			Case{Family: FamilyMissing, Name: field, Change: signed(func(f *Request) { f.Doc.remove(field); f.Body = f.style.Write(f.Doc) })},
			Case{Family: FamilyUnexpected, Name: "null-" + field, Change: signed(func(f *Request) { f.set(field, literal("null")) })},
			Case{Family: FamilyUnexpected, Name: "number-" + field, Change: signed(func(f *Request) { f.set(field, literal("7")) })},
			Case{Family: FamilyUnexpected, Name: "array-" + field, Change: signed(func(f *Request) { f.set(field, &Node{Kind: '['}) })},
		)
		if slices.ContainsFunc(required, func(other string) bool { return strings.HasPrefix(other, field+".") }) {
			cases = append(cases, Case{Family: FamilyUnexpected, Name: "text-" + field, Change: signed(func(f *Request) { f.set(field, text("x")) })})
		}
	}
	// Last, because it costs the connection.
	return append(cases, Case{Family: FamilyMalformed, Name: CaseCutOff, Change: signed(func(f *Request) { f.Abort = true })})
}

// unstructured are bodies that hold nothing, JSON values of another kind, one of which NaN is to lenient
// parsers, and events without the object that they are about. Where no field is required, a receiver may take
// the first for an event of a type that it does not know, and need not expect the others: official SDKs throw
// on them.
var unstructured = []string{"empty", "nan", "null", "array", "string", "number", "true", "details-null", "details-text", "details-empty"}

// invalidFor reports whether a body is invalid for a scheme: what is malformed JSON may be any form, and
// where no field is required, none is missing.
func invalidFor(s Scheme, required []string, c Case) bool {
	switch {
	case c.Family == FamilyMissing:
		return len(required) > 0 && s.body != "json-array"
	case slices.Contains(unstructured, c.Name):
		return s.isJSON() && len(required) > 0 && (c.Name != "array" || s.body != "json-array")
	case slices.Contains([]string{"1-MiB", "unknown-field", "unknown-event-type", "nul-character"}, c.Name):
		return true
	}
	return s.isJSON()
}

// Incomplete says for which families a body is also made incomplete in careful probing, so that no correct receiver accepts it.
var Incomplete = map[string]bool{FamilyUnexpected: true, FamilyBounded: true}

// MakeIncomplete leaves out a required field that the case is not about.
func (f *Request) MakeIncomplete(required []string, name string) {
	for _, field := range required {
		if !strings.HasSuffix(name, field) && !strings.Contains(field, ".") && !strings.HasPrefix(f.payloadPath()+".", field+".") {
			f.Doc.remove(field)
			f.Body = f.style.Write(f.Doc)
			f.Base = baseIncomplete
			return
		}
	}
	f.Refuse(NotSentCareful)
}

// signed changes the body and signs what came of it.
func signed(change func(*Request)) func(*Request) {
	return func(f *Request) {
		if !f.Scheme.inBody() {
			change(f)
			f.Sign()
			return
		}
		f.Sign() // where the signature is a part of the body, a change may leave no place for it
		change(f)
		if bytes.Equal(f.Body, f.style.Write(f.Doc)) {
			f.Sign()
		}
	}
}

func body(b string) func(*Request) {
	return signed(func(f *Request) { f.Body = []byte(b) })
}

func (f *Request) respell(words string, s style) {
	f.note(words)
	f.Body = s.Write(f.Doc)
}

// grow makes the event as large as size by repeating what stands in its first list, or, where it has none, by white space.
func (f *Request) grow(size int) {
	var list *Node
	f.Doc.Each(func(_ string, n *Node) {
		if list == nil && n.Kind == '[' && len(n.members) > 0 {
			list = n
		}
	})
	if f.style.form {
		f.set("prelaunch", text(strings.Repeat("a", max(1, size-len(f.Body)))))
		return
	}
	if list == nil {
		f.Body = append(f.Body[:1:1], append(bytes.Repeat([]byte(" "), max(0, size-len(f.Body))), f.Body[1:]...)...)
		return
	}
	item := list.members[0]
	each := len(Compact.Write(item)) + 1
	numbered := func(name string, n *Node) bool { return name == "key" && n.Kind == '"' }
	several := false
	item.Each(func(name string, n *Node) { several = several || numbered(name, n) })
	for i := range (size-len(f.Body))/each + 1 {
		again := item
		if several { // else it is the same each time, and copies would take many times what is sent
			again = item.clone()
			again.Each(func(name string, n *Node) {
				if numbered(name, n) {
					n.Text = fmt.Sprintf("%s%d", n.Text, i)
				}
			})
		}
		list.members = append(list.members, again)
	}
	f.Body = f.style.Write(f.Doc)
}

// nest adds a member that is that many lists deep.
func (f *Request) nest(depth int) {
	f.set(f.extraPath(), literal(strings.Repeat("[", depth)+strings.Repeat("]", depth)))
}

// fill adds a member so long that the body has exactly size bytes.
func (f *Request) fill(size int) {
	f.set(f.extraPath(), text(""))
	f.set(f.extraPath(), text(filler()[:size-len(f.Body)]))
}

// filler is for all requests: hundreds are made side by side.
var filler = sync.OnceValue(func() string { return strings.Repeat("a", 1<<20) })

func utf16LE(body []byte) []byte {
	out := []byte{0xff, 0xfe}
	for _, unit := range utf16.Encode([]rune(string(body))) {
		out = append(out, byte(unit), byte(unit>>8))
	}
	return out
}

// Pairs are invalid bodies that are sent correctly and incorrectly signed. The first is serialized as
// events are.
func Pairs(required []string) []Case {
	list := []Case{
		{Family: FamilyPair, Name: "all", Change: body("{}")},
		{Family: FamilyPair, Name: "brace", Change: body("{")},
	}
	if len(required) == 0 {
		return list
	}
	field := required[0]
	first := Case{Family: FamilyPair, Name: field, Change: signed(func(f *Request) { f.Doc.remove(field); f.Body = f.style.Write(f.Doc) })}
	return slices.Insert(list, 0, first)
}

// Repeat makes the request the same event as another one, signed anew as providers do when they try
// again.
func (f *Request) Repeat(first *Request) {
	f.Body, f.Doc, f.UID, f.ID, f.Header = first.Body, first.Doc, first.UID, first.ID, slices.Clone(first.Header)
	f.Sign()
}
