package content

// This file reads characters that stand one by one in a row of the same signs: [q][T][7], $q,$T,$7, ?q, ?T, ?7, q T 7, and what is
// struck over.

const maxPeriod = 6 // bytes from one such character to the next

// columns decodes such characters: of least or more in a row, the same sign stands at each period-th byte.
func (s *steps) columns(text []byte, to *layer) {
	least := max(minText, s.least)
	for period := 2; period <= maxPeriod; period++ {
		for at := 0; at+3*period <= len(text); {
			end := at + (least-4)*period // no row that long begins and ends before it
			for sign := at; sign < at+period; sign++ {
				if c := text[sign]; class[c]&isAlnumChar == 0 && c != 0 && sign+2*period < len(text) && text[sign+period] == c && text[sign+2*period] == c {
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
	if (last-first)/period+2 < least {
		return 0
	}
	for column := first - period + 1; column < first; column++ { // what stands before the first sign belongs to it
		same := true
		for at := column + period; at < last && same; at += period {
			same = text[at] == text[column+period]
		}
		if same {
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
