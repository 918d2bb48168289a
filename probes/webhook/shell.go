package webhook

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/prelaunch-audit/prelaunch/probes/webhook/cases"
)

// shell gathers the lines that compute digests.
type shell struct {
	names map[string]string
	first attempt
	lines strings.Builder
	vars  int
	known map[string]string // command → variable that holds its output
	used  []string          // variables that hold keys
}

// encoding is how a digest is written down.
type encoding struct {
	encode func([]byte) string
	binary bool   // openssl prints the digest itself
	filter string // that makes it of what openssl prints
	// another is a filter that makes a digit another one.
	another string
}

const anotherHex, anotherBase64 = " | tr 0-9a-f 1-9a-f0", " | tr A-Za-z0-9 B-Za-z0-9A"

var encodings = []encoding{
	{hex.EncodeToString, false, "", anotherHex},
	{func(b []byte) string { return strings.ToUpper(hex.EncodeToString(b)) }, false, " | tr a-f A-F", " | tr 0-9A-F 1-9A-F0"},
	{base64.StdEncoding.EncodeToString, true, " | openssl base64 -A", anotherBase64},
	{base64.URLEncoding.EncodeToString, true, " | openssl base64 -A | tr +/ -_", anotherBase64},
	{base64.RawURLEncoding.EncodeToString, true, " | openssl base64 -A | tr +/ -_ | tr -d =", anotherBase64},
	{func(b []byte) string { return url.QueryEscape(base64.StdEncoding.EncodeToString(b)) }, true,
		" | openssl base64 -A | sed 's/+/%2B/g; s,/,%2F,g; s/=/%3D/g'", anotherBase64},
}

// word is a value as a word of the shell. list has the value in each instance.
func (w *shell) word(list []string, made []attempt) (string, error) {
	if same(list) {
		return quote(list[0]), nil
	}
	resembles := false
	for back := 1; back <= len(w.first.made); back++ { // the last digest is mostly the one that counts
		if !slices.ContainsFunc(made, func(a attempt) bool { return len(a.made) < back }) && w.names[string(digestAt(w.first, back).Secret)] != "" {
			for _, e := range encodings {
				texts := values(made, func(a attempt) string { return e.encode(digestAt(a, back).Sum) })
				if word := w.whole(list, texts, digestAt(w.first, back), e); word != "" {
					return word, nil
				}
				if word := w.part(list, texts, digestAt(w.first, back), e); word != "" {
					return word, nil
				}
				resembles = resembles || alike(list, texts)
			}
		}
	}
	if resembles {
		return "", errUnexplained
	}
	return quote(list[0]), nil // random
}

func digestAt(a attempt, back int) cases.Digest { return a.made[len(a.made)-back] }

// whole explains values that hold a digest, once or several times, and are the same elsewhere.
func (w *shell) whole(list, texts []string, d cases.Digest, e encoding) string {
	around := make([]string, len(list))
	for i := range list {
		if !strings.Contains(list[i], texts[i]) {
			return ""
		}
		around[i] = strings.ReplaceAll(list[i], texts[i], "\x00")
	}
	if !same(around) {
		return ""
	}
	var word strings.Builder
	for i, literal := range strings.Split(around[0], "\x00") {
		if i > 0 {
			fmt.Fprintf(&word, `"$%s"`, w.variable(d, e))
		}
		if literal != "" {
			word.WriteString(quote(literal))
		}
	}
	return word.String()
}

// part explains values that hold a range of a digest, as it is or with one character changed.
func (w *shell) part(list, texts []string, d cases.Digest, e encoding) string {
	begin, end := commonEnds(list)
	for from := range begin + 1 {
		to := from + len(texts[0])
		if rest := len(list[0]) - to; rest >= 0 && rest <= end && oneChanged(list, texts, from) { // by chance to the same in all of them
			begin, end = from, rest
			break
		}
	}
	middles := make([]string, len(list))
	for i, text := range list {
		middles[i] = text[begin : len(text)-end]
		if len(middles[i]) != len(middles[0]) || len(texts[i]) != len(texts[0]) {
			return ""
		}
	}
	length := len(middles[0])
	for from := 0; from+length <= len(texts[0]); from++ {
		changed, ok := -1, true
		for at := 0; at < length && ok; at++ {
			differ := 0
			for i := range list {
				if middles[i][at] != texts[i][from+at] {
					differ++
				}
			}
			switch {
			case differ == 0:
			case differ == len(list) && changed < 0 && length > 1:
				changed = at
			default:
				ok = false
			}
		}
		if !ok {
			continue
		}
		name := w.variable(d, e)
		cut := func(first, last int, filter string) string {
			return fmt.Sprintf(`"$(printf %%s "$%s" | cut -c%d-%d%s)"`, name, first+1, last, filter)
		}
		word := quoteAny(list[0][:begin])
		if changed < 0 {
			word += cut(from, from+length, "")
		} else {
			if changed > 0 {
				word += cut(from, from+changed, "")
			}
			word += cut(from+changed, from+changed+1, e.another)
			if changed+1 < length {
				word += cut(from+changed+1, from+length, "")
			}
		}
		return word + quoteAny(list[0][len(list[0])-end:])
	}
	return ""
}

