package search

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/prelaunch-audit/prelaunch/internal/gitrepo"
	"github.com/prelaunch-audit/prelaunch/internal/gitrepo/object"
)

// Place says in what kind of thing something was found.
type Place = gitrepo.Place

// The places Git keeps things in.
const (
	InBlob   Place = "blob"   // an object of file content, in any commit or in none
	InCommit Place = "commit" // a commit object: Hit.Field says which part
	InTag    Place = "tag"    // an annotated tag object: Hit.Field says which part
	InTree   Place = "tree"   // a file name in a tree object

	InRef       = gitrepo.InRef
	InReflog    = gitrepo.InReflog
	InConfig    = gitrepo.InConfig
	InHook      = gitrepo.InHook
	InIndex     = gitrepo.InIndex
	InGitDir    = gitrepo.InGitDir
	InTracked   = gitrepo.InTracked
	InUntracked = gitrepo.InUntracked
)

// Hit is one place in which one literal, fingerprint or suspicious assignment
// was found. It never holds what was found: names that contain a literal have
// it replaced by Blanked.
type Hit struct {
	Place Place
	// Literal is the ID of the literal or fingerprint; meaningless for suspects.
	Literal int
	// Form is empty for literals. For fingerprints it is the encoding that was
	// decoded to find it: plain, base64, hex, percent, utf-16.
	Form string
	// Suspect is empty, "assignment", "header" or "shape": what looked like a key that is none of the known ones.
	Suspect string
	// Repository is the path of the nested repository (a submodule) the hit is
	// in, relative to the one that was asked for; empty for that one itself.
	Repository string
	// Path is relative to the work tree (for git's own files too: ".git/config"),
	// in a bare repository to the git directory. Empty for objects no tree names.
	Path string
	// Member is the path inside an archive: "inner.zip!/a.txt" for an archive in an archive.
	Member string
	// Field is the part of a commit or tag: tree, parent, author, committer, tagger, message, header, name.
	Field string
	// Object is the hexadecimal id of the object, empty for files.
	Object string
	// Offset is in bytes from 0, in the object's content, the file or the
	// archive member; Line counts from 1, 0 where neither is known. Of several
	// occurrences they are the first one's.
	Offset, Line int64
	// More counts further occurrences of the same literal in the same place;
	// in an object that is stored twice, twice.
	More int
	// Commit is the earliest commit that holds the object (for a commit, itself).
	Commit string
	// CommitTime is its committer time in Unix seconds, 0 without a commit.
	CommitTime int64
	// Ref names one ref that reaches the object, Reachable says whether there is one.
	Ref       string
	Reachable bool
	// InHead says that the tree of HEAD's commit holds the object.
	InHead bool
	// Staged says that the index holds the object.
	Staged bool
}

// Blanked replaces a key inside a path or name.
const Blanked = "[key]"

// Reason says why something could not be searched.
type Reason = object.Reason

// The reasons. Each of them means: absence of a key there is not proven.
const (
	NotARepository  = gitrepo.NotARepository
	ShallowClone    = gitrepo.ShallowClone
	SubmoduleAbsent = gitrepo.SubmoduleAbsent
	Unsupported     = gitrepo.Unsupported

	PartialClone  = object.PartialClone
	MissingObject = object.MissingObject
	CorruptObject = object.CorruptObject
	CorruptPack   = object.CorruptPack
	CorruptFile   = object.CorruptFile
	Unreadable    = object.Unreadable
	TooLarge      = object.TooLarge

	LFSAbsent          Reason = "lfs-absent"
	ArchiveCut         Reason = "archive-cut" // depth, size or ratio
	ArchiveUnreadable  Reason = "archive-unreadable"
	ArchiveUnsupported Reason = "archive-unsupported"
)

// Gap is something that could not be checked.
type Gap struct {
	Reason     Reason
	Repository string // as in Hit
	// Path is as in Hit, for archives followed by "!" and the member; for
	// objects that cannot be read it is their pack's.
	Path   string
	Object string // hexadecimal id, where one is known
	Detail string
}

