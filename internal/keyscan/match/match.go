// Package match finds many literals at once in bytes and streams.
//
// The method is a strided filter. Let m be the length of the shortest literal
// and q the gram length (8, or 4 when m is small). Any occurrence of any
// literal covers m consecutive bytes, so of every s = m-q+1 consecutive
// positions exactly one sampled position p, p ≡ s-1 (mod s), has its whole
// gram inside the first m bytes of the occurrence. It is therefore enough to
// look at every s-th gram of the text: its hash is looked up in a bitmap small
// enough for the first-level cache, and only then compared byte for byte.
// Each occurrence is found exactly once, overlapping ones included.
//
// Literals shorter than shortest are rare (keys are not that short) and are
// searched one by one, so that they do not slow down the others.
//
// Nothing in this package formats or returns a literal's bytes.
package match

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// Literal is a byte string to look for. ID is the caller's own number for it
// and need not be unique.
type Literal struct {
	ID    int
	Bytes []byte
	// NotBefore and NotAfter are the bytes that make an occurrence none when they stand next to it.
	NotBefore, NotAfter string
}

// String keeps the bytes out of logs.
func (l Literal) String() string { return fmt.Sprintf("literal %d (%d bytes)", l.ID, len(l.Bytes)) }

// GoString keeps the bytes out of logs.
func (l Literal) GoString() string { return l.String() }

const (
	shortest  = 6  // literals below this length are searched one by one
	longGram  = 8  // gram length once every literal has at least longFrom bytes
	longFrom  = 12 // below, eight-byte grams would be sampled more often than four-byte ones
	shortGram = 4
	mix       = 0x9E3779B97F4A7C15 // 2^64 divided by the golden ratio: spreads grams over the bitmap
	minBits   = 13                 // bitmap of at least 2^13 bits, 1 KiB
	maxBits   = 18                 // and at most 2^18 bits, 32 KiB: it must stay in the first-level cache
)

type place struct {
	entry  int32 // index into Set.entries
	offset int32 // of the gram within it
}

// entry is a text that is compared.
type entry struct {
	id    int
	bytes []byte

	notBefore, notAfter string
}

// apart reports whether nothing stands next to data[start:end] that makes it something else.
func (e *entry) apart(data []byte, start, end int) bool {
	return (start == 0 || strings.IndexByte(e.notBefore, data[start-1]) < 0) && (end == len(data) || strings.IndexByte(e.notAfter, data[end]) < 0)
}

// Set is a compiled set of literals, safe for use by many goroutines.
type Set struct {
	entries []entry
	short   []entry
	longest int
	gram    int
	stride  int
	shift   uint
	bitmap  []uint64
	places  map[uint64][]place
}

// New compiles the literals. Empty ones are rejected: they would match
// everywhere. A set without any literal is valid and finds nothing.
func New(literals []Literal) (*Set, error) {
	s := &Set{}
	m := 0
	add := func(e entry) {
		if len(e.bytes) < shortest {
			s.short = append(s.short, e)
			return
		}
		s.entries = append(s.entries, e)
		if m == 0 || len(e.bytes) < m {
			m = len(e.bytes)
		}
	}
	for _, l := range literals {
		if len(l.Bytes) == 0 {
			return nil, errors.New("compile literals: an empty literal would match everywhere")
		}
		if len(l.Bytes) > 1<<20 {
			return nil, errors.New("compile literals: a literal longer than 1 MiB is no key")
		}
		text := bytes.Clone(l.Bytes)
		e := entry{id: l.ID, bytes: text, notBefore: l.NotBefore, notAfter: l.NotAfter}
		add(e)
		next := 0 // bytes that are checked next to it
		if l.NotBefore+l.NotAfter != "" {
			next = 1
		}
		s.longest = max(s.longest, len(text)+2*next)
	}
	if len(s.entries) == 0 {
		return s, nil
	}
	s.gram = shortGram
	if m >= longFrom {
		s.gram = longGram
	}
	s.stride = m - s.gram + 1
	s.places = make(map[uint64][]place)
	for i, e := range s.entries {
		for off := range s.stride {
			g := s.load(e.bytes[off:])
			s.places[g] = append(s.places[g], place{int32(i), int32(off)})
		}
	}
	bits := uint(minBits)
	for bits < maxBits && 1<<bits < 128*len(s.places) {
		bits++
	}
	s.shift = 64 - bits
	s.bitmap = make([]uint64, 1<<bits/64)
	for g := range s.places {
		h := g * mix >> s.shift
		s.bitmap[h/64] |= 1 << (h % 64)
	}
	return s, nil
}

func (s *Set) load(b []byte) uint64 {
	if s.gram == longGram {
		return binary.LittleEndian.Uint64(b)
	}
	return uint64(binary.LittleEndian.Uint32(b))
}

// Longest is the length in bytes of the longest occurrence, 0 for an empty set.
// Pieces of a text that overlap by Longest()-1 bytes miss no occurrence.
func (s *Set) Longest() int { return s.longest }

// Shortest is the length in bytes of the shortest literal, 0 for an empty set.
func (s *Set) Shortest() int {
	shortest := 0
	for _, list := range [][]entry{s.entries, s.short} {
		for i := range list {
			if n := len(list[i].bytes); shortest == 0 || n < shortest {
				shortest = n
			}
		}
	}
	return shortest
}

