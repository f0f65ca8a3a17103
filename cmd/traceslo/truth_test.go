package main_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
)

// A stored is a span as a test stores it: what must be counted of it, and
// nothing of how traceslo reads it.
type stored struct {
	service, operation, kind string
	failed                   bool
	errorType                string
	start, duration          int64 // µs
	traceID, spanID          uint64
}

// randomSpan returns a span of a small platform that started about an hour
// around base.
func randomSpan(rnd *rand.Rand, service string, base time.Time) stored {
	s := stored{
		service:   service,
		operation: fmt.Sprintf("operation-%d", rnd.IntN(7)),
		kind:      []string{"server", "client", "producer", "consumer", "internal", "unspecified"}[rnd.IntN(6)],
		start:     base.UnixMicro() + rnd.Int64N(3_600_000_000),
		duration:  int64(math.Exp(rnd.NormFloat64()*2 + 11)),
		traceID:   rnd.Uint64(), spanID: rnd.Uint64(),
	}
	if rnd.IntN(50) == 0 {
		// Exactly on a bucket's bound, where an error of one shows.
		s.duration = []int64{0, 5_000, 100_000, 2_500_000, 5_000_000, 60_000_000}[rnd.IntN(6)]
	}
	if rnd.IntN(10) == 0 {
		s.failed, s.errorType = true, []string{"TimeoutError", "503", "unknown"}[rnd.IntN(3)]
	}
	return s
}

// document writes the span as Jaeger v1 does (nested) or as v2.8 and later do.
// It shares no code with the product's own writer.
func (s stored) document(nested bool) []byte {
	type tag struct {
		Key   string `json:"key"`
		Type  string `json:"type"`
		Value any    `json:"value"`
	}
	tags, elevated := []tag{{"http.method", "string", "GET"}}, map[string]any{}
	put := func(key, kind string, value any) {
		if nested {
			tags = append(tags, tag{key, kind, value})
		} else {
			elevated[strings.ReplaceAll(key, ".", "@")] = value
		}
	}
	if s.kind != "unspecified" {
		put("span.kind", "string", s.kind)
	}
	if s.failed {
		put("error", "bool", true)
		if s.errorType == "503" {
			tags = append(tags, tag{"http.response.status_code", "int64", 503})
		} else if s.errorType != "unknown" {
			tags = append(tags, tag{"error.type", "string", s.errorType})
		}
	}
	doc := map[string]any{
		"traceID": fmt.Sprintf("%032x", s.traceID), "spanID": fmt.Sprintf("%016x", s.spanID), "operationName": s.operation,
		"references": []any{}, "startTime": s.start, "startTimeMillis": s.start / 1000, "duration": s.duration,
		"tags": tags, "logs": []any{}, "process": map[string]any{"serviceName": s.service, "tags": []tag{{"host.name", "string", "vm"}}},
	}
	if len(elevated) > 0 {
		doc["tag"] = elevated
	}
	text, err := json.Marshal(doc)
	if err != nil {
		panic(err)
	}
	return text
}

// A truth is an independent count of what was stored, in Prometheus' own histograms.
type truth struct {
	// bounds are those of the classic histogram.
	bounds []float64

	mu        sync.Mutex // guards all below
	spans     int
	series    map[string]prometheus.Histogram
	durations map[string][]int64
	errors    map[string]int
}

func newTruth() *truth {
	return &truth{bounds: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}, series: map[string]prometheus.Histogram{}, durations: map[string][]int64{}, errors: map[string]int{}}
}

func (tr *truth) add(s stored) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	key := s.service + " " + s.operation + " " + s.kind
	h, ok := tr.series[key]
	if !ok {
		h = prometheus.NewHistogram(prometheus.HistogramOpts{Name: "h", Help: "h", NativeHistogramBucketFactor: 1.1,
			Buckets: tr.bounds})
		tr.series[key] = h
	}
	h.Observe(float64(s.duration) / 1e6)
	tr.durations[key] = append(tr.durations[key], s.duration)
	tr.spans++
	if s.failed {
		tr.errors[key+" "+s.errorType]++
	}
}

// histogram is what both sides are compared in.
type histogram struct {
	Count   uint64
	Micros  int64
	Classic map[float64]uint64
	Native  map[int]int64
	Zero    uint64
}

func toHistogram(h *dto.Histogram, micros int64) histogram {
	out := histogram{Count: h.GetSampleCount(), Micros: micros, Classic: map[float64]uint64{}, Native: map[int]int64{}, Zero: h.GetZeroCount()}
	for _, b := range h.GetBucket() {
		if !math.IsInf(b.GetUpperBound(), 1) {
			out.Classic[b.GetUpperBound()] = b.GetCumulativeCount()
		}
	}
	index, delta, n := 0, 0, int64(0)
	for _, span := range h.GetPositiveSpan() {
		index += int(span.GetOffset())
		for range span.GetLength() {
			n += h.GetPositiveDelta()[delta]
			delta++
			if n != 0 {
				out.Native[index] = n
			}
			index++
		}
	}
	return out
}

