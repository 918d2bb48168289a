package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"unicode"
)

// renderJSON writes the report as the contract spells it, indented. What a terminal would act on when the file is printed there
// stands as an escape, which leaves its meaning unchanged.
func renderJSON(w io.Writer, v *view) error {
	var raw bytes.Buffer
	encoder := json.NewEncoder(&raw)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(v.Report); err != nil {
		return err
	}
	_, err := w.Write(escapeInvisible(raw.Bytes()))
	return err
}

// EscapeInvisible spells control and format characters in JSON text as \u escapes, which leaves its meaning unchanged, for others that
// print JSON where a terminal may show it.
func EscapeInvisible(raw []byte) []byte { return escapeInvisible(raw) }

// escapeInvisible spells control and format characters in JSON text as \u escapes.
func escapeInvisible(raw []byte) []byte {
	invisible := func(r rune) bool { return r == 0x7f || r > 0x7f && unicode.In(r, unicode.Cc, unicode.Cf) }
	if bytes.IndexFunc(raw, invisible) < 0 {
		return raw
	}
	var out bytes.Buffer
	for _, r := range string(raw) {
		switch {
		case !invisible(r):
			out.WriteRune(r)
		case r > 0xffff:
			r -= 0x10000
			fmt.Fprintf(&out, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		default:
			fmt.Fprintf(&out, `\u%04x`, r)
		}
	}
	return out.Bytes()
}
