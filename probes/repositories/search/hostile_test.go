package gitscan

import (
	"bytes"
	"compress/zlib"
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"sort"
	"strings"
	"testing"
	"time"
)

// packBuilder writes packs that no git would.
type packBuilder struct {
	buf    bytes.Buffer
	starts []int64
	ids    []oid
}

func newPack(count uint32) *packBuilder {
	b := &packBuilder{}
	b.buf.WriteString("PACK\x00\x00\x00\x02")
	b.buf.Write(binary.BigEndian.AppendUint32(nil, count))
	return b
}

func deflate(data []byte) []byte {
	var b bytes.Buffer
	z, _ := zlib.NewWriterLevel(&b, 9)
	z.Write(data)
	z.Close()
	return b.Bytes()
}

// entry appends an entry with a declared size and any payload.
func (b *packBuilder) entry(id string, k kind, size uint64, head, payload []byte) int64 {
	start := int64(b.buf.Len())
	b.starts = append(b.starts, start)
	b.ids = append(b.ids, oid(fmt.Sprintf("%-20s", id)))
	c := byte(k)<<4 | byte(size&15)
	for size >>= 4; size > 0; size >>= 7 {
		b.buf.WriteByte(c | 0x80)
		c = byte(size & 0x7f)
	}
	b.buf.WriteByte(c)
	b.buf.Write(head)
	b.buf.Write(payload)
	return start
}

func (b *packBuilder) blob(id string, data []byte) int64 {
	return b.entry(id, blobKind, uint64(len(data)), nil, deflate(data))
}

func (b *packBuilder) refDelta(id, base string, delta []byte) int64 {
	return b.entry(id, refDelta, uint64(len(delta)), []byte(fmt.Sprintf("%-20s", base)), deflate(delta))
}

func (b *packBuilder) offsetDelta(id string, base int64, delta []byte) int64 {
	back := int64(b.buf.Len()) - base
	head := []byte{byte(back & 0x7f)}
	for back >>= 7; back > 0; back >>= 7 {
		back--
		head = append([]byte{byte(back&0x7f) | 0x80}, head...)
	}
	return b.entry(id, offsetDelta, uint64(len(delta)), head, deflate(delta))
}

// write puts the pack and an index for it into a new repository.
func (b *packBuilder) write(t testing.TB) string {
	t.Helper()
	g := newRepo(t)
	trailer := []byte(strings.Repeat("T", 20))
	dir := filepath.Join(g.dir, ".git/objects/pack")
	must(t, os.MkdirAll(dir, 0o755))
	must(t, os.WriteFile(filepath.Join(dir, "pack-h.pack"), append(b.buf.Bytes(), trailer...), 0o644))
	p := &pack{oidSize: 20, starts: append(b.starts, 0)}
	index := p.indexBytes(append([]oid(nil), b.ids...))
	order := make([]int, len(b.ids))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(i, j int) bool { return b.ids[order[i]] < b.ids[order[j]] })
	for at, i := range order {
		end := int64(b.buf.Len())
		if i+1 < len(b.starts) {
			end = b.starts[i+1]
		}
		sum := crc32.ChecksumIEEE(b.buf.Bytes()[b.starts[i]:end])
		binary.BigEndian.PutUint32(index[idxHeader+fanoutSize+20*len(b.ids)+4*at:], sum)
	}
	copy(index[len(index)-40:], trailer)
	must(t, os.WriteFile(filepath.Join(dir, "pack-h.idx"), index, 0o644))
	return g.dir
}

func sizes(base, result int64) []byte {
	put := func(out []byte, v int64) []byte {
		for ; v >= 0x80; v >>= 7 {
			out = append(out, byte(v)|0x80)
		}
		return append(out, byte(v))
	}
	return put(put(nil, base), result)
}

// insert is a delta that ignores its base and gives text.
func insert(base int, text string) []byte {
	d := sizes(int64(base), int64(len(text)))
	for len(text) > 0 {
		n := min(len(text), 127)
		d = append(append(d, byte(n)), text[:n]...)
		text = text[n:]
	}
	return d
}

