package sli_test

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/expfmt"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	dto "github.com/prometheus/client_model/go"

	"github.com/traceslo/traceslo/sli"
	"github.com/traceslo/traceslo/source"
)

// grouped returns the groups of spans that did not fail, in the order in which
// the first of each came, at random as several groups and with the durations of
// several in one, as a source may have it. Any span of a group stands for it.
func grouped(rng *rand.Rand, bounds []uint64, spans []source.Span) []source.Group {
	type labels struct {
		service, operation string
		kind               source.Kind
		tags               string
		minute             int64
		part               int
	}
	type key struct {
		labels
		root bool
		fine int
	}
	var groups []source.Group
	places, durations := map[key]int{}, map[labels]int{}
	together := rng.IntN(2) == 0
	for _, s := range spans {
		minute := int64(math.Floor(float64(s.End()) / 6e7))
		fine, _ := slices.BinarySearch(bounds, uint64(s.Duration))
		l := labels{s.Service, s.Operation, s.Kind, fmt.Sprintf("%q", s.Tags), minute, rng.IntN(2)}
		place, ok := places[key{l, s.Root, fine}]
		if !ok {
			place = len(groups)
			places[key{l, s.Root, fine}] = place
			groups = append(groups, source.Group{})
		}
		g := &groups[place]
		if g.Count++; g.Count == 1 || rng.IntN(2) == 0 {
			g.Span = s
			g.Span.TraceID, g.Span.SpanID = source.TraceID{}, 0
		}
		if first, ok := durations[l]; ok && together {
			place = first
		} else {
			durations[l] = place
		}
		groups[place].Duration += uint64(s.Duration)
	}
	return groups
}

// withoutExemplars returns what a scrape sees, in both forms of histograms.
func withoutExemplars(t *testing.T, r *sli.Recorder, at time.Time) []*dto.MetricFamily {
	t.Helper()
	families := parse(t, exposition(t, r, expfmt.NewFormat(expfmt.TypeProtoDelim), at), expfmt.NewFormat(expfmt.TypeProtoDelim))
	for _, f := range families {
		for _, m := range f.Metric {
			if h := m.Histogram; h != nil {
				h.Exemplars = nil
				for _, b := range h.Bucket {
					b.Exemplar = nil
				}
			}
		}
	}
	return families
}

func TestGroupsCountAsTheirSpansDo(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(seed, 1))
			cfg := testConfig()
			cfg.Deduplicate = 0
			for i := range rng.IntN(3) {
				cfg.Dimensions = append(cfg.Dimensions, sli.Dimension{Tag: fmt.Sprint("t", i), Label: fmt.Sprint("l", i)})
			}
			if seed%3 > 0 {
				cfg.Limits = sli.Limits{Series: 1 + rng.IntN(40), Services: 1 + rng.IntN(6), OperationsPerService: 1 + rng.IntN(6),
					ErrorTypesPerService: 1 + rng.IntN(4), ValuesPerDimension: 1 + rng.IntN(3), DeduplicateSpans: 1 << 20}
			}
			for range 1 + rng.IntN(12) {
				cfg.Measures = append(cfg.Measures, randomMeasure(rng, cfg.Dimensions))
			}
			bounds := cfg.Fine()
			singly, together := newRecorder(t, cfg), newRecorder(t, cfg)
			at := start
			for range 20 {
				at = at.Add(time.Second)
				var failures, others []source.Span
				for range rng.IntN(200) {
					if s := randomSpan(rng, len(singly.Tags())); s.Failed {
						failures = append(failures, s)
					} else {
						others = append(others, s)
					}
				}
				singly.Count(0, failures)
				singly.Count(0, others)
				together.Count(0, failures)
				together.CountGroups(0, grouped(rng, bounds, others), nil)

				if diff := difference(minutesOf(t, singly, 2), minutesOf(t, together, 2)); diff != "" {
					t.Fatalf("groups are judged otherwise (-singly +together):\n%s", diff)
				}
				if diff := difference(culpritsOf(singly), culpritsOf(together)); diff != "" {
					t.Fatalf("groups blame others (-singly +together):\n%s", diff)
				}
				if diff := difference(platformOf(singly), platformOf(together)); diff != "" {
					t.Fatalf("groups count in other minutes (-singly +together):\n%s", diff)
				}
				step(t, singly, at)
				step(t, together, at)
				if a, b := withoutExemplars(t, singly, at), withoutExemplars(t, together, at); !slices.EqualFunc(a, b, func(f, g *dto.MetricFamily) bool { return proto.Equal(f, g) }) {
					t.Fatalf("groups are counted otherwise (-singly +together):\n%s", cmp.Diff(a, b, protocmp.Transform()))
				}
				if diff := difference(figures(t, singly), figures(t, together)); diff != "" {
					t.Fatalf("groups meet other limits (-singly +together):\n%s", diff)
				}
			}
		})
	}
}

