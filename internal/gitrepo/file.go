package gitrepo

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// This file opens files. Whatever a repository has in the place of a file may be there to stop its
// reader: a named pipe, a device, a link to one, a file of /proc that never ends, a sparse file of
// any size. So files are opened without waiting, must be regular files of a real file system, and
// are read to the size they have and no further.

// OpenFile opens a regular file to be read.
func OpenFile(path string) (*os.File, fs.FileInfo, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|openFlags, 0)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil && (!info.Mode().IsRegular() || isVirtual(info)) {
		err = &fs.PathError{Op: "read", Path: path, Err: errNotRegular}
	}
	if err != nil {
		f.Close() //nolint:errcheck // nothing was written
		return nil, nil, err
	}
	return f, info, nil
}

var errNotRegular = fmt.Errorf("not a regular file")

// smallFile bounds the files that say where things are.
const smallFile = 1 << 20

// readPiece is how much is read between two looks at the context.
const readPiece = 4 << 20

// ReadFile reads a regular file of at most limit bytes.
func ReadFile(ctx context.Context, path string, limit int64) ([]byte, error) {
	f, info, err := OpenFile(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read from
	size := info.Size()
	if size > limit {
		return nil, fmt.Errorf("read %s: larger than %d bytes", path, limit)
	}
	var data []byte
	for int64(len(data)) < size {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		at := len(data)
		data = append(data, make([]byte, min(size-int64(at), readPiece))...)
		n, err := io.ReadFull(f, data[at:])
		data = data[:at+n]
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			break // it has become shorter
		}
		if err != nil {
			return nil, err
		}
	}
	return data, nil
}
