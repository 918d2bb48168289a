package object

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zlib"
)

// errZlib marks a stream that is not what it should be.
var errZlib = errors.New("corrupt zlib stream")

// inflater inflates zlib streams from memory to memory. The zero value is ready; it is for one
// goroutine.
type inflater struct {
	in bytes.Reader
	z  io.ReadCloser
}

// inflatePiece is how much is inflated between two looks at the context.
const inflatePiece = 4 << 20

// zlib inflates the stream at the start of src into dst, which must have exactly the inflated
// size, and returns how many bytes of src the stream took.
func (f *inflater) zlib(ctx context.Context, dst, src []byte) (taken int, err error) {
	f.in.Reset(src)
	if err := reset(&f.z, &f.in); err != nil {
		return 0, fmt.Errorf("%w: %w", errZlib, err)
	}
	for len(dst) > 0 {
		n, err := io.ReadFull(f.z, dst[:min(len(dst), inflatePiece)])
		if err != nil {
			return 0, fmt.Errorf("%w: shorter than declared: %w", errZlib, err)
		}
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		dst = dst[n:]
	}
	if err := atEnd(f.z); err != nil {
		return 0, err
	}
	return len(src) - f.in.Len(), nil
}

// reset makes z read from in, creating it the first time.
func reset(z *io.ReadCloser, in io.Reader) (err error) {
	if *z == nil {
		*z, err = zlib.NewReader(in)
		return err
	}
	return (*z).(zlib.Resetter).Reset(in, nil)
}

// atEnd reports an error unless r is at its end, which is also where a zlib reader checks the sum.
func atEnd(r io.Reader) error {
	var one [1]byte
	switch n, err := io.ReadFull(r, one[:]); {
	case n != 0:
		return fmt.Errorf("%w: longer than declared", errZlib)
	case err != io.EOF:
		return fmt.Errorf("%w: %w", errZlib, err)
	}
	return nil
}
