package audit

import (
	"fmt"
	"time"
)

// Date is a calendar day in UTC, written 2026-11-01. The zero Date is unset and is written as "".
type Date struct{ day time.Time }

// NewDate is the day on which t falls in UTC.
func NewDate(t time.Time) Date {
	y, m, d := t.UTC().Date()
	return Date{time.Date(y, m, d, 0, 0, 0, 0, time.UTC)}
}

// ParseDate reads YYYY-MM-DD.
func ParseDate(text string) (Date, error) {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return Date{}, fmt.Errorf("%q is not a date like 2026-11-01", text)
	}
	return Date{t}, nil
}

// IsZero reports whether the date is unset.
func (d Date) IsZero() bool { return d.day.IsZero() }

// AddDays is the date that many days later.
func (d Date) AddDays(days int) Date { return Date{d.day.AddDate(0, 0, days)} }

// Before reports whether d is an earlier day than other.
func (d Date) Before(other Date) bool { return d.day.Before(other.day) }

// String is YYYY-MM-DD, or "" when unset.
func (d Date) String() string {
	if d.IsZero() {
		return ""
	}
	return d.day.Format(time.DateOnly)
}

// Time is the beginning of the day in UTC.
func (d Date) Time() time.Time { return d.day }

// MarshalText is String.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads YYYY-MM-DD or "".
func (d *Date) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*d = Date{}
		return nil
	}
	parsed, err := ParseDate(string(text))
	if err != nil {
		return err
	}
	*d = parsed
	return nil
}
