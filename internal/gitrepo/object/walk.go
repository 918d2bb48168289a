package gitscan

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/bits"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/klauspost/compress/zlib"

	"github.com/prelaunch-audit/prelaunch/internal/inflate"
)

// A pack is walked from each whole object to the deltas that build on it,
// depth first, so that each stored stream is inflated once and each delta is
// applied once, to a base that is at hand. Of several deltas on one base the
// one with most to build on it comes last, when its base can be let go: no
// walk holds more than about log2(entries) objects.

// stored is an object on its way to a visitor.
type stored struct {
	pack  *pack
	entry int
	id    oid // as stored: set for loose objects; for packed ones ask name
	real  oid // of the content, once computed
	kind  kind
	data  []byte
	// fresh are the ranges that are not copied from base, nil if base is nil
	// or everything is new; see applyDelta.
	fresh []span
	// base is the content the object was stored as a difference to, which the
	// same kind of visitor has called clean; otherwise nil.
	base []byte
}

// name returns the object's id, empty when its pack index cannot be read.
func (o *stored) name() oid {
	if o.id != "" || o.pack == nil {
		return o.id
	}
	return o.pack.oid(o.entry)
}

// visitor takes objects; each worker has one of its own.
type visitor interface {
	// object is given a whole object. The result says that nothing was found
	// in it, so that what others copy from it need not be looked at again.
	object(o *stored) (clean bool)
	// stream is given a blob too large to hold; o.data is nil.
	stream(o *stored, size int64, r io.Reader) error
	// broken is told what could not be read.
	broken(o *stored, err error)
}

// errTooLarge marks what is beyond the limits, as opposed to corrupt.
var errTooLarge = errors.New("beyond the limits of this scan")

// streamFrom is the size from which blobs stored whole that nothing builds on
// are not held in memory.
const streamFrom = 8 << 20

// buffer is the content of an object that others build on.
type buffer struct {
	data  []byte
	refs  atomic.Int32
	clean bool
}

type node struct {
	entry int32
	kind  kind // of the object: that of the whole object its chain begins with
	base  *buffer
}

// walk visits the objects of one pack.
type walk struct {
	ctx      context.Context
	pack     *pack
	kinds    int // mask of the kinds of objects wanted
	memory   *memory
	main     bool // note in pack.seen what was visited
	unpacked *atomic.Int64
	inflated *atomic.Int64
	ceiling  int64 // of unpacked

	next   atomic.Int64 // first entry no worker has taken yet
	mu     sync.Mutex
	wake   *sync.Cond
	shared []node
	idle   int
	hungry atomic.Bool // somebody waits for work
	total  int
}

// rootBatch is how many neighbouring entries a worker takes at a time.
const rootBatch = 32

func (k *walk) run(workers int, newVisitor func() visitor) {
	k.wake = sync.NewCond(&k.mu)
	k.total = workers
	stop := context.AfterFunc(k.ctx, func() {
		k.mu.Lock()
		k.wake.Broadcast()
		k.mu.Unlock()
	})
	defer stop()
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			w := &walker{walk: k, visitor: newVisitor(), window: window{file: k.pack.file}}
			w.loop()
		})
	}
	wg.Wait()
}

// take waits for work another worker gives away; false when all is done.
func (k *walk) take() (node, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.idle++
	k.hungry.Store(true)
	for {
		if k.ctx.Err() != nil {
			return node{}, false
		}
		if n := len(k.shared); n > 0 {
			got := k.shared[n-1]
			k.shared = k.shared[:n-1]
			k.idle--
			k.hungry.Store(k.idle > 0)
			return got, true
		}
		if k.idle == k.total {
			k.wake.Broadcast()
			return node{}, false
		}
		k.wake.Wait()
	}
}

func (k *walk) give(n node) {
	k.mu.Lock()
	k.shared = append(k.shared, n)
	k.hungry.Store(k.idle > len(k.shared))
	k.mu.Unlock()
	k.wake.Signal()
}

// walker is one worker.
type walker struct {
	*walk
	visitor visitor
	window  window
	stack   []node
	inflate inflate.Decoder
	packed  []byte       // scratch: compressed bytes
	delta   []byte       // scratch: delta instructions
	fresh   []span       // scratch
	free    [23][][]byte // buffers to use again, by the logarithm of their size
}

