package object

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// Span is a range of bytes [From, To).
type Span struct{ From, To int }

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

// ranges says what a delta changed: see Object.Changed. kept are the ranges of the base that were
// copied, in the order of the result; copies of neighboring ranges that stay neighbors are one.
type ranges struct{ changed, kept []Span }

func (r *ranges) reset() { r.changed, r.kept = r.changed[:0], r.kept[:0] }

// applyDelta writes the result of the instructions ops on base to dst, whose length is the
// declared result size, and notes in r what it copied and what is new.
func applyDelta(dst, base, ops []byte, r *ranges) error {
	at := 0
	copied := -1 // where in base the copy that ends at dst[at] ended; -1 if no copy ends there
	for i := 0; i < len(ops); {
		op := ops[i]
		i++
		if op&0x80 == 0 {
			n := int(op)
			if n == 0 {
				return fmt.Errorf("%w: reserved instruction", errDelta)
			}
			if n > len(ops)-i || n > len(dst)-at {
				return fmt.Errorf("%w: insert beyond the end", errDelta)
			}
			copy(dst[at:], ops[i:i+n])
			if k := len(r.changed); k > 0 && r.changed[k-1].To == at {
				r.changed[k-1].To = at + n
			} else {
				r.changed = append(r.changed, Span{at, at + n})
			}
			at, i, copied = at+n, i+n, -1
			continue
		}
		var arg [7]byte
		for j := range arg {
			if op>>j&1 != 0 {
				if i == len(ops) {
					return fmt.Errorf("%w: truncated", errDelta)
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
			return fmt.Errorf("%w: copy beyond the end", errDelta)
		}
		switch {
		case copied == from:
			r.kept[len(r.kept)-1].To += n
		case copied >= 0:
			r.changed = append(r.changed, Span{at, at})
			fallthrough
		default:
			r.kept = append(r.kept, Span{from, from + n})
		}
		copy(dst[at:at+n], base[from:from+n])
		at, copied = at+n, from+n
	}
	if at != len(dst) {
		return fmt.Errorf("%w: gives %d bytes, declared %d", errDelta, at, len(dst))
	}
	return nil
}

// sortSpans sorts by From. Copies are nearly always in order already.
func sortSpans(spans []Span) {
	byFrom := func(a, b Span) int { return cmp.Compare(a.From, b.From) }
	if !slices.IsSortedFunc(spans, byFrom) {
		slices.SortFunc(spans, byFrom)
	}
}
