package sli_test

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"

	"github.com/traceslo/traceslo/source"
)

func TestExemplarsAreTheFreshestAndRatherFailed(t *testing.T) {
	minute := func(n int) func(*source.Span) {
		return func(s *source.Span) { s.Start = start.Add(time.Duration(n)*time.Minute).UnixMicro() - s.Duration }
	}
	trace := func(b byte) func(*source.Span) {
		return func(s *source.Span) { s.TraceID = source.TraceID{15: b} }
	}
	for _, tt := range []struct {
		name  string
		spans []source.Span
		want  string
	}{
		{"the freshest", []source.Span{span("o", 1, minute(-2), trace(1)), span("o", 1, minute(-1), trace(2)), span("o", 1, minute(-3), trace(3))}, "02"},
		{"a failed one before a fresher", []source.Span{span("o", 1, minute(-2), trace(1), failed("x")), span("o", 1, minute(-1), trace(2))}, "01"},
		{"the freshest of the failed", []source.Span{span("o", 1, minute(-2), trace(1), failed("x")), span("o", 1, minute(-1), trace(2), failed("y"))}, "02"},
		{"not a failed one of long ago", []source.Span{span("o", 1, minute(-200), trace(1), failed("x")), span("o", 1, minute(-1), trace(2))}, "02"},
		{"not one of the far future", []source.Span{span("o", 1, minute(600), trace(1)), span("o", 1, minute(-1), trace(2))}, "02"},
		{"none, rather than one of before 1970", []source.Span{span("o", 1, func(s *source.Span) { s.Start = -1e15 }, trace(1))}, ""},
		{"not one of before 1970", []source.Span{span("o", 1, func(s *source.Span) { s.Start = -1e15 }, trace(1)), span("o", 1, minute(-1), trace(2))}, "02"},
	} {
		for _, order := range []string{"as they come", "in the opposite order", "step by step", "by two workers"} {
			t.Run(tt.name+", "+order, func(t *testing.T) {
				r := newRecorder(t, testConfig())
				for i := range tt.spans {
					if order == "in the opposite order" {
						i = len(tt.spans) - 1 - i
					}
					w := 0
					if order == "by two workers" {
						w = i % 2
					}
					r.Count(w, []source.Span{tt.spans[i]})
					if order == "step by step" {
						step(t, r, start)
					}
				}
				step(t, r, start)
				got := scrape(t, exposition(t, r, expfmt.FmtOpenMetrics_1_0_0, start), string(expfmt.FmtOpenMetrics_1_0_0)).Exemplars
				if tt.want == "" {
					if len(got) > 0 {
						t.Errorf("%v, want none", got)
					}
					return
				}
				if len(got) != 1 {
					t.Fatalf("%d exemplars, want 1: %v", len(got), got)
				}
				for _, e := range got {
					if want := `trace_id="000000000000000000000000000000` + tt.want + `"`; !strings.Contains(e.Labels, want) {
						t.Errorf("%s, want %s", e.Labels, want)
					}
				}
			})
		}
	}
}
