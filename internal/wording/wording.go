// Package wording holds the words that texts for people avoid, with the terms of the field to use
// instead. Only tests import it: those of the policies and of the Go strings share one table.
package wording

import (
	"fmt"
	"regexp"
)

// avoided lists what is avoided, as a regular expression over words, and what to use instead.
var avoided = []struct{ pattern, use string }{
	{`refus(e|es|ed|ing|al|als)`, "reject"},
	{`turn(s|ed|ing)? (it |them )?(away|down)`, "reject"},
	{`(is|are|was|were|be|been|still) taken`, "accept"},
	{`genuine(ly)?`, "valid, correctly"},
	{`(right|wrong) (signature|signatures|receiver|receivers|event|events)`, "valid or invalid, correct or incorrect, compliant or flawed"},
	{`(right|wrong)ly`, "correctly, incorrectly"},
	{`stand(s|ing)? in`, "is found in"},
	{`what git holds`, "Git history, Git objects"},
	{`(re)?(spelt|spelled|spelling|spellings)`, "encoding, serialization"},
	{`not looked at`, "not checked"},
	{`looked at`, "checked"},
	{`undecided|cannot be told|can not be told`, "inconclusive"},
	{`pieces? of (a|the) (right |correct )?signature`, "truncated signature"},
	{`detours?`, "bypass"},
	{`redeliver(ed|y)|arrives? twice`, "duplicate delivery"},
	{`nonsense`, "malformed"},
	{`runs? out`, "expires"},
	{`mend(s|ed|ing)?|put right`, "fix"},
	{`word of|by its word|somebody's word`, "attestation"},
	{`picture as evidence`, "screenshot"},
	{`a text is due`, "expected a string"},
	{`battery`, "test suite"},
	{`witness(es|ed)?`, "control request"},
	{`proper UTF-8|no JSON|no UTF-8`, "invalid UTF-8, not JSON"},
	{`besides?`, "next to, also"},
	{`be it|be they`, "whether … or …"},
	{`folders?`, "directory"},
	{`forgers?`, "attacker"},
}

// exempt are uses of such words that are terms of the field.
var exempt = regexp.MustCompile(`(?i)(connections? (is |are |was |were )?refused|refused? (the )?connections?)`)

// checkID matches the identifiers of checks, which do not change.
var checkID = regexp.MustCompile(`\b[a-z-]+\.[a-z]+(-[a-z]+)+\b`)

var compiled = func() []*regexp.Regexp {
	var all []*regexp.Regexp
	for _, one := range avoided {
		all = append(all, regexp.MustCompile(`(?i)\b(`+one.pattern+`)\b`))
	}
	return all
}()

// Faults returns what a text for people should not say, each with what to use instead.
func Faults(text string) []string {
	text = exempt.ReplaceAllString(checkID.ReplaceAllString(text, ""), "")
	var faults []string
	for i, pattern := range compiled {
		if found := pattern.FindString(text); found != "" {
			faults = append(faults, fmt.Sprintf("%q: use %s", found, avoided[i].use))
		}
	}
	return faults
}
