package search

import (
	"bytes"

	"github.com/prelaunch-audit/prelaunch/internal/keyscan/match"
)

// tap searches a stream for everything, with bounded memory.
type tap struct {
	s        *scanner
	src      source
	literals *match.Stream
	hold     []byte // for fingerprints and suspects
	base     int64  // offset of hold[0]
	lines    int64  // newlines before hold[0]
	unplaced bool   // the text is derived: offsets in it mean nothing
}

// tapPiece is how much a tap gathers before it looks for fingerprints and
// suspects; pieces overlap by the reach of both.
const tapPiece = 256 << 10

func (s *scanner) newTap(src source) *tap {
	t := &tap{s: s, src: src}
	t.literals = s.set.Stream(func(id int, offset, line int64) {
		t.record(Hit{Literal: id}, offset, line)
	})
	return t
}

func (t *tap) record(h Hit, offset, line int64) {
	if t.unplaced {
		offset, line = 0, 0
	}
	t.s.recordAt(h, t.src, offset, line)
}

func (t *tap) Write(b []byte) (int, error) {
	if err := t.s.ctx.Err(); err != nil {
		return 0, err
	}
	t.literals.Write(b)
	if t.s.prints.Empty() && t.s.options.Suspects == nil {
		return len(b), nil
	}
	reach := max(suspectReach, t.s.prints.Reach())
	for rest := b; len(rest) > 0; {
		n := min(len(rest), tapPiece)
		t.hold = append(t.hold, rest[:n]...)
		rest = rest[n:]
		if len(t.hold) >= tapPiece+2*reach {
			t.search()
			drop := len(t.hold) - reach
			t.lines += int64(bytes.Count(t.hold[:drop], []byte{'\n'}))
			t.base += int64(drop)
			t.hold = append(t.hold[:0], t.hold[drop:]...)
		}
	}
	return len(b), nil
}

func (t *tap) Close() error {
	t.literals.Close()
	t.search()
	t.hold = nil
	return nil
}

func (t *tap) search() {
	if len(t.hold) == 0 {
		return
	}
	line := func(at int) int64 { return t.lines + int64(bytes.Count(t.hold[:at], []byte{'\n'})) + 1 }
	t.s.prints.Find(t.hold, func(id, at int, form string) {
		t.record(Hit{Literal: id, Form: form}, t.base+int64(at), line(at))
	})
	if t.s.options.Suspects == nil {
		return
	}
	t.s.options.Suspects.Find(t.hold, func(what string, from, to int) {
		if v := t.hold[from:to]; !t.s.set.Contains(v) && !t.s.prints.Contains(v) {
			t.record(Hit{Suspect: what}, t.base+int64(from), line(from))
		}
	})
}
