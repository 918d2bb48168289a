#!/usr/bin/env python3
"""Writes files that hold a key, each hidden in another way: hiding_places.py DIR KEY

A scanner that is told the key should name every file. With another key than the one it is told, it should name none: run it
twice. Nothing but the standard library is needed. score-keys runs scanners over both and prints the table.
"""
import base64
import binascii
import bz2
import gzip
import io
import json
import lzma
import os
import random
import struct
import sys
import tarfile
import urllib.parse
import zipfile
import zlib

directory, key = sys.argv[1], sys.argv[2]
raw = key.encode()
third, half = len(key) // 3, len(key) // 2
first, last = key[:half], key[half:]
noise = random.Random(1).randbytes  # the same files every time
os.makedirs(directory, exist_ok=True)


def put(name, content):
    if isinstance(content, str):
        content = content.encode()
    with open(os.path.join(directory, name), "wb") as file:
        file.write(content)


def b64(content):
    return base64.b64encode(content).decode()


def packed(content):
    return gzip.compress(content, mtime=0)


def in_text(value):
    return "config: abc\nvalue = %s\nend\n" % value


def escaped(escape):
    return "".join(c if c.isalnum() else escape(c) for c in key)


# Plain, and encoded once or more.
put("plain.txt", in_text(key))
put("base64.txt", in_text(b64(b"x" + raw)))
put("base64-of-hex.txt", in_text(b64(raw.hex().encode())))
put("hex-of-base64.txt", in_text(b64(raw).encode().hex()))
put("base64-three-times.txt", in_text(b64(b64(b64(b"a" + raw).encode()).encode())))
put("base64-url.txt", in_text(base64.urlsafe_b64encode(b"x" + raw).decode().rstrip("=")))
put("base32.txt", in_text(base64.b32encode(b"k=" + raw).decode()))
put("base32-lower.txt", in_text(base64.b32encode(raw).decode().lower().rstrip("=")))
put("ascii85.txt", in_text(base64.a85encode(b"k=" + raw, adobe=True).decode()))
put("percent-base64.txt", urllib.parse.quote(b64(b"k=" + raw), safe=""))
put("utf-16.txt", ("k=" + key).encode("utf-16"))
put("utf-32-le.txt", key.encode("utf-32-le"))
put("utf-32-be.txt", ("k=" + key).encode("utf-32-be"))
put("octal.txt", "".join("\\%03o" % c for c in raw))
put("hex-with-colons.txt", ":".join("%02X" % c for c in raw))
put("hex-with-spaces.txt", " ".join("%02x" % c for c in raw))
put("data-uri.html", '<a href="data:application/octet-stream;base64,%s">' % b64(packed(raw)))
put("powershell.ps1", "powershell -enc " + b64(('$k="%s"' % key).encode("utf-16-le")))
put("wrapped-base64.txt", in_text(base64.encodebytes(b"padding " * 8 + raw + b" goes on " * 8).decode()))
put("uuencoded.txt", "begin 644 k\n%s`\nend\n" % "".join(
    binascii.b2a_uu((b"k=" + raw)[at:at + 45]).decode() for at in range(0, len(raw) + 2, 45)))

# Packed inside encoded.
script = b"#!/bin/sh\nexport K=" + raw + b"\n"
put("gzip-in-base64.txt", in_text(b64(packed(script))))
put("zlib-in-base64.txt", in_text(b64(zlib.compress(script))))
put("gzip-in-hex.txt", in_text(packed(script).hex()))
put("gzip-in-wrapped-base64.txt", in_text(base64.encodebytes(packed(script + noise(200))).decode()))
put("kubernetes-secret.yaml", "apiVersion: v1\nkind: Secret\ndata:\n  k: %s\n" % b64(raw))
put("kubernetes-binary-data.yaml", "apiVersion: v1\nkind: ConfigMap\nbinaryData:\n  app.gz: %s\n" % b64(packed(script)))
put("cloudwatch.json", json.dumps({"awslogs": {"data": b64(packed(json.dumps({"logEvents": [{"message": "key=" + key}]}).encode()))}}))
put("json-three-times.json", json.dumps({"a": json.dumps({"b": b64(packed(json.dumps({"k": key}).encode()))})}))
put("capture.har", json.dumps({"log": {"entries": [{"response": {"content": {"text": b64(b'{"k":"' + raw + b'"}'), "encoding": "base64"}}}]}}))


