package match

import "bytes"

// This file finds literals that are broken into pieces: wrapped, as base64 in
// a PEM or YAML block is; continued on the next line, as shells have it; or
// put together from strings. A literal of which at least one half is whole is
// recognised by that half, and the rest is looked for beside it, past breaks.
//
// A break is nothing but blanks, quotes and operators, with at least one line
// end (escaped or not) or quote. All of the literal has to be there, in order,
// so that what is found is the literal and no chance.

const (
	// Breakable is the least length in bytes of a literal that is found broken:
	// its halves are then long enough to be searched for at speed.
	Breakable = 2 * longFrom
	maxBreaks = 4  // in an occurrence
	maxBreak  = 48 // bytes of one break: a line end and the indentation of the next line
)

// join looks for the rest of a literal, of which a half stands at
// data[start:end], and returns where all of it stands. What is not broken, or
// has both halves whole and is found by the first, is not reported again.
func (e *entry) join(data []byte, start, end int) (from, to int, ok bool) {
	half := len(e.bytes)
	if !e.back {
		rest := e.whole[half:]
		breaks := 0
		for {
			n := common(data[end:], rest)
			if end, rest = end+n, rest[n:]; len(rest) == 0 {
				return start, end, breaks > 0
			}
			if breaks++; breaks > maxBreaks {
				return 0, 0, false
			}
			n = breakBefore(data[end:], rest[0])
			if n == 0 {
				return 0, 0, false
			}
			end += n
		}
	}
	// Read backwards, the n of an escaped line end may be taken for the key's.
	if from, ok := e.joinBack(data, start, true); ok {
		return from, end, true
	}
	from, ok = e.joinBack(data, start, false)
	return from, end, ok
}

// joinBack looks for what stands before the second half, which begins at
// data[start]; escapesFirst takes an escaped line end for nothing else.
func (e *entry) joinBack(data []byte, start int, escapesFirst bool) (from int, ok bool) {
	half := len(e.bytes)
	rest := e.whole[:len(e.whole)-half]
	breaks := 0
	for {
		for len(rest) > 0 && start > 0 && data[start-1] == rest[len(rest)-1] {
			if escapesFirst && start > 1 && escapes(data[start-2], data[start-1]) {
				break
			}
			start, rest = start-1, rest[:len(rest)-1]
		}
		if len(rest) == 0 {
			return start, ok
		}
		ok = ok || len(rest) < half // else the first half is whole too
		if breaks++; breaks > maxBreaks {
			return 0, false
		}
		n := breakAfter(data[:start], rest[len(rest)-1])
		if n == 0 {
			return 0, false
		}
		start -= n
	}
}

func common(a, b []byte) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// breakBefore is the length of the break that data begins with and next follows, or 0.
func breakBefore(data []byte, next byte) int {
	apart := false
	for n := 0; n < maxBreak && n+1 < len(data); n++ {
		switch c := data[n]; {
		case parts(c) || n > 0 && escapes(data[n-1], c):
			apart = true
		case !between(c):
			return 0
		}
		if apart && data[n+1] == next {
			return n + 1
		}
	}
	return 0
}

// breakAfter is the length of the break that data ends with and last stands before, or 0.
func breakAfter(data []byte, last byte) int {
	apart := false
	for n := 1; n <= maxBreak && n < len(data); n++ {
		before := data[len(data)-n-1]
		switch c := data[len(data)-n]; {
		case parts(c) || escapes(before, c):
			apart = true
		case !between(c):
			return 0
		}
		if apart && before == last {
			return n
		}
	}
	return 0
}

// parts reports whether c alone makes a break of what is between two pieces.
func parts(c byte) bool { return c == '\n' || c == '\r' || c == '"' || c == '\'' || c == '`' }

// escapes reports whether the two are an escaped line end.
func escapes(before, c byte) bool { return before == '\\' && (c == 'n' || c == 'r') }

// between reports whether c may stand in a break: blanks, what joins strings
// in programming languages, what begins the line of a comment, and the = of quoted-printable.
func between(c byte) bool { return bytes.IndexByte([]byte(" \t\\+.&_,()#*>/|=-"), c) >= 0 }
