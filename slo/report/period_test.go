package report_test

import (
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/traceslo/traceslo/sli"
	"github.com/traceslo/traceslo/slo"
	"github.com/traceslo/traceslo/slo/report"
)

func zone(t testing.TB, name string) slo.Zone {
	t.Helper()
	var z slo.Zone
	if err := z.UnmarshalText([]byte(name)); err != nil {
		t.Fatal(err)
	}
	return z
}

// friday is when the tests ask.
var friday = time.Date(2026, time.November, 27, 21, 44, 30, 0, time.UTC)

func TestPeriods(t *testing.T) {
	for _, test := range []struct{ zone, text, name, from, to, before string }{
		{"UTC", "2026-10", "2026-10", "2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z", "2026-09 2026-09-01T00:00:00Z"},
		{"UTC", "last-month", "2026-10", "2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z", "2026-09 2026-09-01T00:00:00Z"},
		{"UTC", "this-month", "2026-11", "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z", "2026-10 2026-10-01T00:00:00Z"},
		{"UTC", "last-week", "2026-W47", "2026-11-16T00:00:00Z", "2026-11-23T00:00:00Z", "2026-W46 2026-11-09T00:00:00Z"},
		{"UTC", "this-week", "2026-W48", "2026-11-23T00:00:00Z", "2026-11-30T00:00:00Z", "2026-W47 2026-11-16T00:00:00Z"},
		{"UTC", "2026-W44", "2026-W44", "2026-10-26T00:00:00Z", "2026-11-02T00:00:00Z", "2026-W43 2026-10-19T00:00:00Z"},
		{"UTC", "2020-w53", "2020-W53", "2020-12-28T00:00:00Z", "2021-01-04T00:00:00Z", "2020-W52 2020-12-21T00:00:00Z"},
		{"UTC", "2026-W01", "2026-W01", "2025-12-29T00:00:00Z", "2026-01-05T00:00:00Z", "2025-W52 2025-12-22T00:00:00Z"},
		{"UTC", "2026-Q3", "2026-Q3", "2026-07-01T00:00:00Z", "2026-10-01T00:00:00Z", "2026-Q2 2026-04-01T00:00:00Z"},
		{"UTC", "last-quarter", "2026-Q3", "2026-07-01T00:00:00Z", "2026-10-01T00:00:00Z", "2026-Q2 2026-04-01T00:00:00Z"},
		{"UTC", "this-year", "2026", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z", "2025 2025-01-01T00:00:00Z"},
		{"UTC", "2024", "2024", "2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z", "2023 2023-01-01T00:00:00Z"},
		{"UTC", "2024-02", "2024-02", "2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z", "2024-01 2024-01-01T00:00:00Z"},
		{"UTC", "2024-02-29", "2024-02-29", "2024-02-29T00:00:00Z", "2024-03-01T00:00:00Z", "2024-02-28 2024-02-28T00:00:00Z"},
		{"UTC", "today", "2026-11-27", "2026-11-27T00:00:00Z", "2026-11-28T00:00:00Z", "2026-11-26 2026-11-26T00:00:00Z"},
		{"UTC", "30d", "30d", "2026-10-28T21:44:00Z", "2026-11-27T21:44:00Z", "the 30d before 2026-09-28T21:44:00Z"},
		{"UTC", " 90m ", "90m", "2026-11-27T20:14:00Z", "2026-11-27T21:44:00Z", "the 90m before 2026-11-27T18:44:00Z"},
		{"UTC", "2026-10-01..2026-10-31", "2026-10-01..2026-10-31", "2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z", "2026-08-31..2026-09-30 2026-08-31T00:00:00Z"},
		{"UTC", "2026-10-01T08:00..2026-10-01T12:30", "2026-10-01T08:00..2026-10-01T12:30", "2026-10-01T08:00:00Z", "2026-10-01T12:30:00Z", "the 270m before 2026-10-01T03:30:00Z"},
		{"UTC", "2026-10-01..2026-10-02T12:30", "2026-10-01..2026-10-02T12:30", "2026-10-01T00:00:00Z", "2026-10-02T12:30:00Z", "the 2190m before 2026-09-29T11:30:00Z"},
		// Clocks are put back on 25 October and forward on 29 March.
		{"Europe/Madrid", "2026-10", "2026-10", "2026-10-01T00:00:00+02:00", "2026-11-01T00:00:00+01:00", "2026-09 2026-09-01T00:00:00+02:00"},
		{"Europe/Madrid", "2026-03", "2026-03", "2026-03-01T00:00:00+01:00", "2026-04-01T00:00:00+02:00", "2026-02 2026-02-01T00:00:00+01:00"},
		{"Europe/Madrid", "2026-10-25", "2026-10-25", "2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00", "2026-10-24 2026-10-24T00:00:00+02:00"},
		{"Europe/Madrid", "2026-10-25T02:30..2026-10-25T03:30", "2026-10-25T02:30..2026-10-25T03:30", "2026-10-25T02:30:00+02:00", "2026-10-25T03:30:00+01:00", "the 2h before 2026-10-25T00:30:00+02:00"},
		{"Europe/Madrid", "2026-10-25T00:30:00Z..2026-10-25T02:00:00+01:00", "2026-10-25T00:30:00Z..2026-10-25T02:00:00+01:00", "2026-10-25T02:30:00+02:00", "2026-10-25T02:00:00+01:00", "the 30m before 2026-10-25T02:00:00+02:00"},
		// Half an hour off the whole ones, put back on 1 November.
		{"America/St_Johns", "2026-11", "2026-11", "2026-11-01T00:00:00-02:30", "2026-12-01T00:00:00-03:30", "2026-10 2026-10-01T00:00:00-02:30"},
		{"America/St_Johns", "yesterday", "2026-11-26", "2026-11-26T00:00:00-03:30", "2026-11-27T00:00:00-03:30", "2026-11-25 2026-11-25T00:00:00-03:30"},
		// A month whose first day has no midnight (1 May 2026 has; 24 April 2026 has not).
		{"Africa/Cairo", "2026-04-24", "2026-04-24", "2026-04-24T01:00:00+03:00", "2026-04-25T00:00:00+03:00", "2026-04-23 2026-04-23T00:00:00+02:00"},
		{"Pacific/Kiritimati", "today", "2026-11-28", "2026-11-28T00:00:00+14:00", "2026-11-29T00:00:00+14:00", "2026-11-27 2026-11-27T00:00:00+14:00"},
	} {
		p, err := report.ParsePeriod(test.text, zone(t, test.zone), friday)
		if err != nil {
			t.Errorf("%s in %s: %v", test.text, test.zone, err)
			continue
		}
		if p.Name != test.name || p.From.Format(time.RFC3339) != test.from || p.To.Format(time.RFC3339) != test.to {
			t.Errorf("%s in %s: got %s from %s to %s, want %s from %s to %s", test.text, test.zone, p.Name, p.From.Format(time.RFC3339), p.To.Format(time.RFC3339), test.name, test.from, test.to)
		}
		before := p.Previous()
		if got := before.Name + " " + before.From.Format(time.RFC3339); got != test.before || !before.To.Equal(p.From) {
			t.Errorf("%s in %s: before it is %s up to %s, want %s up to %s", test.text, test.zone, got, before.To, test.before, p.From)
		}
	}
}

func TestPeriodsThatAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		"":                                     "not understood",
		"next-week":                            "not understood",
		"last-fortnight":                       "not understood",
		"2026-13":                              "a year has months 01 to 12",
		"2026-Q5":                              "a year has quarters Q1 to Q4",
		"2026-W54":                             "the year 2026 has no week 54",
		"2025-W53":                             "the year 2025 has no week 53",
		"2026-02-30":                           "not understood",
		"30":                                   "not understood",
		"30s":                                  "not a length in whole minutes",
		"0d":                                   "not a length in whole minutes",
		"-1d":                                  "not understood",
		"2026-10-01..":                         "one of its ends is missing",
		"2026-10-01..soon":                     `"soon" is no day or time`,
		"2026-10-01T08:00:30..2026-10-02":      `"2026-10-01T08:00:30" is not a whole minute`,
		"2026-10-02..2026-10-01":               "it ends before it begins",
		"2026-10-02T08:00..2026-10-02T08:00":   "it ends before it begins",
		"2026-12":                              "has not begun yet; it begins at 2026-12-01T00:00:00Z",
		"2020-01-01..2026-01-01":               "is longer than 800d",
		"1969":                                 "is before 1970",
		"99999999999999999999d":                "not a length in whole minutes",
		"2026-10-01..2026-10-02..2026-10-03":   "is no day or time",
		"\u202e2026-10":                        "not understood",
		strings.Repeat("9", 5000) + "-01":      "not understood",
		"2026-10-01T08:00Z..2026-10-01T09:00Z": "is no day or time",
	} {
		_, err := report.ParsePeriod(text, slo.Zone{}, friday)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: got %v, want %q", text, err, want)
		}
		if err != nil && strings.Contains(want, "understood") && !strings.Contains(err.Error(), "2026-W44") {
			t.Errorf("%.40q: the error does not tell the forms: %v", text, err)
		}
	}
}

