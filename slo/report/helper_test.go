package report_test

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/traceslo/traceslo/internal/state"
	"github.com/traceslo/traceslo/sli"
	"github.com/traceslo/traceslo/slo"
	"github.com/traceslo/traceslo/slo/report"
	"github.com/traceslo/traceslo/source"
)

// A world is a ledger, and all that was written into it, kept apart for recounts.
type world struct {
	t       testing.TB
	store   *state.Store
	ledger  *slo.Ledger
	silence int64
	since   time.Time
	// told are the events by objective, value and minute; alive those minutes
	// with any span; blamed the bad events by objective, day of UTC and culprit.
	told   map[string]map[int64]slo.Count
	alive  map[int64]bool
	blamed map[string]map[int64]map[sli.Culprit]uint64

	minutes  []sli.MinuteCount
	culprits []sli.CulpritCount
}

func (w *world) Minutes() iter.Seq[sli.MinuteCount]   { return slices.Values(w.minutes) }
func (w *world) Culprits() iter.Seq[sli.CulpritCount] { return slices.Values(w.culprits) }

func (w *world) BadEvents() iter.Seq[sli.BadEvent] { return func(func(sli.BadEvent) bool) {} }

// newWorld returns an empty world that was measured from since on.
func newWorld(t testing.TB, since time.Time, objectives ...slo.Objective) *world {
	t.Helper()
	store, err := state.Open(filepath.Join(t.TempDir(), state.FileName))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	for i := range objectives {
		objectives[i] = objectives[i].With(slo.Alerting{})
	}
	w := &world{t: t, store: store, silence: 5, since: since, told: map[string]map[int64]slo.Count{}, alive: map[int64]bool{}, blamed: map[string]map[int64]map[sli.Culprit]uint64{}}
	w.ledger = slo.NewLedger(slo.LedgerOptions{Objectives: objectives, Retention: 400 * 24 * time.Hour, Silence: 5 * time.Minute, Log: zerolog.Nop()})
	if err := store.View(func(tx *state.Tx) error { return w.ledger.Load(tx, since, true) }); err != nil {
		t.Fatal(err)
	}
	return w
}

// key names a place in the objectives and a value.
func key(measure int, value string) string { return fmt.Sprintf("%d %s", measure, value) }

// event adds events that ended at a time, the bad ones by a culprit.
func (w *world) event(measure int, value string, at time.Time, events, bad uint64, who sli.Culprit) {
	minute := at.Unix() / 60
	w.minutes = append(w.minutes, sli.MinuteCount{Measure: measure, Value: value, Minute: minute, Events: events, Bad: bad}, sli.MinuteCount{Measure: sli.Platform, Minute: minute, Events: events})
	w.alive[minute] = true
	k := key(measure, value)
	if w.told[k] == nil {
		w.told[k] = map[int64]slo.Count{}
	}
	c := w.told[k][minute]
	w.told[k][minute] = slo.Count{Events: c.Events + events, Bad: c.Bad + bad}
	if bad == 0 {
		return
	}
	day := minute / 1440
	w.culprits = append(w.culprits, sli.CulpritCount{Measure: measure, Value: value, Day: day, Culprit: who, Bad: bad})
	if w.blamed[k] == nil {
		w.blamed[k] = map[int64]map[sli.Culprit]uint64{}
	}
	if w.blamed[k][day] == nil {
		w.blamed[k][day] = map[sli.Culprit]uint64{}
	}
	w.blamed[k][day][who] += bad
}

// pulse tells that some span of the platform ended at a time.
func (w *world) pulse(at time.Time) {
	w.minutes = append(w.minutes, sli.MinuteCount{Measure: sli.Platform, Minute: at.Unix() / 60, Events: 1})
	w.alive[at.Unix()/60] = true
}

// save commits what was added, all of which had been stored by now.
func (w *world) save(now time.Time) {
	w.t.Helper()
	step := source.Step{Now: now, Watermark: now, Since: w.since}
	if err := w.store.Update(func(tx *state.Tx) error { return w.ledger.Save(tx, step, w) }); err != nil {
		w.t.Fatal(err)
	}
	w.ledger.Publish()
	w.minutes, w.culprits = nil, nil
}

// build makes the report of a period.
func (w *world) build(now time.Time, period string, z slo.Zone, change ...func(*report.Options)) *report.Report {
	w.t.Helper()
	p, err := report.ParsePeriod(period, z, now)
	if err != nil {
		w.t.Fatal(err)
	}
	o := report.Options{Period: p, Policy: report.Default().Policy, Now: now}
	for _, c := range change {
		c(&o)
	}
	var r *report.Report
	if err := w.store.View(func(tx *state.Tx) (err error) {
		r, err = report.Build(context.Background(), w.ledger, tx, o)
		return err
	}); err != nil {
		w.t.Fatal(err)
	}
	return r
}

