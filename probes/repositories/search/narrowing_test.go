package search

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/gitrepo/gittest"
	"github.com/prelaunch-audit/prelaunch/internal/keyscan"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
)

// keysOf searches for keys as an audit does.
func keysOf(t testing.TB, keys ...string) *keyscan.Search {
	t.Helper()
	integration := &audit.Integration{}
	for _, key := range keys {
		integration.Environments = append(integration.Environments, audit.Environment{Key: audit.KeyReference{Key: secret.New([]byte(key))}})
	}
	known, err := keyscan.New(integration)
	gittest.Must(t, err)
	return known
}

// copied is a part of a delta's base.
type copied struct{ from, to int }

// deltaOf makes a delta of parts: text, and what is copied.
func deltaOf(base string, parts ...any) (delta []byte, result string) {
	var ops []byte
	for _, part := range parts {
		switch part := part.(type) {
		case string:
			result += part
			for ; part != ""; part = part[min(len(part), 127):] {
				n := min(len(part), 127)
				ops = append(append(ops, byte(n)), part[:n]...)
			}
		case copied:
			result += base[part.from:part.to]
			n := part.to - part.from
			ops = append(ops, 0x80|0x07|0x30, byte(part.from), byte(part.from>>8), byte(part.from>>16), byte(n), byte(n>>8))
		}
	}
	return append(gittest.Sizes(int64(len(base)), int64(len(result))), ops...), result
}

// A delta of a base without a find is searched only where it changed, and around that. Whatever the change has to do with a key has
// to be found all the same, far from the ends of both.
func TestNarrowedDeltas(t *testing.T) {
	t.Parallel()
	lines := func(from, n int) (text string) {
		for i := range n {
			text += fmt.Sprintf("line %d says nothing of interest\n", from+i)
		}
		return text
	}
	before, after := lines(0, 100), lines(100, 100)
	first, second := probeKey[:11], probeKey[11:]
	in := func(text string) string { return before + text + after }
	// change makes a delta of two texts with all that is alike at both ends copied.
	change := func(old, new string) (string, []any) {
		begin, end := 0, 0
		for begin < min(len(old), len(new)) && old[begin] == new[begin] {
			begin++
		}
		for end < min(len(old), len(new))-begin && old[len(old)-1-end] == new[len(new)-1-end] {
			end++
		}
		return old, []any{copied{0, begin}, new[begin : len(new)-end], copied{len(old) - end, len(old)}}
	}
	// A gzip file behind a script, of which only the end of what is compressed changes.
	behindScript := func(text string) string {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		for i := range 200 {
			fmt.Fprintf(z, "%x\n", i*i*7919)
		}
		gittest.Must(t, z.Flush())
		_, err := z.Write([]byte(text + "\n" + lines(0, 9)))
		gittest.Must(t, err)
		gittest.Must(t, z.Close())
		return "#!/bin/sh\n" + before + "exit\n" + b.String()
	}
	uu := func(text string) string {
		var b strings.Builder
		for text = lines(0, 60) + text + lines(60, 30); text != ""; text = text[min(len(text), 45):] {
			line := text[:min(len(text), 45)]
			fmt.Fprintf(&b, "%c%s\n", ' '+len(line), strings.Map(func(r rune) rune {
				return ' ' + rune(strings.IndexRune("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", r))
			}, base64.RawStdEncoding.EncodeToString([]byte(line+strings.Repeat("\x00", (3-len(line)%3)%3)))))
		}
		return "begin 644 file\n" + b.String() + "`\nend\n"
	}
	rtf := func(text string) string {
		escaped := ""
		for i := range len(text) {
			escaped += fmt.Sprintf(`\'%02x`, text[i])
		}
		return `{\rtf1 ` + in(escaped) + "}"
	}
	type row struct {
		base  string
		parts []any
	}
	made := func(old, new string) row { base, parts := change(old, new); return row{base, parts} }
	rows := map[string]row{
		"wholly in the change":                 made(in("key = none\n"), in("key = "+probeKey+"\n")),
		"its second half":                      made(in("key = "+first+"\n"), in("key = "+first+second+"\n")),
		"its first half":                       made(in("key = "+second+"\n"), in("key = "+first+second+"\n")),
		"one character":                        made(in("key = "+first+"_"+second[1:]+"\n"), in("key = "+probeKey+"\n")),
		"what parted it is gone":               made(in("key = "+first+" "+second+"\n"), in("key = "+probeKey+"\n")),
		"halves from two places of the base":   {in(first + "\n" + after + second), []any{copied{0, len(before) + len(first)}, copied{len(before+first) + 1 + len(after), len(in(first + "\n" + after + second))}}},
		"in base64, of which a part changes":   made(in("v: "+base64.StdEncoding.EncodeToString([]byte("a text, and the key is none, and more"))+"\n"), in("v: "+base64.StdEncoding.EncodeToString([]byte("a text, and the key is "+probeKey+", and more"))+"\n")),
		"in hexadecimal, and one digit":        made(in("v: "+hex.EncodeToString([]byte(probeKey[:23]+"x"))+"\n"), in("v: "+hex.EncodeToString([]byte(probeKey))+"\n")),
		"on lines that are joined":             made(in("k = '"+first+"' +\n  'none'\n"), in("k = '"+first+"' +\n  '"+second+"'\n")),
		"packed behind a script":               made(behindScript("key=none"), behindScript("key="+probeKey)),
		"in the middle of uuencoded text":      made(uu("key=000000000000000000000000"), uu("key="+probeKey)),
		"escaped in the middle of a rich text": made(rtf("none"), rtf(probeKey)),
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			delta, result := deltaOf(row.base, row.parts...)
			if len(result) < 3000 {
				t.Fatalf("%d bytes", len(result))
			}
			clean, _ := deltaOf(row.base, copied{0, len(row.base)}, "and one more line\n")
			b := gittest.NewPack(3)
			at := b.Blob("base", []byte(row.base))
			b.OffsetDelta("clean", at, clean)
			b.OffsetDelta("found", at, delta)
			r := scan(t, b.Write(t), Options{Keys: keysOf(t, probeKey)})
			objects := map[string]bool{}
			for _, hit := range r.Hits {
				objects[hit.Object] = true
			}
			if len(objects) != 1 {
				t.Errorf("found in %d objects: %+v", len(objects), r.Hits)
			}
		})
	}
	// What is copied from a base with the key holds it too, however far the change is from it.
	base := in("key = " + probeKey + "\n")
	delta, _ := deltaOf(base, "a line before\n", copied{0, len(base)})
	b := gittest.NewPack(2)
	at := b.Blob("base", []byte(base))
	b.OffsetDelta("copy", at, delta)
	if r := scan(t, b.Write(t), Options{Keys: keysOf(t, probeKey)}); len(r.Hits) != 2 {
		t.Errorf("a copy of a base with the key: %+v", r.Hits)
	}
}
