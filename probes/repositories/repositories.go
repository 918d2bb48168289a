// Package repositories searches each declared git repository, everything that git holds and the files next to it, for the configured
// keys, and tells on the way which files mix up the environments and which code names the provider's API in the clear.
// The search itself is package search; this probe says whose key was found, and where.
package repositories

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/content"
	"github.com/prelaunch-audit/prelaunch/internal/gitrepo"
	"github.com/prelaunch-audit/prelaunch/internal/keyscan"
	"github.com/prelaunch-audit/prelaunch/internal/keyscan/match"
	"github.com/prelaunch-audit/prelaunch/internal/provider"
	"github.com/prelaunch-audit/prelaunch/probes/repositories/search"
)

// Status is a fact of kind "repository.status": how much of one declared repository was searched.
type Status struct {
	Repository string `json:"repository"` // path as declared
	Searched   bool   `json:"searched"`   // false: it is no repository that could be read
	Bare       bool   `json:"bare"`       // it has no files next to git's own
	Nested     int    `json:"nested"`     // repositories inside it, such as submodules, that were searched too
	Objects    int64  `json:"objects"`
	Files      int64  `json:"files"`
	Gaps       []Gap  `json:"gaps"`       // what could not be searched; at most 50
	GapsCut    int    `json:"gaps_cut"`   // further ones
	HitsCut    int    `json:"hits_cut"`   // hits that are not told, beyond 1,000 in the files and 1,000 in the history
	OthersCut  int    `json:"others_cut"` // places next to hits (pairings, plain API URLs) that may not be told
	keyscan.Unsearched
}

// Gap is something that could not be searched.
type Gap struct {
	Reason string `json:"reason"` // such as shallow-clone; package search lists them
	Area   string `json:"area"`   // files, history or both: what it leaves unproven
	Path   string `json:"path"`
	Object string `json:"object"`
	Detail string `json:"detail"` // for a reader, with the next step where there is one
}

// Where is the place in which something was found. Its name is not that of its member, which an embedded Place would hide.
type Where struct {
	keyscan.Location
	Repository string `json:"repository"` // path as declared
	Area       string `json:"area"`       // files (tracked, or neither tracked nor ignored) or history (objects, refs, index, git's own files)
	Place      string `json:"place"`      // tracked, untracked, blob, commit, tag, tree, ref, reflog, config, hook, index or gitdir
	Path       string `json:"path"`       // of the file, empty when nothing names the object
	Field      string `json:"field"`      // part of a commit or tag, such as message
	Object     string `json:"object"`     // id
	Commit     string `json:"commit"`     // the earliest commit that holds it
	Ref        string `json:"ref"`        // one that reaches it
	Reachable  bool   `json:"reachable"`  // a ref reaches it
	InHead     bool   `json:"in_head"`    // the current commit holds it
}

// Hit is a fact of kind "repository.hit": a configured key in one place.
type Hit struct {
	Where
	keyscan.Key
}

// Suspect is a fact of kind "repository.suspect": what looks like a key of the provider and is none of the configured ones.
type Suspect struct {
	Where
	What string `json:"what"` // assignment (to a variable named like a key), header, or shape (a key of the provider's pattern)
}

// Pairing is a fact of kind "repository.pairing": a file that belongs to one environment by its name and carries what belongs to the other.
type Pairing struct {
	Repository string `json:"repository"`
	Path       string `json:"path"`
	Line       int64  `json:"line"`
	Belongs    string `json:"belongs"` // environment of the file's name
	Carries    string `json:"carries"` // integration_id, webhook_url or key
	Of         string `json:"of"`      // environment whose it is
}

// PlainAPI is a fact of kind "repository.plain_api": a file that names the provider's API by an http URL.
type PlainAPI struct {
	Repository string `json:"repository"`
	Path       string `json:"path"`
	Line       int64  `json:"line"`
	Host       string `json:"host"`
	Content    string `json:"content"` // code, text (documentation) or test, by the file's name
}

const (
	kindStatus  = "repository.status"
	kindHit     = "repository.hit"
	kindSuspect = "repository.suspect"
	kindPairing = "repository.pairing"
	kindPlain   = "repository.plain_api"
)

// Bounds of what is told, over all repositories.
const (
	maxHits     = 1000 // in the files, and as many in the history
	maxOthers   = 200  // of each other kind
	maxGaps     = 50   // of a repository
	searchLimit = 8000 // hits that one search returns; they include places that only pair or name the API
)

