package config

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/prelaunch-audit/prelaunch/internal/audit/audittest"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
	"github.com/prelaunch-audit/prelaunch/internal/yamldoc"
	"github.com/prelaunch-audit/prelaunch/internal/yamldoc/shape"
)

// plantedKeys are what API keys look like; each reads as one word where a string is expected.
var plantedKeys = []string{
	"sk_live_4fQ8zX92jKs81mNqTg",
	"9f8a7b6c5d4e3f2a1b0c9d8e7f6a5b4c",
	"q83vKx+2Zl/90aTe7Wm4Yc1Rb6Hs5Dn=",
	"QWxhZGRpbjpvcGVuIHNlc2FtZTEyMzQ1",
	"bK7uXw2pRz9tVq4n",
	"73629104857362910485",
}

// mustNotEcho looks for any eight bytes in a row of the key in any spelling.
func mustNotEcho(t *testing.T, where, output, key string) {
	t.Helper()
	for i := 0; i+secret.MinSearchable <= len(key); i++ {
		if strings.Contains(output, key[i:i+secret.MinSearchable]) {
			t.Errorf("%s: %q of the key is repeated: %s", where, key[i:i+secret.MinSearchable], output)
			return
		}
	}
	for _, spelling := range secret.Spellings([]byte(key)) {
		if strings.Contains(output, string(spelling.Bytes)) {
			t.Errorf("%s: the key is repeated in %s: %s", where, spelling.Name, output)
		}
	}
}

// TestNoPlaceOfTheFileEchoesAKey puts a key in the place of every value and of every name of a setting, bare and quoted.
func TestNoPlaceOfTheFileEchoesAKey(t *testing.T) {
	t.Parallel()
	document, mistakes := yamldoc.Strict([]byte(full))
	if len(mistakes) > 0 {
		t.Fatal(mistakes)
	}
	type place struct{ line, column, length int }
	var places []place
	document.Scalars(func(scalar *yamldoc.Value) {
		length := utf8.RuneCountInString(scalar.Text)
		if !scalar.Plain {
			length += len(`""`)
		}
		if !strings.Contains(scalar.Text, "\n") {
			places = append(places, place{scalar.Line, scalar.Column, length})
		}
	})
	if len(places) < 150 {
		t.Fatalf("only %d places", len(places))
	}
	directory := folder(t)
	lines := strings.Split(full, "\n")
	for i, key := range plantedKeys {
		spellings := []string{key, `"` + key + `"`}
		if i == 0 {
			spellings = append(spellings, "*"+key, "&"+key+" x", "!"+key+" x", "["+key, "{"+key+": "+key+"}", "`"+key, key+": "+key)
		}
		for _, spelled := range spellings {
			for j := range audittest.Rows(t, len(places), 1) {
				p := places[j]
				line := lines[p.line-1]
				changed := append([]string{}, lines...)
				changed[p.line-1] = line[:p.column-1] + spelled + line[p.column-1+p.length:]
				content := []byte(strings.Join(changed, "\n"))
				found := shape.NewProblems("prelaunch.yaml")
				integration, err := read(content, directory, options, found)
				if err != nil {
					t.Fatal(err)
				}
				err = found.Err()
				where := fmt.Sprintf("%s at %d:%d", spelled, p.line, p.column)
				if err != nil {
					mustNotEcho(t, where, err.Error(), key)
					continue
				}
				// What loads must be refused once the key is known.
				integration.Environments[0].Key.Source, integration.Environments[0].Key.Variable = "env", "ELSEWHERE"
				integration.Environments[1].Key = integration.Environments[0].Key
				integration.RetiredKeys, integration.Source = nil, content
				err = ResolveKeys(t.Context(), integration, Resolver{LookupEnv: func(string) (string, bool) { return key, true }})
				if err == nil {
					t.Errorf("%s: the literal key is taken", where)
					continue
				}
				mustNotEcho(t, where, err.Error(), key)
			}
		}
	}
}

// lineBreak is what YAML takes for the end of a line.
var lineBreak = regexp.MustCompile("[\n\r\u0085\u2028\u2029]")

// FuzzLoad holds the reader to what it promises about any file whatever: it ends, it does not panic, every mistake has a message,
// and a key that stands anywhere in the file is in none of them.
func FuzzLoad(f *testing.F) {
	f.Add([]byte(full), 0)
	f.Add([]byte(minimal), len(minimal))
	f.Add([]byte(minimal+"k: &a [*a, *a]\n"), 5)
	for i, row := range mistakes {
		f.Add([]byte(row.content(f)), i*7)
	}
	for _, tricky := range []string{"[[[[[[[[", "{{{{", "a: &a [&b [*a, *b]]", "? - ?\n: !!binary x", "%YAML 1.1\n---\na: b\n...\n", "\ufeffversion: 1", "- |2-\n  a", "a: \"\\", "\x00", "'"} {
		f.Add([]byte(tricky), 1)
	}
	directory := folder(f)
	key := plantedKeys[0]
	f.Fuzz(func(t *testing.T, content []byte, at int) {
		if len(content) > 1<<16 {
			return
		}
		if at < 0 || at > len(content) {
			at = len(content)
		}
		planted := string(content[:at]) + key + string(content[at:])
		for _, text := range []string{string(content), planted} {
			found := shape.NewProblems("prelaunch.yaml")
			integration, err := read([]byte(text), directory, options, found)
			if err != nil {
				t.Fatal(err)
			}
			err = found.Err()
			if err == nil {
				if integration == nil || integration.Name == "" || len(integration.Environments) != 2 {
					t.Errorf("it loads without what is required: %+v", integration)
				}
				continue
			}
			var list *shape.Error
			if !errors.As(err, &list) {
				t.Fatalf("got %T", err)
			}
			for _, problem := range list.Problems {
				if problem.Message == "" || problem.Line < 0 || problem.Line > 1+len(lineBreak.FindAllString(text, -1)) {
					t.Errorf("a problem without message or place: %+v", problem)
				}
			}
			if !strings.Contains(string(content), key[:secret.MinSearchable]) {
				mustNotEcho(t, "planted", err.Error(), key)
			}
		}
	})
}
