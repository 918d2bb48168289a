package object

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sort"
)

// packIndex reads a pack index (version 1 or 2) in place. Only the fan-out
// table is kept in memory: object ids are read when one is asked for, which
// happens for hits, for reference deltas and while evidence is gathered.
type packIndex struct {
	r       io.ReaderAt
	version int
	n       int
	idSize  int
	fanout  [256]uint32
}

const (
	idxHeader  = 8 // version 2: magic and version
	fanoutSize = 256 * 4
)

var errIndex = errors.New("unusable pack index")

// openIndex checks the parts of an index that can be checked without reading
// all of it: header, fan-out, size.
func openIndex(r io.ReaderAt, size int64, idSize int) (*packIndex, error) {
	x := &packIndex{r: r, version: 1, idSize: idSize}
	var head [idxHeader + fanoutSize]byte
	if n, err := r.ReadAt(head[:], 0); n < len(head) {
		return nil, fmt.Errorf("%w: too short (%v)", errIndex, err)
	}
	table := head[:fanoutSize]
	if bytes.Equal(head[:4], []byte("\xfftOc")) {
		if v := binary.BigEndian.Uint32(head[4:]); v != 2 {
			return nil, fmt.Errorf("%w: version %d", errIndex, v)
		}
		x.version, table = 2, head[idxHeader:]
	}
	last := uint32(0)
	for i := range x.fanout {
		x.fanout[i] = binary.BigEndian.Uint32(table[4*i:])
		if x.fanout[i] < last {
			return nil, fmt.Errorf("%w: fan-out table not in order", errIndex)
		}
		last = x.fanout[i]
	}
	x.n = int(last)
	least := x.offsetsAt() + 4*int64(x.n) + 2*int64(idSize)
	if x.version == 1 {
		least = fanoutSize + int64(x.n)*int64(4+idSize) + 2*int64(idSize)
	}
	if size < least {
		return nil, fmt.Errorf("%w: %d bytes cannot hold %d objects", errIndex, size, x.n)
	}
	return x, nil
}

func (x *packIndex) oidsAt() int64    { return idxHeader + fanoutSize }
func (x *packIndex) crcsAt() int64    { return x.oidsAt() + int64(x.n)*int64(x.idSize) }
func (x *packIndex) offsetsAt() int64 { return x.crcsAt() + 4*int64(x.n) }
func (x *packIndex) largeAt() int64   { return x.offsetsAt() + 4*int64(x.n) }

// oid reads the id of the object at position i of the index.
func (x *packIndex) oid(i int) (ID, error) {
	var b [32]byte
	at := x.oidsAt() + int64(i)*int64(x.idSize)
	if x.version == 1 {
		at = fanoutSize + int64(i)*int64(4+x.idSize) + 4
	}
	if _, err := x.r.ReadAt(b[:x.idSize], at); err != nil {
		return "", fmt.Errorf("read pack index: %w", err)
	}
	return ID(b[:x.idSize]), nil
}

// find returns the position of id, or -1.
func (x *packIndex) find(id ID) (int, error) {
	if len(id) != x.idSize {
		return -1, nil
	}
	from := 0
	if id[0] > 0 {
		from = int(x.fanout[id[0]-1])
	}
	to := int(x.fanout[id[0]])
	var failed error
	at := from + sort.Search(to-from, func(i int) bool {
		got, err := x.oid(from + i)
		if err != nil {
			failed = err
			return true
		}
		return got >= id
	})
	if failed != nil || at == to {
		return -1, failed
	}
	if got, err := x.oid(at); err != nil || got != id {
		return -1, err
	}
	return at, nil
}

// each calls f for every object in index order with its id, the checksum of
// its compressed bytes (0 in version 1, which has none) and its offset. It
// reads the index once, in pieces.
func (x *packIndex) each(size int64, f func(i int, id []byte, crc uint32, offset int64) error) error {
	const piece = 8192
	if x.version == 1 {
		width := 4 + x.idSize
		buf := make([]byte, piece*width)
		for i := 0; i < x.n; i += piece {
			k := min(piece, x.n-i)
			if _, err := x.r.ReadAt(buf[:k*width], fanoutSize+int64(i)*int64(width)); err != nil {
				return fmt.Errorf("read pack index: %w", err)
			}
			for j := range k {
				row := buf[j*width:]
				if err := f(i+j, row[4:width], 0, int64(binary.BigEndian.Uint32(row))); err != nil {
					return err
				}
			}
		}
		return nil
	}
	ids, crcs, offs := make([]byte, piece*x.idSize), make([]byte, piece*4), make([]byte, piece*4)
	largeCount := (size - 2*int64(x.idSize) - x.largeAt()) / 8
	for i := 0; i < x.n; i += piece {
		k := min(piece, x.n-i)
		for _, part := range []struct {
			buf []byte
			at  int64
		}{
			{ids[:k*x.idSize], x.oidsAt() + int64(i)*int64(x.idSize)},
			{crcs[:k*4], x.crcsAt() + int64(i)*4},
			{offs[:k*4], x.offsetsAt() + int64(i)*4},
		} {
			if _, err := x.r.ReadAt(part.buf, part.at); err != nil {
				return fmt.Errorf("read pack index: %w", err)
			}
		}
		for j := range k {
			offset := int64(binary.BigEndian.Uint32(offs[4*j:]))
			if offset&(1<<31) != 0 {
				var wide [8]byte
				slot := offset &^ (1 << 31)
				if slot >= largeCount {
					return fmt.Errorf("%w: large offset %d of %d", errIndex, slot, largeCount)
				}
				if _, err := x.r.ReadAt(wide[:], x.largeAt()+8*slot); err != nil {
					return fmt.Errorf("read pack index: %w", err)
				}
				offset = int64(binary.BigEndian.Uint64(wide[:]))
			}
			if err := f(i+j, ids[j*x.idSize:(j+1)*x.idSize], binary.BigEndian.Uint32(crcs[4*j:]), offset); err != nil {
				return err
			}
		}
	}
	return nil
}

// offset reads where in the pack the object at position i begins.
func (x *packIndex) offset(i int, size int64) (int64, error) {
	var b [8]byte
	if x.version == 1 {
		_, err := x.r.ReadAt(b[:4], fanoutSize+int64(i)*int64(4+x.idSize))
		return int64(binary.BigEndian.Uint32(b[:4])), err
	}
	if _, err := x.r.ReadAt(b[:4], x.offsetsAt()+4*int64(i)); err != nil {
		return 0, err
	}
	offset := int64(binary.BigEndian.Uint32(b[:4]))
	if offset&(1<<31) == 0 {
		return offset, nil
	}
	at := x.largeAt() + 8*(offset&^(1<<31))
	if at+8 > size {
		return 0, errIndex
	}
	_, err := x.r.ReadAt(b[:], at)
	return int64(binary.BigEndian.Uint64(b[:])), err
}
