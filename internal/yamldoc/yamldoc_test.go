package yamldoc

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestRead(t *testing.T) {
	t.Parallel()
	documents, err := Read([]byte("a: &x {b: 1, c: yes}\nd:\n  <<: *x\n  c: no\n---\n- 014\n- null\n- !tag text\n---\n{\"json\": [true]}\n"))
	if err != nil || len(documents) != 3 {
		t.Fatalf("%d documents, %v", len(documents), err)
	}
	merged := documents[0].Get("d")
	if merged.Get("b").Value != "1" || merged.Get("c").Value != "no" || !merged.Get("e").Null {
		t.Errorf("merge keys: %+v", merged)
	}
	list := documents[1]
	if list.Kind != Sequence || list.Items[0].Value != "014" || !list.Items[1].Null || list.Items[2].Value != "text" || list.Items[2].Line != 8 {
		t.Errorf("list: %+v", list)
	}
	if documents[2].Get("json").Items[0].Value != "true" {
		t.Error("JSON")
	}
}

func TestReadIsBounded(t *testing.T) {
	t.Parallel()
	var bomb strings.Builder
	bomb.WriteString("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n")
	for i := range 20 {
		before, now := string(rune('a'+i))+"0", string(rune('b'+i))+"0"
		bomb.WriteString(now + ": &" + now + " [" + strings.TrimSuffix(strings.Repeat("*"+before+",", 10), ",") + "]\n")
	}
	for name, text := range map[string]string{
		"aliases":   bomb.String(),
		"itself":    "a: &a\n  b: *a\n",
		"depth":     strings.Repeat("[", 500) + strings.Repeat("]", 500),
		"bytes":     strings.Repeat("#", MaxBytes+1),
		"documents": strings.Repeat("---\na\n", MaxDocuments+1),
	} {
		began := time.Now()
		if _, err := Read([]byte(text)); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: %v", name, err)
		}
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("%s: took %s", name, took)
		}
	}
}

func TestErrorsDoNotQuote(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"a: {{ .Values.secretword }} b", "a: b: secretword", "*secretword", "a: 'secretword"} {
		if _, err := Read([]byte(text)); !errors.Is(err, ErrNotYAML) || strings.Contains(err.Error(), "secretword") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, seed := range []string{"a: &x {b: 1}\nd:\n  <<: [*x, *x]\n", "a: &a\n  <<: *a\n", "? [k]\n: v\n", "- |\n  text\n--- {}\n", "\t", "!!merge x: y"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		documents, err := Read(text)
		if err == nil && len(documents) > MaxDocuments {
			t.Error("too many documents")
		}
		for _, document := range documents {
			if document == nil {
				t.Error("a document is nil")
			}
		}
	})
}
