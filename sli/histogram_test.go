package sli_test

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"github.com/traceslo/traceslo/source"
)

// histograms returns the histogram of each operation, with its native buckets.
func histograms(t testing.TB, data []byte) map[string]*dto.Histogram {
	out := map[string]*dto.Histogram{}
	for _, f := range parse(t, data, expfmt.FmtProtoDelim) {
		for _, m := range f.Metric {
			if m.Histogram == nil {
				continue
			}
			for _, l := range m.Label {
				if l.GetName() == "operation" {
					out[l.GetValue()] = m.Histogram
				}
			}
		}
	}
	return out
}

// native returns the counts of a native histogram by index.
func native(h *dto.Histogram) map[int]int64 {
	out := map[int]int64{}
	index, place, n := 0, 0, int64(0)
	for _, s := range h.PositiveSpan {
		index += int(s.GetOffset())
		for range s.GetLength() {
			if n += h.PositiveDelta[place]; n > 0 {
				out[index] = n
			}
			index++
			place++
		}
	}
	return out
}

// nativeIndex is Prometheus' definition in whole numbers: the least i with
// d·10⁻⁶ ≤ 2^(i/8), which is d⁸ ≤ 2^i·10⁴⁸.
func nativeIndex(micros int64) int {
	d8 := new(big.Int).Exp(big.NewInt(micros), big.NewInt(8), nil)
	unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(48), nil)
	i := int(math.Floor(8*math.Log2(float64(micros)/1e6))) - 2
	for {
		left, right := new(big.Int).Set(d8), new(big.Int).Set(unit)
		if i >= 0 {
			right.Lsh(right, uint(i))
		} else {
			left.Lsh(left, uint(-i))
		}
		if left.Cmp(right) <= 0 {
			return i
		}
		i++
	}
}

func TestNativeBucketsAreThoseOfPrometheusAtEveryEdge(t *testing.T) {
	cfg := testConfig()
	cfg.Limits.OperationsPerService = 10_000
	r := newRecorder(t, cfg)
	var page []source.Span
	seen := map[int64]bool{}
	want := map[string]int{}
	add := func(micros int64) {
		if micros < 1 || seen[micros] {
			return
		}
		seen[micros] = true
		operation := fmt.Sprint(micros)
		s := span(operation, 0)
		s.Duration = micros
		page = append(page, s)
		want[operation] = nativeIndex(micros)
	}
	for i := -170; i <= 344; i++ {
		edge := math.Exp2(float64(i)/8) * 1e6
		for off := -2; off <= 2; off++ {
			if edge < 1<<53 {
				add(int64(edge) + int64(off))
			}
		}
		// Beyond what a float64 resolves, the edge in whole numbers.
		if i >= 0 {
			x := new(big.Int).Exp(big.NewInt(10), big.NewInt(48), nil)
			x.Lsh(x, uint(i))
			x.Sqrt(x.Sqrt(x.Sqrt(x)))
			for off := int64(-1); off <= 1; off++ {
				add(x.Int64() + off)
			}
		}
	}
	for d := int64(1); d < 2000; d++ {
		add(d)
	}
	add(math.MaxInt64)
	r.Count(0, page)
	step(t, r, start)
	got := histograms(t, exposition(t, r, expfmt.FmtProtoDelim, start))
	if len(got) != len(want) {
		t.Fatalf("%d histograms, want %d", len(got), len(want))
	}
	for operation, index := range want {
		if diff := cmp.Diff(map[int]int64{index: 1}, native(got[operation])); diff != "" {
			t.Errorf("%s µs (-want +got):\n%s", operation, diff)
		}
	}
}

func TestHistogramEqualsTheClientLibrarys(t *testing.T) {
	cfg := testConfig()
	var buckets []float64
	for _, b := range cfg.Buckets {
		buckets = append(buckets, b.Seconds())
	}
	rng := rand.New(rand.NewPCG(1, 1))
	r := newRecorder(t, cfg)
	want := map[string]*dto.Histogram{}
	for i := range 50 {
		h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "h", Buckets: buckets, NativeHistogramBucketFactor: 1.1})
		operation := fmt.Sprint("o", i)
		var page []source.Span
		for range 1 + rng.IntN(400) {
			micros := int64(math.Exp2(rng.Float64() * float64(1+i)))
			if rng.IntN(20) == 0 {
				micros = 0
			}
			s := span(operation, time.Duration(micros)*time.Microsecond)
			page = append(page, s)
			h.Observe(float64(micros) / 1e6)
		}
		r.Count(0, page)
		var m dto.Metric
		if err := h.Write(&m); err != nil {
			t.Fatal(err)
		}
		// The client library leaves the bound +Inf out.
		m.Histogram.Bucket = append(m.Histogram.Bucket, &dto.Bucket{UpperBound: new(math.Inf(1)), CumulativeCount: m.Histogram.SampleCount})
		want[operation] = m.Histogram
	}
	step(t, r, start)
	got := histograms(t, exposition(t, r, expfmt.FmtProtoDelim, start))
	opts := cmp.Options{
		cmpopts.IgnoreUnexported(dto.Histogram{}, dto.Bucket{}, dto.BucketSpan{}),
		cmpopts.IgnoreFields(dto.Histogram{}, "CreatedTimestamp"),
		cmpopts.IgnoreFields(dto.Bucket{}, "Exemplar"),
		cmpopts.EquateApprox(1e-12, 0), // the library adds floats
		cmpopts.EquateEmpty(),
	}
	if diff := cmp.Diff(want, got, opts); diff != "" {
		t.Errorf("(-want +got):\n%.5000s", diff)
	}
}

func TestSumIsExactBeyond64Bits(t *testing.T) {
	r := newRecorder(t, testConfig())
	for range 3 {
		var page []source.Span
		for range 3 {
			s := span("o", 0)
			s.Duration = math.MaxInt64
			page = append(page, s)
		}
		r.Count(0, page)
		step(t, r, start)
	}
	got := samples(t, r, start)[`jaeger_trace_duration_seconds_sum{operation="o",service="a",span_kind="server"}`]
	if want := 9 * float64(math.MaxInt64) / 1e6; got != want {
		t.Errorf("the sum is %v, want %v", got, want)
	}
}

func TestANegativeDurationCountsAsZero(t *testing.T) {
	r := newRecorder(t, testConfig())
	s := span("o", 0)
	s.Duration = -5
	r.Count(0, []source.Span{s})
	step(t, r, start)
	if got := samples(t, r, start)[`jaeger_trace_duration_seconds_bucket{le="0.005",operation="o",service="a",span_kind="server"}`]; got != 1 {
		t.Errorf("the first bucket has %v spans, want 1", got)
	}
}
