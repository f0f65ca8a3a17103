package rules_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/common/model"

	"github.com/traceslo/traceslo/internal/testenv"
	"github.com/traceslo/traceslo/rules"
	"github.com/traceslo/traceslo/slo"
)

// slothRules returns the rules that Sloth makes of the specification of
// available("checkout", "shop") with a target such as 99.9.
func slothRules(t testing.TB, target string) []byte {
	t.Helper()
	spec := string(read(t, "testdata/sloth/"+target+".yaml"))
	out, err := testenv.Sloth(t, map[string]string{"spec.yaml": spec}, "generate", "-i", "spec.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out, "alert: CheckoutBurns") {
		t.Fatalf("Sloth makes no alert:\n%s", out)
	}
	return []byte(out)
}

// ourRules returns the same of ours.
func ourRules(t testing.TB, o slo.Objective) []byte {
	t.Helper()
	return render(t, []slo.Objective{o}, slo.Links{}, rules.Default(), rules.Prometheus)["traceslo-slos.yaml"]
}

// A load says how many events a minute has, and which part of them is bad.
type load func(minute int) (events int, ratio float64)

// burning is a steady load of which a part is bad from a minute on and before another.
func burning(events int, ratio float64, from, to int) load {
	return func(m int) (int, float64) {
		if from <= m && m < to {
			return events, ratio
		}
		return events, 0
	}
}

// A story is what happens to a service.
type story struct {
	name    string
	minutes int
	load    load
	// good are the first minutes, of which none has a bad event. All but their
	// last hour are looked at in the story of nothing, and not again in others.
	good int
	// unfloored takes the floors away, which Sloth has not.
	unfloored bool
}

// stories returns what befalls a service whose budget is a part of its events.
// All begin with three days that are good, or as good as they are meant to be,
// so that every window is full.
func stories(budget float64) []story {
	const hour, day, begin = 60, 1440, 3 * 1440
	all := []story{
		{name: "nothing", minutes: begin, load: burning(600, 0, 0, 0)},
		{name: "half of the budget, steadily", minutes: begin + day, load: burning(600, budget/2, 0, begin+day)},
		{name: "a total outage of ten minutes", good: begin, minutes: begin + day, load: burning(600, 1, begin, begin+10)},
		{name: "a total outage of an hour, and recovery", good: begin, minutes: 2*begin + day, load: burning(600, 1, begin, begin+hour)},
		{name: "a total outage that does not end", good: begin, minutes: begin + 8*hour, load: burning(600, 1, begin, begin+day)},
		{name: "two outages of five minutes within an hour", good: begin, minutes: begin + day, load: func(m int) (int, float64) {
			if m -= begin; 0 <= m && m < 60 && m%40 < 5 {
				return 600, 1
			}
			return 600, 0
		}},
		{name: "a tenth fails in the morning of days and nights", minutes: begin + 2*day, load: func(m int) (int, float64) {
			events := int(600 + 500*math.Sin(2*math.Pi*float64(m)/day))
			if begin+10*hour <= m && m < begin+13*hour {
				return events, 0.1
			}
			return events, budget / 4
		}},
		{name: "an outage of an hour, a day after most callers left", good: begin, minutes: begin + 2*day, load: func(m int) (int, float64) {
			if m < begin {
				return 18_000, 0
			}
			return burning(300, 1, begin+day, begin+day+hour)(m)
		}},
		{name: "two events a minute, and an outage", good: begin, minutes: begin + day, load: burning(2, 1, begin, begin+30), unfloored: true},
		{name: "an event each seven minutes, and an outage", good: begin, minutes: begin + day, unfloored: true, load: func(m int) (int, float64) {
			_, ratio := burning(1, 1, begin, begin+2*hour)(m)
			return truth(m%7 == 0), ratio
		}},
	}
	for _, tier := range []struct {
		name   string
		factor float64
		long   int
		// before and after are the events a minute before and after the burning
		// begins: of a day at thrice the rate, three days make an alert too, unless
		// those before had more events.
		before, after int
	}{{"1h", 14.4, hour, 6000, 6000}, {"6h", 6, 6 * hour, 6000, 6000}, {"1d", 3, day, 18_000, 3000}, {"3d", 1, 3 * day, 6000, 6000}} {
		length := tier.long + tier.long/5
		for side, factor := range map[string]float64{"below": 0.97 * tier.factor, "above": 1.03 * tier.factor} {
			all = append(all, story{name: "just " + side + " the tier of " + tier.name, good: begin, minutes: begin + length + 8*hour, load: func(m int) (int, float64) {
				if m < begin {
					return tier.before, 0
				}
				return burning(tier.after, factor*budget, begin, begin+length)(m)
			}})
		}
	}
	return all
}

