package keyscan

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf16"
)

func deflated(text string) string {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, 9)
	must(err)
	_, err = w.Write([]byte(text))
	must(err)
	must(w.Close())
	return b.String()
}

func gmtLine(n int) string { return fmt.Sprintf("2026-01-02T03:04:%02d.000000000Z", n) }

// furtherHidings are what programs, shells, logs and documents make of a text, one character or one line at a time.
var furtherHidings = map[string]func(k string) string{
	"powershell char casts":              func(k string) string { return "$k = " + eachByte(k, "[char]%d", "+") },
	"powershell char hex casts":          func(k string) string { return "$k = " + eachByte(k, "[char]0x%02x", " + ") },
	"XML CDATA split":                    func(k string) string { return "<k><![CDATA[" + strings.Join(pieces(k, 12), "]]><![CDATA[") + "]]></k>" },
	"entities, seven without semicolons": func(k string) string { return "<k>" + eachByte(k, "&#x%07x", "") + "</k>" },
	"patch removed base64":               func(k string) string { return "-" + wrapAt(b64("the key is "+k+" and more"), 24, "\n-") + "\n" },
	"quoted twice":                       func(k string) string { return "> > " + wrapAt(b64("the key is "+k+" and more"), 24, "\n> > ") + "\n" },
	"comment percent":                    func(k string) string { return "% " + wrapAt(b64("the key is "+k+" and more"), 24, "\n% ") + "\n" },
	"comment rem":                        func(k string) string { return "REM " + wrapAt(b64("the key is "+k+" and more"), 24, "\nREM ") + "\n" },
	"comment bang":                       func(k string) string { return "! " + wrapAt(b64("the key is "+k+" and more"), 24, "\n! ") + "\n" },
	"comment dnl":                        func(k string) string { return "dnl " + wrapAt(b64("the key is "+k+" and more"), 24, "\ndnl ") + "\n" },
	"echo lines": func(k string) string {
		return "echo " + wrapAt(b64("the key is "+k+" and more"), 24, " >> k.b64\necho ") + " >> k.b64\n"
	},
	"batch set":           func(k string) string { return "set K=" + strings.Join(pieces(k, 12), "\r\nset K=%K%") + "\r\n" },
	"shell append":        func(k string) string { return "K=" + strings.Join(pieces(k, 12), "\nK=$K") + "\n" },
	"shell append braces": func(k string) string { return "K=" + strings.Join(pieces(k, 12), "\nK=${K}") + "\n" },
	"shell plus":          func(k string) string { return "K=" + strings.Join(pieces(k, 12), "\nK+=") + "\n" },
	"fromCharCode each":   func(k string) string { return "k=" + eachByte(k, "String.fromCharCode(%d)", "+") },
	"chr each":            func(k string) string { return "k = " + eachByte(k, "chr(%d)", " + ") },
	"chr each PHP":        func(k string) string { return "$k = " + eachByte(k, "chr(%d)", " . ") },
	"Chr each VB":         func(k string) string { return "k = " + eachByte(k, "Chr(%d)", " & ") },
	"ChrW hex VB":         func(k string) string { return "k = " + eachByte(k, "ChrW(&H%02X)", " & ") },
	"Char in SQL":         func(k string) string { return "SELECT " + eachByte(k, "CHAR(%d)", "+") },
	"CHR in Oracle":       func(k string) string { return "SELECT " + eachByte(k, "CHR(%d)", "||") },
	"template strings":    func(k string) string { return "k = `" + strings.Join(pieces(k, 12), "${''}") + "`" },
	"Python f-string":     func(k string) string { return "k = f'" + strings.Join(pieces(k, 12), "{\"\"}") + "'" },
	"Ruby %w":             func(k string) string { return "k = %w[" + strings.Join(pieces(k, 12), " ") + "].join" },
	"Perl qw":             func(k string) string { return "my $k = join '', qw(" + strings.Join(pieces(k, 12), " ") + ");" },
	"Rust Vec<u8>":        func(k string) string { return "vec![" + eachByte(k, "%du8", ", ") + "]" },
	"Rust hex u8":         func(k string) string { return "[" + eachByte(k, "0x%02xu8", ", ") + "]" },
	"Java bytes":          func(k string) string { return "new byte[] {" + eachByte(k, "(byte) 0x%02X", ", ") + "}" },
	"Java bytes decimal":  func(k string) string { return "new byte[] {" + eachByte(k, "(byte)%d", ",") + "}" },
	"C# interpolated":     func(k string) string { return "k = $\"" + strings.Join(pieces(k, 12), "{\"\"}") + "\"" },
	"PHP deflate": func(k string) string {
		return "eval(gzinflate(base64_decode('" + b64(deflated("<?php $k='"+k+"'; ?>"+filler(100))) + "')));"
	},
	"raw deflate base64 SAML": func(k string) string {
		return "SAMLRequest=" + url.QueryEscape(b64(deflated("<samlp:AuthnRequest ID=\""+k+"\" xmlns=\"urn\">"+filler(80))))
	},
	"SVG tspan": func(k string) string {
		return "<text><tspan>" + strings.Join(pieces(k, 6), "</tspan>\n<tspan dx='3'>") + "</tspan></text>"
	},
	"HTML br":          func(k string) string { return "<code>" + strings.Join(pieces(k, 12), "<br>\n") + "</code>" },
	"HTML shy":         func(k string) string { return "<code>" + strings.Join(pieces(k, 12), "&shy;") + "</code>" },
	"HTML zero-width":  func(k string) string { return "<code>" + strings.Join(pieces(k, 12), "\u200b") + "</code>" },
	"HTML zwsp entity": func(k string) string { return "<code>" + strings.Join(pieces(k, 12), "&#8203;") + "</code>" },
	"RTF":              func(k string) string { return `{\rtf1 key: ` + strings.Join(pieces(k, 9), `}{\b `) + `}` },
	"RTF unicode":      func(k string) string { return `{\rtf1 key: ` + eachByte(k, `\u%d?`, "") + `}` },
	"PDF quotes": func(k string) string {
		return pdfOf("/FlateDecode", zlibOf("BT /F1 9 Tf ("+strings.Join(pieces(k, 9), ") ' (")+") ' ET"))
	},
	"signed bytes": func(k string) string {
		z := gz("key=" + k + filler(40))
		var p []string
		for _, c := range []byte(z) {
			p = append(p, strconv.Itoa(int(int8(c))))
		}
		return "byte[] b = {" + strings.Join(p, ", ") + "};"
	},
	"hex h suffix":    func(k string) string { return "db " + eachByte(k, "0%02Xh", ", ") },
	"hex & VB":        func(k string) string { return eachByte(k, "&H%02X", ", ") },
	"hex 16#":         func(k string) string { return eachByte(k, "16#%02X#", ", ") },
	"binary literals": func(k string) string { return eachByte(k, "0b%08b", ", ") },
	"binary text":     func(k string) string { return eachByte(k, "%08b", " ") },
	"octal literals":  func(k string) string { return eachByte(k, "0o%o", ", ") },
	"wide hex":        func(k string) string { return eachByte(k, "0x00%02x", ", ") },
	"u32 hex":         func(k string) string { return eachByte(k, "0x000000%02x", ", ") },
	"words 32 LE":     func(k string) string { return wordsOf(k, 4, binary.LittleEndian) },
	"words 32 BE":     func(k string) string { return wordsOf(k, 4, binary.BigEndian) },
	"words 16 BE":     func(k string) string { return wordsOf(k, 2, binary.BigEndian) },
	"words 64 LE":     func(k string) string { return wordsOf(k, 8, binary.LittleEndian) },
	"soft hyphen":     func(k string) string { return strings.Join(pieces(k, 12), "\u00ad") },
	"zero width":      func(k string) string { return strings.Join(pieces(k, 12), "\u200b") },
	"BOM inside":      func(k string) string { return strings.Join(pieces(k, 12), "\ufeff") },
	"fullwidth": func(k string) string {
		var b strings.Builder
		for _, c := range k {
			b.WriteRune(c - 0x21 + 0xff01)
		}
		return b.String()
	},
	"ANSI colors": func(k string) string { return "\x1b[32m" + strings.Join(pieces(k, 12), "\x1b[0m\x1b[33m") + "\x1b[0m" },
	"log with prefix per line": func(k string) string {
		return "INFO " + strings.Join(pieces(b64("the key is "+k+" and more"), 24), "\nINFO ") + "\n"
	},
	"log with time per line": func(k string) string {
		var b strings.Builder
		for i, p := range pieces(b64("the key is "+k+" and more"), 24) {
			b.WriteString(gmtLine(i) + " " + p + "\n")
		}
		return b.String()
	},
	"tcpdump -X": func(k string) string {
		var b strings.Builder
		t := "GET / HTTP/1.1\r\napi-key: " + k + "\r\n"
		for at := 0; at < len(t); at += 16 {
			l := t[at:min(len(t), at+16)]
			fmt.Fprintf(&b, "\t0x%04x:  ", at)
			for i := 0; i < len(l); i += 2 {
				fmt.Fprintf(&b, "%x ", l[i:min(len(l), i+2)])
			}
			b.WriteString(" " + strings.Map(func(r rune) rune {
				if r < 32 {
					return '.'
				}
				return r
			}, l) + "\n")
		}
		return b.String()
	},
	"Wireshark text": func(k string) string {
		var b strings.Builder
		for at := 0; at < len(k); at += 16 {
			l := k[at:min(len(k), at+16)]
			fmt.Fprintf(&b, "%04x   %s   %s\n", at, eachByte(l, "%02x", " "), l)
		}
		return b.String()
	},
	"gdb x/s": func(k string) string {
		var b strings.Builder
		for at := 0; at < len(k); at += 8 {
			fmt.Fprintf(&b, "0x7ffe%08x:\t%s\n", at, eachByte(k[at:min(len(k), at+8)], "0x%02x", "\t"))
		}
		return b.String()
	},
	"Intel HEX": func(k string) string { return intelHex("key=" + k + "\x00") },
	"S-record":  func(k string) string { return srecord("key=" + k + "\x00") },
	"kernel initrd": func(k string) string {
		return cpioOf("a", "b") + strings.Repeat("\x00", 512) + gz(cpioOf("etc/key", "key="+k))
	},
	"http deflate body": func(k string) string {
		return "HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\n\r\n" + zlibOf("key="+k+filler(60))
	},
	"JPEG COM UTF-16": func(k string) string { return "\xff\xd8\xff\xfe\x00\x80" + utf16Of(k) + "\x00\xff\xd9" },
	"JPEG XMP base64": func(k string) string {
		return "\xff\xd8\xff\xe1\x00\x80http://ns.adobe.com/xap/1.0/\x00<x>" + b64("key is "+k) + "</x>\xff\xd9"
	},
	"JPEG with zip behind": func(k string) string {
		return "\xff\xd8\xff\xe0" + strings.Repeat("\xaa", 100) + "\xff\xd9" + zipOf(zip.Deflate, "", "a", k)
	},
	"PNG with zip behind": func(k string) string { return pngOf("tEXt", "a\x00b") + zipOf(zip.Deflate, "", "a", k) },
	"PNG tEXt base64":     func(k string) string { return pngOf("tEXt", "Comment\x00"+b64("key is "+k)) },
	"GIF comment base64": func(k string) string {
		return "GIF89a\x01\x00\x01\x00\x00\x00\x00!\xfe" + string(byte(len(b64(k)))) + b64(k) + "\x00;"
	},
	"ID3": func(k string) string {
		return "ID3\x03\x00\x00\x00\x00\x00\x40TIT2\x00\x00\x00\x30\x00\x00\x01\xff\xfe" + utf16Of(k)
	},
	"WebP XMP": func(k string) string {
		return "RIFF\x80\x00\x00\x00WEBPXMP \x40\x00\x00\x00<x>" + eachByte(k, "&#%d;", "") + "</x>"
	},
	"font name UTF-16": func(k string) string { return "\x00\x01\x00\x00\x00\x0a" + strings.Repeat("\x00", 20) + utf16BE(k) },
	"mail header folded": func(k string) string {
		p := pieces("key "+k, 12)
		for i := range p {
			p[i] = "=?utf-8?B?" + b64(p[i]) + "?="
		}
		return "Subject: " + strings.Join(p, "\r\n ") + "\r\n"
	},
	"bash array": func(k string) string { return "K=(" + strings.Join(pieces(k, 12), " ") + ")\n" },
	"Makefile": func(k string) string {
		return "K := " + strings.Join(pieces(strings.ReplaceAll(k, "$", "$$"), 12), "\nK := $(K)") + "\n"
	},
	"cmd caret": func(k string) string { return "set K=" + strings.Join(pieces(k, 12), "^\r\n") + "\r\n" },
	// Characters one by one, in whatever signs.
	"regular expression classes": func(k string) string { return "match = /" + eachByte(k, "[%c]", "") + "/" },
	"Erlang characters":          func(k string) string { return "Key = [" + eachByte(k, "$%c", ",") + "]." },
	"Prolog characters":          func(k string) string { return "key([" + eachByte(k, "0'%c", ", ") + "])." },
	"Lisp characters":            func(k string) string { return "(list " + eachByte(k, `#\%c`, " ") + ")" },
	"Lisp codes":                 func(k string) string { return "(map 'string #'code-char '(" + eachByte(k, "%d", " ") + "))" },
	"Elixir characters":          func(k string) string { return "[" + eachByte(k, "?%c", ", ") + "]" },
	"spaced out":                 func(k string) string { return "The key: " + eachByte(k, "%c", " ") + "\n" },
	"one a line":                 func(k string) string { return "key\n" + eachByte(k, "%c", "\n") + "\n" },
	"overstruck":                 func(k string) string { return "KEY " + eachByte(k, "%[1]c\b%[1]c", "") + "\n" },
	"overstruck, in carets":      func(k string) string { return "KEY " + eachByte(k, "%[1]c^H%[1]c", "") + "\n" },
	"numbers in signs":           func(k string) string { return "key = " + eachByte(k, "#%03d", "") },
	"LaTeX":                      func(k string) string { return `\texttt{` + strings.Join(pieces(k, 6), `\allowbreak `) + `}` },
	"LaTeX with braces":          func(k string) string { return `\texttt{` + strings.Join(pieces(k, 1), `\allowbreak{}`) + `}` },
	"Tcl append":                 func(k string) string { return "set key " + strings.Join(pieces(k, 7), "\nappend key ") + "\n" },
	"Tcl append, quoted":         func(k string) string { return `set key "` + strings.Join(pieces(k, 7), "\"\nappend key \"") + "\"\n" },
	"base85": func(k string) string {
		return "data = b'" + base85("0123456789"+upper+lower+"!#$%&()*+-;<=>?@^_`{|}~", "the key is "+k+".") + "'"
	},
	"Z85": func(k string) string {
		return `data: "` + base85("0123456789"+lower+upper+".-:+=^!/*?&<>()[]{}@%$#", "the key is "+k+".") + `"`
	},
	"Z85 of the key alone": func(k string) string {
		return `data: "` + base85("0123456789"+lower+upper+".-:+=^!/*?&<>()[]{}@%$#", k) + `"`
	},
	"ascii85 without brackets": func(k string) string {
		return "data = " + base85(`!"#$%&'()*+,-./0123456789:;<=>?@`+upper+"[\\]^_`"+lower[:21], "the key is "+k+".")
	},
	"gzip in base85": func(k string) string {
		return "b85decode(b'" + base85("0123456789"+upper+lower+"!#$%&()*+-;<=>?@^_`{|}~", gz("key="+k)) + "')"
	},
	"chunked":      func(k string) string { return chunked("{\"key\": \""+k+"\"}\n", 17) },
	"chunked gzip": func(k string) string { return chunked(gz("{\"key\": \""+k+"\"}\n"+filler(90)), 17) },
	"PNG in a data URI": func(k string) string {
		return `<img src="data:image/png;base64,` + b64(pngOf("zTXt", "Comment\x00\x00"+zlibOf("key="+k))) + `">`
	},

	"Excel CHAR": func(k string) string { return "=" + eachByte(k, "CHAR(%d)", "&") },
}

