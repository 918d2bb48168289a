package search

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit/audittest"
	"github.com/prelaunch-audit/prelaunch/internal/gitrepo/gittest"
	"github.com/prelaunch-audit/prelaunch/internal/gitrepo/object"
)

func hexID(id string) string { return hex.EncodeToString([]byte(fmt.Sprintf("%-20s", id))) }

func TestHostilePacks(t *testing.T) {
	t.Parallel()
	big := strings.Repeat("A", 16<<20)
	cases := []struct {
		name  string
		build func() *gittest.Pack
		want  map[string]Reason // object to reason
		found bool              // the key in the honest object is still found
	}{
		{"cycle of reference deltas", func() *gittest.Pack {
			b := gittest.NewPack(4)
			b.Blob("honest", []byte("text "+probeKey))
			b.RefDelta("a", "b", gittest.Insert(5, "aaaaa"))
			b.RefDelta("b", "c", gittest.Insert(5, "bbbbb"))
			b.RefDelta("c", "a", gittest.Insert(5, "ccccc"))
			return b
		}, map[string]Reason{"a": CorruptObject, "b": CorruptObject, "c": CorruptObject}, true},
		{"delta on itself", func() *gittest.Pack {
			b := gittest.NewPack(2)
			b.Blob("honest", []byte("text "+probeKey))
			b.RefDelta("self", "self", gittest.Insert(5, "aaaaa"))
			return b
		}, map[string]Reason{"self": CorruptObject}, true},
		{"base that is not there", func() *gittest.Pack {
			b := gittest.NewPack(3)
			b.Blob("honest", []byte("text "+probeKey))
			at := b.RefDelta("lost", "nowhere", gittest.Insert(5, "aaaaa"))
			b.OffsetDelta("above", at, gittest.Insert(5, "aaaaa"))
			return b
		}, map[string]Reason{"lost": CorruptObject, "above": CorruptObject}, true},
		{"base offset between objects", func() *gittest.Pack {
			b := gittest.NewPack(2)
			at := b.Blob("honest", []byte("text "+probeKey))
			b.OffsetDelta("off", at+3, gittest.Insert(5, "aaaaa"))
			return b
		}, map[string]Reason{"off": CorruptObject}, true},
		{"base offset before the pack", func() *gittest.Pack {
			b := gittest.NewPack(2)
			b.Blob("honest", []byte("text "+probeKey))
			b.OffsetDelta("off", -1000, gittest.Insert(5, "aaaaa"))
			return b
		}, map[string]Reason{"off": CorruptObject}, true},
		{"declared larger than it is", func() *gittest.Pack {
			b := gittest.NewPack(2)
			b.Blob("honest", []byte("text "+probeKey))
			b.Entry("liar", gittest.BlobKind, 9000, nil, gittest.Deflate(bytes.Repeat([]byte("x y"), 100)))
			return b
		}, map[string]Reason{"liar": CorruptObject}, true},
		{"declared smaller than it is", func() *gittest.Pack {
			b := gittest.NewPack(2)
			b.Blob("honest", []byte("text "+probeKey))
			b.Entry("liar", gittest.BlobKind, 3, nil, gittest.Deflate([]byte("xxxxxxxxxxx"+probeKey)))
			return b
		}, map[string]Reason{"liar": CorruptObject}, true},
		{"declared without end", func() *gittest.Pack {
			b := gittest.NewPack(2)
			b.Blob("honest", []byte("text "+probeKey))
			b.Entry("liar", gittest.BlobKind, 1<<62, nil, gittest.Deflate([]byte("x")))
			return b
		}, map[string]Reason{"liar": CorruptObject}, true},
		{"streamed and declared larger", func() *gittest.Pack {
			b := gittest.NewPack(2)
			b.Blob("honest", []byte("text "+probeKey))
			b.Entry("liar", gittest.BlobKind, uint64(len(big))+5, nil, gittest.Deflate([]byte(big)))
			return b
		}, map[string]Reason{"liar": CorruptObject}, true},
		{"truncated stream", func() *gittest.Pack {
			b := gittest.NewPack(2)
			b.Blob("honest", []byte("text "+probeKey))
			data := bytes.Repeat([]byte("0123456789abcdef"), 64)
			z := gittest.Deflate(data)
			b.Entry("cut", gittest.BlobKind, uint64(len(data)), nil, z[:len(z)-6])
			return b
		}, map[string]Reason{"cut": CorruptObject}, true},
		{"bytes between objects", func() *gittest.Pack {
			b := gittest.NewPack(2)
			b.Entry("fat", gittest.BlobKind, 4, nil, append(gittest.Deflate([]byte("text")), "hidden"...))
			b.Blob("honest", []byte("text "+probeKey))
			return b
		}, map[string]Reason{"fat": CorruptObject}, true},
		{"delta for another base", func() *gittest.Pack {
			b := gittest.NewPack(2)
			at := b.Blob("honest", []byte("text "+probeKey))
			b.OffsetDelta("d", at, gittest.Insert(4, "aaaaa"))
			return b
		}, map[string]Reason{"d": CorruptObject}, true},
		{"delta that copies beyond its base", func() *gittest.Pack {
			b := gittest.NewPack(2)
			at := b.Blob("honest", []byte("text "+probeKey))
			b.OffsetDelta("d", at, append(gittest.Sizes(int64(5+len(probeKey)), 200), 0x91, 3, 200))
			return b
		}, map[string]Reason{"d": CorruptObject}, true},
		{"delta bomb", func() *gittest.Pack {
			// 16 MB from 16 kB, and 64 deltas of 500 bytes that each give 1 GB.
			b := gittest.NewPack(66)
			b.Blob("honest", []byte("text "+probeKey))
			at := b.Blob("base", []byte(big))
			d := gittest.Sizes(int64(len(big)), 1<<30)
			for range 65 {
				d = append(d, 0xf0, 0xff, 0xff, 0xff)
			}
			for i := range 64 {
				b.OffsetDelta(fmt.Sprint("bomb", i), at, d)
			}
			return b
		}, map[string]Reason{"bomb0": TooLarge, "bomb63": TooLarge}, true},
		{"zlib bomb others build on", func() *gittest.Pack {
			b := gittest.NewPack(3)
			b.Blob("honest", []byte("text "+probeKey))
			at := b.Entry("bomb", gittest.BlobKind, 1<<27, nil, gittest.Deflate(make([]byte, 1<<27)))
			b.OffsetDelta("d", at, gittest.Insert(1<<27, "aaaaa"))
			return b
		}, map[string]Reason{"bomb": TooLarge}, true},
		{"unknown object type", func() *gittest.Pack {
			b := gittest.NewPack(2)
			b.Blob("honest", []byte("text "+probeKey))
			b.Entry("odd", 5, 4, nil, gittest.Deflate([]byte("text")))
			return b
		}, map[string]Reason{"odd": CorruptObject}, true},
	}
	for i := range audittest.Rows(t, len(cases), 1) {
		c := cases[i]
		t.Run(c.name, func(t *testing.T) {
			b := c.build()
			dir := b.Write(t)
			debug.FreeOSMemory()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			r, err := Repository(ctx, dir, Options{Literals: literals(probeKey), Limits: Limits{Objects: object.Limits{ObjectBytes: 64 << 20, MemoryBytes: 128 << 20}}})
			if err != nil {
				t.Fatal(err)
			}
			runtime.ReadMemStats(&after)
			if got := after.Sys - before.Sys; got > 1<<30 {
				t.Errorf("took %d MB", got>>20)
			}
			got := map[string]Reason{}
			for _, g := range r.Gaps {
				got[g.Object] = g.Reason
			}
			for id, reason := range c.want {
				if got[hexID(id)] != reason {
					t.Errorf("%s: got %q, want %q; all: %.2000v", id, got[hexID(id)], reason, r.Gaps)
				}
			}
			if found := len(r.Hits) > 0; found != c.found {
				t.Errorf("found the key: %v, want %v", found, c.found)
			}
		})
	}
}

