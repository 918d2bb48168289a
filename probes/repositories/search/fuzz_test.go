package search

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/gitrepo/gittest"
	"github.com/prelaunch-audit/prelaunch/internal/gitrepo/object"
)

// FuzzPack gives the engine a repository whose only pack is any bytes, with
// an index that fits it, one that does not, or none. It must come to an end,
// in little memory, without a panic; and if it names no gap, it must have
// found what the pack holds. Run it with -fuzzminimizetime 1x: goroutines make
// its coverage vary, on which minimising never ends.
func FuzzPack(f *testing.F) {
	seed := func(build func(b *gittest.Pack)) {
		b := gittest.NewPack(3)
		build(b)
		f.Add(b.Bytes(), uint8(0), uint16(0))
		f.Add(b.Bytes(), uint8(1), uint16(40))
	}
	seed(func(b *gittest.Pack) {
		at := b.Blob("a", []byte("some text "+probeKey))
		b.OffsetDelta("b", at, gittest.Insert(10+len(probeKey), "other text"))
		b.RefDelta("c", "a", gittest.Insert(10+len(probeKey), "third text"))
	})
	seed(func(b *gittest.Pack) {
		b.Entry("t", gittest.TreeKind, 28, nil, gittest.Deflate([]byte("100644 a\x0001234567890123456789")))
		b.Entry("c", gittest.CommitKind, 46, nil, gittest.Deflate([]byte("tree "+strings.Repeat("ab", 20)+"\n")))
		b.RefDelta("x", "x", gittest.Insert(1, "x"))
	})
	f.Fuzz(fuzzPack)
}

func fuzzPack(t *testing.T, data []byte, mode uint8, at uint16) {
	dir := t.TempDir()
	for _, d := range []string{"objects/pack", "refs"} {
		gittest.Must(t, os.MkdirAll(filepath.Join(dir, d), 0o755))
	}
	gittest.Must(t, os.WriteFile(filepath.Join(dir, "HEAD"), []byte("ref: refs/heads/main\n"), 0o644))
	gittest.Must(t, os.WriteFile(filepath.Join(dir, "config"), []byte("[core]\n\tbare = true\n"), 0o644))
	trailer := bytes.Repeat([]byte("T"), 20)
	file := filepath.Join(dir, "objects/pack/pack-f")
	gittest.Must(t, os.WriteFile(file+".pack", append(data, trailer...), 0o644))
	if mode&1 != 0 {
		index := gittest.Index([]int64{12, int64(at), int64(at) + int64(mode)}, []string{strings.Repeat("a", 20), strings.Repeat("b", 20), strings.Repeat("c", 20)})
		copy(index[len(index)-40:], trailer)
		gittest.Must(t, os.WriteFile(file+".idx", index, 0o644))
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	r, err := Repository(ctx, dir, Options{Literals: literals(probeKey), Workers: 2, Limits: Limits{Objects: object.Limits{ObjectBytes: 1 << 20, MemoryBytes: 4 << 20}}})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Gaps) == 0 && bytes.Contains(data, gittest.Deflate([]byte("some text "+probeKey))) && len(r.Hits) == 0 {
		t.Fatal("no gap, and the key was not found")
	}
}

// TestDamagedPacks is the fuzzing that every test run does.
func TestDamagedPacks(t *testing.T) {
	t.Parallel()
	b := gittest.NewPack(3)
	at := b.Blob("a", []byte("some text "+probeKey))
	b.OffsetDelta("b", at, gittest.Insert(10+len(probeKey), "other text"))
	b.RefDelta("c", "a", gittest.Insert(10+len(probeKey), "third text"))
	r := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		data := bytes.Clone(b.Bytes())
		for range 1 + r.IntN(3) {
			data[r.IntN(len(data))] = byte(r.Uint32())
		}
		fuzzPack(t, data[:len(data)-r.IntN(2)*r.IntN(len(data))], uint8(r.Uint32()), uint16(r.IntN(100)))
	}
}
