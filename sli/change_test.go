package sli_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/expfmt"
	"github.com/rs/zerolog"

	"github.com/traceslo/traceslo/internal/state"
	"github.com/traceslo/traceslo/sli"
	"github.com/traceslo/traceslo/source"
)

func TestARestartChangesNothing(t *testing.T) {
	s := openStore(t)
	cfg := testConfig()
	cfg.Dimensions = []sli.Dimension{{Tag: "env", Label: "environment"}}
	r := s.load(cfg, start)
	rng := rand.New(rand.NewPCG(5, 5))
	for i := range 5 {
		var page []source.Span
		for range 200 {
			page = append(page, randomSpan(rng, 1))
		}
		r.Count(i%2, page)
		at := start.Add(time.Duration(i) * time.Minute)
		s.step(r, at, at)
	}
	// Text has no exemplars, which are not durable; protobuf shows the rest.
	at := start.Add(time.Hour)
	text := string(exposition(t, r, expfmt.FmtText, at))
	before := scrape(t, exposition(t, r, expfmt.FmtProtoDelim, at), string(expfmt.FmtProtoDelim))
	for range 3 {
		r = s.load(cfg, at)
		if diff := cmp.Diff(text, string(exposition(t, r, expfmt.FmtText, at))); diff != "" {
			t.Fatalf("(-before +after):\n%s", diff)
		}
		after := scrape(t, exposition(t, r, expfmt.FmtProtoDelim, at), string(expfmt.FmtProtoDelim))
		if diff := cmp.Diff([]any{before.Natives, before.Created}, []any{after.Natives, after.Created}); diff != "" {
			t.Fatalf("(-before +after):\n%s", diff)
		}
		s.step(r, at, time.Time{})
	}
}

func TestOtherBucketsGoOnFromTheNextLowerOnes(t *testing.T) {
	s := openStore(t)
	cfg := testConfig()
	cfg.Buckets = []time.Duration{10 * time.Millisecond, 100 * time.Millisecond, time.Second}
	r := s.load(cfg, start)
	page := []source.Span{span("o", 5*time.Millisecond), span("o", 50*time.Millisecond), span("o", 60*time.Millisecond), span("o", 500*time.Millisecond), span("o", 5*time.Second)}
	r.Count(0, page)
	s.step(r, start, start)

	cfg.Buckets = []time.Duration{time.Millisecond, 10 * time.Millisecond, 50 * time.Millisecond, 200 * time.Millisecond, 10 * time.Second}
	var log bytes.Buffer
	want := map[string]float64{"0.001": 0, "0.01": 1, "0.05": 1, "0.2": 3, "10": 4, "+Inf": 5}
	check := func(r *sli.Recorder, sum float64) {
		t.Helper()
		got := samples(t, r, start)
		for le, n := range want {
			if v, ok := got[fmt.Sprintf(`jaeger_trace_duration_seconds_bucket{le=%q,operation="o",service="a",span_kind="server"}`, le)]; !ok || v != n {
				t.Errorf("le=%s is %v, want %v", le, v, n)
			}
			delete(got, fmt.Sprintf(`jaeger_trace_duration_seconds_bucket{le=%q,operation="o",service="a",span_kind="server"}`, le))
		}
		if diff := cmp.Diff(map[string]float64{
			totalOfA: want["+Inf"],
			`jaeger_trace_duration_seconds_sum{operation="o",service="a",span_kind="server"}`:   sum,
			`jaeger_trace_duration_seconds_count{operation="o",service="a",span_kind="server"}`: want["+Inf"],
		}, got); diff != "" {
			t.Errorf("besides the buckets (-want +got):\n%s", diff)
		}
	}
	// Loading twice, without a Save between, does the same twice.
	for range 2 {
		log.Reset()
		r = sli.New(cfg, 1, zerolog.New(&log))
		if err := s.View(func(tx *state.Tx) error { return r.Load(tx, start) }); err != nil {
			t.Fatal(err)
		}
		check(r, 5.615)
	}
	if got := log.String(); !strings.Contains(got, `"added":["1ms","50ms","200ms","10s"]`) || !strings.Contains(got, `"removed":["100ms","1s"]`) {
		t.Errorf("the log says %s", got)
	}
	if got := figures(t, r)[`traceslo_sli_configuration_changes_total{change="buckets"}`]; got != 1 {
		t.Errorf("%v changes counted, want 1", got)
	}
	r.Count(0, []source.Span{span("p", time.Second)})
	r.Discard()
	r.Count(0, []source.Span{span("o", 20*time.Millisecond)})
	s.step(r, start, start)
	want = map[string]float64{"0.001": 0, "0.01": 1, "0.05": 2, "0.2": 4, "10": 5, "+Inf": 6}
	check(r, 5.635)
	r = s.load(cfg, start)
	check(r, 5.635)
	if got := figures(t, r)[`traceslo_sli_configuration_changes_total{change="buckets"}`]; got != 0 {
		t.Errorf("the change was applied again after it was saved")
	}
}

