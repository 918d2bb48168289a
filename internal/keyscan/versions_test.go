package keyscan

import (
	"strings"
	"testing"

	"github.com/prelaunch-audit/prelaunch/internal/content"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
)

// Of a version of a text only what is new is decoded. A key that comes in has to be found all the same, whatever of its encoding was
// met before: here, all but one character.
func TestKeyComesIn(t *testing.T) {
	t.Parallel()
	for alphabet, key := range recallKeys {
		scanner := searchFor(t, secret.New([]byte(key)))
		for name, hide := range allHidings() {
			if strings.HasPrefix(hide(key), "%PDF") {
				continue // recognized at its beginning, and then decoded as a whole
			}
			before, after := filler(600)+"\n", "\n"+strings.ReplaceAll(filler(600), " ", "\n")
			old, changed := before+hide(twin(key))+after, before+hide(key)+after
			if scanner.Changed([]byte(old), 0, len(old)) {
				continue // then the whole of other versions is decoded
			}
			from, to := 0, len(changed)
			for from < len(old) && old[from] == changed[from] {
				from++
			}
			for n := 0; n < len(old) && to > from && old[len(old)-1-n] == changed[to-1]; n++ {
				to--
			}
			if !scanner.Changed([]byte(changed), from, to) {
				t.Errorf("%s, %s: missed in a change of bytes %d to %d", name, alphabet, from, to)
			}
			if !scanner.Changed([]byte(changed), 0, len(changed)) {
				t.Errorf("%s, %s: missed where all of it is new", name, alphabet)
			}
		}
		fresh := func() *Scanner { return searchFor(t, secret.New([]byte(key))) }
		// The other half was there before, some lines away.
		for _, between := range []string{"' +\n  '", "',\n\n\n  '"} {
			half := len(key) / 2
			before := strings.Repeat("say nothing\n", 99) + "x = ['" + key[:half] + between
			scanner, old, changed := fresh(), before+"another'\n", before+key[half:]+"'\n"
			if scanner.Changed([]byte(old), 0, len(old)) || !scanner.Changed([]byte(changed), len(before), len(before)+half) {
				t.Errorf("%s, half of it after %q: found too early, or missed", alphabet, between)
			}
		}
		// Where new text is decoded in parts.
		for n := range 40 {
			text := strings.Repeat(strings.Repeat("a new line says nothing\n", 9)+strings.Repeat("x\n", n), 20)
			text = text[:4000+n*5] + "\nx = ['" + strings.Join(pieces(key, 2), "' +\n '") + "']\n" + text
			if !fresh().Changed([]byte(text), 0, len(text)) {
				t.Errorf("%s in lines of two characters: missed after %d bytes", alphabet, 4000+n*5)
			}
		}
	}
}

// What was met before is not decoded again, though it stands elsewhere.
func TestFamiliarLines(t *testing.T) {
	t.Parallel()
	scanner := searchFor(t, secret.New([]byte(recallKeys["hex"])))
	decoded := 0
	decoder := content.NewDecoder(content.Limits{}, content.Keys{Shortest: 32, Longest: 32, Seams: &content.Seams{}}, func(text *content.Text) { decoded += len(text.Bytes) })
	var lines []string
	for i := range 500 {
		lines = append(lines, strings.Repeat("say nothing ", i%9)+strings.Repeat("y", i%53))
	}
	known := &content.Lines{}
	version := func(lines []string) int {
		decoded = 0
		if !decoder.Familiar([]byte(strings.Join(lines, "\n")), scanner.search.Reach(), known, func() bool { return false }) {
			t.Fatal("not familiar")
		}
		return decoded
	}
	first := version(lines)
	lines[250] = "another line"
	if again := version(append([]string{"a", "new", "beginning"}, lines...)); again > first/20 {
		t.Errorf("%d of %d bytes decoded again", again, first)
	}
}
