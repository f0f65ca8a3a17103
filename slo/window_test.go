package slo_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/traceslo/traceslo/slo"
)

func TestWindowReadsDurations(t *testing.T) {
	for text, want := range map[string]slo.Window{
		"30d":   {Rolling: 30 * 24 * time.Hour},
		"4w":    {Rolling: 28 * 24 * time.Hour},
		"1m":    {Rolling: time.Minute},
		"1h30m": {Rolling: 90 * time.Minute},
		"120s":  {Rolling: 2 * time.Minute},
	} {
		var got slo.Window
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%s: got %v, %v; want %v", text, got, err, want)
		}
	}
}

func TestWindowRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"30":    `30 has no unit; write for example 30d`,
		"month": `"month" is not a duration; write for example 30d, or {calendar: month, time_zone: Europe/Madrid}`,
		"":      `"" is not a duration; write for example 30d, or {calendar: month, time_zone: Europe/Madrid}`,
		"30 d":  `"30 d" is not a duration; write for example 30d, or {calendar: month, time_zone: Europe/Madrid}`,
		"0":     `0 has no unit; write for example 30d`,
		"0d":    `0s is shorter than a minute; write at least 1m`,
		"-30d":  `-30d is shorter than a minute; write at least 1m`,
		"59s":   `59s is shorter than a minute; write at least 1m`,
		"90s":   `1m30s is not a whole number of minutes; write 2m`,
		"1.01h": `1h0m36s is not a whole number of minutes; write 61m`,
	} {
		var got slo.Window
		if err := got.UnmarshalText([]byte(text)); err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}

func TestFormatWindowIsAPrometheusDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		5 * time.Minute:        "5m",
		time.Hour:              "1h",
		90 * time.Minute:       "90m",
		6 * time.Hour:          "6h",
		24 * time.Hour:         "1d",
		36 * time.Hour:         "36h",
		72 * time.Hour:         "3d",
		30 * 24 * time.Hour:    "30d",
		90 * time.Second:       "90s",
		250 * time.Millisecond: "250ms",
		0:                      "0ms",
	} {
		if got := slo.FormatWindow(d); got != want {
			t.Errorf("%v: got %s, want %s", d, got, want)
		}
	}
}

func TestARollingWindowEndsNow(t *testing.T) {
	w := slo.Window{Rolling: 30 * 24 * time.Hour}
	at := time.Date(2026, 3, 30, 12, 0, 0, 5, time.UTC)
	if start, end := w.Start(at), w.End(at); !end.Equal(at) || at.Sub(start) != w.Length() {
		t.Errorf("got %v to %v", start, end)
	}
	if w.String() != "30d" {
		t.Errorf("got %s", w)
	}
}

func TestCalendarPeriods(t *testing.T) {
	tests := map[string]struct {
		calendar       slo.Calendar
		zone           string
		at, start, end string
	}{
		"a month of UTC": {slo.Month, "UTC", "2026-11-22T19:00:00Z", "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z"},
		"the first instant of a month belongs to it":      {slo.Month, "UTC", "2026-11-01T00:00:00Z", "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z"},
		"a month begins by the zone's clocks":             {slo.Month, "Europe/Madrid", "2026-10-31T22:59:59Z", "2026-09-30T22:00:00Z", "2026-10-31T23:00:00Z"},
		"a month with the spring change has an hour less": {slo.Month, "Europe/Madrid", "2026-03-15T00:00:00Z", "2026-02-28T23:00:00Z", "2026-03-31T22:00:00Z"},
		"a leap February":                                {slo.Month, "America/St_Johns", "2024-02-29T23:00:00Z", "2024-02-01T03:30:00Z", "2024-03-01T03:30:00Z"},
		"a week begins on Monday":                        {slo.Week, "UTC", "2026-11-22T23:59:59Z", "2026-11-16T00:00:00Z", "2026-11-23T00:00:00Z"},
		"a week lies in two years":                       {slo.Week, "UTC", "2027-01-01T12:00:00Z", "2026-12-28T00:00:00Z", "2027-01-04T00:00:00Z"},
		"a week in which the clocks change half an hour": {slo.Week, "Australia/Lord_Howe", "2026-04-05T12:00:00Z", "2026-03-29T13:00:00Z", "2026-04-05T13:30:00Z"},
		"a quarter":                                      {slo.Quarter, "Europe/Madrid", "2026-06-30T21:59:59Z", "2026-03-31T22:00:00Z", "2026-06-30T22:00:00Z"},
		"the last quarter":                               {slo.Quarter, "UTC", "2026-12-31T23:59:59Z", "2026-10-01T00:00:00Z", "2027-01-01T00:00:00Z"},
		"a leap year":                                    {slo.Year, "UTC", "2024-12-31T12:00:00Z", "2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z"},
		"a midnight that is skipped":                     {slo.Month, "America/Asuncion", "2017-10-15T00:00:00Z", "2017-10-01T04:00:00Z", "2017-11-01T03:00:00Z"},
		"the end at a midnight that is skipped":          {slo.Month, "America/Asuncion", "2017-10-01T03:59:59Z", "2017-09-01T04:00:00Z", "2017-10-01T04:00:00Z"},
		"the end of a leap year that only a rule tells":  {slo.Year, "Europe/Madrid", "2040-12-31T12:00:00Z", "2039-12-31T23:00:00Z", "2040-12-31T23:00:00Z"},
		"a midnight that comes twice":                    {slo.Month, "America/Havana", "2020-11-01T04:30:00Z", "2020-11-01T04:00:00Z", "2020-12-01T05:00:00Z"},
		"the second time of it, in the same month":       {slo.Month, "America/Havana", "2020-11-01T05:30:00Z", "2020-11-01T04:00:00Z", "2020-12-01T05:00:00Z"},
		// St. John's put its clocks back at 00:01, to 23:01 of the day before.
		"the last day again, when the month has begun": {slo.Month, "America/St_Johns", "2009-11-01T03:00:00Z", "2009-11-01T02:30:00Z", "2009-12-01T03:30:00Z"},
		"a month whose last day there never was":       {slo.Month, "Pacific/Apia", "2011-12-30T09:59:59Z", "2011-12-01T10:00:00Z", "2011-12-31T10:00:00Z"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := slo.Window{Calendar: test.calendar, TimeZone: zone(t, test.zone)}
			at := instant(t, test.at)
			if got := w.Start(at); !got.Equal(instant(t, test.start)) {
				t.Errorf("starts at %s, want %s", got.UTC().Format(time.RFC3339), test.start)
			}
			if got := w.End(at); !got.Equal(instant(t, test.end)) {
				t.Errorf("ends at %s, want %s", got.UTC().Format(time.RFC3339), test.end)
			}
			if w.String() != string(test.calendar) {
				t.Errorf("is written %s", w)
			}
		})
	}
}

