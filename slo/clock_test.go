package slo_test

import (
	"strings"
	"testing"
	"time"

	"github.com/traceslo/traceslo/sli"
	"github.com/traceslo/traceslo/slo"
	"github.com/traceslo/traceslo/source"
)

func TestTheClockStandsStill(t *testing.T) {
	t.Run("while the source is not read to its end", func(t *testing.T) {
		b := newBench(t, availability("a", thirtyDays))
		j := &judged{}
		j.event(0, "", at(1), 10, 10)
		b.step(at(2), j)
		for m := 3; m < 60; m++ {
			j := &judged{}
			j.event(0, "", at(m), 10, 0)
			if err := b.try(source.Step{Now: at(m)}, j); err != nil {
				t.Fatal(err)
			}
		}
		b.want("window_events{api-gateway a 5m}", 10)
		b.want("window_bad_events{api-gateway a 5m}", 10)
		b.step(at(59).Add(30*time.Second), &judged{})
		b.want("window_events{api-gateway a 5m}", 60)
		b.want("window_bad_events{api-gateway a 5m}", 0)
	})
	t.Run("while no service sends a span, and that time is unmeasured", func(t *testing.T) {
		b := newBench(t, availability("a", slo.Window{Rolling: time.Hour}))
		for m := range 20 {
			j := &judged{}
			j.event(0, "", at(m), 10, 1)
			b.step(at(m).Add(30*time.Second), j)
		}
		for m := 20; m < 40; m++ {
			b.step(at(m), &judged{})
		}
		b.want("window_events{api-gateway a 6m}", 60)
		for m := 40; m < 60; m++ {
			j := &judged{}
			j.event(0, "", at(m), 10, 1)
			b.step(at(m).Add(30*time.Second), j)
		}
		b.want("window_events{api-gateway a 1h}", 400)
		// Of the 61 minutes, one lies before the beginning and 20 are silent.
		b.want("coverage_ratio{api-gateway a}", 40./61)
		states := ""
		for _, m := range b.history("a", at(18), at(42)) {
			states += m.State.String()[:1]
		}
		if want := "mm" + strings.Repeat("u", 20) + "mm"; states != want {
			t.Errorf("minutes are %s, want %s", states, want)
		}
	})
	t.Run("and a quiet time is measured until it is as long as the silence", func(t *testing.T) {
		b := newBench(t, availability("a", thirtyDays))
		// A scrape asks by the machine's own time.
		now := time.Now().Truncate(time.Minute)
		minutes := func(ago int) time.Time { return now.Add(-time.Duration(ago) * time.Minute) }
		j := &judged{}
		j.event(0, "", minutes(4), 1, 0)
		b.step(minutes(0), j)
		if got := b.gauges()["unmeasured_seconds{api-gateway a}"]; got > 90 {
			t.Errorf("after 4 quiet minutes, %v seconds are unmeasured", got)
		}
		b = newBench(t, availability("a", thirtyDays))
		j = &judged{}
		j.event(0, "", minutes(5), 1, 0)
		b.step(minutes(0), j)
		if got := b.gauges()["unmeasured_seconds{api-gateway a}"]; got < 240 {
			t.Errorf("after 5 quiet minutes, %v seconds are unmeasured", got)
		}
	})
	t.Run("and goes on through a time in which one service alone sends nothing", func(t *testing.T) {
		b := newBench(t, availability("a", thirtyDays))
		for m := range 20 {
			j := &judged{minutes: []sli.MinuteCount{{Measure: sli.Platform, Minute: at(m).Unix() / 60, Events: 3}}}
			b.step(at(m).Add(30*time.Second), j)
		}
		for _, m := range b.history("a", at(0), at(20)) {
			if m.State != slo.Idle {
				t.Errorf("%v is %v, want idle", m.At, m.State)
			}
		}
		if _, ok := b.gauges()["error_budget_remaining_ratio{api-gateway a}"]; ok {
			t.Error("a budget is told of no events")
		}
	})
	t.Run("an objective that expects traffic is unmeasured without", func(t *testing.T) {
		o := availability("a", slo.Window{Rolling: time.Hour})
		o.ExpectsTraffic = true
		b := newBench(t, o)
		for m := range 61 {
			j := &judged{minutes: []sli.MinuteCount{{Measure: sli.Platform, Minute: at(m).Unix() / 60, Events: 3}}}
			if m < 31 {
				j.event(0, "", at(m), 1, 0)
			}
			b.step(at(m).Add(30*time.Second), j)
		}
		b.want("coverage_ratio{api-gateway a}", 31./61)
		b.load(at(61), false)
		b.want("coverage_ratio{api-gateway a}", 31./61)
	})
	t.Run("lost spans leave a gap that is unmeasured", func(t *testing.T) {
		b := newBench(t, availability("a", slo.Window{Rolling: time.Hour}))
		for m := range 61 {
			j := &judged{}
			j.event(0, "", at(m), 1, 0)
			now := at(m).Add(30 * time.Second)
			if err := b.try(source.Step{Now: now, Watermark: now, Since: epoch, Lost: m == 30}, j); err != nil {
				t.Fatal(err)
			}
		}
		// The minute in which they were lost, and the one before, which was not
		// surely complete when all was read last.
		b.want("coverage_ratio{api-gateway a}", 59./61)
	})
	t.Run("a sender whose clock is ahead does not hide that all are silent", func(t *testing.T) {
		b := newBench(t, availability("a", thirtyDays))
		for m := range 30 {
			j := &judged{}
			j.event(0, "", at(m), 10, 1)
			j.event(0, "", at(m+50), 1, 0)
			b.step(at(m).Add(30*time.Second), j)
		}
		for m := 30; m < 60; m++ {
			b.step(at(m), &judged{})
		}
		b.want("clock_timestamp_seconds{}", float64(at(30).Unix()))
	})
}

