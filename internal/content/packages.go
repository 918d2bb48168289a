package content

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/zlib"
	"github.com/ulikunitz/xz"
	"github.com/ulikunitz/xz/lzma"
)

// This file reads the LZMA family, what Linux and Windows install software from (cpio, rpm, cab), and the texts in PNG images.

// maxDictionary bounds the memory of an LZMA decoder: twice what xz -9 asks for.
const maxDictionary = 128 << 20

func (w *walker) xz(path string, br *bufio.Reader, outer *source, depth int) error {
	// The first block's header says how much memory its decoder takes.
	head, _ := br.Peek(32)
	for i := 12; i+2 < len(head); i++ {
		if head[i] == 0x21 && head[i+1] == 1 {
			if size, err := lzma.DecodeDictCap(head[i+2]); err == nil && size > maxDictionary {
				w.cut(path, TooLarge, "it needs a dictionary of more than 128 MiB")
				return nil
			}
			break
		}
	}
	r, err := xz.NewReader(br)
	if err != nil {
		w.cut(path, Damaged, err.Error())
		return nil
	}
	return w.one(path, r, outer, depth, "content")
}

func (w *walker) lzma(path string, format Format, br *bufio.Reader, outer *source, depth int) error {
	var r io.Reader = br
	if format == Lzip { // an LZMA stream with an end mark, the usual properties, and a header of its own
		head := make([]byte, 6)
		if _, err := io.ReadFull(br, head); err != nil {
			return w.brokeOff(path, err)
		}
		size := uint32(1) << (head[5] & 0x1f)
		size -= size / 16 * uint32(head[5]>>5)
		classic := binary.LittleEndian.AppendUint32([]byte{0x5d}, size)
		r = io.MultiReader(bytes.NewReader(append(classic, bytes.Repeat([]byte{0xff}, 8)...)), br)
	}
	z, err := lzma.ReaderConfig{DictCap: maxDictionary}.NewReader(r)
	if err != nil {
		w.cut(path, Damaged, err.Error())
		return nil
	}
	return w.one(path, z, outer, depth, "content")
}

// cpio hands over the entries of a cpio archive: the "new" formats, whose headers are in hexadecimal, and the portable one, in octal.
func (w *walker) cpio(path string, r io.Reader, outer *source, depth int) error {
	fail := func(err error) error { return w.brokeOff(path, err) }
	for {
		magic := make([]byte, 6)
		if _, err := io.ReadFull(r, magic); err != nil {
			return fail(err)
		}
		length, base, width, sizeAt, nameAt, align := 104, 16, 8, 48, 88, int64(4)
		if string(magic) == "070707" {
			length, base, width, sizeAt, nameAt, align = 70, 8, 11, 59, 53, 1
		} else if string(magic) != "070701" && string(magic) != "070702" {
			return fail(errors.New("no header of an entry"))
		}
		head := make([]byte, length)
		if _, err := io.ReadFull(r, head); err != nil {
			return fail(err)
		}
		nameWidth := width
		if base == 8 {
			nameWidth = 6
		}
		size, err1 := strconv.ParseInt(string(head[sizeAt:sizeAt+width]), base, 63)
		nameLen, err2 := strconv.ParseInt(string(head[nameAt:nameAt+nameWidth]), base, 32)
		if err := errors.Join(err1, err2); err != nil || nameLen < 1 || nameLen > 1<<16 {
			return fail(errors.New("no header of an entry"))
		}
		name := make([]byte, nameLen)
		if _, err := io.ReadFull(r, name); err != nil {
			return fail(err)
		}
		skip := func(n int64) error { _, err := io.CopyN(io.Discard, r, (align-n%align)%align); return err }
		if err := skip(6 + int64(length) + nameLen); err != nil {
			return fail(err)
		}
		text := strings.TrimRight(string(name), "\x00")
		if text == "TRAILER!!!" {
			return w.behind(path, r, outer, depth)
		}
		entry := &io.LimitedReader{R: r, N: size}
		start := outer.read
		if err := w.member(join(path, text), entry, func() int64 { return max(1, outer.read-start+size) }, depth); err != nil {
			return err
		}
		if entry.N > 0 {
			return fail(io.ErrUnexpectedEOF)
		}
		if err := skip(size); err != nil {
			return fail(err)
		}
	}
}

// behind opens what follows an archive after zeros: a boot loader reads several in a row.
func (w *walker) behind(path string, r io.Reader, outer *source, depth int) error {
	br := bufio.NewReaderSize(r, 4096)
	for {
		switch c, err := br.ReadByte(); {
		case err == io.EOF:
			return nil
		case err != nil:
			return w.brokeOff(path, err)
		case c == 0:
			continue
		}
		if err := br.UnreadByte(); err != nil {
			return err
		}
		head, err := br.Peek(SniffLen)
		if err != nil && err != io.EOF {
			return w.brokeOff(path, err)
		}
		if Sniff(head) == None {
			return nil
		}
		return w.one(path, br, outer, depth, "next")
	}
}

// headerRPM begins both headers of a package.
const headerRPM = "\x8e\xad\xe8"

