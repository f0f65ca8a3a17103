package sli_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/traceslo/traceslo/internal/state"
	"github.com/traceslo/traceslo/sli"
	"github.com/traceslo/traceslo/source"
)

// An oracle counts spans in the plainest way there is.
type oracle struct {
	cfg sli.Config
	saved
	// committed is what the last commit holds.
	committed saved
	// recount judges the spans that were counted since.
	recount recount
}

// saved is what an oracle knows at one moment.
type saved struct {
	seen   map[string]bool
	counts map[string]float64
	// admitted has every label set by its labels, and the names below that
	// the limits count: services, operations by service, and so on.
	admitted map[string]bool
	names    map[string]map[string]bool
	over     map[string]float64
}

func newOracle(cfg sli.Config) *oracle {
	o := &oracle{cfg: cfg, recount: newRecount(cfg)}
	o.committed = saved{map[string]bool{}, map[string]float64{}, map[string]bool{}, map[string]map[string]bool{}, map[string]float64{}}
	o.discard()
	return o
}

func (s saved) clone() saved {
	c := saved{maps.Clone(s.seen), maps.Clone(s.counts), maps.Clone(s.admitted), map[string]map[string]bool{}, maps.Clone(s.over)}
	for k, v := range s.names {
		c.names[k] = maps.Clone(v)
	}
	return c
}

func (o *oracle) commit() {
	o.committed = o.saved.clone()
	o.recount = newRecount(o.cfg)
}

func (o *oracle) discard() {
	o.saved = o.committed.clone()
	o.recount = newRecount(o.cfg)
}

// room reports whether name has or gets a place among those of that group.
func (o *oracle) room(group, name string, limit int) bool {
	n := len(o.names[group])
	if o.names[group]["_other"] {
		n--
	}
	return o.names[group][name] || name == "_other" || n < limit
}

func (o *oracle) take(group, name string) {
	if o.names[group] == nil {
		o.names[group] = map[string]bool{}
	}
	o.names[group][name] = true
}

func (o *oracle) count(s source.Span) {
	identity := fmt.Sprint(s.TraceID, s.SpanID, s.Kind, s.Service, s.Start, s.Duration)
	if o.cfg.Deduplicate > 0 {
		if o.seen[identity] {
			return
		}
		o.seen[identity] = true
	}
	l, service, operation := o.cfg.Limits, s.Service, s.Operation
	var met []string
	if !o.room("services", service, l.Services) {
		service, operation, met = "_other", "_other", append(met, "services")
	}
	if !o.room("operations of "+service, operation, l.OperationsPerService) {
		operation, met = "_other", append(met, "operations_per_service")
	}
	spare := operation == "_other"
	values := slices.Clone(s.Tags)
	values = values[:len(o.cfg.Dimensions)]
	for i, v := range values {
		if v != "" && !o.room(fmt.Sprint("values of ", i), v, l.ValuesPerDimension) {
			values[i], met = "_other", append(met, "values_per_dimension")
		}
		spare = spare && values[i] == "_other"
	}
	set := fmt.Sprint(service, "\x00", operation, "\x00", s.Kind, "\x00", strings.Join(values, "\x00"))
	counted := 0
	for _, isSpare := range o.admitted {
		if !isSpare {
			counted++
		}
	}
	if _, known := o.admitted[set]; !known && !spare && counted >= l.Series {
		operation, spare, met = "_other", true, append(met, "series")
		for i := range values {
			values[i] = "_other"
		}
		set = fmt.Sprint(service, "\x00", operation, "\x00", s.Kind, "\x00", strings.Join(values, "\x00"))
	}
	o.admitted[set] = spare
	o.take("services", service)
	o.take("operations of "+service, operation)
	for i, v := range values {
		if v != "" {
			o.take(fmt.Sprint("values of ", i), v)
		}
	}

	add := func(name string, n float64, more ...string) {
		pairs := []string{fmt.Sprintf("service=%q", service), fmt.Sprintf("operation=%q", operation), fmt.Sprintf("span_kind=%q", s.Kind)}
		for i, v := range values {
			if v != "" {
				pairs = append(pairs, fmt.Sprintf("%s=%q", o.cfg.Dimensions[i].Label, v))
			}
		}
		pairs = append(pairs, more...)
		sort.Strings(pairs)
		o.counts[name+"{"+strings.Join(pairs, ",")+"}"] += n
	}
	add("jaeger_traces_total", 1)
	add("jaeger_trace_duration_seconds_count", 1)
	add("jaeger_trace_duration_seconds_sum", float64(s.Duration)) // in µs, so as to stay exact
	for _, b := range o.cfg.Scale() {
		in := 0.
		if s.Duration <= b.Microseconds() {
			in = 1
		}
		add("jaeger_trace_duration_seconds_bucket", in, fmt.Sprintf("le=%q", fmt.Sprint(b.Seconds())))
	}
	add("jaeger_trace_duration_seconds_bucket", 1, `le="+Inf"`)
	errorType := ""
	if s.Failed {
		errorType = s.ErrorType
		if !o.room("errors of "+service, errorType, l.ErrorTypesPerService) {
			errorType, met = "_other", append(met, "error_types_per_service")
		}
		o.take("errors of "+service, errorType)
		add("jaeger_trace_errors_total", 1, fmt.Sprintf("error_type=%q", errorType))
	}
	o.recount.judge(s, service, operation, values, errorType)
	for _, limit := range slices.Compact(met) {
		o.over[fmt.Sprintf("traceslo_sli_overflow_spans_total{limit=%q,service=%q}", limit, service)]++
	}
}

