package match

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
)

const testKey = "Zk9QpX3vLr7TnB2mWc8YdF5hJs4GtA6e"

func testPrints(t testing.TB) *Prints {
	t.Helper()
	p, err := NewPrints([]Fingerprint{{ID: 5, SHA256: sha256.Sum256([]byte(testKey)), Length: len(testKey)}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPrintsFind(t *testing.T) {
	t.Parallel()
	wide := func(s string, big bool) string {
		var b strings.Builder
		for i := range len(s) {
			if big {
				b.WriteByte(0)
			}
			b.WriteByte(s[i])
			if !big {
				b.WriteByte(0)
			}
		}
		return b.String()
	}
	percent := func(s string) string {
		var b strings.Builder
		for i := range len(s) {
			fmt.Fprintf(&b, "%%%02x", s[i])
		}
		return b.String()
	}
	escape := func(s, format string) string {
		var b strings.Builder
		for i := range len(s) {
			fmt.Fprintf(&b, format, s[i])
		}
		return b.String()
	}
	wrap := func(s, indent string) string {
		var b strings.Builder
		for i := 0; i < len(s); i += 40 {
			b.WriteString(indent + s[i:min(len(s), i+40)] + "\n")
		}
		return b.String()
	}
	cases := []struct{ text, form string }{
		{"before" + testKey + "after", "plain"},
		{strings.Repeat("Ab9", 40000) + testKey + strings.Repeat("x", 40000), "plain"},
		{base64.StdEncoding.EncodeToString([]byte("x" + testKey + "tail")), "base64"},
		{"/a/path/" + base64.StdEncoding.EncodeToString([]byte("xy"+testKey+"tail")), "base64"},
		{"data:application/json;base64," + base64.StdEncoding.EncodeToString([]byte(strings.Repeat(`{"a": "b"} `, 7000)+testKey+strings.Repeat(" {}", 30000))), "base64"},
		{"cert: |\n" + wrap(base64.StdEncoding.EncodeToString([]byte(strings.Repeat("some text ", 9)+testKey+" more of it")), "    "), "base64"},
		{wrap(base64.URLEncoding.EncodeToString([]byte(strings.Repeat("some text ", 9000)+testKey+strings.Repeat(" more of it", 9000))), ""), "base64"},
		{"1" + hex.EncodeToString([]byte("a"+testKey+"b")) + "2", "hex"},
		{`"` + escape(testKey, `\u%04x`) + `"`, "escaped"},
		{`"` + escape(testKey, `\u%04X`) + `"`, "escaped"},
		{`"` + escape(testKey, `\x%02x`) + `"`, "escaped"},
		{escape(testKey, "&#%d;") + escape(" and more", "&#x%x;"), "escaped"},
		{`"` + testKey[:9] + escape(testKey[9:12], `\u%04x`) + testKey[12:] + `"`, "escaped"},
		{"?k=" + testKey[:3] + escape(testKey[3:5], "%%%02X") + testKey[5:] + "&n=1", "percent"},
		{testKey, "plain"},
		{"key=" + testKey + "\n", "plain"},
		{`{"api-key": "` + testKey + `"}`, "plain"},
		{"https://u:" + testKey + "@acme.example/", "plain"},
		{"prefix_" + testKey, "plain"},
		{testKey + "-suffix", "plain"},
		{"x " + base64.StdEncoding.EncodeToString([]byte(testKey)) + " y", "base64"},
		{base64.StdEncoding.EncodeToString([]byte("user:" + testKey)), "base64"},
		{base64.RawURLEncoding.EncodeToString([]byte("a:" + testKey)), "base64"},
		{hex.EncodeToString([]byte(testKey)), "hex"},
		{strings.ToUpper(hex.EncodeToString([]byte(testKey))), "hex"},
		{"a " + percent(testKey) + " b", "percent"},
		{"a" + wide(" "+testKey+" ", false), "utf-16"},
		{"a" + wide(" "+testKey+" ", true), "utf-16"},
	}
	for _, c := range cases {
		p := testPrints(t)
		forms := map[string]bool{}
		p.Find([]byte(c.text), func(id, _ int, form string) {
			if id != 5 {
				t.Errorf("id %d", id)
			}
			forms[form] = true
		})
		if !forms[c.form] {
			t.Errorf("%q: found as %v, want %s", c.text, forms, c.form)
		}
		if blank := p.Blank(c.text, "[key]"); p.Contains([]byte(blank)) || strings.Contains(blank, testKey) {
			t.Errorf("%q is left in %q", c.text, blank)
		}
	}
	for _, text := range []string{"", testKey[1:], testKey[:31] + "x", "nothing at all", strings.ToLower(testKey)} {
		if testPrints(t).Contains([]byte(text)) {
			t.Errorf("found in %q", text)
		}
	}
}

func TestPrintsRefuseWhatCouldBeGuessed(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 7, 513, -4} {
		if _, err := NewPrints([]Fingerprint{{Length: n}}); err == nil {
			t.Errorf("length %d was taken", n)
		}
	}
}

func TestSuspects(t *testing.T) {
	t.Parallel()
	s := NewSuspects([]string{"begini"}, []string{"api-key"})
	const v = "q7Wd93kLxP0aZm4RtY8uVb2N"
	for _, c := range []struct {
		text string
		want string // kind, empty for none
	}{
		{`BEGINI_API_KEY=` + v, Assignment},
		{`export BEGINI_SECRET="` + v + `"`, Assignment},
		{`beginiApiKey: '` + v + `',`, Assignment},
		{`"begini.hmac.key": "` + v + `"`, Assignment},
		{`begini_key := "` + v + `"`, Assignment},
		{`const BeginiToken = ` + "`" + v + "`", Assignment},
		{`config["begini_key"] = "` + v + `"`, Assignment},
		{`curl -H "api-key: ` + v + `" https://api.begini.co/`, Header},
		{`curl -H api-key:` + v, Header},
		{`headers: {"api-key": "` + v + `"}`, Header},
		{`req.Header.Set("Api-Key", "` + v + `")`, Header},
		{`'API-KEY' => '` + v + `'`, Header},
		// Nothing that is no key.
		{`BEGINI_API_KEY=${BEGINI_API_KEY}`, ""},
		{`BEGINI_API_KEY=your-begini-api-key-here-123`, ""},
		{`beginiApiKey = process.env.BEGINI_API_KEY_2`, ""},
		{`beginiKey = os.Getenv("BEGINI_KEY_12345")`, ""},
		{`begini_key: changeme1234567890abc`, ""},
		{`begini_url = "https://api.begini.co/v1/sessions12"`, ""},
		{`BEGINI_API_KEY=xxxxxxxxxxxxxxxx11`, ""},
		{`my-api-key: ` + v, ""},
		{`other_api_key = "` + v + `"`, ""},
		{`begini key to success and 42 more words`, ""},
		{`"begini_key": "short1"`, ""},
	} {
		got := ""
		s.Find([]byte(c.text), func(what string, from, to int) {
			got = what
			if c.text[from:to] != v {
				t.Errorf("%s: value %q", c.text, c.text[from:to])
			}
		})
		if got != c.want {
			t.Errorf("%s: got %q, want %q", c.text, got, c.want)
		}
	}
}
