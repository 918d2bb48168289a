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
	"github.com/prelaunch-audit/prelaunch/internal/keyscan"
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
		s.bytes(source{place: InIndex, path: r.Short(x.File)}, names.Bytes(), 0)
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
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(files) {
					return
				}
				object.Protect(func() { s.file(files[i]) }, func(err error) {
					s.gapIn(source{place: files[i].Place, path: files[i].Path}, Unreadable, "", err.Error())
				})
			}
		})
	}
	wg.Wait()
	s := r.newScanner(ctx)
	for _, n := range r.Names {
		s.text(source{place: n.Place, path: n.Path}, n.Text, true)
	}
	r.Files, r.Names = nil, nil
}

// file searches one file.
func (s *scanner) file(file gitrepo.File) {
	src := source{place: file.Place, path: file.Path}
	if info, err := os.Lstat(file.Abs); errors.Is(err, fs.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
		return // gone since it was listed
	}
	f, info, err := gitrepo.OpenFile(file.Abs)
	if err != nil {
		s.gapIn(src, Unreadable, "", err.Error())
		return
	}
	defer f.Close() //nolint:errcheck // only read from
	limit := s.options.Limits.GitFileBytes
	if file.Place == InTracked || file.Place == InUntracked {
		limit = s.options.Limits.FileBytes
	}
	if info.Size() > limit {
		s.gapIn(src, TooLarge, "", fmt.Sprintf("a file of %d bytes; up to %d are searched", info.Size(), limit))
		return
	}
	s.found.files.Add(1)
	s.found.fileSize.Add(info.Size())
	head := make([]byte, min(info.Size(), maxPointer))
	n, _ := f.ReadAt(head, 0) // what cannot be read is reported below
	if p, ok := parseLFS(head[:n]); ok && info.Size() < maxPointer {
		s.lfs(p, src)
	}
	defer s.countOpaque()()
	cuts, err := s.keys.File(s.ctx, file.Path, io.NewSectionReader(f, 0, info.Size()), func(f keyscan.Found) { s.found.hit(s.hit(src, f)) })
	s.cuts(src, cuts)
	if err != nil && s.ctx.Err() == nil {
		s.gapIn(src, Unreadable, "", err.Error())
	}
	if file.Place == InConfig {
		// Values are written with escapes; what they mean is searched too.
		text, _ := gitrepo.ReadFile(s.ctx, file.Abs, configFile) // likewise
		for key, value := range gitrepo.ParseConfig(text) {
			s.text(src, key+"\n"+value, false)
		}
	}
}

// configFile bounds a configuration whose values are read.
const configFile = 4 << 20