// Find calls found for each occurrence of each literal, with the literal's ID
// and the offset of its first byte, in no particular order, until found
// returns false.
func (s *Set) Find(data []byte, found func(id, offset int) bool) {
	s.occurrences(data, func(e *entry, start, _ int) bool { return found(e.id, start) })
}

// Each is Find with the range of each occurrence.
func (s *Set) Each(data []byte, found func(id, from, to int) bool) {
	s.occurrences(data, func(e *entry, start, end int) bool { return found(e.id, start, end) })
}

func (s *Set) occurrences(data []byte, found func(e *entry, start, end int) bool) {
	for j := range s.short {
		e := &s.short[j]
		for from := 0; ; {
			i := bytes.Index(data[from:], e.bytes)
			if i < 0 {
				break
			}
			if e.apart(data, from+i, from+i+len(e.bytes)) && !found(e, from+i, from+i+len(e.bytes)) {
				return
			}
			from += i + 1
		}
	}
	if len(s.entries) == 0 {
		return
	}
	p := s.stride - 1
	for {
		if s.gram == longGram {
			p = s.next8(data, p)
		} else {
			p = s.next4(data, p)
		}
		if p < 0 || !s.verify(data, p, found) {
			return
		}
		p += s.stride
	}
}

// next8 returns the first sampled position at or after p whose gram is in the
// bitmap, or -1.
func (s *Set) next8(data []byte, p int) int {
	bitmap, shift, stride := s.bitmap, s.shift&63, s.stride
	mask := uint64(len(bitmap) - 1)
	// Four independent look-ups a round keep the processor's load units busy.
	for last := len(data) - longGram - 3*stride; p <= last; p += 4 * stride {
		a := binary.LittleEndian.Uint64(data[p:]) * mix >> shift
		b := binary.LittleEndian.Uint64(data[p+stride:]) * mix >> shift
		c := binary.LittleEndian.Uint64(data[p+2*stride:]) * mix >> shift
		d := binary.LittleEndian.Uint64(data[p+3*stride:]) * mix >> shift
		if (bitmap[a/64&mask]>>(a%64)|bitmap[b/64&mask]>>(b%64)|
			bitmap[c/64&mask]>>(c%64)|bitmap[d/64&mask]>>(d%64))&1 != 0 {
			break
		}
	}
	for ; p <= len(data)-longGram; p += stride {
		h := binary.LittleEndian.Uint64(data[p:]) * mix >> shift
		if bitmap[h/64&mask]>>(h%64)&1 != 0 {
			return p
		}
	}
	return -1
}

// next4 is next8 for four-byte grams.
func (s *Set) next4(data []byte, p int) int {
	bitmap, shift, stride := s.bitmap, s.shift&63, s.stride
	mask := uint64(len(bitmap) - 1)
	for ; p <= len(data)-shortGram; p += stride {
		h := uint64(binary.LittleEndian.Uint32(data[p:])) * mix >> shift
		if bitmap[h/64&mask]>>(h%64)&1 != 0 {
			return p
		}
	}
	return -1
}

// verify reports the literals whose gram at position p is part of a real
// occurrence; false when found asked to stop.
func (s *Set) verify(data []byte, p int, found func(e *entry, start, end int) bool) bool {
	for _, at := range s.places[s.load(data[p:])] {
		e := &s.entries[at.entry]
		start := p - int(at.offset)
		end := start + len(e.bytes)
		if start < 0 || end > len(data) || !bytes.Equal(data[start:end], e.bytes) {
			continue
		}
		if e.apart(data, start, end) && !found(e, start, end) {
			return false
		}
	}
	return true
}

// Contains reports whether any literal occurs in data.
func (s *Set) Contains(data []byte) bool {
	hit := false
	s.Find(data, func(int, int) bool { hit = true; return false })
	return hit
}

// Blank returns text with every occurrence of a literal replaced by mark, so
// that a path or a name that holds a key can be shown. Overlapping occurrences
// become one mark.
func (s *Set) Blank(text, mark string) string {
	data := []byte(text)
	var hidden []bool
	s.each(data, 0, true, func(_, start, end int) {
		if hidden == nil {
			hidden = make([]bool, len(data))
		}
		for i := start; i < end; i++ {
			hidden[i] = true
		}
	})
	if hidden == nil {
		return text
	}
	var out bytes.Buffer
	for i := range data {
		switch {
		case !hidden[i]:
			out.WriteByte(data[i])
		case i == 0 || !hidden[i-1]:
			out.WriteString(mark)
		}
	}
	return out.String()
}

// each calls found for every occurrence that ends after data[seen]; last says
// that nothing follows data. What depends on the next byte waits for it.
func (s *Set) each(data []byte, seen int, last bool, found func(id, start, end int)) {
	s.occurrences(data, func(e *entry, start, end int) bool {
		looked := end // at what is before
		if e.notAfter != "" {
			looked++
		}
		if looked > seen && (looked <= len(data) || last) {
			found(e.id, start, end)
		}
		return true
	})
}
