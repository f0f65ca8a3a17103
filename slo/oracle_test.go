package slo_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/traceslo/traceslo/internal/state"
	"github.com/traceslo/traceslo/sli"
	"github.com/traceslo/traceslo/slo"
	"github.com/traceslo/traceslo/source"
)

// TestTheLedgerEqualsARecount holds the ledger against a recount that knows
// nothing but a list of events: random lateness, lost commits, crashes, times
// of silence, exclusions, and clocks that are put forward and back.
func TestTheLedgerEqualsARecount(t *testing.T) {
	for _, c := range []struct {
		name, zone string
		begin      time.Time
		calendar   slo.Calendar
	}{
		{"Madrid puts its clocks forward", "Europe/Madrid", time.Date(2026, 3, 27, 20, 0, 0, 0, time.UTC), slo.Week},
		{"Madrid puts its clocks back", "Europe/Madrid", time.Date(2026, 10, 23, 20, 0, 0, 0, time.UTC), slo.Week},
		{"St John's puts its clocks forward", "America/St_Johns", time.Date(2026, 3, 6, 22, 0, 0, 0, time.UTC), slo.Week},
		{"St John's puts its clocks back", "America/St_Johns", time.Date(2026, 10, 30, 22, 0, 0, 0, time.UTC), slo.Month},
		{"Lord Howe puts its clocks forward by half an hour", "Australia/Lord_Howe", time.Date(2026, 10, 2, 13, 0, 0, 0, time.UTC), slo.Week},
		{"Lord Howe puts its clocks back by half an hour", "Australia/Lord_Howe", time.Date(2026, 4, 3, 13, 0, 0, 0, time.UTC), slo.Week},
		{"a leap day", "Europe/Madrid", time.Date(2028, 2, 27, 20, 0, 0, 0, time.UTC), slo.Month},
		{"a year and a quarter begin", "UTC", time.Date(2026, 12, 30, 20, 0, 0, 0, time.UTC), slo.Quarter},
	} {
		for seed := range uint64(3) {
			t.Run(fmt.Sprintf("%s/%d", c.name, seed), func(t *testing.T) {
				var zone slo.Zone
				if err := zone.UnmarshalText([]byte(c.zone)); err != nil {
					t.Fatal(err)
				}
				r := newRecount(t, c.begin, slo.Window{Calendar: c.calendar, TimeZone: zone}, rand.New(rand.NewPCG(seed, 1)))
				for range 150 {
					r.step()
				}
				r.compare()
			})
		}
	}
}

// A recount holds a ledger and the plain list of what it was told.
type recount struct {
	*bench
	rnd        *rand.Rand
	begin, now time.Time
	zone       *time.Location
	calendar   slo.Calendar
	silence    int64
	// told are the events by measure and minute, alive the minutes with any span.
	told  [2]map[int64][2]uint64
	alive map[int64]bool
	// bad are all bad events that tell their trace, by measure.
	bad   [2][]sli.BadEvent
	clock int64
	// quiet is until when nobody sends anything.
	quiet time.Time
}

func newRecount(t *testing.T, begin time.Time, calendar slo.Window, rnd *rand.Rand) *recount {
	var nightly slo.Schedule
	if err := nightly.UnmarshalText([]byte("30 2 * * *")); err != nil {
		t.Fatal(err)
	}
	rolling := availability("rolling", slo.Window{Rolling: 36 * time.Hour})
	period := availability("period", calendar)
	for _, o := range []*slo.Objective{&rolling, &period} {
		o.Exclusions = []slo.Exclusion{
			{Schedule: nightly, Duration: 95 * time.Minute, TimeZone: calendar.TimeZone, Reason: "backup"},
			{From: begin.Add(11 * time.Hour), To: begin.Add(13*time.Hour + 90*time.Second), Reason: "move"},
		}
	}
	r := &recount{bench: newBench(t, rolling, period), rnd: rnd, begin: begin, now: begin, zone: calendar.TimeZone.Location(), calendar: calendar.Calendar,
		told: [2]map[int64][2]uint64{{}, {}}, alive: map[int64]bool{}}
	if r.silence = 0; rnd.IntN(2) == 0 {
		r.silence = 20
	}
	r.options.Silence = time.Duration(r.silence) * time.Minute
	r.load(begin, true)
	return r
}

var errDisk = errors.New("no room")

