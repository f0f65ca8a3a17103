package sli_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/traceslo/traceslo/sli"
	"github.com/traceslo/traceslo/source"
)

// parseIndicator reads an indicator as the configuration has it.
func parseIndicator(t testing.TB, text string) sli.Indicator {
	t.Helper()
	var i sli.Indicator
	decodeYAML(t, text, &i)
	return i
}

// indicator returns an indicator without a fault.
func indicator(t testing.TB, text string) sli.Indicator {
	t.Helper()
	i := parseIndicator(t, text)
	for _, f := range i.Validate() {
		if !f.Warning {
			t.Fatalf("%s: %s: %s", text, f.Path, f.Problem)
		}
	}
	return i
}

// measuring returns the test's configuration with measures.
func measuring(measures ...sli.Measure) sli.Config {
	cfg := testConfig()
	cfg.Measures = measures
	return cfg
}

// taking returns the span with the values of the tags that r asks for.
func taking(r *sli.Recorder, s source.Span, values map[string]string) source.Span {
	s.Tags = nil
	for _, key := range r.Tags() {
		s.Tags = append(s.Tags, values[key])
	}
	return s
}

const (
	noEvent = "no event"
	good    = "good"
	bad     = "bad"
)

func TestJudging(t *testing.T) {
	root := func(s *source.Span) { s.Root = true }
	named := func(operation string) func(*source.Span) { return func(s *source.Span) { s.Operation = operation } }
	for _, test := range []struct {
		name      string
		indicator string
		change    []func(*source.Span)
		tags      map[string]string
		want      string
	}{
		{name: "an empty match takes every span", indicator: "availability: {}", want: good},
		{name: "a span that failed is not available", indicator: "availability: {}", change: []func(*source.Span){failed("x")}, want: bad},
		{name: "a name takes the service of that name", indicator: "availability: {match: {service: a}}", want: good},
		{name: "a name takes no service that begins with it", indicator: "availability: {match: {service: a}}", change: []func(*source.Span){of("ab")}, want: noEvent},
		{name: "any name of a list will do", indicator: "availability: {match: {service: [b, a]}}", want: good},
		{name: "a regular expression must match the whole name", indicator: "availability: {match: {operation: '=~GET /v'}}", change: []func(*source.Span){named("GET /v1")}, want: noEvent},
		{name: "a regular expression may match the whole name", indicator: "availability: {match: {operation: '=~GET /v.*'}}", change: []func(*source.Span){named("GET /v1")}, want: good},
		{name: "each branch of a regular expression is anchored", indicator: "availability: {match: {operation: '=~a|b'}}", change: []func(*source.Span){named("xb")}, want: noEvent},
		{name: "a dot matches the end of a line, as Prometheus has it", indicator: "availability: {match: {operation: '=~a.b'}}", change: []func(*source.Span){named("a\nb")}, want: good},
		{name: "a name that is not wanted", indicator: "availability: {match: {operation: '!=health'}}", change: []func(*source.Span){named("health")}, want: noEvent},
		{name: "any other than a name that is not wanted", indicator: "availability: {match: {operation: '!=health'}}", change: []func(*source.Span){named("pay")}, want: good},
		{name: "all names that are not wanted are left out", indicator: "availability: {match: {operation: ['!=health', '!~ready.*']}}", change: []func(*source.Span){named("ready/live")}, want: noEvent},
		{name: "wanted and refused is refused", indicator: "availability: {match: {operation: ['=~GET.*', '!=GET /health']}}", change: []func(*source.Span){named("GET /health")}, want: noEvent},
		{name: "wanted and not refused is taken", indicator: "availability: {match: {operation: ['=~GET.*', '!=GET /health']}}", change: []func(*source.Span){named("GET /pay")}, want: good},
		{name: "not refused but not wanted is left out", indicator: "availability: {match: {operation: ['=~GET.*', '!=GET /health']}}", change: []func(*source.Span){named("POST /pay")}, want: noEvent},
		{name: "the empty name can be written as a regular expression", indicator: "availability: {match: {operation: '=~^$'}}", change: []func(*source.Span){named("")}, want: good},
		{name: "a kind takes spans of that kind", indicator: "availability: {match: {span_kind: server}}", want: good},
		{name: "a kind takes no spans of another", indicator: "availability: {match: {span_kind: [client, consumer]}}", want: noEvent},
		{name: "an unspecified kind can be asked for", indicator: "availability: {match: {span_kind: unspecified}}", change: []func(*source.Span){kind(source.KindUnspecified)}, want: good},
		{name: "root only leaves out what has a parent", indicator: "availability: {match: {root_only: true}}", want: noEvent},
		{name: "root only takes a root", indicator: "availability: {match: {root_only: true}}", change: []func(*source.Span){root}, want: good},
		{name: "a tag has the value", indicator: "availability: {match: {tags: user.plan = gold}}", tags: map[string]string{"user.plan": "gold"}, want: good},
		{name: "all conditions on tags must hold", indicator: "availability: {match: {tags: [user.plan = gold, region != eu]}}", tags: map[string]string{"user.plan": "gold", "region": "eu"}, want: noEvent},
		{name: "a tag that is not there is not equal", indicator: "availability: {match: {tags: user.plan = gold}}", want: noEvent},
		{name: "a tag that is not there is unequal", indicator: "availability: {match: {tags: user.plan != gold}}", want: good},
		{name: "a tag that is not there is empty", indicator: `availability: {match: {tags: 'user.plan = ""'}}`, want: good},
		{name: "only failed spans can be taken", indicator: "availability: {match: {tags: failed}}", want: noEvent},
		{name: "a value in quotes keeps its spaces", indicator: `availability: {match: {tags: 'user.plan = " gold\" "'}}`, tags: map[string]string{"user.plan": ` gold" `}, want: good},
		{name: "a regular expression on a tag is anchored", indicator: "availability: {match: {tags: user.plan =~ gold}}", tags: map[string]string{"user.plan": "golden"}, want: noEvent},
		{name: "a tag that matches no regular expression", indicator: "availability: {match: {tags: user.plan !~ gold.*}}", tags: map[string]string{"user.plan": "silver"}, want: good},

		{name: "a failure by a tag", indicator: "availability: {failed_if: http.response.status_code >= 500}", tags: map[string]string{"http.response.status_code": "503"}, want: bad},
		{name: "a condition takes the place of the span's own failure", indicator: "availability: {failed_if: http.response.status_code >= 500}", change: []func(*source.Span){failed("x")}, tags: map[string]string{"http.response.status_code": "404"}, want: good},
		{name: "any condition is a failure", indicator: "availability: {failed_if: [failed, http.response.status_code >= 500]}", change: []func(*source.Span){failed("x")}, want: bad},
		{name: "numbers are compared as numbers", indicator: "availability: {failed_if: n > 9}", tags: map[string]string{"n": "10"}, want: bad},
		{name: "a number may have a fraction and an exponent", indicator: "availability: {failed_if: n >= 1.5e3}", tags: map[string]string{"n": "1500.0"}, want: bad},
		{name: "less is not less or equal", indicator: "availability: {failed_if: n < 3}", tags: map[string]string{"n": "3"}, want: good},
		{name: "less or equal is", indicator: "availability: {failed_if: n <= 3}", tags: map[string]string{"n": "3"}, want: bad},
		{name: "a number beyond all is a number", indicator: "availability: {failed_if: n > 3}", tags: map[string]string{"n": "1e999"}, want: bad},
		{name: "text is no number", indicator: "availability: {failed_if: n < 500}", tags: map[string]string{"n": "5xx"}, want: good},
		{name: "NaN is no number", indicator: "availability: {failed_if: n < 500}", tags: map[string]string{"n": "NaN"}, want: good},
		{name: "nothing is no number", indicator: "availability: {failed_if: n < 500}", want: good},
		{name: "hexadecimal is no number", indicator: "availability: {failed_if: n < 500}", tags: map[string]string{"n": "0x10"}, want: good},
		{name: "a sign without digits is no number", indicator: "availability: {failed_if: n < 500}", tags: map[string]string{"n": "-.e1"}, want: good},
		{name: "an exponent without digits is no number", indicator: "availability: {failed_if: n < 500}", tags: map[string]string{"n": "1e+"}, want: good},

		{name: "as long as the threshold is fast enough", indicator: "latency: {threshold: 1s}", want: good},
		{name: "a microsecond more is not", indicator: "latency: {threshold: 999999us}", want: bad},
		{name: "latency does not care for failure", indicator: "latency: {threshold: 1s}", change: []func(*source.Span){failed("x")}, want: good},

		{name: "success within the threshold", indicator: "success_within: {threshold: 1s}", want: good},
		{name: "success after the threshold", indicator: "success_within: {threshold: 999ms}", want: bad},
		{name: "failure within the threshold", indicator: "success_within: {threshold: 1s}", change: []func(*source.Span){failed("x")}, want: bad},
		{name: "another failure within the threshold", indicator: "success_within: {threshold: 1s, failed_if: grpc = 14}", tags: map[string]string{"grpc": "14"}, want: bad},

		{name: "an attribute with the wanted value", indicator: "attribute: {good_if: cache.hit = true}", tags: map[string]string{"cache.hit": "true"}, want: good},
		{name: "an attribute with another value", indicator: "attribute: {good_if: cache.hit = true}", tags: map[string]string{"cache.hit": "false"}, want: bad},
		{name: "an attribute that is not there", indicator: "attribute: {good_if: cache.hit = true}", want: bad},
		{name: "any condition is good", indicator: "attribute: {good_if: [cache.hit = true, cache.age < 60]}", tags: map[string]string{"cache.age": "59.9"}, want: good},
		{name: "an attribute that is not there is unequal", indicator: "attribute: {good_if: cache.hit != false}", want: good},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRecorder(t, measuring(sli.Measure{Indicator: indicator(t, test.indicator)}))
			r.Count(0, []source.Span{taking(r, span("o", time.Second, test.change...), test.tags)})
			got := noEvent
			for _, n := range minutesOf(t, r, 1) {
				got = map[[2]uint64]string{{1, 0}: good, {1, 1}: bad}[n]
			}
			if got != test.want {
				t.Errorf("it is %s, want %s", got, test.want)
			}
		})
	}
}

