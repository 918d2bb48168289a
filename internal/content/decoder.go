package content

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"maps"
	"math"
	"slices"
)

// Text is one text to be searched: a window of a content or of an entry of a container, as it stands or with encodings undone. It
// is only valid while Visit runs.
type Text struct {
	Entry string // path inside containers; empty for the content itself
	Bytes []byte
	Layer int // steps of decoding; 0: as it stands
	// Seen is how many of the first bytes were in the window before: what ends there has been found.
	Seen int
	// Last: nothing follows.
	Last bool
	Name bool // Bytes is the entry's own path

	made   *layer // nil: as it stands
	of     *Text
	offset int64 // of Bytes[0] in the entry
	lines  int64 // before it
}

// Place is where Bytes[at] is found in the entry: for decoded text, the encoded text that it comes from. The offset is in bytes from
// 0, the line counts from 1.
func (t *Text) Place(at int) (offset, line int64) {
	for t.made != nil {
		at, _ = t.made.source(at)
		t = t.of
	}
	at = min(at, len(t.Bytes))
	return t.offset + int64(at), t.lines + int64(bytes.Count(t.Bytes[:at], []byte{'\n'})) + 1
}

// Encoding names what was undone to get Bytes[from:to], the outermost first: "base64 of hex". It is empty for a text as it stands.
func (t *Text) Encoding(from, to int) string {
	name := ""
	for t.made != nil {
		source, encoding := t.made.source(from)
		last := source + 1
		for at := t.made.index(from) + 1; at < len(t.made.pieces) && int(t.made.pieces[at].out) < to; at++ {
			encoding |= t.made.pieces[at].encoding
			last = int(t.made.pieces[at].src)
		}
		name = Chain(encoding.String(), name)
		if end, _ := t.made.source(to - 1); end >= source {
			last = max(last, end+1)
		}
		from, to, t = source, last, t.of
	}
	return name
}

// Chain names one encoding around another; a backslash before an escape is part of it.
func Chain(outer, inner string) string {
	switch {
	case outer == "", outer == inner && outer != Base64.String(), outer == Backslash.String() && inner != "":
		return inner
	case inner == "":
		return outer
	}
	return outer + " of " + inner
}

// Keys tell how long what is looked for is, in bytes: nothing shorter or longer is worth decoding.
type Keys struct {
	Shortest, Longest int
	// Thorough decodes what does not look like text in its first bytes, too: for keys that are not looked for in base64 as it
	// stands.
	Thorough bool
	// Seams, if set, are those of what is looked for as it stands: text in pieces is put together only at such a seam, or where it
	// looks encoded.
	Seams *Seams
}

// Decoder hands over every text of one content after the other: what stands there, what is encoded in it, and what is in the
// containers it is or holds. Encodings and containers may be in each other in any order. It is not safe for concurrent use.
type Decoder struct {
	limits Limits
	steps  steps
	visit  func(*Text)

	walker walker
	whole  entry    // that of Bytes
	frames []*frame // one for each window that is being decoded
	used   int
	buffer []byte
	// Opaque and OpaqueBytes count contents and entries of high entropy that are of no known format: they may be encrypted.
	Opaque      int
	OpaqueBytes int64

	// Remember lets contents be passed over that were decoded before without a call of Mark: there are many in the versions of a
	// file, and in what is both packed and unpacked.
	Remember bool
	marks    int
	clean    []uint64 // hashes of such contents
	seed     maphash.Seed
	strange  []strange // scratch
	hashes   []uint64  // scratch
}

// Mark says that something was found in the text that is being visited.
func (d *Decoder) Mark() { d.marks++ }

// frame is what decoding one window takes.
type frame struct {
	layers [maxLayers]layer
	texts  [maxLayers + 1]Text
	cuts   map[int64][]Cut // of the containers that begin inside, by where
}

const (
	maxLayers = 8       // steps of decoding
	window    = 4 << 20 // bytes that are decoded at a time
	overlap   = 64 << 10
	// maxGrowth bounds what decoding gives, in relation to the window and beyond a base.
	maxGrowth     = 6
	baseGrowth    = 1 << 20
	maxEmbedded   = 200      // containers inside one window
	minDamaged    = 256      // bytes of an encoded container from which damage is reported
	minOutput     = 64 << 10 // and bytes that come out of what was only recognized inside something else
	entropySample = 4096
	highEntropy   = 7.2 // bits a byte in entropySample bytes; machine code has 6, text 5
)

