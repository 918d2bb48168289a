package content

import (
	"bytes"
)

// This file reads what programs for mail, documents, firmware and patches write text as.

// encodedWords decodes the words of mail headers, =?utf-8?B?...?=. Several in a row, on lines of their own, are one text.
func encodedWords(text []byte, to *layer) {
	open := false
	for at, end := 0, -1; ; {
		n := bytes.Index(text[at:], []byte("=?"))
		if n < 0 {
			break
		}
		begin := at + n
		at = begin + 2
		parts := bytes.SplitN(text[at:min(len(text), at+maxEncodedWord)], []byte("?"), 4)
		if len(parts) < 4 || len(parts[1]) != 1 || !bytes.HasPrefix(parts[3], []byte("=")) {
			continue
		}
		if open && len(bytes.TrimSpace(text[end:begin])) > 0 {
			to.end()
		}
		body := at + len(parts[0]) + 3
		switch parts[1][0] | 0x20 {
		case 'b':
			to.from(body, 4, 3, Base64)
			to.text = unpack(to.text, parts[2], 6, &base64Values)
		case 'q':
			to.from(body, 1, 1, QuotedPrintable)
			for i := 0; i < len(parts[2]); i++ {
				value, n := digits(parts[2][:min(len(parts[2]), i+3)], i+1, 2, 2, 16)
				switch c := parts[2][i]; {
				case c == '=' && n > 0:
					to.text = append(to.text, byte(value))
					i = n - 1
				case c == '_':
					to.text = append(to.text, ' ')
				default:
					to.text = append(to.text, c)
				}
			}
		default:
			continue
		}
		open, end = true, body+len(parts[2])+2
		at = end
	}
	if open {
		to.end()
	}
}

const maxEncodedWord = 1 << 10

// rich takes the marks of RTF, which split words, out of its text.
func rich(text []byte, to *layer) {
	begin := bytes.Index(text, []byte(`{\rtf`))
	if begin < 0 {
		return
	}
	to.from(begin, 1, 1, Joined)
	for at := begin; at < len(text); at++ {
		switch c := text[at]; {
		case c == '{' || c == '}' || c == '\r' || c == '\n':
			to.from(at+1, 1, 1, Joined)
		case c != '\\' || at+1 == len(text):
			to.text = append(to.text, c)
		case text[at+1] == '\'':
			value, n := digits(text, at+2, 2, 2, 16)
			if n == 0 {
				continue
			}
			to.from(at, 4, 1, HexEscape)
			to.text = append(to.text, byte(value))
			at = n - 1
			to.from(n, 1, 1, Joined)
		case !is(text[at+1], isAlnumChar):
			at++
			to.text = append(to.text, text[at])
		default:
			end := at + 1
			for end < len(text) && is(text[end], isAlnumChar) && text[end] > '9' {
				end++
			}
			word := string(text[at+1 : end])
			value, n := digits(text, end, 1, 7, 10)
			if n > 0 {
				end = n
			} else if end < len(text) && text[end] == '-' {
				for end++; end < len(text) && text[end] >= '0' && text[end] <= '9'; end++ {
				}
			}
			if end < len(text) && (text[end] == ' ' || word == "u" && text[end] == '?') {
				end++
			}
			switch {
			case word == "u" && n > 0:
				to.from(at, uint8(min(end-at, 255)), 1, Unicode)
				to.text = appendRune(to.text, value)
			case word == "par" || word == "line" || word == "tab" || word == "cell":
				to.text = append(to.text, '\n')
			}
			at = end - 1
			to.from(end, 1, 1, Joined)
		}
	}
	to.end()
}

