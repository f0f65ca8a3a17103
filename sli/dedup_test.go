package sli_test

import (
	"bytes"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/traceslo/traceslo/internal/state"
	"github.com/traceslo/traceslo/sli"
	"github.com/traceslo/traceslo/source"
)

const totalOfA = `jaeger_traces_total{operation="o",service="a",span_kind="server"}`

func TestWhatMakesTwoSpansTheSame(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*source.Span)
		same   bool
	}{
		{"nothing else", func(*source.Span) {}, true},
		{"another operation, as one of them was cut", func(s *source.Span) { s.Operation = "p" }, true},
		{"another outcome", failed("e"), true},
		{"another trace", func(s *source.Span) { s.TraceID[3]++ }, false},
		{"another span", func(s *source.Span) { s.SpanID++ }, false},
		{"another kind, as Zipkin's client and server", kind(source.KindClient), false},
		{"another service", of("b"), false},
		{"another start", func(s *source.Span) { s.Start++ }, false},
		{"another duration", func(s *source.Span) { s.Duration++ }, false},
	} {
		for _, apart := range []string{"in one page", "in two pages", "in two steps"} {
			t.Run(tt.name+" "+apart, func(t *testing.T) {
				r := newRecorder(t, testConfig())
				first := span("o", time.Second)
				second := first
				tt.change(&second)
				if apart == "in one page" {
					r.Count(0, []source.Span{first, second})
				} else {
					r.Count(0, []source.Span{first})
					if apart == "in two steps" {
						step(t, r, start)
					}
					r.Count(1, []source.Span{second})
				}
				step(t, r, start)
				want := 2.
				if tt.same {
					want = 1
				}
				if got := totals(t, r, start); got != want {
					t.Errorf("%v spans counted, want %v", got, want)
				}
				if got := figures(t, r)["traceslo_sli_duplicate_spans_total{}"]; got != 2-want {
					t.Errorf("%v duplicates, want %v", got, 2-want)
				}
			})
		}
	}
}

// totals returns the sum of jaeger_traces_total.
func totals(t testing.TB, r *sli.Recorder, at time.Time) float64 {
	t.Helper()
	n := 0.
	for k, v := range samples(t, r, at) {
		if strings.HasPrefix(k, "jaeger_traces_total") {
			n += v
		}
	}
	return n
}

// TestTheWindowFollowsTheWatermark counts a span and lets time pass, step by step; then
// it comes again.
func TestTheWindowFollowsTheWatermark(t *testing.T) {
	for _, tt := range []struct {
		name string
		// after is how much later the span comes again, and lag how far the
		// watermark stays behind.
		after, lag time.Duration
		// readTo, if set, is where the watermark stands still.
		readTo  time.Duration
		counted float64
	}{
		{"it comes again within the window", 9 * time.Minute, 0, 0, 1},
		{"at the end of the window", 10 * time.Minute, 0, 0, 1},
		{"long after the window", 30 * time.Minute, 0, 0, 2},
		{"long after, but the watermark lags behind", 30 * time.Minute, 25 * time.Minute, 0, 1},
		{"a day after, but one shard cannot be read since", 24 * time.Hour, 0, time.Minute, 1},
	} {
		for _, restart := range []bool{false, true} {
			t.Run(tt.name+map[bool]string{true: ", restarted all the time"}[restart], func(t *testing.T) {
				s := openStore(t)
				cfg := testConfig()
				r := s.load(cfg, start)
				again := span("o", time.Second)
				r.Count(0, []source.Span{again})
				s.step(r, start, start)
				n := 0
				for d := time.Minute; d < tt.after; d += max(time.Minute, tt.after/100) {
					r.Count(0, []source.Span{span("p", time.Second)})
					read := d - tt.lag
					if tt.readTo > 0 {
						read = min(read, tt.readTo)
					}
					s.step(r, start.Add(d), start.Add(read))
					if n++; restart && n%3 == 0 {
						r = s.load(cfg, start.Add(d))
					}
				}
				r.Count(0, []source.Span{again})
				s.step(r, start.Add(tt.after), start)
				if got := samples(t, r, start.Add(tt.after))[totalOfA]; got != tt.counted {
					t.Errorf("counted %v times, want %v", got, tt.counted)
				}
			})
		}
	}
}

// dedupBuckets returns the state file's buckets of the dedup window.
func dedupBuckets(s store) (names []string) {
	s.t.Helper()
	if err := s.View(func(tx *state.Tx) error { names = tx.Buckets("sli/dedup/"); return nil }); err != nil {
		s.t.Fatal(err)
	}
	return names
}

