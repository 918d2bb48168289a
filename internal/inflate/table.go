package inflate

import "math/bits"

// entry is what a table says about the next bits:
//
//	bits 0-4    how many bits the code has; 0 where there is no code
//	bits 5-9    how many extra bits follow it (isMore: that the second table takes)
//	bits 10-12  the sort
//	bits 16-31  the literal, the base of a length or distance, or where the second table begins
type entry uint32

const (
	isLiteral = 1
	isCopy    = 2 // a length or a distance
	isEnd     = 3
	isMore    = 4 // the code is longer than the first table's bits
	isBad     = 5 // a code that no valid stream uses
)

func newEntry(sort, extra, value uint) entry { return entry(value<<16 | sort<<10 | extra<<5) }

func (e entry) length() uint { return uint(e & 31) }
func (e entry) extra() uint  { return uint(e >> 5 & 31) }
func (e entry) sort() uint   { return uint(e >> 10 & 7) }
func (e entry) value() uint  { return uint(e >> 16) }

const (
	maxCode      = 15 // bits of the longest code
	literalBits  = 11 // of the first table: so many bits decide at a glance
	distanceBits = 8
	precodeBits  = 7
	// tableSize is a power of two not less than the largest first and second
	// tables that 288 codes of up to 15 bits can need together: 2,342 entries.
	tableSize = 4096
)

type table struct {
	entries [tableSize]entry
	bits    uint // of the first table
}

// look returns the entry of the code that hold begins with.
func (t *table) look(hold uint64) entry {
	e := t.entries[hold&(1<<t.bits-1)]
	if e.sort() == isMore {
		e = t.entries[(uint64(e.value())+hold>>t.bits&(1<<e.extra()-1))&(tableSize-1)]
	}
	return e
}

// build makes the table of the canonical code with these lengths. False: they
// are no code, or an incomplete one, which is allowed only for a single code
// of one bit and for none at all.
func (t *table) build(lengths []uint8, most uint, meaning func(symbol int) entry) bool {
	var count [maxCode + 1]int
	longest := uint(0)
	for _, n := range lengths {
		count[n]++
		longest = max(longest, uint(n))
	}
	count[0] = 0
	t.bits = max(1, min(most, longest))
	if longest == 0 {
		clear(t.entries[:1<<t.bits])
		return true
	}
	var next [maxCode + 1]int // where symbols of a length go in order
	code, sum := 0, 0
	for n := uint(1); n <= longest; n++ {
		code = code<<1 + count[n]
		next[n] = sum
		sum += count[n]
	}
	if code != 1<<longest {
		if code != 1 || longest != 1 {
			return false
		}
		clear(t.entries[:1<<t.bits])
	}
	var order [288]uint16
	for s, n := range lengths {
		if n > 0 {
			order[next[n]] = uint16(s)
			next[n]++
		}
	}
	code, used := 0, 1<<t.bits
	prefix, second, base := -1, uint(0), 0
	i := 0
	for n := uint(1); n <= longest; n++ {
		code <<= 1
		for range count[n] {
			e := meaning(int(order[i])) | entry(n)
			i++
			back := int(bits.Reverse16(uint16(code)) >> (16 - n)) // streams have the first bit lowest
			code++
			if n <= t.bits {
				for at := back; at < 1<<t.bits; at += 1 << n {
					t.entries[at] = e
				}
				continue
			}
			if low := back & (1<<t.bits - 1); low != prefix {
				// The first code with these bits: how long are those to come?
				prefix, base = low, used
				second = n - t.bits
				for left := 1 << second; second+t.bits < longest; second++ {
					if left -= remaining(count[:], second+t.bits, n, i, next[:]); left <= 0 {
						break
					}
					left <<= 1
				}
				used += 1 << second
				if used > tableSize {
					return false
				}
				t.entries[prefix] = newEntry(isMore, second, uint(base)) | entry(t.bits)
			}
			for at := back >> t.bits; at < 1<<second; at += 1 << (n - t.bits) {
				t.entries[base+at] = e
			}
		}
	}
	return true
}

// remaining is how many codes of length n are not placed yet, while those of
// length now are being placed and the first i symbols in order are.
func remaining(count []int, n, now uint, i int, end []int) int {
	if n > now {
		return count[n]
	}
	return end[now] - i + 1
}

func plain(symbol int) entry { return newEntry(isLiteral, 0, uint(symbol)) }

func literalMeaning(symbol int) entry { return literalEntries[symbol] }

func distanceMeaning(symbol int) entry { return distanceEntries[symbol] }

// literalEntries and distanceEntries are RFC 1951, 3.2.5.
var literalEntries = func() (t [288]entry) {
	for s := range t {
		switch {
		case s < endOfBlock:
			t[s] = newEntry(isLiteral, 0, uint(s))
		case s == endOfBlock:
			t[s] = newEntry(isEnd, 0, 0)
		case s < 265:
			t[s] = newEntry(isCopy, 0, uint(s-254))
		case s < 285:
			extra := uint(s-261) / 4
			t[s] = newEntry(isCopy, extra, 3+(4+uint(s-261)%4)<<extra)
		case s == 285:
			t[s] = newEntry(isCopy, 0, 258)
		default:
			t[s] = newEntry(isBad, 0, 0)
		}
	}
	return t
}()

var distanceEntries = func() (t [32]entry) {
	for s := range t {
		switch {
		case s < 4:
			t[s] = newEntry(isCopy, 0, uint(s+1))
		case s < maxDistances:
			extra := uint(s-2) / 2
			t[s] = newEntry(isCopy, extra, 1+(2+uint(s)%2)<<extra)
		default:
			t[s] = newEntry(isBad, 0, 0)
		}
	}
	return t
}()