func (r *recount) step() {
	rnd := r.rnd
	r.now = r.now.Add(time.Duration(rnd.IntN(90*60)) * time.Second)
	if rnd.IntN(20) == 0 {
		r.quiet = r.now.Add(time.Duration(rnd.IntN(600)) * time.Minute)
	}
	j := &judged{}
	if r.now.After(r.quiet) {
		for range rnd.IntN(60) {
			late := time.Duration(rnd.ExpFloat64() * float64(time.Hour))
			events := 1 + rnd.Uint64N(20)
			at := r.now.Add(-late)
			if at.Before(r.begin) {
				continue
			}
			j.event(rnd.IntN(2), "", at, events, rnd.Uint64N(events+1))
			if rnd.IntN(3) == 0 {
				j.badEvent(rnd.IntN(2), "", at, byte(rnd.IntN(60)), rnd.Uint64N(9))
			}
		}
	}
	step := source.Step{Now: r.now, Watermark: r.now, Since: r.begin}
	if rnd.IntN(4) == 0 {
		step.Watermark = time.Time{} // not read to the end
	}
	if rnd.IntN(5) == 0 {
		step.Save = func(*state.Tx) error { return errDisk }
		if err := r.try(step, j); !errors.Is(err, errDisk) {
			r.t.Fatal(err)
		}
		if rnd.IntN(2) == 0 {
			return // discarded
		}
		step.Save = nil
	}
	if err := r.try(step, j); err != nil {
		r.t.Fatal(err)
	}
	for _, n := range j.minutes {
		if n.Measure == sli.Platform {
			r.alive[n.Minute] = true
			continue
		}
		c := r.told[n.Measure][n.Minute]
		r.told[n.Measure][n.Minute] = [2]uint64{c[0] + n.Events, c[1] + n.Bad}
	}
	for _, e := range j.bad {
		r.bad[e.Measure] = append(r.bad[e.Measure], e)
	}
	if !step.Watermark.IsZero() {
		r.moveClock()
	}
	if rnd.IntN(8) == 0 {
		r.load(r.now, false)
	}
	if rnd.IntN(10) == 0 {
		r.compare()
	}
}

func (r *recount) moveClock() {
	clock := r.now.Unix() / 60
	if r.silence > 0 {
		for m := clock; ; m-- {
			if m < r.begin.Unix()/60 {
				return
			}
			if r.alive[m] {
				clock = min(clock, m+1)
				break
			}
		}
	}
	r.clock = max(r.clock, clock)
}

// period names the calendar period of a minute by what a clock on the wall shows.
func (r *recount) period(m int64) string {
	at := time.Unix(m*60, 0).In(r.zone)
	switch r.calendar {
	case slo.Week:
		year, week := at.ISOWeek()
		return fmt.Sprint(year, week)
	case slo.Quarter:
		return fmt.Sprint(at.Year(), (at.Month()-1)/3)
	}
	return fmt.Sprint(at.Year(), at.Month())
}

// excluded returns the minutes that do not count, by looking at every minute.
func (r *recount) excluded(from, to int64) map[int64]bool {
	out := map[int64]bool{}
	done := map[string]bool{} // the days whose 02:30 has come
	for m := from - 3*1440; m <= to; m++ {
		at := time.Unix(m*60, 0).In(r.zone)
		if day := at.Format(time.DateOnly); !done[day] && at.Hour()*60+at.Minute() >= 150 {
			done[day] = true
			for i := range int64(95) {
				out[m+i] = true
			}
		}
		if begin := r.begin.Unix()/60 + 11*60; m >= begin && m < begin+2*60+2 {
			out[m] = true
		}
	}
	return out
}

func (r *recount) compare() {
	r.t.Helper()
	if r.clock == 0 {
		return
	}
	for measure, name := range []string{"rolling", "period"} {
		if diff := cmp.Diff(latest(r.bad[measure]), r.badTraces(name, "api-gateway")); diff != "" {
			r.t.Fatalf("bad traces of %s (-want +got):\n%s", name, diff)
		}
		windows := map[string]int64{"36h": 36 * 60}
		if name == "period" {
			windows = map[string]int64{"1h": 60, "3d": 3 * 1440, string(r.calendar): 0}
			if r.calendar == slo.Month {
				windows["5m"] = 5
			}
		}
		for label, length := range windows {
			first := r.clock - length
			if length == 0 {
				for first = r.clock; r.period(first-1) == r.period(r.clock); first-- {
				}
			}
			key := fmt.Sprintf("{api-gateway %s %s}", name, label)
			if _, shown := r.gauges()["window_events"+key]; !shown {
				continue
			}
			excluded := r.excluded(first, r.clock)
			var events, bad, elapsed, measured uint64
			for m := first; m <= r.clock; m++ {
				if excluded[m] {
					continue
				}
				elapsed++
				if r.measured(m) {
					measured++
				}
				events += r.told[measure][m][0]
				bad += r.told[measure][m][1]
			}
			r.want("window_events"+key, float64(events))
			r.want("window_bad_events"+key, float64(bad))
			if label != "36h" && length != 0 {
				continue
			}
			own := fmt.Sprintf("{api-gateway %s}", name)
			if events > 0 {
				r.want("error_budget_remaining_ratio"+own, 1-float64(bad)/(float64(events)*0.01))
			}
			if elapsed > 0 {
				r.want("coverage_ratio"+own, float64(measured)/float64(elapsed))
			}
		}
	}
}

// measured tells whether somebody sent something not long before or after a minute.
func (r *recount) measured(m int64) bool {
	begin := (r.begin.Unix() + 59) / 60
	if m < begin {
		return false
	}
	if r.silence == 0 || r.alive[m] {
		return true
	}
	first, last := m, m
	for first > begin && !r.alive[first-1] {
		first--
	}
	for last < r.clock && !r.alive[last+1] {
		last++
	}
	return last-first+1 < r.silence
}
