// Package content is the recursive decoder: it hands over the texts of one content as they stand, with encodings undone, and out of
// containers, in any nesting.
//
// The containers are gzip, zlib, deflate, bzip2, zstd, xz, lzma, lzip, lz4, brotli, zip (also jar, apk, aar, whl, docx, ...), tar, cpio, rpm,
// ar (deb), cab, and the compressed streams of PDF and PNG. Input is hostile: depth, members and the bytes that come out are bounded,
// and whatever was not decoded in full is reported as a Cut.
package content

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// Limits bound the decoding of one content. Zero fields mean the defaults given here.
type Limits struct {
	Depth   int   // archives inside archives: default 4
	Members int   // of all archives together: default 100,000
	Bytes   int64 // unpacked, at all depths together: default 1 GiB
	// Ratio bounds unpacked to packed bytes once RatioFrom bytes came out:
	// defaults 250 and 16 MiB. Text seldom passes 30, bombs have 1,000.
	Ratio     int64
	RatioFrom int64
	// ZipBytes bounds a file that has to be held in memory: a zip that comes
	// as a stream, whose directory is at its end, or a PDF. Default 64 MiB.
	ZipBytes int64
}

func (l Limits) withDefaults() Limits {
	set := func(p *int64, v int64) {
		if *p <= 0 {
			*p = v
		}
	}
	if l.Depth <= 0 {
		l.Depth = 4
	}
	if l.Members <= 0 {
		l.Members = 100_000
	}
	set(&l.Bytes, 1<<30)
	set(&l.Ratio, 250)
	set(&l.RatioFrom, 16<<20)
	set(&l.ZipBytes, 64<<20)
	return l
}

// Reason says why something in an archive was not handed over in full.
type Reason string

// The reasons for a Cut.
const (
	TooDeep     Reason = "too-deep"
	TooMany     Reason = "too-many-members"
	TooLarge    Reason = "too-large"
	TooDense    Reason = "ratio" // more comes out than honest data would give
	Encrypted   Reason = "encrypted"
	Damaged     Reason = "damaged"
	Unsupported Reason = "unsupported" // a format or method that is recognised but not read
)

// Cut is a member, or with an empty Path the archive itself, that was not
// handed over in full.
type Cut struct {
	Path   string
	Reason Reason
	Detail string
}

// Separator is found in a member's path between an archive and what is in it.
const Separator = "!/"

type walker struct {
	ctx     context.Context
	limits  Limits
	open    func(path string) io.WriteCloser
	left    int64 // bytes that may still come out
	members int
	depth   int    // of the member that is being opened
	name    string // of the outermost file
	cuts    []Cut
}

// cutError ends the whole walk: a bound that counts for everything was met.
type cutError struct {
	reason Reason
	detail string
}

func (e *cutError) Error() string { return string(e.reason) + ": " + e.detail }

func (w *walker) cut(path string, reason Reason, detail string) {
	w.cuts = append(w.cuts, Cut{path, reason, detail})
}

// brokeOff says what a container that cannot be read on means: a bound or the end of the run ends the walk, anything else is damage.
func (w *walker) brokeOff(path string, err error) error {
	if cut := (*cutError)(nil); errors.As(err, &cut) {
		return err
	}
	if part := (*partError)(nil); errors.As(err, &part) {
		return err
	}
	if cerr := w.ctx.Err(); cerr != nil {
		return cerr
	}
	w.cut(path, Damaged, err.Error())
	return nil
}

// Until is r as long as ctx lasts.
func Until(ctx context.Context, r io.Reader) io.Reader { return &until{ctx, r} }

type until struct {
	ctx context.Context
	r   io.Reader
}

func (u *until) Read(b []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.r.Read(b)
}

// source counts what was read from the outermost reader, and remembers its
// errors, which must not pass for damage of the archive.
type source struct {
	ctx    context.Context
	r      io.Reader
	read   int64
	failed error
}

