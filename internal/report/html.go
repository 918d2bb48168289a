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
	"sync"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
)

// One file that needs nothing else: no script at all, styles inside, nothing fetched, and a content
// security policy that says so. Every text goes through Plain, which escapes what cannot be seen,
// and through html/template, which escapes it for its place.

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

var page = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("page").Funcs(template.FuncMap{
		"label": label, "glyph": func(o audit.Outcome) string { return glyphs[o] }, "plain": Plain,
		"style": func() template.CSS { return template.CSS(pageCSS) },
	}).Parse(pageHTML))
})

// glyphs are shown next to the word of an outcome, so that nothing depends on telling colors apart.
var glyphs = map[audit.Outcome]string{
	audit.Pass: "✓", audit.Fail: "✕", audit.Warn: "!", audit.Inconclusive: "?", audit.NotApplicable: "–", audit.Waived: "≈",
}

// What the page shows of long lists, of which text formats show less.
const (
	maxHTMLGroups   = 20
	maxHTMLPlaces   = 20
	maxHTMLEvidence = 5   // findings of a group whose evidence is shown
	maxHTMLSent     = 500 // synthetic events; a run sends some 240 requests an environment
	maxHistory      = 20  // earlier reports
	maxHTMLText     = 2000
)

type htmlPage struct {
	Integration, Provider, Tool, Status, Counts string
	Outcome                                     audit.Outcome // whose color the status has
	Finished, Duration, ValidUntil              string
	Caveats                                     []string
	Steps                                       [][]span
	Checklist                                   []htmlItem
	Parts                                       []htmlPart // of the bar
	Failures, Others                            []htmlPart // those whose checks are shown in full
	Causes                                      []htmlCause
	Passes                                      []htmlSection
	Notes                                       []string
	Scope                                       []htmlTerm
	Sent                                        []string
	SentMore                                    string
	Digests                                     []htmlRow
	Runs                                        []string // when the audits of the history finished, the oldest first
	History                                     []htmlHistory
}

// htmlPart is the checks of an outcome, and where the page has them.
type htmlPart struct {
	Outcome              audit.Outcome
	Title, Anchor, Count string
	At, Len              float64 // of the bar of outcomes, in percent
	Checks               []htmlCheck
}

type htmlItem struct {
	audit.ChecklistItem
	Open, Passed []htmlLink
}

type htmlLink struct {
	ID, Anchor string
	Outcome    audit.Outcome
}

type htmlCheck struct {
	htmlLink
	Headline, Title, About, More string
	Groups                       []htmlGroup // the first without what Headline says
	Fix                          []htmlBlock
}

type htmlCause struct {
	Headlines []string
	Waiting   string
	Checks    []htmlWaiting
	Step      []htmlBlock
	Groups    []htmlGroup
}

// htmlWaiting is a check that waits for a cause.
type htmlWaiting struct {
	htmlLink
	Title, About string
	Here         bool // what links to the check leads here
}

type htmlSection struct {
	Name   string
	Count  string
	Checks []htmlCheck
}

// htmlBlock is a paragraph, a list or lines to be pasted.
type htmlBlock struct {
	Code  string
	Text  []span
	Items [][]span
}

type htmlGroup struct {
	Said, More string
	Replay     string // the command that shows again what was found
	Places     []string
	Evidence   []htmlEvidence
}

type htmlEvidence struct {
	ID   string // of the finding
	Rows []htmlRow
}

// htmlTerm is a name with all that is said of it.
type htmlTerm struct {
	Name   string
	Values []string
}

