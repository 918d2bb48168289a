package object

import (
	"context"
	"sync"
	"sync/atomic"
)

// Inflate inflates every stored stream of every pack once and does nothing else: the baseline that
// a walk is measured against. It returns how many bytes came out.
func (s *Store) Inflate(ctx context.Context) int64 {
	var total atomic.Int64
	for _, p := range s.packs {
		var next atomic.Int64
		var wg sync.WaitGroup
		for range s.Workers {
			wg.Go(func() {
				w := &walker{walk: &walk{ctx: ctx, pack: p}, window: window{file: p.file}}
				for ctx.Err() == nil {
					from := int(next.Add(rootBatch)) - rootBatch
					if from >= p.n {
						return
					}
					for i := from; i < min(from+rootBatch, p.n); i++ {
						raw, err := w.packedBytes(i, true)
						if err != nil {
							continue
						}
						h, err := parseHead(raw, p.idSize)
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
	return total.Load()
}
