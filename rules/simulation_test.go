package rules_test

import (
	"fmt"
	"log/slog"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/util/teststorage"

	"github.com/traceslo/traceslo/slo"
)

// A stream is the events of a service: the sums up to each minute.
type stream struct{ events, bad []int }

// newStream returns a stream of so many minutes, of each of which load says how
// many events it has and which part of them is bad. Bad events are spread evenly.
func newStream(minutes int, load func(minute int) (events int, ratio float64)) *stream {
	s := &stream{make([]int, minutes+1), make([]int, minutes+1)}
	due := 0.0
	for m := range minutes {
		events, ratio := load(m)
		due += float64(events) * ratio
		s.events[m+1] = s.events[m] + events
		s.bad[m+1] = min(int(due), s.bad[m]+events)
	}
	return s
}

// upTo returns the events of the first seconds.
func (s *stream) upTo(second int) (events, bad int) {
	m := second / 60
	if m >= len(s.events)-1 {
		m = len(s.events) - 1
		return s.events[m], s.bad[m]
	}
	part := func(sums []int) int { return sums[m] + (sums[m+1]-sums[m])*(second%60)/60 }
	return part(s.events), part(s.bad)
}

// window returns the events that the ledger shows at a time for a window of so
// many minutes: those of the running minute as far as it has come, and of so
// many minutes before it.
func (s *stream) window(second, minutes int) (events, bad int) {
	events, bad = s.upTo(second)
	first := min(max(0, second/60-minutes), len(s.events)-1)
	return events - s.events[first], bad - s.bad[first]
}

// A simulation is a Prometheus whose rules are evaluated once a minute over
// samples that are all there from the start, one rule after the other.
type simulation struct {
	t       testing.TB
	storage *teststorage.TestStorage
	engine  *promql.Engine
	// minutes is how long it lasts, interval the time between two scrapes in seconds.
	minutes, interval int
	// from is the first minute whose evaluation is looked at: nothing asks for
	// those before.
	from int
}

// Neither scrapes nor evaluations are at the full minute, nor at the same time.
const (
	scrapeSecond   = 7
	evaluateSecond = 41
)

func newSimulation(t testing.TB, minutes, interval int) *simulation {
	t.Helper()
	return &simulation{t: t, minutes: minutes, interval: interval,
		// The series are written one after the other, so that the last one is
		// older than the newest sample by the length of the simulation.
		storage: teststorage.New(t, func(o *tsdb.Options) { o.MinBlockDuration = (200 * 24 * time.Hour).Milliseconds() }),
		engine: promqltest.NewTestEngineWithOpts(t, promql.EngineOpts{MaxSamples: 50_000_000, Timeout: 10 * time.Minute, EnableAtModifier: true,
			EnableNegativeOffset: true, Parser: parser.NewParser(parser.Options{})}),
	}
}

// scrape adds a series. A NaN is a scrape that fails.
func (s *simulation) scrape(l labels.Labels, value func(second int) float64) {
	s.t.Helper()
	var points []promql.FPoint
	for second := scrapeSecond; second < s.minutes*60; second += s.interval {
		if v := value(second); !math.IsNaN(v) {
			points = append(points, promql.FPoint{T: epoch.Add(time.Duration(second) * time.Second).UnixMilli(), F: v})
		}
	}
	s.append(l, points)
}

func (s *simulation) append(l labels.Labels, points []promql.FPoint) {
	s.t.Helper()
	app := s.storage.AppenderV2(s.t.Context())
	for _, p := range points {
		if _, err := app.Append(0, l, 0, p.T, p.F, nil, nil, storage.AOptions{}); err != nil {
			s.t.Fatal(err)
		}
	}
	if err := app.Commit(); err != nil {
		s.t.Fatal(err)
	}
}

// counters adds what Sloth's rules ask for. They began long ago.
func (s *simulation) counters(upTo func(second int) (events, bad int)) {
	s.t.Helper()
	s.count(func(second int) (float64, float64) {
		events, bad := upTo(second)
		return float64(100_000_000 + events), float64(1_000_000 + bad)
	})
}

// count adds the same with values that may be NaN where there is none.
func (s *simulation) count(value func(second int) (events, bad float64)) {
	s.t.Helper()
	s.scrape(labels.FromStrings(model.MetricNameLabel, "checkout_events_total"), func(second int) float64 { events, _ := value(second); return events })
	s.scrape(labels.FromStrings(model.MetricNameLabel, "checkout_bad_total"), func(second int) float64 { _, bad := value(second); return bad })
}