// check compares what is scraped with what the oracle last committed.
func (o *oracle) check(t *testing.T, r *sli.Recorder, at time.Time) {
	t.Helper()
	want := map[string]float64{}
	for k, v := range o.committed.counts {
		if strings.HasPrefix(k, "jaeger_trace_duration_seconds_sum") {
			v /= 1e6
		}
		want[k] = v
	}
	if diff := difference(want, samples(t, r, at)); diff != "" {
		t.Fatalf("the recorder counted otherwise (-want +got):\n%s", diff)
	}
	o.recount.check(t, r)
}

// randomSpan draws from few values, so that spans collide in every way.
func randomSpan(rng *rand.Rand, tags int) source.Span {
	s := source.Span{
		SpanID:    rng.Uint64N(400),
		Service:   fmt.Sprint("s", rng.IntN(5)),
		Operation: fmt.Sprint("o", rng.IntN(6)),
		Kind:      source.Kind(rng.IntN(3)),
		Start:     start.UnixMicro() + rng.Int64N(3)*50_000_000,
		Root:      rng.IntN(2) == 0,
		Duration:  []int64{0, 1, 5000, 5001, 10_000, 777_777, 60_000_000, 60_000_001, 1 << 40}[rng.IntN(9)],
	}
	s.TraceID[15] = byte(rng.IntN(40))
	if rng.IntN(10) == 0 {
		s.Operation = "_other"
	}
	if rng.IntN(3) == 0 {
		s.Failed, s.ErrorType = true, fmt.Sprint("e", rng.IntN(5))
	}
	for range tags {
		s.Tags = append(s.Tags, []string{"", "x", "y", "7", "_other"}[rng.IntN(5)])
	}
	return s
}

func TestCountsEqualThePlainestRecount(t *testing.T) {
	for seed := range uint64(24) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(seed, 0))
			cfg := testConfig()
			if seed%4 == 0 {
				cfg.Deduplicate = 0
			}
			for i := range rng.IntN(3) {
				cfg.Dimensions = append(cfg.Dimensions, sli.Dimension{Tag: fmt.Sprint("t", i), Label: fmt.Sprint("l", i)})
			}
			if seed%3 > 0 {
				cfg.Limits = sli.Limits{Series: 1 + rng.IntN(40), Services: 1 + rng.IntN(6), OperationsPerService: 1 + rng.IntN(6),
					ErrorTypesPerService: 1 + rng.IntN(4), ValuesPerDimension: 1 + rng.IntN(3), DeduplicateSpans: 1 << 20}
			}
			for range rng.IntN(12) {
				cfg.Measures = append(cfg.Measures, randomMeasure(rng, cfg.Dimensions))
			}
			s, o := openStore(t), newOracle(cfg)
			at := start
			r := s.load(cfg, at)
			loaded := maps.Clone(o.committed.over)
			for range 40 {
				at = at.Add(time.Duration(rng.IntN(20)) * time.Second)
				switch rng.IntN(8) {
				case 0:
					r.Discard()
					o.discard()
				case 1: // killed and started again
					r = s.load(cfg, at)
					o.discard()
					loaded = maps.Clone(o.committed.over)
				case 2: // the commit fails; what follows is up to chance
					broken := errors.New("disk full")
					if err := s.Update(func(tx *state.Tx) error { return errors.Join(r.Save(tx, at, time.Time{}), broken) }); !errors.Is(err, broken) {
						t.Fatal(err)
					}
				case 3, 4:
					s.step(r, at, time.Time{})
					o.commit()
				default:
					page := make([]source.Span, rng.IntN(50))
					for i := range page {
						page[i] = randomSpan(rng, len(r.Tags()))
						o.count(page[i])
					}
					r.Count(rng.IntN(2), page)
				}
				o.check(t, r, at)
			}
			got := figures(t, r)
			for k, v := range o.committed.over {
				if v -= loaded[k]; v > 0 && got[k] != v {
					t.Errorf("%s is %v, want %v", k, got[k], v)
				}
			}
		})
	}
}

