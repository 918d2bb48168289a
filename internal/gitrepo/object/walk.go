package object

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
)

// A pack is walked from each whole object to the deltas that build on it, depth first, so that
// each stored stream is inflated once and each delta is applied once, to a base that is at hand.
// Of several deltas on one base the one with most to build on it comes last, when its base can be
// let go: no walk holds more than about log2(entries) objects.

// Visitor takes objects; each worker has one of its own.
type Visitor interface {
	// Object is given a whole object. The result is the BaseClean of the objects that are
	// stored as deltas of this one.
	Object(o *Object) (clean bool)
	// Stream is given a blob too large to hold.
	Stream(o *Object, size int64, r io.Reader) error
	// Broken is given what could not be read, or not be read in full.
	Broken(o *Object, err error)
}

// ErrTooLarge marks what is beyond the limits, as opposed to corrupt.
var ErrTooLarge = errors.New("beyond the limits")

// StreamFrom is the size in bytes from which blobs stored whole that nothing builds on are not
// held in memory.
const StreamFrom = 8 << 20

// buffer is the content of an object that others build on.
type buffer struct {
	data  []byte
	refs  atomic.Int32
	clean bool
}

type node struct {
	entry int32
	kind  Kind // of the object: that of the whole object its chain begins with
	base  *buffer
}

