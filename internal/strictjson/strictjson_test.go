package strictjson

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

type inner struct {
	Word string `json:"word"`
}

type document struct {
	inner
	Name  string                       `json:"name"`
	At    time.Time                    `json:"at"`
	Facts map[string][]json.RawMessage `json:"facts"`
	List  []*inner                     `json:"list"`
	Any   any                          `json:"any"`
	Skip  string                       `json:"-"`
}

func TestDecode(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ text, wrong, wrongForKnown string }{
		{text: `{"name":"a","word":"b","at":"2026-11-01T00:00:00Z","facts":{"A":[{"x":1}],"a":[]},"list":[{"word":"c"}],"any":{"B":1,"b":2}}`},
		{``, "empty", "empty"},
		{`{"name":"a"`, "truncated", "truncated"},
		{`{"name":"a"} {}`, "follows", "follows"},
		{`{"name":"a"} x`, "follows", "follows"},
		{`{"name":x}`, "not valid JSON", "not valid JSON"},
		{`{"name":"a","name":"b"}`, `"name" occurs twice`, `"name" occurs twice`},
		{`{"any":{"x":1,"x":2}}`, `"x" occurs twice`, `"x" occurs twice`},
		{`{"facts":{"a":[{"x":1,"x":2}]}}`, `"x" occurs twice`, `"x" occurs twice`},
		{`[{"name":"a"}]`, "not one JSON object", "not one JSON object"},
		{`{"Name":"a"}`, `spells "name"`, `spells "name"`},
		{`{"list":[{"WORD":"a"}]}`, `spells "word"`, `spells "word"`},
		{`{"more":1}`, `unknown field "more"`, ""},
		{`{"list":[{"more":1}]}`, `unknown field "more"`, ""},
		{`{"Skip":"x"}`, `unknown field "Skip"`, ""},
		{`{"any":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`, "deeper", "deeper"},
	} {
		for want, decode := range map[*string]func([]byte, any) error{&test.wrong: Decode, &test.wrongForKnown: DecodeKnown} {
			err := decode([]byte(test.text), &document{})
			if (err == nil) != (*want == "") || err != nil && !strings.Contains(err.Error(), *want) {
				t.Errorf("%.60s: error is %v, want %q", test.text, err, *want)
			}
		}
	}
}

func TestDecodeKeepsNumbers(t *testing.T) {
	t.Parallel()
	var d document
	if err := Decode([]byte(`{"any":12345678901234567890}`), &d); err != nil || d.Any != json.Number("12345678901234567890") {
		t.Errorf("got %v, %v", d.Any, err)
	}
}
