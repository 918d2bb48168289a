package report

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/verdict"
)

// view is what a format gets to show: a copy of the report without keys and without nulls, and the options.
type view struct {
	*audit.Report
	Options
}

func newView(r *audit.Report, o Options) (*view, error) {
	copied, err := duplicate(r)
	if err != nil {
		return nil, err
	}
	for _, earlier := range o.Earlier {
		if earlier.Integration != r.Integration {
			return nil, fmt.Errorf("the earlier report of %s is of the integration %.80q, not of %.80q: leave it out",
				earlier.FinishedAt.UTC().Format("2006-01-02 15:04"), earlier.Integration, r.Integration)
		}
	}
	tidy(reflect.ValueOf(copied).Elem(), func(text string) string {
		if ownWords[text] {
			return text
		}
		return o.Redactor.RedactString(text)
	})
	if file, ok := (place{Path: o.ConfigFile}).relative(); ok {
		o.ConfigFile = file
	} else if o.ConfigFile = path.Base(o.ConfigFile); o.ConfigFile == "." || o.ConfigFile == "/" {
		o.ConfigFile = "prelaunch.yaml"
	}
	return &view{Report: copied, Options: o}, nil
}

// duplicate copies the report by way of JSON, so that a fresh report and one that was read from a file look the same.
func duplicate(r *audit.Report) (*audit.Report, error) {
	raw, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber() // evidence keeps its numbers digit for digit
	var copied audit.Report
	if err := decoder.Decode(&copied); err != nil {
		return nil, err
	}
	return &copied, nil
}

// ownWords are strings with a meaning in the format, which redaction leaves alone.
var ownWords = map[string]bool{
	audit.ReportSchema: true, audit.Required: true, audit.Recommended: true, audit.Test: true, audit.Production: true,
	audit.Full: true, audit.Careful: true, audit.Passive: true, audit.Observed: true, audit.Attested: true, audit.Declared: true,
	"critical": true, "high": true, "medium": true, "low": true,
}

// ownText holds the format's own words and field names, to see whether a key is among them.
var ownText = sync.OnceValue(func() string {
	schema, err := Schema()
	if err != nil {
		return ""
	}
	return string(schema)
})

// tidy replaces every string in v, and every nil slice and map by an empty one, where it is written out.
func tidy(v reflect.Value, replace func(string) string) {
	switch v.Kind() {
	case reflect.String:
		if v.CanSet() && v.Type() != reflect.TypeFor[json.Number]() {
			v.SetString(replace(v.String()))
		}
	case reflect.Pointer:
		if !v.IsNil() {
			tidy(v.Elem(), replace)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				tidy(v.Field(i), replace)
			}
		}
	case reflect.Slice:
		if v.IsNil() && v.CanSet() {
			v.Set(reflect.MakeSlice(v.Type(), 0, 0))
		}
		for i := range v.Len() {
			tidy(v.Index(i), replace)
		}
	case reflect.Map:
		tidied := reflect.MakeMapWithSize(v.Type(), v.Len())
		for it := v.MapRange(); it.Next(); {
			key := reflect.New(v.Type().Key()).Elem()
			key.Set(it.Key())
			tidy(key, replace)
			value := reflect.New(v.Type().Elem()).Elem()
			value.Set(it.Value())
			tidy(value, replace)
			tidied.SetMapIndex(key, value)
		}
		v.Set(tidied)
	case reflect.Interface:
		if v.IsNil() {
			return
		}
		inner := reflect.New(v.Elem().Type()).Elem()
		inner.Set(v.Elem())
		tidy(inner, replace)
		v.Set(inner)
	}
}

// expired is a sentence that says that the report can no longer be relied on, or "".
func (v *view) expired() string {
	if v.Now.IsZero() || v.ValidUntil.IsZero() || !verdict.Expired(v.Report, v.Now) {
		return ""
	}
	return fmt.Sprintf("This report was valid until %s: something it rests on no longer holds. Audit again before relying on it.", v.ValidUntil)
}

// part is how many checks have an outcome.
type part struct {
	n       int
	outcome audit.Outcome
}

// parts are the outcomes that occur, the worst first.
func (v *view) parts() []part {
	return slices.DeleteFunc([]part{
		{v.Summary.Fail, audit.Fail}, {v.Summary.Inconclusive, audit.Inconclusive}, {v.Summary.Warn, audit.Warn},
		{v.Summary.Waived, audit.Waived}, {v.Summary.Pass, audit.Pass}, {v.Summary.NotApplicable, audit.NotApplicable},
	}, func(p part) bool { return p.n == 0 })
}

// counts says the outcomes of the checks in words, the worst first.
func (v *view) counts() string {
	var counts []string
	for _, part := range v.parts() {
		counts = append(counts, fmt.Sprintf("%d %s", part.n, label(part.outcome)))
	}
	if len(counts) == 0 {
		return "no checks"
	}
	return strings.Join(counts, ", ")
}

// label is an outcome as people read it.
func label(o audit.Outcome) string { return strings.ReplaceAll(o.String(), "_", " ") }

// unproven are the checks that fail or are inconclusive: failures first, then required before recommended, then by severity.
func (v *view) unproven() []audit.Check {
	var checks []audit.Check
	for _, check := range v.Checks {
		if check.Outcome == audit.Fail || check.Outcome == audit.Inconclusive {
			checks = append(checks, check)
		}
	}
	slices.SortStableFunc(checks, compareUrgency)
	return checks
}

// others are the checks that unproven leaves: warnings first, then waived, passed, not applicable.
func (v *view) others() []audit.Check {
	var checks []audit.Check
	for _, check := range v.Checks {
		if check.Outcome != audit.Fail && check.Outcome != audit.Inconclusive {
			checks = append(checks, check)
		}
	}
	slices.SortStableFunc(checks, func(a, b audit.Check) int { return b.Outcome.Compare(a.Outcome) })
	return checks
}