func TestValuesAreThoseOfTheLabels(t *testing.T) {
	every := indicator(t, "availability: {}")
	cfg := measuring(sli.Measure{Indicator: every}, sli.Measure{Indicator: every, ForEach: "service"}, sli.Measure{Indicator: every, ForEach: "operation"},
		sli.Measure{Indicator: every, ForEach: "plan"}, sli.Measure{Indicator: every, ForEach: "there.is.none"})
	cfg.Dimensions = []sli.Dimension{{Tag: "user.plan", Label: "plan"}}
	cfg.Limits.Services, cfg.Limits.OperationsPerService, cfg.Limits.ValuesPerDimension = 1, 1, 1
	r := newRecorder(t, cfg)
	r.Count(0, []source.Span{span("o", 1, tags("gold")), span("p", 1, tags("silver")), span("o", 1, of("b"), tags("")), span("o", 1, tags(""))})
	want := map[string]uint64{}
	got := map[string]uint64{}
	for _, w := range []struct {
		measure int
		value   string
		events  uint64
	}{{0, "", 4}, {1, "a", 3}, {1, "_other", 1}, {2, "o", 2}, {2, "_other", 2}, {3, "gold", 1}, {3, "_other", 1}} {
		want[string(rune('0'+w.measure))+w.value] = w.events
	}
	for m, n := range minutesOf(t, r, 1) {
		got[string(rune('0'+m.Measure))+m.Value] += n[0]
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWhatLimitsBendIsJudgedByWhatItIs(t *testing.T) {
	cfg := measuring(
		sli.Measure{Indicator: indicator(t, "availability: {match: {operation: second}}")},
		sli.Measure{Indicator: indicator(t, "availability: {match: {service: b}}"), ForEach: "service"},
		sli.Measure{Indicator: indicator(t, "availability: {match: {service: _other}}")},
		sli.Measure{Indicator: indicator(t, "availability: {match: {operation: _other}}")},
		sli.Measure{Indicator: indicator(t, "availability: {match: {service: '=~x+'}}")},
	)
	cfg.Limits.Services, cfg.Limits.OperationsPerService = 1, 1
	r := newRecorder(t, cfg)
	long := strings.Repeat("x", 1000)
	for range 3 {
		r.Count(0, []source.Span{span("first", 1), span("second", 1), span("third", 1, failed("e")), span("o", 1, of("b"), failed("e")), span("o", 1, of(long))})
		got := map[sli.MinuteCount][2]uint64{}
		for m, n := range minutesOf(t, r, 1) {
			got[sli.MinuteCount{Measure: m.Measure, Value: m.Value}] = n
		}
		want := map[sli.MinuteCount][2]uint64{{Measure: 0}: {1, 0}, {Measure: 1, Value: "_other"}: {1, 1}, {Measure: 4}: {1, 0}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		for c := range culpritsOf(r) {
			if want := (sli.Culprit{Service: "_other", Operation: "_other", ErrorType: "e"}); c.Culprit != want {
				t.Errorf("the culprit is %+v, want %+v", c.Culprit, want)
			}
		}
		step(t, r, start)
	}
}

func TestAJudgedTagOfADimensionIsAskedForOnce(t *testing.T) {
	cfg := measuring(sli.Measure{Indicator: indicator(t, "availability: {match: {tags: [user.plan = gold, z = 1]}, failed_if: a > 1}")},
		sli.Measure{Indicator: indicator(t, "attribute: {good_if: z = 1}")})
	cfg.Dimensions = []sli.Dimension{{Tag: "zone", Label: "zone"}, {Tag: "user.plan", Label: "plan"}}
	r := newRecorder(t, cfg)
	if diff := cmp.Diff([]string{"zone", "user.plan", "a", "z"}, r.Tags()); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
	r.Count(0, []source.Span{span("o", 1, tags("x", "gold", "2", "1"))})
	got := map[int][2]uint64{}
	for m, n := range minutesOf(t, r, 1) {
		got[m.Measure] = n
	}
	if diff := cmp.Diff(map[int][2]uint64{0: {1, 1}, 1: {1, 0}}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for c := range culpritsOf(r) {
		if c.Culprit.Values != "x\x00gold\x00" {
			t.Errorf("the culprit's values are %q", c.Culprit.Values)
		}
	}
	step(t, r, start)
	if got := samples(t, r, start)[`jaeger_traces_total{operation="o",plan="gold",service="a",span_kind="server",zone="x"}`]; got != 1 {
		t.Errorf("counted %v times under its dimensions, want 1", got)
	}
}

func TestSpansThatLackTagsAreJudged(t *testing.T) {
	r := newRecorder(t, measuring(sli.Measure{Indicator: indicator(t, "availability: {failed_if: [a = 1, b = 1]}")}))
	r.Count(0, []source.Span{span("o", 1), span("o", 1, tags("")), span("o", 1, tags("", "1"))})
	for _, n := range minutesOf(t, r, 1) {
		if n != [2]uint64{3, 1} {
			t.Errorf("events and bad ones are %v, want 3 and 1", n)
		}
	}
}

func TestANameThatIsCutIsJudgedWhole(t *testing.T) {
	long := strings.Repeat("x", 1000)
	r := newRecorder(t, measuring(
		sli.Measure{Indicator: indicator(t, "availability: {match: {service: '=~x{1000}'}}"), ForEach: "service"},
		sli.Measure{Indicator: indicator(t, "availability: {match: {service: "+long[:256]+"}}")},
	))
	for range 3 {
		r.Count(0, []source.Span{span("o", 1, of(long))})
		var got []sli.MinuteCount
		for m := range minutesOf(t, r, 1) {
			m.Minute = 0
			got = append(got, m)
		}
		if diff := cmp.Diff([]sli.MinuteCount{{Measure: 0, Value: long[:256]}}, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		step(t, r, start)
	}
}
