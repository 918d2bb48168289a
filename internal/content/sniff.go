package content

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"strings"
	"unicode/utf8"
)

// Format is a kind of archive or compressed file.
type Format int

// The formats that are recognized. The ones after lastSupported are only told apart so that they can be reported; media hold
// pictures, sound or glyphs, in which no key stands as text.
const (
	None Format = iota
	Gzip
	Zip
	Tar
	Bzip2
	Zstd
	Zlib
	Ar
	PDF
	XZ
	LZMA
	Lzip
	LZ4
	Cpio
	RPM
	Cab
	PNG
	Deflate // has no first bytes of its own: told by how a block begins
	Brotli  // nor this one: told by its name
	SevenZip
	RAR
	Compress
	Bundle // of git
	Pack   // of git, outside a repository
	Media
)

var names = [...]string{None: "no archive", Gzip: "gzip", Zip: "zip", Tar: "tar", Bzip2: "bzip2", Zstd: "zstd", Zlib: "zlib", Ar: "ar", PDF: "PDF",
	XZ: "xz", LZMA: "lzma", Lzip: "lzip", LZ4: "lz4", Cpio: "cpio", RPM: "rpm", Cab: "cab", PNG: "PNG", Deflate: "deflate", Brotli: "brotli", SevenZip: "7z",
	RAR: "rar", Compress: "compress", Bundle: "git bundle", Pack: "git pack", Media: "media"}

func (f Format) String() string { return names[f] }

// isMedia reports whether a format's content is no text, but may have texts about it, and a zip file behind it.
func (f Format) isMedia() bool { return f == Media || f == PNG }

// SniffLen is how many first bytes Sniff looks at.
const SniffLen = 512

type magic struct {
	format Format
	magic  string
}

// magicsOf are the magics by their first byte.
var magicsOf = func() (of [256][]magic) {
	for _, m := range magics {
		of[m.magic[0]] = append(of[m.magic[0]], m)
	}
	return of
}()

var magics = []magic{
	{Gzip, "\x1f\x8b\x08"},
	{Zip, "PK\x03\x04"},
	{Zip, "PK\x05\x06"},
	{Zip, "PK\x07\x08PK"},
	{Zstd, "\x28\xb5\x2f\xfd"},
	{XZ, "\xfd7zXZ\x00"},
	{SevenZip, "7z\xbc\xaf\x27\x1c"},
	{RAR, "Rar!\x1a\x07"},
	{Ar, arMagic},
	{Compress, "\x1f\x9d"},
	{Bundle, "# v2 git bundle\n"},
	{Bundle, "# v3 git bundle\n"},
	{Pack, "PACK\x00\x00\x00\x02"},
	{PDF, "%PDF-"},
	{Lzip, "LZIP\x01"},
	{LZ4, "\x04\x22\x4d\x18"},
	{LZ4, "\x02\x21\x4c\x18"},
	{Cpio, "070701"},
	{Cpio, "070702"},
	{Cpio, "070707"},
	{RPM, "\xed\xab\xee\xdb"},
	{Cab, "MSCF\x00\x00\x00\x00"},
	{PNG, "\x89PNG\r\n\x1a\n"},
	{Media, "\xff\xd8\xff"}, {Media, "GIF87a"}, {Media, "GIF89a"}, {Media, "OggS"}, {Media, "ID3"}, {Media, "fLaC"}, {Media, "wOFF"}, {Media, "wOF2"},
	{Media, "\x00\x01\x00\x00\x00"}, {Media, "OTTO\x00"}, {Media, "\x1aE\xdf\xa3"}, {Media, "II*\x00"}, {Media, "MM\x00*"},
	{Media, "\x00\x00\x01\x00"}, {Media, "\xff\xfb"},
}

// Sniff tells the format from the first bytes of a file.
func Sniff(head []byte) Format {
	if len(head) < 4 {
		return None
	}
	switch head[0] {
	case 'x':
		if isZlib(head) {
			return Zlib
		}
	case 0x5d:
		if isLZMA(head) {
			return LZMA
		}
	case 'B':
		// "BZh", the block size, and the first block's or the end's own magic.
		if len(head) >= 10 && head[1] == 'Z' && head[2] == 'h' && head[3] >= '1' && head[3] <= '9' &&
			(string(head[4:10]) == "1AY&SY" || string(head[4:10]) == "\x17\x72\x45\x38\x50\x90") {
			return Bzip2
		}
	}
	for _, m := range magicsOf[head[0]] {
		if bytes.HasPrefix(head, []byte(m.magic)) && (m.format != Cpio || isCpio(head)) {
			return m.format
		}
	}
	if len(head) >= 12 && (string(head[:4]) == "RIFF" && (string(head[8:12]) == "WEBP" || string(head[8:12]) == "WAVE" || string(head[8:12]) == "AVI ") || string(head[4:8]) == "ftyp") {
		return Media
	}
	if len(head) >= SniffLen && isTar(head[:SniffLen]) {
		return Tar
	}
	return None
}

