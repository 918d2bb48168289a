package match

import "bytes"

// streamPiece bounds what a Stream holds back: pieces of a text are searched
// once this many bytes have come together (or at Close), so that many small
// writes cost no more than a few large ones.
const streamPiece = 64 << 10

// Stream searches a text that arrives in pieces, as an io.WriteCloser. It
// holds at most one piece and Longest()-1 bytes of overlap.
type Stream struct {
	set   *Set
	found func(id int, offset, line int64)
	hold  []byte
	base  int64 // offset of hold[0] in the text
	lines int64 // newlines before hold[0]
	fresh int   // occurrences that end at or before hold[fresh] were already reported
}

// Stream returns a writer that calls found for each occurrence, with the
// literal's ID, the offset of its first byte and its line, both counted over
// the whole text (offset from 0, line from 1). Close reports the last ones.
func (s *Set) Stream(found func(id int, offset, line int64)) *Stream {
	return &Stream{set: s, found: found}
}

// Write takes the next piece; it never fails.
func (t *Stream) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		k := min(len(p), streamPiece)
		t.hold = append(t.hold, p[:k]...)
		p = p[k:]
		if len(t.hold)-t.fresh >= streamPiece {
			t.search(false)
		}
	}
	return n, nil
}

// Close searches what is still held. The stream may then be used for the next
// text, whose offsets start again at 0.
func (t *Stream) Close() error {
	t.search(true)
	t.hold, t.base, t.lines, t.fresh = t.hold[:0], 0, 0, 0
	return nil
}

func (t *Stream) search(last bool) {
	t.set.each(t.hold, t.fresh, last, func(id, start, _ int) {
		line := t.lines + int64(bytes.Count(t.hold[:start], []byte{'\n'})) + 1
		t.found(id, t.base+int64(start), line)
	})
	keep := max(0, min(len(t.hold), t.set.longest-1))
	drop := len(t.hold) - keep
	t.lines += int64(bytes.Count(t.hold[:drop], []byte{'\n'}))
	t.base += int64(drop)
	copy(t.hold, t.hold[drop:])
	t.hold = t.hold[:keep]
	t.fresh = keep
}