// rpm hands over the payload of a package, a compressed cpio archive, which stands after a lead and two headers.
func (w *walker) rpm(path string, br *bufio.Reader, outer *source, depth int) error {
	if _, err := br.Discard(96); err != nil {
		return w.brokeOff(path, err)
	}
	for i := range 2 {
		head := make([]byte, 16)
		if _, err := io.ReadFull(br, head); err != nil {
			return w.brokeOff(path, err)
		}
		if string(head[:3]) != headerRPM {
			return w.brokeOff(path, errors.New("no header of a package"))
		}
		size := int64(binary.BigEndian.Uint32(head[8:]))*16 + int64(binary.BigEndian.Uint32(head[12:]))
		if i == 0 { // the signature's is followed by padding
			size += (8 - size%8) % 8
		}
		if n, err := io.CopyN(io.Discard, br, size); err != nil {
			return w.brokeOff(path, fmt.Errorf("its header ends after %d bytes: %w", n, err))
		}
	}
	return w.one(path, br, outer, depth, "payload")
}

// cab hands over the files of a cabinet that is stored or compressed with MSZIP, which is deflate in blocks of 32 KiB. They come
// one directory at a time, in one piece: their names stand before it.
func (w *walker) cab(path string, data []byte, depth int) error {
	u16 := func(at int) int { return int(binary.LittleEndian.Uint16(data[at:])) }
	u32 := func(at int) int { return int(binary.LittleEndian.Uint32(data[at:])) }
	if len(data) < 36 {
		return w.brokeOff(path, io.ErrUnexpectedEOF)
	}
	at, flags := 36, u16(30)
	folderExtra, dataExtra := 0, 0
	if flags&4 != 0 && len(data) >= 40 {
		folderExtra, dataExtra = int(data[38]), int(data[39])
		at += 4 + u16(36)
	}
	for range map[int]int{0: 0, 1: 2, 2: 2, 3: 4}[flags&3] { // names of the cabinets before and after
		n := bytes.IndexByte(data[min(at, len(data)):], 0)
		if n < 0 {
			return w.brokeOff(path, io.ErrUnexpectedEOF)
		}
		at += n + 1
	}
	for folder := range u16(26) {
		if at+8 > len(data) {
			return w.brokeOff(path, io.ErrUnexpectedEOF)
		}
		block, blocks, method := u32(at), u16(at+4), u16(at+6)&0x0f
		at += 8 + folderExtra
		name := fmt.Sprintf("folder %d", folder+1)
		if method > 1 {
			w.cut(join(path, name), Unsupported, fmt.Sprintf("cabinet compression %d", method))
			continue
		}
		var plain, window []byte
		damaged := false
		for range blocks {
			if block+8 > len(data) || block+8+dataExtra+u16(block+4) > len(data) {
				damaged = true
				break
			}
			from := block + 8 + dataExtra
			packed := data[from : from+u16(block+4)]
			block = from + len(packed)
			if method == 0 {
				plain = append(plain, packed...)
				continue
			}
			if len(packed) < 2 || string(packed[:2]) != "CK" {
				damaged = true
				break
			}
			z := flate.NewReaderDict(bytes.NewReader(packed[2:]), window)
			out, err := io.ReadAll(io.LimitReader(z, 32<<10))
			plain, window = append(plain, out...), out
			if err != nil {
				damaged = true
				break
			}
			if int64(len(plain)) > w.limits.ZipBytes {
				w.cut(join(path, name), TooLarge, "more than is held of a cabinet")
				break
			}
		}
		if damaged {
			w.cut(join(path, name), Damaged, "a block of it cannot be read")
		}
		if err := w.member(join(path, name), bytes.NewReader(plain), func() int64 { return int64(len(data)) }, depth); err != nil {
			return err
		}
	}
	return nil
}

// png hands over the texts of an image that are compressed; the others are found in the file as they are.
func (w *walker) png(path string, data []byte, depth int) error {
	for at := 8; at+12 <= len(data); {
		size := int(binary.BigEndian.Uint32(data[at:]))
		kind := string(data[at+4 : at+8])
		if size < 0 || at+12+size > len(data) {
			return nil // what is cut off has been searched as it is
		}
		body := data[at+8 : at+8+size]
		at += 12 + size
		if kind != "zTXt" && kind != "iTXt" && kind != "iCCP" {
			continue
		}
		keyword, rest, ok := bytes.Cut(body, []byte{0})
		if kind == "iTXt" && ok {
			if len(rest) < 2 || rest[0] == 0 {
				continue
			}
			_, rest, _ = bytes.Cut(rest[2:], []byte{0}) // language
			_, rest, ok = bytes.Cut(rest, []byte{0})    // translated keyword
		} else if ok && len(rest) > 0 {
			rest = rest[1:] // method
		}
		if !ok {
			continue
		}
		z, err := zlib.NewReader(bytes.NewReader(rest))
		if err != nil {
			w.cut(path, Damaged, "a text of it cannot be read")
			continue
		}
		used := false
		packed := func() int64 {
			if !used {
				used = true
				return 0
			}
			return int64(len(rest))
		}
		if err := w.member(join(path, kind+" "+string(keyword)), z, packed, depth); err != nil {
			return err
		}
	}
	return nil
}