// NewDecoder returns a decoder that calls visit.
func NewDecoder(limits Limits, keys Keys, visit func(*Text)) *Decoder {
	d := &Decoder{limits: limits.withDefaults(), visit: visit}
	d.steps = steps{shortest: minRun, least: minJoined, reach: min(max(64, keys.Longest), 1024), thorough: keys.Thorough, seams: keys.Seams}
	if keys.Seams != nil {
		d.steps.ends = endsOf(keys.Seams)
	}
	if keys.Shortest > 0 {
		d.steps.least = keys.Shortest
		// In six bits a digit; a compressed key may take half its length.
		d.steps.shortest = max(11, (min(keys.Shortest, keys.Shortest/2+8)*8+5)/6)
	}
	return d
}

// Source is a content that can be read anywhere: a bytes.Reader, or an io.SectionReader over a file.
type Source interface {
	io.Reader
	io.ReaderAt
	Size() int64
}

// Bytes decodes data, the whole of a content; name, its file's, may tell a format. What was not decoded in full is in the cuts; the
// error is the context's.
func (d *Decoder) Bytes(ctx context.Context, name string, data []byte) ([]Cut, error) {
	d.begin(ctx)
	format := SniffNamed(name, data)
	format, behind := withEnd(format, data[max(0, len(data)-TailLen):])
	e := &d.whole
	*e = entry{d: d, format: format}
	for from := 0; ; from += window {
		to := min(len(data), from+window)
		begin := max(0, from-overlap)
		e.base, e.seen = int64(begin), from-begin
		if err := d.decode(e, data[begin:to], to == len(data)); err != nil {
			return d.end(err)
		}
		e.lines += int64(bytes.Count(data[begin:max(begin, to-overlap)], []byte{'\n'}))
		if to == len(data) {
			break
		}
	}
	return d.end(d.containersOf(format, behind, func() Source { return bytes.NewReader(data) }))
}

// withEnd tells a format by a file's last bytes too: that of the file, or of what is behind it.
func withEnd(format Format, tail []byte) (of, behind Format) {
	switch {
	case format == None:
		return SniffEnd(tail), None
	case format.isMedia():
		return format, SniffEnd(tail)
	}
	return format, None
}

// containersOf opens a container, and the one behind it.
func (d *Decoder) containersOf(format, behind Format, from func() Source) error {
	for _, format := range []Format{format, behind} {
		if format != None {
			if err := d.walker.walk("", format, &source{ctx: d.walker.ctx, r: from()}, 1); err != nil {
				return err
			}
		}
	}
	return nil
}

// File decodes what can be read anywhere and may be of any size. The error is the context's or that of reading.
func (d *Decoder) File(ctx context.Context, name string, from Source) ([]Cut, error) {
	size := from.Size()
	if size <= window {
		if int64(cap(d.buffer)) < size {
			d.buffer = make([]byte, size, min(window, 2*size+4096))
		}
		data := d.buffer[:size]
		if n, err := from.ReadAt(data, 0); n < len(data) && err != io.EOF {
			return nil, err
		} else if n < len(data) {
			data = data[:n]
		}
		return d.Bytes(ctx, name, data)
	}
	d.begin(ctx)
	head, tail := make([]byte, SniffLen), make([]byte, min(size, TailLen))
	n, _ := from.ReadAt(head, 0)
	format := SniffNamed(name, head[:n])
	n, _ = from.ReadAt(tail, size-int64(len(tail)))
	format, behind := withEnd(format, tail[:n])
	e := &entry{d: d, format: format, sniffed: true}
	_, err := io.CopyBuffer(e, struct{ io.Reader }{Until(ctx, io.NewSectionReader(from, 0, size))}, make([]byte, 256<<10))
	if closed := e.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = d.containersOf(format, behind, func() Source { return io.NewSectionReader(from, 0, size) })
	}
	return d.end(err)
}

// Stream decodes what can be read once only.
func (d *Decoder) Stream(ctx context.Context, name string, r io.Reader) ([]Cut, error) {
	d.begin(ctx)
	src := &source{ctx: ctx, r: r}
	d.walker.name = name
	err := d.walker.member("", src, func() int64 { return src.read }, 0)
	if src.failed != nil {
		err = src.failed
	}
	return d.end(err)
}

// Whole reports whether something in the content that was decoded last depends on what stands far before or behind it, as what is
// in a container does: part of another version of it tells nothing.
func (d *Decoder) Whole() bool { return d.steps.whole }

func (d *Decoder) begin(ctx context.Context) {
	d.steps.whole, d.steps.pieces = false, false
	d.walker = walker{ctx: ctx, limits: d.limits, left: d.limits.Bytes, open: d.walker.open}
	if d.walker.open == nil {
		d.walker.open = d.open
	}
}

// open takes what is written of an entry of a container.
func (d *Decoder) open(path string) io.WriteCloser {
	if path != "" {
		d.visit(&Text{Entry: path, Bytes: []byte(path), Name: true, Last: true})
	}
	return &entry{d: d, path: path, depth: d.walker.depth}
}