type probe struct {
	excludes string // the user's own ignore patterns
	limit    int    // hits that one search returns
}

// New returns the probe.
func New() audit.Probe {
	home, _ := os.UserHomeDir() // without one the user has no patterns of their own
	return &probe{excludes: gitrepo.UserExcludes(home, os.Getenv("XDG_CONFIG_HOME")), limit: searchLimit}
}

func (*probe) Name() string  { return "repositories" }
func (*probe) Title() string { return "git repositories" }

func (*probe) Kinds() []audit.Kind {
	return []audit.Kind{
		audit.KindOf[Status](kindStatus), audit.KindOf[Hit](kindHit), audit.KindOf[Suspect](kindSuspect),
		audit.KindOf[Pairing](kindPairing), audit.KindOf[PlainAPI](kindPlain),
	}
}

func (*probe) Plan(integration *audit.Integration, _ func(check string) bool) []audit.Step {
	var steps []audit.Step
	for _, repository := range integration.Repositories {
		steps = append(steps, audit.Step{Probe: "repositories", Action: "read", Target: repository.Path, Detail: "every object, ref and file of the git repository"})
	}
	return steps
}

func (p *probe) Run(ctx context.Context, run *audit.Run) error {
	if len(run.Integration.Repositories) == 0 { // the search takes a quarter of a megabyte
		return nil
	}
	keys, err := keyscan.Of(run)
	if err != nil {
		return err
	}
	profile, err := provider.Of(run.Integration.Provider, run.Integration.ProviderProfile)
	if err != nil {
		return err
	}
	t := &teller{run: run, keys: keys, marks: newMarks(run.Integration, profile, keys.Subjects()), told: map[string]int{}}
	candidates := match.NewSuspects(profile.Secret.Names, []string{profile.API.KeyHeader})
	for _, related := range profile.Secret.Related {
		candidates.Shaped(related.Pattern)
	}
	for i, repository := range run.Integration.Repositories {
		path := run.Integration.Resolve(repository.Path)
		result, err := search.Repository(ctx, path, search.Options{
			Keys: keys, Literals: t.marks.literals(), Candidates: candidates,
			Limits: search.Limits{Hits: p.limit}, ExcludesFile: p.excludes,
		})
		if err != nil {
			return fmt.Errorf("search repository %s: %w", keys.Shown(repository.Path), err)
		}
		t.tell(keys.Shown(repository.Path), result)
		run.Advance(i+1, len(run.Integration.Repositories))
	}
	return nil
}

// teller makes facts of results.
type teller struct {
	run   *audit.Run
	keys  *keyscan.Search
	marks *marks
	told  map[string]int // by kind and area
}

// room reports whether one more fact may be told.
func (t *teller) room(group string, limit int) bool {
	t.told[group]++
	return t.told[group] <= limit
}

func (t *teller) tell(repository string, result *search.Result) {
	status := Status{
		Repository: repository, Searched: result.Totals.Repositories > 0, Bare: result.Bare, Nested: max(0, result.Totals.Repositories-1),
		Objects: result.Totals.Objects, Files: result.Totals.Files, Gaps: []Gap{}, GapsCut: result.GapsCut, HitsCut: result.HitsCut,
		OthersCut: result.OthersCut, Unsearched: t.keys.Unsearched(),
	}
	status.NotDecoded = result.Totals.Opaque
	for _, gap := range result.Gaps {
		if len(status.Gaps) == maxGaps {
			status.GapsCut++
			continue
		}
		told := Gap{
			Reason: string(gap.Reason), Area: areaOfGap(result, gap), Path: t.keys.Shown(within(gap.Repository, gap.Path)), Object: gap.Object,
			Detail: t.keys.Shown(gap.Detail),
		}
		switch { // without this machine's paths
		case status.Searched:
		case gap.Reason == search.NotARepository:
			told.Path, told.Detail = repository, "it is not a Git repository; name the directory that holds .git"
		default:
			told.Path, told.Detail = repository, "it does not exist or cannot be read"
		}
		status.Gaps = append(status.Gaps, told)
	}
	for _, hit := range result.Hits {
		t.hit(repository, result, hit, &status)
	}
	t.run.Sink.Emit(kindStatus, status)
	keyscan.NotDecoded(t.run, repository, "", result.Totals.Opaque)
	t.run.Sink.Scope(func(scope *audit.Scope) {
		digest := result.Totals.RefsDigest
		if digest != "" {
			digest = "sha256:" + digest
		}
		scope.Repositories = append(scope.Repositories, audit.RepositoryScope{
			Path: repository, Head: result.Totals.Head, RefsDigest: digest, Objects: int(result.Totals.Objects), Bytes: result.Totals.BytesUnpacked,
		})
	})
}

