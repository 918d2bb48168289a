package gitscan

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/klauspost/compress/zlib"

	"github.com/prelaunch-audit/prelaunch/internal/inflate"
)

// looseReader reads loose objects: a zlib stream of "kind size NUL content".
type looseReader struct {
	z     io.ReadCloser
	in    *bufio.Reader
	size  int64 // of the last object
	limit int64 // of what is held in memory
	data  []byte
}

// open positions the reader at the content of the object in path.
func (l *looseReader) open(f *os.File) (kind, error) {
	if l.in == nil {
		l.in = bufio.NewReaderSize(f, 32<<10)
	} else {
		l.in.Reset(f)
	}
	var err error
	if l.z == nil {
		l.z, err = zlib.NewReader(l.in)
	} else {
		err = l.z.(zlib.Resetter).Reset(l.in, nil)
	}
	if err != nil {
		return 0, fmt.Errorf("%w: %w", inflate.ErrCorrupt, err)
	}
	var head [40]byte
	for n := range head {
		if _, err := io.ReadFull(l.z, head[n:n+1]); err != nil {
			return 0, fmt.Errorf("%w: %w", inflate.ErrCorrupt, err)
		}
		if head[n] != 0 {
			continue
		}
		name, size, _ := bytes.Cut(head[:n], []byte{' '})
		k := kindOf(string(name))
		if l.size, err = strconv.ParseInt(string(size), 10, 64); err != nil || l.size < 0 || k == brokenKind {
			break
		}
		return k, nil
	}
	return 0, fmt.Errorf("%w: no object header", inflate.ErrCorrupt)
}

func (l *looseReader) visit(ctx context.Context, path string, o *stored, v visitor) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() && info.Mode()&os.ModeSymlink == 0 {
		return fmt.Errorf("%w: not a regular file", inflate.ErrCorrupt)
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if o.kind, err = l.open(f); err != nil {
		return err
	}
	if l.size > info.Size()*maxRatio {
		return fmt.Errorf("%w: %d bytes cannot inflate to the declared %d", inflate.ErrCorrupt, info.Size(), l.size)
	}
	if l.size > streamFrom && o.kind != blobKind && l.size > l.limit {
		return fmt.Errorf("size of %d bytes: %w", l.size, errTooLarge)
	}
	if l.size > streamFrom && o.kind == blobKind {
		exact := &exactReader{r: l.z, left: l.size}
		if err := v.stream(o, l.size, readerFunc(func(b []byte) (int, error) {
			if err := ctx.Err(); err != nil {
				return 0, err
			}
			return exact.Read(b)
		})); err != nil {
			return err
		}
		_, err := io.Copy(io.Discard, exact)
		return err
	}
	if o.data, err = l.content(); err != nil {
		return err
	}
	v.object(o)
	return nil
}

// content reads what remains; it is valid until the next call.
func (l *looseReader) content() ([]byte, error) {
	l.data = sized(l.data, int(l.size))
	if _, err := io.ReadFull(l.z, l.data); err != nil {
		return nil, fmt.Errorf("%w: shorter than declared: %w", inflate.ErrCorrupt, err)
	}
	var one [1]byte
	if n, err := l.z.Read(one[:]); n != 0 {
		return nil, fmt.Errorf("%w: longer than declared", inflate.ErrCorrupt)
	} else if err != io.EOF {
		return nil, fmt.Errorf("%w: %w", inflate.ErrCorrupt, err)
	}
	return l.data, nil
}
