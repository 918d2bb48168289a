package keyscan

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/ascii85"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"maps"
	"mime/quotedprintable"
	"net/url"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz"
	"github.com/ulikunitz/xz/lzma"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/audit/audittest"
	"github.com/prelaunch-audit/prelaunch/internal/content"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
)

// Rules of this file: every way of hiding a key is a function from a text to a content. Each is tried with keys of three alphabets,
// held and known by their fingerprint only, and with a text that is the same but for one character of the key, in which nothing may
// be found.

var recallKeys = map[string]string{
	"base64 alphabet": "qT7/x+Zk3Vb9+LmN4w/R8sYc2Dfg5HjKp1QeWuXaBo0=",
	"hex":             "9f86d081884c7d659a2feaa0c55ad015",
	"url-safe":        "sk_live-4Kd9_xZ-27bQmT1vR8yW",
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func gz(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write([]byte(text))
	must(err)
	must(w.Close())
	return b.String()
}

func b64(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

func wrapAt(text string, width int, end string) string {
	var b strings.Builder
	for len(text) > width {
		b.WriteString(text[:width] + end)
		text = text[width:]
	}
	return b.String() + text
}

func eachByte(text, format, between string) string {
	var parts []string
	for _, c := range []byte(text) {
		parts = append(parts, fmt.Sprintf(format, c))
	}
	return strings.Join(parts, between)
}

// special replaces what is no letter or digit.
func special(text, format string) string {
	var b strings.Builder
	for _, c := range text {
		if c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
			b.WriteRune(c)
		} else {
			fmt.Fprintf(&b, format, c)
		}
	}
	return b.String()
}

// pieces cuts a key into parts of n characters.
func pieces(key string, n int) (parts []string) {
	for len(key) > n {
		parts, key = append(parts, key[:n]), key[n:]
	}
	return append(parts, key)
}

func zipOf(method uint16, comment string, pairs ...string) string {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i < len(pairs); i += 2 {
		f, err := w.CreateHeader(&zip.FileHeader{Name: pairs[i], Method: method})
		must(err)
		_, err = f.Write([]byte(pairs[i+1]))
		must(err)
	}
	must(w.SetComment(comment))
	must(w.Close())
	return b.String()
}

func tarOf(name, text string) string {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	must(w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text))}))
	_, err := w.Write([]byte(text))
	must(err)
	must(w.Close())
	return b.String()
}

func cpioOf(name, text string) string {
	entry := func(name, text string) string {
		s := fmt.Sprintf("070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", 1, 0o100644, 0, 0, 1, 0, len(text), 0, 0, 0, 0, len(name)+1, 0) + name + "\x00"
		s += strings.Repeat("\x00", (4-len(s)%4)%4) + text
		return s + strings.Repeat("\x00", (4-len(text)%4)%4)
	}
	return entry(name, text) + entry("TRAILER!!!", "")
}

func rpmOf(name, text string) string {
	header := "\x8e\xad\xe8\x01\x00\x00\x00\x00" + "\x00\x00\x00\x00" + "\x00\x00\x00\x00"
	return "\xed\xab\xee\xdb" + strings.Repeat("\x00", 92) + header + header + gz(cpioOf(name, text))
}

func lzmaOf(text string) string {
	var b bytes.Buffer
	w, err := lzma.WriterConfig{EOSMarker: true, Properties: &lzma.Properties{LC: 3, PB: 2}, DictCap: 1 << 16}.NewWriter(&b)
	must(err)
	_, err = w.Write([]byte(text))
	must(err)
	must(w.Close())
	return b.String()
}

func lzipOf(text string) string {
	tail := binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(text)))
	tail = binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(tail, uint64(len(text))), 0)
	return "LZIP\x01\x10" + lzmaOf(text)[13:] + string(tail)
}

