package report

import (
	"strings"
	"unicode/utf8"
)

// Wrap lays text out in lines of at most width columns with an indent before each, keeping its own line breaks. The lines of a list's
// item hang below its text. A word that is longer than a line, such as a setting to be copied, stays whole.
func Wrap(text string, width int, indent string) string {
	var lines []string
	for _, paragraph := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		body := strings.TrimLeft(paragraph, " ")
		line := indent + paragraph[:len(paragraph)-len(body)]
		hang := line
		if strings.HasPrefix(body, "- ") {
			hang += "  "
		}
		empty := true
		for _, word := range strings.Fields(body) {
			switch {
			case empty:
				line += word
			case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) <= width:
				line += " " + word
			default:
				lines = append(lines, line)
				line = hang + word
			}
			empty = false
		}
		lines = append(lines, strings.TrimRight(line, " "))
	}
	return strings.Join(lines, "\n")
}