// slack is by how many minutes the beginning and end of an alert may differ
// between Sloth and us, for scrapes that are at most a minute apart. Both look
// at the same events through windows that are not quite the same, though both
// end at the last scrape: Sloth's rate() begins at the first scrape within its
// window, up to a minute late, and the ledger's with a whole minute, up to one
// early. So the first or the last bad event leaves one of them up to two minutes
// before the other, and an evaluation a minute sees that up to one later. A
// ratio that creeps to a threshold in a window that is full gets there by a part
// of that.
const slack = 3

func TestBurnAlertsAgreeWithSloth(t *testing.T) {
	testenv.Live(t)
	var (
		mu  sync.Mutex
		all agreement
	)
	t.Cleanup(func() { t.Logf("in all: %s", all) })
	for _, setting := range []struct {
		target   string
		of       slo.Target
		budget   float64
		interval int
		// stories are those whose names begin so: the edges hang on the target.
		stories string
	}{{"99.9", 999_000_000, 0.001, 60, ""}, {"99", 990_000_000, 0.01, 30, "just "}} {
		theirs := slothRules(t, setting.target)
		for _, story := range stories(setting.budget) {
			if !strings.HasPrefix(story.name, setting.stories) {
				continue
			}
			t.Run(setting.target+"% and "+story.name, func(t *testing.T) {
				t.Parallel()
				o := available("checkout", "shop")
				o.Target = setting.of
				if story.unfloored {
					o.Alerting.MinEvents, o.Alerting.MinFailures = 1, 1
				}
				events := newStream(story.minutes, story.load)
				sloth := newSimulation(t, story.minutes, setting.interval)
				sloth.from = max(0, story.good-60)
				sloth.counters(events.upTo)
				want := sloth.burns(theirs)
				traceslo := newSimulation(t, story.minutes, setting.interval)
				traceslo.from = sloth.from
				traceslo.gauges(o.With(slo.Alerting{}), events, present)
				got := traceslo.burns(ourRules(t, o))
				for _, severity := range []string{slo.PageSeverity, slo.TicketSeverity} {
					if len(got[severity]) == 0 || len(want[severity]) == 0 {
						t.Fatalf("no alert of severity %s", severity)
					}
					one := compare(got[severity][sloth.from:], want[severity][sloth.from:], slack)
					if first := sloth.from + one.first; one.apart > 0 {
						t.Errorf("%s: they differ at %d of %d evaluations, the first after %d minutes, where ours fires: %t",
							severity, one.apart, one.same+one.near+one.apart, first, got[severity][first])
					}
					t.Logf("%s: %s", severity, one)
					mu.Lock()
					all.add(one)
					mu.Unlock()
				}
			})
		}
	}
}

