package report_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/traceslo/traceslo/sli"
	"github.com/traceslo/traceslo/slo"
	"github.com/traceslo/traceslo/slo/report"
)

// TestIncidentsEqualARecount holds incidents of random traffic, tiers, floors
// and exclusions against a look at every window of every minute.
func TestIncidentsEqualARecount(t *testing.T) {
	found := 0
	for seed := range uint64(40) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		since := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
		o := objective("random", 900_000_000, slo.Window{Rolling: 24 * time.Hour})
		minute := func(n int) time.Duration { return time.Duration(n) * time.Minute }
		for _, severity := range []string{slo.PageSeverity, slo.TicketSeverity} {
			short := 1 + rnd.IntN(20)
			o.Alerting.Tiers = append(o.Alerting.Tiers, slo.Tier{Severity: severity, Short: minute(short), Long: minute(short + 1 + rnd.IntN(200)), BurnRate: slo.Factor(500 + rnd.IntN(8000))})
		}
		o.Alerting.MinEvents, o.Alerting.MinFailures = 1+rnd.IntN(40), 1+rnd.IntN(8)
		out := since.Add(minute(300 + rnd.IntN(600)))
		o.Exclusions = []slo.Exclusion{{From: out, To: out.Add(minute(rnd.IntN(100)))}}
		w := newWorld(t, since, o)
		worse := 0.0
		for m := range 2 * 1440 {
			switch rnd.IntN(120) {
			case 0:
				worse = rnd.Float64()
			case 1, 2, 3:
				worse = 0
			}
			if rnd.IntN(4) == 0 {
				continue
			}
			if seed%2 == 0 && m > 2*1440-90 {
				worse = 0.9 // it burns when what is known ends
			}
			n := 1 + rnd.Uint64N(5)
			bad := uint64(0)
			for range n {
				if rnd.Float64() < worse*worse+0.02 {
					bad++
				}
			}
			w.event(0, "", since.Add(minute(m)), n, bad, sli.Culprit{Service: "s", Operation: "o"})
		}
		now := since.Add(2*24*time.Hour - time.Minute)
		w.save(now)
		from := since.Add(minute(rnd.IntN(2500)))
		to := from.Add(minute(60 + rnd.IntN(1200)))
		r := w.build(now.Add(time.Hour), from.Format("2006-01-02T15:04")+".."+to.Format("2006-01-02T15:04"), slo.Zone{})
		var got []string
		for _, i := range r.Objectives[0].Incidents {
			line := fmt.Sprint(i.From.Unix()/60, i.To.Unix()/60, i.Before, i.Runs, i.Bad)
			for _, tier := range i.Tiers {
				line += fmt.Sprintf(" %s %s %d", tier.Severity, tier.Long, tier.Minutes)
			}
			got = append(got, line)
		}
		want := w.burnt(o, from, to, now)
		if diff := gocmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("seed %d: -recount +report\n%s", seed, diff)
		}
		found += len(got)
	}
	if found < 40 {
		t.Errorf("there were but %d incidents", found)
	}
}

// burnt looks at each window of each minute of the first objective anew.
func (w *world) burnt(o slo.Objective, from, to, now time.Time) (lines []string) {
	count := func(first, last int64) (events, bad uint64) {
		for m := first; m <= last; m++ {
			if at := time.Unix(m*60, 0); at.Before(o.Exclusions[0].From) || !at.Before(o.Exclusions[0].To) {
				events += w.told[key(0, "")][m].Events
				bad += w.told[key(0, "")][m].Bad
			}
		}
		return events, bad
	}
	exceeded := func(t slo.Tier, m int64) bool {
		events, bad := count(m-int64(t.Long/time.Minute), m)
		enough := events >= uint64(o.Alerting.MinEvents) && bad >= uint64(o.Alerting.MinFailures)
		shortEvents, shortBad := count(m-int64(t.Short/time.Minute), m)
		rate := func(events, bad uint64) float64 {
			if events == 0 {
				return 0
			}
			return float64(bad) / (float64(events) * 0.1)
		}
		return enough && rate(events, bad) > t.BurnRate.Float() && rate(shortEvents, shortBad) > t.BurnRate.Float()
	}
	end := min(to.Unix()/60, now.Unix()/60+1)
	begin := int64(-1)
	counts := make([]int, len(o.Alerting.Tiers))
	burning := func(m int64) (burns bool) {
		for _, t := range o.Alerting.Tiers {
			burns = burns || exceeded(t, m)
		}
		return burns
	}
	for m := from.Unix() / 60; m <= end; m++ {
		burns := m < end && burning(m)
		if burns && begin < 0 {
			begin = m
		}
		if burns {
			for i, t := range o.Alerting.Tiers {
				if exceeded(t, m) {
					counts[i]++
				}
			}
		}
		if !burns && begin >= 0 {
			_, bad := count(begin, m-1)
			line := fmt.Sprint(begin, m, begin == from.Unix()/60 && burning(begin-1), m == end, bad)
			for i, t := range o.Alerting.Tiers {
				if counts[i] > 0 {
					line += fmt.Sprintf(" %s %s %d", t.Severity, slo.FormatWindow(t.Long), counts[i])
				}
			}
			lines = append(lines, line)
			begin = -1
			clear(counts)
		}
	}
	return lines
}

