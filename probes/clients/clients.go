// Package clients searches what reaches browsers and phones for keys: bundles on disk (scripts, source maps, pages, WebAssembly, app
// packages and what is packed in them), and live pages with the scripts, chunks and source maps that they name. It also tells where
// a client calls the provider's session API or sends its key header, which only a server may.
package clients

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	goruntime "runtime"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/content"
	"github.com/prelaunch-audit/prelaunch/internal/gitrepo"
	"github.com/prelaunch-audit/prelaunch/internal/keyscan"
	"github.com/prelaunch-audit/prelaunch/internal/provider"
)

// Status is a fact of kind "client.status": how much of one declared client was searched.
type Status struct {
	Target      string   `json:"target"`      // path as declared, or URL without its query
	Kind        string   `json:"kind"`        // bundle or page
	Environment string   `json:"environment"` // empty: both
	State       string   `json:"state"`       // searched, missing, empty (no file, or an empty page), unreadable or unreachable
	Files       int      `json:"files"`
	Bytes       int64    `json:"bytes"`
	Gaps        []Gap    `json:"gaps"` // what could not be searched; at most 50
	GapsCut     int      `json:"gaps_cut"`
	HitsCut     int      `json:"hits_cut"`    // hits that are not told
	OtherSites  []string `json:"other_sites"` // hosts of other sites from which the page takes scripts; these were not fetched
	NamesAPI    bool     `json:"names_api"`   // the host of the provider's API is found in it
	keyscan.Unsearched
}

// Gap is something that could not be searched.
type Gap struct {
	Path   string `json:"path"`
	Reason string `json:"reason"` // for a reader
}

// Hit is a fact of kind "client.hit": a configured key in one file of a client.
type Hit struct {
	Target      string `json:"target"`
	Environment string `json:"environment"` // of the client
	Path        string `json:"path"`        // of the file in the bundle, or its URL
	keyscan.Hit
}

// APICall is a fact of kind "client.api_call": client code that names what only a server may use.
type APICall struct {
	Target      string `json:"target"`
	Environment string `json:"environment"`
	Path        string `json:"path"`
	Member      string `json:"member"`
	What        string `json:"what"`      // session_api (its path) or key_header (as a text of its own)
	WithHost    bool   `json:"with_host"` // the host of the provider's API is found in the same file
}

const (
	kindStatus = "client.status"
	kindHit    = "client.hit"
	kindCall   = "client.api_call"
)

// Bounds.
const (
	maxFiles   = 100_000 // of a bundle
	maxBytes   = 16 << 30
	maxTime    = 10 * time.Minute
	maxGaps    = 50
	maxHits    = 1000 // over all clients
	maxCalls   = 200  // over all clients
	maxOthers  = 20
	bundleKind = "bundle"
	pageKind   = "page"
)

type probe struct {
	bounds   pageBounds
	patience time.Duration // for a bundle
}

// New returns the probe.
func New() audit.Probe { return &probe{bounds: defaultBounds, patience: maxTime} }

func (*probe) Name() string  { return "clients" }
func (*probe) Title() string { return "clients" }

func (*probe) Kinds() []audit.Kind {
	return []audit.Kind{audit.KindOf[Status](kindStatus), audit.KindOf[Hit](kindHit), audit.KindOf[APICall](kindCall)}
}

func (p *probe) Plan(integration *audit.Integration, _ func(check string) bool) []audit.Step {
	var steps []audit.Step
	for _, client := range integration.Clients {
		step := audit.Step{Probe: "clients", Environment: client.Environment, Action: "read", Target: client.Path, Detail: "every file, archives too"}
		if client.URL != "" {
			step.Action, step.Target = "send", shownURL(client.URL)
			step.Detail, step.Count = "GET the page, then the scripts, chunks and source maps of its site that it names", p.bounds.requests
		}
		steps = append(steps, step)
	}
	return steps
}