// Totals say how much was covered.
type Totals struct {
	Repositories  int   // this one and nested ones
	Packs         int   // pack files read
	Objects       int64 // objects checked, duplicates in several packs counted each time
	LooseObjects  int64
	BytesInflated int64 // what decompression gave: each stored stream once
	BytesUnpacked int64 // sizes of all objects, deltas applied
	Files         int64 // work tree and git directory files
	FileBytes     int64
	Opaque        int // contents that may be encrypted, in objects and files
	Refs          int
	// RefsDigest is the SHA-256 of the sorted "oid name" lines of all refs: the
	// state that was audited.
	RefsDigest string
	// Head is the commit of HEAD, empty when there is none.
	Head string
}

// Result is what a scan found, could not look at, and covered. Hits and gaps
// are sorted; the same repository gives the same result whatever the number
// of workers.
type Result struct {
	// Root is the absolute path of the repository's top: its work tree, or the git directory of a bare one.
	Root    string
	Bare    bool
	Hits    []Hit
	HitsCut int // hits of keys beyond Limits.Hits, in so many distinct places
	// OthersCut counts the same of what is no key.
	OthersCut int
	Gaps      []Gap
	GapsCut   int
	Totals    Totals
}

func (t *Totals) add(r *repo) {
	t.Packs += r.store.Packs()
	t.LooseObjects += r.store.LooseObjects()
	t.BytesInflated += r.store.BytesInflated()
	t.BytesUnpacked += r.store.BytesUnpacked()
	t.Refs += len(r.Refs)
	if r.depth == 0 {
		t.RefsDigest = gitrepo.RefsDigest(r.Refs)
		if r.Head != "" {
			t.Head = r.Head.String()
		}
	}
}

type hitKey struct {
	place                                   Place
	literal                                 int
	form, suspect                           string
	repository, path, member, field, object string
}

func (h *Hit) key() hitKey {
	k := hitKey{h.Place, h.Literal, h.Form, h.Suspect, h.Repository, h.Path, h.Member, h.Field, h.Object}
	if k.object != "" {
		k.path = "" // filled in by attribution
	}
	return k
}

// objectHit is a hit to be completed.
type objectHit struct {
	*Hit
	id object.ID
}

// hitSet is the hits of one kind: of keys, or of what else is searched for.
type hitSet struct {
	hits map[hitKey]*Hit
	cut  int
}

// collector gathers hits and gaps from all workers.
type collector struct {
	mu       sync.Mutex
	options  Options
	keys     hitSet
	others   hitSet
	gaps     map[Gap]*Gap // by what they were when reported
	gapsCut  int
	objects  atomic.Int64
	opaque   atomic.Int64
	files    atomic.Int64
	fileSize atomic.Int64
}

// slack is how many times the bounds are held in memory, so that what is cut is chosen by order
// and not by which worker was first, in all but absurd cases.
const slack = 64

func newCollector(o Options) *collector {
	return &collector{options: o, keys: hitSet{hits: map[hitKey]*Hit{}}, others: hitSet{hits: map[hitKey]*Hit{}}, gaps: map[Gap]*Gap{}}
}

// setOf returns the set that the hit belongs to.
func (c *collector) setOf(h *Hit) *hitSet {
	if h.Suspect != "" || c.options.Keys != nil && h.Literal >= c.options.Keys.Subjects() {
		return &c.others
	}
	return &c.keys
}

func (c *collector) hit(h Hit) {
	c.mu.Lock()
	defer c.mu.Unlock()
	set, k := c.setOf(&h), h.key()
	if old := set.hits[k]; old != nil {
		switch {
		case h.Offset == old.Offset || h.Line == 0: // a second copy of the same object, or no place known
			return
		case h.Offset < old.Offset || old.Line == 0:
			old.Offset, old.Line = h.Offset, h.Line
		}
		old.More++
		return
	}
	if len(set.hits) >= c.options.Limits.Hits*slack {
		set.cut++
		return
	}
	set.hits[k] = &h
}

