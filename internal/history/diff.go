package history

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/report"
	"github.com/prelaunch-audit/prelaunch/internal/verdict"
)

// DiffSchema names the version of Diff.
const DiffSchema = "prelaunch.diff/v1"

// Ways in which something changed.
const (
	Added   = "added"
	Removed = "removed"
	Changed = "changed"
)

// Diff is what changed. Its slices are empty, not nil, where nothing did.
type Diff struct {
	Schema      string        `json:"schema"`
	Integration string        `json:"integration"`
	Old         Run           `json:"old"`
	New         Run           `json:"new"`
	Context     []Value       `json:"context"`         // what was audited differently
	Checks      []CheckChange `json:"checks"`          // those that came to something else first
	Facts       []KindChange  `json:"facts,omitempty"` // only where both documents were given
}

// Run is one of the two audits.
type Run struct {
	FinishedAt time.Time `json:"finished_at"`
	Status     string    `json:"status"`
	ExitCode   int       `json:"exit_code"`
}

// Value is something with a value on each side; nil: it is not there.
type Value struct {
	Name string `json:"name"`
	Old  any    `json:"old"`
	New  any    `json:"new"`
}

// CheckChange is a check that changed in any way.
type CheckChange struct {
	ID         string          `json:"id"`
	Title      string          `json:"title"`
	Change     string          `json:"change"`        // Added, Removed or Changed
	OldOutcome string          `json:"old,omitempty"` // of the check
	NewOutcome string          `json:"new,omitempty"`
	Why        []string        `json:"why"` // sentences
	Findings   []FindingChange `json:"findings"`
}

// FindingChange is a finding that appeared, went or changed.
type FindingChange struct {
	ID          string  `json:"id"`
	Environment string  `json:"environment,omitempty"`
	Change      string  `json:"change"` // Added, Removed or Changed
	OldOutcome  string  `json:"old,omitempty"`
	NewOutcome  string  `json:"new,omitempty"`
	Message     string  `json:"message"` // the newer
	Place       string  `json:"place,omitempty"`
	Values      []Value `json:"values"` // of the evidence, the message, the basis and the waiver, where they differ
}

// DiffOptions are what else is known of the audits.
type DiffOptions struct {
	OldFacts, NewFacts *audit.Document     // both or none; each must be what its report was judged from
	Reads              map[string][]string // check → kinds of facts it reads; the catalogue knows
	AnyOrder           bool                // the newer may have the earlier time: the clock may have been set back
}

// Compare tells what the newer report changes. Reports of different integrations and facts of another audit are errors.
func Compare(older, newer *audit.Report, o DiffOptions) (*Diff, error) {
	if err := comparable(older, newer); err != nil && !(o.AnyOrder && errors.Is(err, errOrder)) {
		return nil, err
	}
	d := &Diff{
		Schema: DiffSchema, Integration: newer.Integration, Old: runOf(older), New: runOf(newer),
		Context: context(older, newer), Checks: []CheckChange{},
	}
	if (o.OldFacts == nil) != (o.NewFacts == nil) {
		return nil, errors.New("facts are compared with facts: give those of both audits")
	}
	kinds := map[string]KindChange{}
	if o.OldFacts != nil {
		for side, pair := range map[string]struct {
			facts *audit.Document
			r     *audit.Report
		}{"older": {o.OldFacts, older}, "newer": {o.NewFacts, newer}} {
			if err := belongs(pair.facts, pair.r); err != nil {
				return nil, fmt.Errorf("the %s audit: %w", side, err)
			}
		}
		d.Facts = compareFacts(o.OldFacts, o.NewFacts)
		for _, kind := range d.Facts {
			kinds[kind.Kind] = kind
		}
	}
	before := checksByID(older)
	for _, check := range newer.Checks {
		was, known := before[check.ID]
		delete(before, check.ID)
		change := CheckChange{ID: check.ID, Title: check.Title, Change: Added, NewOutcome: check.Outcome.String(), Why: []string{"It was not part of the earlier audit."}, Findings: []FindingChange{}}
		if known {
			change.Change, change.OldOutcome = Changed, was.Outcome.String()
			change.Findings = slices.DeleteFunc(compareFindings(was.Findings, check.Findings), func(f FindingChange) bool {
				return f.Change == Removed && leftOut(newer, f.Environment) || f.Change == Added && leftOut(older, f.Environment)
			})
			if was.Outcome == check.Outcome && len(change.Findings) == 0 {
				continue
			}
			change.Why = why(older, newer, was, check, change.Findings, kinds, o.Reads[check.ID])
		}
		d.Checks = append(d.Checks, change)
	}
	for _, check := range older.Checks {
		if _, gone := before[check.ID]; gone {
			d.Checks = append(d.Checks, CheckChange{ID: check.ID, Title: check.Title, Change: Removed, OldOutcome: check.Outcome.String(),
				Why: []string{"It is not part of the later audit, which says nothing about it."}, Findings: []FindingChange{}})
		}
	}
	slices.SortStableFunc(d.Checks, func(a, b CheckChange) int { return a.weight() - b.weight() })
	return d, nil
}

