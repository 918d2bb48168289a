package gitscan

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// FuzzPack gives the engine a repository whose only pack is any bytes, with
// an index that fits it, one that does not, or none. It must come to an end,
// in little memory, without a panic; and if it names no gap, it must have
// found what the pack holds. Run it with -fuzzminimizetime 1x: goroutines make
// its coverage vary, on which minimising never ends.
func FuzzPack(f *testing.F) {
	seed := func(build func(b *packBuilder)) {
		b := newPack(3)
		build(b)
		f.Add(b.buf.Bytes(), uint8(0), uint16(0))
		f.Add(b.buf.Bytes(), uint8(1), uint16(40))
	}
	seed(func(b *packBuilder) {
		at := b.blob("a", []byte("some text "+probeKey))
		b.offsetDelta("b", at, insert(10+len(probeKey), "other text"))
		b.refDelta("c", "a", insert(10+len(probeKey), "third text"))
	})
	seed(func(b *packBuilder) {
		b.entry("t", treeKind, 28, nil, deflate([]byte("100644 a\x0001234567890123456789")))
		b.entry("c", commitKind, 46, nil, deflate([]byte("tree "+strings.Repeat("ab", 20)+"\n")))
		b.refDelta("x", "x", insert(1, "x"))
	})
	f.Fuzz(fuzzPack)
}

func fuzzPack(t *testing.T, data []byte, mode uint8, at uint16) {
	dir := t.TempDir()
	for _, d := range []string{"objects/pack", "refs"} {
		must(t, os.MkdirAll(filepath.Join(dir, d), 0o755))
	}
	must(t, os.WriteFile(filepath.Join(dir, "HEAD"), []byte("ref: refs/heads/main\n"), 0o644))
	must(t, os.WriteFile(filepath.Join(dir, "config"), []byte("[core]\n\tbare = true\n"), 0o644))
	trailer := bytes.Repeat([]byte("T"), 20)
	file := filepath.Join(dir, "objects/pack/pack-f")
	must(t, os.WriteFile(file+".pack", append(data, trailer...), 0o644))
	if mode&1 != 0 {
		p := &pack{oidSize: 20, starts: []int64{packHeader, int64(at), int64(at) + int64(mode), 0}}
		index := p.indexBytes([]oid{oid(strings.Repeat("a", 20)), oid(strings.Repeat("b", 20)), oid(strings.Repeat("c", 20))})
		copy(index[len(index)-40:], trailer)
		must(t, os.WriteFile(file+".idx", index, 0o644))
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	r, err := Scan(ctx, dir, Options{Literals: literals(probeKey), Workers: 2, Limits: Limits{ObjectBytes: 1 << 20, MemoryBytes: 4 << 20}})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Gaps) == 0 && bytes.Contains(data, deflate([]byte("some text "+probeKey))) && len(r.Hits) == 0 {
		t.Fatal("no gap, and the key was not found")
	}
}

// TestDamagedPacks is the fuzzing that every test run does.
func TestDamagedPacks(t *testing.T) {
	t.Parallel()
	b := newPack(3)
	at := b.blob("a", []byte("some text "+probeKey))
	b.offsetDelta("b", at, insert(10+len(probeKey), "other text"))
	b.refDelta("c", "a", insert(10+len(probeKey), "third text"))
	r := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		data := bytes.Clone(b.buf.Bytes())
		for range 1 + r.IntN(3) {
			data[r.IntN(len(data))] = byte(r.Uint32())
		}
		fuzzPack(t, data[:len(data)-r.IntN(2)*r.IntN(len(data))], uint8(r.Uint32()), uint16(r.IntN(100)))
	}
}

// FuzzDelta holds the fresh ranges to their promise: a literal that is not in
// the base occurs in the result only where it touches a fresh range.
func FuzzDelta(f *testing.F) {
	f.Add([]byte("base text to copy from"), []byte("\x16\x0a\x90\x05\x05hello"))
	f.Add([]byte("abcabcabc"), insert(9, "abcd"))
	f.Fuzz(func(t *testing.T, base, delta []byte) {
		n, size, ops, err := deltaSizes(delta)
		if err != nil || n != int64(len(base)) || size > 1<<16 {
			return
		}
		dst := make([]byte, size)
		fresh, err := applyDelta(dst, base, ops, nil)
		if err != nil {
			return
		}
		last := 0
		for _, s := range fresh {
			if s.from < last || s.to < s.from || s.to > len(dst) {
				t.Fatalf("ranges out of order: %v", fresh)
			}
			last = s.to
		}
		const length = 4
		near := widen(append([]span(nil), fresh...), length-1, len(dst))
		for at := 0; at+length <= len(dst); at++ {
			text := dst[at : at+length]
			if bytes.Contains(base, text) {
				continue
			}
			covered := false
			for _, s := range near {
				covered = covered || s.from <= at && at+length <= s.to
			}
			if !covered {
				t.Fatalf("%q at %d is new and not near %v", text, at, fresh)
			}
		}
	})
}

// FuzzIndexFile and FuzzConfig only have to return.
func FuzzIndexFile(f *testing.F) {
	f.Add([]byte("DIRC\x00\x00\x00\x02\x00\x00\x00\x01" + strings.Repeat("x", 62) + "name\x00\x00\x00\x00\x00\x00" + strings.Repeat("s", 20)))
	f.Add([]byte("DIRC\x00\x00\x00\x04\x00\x00\x00\x02" + strings.Repeat("x", 150)))
	f.Fuzz(func(t *testing.T, data []byte) {
		x := &gitIndex{}
		x.parse(data, 20)
		x.parse(data, 32)
		for _, e := range x.entries {
			_ = filepath.IsLocal(e.path)
		}
	})
}

func FuzzConfig(f *testing.F) {
	f.Add([]byte("[core]\n\tbare = true\n[remote \"o\\\"x\"] url = \"a b\" ; c\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for key, value := range parseConfig(data) {
			if len(key)+len(value) > 2*len(data)+10 {
				t.Fatal("more came out than went in")
			}
		}
	})
}

func FuzzIgnore(f *testing.F) {
	f.Add("*.log\n!keep\n/a/**/b\n", "x/a/b.log")
	f.Fuzz(func(t *testing.T, text, name string) {
		parseIgnore(text, "").verdict(name, false)
	})
}
