package content

import (
	"archive/tar"
	"archive/zip"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/zstd"
)

// encryptedFlag is bit 0 of a zip member's general purpose flags.
const encryptedFlag = 1

// methodZstd is the zip method number of Zstandard.
const methodZstd = 93

func (w *walker) zip(path string, r sized, depth int) error {
	z, err := zip.NewReader(&contextReaderAt{w, r}, r.Size())
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		if cerr := w.ctx.Err(); cerr != nil {
			return cerr
		}
		w.cut(path, Damaged, err.Error())
		return nil
	}
	z.RegisterDecompressor(zip.Deflate, func(r io.Reader) io.ReadCloser { return flate.NewReader(r) })
	z.RegisterDecompressor(methodZstd, zstd.ZipDecompressor(zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(128<<20)))
	if len(z.File) == 0 && r.Size() > zipTail+int64(len(z.Comment)) {
		w.cut(path, Damaged, "its directory lists nothing of what is in it")
	}
	if z.Comment != "" {
		if err := w.text(join(path, "(comment)"), z.Comment); err != nil {
			return err
		}
	}
	for _, f := range z.File {
		name := join(path, f.Name)
		if f.FileInfo().IsDir() && f.UncompressedSize64 == 0 {
			if err := w.text(name, ""); err != nil { // the name alone
				return err
			}
			continue
		}
		if f.Flags&encryptedFlag != 0 {
			w.cut(name, Encrypted, "needs a password")
			continue
		}
		content, err := f.Open()
		if errors.Is(err, zip.ErrAlgorithm) {
			w.cut(name, Unsupported, fmt.Sprintf("zip method %d", f.Method))
			continue
		}
		if err != nil {
			w.cut(name, Damaged, err.Error())
			continue
		}
		packed := int64(min(f.CompressedSize64, 1<<62))
		used := false
		err = w.member(name, content, func() int64 {
			if !used {
				used = true
				return 0
			}
			return packed
		}, depth)
		content.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// contextReaderAt makes reading a large directory stop with the context.
type contextReaderAt struct {
	w *walker
	r io.ReaderAt
}

func (c *contextReaderAt) ReadAt(b []byte, at int64) (int, error) {
	if err := c.w.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.ReadAt(b, at)
}

func (w *walker) tar(path string, r io.Reader, outer *source, depth int) error {
	t := tar.NewReader(r)
	for {
		h, err := t.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil && !errors.Is(err, tar.ErrInsecurePath) {
			return w.brokeOff(path, err)
		}
		name := join(path, h.Name)
		// What is not content: link targets, owners, extended attributes.
		for _, text := range []string{h.Linkname, h.Uname, h.Gname} {
			if text != "" {
				if err := w.text(name, text); err != nil {
					return err
				}
			}
		}
		for key, value := range h.PAXRecords {
			if err := w.text(name, key+"="+value); err != nil {
				return err
			}
		}
		if h.Typeflag != tar.TypeReg {
			if err := w.text(name, ""); err != nil { // the name alone
				return err
			}
			continue
		}
		start := outer.read
		err = w.member(name, t, func() int64 { return max(1, outer.read-start+h.Size) }, depth)
		if err != nil {
			return err
		}
	}
}

// text hands over something that belongs to a member but is not its content.
func (w *walker) text(path, text string) error {
	w.members++
	if w.members > w.limits.Members {
		return &cutError{TooMany, fmt.Sprintf("more than %d members", w.limits.Members)}
	}
	out := w.open(path)
	_, err := io.WriteString(out, text)
	return errors.Join(err, out.Close())
}
