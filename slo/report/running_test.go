package report_test

import (
	"testing"
	"time"

	"github.com/traceslo/traceslo/sli"
	"github.com/traceslo/traceslo/slo"
)

// TestWhatIsAfterTheClockDoesNotCount has events that a clock ahead of ours
// dates after what is known to its end.
func TestWhatIsAfterTheClockDoesNotCount(t *testing.T) {
	since := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	w := newWorld(t, since, objective("a", 990_000_000, thirtyDays))
	for m := range 100 {
		w.event(0, "", since.Add(time.Duration(m)*time.Minute), 10, 0, sli.Culprit{})
	}
	now := since.Add(99 * time.Minute)
	w.event(0, "", now, 5, 1, sli.Culprit{Service: "s"})
	w.event(0, "", now.Add(30*time.Minute), 700, 600, sli.Culprit{Service: "s"})
	w.save(now)
	o := w.build(now.Add(time.Minute), "today", slo.Zone{}).Objectives[0]
	var steps slo.Count
	for _, s := range o.Series {
		steps.Events += s.Events
		steps.Bad += s.Bad
	}
	want := slo.Count{Events: 1005, Bad: 1}
	if got := (slo.Count{Events: o.Events, Bad: o.Bad}); got != want || steps != want {
		t.Errorf("what counts is %v, in steps %v; want %v", got, steps, want)
	}
	for _, s := range append(o.WorstDays, o.WorstHours...) {
		if s.Bad != 1 {
			t.Errorf("from %s on, %d were bad", s.From, s.Bad)
		}
	}
	// The same holds for the period before.
	later := w.build(now.Add(24*time.Hour), "today", slo.Zone{}).Objectives[0]
	if got := (slo.Count{Events: later.Before.Events, Bad: later.Before.Bad}); got != want {
		t.Errorf("of the day before, what counts is %v, want %v", got, want)
	}
}