// plus adds up two histograms of the same bounds.
func (h histogram) plus(other histogram) histogram {
	if h.Classic == nil {
		return other
	}
	h.Count += other.Count
	h.Micros += other.Micros
	h.Zero += other.Zero
	for bound, n := range other.Classic {
		h.Classic[bound] += n
	}
	for index, n := range other.Native {
		h.Native[index] += n
	}
	return h
}

// scrape reads /metrics in the format that carries everything.
func scrape(url string) (map[string]*dto.MetricFamily, error) {
	request, err := http.NewRequest(http.MethodGet, url+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", string(expfmt.NewFormat(expfmt.TypeProtoDelim)))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("/metrics: status %d", response.StatusCode)
	}
	decoder := expfmt.NewDecoder(response.Body, expfmt.ResponseFormat(response.Header))
	families := map[string]*dto.MetricFamily{}
	for {
		family := &dto.MetricFamily{}
		if err := decoder.Decode(family); errors.Is(err, io.EOF) {
			return families, nil
		} else if err != nil {
			return nil, err
		}
		families[family.GetName()] = family
	}
}

// sum adds up the counters and gauges of a family whose labels hold all given pairs.
func sum(families map[string]*dto.MetricFamily, name string, pairs ...string) float64 {
	total := 0.0
metric:
	for _, m := range families[name].GetMetric() {
		for i := 0; i < len(pairs); i += 2 {
			if labels(m)[pairs[i]] != pairs[i+1] {
				continue metric
			}
		}
		total += m.GetCounter().GetValue() + m.GetGauge().GetValue()
	}
	return total
}

func labels(m *dto.Metric) map[string]string {
	out := map[string]string{}
	for _, pair := range m.GetLabel() {
		out[pair.GetName()] = pair.GetValue()
	}
	return out
}

// compare fails the test for every series that differs from the truth. Those of
// several readers are added up.
func (tr *truth) compare(t testing.TB, families map[string]*dto.MetricFamily) {
	t.Helper()
	tr.mu.Lock()
	defer tr.mu.Unlock()
	got := map[string]histogram{}
	for _, m := range families["jaeger_trace_duration_seconds"].GetMetric() {
		l := labels(m)
		key := l["service"] + " " + l["operation"] + " " + l["span_kind"]
		got[key] = got[key].plus(toHistogram(m.GetHistogram(), int64(math.Round(m.GetHistogram().GetSampleSum()*1e6))))
	}
	want := map[string]histogram{}
	totals := map[string]float64{}
	for key, h := range tr.series {
		var m dto.Metric
		if err := h.Write(&m); err != nil {
			t.Fatal(err)
		}
		micros := int64(0)
		for _, d := range tr.durations[key] {
			micros += d
		}
		want[key] = toHistogram(m.GetHistogram(), micros)
		totals[key] = float64(len(tr.durations[key]))
	}
	failures := map[string]float64{}
	for key, n := range tr.errors {
		failures[key] = float64(n)
	}
	differ := func(what string, want, got string) {
		if want != got {
			t.Errorf("%s:\n want %s\n got  %s", what, want, got)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(union(want, got))) {
		differ("jaeger_trace_duration_seconds "+key, fmt.Sprintf("%+v", want[key]), fmt.Sprintf("%+v", got[key]))
	}
	gotTotals, gotErrors := map[string]float64{}, map[string]float64{}
	for _, m := range families["jaeger_traces_total"].GetMetric() {
		l := labels(m)
		gotTotals[l["service"]+" "+l["operation"]+" "+l["span_kind"]] += m.GetCounter().GetValue()
	}
	for _, m := range families["jaeger_trace_errors_total"].GetMetric() {
		l := labels(m)
		gotErrors[l["service"]+" "+l["operation"]+" "+l["span_kind"]+" "+l["error_type"]] += m.GetCounter().GetValue()
	}
	for _, key := range slices.Sorted(maps.Keys(union(totals, gotTotals))) {
		differ("jaeger_traces_total "+key, fmt.Sprint(totals[key]), fmt.Sprint(gotTotals[key]))
	}
	for _, key := range slices.Sorted(maps.Keys(union(failures, gotErrors))) {
		differ("jaeger_trace_errors_total "+key, fmt.Sprint(failures[key]), fmt.Sprint(gotErrors[key]))
	}
}

func union[V any](a, b map[string]V) map[string]bool {
	all := map[string]bool{}
	for k := range a {
		all[k] = true
	}
	for k := range b {
		all[k] = true
	}
	return all
}

// A listener hears that a comparison fails, in place of the test.
type listener struct {
	testing.TB
	failed bool
}

// Errorf implements testing.TB.
func (l *listener) Errorf(string, ...any) { l.failed = true }

// TestTheTruthKnowsALie makes sure that compare can fail.
func TestTheTruthKnowsALie(t *testing.T) {
	tr := newTruth()
	tr.add(randomSpan(rand.New(rand.NewPCG(1, 1)), "a", time.Now()))
	l := &listener{TB: t}
	tr.compare(l, nil)
	if !l.failed {
		t.Error("a span that nobody counted makes no difference")
	}
}
