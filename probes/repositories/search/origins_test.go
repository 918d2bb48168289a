package search

import (
	"fmt"
	"strings"
	"testing"

	"github.com/prelaunch-audit/prelaunch/internal/audit/audittest"
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

// TestOpaqueContentsAreCounted has what may be encrypted in a commit and in the work tree, and changed by a delta.
func TestOpaqueContentsAreCounted(t *testing.T) {
	t.Parallel()
	g := gittest.New(t)
	g.Write("state.bin", audittest.Noise())
	g.Write("readme.txt", strings.Repeat("nothing to see\n", 1000))
	g.Commit("one")
	if got := scan(t, g.Dir, Options{Literals: literals(probeKey)}).Totals.Opaque; got != 2 {
		t.Errorf("%d contents that may be encrypted were counted, the object and the file are", got)
	}
}
