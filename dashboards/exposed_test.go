package dashboards_test

import (
	"bytes"
	"path/filepath"
	"testing"
	"time"

	client "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	versioncollector "github.com/prometheus/client_golang/prometheus/collectors/version"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/rs/zerolog"

	"github.com/traceslo/traceslo/internal/state"
	"github.com/traceslo/traceslo/sli"
	"github.com/traceslo/traceslo/slo"
	"github.com/traceslo/traceslo/source"
)

// metricLabels are the names of the labels of the metrics there are.
type metricLabels map[string]map[string]bool

func (l metricLabels) add(metric string, names ...string) {
	if l[metric] == nil {
		l[metric] = map[string]bool{}
	}
	for _, n := range names {
		l[metric][n] = true
	}
}

// knownMetrics returns what Prometheus has of traceslo: what is scraped, what the rules
// record, and the alerts.
func knownMetrics(t *testing.T) metricLabels {
	t.Helper()
	l := metricLabels{}
	for name, family := range exposed(t) {
		names := []string{name}
		if family.GetType() == dto.MetricType_HISTOGRAM {
			names = append(names, name+"_bucket", name+"_count", name+"_sum")
		}
		for _, n := range names {
			l.add(n, "job", "instance", "pod")
			for _, m := range family.GetMetric() {
				for _, pair := range m.GetLabel() {
					l.add(n, pair.GetName())
				}
			}
		}
		if family.GetType() == dto.MetricType_HISTOGRAM {
			l.add(name+"_bucket", "le")
		}
	}
	// Those of cmd/traceslo have no labels of their own; the live test sees them.
	for _, name := range []string{"traceslo_config_last_reload_successful", "traceslo_config_last_reload_success_timestamp_seconds"} {
		l.add(name, "job", "instance", "pod")
	}
	identity := []string{slo.SLOLabel, slo.ServiceLabel, slo.ObjectiveLabel, slo.SlothID, slo.SlothService, slo.SlothSLO}
	for _, name := range []string{slo.ObjectiveRecord, slo.ErrorBudgetRecord, slo.PeriodDaysRecord, slo.CurrentBurnRateRecord, slo.PeriodBurnRateRecord, slo.RemainingRecord, slo.InfoRecord} {
		l.add(name, identity...)
	}
	for _, name := range []string{slo.EventsRecord, slo.BadEventsRecord} {
		l.add(name, append(identity, slo.WindowLabel)...)
	}
	for _, o := range demo(t).SLOs {
		for _, w := range append(o.AlertWindows(), o.Window.Length()) {
			l.add(slo.RatioRecord+slo.FormatWindow(w), append(identity, slo.SlothWindow)...)
		}
	}
	l.add("ALERTS", append(identity, model.AlertNameLabel, "alertstate", slo.SeverityLabel, slo.TierLabel)...)
	return l
}

// exposed returns what a daemon exposes that has counted a failed span.
func exposed(t *testing.T) map[string]*dto.MetricFamily {
	t.Helper()
	now := time.Now()
	registry := client.NewRegistry()
	source.NewMetrics(registry, []string{"json"}, []string{"search"})
	s := demo(t)
	s.SLI.NewSeriesHold = 0
	s.SLI.Measures = slo.Measures(s.SLOs)
	recorder := sli.New(s.SLI, 1, zerolog.Nop())
	ledger := slo.NewLedger(slo.LedgerOptions{Objectives: s.SLOs, Retention: s.SLORetention, Silence: 5 * time.Minute, Log: zerolog.Nop()})
	store, err := state.Open(filepath.Join(t.TempDir(), state.FileName))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if err := store.View(func(tx *state.Tx) error { return ledger.Load(tx, now, true) }); err != nil {
		t.Fatal(err)
	}
	if err := recorder.Load(nil, now); err != nil {
		t.Fatal(err)
	}
	recorder.Count(0, []source.Span{{Service: "api-gateway", Operation: "GET /", Kind: source.KindServer, Failed: true, ErrorType: "503", Start: now.UnixMicro(), Duration: 1000}})
	if err := recorder.Save(nil, now, now); err != nil {
		t.Fatal(err)
	}
	if err := store.Update(func(tx *state.Tx) error { return ledger.Save(tx, source.Step{Now: now, Watermark: now}, recorder) }); err != nil {
		t.Fatal(err)
	}
	recorder.Publish()
	ledger.Publish()
	registry.MustRegister(sli.NewCollector(func() *sli.Recorder { return recorder }), slo.NewCollector(func() *slo.Ledger { return ledger }, nil),
		versioncollector.NewCollector("traceslo"), collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := &bytes.Buffer{}
	if err := sli.Write(out, expfmt.NewFormat(expfmt.TypeTextPlain), families, recorder, now); err != nil {
		t.Fatal(err)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	all, err := parser.TextToMetricFamilies(out)
	if err != nil {
		t.Fatal(err)
	}
	return all
}