func (s *source) Read(b []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		s.failed = err
		return 0, err
	}
	n, err := s.r.Read(b)
	s.read += int64(n)
	if err != nil && err != io.EOF {
		s.failed = err
	}
	return n, err
}

type sized interface {
	io.ReaderAt
	Size() int64
}

// walk opens the archive that r is. Its errors end the whole walk;
// what concerns only this archive becomes a cut with its path.
func (w *walker) walk(path string, format Format, r io.Reader, depth int) error {
	outer, _ := r.(*source)
	if outer == nil {
		outer = &source{ctx: w.ctx, r: r}
	}
	if depth > w.limits.Depth {
		w.cut(path, TooDeep, fmt.Sprintf("archives are nested more than %d deep", w.limits.Depth))
		return nil
	}
	at, inPlace := outer.r.(sized)
	br := bufio.NewReaderSize(outer, 64<<10)
	var err error
	switch format {
	case Gzip:
		err = w.gzip(path, br, outer, depth)
	case Bzip2:
		err = w.one(path, bzip2.NewReader(br), outer, depth, "content")
	case Zstd:
		z, zerr := zstd.NewReader(br, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(128<<20), zstd.WithDecoderLowmem(true))
		if zerr != nil {
			w.cut(path, Damaged, zerr.Error())
			return nil
		}
		defer z.Close()
		err = w.one(path, z, outer, depth, "content")
	case XZ:
		err = w.xz(path, br, outer, depth)
	case LZMA, Lzip:
		err = w.lzma(path, format, br, outer, depth)
	case LZ4:
		err = w.one(path, lz4.NewReader(br), outer, depth, "content")
	case Cpio:
		err = w.cpio(path, br, outer, depth)
	case RPM:
		err = w.rpm(path, br, outer, depth)
	case Cab, PNG:
		data, ok, rerr := w.hold(path, br, "a "+format.String()+" file")
		if rerr != nil || !ok {
			return rerr
		}
		if format == PNG {
			err = w.png(path, data, depth)
		} else {
			err = w.cab(path, data, depth)
		}
	case Media:
	case Brotli:
		err = w.one(path, brotli.NewReader(br), outer, depth, "content")
	case Zlib:
		err = w.zlib(path, br, outer, depth)
	case Deflate:
		err = w.one(path, flate.NewReader(br), outer, depth, "content")
	case Tar:
		err = w.tar(path, br, outer, depth)
	case Ar:
		err = w.ar(path, br, outer, depth)
	case PDF:
		var whole io.Reader = br
		if inPlace && at.Size() <= w.limits.ZipBytes { // of known size: nothing is held twice
			whole = io.NewSectionReader(at, 0, at.Size())
		}
		data, ok, rerr := w.hold(path, whole, "a PDF file")
		if rerr != nil || !ok {
			return rerr
		}
		err = w.pdf(path, data, depth)
	case Zip:
		if !inPlace {
			data, ok, rerr := w.hold(path, br, "a zip file inside another stream")
			if rerr != nil || !ok {
				return rerr
			}
			at = bytes.NewReader(data)
		}
		err = w.zip(path, at, depth)
	case None:
		w.cut(path, Unsupported, "no archive")
	default:
		w.cut(path, Unsupported, "format "+format.String())
	}
	return err
}

// hold reads the whole of what cannot be read as a stream.
func (w *walker) hold(path string, r io.Reader, what string) (data []byte, ok bool, err error) {
	if of, known := r.(sized); known {
		data = make([]byte, of.Size())
		_, err = io.ReadFull(r, data)
	} else {
		data, err = io.ReadAll(io.LimitReader(r, w.limits.ZipBytes+1))
	}
	if err != nil {
		return nil, false, err
	}
	if int64(len(data)) > w.limits.ZipBytes {
		w.cut(path, TooLarge, fmt.Sprintf("%s of more than %d bytes", what, w.limits.ZipBytes))
		return nil, false, nil
	}
	return data, true, nil
}

