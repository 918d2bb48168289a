package object

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"strconv"
)

// looseReader reads loose objects: a zlib stream of "kind size NUL content".
type looseReader struct {
	open  opener
	z     io.ReadCloser
	in    *bufio.Reader
	size  int64 // of the last object
	limit int64 // of what is held in memory
	data  []byte
}

// begin positions the reader at the content of the object that f holds.
func (l *looseReader) begin(f io.Reader) (Kind, error) {
	if l.in == nil {
		l.in = bufio.NewReaderSize(f, 32<<10)
	} else {
		l.in.Reset(f)
	}
	if err := reset(&l.z, l.in); err != nil {
		return 0, fmt.Errorf("%w: %w", errZlib, err)
	}
	var head [40]byte
	for n := range head {
		if _, err := io.ReadFull(l.z, head[n:n+1]); err != nil {
			return 0, fmt.Errorf("%w: %w", errZlib, err)
		}
		if head[n] != 0 {
			continue
		}
		name, size, _ := bytes.Cut(head[:n], []byte{' '})
		k := kindOf(string(name))
		declared, err := strconv.ParseInt(string(size), 10, 64)
		if err != nil || declared < 0 || k == brokenKind {
			break
		}
		l.size = declared
		return k, nil
	}
	return 0, fmt.Errorf("%w: no object header", errZlib)
}

func (l *looseReader) visit(ctx context.Context, path string, o *Object, v Visitor) error {
	f, info, err := l.open(path)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // only read from
	if o.Kind, err = l.begin(f); err != nil {
		return err
	}
	if l.size > info.Size()*maxRatio {
		return fmt.Errorf("%w: %d bytes cannot inflate to the declared %d", errZlib, info.Size(), l.size)
	}
	if l.size > StreamFrom && o.Kind == Blob {
		return showStream(ctx, v, o, l.size, l.z)
	}
	if l.size > l.limit {
		return fmt.Errorf("size of %d bytes: %w", l.size, ErrTooLarge)
	}
	if o.Data, err = l.content(); err != nil {
		return err
	}
	v.Object(o)
	return nil
}

// content reads what remains; it is valid until the next call.
func (l *looseReader) content() ([]byte, error) {
	l.data = sized(l.data, int(l.size))
	if _, err := io.ReadFull(l.z, l.data); err != nil {
		return nil, fmt.Errorf("%w: shorter than declared: %w", errZlib, err)
	}
	return l.data, atEnd(l.z)
}