// walk visits the objects of one pack.
type walk struct {
	ctx     context.Context
	pack    *pack
	memory  *memory
	stats   *stats
	ceiling int64 // of stats.unpacked

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

func (k *walk) run(workers int, newVisitor func() Visitor) {
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
	visitor Visitor
	object  Object // at hand
	window  window
	stack   []node
	inflate inflater
	large   io.ReadCloser // for streams
	packed  []byte        // scratch: compressed bytes
	delta   []byte        // scratch: delta instructions
	ranges  ranges        // scratch
	free    [23][][]byte  // buffers to use again, by the logarithm of their size
	unused  int           // bytes in them
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
				if k := w.pack.kinds[i]; k != brokenKind && k <= Tag {
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
	o := &w.object
	*o = Object{pack: w.pack, entry: int(n.entry), Kind: n.kind, number: w.pack.number + uint32(n.entry)}
	Protect(func() { w.visit(n, o) }, func(err error) { w.visitor.Broken(o, err) })
}

// Protect runs f and passes a panic of it on as an error. The error says what
// kind of panic, not its text, which may hold content.
func Protect(f func(), report func(error)) {
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
func (w *walker) visit(n node, o *Object) {
	i := int(n.entry)
	w.pack.seen[i] = true
	data, err := w.read(o, n)
	if n.base != nil && n.base.refs.Add(-1) == 0 {
		defer w.release(n.base.data)
	}
	if err != nil {
		w.visitor.Broken(o, err)
		return
	}
	if data == nil {
		return // streamed
	}
	o.Data = data
	if total := w.stats.unpacked.Add(int64(len(data))); total > w.ceiling {
		w.release(data)
		w.visitor.Broken(o, fmt.Errorf("objects of more than %d bytes in all: %w", w.ceiling, ErrTooLarge))
		return
	}
	clean := w.visitor.Object(o)
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
func (w *walker) read(o *Object, n node) ([]byte, error) {
	p, i := w.pack, o.entry
	length := p.starts[i+1] - p.starts[i]
	streamable := n.base == nil && n.kind == Blob && p.first[i] < 0
	if length > StreamFrom && streamable {
		return nil, w.stream(o)
	}
	if length > w.memory.object {
		return nil, fmt.Errorf("%d compressed bytes: %w", length, ErrTooLarge)
	}
	raw, err := w.packedBytes(i, n.base == nil)
	if err != nil {
		return nil, err
	}
	h, err := parseHead(raw, p.idSize)
	if err != nil {
		return nil, err
	}
	if h.size > StreamFrom && streamable {
		return nil, w.stream(o)
	}
	if h.size > w.memory.object {
		return nil, fmt.Errorf("declared size of %d bytes: %w", h.size, ErrTooLarge)
	}
	if h.size > length*maxRatio {
		return nil, fmt.Errorf("%w: %d bytes cannot inflate to the declared %d", errPack, length, h.size)
	}
	if p.crcs != nil && crc32.ChecksumIEEE(raw) != p.crcs[i] {
		// Search it all the same, if it can still be unpacked.
		w.visitor.Broken(o, fmt.Errorf("%w: checksum differs from the one in the index", errPack))
	}
	w.stats.inflated.Add(h.size)
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
	w.ranges.reset()
	if err = applyDelta(data, n.base.data, ops, &w.ranges); err != nil {
		w.release(data)
		return nil, err
	}
	o.Base, o.BaseClean = n.base.data, n.base.clean
	o.Changed, o.kept = w.ranges.changed, w.ranges.kept
	return data, nil
}

// packedBytes reads entry i, header and stream; they are valid until the next call. In sequence
// says that the caller goes through the pack roughly forwards.
func (w *walker) packedBytes(i int, inSequence bool) ([]byte, error) {
	p := w.pack
	length := p.starts[i+1] - p.starts[i]
	if inSequence && length <= windowSize {
		return w.window.peek(p.starts[i], int(length), p.starts[p.n])
	}
	w.packed = sized(w.packed, int(length))
	_, err := p.file.ReadAt(w.packed, p.starts[i])
	return w.packed, err
}

// maxRatio is more than deflate can reach (1,032 to 1).
const maxRatio = 1040

func (w *walker) unzip(dst, src []byte) error {
	taken, err := w.inflate.zlib(w.ctx, dst, src)
	if err != nil {
		return err
	}
	if taken != len(src) {
		return fmt.Errorf("%w: %d bytes between this object and the next", errPack, len(src)-taken)
	}
	return nil
}

func (w *walker) stream(o *Object) error {
	p, i := w.pack, o.entry
	h, err := p.headAt(i)
	if err != nil {
		return err
	}
	at := p.starts[i] + int64(h.length)
	src := io.NewSectionReader(p.file, at, p.starts[i+1]-at)
	if err := reset(&w.large, src); err != nil {
		return fmt.Errorf("%w: %w", errZlib, err)
	}
	w.stats.inflated.Add(h.size)
	w.stats.unpacked.Add(h.size)
	return showStream(w.ctx, w.visitor, o, h.size, w.large)
}

// showStream gives a visitor a blob of the given size that r inflates. Whatever the visitor leaves
// is read too, so that size and checksum are checked.
func showStream(ctx context.Context, v Visitor, o *Object, size int64, r io.Reader) error {
	exact := &exactReader{ctx: ctx, r: r, left: size}
	if err := v.Stream(o, size, exact); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, exact)
	return err
}

// exactReader fails when r does not end after exactly left bytes, and when its context ends.
type exactReader struct {
	ctx  context.Context
	r    io.Reader
	left int64
}

func (e *exactReader) Read(b []byte) (int, error) {
	if err := e.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := e.r.Read(b)
	e.left -= int64(n)
	switch {
	case e.left < 0:
		return n, fmt.Errorf("%w: longer than declared", errZlib)
	case err == io.EOF && e.left > 0:
		return n, fmt.Errorf("%w: %d bytes shorter than declared", errZlib, e.left)
	case err != nil && err != io.EOF:
		return n, fmt.Errorf("%w: %w", errZlib, err)
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

// maxIdle bounds the bytes that a worker keeps to use again.
const maxIdle = 8 << 20

// buffer returns n bytes that count against the memory limit until released.
func (w *walker) buffer(n int64) ([]byte, error) {
	if n > w.memory.object {
		return nil, fmt.Errorf("size of %d bytes: %w", n, ErrTooLarge)
	}
	if held := w.memory.held.Add(n); held > w.memory.limit {
		w.memory.held.Add(-n)
		return nil, fmt.Errorf("more than %d bytes of objects that build on each other: %w", w.memory.limit, ErrTooLarge)
	}
	class := bits.Len64(uint64(max(n, 64) - 1))
	if class >= len(w.free) {
		return make([]byte, n), nil
	}
	if k := len(w.free[class]); k > 0 {
		b := w.free[class][k-1]
		w.free[class] = w.free[class][:k-1]
		w.unused -= cap(b)
		return b[:n], nil
	}
	return make([]byte, n, 1<<class), nil
}

func (w *walker) release(b []byte) {
	w.memory.held.Add(-int64(len(b)))
	class := bits.Len64(uint64(max(cap(b), 64) - 1))
	if class < len(w.free) && cap(b) == 1<<class && len(w.free[class]) < 8 && w.unused+cap(b) <= maxIdle {
		w.free[class] = append(w.free[class], b)
		w.unused += cap(b)
	}
}
