// Package schedule says when an integration is audited next. Times follow from the schedule and the integration's name alone, never from
// when the last audit happened to run, so that a fleet does not bunch up after it was stopped.
package schedule

import (
	"errors"
	"fmt"
	"hash/fnv"
	"time"
	_ "time/tzdata" // a small image has no time zones

	"github.com/netresearch/go-cron"
)

// MaxInterval bounds the time between two audits by schedule.
const MaxInterval = 31 * 24 * time.Hour

// share is which part of the interval the audits of a schedule are spread over.
const share = 10

func parse(spec string) (cron.Schedule, error) {
	parsed, err := cron.ParseStandard(spec)
	if err != nil {
		return nil, fmt.Errorf("read the schedule %.50q: %w", spec, err)
	}
	return parsed, nil
}

// Check reports what is wrong with a schedule of cron.
func Check(spec string) error {
	parsed, err := parse(spec)
	if err != nil {
		return err
	}
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for range 24 {
		next := parsed.Next(at)
		if next.IsZero() || next.Sub(at) > MaxInterval+24*time.Hour {
			return errors.New("it leaves more than a month between two audits")
		}
		at = next
	}
	return nil
}

// Next is the first time after a time at which an integration is audited by a schedule: up to a tenth of the interval later than the
// schedule says, always the same for the same name.
func Next(spec, name string, after time.Time) (time.Time, error) {
	parsed, err := parse(spec)
	if err != nil {
		return time.Time{}, err
	}
	// One that is delayed may belong to a time of the schedule before after.
	for at := parsed.Next(after.UTC().Add(-MaxInterval / share)); !at.IsZero(); {
		following := parsed.Next(at)
		if due := at.Add(Spread(name, following.Sub(at)/share)); due.After(after) {
			return due, nil
		}
		at = following
	}
	return time.Time{}, fmt.Errorf("the schedule %.50q never comes", spec)
}

// Spread is a part of a time that depends on the name alone.
func Spread(name string, within time.Duration) time.Duration {
	if within <= 0 {
		return 0
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(name)) // it never fails
	x := h.Sum64()               // names that differ in their last letter only are far apart after this
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	return time.Duration(x % uint64(within))
}

// Backoff is how long a target is left alone that was down in so many audits in a row: not at all after one, then a quarter of an hour,
// twice as long after each further one, a day at most.
func Backoff(failures int) time.Duration {
	if failures < 2 {
		return 0
	}
	const first, most = 15 * time.Minute, 24 * time.Hour
	if failures-2 > 7 {
		return most
	}
	return min(first<<(failures-2), most)
}

// Quiet are the hours in which no audit begins by schedule. The zero Quiet is none.
type Quiet struct {
	from, to time.Duration // since midnight
	zone     *time.Location
}

// NewQuiet reads two times of day, such as 22:00 and 06:00, and a time zone.
func NewQuiet(from, to, zone string) (Quiet, error) {
	location, err := time.LoadLocation(zone)
	if err != nil {
		return Quiet{}, fmt.Errorf("the time zone: %w", err)
	}
	var times [2]time.Duration
	for i, text := range []string{from, to} {
		at, err := time.Parse("15:04", text)
		if err != nil {
			return Quiet{}, errors.New("a time of day is written like 22:00")
		}
		times[i] = time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute
	}
	if times[0] == times[1] {
		return Quiet{}, errors.New("it begins when it ends")
	}
	return Quiet{times[0], times[1], location}, nil
}

// Until is the end of the quiet hours that a time is in; false where it is in none.
func (q Quiet) Until(t time.Time) (time.Time, bool) {
	if q.zone == nil {
		return time.Time{}, false
	}
	local := t.In(q.zone)
	day := func(days int, at time.Duration) time.Time {
		return time.Date(local.Year(), local.Month(), local.Day()+days, int(at/time.Hour), int(at%time.Hour/time.Minute), 0, 0, q.zone)
	}
	for _, days := range []int{-1, 0} {
		begin, end := day(days, q.from), day(days, q.to)
		if q.to < q.from {
			end = day(days+1, q.to)
		}
		if !local.Before(begin) && local.Before(end) {
			return end.UTC(), true
		}
	}
	return time.Time{}, false
}