func cabOf(text string) string {
	var packed bytes.Buffer
	w := zlib.NewWriter(&packed)
	_, err := w.Write([]byte(text))
	must(err)
	must(w.Close())
	block := "CK" + packed.String()[2:packed.Len()-4]
	b := []byte("MSCF\x00\x00\x00\x00")
	u32 := func(v int) { b = binary.LittleEndian.AppendUint32(b, uint32(v)) }
	u16 := func(v int) { b = binary.LittleEndian.AppendUint16(b, uint16(v)) }
	file := 16 + len("a.txt") + 1
	u32(36 + 8 + file + 8 + len(block))
	u32(0)
	u32(36 + 8)
	u32(0)
	b = append(b, 3, 1)
	u16(1)
	u16(1)
	u16(0)
	u16(0)
	u16(0)
	u32(36 + 8 + file)
	u16(1)
	u16(1)
	u32(len(text))
	u32(0)
	u16(0)
	u16(0)
	u16(0)
	u16(0x20)
	b = append(b, "a.txt\x00"...)
	u32(0)
	u16(len(block))
	u16(len(text))
	return string(b) + block
}

func pngOf(kind, body string) string {
	chunk := func(kind, body string) string {
		b := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
		b = append(append(b, kind...), body...)
		return string(binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:])))
	}
	return "\x89PNG\r\n\x1a\n" + chunk("IHDR", strings.Repeat("\x00", 13)) + chunk(kind, body) + chunk("IEND", "")
}

func zlibOf(text string) string {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	_, err := w.Write([]byte(text))
	must(err)
	must(w.Close())
	return b.String()
}

func pdfOf(filter, stream string) string {
	return fmt.Sprintf("%%PDF-1.7\n1 0 obj\n<</Length %d/Filter%s>>\nstream\n%s\nendstream\nendobj\ntrailer <</Size 2>>\n%%%%EOF\n", len(stream), filter, stream)
}

func hexdumpC(text string) string {
	var b strings.Builder
	for at := 0; at < len(text); at += 16 {
		line := text[at:min(len(text), at+16)]
		fmt.Fprintf(&b, "%08x  %-49s |%s|\n", at, strings.Replace(eachByte(line, "%02x", " ")+" ", "zz", "", 1), line)
	}
	return b.String()
}

