package gitscan

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/prelaunch-audit/prelaunch/internal/content"
)

// scanBrotli unpacks the blobs that a tree, of whatever commit, names like files compressed with brotli: their content alone does not
// tell. The blobs themselves were searched, and what cannot be read of them was reported, in the main pass.
func (r *repo) scanBrotli(ctx context.Context) {
	s := r.newScanner(ctx)
	for _, id := range slices.Sorted(maps.Keys(r.brotli.ids)) {
		if ctx.Err() != nil {
			return
		}
		o := &stored{id: id, real: id, kind: blobKind}
		protect(func() {
			k, data, err := r.load(id)
			switch {
			case errors.Is(err, errTooLarge):
				s.broken(o, err)
			case err == nil && k == blobKind && content.SniffNamed(".br", data) == content.Brotli:
				s.archive(source{place: InBlob, object: o}, content.Brotli, bytes.NewReader(data))
			}
		}, func(err error) { s.broken(o, err) })
	}
	if r.brotli.cut {
		r.gap(TooLarge, "", "", "more than %d files are compressed with brotli", maxIDs)
	}
}
