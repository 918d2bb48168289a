package gitrepo

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/prelaunch-audit/prelaunch/internal/gitrepo/object"
)

// Index is what an index lists: the tracked files.
type Index struct {
	File    string
	Entries []IndexEntry
}

// IndexEntry is one tracked file.
type IndexEntry struct {
	Path string
	Mode uint32 // its type as object.ModeType and following
	ID   object.ID
}

// indexLimit bounds an index file: the largest repositories have some 100 MB.
const indexLimit = 1 << 30

var errGitIndex = errors.New("corrupt index")

// readIndexes reads this work tree's index first, then those of the others.
func (r *Repository) readIndexes(ctx context.Context) {
	dirs := []string{r.GitDir}
	if r.CommonDir != r.GitDir {
		dirs = append(dirs, r.CommonDir)
	}
	dirs = append(dirs, r.otherGitDirs()...)
	for _, dir := range dirs {
		file := filepath.Join(dir, "index")
		x, err := readIndex(ctx, file, r.IDSize)
		if errors.Is(err, fs.ErrNotExist) || ctx.Err() != nil {
			continue
		}
		if err != nil {
			r.problemWith(file, object.CorruptFile, err)
		}
		if x != nil {
			r.Indexes = append(r.Indexes, x)
		}
	}
}

// indexOf returns the index of a work tree by its Git directory, nil if there is none.
func (r *Repository) indexOf(gitDir string) *Index {
	for _, x := range r.Indexes {
		if x.File == filepath.Join(gitDir, "index") {
			return x
		}
	}
	return nil
}

func readIndex(ctx context.Context, file string, idSize int) (*Index, error) {
	data, err := ReadFile(ctx, file, indexLimit)
	if err != nil {
		return nil, err
	}
	x := &Index{File: file}
	shared, replaced, err := x.parse(data, idSize)
	if err != nil {
		return x, fmt.Errorf("%w %s: %w", errGitIndex, file, err)
	}
	if shared == "" {
		return x, nil
	}
	// A split index: most entries are in another file, of which some are
	// replaced (then this file has them without a path) or deleted.
	data, err = ReadFile(ctx, filepath.Join(filepath.Dir(file), "sharedindex."+shared.String()), indexLimit)
	if err != nil {
		return x, fmt.Errorf("%w %s: %w", errGitIndex, file, err)
	}
	base := &Index{}
	if _, _, err := base.parse(data, idSize); err != nil {
		return x, fmt.Errorf("%w %s: %w", errGitIndex, file, err)
	}
	var named, nameless []IndexEntry
	for _, e := range x.Entries {
		if e.Path == "" {
			nameless = append(nameless, e)
		} else {
			named = append(named, e)
		}
	}
	x.Entries = named
	for i, e := range base.Entries {
		if replaced.has(replaced.deleted, i) {
			continue
		}
		if replaced.has(replaced.changed, i) && len(nameless) > 0 {
			e.ID, e.Mode = nameless[0].ID, nameless[0].Mode
			nameless = nameless[1:]
		}
		x.Entries = append(x.Entries, e)
	}
	return x, nil
}

// split is the bitmaps of a split index, as sets of positions.
type split struct{ deleted, changed []uint64 }

func (split) has(set []uint64, i int) bool { return i/64 < len(set) && set[i/64]>>(i%64)&1 != 0 }

func (x *Index) parse(data []byte, idSize int) (shared object.ID, s split, err error) {
	if len(data) < 12+idSize || string(data[:4]) != "DIRC" {
		return "", s, errors.New("no header")
	}
	version, count := binary.BigEndian.Uint32(data[4:]), int(binary.BigEndian.Uint32(data[8:]))
	if version < 2 || version > 4 {
		return "", s, fmt.Errorf("version %d is not supported", version)
	}
	body := data[:len(data)-idSize]
	at, last := 12, ""
	fixed := 40 + idSize + 2
	for range count {
		if at+fixed > len(body) {
			return "", s, errors.New("truncated")
		}
		e := IndexEntry{Mode: binary.BigEndian.Uint32(body[at+24:]), ID: object.ID(body[at+40 : at+40+idSize])}
		flags := binary.BigEndian.Uint16(body[at+40+idSize:])
		name := at + fixed
		if flags&0x4000 != 0 && version >= 3 {
			name += 2
		}
		if name > len(body) {
			return "", s, errors.New("truncated")
		}
		prefix := ""
		if version == 4 {
			strip, n := offsetVarint(body[name:])
			if n == 0 || strip > int64(len(last)) {
				return "", s, errors.New("bad path compression")
			}
			prefix, name = last[:len(last)-int(strip)], name+n
		}
		end := bytes.IndexByte(body[name:], 0)
		if end < 0 {
			return "", s, errors.New("path without end")
		}
		e.Path = prefix + string(body[name:name+end])
		last = e.Path
		if version == 4 {
			at = name + end + 1
		} else {
			at += (name + end - at + 8) &^ 7
		}
		x.Entries = append(x.Entries, e)
	}
	for at+8 <= len(body) {
		size := int64(binary.BigEndian.Uint32(body[at+4:]))
		if size > int64(len(body)-at-8) {
			return "", s, errors.New("extension beyond the end")
		}
		if string(body[at:at+4]) == "link" && size >= int64(idSize) {
			ext := body[at+8 : at+8+int(size)]
			shared = object.ID(ext[:idSize])
			rest := ext[idSize:]
			if s.deleted, rest, err = ewah(rest); err == nil && len(rest) > 0 {
				s.changed, _, err = ewah(rest)
			}
			if err != nil {
				return "", s, err
			}
			if bytes.Count([]byte(shared), []byte{0}) == idSize {
				shared = ""
			}
		}
		at += 8 + int(size)
	}
	return shared, s, nil
}

// offsetVarint reads the variable-length integer of pack offsets.
func offsetVarint(b []byte) (v int64, n int) {
	for i := 0; i < len(b) && i < 8; i++ {
		if i > 0 {
			v++
		}
		v = v<<7 | int64(b[i]&0x7f)
		if b[i] < 0x80 {
			return v, i + 1
		}
	}
	return 0, 0
}

// ewah unpacks git's compressed bitmap.
func ewah(b []byte) (words []uint64, rest []byte, err error) {
	bad := errors.New("bad bitmap")
	if len(b) == 0 {
		return nil, nil, nil
	}
	if len(b) < 8 {
		return nil, nil, bad
	}
	size, count := int(binary.BigEndian.Uint32(b)), int(binary.BigEndian.Uint32(b[4:]))
	b = b[8:]
	if size < 0 || count < 0 || count > len(b)/8 {
		return nil, nil, bad
	}
	limit := (size + 63) / 64
	if limit > indexLimit/64 {
		return nil, nil, bad
	}
	for i := 0; i < count; {
		marker := binary.BigEndian.Uint64(b[8*i:])
		i++
		run, literal := int(marker>>1&(1<<32-1)), int(marker>>33)
		if run > limit-len(words) || literal > count-i {
			return nil, nil, bad
		}
		for range run {
			words = append(words, -(marker & 1))
		}
		for range literal {
			words = append(words, binary.BigEndian.Uint64(b[8*i:]))
			i++
		}
	}
	b = b[8*count:]
	if len(b) < 4 {
		return nil, nil, bad
	}
	return words, b[4:], nil
}