func TestOtherBucketsReachTheSetsThatCountNothingMeanwhile(t *testing.T) {
	s := openStore(t)
	cfg := testConfig()
	r := s.load(cfg, start)
	r.Count(0, []source.Span{span("o", time.Second)})
	s.step(r, start, start)
	cfg.Buckets = cfg.Buckets[3:7]
	r = s.load(cfg, start)
	s.step(r, start, start)
	before := exposition(t, r, expfmt.FmtText, start)
	r = s.load(cfg, start)
	if diff := cmp.Diff(string(before), string(exposition(t, r, expfmt.FmtText, start))); diff != "" {
		t.Errorf("(-saved +loaded):\n%s", diff)
	}
}

func TestOtherDimensionsStartTheSeriesAnew(t *testing.T) {
	s := openStore(t)
	cfg := testConfig()
	r := s.load(cfg, start)
	again := span("o", time.Second)
	r.Count(0, []source.Span{again, span("p", time.Second)})
	s.step(r, start, start)

	cfg.Dimensions = []sli.Dimension{{Tag: "env", Label: "environment"}}
	later := start.Add(time.Minute)
	r = s.load(cfg, later)
	if got := exposition(t, r, expfmt.FmtText, later); len(got) > 0 {
		t.Errorf("old series show:\n%s", got)
	}
	if got := figures(t, r)[`traceslo_sli_configuration_changes_total{change="dimensions"}`]; got != 1 {
		t.Errorf("%v changes counted, want 1", got)
	}
	again.Tags = []string{"x"}
	r.Count(0, []source.Span{again, span("o", time.Second, tags("production"))})
	s.step(r, later, later)
	const want = `jaeger_traces_total{environment="production",operation="o",service="a",span_kind="server"}`
	for range 2 {
		got := scrape(t, exposition(t, r, expfmt.FmtProtoDelim, later), string(expfmt.FmtProtoDelim))
		for name, created := range got.Created {
			if created != later.UnixMilli() {
				t.Errorf("%s was created at %d, want %d", name, created, later.UnixMilli())
			}
		}
		// The span counted before is still known: the dedup window goes on.
		if got := samples(t, r, later); totals(t, r, later) != 1 || got[want] != 1 {
			t.Errorf("%v", got)
		}
		r = s.load(cfg, later)
	}
}

func TestLowerLimitsEndNothing(t *testing.T) {
	s := openStore(t)
	cfg := testConfig()
	r := s.load(cfg, start)
	for i := range 5 {
		r.Count(0, []source.Span{span(fmt.Sprint("o", i), 1, of(fmt.Sprint("s", i)), failed("x"))})
	}
	s.step(r, start, start)
	cfg.Limits.Services, cfg.Limits.Series = 2, 2
	r = s.load(cfg, start)
	r.Count(0, []source.Span{span("o4", 1, of("s4")), span("new", 1, of("s4")), span("o", 1, of("new"))})
	s.step(r, start, start)
	got := samples(t, r, start)
	for name, want := range map[string]float64{
		`jaeger_traces_total{operation="o4",service="s4",span_kind="server"}`:         2,
		`jaeger_traces_total{operation="_other",service="s4",span_kind="server"}`:     1,
		`jaeger_traces_total{operation="_other",service="_other",span_kind="server"}`: 1,
	} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
}

func TestAStateThatIsNotUnderstoodIsRefused(t *testing.T) {
	for _, tt := range []struct {
		name        string
		bucket, key string
		value       string
		want        string
	}{
		{"a later format", "sli/meta", "meta", `{"format":99}`, "format 99 is not known"},
		{"no JSON", "sli/meta", "meta", `\x00`, `read "sli/meta"`},
		{"labels cut short", "sli/labels", "\x00\x00\x00\x00\x00\x00\x00\x01", "\x05a", "the record is damaged"},
		{"a record cut short", "sli/counts", "\x00\x00\x00\x00\x00\x00\x00\x01", "\x05", "the record is damaged"},
		{"a record that is missing", "sli/counts", "\x00\x00\x00\x00\x00\x00\x00\x01", "", "the record is damaged"},
		{"hashes cut short", "sli/dedup/00000000000000000001", "\x00\x00\x00\x00\x00\x00\x00\x09", "abc", "the record is damaged"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := openStore(t)
			r := s.load(testConfig(), start)
			r.Count(0, []source.Span{span("o", 1)})
			s.step(r, start, start)
			if err := s.Update(func(tx *state.Tx) error { return tx.Bucket(tt.bucket).Put([]byte(tt.key), []byte(tt.value)) }); err != nil {
				t.Fatal(err)
			}
			err := s.View(func(tx *state.Tx) error { return sli.New(testConfig(), 1, zerolog.Nop()).Load(tx, start) })
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}
