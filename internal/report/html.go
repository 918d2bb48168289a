package report

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/verdict"
)

// One file that needs nothing else: no script at all, styles inside, nothing fetched, and a content security policy that says so.
// Every text goes through plain, which spells out what cannot be seen, and through html/template, which escapes it for its place.

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"label": label, "glyph": func(o audit.Outcome) string { return glyphs[o] }, "plain": plain, "style": func() template.CSS { return template.CSS(pageCSS) },
}).Parse(pageHTML))

// glyphs stand beside the word of an outcome, so that nothing depends on telling colours apart.
var glyphs = map[audit.Outcome]string{
	audit.Pass: "✓", audit.Fail: "✕", audit.Warn: "!", audit.Inconclusive: "?", audit.NotApplicable: "–", audit.Waived: "≈",
}

// What the page shows of long lists, of which text formats show less.
const (
	mostHTMLGroups   = 20
	mostHTMLPlaces   = 20
	mostHTMLEvidence = 5   // findings of a group whose evidence is shown
	mostHTMLSent     = 500 // synthetic events; a run sends some 240 requests an environment
	mostHistory      = 20  // earlier reports
	mostHTMLText     = 2000
)

type htmlPage struct {
	Integration, Provider, Tool, Status, Counts string
	Outcome                                     audit.Outcome // whose colour the status has
	Finished, Duration, ValidUntil              string
	Checklist                                   []audit.ChecklistItem
	Bar                                         []htmlBar
	Unproven, Others                            []htmlCheck
	Notes, Caveats                              []string
	Scope                                       []htmlRow
	Sent                                        []string
	SentMore                                    string
	Digests                                     []htmlRow
	Runs                                        []string // when the audits of the history finished, the oldest first
	History                                     []htmlHistory
}

// htmlBar is one piece of the bar of outcomes, in hundredths of a percent of its length.
type htmlBar struct {
	Outcome audit.Outcome
	Count   int
	At, Len float64
}

type htmlCheck struct {
	ID, Title, About, More string
	Outcome                audit.Outcome
	Groups                 []htmlGroup
	Fix                    [][]FixLine // paragraphs of one line, and lists of several items
}

type htmlGroup struct {
	Said, More string
	Outcome    audit.Outcome
	Places     []string
	Evidence   []htmlEvidence
}

type htmlEvidence struct {
	ID   string // of the finding
	Rows []htmlRow
}

type htmlRow struct{ Name, Value string }

type htmlHistory struct {
	ID    string
	Cells []htmlCell
}

// htmlCell is a check in one audit of the history.
type htmlCell struct {
	Outcome audit.Outcome
	Known   bool // the check was judged then
	Title   string
}

func renderHTML(w io.Writer, v *view) error {
	p := htmlPage{
		Integration: plain(v.Integration), Provider: plain(v.Provider), Tool: plain(v.Tool.Name + " " + v.Tool.Version), Status: verdict.Status(v.Report), Caveats: v.caveats(),
		Counts: v.counts(), Outcome: statusOutcome(v.Report), Finished: v.FinishedAt.UTC().Format("2006-01-02 15:04 UTC"), Duration: v.duration().String(),
		ValidUntil: v.ValidUntil.String(), Checklist: v.Checklist, Bar: v.bar(), Notes: v.Notes,
		Digests: []htmlRow{{"Policies", v.PolicyDigest}, {"Facts", v.FactsDigest}, {"Configuration", v.ConfigDigest}},
	}
	for _, name := range slices.Sorted(maps.Keys(v.Scope.Digests)) {
		p.Digests = append(p.Digests, htmlRow{plain(name), plain(v.Scope.Digests[name])})
	}
	for _, check := range v.unproven() {
		p.Unproven = append(p.Unproven, htmlCheckOf(check, true))
	}
	for _, check := range v.others() {
		p.Others = append(p.Others, htmlCheckOf(check, tellsMore(check)))
	}
	p.Scope = v.htmlScope()
	for _, sent := range v.Scope.Sent[:min(len(v.Scope.Sent), mostHTMLSent)] {
		p.Sent = append(p.Sent, plain(fmt.Sprintf("%s %s %s %s", sent.Environment, sent.UID, sent.EventType, sent.At.UTC().Format(time.RFC3339))))
	}
	if more := len(v.Scope.Sent) - mostHTMLSent; more > 0 {
		p.SentMore = andMore(more, "event")
	}
	p.Runs, p.History = v.history()
	return page.Execute(w, p)
}

