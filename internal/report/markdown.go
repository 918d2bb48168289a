package report

import (
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
)

// maxMarkdown bounds the document, in bytes: a comment on GitHub holds 65,536 characters, a step
// summary 1 MiB.
const maxMarkdown = 60_000

// markdown is a document that is added to a whole block at a time, as long as there is room.
type markdown struct {
	strings.Builder
	cut bool // something did not fit
}

// add adds a block when room is left for it and reserve bytes more.
func (m *markdown) add(reserve int, block string) bool {
	if m.Len()+len(block)+reserve > maxMarkdown {
		m.cut = true
		return false
	}
	m.WriteString(block)
	return true
}

// renderMarkdown writes GitHub's Markdown for a pull request or a step summary, in the order of the
// table.
func renderMarkdown(w io.Writer, v *view) error {
	const tail = 600 // bytes kept for what ends the document
	var m markdown
	head := fmt.Sprintf("## %s prelaunch: %s\n\n%s.\n\n%s\n\n", symbols[v.verdictOutcome()], MarkdownText(v.verdict()), markdownShort(v.subtitle()),
		MarkdownText("Checks: "+v.counts()+". Valid until "+v.ValidUntil.String()+"."))
	for _, caveat := range v.caveats() {
		head += "> **" + MarkdownText(caveat) + "**\n\n"
	}
	m.add(tail, head)
	if steps := v.nextSteps(); len(steps) > 0 {
		block := "### Next steps\n\n"
		for i, step := range steps {
			block += fmt.Sprintf("%d. %s\n", i+1, markdownRich(clip(Plain(step), maxTitle)))
		}
		m.add(tail, block+"\n")
	}
	items := "| Outcome | Checklist |\n| --- | --- |\n"
	for _, item := range v.Checklist {
		items += fmt.Sprintf("| %s | %d\\. %s |\n", outcomeMark(item.Outcome), item.Item, markdownShort(item.Title))
	}
	m.add(tail, items+"\n")
	checks := func(title string, outcome audit.Outcome) {
		var blocks []string
		for _, check := range v.with(outcome) {
			blocks = append(blocks, markdownCheck(check, outcome))
		}
		m.section(tail, title, "check", blocks)
	}
	checks("Failures", audit.Fail)
	var causes []string
	for _, c := range v.causes() {
		causes = append(causes, markdownCause(c))
	}
	m.section(tail, "Not proven, by cause", "cause", causes)
	checks("Warnings", audit.Warn)
	m.add(tail, markdownRest(v))
	var scope strings.Builder
	scope.WriteString("<details><summary>Scope</summary>\n\n")
	for _, line := range v.scopeLines(false) {
		scope.WriteString(strings.Repeat("  ", line.level) + "- " + markdownClip(line.text, maxMessage) + "\n")
	}
	m.add(tail, scope.String()+"\n</details>\n\n")
	if hidden := v.hidden(); hidden != "" {
		m.add(tail, MarkdownText(capital(hidden)+".")+"\n\n")
	}
	if m.cut {
		m.WriteString("*This is shortened: see the json or html report for all of it.*\n\n")
	}
	m.WriteString("**" + MarkdownText(v.verdict()) + "**\n")
	_, err := io.WriteString(w, m.String())
	return err
}

// section adds as many blocks as there is room for, and says how many more there are.
func (m *markdown) section(reserve int, title, noun string, blocks []string) {
	if len(blocks) == 0 || !m.add(reserve, fmt.Sprintf("### %s (%d)\n\n", title, len(blocks))) {
		return
	}
	for i, block := range blocks {
		if !m.add(reserve, block) {
			m.WriteString(MarkdownText(andMore(len(blocks)-i, noun)) + "\n\n")
			return
		}
	}
}

// markdownCheck is a check that fails or warns, under the headline of what was found first.
func markdownCheck(check audit.Check, outcome audit.Outcome) string {
	var b strings.Builder
	for i, line := range findingLines(check, withOutcome(check.Findings, outcome)) {
		if i == 0 {
			fmt.Fprintf(&b, "#### %s %s\n\n%s\n\n", symbols[outcome], markdownClip(line.text, maxMessage), markdownShort(requirement(check)))
			continue
		}
		fmt.Fprintf(&b, "- %s\n", markdownClip(line.text, maxMessage))
	}
	b.WriteString(markdownReplay(withOutcome(check.Findings, outcome)))
	b.WriteString("\n" + markdownBlocks("**Fix:** ", check.Remediation) + "\n")
	return b.String()
}

// markdownReplay is the command that shows again what was found.
func markdownReplay(found []audit.Finding) string {
	command := replay(found)
	if command == "" {
		return ""
	}
	return fmt.Sprintf("- See: `%s`\n", strings.ReplaceAll(Plain(command), "`", ""))
}

// markdownCause is what findings wait for, and what settles it.
func markdownCause(c *cause) string {
	var b strings.Builder
	for i, g := range c.Groups[:min(len(c.Groups), maxGroups)] {
		text := markdownClip(headline(g), maxMessage)
		if i == 0 {
			text = "#### " + symbols[audit.Inconclusive] + " " + text + "\n"
		} else {
			text = "- " + text
		}
		b.WriteString(text + "\n")
	}
	if len(c.Groups) > 0 {
		b.WriteString(markdownReplay(c.Groups[0].Findings))
	}
	b.WriteString("\n" + markdownClip(c.waiting(), maxMessage) + "\n\n" + markdownBlocks("**To settle it:** ", c.step()) + "\n")
	return b.String()
}