func (p *probe) Run(ctx context.Context, run *audit.Run) error {
	if len(run.Integration.Clients) == 0 { // the search takes a quarter of a megabyte
		return nil
	}
	s, err := newSearcher(run)
	if err != nil {
		return err
	}
	for i, client := range run.Integration.Clients {
		s.client = client
		s.status = Status{Environment: client.Environment, State: "searched", Gaps: []Gap{}, OtherSites: []string{}, Unsearched: s.keys.Unsearched()}
		if client.URL != "" {
			s.status.Kind, s.status.Target = pageKind, s.keys.Shown(shownURL(client.URL))
			p.page(ctx, s)
		} else {
			s.status.Kind, s.status.Target = bundleKind, s.keys.Shown(client.Path)
			s.bundle(ctx, run.Integration.Resolve(client.Path), p.patience)
		}
		run.Sink.Emit(kindStatus, s.status)
		keyscan.NotDecoded(run, s.status.Target, client.Environment, s.status.NotDecoded)
		if err := ctx.Err(); err != nil {
			return err
		}
		run.Advance(i+1, len(run.Integration.Clients))
	}
	return nil
}

// shownURL is a URL without what may be private in it.
func shownURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return "a URL that cannot be read"
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return u.String()
}

// searcher searches one client after the other.
type searcher struct {
	run     *audit.Run
	keys    *keyscan.Search
	calls   *calls
	workers []*worker
	client  audit.Client
	status  Status
	hits    int
	called  int
}

// worker searches one file after the other.
type worker struct {
	scanner *keyscan.Scanner
	calls   *calls
}

// found is what one file holds.
type found struct {
	path   string
	size   int64
	hits   *keyscan.Hits
	calls  []APICall // of which entries, and what
	hosts  bool      // it names the API's host
	cuts   []content.Cut
	opaque int
	gap    string // why it was not searched, or not to its end
}

func newSearcher(run *audit.Run) (*searcher, error) {
	keys, err := keyscan.Of(run)
	if err != nil {
		return nil, err
	}
	profile, err := provider.Of(run.Integration.Provider, run.Integration.ProviderProfile)
	if err != nil {
		return nil, err
	}
	calls, err := newCalls(run.Integration, profile)
	if err != nil {
		return nil, err
	}
	s := &searcher{run: run, keys: keys, calls: calls}
	for range goruntime.GOMAXPROCS(0) {
		w := &worker{scanner: keys.Scanner(content.Limits{}), calls: calls.fresh()}
		w.scanner.Also = w.calls.text
		s.workers = append(s.workers, w)
	}
	return s, nil
}

func (s *searcher) gap(path, reason string) {
	if len(s.status.Gaps) == maxGaps {
		s.status.GapsCut++
		return
	}
	s.status.Gaps = append(s.status.Gaps, Gap{Path: s.keys.Shown(path), Reason: reason})
}

// content searches one file.
func (w *worker) content(ctx context.Context, path string, from content.Source) *found {
	f := &found{path: path, size: from.Size(), hits: w.scanner.Hits()}
	f.hits.Name(path)
	w.calls.begin()
	before := w.scanner.Opaque()
	var err error
	if f.cuts, err = f.hits.Read(ctx, path, from); err != nil {
		f.gap = "it cannot be read to its end"
	}
	f.opaque = w.scanner.Opaque() - before
	w.calls.each(func(entry, what string, withHost bool) {
		f.hosts = f.hosts || withHost
		if what != "" {
			f.calls = append(f.calls, APICall{Member: entry, What: what, WithHost: withHost})
		}
	})
	return f
}

// add tells what one file holds.
func (s *searcher) add(f *found) {
	if f.hits != nil {
		s.status.Files++
		s.status.Bytes += f.size
		s.status.NamesAPI = s.status.NamesAPI || f.hosts
		s.status.NotDecoded += f.opaque
		for _, call := range f.calls {
			if s.called++; s.called <= maxCalls {
				call.Target, call.Environment, call.Path = s.status.Target, s.client.Environment, s.keys.Shown(f.path)
				call.Member = s.keys.Shown(call.Member)
				s.run.Sink.Emit(kindCall, call)
			}
		}
		for _, cut := range f.cuts {
			s.gap(f.path, "what is packed in it was not read in full: "+string(cut.Reason))
		}
		s.tell(f.hits, f.path)
	}
	if f.gap != "" {
		s.gap(f.path, f.gap)
	}
}