func TestWorkersCountAtOnce(t *testing.T) {
	cfg := testConfig()
	rng := rand.New(rand.NewPCG(7, 7))
	for range 8 {
		cfg.Measures = append(cfg.Measures, randomMeasure(rng, nil))
	}
	s, o := openStore(t), newOracle(cfg)
	r := s.load(cfg, start)
	for round := range 20 {
		var group sync.WaitGroup
		for w := range 2 {
			var pages [][]source.Span
			for range 5 {
				page := make([]source.Span, 200)
				for i := range page {
					page[i] = randomSpan(rng, len(r.Tags()))
					// Which of two equal spans is first does not matter if they are equal in all.
					page[i].SpanID = rng.Uint64N(1 << 20)
					page[i].Operation = fmt.Sprint("o", page[i].SpanID%50)
					page[i].Failed = page[i].SpanID%3 == 0
					page[i].ErrorType = fmt.Sprint("e", page[i].SpanID%7)
					page[i].Root = page[i].SpanID%2 == 0
					for j := range page[i].Tags {
						page[i].Tags[j] = fmt.Sprint(page[i].SpanID % 10)
					}
					o.count(page[i])
				}
				pages = append(pages, page)
			}
			group.Add(1)
			go func() {
				defer group.Done()
				for _, page := range pages {
					r.Count(w, page)
				}
			}()
		}
		scraping := make(chan struct{})
		go func() {
			defer close(scraping)
			samples(t, r, start)
			figures(t, r)
		}()
		group.Wait()
		o.recount.check(t, r)
		at := start.Add(time.Duration(round) * time.Second)
		if round%3 == 2 {
			r.Discard()
			o.discard()
		} else {
			s.step(r, at, at)
			o.commit()
		}
		<-scraping
		o.check(t, r, at)
	}
}

func TestSpansMemoryIsNotKept(t *testing.T) {
	cfg := testConfig()
	cfg.Dimensions = []sli.Dimension{{Tag: "env", Label: "environment"}}
	r := newRecorder(t, cfg)
	memory := []byte("checkout|POST /pay|Timeout|production")
	part := func(from, to int) string { return unsafeString(memory[from:to]) }
	s := span("", time.Second)
	s.Service, s.Operation, s.ErrorType, s.Failed, s.Tags = part(0, 8), part(9, 18), part(19, 26), true, []string{part(27, 37)}
	r.Count(0, []source.Span{s})
	copy(memory, strings.Repeat("X", len(memory)))
	s.Tags[0] = "Y"
	step(t, r, start)
	got := samples(t, r, start)
	want := `jaeger_trace_errors_total{environment="production",error_type="Timeout",operation="POST /pay",service="checkout",span_kind="server"}`
	if got[want] != 1 {
		t.Errorf("%s is missing in %v", want, got)
	}
	next := span("POST /pay", time.Second, of("checkout"), tags("production"), failed("Timeout"))
	r.Count(0, []source.Span{next})
	step(t, r, start)
	if got := samples(t, r, start)[want]; got != 2 {
		t.Errorf("%s is %v after another span, want 2", want, got)
	}
}

func TestTextOfSpansIsBounded(t *testing.T) {
	cfg := testConfig()
	cfg.Dimensions = []sli.Dimension{{Tag: "env", Label: "environment"}}
	r := newRecorder(t, cfg)
	long := strings.Repeat("ü", 200) // 400 bytes
	cut := strings.Repeat("ü", 128)
	for range 2 {
		r.Count(0, []source.Span{
			span("o", 1, of(long), tags(long), failed(long)),
			span("o", 1, of("x"+long), tags("x"+long), failed("x"+long)),
		})
		step(t, r, start)
	}
	got := samples(t, r, start)
	for _, want := range []string{cut, "x" + strings.Repeat("ü", 127)} {
		name := fmt.Sprintf("jaeger_trace_errors_total{environment=%q,error_type=%q,operation=\"o\",service=%q,span_kind=\"server\"}", want, want, want)
		if got[name] != 2 {
			t.Errorf("%s is %v, want 2", name, got[name])
		}
	}
}

func TestAFailureWithoutATypeIsUnknown(t *testing.T) {
	r := newRecorder(t, testConfig())
	r.Count(0, []source.Span{span("o", 1, failed("")), span("o", 1, failed("unknown"))})
	step(t, r, start)
	if got := samples(t, r, start)[`jaeger_trace_errors_total{error_type="unknown",operation="o",service="a",span_kind="server"}`]; got != 2 {
		t.Errorf("%v unknown errors, want 2", got)
	}
}
