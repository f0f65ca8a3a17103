package slo_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/traceslo/traceslo/internal/state"
	"github.com/traceslo/traceslo/sli"
	"github.com/traceslo/traceslo/slo"
	"github.com/traceslo/traceslo/source"
)

// badEvent adds a bad event that ended at a time, in a trace of that number.
func (j *judged) badEvent(measure int, value string, at time.Time, trace byte, span uint64) {
	j.event(measure, value, at, 1, 1)
	e := sli.BadEvent{Measure: measure, Value: value, SpanID: span, End: at.UnixMicro(), Duration: 1500, Service: "ml-pipeline",
		Operation: fmt.Sprint("ml.", span%3), ErrorType: []string{"", "CUDAOutOfMemory"}[span%2]}
	e.TraceID[15] = trace
	j.bad = append(j.bad, e)
}

func (b *bench) badTraces(name, service string) []slo.BadTrace {
	b.t.Helper()
	traces, err := b.tryBadTraces(name, service)
	if err != nil {
		b.t.Fatal(err)
	}
	return traces
}

func (b *bench) tryBadTraces(name, service string) (traces []slo.BadTrace, err error) {
	err = b.store.View(func(tx *state.Tx) (err error) {
		traces, err = b.ledger.BadTraces(tx, name, service)
		return err
	})
	return traces, err
}

// latest returns what the ledger is to tell of these events, all of which it
// was told: by looking at each trace, and then at the traces.
func latest(events []sli.BadEvent) []slo.BadTrace {
	last := map[[16]byte]sli.BadEvent{}
	for _, e := range events {
		if known, ok := last[e.TraceID]; !ok || e.Compare(&known) > 0 {
			last[e.TraceID] = e
		}
	}
	var order []sli.BadEvent
	for _, e := range last {
		order = append(order, e)
	}
	slices.SortFunc(order, func(a, b sli.BadEvent) int { return b.Compare(&a) })
	var traces []slo.BadTrace
	for _, e := range order[:min(20, len(order))] {
		traces = append(traces, slo.BadTrace{TraceID: fmt.Sprintf("%032x", e.TraceID[15]), SpanID: fmt.Sprintf("%016x", e.SpanID),
			End: time.UnixMicro(e.End).UTC(), Duration: 1500 * time.Microsecond, Service: e.Service, Operation: e.Operation, ErrorType: e.ErrorType})
	}
	return traces
}

// traceNumbers returns the traces by their numbers, newest first.
func traceNumbers(traces []slo.BadTrace) (numbers []string) {
	for _, t := range traces {
		numbers = append(numbers, strings.TrimLeft(t.TraceID, "0"))
	}
	return numbers
}

func (b *bench) wantTraces(name, service string, want ...string) {
	b.t.Helper()
	if diff := cmp.Diff(want, traceNumbers(b.badTraces(name, service))); diff != "" {
		b.t.Errorf("bad traces of %s, %s (-want +got):\n%s", name, service, diff)
	}
}

