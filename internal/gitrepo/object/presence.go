package object

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
)

// Presence is the set of the IDs of all objects of a Store, as 32-bit tags in an open hash table:
// 8 bytes an object. An ID that is not there passes for present once in about a thousand million
// lookups.
type Presence struct {
	tags  []uint32
	shift uint
	seed  uint64 // so that nobody can choose IDs that collide
}

func newPresence(n int) *Presence {
	width := uint(bits.Len(uint(2*n + 16)))
	return &Presence{tags: make([]uint32, 1<<width), shift: 64 - width, seed: rand.Uint64()}
}

func (p *Presence) slot(id []byte) (at uint64, tag uint32) {
	const mix = 0x9E3779B97F4A7C15
	h := (binary.LittleEndian.Uint64(id) ^ p.seed) * mix
	return (h ^ h>>29) * mix >> p.shift, max(1, binary.LittleEndian.Uint32(id[8:]))
}

func (p *Presence) add(id []byte) {
	for at, tag := p.slot(id); ; at = (at + 1) & uint64(len(p.tags)-1) {
		if p.tags[at] == tag {
			return
		}
		if p.tags[at] == 0 {
			p.tags[at] = tag
			return
		}
	}
}

// Has reports whether the store holds the object.
func (p *Presence) Has(id []byte) bool {
	for at, tag := p.slot(id); ; at = (at + 1) & uint64(len(p.tags)-1) {
		switch p.tags[at] {
		case tag:
			return true
		case 0:
			return false
		}
	}
}

// Presence gathers the IDs of all objects. Git needs no file for the empty blob and tree.
func (s *Store) Presence() (*Presence, error) {
	t := newPresence(int(s.objects) + 2)
	for _, k := range []Kind{Blob, Tree} {
		t.add([]byte(Hash(k, nil, s.IDSize)))
	}
	for _, p := range s.packs {
		err := p.index.each(p.idxSize, func(_ int, id []byte, _ uint32, _ int64) error {
			t.add(id)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	for _, l := range s.loose {
		for i := range l.names {
			t.add([]byte(l.id(i, s.IDSize)))
		}
	}
	return t, nil
}
