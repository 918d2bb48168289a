package history

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/report"
)

// Bounds of a body, in characters of each part and in parts; GitHub takes 65,536 characters in all, and escaping can make text
// several times as long.
const (
	maxText     = 1000
	maxEvidence = 12
	maxWaiting  = 20
)

// part is a paragraph of a body, or an item of its list when it has a name.
type part struct {
	name  string // of an item, or "Fix" of a paragraph
	text  string // as it is, on one line
	style style
}

type style int

const (
	paragraph style = iota
	heading         // a paragraph in bold
	item            // of a list, after its name if it has one
	fix             // a paragraph after its name
)

// describe says all that a reader of a ticket needs.
func describe(r *audit.Report, about *problem, reason string) []part {
	check, finding := about.Check, about.Finding
	var parts []part
	add := func(style style, name, text string) {
		parts = append(parts, part{shorten(report.Plain(name), maxText), shorten(report.Plain(text), maxText), style})
	}
	add(paragraph, "", reason)
	add(heading, "", orElse(check.Title, check.ID))
	add(paragraph, "", orElse(finding.Message, "(no message)"))
	add(item, "Integration", r.Integration)
	add(item, "Check", check.ID)
	add(item, "Level", check.Level+", severity "+check.Severity)
	add(item, "Outcome", strings.ReplaceAll(finding.Outcome.String(), "_", " "))
	if finding.Environment != "" {
		add(item, "Environment", finding.Environment)
	}
	if place := report.Place(finding.Evidence); place != "" {
		add(item, "Place", place)
	}
	if w := finding.Waiver; w != nil {
		add(item, "Waived until "+w.Expires.String(), fmt.Sprintf("%s; owner %s, approved by %s", w.Reason, w.Owner, w.ApprovedBy))
	}
	for _, shared := range []struct {
		name string
		list []string
	}{{"Failing for the same cause", names(about.Alike)}, {"Waiting for the same cause", about.Waiting}} {
		if n := len(shared.list); n > 0 {
			shown := strings.Join(shared.list[:min(n, maxWaiting)], ", ")
			if n > maxWaiting {
				shown += fmt.Sprintf(" and %d more", n-maxWaiting)
			}
			add(item, shared.name, shown)
		}
	}
	names := slices.Sorted(maps.Keys(finding.Evidence))
	names = slices.DeleteFunc(names, func(name string) bool { return name == "is_cause" })
	for _, name := range names[:min(len(names), maxEvidence)] {
		add(item, "Evidence, "+strings.ReplaceAll(name, "_", " "), inWords(finding.Evidence[name]))
	}
	name, remedy := "Fix", check.Remediation
	if finding.Outcome == audit.Inconclusive { // the remedy of a failure that nobody observed is not shown
		name, remedy = "To settle it", orElse(finding.NextStep, "see prelaunch explain "+check.ID)
	}
	for i, block := range report.Blocks(remedy) {
		switch {
		case i == 0:
			add(fix, name, block.Text)
		case block.Item:
			add(item, "", block.Text)
		default:
			add(paragraph, "", block.Text)
		}
	}
	add(fix, "To verify", "prelaunch audit --only "+check.ID)
	add(paragraph, "", fmt.Sprintf("Audited %s by %s %s.", r.FinishedAt.UTC().Format("2006-01-02 15:04 UTC"), r.Tool.Name, r.Tool.Version))
	return parts
}

// inWords is a value of evidence for people: not JSON.
func inWords(value any) string {
	switch value := value.(type) {
	case nil:
		return "none"
	case bool:
		if value {
			return "yes"
		}
		return "no"
	case string:
		return orElse(value, "none")
	case []any:
		var all []string
		for _, one := range value {
			all = append(all, inWords(one))
		}
		return orElse(strings.Join(all, ", "), "none")
	case map[string]any:
		var all []string
		for _, name := range slices.Sorted(maps.Keys(value)) {
			all = append(all, strings.ReplaceAll(name, "_", " ")+" "+inWords(value[name]))
		}
		return orElse(strings.Join(all, "; "), "none")
	}
	return fmt.Sprint(value)
}

// markdown is a body for GitHub. It ends with a comment that holds the key and the scope, by which an importer finds the ticket again.
func markdown(parts []part, key, scope string) string {
	var b strings.Builder
	for i, p := range parts {
		text := report.MarkdownText(p.text)
		if i > 0 && (p.style != item || parts[i-1].style != item) {
			b.WriteString("\n")
		}
		switch p.style {
		case heading:
			fmt.Fprintf(&b, "**%s**\n", text)
		case item:
			name := ""
			if p.name != "" {
				name = report.MarkdownText(p.name) + ": "
			}
			fmt.Fprintf(&b, "- %s%s\n", name, text)
		case fix:
			fmt.Fprintf(&b, "**%s:** %s\n", report.MarkdownText(p.name), text)
		default:
			fmt.Fprintf(&b, "%s\n", text)
		}
	}
	return b.String() + "\n" + Marker(key, scope) + "\n"
}

// adfNode is a node of the Atlassian Document TicketFormat. Text in it is only text, so nothing needs escaping.
type adfNode struct {
	Type    string    `json:"type"`
	Version int       `json:"version,omitempty"`
	Content []adfNode `json:"content,omitempty"`
	Text    string    `json:"text,omitempty"`
	Marks   []adfMark `json:"marks,omitempty"`
}

type adfMark struct {
	Type string `json:"type"`
}

// adf is a body for Jira.
func adf(parts []part) adfNode {
	paragraph := func(texts ...adfNode) adfNode { return adfNode{Type: "paragraph", Content: texts} }
	bold := func(text string) adfNode { return adfNode{Type: "text", Text: text, Marks: []adfMark{{"strong"}}} }
	text := func(text string) adfNode { return adfNode{Type: "text", Text: text} }
	document := adfNode{Type: "doc", Version: 1}
	add := func(node adfNode) { document.Content = append(document.Content, node) }
	for i, p := range parts {
		body := orElse(p.text, "(nothing)") // a text may not be empty
		switch p.style {
		case heading:
			add(paragraph(bold(body)))
		case item:
			if i == 0 || parts[i-1].style != item {
				add(adfNode{Type: "bulletList"})
			}
			list := &document.Content[len(document.Content)-1]
			if p.name != "" {
				body = p.name + ": " + body
			}
			list.Content = append(list.Content, adfNode{Type: "listItem", Content: []adfNode{paragraph(text(body))}})
		case fix:
			add(paragraph(bold(p.name+": "), text(body)))
		default:
			add(paragraph(text(body)))
		}
	}
	return document
}

// Marker is the comment at the end of a ticket's body by which it is found again.
func Marker(key, scope string) string {
	return "<!-- prelaunch key=" + token(key) + " scope=" + token(scope) + " -->"
}

// token keeps the characters of an id; anything else in a report that was not made by prelaunch could end the comment.
func token(id string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return -1
	}, id)
}