// TestAnIncidentMayBeginBefore has a window that burns before the period by
// what ended in its first minute alone.
func TestAnIncidentMayBeginBefore(t *testing.T) {
	since := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	o := objective("a", 900_000_000, slo.Window{Rolling: 24 * time.Hour})
	o.Alerting.Tiers = []slo.Tier{{Severity: slo.PageSeverity, Long: 10 * time.Minute, Short: 5 * time.Minute, BurnRate: 1000}}
	o.Alerting.MinEvents, o.Alerting.MinFailures = 1, 2
	w := newWorld(t, since, o)
	from := since.Add(time.Hour)
	for m := range 90 {
		w.pulse(since.Add(time.Duration(m) * time.Minute))
	}
	for _, m := range []int{-11, -2, 0} {
		w.event(0, "", from.Add(time.Duration(m)*time.Minute), 1, 1, sli.Culprit{})
	}
	w.save(since.Add(90 * time.Minute))
	for period, want := range map[string]bool{"2026-03-02T01:00..2026-03-02T01:20": true, "2026-03-02T00:58..2026-03-02T01:20": false} {
		all := w.build(since.Add(2*time.Hour), period, slo.Zone{}).Objectives[0].Incidents
		if len(all) != 1 || all[0].Before != want {
			t.Errorf("%s: got %+v", period, all)
		}
	}
}

// TestCulpritsOfACrowdedDayAreLowerBounds has more culprits on a day than the
// ledger tells apart.
func TestCulpritsOfACrowdedDayAreLowerBounds(t *testing.T) {
	since := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	w := newWorld(t, since, objective("a", 900_000_000, thirtyDays))
	bad := uint64(0)
	for m := range 10 {
		for i := range 40 {
			n := uint64(1 + 60/(i+1))
			bad += n
			w.event(0, "", since.Add(time.Duration(m)*time.Minute), 2*n, n, sli.Culprit{Service: "s", Operation: fmt.Sprint("operation ", i*(m+1))})
		}
		w.save(since.Add(time.Duration(m+1) * time.Minute))
	}
	r := w.build(since.Add(48*time.Hour), "2026-03-02", slo.Zone{})
	c := r.Objectives[0].Culprits
	sum := c.Rest
	for _, top := range c.Top {
		sum += top.Bad
		if !top.AtLeast {
			t.Errorf("%s is not said to be a lower bound", top.Operation)
		}
	}
	if sum != bad || c.Bad != bad || len(c.Top) != 10 {
		t.Errorf("%d culprits have %d of %d bad events, want %d", len(c.Top), sum, c.Bad, bad)
	}
	if text := string(written(t, r, report.Markdown)); !strings.Contains(text, "| at least 610 |") {
		t.Errorf("it is not said:\n%s", text)
	}
}

