package match

import (
	"crypto/sha256"
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
	p := testPrints(t)
	for _, text := range []string{
		testKey,
		"before" + testKey + "after",
		strings.Repeat("Ab9", 40000) + testKey + strings.Repeat("x", 40000),
		"key=" + testKey + "\n",
		`{"api-key": "` + testKey + `"}`,
		"https://u:" + testKey + "@acme.example/",
		"prefix_" + testKey,
		testKey + "-suffix",
	} {
		found := 0
		p.Each([]byte(text), func(id, from, to int) {
			if found++; id != 5 || text[from:to] != testKey {
				t.Errorf("%q: found %q with ID %d", text, text[from:to], id)
			}
		})
		if found != 1 {
			t.Errorf("%q: found %d times", text, found)
		}
		if blank := p.Blank(text, "[key]"); strings.Contains(blank, testKey) {
			t.Errorf("%q is left in %q", text, blank)
		}
	}
	for _, text := range []string{"", testKey[1:], testKey[:31] + "x", "nothing at all", strings.ToLower(testKey)} {
		if p.Contains([]byte(text)) {
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
