// Package treestate sums up files in a digest that changes when any of them does, at less cost than searching them.
//
// Rules: a file of up to Whole bytes is read and counts by its content. A larger one counts by its size, its inode and its times of
// modification and of change, the latter of which the kernel sets and no program can set back; by its content too when it has changed
// so lately that another change might leave the same time, and where the system tells no time of change. Only such a file that is
// left alone afterwards gives another digest the next time. What cannot be read counts by why.
package treestate

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"time"
)

// Whole is the size in bytes up to which a file is read.
const Whole = 16 << 20

// unsettled is how long after a change a file's times may not tell another change apart: file systems count in steps of up to 2 s.
const unsettled = 2 * time.Second

// State is a digest in the making.
type State struct {
	hash   hash.Hash
	now    func() time.Time
	buffer []byte
}

// New starts a digest; now is the clock of the machine that the files are on.
func New(now func() time.Time) *State {
	return &State{hash: sha256.New(), now: now, buffer: make([]byte, 128<<10)}
}

// Note adds texts, each told apart from its neighbours.
func (s *State) Note(texts ...string) {
	for _, text := range texts {
		var length [8]byte
		binary.BigEndian.PutUint64(length[:], uint64(len(text)))
		s.hash.Write(length[:]) // a hash never fails to write
		s.hash.Write([]byte(text))
	}
}

// File adds a file under the name given. A symbolic link counts as what it leads to, what is no regular file by its kind alone. The
// error is only that of a context that ended.
func (s *State) File(ctx context.Context, name, path string) error {
	s.Note("file", name)
	info, err := os.Stat(path)
	if err != nil {
		s.Note("unknown", why(err))
		return ctx.Err()
	}
	if !info.Mode().IsRegular() {
		s.Note("kind", info.Mode().Type().String())
		return ctx.Err()
	}
	if info.Size() > Whole {
		changed, inode, known := changeOf(info)
		s.Note("large", fmt.Sprint(info.Size(), info.ModTime().UnixNano(), changed.UnixNano(), inode))
		if known && s.now().Sub(changed) > unsettled {
			return ctx.Err()
		}
	}
	content := sha256.New()
	if err := s.read(ctx, content, path); err != nil {
		if ctx.Err() == nil {
			s.Note("unknown", why(err))
		}
		return ctx.Err()
	}
	s.Note("content", string(content.Sum(nil)))
	return ctx.Err()
}

func (s *State) read(ctx context.Context, into io.Writer, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // only read from
	_, err = io.CopyBuffer(into, reader{ctx, file}, s.buffer)
	return err
}

// reader ends with its context.
type reader struct {
	ctx  context.Context
	file *os.File
}

func (r reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.file.Read(p)
}

// why is a reason without a path, so that it is the same wherever the files lie.
func why(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "missing"
	case errors.Is(err, fs.ErrPermission):
		return "permission denied"
	}
	return "unreadable"
}

// Sum is "sha256:" and the hex digest of all that was added.
func (s *State) Sum() string { return "sha256:" + hex.EncodeToString(s.hash.Sum(nil)) }
