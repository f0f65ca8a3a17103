package slo_test

import (
	"strings"
	"testing"
	"time"

	"github.com/traceslo/traceslo/sli"
	"github.com/traceslo/traceslo/slo"
)

func TestWhatAChangedConfigurationDoes(t *testing.T) {
	minute := func(b *bench, m int) {
		j := &judged{}
		j.event(0, "", at(m), 10, 1)
		b.step(at(m).Add(30*time.Second), j)
	}
	t.Run("another target or window loses nothing", func(t *testing.T) {
		b := newBench(t, availability("a", thirtyDays))
		minute(b, 0)
		changed := availability("a", slo.Window{Calendar: slo.Week})
		changed.Target = 999_000_000
		b.options.Objectives = []slo.Objective{changed.With(slo.Alerting{})}
		b.load(at(1), false)
		b.want("window_events{api-gateway a week}", 10)
		b.want("objective_ratio{api-gateway a}", 0.999)
	})
	t.Run("another SLI begins anew, is said, and goes on with the old ledger when it comes back", func(t *testing.T) {
		b := newBench(t, availability("a", thirtyDays))
		minute(b, 0)
		first := b.options.Objectives
		changed := availability("a", thirtyDays)
		changed.SLI = sli.Indicator{Latency: &sli.Latency{Threshold: time.Second}}
		b.options.Objectives = []slo.Objective{changed.With(slo.Alerting{})}
		b.load(at(1), false)
		b.want("window_events{api-gateway a 30d}", 0)
		b.want("events_total{api-gateway a}", 0)
		b.want("restarts_total{}", 1)
		if !strings.Contains(b.log.String(), "the SLI changed") {
			t.Errorf("the log has only %s", b.log)
		}
		for m := 1; m < 10; m++ {
			minute(b, m)
		}
		b.want("window_events{api-gateway a 30d}", 90)
		b.options.Objectives = first
		b.load(at(10), false)
		b.want("window_events{api-gateway a 30d}", 10)
		minute(b, 10)
		b.want("window_events{api-gateway a 30d}", 20)
		states := ""
		for _, m := range b.history("a", at(0), at(11)) {
			states += m.State.String()[:1]
		}
		// What was judged of minute 0 when it ended is not surely all of it.
		if want := "uuuuuuuuuum"; states != want {
			t.Errorf("minutes are %s, want %s", states, want)
		}
	})
	t.Run("of the window of a new objective, little has passed", func(t *testing.T) {
		b := newBench(t, availability("a", thirtyDays), availability("w", slo.Window{Calendar: slo.Week}))
		for m := range 720 {
			if m%60 == 59 {
				minute(b, m)
			}
		}
		b.want("window_elapsed_ratio{api-gateway a}", 720./43201)
		b.want("window_elapsed_ratio{api-gateway w}", 720./(7*1440))
	})
	t.Run("a new objective was not measured before", func(t *testing.T) {
		b := newBench(t, availability("a", slo.Window{Rolling: time.Hour}))
		for m := range 30 {
			minute(b, m)
		}
		b.options.Objectives = append(b.options.Objectives, availability("b", slo.Window{Rolling: time.Hour}).With(slo.Alerting{}))
		b.load(at(30), false)
		for m := 30; m < 61; m++ {
			j := &judged{}
			j.event(0, "", at(m), 10, 1)
			j.event(1, "", at(m), 10, 1)
			b.step(at(m).Add(30*time.Second), j)
		}
		b.want("coverage_ratio{api-gateway a}", 1)
		b.want("coverage_ratio{api-gateway b}", 31./61)
	})
}
