// Package inflate undoes zlib compression of pieces whose size is known
// beforehand, from memory to memory.
package inflate

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zlib"
)

// ErrCorrupt is wrapped by every error about the input.
var ErrCorrupt = errors.New("corrupt zlib stream")

// Decoder holds the working memory of one goroutine. The zero value is ready.
type Decoder struct {
	src bytes.Reader
	z   io.ReadCloser
	one [1]byte
}

// Zlib inflates the stream at the start of src into dst, which must have
// exactly the inflated size, and returns how many bytes of src the stream
// took. A stream that is shorter or longer than dst, is cut off, or whose
// checksum is wrong is an error.
func (d *Decoder) Zlib(dst, src []byte) (taken int, err error) {
	d.src.Reset(src)
	if d.z == nil {
		d.z, err = zlib.NewReader(&d.src)
	} else {
		err = d.z.(zlib.Resetter).Reset(&d.src, nil)
	}
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if _, err := io.ReadFull(d.z, dst); err != nil {
		return 0, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if n, err := d.z.Read(d.one[:]); n != 0 {
		return 0, fmt.Errorf("%w: longer than declared", ErrCorrupt)
	} else if err != io.EOF {
		return 0, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return len(src) - d.src.Len(), nil
}
