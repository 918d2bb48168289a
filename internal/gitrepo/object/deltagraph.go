package object

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
)

// linkBatch is how many neighbouring entries a worker takes at a time.
const linkBatch = 1024

// linkDeltas reads the head of every entry and notes which deltas build on which
// entry. broken is called, from several goroutines, for entries that cannot be
// read or whose base offset is no entry.
func (p *pack) linkDeltas(ctx context.Context, workers int, broken func(entry int, err error)) error {
	p.kinds, p.bases = make([]Kind, p.n), make([]int32, p.n)
	var next atomic.Int64
	var mu sync.Mutex // guards refs and failed
	refs := map[int]ID{}
	var failed error
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			w := window{file: p.file}
			for ctx.Err() == nil {
				from := int(next.Add(linkBatch)) - linkBatch
				if from >= p.n {
					return
				}
				for i := from; i < min(from+linkBatch, p.n); i++ {
					p.bases[i] = -1
					b, err := w.peek(p.starts[i], maxHead, p.starts[p.n])
					if err != nil {
						mu.Lock()
						failed = err
						mu.Unlock()
						return
					}
					if room := p.starts[i+1] - p.starts[i]; int64(len(b)) > room {
						b = b[:room]
					}
					h, err := parseHead(b, p.idSize)
					if err != nil {
						broken(i, err)
						continue
					}
					p.kinds[i] = h.kind
					switch h.kind {
					case offsetDelta:
						base := p.at(p.starts[i] - h.back)
						if base < 0 {
							p.kinds[i] = brokenKind
							broken(i, fmt.Errorf("%w: no object %d bytes before it", errDelta, h.back))
							continue
						}
						p.bases[i] = int32(base)
					case refDelta:
						mu.Lock()
						refs[i] = h.base
						mu.Unlock()
					}
				}
			}
		})
	}
	wg.Wait()
	if err := errors.Join(ctx.Err(), failed); err != nil {
		return err
	}
	if err := p.linkRefs(refs); err != nil {
		return err
	}
	p.first, p.next = make([]int32, p.n), make([]int32, p.n)
	for i := range p.first {
		p.first[i] = -1
	}
	for i := p.n - 1; i >= 0; i-- {
		p.next[i] = -1
		if b := p.bases[i]; b >= 0 {
			p.next[i], p.first[b] = p.first[b], int32(i)
		}
	}
	p.weigh()
	return nil
}

// linkRefs finds the bases of reference deltas. Few are looked up one by one;
// many by reading the index once.
func (p *pack) linkRefs(refs map[int]ID) error {
	if len(refs) < 4096 {
		for i, base := range refs {
			if at := p.find(base); at >= 0 {
				p.bases[i] = int32(at)
			} else {
				p.thin = append(p.thin, thinDelta{int32(i), base})
			}
		}
		return nil
	}
	wanted := make(map[ID][]int32, len(refs))
	for i, base := range refs {
		wanted[base] = append(wanted[base], int32(i))
	}
	err := p.index.each(p.idxSize, func(_ int, id []byte, _ uint32, offset int64) error {
		if list, ok := wanted[ID(id)]; ok {
			at := p.at(offset)
			for _, i := range list {
				p.bases[i] = int32(at)
			}
			delete(wanted, ID(id))
		}
		return nil
	})
	for base, list := range wanted {
		for _, i := range list {
			p.thin = append(p.thin, thinDelta{i, base})
		}
	}
	return err
}

// weigh counts for each entry the entries that build on it, itself included.
// Entries of a cycle keep a weight of 1; no walk reaches them.
func (p *pack) weigh() {
	p.weight = make([]int32, p.n)
	pending := make([]int32, p.n)
	for i := range p.weight {
		p.weight[i] = 1
		if b := p.bases[i]; b >= 0 {
			pending[b]++
		}
	}
	for leaf := p.n - 1; leaf >= 0; leaf-- {
		// Follow the bases for as long as the last child has been counted.
		for i := int32(leaf); i >= 0 && pending[i] == 0; {
			pending[i] = -1
			b := p.bases[i]
			if b < 0 {
				break
			}
			p.weight[b] += p.weight[i]
			pending[b]--
			if int(b) < leaf {
				break // the outer loop comes to it
			}
			i = b
		}
	}
}

// window reads a file in pieces for callers that go through it roughly
// forwards.
type window struct {
	file *os.File
	buf  []byte
	at   int64
	held int
}

const windowSize = 128 << 10

// peek returns up to n bytes at offset, fewer only at end; they are valid
// until the next call.
func (w *window) peek(offset int64, n int, end int64) ([]byte, error) {
	if int64(n) > end-offset {
		n = int(end - offset)
	}
	if offset < w.at || offset+int64(n) > w.at+int64(w.held) {
		if w.buf == nil {
			w.buf = make([]byte, windowSize)
		}
		size := min(int64(len(w.buf)), end-offset)
		k, err := w.file.ReadAt(w.buf[:size], offset)
		if int64(k) < size {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		w.at, w.held = offset, k
	}
	from := int(offset - w.at)
	return w.buf[from : from+n], nil
}
