package sli_test

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/traceslo/traceslo/sli"
	"github.com/traceslo/traceslo/source"
)

// A recount judges spans in the plainest way there is, since one Publish.
type recount struct {
	cfg      sli.Config
	tags     []string
	minutes  map[sli.MinuteCount][2]uint64
	culprits map[sli.CulpritCount]uint64
	platform map[int64]uint64
	// bad are all bad events but those that end later than any test goes on.
	bad map[measureValue][]sli.BadEvent
	// expressions are compiled once.
	expressions map[string]*regexp.Regexp
}

func newRecount(cfg sli.Config) recount {
	c := recount{cfg: cfg, minutes: map[sli.MinuteCount][2]uint64{}, culprits: map[sli.CulpritCount]uint64{}, platform: map[int64]uint64{}, bad: map[measureValue][]sli.BadEvent{}, expressions: map[string]*regexp.Regexp{}}
	var further []string
	for _, d := range cfg.Dimensions {
		c.tags = append(c.tags, d.Tag)
	}
	for _, m := range cfg.Measures {
		for _, key := range m.Indicator.Tags() {
			if !slices.Contains(c.tags, key) && !slices.Contains(further, key) {
				further = append(further, key)
			}
		}
	}
	slices.Sort(further)
	c.tags = append(c.tags, further...)
	return c
}

// judge judges a span that is counted under these labels.
func (c *recount) judge(s source.Span, service, operation string, values []string, errorType string) {
	end := new(big.Int).Add(big.NewInt(s.Start), big.NewInt(s.Duration))
	if !end.IsInt64() {
		end.SetInt64(1<<63 - 1)
	}
	minute := new(big.Int).Div(end, big.NewInt(60_000_000)).Int64()
	day := new(big.Int).Div(end, big.NewInt(86_400_000_000)).Int64()
	c.platform[minute]++
	for i, m := range c.cfg.Measures {
		event, good := c.verdict(m.Indicator, s)
		value := ""
		switch place := slices.IndexFunc(c.cfg.Dimensions, func(d sli.Dimension) bool { return d.Label == m.ForEach }); {
		case m.ForEach == "service":
			value = service
		case m.ForEach == "operation":
			value = operation
		case place >= 0:
			value = values[place]
			event = event && value != ""
		}
		if !event {
			continue
		}
		key := sli.MinuteCount{Measure: i, Value: value, Minute: minute}
		n := c.minutes[key]
		n[0]++
		if !good {
			n[1]++
			culprit := sli.Culprit{Service: service, Operation: operation, ErrorType: errorType}
			for _, v := range values {
				culprit.Values += v + "\x00"
			}
			c.culprits[sli.CulpritCount{Measure: i, Value: value, Day: day, Culprit: culprit}]++
			if e := end.Int64(); e >= 0 && e < start.Add(2*time.Hour).UnixMicro() {
				of := measureValue{i, value}
				c.bad[of] = append(c.bad[of], sli.BadEvent{Measure: i, Value: value, TraceID: s.TraceID, SpanID: s.SpanID, End: e, Duration: s.Duration,
					Service: service, Operation: operation, ErrorType: errorType})
			}
		}
		c.minutes[key] = n
	}
}

func (c *recount) verdict(i sli.Indicator, s source.Span) (event, good bool) {
	var m sli.Match
	switch {
	case i.Availability != nil:
		m, good = i.Availability.Match, !c.failed(i.Availability.FailedIf, s)
	case i.Latency != nil:
		m, good = i.Latency.Match, time.Duration(s.Duration) <= i.Latency.Threshold/1000
	case i.SuccessWithin != nil:
		m, good = i.SuccessWithin.Match, time.Duration(s.Duration) <= i.SuccessWithin.Threshold/1000 && !c.failed(i.SuccessWithin.FailedIf, s)
	default:
		m = i.Attribute.Match
		for _, condition := range i.Attribute.GoodIf {
			good = good || c.holds(condition, s)
		}
	}
	event = c.named(m.Service, s.Service) && c.named(m.Operation, s.Operation)
	event = event && (len(m.SpanKind) == 0 || slices.Contains(m.SpanKind, s.Kind.String())) && (s.Root || !m.RootOnly)
	for _, condition := range m.Tags {
		event = event && c.holds(condition, s)
	}
	return event, good
}

func (c *recount) named(patterns sli.Patterns, name string) bool {
	wanting, wanted := false, false
	for _, p := range patterns {
		is := c.compares(string(p.Op), name, p.Text)
		if strings.HasPrefix(string(p.Op), "!") {
			if !is {
				return false
			}
			continue
		}
		wanting, wanted = true, wanted || is
	}
	return wanted || !wanting
}

