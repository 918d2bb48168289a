package content

import (
	"bytes"
	"encoding/json"
	"strings"
)

// This file decodes text of two or four bytes a character, lines of logs that a container's runtime has split, and the strings of PDF pages.

// wideText narrows text of two or four bytes a character, in either byte order.
func wideText(text []byte, to *layer) {
	for at := 0; at < len(text); {
		n := bytes.IndexByte(text[at:], 0)
		if n < 0 {
			return
		}
		at += n
		from := at - 1
		switch {
		case from >= 0 && isText(text[from]) && at+2 < len(text) && text[at+1] != 0 && text[at+2] == 0: // c 0 c 0
			at = narrow(text, from, 2, UTF16, to)
		case from >= 0 && isText(text[from]) && at+4 < len(text) && text[at+1] == 0 && text[at+2] == 0 && isText(text[at+3]): // c 0 0 0 c
			at = narrow(text, from, 4, UTF32, to)
		default: // zeros: to the last of them, which may stand before a character
			for at < len(text) && text[at] == 0 {
				at++
			}
		}
	}
}

// narrow appends every step-th byte from text[from] on while those between are zero, and returns where that ends.
func narrow(text []byte, from, step int, encoding Encoding, to *layer) int {
	begin, mark := len(to.text), len(to.pieces)
	to.from(from, uint8(step), 1, encoding)
	at := from
	for at < len(text) && isText(text[at]) {
		to.text = append(to.text, text[at])
		zeros := 0
		for zeros < step-1 && at+1+zeros < len(text) && text[at+1+zeros] == 0 {
			zeros++
		}
		at += 1 + zeros
		if zeros < step-1 {
			break
		}
	}
	if len(to.text)-begin < minText {
		to.text, to.pieces = to.text[:begin], to.pieces[:mark]
	} else {
		to.end()
	}
	return max(at, from+2)
}

func isText(c byte) bool { return printable(c) || c == '\n' || c == '\r' || c == '\t' }

// splitLogs puts together the lines that Docker (json-file, at 16 KiB) and runtimes of Kubernetes (CRI: P for a part, F for the
// last one) have split, each of the two streams for itself. open: a line has no last part.
func splitLogs(text []byte, to *layer) (open bool) {
	docker := bytes.Contains(text, []byte(`{"log":`))
	cri := bytes.Contains(text, []byte("P ")) && // a rare beginning is found fast
		(bytes.Contains(text, []byte(" stdout P ")) || bytes.Contains(text, []byte(" stderr P ")))
	if !docker && !cri {
		return false
	}
	type part struct {
		at   int
		text []byte
	}
	parts := map[string][]part{}
	put := func(stream string, p part, more bool) {
		parts[stream] = append(parts[stream], p)
		if more {
			return
		}
		if len(parts[stream]) > 1 {
			for _, p := range parts[stream] {
				to.from(p.at, 1, 1, Joined)
				to.text = append(to.text, p.text...)
			}
			to.end()
		}
		parts[stream] = parts[stream][:0]
	}
	for at := 0; at < len(text); {
		next := len(text)
		if n := bytes.IndexByte(text[at:], '\n'); n >= 0 {
			next = at + n + 1
		}
		line := bytes.TrimRight(text[at:next], "\r\n")
		if docker && bytes.HasPrefix(line, []byte(`{"log":`)) {
			var entry struct{ Log, Stream string }
			if json.Unmarshal(line, &entry) == nil {
				put(entry.Stream, part{at, []byte(strings.TrimRight(entry.Log, "\n"))}, !strings.HasSuffix(entry.Log, "\n"))
			}
		} else if cri {
			if fields := bytes.SplitN(line, []byte(" "), 4); len(fields) == 4 && (string(fields[1]) == "stdout" || string(fields[1]) == "stderr") {
				put(string(fields[1]), part{at + len(line) - len(fields[3]), fields[3]}, bytes.HasPrefix(fields[2], []byte("P")))
			}
		}
		at = next
	}
	for stream := range parts {
		open = open || len(parts[stream]) > 0
		put(stream, part{at: len(text)}, false)
	}
	return open
}

// pdfStrings puts together the strings that the text operators of a PDF page show: a word is broken wherever two letters are set
// closer or wider.
func pdfStrings(text []byte, to *layer) {
	if !bytes.Contains(text, []byte("BT")) || !shows(text) {
		return
	}
	begin := len(to.text)
	for at := 0; at < len(text); at++ {
		switch c := text[at]; {
		case c == '(':
			to.from(at+1, 1, 1, Joined)
			depth := 1
			for at++; at < len(text) && depth > 0; at++ {
				switch c := text[at]; {
				case c == '\\' && at+1 < len(text):
					if value, n := digits(text, at+1, 1, 3, 8); n > 0 {
						to.text = append(to.text, byte(value))
						at = n - 1
						continue
					}
					at++
					if text[at] == '\r' || text[at] == '\n' {
						continue
					}
					to.text = append(to.text, text[at])
				case c == '(':
					depth++
					to.text = append(to.text, c)
				case c == ')':
					if depth--; depth > 0 {
						to.text = append(to.text, c)
					}
				default:
					to.text = append(to.text, c)
				}
			}
			at--
		case c == '<' && at+1 < len(text) && is(text[at+1], isHexDigit):
			end := bytes.IndexByte(text[at:min(len(text), at+maxTag)], '>')
			if end < 0 {
				continue
			}
			to.from(at+1, 2, 1, Joined)
			to.text = unpack(to.text, bytes.Map(dropSpace, text[at+1:at+end]), 4, &hexValues)
			at += end
		}
	}
	if len(to.text) > begin {
		to.end()
	}
}

// shows reports whether a text operator of a page follows a string or an array.
func shows(text []byte) bool {
	operators := []string{"TJ", "Tj", "'", "\""}
	if font := bytes.Index(text, []byte(" Tf")); font < 1 || text[font-1] < '0' || text[font-1] > '9' { // after its size
		operators = operators[:2] // quotes are common elsewhere
	}
	for _, operator := range operators {
		for at := 0; ; at++ {
			n := bytes.Index(text[at:], []byte(operator))
			if n < 0 {
				break
			}
			at += n
			before := at - 1
			if before > 0 && text[before] == ' ' {
				before--
			}
			if before >= 0 && (text[before] == ')' || text[before] == '>' || text[before] == ']' && operator == "TJ") {
				return true
			}
		}
	}
	return false
}

func dropSpace(r rune) rune {
	if r == ' ' || r == '\n' || r == '\r' || r == '\t' {
		return -1
	}
	return r
}
