package openslo

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/traceslo/traceslo/internal/config"
	"github.com/traceslo/traceslo/slo"
)

// A timeWindow is an item of spec.timeWindow.
type timeWindow struct {
	Duration  shorthand `yaml:"duration"`
	IsRolling bool      `yaml:"isRolling"`
	Calendar  *calendar `yaml:"calendar"`
}

type calendar struct {
	StartTime wallTime  `yaml:"startTime"`
	TimeZone  *slo.Zone `yaml:"timeZone"`
}

// A shorthand is OpenSLO's duration: a positive whole number and a unit. The
// zero shorthand is none.
type shorthand struct {
	count int64
	unit  byte
}

// UnmarshalText reads a duration-shorthand.
func (s *shorthand) UnmarshalText(text []byte) error {
	last := len(text) - 1
	if last >= 1 && text[0] >= '1' && text[0] <= '9' {
		count, err := strconv.ParseInt(string(text[:last]), 10, 64)
		switch text[last] {
		case 'm', 'h', 'd', 'w', 'M', 'Q', 'Y':
			if err == nil {
				*s = shorthand{count, text[last]}
				return nil
			}
		}
	}
	return fmt.Errorf("%s is not a duration of OpenSLO; write a whole number and one of m, h, d, w, M, Q and Y, as in 28d", quote(string(text)))
}

// String returns the shorthand as OpenSLO writes it.
func (s shorthand) String() string { return strconv.FormatInt(s.count, 10) + string(s.unit) }

// A wallTime is a date and a time of a clock that hangs in no particular zone.
type wallTime struct{ time.Time }

// UnmarshalText reads OpenSLO's format, which is that of time.DateTime.
func (w *wallTime) UnmarshalText(text []byte) error {
	t, err := time.Parse(time.DateTime, string(text))
	if err != nil {
		return fmt.Errorf("%s is not a date and time; write for example 2026-01-01 00:00:00", quote(string(text)))
	}
	w.Time = t
	return nil
}

// window returns the objective's window. The faults' paths begin with path.
func (w timeWindow) window(path string) (slo.Window, []config.Fault) {
	switch {
	case w.IsRolling && w.Calendar != nil:
		return slo.Window{}, []config.Fault{{Path: path, Problem: "is rolling and has a calendar", Cure: "keep one of the two"}}
	case w.IsRolling:
		return w.rolling(path)
	case w.Calendar != nil:
		return w.calendar(path)
	}
	return slo.Window{}, []config.Fault{{Path: path, Problem: "is neither rolling nor has it a calendar",
		Cure: "write isRolling: true, or calendar: {startTime: 2026-01-01 00:00:00, timeZone: Europe/Madrid}"}}
}

func (w timeWindow) rolling(path string) (slo.Window, []config.Fault) {
	var unit time.Duration
	path += ".duration"
	switch w.Duration.unit {
	case 0:
		return slo.Window{}, []config.Fault{{Path: path, Problem: "is missing", Cure: "write for example duration: 28d"}}
	case 'm':
		unit = time.Minute
	case 'h':
		unit = time.Hour
	case 'd':
		unit = 24 * time.Hour
	case 'w':
		unit = 7 * 24 * time.Hour
	default:
		return slo.Window{}, []config.Fault{{Path: path, Problem: fmt.Sprintf("%s has no fixed length, as a rolling window needs", w.Duration),
			Cure: "write it in m, h, d or w, such as 30d, or give the window a calendar"}}
	}
	if w.Duration.count > math.MaxInt64/int64(unit) {
		return slo.Window{}, []config.Fault{{Path: path, Problem: fmt.Sprintf("%s is too long", w.Duration), Cure: "write for example 28d"}}
	}
	return slo.Window{Rolling: time.Duration(w.Duration.count) * unit}, nil
}

// calendarOf returns the calendar whose periods are as long as s, "" if there
// is none, on which days one begins, and whether day is such a day.
func calendarOf(s shorthand, day time.Time) (kind slo.Calendar, begins string, first bool) {
	switch s {
	case shorthand{1, 'w'}:
		return slo.Week, "a Monday's date", day.Weekday() == time.Monday
	case shorthand{1, 'M'}:
		return slo.Month, "the first of a month", day.Day() == 1
	case shorthand{1, 'Q'}:
		return slo.Quarter, "the first of January, April, July or October", day.Day() == 1 && day.Month()%3 == 1
	case shorthand{1, 'Y'}:
		return slo.Year, "the first of January", day.YearDay() == 1
	}
	return "", "", false
}

func (w timeWindow) calendar(path string) (slo.Window, []config.Fault) {
	const lengths = "write 1w, 1M, 1Q or 1Y"
	var faults []config.Fault
	start := w.Calendar.StartTime.Time
	kind, begins, first := calendarOf(w.Duration, start)
	switch {
	case w.Duration == shorthand{}:
		faults = append(faults, config.Fault{Path: path + ".duration", Problem: "is missing", Cure: lengths})
	case kind == "":
		faults = append(faults, config.Fault{Path: path + ".duration", Problem: fmt.Sprintf("%s is no period that a calendar window has", w.Duration), Cure: lengths})
	}
	switch {
	case start.IsZero():
		faults = append(faults, config.Fault{Path: path + ".calendar.startTime", Problem: "is missing", Cure: "write for example startTime: 2026-01-01 00:00:00"})
	case kind != "" && (!first || !start.Equal(start.Truncate(24*time.Hour))):
		faults = append(faults, config.Fault{Path: path + ".calendar.startTime",
			Problem: fmt.Sprintf("%s is not the beginning of a calendar's %s, and no other is counted", start.Format(time.DateTime), kind),
			Cure:    "write " + begins + ", at 00:00:00"})
	}
	if w.Calendar.TimeZone == nil {
		faults = append(faults, config.Fault{Path: path + ".calendar.timeZone", Problem: "is missing", Cure: "write for example timeZone: Europe/Madrid"})
		return slo.Window{}, faults
	}
	return slo.Window{Calendar: kind, TimeZone: *w.Calendar.TimeZone}, faults
}
