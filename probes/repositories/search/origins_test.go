package search

import (
	"fmt"
	"testing"

	"github.com/prelaunch-audit/prelaunch/internal/gitrepo/gittest"
)

// TestOriginsOfObjectsWithOneTag has two files of whose IDs the four bytes that the notes keep are the same.
func TestOriginsOfObjectsWithOneTag(t *testing.T) {
	t.Parallel()
	const key = "q7Rk2mVx9TpL4wZc"
	g := gittest.New(t)
	file := func(n int) string { return fmt.Sprintf("key %s in file %d\n", key, n) }
	g.Write("first/a.txt", file(22035))
	want := map[string]string{"first/a.txt": g.Commit("one")}
	g.Write("first/a.txt", "nothing\n")
	g.Commit("two")
	g.Write("second/b.txt", file(63709))
	want["second/b.txt"] = g.Commit("three")
	g.Write("other.txt", "nothing\n")
	g.Commit("four")
	for _, packed := range []bool{false, true} {
		if packed {
			g.Git("gc", "-q")
		}
		got := map[string]string{}
		for _, h := range scan(t, g.Dir, Options{Literals: literals(key)}).Hits {
			if h.Place == InBlob {
				got[h.Path] = h.Commit
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("packed %t: the files came with %v, expected %v", packed, got, want)
		}
	}
}
