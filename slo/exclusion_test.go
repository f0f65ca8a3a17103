package slo_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/robfig/cron/v3"

	"github.com/traceslo/traceslo/slo"
)

func TestAnExclusionWhoseClocksChange(t *testing.T) {
	tests := map[string]struct {
		zone, schedule string
		duration       time.Duration
		day            string
		want           []string
	}{
		// 2026-03-29: 02:00 becomes 03:00. 2026-10-25: 03:00 becomes 02:00.
		"an ordinary day": {"Europe/Madrid", "30 2 * * *", time.Hour, "2026-03-28T00:00:00+01:00", []string{"2026-03-28T02:30:00+01:00", "2026-03-28T03:30:00+01:00"}},
		"a time that is skipped comes after the gap":    {"Europe/Madrid", "30 2 * * *", time.Hour, "2026-03-29T00:00:00+01:00", []string{"2026-03-29T03:00:00+02:00", "2026-03-29T04:00:00+02:00"}},
		"all that is skipped comes at once":             {"Europe/Madrid", "*/20 2 * * *", 10 * time.Minute, "2026-03-29T00:00:00+01:00", []string{"2026-03-29T03:00:00+02:00", "2026-03-29T03:10:00+02:00"}},
		"a duration is true over a gap":                 {"Europe/Madrid", "0 1 * * *", 2 * time.Hour, "2026-03-29T00:00:00+01:00", []string{"2026-03-29T01:00:00+01:00", "2026-03-29T04:00:00+02:00"}},
		"a time that comes twice counts the first time": {"Europe/Madrid", "30 2 * * *", 30 * time.Minute, "2026-10-25T00:00:00+02:00", []string{"2026-10-25T02:30:00+02:00", "2026-10-25T02:00:00+01:00"}},
		"a duration is true when the clocks go back":    {"Europe/Madrid", "30 1 * * *", 2 * time.Hour, "2026-10-25T00:00:00+02:00", []string{"2026-10-25T01:30:00+02:00", "2026-10-25T02:30:00+01:00"}},
		"half an hour that is skipped":                  {"Australia/Lord_Howe", "15 2 * * *", time.Hour, "2026-10-04T00:00:00+10:30", []string{"2026-10-04T02:30:00+11:00", "2026-10-04T03:30:00+11:00"}},
		"half an hour that comes twice":                 {"Australia/Lord_Howe", "45 1 * * *", 15 * time.Minute, "2026-04-05T00:00:00+11:00", []string{"2026-04-05T01:45:00+11:00", "2026-04-05T01:30:00+10:30"}},
		"a gap right after midnight":                    {"America/St_Johns", "30 0 * * *", time.Hour, "2010-03-13T12:00:00-03:30", []string{"2010-03-14T01:01:00-02:30", "2010-03-14T02:01:00-02:30"}},
		"an evening that comes again after midnight":    {"America/St_Johns", "30 23 * * SAT", 20 * time.Minute, "2010-11-06T00:00:00-02:30", []string{"2010-11-06T23:30:00-02:30", "2010-11-06T23:50:00-02:30"}},
		"a midnight that is skipped":                    {"America/Asuncion", "0 0 * * *", time.Hour, "2017-09-30T12:00:00-04:00", []string{"2017-10-01T01:00:00-03:00", "2017-10-01T02:00:00-03:00"}},
		"a day that there never was comes on the next":  {"Pacific/Apia", "0 12 30 12 *", time.Hour, "2011-12-29T10:00:00-10:00", []string{"2011-12-31T00:00:00+14:00", "2011-12-31T01:00:00+14:00"}},
		"the leap day": {"America/St_Johns", "0 12 29 2 *", time.Hour, "2024-02-29T00:00:00-03:30", []string{"2024-02-29T12:00:00-03:30", "2024-02-29T13:00:00-03:30"}},
		"no leap day":  {"America/St_Johns", "0 12 29 2 *", time.Hour, "2025-03-01T00:00:00-03:30", nil},
		"what began before and what ends after, both cut":     {"UTC", "0 23 * * *", 2 * time.Hour, "2026-11-22T00:00:00Z", []string{"2026-11-22T00:00:00Z", "2026-11-22T01:00:00Z", "2026-11-22T23:00:00Z", "2026-11-23T00:00:00Z"}},
		"what overlaps is one":                                {"UTC", "0 6,7,8,11 * * *", 90 * time.Minute, "2026-11-22T00:00:00Z", []string{"2026-11-22T06:00:00Z", "2026-11-22T09:30:00Z", "2026-11-22T11:00:00Z", "2026-11-22T12:30:00Z"}},
		"what touches is one":                                 {"UTC", "0 6,7 * * *", time.Hour, "2026-11-22T00:00:00Z", []string{"2026-11-22T06:00:00Z", "2026-11-22T08:00:00Z"}},
		"what began a week before":                            {"UTC", "0 12 * * SUN", 7 * 24 * time.Hour, "2026-11-21T00:00:00Z", []string{"2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z"}},
		"a zone far ahead of UTC has its own day of the week": {"Pacific/Kiritimati", "0 1 * * MON", time.Hour, "2026-11-22T00:00:00Z", []string{"2026-11-22T11:00:00Z", "2026-11-22T12:00:00Z"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			x := slo.Exclusion{Schedule: schedule(t, test.schedule), Duration: test.duration, TimeZone: zone(t, test.zone)}
			from := instant(t, test.day)
			var want []slo.Interval
			for pair := range slices.Chunk(test.want, 2) {
				want = append(want, slo.Interval{From: instant(t, pair[0]), To: instant(t, pair[1])})
			}
			if diff := cmp.Diff(want, x.Between(from, from.Add(24*time.Hour))); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestAnExclusionIsOfWholeMinutes(t *testing.T) {
	x := slo.Exclusion{From: instant(t, "2026-11-22T10:00:59.5Z"), To: instant(t, "2026-11-22T12:30:00.1+01:00")}
	want := []slo.Interval{{From: instant(t, "2026-11-22T10:00:00Z"), To: instant(t, "2026-11-22T11:31:00Z")}}
	day := instant(t, "2026-11-22T00:00:00Z")
	if diff := cmp.Diff(want, x.Between(day, day.Add(24*time.Hour))); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	want = []slo.Interval{{From: instant(t, "2026-11-22T10:30:00Z"), To: instant(t, "2026-11-22T10:32:00Z")}}
	if diff := cmp.Diff(want, x.Between(instant(t, "2026-11-22T10:30:30Z"), instant(t, "2026-11-22T10:31:01Z"))); diff != "" {
		t.Errorf("what is asked for, -want +got\n%s", diff)
	}
	for text, want := range map[string]bool{
		"2026-11-22T09:59:59Z":   false,
		"2026-11-22T10:00:00Z":   true,
		"2026-11-22T11:30:59.9Z": true,
		"2026-11-22T11:31:00Z":   false,
	} {
		if got := x.Covers(instant(t, text)); got != want {
			t.Errorf("%s: got %v", text, got)
		}
	}
}

func TestExcludedIsTheUnion(t *testing.T) {
	xs := []slo.Exclusion{
		{Schedule: schedule(t, "0 6 * * *"), Duration: time.Hour},
		{From: instant(t, "2026-11-22T06:30:00Z"), To: instant(t, "2026-11-22T08:00:00Z")},
		{From: instant(t, "2026-11-22T03:00:01Z"), To: instant(t, "2026-11-22T03:00:01Z")},
		{From: instant(t, "2026-11-21T03:00:00Z"), To: instant(t, "2026-11-22T01:00:00Z")},
		{},
	}
	day := instant(t, "2026-11-22T00:00:00Z")
	want := []slo.Interval{
		{From: day, To: day.Add(time.Hour)},
		{From: day.Add(6 * time.Hour), To: day.Add(8 * time.Hour)},
	}
	if diff := cmp.Diff(want, slo.Excluded(xs, day, day.Add(24*time.Hour))); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	for _, to := range []time.Time{day.Add(-time.Hour), day.Add(6*time.Hour + time.Second)} {
		if got := slo.Excluded(xs, day.Add(6*time.Hour+time.Second), to); len(got) > 0 {
			t.Errorf("of no time, %v", got)
		}
	}
}

// TestExclusionsAgainstEveryMinute compares with a recount that looks at the
// zone's clock once a minute for two years.
func TestExclusionsAgainstEveryMinute(t *testing.T) {
	random := rand.New(rand.NewPCG(4, 4))
	for _, place := range []struct {
		zone string
		year int
	}{
		{"Europe/Madrid", 2023}, {"America/St_Johns", 2010}, {"America/St_Johns", 2024}, {"Australia/Lord_Howe", 2023}, {"America/Asuncion", 2016}, {"Pacific/Apia", 2011},
	} {
		z := zone(t, place.zone)
		from := time.Date(place.year, 6, 1, 0, 0, 0, 0, time.UTC)
		clock := watch(z, from.Add(-9*24*time.Hour), from.AddDate(2, 0, 0))
		for _, c := range []struct {
			schedule string
			duration time.Duration
		}{
			{"30 2 * * *", time.Hour}, {"*/10 0-3 * * SUN", 7 * time.Minute}, {"1 0,23 * * *", time.Minute}, {"0 22 29 2 *", 30 * time.Hour}, {"15 2 1-14 3,4,10,11 SUN", 7 * 24 * time.Hour}, {"*/25 2-3 * * *", 20 * time.Minute},
		} {
			x := slo.Exclusion{Schedule: schedule(t, c.schedule), Duration: c.duration, TimeZone: z}
			want := clock.recount(t, c.schedule, c.duration)
			check := func(a, b time.Time) {
				t.Helper()
				first, last := clock.minute(a), clock.minute(b)
				got := make([]bool, last-first)
				intervals := x.Between(a, b)
				for i, in := range intervals {
					if !in.From.Before(in.To) || in.From.Before(a) || in.To.After(b) || i > 0 && !in.From.After(intervals[i-1].To) {
						t.Fatalf("%s, %s: %v is in %v", place.zone, c.schedule, in, intervals)
					}
					for m := clock.minute(in.From); m < clock.minute(in.To); m++ {
						got[m-first] = true
					}
				}
				for m, is := range got {
					if is != want[first+m] {
						t.Fatalf("%s, %s for %v, asked from %v to %v: %v is excluded: %v", place.zone, c.schedule, c.duration, a, b, clock.time(first+m).In(z.Location()), is)
					}
				}
			}
			last := clock.time(len(want))
			check(from, last)
			for range 50 {
				a := from.Add(time.Duration(random.IntN(700*1440)) * time.Minute)
				check(a, a.Add(time.Duration(1+random.IntN(20*1440))*time.Minute))
				if got := x.Covers(a.Add(time.Duration(random.IntN(60)) * time.Second)); got != want[clock.minute(a)] {
					t.Fatalf("%s, %s: covers %v: %v", place.zone, c.schedule, a, got)
				}
			}
		}
	}
}

// A diary is what a zone's clock showed at each minute from its beginning.
type diary struct {
	from  time.Time
	shown []int64
}

// watch writes down what the clock shows.
func watch(z slo.Zone, from, to time.Time) diary {
	d := diary{from: from}
	for at := from; at.Before(to); at = at.Add(time.Minute) {
		d.shown = append(d.shown, wall(at.In(z.Location())))
	}
	return d
}

func (d diary) time(minute int) time.Time { return d.from.Add(time.Duration(minute) * time.Minute) }
func (d diary) minute(at time.Time) int   { return int(at.Sub(d.from) / time.Minute) }

// recount returns for each minute whether it is excluded: the schedule comes
// whenever the clock shows, or has passed, one of its times for the first time.
func (d diary) recount(t *testing.T, schedule string, duration time.Duration) []bool {
	t.Helper()
	spec, err := cron.ParseStandard("CRON_TZ=UTC " + schedule)
	if err != nil {
		t.Fatal(err)
	}
	excluded := make([]bool, len(d.shown))
	next := spec.Next(time.Unix(d.shown[0], 0).UTC())
	for minute, shown := range d.shown {
		for !next.IsZero() && next.Unix() <= shown {
			for m := minute; m < min(minute+int(duration/time.Minute), len(excluded)); m++ {
				excluded[m] = true
			}
			next = spec.Next(next)
		}
	}
	return excluded
}

func BenchmarkBetween(b *testing.B) {
	from := instant(b, "2025-11-01T00:00:00Z")
	for name, text := range map[string]string{"daily": "0 3 * * *", "weekly": "0 3 * * SUN", "every minute": "* * * * *"} {
		b.Run(name, func(b *testing.B) {
			x := slo.Exclusion{Schedule: schedule(b, text), Duration: time.Minute, TimeZone: zone(b, "Europe/Madrid")}
			for b.Loop() {
				x.Between(from, from.Add(400*24*time.Hour))
			}
		})
	}
	b.Run("covers", func(b *testing.B) {
		x := slo.Exclusion{Schedule: schedule(b, "0 3 * * *"), Duration: time.Hour, TimeZone: zone(b, "Europe/Madrid")}
		for b.Loop() {
			x.Covers(from)
		}
	})
}
