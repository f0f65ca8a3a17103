package sli_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql/promqltest"

	"github.com/traceslo/traceslo/sli"
	"github.com/traceslo/traceslo/source"
)

// TestIncreaseSeesTheFirstError plays Prometheus, which scrapes every 15
// seconds: the first error of a new series, the first of a new type in an old
// one, and the first spans themselves must each be an increase.
func TestIncreaseSeesTheFirstError(t *testing.T) {
	s := openStore(t)
	cfg := sli.Default()
	r := s.load(cfg, start)
	values := map[string][]string{}
	for i := range 41 { // ten minutes
		at := start.Add(time.Duration(i) * 15 * time.Second)
		switch i {
		case 8: // 2m: one failed span
			r.Count(0, []source.Span{span("o", time.Second, failed("first"))})
		case 24: // 6m: three more, of a new type
			r.Count(0, []source.Span{span("o", time.Second, failed("second")), span("o", time.Second, failed("second")), span("o", time.Second, failed("second"))})
		case 26: // a restart changes nothing
			r = s.load(cfg, at)
		}
		s.step(r, at, at)
		now := samples(t, r, at)
		for name := range now {
			for len(values[name]) < i {
				values[name] = append(values[name], "_")
			}
		}
		for name := range values {
			values[name] = append(values[name], fmt.Sprint(now[name]))
		}
	}
	var test strings.Builder
	test.WriteString("load 15s\n")
	for name, v := range values {
		fmt.Fprintf(&test, "  %s %s\n", name, strings.Join(v, " "))
	}
	test.WriteString(`
eval instant at 10m sum(increase(jaeger_trace_errors_total{error_type="second"}[5m]))
  {} 3

eval instant at 5m sum(increase(jaeger_trace_errors_total{error_type="first"}[4m]))
  {} 1

eval instant at 5m sum(increase(jaeger_traces_total[4m]))
  {} 1

eval instant at 5m sum(increase(jaeger_trace_duration_seconds_bucket{le="1"}[4m]))
  {} 1

# Nothing is shown twice: from the hold on, the counters are what they are.
eval instant at 10m sum(jaeger_traces_total)
  {} 4
`)
	promqltest.RunTest(t, test.String(), promqltest.NewTestEngine(t, false, 0, 1_000_000))
}

// TestWhatWasShownStaysShown covers a hold that grows and a clock that is set
// back: a counter that falls to 0 would be counted again.
func TestWhatWasShownStaysShown(t *testing.T) {
	s := openStore(t)
	cfg := sli.Default()
	r := s.load(cfg, start)
	r.Count(0, []source.Span{span("o", time.Second)})
	s.step(r, start, start)
	one := func(when string, r *sli.Recorder, at time.Time) {
		t.Helper()
		for name, v := range samples(t, r, at) {
			if strings.HasPrefix(name, "jaeger_traces_total") && v != 1 {
				t.Errorf("%s: %s = %v, want 1", when, name, v)
			}
		}
	}
	at := start.Add(2 * time.Minute)
	one("after the hold", r, at)
	one("after the clock was set back", r, start.Add(30*time.Second))
	cfg.NewSeriesHold = 5 * time.Minute
	one("after the hold grew", s.load(cfg, at), at)
}
