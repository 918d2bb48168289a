package gitscan

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
)

// Place says in what kind of thing something was found.
type Place string

// The places git keeps things in.
const (
	InBlob      Place = "blob"      // an object of file content, in any commit or in none
	InCommit    Place = "commit"    // a commit object: Hit.Field says which part
	InTag       Place = "tag"       // an annotated tag object: Hit.Field says which part
	InTree      Place = "tree"      // a file name in a tree object
	InRef       Place = "ref"       // a name of a branch, tag or other ref, or the text of one
	InReflog    Place = "reflog"    // a message or identity in a reflog
	InConfig    Place = "config"    // git's own configuration of this repository
	InHook      Place = "hook"      // a hook script
	InIndex     Place = "index"     // a path name in an index; staged content is a blob
	InGitDir    Place = "gitdir"    // any other file git keeps: half-written messages, patches of a rebase, ...
	InTracked   Place = "tracked"   // a tracked file of the work tree, as it is on disk
	InUntracked Place = "untracked" // a work tree file that is neither tracked nor ignored
)

// Hit is one place in which one literal, fingerprint or suspicious assignment
// was found. It never holds what was found: names that contain a literal have
// it replaced by Blanked.
type Hit struct {
	Place Place
	// Literal is the ID of the literal or fingerprint; meaningless for suspects.
	Literal int
	// Form is empty for literals. For fingerprints it is the spelling that was
	// decoded to find it: plain, base64, hex, percent, utf-16.
	Form string
	// Suspect is empty, "assignment" or "header": what looked like a key that is none of the known ones.
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

// Reason says why something could not be looked at.
type Reason string

// The reasons. Each of them means: absence of a key there is not proven.
const (
	NotARepository     Reason = "not-a-repository"
	ShallowClone       Reason = "shallow-clone"
	PartialClone       Reason = "partial-clone"
	MissingObject      Reason = "missing-object"
	CorruptObject      Reason = "corrupt-object"
	CorruptPack        Reason = "corrupt-pack"
	CorruptFile        Reason = "corrupt-file" // an index, a ref, an alternates file
	Unreadable         Reason = "unreadable"
	TooLarge           Reason = "too-large" // beyond Limits
	SubmoduleAbsent    Reason = "submodule-absent"
	LFSAbsent          Reason = "lfs-absent"
	ArchiveCut         Reason = "archive-cut" // depth, size or ratio
	ArchiveUnreadable  Reason = "archive-unreadable"
	ArchiveUnsupported Reason = "archive-unsupported"
	Unsupported        Reason = "unsupported-format"
)

// Gap is something that could not be looked at.
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
	Objects       int64 // objects looked at, duplicates in several packs counted each time
	LooseObjects  int64
	BytesInflated int64 // what decompression gave: each stored stream once
	BytesUnpacked int64 // sizes of all objects, deltas applied
	Files         int64 // work tree and git directory files
	FileBytes     int64
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
	HitsCut int // hits beyond Limits.Hits, in so many distinct places
	Gaps    []Gap
	GapsCut int
	Totals  Totals
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

// collector gathers hits and gaps from all workers.
type collector struct {
	mu       sync.Mutex
	hits     map[hitKey]*Hit
	cut      int
	gaps     map[Gap]*Gap // by what they were when reported
	gapsCut  int
	maxHits  int
	maxGaps  int
	objects  atomic.Int64
	loose    atomic.Int64
	inflated atomic.Int64
	unpacked atomic.Int64
	files    atomic.Int64
	fileSize atomic.Int64
}

// slack is how many times the caps are held in memory, so that what is cut is
// chosen by order and not by which worker was first, in all but absurd cases.
const slack = 64

func newCollector(l Limits) *collector {
	return &collector{hits: map[hitKey]*Hit{}, gaps: map[Gap]*Gap{}, maxHits: l.Hits, maxGaps: l.Gaps}
}

func (c *collector) hit(h Hit) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := h.key()
	if old := c.hits[k]; old != nil {
		switch {
		case h.Offset == old.Offset || h.Line == 0: // a second copy of the same object, or no place known
			return
		case h.Offset < old.Offset || old.Line == 0:
			old.Offset, old.Line = h.Offset, h.Line
		}
		old.More++
		return
	}
	if len(c.hits) >= c.maxHits*slack {
		c.cut++
		return
	}
	c.hits[k] = &h
}

func (c *collector) gap(g Gap) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gaps[g] != nil {
		return
	}
	if len(c.gaps) >= c.maxGaps*slack {
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

// finish sorts and caps; blank removes keys from every text that came from the
// repository.
func (c *collector) finish(r *Result, blank func(string) string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make([]*Hit, 0, len(c.hits))
	for _, h := range c.hits {
		for _, text := range []*string{&h.Repository, &h.Path, &h.Member, &h.Ref} {
			*text = blank(*text)
		}
		all = append(all, h)
	}
	slices.SortFunc(all, compareHits)
	r.HitsCut = c.cut
	if len(all) > c.maxHits {
		r.HitsCut += len(all) - c.maxHits
		all = all[:c.maxHits]
	}
	for _, h := range all {
		r.Hits = append(r.Hits, *h)
	}
	for _, g := range c.gaps {
		for _, text := range []*string{&g.Repository, &g.Path, &g.Detail} {
			*text = blank(*text)
		}
		r.Gaps = append(r.Gaps, *g)
	}
	slices.SortFunc(r.Gaps, func(a, b Gap) int {
		return cmp.Or(cmp.Compare(a.Repository, b.Repository), cmp.Compare(a.Reason, b.Reason),
			cmp.Compare(a.Path, b.Path), cmp.Compare(a.Object, b.Object), cmp.Compare(a.Detail, b.Detail))
	})
	r.GapsCut = c.gapsCut
	if len(r.Gaps) > c.maxGaps {
		r.GapsCut += len(r.Gaps) - c.maxGaps
		r.Gaps = r.Gaps[:c.maxGaps]
	}
	r.Totals.Objects = c.objects.Load()
	r.Totals.LooseObjects = c.loose.Load()
	r.Totals.BytesInflated = c.inflated.Load()
	r.Totals.BytesUnpacked = c.unpacked.Load()
	r.Totals.Files = c.files.Load()
	r.Totals.FileBytes = c.fileSize.Load()
}