// TestDashboardsForSlothFindTheirSeries holds what Sloth records against ours:
// the same names, Sloth's labels, and the same values where Sloth's are right.
func TestDashboardsForSlothFindTheirSeries(t *testing.T) {
	testenv.Live(t)
	t.Parallel()
	const minutes = 1440
	events := newStream(minutes, burning(60_000, 0.002, 0, minutes))
	o := available("checkout", "shop")
	theirs, ours := newSimulation(t, minutes, 60), newSimulation(t, minutes, 60)
	theirs.counters(events.upTo)
	theirs.evaluate(slothRules(t, "99.9"))
	ours.gauges(o.With(slo.Alerting{}), events, present)
	ours.evaluate(ourRules(t, o))

	seen := 0
	for _, series := range theirs.query(`{sloth_id!=""}`) {
		selector := series.Metric.Get(model.MetricNameLabel) + "{"
		for _, name := range []string{slo.SlothID, slo.SlothService, slo.SlothSLO} {
			selector += fmt.Sprintf("%s=%q,", name, series.Metric.Get(name))
		}
		if window := series.Metric.Get(slo.SlothWindow); window != "" {
			selector += fmt.Sprintf("%s=%q", slo.SlothWindow, window)
		}
		selector += "}"
		got, ok := ours.last(selector)
		want := series.Floats[len(series.Floats)-1].F
		if !ok || math.Abs(got-want) > 0.001*math.Abs(want) {
			t.Errorf("%s: got %g (it is there: %t), Sloth has %g", selector, got, ok, want)
		}
		seen++
	}
	if seen < 15 {
		t.Errorf("Sloth records %d series, want its 15", seen)
	}
}

// A difference is what befalls a service that Sloth does not see as it is.
type difference struct {
	name    string
	minutes int
	load    load
	// count returns what Sloth's counters show, if that is not all the events up to then.
	count func(s *stream, second int) (events, bad float64)
	// clock is that of our ledger, if it is not always the present.
	clock func(second int) int
	check func(t *testing.T, sloth, ours outcome)
}

// An outcome is what rules made of a simulation.
type outcome struct {
	*simulation
	firing map[string][]bool
}

func (o outcome) pages() bool { return slices.Contains(o.firing[slo.PageSeverity], true) }

// ratio returns the part of the events of 30 days that is bad, as it is recorded
// at the end.
func (o outcome) ratio() (float64, bool) { return o.last("slo:sli_error:ratio_rate30d") }

