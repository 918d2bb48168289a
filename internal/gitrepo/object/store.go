package gitscan

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/prelaunch-audit/prelaunch/internal/inflate"
)

// This file reads single objects by id, for evidence and for deltas whose
// base is elsewhere. The main pass does not use it.

// maxChain bounds the deltas followed for one object; git itself writes at
// most 4,095.
const maxChain = 4096

// maxThin bounds how often a chain may change packs.
const maxThin = 8

// errMissing says that no store has an object.
var errMissing = fmt.Errorf("object is not in the repository")

// load reads the object id.
func (r *repo) load(id oid) (kind, []byte, error) { return r.loadThin(id, 0) }

func (r *repo) loadThin(id oid, thin int) (kind, []byte, error) {
	var failed error
	for _, p := range r.packs {
		if p.index == nil {
			continue
		}
		if i := p.find(id); i >= 0 {
			k, data, err := r.materialize(p, i, thin)
			if err == nil {
				return k, data, nil
			}
			failed = err
		}
	}
	name := id.String()
	for _, l := range r.loose {
		f, err := os.Open(filepath.Join(l.dir, name[:2], name[2:]))
		if err != nil {
			continue
		}
		var reader looseReader
		k, err := reader.open(f)
		if err == nil && reader.size > r.options.Limits.ObjectBytes {
			err = errTooLarge
		}
		var data []byte
		if err == nil {
			data, err = reader.content()
		}
		f.Close()
		if err == nil {
			return k, data, nil
		}
		failed = err
	}
	if failed == nil {
		failed = errMissing
	}
	return 0, nil, failed
}

// materialize rebuilds entry i of p from its chain.
func (r *repo) materialize(p *pack, i, thin int) (kind, []byte, error) {
	type step struct {
		entry int
		head  entryHead
	}
	var chain []step
	var k kind
	var data []byte
	for at := i; ; {
		if len(chain) > maxChain {
			return 0, nil, fmt.Errorf("%w: a chain of more than %d deltas, or a cycle", errDelta, maxChain)
		}
		h, err := p.headAt(at)
		if err != nil {
			return 0, nil, err
		}
		if h.kind != offsetDelta && h.kind != refDelta {
			k = h.kind
			if data, err = r.inflateEntry(p, at, h); err != nil {
				return 0, nil, err
			}
			break
		}
		chain = append(chain, step{at, h})
		if next := p.bases[at]; next >= 0 {
			at = int(next)
			continue
		}
		if h.kind == offsetDelta || thin >= maxThin {
			return 0, nil, fmt.Errorf("%w: base not found", errDelta)
		}
		if k, data, err = r.loadThin(h.base, thin+1); err != nil {
			return 0, nil, err
		}
		break
	}
	for j := len(chain) - 1; j >= 0; j-- {
		delta, err := r.inflateEntry(p, chain[j].entry, chain[j].head)
		if err != nil {
			return 0, nil, err
		}
		base, size, ops, err := deltaSizes(delta)
		if err != nil {
			return 0, nil, err
		}
		if base != int64(len(data)) {
			return 0, nil, fmt.Errorf("%w: made for another base", errDelta)
		}
		if size > r.options.Limits.ObjectBytes {
			return 0, nil, errTooLarge
		}
		out := make([]byte, size)
		if _, err := applyDelta(out, data, ops, nil); err != nil {
			return 0, nil, err
		}
		data = out
	}
	return k, data, nil
}

func (r *repo) inflateEntry(p *pack, i int, h entryHead) ([]byte, error) {
	length := p.starts[i+1] - p.starts[i]
	if h.size > r.options.Limits.ObjectBytes || length > r.options.Limits.ObjectBytes {
		return nil, errTooLarge
	}
	if h.size > length*maxRatio {
		return nil, fmt.Errorf("%w: %d bytes cannot inflate to the declared %d", errPack, length, h.size)
	}
	raw := make([]byte, length)
	if _, err := p.file.ReadAt(raw, p.starts[i]); err != nil {
		return nil, err
	}
	var d inflate.Decoder
	out := make([]byte, h.size)
	_, err := d.Zlib(out, raw[h.length:])
	return out, err
}
