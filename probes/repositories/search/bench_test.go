package search

import (
	"testing"

	"github.com/prelaunch-audit/prelaunch/internal/gitrepo"
	"github.com/prelaunch-audit/prelaunch/internal/gitrepo/gittest"
	"github.com/prelaunch-audit/prelaunch/internal/gitrepo/object"
)

// BenchmarkScan and BenchmarkInflateOnly are for profiles and for seeing what
// a change costs; bench/ measures whole processes on a large repository.
func BenchmarkScan(b *testing.B) {
	g := realRepo(b, 1, 1500)
	g.Git("repack", "-adfq", "--depth=50")
	for b.Loop() {
		r := scan(b, g.Dir, Options{Literals: literals(probeKey), Workers: 1})
		b.SetBytes(r.Totals.BytesInflated)
	}
}

func BenchmarkInflate(b *testing.B) {
	g := realRepo(b, 1, 1500)
	g.Git("repack", "-adfq", "--depth=50")
	r, err := gitrepo.Open(b.Context(), g.Dir, gitrepo.Options{Report: func(p object.Problem) { b.Errorf("%+v", p) }})
	gittest.Must(b, err)
	r.Read(b.Context())
	store := r.Store(b.Context(), 1, object.Limits{})
	defer store.Close()
	for b.Loop() {
		b.SetBytes(store.Inflate(b.Context()))
	}
}
