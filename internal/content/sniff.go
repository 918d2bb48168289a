package content

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// Format is a kind of archive or compressed file.
type Format int

// The formats that are recognised by their first bytes. The ones after
// lastSupported are only told apart so that they can be reported.
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
	Brotli        // has no first bytes of its own: told by its name
	lastSupported = Brotli
	XZ            = Format(iota)
	SevenZip
	RAR
	LZMA
	Compress
	Bundle // of git
	Pack   // of git, outside a repository
)

var names = [...]string{None: "no archive", Gzip: "gzip", Zip: "zip", Tar: "tar", Bzip2: "bzip2", Zstd: "zstd", Zlib: "zlib", Ar: "ar", PDF: "PDF", Brotli: "brotli", XZ: "xz", SevenZip: "7z", RAR: "rar", LZMA: "lzma", Compress: "compress", Bundle: "git bundle", Pack: "git pack"}

func (f Format) String() string { return names[f] }

// SniffLen is how many first bytes Sniff looks at.
const SniffLen = 512

var magics = []struct {
	format Format
	magic  string
}{
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
	case 0x1f, 'P', 0x28, 0xfd, '7', 'R', '!', '%', '#':
		for _, m := range magics {
			if bytes.HasPrefix(head, []byte(m.magic)) {
				return m.format
			}
		}
	case 'B':
		// "BZh", the block size, and the first block's or the end's own magic.
		if len(head) >= 10 && head[1] == 'Z' && head[2] == 'h' && head[3] >= '1' && head[3] <= '9' &&
			(string(head[4:10]) == "1AY&SY" || string(head[4:10]) == "\x17\x72\x45\x38\x50\x90") {
			return Bzip2
		}
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
// reason, as that of a site in Brazil does; then text stands in it.
func SniffNamed(name string, head []byte) Format {
	f := Sniff(head)
	if f == None && len(head) > 0 && strings.HasSuffix(strings.ToLower(name), ".br") && !isText(head) {
		return Brotli
	}
	return f
}

// isText reports whether what a file begins with is text: UTF-8 without control characters.
func isText(head []byte) bool {
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

// SniffWhole is Sniff for a file that is at hand as a whole: it also knows zip
// files with something in front, as executable jars have.
func SniffWhole(data []byte) Format {
	if f := Sniff(data); f != None {
		return f
	}
	return SniffEnd(data)
}

// SniffEnd tells the format from the last bytes of a file: of a zip file with something in front.
func SniffEnd(tail []byte) Format {
	if n := len(tail); n > zipTail && string(tail[n-zipTail:n-zipTail+4]) == "PK\x05\x06" {
		return Zip
	}
	return None
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
