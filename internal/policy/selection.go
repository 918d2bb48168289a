package policy

import (
	"errors"
	"fmt"
	"path"
	"slices"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
)

// UnmatchedError is a pattern that matches no check.
type UnmatchedError struct{ Pattern string }

func (e *UnmatchedError) Error() string { return fmt.Sprintf("no check matches %q", e.Pattern) }

// Selection is a choice of checks.
type Selection struct {
	Checks  []audit.CheckInfo
	Partial bool // required checks were left out
	own     bool // a user's own check is selected
}

// Reads reports whether a selected check needs facts of that kind.
func (s Selection) Reads(kind string) bool {
	return slices.ContainsFunc(s.Checks, func(c audit.CheckInfo) bool { return slices.Contains(c.Facts, kind) })
}

// Selects reports whether the check is selected, or may be: a user's own check reads facts in ways that are not known here.
func (s Selection) Selects(id string) bool {
	return s.own || slices.ContainsFunc(s.Checks, func(c audit.CheckInfo) bool { return c.ID == id })
}

// Select chooses the checks that match any of only (all, if empty) and none of skip; both are globs such as "webhook.*". A glob that
// matches no check is an error, and so is a choice of nothing.
func (l *Library) Select(only, skip []string) (Selection, error) {
	var selection Selection
	used := map[string]bool{}
	matches := func(patterns []string, id string) (bool, error) {
		any := false
		for _, pattern := range patterns {
			ok, err := path.Match(pattern, id)
			if err != nil {
				return false, fmt.Errorf("%q is no pattern of checks such as webhook.*", pattern)
			}
			used[pattern] = used[pattern] || ok
			any = any || ok
		}
		return any, nil
	}
	for _, check := range l.checks {
		wanted, err := matches(only, check.info.ID)
		if err != nil {
			return Selection{}, err
		}
		skipped, err := matches(skip, check.info.ID)
		if err != nil {
			return Selection{}, err
		}
		if (len(only) == 0 || wanted) && !skipped {
			selection.Checks = append(selection.Checks, l.described(check))
			selection.own = selection.own || check.user
		} else if check.info.Level == audit.Required {
			selection.Partial = true
		}
	}
	for _, pattern := range append(slices.Clone(only), skip...) {
		if !used[pattern] {
			return Selection{}, &UnmatchedError{Pattern: pattern}
		}
	}
	if len(selection.Checks) == 0 {
		return Selection{}, errors.New("no check is selected")
	}
	return selection, nil
}