// addScope adds a value to its name, which stands once.
func (p *htmlPage) addScope(name, value string) {
	for i := range p.Scope {
		if p.Scope[i].Name == name {
			p.Scope[i].Values = append(p.Scope[i].Values, value)
			return
		}
	}
	p.Scope = append(p.Scope, htmlTerm{name, []string{value}})
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
		Integration: Plain(v.Integration), Provider: Plain(v.Provider), Tool: Plain(v.Tool.Name + " " + v.Tool.Version), Status: v.verdict(), Caveats: v.caveats(),
		Counts: v.counts(), Outcome: v.verdictOutcome(), Finished: v.FinishedAt.UTC().Format("2006-01-02 15:04 UTC"),
		Duration: v.FinishedAt.Sub(v.StartedAt).Round(time.Second).String(), ValidUntil: v.ValidUntil.String(), Notes: v.Notes, Parts: v.htmlParts(),
		Digests: []htmlRow{{"Policies", v.PolicyDigest}, {"Facts", v.FactsDigest}, {"Configuration", v.ConfigDigest}},
	}
	v.MinSeverity = "" // the page has room for all
	for _, name := range slices.Sorted(maps.Keys(v.Scope.Digests)) {
		p.Digests = append(p.Digests, htmlRow{Plain(name), Plain(v.Scope.Digests[name])})
	}
	for _, step := range v.nextSteps() {
		p.Steps = append(p.Steps, spans(clip(Plain(step), maxTitle)))
	}
	for _, item := range v.Checklist {
		one := htmlItem{ChecklistItem: item}
		for _, id := range item.Checks {
			if link := v.htmlLink(id); link.Outcome == audit.Pass || link.Outcome == audit.NotApplicable {
				one.Passed = append(one.Passed, link)
			} else {
				one.Open = append(one.Open, link)
			}
		}
		p.Checklist = append(p.Checklist, one)
	}
	for _, part := range p.Parts {
		switch {
		case part.Outcome == audit.Fail:
			p.Failures = append(p.Failures, part)
		case len(part.Checks) > 0:
			p.Others = append(p.Others, part)
		}
	}
	here := map[string]bool{}
	for _, c := range v.causes() {
		p.Causes = append(p.Causes, v.htmlCauseOf(c, here))
	}
	for _, s := range v.sections(audit.Pass, audit.NotApplicable) {
		shown := htmlSection{Name: Plain(orElse(s.Name, "other")), Count: count(len(s.Checks), "check")}
		for _, check := range s.Checks {
			shown.Checks = append(shown.Checks, v.htmlCheckOf(check, isAttested(check)))
		}
		p.Passes = append(p.Passes, shown)
	}
	for _, line := range v.scopeLines(true) {
		if name, value, found := strings.Cut(line.text, ": "); found && line.level == 0 && name != "to be purged" && name != "note" {
			p.addScope(clip(Plain(name), maxTitle), clip(Plain(value), maxHTMLText))
		}
	}
	for _, sent := range v.Scope.Sent[:min(len(v.Scope.Sent), maxHTMLSent)] {
		p.Sent = append(p.Sent, Plain(sentText(sent)))
	}
	if more := len(v.Scope.Sent) - maxHTMLSent; more > 0 {
		p.SentMore = andMore(more, "event")
	}
	p.Runs, p.History = v.history()
	return page().Execute(w, p)
}

// htmlParts are the outcomes that occur, with their checks where those are shown in full.
func (v *view) htmlParts() []htmlPart {
	titles := map[audit.Outcome][2]string{
		audit.Fail: {"Failures", "failures"}, audit.Inconclusive: {"Not proven", "not-proven"}, audit.Warn: {"Warnings", "warnings"},
		audit.Waived: {"Waived", "waived"}, audit.Pass: {"Passes", "passes"}, audit.NotApplicable: {"Passes", "passes"},
	}
	total := float64(max(len(v.Checks), 1))
	at := 0.0
	var parts []htmlPart
	for _, t := range v.tallies() {
		part := htmlPart{Outcome: t.outcome, Title: titles[t.outcome][0], Anchor: titles[t.outcome][1], Count: fmt.Sprint(t.n), At: at, Len: float64(t.n) / total * 100}
		at += part.Len
		if t.outcome == audit.Fail || t.outcome == audit.Warn || t.outcome == audit.Waived {
			for _, check := range v.with(t.outcome) {
				part.Checks = append(part.Checks, v.htmlCheckOf(check, true))
			}
		}
		parts = append(parts, part)
	}
	return parts
}

// htmlLink is a link to a check of the report.
func (v *view) htmlLink(id string) htmlLink {
	at := slices.IndexFunc(v.Checks, func(c audit.Check) bool { return c.ID == id })
	if at < 0 {
		return htmlLink{ID: Plain(id), Anchor: "main"}
	}
	anchor := fmt.Sprintf("check-%d", at)
	if strings.Trim(id, "abcdefghijklmnopqrstuvwxyz0123456789.-") == "" {
		anchor = "check." + id
	}
	return htmlLink{Plain(id), anchor, v.Checks[at].Outcome}
}

// htmlCheckOf is a check; what it found is told of all but most that pass.
func (v *view) htmlCheckOf(check audit.Check, tell bool) htmlCheck {
	c := htmlCheck{htmlLink: v.htmlLink(check.ID), Title: Plain(check.Title), About: about(check)}
	if !tell {
		return c
	}
	if check.Outcome == audit.Fail || check.Outcome == audit.Warn {
		c.Fix = htmlBlocks(check.Remediation)
	}
	found := relevant(check)
	if check.Outcome == audit.Fail || check.Outcome == audit.Warn {
		found = slices.DeleteFunc(found, func(f audit.Finding) bool { return f.Outcome == audit.Inconclusive }) // shown by cause
	}
	c.Groups, c.More = htmlGroups(check.Outcome, found)
	if len(c.Groups) > 0 && check.Outcome != audit.Pass && check.Outcome != audit.NotApplicable {
		c.Headline, c.Groups[0].Said = c.Groups[0].Said, ""
	}
	return c
}