// oneChanged reports whether the values are their digests from one place on but for one character, the same in each.
func oneChanged(list, texts []string, from int) bool {
	place := -1
	for i, digest := range texts {
		if len(list[i]) != len(list[0]) || len(digest) != len(texts[0]) {
			return false
		}
		differ := 0
		for at := range len(digest) {
			if list[i][from+at] != digest[at] {
				differ++
				if place < 0 {
					place = at
				}
				if at != place {
					return false
				}
			}
		}
		if differ != 1 {
			return false
		}
	}
	return true
}

// alike reports whether each value shares a run of characters with its digest, which is no accident.
func alike(list, texts []string) bool {
	const run = 6
	for i, text := range list {
		shares := false
		for at := 0; at+run <= len(texts[i]) && !shares; at++ {
			shares = strings.Contains(text, texts[i][at:at+run])
		}
		if !shares {
			return false
		}
	}
	return true
}

func same(list []string) bool {
	return !slices.ContainsFunc(list, func(text string) bool { return text != list[0] })
}

// commonEnds are how many characters all values have in common at their beginning and at their end.
func commonEnds(list []string) (begin, end int) {
	shortest := len(list[0])
	for _, text := range list {
		shortest = min(shortest, len(text))
	}
	for begin < shortest && !slices.ContainsFunc(list, func(text string) bool { return text[begin] != list[0][begin] }) {
		begin++
	}
	for end < shortest-begin && !slices.ContainsFunc(list, func(text string) bool {
		return text[len(text)-1-end] != list[0][len(list[0])-1-end]
	}) {
		end++
	}
	return begin, end
}

// hashNames are the hashes by their size in bytes, as openssl names them.
var hashNames = map[int]string{16: "md5", 20: "sha1", 32: "sha256", 48: "sha384", 64: "sha512"}

// variable is the name of the variable that holds a digest.
func (w *shell) variable(d cases.Digest, e encoding) string {
	input := "body"
	if string(d.Input) != string(w.first.f.Body) {
		input = "{ " + printing(d.Input) + "; }"
	}
	holder := w.names[string(d.Secret)]
	if !slices.Contains(w.used, holder) {
		w.used = append(w.used, holder)
	}
	key := `"$` + holder + `"`
	hash := " | openssl dgst -" + hashNames[d.Hash]
	switch {
	case d.HMAC:
		hash += " -hmac " + key
	case d.KeyLast:
		input = "{ " + strings.TrimSuffix(strings.TrimPrefix(input, "{ "), "; }") + "; printf %s " + key + "; }"
	default:
		input = "{ printf %s " + key + "; " + strings.TrimSuffix(strings.TrimPrefix(input, "{ "), "; }") + "; }"
	}
	if e.binary {
		hash += " -binary"
	} else {
		hash += " -r | cut -d' ' -f1"
	}
	command := input + hash + e.filter
	if name := w.known[command]; name != "" {
		return name
	}
	w.vars++
	name := "mac"
	if w.vars > 1 {
		name = fmt.Sprintf("mac%d", w.vars)
	}
	if w.known == nil {
		w.known = map[string]string{}
	}
	w.known[command] = name
	fmt.Fprintf(&w.lines, "  %s=$(%s)\n", name, command)
	return name
}

// longRun is how often a byte repeats before it is written as a command that repeats it.
const longRun = 200

// printing is a command that prints bytes.
func printing(b []byte) string {
	if len(b) == 0 {
		return ":"
	}
	var commands []string
	plain := 0
	for i := 0; i < len(b); {
		j := i
		for j < len(b) && b[j] == b[i] {
			j++
		}
		if j-i >= longRun {
			if i > plain {
				commands = append(commands, printed(b[plain:i]))
			}
			commands = append(commands, fmt.Sprintf(`head -c %d /dev/zero | tr '\000' '\%03o'`, j-i, b[i]))
			plain = j
		}
		i = j
	}
	if plain < len(b) {
		commands = append(commands, printed(b[plain:]))
	}
	return strings.Join(commands, "; ")
}

func printed(b []byte) string {
	if legible(string(b)) {
		return "printf %s " + quote(string(b))
	}
	return "printf '" + escaped(string(b)) + "'"
}

func legible(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' })
}

// escaped is a text as printf's format.
func escaped(text string) string {
	var b strings.Builder
	for i := range len(text) {
		switch c := text[i]; {
		case c == '%':
			b.WriteString("%%")
		case c == '\\':
			b.WriteString(`\\`)
		case c < ' ' || c > '~' || c == '\'' || c == '-' && i == 0: // which would begin an option
			fmt.Fprintf(&b, `\%03o`, c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// quote is a text as a word of the shell.
func quote(text string) string {
	if !legible(text) {
		return `"$(printf '` + escaped(text) + `')"`
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

func quoteAny(text string) string {
	if text == "" {
		return ""
	}
	return quote(text)
}
