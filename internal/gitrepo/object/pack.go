package object

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"sort"
	"strings"
)

// pack is an opened pack file with what is needed to visit each of its
// entries: about 33 bytes of memory an entry. Entries are numbered in the
// order of their offsets.
type pack struct {
	name    string // for gaps
	file    *os.File
	size    int64
	idSize  int
	n       int
	starts  []int64  // of entry i; starts[n] is where the trailing checksum begins
	ids     []uint32 // position of entry i in the index
	crcs    []uint32 // nil when the index has none
	kinds   []Kind   // as stored: may be offsetDelta or refDelta
	bases   []int32  // of a delta: the entry it builds on; otherwise -1
	number  uint32   // of entry 0 among all objects of the store
	first   []int32  // first entry that builds on entry i, or -1
	next    []int32  // next entry with the same base, or -1
	weight  []int32  // entries that build on entry i directly or not, and itself
	thin    []thinDelta
	seen    []bool // entries already visited by the main pass
	index   *packIndex
	idxFile *os.File
	idxSize int64
}

// thinDelta is a delta whose base is not in its own pack.
type thinDelta struct {
	entry int32
	base  ID
}

const (
	packHeader = 12
	leastEntry = 9       // one header byte and the smallest zlib stream
	maxEntries = 1 << 26 // what is known of so many takes 3 GB; the largest public ones have 2^24
)

var (
	errPack = errors.New("corrupt pack")
	errHead = fmt.Errorf("%w: truncated entry header", errPack)
)

// opener opens a regular file to be read.
type opener func(path string) (*os.File, fs.FileInfo, error)

// openPack opens path and its index.
func openPack(open opener, path, name string, idSize int) (_ *pack, err error) {
	f, info, err := open(path)
	if err != nil {
		return nil, err
	}
	p := &pack{name: name, file: f, size: info.Size(), idSize: idSize}
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	var head [packHeader]byte
	if _, err := f.ReadAt(head[:], 0); err != nil {
		return nil, fmt.Errorf("%w: header: %w", errPack, err)
	}
	version, n := binary.BigEndian.Uint32(head[4:]), int64(binary.BigEndian.Uint32(head[8:]))
	if !bytes.Equal(head[:4], []byte("PACK")) || version != 2 && version != 3 {
		return nil, fmt.Errorf("%w: no pack header", errPack)
	}
	if body := p.size - packHeader - int64(idSize); body < 0 || n > body/leastEntry || n >= maxEntries {
		return nil, fmt.Errorf("%w: %d bytes cannot hold the declared %d objects", errPack, p.size, n)
	}
	p.n = int(n)
	if err := p.loadIndex(open, strings.TrimSuffix(path, ".pack")+".idx"); err != nil {
		return nil, fmt.Errorf("%w: it has no usable index, which git index-pack %s makes: %v", errPack, name, err)
	}
	return p, nil
}

func (p *pack) close() {
	p.file.Close()
	if p.idxFile != nil {
		p.idxFile.Close()
	}
}

// loadIndex reads the index file and checks it against the pack: same number
// of objects, same checksum, offsets inside the pack, no two alike.
func (p *pack) loadIndex(open opener, path string) error {
	f, info, err := open(path)
	if err != nil {
		return err
	}
	p.idxFile = f
	x, err := openIndex(f, info.Size(), p.idSize)
	if err != nil {
		return err
	}
	if x.n != p.n {
		return fmt.Errorf("%w: lists %d objects, the pack has %d", errIndex, x.n, p.n)
	}
	mine, its := make([]byte, p.idSize), make([]byte, p.idSize)
	if _, err := p.file.ReadAt(mine, p.size-int64(p.idSize)); err != nil {
		return err
	}
	if _, err := f.ReadAt(its, info.Size()-2*int64(p.idSize)); err != nil {
		return err
	}
	if !bytes.Equal(mine, its) {
		return fmt.Errorf("%w: belongs to another pack", errIndex)
	}
	return p.useIndex(x, info.Size())
}

