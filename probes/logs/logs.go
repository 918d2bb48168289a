// Package logs searches the declared logs, files and commands. First it reads the whole of each for keys, compressed rotations too, and
// notes how far each goes; once the receivers have been written to, it reads what came since, and searches that for signatures, UIDs
// and payloads of the requests that were sent.
//
// What is described of a log is that something is found in it and where, never a line of it.
package logs

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/content"
	"github.com/prelaunch-audit/prelaunch/internal/keyscan"
)

// Source is a fact of kind "log.source": one declared log as it stood when the audit began, searched for keys.
type Source struct {
	Index       int    `json:"index"`       // place in the configuration, from 0
	Source      string `json:"source"`      // the pattern as declared, or the program
	Kind        string `json:"kind"`        // file or command
	Environment string `json:"environment"` // empty: both
	State       string `json:"state"`       // read, missing (no file matches), unreadable, not_allowed (commands are not) or failed
	Files       int    `json:"files"`
	Bytes       int64  `json:"bytes"`
	Gaps        []Gap  `json:"gaps"` // what could not be searched for keys, in either phase
	keyscan.Unsearched
}

// Follow is a fact of kind "log.follow": what one declared log shows of the time since the probing began.
type Follow struct {
	Index       int    `json:"index"`
	Source      string `json:"source"`
	Environment string `json:"environment"`
	Sent        int    `json:"sent"`   // requests that went to the receivers whose log it is
	Signed      int    `json:"signed"` // of them, with the correct signature
	Added       int64  `json:"added"`  // bytes that came since
	// Activity is what shows that the receiver wrote to this log since: marker (the declared pattern), agent (the run's User-Agent),
	// growth, or none.
	Activity string `json:"activity"`
	Marker   bool   `json:"marker"`            // a pattern is declared
	Gaps     []Gap  `json:"gaps"`              // what came since and could not be searched
	Unsought int    `json:"uids_not_searched"` // UIDs that are too short or plain to be told from other text
}

// Gap is something that could not be searched.
type Gap struct {
	File   string `json:"file"`
	Reason string `json:"reason"` // for a reader
}

// Hit is a fact of kind "log.hit": something that no log may hold.
type Hit struct {
	Index       int    `json:"index"`
	Source      string `json:"source"`
	Environment string `json:"environment"` // of the log
	File        string `json:"file"`
	What        string `json:"what"`  // key, signature, uid or payload
	Phase       string `json:"phase"` // before (what stood there when the audit began) or since
	Right       bool   `json:"right"` // of a signature: it was right for what was sent
	keyscan.Hit        // of what is no key, the Key's encoding only
}

const (
	kindSource = "log.source"
	kindFollow = "log.follow"
	kindHit    = "log.hit"
)

// Bounds of one declared log.
const (
	maxListed = 100_000  // entries of directories that are matched with a pattern
	maxLog    = 64 << 30 // bytes that are searched
	maxFiles  = 1000     // files that a pattern matches
	maxTime   = 5 * time.Minute
	maxOpen   = 200      // files that are kept open, so that what is written to them after a rotation is seen
	maxAdded  = 64 << 20 // bytes of what came since that are searched
	maxGaps   = 20
	maxHits   = 1000 // over all logs
)

// packedLimits are for compressed rotations: text that compresses well, and much of it.
var packedLimits = content.Limits{Bytes: 8 << 30}

type probe struct {
	timing  timing
	search  *keyscan.Search
	sources []*source

	mu   sync.Mutex
	hits int
}

// timing is how long a log is searched, and how long the second phase waits for one that lags.
type timing struct {
	search time.Duration // in the first phase
	wait   time.Duration // for the receiver's activity to show, at most
	quiet  time.Duration // without growth after that
	poll   time.Duration // between two looks at files
	rerun  time.Duration // between two runs of a command
}

// New returns the probe.
func New() audit.Probe {
	return &probe{timing: timing{search: maxTime, wait: 15 * time.Second, quiet: time.Second, poll: 100 * time.Millisecond, rerun: time.Second}}
}

func (*probe) Name() string  { return "logs" }
func (*probe) Title() string { return "logs" }

func (*probe) Kinds() []audit.Kind {
	return []audit.Kind{audit.KindOf[Source](kindSource), audit.KindOf[Follow](kindFollow), audit.KindOf[Hit](kindHit)}
}

func (*probe) Plan(integration *audit.Integration, _ func(check string) bool) []audit.Step {
	var steps []audit.Step
	for _, declared := range integration.Logs {
		step := audit.Step{Probe: "logs", Environment: declared.Environment, Action: "read", Target: declared.Path, Detail: "log, before and after the probing"}
		if declared.Path == "" {
			step.Action, step.Target = "run", declared.Command.String()
		}
		steps = append(steps, step)
	}
	return steps
}