// markdownRest is what is waived, passes or does not apply.
func markdownRest(v *view) string {
	var rows string
	n := 0
	for _, outcome := range []audit.Outcome{audit.Waived, audit.Pass, audit.NotApplicable} {
		for _, check := range v.with(outcome) {
			cell := []string{markdownShort(check.ID + ": " + check.Title)}
			if outcome == audit.Waived || isAttested(check) {
				for _, line := range findingLines(check, relevant(check)) {
					cell = append(cell, markdownClip(line.text, maxMessage))
				}
			}
			rows += fmt.Sprintf("| %s | %s |\n", outcomeMark(outcome), strings.Join(cell, "<br>"))
			n++
		}
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("<details><summary>The rest: %s</summary>\n\n| Outcome | Check |\n| --- | --- |\n%s\n</details>\n\n", count(n, "check"), rows)
}

// markdownBlocks is a remediation or a next step: paragraphs, lists and fenced code, the first
// after lead.
func markdownBlocks(lead, text string) string {
	var b strings.Builder
	blocks := Blocks(text)
	for i, block := range blocks {
		if i == 0 {
			b.WriteString(lead)
		}
		switch {
		case block.Code:
			fence := "```"
			for strings.Contains(block.Text, fence) {
				fence += "`"
			}
			if i == 0 {
				b.WriteString("\n\n")
			}
			fmt.Fprintf(&b, "%s\n%s\n%s\n", fence, block.Text, fence)
		case block.Item:
			b.WriteString("- " + markdownRich(block.Text) + "\n")
		default:
			b.WriteString(markdownRich(block.Text) + "\n")
		}
		if next := i + 1; next < len(blocks) && (!block.Item || !blocks[next].Item) {
			b.WriteString("\n")
		}
	}
	return b.String()
}

var symbols = map[audit.Outcome]string{
	audit.Pass: "✅", audit.Fail: "❌", audit.Warn: "⚠️", audit.Inconclusive: "❓", audit.NotApplicable: "➖", audit.Waived: "📝",
}

func outcomeMark(outcome audit.Outcome) string { return symbols[outcome] + " " + label(outcome) }

func markdownShort(text string) string { return markdownClip(text, maxTitle) }

func markdownClip(text string, width int) string { return MarkdownText(clip(Plain(text), width)) }

// markdownRich is plain text in Markdown whose code between backticks stays code.
func markdownRich(text string) string {
	var b strings.Builder
	for _, s := range spans(text) {
		if s.Code && strings.TrimSpace(s.Text) == s.Text && !strings.Contains(s.Text, "|") {
			b.WriteString("`" + s.Text + "`")
		} else {
			b.WriteString(outerSpace(s.Text, MarkdownText(s.Text)))
		}
	}
	return b.String()
}

// outerSpace gives shown the spaces at the ends of text.
func outerSpace(text, shown string) string {
	if strings.HasPrefix(text, " ") {
		shown = " " + shown
	}
	if strings.HasSuffix(text, " ") && strings.TrimSpace(text) != "" {
		shown += " "
	}
	return shown
}

// markdownAnywhere are the ASCII characters that mean something anywhere in a line of Markdown;
// markdownFirst those that do at its beginning, as does a number before a point or a bracket.
const (
	markdownAnywhere = "\\`*_[]|~$#"
	markdownFirst    = "-+="
)

// breaker stops GitHub from making links, mentions, references and emoji, for which it looks in the
// text after Markdown was read: no escape helps against that.
const breaker = "<!-- -->"

// MarkdownText shows text in GitHub's Markdown on one line as exactly these characters: no markup, no HTML,
// no link, no mention.
func MarkdownText(text string) string {
	var b strings.Builder
	runes := []rune(Plain(text))
	hex := 0 // hexadecimal digits since the word began; -1: the word is no number
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
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			hex = 0
		case hex >= 0 && strings.ContainsRune("0123456789abcdefABCDEF", r):
			hex++
		default:
			hex = -1
		}
		if i+1 < len(runes) && continuesReference(runes[i+1]) && (hex == 6 || startsReference(runes[max(0, i-3):i+1], runes[i+1])) {
			b.WriteString(breaker)
		}
	}
	return b.String()
}

// continuesReference reports whether a character can stand after the beginning of a link.
func continuesReference(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("/+-_", r)
}

// startsReference reports whether the last characters, up to four, may begin a link with the next
// one: "@", "#", ":" (a scheme, a line, an emoji), "www.", GitLab's "!12" and "%12", and the
// prefixes of issue trackers such as "GH-12".
func startsReference(last []rune, next rune) bool {
	switch last[len(last)-1] {
	case '@', '#', ':':
		return true
	case '.':
		return strings.EqualFold(string(last), "www.")
	case '!', '%':
		return unicode.IsDigit(next)
	case '-':
		return unicode.IsDigit(next) && len(last) > 1 && unicode.IsLetter(last[len(last)-2])
	}
	return false
}
