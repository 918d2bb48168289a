package search

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/prelaunch-audit/prelaunch/internal/content"
	"github.com/prelaunch-audit/prelaunch/internal/gitrepo/object"
)

// searchBrotli unpacks the blobs that a tree, of whatever commit, names like files compressed with brotli: their content alone does not
// tell. The blobs themselves were searched, and what cannot be read of them was reported, in the main pass.
func (r *repo) searchBrotli(ctx context.Context) {
	s := r.newScanner(ctx)
	for _, id := range slices.Sorted(maps.Keys(r.brotli.ids)) {
		if ctx.Err() != nil {
			return
		}
		o := object.New(object.Blob, id)
		object.Protect(func() {
			k, data, err := r.store.Load(ctx, id)
			switch {
			case errors.Is(err, object.ErrTooLarge):
				s.Broken(o, err)
			case err == nil && k == object.Blob && content.SniffNamed(".br", data) == content.Brotli:
				s.archive(source{place: InBlob, object: o}, content.Brotli, bytes.NewReader(data))
			}
		}, func(err error) { s.Broken(o, err) })
	}
	if r.brotli.truncated {
		r.gap(TooLarge, "", "", "more than %d files are compressed with brotli", maxIDs)
	}
}