func compareUrgency(a, b audit.Check) int {
	return cmp.Or(
		b.Outcome.Compare(a.Outcome),
		cmp.Compare(b.Level, a.Level), // "required" > "recommended"
		cmp.Compare(slices.Index(severities, a.Severity), slices.Index(severities, b.Severity)))
}

// severities, the gravest first.
var severities = []string{"critical", "high", "medium", "low"}

// group is findings of one check that say the same.
type group struct {
	Outcome      audit.Outcome
	Basis        string
	Message      string
	Waiver       *audit.Waiver
	Environments []string // each once, in the order of the findings; without ""
	Findings     []audit.Finding
}

// groups puts findings together that say the same of different environments and places, in the order of their first.
func groups(findings []audit.Finding) []group {
	type key struct {
		outcome        audit.Outcome
		basis, message string
		waiver         audit.Waiver
	}
	at := map[key]int{}
	var out []group
	for _, finding := range findings {
		k := key{outcome: finding.Outcome, basis: finding.Basis, message: finding.Message}
		if finding.Waiver != nil {
			k.waiver = *finding.Waiver
		}
		i, known := at[k]
		if !known {
			i = len(out)
			at[k] = i
			out = append(out, group{Outcome: finding.Outcome, Basis: finding.Basis, Message: finding.Message, Waiver: finding.Waiver})
		}
		g := &out[i]
		g.Findings = append(g.Findings, finding)
		if finding.Environment != "" && !slices.Contains(g.Environments, finding.Environment) {
			g.Environments = append(g.Environments, finding.Environment)
		}
	}
	return out
}

// places are the distinct places of the group's findings, without those that have none.
func (g group) places() []place {
	seen := map[place]bool{}
	var out []place
	for _, finding := range g.Findings {
		for _, p := range placesOf(finding.Evidence) {
			if p.isNowhere() || seen[p] || strings.HasSuffix(g.Message, p.String()) {
				continue
			}
			seen[p] = true
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Line, b.Line), cmp.Compare(a.String(), b.String()))
	})
	return out
}

// Place is where a finding was made, such as "src/app.js:12 (commit 0123456789ab)", read from its evidence; "" when it does not say.
func Place(evidence map[string]any) string { return placeOf(evidence).String() }

// placesOf are all places that evidence names: those listed under "places", each completed by what stands beside the list, or else the
// one that stands there alone.
func placesOf(evidence map[string]any) []place {
	common := evidencePlace(evidence)
	listed, _ := evidence["places"].([]any)
	var out []place
	for _, one := range listed {
		fields, ok := one.(map[string]any)
		if !ok {
			continue
		}
		p := evidencePlace(fields)
		if p.isNowhere() && p.Line == 0 {
			continue
		}
		if p.Path == "" && p.URL == "" {
			p.Path, p.URL = common.Path, common.URL
		}
		p.ConfigLine = cmp.Or(p.ConfigLine, common.ConfigLine)
		out = append(out, p)
	}
	if len(out) == 0 {
		out = []place{common}
	}
	return out
}

// placeOf is the first place that evidence names.
func placeOf(evidence map[string]any) place { return placesOf(evidence)[0] }

// place is where a finding was made, read from the evidence keys that are agreed for it.
type place struct {
	Path       string // of a file, with forward slashes
	Line       int    // from 1; 0: not known
	Object     string // id of a git object
	Commit     string // id of a commit
	URL        string
	ConfigLine int // line of the configuration that declares what was looked at; 0: not known
}

func evidencePlace(evidence map[string]any) place {
	text := func(key string) string {
		s, _ := evidence[key].(string)
		return s
	}
	return place{
		Path: text("path"), Line: lineNumber(evidence["line"]), Object: text("object"), Commit: text("commit"), URL: text("url"),
		ConfigLine: lineNumber(evidence["config_line"]),
	}
}

// lineNumber reads a positive whole number, of whatever type; anything else is 0.
func lineNumber(value any) int {
	n, err := strconv.ParseInt(strings.TrimSuffix(fmt.Sprint(value), ".0"), 10, 64)
	if err != nil || n < 1 || n > math.MaxInt32 {
		return 0
	}
	return int(n)
}

func (p place) isNowhere() bool {
	return p.Path == "" && p.Object == "" && p.Commit == "" && p.URL == ""
}

// String is the place as a person would write it down, such as "src/app.js:12 (commit 0123456789ab)".
func (p place) String() string {
	where := p.Path
	if where != "" && p.Line > 0 {
		where += ":" + strconv.Itoa(p.Line)
	}
	if where == "" {
		where = p.URL
	}
	var git []string
	if p.Commit != "" {
		git = append(git, "commit "+short(p.Commit))
	}
	if p.Object != "" {
		git = append(git, "object "+short(p.Object))
	}
	switch {
	case len(git) == 0:
		return where
	case where == "":
		return strings.Join(git, ", ")
	}
	return where + " (" + strings.Join(git, ", ") + ")"
}

// relative is the path as a file relative to some root, and whether it can be one.
func (p place) relative() (string, bool) {
	cleaned := path.Clean(strings.ReplaceAll(p.Path, "\\", "/"))
	if p.Path == "" || cleaned == "." || path.IsAbs(cleaned) || strings.HasPrefix(cleaned, "../") || cleaned == ".." {
		return "", false
	}
	return cleaned, true
}

// short is the first 12 digits of an object id, which is unique in all but the largest repositories.
func short(id string) string {
	if len(id) > 12 {
		return id[:12]
	}
	return id
}
