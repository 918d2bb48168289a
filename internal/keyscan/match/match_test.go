package match

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type at struct{ ID, Offset int }

// naive is the oracle: one literal, one position at a time.
func naive(literals []Literal, data []byte) []at {
	var out []at
	for _, l := range literals {
		for i := 0; i+len(l.Bytes) <= len(data); i++ {
			if bytes.HasPrefix(data[i:], l.Bytes) {
				out = append(out, at{l.ID, i})
			}
		}
	}
	return sorted(out)
}

func sorted(in []at) []at {
	sort.Slice(in, func(i, j int) bool {
		if in[i].Offset != in[j].Offset {
			return in[i].Offset < in[j].Offset
		}
		return in[i].ID < in[j].ID
	})
	return in
}

func find(t testing.TB, literals []Literal, data []byte) []at {
	t.Helper()
	set, err := New(literals)
	if err != nil {
		t.Fatal(err)
	}
	var out []at
	set.Find(data, func(id, offset int) bool { out = append(out, at{id, offset}); return true })
	return sorted(out)
}

// stream finds literals in windows that overlap by all but one byte of the longest occurrence.
func stream(t testing.TB, literals []Literal, data []byte, piece int) []at {
	t.Helper()
	set, err := New(literals)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[at]bool{}
	var out []at
	for from := 0; from < len(data); from += piece {
		begin := max(0, from-set.Longest()+1)
		set.Find(data[begin:min(len(data), from+piece)], func(id, offset int) bool {
			if found := (at{id, begin + offset}); !seen[found] {
				seen[found] = true
				out = append(out, found)
			}
			return true
		})
	}
	return sorted(out)
}

func TestFindsEveryPositionAndLength(t *testing.T) {
	t.Parallel()
	for _, lengths := range [][]int{{1}, {3, 20}, {6}, {7, 9}, {11, 40}, {12}, {16, 16, 17}, {24, 100, 33}, {300}} {
		t.Run(fmt.Sprint(lengths), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(1, uint64(len(lengths))))
			var literals []Literal
			for i, n := range lengths {
				b := make([]byte, n)
				for j := range b {
					b[j] = 'a' + byte(r.IntN(26))
				}
				literals = append(literals, Literal{ID: i, Bytes: b})
			}
			for pad := range 70 {
				var data []byte
				for _, l := range literals {
					data = append(data, bytes.Repeat([]byte{'.'}, pad)...)
					data = append(data, l.Bytes...)
				}
				data = append(data, bytes.Repeat([]byte{'\n'}, pad%9)...)
				want := naive(literals, data)
				if diff := cmp.Diff(want, find(t, literals, data)); diff != "" {
					t.Fatalf("pad %d (-want +got):\n%s", pad, diff)
				}
			}
		})
	}
}

func TestStreamAcrossPieces(t *testing.T) {
	t.Parallel()
	literals := []Literal{{ID: 1, Bytes: []byte("abcabcabcabcabcabc")}, {ID: 2, Bytes: []byte("bcabcabcabcabca")}, {ID: 3, Bytes: []byte("zz")}}
	data := []byte(strings.Repeat("\nxabcabcabcabcabcabcabcabczzz", 9000)) // longer than several held pieces
	want := naive(literals, data)
	for _, piece := range []int{1, 7, 4096, (64 << 10) - 1, (64 << 10), (64 << 10) + 1, len(data)} {
		if diff := cmp.Diff(want, stream(t, literals, data, piece)); diff != "" {
			t.Fatalf("piece %d (-want +got):\n%s", piece, diff)
		}
	}
}

func TestSameBytesTwoIDs(t *testing.T) {
	t.Parallel()
	literals := []Literal{{ID: 1, Bytes: []byte("0123456789abcdef")}, {ID: 2, Bytes: []byte("0123456789abcdef")}}
	want := []at{{1, 1}, {2, 1}}
	if diff := cmp.Diff(want, find(t, literals, []byte("x0123456789abcdefx"))); diff != "" {
		t.Fatal(diff)
	}
}

func TestRefusesEmptyLiteral(t *testing.T) {
	t.Parallel()
	if _, err := New([]Literal{{ID: 1, Bytes: nil}}); err == nil {
		t.Fatal("an empty literal was taken")
	}
	set, err := New(nil)
	if err != nil || set.Contains([]byte("anything")) {
		t.Fatalf("empty set: %v", err)
	}
}

func TestStops(t *testing.T) {
	t.Parallel()
	set, _ := New([]Literal{{ID: 1, Bytes: []byte("0123456789abcdef")}})
	n := 0
	set.Find(bytes.Repeat([]byte("0123456789abcdef"), 9), func(int, int) bool { n++; return n < 3 })
	if n != 3 {
		t.Fatalf("called %d times, want 3", n)
	}
}

func TestBlank(t *testing.T) {
	t.Parallel()
	set, _ := New([]Literal{{ID: 1, Bytes: []byte("secretsecretsecret")}})
	got := set.Blank("a/secretsecretsecretsecret/b", "[key]")
	if got != "a/[key]/b" {
		t.Fatalf("got %q", got)
	}
}

func TestLiteralDoesNotPrintItself(t *testing.T) {
	t.Parallel()
	l := Literal{ID: 7, Bytes: []byte("topsecret")}
	for _, s := range []string{fmt.Sprint(l), fmt.Sprintf("%#v", l), fmt.Sprintf("%+v", []Literal{l})} {
		if strings.Contains(s, "topsecret") || strings.Contains(s, "116 111") {
			t.Errorf("printed: %s", s)
		}
	}
}

func FuzzFind(f *testing.F) {
	f.Add([]byte("0123456789abcdef"), []byte("abcdefgh"), []byte("xx0123456789abcdefabcdefgh\n"), uint8(3))
	f.Add([]byte("aaaaaaaaaaaa"), []byte("aaaaa"), []byte("aaaaaaaaaaaaaaaaaaaaaaaaa"), uint8(5))
	f.Fuzz(func(t *testing.T, a, b, data []byte, piece uint8) {
		if len(a) == 0 || len(b) == 0 || len(data) > 4096 {
			return
		}
		literals := []Literal{{ID: 1, Bytes: a}, {ID: 2, Bytes: b}}
		// Plant them too: random text seldom holds them.
		data = append(append(append(data, a...), b...), data...)
		want := naive(literals, data)
		if diff := cmp.Diff(want, find(t, literals, data)); diff != "" {
			t.Fatal(diff)
		}
		if diff := cmp.Diff(want, stream(t, literals, data, int(piece)+1)); diff != "" {
			t.Fatal(diff)
		}
	})
}

func BenchmarkFind(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	data := make([]byte, 16<<20)
	for i := range data {
		data[i] = " etaoinshrdlucmfwypvbgkqjxz\n0123456789"[r.IntN(38)]
	}
	var literals []Literal
	for i := range 13 {
		l := make([]byte, 32)
		for j := range l {
			l[j] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"[r.IntN(36)]
		}
		literals = append(literals, Literal{ID: i, Bytes: l})
	}
	set, _ := New(literals)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if set.Contains(data) {
			b.Fatal("found by chance")
		}
	}
}
