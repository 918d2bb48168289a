package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
)

// renderJSON writes the report as the contract has it.
func renderJSON(w io.Writer, v *view) error {
	shown := *v.Report
	shown.Expired = v.expired() != ""
	return writeJSON(w, shown)
}

// writeJSON writes a document, indented. What a terminal would act on when the file is printed
// there is escaped, which leaves its meaning unchanged.
func writeJSON(w io.Writer, document any) error {
	var raw bytes.Buffer
	encoder := json.NewEncoder(&raw)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(document); err != nil {
		return err
	}
	_, err := w.Write(EscapeInvisible(raw.Bytes()))
	return err
}

// EscapeInvisible writes invisible characters in JSON text as \u escapes, which leaves its meaning
// unchanged.
func EscapeInvisible(raw []byte) []byte {
	hidden := func(r rune) bool { return r >= 0x7f && invisible(r) }
	if bytes.IndexFunc(raw, hidden) < 0 {
		return raw
	}
	var out bytes.Buffer
	for _, r := range string(raw) {
		switch {
		case !hidden(r):
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
