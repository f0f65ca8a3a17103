package slo_test

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/traceslo/traceslo/slo"
	"github.com/traceslo/traceslo/source"
)

// TestAPartOfTheEventsIsNotSilence has a ledger that shares the events with
// others see none of its own for long.
func TestAPartOfTheEventsIsNotSilence(t *testing.T) {
	b := newBench(t, availability("a", slo.Window{Rolling: time.Hour}))
	b.options.Shared = true
	b.load(epoch, true)
	step := func(m, alive int, events uint64) {
		t.Helper()
		j := &judged{}
		if events > 0 {
			j.event(0, "", at(m), events, 1)
		}
		if err := b.try(source.Step{Now: at(m), Watermark: at(m), Since: epoch, Alive: at(alive)}, j); err != nil {
			t.Fatal(err)
		}
	}
	for m := 1; m <= 61; m++ {
		step(m, m, map[bool]uint64{true: 10}[m < 3])
	}
	b.want("clock_timestamp_seconds{}", float64(at(61).Unix()))
	b.want("coverage_ratio{api-gateway a}", 1)
	b.want("window_events{api-gateway a 1h}", 20)
	if name := "error_budget_remaining_ratio{api-gateway a}"; b.gauges()[name] != 0 {
		t.Errorf("%s is told of a part: %v", name, b.gauges()[name])
	}
	// Nothing comes to anybody.
	for m := 62; m <= 80; m++ {
		step(m, 61, 0)
	}
	b.want("clock_timestamp_seconds{}", float64(at(62).Unix()))
	for m := 81; m <= 85; m++ {
		step(m, m, 0)
	}
	b.want("clock_timestamp_seconds{}", float64(at(85).Unix()))
	states := ""
	for _, m := range b.history("a", at(60), at(83)) {
		states += m.State.String()[:1]
	}
	if want := "ii" + strings.Repeat("u", 19) + "ii"; states != want {
		t.Errorf("minutes are %s, want %s", states, want)
	}
	// Of the time in which it did not run, it claims nothing.
	b.load(at(100), false)
	step(120, 120, 0)
	for _, m := range b.history("a", at(86), at(120)) {
		if m.State != slo.Idle {
			t.Errorf("minute %v is %v, want idle", m.At, m.State)
		}
	}
}

// TestAWholeThatAppearsWhileItIsCollectedIsNotToldBesideAPart has the ledger of
// all come to be, and go away, in the middle of a scrape.
func TestAWholeThatAppearsWhileItIsCollectedIsNotToldBesideAPart(t *testing.T) {
	b := newBench(t, availability("a", slo.Window{Rolling: time.Hour}), availability("b", slo.Window{Rolling: time.Hour}))
	b.options.Shared = true
	b.load(epoch, true)
	j := &judged{}
	j.event(0, "", at(1), 10, 1)
	j.event(1, "", at(1), 10, 1)
	if err := b.try(source.Step{Now: at(3), Watermark: at(3), Since: epoch, Alive: at(3)}, j); err != nil {
		t.Fatal(err)
	}
	for first := range 2 {
		calls := 0
		registry := prometheus.NewPedanticRegistry()
		registry.MustRegister(slo.NewCollector(func() *slo.Ledger { return b.ledger }, func() *slo.Ledger {
			if calls++; (calls+first)%2 == 0 {
				return b.ledger
			}
			return nil
		}))
		if _, err := registry.Gather(); err != nil {
			t.Error(err)
		}
	}
}

// TestWithoutEventsOfItsOwn has a ledger whose part of what is stored is empty.
func TestWithoutEventsOfItsOwn(t *testing.T) {
	b := newBench(t, availability("a", slo.Window{Rolling: time.Hour}))
	b.options.Shared = true
	b.load(epoch, true)
	for m := 5; m < 65; m++ {
		if err := b.try(source.Step{Now: at(m), Watermark: at(m), Alive: at(m)}, &judged{}); err != nil {
			t.Fatal(err)
		}
	}
	b.want("coverage_ratio{api-gateway a}", 60./61)
	b.want("unmatched{api-gateway a}", 0)
}
