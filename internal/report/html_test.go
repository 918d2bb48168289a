package report

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
)

// TestHTMLHoldsNothingThatActs looks at every element and attribute of the page, whatever stands in
// the report.
func TestHTMLHoldsNothingThatActs(t *testing.T) {
	t.Parallel()
	for name, r := range reports(t) {
		out := string(render(t, "html", r, Options{Redactor: sampleRedactor(), Now: sampleTime.AddDate(1, 0, 0), Earlier: []*audit.Report{r}}))
		tokens := html.NewTokenizer(strings.NewReader(out))
		open := []string{}
		links, ids := map[string]bool{}, map[string]bool{}
		void := []string{"meta", "br", "!DOCTYPE"}
		for {
			kind := tokens.Next()
			if kind == html.ErrorToken {
				break
			}
			token := tokens.Token()
			switch kind {
			case html.StartTagToken:
				if !slices.Contains(strings.Fields("html head meta title style body a header nav p span h1 h2 h3 h4 pre dl div dt dd main section ol ul li svg rect article code pre details summary strong table thead tbody tr th td footer"), token.Data) {
					t.Errorf("%s: element <%s>", name, token.Data)
				}
				for _, attribute := range token.Attr {
					if !slices.Contains(strings.Fields("lang charset http-equiv content name class id href open role aria-label aria-labelledby aria-hidden tabindex scope title viewbox preserveaspectratio x y width height"), attribute.Key) {
						t.Errorf("%s: <%s %s>", name, token.Data, attribute.Key)
					}
					switch target, inside := strings.CutPrefix(attribute.Val, "#"); {
					case attribute.Key == "href" && !inside:
						t.Errorf("%s: a link to %q", name, attribute.Val)
					case attribute.Key == "href":
						links[target] = true
					case attribute.Key == "id" && ids[attribute.Val]:
						t.Errorf("%s: the id %q occurs twice", name, attribute.Val)
					case attribute.Key == "id":
						ids[attribute.Val] = true
					}
				}
				if !slices.Contains(void, token.Data) {
					open = append(open, token.Data)
				}
			case html.EndTagToken:
				if len(open) == 0 || open[len(open)-1] != token.Data {
					t.Fatalf("%s: </%s> closes %v", name, token.Data, open)
				}
				open = open[:len(open)-1]
			}
		}
		if len(open) > 0 {
			t.Errorf("%s: %v is not closed", name, open)
		}
		for target := range links {
			if !ids[target] {
				t.Errorf("%s: a link leads to #%s, which is not there", name, target)
			}
		}
		if strings.Contains(out, "url(") || strings.Contains(out, "@import") || strings.Contains(out, "ZgotmplZ") {
			t.Errorf("%s: the styles fetch something, or the template refused a value", name)
		}
	}
}

// TestHTMLSaysEverything finds each check with its outcome on the page.
func TestHTMLSaysEverything(t *testing.T) {
	t.Parallel()
	r := sampleReport(t)
	_, text := readHTML(t, string(render(t, "html", r, Options{})))
	for _, check := range r.Checks {
		if !strings.Contains(text, label(check.Outcome)+": "+check.ID) && !strings.Contains(text, label(check.Outcome)+" "+check.ID) &&
			!strings.Contains(text, check.ID+" "+check.Title) {
			t.Errorf("%s: %s is not on the page", check.ID, check.Outcome)
		}
	}
	for _, want := range []string{"test/fixtures/env.json:5", "Rotate the key", "PRELAUNCHQ7K2M9", "network.resolve", r.FactsDigest, r.PolicyDigest, r.ConfigDigest, "2027-01-30", "jane@acme.example"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not on the page", want)
		}
	}
}

func TestHistory(t *testing.T) {
	t.Parallel()
	now, before, other := sampleReport(t), sampleReport(t), sampleReport(t)
	before.FinishedAt = before.FinishedAt.AddDate(0, 0, -7)
	before.FactsDigest = audit.Digest([]byte("before"))
	before.Checks = before.Checks[1:]
	before.Checks[0].Outcome = audit.Pass
	other.Integration = "acme-cards"

	v, err := newView(now, Options{Earlier: []*audit.Report{now, before}})
	if err != nil {
		t.Fatal(err)
	}
	runs, history := v.history()
	if diff := cmp.Diff([]string{"2026-10-29 10:12", "2026-11-05 10:12"}, runs); diff != "" {
		t.Errorf("runs:\n%s", diff)
	}
	want := []htmlHistory{
		{ID: "api-key.stored-securely", Cells: []htmlCell{
			{Title: "2026-10-29 10:12: not judged"}, {Outcome: audit.Inconclusive, Known: true, Title: "2026-11-05 10:12: inconclusive"}}},
		{ID: "api-key.not-in-code", Cells: []htmlCell{
			{Outcome: audit.Pass, Known: true, Title: "2026-10-29 10:12: pass"}, {Outcome: audit.Fail, Known: true, Title: "2026-11-05 10:12: fail"}}},
	}
	if diff := cmp.Diff(want, history[:2]); diff != "" {
		t.Errorf("history:\n%s", diff)
	}
	if _, err := newView(now, Options{Earlier: []*audit.Report{other}}); err == nil || !strings.Contains(err.Error(), `"acme-cards"`) {
		t.Errorf("a report of another integration: error is %v", err)
	}
}
