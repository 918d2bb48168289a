package work

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/riverqueue/river"

	"github.com/prelaunch-audit/prelaunch/internal/fleet/database"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/schedule"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/settings"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/source"
)

// Rules of this file: each job may run on any process, twice at a time, or not for a while. It takes what there is to do from the
// tables, a bounded part at a time, so that others can write in between.

// batch is how many rows one transaction deals with.
const batch = 100

// sweep queues what is due, at most as much as the settings allow in a minute, so that neither a restart nor new policies start a run on
// the receivers.
func (f *Fleet) sweep(ctx context.Context) error {
	err := f.DB.Write(ctx, func(tx *database.Tx) error {
		if _, err := tx.FreeJobs(ctx); err != nil {
			return err
		}
		return tx.ClampDue(ctx, tx.Now().Add(schedule.MaxInterval+48*time.Hour))
	})
	if err != nil {
		return err
	}
	waiting, err := f.DB.WaitingAudits(ctx)
	if err != nil {
		return err
	}
	limit := f.Settings.Limits.PerMinute
	for left := min(limit, 2*limit-waiting); left > 0; {
		took := 0
		err := f.DB.Write(ctx, func(tx *database.Tx) error {
			due, err := tx.Due(ctx, tx.Now(), min(left, batch))
			took = len(due)
			if err != nil {
				return err
			}
			return queue(ctx, f.client, tx, due)
		})
		if err != nil {
			return err
		}
		if took == 0 {
			break
		}
		left -= took
	}
	return nil
}

// event writes an event about an integration, and has its messages sent.
func (f *Fleet) event(ctx context.Context, tx *database.Tx, i database.Integration, e database.Event) error {
	e.Integration, e.Team = i.Name, i.Team
	channels := f.Notifier.Channels(e)
	if _, err := tx.AddEvent(ctx, e, channels); err != nil || len(channels) == 0 {
		return err
	}
	if _, err := f.client.InsertTx(ctx, tx.SQL, notifyArgs{}, nil); err != nil {
		return fmt.Errorf("queue messages: %w", err)
	}
	return nil
}

// retain removes what is no longer kept.
func (f *Fleet) retain(ctx context.Context) error {
	keep := database.Retention{Runs: f.Settings.Keep.Runs, Facts: f.Settings.Keep.Facts, Events: f.Settings.Keep.Events}
	for {
		var more bool
		err := f.DB.Write(ctx, func(tx *database.Tx) (err error) {
			more, err = tx.Retain(ctx, keep, batch)
			return err
		})
		if err != nil || !more {
			return err
		}
	}
}

// reloadJob reads the configurations for every job that has come until then. A source may take long, so that jobs come faster than they
// are done: those that find a reading under way wait outside of the queue, which others need, and are done with the next one.
func (f *Fleet) reloadJob(ctx context.Context, job *river.Job[reloadArgs]) error {
	if !f.reloading.TryLock() {
		return river.JobSnooze(f.Timing.Busy)
	}
	defer f.reloading.Unlock()
	if job.ID <= f.reloaded {
		return nil
	}
	newest, err := f.DB.NewestJob(ctx, job.Kind)
	if err != nil {
		return err
	}
	if err := f.reload(ctx); err != nil {
		return err
	}
	f.reloaded = newest
	return nil
}

