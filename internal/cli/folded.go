package cli

import (
	"strings"
	"unicode/utf8"

	"github.com/prelaunch-audit/prelaunch/internal/lazy"
)

var secondColumn = lazy.Regexp(`^ *\S+(?:[ ,]\S+)*? {2,}`)

// folded is text whose longer lines are broken between words, to hang below their second column where they have one. Lines that begin
// at the margin are paragraphs, which are laid out anew. A width of 0 leaves it as it is.
func folded(text string, width int) string {
	if width == 0 {
		return text
	}
	var out, paragraph []string
	flush := func() {
		if len(paragraph) > 0 {
			out, paragraph = append(out, wrapped(strings.Join(paragraph, " "), width, "")...), nil
		}
	}
	for _, line := range strings.Split(text, "\n") {
		switch column := secondColumn().FindString(line); {
		case line != "" && line[0] != ' ' && column == "":
			paragraph = append(paragraph, line)
		default:
			flush()
			if len(column) > width/2 || column == "" {
				column = line[:len(line)-len(strings.TrimLeft(line, " "))] + "  "
			}
			out = append(out, wrapped(line, width, strings.Repeat(" ", len(column)))...)
		}
	}
	flush()
	return strings.Join(out, "\n")
}

// wrapped are the lines of at most width columns of one, those after the first behind an indent. White space within them stays.
func wrapped(line string, width int, indent string) []string {
	var lines []string
	for utf8.RuneCountInString(line) > width {
		runes := []rune(line)
		at := width
		for at > len(indent) && runes[at] != ' ' {
			at--
		}
		if at <= len(indent) { // a word that is longer than the line
			break
		}
		lines = append(lines, strings.TrimRight(string(runes[:at]), " "))
		line = indent + strings.TrimLeft(string(runes[at:]), " ")
	}
	return append(lines, line)
}