func (v *view) bar() []htmlBar {
	total := float64(max(len(v.Checks), 1))
	at := 0.0
	var bar []htmlBar
	for _, part := range v.parts() {
		length := float64(part.n) / total * 100
		bar = append(bar, htmlBar{part.outcome, part.n, at, length})
		at += length
	}
	return bar
}

func htmlCheckOf(check audit.Check, tell bool) htmlCheck {
	c := htmlCheck{ID: plain(check.ID), Title: plain(check.Title), About: plain(aboutLevel(check)), Outcome: check.Outcome}
	if !tell {
		return c
	}
	if check.Outcome != audit.Pass && check.Outcome != audit.NotApplicable {
		for _, line := range FixLines(check.Remediation) {
			if last := len(c.Fix) - 1; line.Item && last >= 0 && c.Fix[last][0].Item {
				c.Fix[last] = append(c.Fix[last], line)
				continue
			}
			c.Fix = append(c.Fix, []FixLine{line})
		}
	}
	all := groups(worthTelling(check))
	for _, g := range all[:min(len(all), mostHTMLGroups)] {
		shown := htmlGroup{Said: clip(plain(said(check, g)), mostHTMLText), Outcome: g.Outcome}
		places := g.places()
		for _, p := range places[:min(len(places), mostHTMLPlaces)] {
			shown.Places = append(shown.Places, clip(plain(p.String()), mostHTMLText))
		}
		if more := len(places) - mostHTMLPlaces; more > 0 {
			shown.More = andMore(more, "place")
		}
		for _, finding := range g.Findings[:min(len(g.Findings), mostHTMLEvidence)] {
			if len(finding.Evidence) == 0 {
				continue
			}
			shown.Evidence = append(shown.Evidence, htmlEvidence{plain(finding.ID), evidenceRows(finding.Evidence)})
		}
		c.Groups = append(c.Groups, shown)
	}
	hidden := 0
	for _, g := range all[len(c.Groups):] {
		hidden += len(g.Findings)
	}
	if hidden > 0 {
		c.More = andMore(hidden, "finding")
	}
	return c
}

// evidenceRows are the pieces of evidence by name; what is no text is shown as JSON.
func evidenceRows(evidence map[string]any) []htmlRow {
	var rows []htmlRow
	for _, name := range slices.Sorted(maps.Keys(evidence)) {
		value, isText := evidence[name].(string)
		if !isText {
			raw, err := json.Marshal(evidence[name])
			if err != nil {
				raw = []byte(err.Error())
			}
			value = string(raw)
		}
		rows = append(rows, htmlRow{clip(plain(name), mostTitle), clip(plain(value), mostHTMLText)})
	}
	return rows
}

// htmlScope is the scope in rows, without the synthetic events, which have a list of their own.
func (v *view) htmlScope() []htmlRow {
	var rows []htmlRow
	without := *v.Report
	without.Scope.Sent = nil
	for _, line := range (&view{Report: &without, Options: v.Options}).scopeLines() {
		name, value, found := strings.Cut(line.text, ": ")
		if !found {
			name, value = "", line.text
		}
		rows = append(rows, htmlRow{clip(plain(name), mostTitle), clip(plain(value), mostHTMLText)})
	}
	return rows
}

// history is the outcome of each check in the earlier reports and in this one.
func (v *view) history() (runs []string, history []htmlHistory) {
	if len(v.Earlier) == 0 {
		return nil, nil
	}
	all := append(slices.Clone(v.Earlier), v.Report)
	slices.SortStableFunc(all, func(a, b *audit.Report) int { return a.FinishedAt.Compare(b.FinishedAt) })
	all = slices.CompactFunc(all, func(a, b *audit.Report) bool {
		return a.FinishedAt.Equal(b.FinishedAt) && a.FactsDigest == b.FactsDigest
	})
	all = all[max(0, len(all)-mostHistory-1):]
	for _, r := range all {
		runs = append(runs, r.FinishedAt.UTC().Format("2006-01-02 15:04"))
	}
	for _, check := range v.Checks {
		line := htmlHistory{ID: plain(check.ID)}
		for i, r := range all {
			cell := htmlCell{Title: runs[i] + ": not judged"}
			if at := slices.IndexFunc(r.Checks, func(c audit.Check) bool { return c.ID == check.ID }); at >= 0 {
				cell.Outcome, cell.Known = r.Checks[at].Outcome, true
				cell.Title = runs[i] + ": " + label(cell.Outcome)
			}
			line.Cells = append(line.Cells, cell)
		}
		history = append(history, line)
	}
	return runs, history
}
