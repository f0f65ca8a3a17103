package sli_test

import (
	"strings"
	"testing"

	"github.com/traceslo/traceslo/sli"
	"github.com/traceslo/traceslo/source"
)

// culpritsOf returns the bad events by culprit, equal ones added up.
func culpritsOf(r *sli.Recorder) map[sli.CulpritCount]uint64 {
	sum := map[sli.CulpritCount]uint64{}
	for c := range r.Culprits() {
		n := c.Bad
		c.Bad = 0
		sum[c] += n
	}
	return sum
}

func TestZeroBytesDoNotForgeCulprits(t *testing.T) {
	cfg := measuring(sli.Measure{Indicator: indicator(t, "availability: {}")})
	cfg.Dimensions = []sli.Dimension{{Tag: "x", Label: "x"}, {Tag: "y", Label: "y"}}
	r := newRecorder(t, cfg)
	r.Count(0, []source.Span{span("o", 1, failed("e"), tags("1\x002", ""))})
	for c := range culpritsOf(r) {
		if want := "1\ufffd2\x00\x00"; c.Culprit.Values != want {
			t.Errorf("the values are %q, want %q", c.Culprit.Values, want)
		}
	}
}

func TestCulpritsAreBounded(t *testing.T) {
	cfg := measuring(sli.Measure{Indicator: indicator(t, "availability: {}")})
	cfg.Dimensions = []sli.Dimension{{Tag: "x", Label: "x"}}
	cfg.Limits.OperationsPerService = 20_000
	r := newRecorder(t, cfg)
	const spans = 10_123
	page := make([]source.Span, 0, 2*spans)
	for i := range spans {
		s := span(strings.Repeat("o", 1+i%100)+string(rune('a'+i/100)), 1, failed("e"), tags("v"))
		page = append(page, s)
		s.SpanID += 1 << 40
		page = append(page, s)
	}
	for range 2 {
		r.Count(0, page)
		var told, rest uint64
		for c, n := range culpritsOf(r) {
			if c.Culprit == (sli.Culprit{Service: "a", Operation: "_other", ErrorType: "_other", Values: "_other\x00"}) {
				rest += n
				continue
			}
			told++
			if n != 2 {
				t.Fatalf("%+v has %d bad events, want 2", c, n)
			}
		}
		if told != 10_000 || rest != 2*(spans-10_000) {
			t.Errorf("%d culprits are told apart and %d bad events are not, want 10000 and %d", told, rest, 2*(spans-10_000))
		}
		r.Discard()
	}
}
