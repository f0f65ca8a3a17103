package sli_test

import (
	"bytes"
	"fmt"
	"math"
	"path/filepath"
	"reflect"
	"sort"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/rs/zerolog"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/traceslo/traceslo/internal/state"
	"github.com/traceslo/traceslo/sli"
	"github.com/traceslo/traceslo/source"
)

// start is when the tests begin.
var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// testConfig is the default configuration, showing everything at once.
func testConfig() sli.Config {
	cfg := sli.Default()
	cfg.NewSeriesHold = 0
	return cfg
}

// newRecorder returns a recorder with an empty state.
func newRecorder(t testing.TB, cfg sli.Config) *sli.Recorder {
	t.Helper()
	for _, f := range cfg.Validate() {
		if !f.Warning {
			t.Fatalf("the test's configuration: %s: %s", f.Path, f.Problem)
		}
	}
	r := sli.New(cfg, 2, zerolog.Nop())
	if err := r.Load(nil, start); err != nil {
		t.Fatal(err)
	}
	return r
}

// step saves and publishes at now in memory, with everything read.
func step(t testing.TB, r *sli.Recorder, now time.Time) {
	t.Helper()
	if err := r.Save(nil, now, now); err != nil {
		t.Fatal(err)
	}
	r.Publish()
}

// A store is a state file and how a recorder is used with it.
type store struct {
	t testing.TB
	*state.Store
}

func openStore(t testing.TB) store {
	t.Helper()
	s, err := state.Open(filepath.Join(t.TempDir(), state.FileName))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return store{t, s}
}

func (s store) load(cfg sli.Config, now time.Time) *sli.Recorder {
	s.t.Helper()
	r := sli.New(cfg, 2, zerolog.Nop())
	if err := s.View(func(tx *state.Tx) error { return r.Load(tx, now) }); err != nil {
		s.t.Fatal(err)
	}
	return r
}

// step saves, commits and publishes, with everything read up to watermark.
func (s store) step(r *sli.Recorder, now, watermark time.Time) {
	s.t.Helper()
	if err := s.Update(func(tx *state.Tx) error { return r.Save(tx, now, watermark) }); err != nil {
		s.t.Fatal(err)
	}
	r.Publish()
}

// spanNumber gives each span of a test process an id of its own.
var spanNumber uint64

// span returns a span of the service a that is not like any before.
func span(operation string, duration time.Duration, change ...func(*source.Span)) source.Span {
	spanNumber++
	s := source.Span{
		SpanID:    spanNumber,
		Service:   "a",
		Operation: operation,
		Kind:      source.KindServer,
		Start:     start.Add(-time.Minute).UnixMicro() + int64(spanNumber),
		Duration:  duration.Microseconds(),
	}
	s.TraceID[0], s.TraceID[15] = 0xab, byte(spanNumber)
	for _, f := range change {
		f(&s)
	}
	return s
}

func of(service string) func(*source.Span)     { return func(s *source.Span) { s.Service = service } }
func kind(k source.Kind) func(*source.Span)    { return func(s *source.Span) { s.Kind = k } }
func tags(values ...string) func(*source.Span) { return func(s *source.Span) { s.Tags = values } }
func failed(errorType string) func(*source.Span) {
	return func(s *source.Span) { s.Failed, s.ErrorType = true, errorType }
}

// exposition returns what a scrape at now sees.
func exposition(t testing.TB, r *sli.Recorder, format expfmt.Format, now time.Time) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := sli.Write(&b, format, nil, r, now); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// samples returns every sample of a scrape at now by its name and labels, the
// labels sorted, as in jaeger_traces_total{operation="x",service="a",…}.
func samples(t testing.TB, r *sli.Recorder, now time.Time) map[string]float64 {
	t.Helper()
	families := parse(t, exposition(t, r, expfmt.FmtText, now), expfmt.FmtText)
	return flatten(families)
}

// parse reads an exposition with expfmt's own decoder.
func parse(t testing.TB, data []byte, format expfmt.Format) []*dto.MetricFamily {
	t.Helper()
	var families []*dto.MetricFamily
	d := expfmt.NewDecoder(bytes.NewReader(data), format)
	for {
		f := new(dto.MetricFamily)
		err := d.Decode(f)
		if err != nil {
			if err.Error() == "EOF" {
				return families
			}
			t.Fatalf("%v in\n%.2000s", err, data)
		}
		families = append(families, f)
	}
}

// flatten turns families into samples.
func flatten(families []*dto.MetricFamily) map[string]float64 {
	out := map[string]float64{}
	for _, f := range families {
		for _, m := range f.Metric {
			if h := m.Histogram; h != nil {
				for _, b := range h.Bucket {
					le := fmt.Sprint(b.GetUpperBound())
					if math.IsInf(b.GetUpperBound(), 1) {
						le = "+Inf"
					}
					out[key(f.GetName()+"_bucket", m, "le", le)] = float64(b.GetCumulativeCount())
				}
				out[key(f.GetName()+"_sum", m)] = h.GetSampleSum()
				out[key(f.GetName()+"_count", m)] = float64(h.GetSampleCount())
				continue
			}
			out[key(f.GetName(), m)] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return out
}

func key(name string, m *dto.Metric, more ...string) string {
	var pairs []string
	for _, l := range m.Label {
		pairs = append(pairs, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
	}
	if len(more) == 2 {
		pairs = append(pairs, fmt.Sprintf("%s=%q", more[0], more[1]))
	}
	sort.Strings(pairs)
	return name + "{" + strings.Join(pairs, ",") + "}"
}

// figures returns the recorder's figures of itself.
func figures(t testing.TB, r *sli.Recorder) map[string]float64 {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(sli.NewCollector(func() *sli.Recorder { return r }))
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	return flatten(families)
}

// unsafeString returns a string in the memory of b, as sources do.
func unsafeString(b []byte) string { return unsafe.String(&b[0], len(b)) }

func page(spans ...source.Span) []source.Span { return spans }

func contains(s, part string) bool { return strings.Contains(s, part) }

// difference is cmp.Diff, sooner done where there is none: it sorts the keys of maps first.
func difference(want, got any) string {
	if reflect.DeepEqual(want, got) {
		return ""
	}
	return cmp.Diff(want, got)
}
