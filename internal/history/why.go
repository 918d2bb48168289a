package history

import (
	"fmt"
	"slices"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
)

// why says in sentences what a changed check rests on: what was observed, how it was judged, what was waived.
func why(older, newer *audit.Report, was, is audit.Check, findings []FindingChange, kinds map[string]KindChange, reads []string) []string {
	reasons := []string{}
	say := func(format string, args ...any) { reasons = append(reasons, fmt.Sprintf(format, args...)) }
	counts := map[string]int{}
	evidence, waivers := false, false
	for _, finding := range findings {
		counts[finding.Change]++
		for _, value := range finding.Values {
			evidence = evidence || strings.HasPrefix(value.Name, "evidence")
			waivers = waivers || strings.HasPrefix(value.Name, "waiver")
		}
		waivers = waivers || finding.Change == Changed && (finding.OldOutcome == "waived") != (finding.NewOutcome == "waived")
	}
	var observed []string
	for _, kind := range reads {
		if change, differs := kinds[kind]; differs {
			observed = append(observed, fmt.Sprintf("%s (%d added, %d removed, %d changed)", kind, change.Added, change.Removed, len(change.Changes)))
		}
	}
	policies := older.PolicyDigest != newer.PolicyDigest
	switch {
	case len(observed) > 0:
		say("What was observed differs: facts of %s.", strings.Join(observed, ", "))
	case evidence || counts[Added]+counts[Removed] > 0:
		say("What was found differs: %d appeared, %d gone, %d changed.", counts[Added], counts[Removed], counts[Changed])
	}
	if waivers {
		say("A waiver was given, ended or changed.")
	}
	if policies && len(observed) == 0 && !evidence {
		say("The policies differ, and may judge the same observation otherwise.")
	}
	if was.Level != is.Level {
		say("Its level changed from %s to %s.", was.Level, is.Level)
	}
	if older.ConfigDigest != newer.ConfigDigest {
		say("The configuration differs.")
	}
	for _, environment := range environments(findings) {
		if before, now := older.Scope.Probing[environment], newer.Scope.Probing[environment]; before != now {
			say("Probing in %s was %s and is now %s.", environment, before, now)
		}
	}
	for _, skipped := range newer.Scope.Skipped {
		if !slices.Contains(older.Scope.Skipped, skipped) && (skipped.Environment == "" || slices.Contains(environments(findings), skipped.Environment)) {
			say("Not checked this time: %s: %s.", skipped.What, skipped.Reason)
		}
	}
	if len(reasons) == 0 {
		say("What is said of it differs; what was audited and how does not.")
	}
	return reasons
}

func environments(findings []FindingChange) []string {
	var all []string
	for _, finding := range findings {
		if finding.Environment != "" && !slices.Contains(all, finding.Environment) {
			all = append(all, finding.Environment)
		}
	}
	slices.Sort(all)
	return all
}
