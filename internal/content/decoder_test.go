package content

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"
)

// decodeAll are the texts of a content, and how many bytes they have together.
func decodeAll(t testing.TB, data []byte, limits Limits) (texts []string, size int, cuts []Cut, d *Decoder) {
	t.Helper()
	d = NewDecoder(limits, Keys{Shortest: 16, Longest: 64}, func(text *Text) {
		size += len(text.Bytes)
		for at := 0; at < len(text.Bytes); at += 1 + len(text.Bytes)/3 { // wherever it is asked for
			if offset, line := text.Place(at); offset < 0 || line < 1 {
				t.Fatalf("layer %d at %d: offset %d, line %d", text.Layer, at, offset, line)
			}
			_ = text.Encoding(at, min(len(text.Bytes), at+16))
		}
		if len(data) < 1<<16 {
			texts = append(texts, string(text.Bytes))
		}
	})
	cuts, err := d.Bytes(context.Background(), "", data)
	if err != nil {
		t.Fatal(err)
	}
	return texts, size, cuts, d
}

func TestPlacesAndNames(t *testing.T) {
	t.Parallel()
	hidden := "the-key-that-is-looked-for"
	for _, c := range []struct {
		text, encoding string
		line           int64
	}{
		{"a\nb\n" + hidden, "", 3},
		{"a\n\nv: " + base64.StdEncoding.EncodeToString([]byte("some text, then "+hidden)) + "\n", "base64", 3},
		{"a\nv: " + base64.StdEncoding.EncodeToString([]byte(fmt.Sprintf("%x", "text "+hidden))) + "\n", "base64 of hex", 2},
		{"x\ny\n\"" + strings.ReplaceAll(hidden, "-", `\u002d`) + "\"", "unicode-escaped", 3},
		{"x\n?v=" + strings.ReplaceAll(hidden, "-", "%252D"), "percent-encoded", 2},
		{"x\n<b v='" + strings.ReplaceAll(hidden, "-", "&#45;") + "'>", "html-escaped", 2},
		{"k = 'the-key-that-' + \\\n  'is-looked-for'", "", 1},
	} {
		found := false
		d := NewDecoder(Limits{}, Keys{Shortest: 16, Longest: 64}, func(text *Text) {
			if at := bytes.Index(text.Bytes, []byte(hidden)); at >= 0 {
				found = true
				if _, line := text.Place(at); line != c.line || text.Encoding(at, at+len(hidden)) != c.encoding {
					t.Errorf("%q: line %d, encoding %q", c.text, line, text.Encoding(at, at+len(hidden)))
				}
			}
		})
		if _, err := d.Bytes(t.Context(), "", []byte(c.text)); err != nil || !found {
			t.Errorf("%q: found %v, %v", c.text, found, err)
		}
	}
}

// What cannot be decoded is told as it is: containers that cannot be opened, not pictures, and other content of high entropy by its number.
func TestRemainder(t *testing.T) {
	t.Parallel()
	noise := make([]byte, 64<<10)
	state := uint64(1)
	for i := range noise {
		state = state*6364136223846793005 + 1442695040888963407
		noise[i] = byte(state >> 56)
	}
	for _, c := range []struct {
		name, data string
		cuts       int
		opaque     int
	}{
		{"noise", string(noise), 0, 1},
		{"a picture", "\xff\xd8\xff\xe0" + string(noise), 0, 0},
		{"a font", "wOF2" + string(noise), 0, 0},
		{"source", strings.Repeat("func main() { println(\"x\") }\n", 2000), 0, 0},
		{"7z", "7z\xbc\xaf\x27\x1c\x00\x04" + string(noise), 1, 0},
		{"gzip that is cut off, in base64", base64.StdEncoding.EncodeToString([]byte(gz(string(noise))[:40000])), 1, 1}, // the noise in it,
		{"gzip's beginning in a document", `data: "H4sIAAAAAAAAA..."`, 0, 0},
	} {
		_, _, cuts, d := decodeAll(t, []byte(c.data), Limits{})
		if len(cuts) != c.cuts || d.Opaque != c.opaque {
			t.Errorf("%s: %v, %d opaque", c.name, cuts, d.Opaque)
		}
	}
}

