package sli_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/traceslo/traceslo/sli"
	"github.com/traceslo/traceslo/source"
)

func TestSeriesThatEndDisturbNoOther(t *testing.T) {
	every := indicator(t, "availability: {}")
	cfg := measuring(sli.Measure{Indicator: every, ForEach: "operation"}, sli.Measure{Indicator: every, ForEach: "service"},
		sli.Measure{Indicator: indicator(t, "availability: {match: {operation: '=~x.*'}}"), ForEach: "service"})
	cfg.Expire, cfg.Limits.OperationsPerService = time.Hour, 2
	r := newRecorder(t, cfg)
	for round := range 50 {
		// One operation goes on. Beside it there is a place for an operation that is
		// new in each round, but in every other round the one before has it still.
		operation := string(rune('a' + round%20))
		r.Count(round%2, []source.Span{span("stays", 1, failed("x")), span(operation, 1), span("x1", 1), span("x2", 1)})
		want := map[sli.MinuteCount][2]uint64{
			{Measure: 0, Value: "stays"}: {1, 1}, {Measure: 0, Value: operation}: {1, 0}, {Measure: 0, Value: "_other"}: {2, 0},
			{Measure: 1, Value: "a"}: {4, 1}, {Measure: 2, Value: "a"}: {2, 0},
		}
		if round%2 == 1 {
			delete(want, sli.MinuteCount{Measure: 0, Value: operation})
			want[sli.MinuteCount{Measure: 0, Value: "_other"}] = [2]uint64{3, 0}
		}
		got := map[sli.MinuteCount][2]uint64{}
		for m, n := range minutesOf(t, r, 2) {
			m.Minute = 0
			got[m] = [2]uint64{got[m][0] + n[0], got[m][1] + n[1]}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("round %d (-want +got):\n%s", round, diff)
		}
		step(t, r, start.Add(time.Duration(round+1)*2*time.Hour))
	}
}

func TestSeriesThatEndTakeNoMemory(t *testing.T) {
	cfg := measuring(sli.Measure{Indicator: indicator(t, "availability: {}"), ForEach: "service"},
		sli.Measure{Indicator: indicator(t, "availability: {match: {operation: bent}}"), ForEach: "service"})
	cfg.Expire, cfg.Deduplicate, cfg.Limits.OperationsPerService = time.Hour, 0, 1
	r := newRecorder(t, cfg)
	now, number := start, 0
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	var before uint64
	for round := range 150 {
		if round == 50 {
			before = heap()
		}
		now = now.Add(2 * time.Hour)
		for range 200 {
			number++
			name := fmt.Sprint(number, strings.Repeat("x", 200))
			r.Count(0, []source.Span{span("o", 1, of(name)), span("bent", 1, of(name))})
		}
		step(t, r, now)
	}
	// 20,000 series of each measure came and went, with names of 200 bytes.
	if after := heap(); after > before+1<<20 {
		t.Errorf("the heap grew from %d to %d bytes", before, after)
	}
	runtime.KeepAlive(r)
}