func FuzzParsePeriod(f *testing.F) {
	for _, text := range []string{"last-week", "2026-Q3", "30d", "2026-10-01..2026-10-31", "2026-10-01T08:00..2026-10-01T09:00+01:00", "2020-W53"} {
		f.Add(text, "Europe/Madrid")
	}
	f.Fuzz(func(t *testing.T, text, name string) {
		var z slo.Zone
		if z.UnmarshalText([]byte(name)) != nil {
			return
		}
		p, err := report.ParsePeriod(text, z, friday)
		if err != nil {
			return
		}
		before := p.Previous()
		if !p.From.Before(p.To) || !before.From.Before(before.To) || !before.To.Equal(p.From) || p.From.Unix()%60 != 0 || p.To.Unix()%60 != 0 {
			t.Errorf("%q in %s is from %s to %s, after %s to %s", text, name, p.From, p.To, before.From, before.To)
		}
	})
}

// TestTheFirstPeriodsOfAllHaveReports has periods before which there was no time.
func TestTheFirstPeriodsOfAllHaveReports(t *testing.T) {
	w := newWorld(t, autumn.Add(-time.Hour), objective("a", 990_000_000, thirtyDays))
	w.event(0, "", autumn.Add(-time.Minute), 10, 1, sli.Culprit{Service: "s"})
	w.save(autumn)
	for _, period := range []string{"1970-01", "1970-01-01", "1970-Q1", "1970-W02", "1970", "1970-01-01T00:00..1970-01-01T00:01"} {
		o := w.build(autumn, period, slo.Zone{}).Objectives[0]
		if o.Verdict.State != report.NoData || *o.Coverage.Ratio != 0 || o.BeforeUnmeasured == 0 {
			t.Errorf("%s: %s, %+v, and %d unmeasured minutes before", period, o.Verdict.State, o.Coverage, o.BeforeUnmeasured)
		}
	}
}
