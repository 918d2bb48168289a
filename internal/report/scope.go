package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
)

// scopeLines say what the audit covered, so that a reader knows what a pass is worth. Long lists
// are folded unless verbose.
func (v *view) scopeLines(verbose bool) []textLine {
	var lines []textLine
	add := func(level int, format string, args ...any) {
		text := fmt.Sprintf(format, args...)
		if last := len(lines) - 1; last >= 0 && level == 0 && !verbose { // what has the same name is one line
			name, value, _ := strings.Cut(text, ": ")
			if before, _, _ := strings.Cut(lines[last].text, ": "); before == name && (name == "override" || name == "key") {
				lines[last].text += "; " + value
				return
			}
		}
		lines = append(lines, textLine{level, text})
	}
	s := v.Scope
	if by := v.ProbedBy; by != nil && verbose {
		add(0, "probed by: %s on %s with %s %s; facts %s", orElse(by.By, "somebody"), orElse(by.Host, "a machine"), v.Tool.Name, v.Tool.Version, v.FactsDigest)
	}
	if s.Authorized != nil {
		add(0, "authorized: by %s on %s, %s", s.Authorized.By, s.Authorized.On, s.Authorized.Reference)
	}
	for _, environment := range slices.Sorted(maps.Keys(s.Probing)) {
		rate := ""
		if perSecond := s.Rates[environment]; perSecond > 0 {
			rate = fmt.Sprintf(", %.3g a second", perSecond)
		}
		add(0, "%s: probing %s, %s sent to the receiver%s", environment, s.Probing[environment], count(s.Requests[environment], "request"), rate)
	}
	for _, override := range foldOverrides(s.Overrides, verbose) {
		add(0, "override: %s", override)
	}
	for _, repository := range s.Repositories {
		head := ""
		if repository.Head != "" {
			head = " at " + short(repository.Head)
		}
		add(0, "repository: %s%s, %s", repository.Path, head, count(repository.Objects, "object"))
	}
	for _, empty := range s.DeclaredEmpty {
		who := "by nobody named"
		if empty.By != "" {
			who = fmt.Sprintf("by %s on %s, until %s: %s", empty.By, empty.On, empty.Expires, empty.Reason)
		}
		add(0, "declared empty: %s, %s", empty.Section, who)
	}
	for _, key := range s.Keys {
		add(0, "key: %s %s from %s, %s", key.Environment, key.Role, key.Source, key.Fingerprint)
	}
	for _, skipped := range s.Skipped[:min(len(s.Skipped), maxSkipped)] {
		where := ""
		if skipped.Environment != "" {
			where = " in " + skipped.Environment
		}
		add(0, "not checked: %s%s: %s", skipped.What, where, skipped.Reason)
	}
	if more := len(s.Skipped) - maxSkipped; more > 0 {
		add(0, "not checked: %s", andMore(more, "thing"))
	}
	if len(s.Sent) > 0 && !verbose {
		add(0, "to be purged: %s accepted by the receivers", count(len(s.Sent), "synthetic event"))
	} else if len(s.Sent) > 0 {
		add(0, "to be purged: %s accepted by the receivers:", count(len(s.Sent), "synthetic event"))
		for _, sent := range s.Sent[:min(len(s.Sent), maxSent)] {
			add(1, "%s", sentText(sent))
		}
		if more := len(s.Sent) - maxSent; more > 0 {
			add(1, "%s", andMore(more, "event"))
		}
	}
	for _, note := range v.Notes {
		add(0, "note: %s", note)
	}
	return lines
}

func sentText(sent audit.SentEvent) string {
	return fmt.Sprintf("%s %s %s %s", sent.Environment, sent.UID, sent.EventType, sent.At.UTC().Format(time.RFC3339))
}

// foldOverrides are the overrides, those of one setting in one line where there are more than two
// and not all are wanted.
func foldOverrides(overrides []audit.Override, all bool) []string {
	setting := func(o audit.Override) string { return strings.SplitN(o.Setting, " ", 2)[0] }
	n := map[string]int{}
	for _, override := range overrides {
		n[setting(override)]++
	}
	var out []string
	for _, override := range overrides {
		if name := setting(override); n[name] > 2 && !all {
			out = addNew(out, fmt.Sprintf("%s (%d entries)", name, n[name]))
		} else {
			out = append(out, override.Setting+" = "+override.Value)
		}
	}
	return out
}
