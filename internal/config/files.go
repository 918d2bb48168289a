package config

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Rules of this file: paths come from a configuration that may be hostile, so only regular files are read, within bounds, and
// what goes wrong is said without the path, in which a key may stand.

const (
	maxEvidence    = 256 << 20 // bytes of one file of evidence: a screen recording
	maxCertificate = 1 << 20   // bytes of a PEM file: some 500 certificates
)

// openRegular opens a file of at most limit bytes that is neither a device nor a pipe, which could
// be read for ever.
func openRegular(path string, limit int64) (*os.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, withoutPath(err)
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is no regular file")
	}
	if info.Size() > limit {
		return nil, tooLarge(limit)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, withoutPath(err)
	}
	return file, nil
}

func tooLarge(limit int64) error {
	if limit < 1<<20 {
		return fmt.Errorf("it is larger than %d bytes", limit)
	}
	return fmt.Errorf("it is larger than %d MiB", limit>>20)
}

// withoutPath is the cause of an error of the file system.
func withoutPath(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errors.New("it does not exist")
	case errors.Is(err, fs.ErrPermission):
		return errors.New("permission is denied")
	}
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		return pathError.Err
	}
	return errors.New("it cannot be opened")
}

// readBounded reads a regular file of at most limit bytes.
func readBounded(path string, limit int64) ([]byte, error) {
	file, err := openRegular(path, limit)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // only read from
	content, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err != nil {
		return nil, withoutPath(err)
	}
	if int64(len(content)) > limit {
		return nil, tooLarge(limit)
	}
	return content, nil
}

// digestFile is "sha256:" and the hex digest of a regular file.
func digestFile(path string) (string, error) {
	file, err := openRegular(path, maxEvidence)
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }() // only read from
	sum := sha256.New()
	size, err := io.Copy(sum, io.LimitReader(file, maxEvidence+1))
	if err != nil {
		return "", withoutPath(err)
	}
	if size > maxEvidence {
		return "", tooLarge(maxEvidence)
	}
	return "sha256:" + hex.EncodeToString(sum.Sum(nil)), nil
}
