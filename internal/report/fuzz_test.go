package report

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/clipperhouse/displaywidth"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
)

func addTexts(f *testing.F) {
	for _, text := range []string{hostile, "", " ", "a b", "漢字 かな", "e\u0301\u0301", "👍🏽🇩🇪❤\ufe0f", "\xff\xfe", "\x1b[31m", "@a #1 www.x GH-1 a:b", "1. x", strings.Repeat("x", 300), "\u1100\u1161\u11a8"} {
		f.Add(text)
	}
}

// FuzzPlain: whatever the text, what is shown is one line of characters that act on nothing, and
// each wrapped line fits.
func FuzzPlain(f *testing.F) {
	addTexts(f)
	f.Fuzz(func(t *testing.T, text string) {
		shown := Plain(text)
		if !utf8.ValidString(shown) {
			t.Errorf("%q is no UTF-8", shown)
		}
		for _, r := range shown {
			if unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Variation_Selector) {
				t.Errorf("%q holds %U", shown, r)
			}
		}
		if again := Plain(shown); again != shown {
			t.Errorf("%q changes when shown again: %q", shown, again)
		}
		for _, width := range []int{20, 61} {
			for _, line := range wrap(shown, width, "- ") {
				if w := displaywidth.String(line); w > width {
					t.Errorf("%q is %d columns wide; there is room for %d", line, w, width)
				}
			}
		}
		if got, want := strings.Join(strings.Fields(strings.Join(wrap(shown, 40, ""), "")), ""), strings.Join(strings.Fields(shown), ""); got != want {
			t.Errorf("wrapping changed %q to %q", want, got)
		}
	})
}

// FuzzMarkdown: whatever the text, a reader of Markdown finds no element in it.
func FuzzMarkdown(f *testing.F) {
	addTexts(f)
	f.Fuzz(func(t *testing.T, text string) {
		var out bytes.Buffer
		if err := gfm.Convert([]byte("- "+MarkdownText(text)+"\n"), &out); err != nil {
			t.Fatal(err)
		}
		elements, content := readHTML(t, out.String())
		if !slices.Equal(elements, []string{"ul", "li"}) {
			t.Errorf("%q became %v: %s", text, elements, out.String())
		}
		if got, want := strings.Join(strings.Fields(content), " "), strings.Join(strings.Fields(Plain(text)), " "); got != want {
			t.Errorf("%q reads as %q", want, got)
		}
	})
}

// FuzzRead: whatever the file, reading it ends in a report or an error; a report can be shown in
// every format and read again.
func FuzzRead(f *testing.F) {
	small := sampleReport(f)
	small.Checks, small.Checklist, small.Summary = small.Checks[8:9], small.Checklist[:0], audit.Summary{Waived: 1}
	small.Ready = true
	var out bytes.Buffer
	if err := Write(&out, "json", small, Options{}); err != nil {
		f.Fatal(err)
	}
	if _, err := Read(out.Bytes()); err != nil {
		f.Fatal(err)
	}
	f.Add(out.Bytes())
	f.Add(out.Bytes()[:out.Len()/2])
	f.Add([]byte(`{"schema":"prelaunch.report/v1"}`))
	f.Add([]byte(`[[[[{"a":1,"a":2}]]]]`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := Read(raw)
		if err != nil {
			return
		}
		var out bytes.Buffer
		for _, format := range Formats {
			out.Reset()
			if err := Write(&out, format.Name, r, Options{Width: 80}); err != nil {
				t.Errorf("show as %s: %v", format.Name, err)
			}
			if format.Name == "json" {
				if _, err := Read(out.Bytes()); err != nil {
					t.Errorf("read again: %v", err)
				}
			}
		}
	})
}
