package report

import (
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/verdict"
)

// mostMarkdown bounds the document, in bytes: a comment on GitHub holds 65,536 characters, a step summary 1 MiB.
const mostMarkdown = 60_000

// markdown is a document that is added to a whole block at a time, as long as there is room.
type markdown struct {
	strings.Builder
	cut bool // something did not fit
}

// add adds a block when room is left for it and reserve bytes more.
func (m *markdown) add(reserve int, block string) bool {
	if m.Len()+len(block)+reserve > mostMarkdown {
		m.cut = true
		return false
	}
	m.WriteString(block)
	return true
}

// renderMarkdown writes GitHub's Markdown for a pull request or a step summary, in the order of the table.
func renderMarkdown(w io.Writer, v *view) error {
	const tail = 600 // bytes kept for what ends the document
	var m markdown
	head := fmt.Sprintf("## %s prelaunch: %s\n\n", symbol(statusOutcome(v.Report)), markdownText(verdict.Status(v.Report)))
	head += fmt.Sprintf("%s, audited %s by %s %s. %s\n\n", markdownShort(v.Integration), v.FinishedAt.UTC().Format("2006-01-02 15:04 UTC"),
		markdownShort(v.Tool.Name), markdownShort(v.Tool.Version), markdownText("Checks: "+v.counts()+"."))
	for _, caveat := range v.caveats() {
		head += "> **" + markdownText(caveat) + "**\n\n"
	}
	m.add(tail, head)
	items := "| Outcome | Pre-launch item |\n| --- | --- |\n"
	for _, item := range v.Checklist {
		items += fmt.Sprintf("| %s | %d\\. %s |\n", outcomeMark(item.Outcome), item.Item, markdownShort(item.Title))
	}
	m.add(tail, items+"\n")
	if checks := v.unproven(); len(checks) > 0 {
		m.add(tail, "### What fails or is not proven\n\n")
		for i, check := range checks {
			if !m.add(tail, markdownCheck(check)) {
				m.WriteString(markdownText(andMore(len(checks)-i, "check")) + "\n\n")
				break
			}
		}
	}
	if checks := v.others(); len(checks) > 0 {
		block := fmt.Sprintf("<details><summary>The rest: %s</summary>\n\n| Outcome | Check |\n| --- | --- |\n", count(len(checks), "check"))
		for _, check := range checks {
			block += fmt.Sprintf("| %s | %s |\n", outcomeMark(check.Outcome), strings.Join(markdownOther(check), "<br>"))
		}
		m.add(tail, block+"\n</details>\n\n")
	}
	var scope strings.Builder
	scope.WriteString("<details><summary>Scope</summary>\n\n")
	for _, line := range v.scopeLines() {
		scope.WriteString(strings.Repeat("  ", line.level) + "- " + markdownClip(line.text, mostMessage) + "\n")
	}
	for _, note := range v.Notes {
		scope.WriteString("- " + markdownClip("note: "+note, mostMessage) + "\n")
	}
	m.add(tail, scope.String()+"\n</details>\n\n")
	if m.cut {
		m.WriteString("*This is shortened: see the json or html report for all of it.*\n\n")
	}
	m.WriteString("**" + markdownText(verdict.Status(v.Report)) + "**\n")
	_, err := io.WriteString(w, m.String())
	return err
}

// markdownCheck is a check that fails or is not proven.
func markdownCheck(check audit.Check) string {
	var b strings.Builder
	fmt.Fprintf(&b, "#### %s %s (%s)\n\n%s\n\n", symbol(check.Outcome), markdownShort(check.ID), markdownShort(aboutLevel(check)), markdownShort(check.Title))
	for _, line := range findingLines(check) {
		fmt.Fprintf(&b, "%s- %s\n", strings.Repeat("  ", line.level), markdownClip(line.text, mostMessage))
	}
	if fix := fixMarkdown(check.Remediation); fix != "" {
		fmt.Fprintf(&b, "\n**Fix:** %s\n", fix)
	}
	b.WriteString("\n")
	return b.String()
}

// markdownOther is one of the rest, for one cell.
func markdownOther(check audit.Check) []string {
	lines := []string{markdownShort(check.ID) + ": " + markdownShort(check.Title)}
	if tellsMore(check) {
		for _, line := range findingLines(check) {
			lines = append(lines, markdownClip(line.text, mostMessage))
		}
	}
	if check.Outcome == audit.Warn {
		for i, line := range FixLines(check.Remediation) {
			text := markdownText(line.Text)
			if i == 0 {
				text = "**Fix:** " + text
			}
			lines = append(lines, text)
		}
	}
	return lines
}

var outcomeSymbols = map[audit.Outcome]string{
	audit.Pass: "✅", audit.Fail: "❌", audit.Warn: "⚠️", audit.Inconclusive: "❓", audit.NotApplicable: "➖", audit.Waived: "📝",
}

func symbol(outcome audit.Outcome) string { return outcomeSymbols[outcome] }

func outcomeMark(outcome audit.Outcome) string { return symbol(outcome) + " " + label(outcome) }

// mostTitle is how many columns of a name or a title are shown.
const mostTitle = 300

func markdownShort(text string) string { return markdownClip(text, mostTitle) }

func markdownClip(text string, width int) string { return markdownText(clip(plain(text), width)) }

// markdownAnywhere are the ASCII characters that mean something anywhere in a line of Markdown; markdownFirst those that do at its
// beginning, as does a number before a point or a bracket.
const (
	markdownAnywhere = "\\`*_[]|~$#"
	markdownFirst    = "-+="
)

// breaker stops GitHub from making links, mentions, references and emoji, for which it looks in the text after Markdown was read:
// no escape helps against that.
const breaker = "<!-- -->"

// MarkdownText shows text in GitHub's Markdown on one line as exactly these characters, for others that write Markdown.
func MarkdownText(text string) string { return markdownText(text) }

// markdownText shows text in Markdown on one line as exactly these characters: no markup, no HTML, no link, no mention.
func markdownText(text string) string {
	var b strings.Builder
	runes := []rune(plain(text))
	for i, r := range runes {
		switch {
		case r == '<':
			b.WriteString("&lt;")
		case r == '>':
			b.WriteString("&gt;")
		case r == '&':
			b.WriteString("&amp;")
		case strings.ContainsRune(markdownAnywhere, r), i == 0 && strings.ContainsRune(markdownFirst, r),
			i > 0 && i < 10 && (r == '.' || r == ')') && strings.Trim(string(runes[:i]), "0123456789") == "":
			b.WriteByte('\\')
			b.WriteRune(r)
		default:
			b.WriteRune(r)
		}
		if i+1 < len(runes) && continuesReference(runes[i+1]) && startsReference(runes[max(0, i-3):i+1]) {
			b.WriteString(breaker)
		}
	}
	return b.String()
}

// continuesReference reports whether a character can stand after the beginning of a link.
func continuesReference(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("/+-_", r)
}

// startsReference reports whether what follows read, up to four characters, may become a link: after "@", "#", ":" (a scheme, a line, an emoji), "www." and
// "GH-".
func startsReference(read []rune) bool {
	tail := strings.ToLower(string(read))
	switch read[len(read)-1] {
	case '@', '#', ':':
		return true
	case '.':
		return tail == "www."
	case '-':
		return strings.HasSuffix(tail, "gh-")
	}
	return false
}