// gauges adds what the rules of an objective ask for, of a ledger that knows the
// events up to a time that clock returns.
func (s *simulation) gauges(o slo.Objective, events *stream, clock func(second int) int) {
	s.t.Helper()
	add := func(name, window string, value func(second int) int) {
		l := labels.NewBuilder(labels.FromStrings(model.MetricNameLabel, name, slo.SLOLabel, o.Name, slo.ServiceLabel, o.Service, "instance", "a", "job", "traceslo"))
		s.scrape(l.Set(slo.WindowLabel, window).Labels(), func(second int) float64 { return float64(value(second)) })
	}
	for _, w := range append(o.AlertWindows(), o.Window.Length()) {
		label, minutes := slo.FormatWindow(w), int(w/time.Minute)
		add(slo.WindowEvents, label, func(second int) int { all, _ := events.window(clock(second), minutes); return all })
		add(slo.WindowBadEvents, label, func(second int) int { _, bad := events.window(clock(second), minutes); return bad })
	}
	add(slo.UnmeasuredSeconds, "", func(second int) int { return second - clock(second) })
	add(slo.ExcludedMetric, "", func(int) int { return 0 })
	add(slo.UnmatchedMetric, "", func(int) int { return 0 })
}

// present is the clock of a ledger that is never behind.
func present(second int) int { return second }

// evaluate records what is to be recorded and returns at which minutes the
// alerts of a burn rate fire, by their severity as Sloth calls it.
func (s *simulation) evaluate(file []byte) map[string][]bool {
	s.t.Helper()
	return s.evaluateAll(rulesOf(s.t, file))
}

// burns is evaluate, without what those alerts do not ask for: the ratio of a
// month costs more than all the rest.
func (s *simulation) burns(file []byte) map[string][]bool {
	s.t.Helper()
	all := rulesOf(s.t, file)
	var wanted []rulefmt.Rule
	asked := map[string]bool{}
	// What a rule asks for stands before it.
	for _, rule := range slices.Backward(all) {
		if burnAlert(rule) || asked[rule.Record] {
			wanted = append(wanted, rule)
			for _, name := range metrics(s.t, rule.Expr) {
				asked[name] = true
			}
		}
	}
	slices.Reverse(wanted)
	return s.evaluateAll(wanted)
}

// rulesOf returns the rules of a file as Prometheus reads it.
func rulesOf(t testing.TB, file []byte) []rulefmt.Rule {
	t.Helper()
	groups, errs := rulefmt.Parse(file, false, model.LegacyValidation, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler))
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	var all []rulefmt.Rule
	for _, group := range groups.Groups {
		all = append(all, group.Rules...)
	}
	return all
}

// burnAlert tells an alert of a burn rate, of Sloth's or ours. None of them waits.
func burnAlert(rule rulefmt.Rule) bool {
	return (rule.Alert == "SLOErrorBudgetBurn" || rule.Alert == "CheckoutBurns") && rule.For == 0
}

func (s *simulation) evaluateAll(rules []rulefmt.Rule) map[string][]bool {
	s.t.Helper()
	firing := map[string][]bool{}
	for _, rule := range rules {
		series := s.query(rule.Expr)
		if rule.Record != "" {
			s.record(rule, series)
		}
		if !burnAlert(rule) {
			continue
		}
		at := firing[rule.Labels[slo.SlothSeverity]]
		if at == nil {
			at = make([]bool, s.minutes)
			firing[rule.Labels[slo.SlothSeverity]] = at
		}
		for _, one := range series {
			for _, p := range one.Floats {
				at[time.UnixMilli(p.T).Sub(epoch)/time.Minute] = true
			}
		}
	}
	return firing
}

// query evaluates an expression at every minute that is looked at.
func (s *simulation) query(expr string) promql.Matrix {
	s.t.Helper()
	first := epoch.Add(evaluateSecond * time.Second)
	return s.queryAt(expr, first.Add(time.Duration(s.from)*time.Minute), first.Add(time.Duration(s.minutes-1)*time.Minute))
}

func (s *simulation) queryAt(expr string, from, to time.Time) promql.Matrix {
	s.t.Helper()
	q, err := s.engine.NewRangeQuery(s.t.Context(), s.storage, nil, expr, from, to, time.Minute)
	if err != nil {
		s.t.Fatal(err)
	}
	defer q.Close()
	result, err := q.Exec(s.t.Context()).Matrix()
	if err != nil {
		s.t.Fatalf("%s: %v", expr, err)
	}
	out := make(promql.Matrix, len(result))
	for i, one := range result {
		out[i] = promql.Series{Metric: one.Metric.Copy(), Floats: slices.Clone(one.Floats)}
	}
	return out
}

