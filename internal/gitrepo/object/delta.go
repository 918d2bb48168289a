package gitscan

import (
	"errors"
	"fmt"
)

// span is a range of bytes [from, to).
type span struct{ from, to int }

var errDelta = errors.New("corrupt delta")

// deltaSizes reads the two sizes a delta begins with and returns what follows.
func deltaSizes(delta []byte) (base, result int64, rest []byte, err error) {
	if base, delta, err = varint(delta); err != nil {
		return 0, 0, nil, err
	}
	if result, delta, err = varint(delta); err != nil {
		return 0, 0, nil, err
	}
	return base, result, delta, nil
}

func varint(b []byte) (int64, []byte, error) {
	var v int64
	for i := 0; i < len(b) && i < 9; i++ {
		v |= int64(b[i]&0x7f) << (7 * i)
		if b[i] < 0x80 {
			return v, b[i+1:], nil
		}
	}
	return 0, nil, fmt.Errorf("%w: bad size", errDelta)
}

// applyDelta writes the result of the instructions ops on base to dst, whose
// length is the declared result size. It appends to fresh the ranges of dst
// that hold bytes not copied from base, in order; a seam between two copies
// that were not neighbours in base is an empty range. A string that touches no
// fresh range is thus a string of base.
func applyDelta(dst, base, ops []byte, fresh []span) ([]span, error) {
	at := 0
	copied := -1 // where in base the copy that ends at dst[at] ended; -1 if no copy ends there
	for i := 0; i < len(ops); {
		op := ops[i]
		i++
		if op&0x80 == 0 {
			n := int(op)
			if n == 0 {
				return fresh, fmt.Errorf("%w: reserved instruction", errDelta)
			}
			if n > len(ops)-i || n > len(dst)-at {
				return fresh, fmt.Errorf("%w: insert beyond the end", errDelta)
			}
			copy(dst[at:], ops[i:i+n])
			if k := len(fresh); k > 0 && fresh[k-1].to == at {
				fresh[k-1].to = at + n
			} else {
				fresh = append(fresh, span{at, at + n})
			}
			at, i, copied = at+n, i+n, -1
			continue
		}
		var arg [7]byte
		for j := range arg {
			if op>>j&1 != 0 {
				if i == len(ops) {
					return fresh, fmt.Errorf("%w: cut off", errDelta)
				}
				arg[j] = ops[i]
				i++
			}
		}
		from := int(arg[0]) | int(arg[1])<<8 | int(arg[2])<<16 | int(arg[3])<<24
		n := int(arg[4]) | int(arg[5])<<8 | int(arg[6])<<16
		if n == 0 {
			n = 0x10000
		}
		if from > len(base) || n > len(base)-from || n > len(dst)-at {
			return fresh, fmt.Errorf("%w: copy beyond the end", errDelta)
		}
		if copied >= 0 && copied != from {
			fresh = append(fresh, span{at, at})
		}
		copy(dst[at:at+n], base[from:from+n])
		at, copied = at+n, from+n
	}
	if at != len(dst) {
		return fresh, fmt.Errorf("%w: gives %d bytes, declared %d", errDelta, at, len(dst))
	}
	return fresh, nil
}

// widen grows each range by reach bytes on both sides within [0, size) and
// joins the ones that then touch, in place.
func widen(fresh []span, reach, size int) []span {
	out := fresh[:0]
	for _, s := range fresh {
		s = span{max(0, s.from-reach), min(size, s.to+reach)}
		if k := len(out); k > 0 && s.from <= out[k-1].to {
			out[k-1].to = max(out[k-1].to, s.to)
			continue
		}
		out = append(out, s)
	}
	return out
}