// TestWhereSlothIsWrong shows what Sloth's rules say of something, and that ours
// say how it is.
func TestWhereSlothIsWrong(t *testing.T) {
	testenv.Live(t)
	t.Parallel()
	theirs := slothRules(t, "99.9")
	// ratios holds the parts of the events that are bad, as recorded over 30 days.
	ratios := func(theirs, right float64) func(*testing.T, outcome, outcome) {
		return func(t *testing.T, sloth, ours outcome) {
			if got, ok := sloth.ratio(); !ok || math.IsNaN(got) != math.IsNaN(theirs) || math.Abs(got/theirs-1) > 0.01 {
				t.Errorf("Sloth's ratio is %g, was said to be %g", got, theirs)
			}
			if got, ok := ours.ratio(); !ok || !(math.Abs(got/right-1) < 0.001) {
				t.Errorf("got a ratio of %g, want %g", got, right)
			}
		}
	}
	// pages holds whether anything pages at any time.
	pages := func(theirs, right bool) func(*testing.T, outcome, outcome) {
		return func(t *testing.T, sloth, ours outcome) {
			if got := sloth.pages(); got != theirs {
				t.Errorf("Sloth's rules page: %t, were said to: %t", got, theirs)
			}
			if got := ours.pages(); got != right {
				t.Errorf("ours page: %t, want %t", got, right)
			}
		}
	}
	for _, test := range []difference{
		{
			name: "trap 5: a mean of ratios takes a quiet night for as much as the day", minutes: 1440,
			load: func(m int) (int, float64) {
				if m < 16*60 {
					return 6000, 0.0005
				}
				return 6, 0.05
			},
			check: ratios(0.01689, (16*60*6000*0.0005+8*60*6*0.05)/(16*60*6000+8*60*6)),
		}, {
			name: "trap 5: a mean of ratios takes an outage for no more than a quiet hour", minutes: 1440,
			load: func(m int) (int, float64) {
				if m < 60 {
					return 6000, 1
				}
				return 60, 0
			},
			check: ratios(0.0437, 60*6000.0/(60*6000+23*60*60)),
		}, {
			name: "trap 4: one NaN of an idle night stays for 30 days", minutes: 1440,
			load:  func(m int) (int, float64) { return 100 * truth(m < 200 || m > 230), 0.01 },
			check: ratios(math.NaN(), 0.01),
		}, {
			name: "one failure at night pages", minutes: 8 * 60,
			load:  func(m int) (int, float64) { return 1, float64(truth(m == 300)) },
			check: pages(true, false),
		}, {
			// The series of the bad events begins with all of a minute.
			name: "trap 2: the first errors of all are lost", minutes: 8 * 60,
			load: burning(600, 1, 300, 301),
			count: func(s *stream, second int) (float64, float64) {
				events, bad := s.upTo(second)
				if second < 301*60 {
					return float64(events), math.NaN()
				}
				return float64(events), float64(bad)
			},
			check: pages(false, true),
		}, {
			name: "trap 3: without an error there is no ratio", minutes: 60,
			load: burning(600, 0, 0, 0),
			count: func(s *stream, second int) (float64, float64) {
				events, _ := s.upTo(second)
				return float64(events), math.NaN()
			},
			check: func(t *testing.T, sloth, ours outcome) {
				if got, ok := sloth.last("slo:sli_error:ratio_rate5m"); ok {
					t.Errorf("Sloth's ratio is %g, was said to be absent", got)
				}
				if got, ok := ours.last("slo:sli_error:ratio_rate5m"); !ok || got != 0 {
					t.Errorf("got a ratio of %g (it is there: %t), want 0", got, ok)
				}
			},
		}, {
			// An outage begins and ends in an hour in which the spans cannot be read.
			name: "trap 9: what is caught up with pages when it is long over", minutes: 12 * 60,
			load:  burning(600, 1, 300, 310),
			count: frozenCounters(300, 360),
			clock: frozen(300, 360),
			check: pages(true, false),
		}, {
			// An outage begins when the spans can be read again after two days.
			name: "trap 9: what is caught up with hides what happens", minutes: 3100,
			load:  burning(600, 1, 3000, 3060),
			count: frozenCounters(120, 3000),
			clock: frozen(120, 3000),
			check: func(t *testing.T, sloth, ours outcome) {
				theirs, right := slices.Index(sloth.firing[slo.PageSeverity], true), slices.Index(ours.firing[slo.PageSeverity], true)
				if right < 3000 || right > 3001 || theirs < right+5 {
					t.Errorf("ours page after %d minutes, Sloth's after %d; want ours within a minute of 3000, and Sloth's were said to be late", right, theirs)
				}
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			events := newStream(test.minutes, test.load)
			sloth := newSimulation(t, test.minutes, 60)
			if test.count == nil {
				sloth.counters(events.upTo)
			} else {
				sloth.count(func(second int) (float64, float64) { return test.count(events, second) })
			}
			o := available("checkout", "shop")
			traceslo := newSimulation(t, test.minutes, 60)
			clock := present
			if test.clock != nil {
				clock = test.clock
			}
			traceslo.gauges(o.With(slo.Alerting{}), events, clock)
			test.check(t, outcome{sloth, sloth.evaluate(theirs)}, outcome{traceslo, traceslo.evaluate(ourRules(t, o))})
		})
	}
}

// frozen is the clock of a ledger of a daemon that cannot read from a minute on
// and before another.
func frozen(from, to int) func(second int) int {
	return func(second int) int {
		if from*60 <= second && second < to*60 {
			return from * 60
		}
		return second
	}
}

// frozenCounters are its counters, which then count all at once.
func frozenCounters(from, to int) func(*stream, int) (float64, float64) {
	clock := frozen(from, to)
	return func(s *stream, second int) (float64, float64) {
		events, bad := s.upTo(clock(second))
		return float64(1_000_000 + events), float64(1000 + bad)
	}
}
