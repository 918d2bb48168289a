package report

import "strings"

// Wrap lays text out in lines of at most width columns with an indent before each, keeping its own line breaks.
func Wrap(text string, width int, indent string) string {
	var lines []string
	for _, paragraph := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		for _, line := range wrap(paragraph, width-len(indent), "") {
			lines = append(lines, strings.TrimRight(indent+line, " "))
		}
	}
	return strings.Join(lines, "\n")
}
