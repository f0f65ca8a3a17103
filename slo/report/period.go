package report

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/traceslo/traceslo/internal/config"
	"github.com/traceslo/traceslo/slo"
)

// A Period is the time that a report is about: from From, which is in it, to
// To, which is not. Both are whole minutes.
type Period struct {
	// Name says which it is, as in 2026-10, 2026-W44, 30d.
	Name string    `json:"name"`
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// Zone is where days begin.
	Zone slo.Zone `json:"time_zone"`
	// calendar is the kind of a calendar period, days how many whole days another
	// one has; with neither, what counts is its length.
	calendar slo.Calendar
	days     int
}

// Forms are the ways to write a period.
const Forms = "today, yesterday, this-week, last-week, this-month, last-month, this-quarter, last-quarter, this-year, last-year, " +
	"a year (2026), quarter (2026-Q3), month (2026-10), week (2026-W44) or day (2026-10-05), the time up to now (30d, 12h), " +
	"or from..to (2026-10-01..2026-10-15, of which the last day is in it, or 2026-10-01T08:00..2026-10-01T12:30)"

// longestPeriod bounds what a report reads.
const longestPeriod = 800 * 24 * time.Hour

// ParsePeriod reads a period, of which Forms tells the forms, as the clocks of
// zone show it when it is now. The error tells what there is to write.
func ParsePeriod(text string, zone slo.Zone, now time.Time) (Period, error) {
	p, err := parsePeriod(strings.TrimSpace(text), zone, now.Truncate(time.Minute))
	switch {
	case err != nil:
		return Period{}, fmt.Errorf("period %q: %w; write one of: %s", text, err, Forms)
	case !p.From.Before(p.To):
		return Period{}, fmt.Errorf("period %q: it ends before it begins", text)
	case p.From.After(now):
		return Period{}, fmt.Errorf("period %q has not begun yet; it begins at %s", text, p.From.Format(time.RFC3339))
	case p.To.Sub(p.From) > longestPeriod:
		return Period{}, fmt.Errorf("period %q is longer than %s; write a shorter one", text, config.FormatDuration(longestPeriod))
	case p.From.Unix() < 0:
		return Period{}, fmt.Errorf("period %q is before 1970, when there were no spans", text)
	}
	return p, nil
}

// errForm says that nothing can be made of a text.
var errForm = errors.New("not understood")

var (
	yearForm    = regexp.MustCompile(`^([0-9]{4})$`)
	quarterForm = regexp.MustCompile(`^([0-9]{4})-[Qq]([0-9])$`)
	monthForm   = regexp.MustCompile(`^([0-9]{4})-([0-9]{2})$`)
	weekForm    = regexp.MustCompile(`^([0-9]{4})-[Ww]([0-9]{2})$`)
	lengthForm  = regexp.MustCompile(`^[0-9][0-9a-z]*[a-z]$`)
)

func parsePeriod(text string, zone slo.Zone, now time.Time) (Period, error) {
	if from, to, ok := strings.Cut(text, ".."); ok {
		return parseRange(text, from, to, zone)
	}
	if when, unit, ok := strings.Cut(text, "-"); ok && (when == "this" || when == "last") {
		kind := slo.Calendar(unit)
		switch kind {
		case slo.Week, slo.Month, slo.Quarter, slo.Year:
			p := calendarPeriod(kind, zone, now)
			if when == "last" {
				p = p.Previous()
			}
			return p, nil
		}
		return Period{}, errForm
	}
	switch text {
	case "today":
		return days(zone, now.In(zone.Location()), 1), nil
	case "yesterday":
		return days(zone, now.In(zone.Location()), 1).Previous(), nil
	}
	if m := yearForm.FindStringSubmatch(text); m != nil {
		return calendarPeriod(slo.Year, zone, wall(zone, m[1], 1, 1)), nil
	}
	if m := quarterForm.FindStringSubmatch(text); m != nil {
		quarter := number(m[2])
		if quarter < 1 || quarter > 4 {
			return Period{}, errors.New("a year has quarters Q1 to Q4")
		}
		return calendarPeriod(slo.Quarter, zone, wall(zone, m[1], time.Month(quarter*3-2), 1)), nil
	}
	if m := monthForm.FindStringSubmatch(text); m != nil {
		month := number(m[2])
		if month < 1 || month > 12 {
			return Period{}, errors.New("a year has months 01 to 12")
		}
		return calendarPeriod(slo.Month, zone, wall(zone, m[1], time.Month(month), 1)), nil
	}
	if m := weekForm.FindStringSubmatch(text); m != nil {
		// The fourth of January lies in the first week.
		p := calendarPeriod(slo.Week, zone, wall(zone, m[1], time.January, 4+7*(number(m[2])-1)))
		if !strings.EqualFold(p.Name, text) {
			return Period{}, fmt.Errorf("the year %s has no week %s", m[1], m[2])
		}
		return p, nil
	}
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return days(zone, day, 1), nil
	}
	if lengthForm.MatchString(text) {
		length, err := config.ParseDuration(text)
		if err != nil || length < time.Minute || length%time.Minute != 0 {
			return Period{}, errors.New("not a length in whole minutes")
		}
		now = now.In(zone.Location())
		return Period{Name: text, From: now.Add(-length), To: now, Zone: zone}, nil
	}
	return Period{}, errForm
}

