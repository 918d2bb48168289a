package keyscan

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/content"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
)

// TestKeyInPieces cuts keys in two at every place, and in pieces of any lengths, next to text that could be mistaken for another
// piece: where a key goes on is recognized by the few bytes around the place.
func TestKeyInPieces(t *testing.T) {
	t.Parallel()
	styles := []struct{ before, between, after string }{
		{`const k = "`, `" + "`, `";`},
		{`k = ("`, "\"\n     \"", `")`},
		{`["`, `","`, `"].join("")`},
		{`K="`, "\"\\\n\"", `"`},
		{`select '`, `' || '`, `';`},
		{"<p><b>", "</b><b>", "</b></p>"},
		{"text", "\\\n", "text\n"},
		{`k = "s" + "`, `" .. "`, `" + "e"`},
	}
	for name, key := range recallKeys {
		s, err := New(&audit.Integration{Environments: []audit.Environment{{Name: audit.Test, Key: audit.KeyReference{Key: secret.New([]byte(key))}}}})
		if err != nil {
			t.Fatal(err)
		}
		scanner := s.Scanner(content.Limits{})
		found := func(text string) bool {
			hit := false
			if _, err := scanner.Bytes(t.Context(), "", []byte(text), func(Found) { hit = true }); err != nil {
				t.Fatal(err)
			}
			return hit
		}
		cuts := [][]int{} // lengths of pieces
		for at := 1; at < len(key); at++ {
			cuts = append(cuts, []int{at}, []int{1, at}, []int{2, at})
		}
		random := rand.New(rand.NewPCG(1, 2))
		for range 50 {
			var lengths []int
			for range 20 {
				lengths = append(lengths, 1+random.IntN(5))
			}
			cuts = append(cuts, lengths)
		}
		twin := strings.ToUpper(key[:1]) + key[1:len(key)-1] + "Q"
		for _, style := range styles {
			for _, lengths := range cuts {
				hide := func(key string) string {
					var parts []string
					for _, n := range lengths {
						n = min(n, len(key))
						parts, key = append(parts, key[:n]), key[n:]
					}
					if key != "" {
						parts = append(parts, key)
					}
					parts = append(parts, "")
					return "{\"a\", \"bc\"}\n" + style.before + strings.TrimSuffix(strings.Join(parts, style.between), style.between) + style.after + "\n"
				}
				if text := hide(key); !found(text) {
					t.Errorf("%s: not found in %q", name, text)
				}
				if text := hide(twin); found(text) {
					t.Errorf("%s: found in %q", name, text)
				}
			}
		}
	}
}