func TestBombs(t *testing.T) {
	t.Parallel()
	nested := strings.Repeat("A", 1000)
	for range 12 {
		nested = base64.StdEncoding.EncodeToString([]byte(nested))
	}
	for name, data := range map[string]string{
		"gzip in base64":       base64.StdEncoding.EncodeToString([]byte(gz(strings.Repeat("\x00", 64<<20)))),
		"many layers":          nested,
		"backslashes":          strings.Repeat(`\`, 1<<20),
		"percent of percent":   "%" + strings.Repeat("25", 1<<19) + "41",
		"tags":                 strings.Repeat("<a", 1<<19),
		"quotes":               strings.Repeat(`a"`, 1<<19),
		"one line of numbers":  strings.Repeat("12,", 1<<19),
		"dumps without end":    strings.Repeat("0000000 61 62 63\n", 1<<16),
		"brackets":             "BT ]TJ" + strings.Repeat("(", 1<<20),
		"entities":             strings.Repeat("&a", 1<<19),
		"beginnings of gzip":   strings.Repeat("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03", 1<<17),
		"beginnings of zip":    strings.Repeat("PK\x03\x04\x14\x00", 1<<17),
		"zeros":                strings.Repeat("\x00", 4<<20),
		"letters and zeros":    strings.Repeat("a\x00", 2<<20),
		"lines of one letter":  strings.Repeat("a\n", 1<<20),
		"escaped line ends":    strings.Repeat(`a\n`, 1<<19),
		"soft line breaks":     strings.Repeat("a=\n", 1<<19),
		"hexadecimal":          strings.Repeat("61", 1<<20),
		"logs that never end":  strings.Repeat(`{"log":"a","stream":"stdout"}`+"\n", 1<<15),
		"words of mail":        strings.Repeat("=?a?B?", 1<<18),
		"lists of words":       strings.Repeat("=(a b", 1<<18),
		"bytes one by one":     strings.Repeat("chr(1)", 1<<18),
		"rich text":            `{\rtf` + strings.Repeat(`\u1?`, 1<<18),
		"beginnings of zlib":   strings.Repeat("x\x9c\x05\xc0\x00", 1<<18),
		"lines that begin so":  strings.Repeat("INFO QUFBQUFBQUFB\n", 1<<16),
		"lines that append":    strings.Repeat("K=$KQUFBQUFBQUFB\n", 1<<16),
		"binary patch":         "GIT binary patch\n" + strings.Repeat("zcmV00000\n", 1<<16),
		"base64 in its pieces": strings.Repeat("QUFBQUFBQUFBQUFBQUFBQUFBQUFB\n", 1<<15),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			begin := time.Now()
			_, size, _, _ := decodeAll(t, []byte(data), Limits{Bytes: 8 << 20})
			if most := 12*len(data) + 64<<20; size > most {
				t.Errorf("%d bytes came of %d", size, len(data))
			}
			if took := time.Since(begin); took > time.Minute {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// A picture without compression, in which every nth byte is the same, is no bomb.
func TestPictures(t *testing.T) {
	t.Parallel()
	for _, period := range []int{2, 3, 4, 6} {
		picture, x := make([]byte, 3<<20), uint32(1)
		for i := range picture {
			x = x*1664525 + 1013904223
			if picture[i] = byte(x >> 24); i%period == 0 && i/period%2000 > 0 {
				picture[i] = 0xff
			}
		}
		if _, size, cuts, _ := decodeAll(t, picture, Limits{}); len(cuts) > 0 || size > 2*len(picture) {
			t.Errorf("period %d: %d bytes came of %d, %v", period, size, len(picture), cuts)
		}
	}
}

// FuzzDecode: whatever the bytes, decoding ends, and gives no more than its bounds.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		"k=QUJDREVGR0hJSktMTU5PUFFSU1RVVg==", "00000000: 6162 6364  abcd\n", "0000000   a   b\n0000020   c\n", `{"a":"\\u0041\u002B"}`, "a=\nb=3D%41&#65;&amp;\\x41\\101",
		`"abc" + "def" . 'ghi'` + "\n  'jkl'", "<w:t>abcdefgh</w:t><w:t>ijklmnop</w:t>", "BT [(ab)-3(cd\\051)] TJ <6162> Tj", "a\x00b\x00c\x00d\x00e\x00f\x00g\x00h\x00i\x00",
		`{"log":"abc","stream":"stdout"}` + "\n" + `{"log":"def\n","stream":"stdout"}`, "2026 stdout P abc\n2026 stdout F def\n", "<~87cURD]i,\"Ebo80~>", "[97,98,99,100,101,102,103,104,105]",
		"#!/bin/sh\n" + gz("text"), base64.StdEncoding.EncodeToString([]byte(zipped("a", "text"))), pdf("BT (a) Tj ET"), "\x89PNG\r\n\x1a\n\x00\x00\x00\x04zTXta\x00\x00x",
		"MSCF\x00\x00\x00\x00" + strings.Repeat("\x00", 40), "\xed\xab\xee\xdb" + strings.Repeat("\x00", 120), "070701" + strings.Repeat("0", 110), "LZIP\x01\x10" + strings.Repeat("\x00", 30),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		_, size, _, _ := decodeAll(t, data, Limits{Bytes: 1 << 18, Members: 50})
		if most := 12*len(data) + 16<<20; size > most {
			t.Fatalf("%d bytes came of %d", size, len(data))
		}
	})
}

// The first bytes of a container in a text, as they are or escaped, are no container; a damaged one is told, also in the middle.
func TestTextsThatSpeakOfContainers(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("  <match type=\"string\" offset=\"0\"/> <!-- what a file begins with -->\n", 20)
	escaped := func(data string) (s string) {
		for i := range len(data) {
			s += fmt.Sprintf(`\x%02x`, data[i])
		}
		return s
	}
	noise := make([]byte, 4096)
	for i, x := 0, uint32(1); i < len(noise); i++ {
		x = x*1664525 + 1013904223
		noise[i] = byte(x >> 24)
	}
	packed := gz(string(noise))[:3000]
	lead := "\xed\xab\xee\xdb\x03\x00\x00\x00" + strings.Repeat("\x00", 88)
	for _, header := range []string{
		"\xed\xab\xee\xdb", "\xed\xab\xee\xdb\x03\x00\x00\x00", "\x1f\x8b\x08", packed[:10], "PK\x03\x04", "PK\x03\x04\x14\x00\x00\x00\x08\x00", "\x28\xb5\x2f\xfd",
		"\xfd7zXZ\x00", "7z\xbc\xaf\x27\x1c", "7z\xbc\xaf\x27\x1c\x00\x04", "Rar!\x1a\x07\x00", "Rar!\x1a\x07\x01\x00", "Rar!\x1a\x07\x00\x00\x00\x73", "BZh91AY&SY",
		"LZIP\x01", "\x04\x22\x4d\x18", "MSCF\x00\x00\x00\x00", "070701", "x\x9c", "x\xda", "!<arch>\n", "\x5d\x00\x00\x80\x00",
	} {
		for _, speaks := range []string{text + header + text + "\x01", text + `"` + escaped(header) + `"` + text + escaped("\x01\x02")} {
			if _, _, cuts, _ := decodeAll(t, []byte(speaks), Limits{}); len(cuts) > 0 {
				t.Errorf("%q: %+v", header, cuts)
			}
		}
	}
	for name, data := range map[string]string{
		"gzip": packed, "rpm": lead + "\x8e\xad\xe8\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" + string(noise),
		"zstd": "\x28\xb5\x2f\xfd\x04\x00\x01\x40\x00" + string(noise), "lz4": "\x04\x22\x4d\x18\x64\x40\xa7\x00\x04\x00\x00" + string(noise),
	} {
		if _, _, cuts, _ := decodeAll(t, []byte(text+base64.StdEncoding.EncodeToString([]byte(data))+"\n"+text), Limits{}); len(cuts) == 0 {
			t.Errorf("a damaged %s is not told", name)
		}
	}
}