const lower, upper = "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

func base85(alphabet, text string) string {
	var b strings.Builder
	for at := 0; at < len(text); at += 4 {
		group := binary.BigEndian.Uint32([]byte(text[at:min(len(text), at+4)] + "\x00\x00\x00")[:4])
		for _, power := range []uint32{85 * 85 * 85 * 85, 85 * 85 * 85, 85 * 85, 85, 1} {
			b.WriteByte(alphabet[group/power%85])
		}
	}
	return b.String()
}

// chunked is a recorded response.
func chunked(body string, size int) string {
	head := "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nServer: x\r\n\r\n"
	for _, chunk := range pieces(body, size) {
		head += fmt.Sprintf("%x\r\n%s\r\n", len(chunk), chunk)
	}
	return head + "0\r\n\r\n"
}

func wordsOf(k string, size int, order binary.ByteOrder) string {
	for len(k)%size != 0 {
		k += " "
	}
	var p []string
	for at := 0; at < len(k); at += size {
		b := []byte(k[at : at+size])
		switch size {
		case 2:
			p = append(p, fmt.Sprintf("0x%04x", order.Uint16(b)))
		case 4:
			p = append(p, fmt.Sprintf("0x%08x", order.Uint32(b)))
		default:
			p = append(p, fmt.Sprintf("0x%016x", order.Uint64(b)))
		}
	}
	return "uint k[] = {" + strings.Join(p, ", ") + "};"
}

func srecord(text string) string {
	var b strings.Builder
	for at := 0; at < len(text); at += 16 {
		l := text[at:min(len(text), at+16)]
		fmt.Fprintf(&b, "S1%02X%04X%s%02X\n", len(l)+3, at, strings.ToUpper(hex.EncodeToString([]byte(l))), 0x5a)
	}
	return b.String() + "S9030000FC\n"
}

func utf16BE(text string) string {
	var b []byte
	for _, c := range utf16.Encode([]rune(text)) {
		b = binary.BigEndian.AppendUint16(b, c)
	}
	return string(b)
}

func intelHex(text string) string {
	var b strings.Builder
	for at := 0; at < len(text); at += 16 {
		l := text[at:min(len(text), at+16)]
		sum := byte(len(l)) + byte(at>>8) + byte(at)
		for i := range len(l) {
			sum += l[i]
		}
		fmt.Fprintf(&b, ":%02X%04X00%s%02X\n", len(l), at, strings.ToUpper(hex.EncodeToString([]byte(l))), -sum)
	}
	return b.String() + ":00000001FF\n"
}