func (d *Decoder) end(err error) ([]Cut, error) {
	if cut := (*cutError)(nil); errors.As(err, &cut) {
		d.walker.cut("", cut.reason, cut.detail)
		err = nil
	}
	return d.walker.cuts, err
}

// entry is one content, or one entry of a container, as it is written in pieces.
type entry struct {
	d       *Decoder
	path    string
	depth   int
	format  Format // that whoever writes the entry opens; what begins inside it is opened here
	sniffed bool
	hold    []byte
	base    int64 // offset of the window
	lines   int64 // before it
	seen    int
	any     bool
}

func (e *entry) Write(b []byte) (int, error) {
	n := len(b)
	for len(b) > 0 {
		k := min(len(b), window-(len(e.hold)-e.seen))
		e.hold = append(e.hold, b[:k]...)
		b = b[k:]
		if len(e.hold)-e.seen >= window {
			if err := e.window(false); err != nil {
				return 0, err
			}
		}
	}
	return n, nil
}

// Close decodes the rest.
func (e *entry) Close() error { return e.window(true) }

func (e *entry) window(last bool) error {
	if !e.sniffed {
		e.sniffed = true
		e.format = SniffNamed(e.path, e.hold)
	}
	if err := e.d.decode(e, e.hold, last); err != nil {
		return err
	}
	keep := min(len(e.hold), overlap)
	drop := len(e.hold) - keep
	e.lines += int64(bytes.Count(e.hold[:drop], []byte{'\n'}))
	e.base += int64(drop)
	copy(e.hold, e.hold[drop:])
	e.hold, e.seen = e.hold[:keep], keep
	return nil
}

const (
	minRemembered = 64
	remembered    = 1 << 16
)

// decode visits one window, what is encoded in it, and what the containers inside it hold, unless it did and found nothing.
func (d *Decoder) decode(e *entry, data []byte, last bool) error {
	if !d.Remember || !last || e.base > 0 || len(data) < minRemembered {
		return d.window(e, data, last)
	}
	if d.clean == nil {
		d.clean, d.seed = make([]uint64, remembered), maphash.MakeSeed()
	}
	hash := maphash.Bytes(d.seed, data) ^ uint64(e.format)
	if d.clean[hash%remembered] == hash {
		return nil
	}
	marks, cuts, opaque := d.marks, len(d.walker.cuts), d.Opaque
	err := d.window(e, data, last)
	if err == nil && !d.steps.whole && d.marks == marks && len(d.walker.cuts) == cuts && d.Opaque == opaque {
		d.clean[hash%remembered] = hash
	}
	return err
}

func (d *Decoder) window(e *entry, data []byte, last bool) error {
	if err := d.walker.ctx.Err(); err != nil {
		return err
	}
	if d.used == len(d.frames) {
		d.frames = append(d.frames, &frame{})
	}
	f := d.frames[d.used]
	d.used++
	if f.cuts == nil {
		f.cuts = map[int64][]Cut{}
	}
	defer func() {
		d.used--
		for _, at := range slices.Sorted(maps.Keys(f.cuts)) {
			d.walker.cuts = append(d.walker.cuts, f.cuts[at]...)
		}
		clear(f.cuts)
	}()
	text := &f.texts[0]
	*text = Text{Entry: e.path, Bytes: data, Seen: e.seen, Last: last, offset: e.base, lines: e.lines}
	budget := maxGrowth*len(data) + baseGrowth
	for level := range maxLayers {
		d.visit(text)
		if level == 0 && e.format != None && e.format != PDF && !e.format.isMedia() {
			return nil // what opens it sees what is in it
		}
		to := &f.layers[level]
		control := d.steps.decode(text.Bytes, to)
		if level == 0 && control && noText(data) {
			d.steps.whole = true
		}
		if level == 0 && !e.any {
			e.any = true
			if control && e.format == None && opaque(data) {
				d.Opaque++
			}
		}
		if control && (level > 0 || e.format == None) {
			if err := d.containers(e, f, text, last); err != nil {
				return err
			}
		}
		if len(to.text) == 0 {
			return nil
		}
		if budget -= len(to.text); budget < 0 {
			d.walker.cut(e.path, TooLarge, "more is encoded in it than is decoded")
			return nil
		}
		next := &f.texts[level+1]
		*next = Text{Entry: e.path, Bytes: to.text, Layer: level + 1, Last: true, made: to, of: text}
		text = next
	}
	d.visit(text)
	return d.containers(e, f, text, last)
}