// isZlib reports whether data begins as a zlib stream with a window of 32 KiB does.
func isZlib(data []byte) bool {
	return len(data) >= 2 && data[0] == 'x' && (data[1] == 0x01 || data[1] == 0x5e || data[1] == 0x9c || data[1] == 0xda)
}

// isLZMA reports whether data begins as what lzma writes does: the usual properties, a dictionary of whole 64 KiB, and a length that
// is unknown or below 1 TiB.
func isLZMA(data []byte) bool {
	if len(data) < 13 || data[0] != 0x5d || data[1] != 0 || data[2] != 0 || data[3] == 0 && data[4] == 0 {
		return false
	}
	length := string(data[5:13])
	return length == "\xff\xff\xff\xff\xff\xff\xff\xff" || length[5:] == "\x00\x00\x00"
}

// SniffNamed is Sniff for a file whose name is known: brotli has no first bytes to tell it by. A name may end in .br for another
// reason, as that of a site in Brazil does; then text is found in it.
func SniffNamed(name string, head []byte) Format {
	f := Sniff(head)
	if f == None && len(head) > 0 && strings.HasSuffix(strings.ToLower(name), ".br") && !beginsAsText(head) {
		return Brotli
	}
	return f
}

// beginsAsText reports whether what a file begins with is text: UTF-8 without control characters.
func beginsAsText(head []byte) bool {
	if len(head) >= SniffLen { // it may end within a character
		head = head[:SniffLen]
		for n := 0; n < utf8.UTFMax-1 && !utf8.Valid(head); n++ {
			head = head[:len(head)-1]
		}
	}
	control := func(c rune) bool { return c < ' ' && c != '\n' && c != '\r' && c != '\t' || c == 0x7f }
	return utf8.Valid(head) && !bytes.ContainsFunc(head, control)
}

// zipTail is the length of the record a zip file without comment ends with.
const zipTail = 22

// SniffEnd tells the format from the last bytes of a file: of a zip file with something in front, a comment, or something after it.
func SniffEnd(tail []byte) Format {
	if !EndsZip(tail) {
		return None
	}
	at := bytes.LastIndex(tail, zipEnd)
	if at < 0 || at+zipTail > len(tail) {
		return None
	}
	entries, size := uint16(tail[at+10])|uint16(tail[at+11])<<8, binary.LittleEndian.Uint32(tail[at+12:])
	comment := int(tail[at+20]) | int(tail[at+21])<<8
	if at+zipTail == len(tail) || at+zipTail+comment <= len(tail) && tail[at+4] == 0 && tail[at+5] == 0 && (size >= 46*uint32(entries) || entries == 0xffff) {
		return Zip
	}
	return None
}

var zipEnd = []byte("PK\x05\x06")

// EndsZip reports whether the end of a zip file may be in data. Without it, SniffEnd tells nothing of it.
func EndsZip(data []byte) bool {
	return bytes.Contains(data, zipEnd[2:]) // no text has these two, whereas a P is in most
}

// TailLen is how many last bytes SniffEnd looks at: the longest comment of a zip file, and the record before it.
const TailLen = zipTail + 0xffff

// isCpio reports whether a header of cpio begins here: a name of sensible length follows.
func isCpio(head []byte) bool {
	if string(head[:6]) == "070707" {
		return len(head) >= 76 && all(head[6:76], "01234567")
	}
	return len(head) >= 110 && all(head[6:110], "0123456789abcdefABCDEF")
}

func all(text []byte, of string) bool { return len(bytes.Trim(text, of)) == 0 }

// embedded tells the container that begins at data, somewhere inside another content. Its header has to be sound beyond the first
// bytes: these occur by chance, and in texts that speak of them.
func embedded(data []byte) Format {
	format := Sniff(data)
	if sound := sounds[format]; sound == nil || !sound(data) {
		return None
	}
	return format
}

