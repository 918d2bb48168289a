package yamldoc

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestStrictKeepsPlacesAndTypes(t *testing.T) {
	t.Parallel()
	text := "ü: \"1\"\nlist: [2, 3.5, true, yes, 2026-11-01, ~, 'x', <<]\nblock: |\n  two\n  lines\nnested: {a: {b: c}}\n"
	value, mistakes := Strict([]byte(text))
	if len(mistakes) > 0 {
		t.Fatal(mistakes)
	}
	var got []string
	value.Scalars(func(v *Value) {
		got = append(got, fmt.Sprintf("%d:%d type %d plain %v %q", v.Line, v.Column, v.Type, v.Plain, v.Text))
	})
	want := []string{
		`1:1 type 0 plain true "ü"`, `1:4 type 0 plain false "1"`,
		`2:1 type 0 plain true "list"`, `2:8 type 3 plain true "2"`, `2:11 type 3 plain true "3.5"`, `2:16 type 2 plain true "true"`,
		`2:22 type 0 plain true "yes"`, `2:27 type 4 plain true "2026-11-01"`, `2:39 type 1 plain true "~"`, `2:42 type 0 plain false "x"`, `2:47 type 5 plain true "<<"`,
		`3:1 type 0 plain true "block"`, `3:8 type 0 plain false "two\nlines\n"`,
		`6:1 type 0 plain true "nested"`, `6:10 type 0 plain true "a"`, `6:14 type 0 plain true "b"`, `6:17 type 0 plain true "c"`,
	}
	if differences := cmp.Diff(want, got); differences != "" {
		t.Error(differences)
	}
}

func TestStrictKeepsNamesThatStandTwice(t *testing.T) {
	t.Parallel()
	value, _ := Strict([]byte("a: 1\na: 2\n"))
	if value == nil || len(value.Members) != 2 || value.Members[1].Value.Text != "2" {
		t.Errorf("got %+v", value)
	}
}

func TestStrictTellsEmptyFromWrong(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "\n", "# nothing\n", "---\n", "~\n", "null"} {
		if value, mistakes := Strict([]byte(text)); value != nil || len(mistakes) > 0 {
			t.Errorf("%q: %v %v", text, value, mistakes)
		}
	}
}

func TestStrictSaysWhereAndWhatIsWrong(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"a: b: c\n":                          `1:1 a second "key: value" stands where a value is expected`,
		"a: 1\nb:\n  c: 1\n d: 2\n":          "4:2 this does not continue the block above it",
		"a: 1\nb:\n- c: x\n  - d\n":          "4:3 this does not continue the block above it",
		"a:\n  - b\n - c\n":                  "3:2 this does not continue the block above it",
		"a: 1\n\tb: 2\n":                     "2:1 a tab stands where spaces are due",
		"a: |\n\tx\n":                        "2:1 a tab stands where spaces are due",
		"a: @x\n":                            "1:1 a tab, or one of ` @ %, starts something here",
		"a: 1\nb: [c, d\ne: 1\n":             "2:1 a list in [ ] that starts here is not closed",
		"a: 1\nb: {c: d\ne: 1\n":             "2:1 a mapping in { } that starts here is not closed",
		"a: 1\nb: \"c\n":                     "2:1 a quote that opens here or above is not closed",
		"a: 1\nb: \"c\\q\"\n":                `2:1 a \ in a text in double quotes is followed by something unknown`,
		"a: 1\nb\nc: 1\n":                    `2:1 a key without ": " and a value stands here or just above`,
		"a: - b\n":                           "1:1 a list item (- …) stands where none is expected",
		"a: \x01\n":                          "1:4 the file contains a control character",
		"a: 1\nb: *cde\n":                    "2:4 an alias (*name) stands here",
		"a: &b 1\nc: *b\n":                   "1:4 an anchor (&name) stands here, 2:4 an alias (*name) stands here",
		"a: &b [*b]\n":                       "1:4 an anchor (&name) stands here, 1:8 an alias (*name) stands here",
		"a: !!int 1\n":                       "1:4 a tag (!name) stands here",
		"a: & b\n":                           "1:1 a lone & or * stands here",
		"a: 1\n---\nb: 2\n":                  "2:1 a second document starts here",
		"a: 1\n---\n":                        "2:1 a second document starts here",
		"a: 1\n---\nb: [\n":                  "4:1 a value is missing here",
		"{a: 1} b":                           "1:1 something stands here after the end of the document",
		"{a: 1}\nb\n":                        "2:1 something stands here after the end of the document",
		"\xff\xfe":                           "0:0 is not valid UTF-8",
		"%FOO bar\n":                         "1:1 is no valid YAML",
		strings.Repeat("[", 20_000):          "1:1 values are nested too deeply",
		"a: " + strings.Repeat("{a: ", 5000): "1:1 a value is missing here",
	} {
		_, mistakes := Strict([]byte(text))
		var got []string
		for _, mistake := range mistakes {
			got = append(got, fmt.Sprintf("%d:%d %s", mistake.At.Line, mistake.At.Column, mistake.Message))
			if mistake.Next == "" {
				t.Errorf("%.40q: nothing is said to do", text)
			}
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("%.40q:\n got %s\nwant %s", text, strings.Join(got, ", "), want)
		}
	}
}
