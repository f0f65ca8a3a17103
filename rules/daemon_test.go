package rules_test

import (
	"fmt"
	"iter"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	client "github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/traceslo/traceslo/internal/state"
	"github.com/traceslo/traceslo/sli"
	"github.com/traceslo/traceslo/slo"
	"github.com/traceslo/traceslo/source"
)

// A daemon is one with a real ledger, which reads and is scraped once a minute.
type daemon struct {
	objective slo.Objective
	instance  string
	minutes   int
	// does returns what it does at a minute since the epoch.
	does func(minute int) work
}

// Work is what a daemon does in a minute.
type work struct {
	// reads are the events that it reads.
	reads []events
	// behind holds while more is stored than was read.
	behind bool
	// down holds if it does not run at all.
	down bool
	// quiet holds if no other service sends spans.
	quiet bool
	// objective, if it is given, is what its configuration is from now on.
	objective *slo.Objective
}

// Events are those that ended in a minute since the epoch.
type events struct {
	minute      int
	value       string
	events, bad int
}

// judged makes a slo.Judged of work.
type judged []sli.MinuteCount

func (j judged) Minutes() iter.Seq[sli.MinuteCount]   { return slices.Values(j) }
func (j judged) Culprits() iter.Seq[sli.CulpritCount] { return func(func(sli.CulpritCount) bool) {} }
func (j judged) BadEvents() iter.Seq[sli.BadEvent]    { return func(func(sli.BadEvent) bool) {} }

// series returns what scrapes see, a sample a minute in the notation of promqltest.
func (d daemon) series(t *testing.T) []string {
	t.Helper()
	scrapes := d.scrapes(t)
	names := map[string]bool{}
	for _, scrape := range scrapes {
		for name := range scrape {
			names[name] = true
		}
	}
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(names)) {
		line := name
		for i, scrape := range scrapes {
			value, ok := scrape[name]
			before := false
			if i > 0 {
				_, before = scrapes[i-1][name]
			}
			switch {
			case ok:
				line += fmt.Sprintf(" %g", value)
			case before:
				line += " stale"
			default:
				line += " _"
			}
		}
		lines = append(lines, line)
	}
	return lines
}

// scrapes returns what each scrape sees, by series. The daemon lives in a time of its own.
func (d daemon) scrapes(t *testing.T) (seen []map[string]float64) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { seen = d.live(t) })
	return seen
}

func (d daemon) live(t *testing.T) []map[string]float64 {
	store, err := state.Open(filepath.Join(t.TempDir(), state.FileName))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	var ledger *slo.Ledger
	load := func(o slo.Objective) {
		fresh := ledger == nil
		ledger = slo.NewLedger(slo.LedgerOptions{Objectives: []slo.Objective{o.With(slo.Alerting{})},
			Retention: 400 * 24 * time.Hour, Silence: 5 * time.Minute, Hold: time.Minute, Log: zerolog.Nop()})
		if err := store.View(func(tx *state.Tx) error { return ledger.Load(tx, time.Now(), fresh) }); err != nil {
			t.Fatal(err)
		}
	}
	<-time.After(time.Until(epoch))
	load(d.objective)
	registry := client.NewRegistry()
	registry.MustRegister(slo.NewCollector(func() *slo.Ledger { return ledger }, nil))
	scrapes := make([]map[string]float64, d.minutes)
	for m := range d.minutes {
		<-time.After(time.Until(epoch.Add(time.Duration(m) * time.Minute)))
		w := d.does(m)
		if w.objective != nil {
			load(*w.objective)
		}
		if w.down {
			continue
		}
		step := source.Step{Now: time.Now()}
		if !w.behind {
			step.Watermark = step.Now
		}
		if err := store.Update(func(tx *state.Tx) error { return ledger.Save(tx, step, w.judged(m)) }); err != nil {
			t.Fatal(err)
		}
		ledger.Publish()
		scrapes[m] = d.scrape(t, registry)
	}
	return scrapes
}

// judged returns the events of the objective, and of the platform with them.
func (w work) judged(now int) judged {
	var j judged
	at := epoch.Unix() / 60
	if !w.quiet {
		j = append(j, sli.MinuteCount{Measure: sli.Platform, Minute: at + int64(now) - 1, Events: 1})
	}
	for _, e := range w.reads {
		n := sli.MinuteCount{Value: e.value, Minute: at + int64(e.minute), Events: uint64(e.events), Bad: uint64(e.bad)}
		j = append(j, n, sli.MinuteCount{Measure: sli.Platform, Minute: n.Minute, Events: n.Events})
	}
	return j
}

func (d daemon) scrape(t *testing.T, registry client.Gatherer) map[string]float64 {
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	samples := map[string]float64{}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			labels := []string{`job="traceslo"`, fmt.Sprintf("instance=%q", d.instance)}
			for _, l := range metric.GetLabel() {
				labels = append(labels, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
			}
			samples[family.GetName()+"{"+strings.Join(labels, ",")+"}"] = metric.GetGauge().GetValue() + metric.GetCounter().GetValue()
		}
	}
	return samples
}

// attentive returns the daemon that reads the events of each minute when it is over.
func attentive(o slo.Objective, minutes int, minute func(int) (events, bad int)) daemon {
	return daemon{objective: o, instance: "a", minutes: minutes, does: func(m int) work { return work{reads: ended(m, minute)} }}
}

// ended returns the events of the minute that has just ended.
func ended(m int, minute func(int) (events, bad int)) []events {
	if m == 0 {
		return nil
	}
	all, bad := minute(m - 1)
	return []events{{minute: m - 1, events: all, bad: bad}}
}

// watch evaluates the rules of a daemon's objective over what it shows.
func watch(t *testing.T, daemons ...daemon) *prometheus {
	t.Helper()
	var series []string
	for _, d := range daemons {
		series = append(series, d.series(t)...)
	}
	return newPrometheus(t, series, ourRules(t, daemons[0].objective))
}

// TestABudgetIsOfAllOfTheWindow is trap 18: what a new objective has not seen
// yet counts neither for nor against it.
func TestABudgetIsOfAllOfTheWindow(t *testing.T) {
	p := watch(t, attentive(checkout, 8, func(m int) (int, int) { return 1000, 10 * truth(m == 2) }))
	p.run(7 * minute)
	if left := p.value("slo:period_error_budget_remaining:ratio"); left >= 0 {
		t.Errorf("%v of the budget of the minutes so far is left, want less than none", left)
	}
	if fires(p, exhausted) {
		t.Error("the budget of a month is told to be spent after some minutes")
	}
}