func TestTheWindowOnDiskIsBounded(t *testing.T) {
	s := openStore(t)
	r := s.load(testConfig(), start)
	for i := range 300 {
		at := start.Add(time.Duration(i) * time.Minute)
		r.Count(0, []source.Span{span("o", time.Second)})
		s.step(r, at, at)
		if n := len(dedupBuckets(s)); n > 7 {
			t.Fatalf("%d epochs after %d minutes, want at most 7", n, i)
		}
		if n := figures(t, r)["traceslo_sli_dedup_spans{}"]; n > 15 {
			t.Fatalf("%v spans remembered after %d minutes, one a minute, for 10 minutes", n, i)
		}
	}
}

func TestWithoutDeduplicationEverythingCountsAndTheWindowIsDropped(t *testing.T) {
	s := openStore(t)
	cfg := testConfig()
	r := s.load(cfg, start)
	again := span("o", time.Second)
	r.Count(0, []source.Span{again, again})
	s.step(r, start, start)
	cfg.Deduplicate = 0
	r = s.load(cfg, start)
	r.Count(0, []source.Span{again, again})
	s.step(r, start, start)
	if got := samples(t, r, start)[totalOfA]; got != 3 {
		t.Errorf("counted %v times, want 3", got)
	}
	if names := dedupBuckets(s); len(names) > 0 {
		t.Errorf("%q are still there", names)
	}
	cfg.Deduplicate = time.Minute
	r = s.load(cfg, start)
	r.Count(0, []source.Span{again, again})
	s.step(r, start, start)
	if got := samples(t, r, start)[totalOfA]; got != 4 {
		t.Errorf("counted %v times, want 4", got)
	}
}

func TestTooManySpansShortenTheWindow(t *testing.T) {
	cfg := testConfig()
	cfg.Limits.DeduplicateSpans = 1000
	s := openStore(t)
	var log bytes.Buffer
	r := sli.New(cfg, 1, zerolog.New(&log))
	if err := s.View(func(tx *state.Tx) error { return r.Load(tx, start) }); err != nil {
		t.Fatal(err)
	}
	var all []source.Span
	for range 100 {
		var page []source.Span
		for range 50 {
			page = append(page, span("o", time.Second))
		}
		all = append(all, page...)
		r.Count(0, page)
		s.step(r, start, time.Time{})
		if n := figures(t, r)["traceslo_sli_dedup_spans{}"]; n > 1000 {
			t.Fatalf("%v spans remembered, want at most 1000", n)
		}
	}
	if n := figures(t, r)["traceslo_sli_dedup_shortened_total{}"]; n == 0 {
		t.Error("that the window was shortened is not counted")
	}
	if n := strings.Count(log.String(), "shorter than configured"); n != 1 {
		t.Errorf("logged %d times, want once", n)
	}
	r.Count(0, slices.Clone(all[len(all)-800:])) // the last are remembered still
	s.step(r, start, time.Time{})
	if got := samples(t, r, start)[totalOfA]; got != 5000 {
		t.Errorf("%v spans counted, want 5000", got)
	}
	r.Count(0, slices.Clone(all[:500])) // the first are not
	s.step(r, start, time.Time{})
	if got := samples(t, r, start)[totalOfA]; got != 5500 {
		t.Errorf("%v spans counted, want 5500", got)
	}
}

func TestADiscardedStepCanBeCountedAgain(t *testing.T) {
	s := openStore(t)
	cfg := testConfig()
	cfg.Limits = sli.Limits{Series: 3, Services: 2, OperationsPerService: 2, ErrorTypesPerService: 1, ValuesPerDimension: 1, DeduplicateSpans: 1000}
	r := s.load(cfg, start)
	page := []source.Span{span("o", time.Second), span("p", time.Second, of("b"), failed("x")), span("q", time.Second, of("c")), span("r", 1)}
	for range 5 {
		r.Count(0, slices.Clone(page))
		r.Count(1, []source.Span{span("taking places", time.Second, of("zzz"), failed("y"))})
		r.Discard()
	}
	if got := exposition(t, r, "text/plain", start); len(got) > 0 {
		t.Errorf("a discarded step shows:\n%s", got)
	}
	r.Count(0, page)
	s.step(r, start, start)
	got := samples(t, r, start)
	for _, want := range []string{totalOfA, `jaeger_trace_errors_total{error_type="x",operation="p",service="b",span_kind="server"}`} {
		if got[want] != 1 {
			t.Errorf("%s is %v, want 1: the discarded step kept places or spans", want, got[want])
		}
	}
	f := figures(t, r)
	for name, want := range map[string]float64{
		"traceslo_sli_duplicate_spans_total{}":                                 0,
		`traceslo_sli_limit_used{limit="services"}`:                            2,
		`traceslo_sli_limit_used{limit="series"}`:                              3,
		`traceslo_sli_overflow_spans_total{limit="services",service="_other"}`: 1,
	} {
		if f[name] != want {
			t.Errorf("%s is %v, want %v", name, f[name], want)
		}
	}
}

