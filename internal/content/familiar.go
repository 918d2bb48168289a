package content

import (
	"bytes"
	"context"
	"hash/maphash"
	"sync"
	"sync/atomic"
)

// This file passes over lines of text that were met before: the versions of a file have most of their lines in common.

const (
	// A line is familiar if it was met with this many lines before it and after it. What goes on over more lines is put together
	// from pieces, and texts with such pieces are not remembered.
	neighbors   = 4
	linesKept   = 1 << 19
	maxStrange  = 4 << 10 // bytes that are decoded at a time
	maxFamiliar = 1 << 20 // bytes of a text of which lines are remembered
)

// Lines remember lines of texts in which nothing was found, for all decoders that look for the same. The zero value is ready.
type Lines struct {
	once sync.Once
	seed maphash.Seed
	tags []atomic.Uint32 // by some bits of the hash of a line and its neighbors
}

// strange is a part of a text whose lines were not met before with the same neighbors, and the hashes that say so.
type strange struct {
	span
	hashes []uint64
}

// strangeIn lists the strange parts of a text; two that meet have the neighbors between them in common.
func (d *Decoder) strangeIn(text []byte, known *Lines) []strange {
	parts, all := d.strange[:0], d.hashes[:0]
	const odd = 0x9E3779B97F4A7C15
	const first = odd * odd * odd * odd * odd & (1<<64 - 1) // to the power of neighbors + 1
	var starts [neighbors + 1]int
	var hashes [neighbors + 1]uint64
	sum := uint64(0)
	for at, n := 0, 0; at < len(text); n++ {
		end := len(text)
		if i := bytes.IndexByte(text[at:], '\n'); i >= 0 {
			end = at + i + 1
		}
		slot := n % len(starts)
		hash := maphash.Bytes(known.seed, text[at:end])
		sum = sum*odd + hash - hashes[slot]*first
		hashes[slot], starts[slot] = hash, at
		at = end
		if n < neighbors && at < len(text) {
			continue // its neighbors are yet to come
		}
		if known.tags[sum%linesKept].Load() == tagOf(sum) {
			continue
		}
		from := 0
		if n >= neighbors {
			from = starts[(n+1)%len(starts)]
		}
		last := len(parts) - 1
		if last < 0 || from > parts[last].to || end-parts[last].from > maxStrange {
			parts = append(parts, strange{span{from, end}, all[len(all):]})
			last++
		}
		all = append(all, sum)
		parts[last].to, parts[last].hashes = end, all[len(all)-1-len(parts[last].hashes):]
	}
	d.strange, d.hashes = parts, all
	return parts
}

// tagOf is never 0.
func tagOf(sum uint64) uint32 { return uint32(sum>>32) | 1 }

// Familiar reports whether a text is known to hold nothing, after decoding what is new in it: if nothing is found there either, and
// nothing depends on what stands further away than reach, decoding all of it would find nothing. found reports whether anything was.
func (d *Decoder) Familiar(text []byte, reach int, known *Lines, found func() bool) bool {
	clean := func(part []byte) bool {
		cuts, err := d.Bytes(context.Background(), "", part) // nothing that ends
		return err == nil && len(cuts) == 0 && !found() && !d.steps.whole
	}
	if len(text) > maxFamiliar {
		return clean(text)
	}
	known.once.Do(func() { known.seed, known.tags = maphash.MakeSeed(), make([]atomic.Uint32, linesKept) })
	for _, part := range d.strangeIn(text, known) {
		if !clean(text[part.from:part.to]) {
			return false
		}
		if !d.steps.pieces {
			for _, sum := range part.hashes {
				known.tags[sum%linesKept].Store(tagOf(sum))
			}
		} else if from, to := Around(text, part.from, part.to, reach); to-from > part.to-part.from && !clean(text[from:to]) {
			return false
		}
	}
	return true
}
