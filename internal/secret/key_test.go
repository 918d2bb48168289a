package secret

import (
	"bytes"
	"encoding/base64"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"
)

const sample = "K3y/with+odd=chars&é\"0123456789abcdef"

func mustNotLeak(t *testing.T, where, output string) {
	t.Helper()
	for _, s := range Spellings([]byte(sample)) {
		if strings.Contains(output, string(s.Bytes)) {
			t.Errorf("%s shows the key (%s)", where, s.Name)
		}
	}
}

func TestKeyCannotBePrinted(t *testing.T) {
	t.Parallel()
	key := New([]byte(sample))
	wrapped := struct {
		Public  Key
		private Key
		pointer *Key
		list    []Key
		set     map[string]Key
	}{key, key, &key, []Key{key}, map[string]Key{"k": key}}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%p", "%T"} {
		mustNotLeak(t, verb, fmt.Sprintf(verb, key))
		mustNotLeak(t, "struct "+verb, fmt.Sprintf(verb, wrapped))
		mustNotLeak(t, "pointer "+verb, fmt.Sprintf(verb, &wrapped))
	}
	mustNotLeak(t, "error", fmt.Errorf("use %v: %w", key, errors.New("no")).Error())
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "key", key, "all", wrapped)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "key", key, "all", wrapped)
	mustNotLeak(t, "slog", log.String())
	asJSON, err := json.Marshal(struct {
		Key  Key
		Keys map[string]Key
	}{key, map[string]Key{"a": key}})
	if err != nil {
		t.Fatal(err)
	}
	mustNotLeak(t, "json", string(asJSON))
	if !strings.Contains(string(asJSON), key.Fingerprint()) {
		t.Errorf("json lacks the fingerprint: %s", asJSON)
	}
	type document struct{ Key Key }
	asXML, err := xml.Marshal(document{key})
	if err != nil {
		t.Fatal(err)
	}
	mustNotLeak(t, "xml", string(asXML))
	if err := gob.NewEncoder(&log).Encode(key); err == nil {
		t.Error("gob stored a key")
	}
	func() {
		defer func() { mustNotLeak(t, "panic", fmt.Sprint(recover())) }()
		panic(key)
	}()
}

func TestKeyByFingerprint(t *testing.T) {
	t.Parallel()
	held := New([]byte(sample))
	sum := held.SHA256()
	known, err := FromFingerprint(hex.EncodeToString(sum[:]), len(sample))
	if err != nil {
		t.Fatal(err)
	}
	if !known.Equal(held) || known.Held() || known.Expose() != nil || known.Fingerprint() != held.Fingerprint() {
		t.Errorf("the same key by fingerprint: equal %v held %v", known.Equal(held), known.Held())
	}
	if (Key{}).Equal(Key{}) || New([]byte("a")).Equal(New([]byte("b"))) {
		t.Error("absent or different keys are equal")
	}
	for _, bad := range []string{"", "zz", "abcd"} {
		if _, err := FromFingerprint(bad, 3); err == nil {
			t.Errorf("FromFingerprint(%q) took it", bad)
		}
	}
}

