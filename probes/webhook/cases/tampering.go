package cases

import (
	"bytes"
	"strings"
	"unicode"
)

// tamperings are correct signatures of another event.
func tamperings() []Case {
	return []Case{
		// The duplicate comes last, where most parsers take it: a receiver that respells the body before it verifies sees a changed value.
		{Family: "F07", Name: "value-changed", Change: tampered(func(f *Request) { f.vary(86400) })},
		{Family: "F07", Name: "field-added", Change: tampered(func(f *Request) { f.set(sibling(f.typePath(), "prelaunch"), text("added")) })},
		{Family: "F07", Name: "duplicate-key", Change: tampered(func(f *Request) {
			f.repeatMember()
		})},
		{Family: "F07", Name: "empty-body", Change: tampered(func(f *Request) { f.Body = nil })},
		{Family: "F07", Name: "from-empty", Change: func(f *Request) {
			f.Put(f.Right(f.Scheme.emptyBody()))
			f.mustBeForged()
		}, What: "the correct signature of an event without content"},
		{Family: "F07", Name: "type-changed", Change: func(f *Request) {
			f.Put(f.Right(f.retyped()))
			f.mustBeForged()
		}},
		{Family: "F07", Name: "large-end-changed", Change: func(f *Request) {
			if f.Doc.Kind != '{' {
				f.Refuse(NotSentNotPossible)
			}
			f.grow(20 << 10)
			f.Put(f.Right(f.Body))
			f.Body = append(f.Body[:len(f.Body)-1:len(f.Body)-1], `,"prelaunch":"added"}`...)
		}},
	}
}

// respellings are correct signatures of the event as it was spelled before.
func respellings() []Case {
	return []Case{
		{Family: "F08", Name: "line-breaks", Change: tampered(func(f *Request) { f.Body = spread.Write(f.Doc) })},
		{Family: "F08", Name: "trailing-newline", Change: tampered(func(f *Request) { f.Body = append(f.Body, '\n') })},
		{Family: "F08", Name: "python", Change: tampered(func(f *Request) { f.Body = Python.Write(f.Doc) })},
		{Family: "F08", Name: "reordered", Change: tampered(func(f *Request) { f.Body = Compact.Write(f.Doc.reversed()) })},
		// Where a cleaned body is verified and the raw one is parsed, fields can be smuggled.
		{Family: "F08", Name: "tags-added", Change: smuggled("prelaunch", "prel<i>au</i>nch")},
		{Family: "F08", Name: "percent-encoded", Change: smuggled("prelaunch", "prel%61unch")},
		{Family: "F08", Name: "html-entity", Change: smuggled("prelaunch&", "prelaunch&amp;")},
		{Family: "F08", Name: "plus-added", Change: smuggled("pre launch", "pre+launch")},
		{Family: "F08", Name: "decomposed", Change: smuggled("prel\u00e1unch", "prela\u0301unch")},
		{Family: "F08", Name: "zero-width-added", Change: smuggled("prelaunch", "pre\u200blaunch")},
		// As does what lenient parsers take for JSON.
		{Family: "F08", Name: "comment-added", Change: tampered(func(f *Request) { f.Body = bytes.Replace(f.Body, []byte("{"), []byte("{/*prelaunch*/"), 1) })},
		{Family: "F08", Name: "comma-added", Change: tampered(func(f *Request) { f.Body = append(f.Body[:len(f.Body)-1], ",}"...) })},
		{Family: "F08", Name: "single-quotes", Change: tampered(func(f *Request) { f.Body = bytes.ReplaceAll(f.Body, []byte(`"`), []byte("'")) })},
		{Family: "F08", Name: "nul-added", Change: smuggled("prelaunch", "pre\x00launch")},
		{Family: "F08", Name: "slash-added", Change: smuggled("prelaunch", `prelau\nch`)},
		{Family: "F08", Name: "crlf", Change: func(f *Request) {
			f.Body = pretty.Write(f.Doc)
			f.Put(f.Right(f.Body))
			f.Body = bytes.ReplaceAll(f.Body, []byte("\n"), []byte("\r\n"))
		}},
		{Family: "F08", Name: "escaped", Change: tampered(func(f *Request) { f.Body = escaped.Write(f.Doc) })},
	}
}

