package gitscan

import (
	"context"
	"io"
	"sync"
	"sync/atomic"
)

// InflateOnly inflates every stored stream of every pack once and does
// nothing else: the floor that a scan is measured against. It returns how many
// bytes came out.
func InflateOnly(ctx context.Context, path string, workers int) (int64, error) {
	l, err := openLayout(path)
	if err != nil {
		return 0, err
	}
	r := &repo{search: &search{found: newCollector(Limits{})}, layout: l}
	defer r.close()
	r.options.Workers = max(workers, 1)
	r.options.Limits = r.options.Limits.withDefaults()
	r.openStores(ctx)
	var total atomic.Int64
	for _, p := range r.packs {
		var next atomic.Int64
		var wg sync.WaitGroup
		for range r.options.Workers {
			wg.Go(func() {
				w := &walker{window: window{file: p.file}}
				for ctx.Err() == nil {
					from := int(next.Add(rootBatch)) - rootBatch
					if from >= p.n {
						return
					}
					for i := from; i < min(from+rootBatch, p.n); i++ {
						n := p.starts[i+1] - p.starts[i]
						var raw []byte
						var err error
						if n <= windowSize {
							raw, err = w.window.peek(p.starts[i], int(n), p.starts[p.n])
						} else {
							w.packed = sized(w.packed, int(n))
							_, err = p.file.ReadAt(w.packed, p.starts[i])
							raw = w.packed
						}
						if err != nil && err != io.EOF {
							continue
						}
						h, err := parseHead(raw, p.oidSize)
						if err != nil {
							continue
						}
						w.delta = sized(w.delta, int(h.size))
						if w.unzip(w.delta, raw[h.length:]) == nil {
							total.Add(h.size)
						}
					}
				}
			})
		}
		wg.Wait()
	}
	return total.Load(), ctx.Err()
}