func (w *walker) loop() {
	for w.ctx.Err() == nil {
		if n := len(w.stack); n > 0 {
			top := w.stack[n-1]
			w.stack = w.stack[:n-1]
			if len(w.stack) > 0 && w.hungry.Load() {
				// The oldest has the most building on it.
				w.give(w.stack[0])
				w.stack = w.stack[1:]
			}
			w.protected(top)
			continue
		}
		w.stack = w.stack[:0]
		from := int(w.next.Add(rootBatch)) - rootBatch
		if from < w.pack.n {
			for i := min(from+rootBatch, w.pack.n) - 1; i >= from; i-- {
				if k := w.pack.kinds[i]; k <= tagKind && k.in(w.kinds) {
					w.stack = append(w.stack, node{entry: int32(i), kind: k})
				}
			}
			continue
		}
		n, ok := w.take()
		if !ok {
			return
		}
		w.stack = append(w.stack, n)
	}
}

// protected keeps a mistake of this package from ending the whole program: the
// object is reported, and what builds on it as not visited.
func (w *walker) protected(n node) {
	o := &stored{pack: w.pack, entry: int(n.entry), kind: n.kind}
	protect(func() { w.visit(n) }, func(err error) { w.visitor.broken(o, err) })
}

// protect runs f and passes a panic of it on as an error. The error says what
// kind of panic, not its text, which may hold content.
func protect(f func(), report func(error)) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case runtime.Error:
			report(fmt.Errorf("internal error: %w", p))
		default:
			report(fmt.Errorf("internal error of type %T", p))
		}
	}()
	f()
}

// visit reads one entry, shows it to the visitor and stacks what builds on it.
func (w *walker) visit(n node) {
	i := int(n.entry)
	o := &stored{pack: w.pack, entry: i, kind: n.kind}
	if w.main {
		w.pack.seen[i] = true
	}
	data, err := w.read(o, n)
	if n.base != nil && n.base.refs.Add(-1) == 0 {
		defer w.release(n.base.data)
	}
	if err != nil {
		w.visitor.broken(o, err)
		return
	}
	if data == nil {
		return // streamed
	}
	o.data = data
	if total := w.unpacked.Add(int64(len(data))); total > w.ceiling {
		w.release(data)
		w.visitor.broken(o, fmt.Errorf("objects of more than %d bytes in all: %w", w.ceiling, errTooLarge))
		return
	}
	clean := w.visitor.object(o)
	if w.pack.first[i] < 0 {
		w.release(data)
		return
	}
	b := &buffer{data: data, clean: clean}
	heaviest := w.pack.first[i]
	for c := heaviest; c >= 0; c = w.pack.next[c] {
		b.refs.Add(1)
		if w.pack.weight[c] > w.pack.weight[heaviest] {
			heaviest = c
		}
	}
	w.stack = append(w.stack, node{heaviest, n.kind, b})
	for c := w.pack.first[i]; c >= 0; c = w.pack.next[c] {
		if c != heaviest {
			w.stack = append(w.stack, node{c, n.kind, b})
		}
	}
}

// read returns the content of the entry, in a buffer to be released; nil when
// the visitor was given it as a stream.
func (w *walker) read(o *stored, n node) ([]byte, error) {
	p, i := w.pack, o.entry
	length := p.starts[i+1] - p.starts[i]
	streamable := n.base == nil && n.kind == blobKind && p.first[i] < 0
	if length > streamFrom && streamable {
		return nil, w.stream(o)
	}
	if length > w.memory.object {
		return nil, fmt.Errorf("%d compressed bytes: %w", length, errTooLarge)
	}
	var raw []byte
	if n.base == nil && length <= windowSize {
		var err error
		if raw, err = w.window.peek(p.starts[i], int(length), p.starts[p.n]); err != nil {
			return nil, err
		}
	} else {
		w.packed = sized(w.packed, int(length))
		if _, err := p.file.ReadAt(w.packed, p.starts[i]); err != nil {
			return nil, err
		}
		raw = w.packed
	}
	h, err := parseHead(raw, p.oidSize)
	if err != nil {
		return nil, err
	}
	if h.size > streamFrom && streamable {
		return nil, w.stream(o)
	}
	if h.size > w.memory.object {
		return nil, fmt.Errorf("declared size of %d bytes: %w", h.size, errTooLarge)
	}
	if h.size > length*maxRatio {
		return nil, fmt.Errorf("%w: %d bytes cannot inflate to the declared %d", errPack, length, h.size)
	}
	if p.crcs != nil && crc32.ChecksumIEEE(raw) != p.crcs[i] {
		// Search it all the same, if it can still be unpacked.
		w.visitor.broken(o, fmt.Errorf("%w: checksum differs from the one in the index", errPack))
	}
	w.inflated.Add(h.size)
	if n.base == nil {
		data, err := w.buffer(h.size)
		if err != nil {
			return nil, err
		}
		if err := w.unzip(data, raw[h.length:]); err != nil {
			w.release(data)
			return nil, err
		}
		return data, nil
	}
	w.delta = sized(w.delta, int(h.size))
	if err := w.unzip(w.delta, raw[h.length:]); err != nil {
		return nil, err
	}
	base, size, ops, err := deltaSizes(w.delta)
	if err != nil {
		return nil, err
	}
	if base != int64(len(n.base.data)) {
		return nil, fmt.Errorf("%w: made for a base of %d bytes, its base has %d", errDelta, base, len(n.base.data))
	}
	data, err := w.buffer(size)
	if err != nil {
		return nil, err
	}
	if w.fresh, err = applyDelta(data, n.base.data, ops, w.fresh[:0]); err != nil {
		w.release(data)
		return nil, err
	}
	if n.base.clean {
		o.fresh, o.base = w.fresh, n.base.data
	}
	return data, nil
}

