package sli_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"

	"github.com/traceslo/traceslo/internal/state"
	"github.com/traceslo/traceslo/sli"
	"github.com/traceslo/traceslo/source"
)

func TestIdleSeriesEndAndFreeTheirPlaces(t *testing.T) {
	for _, restart := range []bool{false, true} {
		t.Run(fmt.Sprintf("restart=%t", restart), func(t *testing.T) { testIdleSeriesEnd(t, restart) })
	}
}

func testIdleSeriesEnd(t *testing.T, restart bool) {
	s := openStore(t)
	cfg := testConfig()
	cfg.Expire = time.Hour
	cfg.Dimensions = []sli.Dimension{{Tag: "env", Label: "environment"}}
	cfg.Limits = sli.Limits{Series: 2, Services: 2, OperationsPerService: 2, ErrorTypesPerService: 2, ValuesPerDimension: 2, DeduplicateSpans: 1000}
	r := s.load(cfg, start)
	idle := span("idle", 1, of("gone"), failed("x"), tags("a"))
	busy := func(f ...func(*source.Span)) source.Span {
		return span("busy", 1, append(f, tags("b"))...)
	}
	r.Count(0, []source.Span{idle, busy(failed("old")), busy(failed("kept"))})
	s.step(r, start, start)

	at := start.Add(59 * time.Minute)
	r.Count(0, []source.Span{busy(failed("kept"))})
	s.step(r, at, at)
	if got := len(samples(t, r, at)); got != 2*(16+1)+3 {
		t.Errorf("%d samples before the hour is over, want two label sets and three types of errors", got)
	}
	// The hour is over, but not everything of that hour has been read.
	at = start.Add(2 * time.Hour)
	r.Count(0, []source.Span{busy(failed("kept"))})
	s.step(r, at, start.Add(59*time.Minute))
	if got := samples(t, r, at)[`jaeger_traces_total{environment="a",operation="idle",service="gone",span_kind="server"}`]; got != 1 {
		t.Error("a series ended though its spans may not have been read yet")
	}
	if err := s.Update(func(tx *state.Tx) error { _ = r.Save(tx, at, at); return fmt.Errorf("disk full") }); err == nil {
		t.Fatal("want an error")
	}
	if got := len(samples(t, r, at)); got != 2*17+3 {
		t.Errorf("%d samples after a commit that failed", got)
	}
	s.step(r, at, at)
	for range 2 {
		got := samples(t, r, at)
		for name := range got {
			if strings.Contains(name, "gone") || strings.Contains(name, `"old"`) {
				t.Errorf("%s has not ended", name)
			}
		}
		if len(got) != 17+1 {
			t.Errorf("%d samples, want one label set and one type of errors", len(got))
		}
		if restart {
			r = s.load(cfg, at)
		}
	}
	// Every place that was taken is free again.
	r.Count(0, []source.Span{span("idle", 1, of("next"), failed("y"), tags("c")), busy(failed("z"))})
	s.step(r, at, at)
	got := samples(t, r, at)
	for _, name := range []string{
		`jaeger_trace_errors_total{environment="c",error_type="y",operation="idle",service="next",span_kind="server"}`,
		`jaeger_trace_errors_total{environment="b",error_type="z",operation="busy",service="a",span_kind="server"}`,
	} {
		if got[name] != 1 {
			t.Errorf("%s is %v, want 1", name, got[name])
		}
	}
	for name, n := range figures(t, r) {
		if strings.HasPrefix(name, "traceslo_sli_overflow") && n > 0 {
			t.Errorf("%s is %v: a place was not freed", name, n)
		}
	}
}

func TestASeriesThatCountsAgainInTimeGoesOn(t *testing.T) {
	s := openStore(t)
	cfg := testConfig()
	cfg.Expire = time.Hour
	r := s.load(cfg, start)
	r.Count(0, []source.Span{span("o", 1)})
	s.step(r, start, start)
	// It is over the hour, and just then it counts.
	at := start.Add(2 * time.Hour)
	for want := range 3 {
		r.Count(0, []source.Span{span("o", 1)})
		s.step(r, at, at)
		if got := samples(t, r, at)[totalOfA]; got != float64(want+2) {
			t.Errorf("%v spans, want %v", got, want+2)
		}
		at = at.Add(time.Minute)
	}
}

func TestAnIdleTypeOfErrorEndsAlone(t *testing.T) {
	for _, tt := range []struct {
		name string
		busy bool
	}{{"while its label set counts", true}, {"while its label set is quiet", false}} {
		t.Run(tt.name, func(t *testing.T) {
			s := openStore(t)
			cfg := testConfig()
			cfg.Expire = time.Hour
			r := s.load(cfg, start)
			r.Count(0, []source.Span{span("o", 1, failed("old"))})
			s.step(r, start, start)
			spans := 1.
			for minute := 50; minute < 100; minute += 2 {
				at := start.Add(time.Duration(minute) * time.Minute)
				if tt.busy || minute == 50 {
					r.Count(0, []source.Span{span("o", 1)})
					spans++
				}
				s.step(r, at, at)
				got := samples(t, r, at)
				if got[totalOfA] != spans {
					t.Fatalf("%v spans after %d minutes, want %v", got[totalOfA], minute, spans)
				}
				_, shown := got[`jaeger_trace_errors_total{error_type="old",operation="o",service="a",span_kind="server"}`]
				if want := minute < 60; shown != want {
					t.Errorf("the error is shown after %d minutes: %t, want %t", minute, shown, want)
				}
			}
		})
	}
}

func TestASeriesThatEndedBeginsAnew(t *testing.T) {
	s := openStore(t)
	cfg := testConfig()
	cfg.Expire = time.Hour
	r := s.load(cfg, start)
	for i := range 3 {
		at := start.Add(time.Duration(i) * 2 * time.Hour)
		s.step(r, at, at)
		r.Count(0, []source.Span{span("o", 1)})
		s.step(r, at, at)
		got := scrape(t, exposition(t, r, expfmt.FmtProtoDelim, at), string(expfmt.FmtProtoDelim))
		for name, created := range got.Created {
			if created != at.UnixMilli() {
				t.Errorf("%s was created at %d, want %d", name, created, at.UnixMilli())
			}
		}
		if n := samples(t, r, at)[totalOfA]; n != 1 {
			t.Errorf("%v spans, want 1", n)
		}
	}
	if n := figures(t, r)["traceslo_sli_series_expired_total{}"]; n != 2 {
		t.Errorf("%v ended, want 2", n)
	}
}
