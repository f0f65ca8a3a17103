package sli_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/traceslo/traceslo/sli"
	"github.com/traceslo/traceslo/source"
)

type measureValue struct {
	measure int
	value   string
}

// newest returns the bad events that ended last, one a trace, newest first, in
// the plainest way there is.
func newest(events []sli.BadEvent) []sli.BadEvent {
	slices.SortFunc(events, func(a, b sli.BadEvent) int { return b.Compare(&a) })
	var list []sli.BadEvent
	traces := map[source.TraceID]bool{}
	for _, e := range events {
		if !traces[e.TraceID] && len(traces) < sli.MaxBadTraces {
			traces[e.TraceID] = true
			list = append(list, e)
		}
	}
	return list
}

// badEventsOf returns the newest bad events that the recorder tells, and fails
// where it tells more than it may.
func badEventsOf(t testing.TB, r *sli.Recorder, workers int) map[measureValue][]sli.BadEvent {
	t.Helper()
	told := map[measureValue][]sli.BadEvent{}
	for e := range r.BadEvents() {
		key := measureValue{e.Measure, e.Value}
		if told[key] = append(told[key], e); len(told[key]) > workers*sli.MaxBadTraces {
			t.Fatalf("of %+v, there are more than %d bad events", key, workers*sli.MaxBadTraces)
		}
	}
	for key, events := range told {
		told[key] = newest(events)
	}
	return told
}

func inTrace(trace byte, span uint64, end time.Time) func(*source.Span) {
	return func(s *source.Span) {
		s.TraceID[7], s.SpanID = trace, span
		s.Start = end.UnixMicro() - s.Duration
	}
}

func TestBadEventsTellWhereToLook(t *testing.T) {
	cfg := measuring(sli.Measure{Indicator: indicator(t, "availability: {match: {operation: o}}")},
		sli.Measure{Indicator: indicator(t, "latency: {match: {}, threshold: 1s}"), ForEach: "service"})
	r := newRecorder(t, cfg)
	end := start.Add(-time.Second)
	r.Count(0, []source.Span{
		span("o", time.Millisecond, inTrace(1, 11, end)), // good
		span("o", 2*time.Second, of("b"), failed("Timeout"), inTrace(2, 12, end)),
		span("slow", 3*time.Second, of("b"), inTrace(3, 13, end.Add(time.Microsecond))),
		span("o", time.Millisecond, failed("Timeout"), inTrace(4, 14, start.Add(59*time.Minute))),
		span("o", time.Millisecond, failed("of a clock that is wrong"), inTrace(5, 15, start.Add(61*time.Minute))),
		span("o", time.Millisecond, failed("of the time before time"), inTrace(6, 16, time.UnixMicro(-1))),
	})
	trace := func(n byte) (id source.TraceID) {
		id[0], id[7], id[15] = 0xab, n, 0
		return id
	}
	want := map[measureValue][]sli.BadEvent{
		{0, ""}: {
			{Measure: 0, TraceID: trace(4), SpanID: 14, End: start.Add(59 * time.Minute).UnixMicro(), Duration: 1000, Service: "a", Operation: "o", ErrorType: "Timeout"},
			{Measure: 0, TraceID: trace(2), SpanID: 12, End: end.UnixMicro(), Duration: 2_000_000, Service: "b", Operation: "o", ErrorType: "Timeout"},
		},
		{1, "b"}: {
			{Measure: 1, Value: "b", TraceID: trace(3), SpanID: 13, End: end.UnixMicro() + 1, Duration: 3_000_000, Service: "b", Operation: "slow"},
			{Measure: 1, Value: "b", TraceID: trace(2), SpanID: 12, End: end.UnixMicro(), Duration: 2_000_000, Service: "b", Operation: "o", ErrorType: "Timeout"},
		},
	}
	got := badEventsOf(t, r, 1)
	for _, events := range got {
		for i := range events {
			events[i].TraceID[15] = 0 // a number that span gives
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	step(t, r, start)
	if got := badEventsOf(t, r, 1); len(got) > 0 {
		t.Errorf("after a Publish, there are %v", got)
	}
}

func TestOfATraceOneBadEventIsTold(t *testing.T) {
	r := newRecorder(t, measuring(sli.Measure{Indicator: indicator(t, "availability: {}")}))
	// A trace of a thousand failed retries, and older ones with one failure each.
	var page []source.Span
	for i := range 1000 {
		s := span("retry", 0, failed("x"), inTrace(255, uint64(i), start.Add(time.Duration(i)*time.Millisecond)))
		s.TraceID[15] = 0
		page = append(page, s)
	}
	for i := range byte(30) {
		s := span("o", 0, failed("x"), inTrace(i, 1, start.Add(-time.Duration(i)*time.Minute)))
		s.TraceID[15] = 0
		page = append(page, s)
	}
	r.Count(0, page)
	var got []string
	for _, e := range badEventsOf(t, r, 1)[measureValue{}] {
		got = append(got, fmt.Sprint(e.TraceID[7], e.SpanID))
	}
	want := []string{"255 999"}
	for i := range sli.MaxBadTraces - 1 {
		want = append(want, fmt.Sprint(i, 1))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("traces and spans (-want +got):\n%s", diff)
	}
}