# Printed bytes.
def hexdump(content):
    lines = []
    for at in range(0, len(content), 16):
        row = content[at:at + 16]
        digits = "  ".join(" ".join("%02x" % c for c in part) for part in (row[:8], row[8:]))
        lines.append("%08x  %s  |%s|" % (at, digits, "".join(chr(c) if 32 <= c < 127 else "." for c in row)))
    return "\n".join(lines) + "\n"


def xxd(content):
    lines = []
    for at in range(0, len(content), 16):
        row = content[at:at + 16]
        pairs = " ".join(row[i:i + 2].hex() for i in range(0, len(row), 2))
        lines.append("%08x: %-40s %s" % (at, pairs, "".join(chr(c) if 32 <= c < 127 else "." for c in row)))
    return "\n".join(lines) + "\n"


put("hexdump.txt", hexdump(b"api=" + raw + b"\n"))
put("xxd.txt", xxd(b"api=" + raw + b"\n"))
put("go-bytes.txt", "[]byte{%s}" % ", ".join("0x%02x" % c for c in raw))
put("go-bytes-lines.txt", "[]byte{\n%s,\n}" % ",\n".join("\t" + ", ".join("0x%02x" % c for c in raw[i:i + 8]) for i in range(0, len(raw), 8)))
put("decimal-lines.txt", "{\n%s\n}" % ",\n".join("  " + ", ".join(str(c) for c in raw[i:i + 10]) for i in range(0, len(raw), 10)))
put("go-printed.txt", "key=[%s]" % " ".join(str(c) for c in raw))
put("buffer.json", json.dumps({"type": "Buffer", "data": list(raw)}, indent=2))
put("char-codes.js", "String.fromCharCode(%s)" % ",".join(str(c) for c in raw))
put("blob.sql", "INSERT INTO t VALUES (X'%s');" % raw.hex())

# Cut in two by a language.
for name, text in {
    "plus.js": 'const k = "%s" +\n  "%s";\n', "dot.php": '<?php $k = "%s" . "%s";\n', "adjacent.py": 'k = ("%s"\n     "%s")\n',
    "backslash.rb": 'k = "%s" \\\n  "%s"\n', "ampersand.vb": 'k = "%s" & _\n  "%s"\n', "dots.lua": 'k = "%s" .. "%s"\n',
    "bars.sql": "select '%s' || '%s';\n", "plus-plus.hs": 'k = "%s" ++ "%s"\n', "caret.ml": 'let k = "%s" ^ "%s"\n',
    "join.js": '["%s","%s"].join("")\n', "adjacent.c": 'char *k = "%s" "%s";\n', "append.js": 'let k="%s";\nk += "%s";\n',
    "continued.sh": "K=%s\\\n%s\n", "continued.properties": "key=%s\\\n    %s\n", "folded.yaml": 'k: "%s\\\n  %s"\n',
    "markup.html": "<p><b>%s</b><i>%s</i></p>", "break.html": "<p>%s<wbr>%s</p>",
}.items():
    put("cut-" + name, text % (first, last))
put("cut-three.java", 'String k = "%s"\n + "%s"\n + "%s";' % (key[:third], key[third:2 * third], key[2 * third:]))
put("cut-letters.js", "[%s].join('')" % ",".join("'%s'" % c for c in key))

# Escaped as frameworks do.
put("escape-u-upper.json", '{"k":"%s"}' % escaped(lambda c: "\\u%04X" % ord(c)))
put("escape-u-lower.json", '{"k":"%s"}' % escaped(lambda c: "\\u%04x" % ord(c)))
put("escape-entity-hex.html", escaped(lambda c: "&#x%X;" % ord(c)))
put("escape-entity-decimal.html", escaped(lambda c: "&#%d;" % ord(c)))
put("escape-x.js", escaped(lambda c: "\\x%02x" % ord(c)))
put("escape-percent.txt", escaped(lambda c: "%%%02X" % ord(c)))
put("escape-backslash.md", escaped(lambda c: "\\" + c))