// reload brings the integrations up to what their configurations say.
func (f *Fleet) reload(ctx context.Context) error {
	if err := f.notePolicies(ctx); err != nil {
		return err
	}
	found := f.reader.Read(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	known, err := f.DB.List(ctx, database.Filter{Removed: true})
	if err != nil {
		return err
	}
	byName := map[string]database.Integration{}
	for _, i := range known {
		byName[i.Name] = i
	}
	chosen, problems := choose(found, byName)
	for _, source := range f.Settings.Sources {
		if _, read := found[source.Name]; !read {
			problems = append(problems, database.SourceProblem{Source: source.Name, Problem: "The source cannot be read; its integrations stay as they are."})
		}
	}
	var changed []change
	for _, one := range chosen {
		i, exists := byName[one.Name]
		if c := (change{found: &one, was: i, exists: exists}); f.differs(c) {
			changed = append(changed, c)
		}
		delete(byName, one.Name)
	}
	for _, i := range byName {
		list, read := found[i.Source]
		read = read && !slices.ContainsFunc(list, func(one source.Found) bool { return one.Unread && one.Team == i.Team })
		configured := slices.ContainsFunc(f.Settings.Sources, func(s settings.Source) bool { return s.Name == i.Source })
		if i.RemovedAt.IsZero() && (read || !configured) {
			changed = append(changed, change{was: i, exists: true})
		}
	}
	slices.SortFunc(changed, func(a, b change) int { return cmp.Compare(a.name(), b.name()) })
	for part := range slices.Chunk(changed, batch) {
		if err := f.DB.Write(ctx, func(tx *database.Tx) error {
			for _, c := range part {
				if err := f.apply(ctx, tx, c); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return err
		}
	}
	if len(changed) > 0 { // what is new is not to wait for the next sweep
		if _, err := f.client.Insert(ctx, sweepArgs{}, nil); err != nil {
			return fmt.Errorf("queue a sweep: %w", err)
		}
	}
	return f.DB.Write(ctx, func(tx *database.Tx) error { return tx.SetSourceProblems(ctx, problems) })
}

// choose picks one configuration for each name. A name belongs to the team that had it first: another team that claims it would get its
// keys. Of several files of one team the one that had the name before counts. One whose name cannot be read has the name that it had.
func choose(found map[string][]source.Found, known map[string]database.Integration) (chosen []source.Found, problems []database.SourceProblem) {
	byName := map[string][]source.Found{}
	refuse := func(one source.Found, problem string) {
		problems = append(problems, database.SourceProblem{Source: one.Source, Path: one.Path, Problem: problem})
	}
	byPath := map[string]database.Integration{}
	for _, i := range known {
		if i.RemovedAt.IsZero() {
			byPath[i.Source+"\x00"+i.Path] = i
		}
	}
	for _, list := range found {
		for _, one := range list {
			if i, was := byPath[one.Source+"\x00"+one.Path]; was && one.Name == "" && one.Team == i.Team { // it is there, and wrong
				one.Name = i.Name
			}
			i, exists := known[one.Name]
			switch {
			case one.Name == "" || one.Team == "":
				refuse(one, one.Problem)
			case exists && i.Team != one.Team:
				refuse(one, "Its name belongs to another team. `prelaunch-server forget` frees a name, with its history.")
			default:
				byName[one.Name] = append(byName[one.Name], one)
			}
		}
	}
	for name, list := range byName {
		slices.SortFunc(list, func(a, b source.Found) int {
			holds := func(one source.Found) int {
				if i, exists := known[name]; exists && i.Source == one.Source && i.Path == one.Path {
					return 0
				}
				return 1
			}
			return cmp.Or(cmp.Compare(holds(a), holds(b)), cmp.Compare(a.Source, b.Source), cmp.Compare(a.Path, b.Path))
		})
		rest := slices.DeleteFunc(slices.Clone(list), func(one source.Found) bool {
			return one.Team == list[0].Team && one.Source == list[0].Source && one.Path == list[0].Path
		})
		if _, exists := known[name]; !exists && slices.ContainsFunc(rest, func(one source.Found) bool { return one.Team != list[0].Team }) {
			for _, one := range list {
				refuse(one, "Two teams claim its name. Neither is audited until one of them changes it.")
			}
			continue
		}
		for _, one := range rest {
			refuse(one, "Another configuration of the team has the same name.")
		}
		chosen = append(chosen, list[0])
	}
	slices.SortFunc(chosen, func(a, b source.Found) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(problems, func(a, b database.SourceProblem) int {
		return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Path, b.Path))
	})
	return chosen, problems
}

// change is an integration whose configuration came, changed or, where found is nil, went.
type change struct {
	found  *source.Found
	was    database.Integration
	exists bool
}

func (c change) name() string {
	if c.found != nil {
		return c.found.Name
	}
	return c.was.Name
}

// differs reports whether there is anything to write.
func (f *Fleet) differs(c change) bool {
	i, one := c.was, c.found
	return !c.exists || !i.RemovedAt.IsZero() || i.Source != one.Source || i.Path != one.Path || i.Problem != one.Problem ||
		one.Problem == "" && (i.ConfigDigest != one.Digest || i.ProfileDigest != one.Content || i.Schedule != f.Settings.Cron(one.Name, one.Team))
}

// apply writes one change.
func (f *Fleet) apply(ctx context.Context, tx *database.Tx, c change) error {
	now := tx.Now()
	i, err := tx.Integration(ctx, c.name())
	if err != nil && !errors.Is(err, database.ErrNotFound) {
		return err
	}
	isNew := err != nil
	one := c.found
	if one == nil {
		i.RemovedAt = now
		if err := tx.SetExpiries(ctx, i.Name, slices.Concat(database.OfConfiguration, database.OfReport, database.OfDecision), nil); err != nil {
			return err
		}
		return errors.Join(tx.PutIntegration(ctx, i), f.event(ctx, tx, i, database.Event{Kind: database.EventRemoved, Message: "Its configuration is gone"}))
	}
	if isNew {
		i = database.Integration{Name: one.Name, Status: database.Unknown, StatusSince: now}
	}
	hadProblem := i.Problem
	i.Team, i.Source, i.Path, i.Problem = one.Team, one.Source, one.Path, one.Problem
	if one.Problem == "" {
		reason := ""
		switch {
		case isNew || !i.RemovedAt.IsZero():
			reason = database.ReasonNew
		case i.ConfigDigest != one.Digest:
			reason = database.ReasonConfig
		case i.ProfileDigest != one.Content:
			reason = database.ReasonProfile
		}
		cron := f.Settings.Cron(one.Name, one.Team)
		next, err := schedule.Next(cron, one.Name, now)
		if err != nil {
			return err
		}
		if i.Schedule != cron && (i.NextDue.IsZero() || i.DueReason == "") {
			i.NextDue = next
		}
		if reason != "" {
			i.NextDue, i.DueReason = now, reason
		}
		i.Provider, i.ConfigDigest, i.ProfileDigest, i.Schedule = one.Provider, one.Digest, one.Content, cron
		list := make([]database.Expiry, len(one.Expiries))
		for n, e := range one.Expiries {
			list[n] = database.Expiry{Integration: one.Name, Kind: e.Kind, Subject: e.Subject, Person: e.Person, ExpiresAt: e.At}
		}
		if err := tx.SetExpiries(ctx, one.Name, database.OfConfiguration, list); err != nil {
			return err
		}
	}
	i.RemovedAt = time.Time{}
	if err := tx.PutIntegration(ctx, i); err != nil {
		return err
	}
	switch {
	case one.Problem != "" && hadProblem == "":
		first, _, _ := strings.Cut(one.Problem, "\n")
		return f.event(ctx, tx, i, database.Event{Kind: database.EventProblem, Message: "Its configuration cannot be used: " + first})
	case one.Problem == "" && hadProblem != "":
		return f.event(ctx, tx, i, database.Event{Kind: database.EventAudited, Message: "Its configuration can be used again"})
	}
	return nil
}

// policiesSetting is the setting with the digests of policies that audits were judged by, as JSON.
const policiesSetting = "policies"

const maxPolicies = 50

// notePolicies makes every integration due once the policies are new to the fleet. They are new once: while processes of two versions
// run side by side, neither audits everything again because of the other.
func (f *Fleet) notePolicies(ctx context.Context) error {
	return f.DB.Write(ctx, func(tx *database.Tx) error {
		text, err := tx.Setting(ctx, policiesSetting)
		if err != nil {
			return err
		}
		var known []string
		if text != "" {
			if err := json.Unmarshal([]byte(text), &known); err != nil {
				return fmt.Errorf("read the policies that are known: %w", err)
			}
		}
		digest := f.Library.Digest()
		if slices.Contains(known, digest) {
			return nil
		}
		if len(known) > 0 {
			if err := tx.AllDue(ctx, tx.Now(), database.ReasonPolicies); err != nil {
				return err
			}
		}
		known = append(known, digest)
		updated, err := json.Marshal(known[max(0, len(known)-maxPolicies):])
		if err != nil {
			return fmt.Errorf("write the policies that are known: %w", err)
		}
		return tx.SetSetting(ctx, policiesSetting, string(updated))
	})
}