func words(text string, format string, size int, little bool, prefix string, between string) string {
	var b strings.Builder
	for at := 0; at < len(text); at += 16 {
		line := text[at:min(len(text), at+16)]
		fmt.Fprintf(&b, prefix, at)
		for i := 0; i < len(line); i += size {
			part := []byte(line[i:min(len(line), i+size)])
			if little {
				for len(part) < size {
					part = append(part, 0)
				}
				for x, y := 0, len(part)-1; x < y; x, y = x+1, y-1 {
					part[x], part[y] = part[y], part[x]
				}
			}
			v := uint64(0)
			for _, c := range part {
				v = v<<8 | uint64(c)
			}
			f := format
			if len(part) < size {
				f = fmt.Sprintf("%%0%dx", 2*len(part))
			}
			fmt.Fprintf(&b, between+f, v)
		}
		if strings.Contains(prefix, ":") {
			b.WriteString("  " + line)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func utf32Of(text string, order binary.AppendByteOrder) string {
	var b []byte
	for _, c := range text {
		b = order.AppendUint32(b, uint32(c))
	}
	return string(b)
}

func utf16Of(text string) string {
	var b []byte
	for _, c := range utf16.Encode([]rune(text)) {
		b = binary.LittleEndian.AppendUint16(b, c)
	}
	return string(b)
}

func jsonOf(v any) string {
	b, err := json.MarshalIndent(v, "", "  ")
	must(err)
	return string(b)
}

func filler(n int) string {
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "x%d ", i)
	}
	return b.String()
}

// docker has a long line as the json-file driver writes it, cut inside the key.
func docker(line string, cut int) string {
	var b strings.Builder
	for i, part := range []string{line[:cut], line[cut:] + "\n"} {
		entry, err := json.Marshal(map[string]string{"log": part, "stream": "stdout", "time": fmt.Sprintf("2026-01-02T03:04:05.00000000%dZ", i)})
		must(err)
		b.WriteString(string(entry) + "\n")
		b.WriteString(`{"log":"between\n","stream":"stderr","time":"2026-01-02T03:04:05.000000001Z"}` + "\n")
	}
	return b.String()
}

func cri(line string, cut int) string {
	return "2026-01-02T03:04:05.000000001Z stdout P " + line[:cut] + "\n2026-01-02T03:04:05.000000002Z stderr F between\n" +
		"2026-01-02T03:04:05.000000003Z stdout F " + line[cut:] + "\n"
}

// hidings are the ways of hiding a key.
var hidings = map[string]func(key string) string{
	// Encodings inside encodings.
	"base64 of hex":      func(k string) string { return "v: " + b64(hex.EncodeToString([]byte(k))) + "\n" },
	"hex of base64":      func(k string) string { return "v: " + hex.EncodeToString([]byte(b64("key="+k))) + "\n" },
	"base64 of base64":   func(k string) string { return "v: " + b64(b64("key="+k+"\n")) },
	"three times base64": func(k string) string { return `{"v":"` + b64(b64(b64("key="+k+"\n"))) + `"}` },
	"user data":          func(k string) string { return `user_data_base64 = "` + b64(gz("#!/bin/sh\nexport KEY="+k+"\n")) + `"` },
	"cloud-init": func(k string) string {
		return "write_files:\n- encoding: gz+b64\n  content: |\n    " + wrapAt(b64(gz("KEY="+k+"\n")), 60, "\n    ") + "\n  path: /etc/x\n"
	},
	"binaryData": func(k string) string {
		return "kind: ConfigMap\nbinaryData:\n  config.gz: " + b64(gz("key: "+k)) + "\n"
	},
	"Helm release": func(k string) string { return "data:\n  release: " + b64(b64(gz(`{"config":{"key":"`+k+`"}}`))) + "\n" },
	"CloudWatch": func(k string) string {
		return `{"awslogs":{"data":"` + b64(gz(`{"logEvents":[{"message":"key=`+k+`"}]}`)) + `"}}`
	},
	"percent of base64 of zlib": func(k string) string { return "state=" + url.QueryEscape(b64(zlibOf("key="+k))) },
	"gzip in hex":               func(k string) string { return "blob: '" + hex.EncodeToString([]byte(gz("key="+k))) + "'" },
	"zip in base64":             func(k string) string { return `{"body":"` + b64(zipOf(zip.Deflate, "", "a.txt", k)) + `"}` },
	"heredoc": func(k string) string {
		return "base64 -d <<EOF\n" + wrapAt(b64(gz("key="+k+"\n")), 76, "\n") + "\nEOF\n"
	},
	"PEM in JSON": func(k string) string {
		return `{"pem":"-----BEGIN X-----\n` + wrapAt(b64("key="+k+filler(60)), 64, `\n`) + `\n-----END X-----\n"}`
	},
	"MIME attachment": func(k string) string {
		return "Content-Type: application/zip\r\nContent-Transfer-Encoding: base64\r\n\r\n" + wrapAt(b64(zipOf(zip.Deflate, "", "a.txt", "key="+k)), 76, "\r\n") + "\r\n--b--\r\n"
	},
	"quoted-printable": func(k string) string {
		var b bytes.Buffer
		w := quotedprintable.NewWriter(&b)
		_, err := w.Write([]byte(strings.Repeat("a long line ", 5) + "key=" + k + " and more of it\r\n"))
		must(err)
		must(w.Close())
		return b.String()
	},
	"data URI":   func(k string) string { return `<img src="data:text/plain;base64,` + b64("the key is "+k) + `">` },
	"PowerShell": func(k string) string { return "powershell -EncodedCommand " + b64(utf16Of("$k='"+k+"'")) },
	"JWT": func(k string) string {
		return "t=eyJhbGciOiJub25lIn0." + base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"x","key":"`+k+`"}`)) + ".sig"
	},
	"JSON in JSON in JSON": func(k string) string {
		return jsonOf(map[string]string{"a": jsonOf(map[string]string{"b": jsonOf(map[string]string{"k": special(k, `\u%04x`)})})})
	},
	"base32": func(k string) string { return "v=" + base32.StdEncoding.EncodeToString([]byte(k)) },
	"base32 in lower case": func(k string) string {
		return "v=" + strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString([]byte("key="+k)))
	},
	"base32 with extended hex": func(k string) string { return "v=" + base32.HexEncoding.EncodeToString([]byte(k)) },
	"ascii85": func(k string) string {
		out := make([]byte, ascii85.MaxEncodedLen(len(k)+4))
		return "<~" + string(out[:ascii85.Encode(out, []byte("key="+k))]) + "~>"
	},
	"uuencode": func(k string) string {
		var b strings.Builder
		b.WriteString("begin 644 key.txt\n")
		for text := "the key is " + k + ", and more\n"; text != ""; text = text[min(len(text), 45):] {
			line := []byte(text[:min(len(text), 45)])
			b.WriteByte(byte(' ' + len(line)))
			for line = append(line, 0, 0); len(line) > 2; line = line[3:] {
				for _, v := range []byte{line[0] >> 2, line[0]<<4 | line[1]>>4, line[1]<<2 | line[2]>>6, line[2]} {
					if v &= 63; v == 0 {
						v = '`' - ' '
					}
					b.WriteByte(' ' + v)
				}
			}
			b.WriteByte('\n')
		}
		return b.String() + "`\nend\n"
	},
	"UTF-32 LE":         func(k string) string { return "\xff\xfe\x00\x00" + utf32Of("key="+k+"\n", binary.LittleEndian) },
	"UTF-32 BE":         func(k string) string { return "\x00\x00\xfe\xff" + utf32Of("key="+k+"\n", binary.BigEndian) },
	"escapes in UTF-16": func(k string) string { return "\xff\xfe" + utf16Of(`{"k":"`+special(k, `\u%04x`)+`"}`) },

	// Bytes as numbers.
	"hexdump -C":   func(k string) string { return hexdumpC("some text before key=" + k + "\n") },
	"xxd":          func(k string) string { return words("API key: "+k+"\n", "%04x", 2, false, "%08x:", " ") },
	"xxd of words": func(k string) string { return words("face cafe "+k+" beef\n", "%04x", 2, false, "%08x:", " ") },
	"xxd -g1":      func(k string) string { return words("API key: "+k+"\n", "%02x", 1, false, "%08x:", " ") },
	"xxd -b":       func(k string) string { return words("key: "+k+"\n", "%08b", 1, false, "%08x:", " ") },
	"xxd -p":       func(k string) string { return wrapAt(hex.EncodeToString([]byte("API key: "+k+"\n")), 60, "\n") + "\n" },
	"xxd -i": func(k string) string {
		return "unsigned char k[] = {\n  " + wrapAt(eachByte("key "+k, "0x%02x", ", "), 72, "\n  ") + "\n};\nunsigned int k_len = 48;\n"
	},
	"hexdump":             func(k string) string { return words("API key: "+k+"\n", "%04x", 2, true, "%07x", " ") },
	"od":                  func(k string) string { return words("API key: "+k+"\n", "%06o", 2, true, "%07o", " ") },
	"od -b":               func(k string) string { return words("API key: "+k+"\n", "%03o", 1, false, "%07o", " ") },
	"od -c":               func(k string) string { return words("API key: "+k+"\n", "%c", 1, false, "%07o", "   ") },
	"od -tx1":             func(k string) string { return words("API key: "+k+"\n", "%02x", 1, false, "%07o", " ") },
	"od -tx4":             func(k string) string { return words("API key: "+k+"\n", "%08x", 4, true, "%07o", " ") },
	"od -tu1":             func(k string) string { return words("API key: "+k+"\n", "%3d", 1, false, "%07o", " ") },
	"Go bytes":            func(k string) string { return fmt.Sprintf("%#v", []byte(k)) },
	"Go bytes printed":    func(k string) string { return fmt.Sprintf("key=%v", []byte(k)) },
	"decimal lines":       func(k string) string { return "var k = [\n" + eachByte(k, "  %d", ",\n") + "\n];" },
	"decimal array, size": func(k string) string { return fmt.Sprintf("char k[%d] = { %s };", len(k), eachByte(k, "%d", ", ")) },
	"Buffer":              func(k string) string { return jsonOf(map[string]any{"type": "Buffer", "data": ints(k)}) },
	"typed array":         func(k string) string { return indexed(k) },
	"Buffer inspected":    func(k string) string { return "<Buffer " + eachByte(k, "%02x", " ") + ">" },
	"registry": func(k string) string {
		return "\"k\"=hex(2):" + wrapAt(eachByte(utf16Of(k), "%02x", ","), 60, "\\\n  ") + "\n"
	},
	"Erlang binary":   func(k string) string { return "Key = <<" + eachByte(k, "%d", ",") + ">>." },
	"character array": func(k string) string { return "char k[] = {" + eachByte(k, "'%c'", ", ") + "};" },
	"hex with colons": func(k string) string { return eachByte(k, "%02X", ":") },

	// Pieces.
	"Go strings":      func(k string) string { return "k := \"" + strings.Join(pieces(k, 9), "\" +\n\t\t\"") + "\"" },
	"PHP strings":     func(k string) string { return "$k = '" + strings.Join(pieces(k, 5), "' . '") + "';" },
	"Lua strings":     func(k string) string { return "k = '" + strings.Join(pieces(k, 7), "' .. '") + "'" },
	"SQL strings":     func(k string) string { return "SELECT '" + strings.Join(pieces(k, 7), "' || '") + "';" },
	"CONCAT":          func(k string) string { return "SELECT CONCAT('" + strings.Join(pieces(k, 7), "', '") + "');" },
	"Python implicit": func(k string) string { return "k = (\n    '" + strings.Join(pieces(k, 6), "'\n    '") + "'\n)" },
	"Python prefix":   func(k string) string { return "k = b'" + strings.Join(pieces(k, 6), "' b'") + "'" },
	"Haskell strings": func(k string) string { return "k = \"" + strings.Join(pieces(k, 8), "\" ++ \"") + "\"" },
	"Elixir strings":  func(k string) string { return "k = \"" + strings.Join(pieces(k, 8), "\" <> \"") + "\"" },
	"OCaml strings":   func(k string) string { return "let k = \"" + strings.Join(pieces(k, 8), "\" ^ \"") + "\"" },
	"Perl strings":    func(k string) string { return "{{ '" + strings.Join(pieces(k, 8), "' ~ '") + "' }}" },
	"Visual Basic":    func(k string) string { return "k = \"" + strings.Join(pieces(k, 8), "\" & _\r\n    \"") + "\"" },
	"string builder": func(k string) string {
		return "sb.append(\"" + strings.Join(pieces(k, 8), "\");\n    sb.append(\"") + "\");"
	},
	"C++ stream": func(k string) string { return "s << \"" + strings.Join(pieces(k, 8), "\" << \"") + "\";" },
	"assignment": func(k string) string { return "k = \"" + strings.Join(pieces(k, 10), "\"\nk += \"") + "\"" },
	"notebook": func(k string) string {
		return jsonOf(map[string]any{"source": []string{"k = '" + k[:9] + "' \\\n", "    '" + k[9:] + "'\n"}})
	},
	"notebook with double quotes": func(k string) string {
		return jsonOf(map[string]any{"source": []string{"k = (\"" + k[:9] + "\"\n", "\"" + k[9:] + "\")\n"}})
	},
	"array joined": func(k string) string { return "['" + strings.Join(pieces(k, 4), "','") + "'].join('')" },
	"with comments": func(k string) string {
		return "k = \"" + strings.Join(pieces(k, 11), "\" + // the next part\n  \"") + "\""
	},
	"shell continued":      func(k string) string { return "export K=" + strings.Join(pieces(k, 9), "\\\n") + "\n" },
	"shell quotes":         func(k string) string { return "K='" + strings.Join(pieces(k, 9), "'\"") + "\n" },
	"PowerShell continued": func(k string) string { return "$k = \"" + strings.Join(pieces(k, 9), "\" + `\r\n  \"") + "\"" },
	"YAML folded":          func(k string) string { return "k: \"" + strings.Join(pieces(k, 9), "\\\n    ") + "\"" },
	"properties continued": func(k string) string { return "k=" + strings.Join(pieces(k, 9), "\\\n    ") + "\n" },
	"quoted mail":          func(k string) string { return "> key: " + strings.Join(pieces(k, 15), "\n> ") + "\n" },
	"comment lines":        func(k string) string { return "# key:\n# " + strings.Join(pieces(k, 15), "\n# ") + "\n" },

	// Markup.
	"docx": func(k string) string {
		return zipOf(zip.Deflate, "", "word/document.xml", "<w:p><w:r><w:t>"+strings.Join(pieces(k, 5), `</w:t></w:r><w:proofErr w:type="spellStart"/><w:r w:rsidR="00AB12CD"><w:rPr><w:b/><w:lang w:val="en-US"/></w:rPr><w:t xml:space="preserve">`)+"</w:t></w:r></w:p>")
	},
	"odt": func(k string) string {
		return "<text:p>" + strings.Join(pieces(k, 5), `</text:span><text:span text:style-name="T1">`) + "</text:p>"
	},
	"HTML": func(k string) string { return "<code>" + strings.Join(pieces(k, 5), "<wbr>") + "</code>" },
	"PDF array": func(k string) string {
		return pdfOf("/FlateDecode", zlibOf("BT /F1 12 Tf [("+strings.Join(pieces(k, 3), ")-12.5(")+")] TJ ET"))
	},
	"PDF lines": func(k string) string {
		return pdfOf("/FlateDecode", zlibOf("BT ("+strings.Join(pieces(k, 12), ") Tj T* (")+") Tj ET"))
	},
	"PDF hex strings": func(k string) string {
		return pdfOf("/FlateDecode", zlibOf("BT [<"+hex.EncodeToString([]byte(k[:7]))+">10<"+hex.EncodeToString([]byte(k[7:]))+">] TJ ET"))
	},
	"PDF in hex": func(k string) string {
		return pdfOf("/ASCIIHexDecode", hex.EncodeToString([]byte("BT ("+k+") Tj ET"))+">")
	},
	"PDF in ascii85": func(k string) string {
		text := "BT (" + k + ") Tj ET"
		out := make([]byte, ascii85.MaxEncodedLen(len(text)))
		return pdfOf("[/ASCII85Decode]", string(out[:ascii85.Encode(out, []byte(text))])+"~>")
	},
	"PDF in ascii85 and deflate": func(k string) string {
		text := zlibOf("BT (" + k + ") Tj ET")
		out := make([]byte, ascii85.MaxEncodedLen(len(text)))
		return pdfOf("[/ASCII85Decode /FlateDecode]", wrapAt(string(out[:ascii85.Encode(out, []byte(text))]), 70, "\n")+"~>")
	},

	// Containers.
	"zip with comment":         func(k string) string { return zipOf(zip.Deflate, "made by hand", "a.txt", k) },
	"zip and a line end":       func(k string) string { return zipOf(zip.Deflate, "", "a.txt", k) + "\n" },
	"zip behind a stub":        func(k string) string { return "MZ" + filler(3000) + zipOf(zip.Deflate, "", "a.txt", k) },
	"zip behind, with comment": func(k string) string { return "#!/bin/sh\nexit\n" + zipOf(zip.Deflate, "comment", "a.txt", k) + "\n\n" },
	"zip, signed behind": func(k string) string {
		return "MZ" + filler(300) + zipOf(zip.Deflate, "", "a.txt", k) + strings.Repeat("\x00signature", 40)
	},
	"self-extracting script": func(k string) string {
		return "#!/bin/sh\ntail -n +4 $0 | tar xz\nexit 0\n__ARCHIVE__\n" + gz(tarOf("a.txt", filler(400)+k))
	},
	"self-extracting xz": func(k string) string { return "#!/bin/sh\nexit 0\n" + xzOf("key="+k) },
	"lz4": func(k string) string {
		var b bytes.Buffer
		w := lz4.NewWriter(&b)
		_, err := w.Write([]byte(filler(300) + k))
		must(err)
		must(w.Close())
		return b.String()
	},
	"lzip":   func(k string) string { return lzipOf("key=" + k) },
	"lzma":   func(k string) string { return lzmaOf("key=" + k) },
	"xz":     func(k string) string { return xzOf("key=" + k) },
	"tar.xz": func(k string) string { return xzOf(tarOf("a.txt", k)) },
	"zstd": func(k string) string {
		w, err := zstd.NewWriter(nil)
		must(err)
		return string(w.EncodeAll([]byte(filler(300)+k), nil))
	},
	"cpio":     func(k string) string { return gz(cpioOf("etc/key", "key="+k)) },
	"rpm":      func(k string) string { return rpmOf("etc/key", "key="+k) },
	"cab":      func(k string) string { return cabOf(filler(100) + "key=" + k) },
	"PNG tEXt": func(k string) string { return pngOf("tEXt", "Comment\x00key="+k) },
	"PNG zTXt": func(k string) string { return pngOf("zTXt", "Comment\x00\x00"+zlibOf("key="+k)) },
	"PNG iTXt": func(k string) string { return pngOf("iTXt", "Comment\x00\x01\x00en\x00Kommentar\x00"+zlibOf("key="+k)) },
	"three containers": func(k string) string {
		return gz(tarOf("a.zip", zipOf(zip.Deflate, "", "b.json", `{"v":"`+b64(gz("key="+k))+`"}`)))
	},

	// Logs that are split.
	"Docker, with blanks": func(k string) string {
		return strings.ReplaceAll(docker(filler(16384-len("key=")-len(k)/2)+"key="+k+" done", 16384), `":`, `": `)
	},
	"Docker": func(k string) string { return docker(filler(16384-len("key=")-len(k)/2)+"key="+k+" done", 16384) },
	"CRI":    func(k string) string { return cri(filler(16384-len("key=")-len(k)/2)+"key="+k+" done", 16384) },

	// Escapes of what is no letter or digit.
	"Go's HTML-safe JSON":  func(k string) string { return `{"k":"` + special(k, `\u%04X`) + `"}` },
	"lower-case escapes":   func(k string) string { return `{"k":"` + special(k, `\u%04x`) + `"}` },
	"JavaScript braces":    func(k string) string { return `k="` + special(k, `\u{%x}`) + `"` },
	"Python wide":          func(k string) string { return `k="` + special(k, `\U%08x`) + `"` },
	"hex escapes":          func(k string) string { return `k="` + special(k, `\x%02x`) + `"` },
	"Perl hex escapes":     func(k string) string { return `k="` + special(k, `\x{%X}`) + `"` },
	"octal escapes":        func(k string) string { return `k="` + special(k, `\%03o`) + `"` },
	"CSS escapes":          func(k string) string { return `content: "` + special(k, `\%06x`) + `"` },
	"short CSS escapes":    func(k string) string { return `content: "` + special(k, `\%x `) + `"` },
	"hexadecimal entities": func(k string) string { return `<a k="` + special(k, `&#x%X;`) + `">` },
	"padded entities":      func(k string) string { return `<a k="` + special(k, `&#x%04x;`) + `">` },
	"decimal entities":     func(k string) string { return `<a k="` + special(k, `&#%d;`) + `">` },
	"three-digit entities": func(k string) string { return `<a k="` + special(k, `&#%03d;`) + `">` },
	"named entities": func(k string) string {
		return `<a k="` + strings.NewReplacer("+", "&plus;", "/", "&sol;", "=", "&equals;", "_", "&lowbar;", "-", "&hyphen;").Replace(k) + `">`
	},
	"percent":                  func(k string) string { return "?k=" + special(k, "%%%02X") },
	"percent in lower case":    func(k string) string { return "?k=" + special(k, "%%%02x") },
	"percent twice":            func(k string) string { return "?k=" + special(k, "%%25%02X") },
	"percent three times":      func(k string) string { return "?k=" + special(k, "%%2525%02x") },
	"JavaScript's escape":      func(k string) string { return "?k=" + special(k, "%%u%04X") },
	"properties":               func(k string) string { return "k=" + strings.NewReplacer("=", `\=`, ":", `\:`).Replace(k) },
	"backslashes":              func(k string) string { return "k=" + special(k, `\%c`) },
	"backslashes, twice":       func(k string) string { return `"k=` + special(k, `\\%c`) + `"` },
	"PHP's JSON":               func(k string) string { return `{"k":"` + strings.ReplaceAll(k, "/", `\/`) + `"}` },
	"every character":          func(k string) string { return `k="` + eachByte(k, `\u%04x`, "") + `"` },
	"every character, percent": func(k string) string { return `k=` + eachByte(k, `%%%02x`, "") },
	"every character, octal":   func(k string) string { return `k="` + eachByte(k, `\%o`, "") + `"` },
}

