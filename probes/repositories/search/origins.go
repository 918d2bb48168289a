package search

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/prelaunch-audit/prelaunch/internal/gitrepo/object"
)

// This file finds out, for the objects in which something was found, which path and commit they
// belong to and whether a ref reaches them, and which objects are missing that a ref needs.
// Nothing of it runs when nothing was found and nothing is missing.

// findOrigins completes the hits in objects of this repository.
func (r *repo) findOrigins(ctx context.Context) {
	hits, gaps := r.found.inObjects(r.prefix)
	var ids []object.ID // keys first, what is known for certain before what is suspected
	seen := map[object.ID]bool{}
	add := func(id object.ID) {
		if !seen[id] {
			seen[id] = true
			ids = append(ids, id)
		}
	}
	for _, h := range hits {
		add(h.id)
	}
	for _, g := range gaps {
		if id, ok := object.ParseID(g.Object, r.IDSize); ok {
			add(id)
		}
	}
	if len(ids) == 0 && len(r.missing.ids) == 0 {
		return
	}
	if err := r.history.Prepare(ctx, r.Refs, r.Head); err != nil {
		if ctx.Err() == nil {
			r.gap(Unreadable, "", "", "which commits hold what was found is not known: %v", err)
		}
		return
	}
	if r.history.Truncated() {
		r.gap(TooLarge, "", "", "the trees of this repository name more objects than are followed: which commits hold what was found may not be known")
	}
	r.reportMissing(ctx)
	origins := r.history.Locate(ctx, ids)
	staged := map[object.ID]string{}
	for _, x := range r.Indexes {
		for _, e := range x.Entries {
			if seen[e.ID] && staged[e.ID] == "" {
				staged[e.ID] = e.Path
			}
		}
	}
	for _, g := range gaps {
		id, _ := object.ParseID(g.Object, r.IDSize)
		if o := origins[id]; o != nil {
			g.Path = cmp.Or(o.Path, staged[id]) + g.Path
		}
	}
	for _, h := range hits {
		h.complete(origins[h.id])
		if path, ok := staged[h.id]; ok {
			h.Staged = true
			h.Path = cmp.Or(h.Path, path)
		}
	}
}

// complete fills in where the object of the hit belongs.
func (h *objectHit) complete(o *object.Origin) {
	switch {
	case h.Place != InTree:
		h.Path = o.Path
	case o.Path != "":
		h.Path = o.Path + "/" + h.Path
	}
	h.Ref, h.Reachable, h.InHead = o.Ref, o.Ref != "", o.InHead
	if o.Commit != nil {
		h.Commit, h.CommitTime = o.Commit.ID.String(), o.Commit.Time
	}
}

// maxMissing is how many missing objects are reported each with where it belongs.
const maxMissing = 512

// reportMissing reports the missing objects that something reachable needs; unreachable objects
// may correctly refer to what was pruned.
func (r *repo) reportMissing(ctx context.Context) {
	if len(r.missing.ids) == 0 {
		return
	}
	r.history.Reachable(func(c *object.Revision) {
		for _, id := range append([]object.ID{c.Tree}, c.Parents...) {
			if r.missing.ids[id] {
				r.gap(MissingObject, "", id, "commit %s needs it", c.ID)
				delete(r.missing.ids, id)
			}
		}
	})
	ids := slices.Sorted(maps.Keys(r.missing.ids))
	if len(ids) > maxMissing {
		if c := r.history.Needed(ctx, ids[maxMissing:]); c != nil {
			r.gap(MissingObject, "", "", "more objects are missing than are reported one by one; commit %s needs one of them", c.ID)
		}
		ids = ids[:maxMissing]
	}
	for id, o := range r.history.Locate(ctx, ids) {
		switch {
		case o.Commit != nil && o.Commit.Ref != "":
			r.gap(MissingObject, o.Path, id, "commit %s needs it", o.Commit.ID)
		case o.InHead || o.Ref != "":
			r.gap(MissingObject, o.Path, id, "%s needs it", cmp.Or(o.Ref, "HEAD"))
		}
	}
	if r.missing.truncated {
		r.gap(MissingObject, "", "", "more than %d objects are missing", maxIDs)
	}
}
