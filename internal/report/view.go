package report

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"path"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/verdict"
)

// view is what a format shows: a copy of the report without keys and without nulls, and the
// options.
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
	if o.ConfigFile = path.Clean(cmp.Or(o.ConfigFile, copied.Scope.ConfigFile)); path.IsAbs(o.ConfigFile) || strings.HasPrefix(o.ConfigFile, "../") {
		o.ConfigFile = path.Base(o.ConfigFile)
	}
	if o.ConfigFile == "." || o.ConfigFile == "/" || o.ConfigFile == ".." {
		o.ConfigFile = "prelaunch.yaml"
	}
	return &view{Report: copied, Options: o}, nil
}

// duplicate copies the report by way of JSON, so that a fresh report and one that was read from a
// file look the same.
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

// tidy replaces every string in v, and every nil slice and map with an empty one, where it is
// written out.
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

// verdict is the report in a few words, such as "NOT READY".
func (v *view) verdict() string {
	if v.expired() != "" {
		return "EXPIRED"
	}
	return verdict.Status(v.Report)
}

// verdictOutcome is the outcome whose color the verdict has.
func (v *view) verdictOutcome() audit.Outcome {
	switch {
	case verdict.ExitCode(v.Report) == 1:
		return audit.Fail
	case !v.Ready || v.expired() != "":
		return audit.Inconclusive
	case verdict.Waivers(v.Report) > 0:
		return audit.Waived
	}
	return audit.Pass
}

// caveats are what a reader must know before relying on the report.
func (v *view) caveats() []string {
	all := slices.Clone(v.Caveats)
	if v.CutShort {
		all = append(all, "This audit was cut short: what is missing was not checked.")
	} else if v.LeftOpen != nil {
		all = append(all, "This audit is partial: "+v.leftOpen())
	} else if v.Partial {
		all = append(all, "This audit is partial: required checks were left out.")
	}
	if expired := v.expired(); expired != "" {
		all = append(all, expired)
	}
	return all
}

// leftOpen says what an audit of one environment leaves open.
func (v *view) leftOpen() string {
	names := make([]string, len(v.LeftOpen.Environments))
	for i, name := range v.LeftOpen.Environments {
		names[i] = capital(name)
	}
	text := strings.Join(names, ", ") + " not audited"
	if len(v.LeftOpen.Checks) > 0 {
		text += ", which leaves open " + strings.Join(v.LeftOpen.Checks, ", ")
	}
	return text + "."
}

// subtitle says what was audited, by what and when.
func (v *view) subtitle() string {
	return fmt.Sprintf("%s (%s), %s %s, %s, %s", v.Integration, v.Provider, v.Tool.Name, v.Tool.Version,
		v.FinishedAt.UTC().Format("2006-01-02 15:04 UTC"), v.FinishedAt.Sub(v.StartedAt).Round(time.Second))
}

// tally is how many checks have an outcome.
type tally struct {
	n       int
	outcome audit.Outcome
}

// allTallies are all outcomes, the worst first.
func (v *view) allTallies() []tally {
	return []tally{
		{v.Summary.Fail, audit.Fail}, {v.Summary.Inconclusive, audit.Inconclusive}, {v.Summary.Warn, audit.Warn},
		{v.Summary.Waived, audit.Waived}, {v.Summary.Pass, audit.Pass}, {v.Summary.NotApplicable, audit.NotApplicable},
	}
}

// tallies are the outcomes that occur, the worst first.
func (v *view) tallies() []tally {
	return slices.DeleteFunc(v.allTallies(), func(t tally) bool { return t.n == 0 })
}

// counts says the outcomes of the checks in words, the worst first.
func (v *view) counts() string {
	var counts []string
	for _, t := range v.tallies() {
		counts = append(counts, fmt.Sprintf("%d %s", t.n, label(t.outcome)))
	}
	if len(counts) == 0 {
		return "no checks"
	}
	return strings.Join(counts, ", ")
}

// label is an outcome as people read it.
func label(o audit.Outcome) string { return strings.ReplaceAll(o.String(), "_", " ") }

// survives is the check of receivers that stop responding: nothing matters more, and much else
// depends on it.
const survives = "errors.survives-requests"

// severities, the gravest first.
var severities = []string{"critical", "high", "medium", "low"}

// with are the checks of an outcome: a receiver that stops responding first, then required before
// recommended, then by severity.
func (v *view) with(outcome audit.Outcome) []audit.Check {
	var checks []audit.Check
	for _, check := range v.Checks {
		if check.Outcome == outcome && v.severeEnough(check) {
			checks = append(checks, check)
		}
	}
	dead := func(c audit.Check) int {
		if c.ID == survives {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(checks, func(a, b audit.Check) int {
		return cmp.Or(cmp.Compare(dead(a), dead(b)), cmp.Compare(b.Level, a.Level), // "required" > "recommended"
			cmp.Compare(slices.Index(severities, a.Severity), slices.Index(severities, b.Severity)))
	})
	return checks
}

// severeEnough reports whether a check is shown although there is a least severity; one of an
// unknown severity is.
func (v *view) severeEnough(check audit.Check) bool {
	least := slices.Index(severities, v.MinSeverity)
	return least < 0 || slices.Index(severities, check.Severity) <= least
}

// hidden says how many checks the least severity leaves out, or "".
func (v *view) hidden() string {
	n := 0
	for _, check := range v.Checks {
		if !v.severeEnough(check) && check.Outcome != audit.Pass && check.Outcome != audit.NotApplicable {
			n++
		}
	}
	if n == 0 {
		return ""
	}
	return count(n, "check") + " below the severity " + v.MinSeverity + " left out here; they count in the verdict"
}