// record writes what a rule recorded, and after the end of a series that it ended.
func (s *simulation) record(rule rulefmt.Rule, series promql.Matrix) {
	s.t.Helper()
	end := epoch.Add(time.Duration(s.minutes) * time.Minute).UnixMilli()
	for _, one := range series {
		l := labels.NewBuilder(one.Metric).Set(model.MetricNameLabel, rule.Record)
		for _, name := range slices.Sorted(maps.Keys(rule.Labels)) {
			l.Set(name, rule.Labels[name])
		}
		var points []promql.FPoint
		for i, p := range one.Floats {
			points = append(points, p)
			next := p.T + time.Minute.Milliseconds()
			if (i+1 == len(one.Floats) || one.Floats[i+1].T > next) && next < end {
				points = append(points, promql.FPoint{T: next, F: math.Float64frombits(value.StaleNaN)})
			}
		}
		s.append(l.Labels(), points)
	}
}

// last returns the only value of an expression at the last evaluation, and
// whether it has one.
func (s *simulation) last(expr string) (value float64, ok bool) {
	s.t.Helper()
	at := epoch.Add(time.Duration(s.minutes-1)*time.Minute + evaluateSecond*time.Second)
	series := s.queryAt(expr, at, at)
	if len(series) > 1 {
		s.t.Fatalf("%s has several values: %v", expr, series)
	}
	if len(series) == 0 {
		return 0, false
	}
	return series[0].Floats[0].F, true
}

// An agreement counts the evaluations at which two alerts are the same, those
// near a moment at which one of them changes, and those at which they differ.
type agreement struct {
	same, near, apart int
	// firing is at how many evaluations both fire.
	firing int
	// first is the first evaluation at which they differ.
	first int
}

// compare holds an alert against another. They may differ at an evaluation if
// within slack of it each is at some time what the other is then.
func compare(a, b []bool, slack int) agreement {
	var found agreement
	for i := range a {
		from, to := max(0, i-slack), min(len(a), i+slack+1)
		switch {
		case a[i] == b[i]:
			found.same++
			found.firing += truth(a[i])
		case slices.Contains(a[from:to], b[i]) && slices.Contains(b[from:to], a[i]):
			found.near++
		default:
			if found.apart == 0 {
				found.first = i
			}
			found.apart++
		}
	}
	return found
}

func (a *agreement) add(other agreement) {
	a.same += other.same
	a.near += other.near
	a.apart += other.apart
	a.firing += other.firing
}

func (a agreement) String() string {
	return fmt.Sprintf("%d evaluations the same, both firing at %d of them; %d at a moment of change; %d apart", a.same, a.firing, a.near, a.apart)
}

// TestSimulatedGaugesAreThoseOfALedger holds stream.window against a real
// ledger that has read half of the running minute.
func TestSimulatedGaugesAreThoseOfALedger(t *testing.T) {
	const minutes = 100
	random := rand.New(rand.NewPCG(1, 4))
	s := newStream(minutes, func(int) (int, float64) { return random.IntN(1000), random.Float64() })
	d := daemon{objective: checkout, instance: "a", minutes: minutes, does: func(m int) work {
		part := func(from, to int) events {
			allBefore, badBefore := s.upTo(from)
			all, bad := s.upTo(to)
			return events{minute: from / 60, events: all - allBefore, bad: bad - badBefore}
		}
		w := work{reads: []events{part(60*m, 60*m+30)}}
		if m > 0 {
			w.reads = append(w.reads, part(60*m-30, 60*m))
		}
		return w
	}}
	for m, scrape := range d.scrapes(t) {
		for label, length := range map[string]int{"5m": 5, "30m": 30, "1h": 60, "30d": 43_200} {
			all, bad := s.window(60*m+30, length)
			for name, want := range map[string]int{slo.WindowEvents: all, slo.WindowBadEvents: bad} {
				series := fmt.Sprintf("%s{job=%q,instance=%q,service=%q,slo=%q,window=%q}", name, "traceslo", "a", "shop", "checkout", label)
				if got, ok := scrape[series]; !ok || got != float64(want) {
					t.Fatalf("minute %d: %s: got %g (it is there: %t), want %d", m, series, got, ok, want)
				}
			}
		}
	}
}