func hexID(id string) string { return oid(fmt.Sprintf("%-20s", id)).String() }

func TestHostilePacks(t *testing.T) {
	t.Parallel()
	big := strings.Repeat("A", 16<<20)
	cases := []struct {
		name  string
		build func() *packBuilder
		want  map[string]Reason // object to reason
		found bool              // the key in the honest object is still found
	}{
		{"cycle of reference deltas", func() *packBuilder {
			b := newPack(4)
			b.blob("honest", []byte("text "+probeKey))
			b.refDelta("a", "b", insert(5, "aaaaa"))
			b.refDelta("b", "c", insert(5, "bbbbb"))
			b.refDelta("c", "a", insert(5, "ccccc"))
			return b
		}, map[string]Reason{"a": CorruptObject, "b": CorruptObject, "c": CorruptObject}, true},
		{"delta on itself", func() *packBuilder {
			b := newPack(2)
			b.blob("honest", []byte("text "+probeKey))
			b.refDelta("self", "self", insert(5, "aaaaa"))
			return b
		}, map[string]Reason{"self": CorruptObject}, true},
		{"base that is not there", func() *packBuilder {
			b := newPack(3)
			b.blob("honest", []byte("text "+probeKey))
			at := b.refDelta("lost", "nowhere", insert(5, "aaaaa"))
			b.offsetDelta("above", at, insert(5, "aaaaa"))
			return b
		}, map[string]Reason{"lost": CorruptObject, "above": CorruptObject}, true},
		{"base offset between objects", func() *packBuilder {
			b := newPack(2)
			at := b.blob("honest", []byte("text "+probeKey))
			b.offsetDelta("off", at+3, insert(5, "aaaaa"))
			return b
		}, map[string]Reason{"off": CorruptObject}, true},
		{"base offset before the pack", func() *packBuilder {
			b := newPack(2)
			b.blob("honest", []byte("text "+probeKey))
			b.offsetDelta("off", -1000, insert(5, "aaaaa"))
			return b
		}, map[string]Reason{"off": CorruptObject}, true},
		{"declared larger than it is", func() *packBuilder {
			b := newPack(2)
			b.blob("honest", []byte("text "+probeKey))
			b.entry("liar", blobKind, 9000, nil, deflate(bytes.Repeat([]byte("x y"), 100)))
			return b
		}, map[string]Reason{"liar": CorruptObject}, true},
		{"declared smaller than it is", func() *packBuilder {
			b := newPack(2)
			b.blob("honest", []byte("text "+probeKey))
			b.entry("liar", blobKind, 3, nil, deflate([]byte("xxxxxxxxxxx"+probeKey)))
			return b
		}, map[string]Reason{"liar": CorruptObject}, true},
		{"declared without end", func() *packBuilder {
			b := newPack(2)
			b.blob("honest", []byte("text "+probeKey))
			b.entry("liar", blobKind, 1<<62, nil, deflate([]byte("x")))
			return b
		}, map[string]Reason{"liar": CorruptObject}, true},
		{"streamed and declared larger", func() *packBuilder {
			b := newPack(2)
			b.blob("honest", []byte("text "+probeKey))
			b.entry("liar", blobKind, uint64(len(big))+5, nil, deflate([]byte(big)))
			return b
		}, map[string]Reason{"liar": CorruptObject}, true},
		{"truncated stream", func() *packBuilder {
			b := newPack(2)
			b.blob("honest", []byte("text "+probeKey))
			data := bytes.Repeat([]byte("0123456789abcdef"), 64)
			z := deflate(data)
			b.entry("cut", blobKind, uint64(len(data)), nil, z[:len(z)-6])
			return b
		}, map[string]Reason{"cut": CorruptObject}, true},
		{"bytes between objects", func() *packBuilder {
			b := newPack(2)
			b.entry("fat", blobKind, 4, nil, append(deflate([]byte("text")), "hidden"...))
			b.blob("honest", []byte("text "+probeKey))
			return b
		}, map[string]Reason{"fat": CorruptObject}, true},
		{"delta for another base", func() *packBuilder {
			b := newPack(2)
			at := b.blob("honest", []byte("text "+probeKey))
			b.offsetDelta("d", at, insert(4, "aaaaa"))
			return b
		}, map[string]Reason{"d": CorruptObject}, true},
		{"delta that copies beyond its base", func() *packBuilder {
			b := newPack(2)
			at := b.blob("honest", []byte("text "+probeKey))
			b.offsetDelta("d", at, append(sizes(int64(5+len(probeKey)), 200), 0x91, 3, 200))
			return b
		}, map[string]Reason{"d": CorruptObject}, true},
		{"delta bomb", func() *packBuilder {
			// 16 MB from 16 kB, and 64 deltas of 500 bytes that each give 1 GB.
			b := newPack(66)
			b.blob("honest", []byte("text "+probeKey))
			at := b.blob("base", []byte(big))
			d := sizes(int64(len(big)), 1<<30)
			for range 65 {
				d = append(d, 0xf0, 0xff, 0xff, 0xff)
			}
			for i := range 64 {
				b.offsetDelta(fmt.Sprint("bomb", i), at, d)
			}
			return b
		}, map[string]Reason{"bomb0": TooLarge, "bomb63": TooLarge}, true},
		{"zlib bomb others build on", func() *packBuilder {
			b := newPack(3)
			b.blob("honest", []byte("text "+probeKey))
			at := b.entry("bomb", blobKind, 1<<27, nil, deflate(make([]byte, 1<<27)))
			b.offsetDelta("d", at, insert(1<<27, "aaaaa"))
			return b
		}, map[string]Reason{"bomb": TooLarge}, true},
		{"unknown object type", func() *packBuilder {
			b := newPack(2)
			b.blob("honest", []byte("text "+probeKey))
			b.entry("odd", 5, 4, nil, deflate([]byte("text")))
			return b
		}, map[string]Reason{"odd": CorruptObject}, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := c.build()
			dir := b.write(t)
			b.buf = bytes.Buffer{}
			debug.FreeOSMemory()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			r, err := Scan(ctx, dir, Options{Literals: literals(probeKey), Limits: Limits{ObjectBytes: 64 << 20, MemoryBytes: 128 << 20}})
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
			b := newPack(count)
			b.blob("one", []byte("first"))
			b.blob("two", []byte("text "+probeKey))
			r := scan(t, b.write(t), Options{Literals: literals(probeKey)})
			if len(r.Gaps) == 0 {
				t.Error("no gap")
			}
		})
	}
}