// records puts together the data of Intel HEX and Motorola S-records.
func records(text []byte, to *layer) {
	intel := bytes.Contains(text, []byte(":00000001"))       // its end
	if !intel && !bytes.Contains(text, []byte("S9030000")) { // and of the other
		return
	}
	begin := len(to.text)
	at := 0
	for line := range bytes.Lines(text) {
		from := at
		at += len(line)
		line = bytes.TrimSpace(line)
		head, sum := 0, 2
		switch {
		case intel && len(line) > 11 && line[0] == ':' && line[7] == '0' && line[8] == '0':
			head = 9
		case !intel && len(line) > 10 && line[0] == 'S' && line[1] >= '1' && line[1] <= '3':
			head = 6 + 2*int(line[1]-'0')
		}
		if head == 0 || head+sum > len(line) {
			continue
		}
		to.from(from+head, 2, 1, Hex)
		to.text = unpack(to.text, line[head:len(line)-sum], 4, &hexValues)
	}
	if len(to.text) > begin {
		to.end()
	}
}

// binaryPatch decodes what Git writes of the binary files in a patch: lines of base85 that begin with how many bytes they hold.
func binaryPatch(text []byte, to *layer) {
	const begin = "GIT binary patch"
	if !bytes.Contains(text, []byte(begin+"\n")) && !bytes.Contains(text, []byte(begin+"\r")) { // what only speaks of one is most often quoted
		return
	}
	at, open := 0, false
	for line := range bytes.Lines(text) {
		from := at
		at += len(line)
		line = bytes.TrimRight(line, "\r\n")
		size := 0
		if len(line) > 5 && len(line)%5 == 1 {
			switch c := line[0]; {
			case c >= 'A' && c <= 'Z':
				size = int(c-'A') + 1
			case c >= 'a' && c <= 'z':
				size = int(c-'a') + 27
			}
		}
		if size == 0 || (size+3)/4*5 != len(line)-1 {
			if open {
				to.end()
			}
			open = false
			continue
		}
		open = true
		to.from(from+1, 5, 4, Ascii85)
		whole := len(to.text) + size
		to.text = unpack85(to.text, line[1:], &base85Alphabets[0])
		to.text = to.text[:whole]
	}
	if open {
		to.end()
	}
}

// wordLists puts together the words of a list that a program joins: qw(ab cd), %w[ab cd], K=(ab cd). open: one has no end.
func wordLists(text []byte, to *layer) (open bool) {
	for _, opening := range []string{"qw", "%w", "=("} {
		for at := 0; ; {
			n := bytes.Index(text[at:], []byte(opening))
			if n < 0 {
				break
			}
			at += n + len(opening)
			if opening == "=(" {
				at--
			}
			if at == len(text) {
				break
			}
			closing := bytes.IndexByte([]byte("([{</|"), text[at])
			if closing < 0 {
				continue
			}
			at++
			list := text[at:min(len(text), at+maxTag)]
			end := bytes.IndexByte(list, ")]}>/|"[closing])
			if end < 0 {
				open = true
				continue
			}
			if bytes.IndexByte(list[:end], ' ') < 0 && bytes.IndexByte(list[:end], '\n') < 0 {
				continue
			}
			begin := len(to.text)
			for from := 0; from < end; {
				word := from
				for word < end && !is(list[word], isSpace) && !is(list[word], isQuote) {
					word++
				}
				if word > from {
					to.from(at+from, 1, 1, Joined)
					to.text = append(to.text, list[from:word]...)
				}
				from = word + 1
			}
			if len(to.text) > begin {
				to.end()
			}
			at += end
		}
	}
	return open
}

// chunkedBody puts together the chunks of a recorded response.
func chunkedBody(text []byte, to *layer) {
	at := bytes.Index(text, []byte("HTTP/1."))
	if at < 0 {
		return
	}
	for {
		n := bytes.Index(text[at:], []byte("chunked"))
		if n < 0 {
			return
		}
		at += n + len("chunked")
		body := at + bytes.Index(text[at:], []byte("\n\r\n")) + 3
		if body < at+3 {
			return
		}
		begin := len(to.text)
		for {
			size, end := digits(text, body, 1, 7, 16)
			line := bytes.IndexByte(text[body:], '\n')
			if end == 0 || size == 0 || line < 0 || body+line+1+int(size) > len(text) {
				break
			}
			body += line + 1
			to.from(body, 1, 1, Joined)
			to.text = append(to.text, text[body:body+int(size)]...)
			body = min(len(text), body+int(size)+2)
		}
		if len(to.text) > begin {
			to.end()
		}
	}
}
