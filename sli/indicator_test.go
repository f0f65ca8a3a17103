package sli_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/traceslo/traceslo/internal/config"
	"github.com/traceslo/traceslo/sli"
)

func TestValidateNamesEveryFault(t *testing.T) {
	year := 365 * 24 * time.Hour
	for _, test := range []struct {
		name      string
		indicator sli.Indicator
		want      []config.Fault
	}{
		{"nothing", sli.Indicator{}, []config.Fault{{Problem: "there is no indicator", Cure: "write one of availability, latency, success_within, attribute"}}},
		{"two kinds, and a fault in each", sli.Indicator{Latency: &sli.Latency{}, Attribute: &sli.Attribute{}}, []config.Fault{
			{Problem: "there is more than one indicator: latency, attribute", Cure: "keep one, and make an objective of each other"},
			{Path: "latency.threshold", Problem: "there is no threshold", Cure: "write the longest duration of a good span, as in 500ms"},
			{Path: "attribute.good_if", Problem: "there is no condition", Cure: "write what makes an event good, as in [cache.hit = true]"},
		}},
		{"a negative threshold", sli.Indicator{Latency: &sli.Latency{Threshold: -time.Second}},
			[]config.Fault{{Path: "latency.threshold", Problem: "-1s is not positive", Cure: "write a duration above 0"}}},
		{"a threshold below a microsecond", sli.Indicator{SuccessWithin: &sli.SuccessWithin{Threshold: 400}},
			[]config.Fault{{Path: "success_within.threshold", Problem: "400ns is not a whole number of microseconds", Cure: "write 1µs; spans are measured in microseconds"}}},
		{"a threshold of more than a year", sli.Indicator{Latency: &sli.Latency{Threshold: year + time.Second}},
			[]config.Fault{{Path: "latency.threshold", Problem: "8760h0m1s is more than a year", Cure: "write a shorter duration"}}},
		{"a threshold of a year is one", sli.Indicator{Latency: &sli.Latency{Threshold: year}}, nil},
		{"a kind that there is none of", parseIndicator(t, "availability: {match: {span_kind: [server, SERVER]}}"),
			[]config.Fault{{Path: "availability.match.span_kind[1]", Problem: `"SERVER" is not a span kind`, Cure: "write one of client, consumer, internal, producer, server, unspecified"}}},
		{"expressions that match everything", parseIndicator(t, "availability: {match: {service: '=~.*', operation: ['=~(a|.*)', '!~.*', '=~.+'], tags: ['x =~ \".*\"']}, failed_if: [x !~ .*]}"), []config.Fault{
			{Path: "availability.match.service[0]", Problem: "the regular expression matches everything", Cure: "leave it out, or write what is meant", Warning: true},
			{Path: "availability.match.operation[0]", Problem: "the regular expression matches everything", Cure: "leave it out, or write what is meant", Warning: true},
			{Path: "availability.match.operation[1]", Problem: "the regular expression matches everything, so that nothing is left", Cure: "write what is to be left out", Warning: true},
			{Path: "availability.match.tags[0]", Problem: "the regular expression matches everything", Cure: "leave it out, or write what is meant", Warning: true},
			{Path: "availability.failed_if[0]", Problem: "the regular expression matches everything, so that nothing is left", Cure: "write what is to be left out", Warning: true},
		}},
		{"good because failed", parseIndicator(t, "attribute: {good_if: [failed]}"),
			[]config.Fault{{Path: "attribute.good_if[0]", Problem: "a span is good because it failed", Cure: "write availability for spans that did not fail", Warning: true}}},
		{"patterns and conditions that no text makes", sli.Indicator{Availability: &sli.Availability{
			Match: sli.Match{
				Service:   sli.Patterns{{Op: "~", Text: "a"}, {Op: sli.Equal, Text: "!x"}, {Op: sli.Matches, Text: "a)(b"}, {Op: sli.Equal, Text: "a "}},
				Operation: sli.Patterns{{Op: sli.NotEqual}, {Op: sli.Matches}},
				Tags:      sli.Conditions{{Op: sli.Equal, Value: "x"}, {Tag: "a b", Op: sli.Equal}, {Tag: "a", Op: "~"}},
			},
			FailedIf: sli.Conditions{{Tag: "n", Op: sli.Less, Value: "NaN"}, {Tag: "n", Op: sli.Matches, Value: "("}, {Failed: true, Tag: "n"}},
		}}, []config.Fault{
			{Path: "availability.match.service[0]", Problem: `a name cannot be compared by "~"`, Cure: "write name, =~regexp, !=name or !~regexp"},
			{Path: "availability.match.service[1]", Problem: `"!x" is neither a name nor a comparison`, Cure: "write name, =~regexp, !=name or !~regexp; a name like that is written =~!x"},
			{Path: "availability.match.service[2]", Problem: "\"a)(b\" is no regular expression: unexpected ): `a)(b`", Cure: "write one of RE2, as in api-(a|b)|web-.*"},
			{Path: "availability.match.service[3]", Problem: `the name "a " begins or ends with a space`, Cure: "write it without, or as a regular expression"},
			{Path: "availability.match.operation[0]", Problem: "there is no name after !=", Cure: "write one, or !~^$ for any name that is not empty"},
			{Path: "availability.match.operation[1]", Problem: "there is no name", Cure: "write one, or =~^$ for the empty name"},
			{Path: "availability.match.tags[0]", Problem: "there is no tag before the comparison", Cure: "write the tag's key, as in http.response.status_code"},
			{Path: "availability.match.tags[1]", Problem: `"a b" is not a tag's key`, Cure: "write the tag's key, as in http.response.status_code"},
			{Path: "availability.match.tags[2]", Problem: `"~" is no comparison`, Cure: "write a tag, a comparison (= != =~ !~ > >= < <=) and a value, as in http.response.status_code >= 500, or the word failed"},
			{Path: "availability.failed_if[0]", Problem: `"NaN" is not a number`, Cure: "write one after <, as in 500, or compare texts by = and !="},
			{Path: "availability.failed_if[1]", Problem: "\"(\" is no regular expression: missing closing ): `(`", Cure: "write one of RE2, as in api-(a|b)|web-.*"},
			{Path: "availability.failed_if[2]", Problem: "the word failed is compared with something", Cure: "write it alone, or a tag with a comparison"},
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, test.indicator.Validate()); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
}

// The texts here are in people's ledgers: a change of one loses their history.
func TestCanonicalTextsStayAsTheyAre(t *testing.T) {
	for _, test := range []struct {
		want   string
		spelt  []string // all mean the same
		differ []string // each means something else
	}{
		{
			want:   `availability{failed_if:failed}`,
			spelt:  []string{"availability: {}", "availability: {failed_if: failed}", "availability: {failed_if: [failed, failed]}", "availability: {match: {root_only: false, service: []}}"},
			differ: []string{"availability: {match: {root_only: true}}", "latency: {threshold: 1s}", "availability: {failed_if: failed = true}"},
		},
		{
			want: `latency{service:!="b\u00fc",="a",=~"a.*";operation:="ml.inference";span_kind:client,server;tags:"user.plan"="gold",failed;root_only;threshold:5000000us}`,
			spelt: []string{
				"latency: {match: {service: [a, '=~a.*', '!=bü'], operation: ml.inference, span_kind: [server, client], tags: [failed, user.plan = gold], root_only: true}, threshold: 5s}",
				"latency: {threshold: 5000ms, match: {root_only: true, tags: [' user.plan=\"gold\"', failed], span_kind: [client, server, client], operation: [ml.inference], service: ['!= bü', '=~ a.*', a]}}",
			},
			differ: []string{
				"latency: {match: {service: [a, '=~a.*', '!=bü'], operation: ml.inference, span_kind: [server, client], tags: [failed, user.plan = gold]}, threshold: 5s}",
				"latency: {match: {service: [a, '=~a.*', '!=bü'], operation: ml.inference, span_kind: [server, client], tags: [failed, user.plan = gold], root_only: true}, threshold: 5001ms}",
				"success_within: {match: {service: [a, '=~a.*', '!=bü'], operation: ml.inference, span_kind: [server, client], tags: [failed, user.plan = gold], root_only: true}, threshold: 5s}",
				`latency: {match: {service: ['=~a.*', '!=bü', 'a",="x']}, threshold: 5s}`,
			},
		},
		{
			want:   `success_within{threshold:1000us;failed_if:"n">="500",failed}`,
			spelt:  []string{"success_within: {threshold: 1ms, failed_if: [n >= 500, failed]}", "success_within: {threshold: 1000us, failed_if: [failed, n>=5e2, n >= 500.0]}"},
			differ: []string{"success_within: {threshold: 1ms, failed_if: [n >= 500]}", "success_within: {threshold: 1ms, failed_if: [n > 500, failed]}"},
		},
		{
			want:   `attribute{good_if:"n"<"0","n"="500.0","p"="\" a"}`,
			spelt:  []string{`attribute: {good_if: [n < 0, n = 500.0, 'p = "\" a"']}`, `attribute: {good_if: ['p="\" a"', n=500.0, n < -0]}`},
			differ: []string{`attribute: {good_if: [n < 0, n = 500, 'p = "\" a"']}`, `attribute: {good_if: [n < 0, n = 500.0, 'p = "a"']}`},
		},
	} {
		for _, text := range test.spelt {
			if got := parseIndicator(t, text).Canonical(); got != test.want {
				t.Errorf("%s\nis  %s\nnot %s", text, got, test.want)
			}
		}
		for _, text := range test.differ {
			if parseIndicator(t, text).Canonical() == test.want {
				t.Errorf("%s is %s too", text, test.want)
			}
		}
	}
}

func TestBoundsAreTheThresholds(t *testing.T) {
	for text, want := range map[string][]time.Duration{
		"availability: {}":                                    nil,
		"latency: {threshold: 3s}":                            {3 * time.Second},
		"attribute: {good_if: failed}":                        nil,
		"success_within: {threshold: 70ms, failed_if: n > 1}": {70 * time.Millisecond},
	} {
		if diff := cmp.Diff(want, parseIndicator(t, text).Bounds()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}

func TestThresholdsAreBucketsToo(t *testing.T) {
	cfg := testConfig()
	cfg.Buckets = []time.Duration{100 * time.Millisecond, time.Second}
	cfg.Measures = []sli.Measure{{Indicator: indicator(t, "latency: {threshold: 300ms}")}, {Indicator: indicator(t, "latency: {threshold: 1s}")},
		{Indicator: indicator(t, "success_within: {threshold: 1ms}")}}
	want := []time.Duration{time.Millisecond, 100 * time.Millisecond, 300 * time.Millisecond, time.Second}
	if diff := cmp.Diff(want, cfg.Scale()); diff != "" {
		t.Errorf("scale (-want +got):\n%s", diff)
	}
	if !slices.IsSorted(cfg.Buckets) || len(cfg.Buckets) != 2 {
		t.Errorf("Scale changed the buckets to %v", cfg.Buckets)
	}
	r := newRecorder(t, cfg)
	r.Count(0, page(span("o", 300*time.Millisecond), span("o", 300001*time.Microsecond)))
	step(t, r, start)
	got := samples(t, r, start)
	for le, want := range map[string]float64{"0.001": 0, "0.1": 0, "0.3": 1, "1": 2} {
		name := fmt.Sprintf("jaeger_trace_duration_seconds_bucket{le=%q,operation=\"o\",service=\"a\",span_kind=\"server\"}", le)
		if n, ok := got[name]; !ok || n != want {
			t.Errorf("%s is %v, %t, want %v", name, n, ok, want)
		}
	}
}

func TestAnObjectivesThresholdMayComeAndGo(t *testing.T) {
	s, cfg := openStore(t), testConfig()
	cfg.Buckets = []time.Duration{100 * time.Millisecond, time.Second}
	bucket := func(r *sli.Recorder, le string) float64 {
		n, ok := samples(t, r, start)[fmt.Sprintf("jaeger_trace_duration_seconds_bucket{le=%q,operation=\"o\",service=\"a\",span_kind=\"server\"}", le)]
		if !ok {
			return -1
		}
		return n
	}
	r := s.load(cfg, start)
	r.Count(0, page(span("o", time.Millisecond), span("o", 200*time.Millisecond)))
	s.step(r, start, start)
	cfg.Measures = []sli.Measure{{Indicator: indicator(t, "latency: {threshold: 300ms}")}}
	r = s.load(cfg, start)
	if got := bucket(r, "0.3"); got != 1 {
		t.Errorf("the new bound starts at %v, want 1, the count of the next lower one", got)
	}
	r.Count(0, page(span("o", 200*time.Millisecond)))
	s.step(r, start, start)
	if got := bucket(r, "0.3"); got != 2 {
		t.Errorf("the new bound goes on at %v, want 2", got)
	}
	cfg.Measures = nil
	r = s.load(cfg, start)
	if got := bucket(r, "0.3"); got != -1 {
		t.Errorf("the bound that is gone has %v", got)
	}
	if got := bucket(r, "1"); got != 3 {
		t.Errorf("1 s has %v, want 3", got)
	}
}

func TestTooManyThresholdsAreAFault(t *testing.T) {
	cfg := testConfig()
	for i := range 60 - len(cfg.Buckets) {
		cfg.Measures = append(cfg.Measures, sli.Measure{Indicator: sli.Indicator{Latency: &sli.Latency{Threshold: time.Duration(i+1) * time.Microsecond}}})
	}
	if faults := cfg.Validate(); len(faults) > 0 {
		t.Fatalf("60 bounds are a fault: %+v", faults)
	}
	cfg.Measures = append(cfg.Measures, sli.Measure{Indicator: sli.Indicator{Latency: &sli.Latency{Threshold: time.Minute}}})
	if faults := cfg.Validate(); len(faults) > 0 {
		t.Fatalf("a threshold that is a bucket anyway is a fault: %+v", faults)
	}
	cfg.Measures = append(cfg.Measures, sli.Measure{Indicator: sli.Indicator{Latency: &sli.Latency{Threshold: time.Hour}}})
	want := []config.Fault{{Path: "buckets", Problem: "with the thresholds of the objectives, each of which is a bound too, there are 61 buckets", Cure: "leave out 1 here, or let objectives share thresholds"}}
	if diff := cmp.Diff(want, cfg.Validate()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
