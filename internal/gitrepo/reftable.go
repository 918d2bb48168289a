package gitrepo

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zlib"

	"github.com/prelaunch-audit/prelaunch/internal/gitrepo/object"
)

// This file reads refs and reflogs that are kept in reftables, as "git init
// --ref-format=reftable" has it: a list of tables, of which later ones win,
// each with blocks of ref records and compressed blocks of log records. The
// names in them are shortened by what they share with the one before, and
// messages are compressed, so they are searched as they are read; what was
// deleted stays in a table until it is compacted, and is searched too.

const (
	reftableLimit = 64 << 20 // of one table, in bytes; a ref takes about 50
	reftableLog   = 16 << 20 // of one block of log records, unpacked: the format's own bound
)

var errReftable = errors.New("corrupt reftable")

// allReftables reads the tables of every work tree, and returns what their HEADs name.
func (r *Repository) allReftables(ctx context.Context, byName map[string]object.ID) (heads map[string]object.ID) {
	heads = map[string]object.ID{}
	symbolic := map[string]string{} // the target of HEAD by git directory
	dirs := append([]string{r.CommonDir}, r.otherGitDirs()...)
	if r.GitDir != r.CommonDir {
		dirs = append(dirs, r.GitDir)
	}
	for _, dir := range dirs {
		refs, targets := map[string]object.ID{}, map[string]string{}
		r.reftables(ctx, dir, refs, targets)
		heads[dir], symbolic[dir] = refs["HEAD"], targets["HEAD"]
		maps.DeleteFunc(refs, func(name string, _ object.ID) bool { return !strings.HasPrefix(name, "refs/") }) // HEAD, ORIG_HEAD
		maps.Copy(byName, refs)
	}
	for dir, target := range symbolic {
		if target != "" {
			heads[dir] = byName[target]
		}
	}
	return heads
}

// reftables reads the stack of tables of one git directory; symbolic refs go into symbolic.
func (r *Repository) reftables(ctx context.Context, gitDir string, into map[string]object.ID, symbolic map[string]string) {
	dir := filepath.Join(gitDir, "reftable")
	list, err := ReadFile(ctx, filepath.Join(dir, "tables.list"), smallFile)
	if err != nil {
		r.problemWith(filepath.Join(dir, "tables.list"), object.CorruptFile, err)
		return
	}
	listed := map[string]bool{}
	for line := range strings.Lines(string(list)) {
		name := strings.TrimSpace(line)
		listed[name] = true
		if name == "" || name != filepath.Base(name) {
			r.problem(object.CorruptFile, r.Short(filepath.Join(dir, "tables.list")), "", "a line is no name of a table")
			continue
		}
		r.reftable(ctx, filepath.Join(dir, name), into, symbolic)
	}
	others, _ := os.ReadDir(dir)
	for _, o := range others { // left over, but its names and messages are still there
		if name := o.Name(); !listed[name] && strings.HasSuffix(name, ".ref") {
			r.reftable(ctx, filepath.Join(dir, name), map[string]object.ID{}, map[string]string{})
		}
	}
}

func (r *Repository) reftable(ctx context.Context, path string, into map[string]object.ID, symbolic map[string]string) {
	data, err := ReadFile(ctx, path, reftableLimit)
	if err == nil {
		t := &reftable{data: data, idSize: r.IDSize}
		t.ref = func(name string, id object.ID, target string) {
			delete(into, name)
			delete(symbolic, name)
			switch {
			case target != "":
				symbolic[name] = target
			case id != "":
				into[name] = id
			}
			r.Names = append(r.Names, Name{InRef, r.Short(path), name + "\n" + target})
		}
		t.log = func(text string) { r.Names = append(r.Names, Name{InReflog, r.Short(path), text}) }
		err = t.read()
	}
	if err != nil {
		r.problemWith(path, object.CorruptFile, err)
	}
}

// reftable is one table.
type reftable struct {
	data   []byte
	idSize int
	header int
	ref    func(name string, id object.ID, target string) // without id and target it was deleted
	log    func(text string)                              // who, and the message
}

func (t *reftable) read() error {
	if len(t.data) < 24 || string(t.data[:4]) != "REFT" {
		return fmt.Errorf("%w: no header", errReftable)
	}
	switch version := t.data[4]; {
	case version == 1 && t.idSize == 20:
		t.header = 24
	case version == 2:
		t.header = 28
	default:
		return fmt.Errorf("%w: version %d", errReftable, version)
	}
	end := len(t.data) - t.header - 5*8 - 4
	if end < t.header && end != 0 || end < 0 || !bytes.Equal(t.data[end:end+t.header], t.data[:t.header]) {
		return fmt.Errorf("%w: no footer", errReftable)
	}
	footer := t.data[end:]
	if crc32.ChecksumIEEE(footer[:len(footer)-4]) != binary.BigEndian.Uint32(footer[len(footer)-4:]) {
		return fmt.Errorf("%w: its footer's checksum is wrong", errReftable)
	}
	if end <= t.header {
		return nil // no records
	}
	position := func(i int) int {
		at := binary.BigEndian.Uint64(footer[t.header+8*i:])
		if i == 1 {
			at >>= 5 // the rest is a length
		}
		if at > uint64(end) {
			return end
		}
		return int(at)
	}
	logs := position(3)
	if t.data[t.header] != 'g' {
		stop := end
		for _, at := range []int{position(0), position(1), logs} {
			if at > 0 && at < stop {
				stop = at
			}
		}
		if err := t.refs(stop); err != nil {
			return err
		}
		if logs == 0 {
			return nil
		}
	}
	stop := end
	if at := position(4); at > logs && at < stop {
		stop = at
	}
	return t.logs(logs, stop)
}

