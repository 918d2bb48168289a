package object

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
)

// This file reads single objects by ID, for evidence and for deltas whose base is elsewhere. Walk
// does not use it.

// maxChain bounds the deltas followed for one object; Git itself writes at most 4,095.
const maxChain = 4096

// maxThin bounds how often a chain may change packs.
const maxThin = 8

// ErrMissing says that no pack and no file has an object.
var ErrMissing = errors.New("object is not in the repository")

// Load reads one object. The content is shared: it must not be changed.
func (s *Store) Load(ctx context.Context, id ID) (Kind, []byte, error) { return s.load(ctx, id, 0) }

func (s *Store) load(ctx context.Context, id ID, thin int) (Kind, []byte, error) {
	failed := ErrMissing
	for _, p := range s.packs {
		if i := p.find(id); i >= 0 {
			k, data, err := s.materialize(ctx, p, i, thin)
			if err == nil {
				return k, data, nil
			}
			failed = err
		}
	}
	name := id.String()
	for _, l := range s.loose {
		f, _, err := s.Open(filepath.Join(l.dir, name[:2], name[2:]))
		if err != nil {
			continue
		}
		reader := s.looseReader()
		k, err := reader.begin(f)
		if err == nil && reader.size > s.Limits.ObjectBytes {
			err = ErrTooLarge
		}
		var data []byte
		if err == nil {
			data, err = reader.content()
		}
		f.Close() //nolint:errcheck // only read from
		if err == nil {
			return k, data, nil
		}
		failed = err
	}
	return 0, nil, failed
}

// loadNumber reads the object of that number.
func (s *Store) loadNumber(ctx context.Context, number uint32) (Kind, []byte, error) {
	if p, entry, _ := s.at(number); p != nil {
		return s.materialize(ctx, p, entry, 0)
	}
	return s.load(ctx, s.idOf(number), 0)
}

// cache keeps what was rebuilt last: trees of neighboring commits have most of their chain in
// common.
type cache struct {
	mu    sync.Mutex
	data  map[cacheKey]cached
	order []cacheKey // oldest first
	bytes int
}

type cacheKey struct {
	pack  *pack
	entry int
}

type cached struct {
	kind Kind
	data []byte
}

const (
	cacheBytes  = 48 << 20
	cacheObject = 1 << 20 // what is larger is not kept
)

func (c *cache) get(p *pack, entry int) (cached, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	v, ok := c.data[cacheKey{p, entry}]
	return v, ok
}

func (c *cache) put(p *pack, entry int, v cached) {
	key := cacheKey{p, entry}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.data[key]; ok || len(v.data) > cacheObject {
		return
	}
	if c.data == nil {
		c.data = map[cacheKey]cached{}
	}
	c.data[key] = v
	c.order = append(c.order, key)
	for c.bytes += len(v.data); c.bytes > cacheBytes; c.order = c.order[1:] {
		c.bytes -= len(c.data[c.order[0]].data)
		delete(c.data, c.order[0])
	}
}

// materialize rebuilds entry i of p from its chain.
func (s *Store) materialize(ctx context.Context, p *pack, i, thin int) (Kind, []byte, error) {
	type step struct {
		entry int
		head  entryHead
	}
	var chain []step
	var at cached
	for {
		if known, ok := s.cache.get(p, i); ok {
			at = known
			break
		}
		if len(chain) > maxChain {
			return 0, nil, fmt.Errorf("%w: chain of more than %d", errDelta, maxChain)
		}
		h, err := p.headAt(i)
		if err != nil {
			return 0, nil, err
		}
		if h.kind <= Tag {
			data, err := s.inflateEntry(ctx, p, i, h)
			if err != nil {
				return 0, nil, err
			}
			at = cached{h.kind, data}
			s.cache.put(p, i, at)
			break
		}
		chain = append(chain, step{i, h})
		if b := p.bases[i]; b >= 0 {
			i = int(b)
			continue
		}
		if h.kind != refDelta || thin >= maxThin {
			return 0, nil, fmt.Errorf("%w: its base cannot be read", errDelta)
		}
		if at.kind, at.data, err = s.load(ctx, h.base, thin+1); err != nil {
			return 0, nil, err
		}
		break
	}
	var unused ranges
	for j := len(chain) - 1; j >= 0; j-- {
		delta, err := s.inflateEntry(ctx, p, chain[j].entry, chain[j].head)
		if err != nil {
			return 0, nil, err
		}
		base, size, ops, err := deltaSizes(delta)
		if err != nil {
			return 0, nil, err
		}
		if base != int64(len(at.data)) {
			return 0, nil, fmt.Errorf("%w: made for another base", errDelta)
		}
		if size > s.Limits.ObjectBytes {
			return 0, nil, ErrTooLarge
		}
		out := make([]byte, size)
		unused.reset()
		if err := applyDelta(out, at.data, ops, &unused); err != nil {
			return 0, nil, err
		}
		at.data = out
		s.cache.put(p, chain[j].entry, at)
	}
	return at.kind, at.data, nil
}

func (s *Store) inflateEntry(ctx context.Context, p *pack, i int, h entryHead) ([]byte, error) {
	length := p.starts[i+1] - p.starts[i]
	if h.size > s.Limits.ObjectBytes || length > s.Limits.ObjectBytes {
		return nil, ErrTooLarge
	}
	if h.size > length*maxRatio {
		return nil, fmt.Errorf("%w: %d bytes cannot inflate to the declared %d", errPack, length, h.size)
	}
	raw := make([]byte, length)
	if _, err := p.file.ReadAt(raw, p.starts[i]); err != nil {
		return nil, err
	}
	out := make([]byte, h.size)
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.inflate.zlib(ctx, out, raw[h.length:])
	return out, err
}
