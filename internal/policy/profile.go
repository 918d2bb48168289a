package policy

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
)

// This file fits the catalog to a provider: built-in checks say {{word}} where providers differ, name the
// features that they need, and get the items and sources that the provider's own checklist has for them.

// placeholder is a word of the profile in the text of a check. One that begins with a capital begins a
// sentence.
var placeholder = regexp.MustCompile(`\{\{([A-Za-z_]+)\}\}`)

// For is the library as that provider has it: without the checks that need a feature which it lacks, and
// in its own words. A profile without a name stands for any provider: every check is left in. The library
// itself stays as it is.
func (l *Library) For(profile audit.Profile) *Library {
	fitted := *l
	fitted.words = maps.Clone(l.words)
	if key := profile.Words["key"]; key != "" {
		article := "a "
		if strings.ContainsRune("AEIOUaeiou", rune(key[0])) {
			article = "an "
		}
		fitted.words["a_key"], fitted.words["keys"] = article+key, key+"s"
	}
	maps.Copy(fitted.words, profile.Words)
	fitted.checks = nil
	for _, check := range l.checks {
		lacks := profile.Name != "" && slices.ContainsFunc(check.needs, func(feature string) bool { return !profile.Has(feature) })
		if check.user {
			fitted.checks = append(fitted.checks, check)
			continue
		}
		if lacks {
			continue
		}
		if profile.Endpoint && check.ofEndpoint != "" {
			check.info.Severity = check.ofEndpoint
		}
		for i, item := range profile.Checklist {
			if slices.ContainsFunc(item.Checks, func(glob string) bool { return matches(glob, check.info.ID) }) {
				check.info.Items = append(slices.Clone(check.info.Items), i+1)
				if item.Source != "" && !slices.Contains(check.info.Sources, item.Source) {
					check.info.Sources = append([]string{item.Source}, check.info.Sources...)
				}
			}
		}
		check.because = meaningless(profile, check.families)
		fitted.checks = append(fitted.checks, check)
	}
	return &fitted
}

// meaningless is why none of these families of test cases means anything for a provider; empty: one does.
func meaningless(profile audit.Profile, families []string) (because string) {
	for _, family := range slices.Backward(families) {
		at := slices.IndexFunc(profile.Without, func(w audit.WithoutFamily) bool { return w.Family == family })
		if at < 0 {
			return ""
		}
		because = profile.Without[at].Because
	}
	return because
}

// notApplicable is the one verdict of a check that the scheme makes meaningless.
func notApplicable(because string) audit.Verdict {
	return audit.Verdict{
		Outcome: audit.NotApplicable, Subject: "scheme", Basis: audit.Declared, Evidence: map[string]any{"note": because},
		Message: fmt.Sprintf("Not applicable to {{provider}}: %s", because),
	}
}

func matches(glob, id string) bool {
	ok, err := path.Match(glob, id)
	return ok && err == nil
}

// described is what a check says of itself, in the library's words.
func (l *Library) described(c check) audit.CheckInfo {
	info := c.info
	if info.Items == nil {
		info.Items = []int{}
	}
	if c.user {
		return info
	}
	for _, text := range []*string{&info.Title, &info.Description, &info.Section, &info.Passes, &info.Fails, &info.Remediation} {
		*text = l.worded(*text)
	}
	return info
}

// worded is a text with its words in place.
func (l *Library) worded(text string) string {
	return placeholder.ReplaceAllStringFunc(text, func(found string) string {
		name := strings.Trim(found, "{}")
		word, known := l.words[strings.ToLower(name)]
		if !known {
			return found
		}
		if first, size := utf8.DecodeRuneInString(word); name != strings.ToLower(name) {
			return string(unicode.ToUpper(first)) + word[size:]
		}
		return word
	})
}

// knownWords holds the texts of the built-in checks against the words there are.
func (l *Library) knownWords() error {
	var problems []error
	for _, check := range l.checks {
		for _, text := range []string{check.info.Title, check.info.Description, check.info.Section, check.info.Passes, check.info.Fails, check.info.Remediation} {
			for _, found := range placeholder.FindAllStringSubmatch(text, -1) {
				if _, known := l.words[strings.ToLower(found[1])]; !known && !check.user {
					problems = append(problems, fmt.Errorf("%s: METADATA: there is no word %q in %s", check.file, found[1], WordsFile))
				}
			}
		}
	}
	return errors.Join(problems...)
}
