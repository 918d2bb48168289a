package audit

import "testing"

func TestOutcomesOrderAndZero(t *testing.T) {
	t.Parallel()
	var zero Outcome
	if zero != Inconclusive || Worst() != Inconclusive {
		t.Error("nothing must prove nothing")
	}
	order := []Outcome{Fail, Inconclusive, Warn, Waived, Pass, NotApplicable}
	for i, worse := range order {
		for _, better := range order[i+1:] {
			if !worse.Worse(better) || better.Worse(worse) || Worst(better, worse) != worse {
				t.Errorf("%v against %v", worse, better)
			}
		}
		var again Outcome
		text, err := worse.MarshalText()
		if err != nil || again.UnmarshalText(text) != nil || again != worse {
			t.Errorf("%v does not survive being written", worse)
		}
	}
	if (&zero).UnmarshalText([]byte("passed")) == nil {
		t.Error("an unknown outcome was read")
	}
}

func TestDecodeDocumentRefuses(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"empty": ``, "truncated": `{"schema":"prelaunch.facts/v1"`, "another version": `{"schema":"prelaunch.facts/v2"}`,
		"a report": `{"schema":"prelaunch.report/v1"}`, "unknown member": `{"schema":"prelaunch.facts/v1","x":1}`,
		"trailing": `{"schema":"prelaunch.facts/v1"} {}`,
	} {
		if _, err := DecodeDocument([]byte(text)); err == nil {
			t.Errorf("%s was read", name)
		}
	}
}

func FuzzDecodeDocument(f *testing.F) {
	f.Add([]byte(`{"schema":"prelaunch.facts/v1","facts":{"a.b":[{"x":1}]},"probes":[]}`))
	f.Add([]byte(`{"schema":"prelaunch.facts/v1","started_at":"yesterday"}`))
	f.Add([]byte("\xff\x00"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		doc, err := DecodeDocument(raw)
		if err != nil {
			return
		}
		first, err := doc.Encode()
		if err != nil {
			return
		}
		again, err := DecodeDocument(first)
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		if second, err := again.Encode(); err != nil || string(first) != string(second) {
			t.Errorf("a document changes by being read and written")
		}
	})
}
