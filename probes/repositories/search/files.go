package search

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"

	"github.com/prelaunch-audit/prelaunch/internal/gitrepo"
	"github.com/prelaunch-audit/prelaunch/internal/gitrepo/object"
)

// This file searches files: Git's own, and those of the work trees.

// searchFiles searches Git's own files, the indexes and the work trees.
func (r *repo) searchFiles(ctx context.Context) {
	r.ListGitFiles(ctx)
	r.ListWorkTrees(ctx, r.store)
	r.searchListed(ctx)
	s := r.newScanner(ctx)
	for _, x := range r.Indexes {
		var names bytes.Buffer
		for _, e := range x.Entries {
			names.WriteString(e.Path)
			names.WriteByte('\n')
		}
		s.bytes(source{place: InIndex, path: r.Short(x.File)}, names.Bytes())
	}
}

// searchListed searches the listed files and names on all workers.
func (r *repo) searchListed(ctx context.Context) {
	files := r.Files
	var next atomic.Int64
	var wg sync.WaitGroup
	for range r.options.Workers {
		wg.Go(func() {
			s := r.newScanner(ctx)
			var buf []byte
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(files) {
					return
				}
				object.Protect(func() { buf = s.file(files[i], buf) }, func(err error) {
					s.gapIn(source{place: files[i].Place, path: files[i].Path}, Unreadable, "", err.Error())
				})
			}
		})
	}
	wg.Wait()
	s := r.newScanner(ctx)
	for _, n := range r.Names {
		s.bytes(source{place: n.Place, path: n.Path}, []byte(n.Text))
	}
	r.Files, r.Names = nil, nil
}

// file searches one file; buf is scratch space that it returns.
func (s *scanner) file(j gitrepo.File, buf []byte) []byte {
	src := source{place: j.Place, path: j.Path}
	if info, err := os.Lstat(j.Abs); errors.Is(err, fs.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
		return buf // gone since it was listed
	}
	f, info, err := gitrepo.OpenFile(j.Abs)
	if err != nil {
		s.gapIn(src, Unreadable, "", err.Error())
		return buf
	}
	defer f.Close() //nolint:errcheck // only read from
	limit := s.options.Limits.GitFileBytes
	if j.Place == InTracked || j.Place == InUntracked {
		limit = s.options.Limits.FileBytes
	}
	if info.Size() > limit {
		s.gapIn(src, TooLarge, "", fmt.Sprintf("a file of %d bytes; up to %d are searched", info.Size(), limit))
		return buf
	}
	s.found.files.Add(1)
	s.found.fileSize.Add(info.Size())
	if info.Size() > object.StreamFrom {
		if err := s.reader(src, io.NewSectionReader(f, 0, info.Size())); err != nil && s.ctx.Err() == nil {
			s.gapIn(src, Unreadable, "", err.Error())
		}
		return buf
	}
	buf = sized(buf, int(info.Size()))
	n, err := io.ReadFull(f, buf)
	if err != nil && err != io.ErrUnexpectedEOF && err != io.EOF {
		s.gapIn(src, Unreadable, "", err.Error())
		return buf
	}
	s.bytes(src, buf[:n])
	s.blob(src, buf[:n])
	if j.Place == InConfig {
		// Values are written with escapes; what they mean is searched too.
		for key, value := range gitrepo.ParseConfig(buf[:n]) {
			t := s.newTap(src)
			t.unplaced = true
			io.WriteString(t, key+"\n"+value)
			t.Close()
		}
	}
	return buf
}

// sized returns b with length n.
func sized(b []byte, n int) []byte {
	if cap(b) < n {
		return make([]byte, n)
	}
	return b[:n]
}
