package slo_test

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/traceslo/traceslo/internal/state"
	"github.com/traceslo/traceslo/sli"
	"github.com/traceslo/traceslo/slo"
	"github.com/traceslo/traceslo/source"
)

// judged is what a recorder would have judged in one step.
type judged struct {
	minutes  []sli.MinuteCount
	culprits []sli.CulpritCount
	bad      []sli.BadEvent
}

func (j *judged) Minutes() iter.Seq[sli.MinuteCount]   { return slices.Values(j.minutes) }
func (j *judged) Culprits() iter.Seq[sli.CulpritCount] { return slices.Values(j.culprits) }
func (j *judged) BadEvents() iter.Seq[sli.BadEvent]    { return slices.Values(j.bad) }

// event adds events of a measure that ended at a time, as spans of the platform too.
func (j *judged) event(measure int, value string, at time.Time, events, bad uint64) {
	minute := at.Unix() / 60
	j.minutes = append(j.minutes,
		sli.MinuteCount{Measure: measure, Value: value, Minute: minute, Events: events, Bad: bad},
		sli.MinuteCount{Measure: sli.Platform, Minute: minute, Events: events})
	if bad > 0 {
		j.culprits = append(j.culprits, sli.CulpritCount{Measure: measure, Value: value, Day: minute / 1440,
			Culprit: sli.Culprit{Service: "ml-pipeline", Operation: "ml.inference", ErrorType: "CUDAOutOfMemory"}, Bad: bad})
	}
}

// A bench is a ledger in a state file.
type bench struct {
	t       testing.TB
	path    string
	store   *state.Store
	options slo.LedgerOptions
	ledger  *slo.Ledger
	log     *strings.Builder
}

func newBench(t testing.TB, objectives ...slo.Objective) *bench {
	path := filepath.Join(t.TempDir(), state.FileName)
	store, err := state.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	b := &bench{t: t, path: path, store: store, log: &strings.Builder{}}
	for i := range objectives {
		objectives[i] = objectives[i].With(slo.Alerting{})
	}
	b.options = slo.LedgerOptions{Objectives: objectives, Retention: 400 * 24 * time.Hour, Silence: 5 * time.Minute, Log: zerolog.New(b.log)}
	b.load(epoch, true)
	return b
}

// load begins anew from the state file, as after a crash.
func (b *bench) load(now time.Time, fresh bool) {
	b.t.Helper()
	b.ledger = slo.NewLedger(b.options)
	if err := b.store.View(func(tx *state.Tx) error { return b.ledger.Load(tx, now, fresh) }); err != nil {
		b.t.Fatal(err)
	}
}

// epoch is when the benches begin, a Monday.
var epoch = time.Date(2026, time.March, 2, 0, 0, 0, 0, time.UTC)

// step commits what was judged, all of which had been stored by now.
func (b *bench) step(now time.Time, j *judged) {
	b.t.Helper()
	if err := b.try(source.Step{Now: now, Watermark: now, Since: epoch}, j); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) try(step source.Step, j *judged) error {
	err := b.store.Update(func(tx *state.Tx) error {
		if err := b.ledger.Save(tx, step, j); err != nil {
			return err
		}
		if step.Save != nil {
			return step.Save(tx)
		}
		return nil
	})
	if err == nil {
		b.ledger.Publish()
	}
	return err
}

// gauges returns what a scrape shows, by "name{label value …}" without the info series.
func (b *bench) gauges() map[string]float64 {
	b.t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(slo.NewCollector(func() *slo.Ledger { return b.ledger }, nil))
	families, err := registry.Gather()
	if err != nil {
		b.t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetValue())
			}
			value := m.GetGauge().GetValue()
			if m.GetCounter() != nil {
				value = m.GetCounter().GetValue()
			}
			got[fmt.Sprintf("%s{%s}", strings.TrimPrefix(f.GetName(), "traceslo_slo_"), strings.Join(labels, " "))] = value
		}
	}
	return got
}

func (b *bench) want(name string, want float64) {
	b.t.Helper()
	all := b.gauges()
	got, ok := all[name]
	if !ok {
		b.t.Errorf("%s is not shown; there are %v", name, slices.Sorted(maps.Keys(all)))
	} else if got != want {
		b.t.Errorf("%s = %v, want %v", name, got, want)
	}
}

