package gitscan

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/prelaunch-audit/prelaunch/internal/content"
)

// This file searches git's own files: everything below the git directories
// that is not an object, a pack, or a repository of its own.

// job is one file to be searched.
type job struct {
	place Place
	abs   string
	path  string // for hits
}

func (r *repo) scanRaw(place Place, abs string) {
	r.jobs = append(r.jobs, job{place, abs, r.short(abs)})
}

// listGitFiles queues the files of the git directories.
func (r *repo) listGitFiles(ctx context.Context) {
	dirs := []string{r.gitDir}
	if r.commonDir != r.gitDir {
		dirs = append(dirs, r.commonDir)
	}
	for _, dir := range dirs {
		r.listGitDir(ctx, dir)
	}
	for _, dir := range r.objects {
		r.listStoreFiles(dir)
	}
}

// scanGitFiles searches the files of the git directories.
func (r *repo) scanGitFiles(ctx context.Context) {
	r.listGitFiles(ctx)
	r.runJobs(ctx)
	s := r.newScanner(ctx)
	for _, x := range r.indexes {
		var names bytes.Buffer
		for _, e := range x.entries {
			names.WriteString(e.path)
			names.WriteByte('\n')
		}
		s.bytes(source{place: InIndex, path: r.short(x.file)}, names.Bytes())
	}
}

func (r *repo) listGitDir(ctx context.Context, dir string) {
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			r.gapFor(r.short(path), Unreadable, err)
			if d != nil && d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			switch {
			case rel == ".":
				return nil
			case rel == "objects" || realPath(path) == realPath(r.commonDir):
				return fs.SkipDir
			case rel == "worktrees" && dir != r.gitDir:
				return nil
			case strings.HasPrefix(rel, "modules/") && isGitDir(path):
				r.nested = append(r.nested, nestedRepo{path: path, name: strings.TrimPrefix(rel, "modules/"), module: true})
				return fs.SkipDir
			}
		}
		r.nameJob(placeOfGitFile(rel), path, rel, d)
		return nil
	})
	if err != nil && ctx.Err() == nil {
		r.gapFor(r.short(dir), Unreadable, err)
	}
}

// nameJob queues a file's content and notes its name or, for a symbolic link,
// the target, which are searched too.
func (r *repo) nameJob(place Place, abs, rel string, d fs.DirEntry) {
	text := rel
	if d.Type()&fs.ModeSymlink != 0 {
		target, err := os.Readlink(abs)
		if err != nil {
			r.gapFor(r.short(abs), Unreadable, err)
		}
		text += "\n" + target
	}
	r.names = append(r.names, namedText{place, r.short(abs), text})
	if d.Type().IsRegular() {
		r.scanRaw(place, abs)
	}
}

// namedText is a short text that belongs to a file: its name.
type namedText struct {
	place      Place
	path, text string
}

func placeOfGitFile(rel string) Place {
	if rest, ok := strings.CutPrefix(rel, "worktrees/"); ok {
		if _, inside, ok := strings.Cut(rest, "/"); ok {
			rel = inside
		}
	}
	first, _, _ := strings.Cut(rel, "/")
	switch first {
	case "config", "config.worktree":
		return InConfig
	case "hooks":
		return InHook
	case "logs":
		return InReflog
	case "refs", "packed-refs", "HEAD", "FETCH_HEAD", "ORIG_HEAD", "reftable":
		return InRef
	case "index":
		return InIndex
	}
	switch {
	case strings.HasPrefix(first, "sharedindex."):
		return InIndex
	case rel == "info/refs":
		return InRef
	}
	return InGitDir
}

// listStoreFiles queues the texts of an object directory and reports packs
// that were left unfinished.
func (r *repo) listStoreFiles(dir string) {
	infos, _ := os.ReadDir(filepath.Join(dir, "info"))
	for _, e := range infos {
		if e.Type().IsRegular() && !strings.HasPrefix(e.Name(), "commit-graph") {
			r.scanRaw(InGitDir, filepath.Join(dir, "info", e.Name()))
		}
	}
	packs, _ := os.ReadDir(filepath.Join(dir, "pack"))
	for _, e := range packs {
		path := filepath.Join(dir, "pack", e.Name())
		switch {
		case strings.HasPrefix(e.Name(), "tmp_pack_") || strings.HasPrefix(e.Name(), ".tmp-"):
			r.gap(CorruptPack, r.short(path), "", "a pack that was left unfinished; git gc --prune=now removes it")
		case strings.HasSuffix(e.Name(), ".keep") || strings.HasSuffix(e.Name(), ".promisor"):
			r.scanRaw(InGitDir, path)
		}
	}
}