func TestLiesAboutTheNumberOfObjects(t *testing.T) {
	t.Parallel()
	for _, count := range []uint32{0, 1, 3, 1 << 31, 1<<32 - 1} {
		t.Run(fmt.Sprint(count), func(t *testing.T) {
			t.Parallel()
			b := gittest.NewPack(count)
			b.Blob("one", []byte("first"))
			b.Blob("two", []byte("text "+probeKey))
			r := scan(t, b.Write(t), Options{Literals: literals(probeKey)})
			if len(r.Gaps) == 0 {
				t.Error("no gap")
			}
		})
	}
}

// An index that leaves an object out must not hide it.
func TestIndexThatHidesAnObject(t *testing.T) {
	t.Parallel()
	b := gittest.NewPack(1)
	b.Blob("one", []byte("first"))
	b.Blob("two", []byte("text "+probeKey))
	b.Drop(1)
	r := scan(t, b.Write(t), Options{Literals: literals(probeKey)})
	if len(r.Gaps) == 0 {
		t.Error("no gap")
	}
}

func TestDeepChainInLittleMemory(t *testing.T) {
	t.Parallel()
	const depth = 3000
	b := gittest.NewPack(depth)
	base := strings.Repeat("line of text\n", 20000)
	at := b.Blob("0", []byte(base))
	for i := 1; i < depth; i++ {
		d := gittest.Sizes(int64(len(base)), int64(len(base)))
		d = append(d, 1, "abcdefgh"[i%8], 0xf1, 1)
		n := len(base) - 1
		d = append(d, byte(n), byte(n>>8), byte(n>>16))
		at = b.OffsetDelta(fmt.Sprint(i), at, d)
	}
	dir := b.Write(t)
	r := scan(t, dir, Options{Literals: literals(probeKey), Workers: 1, Limits: Limits{Objects: object.Limits{MemoryBytes: 4 * int64(len(base))}}})
	if len(r.Gaps) > 0 || r.Totals.Objects != depth {
		t.Errorf("%d objects, gaps %.500v", r.Totals.Objects, r.Gaps)
	}
}
