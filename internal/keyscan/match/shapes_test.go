package match

import (
	"slices"
	"testing"
)

// Keys of a provider's shape are suspects wherever they stand, placeholders of it are not.
func TestShapes(t *testing.T) {
	t.Parallel()
	s := NewSuspects([]string{"acme"}, nil).Shaped(`\b[sr]k_(?:test|live)_[A-Za-z0-9]{10,247}\b`, `[a-f0-9]{32}`, `(`)
	if len(s.shapes) != 1 {
		t.Fatalf("%d shapes: one that matches any digits, or nothing, must be left out", len(s.shapes))
	}
	var got []string
	find := func(text string) {
		s.Find([]byte(text), func(what string, from, to int) {
			if what == Shape {
				got = append(got, text[from:to])
			}
		})
	}
	find("charge(\"sk_live_4eC39HqLyjWDarjtT1zdp7dc\")")
	find("see rk_test_9hYd72KsPq0Zm41XvBn95Wc3, please")
	find("sk_test_your_key_here sk_live_xxxxxxxxxxxxxxxxxxxxxxxx task_live_4eC39HqLyjWDarjtT1zdp7dc")
	if want := []string{"sk_live_4eC39HqLyjWDarjtT1zdp7dc", "rk_test_9hYd72KsPq0Zm41XvBn95Wc3"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