// number returns the value of a few digits.
func number(digits string) int {
	n, _ := strconv.Atoi(digits)
	return n
}

// wall returns the noon of a day in the zone.
func wall(zone slo.Zone, year string, month time.Month, day int) time.Time {
	return zone.Reach(time.Date(number(year), month, day, 12, 0, 0, 0, time.UTC))
}

// calendarPeriod returns the period of a kind that at lies in.
func calendarPeriod(kind slo.Calendar, zone slo.Zone, at time.Time) Period {
	w := slo.Window{Calendar: kind, TimeZone: zone}
	p := Period{From: w.Start(at).In(zone.Location()), To: w.End(at).In(zone.Location()), Zone: zone, calendar: kind}
	switch kind {
	case slo.Week:
		year, week := p.From.Add(12 * time.Hour).ISOWeek()
		p.Name = fmt.Sprintf("%04d-W%02d", year, week)
	case slo.Month:
		p.Name = p.From.Format("2006-01")
	case slo.Quarter:
		p.Name = fmt.Sprintf("%04d-Q%d", p.From.Year(), (p.From.Month()+2)/3)
	default:
		p.Name = p.From.Format("2006")
	}
	return p
}

// days returns n whole days from the one that a time, by its own clock, is on.
func days(zone slo.Zone, first time.Time, n int) Period {
	year, month, day := first.Date()
	date := func(n int) time.Time { return time.Date(year, month, day+n, 0, 0, 0, 0, time.UTC) }
	p := Period{Name: date(0).Format(time.DateOnly), From: zone.Reach(date(0)), To: zone.Reach(date(n)), Zone: zone, days: n}
	if n > 1 {
		p.Name += ".." + date(n-1).Format(time.DateOnly)
	}
	return p
}

// parseRange reads two days, times, or one of each.
func parseRange(text, from, to string, zone slo.Zone) (Period, error) {
	first, whole, err := parseInstant(from, zone)
	if err != nil {
		return Period{}, err
	}
	last, wholeEnd, err := parseInstant(to, zone)
	if err != nil {
		return Period{}, err
	}
	if whole && wholeEnd {
		return days(zone, first, int(last.Sub(first)/(24*time.Hour))+1), nil
	}
	if whole {
		first = zone.Reach(first)
	}
	if wholeEnd {
		last = zone.Reach(last.AddDate(0, 0, 1))
	}
	return Period{Name: text, From: first.In(zone.Location()), To: last.In(zone.Location()), Zone: zone}, nil
}

// parseInstant reads a day, as midnight of UTC, or a time: one that the zone's
// clocks show, or one with an offset.
func parseInstant(text string, zone slo.Zone) (at time.Time, day bool, err error) {
	if at, err := time.Parse(time.DateOnly, text); err == nil {
		return at, true, nil
	}
	for _, layout := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05"} {
		if at, err = time.Parse(layout, text); err == nil {
			at = zone.Reach(at)
			break
		}
	}
	if err != nil {
		at, err = time.Parse(time.RFC3339, text)
	}
	switch {
	case text == "":
		return at, false, errors.New("one of its ends is missing")
	case err != nil:
		return at, false, fmt.Errorf("%q is no day or time", text)
	case at.Second() != 0 || at.Nanosecond() != 0:
		return at, false, fmt.Errorf("%q is not a whole minute", text)
	}
	return at, false, nil
}

// Previous returns the period of the same kind, or else of the same length,
// that ends where p begins.
func (p Period) Previous() Period {
	switch {
	case p.calendar != "":
		return calendarPeriod(p.calendar, p.Zone, p.From.Add(-time.Minute))
	case p.days > 0:
		return days(p.Zone, p.From.In(p.Zone.Location()).AddDate(0, 0, -p.days), p.days)
	}
	length := p.To.Sub(p.From)
	return Period{Name: "the " + slo.FormatWindow(length) + " before", From: p.From.Add(-length), To: p.From, Zone: p.Zone}
}

// Runs tells whether the period has not ended when it is now.
func (p Period) Runs(now time.Time) bool { return now.Before(p.To) }