// tell emits what was found in one file.
func (s *searcher) tell(found *keyscan.Hits, path string) {
	s.status.HitsCut += found.Cut
	for _, hit := range found.List() {
		if s.hits++; s.hits > maxHits {
			s.status.HitsCut++
			continue
		}
		s.run.Sink.Emit(kindHit, Hit{Target: s.status.Target, Environment: s.client.Environment, Path: s.keys.Shown(path), Hit: hit})
	}
}

// bundle searches a file or a directory, on all processors; what is found is told in the order of the files.
func (s *searcher) bundle(ctx context.Context, root string, patience time.Duration) {
	real, err := filepath.EvalSymlinks(root)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		s.status.State = "missing"
		return
	case err != nil:
		s.status.State = "unreadable"
		return
	}
	type job struct {
		path, name string
		done       chan *found
	}
	jobs, order := make(chan job), make(chan chan *found, aheadFiles)
	late, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var walked error
	go func() {
		defer close(order)
		defer close(jobs)
		told := func(name, reason string) {
			done := make(chan *found, 1)
			done <- &found{path: name, gap: reason}
			order <- done
		}
		entries, bytes := 0, int64(0)
		walked = filepath.WalkDir(real, func(path string, entry fs.DirEntry, err error) error {
			name, rerr := filepath.Rel(real, path)
			if rerr != nil || name == "." {
				name = filepath.Base(path)
			}
			name = filepath.ToSlash(name)
			if entries++; ctx.Err() != nil {
				return fs.SkipAll
			}
			switch {
			case err != nil:
				told(name, whyUnread(err))
				if entry != nil && entry.IsDir() && path != real {
					return fs.SkipDir
				}
			case late.Err() != nil:
				told(name, "the time for a bundle was over; what follows was left out")
				return fs.SkipAll
			case entries > maxFiles:
				told(name, "the bundle is larger than what is searched; what follows was left out")
				return fs.SkipAll
			case !entry.IsDir():
				// Decided here, in the order of the files: what is searched does not depend on which worker is first.
				size, is, gap := reaches(real, path)
				if is && size > maxBytes-bytes {
					is, gap = false, "the bundle is larger than what is searched; it was left out"
				}
				if !is && gap != "" {
					told(name, gap)
				}
				if is {
					bytes += size
					this := job{path, name, make(chan *found, 1)}
					order <- this.done
					jobs <- this
				}
			}
			return nil
		})
	}()
	for _, w := range s.workers {
		go func() {
			for this := range jobs {
				this.done <- w.file(ctx, late, this.path, this.name)
			}
		}()
	}
	for done := range order {
		s.add(<-done)
		if s.status.Files%256 == 255 {
			s.run.Advance(s.status.Files, 0)
		}
	}
	switch {
	case walked != nil:
		s.status.State = "unreadable"
	case s.status.Files == 0 && len(s.status.Gaps) == 0:
		s.status.State = "empty"
	}
}

// aheadFiles is how many files may be searched before the first of them is.
const aheadFiles = 256

// reaches tells whether a file of a bundle is one that reaches a client, its size, and else why it is not searched, if there is something to tell.
func reaches(root, path string) (size int64, is bool, gap string) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist): // a link to nothing
	case err != nil:
		return 0, false, whyUnread(err)
	case info.IsDir(): // a link; within the bundle it is walked at its own place
		target, err := filepath.EvalSymlinks(path)
		if relative, rerr := filepath.Rel(root, target); err != nil || rerr != nil || !filepath.IsLocal(relative) {
			return 0, false, "it is a link to a directory outside the bundle, which was not followed"
		}
	case info.Mode().IsRegular():
		return info.Size(), true, ""
	}
	return 0, false, ""
}

// file searches one file of a bundle.
func (w *worker) file(ctx, late context.Context, path, name string) *found {
	f, info, err := gitrepo.OpenFile(path)
	if err != nil {
		return &found{path: name, gap: whyUnread(err)}
	}
	defer func() { _ = f.Close() }() // only read from
	held := w.content(late, name, io.NewSectionReader(f, 0, info.Size()))
	if held.gap != "" && late.Err() != nil {
		held.gap = ""
		if ctx.Err() == nil {
			held.gap = "the time for a bundle was over before it was searched to its end"
		}
	}
	return held
}

func whyUnread(err error) string {
	if errors.Is(err, fs.ErrPermission) {
		return "permission denied"
	}
	return "it cannot be read"
}