// runJobs searches the queued files and names on all workers.
func (r *repo) runJobs(ctx context.Context) {
	jobs := r.jobs
	var next atomic.Int64
	var wg sync.WaitGroup
	for range r.options.Workers {
		wg.Go(func() {
			s := r.newScanner(ctx)
			var buf []byte
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(jobs) {
					return
				}
				protect(func() { buf = s.file(jobs[i], buf) }, func(err error) {
					s.gapIn(source{place: jobs[i].place, path: jobs[i].path}, Unreadable, "", err.Error())
				})
			}
		})
	}
	wg.Wait()
	s := r.newScanner(ctx)
	for _, n := range r.names {
		s.bytes(source{place: n.place, path: n.path}, []byte(n.text))
	}
	r.jobs, r.names = nil, nil
}

// file searches one file; buf is scratch space that it returns.
func (s *scanner) file(j job, buf []byte) []byte {
	src := source{place: j.place, path: j.path}
	info, err := os.Lstat(j.abs)
	if errors.Is(err, fs.ErrNotExist) {
		return buf // gone since it was listed
	}
	if err == nil && !info.Mode().IsRegular() {
		return buf
	}
	var f *os.File
	if err == nil {
		f, err = os.Open(j.abs)
	}
	if err != nil {
		s.gapIn(src, Unreadable, "", err.Error())
		return buf
	}
	defer f.Close()
	s.found.files.Add(1)
	s.found.fileSize.Add(info.Size())
	if info.Size() > streamFrom {
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
	if j.place == InConfig {
		// Values are written with escapes; what they mean is searched too.
		for key, value := range parseConfig(buf[:n]) {
			t := s.newTap(src)
			t.unplaced = true
			io.WriteString(t, key+"\n"+value)
			t.Close()
		}
	}
	return buf
}

// lfsPointer is what a file kept in Git LFS has in git.
type lfsPointer struct {
	sha256 string
	size   int64
}

// maxPointer is the size below which the LFS specification has pointers.
const maxPointer = 1024

func parseLFS(data []byte) (lfsPointer, bool) {
	if len(data) >= maxPointer || !bytes.HasPrefix(data, []byte("version https://git-lfs.github.com/spec/v1")) &&
		!bytes.HasPrefix(data, []byte("version https://hawser.github.com/spec/v1")) {
		return lfsPointer{}, false
	}
	var p lfsPointer
	for line := range bytes.Lines(data) {
		key, value, _ := strings.Cut(strings.TrimSpace(string(line)), " ")
		switch key {
		case "oid":
			p.sha256, _ = strings.CutPrefix(value, "sha256:")
		case "size":
			p.size, _ = strconv.ParseInt(value, 10, 64)
		}
	}
	_, err := hex.DecodeString(p.sha256)
	return p, err == nil && len(p.sha256) == 64
}

// lfs reports a pointer whose content is not in this repository's LFS store;
// what is there is searched with git's own files.
func (s *scanner) lfs(p lfsPointer, src source) {
	if p.size == 0 {
		return
	}
	path := filepath.Join(s.commonDir, "lfs", "objects", p.sha256[:2], p.sha256[2:4], p.sha256)
	if info, err := os.Lstat(path); err == nil && info.Mode().IsRegular() && info.Size() == p.size {
		if damaged := s.lfsDamaged(path, p.sha256); damaged != "" {
			s.gapIn(src, LFSAbsent, "", fmt.Sprintf("the content (sha256:%s) that is kept in Git LFS %s: git lfs fsck", p.sha256, damaged))
		}
		return
	}
	s.gapIn(src, LFSAbsent, "", fmt.Sprintf("the content (sha256:%s) is kept in Git LFS and is not here: git lfs fetch --all", p.sha256))
}

// lfsDamaged says what is wrong with a file of the LFS store, which is named by the SHA-256 of what it should hold; each is read once.
func (s *scanner) lfsDamaged(path, sum string) string {
	checked, _ := s.lfsChecked.LoadOrStore(path, sync.OnceValue(func() string {
		f, err := os.Open(path)
		if err != nil {
			return "cannot be read"
		}
		defer f.Close()
		h := sha256.New()
		if err := copyTo(h, content.Until(s.ctx, f)); err != nil {
			return "cannot be read"
		}
		if hex.EncodeToString(h.Sum(nil)) != strings.ToLower(sum) {
			return "is damaged"
		}
		return ""
	}))
	return checked.(func() string)()
}