// source is one declared log between the two phases.
type source struct {
	audit.LogSource
	index  int
	name   string // shown
	state  string
	files  []*file
	output []byte // of a command, in the first phase
	late   bool   // noted after the probing had begun: what was noted may hold some of what came since
	bytes  int64
	opaque int // contents that may be encrypted
	gaps   []Gap
}

func (s *source) gap(list *[]Gap, file, reason string) {
	if len(*list) < maxGaps {
		*list = append(*list, Gap{File: file, Reason: reason})
	}
}

// Prepare notes where each log ends, before anything is sent.
func (p *probe) Prepare(ctx context.Context, run *audit.Run) {
	if len(run.Integration.Logs) == 0 {
		return
	}
	search, err := keyscan.Of(run)
	if err != nil {
		return // told by Run
	}
	p.search = search
	for i, declared := range run.Integration.Logs {
		s := &source{LogSource: declared, index: i, state: "read", gaps: []Gap{}}
		s.name = search.Shown(declared.Path)
		if declared.Path == "" {
			s.name = search.Shown(filepath.Base(declared.Program))
		}
		p.sources = append(p.sources, s)
		if declared.Path != "" {
			p.note(ctx, run, s)
		}
		s.late = begun(run)
	}
}

// Run searches what was noted for keys.
func (p *probe) Run(ctx context.Context, run *audit.Run) error {
	if len(run.Integration.Logs) == 0 {
		return nil
	}
	if p.search == nil {
		if _, err := keyscan.Of(run); err != nil {
			return err
		}
		p.Prepare(ctx, run)
	}
	search := p.search
	for i, s := range p.sources {
		if s.Path == "" {
			p.runFirst(ctx, run, s)
			s.late = begun(run)
		}
		p.searchKeys(ctx, run, s)
		if err := ctx.Err(); err != nil {
			return err
		}
		unsearched := search.Unsearched()
		unsearched.NotDecoded = s.opaque
		run.Sink.Emit(kindSource, Source{
			Index: s.index, Source: s.name, Kind: s.kind(), Environment: s.Environment, State: s.state,
			Files: len(s.files), Bytes: s.bytes, Gaps: s.gaps, Unsearched: unsearched,
		})
		run.Advance(i+1, len(p.sources))
	}
	return nil
}

func begun(run *audit.Run) bool { return run.Ledger != nil && !run.Ledger.Begun().IsZero() }

func (s *source) kind() string {
	if s.Path == "" {
		return "command"
	}
	return "file"
}

// runFirst runs a log's command.
func (p *probe) runFirst(ctx context.Context, run *audit.Run, s *source) {
	output, problem, state := execute(ctx, run, s)
	s.output, s.bytes = output, int64(len(output))
	if state != "" {
		s.state = state
	}
	if problem != "" {
		s.gap(&s.gaps, s.name, problem)
	}
}

// execute runs a log's command; problem tells what is missing from its output, state that there is nothing to search.
func execute(ctx context.Context, run *audit.Run, s *source) (output []byte, problem, state string) {
	if run.Exec == nil {
		return nil, "", "not_allowed"
	}
	output, exit, err := run.Exec(ctx, s.Command)
	switch {
	case errors.Is(err, audit.ErrCommandsNotAllowed):
		return nil, "", "not_allowed"
	case errors.Is(err, audit.ErrOutputLimit):
		return output, "the command printed more than is read of it", ""
	case err != nil:
		return output, "the command could not be run, or was not done in time", "failed"
	case exit != 0:
		return output, fmt.Sprintf("the command ended with status %d", exit), "failed"
	}
	return output, "", ""
}

// emit tells of a hit, up to a bound over all logs.
func (p *probe) emit(run *audit.Run, s *source, hit Hit) {
	p.mu.Lock()
	p.hits++
	cut := p.hits > maxHits
	p.mu.Unlock()
	if cut {
		return
	}
	hit.Index, hit.Source, hit.Environment = s.index, s.name, s.Environment
	run.Sink.Emit(kindHit, hit)
}

// full reports whether there were more hits than are told.
func (p *probe) full() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.hits > maxHits
}

func (p *probe) emitKeys(run *audit.Run, s *source, file, phase string, found *keyscan.Hits) {
	for _, hit := range found.List() {
		if phase == "since" {
			hit.Line = 0
		}
		p.emit(run, s, Hit{File: file, What: "key", Phase: phase, Hit: hit})
	}
}
