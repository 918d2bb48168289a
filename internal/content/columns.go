package content

// This file reads characters that stand one by one in a row of the same signs: [q][T][7], $q,$T,$7, ?q, ?T, ?7, q T 7, and what is
// struck over.

const (
	maxPeriod = 6       // bytes from one such character to the next
	maxRow    = 4 << 10 // of them; what has more is a table
)

// columns decodes such characters: of least or more in a row, the same sign stands at each period-th byte.
func (s *steps) columns(text []byte, to *layer) {
	least := max(minText, s.least)
	for period := 2; period <= maxPeriod; period++ {
		for at := 0; at+3*period <= len(text); {
			end := at + (least-4)*period // no row that long begins and ends before it
			for sign := at; sign < at+period; sign++ {
				c := text[sign]
				if sign+2*period >= len(text) {
					break
				}
				if text[sign+period] == c && text[sign+2*period] == c && text[sign+1] != c && c < 0x7f && c != 0 && class[c]&isAlnumChar == 0 {
					if last := s.row(text, sign, period, least, to); last > 0 {
						end = max(end, last)
						break
					}
				}
			}
			at = end
		}
	}
}

// row decodes the columns between the signs of which one is text[sign], and returns where the last of these is; 0 if there are too few.
func (s *steps) row(text []byte, sign, period, least int, to *layer) int {
	first, last := sign, sign
	for first >= period && text[first-period] == text[sign] {
		first -= period
	}
	for last+period < len(text) && text[last+period] == text[sign] {
		last += period
	}
	switch count := (last-first)/period + 2; {
	case count < least:
		return 0
	case count > maxRow:
		return last
	}
	for column := first - period + 1; column < first; column++ { // what stands before the first sign belongs to it
		letters, graphic := false, true // a key has different ones, and nothing else than text
		for at := column + period; at < last && graphic; at += period {
			letters = letters || text[at] > '9' && text[at] != text[column+period]
			graphic = is(text[at], isGraphic)
		}
		if !letters || !graphic {
			continue
		}
		to.from(max(column, 0), uint8(period), 1, Joined)
		for at := column; at < min(last+period, len(text)); at += period {
			if at >= 0 {
				to.text = append(to.text, text[at])
			}
		}
		to.end()
	}
	return last
}
