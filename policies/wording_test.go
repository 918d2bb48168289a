package policies_test

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/prelaunch-audit/prelaunch/internal/wording"
)

// TestPoliciesSpeakTheFieldsLanguage keeps the words that texts for people avoid out of titles,
// descriptions, remediation, messages and next steps. Strings without a blank are ids, cases, fact
// values or subjects, which are exempt, as are the subjects that have blanks.
func TestPoliciesSpeakTheFieldsLanguage(t *testing.T) {
	t.Parallel()
	subjects := regexp.MustCompile(`"subject": [^,}]*|:= \["[a-z ]+",`)
	for file, module := range modules(t) {
		if strings.HasSuffix(file, "_test.rego") {
			continue
		}
		complain := func(text string) {
			for _, fault := range wording.Faults(text) {
				t.Errorf("%s: %s in %q", file, fault, text)
			}
		}
		for _, annotation := range module.Annotations {
			complain(annotation.Title)
			complain(annotation.Description)
			if text, ok := annotation.Custom["remediation"].(string); ok {
				complain(text)
			}
		}
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text := subjects.ReplaceAllString(string(raw), "")
		for _, literal := range regexp.MustCompile(`"(?:[^"\\\n]|\\.)* (?:[^"\\\n]|\\.)*"`).FindAllString(text, -1) {
			complain(literal)
		}
		for _, comment := range module.Comments {
			complain(string(comment.Text))
		}
	}
}

// unbreakable matches lines of one string, one pattern, or an item of a list in METADATA.
var unbreakable = regexp.MustCompile("^\\t*([^,]* := |\\} else := |\"[a-z_-]+\": )?\"(?:[^\"\\\\]|\\\\.)*\"( if \\{|,|)$|^#     - |^#   sources: |find_all_string_submatch_n")

// TestLinesOfPoliciesFit holds lines of policies to 120 columns, a tab counting as four.
func TestLinesOfPoliciesFit(t *testing.T) {
	t.Parallel()
	for file := range modules(t) {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(file, "_test.rego") {
			continue
		}
		for i, line := range strings.Split(string(raw), "\n") {
			if columns := len([]rune(strings.ReplaceAll(line, "\t", "    "))); columns > 120 && !unbreakable.MatchString(line) {
				t.Errorf("%s:%d has %d columns", file, i+1, columns)
			}
		}
	}
}

// TestMessagesUseWordsThatThereAre holds what policies write as {{word}} to the words of schema/words.json.
func TestMessagesUseWordsThatThereAre(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("schema/words.json")
	if err != nil {
		t.Fatal(err)
	}
	var words map[string]string
	if err := json.Unmarshal(raw, &words); err != nil {
		t.Fatal(err)
	}
	for file := range modules(t) {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range regexp.MustCompile(`\{\{([A-Za-z_]+)\}\}`).FindAllStringSubmatch(string(raw), -1) {
			if _, known := words[strings.ToLower(found[1])]; !known {
				t.Errorf("%s: there is no word %s", file, found[0])
			}
		}
	}
}