func TestBadTracesAreCommittedWithTheCounts(t *testing.T) {
	b := newBench(t, availability("a", thirtyDays))
	b.wantTraces("a", "api-gateway")
	j := &judged{}
	j.badEvent(0, "", at(0), 1, 7)
	b.step(at(0).Add(time.Second), j)
	b.wantTraces("a", "api-gateway", "1")

	late := &judged{}
	late.badEvent(0, "", at(2), 3, 7)
	late.badEvent(0, "", at(-1), 2, 7)
	disk := errors.New("no room")
	step := source.Step{Now: at(2), Watermark: at(2), Since: epoch, Save: func(*state.Tx) error { return disk }}
	if err := b.try(step, late); !errors.Is(err, disk) {
		t.Fatal(err)
	}
	b.wantTraces("a", "api-gateway", "1")
	// The next commit takes it, and the process ends before it can say so.
	step.Save = nil
	if err := b.store.Update(func(tx *state.Tx) error { return b.ledger.Save(tx, step, late) }); err != nil {
		t.Fatal(err)
	}
	b.load(at(3), false)
	b.wantTraces("a", "api-gateway", "3", "1", "2")

	t.Run("an objective that there is not has none", func(t *testing.T) {
		if _, err := b.tryBadTraces("b", "api-gateway"); err == nil || !strings.Contains(err.Error(), `no objective "b" of service "api-gateway"`) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("an event that has no minute is not told", func(t *testing.T) {
		j := &judged{}
		j.badEvent(0, "", at(3+61), 4, 7)
		j.badEvent(0, "", at(3-401*1440), 5, 7)
		b.step(at(3), j)
		b.wantTraces("a", "api-gateway", "3", "1", "2")
	})
	t.Run("a state from before there were any has none", func(t *testing.T) {
		if err := b.store.Update(func(tx *state.Tx) error { return tx.Drop("slo/bad") }); err != nil {
			t.Fatal(err)
		}
		b.load(at(4), false)
		b.wantTraces("a", "api-gateway")
		j := &judged{}
		j.badEvent(0, "", at(4), 6, 7)
		b.step(at(4).Add(time.Second), j)
		b.wantTraces("a", "api-gateway", "6")
	})
}

func TestEachValueHasBadTracesOfItsOwn(t *testing.T) {
	o := availability("availability", thirtyDays)
	o.Service, o.ForEach, o.ForEachLimit = "", "service", 2
	b := newBench(t, o)
	j := &judged{}
	for i, name := range []string{"api-gateway", "video-ingestion", "ml-pipeline", "analytics-engine"} {
		j.badEvent(0, name, at(0).Add(time.Duration(i)*time.Second), byte(i+1), 7)
	}
	b.step(at(0).Add(time.Minute), j)
	b.wantTraces("availability", "api-gateway", "1")
	b.wantTraces("availability", "video-ingestion", "2")
	b.wantTraces("availability", "_other", "4", "3")
}

func TestBadTracesFollowTheConfiguration(t *testing.T) {
	b := newBench(t, availability("a", thirtyDays))
	minute := func(m int, trace byte) {
		j := &judged{}
		j.badEvent(0, "", at(m), trace, 7)
		b.step(at(m).Add(time.Second), j)
	}
	minute(0, 1)
	first := b.options.Objectives
	changed := availability("a", slo.Window{Calendar: slo.Week})
	changed.Target = 999_000_000
	b.options.Objectives = []slo.Objective{changed.With(slo.Alerting{})}
	b.load(at(1), false)
	b.wantTraces("a", "api-gateway", "1") // another target or window loses nothing
	changed.SLI = sli.Indicator{Latency: &sli.Latency{Threshold: time.Second}}
	b.options.Objectives = []slo.Objective{changed.With(slo.Alerting{})}
	b.load(at(1), false)
	b.wantTraces("a", "api-gateway") // another SLI begins anew
	minute(1, 2)
	b.wantTraces("a", "api-gateway", "2")
	b.options.Objectives = first
	b.load(at(2), false)
	b.wantTraces("a", "api-gateway", "1")
}

func TestBadTracesEndWithTheRetention(t *testing.T) {
	a, each := availability("a", slo.Window{Rolling: 24 * time.Hour}), availability("each", slo.Window{Rolling: 24 * time.Hour})
	each.Service, each.ForEach = "", "service"
	b := newBench(t, a, each)
	b.options.Retention = 3 * 24 * time.Hour
	b.load(epoch, true)
	j := &judged{}
	j.badEvent(0, "", at(0), 1, 7)
	j.badEvent(0, "", at(20), 2, 7)
	j.badEvent(1, "api-gateway", at(0), 3, 7)
	b.step(at(20).Add(time.Second), j)
	b.wantTraces("a", "api-gateway", "2", "1")
	records := func() (n int) {
		if err := b.store.View(func(tx *state.Tx) error {
			return tx.Bucket("slo/bad").ForEach(func(_, _ []byte) error { n++; return nil })
		}); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if got := records(); got != 2 {
		t.Errorf("there are %d records, want one a series", got)
	}
	pass := func(m int) {
		j := &judged{}
		j.event(0, "", at(m), 1, 0)
		b.step(at(m).Add(time.Second), j)
	}
	pass(3*1440 + 10)
	b.wantTraces("a", "api-gateway", "2") // its day is still there, and the event is too old
	pass(4*1440 + 30)
	b.wantTraces("a", "api-gateway")
	pass(4*1440 + 31) // whose clock is a day further
	if got := records(); got != 0 {
		t.Errorf("%d records are kept of events older than the retention", got)
	}
}

func TestADamagedRecordOfBadEventsIsSaid(t *testing.T) {
	b := newBench(t, availability("a", thirtyDays))
	j := &judged{}
	for i := range byte(25) {
		j.badEvent(0, "", at(0).Add(time.Duration(i)*time.Second), i, uint64(i))
	}
	b.step(at(0).Add(time.Minute), j)
	var key, good []byte
	if err := b.store.View(func(tx *state.Tx) error {
		return tx.Bucket("slo/bad").ForEach(func(k, v []byte) error { key, good = slices.Clone(k), slices.Clone(v); return nil })
	}); err != nil {
		t.Fatal(err)
	}
	put := func(value []byte) {
		t.Helper()
		if err := b.store.Update(func(tx *state.Tx) error { return tx.Bucket("slo/bad").Put(key, value) }); err != nil {
			t.Fatal(err)
		}
	}
	want := `"slo/bad": bad events of series 1: the record of the ledger is damaged`
	for end := range good {
		put(good[:end])
		if _, err := b.tryBadTraces("a", "api-gateway"); err == nil || err.Error() != want {
			t.Fatalf("of the first %d bytes: got %v, want %s", end, err, want)
		}
	}
	put(append(slices.Clone(good), 0))
	more := &judged{}
	more.badEvent(0, "", at(1), 1, 1)
	if err := b.try(source.Step{Now: at(1), Watermark: at(1), Since: epoch}, more); err == nil || err.Error() != want {
		t.Errorf("a step says %v, want %s", err, want)
	}
	put(good)
	b.step(at(1), more)
	b.wantTraces("a", "api-gateway", append([]string{"1"}, "18", "17", "16", "15", "14", "13", "12", "11", "10", "f", "e", "d", "c", "b", "a", "9", "8", "7", "6")...)
}
