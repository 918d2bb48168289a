package report

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/clipperhouse/displaywidth"
	"github.com/olekukonko/tablewriter/pkg/twwidth"
)

// Plain makes text from outside safe and legible on a terminal and in text formats, on one line, as every format here does.
func Plain(text string) string { return plain(text) }

// plain makes text from outside safe and legible on a terminal and in text formats, on one line: white space becomes single
// spaces, and what cannot be seen or acts on a terminal or on the order of reading is spelled out (ESC as \x1b, a right-to-left
// override as \u202e). The joiners that scripts and emoji need stay.
func plain(text string) string {
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
			fmt.Fprintf(&b, `\x%02x`, text[i]) // a byte that is no UTF-8
		case unicode.IsPrint(r) || r == '\u200d' || r == '\u200c':
			b.WriteRune(r)
		default:
			b.WriteString(spelled(r))
		}
	}
	return b.String()
}

// terminal is plain text of which terminals agree how wide it is: joiners, variation selectors and skin tones are spelled out, and so
// is, in clusters that some draw as one sign and others as several (flags), all but the first character.
func terminal(text string) string {
	text = plain(text)
	if strings.ContainsFunc(text, joins) {
		var b strings.Builder
		for _, r := range text {
			if joins(r) {
				b.WriteString(spelled(r))
			} else {
				b.WriteRune(r)
			}
		}
		text = b.String()
	}
	if twwidth.Width(text) == displaywidth.String(text) {
		return text
	}
	var b strings.Builder
	clusters := displaywidth.StringGraphemes(text)
	for clusters.Next() {
		cluster := clusters.Value()
		if twwidth.Width(cluster) == clusters.Width() {
			b.WriteString(cluster)
			continue
		}
		for i, r := range cluster {
			if i == 0 {
				b.WriteRune(r)
			} else {
				b.WriteString(spelled(r))
			}
		}
	}
	return b.String()
}

// joins reports whether a character may change what its neighbour looks like and how wide it is.
func joins(r rune) bool {
	return r == '\u200d' || r == '\u200c' || unicode.Is(unicode.Variation_Selector, r) || r >= '\U0001f3fb' && r <= '\U0001f3ff' // skin tones
}

// spelled is the escape for a character that is not shown as it is.
func spelled(r rune) string {
	switch {
	case r < 0x80:
		return fmt.Sprintf(`\x%02x`, r)
	case r <= 0xffff:
		return fmt.Sprintf(`\u%04x`, r)
	}
	return fmt.Sprintf(`\U%08x`, r)
}

// maxMarks is how many combining marks may stand on one character: no script needs more than four, a heap of them overprints
// the lines above.
const maxMarks = 6

// clip shortens text to at most width columns.
func clip(text string, width int) string { return displaywidth.TruncateString(text, width, "…") }

// wrap breaks plain text into lines of at most width columns, between words where it can and inside a word that is longer than
// a line. The first line starts with first, the others with as many spaces as that is wide.
func wrap(text string, width int, first string) []string {
	hang := strings.Repeat(" ", displaywidth.String(first))
	room := max(width-len(hang), 1)
	var lines []string
	line, used := "", 0
	flush := func() {
		lead := hang
		if len(lines) == 0 {
			lead = first
		}
		lines = append(lines, lead+line)
		line, used = "", 0
	}
	for _, word := range strings.Fields(text) {
		w := displaywidth.String(word)
		if used > 0 && used+1+w > room {
			// A long word starts on this line only when it would not fit on one of its own and much of this one is left.
			if w <= room || room-used < 20 {
				flush()
			}
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
	if line != "" || len(lines) == 0 {
		flush()
	}
	return lines
}