func xzOf(text string) string {
	var b bytes.Buffer
	w, err := xz.NewWriter(&b)
	must(err)
	_, err = w.Write([]byte(text))
	must(err)
	must(w.Close())
	return b.String()
}

func ints(text string) (list []int) {
	for _, c := range []byte(text) {
		list = append(list, int(c))
	}
	return list
}

func indexed(text string) string {
	var parts []string
	for i, c := range []byte(text) {
		parts = append(parts, fmt.Sprintf(`"%d":%d`, i, c))
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// twin is a key with one character changed.
func twin(key string) string {
	at := len(key) / 2
	return key[:at] + string(map[bool]byte{true: '5', false: '6'}[key[at] == '6']) + key[at+1:]
}

func searchFor(t *testing.T, key secret.Key) *Scanner {
	t.Helper()
	s, err := New(&audit.Integration{Environments: []audit.Environment{{Name: audit.Test, Key: audit.KeyReference{Key: key}}}})
	if err != nil {
		t.Fatal(err)
	}
	return s.Scanner(content.Limits{})
}

func allHidings() map[string]func(string) string {
	all := maps.Clone(hidings)
	for name, hide := range furtherHidings {
		if all[name] != nil {
			panic(name + " is there twice")
		}
		all[name] = hide
	}
	return all
}

func TestEveryHidingPlace(t *testing.T) {
	t.Parallel()
	for alphabet, key := range recallKeys {
		held, known := searchFor(t, secret.New([]byte(key))), searchFor(t, audittest.Fingerprinted(key))
		for name, hide := range allHidings() {
			for how, scanner := range map[string]*Scanner{"held": held, "known by fingerprint": known} {
				for _, around := range []string{"", filler(200) + "\n"} {
					if around != "" && strings.Contains("\x1f\xfd\x28LP\x04\x89%\xed\x00\xff]M", hide(key)[:1]) {
						continue // containers that are recognized at their beginning
					}
					var found []Found
					cuts, err := scanner.Bytes(t.Context(), "", []byte(around+hide(key)), func(f Found) { found = append(found, f) })
					if err != nil || len(cuts) > 0 {
						t.Errorf("%s, %s, %s: %v %v", name, alphabet, how, cuts, err)
					}
					if len(found) == 0 {
						t.Errorf("%s, %s, %s (after %d bytes): missed", name, alphabet, how, len(around))
					}
					clean := 0
					if _, err := scanner.Bytes(t.Context(), "", []byte(around+hide(twin(key))), func(Found) { clean++ }); err != nil || clean > 0 {
						t.Errorf("%s, %s, %s: %d found in the clean twin, %v", name, alphabet, how, clean, err)
					}
				}
			}
		}
	}
}