// undecodables are correct signatures of the decoded text.
func undecodables() []Case {
	return []Case{
		{Family: "F09", Name: "byte-ff", Change: func(f *Request) {
			f.note("prelaunch\uFFFD")
			signature := f.Right(f.Body)
			f.Body = bytes.Replace(f.Body, []byte("\uFFFD"), []byte{0xff}, 1)
			f.Put(signature)
		}},
		{Family: "F09", Name: "byte-ff-dropped", Change: func(f *Request) {
			f.note("prelaunch\uFFFD")
			signature := f.Right(bytes.Replace(f.Body, []byte("\uFFFD"), nil, 1))
			f.Body = bytes.Replace(f.Body, []byte("\uFFFD"), []byte{0xff}, 1)
			f.Put(signature)
		}},
		{Family: "F09", Name: "byte-ff-replaced", Change: smuggled("prelaunch?", "prelaunch\xff")},
		{Family: "F09", Name: "latin-1", Change: smuggled("prelaunch\u00e9", "prelaunch\xe9")},
		{Family: "F09", Name: "bom", Change: tampered(func(f *Request) { f.Body = append([]byte("\uFEFF"), f.Body...) })},
	}
}

// unreadBodies are correct signatures of a body that was read before the verifier got it.
func unreadBodies() []Case {
	return []Case{
		// The body was read before the verifier got it.
		{Family: "F11", Name: "json-empty", Change: fits("", func(*Request) {})},
		{Family: "F11", Name: "json-braces", Change: fits("{}", func(*Request) {})},
		{Family: "F11", Name: "multipart-body-empty", Change: fits("", (*Request).asMultipart)},
		{Family: "F11", Name: "multipart-body-braces", Change: fits("{}", (*Request).asMultipart)},
		{Family: "F11", Name: "form-body-empty", Change: fits("", (*Request).asForm)},
		{Family: "F11", Name: "form-body-braces", Change: fits("{}", (*Request).asForm)},
		{Family: "F11", Name: "form-empty", Change: fits("", func(f *Request) { f.contentType("application/x-www-form-urlencoded") })},
		{Family: "F11", Name: "text-empty", Change: fits("", func(f *Request) { f.contentType("text/plain") })},
		{Family: "F11", Name: "text-braces", Change: fits("{}", func(f *Request) { f.contentType("text/plain") })},
	}
}

// tampered signs the event and then changes its body.
func tampered(change func(*Request)) func(*Request) {
	return func(f *Request) {
		f.Put(f.Right(f.Body))
		f.Body = bytes.Clone(f.Body)
		change(f)
		f.mustBeForged()
	}
}

// mustBeForged keeps back a body that was changed where the signature does not cover it: its signature is
// correct.
func (f *Request) mustBeForged() {
	if f.Correct() {
		f.Refuse(NotSentNotPossible)
	}
}

// retyped is the body of the event with another type.
func (f *Request) retyped() []byte {
	if f.typePath() == "" {
		f.Refuse(NotSentNotPossible)
		return f.Body
	}
	other := f.Doc.clone()
	other.set(f.typePath(), text("prelaunch.unknown"))
	return f.style.Write(other)
}

// fits signs another body than the one that change makes.
func fits(signed string, change func(*Request)) func(*Request) {
	return func(f *Request) { change(f); f.Put(f.Right([]byte(signed))) }
}

// smuggled signs a body with a text in it, and sends it with another that a receiver which verifies
// a cleaned or decoded body takes for the same.
func smuggled(signed, sent string) func(*Request) {
	return func(f *Request) {
		f.note(signed)
		f.Put(f.Right(f.Body))
		f.Body = bytes.Replace(f.Body, []byte(signed), []byte(sent), 1)
	}
}

// Reused sends the event under the correct signature of another body.
func Reused(first *Request) func(*Request) {
	return func(f *Request) {
		f.Time, f.ID = first.Time, first.ID
		if f.Fixed { // the same user's event at another time
			f.vary(60 * 86400)
		}
		f.prepare()
		f.Put(f.Right(first.Body))
	}
}

// note puts words into a free text of the event, or into a new member where it has none.
func (f *Request) note(words string) {
	done := false
	f.Doc.Each(func(_ string, n *Node) {
		if !done && n.Kind == '"' && n.Text == "prelaunch" {
			n.Text, done = words, true
		}
	})
	if !done {
		f.Doc.set(f.extraPath(), text(words))
	}
	f.Body = f.style.Write(f.Doc)
}

func randomUIDLike(uid string) string {
	other := []byte(strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return 'X'
	}, uid))
	copy(other[min(len(UIDPrefix), len(other)-1):], strings.ToUpper(RandomHex(len(other))))
	return string(other)
}