func TestSpellingsFindTheKeyInsideOtherText(t *testing.T) {
	t.Parallel()
	contains := func(text string) bool {
		for _, s := range Spellings([]byte(sample)) {
			if strings.Contains(text, string(s.Bytes)) {
				return true
			}
		}
		return false
	}
	for before := range 7 {
		for after := range 7 {
			text := strings.Repeat("b", before) + sample + strings.Repeat("a", after)
			for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding, base64.RawStdEncoding, base64.RawURLEncoding} {
				if !contains(encoding.EncodeToString([]byte(text))) {
					t.Errorf("base64 with %d before and %d after is missed", before, after)
				}
			}
		}
	}
	quoted, _ := json.Marshal(map[string]string{"k": sample})
	again, _ := json.Marshal(string(quoted))
	var list, octal, entities strings.Builder
	for i := range len(sample) {
		fmt.Fprintf(&list, "%d,", sample[i])
		fmt.Fprintf(&octal, `\%03o`, sample[i])
	}
	for _, c := range sample {
		fmt.Fprintf(&entities, "&#x%X;", c)
	}
	for name, text := range map[string]string{
		"JSON":                        string(quoted),
		"JSON with escaped slashes":   strings.ReplaceAll(string(quoted), "/", `\/`),
		"a query":                     url.Values{"k": {sample}}.Encode(),
		"a query in lower case":       strings.ToLower("%2F") + lowerEscapes(url.QueryEscape(sample)),
		"base64 in a query":           url.Values{"k": {base64.StdEncoding.EncodeToString([]byte("x" + sample))}}.Encode(),
		"JSON as Python writes it":    strings.NewReplacer(`\u0026`, "&", "é", `\u00e9`).Replace(string(quoted)),
		"JSON in JSON":                string(again),
		"HTML as Python writes it":    `<p id="` + strings.NewReplacer("&", "&amp;", `"`, "&quot;").Replace(sample) + `">`,
		"entities":                    entities.String(),
		"a query in a query":          url.Values{"u": {"?" + url.Values{"k": {sample}}.Encode()}}.Encode(),
		"a list of bytes":             "[" + list.String() + "10]",
		"octal":                       octal.String(),
		"quoted-printable":            strings.ReplaceAll(sample, "=", "=3D"),
		"base64 of base64":            base64.StdEncoding.EncodeToString([]byte(base64.StdEncoding.EncodeToString([]byte("ab" + sample)))),
		"base64 with escaped slashes": strings.ReplaceAll(base64.StdEncoding.EncodeToString([]byte("x"+sample)), "/", `\/`),
	} {
		if !contains(text) {
			t.Errorf("%s is missed", name)
		}
	}
}

func TestRedactorTakesEverySpellingOut(t *testing.T) {
	t.Parallel()
	key := New([]byte(sample))
	r := NewRedactor(key, Key{}, New([]byte("short")))
	r.AddText("0123456789abcdef0123", "signature")
	for _, s := range Spellings([]byte(sample)) {
		mustNotLeak(t, s.Name, r.RedactString("before "+string(s.Bytes)+" after"))
	}
	if got := r.RedactString("sig 0123456789abcdef0123."); got != "sig [signature]." {
		t.Errorf("got %q", got)
	}
	if got := r.RedactString("a short text"); got != "a short text" {
		t.Errorf("got %q", got)
	}
}

// What differs from the key in a bit of its first or last byte may have the same digits all the same.
func TestBase64OfSomethingElseIsTold(t *testing.T) {
	t.Parallel()
	found := func(text string) bool {
		for _, s := range Spellings([]byte(sample)) {
			for from := 0; ; from++ {
				at := strings.Index(text[from:], string(s.Bytes))
				if at < 0 {
					break
				}
				from += at
				end := from + len(s.Bytes)
				if (from == 0 || !strings.Contains(s.NotBefore, text[from-1:from])) && (end == len(text) || !strings.Contains(s.NotAfter, text[end:end+1])) {
					return true
				}
			}
		}
		return false
	}
	for before := range 4 {
		for after := range 4 {
			for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
				around := func(key []byte) string {
					return encoding.EncodeToString([]byte(strings.Repeat("b", before) + string(key) + strings.Repeat("a", after)))
				}
				if !found(around([]byte(sample))) {
					t.Errorf("the key with %d before and %d after is missed", before, after)
				}
				for bit := range 8 {
					for _, at := range []int{0, len(sample) - 1} {
						other := []byte(sample)
						other[at] ^= 1 << bit
						if found(around(other)) {
							t.Errorf("another key is found: bit %d of byte %d, %d before, %d after", bit, at, before, after)
						}
					}
				}
			}
		}
	}
}