// written returns the report in a format.
func written(t testing.TB, r *report.Report, f report.Format) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := r.Write(&b, f); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func objective(name string, target slo.Target, window slo.Window) slo.Objective {
	return slo.Objective{Name: name, Service: "api-gateway", Target: target, Window: window, SLI: sli.Indicator{Availability: &sli.Availability{}}}
}

var thirtyDays = slo.Window{Rolling: 30 * 24 * time.Hour}

// hostile is what somebody may call an operation.
const hostile = "=cmd|' /C calc'!A0 <script>alert(1)</script> [x](javascript:alert(2)) `a`|b @team \u202egnp.exe\r\n## not a heading"

// traffic fills the time from from to to with events of a rhythm, of which a
// part of bad is so, and more in a few outages.
func (w *world) traffic(measure int, value string, from, to time.Time, mean, bad float64, seed uint64) {
	rnd := rand.New(rand.NewPCG(seed, seed))
	operations := []string{"GET /api/v1/matches/{id}", "POST /api/v1/videos", "GET /api/v1/users/{id}", hostile}
	outages := map[int64]bool{}
	for range 3 {
		begin := from.Unix()/60 + rnd.Int64N(int64(to.Sub(from)/time.Minute))
		for i := range 20 + rnd.Int64N(60) {
			outages[begin+i] = true
		}
	}
	for at := from; at.Before(to); at = at.Add(time.Minute) {
		m := at.Unix() / 60
		n := uint64(math.Round(mean * (1 + 0.6*math.Sin(float64(m)*2*math.Pi/1440)) * (0.5 + rnd.Float64())))
		if n == 0 {
			continue
		}
		part := bad
		if outages[m] {
			part = 0.2
		}
		failed := uint64(0)
		for range n {
			if rnd.Float64() < part {
				failed++
			}
		}
		who := sli.Culprit{Service: "api-gateway", Operation: operations[rnd.IntN(len(operations))], ErrorType: []string{"timeout", "503", ""}[rnd.IntN(3)], Values: "premium\x00\x00"}
		w.event(measure, value, at, n, failed, who)
	}
}

// autumn is when the tests' month is reported: in Madrid, clocks were put back in it.
var autumn = time.Date(2026, time.November, 3, 9, 15, 20, 0, time.UTC)

// october returns the ledger of a platform from the middle of September on.
func october(t testing.TB) *world {
	t.Helper()
	since := time.Date(2026, time.September, 14, 6, 0, 0, 0, time.UTC)
	spent := objective("gateway-availability", 999_000_000, thirtyDays)
	spent.Description, spent.Labels = "Requests of the apps do not end in a failure of ours.", map[string]string{"team": "platform <b>"}
	spent.Exclusions = []slo.Exclusion{{From: time.Date(2026, 10, 7, 22, 0, 30, 0, time.UTC), To: time.Date(2026, 10, 8, 1, 10, 0, 0, time.UTC), Reason: "move to another region | \u202ehostile"}}
	risk := objective("uploads", 995_000_000, slo.Window{Calendar: slo.Week, TimeZone: zone(t, "Europe/Madrid")})
	var sundays slo.Schedule
	if err := sundays.UnmarshalText([]byte("30 2 * * SUN")); err != nil {
		t.Fatal(err)
	}
	risk.Exclusions = []slo.Exclusion{{Schedule: sundays, Duration: 95 * time.Minute, TimeZone: zone(t, "Europe/Madrid"), Reason: "weekly maintenance"}}
	fine := objective("reads", 990_000_000, slo.Window{Rolling: 7 * 24 * time.Hour})
	fine.ExpectsTraffic = true
	never := objective("never-used", 990_000_000, thirtyDays)
	each := objective("by-plan", 990_000_000, thirtyDays)
	each.ForEach = "operation"
	w := newWorld(t, since, spent, risk, fine, never, each)
	dark := time.Date(2026, 10, 20, 3, 0, 0, 0, time.UTC)
	// Of seven hours nobody knows anything.
	for _, part := range []struct{ from, to time.Time }{{since, dark}, {dark.Add(7 * time.Hour), autumn}} {
		w.traffic(0, "", part.from, part.to, 40, 0.0008, 1)
		w.traffic(1, "", part.from, part.to, 12, 0.003, 2)
		w.traffic(2, "", part.from, part.to, 3, 0.002, 3)
	}
	w.traffic(4, hostile, since, dark.Add(-48*time.Hour), 1, 0.01, 4)
	w.save(autumn)
	return w
}
