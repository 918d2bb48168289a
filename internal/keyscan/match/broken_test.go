package match

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	evenKey = "Zk9QpX3vLr7TnB2mWc8YdF5hJs4GtA6e"
	oddKey  = "Q/9+pX3vLr7TnB2mWc8YdF5hJsr"
)

// breaks are what stands between two pieces of a key in files that people and tools write.
var breaks = map[string]string{
	"wrapped": "\n", "wrapped by Windows": "\r\n", "YAML block": "\n        ", "tabs": "\n\t\t", "escaped": `\n`, "escaped by Windows": `\r\n`,
	"shell": "\\\n", "shell, indented": " \\\n    ", "quoted-printable": "=\r\n", "plus": `" + "`, "plus on the next line": "\" +\n    \"", "single quotes": `' + '`,
	"PHP": `" . "`, "Basic": "\" & _\n\"", "adjacent": "\"\n  \"", "escaped and adjacent": "\\n\"\n  \"", "list": "\",\n  \"", "comment": "\n# ", "block comment": "\n * ", "diff": "\n+",
}

func broken(t testing.TB, texts ...string) []Literal {
	t.Helper()
	var list []Literal
	for i, text := range texts {
		list = append(list, Literal{ID: i, Bytes: []byte(text), Broken: true})
	}
	return list
}

func TestFindsBrokenLiterals(t *testing.T) {
	t.Parallel()
	literals := broken(t, evenKey, oddKey)
	for id, key := range []string{evenKey, oddKey} {
		for name, between := range breaks {
			for cut := 1; cut < len(key); cut++ {
				text := "before " + key[:cut] + between + key[cut:] + " after"
				want := []at{{id, len("before ")}}
				if diff := cmp.Diff(want, find(t, literals, []byte(text))); diff != "" {
					t.Errorf("%s at %d (-want +got):\n%s", name, cut, diff)
				}
				for _, piece := range []int{1, 5, 64} {
					if diff := cmp.Diff(want, stream(t, literals, []byte(text), piece)); diff != "" {
						t.Errorf("%s at %d, streamed (-want +got):\n%s", name, cut, diff)
					}
				}
			}
		}
	}
}

func TestFindsLiteralsBrokenTwice(t *testing.T) {
	t.Parallel()
	literals := broken(t, evenKey)
	half := len(evenKey) / 2
	for first := 1; first < len(evenKey); first++ {
		for second := first + 1; second < len(evenKey); second++ {
			text := "x" + evenKey[:first] + "\n  " + evenKey[first:second] + "\n  " + evenKey[second:] + "x"
			var want []at
			if first >= half || second <= half {
				want = []at{{0, 1}}
			}
			if diff := cmp.Diff(want, find(t, literals, []byte(text))); diff != "" {
				t.Errorf("at %d and %d (-want +got):\n%s", first, second, diff)
			}
		}
	}
}

func TestFindsNothingThatIsNotTheLiteral(t *testing.T) {
	t.Parallel()
	set, err := New(broken(t, evenKey))
	if err != nil {
		t.Fatal(err)
	}
	for _, between := range []string{" ", "\nx", "/", "-", strings.Repeat("\n", maxBreak+1), "\n" + strings.Repeat(" ", maxBreak), "\\", `\t`} {
		for cut := 1; cut < len(evenKey); cut++ {
			if text := evenKey[:cut] + between + evenKey[cut:]; set.Contains([]byte(text)) {
				t.Errorf("found with %q at %d", between, cut)
			}
		}
	}
	for _, text := range []string{evenKey[:31] + "\n", "\n" + evenKey[1:], evenKey[:16] + "\n" + evenKey[17:], evenKey[:20] + "\n" + evenKey[19:], evenKey[:16], evenKey[16:], "\n" + evenKey[16:]} {
		if set.Contains([]byte(text)) {
			t.Errorf("found in %q", text)
		}
	}
	if whole := find(t, broken(t, evenKey), []byte("x"+evenKey+"x")); len(whole) != 1 {
		t.Errorf("a whole literal is found %d times", len(whole))
	}
	short, err := New([]Literal{{ID: 1, Bytes: []byte(evenKey[:Breakable-1]), Broken: true}})
	if err != nil || short.Longest() != Breakable-1 {
		t.Errorf("a literal that is too short to be broken: longest %d, %v", short.Longest(), err)
	}
}

func TestBlankTakesBrokenLiteralsOut(t *testing.T) {
	t.Parallel()
	set, _ := New(broken(t, evenKey))
	if got := set.Blank("a "+evenKey[:20]+"\n  "+evenKey[20:]+" b", "[key]"); got != "a [key] b" {
		t.Errorf("got %q", got)
	}
}

func FuzzBroken(f *testing.F) {
	f.Add([]byte(evenKey), []byte("\n  "), uint8(9), []byte("before"), uint8(3))
	f.Add([]byte("\"\"\n\n++==\\n\\nnnnrrr==..\n\"\"\"\"++"), []byte("\"+\""), uint8(5), []byte("\n\""), uint8(1))
	f.Fuzz(func(t *testing.T, key, between []byte, cut uint8, around []byte, piece uint8) {
		if len(key) < 2 || len(key) > 200 || len(around) > 400 || len(between) > 100 {
			return
		}
		at := 1 + int(cut)%(len(key)-1)
		data := bytes.Join([][]byte{around, key[:at], between, key[at:], around}, nil)
		literals := []Literal{{ID: 1, Bytes: key, Broken: true}}
		whole := fmt.Sprint(find(t, literals, data))
		if streamed := fmt.Sprint(stream(t, literals, data, int(piece)+1)); streamed != whole {
			t.Fatalf("streamed %s, at once %s", streamed, whole)
		}
	})
}

func TestNeighboursThatMakeItSomethingElse(t *testing.T) {
	t.Parallel()
	for _, text := range []string{evenKey, "abcd"} { // one of the many, and one that is searched for by itself
		literals := []Literal{{ID: 1, Bytes: []byte(text), Broken: true, NotBefore: "xy", NotAfter: "z"}}
		for around, want := range map[[2]string]bool{{"", ""}: true, {"a", "a"}: true, {"x", ""}: false, {"", "z"}: false, {"z", "x"}: true, {"y", "z"}: false} {
			for _, between := range []string{"", "\n"} {
				if between != "" && len(text) < Breakable {
					continue
				}
				data := []byte("--" + around[0] + text[:1] + between + text[1:] + around[1] + "--")
				if got := find(t, literals, data); (len(got) == 1) != want {
					t.Errorf("%q: %v", data, got)
				}
				for cut := range len(data) {
					data := data[:len(data)-2]
					if got := stream(t, literals, data, cut+1); (len(got) == 1) != want {
						t.Errorf("%q in pieces of %d: %v", data, cut+1, got)
					}
				}
			}
		}
	}
	// A piece of a stream that ends with the literal does not yet show what follows.
	set, _ := New([]Literal{{ID: 1, Bytes: []byte(evenKey), NotAfter: "z"}})
	for next, want := range map[string]int{"z": 0, "a": 1, "": 1} {
		found := 0
		w := set.Stream(func(int, int64, int64) { found++ })
		w.Write([]byte(strings.Repeat("-", streamPiece-len(evenKey)) + evenKey))
		w.Write([]byte(next))
		w.Close()
		if found != want {
			t.Errorf("followed by %q: found %d times", next, found)
		}
	}
}