// maxRatio is more than deflate can reach (1,032 to 1).
const maxRatio = 1040

func (w *walker) unzip(dst, src []byte) error {
	taken, err := w.inflate.Zlib(dst, src)
	if err != nil {
		return err
	}
	if taken != len(src) {
		return fmt.Errorf("%w: %d bytes between this object and the next", errPack, len(src)-taken)
	}
	return nil
}

func (w *walker) stream(o *stored) error {
	p, i := w.pack, o.entry
	h, err := p.headAt(i)
	if err != nil {
		return err
	}
	at := p.starts[i] + int64(h.length)
	src := io.NewSectionReader(p.file, at, p.starts[i+1]-at)
	r, err := zlib.NewReader(src)
	if err != nil {
		return fmt.Errorf("%w: %w", inflate.ErrCorrupt, err)
	}
	defer r.Close()
	w.inflated.Add(h.size)
	w.unpacked.Add(h.size)
	exact := &exactReader{r: r, left: h.size}
	if err := w.visitor.stream(o, h.size, readerFunc(func(b []byte) (int, error) {
		if err := w.ctx.Err(); err != nil {
			return 0, err
		}
		return exact.Read(b)
	})); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, exact) // whatever the visitor left, so that size and checksum are checked
	return err
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

// exactReader fails when r does not end after exactly left bytes.
type exactReader struct {
	r    io.Reader
	left int64
}

func (e *exactReader) Read(b []byte) (int, error) {
	n, err := e.r.Read(b)
	e.left -= int64(n)
	switch {
	case e.left < 0:
		return n, fmt.Errorf("%w: longer than declared", inflate.ErrCorrupt)
	case err == io.EOF && e.left > 0:
		return n, fmt.Errorf("%w: %d bytes shorter than declared", inflate.ErrCorrupt, e.left)
	case err != nil && err != io.EOF:
		return n, fmt.Errorf("%w: %w", inflate.ErrCorrupt, err)
	}
	return n, err
}

// sized returns b with length n, reallocated when it is too small or when it
// is far too large to be kept.
func sized(b []byte, n int) []byte {
	if cap(b) < n || cap(b) > 4<<20 && n < 1<<20 {
		return make([]byte, n, max(n, 4096))
	}
	return b[:n]
}

// memory bounds what all workers hold together.
type memory struct {
	object int64 // of a single object
	limit  int64
	held   atomic.Int64
}

// buffer returns n bytes that count against the memory limit until released.
func (w *walker) buffer(n int64) ([]byte, error) {
	if n > w.memory.object {
		return nil, fmt.Errorf("size of %d bytes: %w", n, errTooLarge)
	}
	if held := w.memory.held.Add(n); held > w.memory.limit {
		w.memory.held.Add(-n)
		return nil, fmt.Errorf("more than %d bytes of objects that build on each other: %w", w.memory.limit, errTooLarge)
	}
	class := bits.Len64(uint64(max(n, 64) - 1))
	if class >= len(w.free) {
		return make([]byte, n), nil
	}
	if k := len(w.free[class]); k > 0 {
		b := w.free[class][k-1]
		w.free[class] = w.free[class][:k-1]
		return b[:n], nil
	}
	return make([]byte, n, 1<<class), nil
}

func (w *walker) release(b []byte) {
	w.memory.held.Add(-int64(len(b)))
	class := bits.Len64(uint64(max(cap(b), 64) - 1))
	if class < len(w.free) && cap(b) == 1<<class && len(w.free[class]) < 8 {
		w.free[class] = append(w.free[class], b)
	}
}