func (b *bench) history(name string, from, to time.Time) []slo.Minute {
	b.t.Helper()
	var minutes []slo.Minute
	err := b.store.View(func(tx *state.Tx) (err error) {
		minutes, err = b.ledger.History(tx, name, "api-gateway", from, to)
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return minutes
}

func availability(name string, window slo.Window) slo.Objective {
	return slo.Objective{Name: name, Service: "api-gateway", Target: 990_000_000, Window: window,
		SLI: sli.Indicator{Availability: &sli.Availability{}}}
}

var thirtyDays = slo.Window{Rolling: 30 * 24 * time.Hour}

func at(minute int) time.Time { return epoch.Add(time.Duration(minute) * time.Minute) }

func TestWindowsHoldWhatEndedInThem(t *testing.T) {
	b := newBench(t, availability("a", thirtyDays))
	b.want("events_total{api-gateway a}", 0)
	b.want("window_events{api-gateway a 5m}", 0)
	for m := range 120 {
		j := &judged{}
		j.event(0, "", at(m), 10, 1)
		b.step(at(m).Add(30*time.Second), j)
	}
	// The running minute and the five before it.
	b.want("window_events{api-gateway a 5m}", 60)
	b.want("window_bad_events{api-gateway a 5m}", 6)
	b.want("window_events{api-gateway a 1h}", 610)
	b.want("window_events{api-gateway a 30d}", 1200)
	b.want("events_total{api-gateway a}", 1200)
	b.want("bad_events_total{api-gateway a}", 120)
	b.want("error_budget_remaining_ratio{api-gateway a}", 1-0.1/0.01)
	b.want("error_budget_exhaustion_seconds{api-gateway a}", 0)

	t.Run("a late event counts where it ended", func(t *testing.T) {
		j := &judged{}
		j.event(0, "", at(70), 5, 5)
		b.step(at(119).Add(45*time.Second), j)
		b.want("window_events{api-gateway a 5m}", 60)
		b.want("window_events{api-gateway a 1h}", 615)
		b.want("window_bad_events{api-gateway a 1h}", 66)
		b.want("window_events{api-gateway a 30d}", 1205)
	})
	t.Run("a restart changes nothing", func(t *testing.T) {
		before := b.gauges()
		b.load(at(300), false)
		for name, want := range before {
			if !strings.HasPrefix(name, "unmeasured_seconds") {
				b.want(name, want)
			}
		}
	})
	t.Run("an event of the future waits for its time", func(t *testing.T) {
		j := &judged{}
		j.event(0, "", at(125), 7, 0)
		j.event(0, "", at(119), 1, 0)
		b.step(at(119).Add(50*time.Second), j)
		b.want("window_events{api-gateway a 5m}", 61)
		j = &judged{}
		j.event(0, "", at(124), 1, 0)
		b.step(at(125), j)
		b.want("window_events{api-gateway a 5m}", 7+1)
	})
	t.Run("what has no place is counted", func(t *testing.T) {
		j := &judged{}
		j.event(0, "", at(125+61), 3, 0)
		j.event(0, "", at(125-401*1440), 2, 0)
		before := b.gauges()["events_total{api-gateway a}"]
		b.step(at(125), j)
		b.want("unplaced_spans_total{future}", 3)
		b.want("unplaced_spans_total{retention}", 2)
		b.want("events_total{api-gateway a}", before)
	})
}

func TestNothingIsKeptOfACommitThatFails(t *testing.T) {
	b := newBench(t, availability("a", thirtyDays))
	j := &judged{}
	j.event(0, "", at(0), 10, 1)
	b.step(at(0).Add(10*time.Second), j)
	full := errors.New("no room")
	more := &judged{}
	more.event(0, "", at(0), 5, 5)
	more.event(0, "", at(1), 5, 5)
	step := source.Step{Now: at(1), Watermark: at(1).Add(time.Second), Since: epoch, Save: func(*state.Tx) error { return full }}
	if err := b.try(step, more); !errors.Is(err, full) {
		t.Fatal(err)
	}
	b.want("window_events{api-gateway a 5m}", 10)
	step.Save = nil
	if err := b.try(step, more); err != nil {
		t.Fatal(err)
	}
	b.want("window_events{api-gateway a 5m}", 20)
	b.want("window_bad_events{api-gateway a 30d}", 11)
}

func TestOneObjectiveForEachValue(t *testing.T) {
	o := availability("availability", thirtyDays)
	o.Service, o.ForEach, o.ForEachLimit = "", "service", 2
	b := newBench(t, o)
	j := &judged{}
	for i, name := range []string{"api-gateway", "video-ingestion", "ml-pipeline", "analytics-engine"} {
		j.event(0, name, at(0), uint64(i+1), 0)
	}
	b.step(at(0).Add(time.Second), j)
	b.want("window_events{api-gateway availability 30d}", 1)
	b.want("window_events{video-ingestion availability 30d}", 2)
	b.want("window_events{_other availability 30d}", 3+4)
	b.load(at(1), false)
	b.want("window_events{_other availability 30d}", 3+4)
	j = &judged{}
	j.event(0, "ml-pipeline", at(1), 1, 0)
	b.step(at(1).Add(time.Second), j)
	b.want("window_events{_other availability 30d}", 8)

	t.Run("a value that is not seen for long is not shown, and makes room", func(t *testing.T) {
		later := 31 * 1440
		for m := later; m < later+2; m++ {
			j := &judged{}
			j.event(0, "ml-pipeline", at(m), 1, 0)
			j.event(0, "analytics-engine", at(m), 1, 0)
			b.step(at(m).Add(time.Second), j)
		}
		b.want("window_events{ml-pipeline availability 30d}", 1)
		if _, ok := b.gauges()["events_total{api-gateway availability}"]; ok {
			t.Error("a service without events for a month is shown")
		}
		// Its minutes can be asked for all the same.
		if got := b.history("availability", at(0), at(1)); len(got) != 1 || got[0].Events != 1 {
			t.Errorf("its history is %v", got)
		}
	})
	t.Run("one that comes back has to find a place", func(t *testing.T) {
		m := 31*1440 + 2
		j := &judged{}
		j.event(0, "api-gateway", at(m), 5, 1)
		b.step(at(m).Add(time.Second), j)
		if _, ok := b.gauges()["events_total{api-gateway availability}"]; ok {
			t.Error("more than for_each_limit values are shown")
		}
	})
}

func TestCulpritsAddUpToTheBadEvents(t *testing.T) {
	b := newBench(t, availability("a", thirtyDays))
	total := uint64(0)
	for step := range 20 {
		j := &judged{}
		for i := range 30 {
			bad := uint64(1)
			if i == 7 {
				bad = 100
			}
			total += bad
			j.minutes = append(j.minutes, sli.MinuteCount{Minute: at(step).Unix() / 60, Events: bad, Bad: bad})
			j.culprits = append(j.culprits, sli.CulpritCount{Day: at(0).Unix() / 86400, Bad: bad,
				Culprit: sli.Culprit{Service: "s", Operation: fmt.Sprintf("op-%d", i+map[bool]int{true: 30 * step}[i != 7]), Values: "premium\x00\x00"}})
		}
		b.step(at(step).Add(time.Second), j)
	}
	// Of events that have no minute, nobody is to blame.
	b.step(at(20), &judged{culprits: []sli.CulpritCount{{Day: at(0).Unix() / 86400, Bad: 7, Culprit: sli.Culprit{Service: "s", Operation: "gone"}}}})
	var got slo.Culprits
	if err := b.store.View(func(tx *state.Tx) (err error) {
		got, err = b.ledger.Culprits(tx, "a", "api-gateway", at(5))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	sum := got.Rest
	for _, c := range got.Top {
		sum += c.Bad
	}
	if sum != total {
		t.Errorf("they add up to %d, want %d", sum, total)
	}
	if first := got.Top[0]; first.Operation != "op-7" || first.Bad != 2000 || !slices.Equal(first.Values, []string{"premium", ""}) {
		t.Errorf("the first is %+v", first)
	}
	if len(got.Top) > 50 {
		t.Errorf("%d are kept", len(got.Top))
	}
}

func TestAnObjectiveThatMatchesNothingIsSaid(t *testing.T) {
	o := availability("a", thirtyDays)
	each := availability("b", thirtyDays)
	each.Service, each.ForEach = "", "service"
	b := newBench(t, o, each)
	for m := 0; m <= 1441; m += 10 {
		j := &judged{minutes: []sli.MinuteCount{{Measure: sli.Platform, Minute: at(m).Unix() / 60, Events: 3}}}
		b.step(at(m).Add(time.Second), j)
		if m == 1430 {
			b.want("unmatched{api-gateway a}", 0)
		}
	}
	b.want("unmatched{api-gateway a}", 1)
	b.want("unmatched{ b}", 1)
	if got := strings.Count(b.log.String(), "no span has matched"); got != 2 {
		t.Errorf("it is said %d times:\n%s", got, b.log)
	}
}