// weight sorts the checks that came to something else first, then those that are only on one side, then those of which only the evidence
// differs.
func (c CheckChange) weight() int {
	switch {
	case c.Change != Changed:
		return 1
	case c.OldOutcome != c.NewOutcome:
		return 0
	}
	return 2
}

// leftOut reports whether an audit of one environment says nothing of another.
func leftOut(r *audit.Report, environment string) bool {
	return r.LeftOpen != nil && slices.Contains(r.LeftOpen.Environments, environment)
}

func runOf(r *audit.Report) Run { return Run{r.FinishedAt, verdict.Status(r), verdict.ExitCode(r)} }

// belongs reports whether a report was judged from these facts.
func belongs(facts *audit.Document, r *audit.Report) error {
	raw, err := facts.Encode()
	if err != nil {
		return err
	}
	if digest := audit.Digest(raw); digest != r.FactsDigest {
		return fmt.Errorf("the report was judged from other facts (%s) than those given (%s)", r.FactsDigest, digest)
	}
	return nil
}

func checksByID(r *audit.Report) map[string]audit.Check {
	checks := map[string]audit.Check{}
	for _, check := range r.Checks {
		checks[check.ID] = check
	}
	return checks
}

// compareFindings lists the findings that differ: those of the newer audit in its order, then those that are gone.
func compareFindings(older, newer []audit.Finding) []FindingChange {
	before := map[string]audit.Finding{}
	for _, finding := range older {
		before[finding.ID] = finding
	}
	changes := []FindingChange{}
	for _, finding := range newer {
		was, known := before[finding.ID]
		delete(before, finding.ID)
		change := FindingChange{
			ID: finding.ID, Environment: finding.Environment, Change: Added, NewOutcome: finding.Outcome.String(), Message: finding.Message,
			Place: report.Place(finding.Evidence), Values: []Value{},
		}
		if known {
			change.Change, change.OldOutcome = Changed, was.Outcome.String()
			change.Values = differences(was, finding)
			if sameFinding(was, finding) {
				continue
			}
		}
		changes = append(changes, change)
	}
	for _, finding := range older {
		if _, gone := before[finding.ID]; gone {
			changes = append(changes, FindingChange{
				ID: finding.ID, Environment: finding.Environment, Change: Removed, OldOutcome: finding.Outcome.String(), Message: finding.Message,
				Place: report.Place(finding.Evidence), Values: []Value{},
			})
		}
	}
	return changes
}

// measured are amounts in the evidence of a pass that are others in every run.
var measured = []string{"bytes", "requests", "activity", "clock_skew_seconds"}

