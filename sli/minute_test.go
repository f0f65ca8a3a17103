package sli_test

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/traceslo/traceslo/sli"
	"github.com/traceslo/traceslo/source"
)

// minutesOf returns what the recorder has judged, equal minutes added up, and
// fails where a worker yields one of them twice. The Platform is left out.
func minutesOf(t testing.TB, r *sli.Recorder, workers int) map[sli.MinuteCount][2]uint64 {
	t.Helper()
	sum, times := map[sli.MinuteCount][2]uint64{}, map[sli.MinuteCount]int{}
	for m := range r.Minutes() {
		key := sli.MinuteCount{Measure: m.Measure, Value: m.Value, Minute: m.Minute}
		if times[key]++; times[key] > workers || m.Events == 0 {
			t.Fatalf("%+v comes for the %d. time from %d workers", m, times[key], workers)
		}
		if m.Measure != sli.Platform {
			sum[key] = [2]uint64{sum[key][0] + m.Events, sum[key][1] + m.Bad}
		}
	}
	return sum
}

// platformOf returns the minutes of the Platform.
func platformOf(r *sli.Recorder) map[int64]uint64 {
	sum := map[int64]uint64{}
	for m := range r.Minutes() {
		if m.Measure == sli.Platform {
			sum[m.Minute] += m.Events
		}
	}
	return sum
}

func TestMinutesAreThoseInWhichSpansEnd(t *testing.T) {
	const minute = 60_000_000
	for _, test := range []struct {
		name            string
		start, duration int64
		want            int64
	}{
		{"the epoch", 0, 0, 0},
		{"the last microsecond of a minute", 0, minute - 1, 0},
		{"the first microsecond of the next", 1, minute - 1, 1},
		{"a span over midnight counts after it", 1439 * minute, minute, 1440},
		{"just before the epoch", -1, 0, -1},
		{"a minute before the epoch", -minute, 0, -1},
		{"just before that", -minute - 1, 0, -2},
		{"the beginning of time", math.MinInt64, 0, -153722867281},
		{"the end of time", math.MaxInt64 - 5, 5, 153722867280},
		{"after the end of time", math.MaxInt64 - 5, 6, 153722867280},
	} {
		t.Run(test.name, func(t *testing.T) {
			// A span of another minute comes before, so that what was remembered of it may mislead.
			for _, before := range []int64{0, math.MinInt64, math.MaxInt64, test.start} {
				r := newRecorder(t, measuring(sli.Measure{Indicator: indicator(t, "availability: {match: {operation: o}}")}))
				at := func(start, duration int64) func(*source.Span) {
					return func(s *source.Span) { s.Start, s.Duration = start, duration }
				}
				r.Count(0, []source.Span{span("before", 0, at(before, 0), failed("x")), span("o", 0, at(test.start, test.duration), failed("x"))})
				want := map[sli.MinuteCount][2]uint64{{Minute: test.want}: {1, 1}}
				if diff := cmp.Diff(want, minutesOf(t, r, 1)); diff != "" {
					t.Errorf("after a span of %d (-want +got):\n%s", before, diff)
				}
				for c := range culpritsOf(r) {
					if day := int64(math.Floor(float64(test.want) / 1440)); c.Day != day {
						t.Errorf("a culprit of day %d, want %d", c.Day, day)
					}
				}
			}
		})
	}
}

func TestMinutesLastUntilTheyArePublished(t *testing.T) {
	cfg := measuring(sli.Measure{Indicator: indicator(t, "availability: {}")})
	r := newRecorder(t, cfg)
	check := func(when string, events uint64) {
		t.Helper()
		var minutes, culprits, bad, platform uint64
		for _, n := range minutesOf(t, r, 2) {
			minutes += n[0]
		}
		for _, n := range culpritsOf(r) {
			culprits += n
		}
		for range r.BadEvents() {
			bad++
		}
		for _, n := range platformOf(r) {
			platform += n
		}
		if minutes != events || culprits != events || bad != events || platform != events {
			t.Errorf("%s there are %d events, %d bad ones by culprit, %d told and %d spans, want %d of each", when, minutes, culprits, bad, platform, events)
		}
	}
	s := span("o", 1, failed("x"))
	r.Count(0, []source.Span{s, s})
	check("after a span and its repetition", 1)
	for range 2 {
		if err := r.Save(nil, start, start); err != nil {
			t.Fatal(err)
		}
		check("after a Save", 1)
	}
	r.Count(1, []source.Span{span("o", 1, failed("x"))})
	check("after one more span", 2)
	r.Discard()
	check("after a Discard", 0)
	r.Count(1, []source.Span{s})
	check("when it is counted anew", 1)
	step(t, r, start)
	check("after a Publish", 0)
	r.Count(0, []source.Span{s})
	check("after a repetition of what was published", 0)
	for range r.Minutes() {
		break // whoever stops early is let go
	}
}