// about is how much a check weighs, and where the weakness is described.
func about(check audit.Check) string {
	return Plain(strings.Join(slices.Concat([]string{weight(check)}, check.CWE, check.OWASPASVS), ", "))
}

// htmlCauseOf is a cause; here are the checks that links lead to already.
func (v *view) htmlCauseOf(c *cause, here map[string]bool) htmlCause {
	shown := htmlCause{Waiting: "1 check is waiting for it:", Step: htmlBlocks(c.step())}
	if len(c.Checks) > 1 {
		shown.Waiting = fmt.Sprintf("%d checks are waiting for it:", len(c.Checks))
	}
	var found []audit.Finding
	for _, g := range c.Groups {
		shown.Headlines = append(shown.Headlines, clip(Plain(headline(g)), maxHTMLText))
		found = append(found, g.Findings...)
	}
	shown.Headlines = shown.Headlines[:min(len(shown.Headlines), maxHTMLGroups)]
	if c.Known != "" {
		shown.Waiting = Plain("It fails "+c.Known+". ") + " " + shown.Waiting
	}
	for _, id := range c.Checks {
		link := v.htmlLink(id)
		check := v.Checks[slices.IndexFunc(v.Checks, func(c audit.Check) bool { return c.ID == id })]
		shown.Checks = append(shown.Checks, htmlWaiting{link, Plain(check.Title), about(check), check.Outcome == audit.Inconclusive && !here[id]})
		here[id] = true
	}
	shown.Groups, _ = htmlGroups(audit.Inconclusive, found)
	for i := range shown.Groups {
		shown.Groups[i].Said = ""
	}
	return shown
}

// htmlGroups are findings that say the same, with their places and evidence, and how many more
// there are.
func htmlGroups(outcome audit.Outcome, findings []audit.Finding) (shown []htmlGroup, more string) {
	all := groups(findings)
	for _, g := range all[:min(len(all), maxHTMLGroups)] {
		text := headline(g)
		if g.Outcome != outcome {
			text = capital(label(g.Outcome)) + ": " + text
		}
		one := htmlGroup{Said: clip(Plain(text), maxHTMLText)}
		if command := Plain(replay(g.Findings)); !slices.ContainsFunc(shown, func(other htmlGroup) bool { return other.Replay == command }) {
			one.Replay = command
		}
		places := g.places()
		for _, p := range places[:min(len(places), maxHTMLPlaces)] {
			one.Places = append(one.Places, clip(Plain(p.String()), maxHTMLText))
		}
		if n := len(places) - maxHTMLPlaces; n > 0 {
			one.More = andMore(n, "place")
		}
		for _, finding := range g.Findings[:min(len(g.Findings), maxHTMLEvidence)] {
			if len(finding.Evidence) > 0 {
				one.Evidence = append(one.Evidence, htmlEvidence{Plain(finding.ID), evidenceRows(finding.Evidence)})
			}
		}
		shown = append(shown, one)
	}
	hidden := 0
	for _, g := range all[len(shown):] {
		hidden += len(g.Findings)
	}
	if hidden > 0 {
		more = andMore(hidden, "finding")
	}
	return shown, more
}

// htmlBlocks are the paragraphs, lists and lines to be pasted of a remediation or a next step.
func htmlBlocks(text string) []htmlBlock {
	var out []htmlBlock
	for _, block := range Blocks(text) {
		switch last := len(out) - 1; {
		case block.Code:
			out = append(out, htmlBlock{Code: block.Text})
		case block.Item && last >= 0 && out[last].Items != nil:
			out[last].Items = append(out[last].Items, spans(block.Text))
		case block.Item:
			out = append(out, htmlBlock{Items: [][]span{spans(block.Text)}})
		default:
			out = append(out, htmlBlock{Text: spans(block.Text)})
		}
	}
	return out
}

// evidenceRows are the evidence by name; what is not text is shown as JSON.
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
		rows = append(rows, htmlRow{clip(Plain(name), maxTitle), clip(Plain(value), maxHTMLText)})
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
	all = all[max(0, len(all)-maxHistory-1):]
	for _, r := range all {
		runs = append(runs, r.FinishedAt.UTC().Format("2006-01-02 15:04"))
	}
	for _, check := range v.Checks {
		line := htmlHistory{ID: Plain(check.ID)}
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
