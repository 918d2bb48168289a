package search

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/prelaunch-audit/prelaunch/internal/gitrepo"
	"github.com/prelaunch-audit/prelaunch/internal/gitrepo/gittest"
	"github.com/prelaunch-audit/prelaunch/internal/gitrepo/object"
)

// The benchmarks are for profiles and for seeing what a change costs; the module in
// internal/gitrepo/bench measures whole processes on a large repository.

// deltaHeavy is a repository of many commits over large trees, of which nearly all are deltas. Keys
// are in that many files, each added in a commit in the middle and kept.
func deltaHeavy(b *testing.B, commits, keys int) *gittest.Repo {
	b.Helper()
	g := gittest.New(b, "--bare")
	var script bytes.Buffer // for git fast-import
	for i := range commits {
		fmt.Fprintf(&script, "commit refs/heads/main\ncommitter Ann <ann@acme.example> %d +0000\ndata 6\nchange\n", 1700000000+60*i)
		from, to := i, i+1
		if i == 0 {
			from, to = 0, 3000 // all files
		}
		for f := from; f < to; f++ {
			text := fmt.Sprintf("file %d in version %d\n", f*7%3000, i)
			fmt.Fprintf(&script, "M 100644 inline src/part%02d/file-with-a-name-%04d.go\ndata %d\n%s\n", f*7%3000/100, f*7%3000, len(text), text)
		}
		if k := i - commits/2; k >= 0 && k < keys {
			text := fmt.Sprintf("key %d: %s\n", k, probeKey)
			fmt.Fprintf(&script, "M 100644 inline src/part00/leak-%04d.go\ndata %d\n%s\n", k, len(text), text)
		}
	}
	g.GitIn(script.String(), "fast-import", "--quiet")
	g.Git("repack", "-adfq", "--depth=50")
	return g
}

// BenchmarkHits shows what finding costs beyond searching: nothing, one key in one commit, and many.
func BenchmarkHits(b *testing.B) {
	for _, keys := range []int{0, 1, 1000} {
		b.Run(fmt.Sprint(keys), func(b *testing.B) {
			g := deltaHeavy(b, 5000, keys)
			for b.Loop() {
				r := scan(b, g.Dir, Options{Literals: literals(probeKey), Workers: 1})
				if len(r.Hits) != keys || len(r.Gaps) > 0 {
					b.Fatalf("%d hits, gaps %v", len(r.Hits), r.Gaps)
				}
				for _, h := range r.Hits {
					if h.Commit == "" || h.Path == "" || !h.InHead {
						b.Fatalf("where it belongs is not known: %+v", h)
					}
				}
			}
		})
	}
}

func BenchmarkInflate(b *testing.B) {
	g := deltaHeavy(b, 5000, 0)
	r, err := gitrepo.Open(b.Context(), g.Dir, gitrepo.Options{Report: func(p object.Problem) { b.Errorf("%+v", p) }})
	gittest.Must(b, err)
	r.Read(b.Context())
	store := r.Store(b.Context(), 1, object.Limits{})
	defer store.Close()
	for b.Loop() {
		b.SetBytes(store.Inflate(b.Context()))
	}
}
