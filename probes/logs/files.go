package logs

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/content"
	"github.com/prelaunch-audit/prelaunch/internal/gitrepo"
	"github.com/prelaunch-audit/prelaunch/internal/keyscan"
	"github.com/prelaunch-audit/prelaunch/internal/lazy"
)

// Rules of this file: a log file is what was opened, not what has its name. It is kept open over the probing, so that what is written
// to it is read wherever a rotation has moved it to. A file that is new afterwards is read from its beginning, or, when it begins
// with what another held (a rotation by copying), from where that one ended.

// file is a log file as it was when the audit began.
type file struct {
	path   string
	name   string // shown
	info   fs.FileInfo
	size   int64
	handle *os.File // nil: not kept open
	packed bool
	start  [sha256.Size]byte // of its beginning
	end    [sha256.Size]byte // of its end
}

// clockSlack is how far a file system's times may lag behind the clock: two seconds on FAT, milliseconds elsewhere.
const clockSlack = 2 * time.Second

// How much of a file's beginning and end tells it from others.
const (
	startBytes = 64 << 10
	endBytes   = 4 << 10
)

// note opens the files that a pattern matches and remembers how long they are.
func (p *probe) note(ctx context.Context, run *audit.Run, s *source) {
	paths, whole := matching(ctx, run.Integration.Resolve(s.Path))
	if !whole {
		s.gap(&s.gaps, s.name, "the pattern leads through more directories and files than are listed")
	}
	if len(paths) == 0 {
		s.state = "missing"
		return
	}
	open := 0
	for _, path := range paths {
		if ctx.Err() != nil {
			return
		}
		if len(s.files) == maxFiles {
			s.gap(&s.gaps, s.name, "more files match than are searched")
			return
		}
		f := p.open(s, path, &s.gaps)
		if f == nil {
			continue
		}
		s.files = append(s.files, f)
		if open++; f.packed || open > maxOpen {
			_ = f.handle.Close() // only read from
			f.handle = nil
		}
	}
	if len(s.files) == 0 {
		s.state = "unreadable"
	}
}

