package gitscan

import (
	"context"
	"testing"
)

// BenchmarkScan and BenchmarkInflateOnly are for profiles and for seeing what
// a change costs; bench/ measures whole processes on a large repository.
func BenchmarkScan(b *testing.B) {
	g := realRepo(b, 1, 1500)
	g.git("repack", "-adfq", "--depth=50")
	for b.Loop() {
		r := scan(b, g.dir, Options{Literals: literals(probeKey), Workers: 1})
		b.SetBytes(r.Totals.BytesInflated)
	}
}

func BenchmarkInflateOnly(b *testing.B) {
	g := realRepo(b, 1, 1500)
	g.git("repack", "-adfq", "--depth=50")
	for b.Loop() {
		n, err := InflateOnly(context.Background(), g.dir, 1)
		must(b, err)
		b.SetBytes(n)
	}
}
