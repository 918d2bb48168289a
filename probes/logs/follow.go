package logs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"sync"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/content"
	"github.com/prelaunch-audit/prelaunch/internal/keyscan"
	"github.com/prelaunch-audit/prelaunch/internal/lazy"
	"github.com/prelaunch-audit/prelaunch/internal/provider"
)

// expectedFrom is for how many requests a signature that was not sent has to show before it counts; see wanted.go.
const expectedFrom = 5

// Follow reads what came to each log since Run noted it.
func (p *probe) Follow(ctx context.Context, run *audit.Run) error {
	defer func() {
		for _, s := range p.sources {
			s.close()
		}
	}()
	if p.search == nil {
		return nil // there is no log, or the first phase did not begin, and its error is told
	}
	profile, err := provider.Of(run.Integration.Provider, run.Integration.ProviderProfile)
	if err != nil {
		return err
	}
	events := run.Ledger.Events()
	look, err := seek(run.Integration, profile, events)
	if err != nil {
		return fmt.Errorf("prepare the search for what was sent: %w", err)
	}
	errs := make([]error, len(p.sources))
	var wg sync.WaitGroup
	for i, s := range p.sources { // side by side: each may have to wait
		wg.Go(func() { errs[i] = p.follow(ctx, run, s, look, events) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (p *probe) follow(ctx context.Context, run *audit.Run, s *source, look *wanted, events []audit.LedgerEvent) error {
	fact := Follow{Index: s.index, Source: s.name, Environment: s.Environment, Marker: s.Marker != "", Activity: "none", Gaps: []Gap{}, Unsought: look.unsought}
	for _, event := range events {
		if s.Environment == "" || event.Environment == s.Environment {
			fact.Sent++
			if event.Valid {
				fact.Signed++
			}
		}
	}
	if s.state != "read" {
		run.Sink.Emit(kindFollow, fact)
		return ctx.Err()
	}
	list, activity, problems, err := p.catchUp(ctx, run, s, fact.Sent > 0)
	if err != nil {
		return err
	}
	fact.Activity, fact.Gaps = activity, append(fact.Gaps, problems...)
	shown := map[int]bool{} // requests whose correct signature, which was not sent, shows
	for _, added := range list {
		if !added.whole {
			fact.Added += int64(len(added.bytes))
		}
		if err := p.searchAddition(ctx, run, s, added, look, shown, &fact); err != nil {
			return err
		}
	}
	if len(shown) >= expectedFrom {
		p.emit(run, s, Hit{File: s.name, What: "signature", Phase: "since", Right: true,
			Hit: keyscan.Hit{Key: keyscan.Key{Spelling: "plain"}, Location: keyscan.Location{More: len(shown) - 1}}})
	}
	if p.full() {
		s.gap(&fact.Gaps, s.name, fmt.Sprintf("there are more hits than the %d that are told", maxHits))
	}
	run.Sink.Emit(kindFollow, fact)
	return ctx.Err()
}

// catchUp waits until the log shows the receiver's activity and then stays quiet, or until it has waited long enough, and returns what
// came since the log was noted.
func (p *probe) catchUp(ctx context.Context, run *audit.Run, s *source, expect bool) (list []addition, activity string, problems []Gap, err error) {
	marker, err := regexp.Compile(s.Marker)
	if err != nil {
		return nil, "none", []Gap{{File: s.name, Reason: "its marker is no valid pattern"}}, nil
	}
	began := time.Now()
	pause := p.timing.poll
	if s.Path == "" {
		pause = p.timing.rerun
	}
	size, changed := int64(-1), began
	for {
		if s.Path != "" {
			list, problems = p.additions(ctx, run, s)
		} else {
			list, problems = p.rerun(ctx, run, s)
		}
		activity = activityIn(list, marker, s.Marker != "", run.ID)
		total := int64(0)
		for _, added := range list {
			total += int64(len(added.bytes))
		}
		if total != size {
			size, changed = total, time.Now()
		}
		shows := activity != "none" && (s.Marker == "" || activity == "marker")
		if !expect || time.Since(began) >= p.timing.wait || (shows && time.Since(changed) >= p.timing.quiet) {
			return list, activity, problems, nil
		}
		select {
		case <-ctx.Done():
			return nil, "none", nil, ctx.Err()
		case <-time.After(pause):
		}
	}
}

func (p *probe) rerun(ctx context.Context, run *audit.Run, s *source) ([]addition, []Gap) {
	output, problem, state := execute(ctx, run, s)
	var problems []Gap
	if state == "not_allowed" {
		problem = "commands are not allowed"
	}
	if problem != "" {
		s.gap(&problems, s.name, problem)
	}
	added := newPart(s.name, s.output, output)
	if s.late {
		added = addition{name: s.name, bytes: output, whole: true}
	}
	if added.whole && !s.late {
		s.gap(&problems, s.name, "where the output of before ends in that of now is unknown; a command that prints more of the log, such as since an hour, shows it")
	}
	if len(added.bytes) == 0 {
		return nil, problems
	}
	return []addition{added}, problems
}

// activityIn tells what in the additions shows that the receiver has written.
func activityIn(list []addition, marker *regexp.Regexp, declared bool, runID string) string {
	activity := "none"
	for _, added := range list {
		if !added.whole && declared && marker.Match(added.bytes) {
			return "marker"
		}
		switch {
		case runID != "" && bytes.Contains(added.bytes, []byte("run/"+runID)):
			activity = "agent"
		case !added.whole && activity == "none":
			activity = "growth"
		}
	}
	return activity
}

// searchAddition searches one addition for keys and for what was sent, inside archives too.
func (p *probe) searchAddition(ctx context.Context, run *audit.Run, s *source, added addition, look *wanted, shown map[int]bool, fact *Follow) error {
	s.leftOut(&fact.Gaps, added.name, added.bytes)
	kinds := map[Hit]int{}
	scanner := p.search.Scanner(packedLimits)
	scanner.Also = func(t *content.Text) {
		if t.Layer > 0 || t.Name {
			return
		}
		look.find(t.Bytes, t.Seen, added.whole, shown, func(means sought) {
			kinds[Hit{File: added.name, What: means.what, Phase: "since", Right: means.right,
				Hit: keyscan.Hit{Key: keyscan.Key{Spelling: means.spelling}, Location: keyscan.Location{Member: p.search.Shown(t.Entry)}}}]++
		})
	}
	keys := scanner.Hits()
	cuts, err := keys.Read(ctx, "", bytes.NewReader(added.bytes))
	scanner.Also = nil
	keys.Name(added.name)
	if err != nil {
		return fmt.Errorf("search %s: %w", added.name, err)
	}
	for _, cut := range cuts {
		s.gap(&fact.Gaps, added.name, "what is packed in it was not read in full: "+string(cut.Reason))
	}
	p.emitKeys(run, s, added.name, "since", keys)
	for hit, count := range kinds {
		hit.More = count - 1
		p.emit(run, s, hit)
	}
	return nil
}

// find calls found for each thing that was sent and is in text, other than in its first seen bytes.
func (w *wanted) find(text []byte, seen int, whole bool, shown map[int]bool, found func(sought)) {
	w.set.Find(text, func(id, offset int) bool {
		means := w.means[id]
		switch {
		case offset+w.lengths[id] <= seen:
		case whole && !means.once:
		case means.expected > 0:
			shown[means.expected] = true
		case means.token && touched(text, offset, w.lengths[id]):
		default:
			found(means)
		}
		return true
	})
}

// escape is an escaped character at the end of a text.
var escape = lazy.Regexp(`(?:%[0-9A-Fa-f]{2}|\\x[0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}|\\[nrtbf])$`)

// touched reports whether a letter or digit, other than of an escape, stands right before or after content[at:at+length].
func touched(content []byte, at, length int) bool {
	isWord := func(i int) bool {
		if i < 0 || i >= len(content) {
			return false
		}
		c := content[i]
		return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
	}
	return isWord(at+length) || isWord(at-1) && !escape().Match(content[max(0, at-6):at])
}