// matching are the paths that a pattern matches, in order, as filepath.Glob has them; whole is false when there are more directories
// and files on the way than maxListed. Only directories are opened: a named pipe waits for its writer, a device may do anything.
func matching(ctx context.Context, pattern string) (paths []string, whole bool) {
	listed := 0
	paths = []string{filepath.VolumeName(pattern)}
	if filepath.IsAbs(pattern) {
		paths[0] += string(filepath.Separator)
	}
	for _, part := range strings.Split(filepath.ToSlash(strings.TrimPrefix(pattern, paths[0])), "/") {
		var next []string
		for _, path := range paths {
			if !strings.ContainsAny(part, `*?[\`) {
				at := filepath.Join(path, part)
				if part == "" {
					at = path
				}
				if _, err := os.Lstat(at); err == nil {
					next = append(next, at)
				}
				continue
			}
			if ctx.Err() != nil {
				return nil, true
			}
			if info, err := os.Stat(path); err != nil || !info.IsDir() {
				continue
			}
			directory, err := os.Open(path)
			if err != nil {
				continue
			}
			names, _ := directory.Readdirnames(maxListed - listed + 1)
			_ = directory.Close() // only read from
			if listed += len(names); listed > maxListed {
				return nil, false
			}
			slices.Sort(names)
			for _, name := range names {
				if ok, err := filepath.Match(part, name); err == nil && ok {
					next = append(next, filepath.Join(path, name))
				}
			}
		}
		paths = next
	}
	return paths, true
}

// open opens a regular file; nil, and a gap, when that is not possible.
func (p *probe) open(s *source, path string, gaps *[]Gap) *file {
	f := &file{path: path, name: p.search.Shown(shortName(s, path))}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		s.gap(gaps, f.name, whyUnread(err))
		return nil
	case info.IsDir():
		s.gap(gaps, f.name, "it is a directory; the pattern must match files, such as logs/*.log")
		return nil
	case !info.Mode().IsRegular():
		s.gap(gaps, f.name, "it is no regular file")
		return nil
	}
	if f.handle, f.info, err = gitrepo.OpenFile(path); err != nil {
		s.gap(gaps, f.name, whyUnread(err))
		return nil
	}
	f.size = f.info.Size()
	f.start, f.end, f.packed = ends(f.handle, f.size)
	return f
}

// ends are digests of the first and last bytes of the first size bytes of a file.
func ends(r io.ReaderAt, size int64) (start, end [sha256.Size]byte, packed bool) {
	first := make([]byte, min(size, startBytes))
	n, _ := r.ReadAt(first, 0)
	last := make([]byte, min(size, endBytes))
	m, _ := r.ReadAt(last, size-int64(len(last)))
	return sha256.Sum256(first[:n]), sha256.Sum256(last[:m]), content.Sniff(first[:n]) != content.None
}

// shortName is a file's path as it is told: as the pattern is written, relative or absolute.
func shortName(s *source, path string) string {
	if filepath.IsAbs(s.Path) {
		return filepath.ToSlash(path)
	}
	return filepath.ToSlash(filepath.Join(filepath.Dir(s.Path), filepath.Base(path)))
}

func whyUnread(err error) string {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return "permission denied"
	case errors.Is(err, fs.ErrNotExist):
		return "it does not exist"
	}
	return "it cannot be read"
}

// searchKeys searches what was noted for keys.
func (p *probe) searchKeys(ctx context.Context, run *audit.Run, s *source) {
	scanner := p.search.Scanner(packedLimits)
	defer func() {
		s.opaque = scanner.Opaque()
		keyscan.NotDecoded(run, s.name, s.Environment, s.opaque)
	}()
	if s.Path == "" {
		s.leftOut(&s.gaps, s.name, s.output)
		found := scanner.Hits()
		cuts, err := found.Read(ctx, "", bytes.NewReader(s.output))
		if err != nil {
			s.gap(&s.gaps, s.name, "its output cannot be searched")
		}
		for _, cut := range cuts {
			s.gap(&s.gaps, s.name, "what is packed in it was not read in full: "+string(cut.Reason))
		}
		p.emitKeys(run, s, s.name, "before", found)
		return
	}
	late, cancel := context.WithTimeout(ctx, p.timing.search)
	defer cancel()
	for _, f := range s.files {
		if ctx.Err() != nil {
			return
		}
		if late.Err() != nil {
			s.gap(&s.gaps, f.name, "the time for a log was over; this file and what follows were left out")
			return
		}
		handle := f.handle
		if handle == nil {
			again, _, err := gitrepo.OpenFile(f.path)
			if err != nil {
				s.gap(&s.gaps, f.name, whyUnread(err))
				continue
			}
			handle = again
		}
		if s.bytes+f.size > maxLog {
			s.gap(&s.gaps, f.name, "the log is larger than what is searched")
			if handle != f.handle {
				_ = handle.Close() // only read from
			}
			continue
		}
		found := scanner.Hits()
		found.Name(f.name)
		cuts, err := found.Read(late, f.name, io.NewSectionReader(handle, 0, f.size))
		if handle != f.handle {
			_ = handle.Close() // only read from
		}
		s.bytes += f.size
		switch {
		case err == nil || ctx.Err() != nil:
		case late.Err() != nil:
			s.gap(&s.gaps, f.name, "the time for a log was over before it was searched to its end")
		default:
			s.gap(&s.gaps, f.name, "it cannot be read to its end")
		}
		for _, cut := range cuts {
			s.gap(&s.gaps, f.name, "what is packed in it was not read in full: "+string(cut.Reason))
		}
		if found.Cut > 0 {
			s.gap(&s.gaps, f.name, "it holds more keys than are told")
		}
		p.emitKeys(run, s, f.name, "before", found)
	}
}

// journaldLeftOut is what journalctl shows in place of a message that has control characters, as coloured ones do, or is long.
var journaldLeftOut = lazy.Regexp(`\[[0-9]+(?:\.[0-9])?[KMGT]?B? blob data\]|"MESSAGE"\s*:\s*null`)

// leftOut tells that what wrote the log withheld messages: they may hold anything.
func (s *source) leftOut(gaps *[]Gap, name string, content []byte) {
	if journaldLeftOut().Match(content) {
		s.gap(gaps, name, "journalctl left messages out of it that are long or no plain text: give it the option --all")
	}
}

// addition is what came to a log since the probing began.
type addition struct {
	name  string
	bytes []byte
	// whole: it may hold older text as well, so only what this run alone has sent proves anything.
	whole bool
}

// additions reads what came to the files since they were noted. problems tell what of it is lost.
func (p *probe) additions(ctx context.Context, run *audit.Run, s *source) (list []addition, problems []Gap) {
	left := int64(maxAdded)
	add := func(name string, r io.ReaderAt, from, to int64, whole bool) {
		if to-from > left {
			s.gap(&problems, name, "more came since than is searched")
			to = from + left
		}
		content := make([]byte, to-from)
		n, err := r.ReadAt(content, from)
		if err != nil && !errors.Is(err, io.EOF) {
			s.gap(&problems, name, "it cannot be read to its end")
		}
		left -= int64(n)
		if n > 0 {
			list = append(list, addition{name: name, bytes: content[:n], whole: whole})
		}
	}
	copied := map[*file]bool{}
	paths, _ := matching(ctx, run.Integration.Resolve(s.Path)) // that more match was told before
	for i, path := range paths {
		if i == 2*maxFiles {
			s.gap(&problems, s.name, "more files match than are searched")
			break
		}
		info, err := os.Stat(path)
		if err != nil || known(s, info) || !info.Mode().IsRegular() {
			continue
		}
		f := p.open(s, path, &problems)
		if f == nil {
			continue
		}
		from := int64(0)
		for _, old := range s.files {
			if start, end, _ := ends(f.handle, old.size); old.size > 0 && f.size >= old.size && start == old.start && end == old.end {
				from, copied[old] = old.size, true
				break
			}
		}
		add(f.name, f.handle, from, f.size, f.packed || (from == 0 && len(s.files) > 0 && f.info.ModTime().Before(run.Ledger.Begun().Add(-clockSlack))))
		_ = f.handle.Close() // only read from
	}
	for _, old := range s.files {
		handle, from := old.handle, old.size
		if handle == nil {
			again, _, err := gitrepo.OpenFile(old.path)
			if err != nil {
				if !old.packed {
					s.gap(&problems, old.name, "it was moved away while the receivers were probed: "+whyUnread(err))
				}
				continue
			}
			defer func() { _ = again.Close() }() // only read from
			handle = again
		}
		info, err := handle.Stat()
		switch {
		case err != nil || !os.SameFile(info, old.info):
			if !old.packed {
				s.gap(&problems, old.name, "it was moved away while the receivers were probed")
			}
			continue
		case info.Size() < from || !sameStart(handle, old):
			if !copied[old] {
				s.gap(&problems, old.name, "it was emptied while the receivers were probed, and no copy of what it held is found")
			}
			from = 0
		}
		if s.late {
			add(old.name, handle, 0, info.Size(), true)
		} else {
			add(old.name, handle, from, info.Size(), old.packed)
		}
	}
	return list, problems
}

// sameStart reports whether a file still begins as it did when it was noted.
func sameStart(r io.ReaderAt, old *file) bool {
	start, _, _ := ends(r, old.size)
	return start == old.start
}

func known(s *source, info fs.FileInfo) bool {
	for _, f := range s.files {
		if os.SameFile(f.info, info) {
			return true
		}
	}
	return false
}

// close lets go of the files.
func (s *source) close() {
	for _, f := range s.files {
		if f.handle != nil {
			_ = f.handle.Close() // only read from
			f.handle = nil
		}
	}
}

// newPart is what a command's output holds beyond what it held before; whole when that cannot be told.
func newPart(name string, before, after []byte) addition {
	anchor := before[max(0, len(before)-endBytes):]
	if len(anchor) == 0 {
		return addition{name: name, bytes: after}
	}
	if at := bytes.LastIndex(after, anchor); at >= 0 {
		return addition{name: name, bytes: after[at+len(anchor):]}
	}
	return addition{name: name, bytes: after, whole: true}
}