// inObjects returns the hits in objects of one repository, keys first, and the gaps in their
// content, to be completed. No worker is running any more.
func (c *collector) inObjects(repository string) (hits []*objectHit, gaps []*Gap) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, set := range []*hitSet{&c.keys, &c.others} {
		from := len(hits)
		for _, h := range set.hits {
			if h.Object == "" || h.Repository != repository {
				continue
			}
			if id, ok := object.ParseID(h.Object, len(h.Object)/2); ok {
				hits = append(hits, &objectHit{h, id})
			}
		}
		slices.SortFunc(hits[from:], func(a, b *objectHit) int { return compareHits(a.Hit, b.Hit) })
	}
	for _, g := range c.gaps {
		if g.Object != "" && g.Repository == repository && (g.Path == "" || g.Path[0] == '!') {
			gaps = append(gaps, g)
		}
	}
	return hits, gaps
}

func (c *collector) gap(g Gap) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gaps[g] != nil {
		return
	}
	if len(c.gaps) >= c.options.Limits.Gaps*slack {
		c.gapsCut++
		return
	}
	c.gaps[g] = &g
}

func compareHits(a, b *Hit) int {
	// What a reviewer must act on first: what is in the files now, what a ref reaches, the rest.
	rank := func(h *Hit) int {
		switch {
		case h.Suspect != "":
			return 9
		case h.Place == InTracked:
			return 0
		case h.Place == InUntracked:
			return 1
		case h.InHead || h.Staged:
			return 2
		case h.Reachable:
			return 3
		}
		return 4
	}
	return cmp.Or(
		cmp.Compare(rank(a), rank(b)),
		cmp.Compare(a.Repository, b.Repository),
		cmp.Compare(a.Place, b.Place),
		cmp.Compare(a.Path, b.Path),
		cmp.Compare(a.Member, b.Member),
		cmp.Compare(a.Object, b.Object),
		cmp.Compare(a.Field, b.Field),
		cmp.Compare(a.Literal, b.Literal),
		cmp.Compare(a.Form, b.Form),
		cmp.Compare(a.Suspect, b.Suspect),
		cmp.Compare(a.Offset, b.Offset),
	)
}

// finish sorts and caps; shownOf removes keys from every text that came from the
// repository.
func (c *collector) finish(r *Result, shownOf func(string) string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	known := map[string]string{"": ""}
	blank := func(text string) string {
		shown, ok := known[text]
		if !ok {
			shown = shownOf(text)
			known[text] = shown
		}
		return shown
	}
	r.HitsCut = c.keys.finish(r, c.options.Limits.Hits, blank)
	r.OthersCut = c.others.finish(r, c.options.Limits.Hits, blank)
	slices.SortFunc(r.Hits, func(a, b Hit) int { return compareHits(&a, &b) })
	for _, g := range c.gaps {
		r.Gaps = append(r.Gaps, *g)
	}
	slices.SortFunc(r.Gaps, func(a, b Gap) int {
		return cmp.Or(cmp.Compare(a.Repository, b.Repository), cmp.Compare(a.Reason, b.Reason),
			cmp.Compare(a.Path, b.Path), cmp.Compare(a.Object, b.Object), cmp.Compare(a.Detail, b.Detail))
	})
	r.GapsCut = c.gapsCut
	if len(r.Gaps) > c.options.Limits.Gaps {
		r.GapsCut += len(r.Gaps) - c.options.Limits.Gaps
		r.Gaps = r.Gaps[:c.options.Limits.Gaps]
	}
	for i := range r.Gaps {
		g := &r.Gaps[i]
		for _, text := range []*string{&g.Repository, &g.Path, &g.Detail} {
			*text = blank(*text)
		}
	}
	r.Totals.Objects = c.objects.Load()
	r.Totals.Opaque = int(c.opaque.Load())
	r.Totals.Files = c.files.Load()
	r.Totals.FileBytes = c.fileSize.Load()
}

// finish appends the first hits of the set to the result, and returns how many were left out.
func (s *hitSet) finish(r *Result, limit int, blank func(string) string) (cut int) {
	all := make([]*Hit, 0, len(s.hits))
	for _, h := range s.hits {
		all = append(all, h)
	}
	slices.SortFunc(all, compareHits)
	kept := all[:min(len(all), limit)]
	for _, h := range kept {
		for _, text := range []*string{&h.Repository, &h.Path, &h.Member, &h.Ref} {
			*text = blank(*text)
		}
		r.Hits = append(r.Hits, *h)
	}
	return s.cut + len(all) - len(kept)
}