// TestTheWindowTakes16BytesASpan measures the heap while the window grows.
func TestTheWindowTakes16BytesASpan(t *testing.T) {
	cfg := testConfig()
	r := sli.New(cfg, 1, zerolog.Nop())
	if err := r.Load(nil, start); err != nil {
		t.Fatal(err)
	}
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	rng := rand.New(rand.NewPCG(1, 1))
	page := make([]source.Span, 1000)
	count := func(pages int) {
		for range pages {
			for i := range page {
				page[i] = source.Span{SpanID: rng.Uint64(), Service: "a", Operation: "o"}
			}
			r.Count(0, page)
		}
		step(t, r, start)
	}
	count(20) // everything else has its memory now
	before := heap()
	for spans := 20_000; spans < 1_000_000; {
		count(20)
		spans += 20_000
		if spans < 200_000 {
			continue
		}
		// The 20,000 spans before the first measure are not in it.
		if each := float64(heap()-before) / float64(spans-20_000); each > 16 {
			t.Errorf("%.1f bytes a span at %d spans", each, spans)
		}
	}
	runtime.KeepAlive(r)
}

func TestAStepOfMoreSpansThanTheWindowHolds(t *testing.T) {
	cfg := testConfig()
	cfg.Limits.DeduplicateSpans = 10
	s := openStore(t)
	r := s.load(cfg, start)
	for i := range 5 {
		var page []source.Span
		for range 50 {
			page = append(page, span("o", time.Second))
		}
		r.Count(0, page)
		s.step(r, start, start)
		r.Count(0, []source.Span{span("o", time.Second)})
		s.step(r, start, start)
		r = s.load(cfg, start)
		if got, want := samples(t, r, start)[totalOfA], float64(51*(i+1)); got != want {
			t.Errorf("%v spans counted, want %v", got, want)
		}
		if n := len(dedupBuckets(s)); n > 2 {
			t.Errorf("%d epochs are kept", n)
		}
	}
}

func TestTheWindowMovesOnWhileNothingComes(t *testing.T) {
	r := newRecorder(t, testConfig())
	again := span("o", time.Second)
	r.Count(0, []source.Span{again})
	for minute := range 30 {
		step(t, r, start.Add(time.Duration(minute)*time.Minute))
	}
	if got := figures(t, r)["traceslo_sli_dedup_spans{}"]; got != 0 {
		t.Errorf("%v spans remembered, want none", got)
	}
	r.Count(0, []source.Span{again})
	step(t, r, start.Add(30*time.Minute))
	if got := samples(t, r, start)[totalOfA]; got != 2 {
		t.Errorf("counted %v times, want 2", got)
	}
}

// TestTheWindowForgetsExactlyWhatIsDiscarded takes many spans out of full tables.
func TestTheWindowForgetsExactlyWhatIsDiscarded(t *testing.T) {
	r := newRecorder(t, testConfig())
	rng := rand.New(rand.NewPCG(2, 2))
	spans := func(n int) []source.Span {
		page := make([]source.Span, n)
		for i := range page {
			page[i] = source.Span{SpanID: rng.Uint64(), Service: "a", Operation: "o", Kind: source.KindServer}
		}
		return page
	}
	kept := 0.
	var committed []source.Span
	for range 20 {
		page := spans(2000)
		r.Count(0, page)
		r.Discard()
		r.Count(1, spans(3000))
		r.Discard()
		r.Count(0, page)
		committed = append(committed, page...)
		kept += 2000
		step(t, r, start)
		if got := samples(t, r, start)[totalOfA]; got != kept {
			t.Fatalf("%v spans counted, want %v: a discarded span was still known", got, kept)
		}
		r.Count(0, slices.Clone(committed))
		step(t, r, start)
		if got := samples(t, r, start)[totalOfA]; got != kept {
			t.Fatalf("%v spans counted, want %v: another span was forgotten with the discarded", got, kept)
		}
	}
}
