package content

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/klauspost/compress/zlib"
)

// This file reads what is compressed without being an archive, and ar.

// zlib hands over the content of a zlib stream. Two bytes are all that such a
// stream can be told by, and text may begin with them: then it is no stream
// unless all of it inflates.
func (w *walker) zlib(path string, br *bufio.Reader, outer *source, depth int) error {
	text, err := br.Peek(2)
	if err != nil {
		return err
	}
	maybe := string(text) == "x^"
	z, err := zlib.NewReader(br)
	if err != nil {
		if !maybe {
			w.cut(path, Damaged, err.Error())
		}
		return nil
	}
	before := len(w.cuts)
	if err := w.one(path, z, outer, depth, "content"); err != nil {
		return err
	}
	if maybe && len(w.cuts) > before && w.cuts[before].Reason == Damaged && w.cuts[before].Path == join(path, "content") {
		w.cuts = append(w.cuts[:before], w.cuts[before+1:]...)
	}
	return nil
}

// pdf hands over the streams of a PDF file whose filters can be undone: text and attached files. Images and fonts in formats of
// their own are content of the file itself, which the caller has seen.
func (w *walker) pdf(path string, data []byte, depth int) error {
	if bytes.Contains(data, []byte("/Encrypt ")) && bytes.Contains(data, []byte("/Standard")) {
		w.cut(path, Encrypted, "its streams are encrypted")
	}
	const begin, end = "stream", "endstream"
	for at, n := 0, 1; ; n++ {
		i := bytes.Index(data[at:], []byte(begin))
		if i < 0 {
			return nil
		}
		dictionary := data[max(at, at+i-maxDictionaryText) : at+i]
		at += i + len(begin)
		from := at
		for from < len(data) && from < at+2 && (data[from] == '\r' || data[from] == '\n') {
			from++
		}
		if from == at || from+2 > len(data) {
			continue
		}
		stop := len(data)
		if i := bytes.Index(data[from:], []byte(end)); i >= 0 {
			stop = from + i
			at = stop + len(end)
		}
		r, ok := filtered(data[from:stop], dictionary)
		if !ok {
			if filter := unreadFilter(dictionary); filter != "" {
				w.cut(join(path, fmt.Sprintf("stream %d", n)), Unsupported, "PDF filter "+filter)
			}
			continue
		}
		length, used := int64(stop-from), int64(0)
		packed := func() int64 { defer func() { used = length }(); return used }
		if err := w.member(join(path, fmt.Sprintf("stream %d", n)), r, packed, depth); err != nil {
			return err
		}
	}
}

// unreadFilter is a filter that a stream's dictionary names, under which text may stand and which is not undone.
func unreadFilter(dictionary []byte) string {
	if i := bytes.LastIndex(dictionary, []byte(" obj")); i >= 0 {
		dictionary = dictionary[i:]
	}
	for _, filter := range []string{"LZWDecode", "RunLengthDecode", "Crypt"} {
		if bytes.Contains(dictionary, []byte("/"+filter)) {
			return filter
		}
	}
	return ""
}

// maxDictionaryText is how far before a stream its dictionary is looked for.
const maxDictionaryText = 2048

// filtered undoes the filters of a stream that its dictionary names, in order; without a name that is known, what looks like zlib.
func filtered(body, dictionary []byte) (r io.Reader, ok bool) {
	if i := bytes.LastIndex(dictionary, []byte(" obj")); i >= 0 {
		dictionary = dictionary[i:]
	}
	r = bytes.NewReader(body)
	if i := bytes.LastIndex(dictionary, []byte("/Filter")); i >= 0 {
		names := dictionary[i+len("/Filter"):]
		if i := bytes.IndexByte(names, ']'); i >= 0 && bytes.HasPrefix(bytes.TrimLeft(names, " \r\n"), []byte("[")) {
			names = names[:i]
		} else if slash := bytes.IndexByte(names, '/'); slash >= 0 { // one name alone
			stop := bytes.IndexAny(names[slash+1:], " /<>\r\n")
			if stop >= 0 {
				names = names[:slash+1+stop]
			}
		}
		for _, name := range bytes.Split(names, []byte("/"))[1:] {
			switch string(bytes.TrimSpace(name)) {
			case "ASCIIHexDecode", "AHx":
				text, err := io.ReadAll(r)
				if err != nil {
					return nil, false
				}
				text, _, _ = bytes.Cut(bytes.Map(dropSpace, text), []byte(">"))
				r = bytes.NewReader(unpack(nil, text, 4, &hexValues))
			case "ASCII85Decode", "A85":
				text, err := io.ReadAll(r)
				if err != nil {
					return nil, false
				}
				text, _, _ = bytes.Cut(text, []byte("~>"))
				r = bytes.NewReader(decode85(nil, text))
			case "FlateDecode", "Fl":
				z, err := zlib.NewReader(r)
				if err != nil {
					return nil, false
				}
				r, ok = z, true
				continue
			default:
				return nil, false
			}
			ok = true
		}
		return r, ok
	}
	if !isZlib(body) {
		return nil, false
	}
	z, err := zlib.NewReader(r)
	return z, err == nil
}

const (
	arMagic  = "!<arch>\n"
	arHeader = 60 // bytes: name 16, time 12, owner 6, group 6, mode 8, size 10, and the end mark
)

// ar hands over the members of an ar archive: Debian packages and static libraries.
func (w *walker) ar(path string, r io.Reader, outer *source, depth int) error {
	fail := func(err error) error { return w.brokeOff(path, err) }
	head := make([]byte, arHeader)
	if _, err := io.ReadFull(r, head[:len(arMagic)]); err != nil {
		return fail(err)
	}
	for {
		if _, err := io.ReadFull(r, head); err == io.EOF {
			return nil
		} else if err != nil {
			return fail(err)
		}
		size, err := strconv.ParseInt(strings.TrimSpace(string(head[48:58])), 10, 64)
		if err != nil || size < 0 || string(head[58:]) != "`\n" {
			return fail(errors.New("no header of a member"))
		}
		name := strings.TrimRight(string(head[:16]), " /")
		content := &io.LimitedReader{R: r, N: size}
		start := outer.read
		if err := w.member(join(path, name), content, func() int64 { return max(1, outer.read-start+size) }, depth); err != nil {
			return err
		}
		if content.N > 0 {
			return fail(io.ErrUnexpectedEOF)
		}
		if size%2 == 1 { // members begin at even offsets
			if _, err := io.ReadFull(r, head[:1]); err != nil && err != io.EOF {
				return fail(err)
			}
		}
	}
}
