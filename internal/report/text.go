package report

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/clipperhouse/displaywidth"
)

// Plain makes text from outside safe and legible, on one line: white space becomes single spaces,
// and whatever cannot be seen or acts on a terminal or on the reading order is escaped (ESC as
// \x1b, a right-to-left override as \u202e, a zero-width space as \u200b).
func Plain(text string) string {
	var b strings.Builder
	space := false
	marks := 0
	for i, r := range text {
		if unicode.IsSpace(r) {
			space = true
			continue
		}
		if space && b.Len() > 0 {
			b.WriteByte(' ')
		}
		space = false
		if unicode.In(r, unicode.Mn, unicode.Me) {
			if marks++; marks > maxMarks {
				continue
			}
		} else {
			marks = 0
		}
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(text[i:], string(utf8.RuneError)):
			fmt.Fprintf(&b, `\x%02x`, text[i]) // a byte that is not valid UTF-8
		case unicode.IsPrint(r) && !invisible(r):
			b.WriteRune(r)
		default:
			b.WriteString(escaped(r))
		}
	}
	return b.String()
}

// invisible reports whether a character has no glyph of its own or changes how others are read:
// controls, bidirectional and other format characters, joiners, variation selectors, fillers, and
// line and paragraph separators.
func invisible(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Other_Default_Ignorable_Code_Point,
		unicode.Variation_Selector) || r == '\u2800' // the blank Braille pattern
}

// escaped is the escape for a character that is not shown as it is.
func escaped(r rune) string {
	switch {
	case r < 0x80:
		return fmt.Sprintf(`\x%02x`, r)
	case r <= 0xffff:
		return fmt.Sprintf(`\u%04x`, r)
	}
	return fmt.Sprintf(`\U%08x`, r)
}

// maxMarks is how many combining marks may follow one character: no script needs more than four,
// and a stack of them overprints the lines above.
const maxMarks = 6

// clip shortens text to at most width columns.
func clip(text string, width int) string { return displaywidth.TruncateString(text, width, "…") }

// wrap breaks plain text into lines of at most width columns, between words where it can and inside
// a word that is longer than a line. The first line starts with lead, the others with as many
// spaces.
func wrap(text string, width int, lead string) []string {
	hang := strings.Repeat(" ", displaywidth.String(lead))
	room := max(width-len(hang), 1)
	var lines []string
	line, used := lead, 0
	flush := func() {
		lines = append(lines, line)
		line, used = hang, 0
	}
	for _, word := range strings.Fields(text) {
		w := displaywidth.String(word)
		// A word that is longer than a line starts on this one where much of it is left.
		if used > 0 && used+1+w > room && (w <= room || room-used < 20) {
			flush()
		}
		if used > 0 {
			line, used = line+" ", used+1
		}
		if used+w <= room {
			line, used = line+word, used+w
			continue
		}
		clusters := displaywidth.StringGraphemes(word)
		for clusters.Next() {
			if used > 0 && used+clusters.Width() > room {
				flush()
			}
			line, used = line+clusters.Value(), used+clusters.Width()
		}
	}
	if used > 0 || len(lines) == 0 {
		flush()
	}
	return lines
}

// Block is a paragraph of a remediation or of a next step, an item of a list in it, or lines to be
// pasted as they are.
type Block struct {
	Item, Code bool
	Text       string // not yet escaped; of Code one or several lines
}

// Blocks reads a remediation or a next step, in which lines that follow each other are one
// paragraph. A line that begins with "- " is an item of a list. Lines to be pasted are indented by
// two spaces or more, stand between ``` fences, or follow a line that ends with a colon and look
// like YAML.
func Blocks(text string) []Block {
	var blocks []Block
	fenced, yaml, fresh := false, false, true // fresh: a blank line or a fence came before
	for _, line := range strings.Split(strings.ReplaceAll(text, "\t", "  "), "\n") {
		bare := strings.TrimSpace(line)
		if fence := strings.HasPrefix(bare, "```"); fence || bare == "" {
			fenced, yaml, fresh = fenced != fence, false, true
			continue
		}
		last := &Block{}
		if len(blocks) > 0 {
			last = &blocks[len(blocks)-1]
		}
		item, isItem := strings.CutPrefix(bare, "- ")
		yaml = yaml || !last.Code && strings.HasSuffix(last.Text, ":") && yamlKey(bare)
		indented := strings.HasPrefix(line, "  ") && (last.Code || !isItem)
		switch {
		case indented && last.Item && !fresh:
			last.Text += " " + bare
		case (fenced || yaml || indented) && last.Code:
			last.Text += "\n" + strings.TrimRight(line, " ")
		case len(blocks) >= maxBlocks:
			return safe(blocks)
		case fenced || yaml || indented:
			blocks = append(blocks, Block{Code: true, Text: strings.TrimRight(line, " ")})
		case isItem:
			blocks = append(blocks, Block{Item: true, Text: item})
		case last.Text != "" && !last.Item && !last.Code && !fresh:
			last.Text += " " + bare
		default:
			blocks = append(blocks, Block{Text: bare})
		}
		fresh = false
	}
	return safe(blocks)
}

// safe are the blocks with their texts made plain and clipped.
func safe(blocks []Block) []Block {
	for i, block := range blocks {
		if block.Code {
			blocks[i].Text = codeLines(block.Text)
		} else {
			blocks[i].Text = clip(Plain(block.Text), maxMessage)
		}
	}
	return blocks
}

// yamlKey reports whether a line looks like the first of a YAML mapping.
func yamlKey(line string) bool {
	name, rest, found := strings.Cut(line, ":")
	return found && name != "" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz_") == "" && (rest == "" || rest[0] == ' ')
}

// codeLines are lines to be pasted without the indent that they share, each safe to show.
func codeLines(text string) string {
	lines := strings.Split(text, "\n")
	shared := len(text)
	for _, line := range lines {
		shared = min(shared, len(line)-len(strings.TrimLeft(line, " ")))
	}
	for i, line := range lines {
		line = line[shared:]
		body := strings.TrimLeft(line, " ")
		lines[i] = line[:len(line)-len(body)] + clip(Plain(body), maxMessage)
	}
	return strings.Join(lines, "\n")
}

// Wrap lays text out in lines of at most width columns with an indent before each. The lines of an
// item hang below its text; lines to be pasted stay whole.
func Wrap(text string, width int, indent string) string {
	var lines []string
	for i, paragraph := range strings.Split(strings.Trim(text, "\n"), "\n\n") {
		if i > 0 {
			lines = append(lines, "")
		}
		lines = append(lines, layOut(Blocks(paragraph), width, indent)...)
	}
	return strings.Join(lines, "\n")
}

// layOut are the lines of blocks.
func layOut(blocks []Block, width int, indent string) []string {
	var lines []string
	for _, block := range blocks {
		switch {
		case block.Code:
			for _, line := range strings.Split(block.Text, "\n") {
				lines = append(lines, indent+"  "+line)
			}
		case block.Item:
			lines = append(lines, wrap(block.Text, width, indent+"- ")...)
		default:
			lines = append(lines, wrap(block.Text, width, indent)...)
		}
	}
	return lines
}

// span is a piece of a block's text: prose, or code that stood between backticks.
type span struct {
	Code bool
	Text string
}

// spans are the pieces of a text; backticks that do not come in pairs are prose.
func spans(text string) []span {
	parts := strings.Split(text, "`")
	if len(parts)%2 == 0 {
		return []span{{Text: text}}
	}
	var out []span
	for i, part := range parts {
		if part != "" {
			out = append(out, span{i%2 == 1, part})
		}
	}
	return out
}