// refs reads the blocks of ref records up to stop.
func (t *reftable) refs(stop int) error {
	size := int(t.data[5])<<16 | int(t.data[6])<<8 | int(t.data[7])
	for at := 0; at < stop; {
		head := at
		if at == 0 {
			head = t.header
		}
		if at > 0 && t.data[head] == 'i' {
			return nil // an index of several levels, of which the footer names the topmost
		}
		if head+4 > stop || t.data[head] != 'r' {
			return fmt.Errorf("%w: no block of refs at %d", errReftable, at)
		}
		length := int(t.data[head+1])<<16 | int(t.data[head+2])<<8 | int(t.data[head+3])
		if at+length > stop || at+length < head+6 {
			return fmt.Errorf("%w: a block of %d bytes at %d", errReftable, length, at)
		}
		if err := t.records(t.data[head+4:at+length], t.refRecord); err != nil {
			return err
		}
		if size > 0 {
			at = (at/size + 1) * size
		} else {
			at += length
		}
	}
	return nil
}

// logs reads the compressed blocks of log records in data[at:stop].
func (t *reftable) logs(at, stop int) error {
	for first := at == 0; at < stop; first = false {
		if first {
			at = t.header
		}
		if !first && t.data[at] == 'i' {
			return nil // as above
		}
		if at+4 > stop || t.data[at] != 'g' {
			return fmt.Errorf("%w: no block of logs at %d", errReftable, at)
		}
		length := int(t.data[at+1])<<16 | int(t.data[at+2])<<8 | int(t.data[at+3])
		in := bytes.NewReader(t.data[at+4 : stop])
		z, err := zlib.NewReader(in)
		if err != nil {
			return fmt.Errorf("%w: a block of logs: %w", errReftable, err)
		}
		block, err := io.ReadAll(io.LimitReader(z, reftableLog))
		if err != nil {
			return fmt.Errorf("%w: a block of logs: %w", errReftable, err)
		}
		if before := 4; len(block)+before != length && len(block)+before+t.header != length {
			return fmt.Errorf("%w: a block of logs is %d bytes long, not %d", errReftable, len(block)+before, length)
		}
		if err := t.records(block, t.logRecord); err != nil {
			return err
		}
		at = stop - in.Len()
	}
	return nil
}

// records reads the records of a block up to its table of restarts.
func (t *reftable) records(block []byte, read func(key string, kind byte, rest []byte) ([]byte, error)) error {
	cut := fmt.Errorf("%w: a record is truncated", errReftable)
	if len(block) < 2 {
		return cut
	}
	restarts := int(binary.BigEndian.Uint16(block[len(block)-2:]))
	if 3*restarts+2 > len(block) {
		return cut
	}
	rest := block[:len(block)-2-3*restarts]
	last := ""
	for len(rest) > 0 {
		prefix, n := offsetVarint(rest)
		if n == 0 || prefix > int64(len(last)) {
			return cut
		}
		rest = rest[n:]
		suffix, n := offsetVarint(rest)
		kind := byte(suffix & 7)
		suffix >>= 3
		if n == 0 || suffix > int64(len(rest)-n) {
			return cut
		}
		last = last[:prefix] + string(rest[n:n+int(suffix)])
		var err error
		if rest, err = read(last, kind, rest[n+int(suffix):]); err != nil {
			return err
		}
	}
	return nil
}

func (t *reftable) refRecord(name string, kind byte, rest []byte) ([]byte, error) {
	cut := fmt.Errorf("%w: the ref %q is truncated", errReftable, name)
	_, n := offsetVarint(rest) // update index
	if n == 0 {
		return nil, cut
	}
	rest = rest[n:]
	switch kind {
	case 0:
		t.ref(name, "", "")
	case 1, 2:
		if len(rest) < int(kind)*t.idSize {
			return nil, cut
		}
		t.ref(name, object.ID(rest[:t.idSize]), "")
		rest = rest[int(kind)*t.idSize:]
	case 3:
		target, after, ok := varText(rest)
		if !ok {
			return nil, cut
		}
		t.ref(name, "", target)
		rest = after
	default:
		return nil, fmt.Errorf("%w: a ref of kind %d", errReftable, kind)
	}
	return rest, nil
}

func (t *reftable) logRecord(key string, kind byte, rest []byte) ([]byte, error) {
	name, _, _ := strings.Cut(key, "\x00")
	if kind == 0 {
		t.log(name)
		return rest, nil
	}
	cut := fmt.Errorf("%w: a log of the ref %q is truncated", errReftable, name)
	if kind != 1 || len(rest) < 2*t.idSize {
		return nil, cut
	}
	rest = rest[2*t.idSize:]
	text := name
	for part := range 3 { // who, the address, and after the time the message
		if part == 2 {
			_, n := offsetVarint(rest)
			if n == 0 || len(rest) < n+2 {
				return nil, cut
			}
			rest = rest[n+2:]
		}
		s, after, ok := varText(rest)
		if !ok {
			return nil, cut
		}
		text, rest = text+"\n"+s, after
	}
	t.log(text)
	return rest, nil
}

// varText reads a text after its length.
func varText(b []byte) (text string, rest []byte, ok bool) {
	length, n := offsetVarint(b)
	if n == 0 || length > int64(len(b)-n) {
		return "", nil, false
	}
	return string(b[n : n+int(length)]), b[n+int(length):], true
}