func (t *teller) hit(repository string, result *search.Result, hit search.Hit, status *Status) {
	place := Where{
		Location:   keyscan.Location{Member: t.keys.Shown(hit.Member), Line: hit.Line, More: hit.More},
		Repository: repository, Area: areaOf(result, hit), Place: string(hit.Place), Path: t.keys.Shown(within(hit.Repository, hit.Path)),
		Field: hit.Field, Object: hit.Object, Commit: hit.Commit, Ref: t.keys.Shown(hit.Ref), Reachable: hit.Reachable, InHead: hit.InHead,
	}
	switch {
	case hit.Suspect != "":
		if t.room("suspect "+place.Area, maxOthers) {
			t.run.Sink.Emit(kindSuspect, Suspect{Where: place, What: hit.Suspect})
		}
	case hit.Literal < t.keys.Subjects():
		subject := t.keys.Subject(hit.Literal, hit.Form)
		if t.room("hit "+place.Area, maxHits) {
			t.run.Sink.Emit(kindHit, Hit{place, subject})
		} else {
			status.HitsCut++
		}
		if subject.Role == keyscan.Current && t.marks.own[subject.KeyEnvironment] {
			t.pairing(place, "key", subject.KeyEnvironment)
		}
	default:
		switch mark := t.marks.of(hit.Literal); {
		case place.Area != areaFiles:
		case mark.kind == plainAPI:
			if t.room(plainAPI, maxOthers) {
				t.run.Sink.Emit(kindPlain, PlainAPI{Repository: repository, Path: place.Path, Line: place.Line, Host: mark.host, Content: contentOf(place.Path)})
			}
		default:
			t.pairing(place, mark.kind, mark.environment)
		}
	}
}

// pairing tells of a file that carries what belongs to an environment when its name says that it belongs to another.
func (t *teller) pairing(place Where, carries, of string) {
	belongs := t.marks.environmentOf(place.Path)
	if place.Area == areaFiles && belongs != "" && belongs != of && t.room("pairing", maxOthers) {
		t.run.Sink.Emit(kindPairing, Pairing{Repository: place.Repository, Path: place.Path, Line: place.Line, Belongs: belongs, Carries: carries, Of: of})
	}
}

const (
	areaFiles   = "files"
	areaHistory = "history"
	areaBoth    = "both"
)

// areaOf tells files from history. A bare repository has no files of its own: those of its current commit stand for them.
func areaOf(result *search.Result, hit search.Hit) string {
	if hit.Place == search.InTracked || hit.Place == search.InUntracked || (result.Bare && hit.Repository == "" && hit.InHead) {
		return areaFiles
	}
	return areaHistory
}

// areaOfGap tells what a gap leaves unproven; both where that is not certain.
func areaOfGap(result *search.Result, gap search.Gap) string {
	switch gap.Reason {
	case search.NotARepository, search.SubmoduleAbsent, search.LFSAbsent:
		return areaBoth
	case search.ShallowClone, search.PartialClone, search.MissingObject, search.CorruptObject, search.CorruptPack:
		if result.Bare {
			return areaBoth
		}
		return areaHistory
	case search.CorruptFile: // an index that cannot be read leaves the tracked files unknown
		return areaBoth
	}
	switch {
	case result.Bare || gap.Path == "":
		return areaBoth
	case gap.Object != "" || gap.Path == ".git" || strings.HasPrefix(gap.Path, ".git/"):
		return areaHistory
	}
	if _, err := os.Lstat(filepath.Join(result.Root, filepath.FromSlash(within(gap.Repository, beforeMember(gap.Path))))); err == nil || errors.Is(err, fs.ErrPermission) {
		return areaFiles
	}
	return areaBoth
}

// beforeMember is the file of a path into an archive.
func beforeMember(path string) string {
	file, _, _ := strings.Cut(path, strings.TrimSuffix(content.Separator, "/"))
	return file
}

func within(repository, path string) string {
	if repository == "" {
		return path
	}
	return strings.TrimSuffix(repository+"/"+path, "/")
}
