package secret

import (
	"bytes"
	"strings"
)

// Redactor takes secrets out of text, in all their encodings. It is the last line of defence: nothing that reaches it should
// hold a secret, and tests search what comes out as if it were not there.
type Redactor struct {
	pairs []string // encoding, replacement, encoding, replacement …
}

// NewRedactor returns a Redactor for the keys whose bytes are held.
func NewRedactor(keys ...Key) *Redactor {
	r := &Redactor{}
	for _, key := range keys {
		if key.Held() && key.Len() >= MinSearchable {
			r.add(key.Expose(), key.Fingerprint())
		}
	}
	return r
}

// AddText makes the Redactor take one more secret out, a signature say, showing label in its place. Not safe for use at the same time as Redact.
func (r *Redactor) AddText(text, label string) {
	if len(text) >= MinSearchable {
		r.add([]byte(text), label)
	}
}

func (r *Redactor) add(secret []byte, label string) {
	for _, spelling := range Spellings(secret) {
		r.pairs = append(r.pairs, string(spelling.Bytes), "["+label+"]")
	}
}

// Redact returns text with every encoding of every secret replaced by its label.
func (r *Redactor) Redact(text []byte) []byte {
	if r == nil {
		return text
	}
	for i := 0; i < len(r.pairs); i += 2 {
		if bytes.Contains(text, []byte(r.pairs[i])) {
			text = bytes.ReplaceAll(text, []byte(r.pairs[i]), []byte(r.pairs[i+1]))
		}
	}
	return text
}

// RedactString is Redact for strings.
func (r *Redactor) RedactString(text string) string {
	if r == nil || !r.touches(text) {
		return text
	}
	return string(r.Redact([]byte(text)))
}

func (r *Redactor) touches(text string) bool {
	for i := 0; i < len(r.pairs); i += 2 {
		if strings.Contains(text, r.pairs[i]) {
			return true
		}
	}
	return false
}