func (c *recount) failed(failedIf sli.Conditions, s source.Span) bool {
	bad := len(failedIf) == 0 && s.Failed
	for _, condition := range failedIf {
		bad = bad || c.holds(condition, s)
	}
	return bad
}

func (c *recount) holds(condition sli.Condition, s source.Span) bool {
	if condition.Failed {
		return s.Failed
	}
	return c.compares(string(condition.Op), s.Tags[slices.Index(c.tags, condition.Tag)], condition.Value)
}

var decimal = regexp.MustCompile(`^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$`)

func (c *recount) compares(op, a, b string) bool {
	switch op {
	case "=":
		return a == b
	case "!=":
		return a != b
	case "=~", "!~":
		if c.expressions[b] == nil {
			c.expressions[b] = regexp.MustCompile(`\A(?s:` + b + `)\z`)
		}
		return c.expressions[b].MatchString(a) == (op == "=~")
	}
	if !decimal.MatchString(a) {
		return false
	}
	x, _ := strconv.ParseFloat(a, 64)
	y, _ := strconv.ParseFloat(b, 64)
	return strings.Contains(op, ">") && x > y || strings.Contains(op, "<") && x < y || strings.Contains(op[1:], "=") && x == y
}

// check compares what r judged with what c did.
func (c *recount) check(t *testing.T, r *sli.Recorder) {
	t.Helper()
	if diff := cmp.Diff(c.tags, r.Tags()); diff != "" {
		t.Fatalf("the recorder asks for other tags (-want +got):\n%s", diff)
	}
	if diff := difference(c.minutes, minutesOf(t, r, 2)); diff != "" {
		t.Fatalf("the recorder judged otherwise (-want +got):\n%s", diff)
	}
	if diff := difference(c.culprits, culpritsOf(r)); diff != "" {
		t.Fatalf("the recorder blames others (-want +got):\n%s", diff)
	}
	bad := map[measureValue][]sli.BadEvent{}
	for of, events := range c.bad {
		bad[of] = newest(events)
	}
	if diff := difference(bad, badEventsOf(t, r, 2)); diff != "" {
		t.Fatalf("the recorder tells other bad events (-want +got):\n%s", diff)
	}
	if diff := difference(c.platform, platformOf(r)); diff != "" {
		t.Fatalf("the recorder counted other minutes (-want +got):\n%s", diff)
	}
}

// Which operation finds a place is up to chance when two workers meet new ones
// at once; how many events of a measure there are is not.
func TestWorkersJudgeAtOnceWhatLimitsBend(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	cfg := testConfig()
	cfg.Limits.Services, cfg.Limits.OperationsPerService, cfg.Limits.ErrorTypesPerService = 3, 3, 2
	for range 20 {
		cfg.Measures = append(cfg.Measures, randomMeasure(rng, nil))
	}
	r := newRecorder(t, cfg)
	for round := range 30 {
		c := newRecount(cfg)
		var group sync.WaitGroup
		for w := range 2 {
			spans := make([]source.Span, 300)
			for i := range spans {
				spans[i] = randomSpan(rng, len(r.Tags()))
				spans[i].SpanID = uint64(round<<20 | w<<10 | i)
				c.judge(spans[i], "", "", nil, "")
			}
			group.Add(1)
			go func() {
				defer group.Done()
				r.Count(w, spans)
			}()
		}
		group.Wait()
		want, got, blamed := map[sli.MinuteCount][2]uint64{}, map[sli.MinuteCount][2]uint64{}, map[sli.CulpritCount]uint64{}
		for key, n := range c.minutes {
			key.Value = ""
			want[key] = [2]uint64{want[key][0] + n[0], want[key][1] + n[1]}
		}
		bad := map[sli.CulpritCount]uint64{}
		for key, n := range minutesOf(t, r, 2) {
			if n[1] > 0 {
				bad[sli.CulpritCount{Measure: key.Measure, Value: key.Value}] += n[1]
			}
			key.Value = ""
			got[key] = [2]uint64{got[key][0] + n[0], got[key][1] + n[1]}
		}
		for key, n := range culpritsOf(r) {
			blamed[sli.CulpritCount{Measure: key.Measure, Value: key.Value}] += n
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("round %d (-want +got):\n%s", round, diff)
		}
		if diff := cmp.Diff(bad, blamed); diff != "" {
			t.Fatalf("round %d: bad events and culprits (-want +got):\n%s", round, diff)
		}
		if rng.IntN(2) == 0 {
			r.Discard()
		} else {
			step(t, r, start)
		}
	}
}

