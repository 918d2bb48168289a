package cases

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/provider"
)

// noSignatures are events without a signature, or with what is none.
func noSignatures() []Case {
	return []Case{
		{Family: "F01", Name: "absent", Change: (*Request).strip},
		{Family: "F01", Name: CaseNoBody, Variant: variantTolerated, Change: func(f *Request) { f.strip(); f.Body = nil }},
		{Family: "F01", Name: "empty", Change: value("")},
		{Family: "F01", Name: "null", Change: value("null")},
		{Family: "F01", Name: "none", Change: value("none")},
		{Family: "F01", Name: "0", Change: value("0")},
		{Family: "F01", Name: "true", Change: value("true")},
		{Family: "F01", Name: "false", Change: value("false")},
		{Family: "F01", Name: "undefined", Change: value("undefined")},
		{Family: "F01", Name: "prefix-only", Change: func(f *Request) { f.PutValue(cmp.Or(f.Scheme.Hash, "sha256") + "=") }},
	}
}

// emptied are values with all that surrounds a signature but without one, of schemes that surround it.
func emptied(s Scheme) []Case {
	if around := s.Put[0].Value; around == "" || around == "{signature}" || around == s.Hash+"={signature}" || s.Kind == provider.Token {
		return nil // that is empty, or prefix-only
	}
	return []Case{{Family: "F01", Name: "empty-in-place", Change: func(f *Request) { f.Put("") },
		What: "an empty signature with all that surrounds one"}}
}

// parts are signatures of which some digits are correct, or that have the form of one.
func parts(s Scheme) []Case {
	n := s.digits()
	list := []Case{
		{Family: "F02", Name: "random", Change: Wrong},
		{Family: "F02", Name: "zeros", Change: func(f *Request) { f.Put(f.Scheme.padded(strings.Repeat(f.Scheme.zero(), n))) }},
	}
	for _, k := range []int{1, 16, n / 2} {
		list = append(list, Case{Family: "F02", Name: fmt.Sprintf("random-%d", k), Change: unlikeDigits(k)})
	}
	for _, i := range []int{0, n/2 - 1, n / 2, n - 1} {
		list = append(list, Case{Family: "F02", Name: fmt.Sprintf("flipped-%d", i), Change: flipped(i, n), FullOnly: true})
	}
	for _, k := range []int{1, 16, n / 2} {
		list = append(list, Case{Family: "F03", Name: fmt.Sprintf("first-%d", k), Change: piece(k)})
	}
	for _, k := range []int{1, 16, n / 2} {
		list = append(list, Case{Family: "F03", Name: fmt.Sprintf("last-%d", k), Change: piece(-k)})
	}
	return append(list, Case{Family: "F03", Name: "first-16-then-zeros", Change: func(f *Request) {
		f.Put(f.Scheme.padded(pieceOf(f.Right(f.Body), 16) + strings.Repeat(f.Scheme.zero(), n-16)))
	}})
}

// unparsable are signatures that a receiver may fail to read.
func unparsable() []Case {
	return []Case{
		{Family: "F17", Name: "odd-length", Change: func(f *Request) { f.Put(f.random()[1:]) }},
		{Family: "F17", Name: "not-hex", Change: func(f *Request) { f.Put(strings.Repeat(f.Scheme.noDigit(), f.Scheme.digits())) }},
		{Family: "F17", Name: "byte-e9", Change: func(f *Request) { f.Put("\xe9" + f.random()[1:]) }},
		{Family: "F17", Name: "long", Change: func(f *Request) { f.Put(RandomHex(4096)) }},
		{Family: "F17", Name: "bogus-prefix", Change: func(f *Request) { f.PutValue("bogus=" + f.random()) }},
	}
}

// repeated are signatures that come more than once, none of them correct.
func repeated(header string) []Case {
	return []Case{
		{Family: "F19", Name: "two-wrong", Change: func(f *Request) { Wrong(f); f.add(header, f.value(f.random())) }},
		{Family: "F19", Name: "empty-and-wrong", Change: func(f *Request) { f.PutValue(""); f.add(header, f.value(f.random())) }},
		{Family: "F19", Name: "list-of-wrong", Change: func(f *Request) {
			f.PutValue(f.value(f.random()) + ", " + f.value(f.random()))
		}},
	}
}

// misplaced are correct signatures elsewhere than where the scheme has them.
func misplaced(header string) []Case {
	return []Case{
		{Family: "F16", Name: "query", FullOnly: true, Change: func(f *Request) {
			f.Exposed = f.value(f.Right(f.Body))
			signature := url.QueryEscape(f.Exposed)
			f.Query = strings.TrimPrefix(f.Query+"&signature="+signature+"&sig="+signature+"&"+strings.ToLower(header)+"="+signature+"&"+header+"="+signature, "&")
			Wrong(f)
		}},
		{Family: "F16", Name: "other-header", FullOnly: true, Change: func(f *Request) {
			f.Exposed = f.value(f.Right(f.Body))
			for _, name := range f.foreignHeaders("Signature", "X-Hub-Signature", "X-Webhook-Signature", header+"-"+strings.TrimPrefix(f.Scheme.Hash, "sha"), "X-"+f.Profile.Name+"-Signature", "Authorization") {
				f.add(name, f.Exposed)
			}
			Wrong(f)
		}},
	}
}

// Wrong gives the request a random signature.
func Wrong(f *Request) { f.Put(f.random()) }

func value(v string) func(*Request) { return func(f *Request) { f.PutValue(v) } }

func unlikeDigits(n int) func(*Request) {
	return func(f *Request) {
		correct := f.random()
		if f.Key != nil && f.Trusted {
			correct = f.text(f.Key, f.Body)
		}
		f.Put(f.Scheme.unlike(correct, n))
	}
}

// flipped is the correct signature with another digit at i, of n.
func flipped(i, n int) func(*Request) {
	return func(f *Request) {
		signature := f.Right(f.Body)
		f.Put(f.Scheme.flip(signature, at(i, n, signature)))
	}
}

// at is a position in a signature that may have another length than the nominal one.
func at(i, n int, signature string) int {
	if len(strings.TrimRight(signature, "=")) >= n {
		return i
	}
	return i * len(signature) / n
}

// piece is a part of the correct signature: its first digits or, below 0, its last. A single digit that
// receivers may read as false or true would show nothing about parts, so the event is drawn again until
// it is another one.
func piece(count int) func(*Request) {
	return func(f *Request) {
		part := pieceOf(f.Right(f.Body), count)
		for tries := 0; (part == "0" || part == "1") && tries < 100; tries++ {
			f.vary(1)
			part = pieceOf(f.Right(f.Body), count)
		}
		if part == "" || part == "0" || part == "1" {
			f.Refuse(NotSentNotPossible)
		}
		f.Put(part)
	}
}

// pieceOf is a part of a signature: at most half of it, and with the padding where that follows.
func pieceOf(signature string, count int) string {
	digits := len(strings.TrimRight(signature, "="))
	if count >= 0 {
		return signature[:min(count, digits/2)]
	}
	return signature[digits-min(-count, digits/2):]
}

// foreignHeaders are those of the names that the provider does not use itself.
func (f *Request) foreignHeaders(names ...string) []string {
	return slices.DeleteFunc(names, func(name string) bool {
		own := strings.EqualFold(name, f.Scheme.Header())
		for _, put := range f.Scheme.Put {
			own = own || strings.EqualFold(name, put.Header)
		}
		for _, other := range f.Scheme.Other {
			own = own || strings.EqualFold(name, other.Header)
		}
		return own
	})
}
