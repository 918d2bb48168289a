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
	"sync/atomic"

	"github.com/klauspost/compress/zlib"
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
			_, err = io.Copy(io.Discard, &contextReader{ctx, z})
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

type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *contextReader) Read(b []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(b)
}

// hasher is the visitor that learns ids.
type hasher struct {
	ids     []oid
	oidSize int
}

func (h *hasher) object(o *stored) bool {
	h.ids[o.entry] = hashObject(o.kind, o.data, h.oidSize)
	return false
}

func (h *hasher) stream(o *stored, size int64, r io.Reader) error {
	sum := newHash(h.oidSize)
	fmt.Fprintf(sum, "%s %d\x00", o.kind, size)
	if _, err := io.Copy(sum, r); err != nil {
		return err
	}
	h.ids[o.entry] = oid(sum.Sum(nil))
	return nil
}

func (h *hasher) broken(*stored, error) {}

// hashEntries returns the id of each entry, empty where it cannot be rebuilt.
// Reference deltas are linked on the way, as soon as their base's id is known.
func (r *repo) hashEntries(ctx context.Context, p *pack) []oid {
	ids := make([]oid, p.n)
	k := &walk{
		ctx: ctx, pack: p, kinds: allKinds, memory: r.memory(),
		unpacked: new(atomic.Int64), inflated: new(atomic.Int64),
		ceiling: r.options.Limits.UnpackedBytes + 500*p.size,
	}
	k.run(r.options.Workers, func() visitor { return &hasher{ids, p.oidSize} })
	if len(p.thin) == 0 {
		return ids
	}
	waiting := map[oid][]int{}
	for _, t := range p.thin {
		waiting[t.base] = append(waiting[t.base], int(t.entry))
	}
	var known []int // entries whose id was learnt and whose waiters were not yet told
	for i, id := range ids {
		if id != "" && waiting[id] != nil {
			known = append(known, i)
		}
	}
	for len(known) > 0 && ctx.Err() == nil {
		base := known[len(known)-1]
		known = known[:len(known)-1]
		list := waiting[ids[base]]
		delete(waiting, ids[base])
		for _, i := range list {
			p.bases[i] = int32(base)
		}
		for len(list) > 0 {
			i := list[len(list)-1]
			list = list[:len(list)-1]
			kind, data, err := r.materialize(p, i, maxThin)
			if err != nil {
				continue
			}
			ids[i] = hashObject(kind, data, p.oidSize)
			if waiting[ids[i]] != nil {
				known = append(known, i)
			}
			for c := p.first[i]; c >= 0; c = p.next[c] {
				list = append(list, int(c))
			}
		}
	}
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
