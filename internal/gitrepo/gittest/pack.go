package gittest

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
)

// Types of objects, as packs number them.
const (
	CommitKind = 1
	TreeKind   = 2
	BlobKind   = 3
)

// Pack writes packs that no git would.
type Pack struct {
	buf    bytes.Buffer
	starts []int64
	ids    []string
}

// NewPack begins a pack whose header declares count objects.
func NewPack(count uint32) *Pack {
	b := &Pack{}
	b.buf.WriteString("PACK\x00\x00\x00\x02")
	b.buf.Write(binary.BigEndian.AppendUint32(nil, count))
	return b
}

// Deflate compresses data as Git does.
func Deflate(data []byte) []byte {
	var b bytes.Buffer
	z, _ := zlib.NewWriterLevel(&b, 9)
	z.Write(data)
	z.Close()
	return b.Bytes()
}

// Entry appends an entry with a declared size and any payload.
func (b *Pack) Entry(id string, k byte, size uint64, head, payload []byte) int64 {
	start := int64(b.buf.Len())
	b.starts = append(b.starts, start)
	b.ids = append(b.ids, fmt.Sprintf("%-20s", id))
	c := k<<4 | byte(size&15)
	for size >>= 4; size > 0; size >>= 7 {
		b.buf.WriteByte(c | 0x80)
		c = byte(size & 0x7f)
	}
	b.buf.WriteByte(c)
	b.buf.Write(head)
	b.buf.Write(payload)
	return start
}

// Blob appends a blob stored whole.
func (b *Pack) Blob(id string, data []byte) int64 {
	return b.Entry(id, BlobKind, uint64(len(data)), nil, Deflate(data))
}

// RefDelta appends a delta that names its base by ID.
func (b *Pack) RefDelta(id, base string, delta []byte) int64 {
	return b.Entry(id, 7, uint64(len(delta)), []byte(fmt.Sprintf("%-20s", base)), Deflate(delta))
}

// OffsetDelta appends a delta that names its base by where it begins.
func (b *Pack) OffsetDelta(id string, base int64, delta []byte) int64 {
	back := int64(b.buf.Len()) - base
	head := []byte{byte(back & 0x7f)}
	for back >>= 7; back > 0; back >>= 7 {
		back--
		head = append([]byte{byte(back&0x7f) | 0x80}, head...)
	}
	return b.Entry(id, 6, uint64(len(delta)), head, Deflate(delta))
}

// Bytes is what was appended so far.
func (b *Pack) Bytes() []byte { return b.buf.Bytes() }

// Drop forgets that an entry is there; its bytes stay.
func (b *Pack) Drop(entry int) {
	b.starts, b.ids = append(b.starts[:entry:entry], b.starts[entry+1:]...), append(b.ids[:entry:entry], b.ids[entry+1:]...)
}

// Write puts the pack and an index for it into a new repository.
func (b *Pack) Write(t testing.TB) string {
	t.Helper()
	g := New(t)
	trailer := []byte(strings.Repeat("T", 20))
	dir := filepath.Join(g.Dir, ".git/objects/pack")
	Must(t, os.MkdirAll(dir, 0o755))
	Must(t, os.WriteFile(filepath.Join(dir, "pack-h.pack"), append(b.buf.Bytes(), trailer...), 0o644))
	index := Index(b.starts, b.ids)
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
		binary.BigEndian.PutUint32(index[indexHeader+20*len(b.ids)+4*at:], sum)
	}
	copy(index[len(index)-40:], trailer)
	Must(t, os.WriteFile(filepath.Join(dir, "pack-h.idx"), index, 0o644))
	return g.Dir
}

// Sizes is the beginning of a delta.
func Sizes(base, result int64) []byte {
	put := func(out []byte, v int64) []byte {
		for ; v >= 0x80; v >>= 7 {
			out = append(out, byte(v)|0x80)
		}
		return append(out, byte(v))
	}
	return put(put(nil, base), result)
}

// Insert is a delta that ignores its base and gives text.
func Insert(base int, text string) []byte {
	d := Sizes(int64(base), int64(len(text)))
	for len(text) > 0 {
		n := min(len(text), 127)
		d = append(append(d, byte(n)), text[:n]...)
		text = text[n:]
	}
	return d
}

const indexHeader = 8 + 4*256

// Index writes a version 2 index of the entries that begin at starts, without checksums.
func Index(starts []int64, ids []string) []byte {
	order := make([]int, len(ids))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(i, j int) bool { return ids[order[i]] < ids[order[j]] })
	out := []byte("\xfftOc\x00\x00\x00\x02")
	at := 0
	for b := range 256 {
		for at < len(order) && int(ids[order[at]][0]) <= b {
			at++
		}
		out = binary.BigEndian.AppendUint32(out, uint32(at))
	}
	for _, i := range order {
		out = append(out, ids[i]...)
	}
	out = append(out, make([]byte, 4*len(order))...)
	for _, i := range order {
		out = binary.BigEndian.AppendUint32(out, uint32(starts[i]))
	}
	return append(out, make([]byte, 2*20)...)
}