// containers opens what begins inside a text: behind the script of a self-extracting archive, or encoded. What a deeper layer opens
// at the same place counts instead of what was opened there before, which was the first of several lines, say.
func (d *Decoder) containers(e *entry, f *frame, text *Text, last bool) error {
	var failed error
	count, zipped := 0, false
	open := func(at int, format Format) bool {
		if at == 0 && text.Layer == 0 && e.format != None || format == Zip && zipped || at < text.Seen-overlap/2 && text.Seen > 0 {
			return true
		}
		d.steps.whole = true
		if format == PNG { // of which many are in a page
		} else if count++; count > maxEmbedded {
			d.walker.cut(e.path, TooMany, fmt.Sprintf("more than %d containers begin inside it", maxEmbedded))
			return false
		}
		rest := text.Bytes[at:]
		offset, _ := text.Place(at)
		path := join(e.path, fmt.Sprintf("%s at byte %d", format, offset))
		cuts, members, left := d.walker.cuts, d.walker.members, d.walker.left
		d.walker.cuts = nil
		failed = d.walker.walk(path, format, &source{ctx: d.walker.ctx, r: bytes.NewReader(rest)}, e.depth+1)
		found := d.walker.cuts
		d.walker.cuts = cuts
		if format == Zip && d.walker.members > members {
			zipped = true // what else begins like one is its entries
		}
		certain := text.Layer > 0 && len(rest) >= minDamaged || bytes.HasPrefix(text.Bytes, []byte("#!"))
		switch certain = certain && !followedByText(rest); {
		case format == Deflate || (!certain || format == Zlib) && left-d.walker.left < minOutput: // it looked like a container by chance
			found = slices.DeleteFunc(found, func(cut Cut) bool { return cut.Reason == Damaged })
		case len(found) > 0 && !last && text.Layer == 0:
			found = []Cut{{path, TooLarge, "it begins inside a large content and goes on beyond what is held of it"}}
		}
		f.cuts[offset] = found
		return failed == nil
	}
	eachEmbedded(text.Bytes, open)
	if text.made != nil { // these have too little at their beginning to be looked for anywhere
		for _, p := range text.made.pieces {
			if failed != nil {
				break
			}
			if p.encoding&(Base64|Base32|Hex|Dump|Ascii85|Base85|UU|Percent|HexEscape|Octal|Unicode) == 0 || int(p.out) >= len(text.Bytes) {
				continue
			}
			switch data := text.Bytes[p.out:]; {
			case embedded(data) == Zlib:
				open(int(p.out), Zlib)
			case p.encoding&Base64 != 0 && isDeflate(data):
				open(int(p.out), Deflate)
			}
		}
	}
	return failed
}

// followedByText reports whether what comes after a container's header is text, as in a text that speaks of containers: nothing is
// packed then, and what stands there was searched.
func followedByText(data []byte) bool {
	const header, enough = 128, 9 // of ten
	data = data[min(len(data), header):min(len(data), header+2*minDamaged)]
	text := 0
	for _, c := range data {
		if isText(c) {
			text++
		}
	}
	return text*10 >= len(data)*enough
}

// opaque reports whether data looks encrypted or compressed.
func opaque(data []byte) bool {
	if len(data) < entropySample {
		return false
	}
	var count [256]float64
	for _, c := range data[len(data)/2-entropySample/2:][:entropySample] {
		count[c]++
	}
	entropy := 0.0
	for _, n := range count {
		if n > 0 {
			entropy -= n / entropySample * math.Log2(n/entropySample)
		}
	}
	return entropy >= highEntropy
}

// Around widens data[from:to] by reach, to whole lines of moderate length, and on while whole lines look encoded.
func Around(data []byte, from, to, reach int) (int, int) {
	const line, most = 4096, 1 << 20
	from, to = max(0, from-reach), min(len(data), to+reach)
	encoded := func(text []byte) bool {
		text = bytes.Trim(text, " \t\r\n=\"',")
		for _, c := range text {
			if class[c]&(isBase64Digit|isDumpChar) == 0 {
				return false
			}
		}
		return len(text) > 0
	}
	for first := from; from > 0 && first-from < most; {
		begin := max(0, from-line)
		if n := bytes.LastIndexByte(data[begin:from-1], '\n'); n >= 0 {
			begin += n + 1
		}
		lineOf := data[begin:from]
		from = begin
		if !encoded(lineOf) {
			break
		}
	}
	for last := to; to < len(data) && to-last < most; {
		end := min(len(data), to+line)
		if n := bytes.IndexByte(data[to:end], '\n'); n >= 0 {
			end = to + n + 1
		}
		lineOf := data[to:end]
		to = end
		if !encoded(lineOf) {
			break
		}
	}
	return from, to
}
