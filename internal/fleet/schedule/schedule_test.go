package schedule_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/fleet/schedule"
)

func at(text string) time.Time {
	t, err := time.Parse("2006-01-02 15:04", text)
	if err != nil {
		panic(err)
	}
	return t
}

func TestDueTimesAreSpreadAndStable(t *testing.T) {
	t.Parallel()
	begin, end := at("2026-11-02 05:00"), at("2026-11-02 07:24") // a tenth of a day
	quarters := [4]int{}
	for n := range 1000 {
		name := fmt.Sprint("acme-", n)
		due, err := schedule.Next("0 5 * * *", name, at("2026-11-01 12:00"))
		if err != nil || due.Before(begin) || !due.Before(end) {
			t.Fatalf("%s is due at %v: %v", name, due, err)
		}
		quarters[int(due.Sub(begin)*4/end.Sub(begin))]++
		for _, after := range []time.Time{at("2026-11-01 23:00"), due.Add(-time.Nanosecond)} { // a restart changes nothing
			if again, err := schedule.Next("0 5 * * *", name, after); err != nil || !again.Equal(due) {
				t.Errorf("%s is due at %v, and %v seen from %v: %v", name, due, again, after, err)
			}
		}
		if next, err := schedule.Next("0 5 * * *", name, due); err != nil || next.Sub(due) != 24*time.Hour {
			t.Errorf("%s is due again after %v: %v", name, next.Sub(due), err)
		}
	}
	for _, n := range quarters {
		if n < 200 || n > 300 {
			t.Errorf("due times are not spread evenly: %v", quarters)
		}
	}
}

func TestSchedules(t *testing.T) {
	t.Parallel()
	for spec, valid := range map[string]bool{
		"0 5 * * *": true, "*/15 * * * *": true, "0 5 1 * *": true, "@daily": true, "0 5 * * 1": true,
		"": false, "daily": false, "0 5 1 1 *": false, "0 0 30 2 *": false, "61 5 * * *": false,
	} {
		if err := schedule.Check(spec); (err == nil) != valid {
			t.Errorf("%q: %v", spec, err)
		}
	}
	if _, err := schedule.Next("never", "acme", at("2026-11-01 00:00")); err == nil {
		t.Error("a schedule that cannot be read has a next time")
	}
}

func TestBackoff(t *testing.T) {
	t.Parallel()
	for failures, want := range map[int]time.Duration{0: 0, 1: 0, 2: 15 * time.Minute, 3: 30 * time.Minute, 8: 16 * time.Hour, 9: 24 * time.Hour, 100: 24 * time.Hour} {
		if got := schedule.Backoff(failures); got != want {
			t.Errorf("after %d failures: %v, expected %v", failures, got, want)
		}
	}
}

func TestQuietHours(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ from, to, zone, now, until string }{
		{"22:00", "06:00", "UTC", "2026-11-01 21:59", ""},
		{"22:00", "06:00", "UTC", "2026-11-01 22:00", "2026-11-02 06:00"},
		{"22:00", "06:00", "UTC", "2026-11-02 05:59", "2026-11-02 06:00"},
		{"22:00", "06:00", "UTC", "2026-11-02 06:00", ""},
		{"09:00", "17:30", "UTC", "2026-11-02 12:00", "2026-11-02 17:30"},
		{"09:00", "17:30", "UTC", "2026-11-02 18:00", ""},
		{"22:00", "06:00", "America/New_York", "2026-11-02 02:00", ""},
		{"22:00", "06:00", "America/New_York", "2026-11-02 04:00", "2026-11-02 11:00"},
	} {
		quiet, err := schedule.NewQuiet(test.from, test.to, test.zone)
		if err != nil {
			t.Fatal(err)
		}
		until, in := quiet.Until(at(test.now))
		if in != (test.until != "") || in && !until.Equal(at(test.until)) {
			t.Errorf("%v: quiet until %v (%v)", test, until, in)
		}
	}
	if _, in := (schedule.Quiet{}).Until(time.Now()); in {
		t.Error("without quiet hours it is quiet")
	}
	for _, wrong := range [][3]string{{"22:00", "22:00", "UTC"}, {"22", "23:00", "UTC"}, {"22:00", "23:00", "Nowhere"}} {
		if _, err := schedule.NewQuiet(wrong[0], wrong[1], wrong[2]); err == nil {
			t.Errorf("%v is accepted", wrong)
		}
	}
}
