package gitscan

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/klauspost/compress/zlib"

	"github.com/prelaunch-audit/prelaunch/internal/content"
)

// This file makes an index for a pack that has none that can be used. It is
// the slow path: the pack is inflated once to find where objects begin and
// once more to learn their ids.

// rebuildIndex finds the entries of the pack and their ids and links them.
// What of the pack can be read is usable afterwards, also when the error says
// that the rest cannot.
func (r *repo) rebuildIndex(ctx context.Context, p *pack, broken func(entry int, err error)) error {
	declared := p.n
	cut := p.findEntries(ctx)
	if err := ctx.Err(); err != nil {
		return err
	}
	if cut != nil {
		cut = fmt.Errorf("%w: no usable index, and only %d of %d objects could be read: %w", errPack, p.n, declared, cut)
	}
	ignore := func(int, error) {} // told when linking for good
	if err := p.link(ctx, r.options.Workers, ignore); err != nil {
		return errors.Join(cut, err)
	}
	ids := r.hashEntries(ctx, p)
	if err := ctx.Err(); err != nil {
		return err
	}
	data := p.indexBytes(ids)
	x, err := openIndex(bytes.NewReader(data), int64(len(data)), p.oidSize)
	if err != nil {
		return errors.Join(cut, err)
	}
	end := p.starts[p.n]
	if err := p.useIndex(x, int64(len(data))); err != nil {
		return errors.Join(cut, err)
	}
	p.starts[p.n], p.crcs, p.thin = end, nil, nil
	return errors.Join(cut, p.link(ctx, r.options.Workers, broken))
}

// findEntries reads the pack from front to back. It sets n and starts to what
// could be read and returns why it was not everything.
func (p *pack) findEntries(ctx context.Context) error {
	end := p.size - int64(p.oidSize)
	file := bufio.NewReaderSize(io.NewSectionReader(p.file, packHeader, end-packHeader), 256<<10)
	counted := &countingReader{r: file, at: packHeader}
	var z io.ReadCloser
	starts := make([]int64, 0, p.n+1)
	stop := func(end int64, err error) error {
		p.n = len(starts)
		p.starts = append(starts, end)
		return err
	}
	for range p.n {
		start := counted.at
		if err := ctx.Err(); err != nil {
			return stop(start, err)
		}
		head, err := file.Peek(maxHead)
		if err != nil && err != io.EOF {
			return stop(start, err)
		}
		h, err := parseHead(head, p.oidSize)
		if err != nil {
			return stop(start, err)
		}
		file.Discard(h.length)
		counted.at += int64(h.length)
		if z == nil {
			z, err = zlib.NewReader(counted)
		} else {
			err = z.(zlib.Resetter).Reset(counted, nil)
		}
		if err == nil {
			_, err = io.Copy(io.Discard, content.Until(ctx, z))
		}
		if err != nil {
			return stop(start, err)
		}
		starts = append(starts, start)
	}
	if extra := end - counted.at; extra != 0 {
		return stop(counted.at, fmt.Errorf("%d bytes after the last object", extra))
	}
	return stop(end, nil)
}

// countingReader counts what a decompressor takes, which reads byte by byte
// exactly to its end.
type countingReader struct {
	r  *bufio.Reader
	at int64
}

func (c *countingReader) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.at += int64(n)
	return n, err
}

func (c *countingReader) ReadByte() (byte, error) {
	b, err := c.r.ReadByte()
	if err == nil {
		c.at++
	}
	return b, err
}

// hasher is the visitor that learns ids. Reference deltas are linked as soon
// as the id of their base is known, which is just before the walk looks for
// what builds on it.
type hasher struct {
	pack    *pack
	ids     []oid
	waiting *waiting
}

// waiting is the reference deltas whose base was not met yet.
type waiting struct {
	mu     sync.Mutex
	byBase map[oid][]int32
}

func (w *waiting) take(base oid) []int32 {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := w.byBase[base]
	delete(w.byBase, base)
	return list
}

func (h *hasher) object(o *stored) bool {
	p, id := h.pack, hashObject(o.kind, o.data, h.pack.oidSize)
	h.ids[o.entry] = id
	for _, i := range h.waiting.take(id) {
		p.bases[i] = int32(o.entry)
		p.next[i], p.first[o.entry] = p.first[o.entry], i
	}
	return false
}

func (h *hasher) stream(o *stored, size int64, r io.Reader) error {
	sum := newHash(h.pack.oidSize)
	fmt.Fprintf(sum, "%s %d\x00", o.kind, size)
	if _, err := io.Copy(sum, r); err != nil {
		return err
	}
	h.ids[o.entry] = oid(sum.Sum(nil))
	return nil
}

func (h *hasher) broken(*stored, error) {} // the main pass reports it

// hashEntries returns the id of each entry, empty where it cannot be rebuilt.
func (r *repo) hashEntries(ctx context.Context, p *pack) []oid {
	ids := make([]oid, p.n)
	w := &waiting{byBase: map[oid][]int32{}}
	for _, t := range p.thin {
		w.byBase[t.base] = append(w.byBase[t.base], t.entry)
	}
	r.walkPack(ctx, p, allKinds, false, func() visitor { return &hasher{p, ids, w} })
	return ids
}

// indexBytes writes a version 2 index. Entries without an id get one of zeros.
func (p *pack) indexBytes(ids []oid) []byte {
	nameless := oid(make([]byte, p.oidSize))
	order := make([]int, len(ids))
	for i := range order {
		order[i] = i
		if ids[i] == "" {
			ids[i] = nameless
		}
	}
	slices.SortFunc(order, func(a, b int) int { return bytes.Compare([]byte(ids[a]), []byte(ids[b])) })
	out := []byte("\xfftOc\x00\x00\x00\x02")
	at := 0
	for b := range 256 {
		for at < len(order) && int(ids[order[at]][0]) <= b {
			at++
		}
		out = binary.BigEndian.AppendUint32(out, uint32(at))
	}
	for _, i := range order {
		out = append(out, ids[i]...)
	}
	out = append(out, make([]byte, 4*len(order))...) // no checksums
	var large []byte
	for _, i := range order {
		if offset := p.starts[i]; offset < 1<<31 {
			out = binary.BigEndian.AppendUint32(out, uint32(offset))
		} else {
			out = binary.BigEndian.AppendUint32(out, uint32(len(large)/8)|1<<31)
			large = binary.BigEndian.AppendUint64(large, uint64(offset))
		}
	}
	out = append(out, large...)
	return append(out, make([]byte, 2*p.oidSize)...)
}