func (w *walker) gzip(path string, br *bufio.Reader, outer *source, depth int) error {
	z, err := gzip.NewReader(br)
	if err != nil {
		w.cut(path, Damaged, err.Error())
		return nil
	}
	// Several compressed pieces in a row are one file; other bytes after the
	// last one (padding) are not compressed, and the caller has seen them.
	pieces := func(b []byte) (int, error) {
		for {
			n, err := z.Read(b)
			if n > 0 || err != io.EOF {
				return n, err
			}
			if next, _ := br.Peek(3); Sniff(append(next, 0)) != Gzip {
				return 0, io.EOF
			}
			if err := z.Reset(br); err != nil {
				return 0, err
			}
			z.Multistream(false)
		}
	}
	z.Multistream(false)
	name := z.Name
	if name == "" {
		name = "content"
	}
	return w.one(path, readerFunc(pieces), outer, depth, name)
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

// one hands over the single content of a compressed file.
func (w *walker) one(path string, r io.Reader, outer *source, depth int, name string) error {
	return w.member(join(path, name), r, func() int64 { return outer.read }, depth)
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + Separator + name
}

// member hands over one member and walks it if it is an archive. packed says
// how many compressed bytes were used so far.
func (w *walker) member(path string, r io.Reader, packed func() int64, depth int) error {
	w.members++
	if w.members > w.limits.Members {
		return &cutError{TooMany, fmt.Sprintf("more than %d members", w.limits.Members)}
	}
	w.depth = depth
	sink := &sink{w: w.open(path)}
	from := packed()
	meter := &meter{walker: w, r: r, packed: func() int64 { return packed() - from }}
	tee := io.TeeReader(meter, sink)
	br := bufio.NewReaderSize(tee, SniffLen)
	head, err := br.Peek(SniffLen)
	if err == nil || err == io.EOF {
		err = nil
		name := path
		if name == "" {
			name = w.name
		}
		if format := SniffNamed(name, head); format != None {
			err = w.walk(path, format, br, depth+1)
		}
		if err == nil {
			// The rest, or all of it: what the walk left is still content.
			_, err = io.CopyBuffer(io.Discard, struct{ io.Reader }{br}, make([]byte, 64<<10))
		}
	}
	if cerr := sink.w.Close(); sink.failed == nil {
		sink.failed = cerr
	}
	if sink.failed != nil {
		return sink.failed
	}
	if cerr := w.ctx.Err(); cerr != nil {
		return cerr
	}
	switch whole, part := (*cutError)(nil), (*partError)(nil); {
	case err == nil:
	case errors.As(err, &whole):
		return err
	case errors.As(err, &part):
		w.cut(path, part.reason, part.detail)
	default:
		w.cut(path, Damaged, err.Error())
	}
	return nil
}

// partError ends one member.
type partError struct {
	reason Reason
	detail string
}

func (e *partError) Error() string { return string(e.reason) + ": " + e.detail }

// sink keeps a writer's error apart from what is wrong with the archive.
type sink struct {
	w      io.WriteCloser
	failed error
}

func (s *sink) Write(b []byte) (int, error) {
	n, err := s.w.Write(b)
	if err != nil {
		s.failed = err
	}
	return n, err
}

// meter counts what comes out of decompression and stops at the bounds.
type meter struct {
	*walker
	r      io.Reader
	packed func() int64
	out    int64
}

func (m *meter) Read(b []byte) (int, error) {
	if err := m.ctx.Err(); err != nil {
		return 0, err
	}
	if int64(len(b)) > m.left+1 {
		b = b[:m.left+1]
	}
	n, err := m.r.Read(b)
	m.out += int64(n)
	m.left -= int64(n)
	if m.left < 0 {
		return 0, &cutError{TooLarge, fmt.Sprintf("more than %d bytes unpacked", m.limits.Bytes)}
	}
	if m.out > m.limits.RatioFrom && m.out/m.limits.Ratio > m.packed() {
		return 0, &partError{TooDense, fmt.Sprintf("more than %d bytes out of each byte", m.limits.Ratio)}
	}
	return n, err
}