// TestDaysAndHoursAreThoseOfTheClocks holds the worst stretches, and all minutes
// of the coverage, where clocks are put forward and back, and on a leap day.
func TestDaysAndHoursAreThoseOfTheClocks(t *testing.T) {
	for _, test := range []struct {
		zone, period string
		bad          string // when something is bad
		minutes      int
		day, hour    string
	}{
		{"Europe/Madrid", "2026-10", "2026-10-25T00:30:00Z", 31*1440 + 60, "2026-10-25T00:00:00+02:00 1500", "2026-10-25T02:00:00+02:00 60"},
		{"Europe/Madrid", "2026-10", "2026-10-25T01:30:00Z", 31*1440 + 60, "2026-10-25T00:00:00+02:00 1500", "2026-10-25T02:00:00+01:00 60"},
		{"Europe/Madrid", "2026-03", "2026-03-29T01:10:00Z", 31*1440 - 60, "2026-03-29T00:00:00+01:00 1380", "2026-03-29T03:00:00+02:00 60"},
		{"America/St_Johns", "2026-11", "2026-11-01T05:00:00Z", 30*1440 + 60, "2026-11-01T00:00:00-02:30 1500", "2026-11-01T01:00:00-03:30 60"},
		{"America/St_Johns", "2026-03", "2026-03-08T05:45:00Z", 31*1440 - 60, "2026-03-08T00:00:00-03:30 1380", "2026-03-08T03:00:00-02:30 60"},
		{"Australia/Lord_Howe", "2026-04", "2026-04-04T15:10:00Z", 30*1440 + 30, "2026-04-05T00:00:00+11:00 1470", "2026-04-05T01:30:00+10:30 30"},
		// Put forward by half an hour, at half past eleven.
		{"Asia/Pyongyang", "2018-05", "2018-05-04T15:10:00Z", 31*1440 - 30, "2018-05-05T00:00:00+09:00 1440", "2018-05-05T00:00:00+09:00 60"},
		{"Africa/Cairo", "2026-04-24", "2026-04-23T22:10:00Z", 1380, "2026-04-24T01:00:00+03:00 1380", "2026-04-24T01:00:00+03:00 60"},
		{"UTC", "2024-02", "2024-02-29T23:59:00Z", 29 * 1440, "2024-02-29T00:00:00Z 1440", "2024-02-29T23:00:00Z 60"},
		{"Asia/Kathmandu", "2024-02-29", "2024-02-28T18:20:00Z", 1440, "2024-02-29T00:00:00+05:45 1440", "2024-02-29T00:00:00+05:45 60"},
	} {
		bad, err := time.Parse(time.RFC3339, test.bad)
		if err != nil {
			t.Fatal(err)
		}
		w := newWorld(t, bad.Add(-24*time.Hour), objective("a", 990_000_000, thirtyDays))
		w.event(0, "", bad, 10, 4, sli.Culprit{Service: "s"})
		w.save(bad.Add(time.Minute))
		o := w.build(bad.Add(60*24*time.Hour), test.period, zone(t, test.zone)).Objectives[0]
		c := o.Coverage
		if got := c.Measured + c.Idle + c.Unmeasured + c.Excluded + c.ToCome; got != test.minutes {
			t.Errorf("%s of %s has %d minutes, want %d", test.period, test.zone, got, test.minutes)
		}
		text := func(all []report.Stretch) string {
			if len(all) != 1 {
				return fmt.Sprint(all)
			}
			return fmt.Sprint(all[0].From.Format(time.RFC3339), " ", int(all[0].To.Sub(all[0].From)/time.Minute))
		}
		if text(o.WorstDays) != test.day || text(o.WorstHours) != test.hour || o.WorstDays[0].Bad != 4 {
			t.Errorf("%s of %s: the worst are %s and %s, want %s and %s", test.period, test.zone, text(o.WorstDays), text(o.WorstHours), test.day, test.hour)
		}
	}
}

// TestAnIncidentOutlivesTheEventsOfThePeriod looks at a quarter of an hour in
// which nothing ended, after an outage that long windows still hold.
func TestAnIncidentOutlivesTheEventsOfThePeriod(t *testing.T) {
	since := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	w := newWorld(t, since, objective("a", 990_000_000, thirtyDays))
	for m := range 120 {
		at := since.Add(time.Duration(m) * time.Minute)
		if m < 100 {
			w.event(0, "", at, 10, 10, sli.Culprit{Service: "s"})
		}
		w.pulse(at)
	}
	w.save(since.Add(119 * time.Minute))
	r := w.build(since.Add(120*time.Minute), "15m", slo.Zone{})
	o := r.Objectives[0]
	if len(o.Incidents) != 1 || !o.Incidents[0].Before || !o.Incidents[0].Runs || o.Incidents[0].Share != 0 || o.Verdict.State != report.NoData {
		t.Fatalf("without events, the verdict is %s and incidents are %+v", o.Verdict.State, o.Incidents)
	}
	for _, f := range report.Formats() {
		text := string(written(t, r, f))
		if told := strings.Contains(text, "above 1 over 3d and 6h"); told != (f == report.HTML || f == report.Markdown) && f != report.JSON {
			t.Errorf("%s tells of the incident: %t\n%s", f, told, text)
		}
	}
}
