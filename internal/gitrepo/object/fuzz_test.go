package object

import (
	"bytes"
	"testing"

	"github.com/prelaunch-audit/prelaunch/internal/gitrepo/gittest"
)

// FuzzDelta holds the fresh ranges to their promise: a literal that is not in
// the base occurs in the result only where it touches a fresh range.
func FuzzDelta(f *testing.F) {
	f.Add([]byte("base text to copy from"), []byte("\x16\x0a\x90\x05\x05hello"))
	f.Add([]byte("abcabcabc"), gittest.Insert(9, "abcd"))
	f.Fuzz(func(t *testing.T, base, delta []byte) {
		n, size, ops, err := deltaSizes(delta)
		if err != nil || n != int64(len(base)) || size > 1<<16 {
			return
		}
		dst := make([]byte, size)
		var r ranges
		if applyDelta(dst, base, ops, &r) != nil {
			return
		}
		last := 0
		for _, s := range r.changed {
			if s.From < last || s.To < s.From || s.To > len(dst) {
				t.Fatalf("ranges out of order: %v", r.changed)
			}
			last = s.To
		}
		const length = 4
		near := widen(append([]Span(nil), r.changed...), length-1, len(dst))
		for at := 0; at+length <= len(dst); at++ {
			text := dst[at : at+length]
			if bytes.Contains(base, text) {
				continue
			}
			covered := false
			for _, s := range near {
				covered = covered || s.From <= at && at+length <= s.To
			}
			if !covered {
				t.Fatalf("%q at %d is new and not near %v", text, at, r.changed)
			}
		}
	})
}

// widen grows each range by reach bytes on both sides within [0, size) and joins the ones that
// then touch, in place.
func widen(spans []Span, reach, size int) []Span {
	out := spans[:0]
	for _, s := range spans {
		s = Span{max(0, s.From-reach), min(size, s.To+reach)}
		if k := len(out); k > 0 && s.From <= out[k-1].To {
			out[k-1].To = max(out[k-1].To, s.To)
			continue
		}
		out = append(out, s)
	}
	return out
}