func TestExamplesShowWhatIsCountedAndCountNothing(t *testing.T) {
	cfg := measuring(sli.Measure{Indicator: indicator(t, "latency: {threshold: 1s}")})
	cfg.Deduplicate = 0
	r := newRecorder(t, cfg)
	fast, slow, foreign := span("o", 10*time.Millisecond), span("o", 2*time.Second), span("elsewhere", 2*time.Second)
	groups := []source.Group{{Span: fast, Count: 5, Duration: 50_000}, {Span: slow, Count: 3, Duration: 6_000_000}}
	for i := range groups {
		groups[i].Span.TraceID, groups[i].Span.SpanID = source.TraceID{}, 0
	}
	r.CountGroups(0, groups, []source.Span{fast, slow, foreign})
	var bad []uint64
	for e := range r.BadEvents() {
		bad = append(bad, e.SpanID)
	}
	if want := []uint64{slow.SpanID}; !slices.Equal(bad, want) {
		t.Errorf("the bad events are the spans %d, want %d", bad, want)
	}
	step(t, r, start)
	got := samples(t, r, start)
	want := map[string]float64{`jaeger_traces_total{operation="o",service="a",span_kind="server"}`: 8}
	for name := range maps.Keys(got) {
		if contains(name, "jaeger_traces_total") && got[name] != want[name] {
			t.Errorf("%s is %v, want %v", name, got[name], want[name])
		}
	}
	shown := exemplarsOf(t, r)
	if want := []string{fmt.Sprintf("%x", fast.TraceID), fmt.Sprintf("%x", slow.TraceID)}; !slices.Equal(shown, want) {
		t.Errorf("the exemplars are of the traces %v, want %v", shown, want)
	}
}

// exemplarsOf returns the traces of the exemplars of the classic buckets, in their order.
func exemplarsOf(t *testing.T, r *sli.Recorder) (traces []string) {
	t.Helper()
	for _, f := range parse(t, exposition(t, r, expfmt.NewFormat(expfmt.TypeProtoDelim), start), expfmt.NewFormat(expfmt.TypeProtoDelim)) {
		for _, m := range f.Metric {
			for _, b := range m.GetHistogram().GetBucket() {
				for _, l := range b.GetExemplar().GetLabel() {
					traces = append(traces, l.GetValue())
				}
			}
		}
	}
	return traces
}

func TestFineBucketsAreOnOneSideOfEveryBound(t *testing.T) {
	cfg := measuring(sli.Measure{Indicator: indicator(t, "latency: {threshold: 333333us}")})
	fine := cfg.Fine()
	if !slices.IsSorted(fine) || len(slices.Compact(slices.Clone(fine))) != len(fine) {
		t.Fatalf("the bounds do not ascend: %d", fine)
	}
	for _, bound := range cfg.Scale() {
		if _, found := slices.BinarySearch(fine, uint64(bound.Microseconds())); !found {
			t.Errorf("%v is no bound of a fine bucket", bound)
		}
	}
}