func instant(t testing.TB, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// troubled are zones with everything that clocks have done: changes at and
// around midnight, of half an hour, of a whole day, by a new standard time.
var troubled = []string{
	"UTC", "Europe/Madrid", "America/St_Johns", "Australia/Lord_Howe", "America/Asuncion", "America/Sao_Paulo", "America/Havana",
	"America/Nuuk", "Asia/Beirut", "Asia/Gaza", "Asia/Tehran", "Asia/Pyongyang", "Africa/Cairo", "Africa/Casablanca", "Atlantic/Azores",
	"Pacific/Apia", "Pacific/Kwajalein", "Pacific/Kiritimati", "Antarctica/Troll", "America/Caracas", "Asia/Kathmandu", "Europe/Dublin",
}

// TestCalendarPeriodsTileTime holds that every instant lies in exactly one
// period, which begins when the zone's clocks first show its first midnight.
func TestCalendarPeriodsTileTime(t *testing.T) {
	random := rand.New(rand.NewPCG(4, 3))
	lengths := map[slo.Calendar][2]time.Duration{
		slo.Week: {6, 8}, slo.Month: {27, 32}, slo.Quarter: {89, 93}, slo.Year: {364, 367},
	}
	from := time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	for _, name := range troubled {
		z := zone(t, name)
		for calendar, length := range lengths {
			w := slo.Window{Calendar: calendar, TimeZone: z}
			for range 300 {
				at := time.Unix(from+random.Int64N(80*365*86400), random.Int64N(1e9))
				start, end := w.Start(at), w.End(at)
				if at.Before(start) || !at.Before(end) {
					t.Fatalf("%s, %s: %v is not between %v and %v", name, calendar, at, start, end)
				}
				if days := end.Sub(start) / (24 * time.Hour); days < length[0] || days > length[1] {
					t.Fatalf("%s: the %s of %v has %v", name, calendar, at, end.Sub(start))
				}
				for _, in := range []time.Time{start, end.Add(-1)} {
					if !w.Start(in).Equal(start) || !w.End(in).Equal(end) {
						t.Fatalf("%s, %s: %v lies in %v to %v, not in %v to %v", name, calendar, in, w.Start(in), w.End(in), start, end)
					}
				}
				if !w.Start(end).Equal(end) {
					t.Fatalf("%s, %s: the period of %v begins at %v", name, calendar, end, w.Start(end))
				}
				checkBoundary(t, calendar, end)
			}
		}
	}
}

// checkBoundary holds that at end a period begins: the clocks, which it is in
// the zone of, show a first midnight or have just skipped it, and have not
// shown it before.
func checkBoundary(t *testing.T, calendar slo.Calendar, end time.Time) {
	t.Helper()
	before := end.Add(-time.Second)
	first := time.Date(end.Year(), end.Month(), end.Day(), 0, 0, 0, 0, time.UTC)
	is := map[slo.Calendar]bool{
		slo.Week:    first.Weekday() == time.Monday,
		slo.Month:   first.Day() == 1,
		slo.Quarter: first.Day() == 1 && first.Month()%3 == 1,
		slo.Year:    first.YearDay() == 1,
	}[calendar]
	if !is {
		t.Fatalf("%s begins at %v", calendar, end)
	}
	if wall(end) != first.Unix() && wall(end)-wall(before) <= 1 {
		t.Fatalf("%s begins at %v, after its midnight", calendar, end)
	}
	for back := range 48 {
		if earlier := end.Add(-time.Duration(back)*time.Hour - time.Second); wall(earlier) >= first.Unix() {
			t.Fatalf("%s begins at %v, but at %v its first day had begun", calendar, end, earlier)
		}
	}
}

// wall returns what the clocks of at's zone show, read as if it were UTC.
func wall(at time.Time) int64 {
	_, offset := at.Zone()
	return at.Unix() + int64(offset)
}

func TestLengthOfACalendarPeriodIsNominal(t *testing.T) {
	for calendar, days := range map[slo.Calendar]int{slo.Week: 7, slo.Month: 30, slo.Quarter: 90, slo.Year: 365} {
		if got := (slo.Window{Calendar: calendar}).Length(); got != time.Duration(days)*24*time.Hour {
			t.Errorf("%s: got %v", calendar, got)
		}
	}
}
