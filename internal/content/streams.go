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

// pdf hands over the streams of a PDF file that are compressed with deflate,
// as text and attached files are. Images and fonts in formats of their own are
// content of the file itself, which the caller has seen.
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
		at += i + len(begin)
		body := bytes.TrimLeft(data[at:min(len(data), at+2)], "\r\n")
		from := at + min(2, len(data)-at) - len(body)
		if from == at || from+2 > len(data) || !isZlib(data[from:]) {
			continue
		}
		z, err := zlib.NewReader(bytes.NewReader(data[from:]))
		if err != nil {
			continue
		}
		length := int64(len(data) - from)
		if i := bytes.Index(data[from:], []byte(end)); i >= 0 {
			length = int64(i)
			at = from + i + len(end)
		}
		used := int64(0)
		packed := func() int64 { defer func() { used = length }(); return used }
		if err := w.member(join(path, fmt.Sprintf("stream %d", n)), z, packed, depth); err != nil {
			return err
		}
	}
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