// FuzzJudging judges a span of foreign strings and times, alone and after others
// that took all the places.
func FuzzJudging(f *testing.F) {
	f.Add("s1", "o1", "x", "7", "e", int64(0), int64(5000), byte(1), true)
	f.Add("_other", "_other", "_other", "1e999", "", int64(-1), int64(1), byte(0), false)
	f.Add("s\x00", "o\n", "\xff", "NaN", "\xff", int64(math.MinInt64), int64(0), byte(5), true)
	f.Add(strings.Repeat("s", 300), "", "-", "+.e", "x", int64(math.MaxInt64), int64(math.MaxInt64), byte(2), false)
	rng := rand.New(rand.NewPCG(5, 5))
	cfg := testConfig()
	for range 30 {
		cfg.Measures = append(cfg.Measures, randomMeasure(rng, nil))
	}
	open := newRecorder(f, cfg)
	cfg.Limits.Services, cfg.Limits.OperationsPerService, cfg.Limits.Series, cfg.Limits.ErrorTypesPerService = 1, 1, 1, 1
	full := newRecorder(f, cfg)
	full.Count(0, page(span("taken", 1, of("s2"), failed("taken"))))
	step(f, full, start)
	f.Fuzz(func(t *testing.T, service, operation, a, b, errorType string, begin, duration int64, kind byte, flag bool) {
		s := source.Span{Service: service, Operation: operation, Kind: source.Kind(kind) % source.Kinds, Failed: flag, ErrorType: errorType, Root: flag, Start: begin, Duration: max(duration, 0)}
		for i := range open.Tags() {
			s.Tags = append(s.Tags, []string{a, b}[i%2])
		}
		c := newRecount(cfg)
		c.judge(s, "", "", nil, "")
		want := map[sli.MinuteCount][2]uint64{}
		for key, n := range c.minutes {
			want[sli.MinuteCount{Measure: key.Measure, Minute: key.Minute}] = n
		}
		for _, r := range []*sli.Recorder{open, full} {
			r.Count(1, page(s))
			got := map[sli.MinuteCount][2]uint64{}
			for key, n := range minutesOf(t, r, 1) {
				got[sli.MinuteCount{Measure: key.Measure, Minute: key.Minute}] = n
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("%+v (-want +got):\n%s", s, diff)
			}
			for range r.Culprits() {
			}
			for range r.BadEvents() {
			}
			r.Discard()
		}
	})
}

// randomMeasure draws from few values, those of randomSpan among them.
func randomMeasure(rng *rand.Rand, dimensions []sli.Dimension) sli.Measure {
	pick := func(from ...string) string { return from[rng.IntN(len(from))] }
	var m sli.Match
	names := func(prefix string) (patterns sli.Patterns) {
		for range rng.IntN(3) {
			name := fmt.Sprint(prefix, rng.IntN(6))
			p := sli.Pattern{}
			if err := p.UnmarshalText([]byte(pick(name, name, "!="+name, "=~"+prefix+"[0-2]", "!~.*"+name, "_other"))); err != nil {
				panic(err)
			}
			patterns = append(patterns, p)
		}
		return patterns
	}
	conditions := func(most int) (list sli.Conditions) {
		for range rng.IntN(most + 1) {
			tag := pick("t0", "t1", "a", "b")
			c := sli.Condition{}
			if err := c.UnmarshalText([]byte(pick("failed", tag+" = x", tag+" != y", tag+" =~ x|y", tag+" !~ _.*", tag+" > 6.9", tag+" <= 7", tag+` = ""`))); err != nil {
				panic(err)
			}
			list = append(list, c)
		}
		return list
	}
	m.Service, m.Operation, m.Tags, m.RootOnly = names("s"), names("o"), conditions(1), rng.IntN(3) == 0
	for range rng.IntN(3) {
		m.SpanKind = append(m.SpanKind, source.Kind(rng.IntN(3)).String())
	}
	threshold := []time.Duration{time.Microsecond, 5 * time.Millisecond, time.Second, time.Minute}[rng.IntN(4)]
	measure := sli.Measure{ForEach: pick("", "", "service", "operation")}
	if len(dimensions) > 0 && rng.IntN(3) == 0 {
		measure.ForEach = dimensions[rng.IntN(len(dimensions))].Label
	}
	switch rng.IntN(4) {
	case 0:
		measure.Indicator.Availability = &sli.Availability{Match: m, FailedIf: conditions(2)}
	case 1:
		measure.Indicator.Latency = &sli.Latency{Match: m, Threshold: threshold}
	case 2:
		measure.Indicator.SuccessWithin = &sli.SuccessWithin{Match: m, Threshold: threshold, FailedIf: conditions(2)}
	default:
		measure.Indicator.Attribute = &sli.Attribute{Match: m, GoodIf: append(conditions(2), sli.Condition{Tag: "a", Op: sli.Equal, Value: "x"})}
	}
	return measure
}