func TestTheLedgerOutlivesAWrongClock(t *testing.T) {
	b := newBench(t, availability("a", thirtyDays))
	for m := range 600 {
		if m%20 == 0 {
			j := &judged{}
			j.event(0, "", at(m), 10, 0)
			b.step(at(m).Add(time.Second), j)
		}
	}
	wrong := at(600).AddDate(2, 0, 0)
	if err := b.try(source.Step{Now: wrong, Watermark: wrong, Since: epoch}, &judged{}); err != nil {
		t.Fatal(err)
	}
	b.load(at(601), false)
	b.want("window_events{api-gateway a 30d}", 300)
}

func TestAWindowAsLongAsTheRetention(t *testing.T) {
	b := newBench(t, availability("a", slo.Window{Rolling: 3 * 24 * time.Hour}))
	b.options.Retention = 3 * 24 * time.Hour
	b.load(epoch, true)
	for m := range 5 * 1440 {
		if m%10 > 0 && (m+30)%1440 > 60 {
			continue
		}
		j := &judged{}
		j.event(0, "", at(m), 10, 0)
		// Committed in the minute after, on the next day around midnight.
		step := source.Step{Now: at(m + 1).Add(10 * time.Second), Watermark: at(m).Add(50 * time.Second), Since: epoch}
		if err := b.try(step, j); err != nil {
			t.Fatal(err)
		}
	}
	shown := b.gauges()["window_events{api-gateway a 3d}"]
	b.load(at(5*1440), false)
	b.want("window_events{api-gateway a 3d}", shown)
}

func TestTrafficIsExpectedFromTheStart(t *testing.T) {
	o := availability("a", slo.Window{Rolling: time.Hour})
	o.ExpectsTraffic = true
	b := newBench(t, o)
	b.load(epoch, true) // before the first clock
	for m := range 61 {
		j := &judged{minutes: []sli.MinuteCount{{Measure: sli.Platform, Minute: at(m).Unix() / 60, Events: 3}}}
		if m < 31 {
			j.event(0, "", at(m), 1, 0)
		}
		b.step(at(m).Add(30*time.Second), j)
	}
	b.want("coverage_ratio{api-gateway a}", 31./61)
	// A gap is one wherever one begins to look.
	for _, from := range []int{0, 32, 34} {
		if got := b.history("a", at(from), at(35)); got[len(got)-1].State != slo.Unmeasured {
			t.Errorf("looked at from minute %d, minute 34 is %v", from, got[len(got)-1].State)
		}
	}
}

func TestANewObjectiveWasNotJudgedWhileTheClockStood(t *testing.T) {
	b := newBench(t, availability("a", slo.Window{Rolling: time.Hour}))
	j := &judged{}
	j.event(0, "", at(0), 1, 0)
	b.step(at(0).Add(time.Second), j)
	for m := 1; m < 40; m++ { // a shard is out of reach, and the others are read
		j := &judged{}
		j.event(0, "", at(m), 1, 0)
		if err := b.try(source.Step{Now: at(m).Add(time.Second), Since: epoch}, j); err != nil {
			t.Fatal(err)
		}
	}
	b.options.Objectives = append(b.options.Objectives, availability("b", slo.Window{Rolling: time.Hour}).With(slo.Alerting{}))
	b.load(at(40), false)
	for m := 40; m < 61; m++ {
		j := &judged{}
		j.event(0, "", at(m), 1, 0)
		j.event(1, "", at(m), 1, 0)
		b.step(at(m).Add(time.Second), j)
	}
	b.want("coverage_ratio{api-gateway b}", 21./61)
}

func TestWhatWasShownStaysShown(t *testing.T) {
	o := availability("availability", thirtyDays)
	o.Service, o.ForEach = "", "service"
	b := newBench(t, o)
	b.options.Hold = time.Nanosecond
	b.load(epoch, true)
	j := &judged{}
	j.event(0, "api-gateway", time.Now(), 7, 0)
	b.step(time.Now(), j)
	b.want("events_total{api-gateway availability}", 7)
	b.options.Hold = time.Hour
	b.load(time.Now(), false)
	b.want("events_total{api-gateway availability}", 7)
}
