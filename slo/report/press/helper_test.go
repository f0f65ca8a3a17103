package press_test

import (
	"context"
	"encoding/json"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/traceslo/traceslo/internal/state"
	"github.com/traceslo/traceslo/sli"
	"github.com/traceslo/traceslo/slo"
	"github.com/traceslo/traceslo/slo/report"
	"github.com/traceslo/traceslo/slo/report/press"
	"github.com/traceslo/traceslo/source"
)

// judged are minutes with ten events each, of which one was bad.
type judged []int64

func (j judged) Minutes() iter.Seq[sli.MinuteCount] {
	return func(yield func(sli.MinuteCount) bool) {
		for _, m := range j {
			if !yield(sli.MinuteCount{Minute: m, Events: 10, Bad: 1}) || !yield(sli.MinuteCount{Measure: sli.Platform, Minute: m, Events: 10}) {
				return
			}
		}
	}
}
func (j judged) Culprits() iter.Seq[sli.CulpritCount] { return func(func(sli.CulpritCount) bool) {} }
func (j judged) BadEvents() iter.Seq[sli.BadEvent]    { return func(func(sli.BadEvent) bool) {} }

// A bench is a press over a ledger in a state file.
type bench struct {
	t        *testing.T
	store    *state.Store
	ledger   *slo.Ledger
	press    *press.Press
	registry *prometheus.Registry
	metrics  *press.Metrics
	config   press.Config
	zone     slo.Zone
	log      *strings.Builder
	// said is called with every line of the log, if it is not nil.
	said func(line string)
}

func (b *bench) Write(line []byte) (int, error) {
	if b.said != nil {
		b.said(string(line))
	}
	return b.log.Write(line)
}

// newBench returns a bench for a report, which is weekly if change changes nothing.
func newBench(t *testing.T, now time.Time, change func(*press.Config)) *bench {
	t.Helper()
	store, err := state.Open(filepath.Join(t.TempDir(), state.FileName))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	b := &bench{t: t, store: store, registry: prometheus.NewRegistry(), zone: zone(t, "Europe/Madrid"), log: &strings.Builder{}}
	b.metrics = press.NewMetrics(b.registry)
	b.config = press.Config{Name: "weekly", Schedule: schedule(t, "0 6 * * MON"), Period: "last-week",
		Formats: []report.Format{report.JSON, report.CSV}, Folder: filepath.Join(t.TempDir(), "made", "anew")}
	if change != nil {
		change(&b.config)
	}
	b.load(now)
	return b
}

// load begins anew from the state file, as after a crash or with another configuration.
func (b *bench) load(now time.Time) {
	b.t.Helper()
	o := slo.Objective{Name: "checkout", Service: "shop", Target: 990_000_000, Window: slo.Window{Rolling: 30 * 24 * time.Hour},
		SLI: sli.Indicator{Availability: &sli.Availability{}}}
	b.ledger = slo.NewLedger(slo.LedgerOptions{Objectives: []slo.Objective{o.With(slo.DefaultAlerting())}, Retention: 400 * 24 * time.Hour, Log: zerolog.Nop()})
	if err := b.store.View(func(tx *state.Tx) error { return b.ledger.Load(tx, now, true) }); err != nil {
		b.t.Fatal(err)
	}
	section := report.Default()
	section.TimeZone = b.zone
	reports := []press.Config{b.config}
	for _, f := range press.Validate(reports, []string{"checkout"}, b.zone) {
		if !strings.HasPrefix(f.Path, "[0].webhook.") { // shorter times than anybody may write
			b.t.Fatalf("%s: %s", f.Path, f.Problem)
		}
	}
	b.press = press.New(press.Options{Reports: reports, Report: section, Ledger: b.ledger, Store: b.store, Log: zerolog.New(b), Metrics: b.metrics})
}

// read commits that all was read up to a time, with events in the minute before.
func (b *bench) read(upto time.Time) {
	b.t.Helper()
	step := source.Step{Now: upto, Watermark: upto, Since: upto.AddDate(-1, 0, 0), Save: func(*state.Tx) error { return nil }}
	if err := b.store.Update(func(tx *state.Tx) error { return b.ledger.Save(tx, step, judged{upto.Unix()/60 - 1}) }); err != nil {
		b.t.Fatal(err)
	}
	b.ledger.Publish()
}

// step takes a step, and fails if that does.
func (b *bench) step(now time.Time) {
	b.t.Helper()
	if err := b.press.Step(context.Background(), now); err != nil {
		b.t.Fatal(err)
	}
}

// files returns the names in the folder, those that are hidden too.
func (b *bench) files() []string {
	b.t.Helper()
	entries, err := os.ReadDir(b.config.Folder)
	if err != nil && !os.IsNotExist(err) {
		b.t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func (b *bench) wantFiles(want ...string) {
	b.t.Helper()
	if diff := cmp.Diff(want, b.files()); diff != "" {
		b.t.Errorf("files (-want +got):\n%s", diff)
	}
}

// report returns a report as its JSON tells it.
func (b *bench) report(name string) (r report.Report) {
	b.t.Helper()
	text, err := os.ReadFile(filepath.Join(b.config.Folder, name))
	if err != nil {
		b.t.Fatal(err)
	}
	var shape struct {
		Schema string `json:"schema"`
		Period struct {
			Name string `json:"name"`
		} `json:"period"`
		Objectives []json.RawMessage `json:"objectives"`
	}
	if err := json.Unmarshal(text, &shape); err != nil {
		b.t.Fatalf("%s: %v", name, err)
	}
	r.Schema, r.Period.Name = shape.Schema, shape.Period.Name
	for _, text := range shape.Objectives {
		var o struct {
			SLO        string `json:"slo"`
			Events     uint64 `json:"events"`
			Bad        uint64 `json:"bad_events"`
			Unmeasured []struct {
				From time.Time `json:"from"`
			} `json:"unmeasured"`
		}
		if err := json.Unmarshal(text, &o); err != nil {
			b.t.Fatalf("%s: %v", name, err)
		}
		of := report.Objective{SLO: o.SLO, Figures: report.Figures{Events: o.Events, Bad: o.Bad}}
		of.Unmeasured = make([]report.Span, len(o.Unmeasured))
		r.Objectives = append(r.Objectives, of)
	}
	return r
}

// gauges returns what a scrape shows of the reports that is not 0.
func (b *bench) gauges() map[string]float64 {
	b.t.Helper()
	families, err := b.registry.Gather()
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
			if v := m.GetGauge().GetValue() + m.GetCounter().GetValue(); v != 0 {
				got[strings.TrimPrefix(f.GetName(), "traceslo_report_")+"{"+strings.Join(labels, " ")+"}"] = v
			}
		}
	}
	return got
}

func (b *bench) wantGauges(want map[string]float64) {
	b.t.Helper()
	if diff := cmp.Diff(want, b.gauges()); diff != "" {
		b.t.Errorf("metrics (-want +got):\n%s", diff)
	}
}

func schedule(t *testing.T, text string) (s slo.Schedule) {
	t.Helper()
	if err := s.UnmarshalText([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return s
}

func zone(t *testing.T, name string) (z slo.Zone) {
	t.Helper()
	if err := z.UnmarshalText([]byte(name)); err != nil {
		t.Fatal(err)
	}
	return z
}

func instant(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}