// sounds tell for the containers that are looked for anywhere whether a header is sound.
var sounds = map[Format]func(data []byte) bool{
	Gzip: func(data []byte) bool {
		return len(data) >= 18 && data[3]&0xe0 == 0 && (data[8] == 0 || data[8] == 2 || data[8] == 4) && (data[9] <= 13 || data[9] == 0xff)
	},
	Zlib:     func(data []byte) bool { return len(data) >= 8 && data[1] != '^' && isDeflate(data[2:]) },
	Zip:      func(data []byte) bool { return len(data) >= 30 && data[3] == 4 && data[5] == 0 && data[4] <= 63 },
	SevenZip: func(data []byte) bool { return len(data) >= 32 && data[6] == 0 && sum32(data[12:32], data[8:]) },
	RAR:      isRAR,
	XZ:       func(data []byte) bool { return len(data) >= 12 && sum32(data[6:8], data[8:]) },
	Cab: func(data []byte) bool {
		const reserved = "\x00\x00\x00\x00"
		return len(data) >= 36 && string(data[12:16]) == reserved && string(data[20:24]) == reserved && data[24] <= 3 && data[25] == 1
	},
	PNG:   func([]byte) bool { return true },
	Zstd:  isZstd,
	Bzip2: func([]byte) bool { return true }, // ten bytes tell it
	Lzip: func(data []byte) bool {
		return len(data) >= 26 && data[5]&0x1f >= 12 && data[5]&0x1f <= 29 && data[6] == 0
	},
	LZ4: func(data []byte) bool {
		return len(data) >= 11 && data[4]>>6 == 1 && data[4]&2 == 0 && data[5]&0x8f == 0 && data[5]>>4 >= 4
	},
	RPM: func(data []byte) bool { // the version and kind of package, and the header behind the lead
		return len(data) >= 112 && (data[4] == 3 || data[4] == 4) && data[6] == 0 && data[7] <= 1 && string(data[96:99]) == headerRPM
	},
}

// sum32 reports whether sum begins with the checksum of data.
func sum32(data, sum []byte) bool { return crc32.ChecksumIEEE(data) == binary.LittleEndian.Uint32(sum) }

// isRAR reports whether the first header of a rar archive is sound: of version 4, which has a length of its own, or 5.
func isRAR(data []byte) bool {
	switch {
	case len(data) < 20:
		return false
	case data[6] == 0:
		return data[9] == 0x73 && data[12] == 13 && data[13] == 0 && uint16(crc32.ChecksumIEEE(data[9:20])) == binary.LittleEndian.Uint16(data[7:])
	}
	size, n := binary.Uvarint(data[12:15])
	end := 12 + n + int(size)
	return data[6] == 1 && data[7] == 0 && n > 0 && end <= len(data) && sum32(data[12:end], data[8:])
}

// isZstd reports whether the header of a frame and of its first block are sound.
func isZstd(data []byte) bool {
	if len(data) < 5 {
		return false
	}
	flags := data[4]
	at := 5 + [...]int{0, 1, 2, 4}[flags&3] // the number of a dictionary
	if single := flags>>5&1 == 1; !single {
		at++ // the size of the window
	} else if flags>>6 == 0 {
		at++
	}
	at += [...]int{0, 2, 4, 8}[flags>>6] // the length
	if flags&8 != 0 || len(data) < at+3 {
		return flags&8 == 0
	}
	block := int(data[at]) | int(data[at+1])<<8 | int(data[at+2])<<16
	return block>>1&3 != 3 && block>>3 <= 128<<10
}

// beginnings are the first bytes of the containers that are looked for anywhere.
var beginnings = [][]byte{[]byte("\x1f\x8b\x08"), []byte("PK\x03\x04"), []byte("\x28\xb5\x2f\xfd"), []byte("\xfd7zXZ\x00"), []byte("7z\xbc\xaf\x27\x1c"),
	[]byte("Rar!\x1a\x07"), []byte("1AY&SY"), []byte("LZIP\x01"), []byte("\x04\x22\x4d\x18"), []byte("MSCF\x00\x00\x00\x00"), []byte("\xed\xab\xee\xdb"), []byte("x\x9c"), []byte("x\xda"),
	[]byte("\x89PNG\r\n\x1a\n")}

// eachEmbedded calls f for the containers that begin inside data, until it returns false.
func eachEmbedded(data []byte, f func(at int, format Format) bool) {
	for _, magic := range beginnings {
		for at := 0; ; {
			n := bytes.Index(data[at:], magic)
			if n < 0 {
				break
			}
			at += n
			begin := at
			if magic[0] == '1' { // bzip2: after BZh and the size of a block
				begin -= 4
			}
			if begin >= 0 {
				if format := embedded(data[begin:]); format != None && !f(begin, format) {
					return
				}
			}
			at++
		}
	}
}

// isTar checks the checksum of a tar header, which every tar format has.
func isTar(block []byte) bool {
	const from, to = 148, 156
	if block[0] == 0 || block[to-1] != ' ' && block[to-1] != 0 && (block[to-1] < '0' || block[to-1] > '7') {
		return false
	}
	want, digits := 0, 0
	for _, c := range block[from:to] {
		switch {
		case c >= '0' && c <= '7':
			want = want*8 + int(c-'0')
			digits++
		case c != ' ' && c != 0:
			return false
		}
	}
	if digits == 0 {
		return false
	}
	signed, unsigned := 0, 0
	for i, c := range block {
		if i >= from && i < to {
			c = ' '
		}
		unsigned += int(c)
		signed += int(int8(c))
	}
	return want == unsigned || want == signed
}