// An index that leaves an object out must not hide it.
func TestIndexThatHidesAnObject(t *testing.T) {
	t.Parallel()
	b := newPack(1)
	b.blob("one", []byte("first"))
	b.blob("two", []byte("text "+probeKey))
	b.starts, b.ids = b.starts[:1], b.ids[:1]
	r := scan(t, b.write(t), Options{Literals: literals(probeKey)})
	if len(r.Gaps) == 0 {
		t.Error("no gap")
	}
}

func TestDeepChainInLittleMemory(t *testing.T) {
	t.Parallel()
	const depth = 3000
	b := newPack(depth)
	base := strings.Repeat("line of text\n", 20000)
	at := b.blob("0", []byte(base))
	for i := 1; i < depth; i++ {
		d := sizes(int64(len(base)), int64(len(base)))
		d = append(d, 1, "abcdefgh"[i%8], 0xf1, 1)
		n := len(base) - 1
		d = append(d, byte(n), byte(n>>8), byte(n>>16))
		at = b.offsetDelta(fmt.Sprint(i), at, d)
	}
	dir := b.write(t)
	r := scan(t, dir, Options{Literals: literals(probeKey), Workers: 1, Limits: Limits{MemoryBytes: 4 * int64(len(base))}})
	if len(r.Gaps) > 0 || r.Totals.Objects != depth {
		t.Errorf("%d objects, gaps %.500v", r.Totals.Objects, r.Gaps)
	}
}