// useIndex takes over the entries an index lists.
func (p *pack) useIndex(x *packIndex, size int64) error {
	type row struct {
		offset int64
		pos    uint32
		crc    uint32
	}
	end := p.size - int64(p.idSize)
	rows := make([]row, p.n)
	err := x.each(size, func(i int, _ []byte, crc uint32, offset int64) error {
		if offset < packHeader || offset > end-leastEntry {
			return fmt.Errorf("%w: offset %d outside the pack", errIndex, offset)
		}
		rows[i] = row{offset, uint32(i), crc}
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortFunc(rows, func(a, b row) int { return cmp.Compare(a.offset, b.offset) })
	p.starts, p.ids = make([]int64, p.n+1), make([]uint32, p.n)
	if x.version > 1 {
		p.crcs = make([]uint32, p.n)
	}
	for i, r := range rows {
		if i > 0 && r.offset == rows[i-1].offset {
			return fmt.Errorf("%w: two objects at offset %d", errIndex, r.offset)
		}
		p.starts[i], p.ids[i] = r.offset, r.pos
		if p.crcs != nil {
			p.crcs[i] = r.crc
		}
	}
	p.starts[p.n] = end
	p.index, p.idxSize = x, size
	if p.n > 0 && p.starts[0] != packHeader {
		return fmt.Errorf("%w: first object at offset %d", errIndex, p.starts[0])
	}
	return nil
}

// oid returns the id of entry i; empty when the index cannot be read.
func (p *pack) oid(i int) ID {
	id, err := p.index.oid(int(p.ids[i]))
	if err != nil {
		return ""
	}
	return id
}

// find returns the entry that holds id, or -1.
func (p *pack) find(id ID) int {
	pos, err := p.index.find(id)
	if err != nil || pos < 0 {
		return -1
	}
	offset, err := p.index.offset(pos, p.idxSize)
	if err != nil {
		return -1
	}
	return p.at(offset)
}

// at returns the entry that starts at offset, or -1.
func (p *pack) at(offset int64) int {
	i := sort.Search(p.n, func(i int) bool { return p.starts[i] >= offset })
	if i == p.n || p.starts[i] != offset {
		return -1
	}
	return i
}

// entryHead is the decoded beginning of an entry.
type entryHead struct {
	kind   Kind
	size   int64 // inflated: of the object, or of the delta
	back   int64 // offsetDelta: distance to the base
	base   ID    // refDelta
	length int   // bytes the head itself takes
}

// maxHead is more than any entry's head takes: size, and offset or id.
const maxHead = 10 + 32

func parseHead(b []byte, idSize int) (h entryHead, err error) {
	if len(b) == 0 {
		return h, errHead
	}
	h.kind, h.size = Kind(b[0]>>4&7), int64(b[0]&15)
	i := 1
	for shift := 4; b[i-1]&0x80 != 0; shift += 7 {
		if i == len(b) {
			return h, errHead
		}
		if shift > 56 {
			return h, fmt.Errorf("%w: object size out of range", errPack)
		}
		h.size |= int64(b[i]&0x7f) << shift
		i++
	}
	switch h.kind {
	case Commit, Tree, Blob, Tag:
	case offsetDelta:
		for first := true; ; first = false {
			if i == len(b) {
				return h, errHead
			}
			if h.back >= 1<<55 {
				return h, fmt.Errorf("%w: base offset out of range", errPack)
			}
			if !first {
				h.back++
			}
			h.back = h.back<<7 | int64(b[i]&0x7f)
			i++
			if b[i-1]&0x80 == 0 {
				break
			}
		}
	case refDelta:
		if len(b)-i < idSize {
			return h, errHead
		}
		h.base = ID(b[i : i+idSize])
		i += idSize
	default:
		return h, fmt.Errorf("%w: unknown object type %d", errPack, h.kind)
	}
	h.length = i
	return h, nil
}

// headAt reads the head of entry i from the file.
func (p *pack) headAt(i int) (entryHead, error) {
	var b [maxHead]byte
	n := min(int64(len(b)), p.starts[i+1]-p.starts[i])
	if _, err := p.file.ReadAt(b[:n], p.starts[i]); err != nil && err != io.EOF {
		return entryHead{}, err
	}
	return parseHead(b[:n], p.idSize)
}
