package content

// This file tells a deflate stream, which has no first bytes of its own, by how its first block begins.

// bitReader reads bits from the lowest on.
type bitReader struct {
	data []byte
	at   int // in bits
}

func (r *bitReader) read(n int) (value int, ok bool) {
	for i := range n {
		if r.at>>3 >= len(r.data) {
			return 0, false
		}
		value |= int(r.data[r.at>>3]>>(r.at&7)&1) << i
		r.at++
	}
	return value, true
}

// minLiterals is how many letters a block with the usual codes has to begin with.
const minLiterals = 8

// isDeflate reports whether a deflate stream begins at data: a stored block with its length twice, codes of its own that are complete,
// or the usual codes of text.
func isDeflate(data []byte) bool {
	r := bitReader{data: data, at: 1}
	kind, _ := r.read(2)
	switch kind {
	case 0:
		return len(data) > 5 && data[0] <= 1 && data[1] == ^data[3] && data[2] == ^data[4]
	case 1:
		for range minLiterals {
			code := 0 // of eight bits, the highest first: a literal below 144
			for range 8 {
				bit, ok := r.read(1)
				if !ok {
					return false
				}
				code = code<<1 | bit
			}
			if code < 0x30 || code > 0xbf || !isText(byte(code-0x30)) {
				return false
			}
		}
		return true
	case 2:
		literals, _ := r.read(5)
		distances, _ := r.read(5)
		lengths, ok := r.read(4)
		if !ok || literals > 29 || distances > 29 {
			return false
		}
		left := 1 << 7
		for range lengths + 4 {
			n, ok := r.read(3)
			if !ok {
				return false
			}
			if n > 0 {
				left -= 1 << (7 - n)
			}
		}
		return left == 0
	}
	return false
}
