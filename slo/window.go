package slo

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/traceslo/traceslo/internal/config"
)

// A Window is a time that ends now: a rolling duration in whole minutes, or a
// calendar period in a time zone. It is written 30d, or as a section.
type Window struct {
	// Rolling is the length of a rolling window, 0 for a calendar period.
	Rolling time.Duration `yaml:"rolling"`
	// Calendar is week (from Monday), month, quarter or year.
	Calendar Calendar `yaml:"calendar"`
	// TimeZone is the IANA zone in which a calendar period begins. Default: UTC.
	TimeZone Zone `yaml:"time_zone"`
}

// A Calendar is a kind of calendar period.
type Calendar string

// The kinds of calendar periods.
const (
	Week    Calendar = "week"
	Month   Calendar = "month"
	Quarter Calendar = "quarter"
	Year    Calendar = "year"
)

const day = 24 * time.Hour

// nominal are the lengths in days that calendar periods are taken to have
// where one number has to stand for all of them, and longest the most days
// that one can have.
var (
	nominal = map[Calendar]int{Week: 7, Month: 30, Quarter: 90, Year: 365}
	longest = map[Calendar]int{Week: 7, Month: 31, Quarter: 92, Year: 366}
)

// errNoText says that a window has keys that a duration does not tell.
var errNoText = errors.New("a calendar period has no text of its own")

// String returns the length of a rolling window as FormatWindow writes it, or
// the name of the calendar period.
func (w Window) String() string {
	if w.Calendar != "" {
		return string(w.Calendar)
	}
	return FormatWindow(w.Rolling)
}

// MarshalText returns the length of a rolling window. A calendar period is no
// text but a section.
func (w Window) MarshalText() ([]byte, error) {
	if w.Calendar != "" {
		return nil, errNoText
	}
	return []byte(w.String()), nil
}

// UnmarshalText reads the length of a rolling window: whole minutes, at least
// one. The error tells the cure.
func (w *Window) UnmarshalText(text []byte) error {
	d, err := config.ParseDuration(string(text))
	switch {
	case digits(string(text)):
		return fmt.Errorf("%s has no unit; write for example 30d", text)
	case err != nil:
		return fmt.Errorf("%q is not a duration; write for example 30d, or {calendar: month, time_zone: Europe/Madrid}", text)
	}
	if problem, cure := wholeMinutes(d); problem != "" {
		return fmt.Errorf("%s; %s", problem, cure)
	}
	*w = Window{Rolling: d}
	return nil
}

// wholeMinutes returns what is wrong with d if it is not one or more whole minutes.
func wholeMinutes(d time.Duration) (problem, cure string) {
	switch {
	case d < time.Minute:
		return config.FormatDuration(d) + " is shorter than a minute", "write at least 1m"
	case d%time.Minute != 0:
		return config.FormatDuration(d) + " is not a whole number of minutes", "write " + FormatWindow(d.Truncate(time.Minute)+time.Minute)
	}
	return "", ""
}

// Length returns the length of a rolling window, and 7, 30, 90 or 365 days for a
// calendar period, however long the present one is.
func (w Window) Length() time.Duration {
	if w.Calendar != "" {
		return time.Duration(nominal[w.Calendar]) * day
	}
	return w.Rolling
}

// Start returns the beginning of the window that at lies in: Length before at
// if it is rolling, else the first instant of the calendar period.
func (w Window) Start(at time.Time) time.Time {
	if w.Calendar == "" {
		return at.Add(-w.Rolling)
	}
	start, _ := w.period(at)
	return start
}

// End returns the end of the window that at lies in: at itself if it is
// rolling, else the first instant of the next calendar period. It is no part of
// the window.
func (w Window) End(at time.Time) time.Time {
	if w.Calendar == "" {
		return at
	}
	_, end := w.period(at)
	return end
}

// period returns the calendar period that at lies in. It begins when the
// zone's clocks first show midnight of its first day, or, where that midnight
// is skipped, when they have been put forward past it.
func (w Window) period(at time.Time) (start, end time.Time) {
	local := at.In(w.TimeZone.Location())
	first := w.Calendar.first(local.Date())
	clock := w.TimeZone.clockFor(first.Unix())
	instant := func(wall time.Time) time.Time { return time.Unix(clock.reach(wall.Unix()), 0).In(local.Location()) }
	start, first = instant(first), w.Calendar.next(first)
	end = instant(first)
	// Clocks that are put back over midnight show the last day again although
	// the next period has begun.
	for !at.Before(end) {
		first = w.Calendar.next(first)
		start, end = end, instant(first)
	}
	return start, end
}

// first returns the first day of the period that a day lies in, as a wall time.
func (c Calendar) first(year int, month time.Month, dayOfMonth int) time.Time {
	date := func(month time.Month, dayOfMonth int) time.Time {
		return time.Date(year, month, dayOfMonth, 0, 0, 0, 0, time.UTC)
	}
	switch c {
	case Week:
		// ISO 8601: weeks begin on Monday.
		sinceMonday := (int(date(month, dayOfMonth).Weekday()) + 6) % 7
		return date(month, dayOfMonth-sinceMonday)
	case Quarter:
		return date((month-1)/3*3+1, 1)
	case Year:
		return date(time.January, 1)
	}
	return date(month, 1)
}

// next returns the first day of the period after the one that begins on first.
func (c Calendar) next(first time.Time) time.Time {
	switch c {
	case Week:
		return first.AddDate(0, 0, 7)
	case Quarter:
		return first.AddDate(0, 3, 0)
	case Year:
		return first.AddDate(1, 0, 0)
	}
	return first.AddDate(0, 1, 0)
}

// FormatWindow writes d as Prometheus writes durations, with the largest unit
// up to a day that divides it: 5m, 1h, 90m, 3d.
func FormatWindow(d time.Duration) string {
	for _, unit := range []struct {
		length time.Duration
		name   string
	}{{day, "d"}, {time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}} {
		if d%unit.length == 0 && d != 0 {
			return strconv.FormatInt(int64(d/unit.length), 10) + unit.name
		}
	}
	return strconv.FormatInt(d.Milliseconds(), 10) + "ms"
}