# Log lines that a runtime cut.
put("docker.log", "".join(json.dumps({"log": part, "stream": "stdout", "time": "t"}) + "\n" for part in ("x" * 16300 + first, last + " end\n")))
put("cri.log", "2026-11-01T10:00:00.000000000Z stdout P %s\n2026-11-01T10:00:00.000000001Z stdout F %s end\n" % ("x" * 1000 + first, last))


# Containers, also with something before or after them.
def zipped(comment=b""):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("k.txt"), "K=%s\n" % key, zipfile.ZIP_DEFLATED)
        archive.comment = comment
    return file.getvalue()


def tarred():
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        member = tarfile.TarInfo("k")
        member.size = len(raw)
        archive.addfile(member, io.BytesIO(raw))
    return file.getvalue()


def cpio():
    def entry(name, content):
        name = name.encode() + b"\0"
        numbers = (1, 0o100644, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name), 0)
        head = b"070701" + b"".join(b"%08x" % n for n in numbers) + name
        head += b"\0" * (-len(head) % 4)
        return head + content + b"\0" * (-len(content) % 4)
    return entry("k", b"K=" + raw) + entry("TRAILER!!!", b"")


put("zip.zip", zipped())
put("zip-comment.zip", zipped(b"c" * 300))
put("zip-newline.zip", zipped() + b"\n")
put("zip-behind-stub.exe", b"MZ" + noise(3000) + zipped())
put("zip-signed.exe", b"MZ" + noise(3000) + zipped() + noise(2000))
put("zip-in-mail.eml", "From: a@acme.example\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=B\n\n--B\n"
    "Content-Type: application/zip\nContent-Transfer-Encoding: base64\n\n%s--B--\n" % base64.encodebytes(zipped()).decode())
put("tar.tar.gz", packed(tarred()))
put("gzip-without-extension", packed(b"K=" + raw))
put("gzip-behind-script.sh", b"#!/bin/sh\ntail -n +4 $0 | tar xz\nexit 0\n" + packed(b"K=" + raw))
put("bzip2.bz2", bz2.compress(b"K=" + raw))
put("xz.xz", lzma.compress(b"K=" + raw))
put("cpio.cpio", cpio())
put("cpio.cpio.gz", packed(cpio()))

# Documents and images.
document = io.BytesIO()
with zipfile.ZipFile(document, "w", zipfile.ZIP_DEFLATED) as archive:
    archive.writestr(zipfile.ZipInfo("word/document.xml"),
                     "<w:document><w:p><w:r><w:t>%s</w:t></w:r><w:r><w:rPr><w:b/></w:rPr><w:t>%s</w:t></w:r></w:p></w:document>" % (first, last))
put("runs.docx", document.getvalue())


def pdf(stream, filters):
    return b"%%PDF-1.4\n1 0 obj\n<< /Length %d%s >>\nstream\n%s\nendstream\nendobj\n%%%%EOF\n" % (len(stream), filters, stream)


shown = ("BT /F1 12 Tf [(%s) -20 (%s) 5 (%s)] TJ ET" % (key[:third], key[third:2 * third], key[2 * third:])).encode()
put("array.pdf", pdf(shown, b""))
put("flate.pdf", pdf(zlib.compress(shown), b" /Filter /FlateDecode"))
put("hex-flate.pdf", pdf(binascii.hexlify(zlib.compress(shown)) + b">", b" /Filter [/ASCIIHexDecode /FlateDecode]"))
put("ascii85-flate.pdf", pdf(base64.a85encode(zlib.compress(shown)) + b"~>", b" /Filter [/ASCII85Decode /FlateDecode]"))


def png(kind, text):
    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)) + chunk(kind, text)
            + chunk(b"IDAT", zlib.compress(b"\0\0")) + chunk(b"IEND", b""))


put("text.png", png(b"tEXt", b"Comment\0" + raw))
put("compressed-text.png", png(b"zTXt", b"Comment\0\0" + zlib.compress(raw)))