// describeFinding is what a finding says next to its outcome.
func describeFinding(finding audit.Finding) map[string]any {
	evidence := finding.Evidence
	if finding.Outcome == audit.Pass {
		evidence = maps.Clone(evidence)
		maps.DeleteFunc(evidence, func(name string, _ any) bool { return slices.Contains(measured, name) })
	}
	said := map[string]any{"message": finding.Message, "basis": finding.Basis, "evidence": evidence}
	if w := finding.Waiver; w != nil {
		said["waiver"] = map[string]any{"owner": w.Owner, "approved_by": w.ApprovedBy, "reason": w.Reason, "expires": w.Expires.String()}
	}
	return said
}

// compareValues lists the leaves that differ, named by their way through the objects, such as "evidence.status". Lists are leaves.
func compareValues(older, newer map[string]any) []Value {
	before, after := map[string]any{}, map[string]any{}
	flatten("", older, before)
	flatten("", newer, after)
	names := map[string]bool{}
	for name := range before {
		names[name] = true
	}
	for name := range after {
		names[name] = true
	}
	values := []Value{}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if old, now := before[name], after[name]; text(old) != text(now) {
			values = append(values, Value{name, old, now})
		}
	}
	return values
}

func flatten(prefix string, value any, into map[string]any) {
	object, ok := value.(map[string]any)
	if !ok {
		into[prefix] = ordered(value)
		return
	}
	for name, inner := range object {
		if prefix != "" {
			name = prefix + "." + name
		}
		flatten(name, inner, into)
	}
}

// ordered sorts a list of texts: in which order things were found says nothing.
func ordered(value any) any {
	list, ok := value.([]any)
	if !ok {
		return value
	}
	sorted := slices.Clone(list)
	slices.SortStableFunc(sorted, func(a, b any) int { return strings.Compare(text(a), text(b)) })
	return sorted
}

// text is a value as JSON, for comparing and for showing.
func text(value any) string {
	if value == nil {
		return ""
	}
	raw, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(raw)
}

// context is what was audited differently.
func context(older, newer *audit.Report) []Value {
	type named = map[string]any
	side := func(r *audit.Report) named {
		all := named{
			"version": r.Tool.Version, "policies": r.PolicyDigest, "configuration": r.ConfigDigest,
			"partial": strconv.FormatBool(r.Partial), "cut short": strconv.FormatBool(r.CutShort),
		}
		if r.LeftOpen != nil {
			all["environments left out"] = strings.Join(r.LeftOpen.Environments, ", ")
		}
		if longest := audit.NewDate(r.FinishedAt).AddDays(audit.MaxValidity); r.ValidUntil.Before(longest) { // else it only moves on
			all["valid until"] = r.ValidUntil.String()
		}
		for environment, mode := range r.Scope.Probing {
			all["probing in "+environment] = mode
		}
		for _, override := range r.Scope.Overrides {
			all["override "+override.Setting] = override.Value
		}
		for _, repository := range r.Scope.Repositories {
			all["commit of "+repository.Path] = repository.Head
			all["refs of "+repository.Path] = repository.RefsDigest
		}
		roles := map[string][]string{}
		for _, key := range r.Scope.Keys {
			roles[key.Role+" key of "+key.Environment] = append(roles[key.Role+" key of "+key.Environment], key.Fingerprint+" from "+key.Source)
		}
		for role, keys := range roles {
			slices.Sort(keys)
			all[role] = strings.Join(keys, ", ")
		}
		hosts := map[string][]string{}
		for _, address := range r.Scope.Addresses {
			hosts["addresses of "+address.Host] = append(hosts["addresses of "+address.Host], address.Address)
		}
		for host, addresses := range hosts {
			slices.Sort(addresses)
			all[host] = strings.Join(slices.Compact(addresses), ", ")
		}
		for _, skipped := range r.Scope.Skipped {
			all[strings.TrimSpace("not checked: "+skipped.What+" "+skipped.Environment)] = skipped.Reason
		}
		for name, digest := range r.Scope.Digests {
			all["digest of "+name] = digest
		}
		return all
	}
	return compareValues(side(older), side(newer))
}
