package rules_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/traceslo/traceslo/rules"
	"github.com/traceslo/traceslo/slo"
)

// start evaluates the rules of an objective over what ledgers show of it.
func start(t testing.TB, o slo.Objective, ledgers ...ledger) *prometheus {
	t.Helper()
	var series []string
	for _, l := range ledgers {
		l.objective = o
		series = append(series, l.series()...)
	}
	return newPrometheus(t, series, render(t, []slo.Objective{o}, links, rules.Default(), rules.Prometheus)["traceslo-slos.yaml"])
}

const minute = time.Minute

// The alerts of available("checkout", "shop").
const (
	page1h    = "SLOErrorBudgetBurn severity=page tier=1h slo=checkout service=shop"
	page6h    = "SLOErrorBudgetBurn severity=page tier=6h slo=checkout service=shop"
	ticket1d  = "SLOErrorBudgetBurn severity=ticket tier=1d slo=checkout service=shop"
	ticket3d  = "SLOErrorBudgetBurn severity=ticket tier=3d slo=checkout service=shop"
	exhausted = "SLOErrorBudgetExhausted severity=ticket slo=checkout service=shop"
	standing  = "SLOUnmeasured severity=ticket slo=checkout service=shop"
)

var checkout = available("checkout", "shop")

func TestTotalOutagePagesAtOnceAndResolves(t *testing.T) {
	// 100 events a minute: the first bad minute is 1.67% of an hour, the third
	// 0.83% of six hours, the fifth 0.35% of a day and 0.12% of three.
	p := start(t, checkout, ledger{instance: "a", scrapes: 60, minute: faulty(100, 100, 10, 20)})
	p.wantFiring(10 * minute)
	p.wantFiring(11*minute, page1h)
	p.wantFiring(13*minute, page1h, page6h)
	p.wantFiring(20*minute, page1h, page6h, ticket1d, ticket3d)
	p.wantFiring(24*minute, page1h, page6h, ticket1d, ticket3d)
	// Five minutes after its end the short window is clean again.
	p.wantFiring(25*minute, page6h, ticket1d, ticket3d)
	p.wantFiring(50*minute, ticket1d, ticket3d)
}

func TestOnePercentPages(t *testing.T) {
	// 1% of a target of 99.9% is a burn rate of 10: above 6, below 14.4.
	p := start(t, checkout, ledger{scrapes: 5, minute: faulty(1000, 10, -1440, 5)})
	p.wantFiring(4*minute, page6h, ticket1d, ticket3d)
	if got := p.value(`slo:period_burn_rate:ratio{slo="checkout"}`); math.Abs(got-10.0*1444/43200) > 1e-9 {
		t.Errorf("got a burn rate of %g over the window, want the bad minutes of 30 days", got)
	}
}

func TestEachTierHasItsEdge(t *testing.T) {
	for _, test := range []struct {
		tier  string
		long  int // in minutes
		alert string
		// at is how many of 10,000 events are bad at the tier's burn rate.
		at int
	}{
		{"1h", 60, page1h, 144},
		{"6h", 360, page6h, 60},
		{"1d", 1440, ticket1d, 30},
		{"3d", 4320, ticket3d, 10},
	} {
		t.Run(test.tier, func(t *testing.T) {
			burn := func(bad int) *prometheus {
				return start(t, checkout, ledger{scrapes: 12, minute: faulty(10_000, bad, 10-test.long, 12)})
			}
			silent := burn(test.at)
			for at := range 12 {
				silent.run(time.Duration(at) * minute)
				if fires(silent, test.alert) {
					t.Errorf("it fires at a burn rate that is the tier's own, not above it")
				}
			}
			loud := burn(test.at + 1)
			loud.run(10 * minute)
			if !fires(loud, test.alert) {
				t.Errorf("it does not fire when its long window is full of a little more than its burn rate")
			}
		})
	}
}

func TestTierNeedsBothWindows(t *testing.T) {
	// An outage that ended, after which 1% is bad: less than 1.44%.
	past := start(t, checkout, ledger{scrapes: 3, minute: func(m int) (int, int) {
		if m < -20 {
			return 100, 100
		}
		return 100, 1
	}})
	// One that has just begun, too small for the hour.
	fresh := start(t, checkout, ledger{scrapes: 3, minute: faulty(100, 40, 0, 3)})
	for _, p := range []*prometheus{past, fresh} {
		if p.run(2 * minute); fires(p, page1h) {
			t.Error("it fires though only one of its windows burns")
		}
	}
}

func fires(p *prometheus, name string) bool {
	return slices.ContainsFunc(p.firing, func(a alert) bool { return a.String() == name })
}

func TestOneFailureAtNightPagesNobody(t *testing.T) {
	for _, test := range []struct {
		name   string
		minute func(int) (events, bad int)
	}{
		{"one failure of six events", func(m int) (int, int) { return truth(m%10 == 0), truth(m == 10) }},
		{"one failure of sixty is below the floor of three", func(m int) (int, int) { return 1, truth(m == 10) }},
		{"eight events are below the floor of ten, though all fail", func(m int) (int, int) { return truth(m&7 == 3), truth(m&7 == 3) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			pages := func(o slo.Objective) bool {
				p := start(t, o, ledger{scrapes: 30, minute: func(m int) (int, int) {
					if m < -51 {
						return 0, 0
					}
					return test.minute(m)
				}})
				for at := range 12 {
					if p.run(time.Duration(at) * minute); fires(p, page1h) || fires(p, page6h) {
						return true
					}
				}
				return false
			}
			if pages(checkout) {
				t.Error("it pages")
			}
			o := checkout
			o.Alerting.MinEvents, o.Alerting.MinFailures = 1, 1
			if !pages(o) {
				t.Error("it does not page without floors either")
			}
		})
	}
}

func TestIdleServiceHasNoRatio(t *testing.T) {
	p := start(t, checkout, ledger{scrapes: 5, minute: steady(0)})
	p.wantFiring(4 * minute)
	for _, record := range []string{"slo:sli_error:ratio_rate5m", "slo:sli_error:ratio_rate30d", "slo:current_burn_rate:ratio", "slo:period_error_budget_remaining:ratio"} {
		if got := p.value(record); !math.IsNaN(got) {
			t.Errorf("got %s = %g without events, want no series", record, got)
		}
	}
	if got := p.value(`slo:objective:ratio`); got != 0.999 {
		t.Errorf("got the objective %g, want 0.999", got)
	}
}

func TestExclusionMutes(t *testing.T) {
	p := start(t, checkout, ledger{scrapes: 40, minute: faulty(100, 100, 5, 40), excluded: between(10, 20), down: between(15, 17)})
	p.run(9 * minute)
	if !fires(p, page1h) {
		t.Fatal("the outage does not page")
	}
	for at := 10; at < 20; at++ {
		// A restart in its midst does not let the alerts out.
		p.wantFiring(time.Duration(at) * minute)
	}
	p.run(20 * minute)
	if !fires(p, page1h) {
		t.Error("it does not page after the exclusion")
	}
}

func TestRatiosAreOfSums(t *testing.T) {
	// One hour of total outage at 100 events a second, and 23 quiet ones: a mean
	// of ratios would say 4%.
	p := start(t, checkout, ledger{scrapes: 1, minute: func(m int) (int, int) {
		if -1440 <= m && m < -1380 {
			return 6000, 6000
		}
		return 60, 0
	}})
	p.run(0)
	const want = 60 * 6000.0 / (60*6000 + 1380*60)
	if got := p.value("slo:sli_error:ratio_rate1d"); got != want {
		t.Errorf("got a ratio of %g over the day, want %g", got, want)
	}
}

func TestEveryObjectiveIsDrawnApart(t *testing.T) {
	each := available("platform", "")
	each.ForEach = "service"
	byOperation := quick("ml.ops", "ml")
	byOperation.ForEach = "operation"
	neighbour := quick("mlxops", "ml")
	const hostile = `GET /"x"?a={{ $value }}\n+b`

	var series []string
	for _, l := range []ledger{
		{objective: each, service: "api", scrapes: 5, minute: faulty(100, 100, -60, 5)},
		{objective: each, service: "web", scrapes: 5, minute: steady(100)},
		{objective: byOperation, slo: "ml.ops/" + hostile, scrapes: 5, minute: faulty(100, 100, -60, 5)},
		{objective: byOperation, slo: "ml.ops/infer", scrapes: 5, minute: steady(100)},
		{objective: neighbour, slo: "mlxops/infer", scrapes: 5, minute: faulty(100, 100, -60, 5)},
	} {
		series = append(series, l.series()...)
	}
	p := newPrometheus(t, series, render(t, []slo.Objective{each, byOperation}, links, rules.Default(), rules.Prometheus)["traceslo-slos.yaml"])
	p.run(4 * minute)
	got := map[string]alert{}
	for _, a := range p.firing {
		got[a.labels["slo"]+" of "+a.labels["service"]] = a
	}
	if len(got) != 2 {
		t.Fatalf("got alerts of %d objectives, want 2: %v", len(got), p.firing)
	}
	for key, want := range map[string]map[string]string{
		"platform of api":              {"sloth_id": "api-platform", "sloth_service": "api", "sloth_slo": "platform"},
		"ml.ops/" + hostile + " of ml": {"sloth_id": "ml-ml.ops/" + hostile, "sloth_service": "ml", "sloth_slo": "ml.ops/" + hostile},
	} {
		for label, value := range want {
			if got[key].labels[label] != value {
				t.Errorf("%s: got %s=%q, want %q", key, label, got[key].labels[label], value)
			}
		}
	}
	for key, a := range got {
		// What a query does not find is written "?".
		if strings.Contains(a.annotations["description"], "?") {
			t.Errorf("%s: the description lacks a number: %s", key, a.annotations["description"])
		}
	}
	link := got["ml.ops/"+hostile+" of ml"].annotations["status_url"]
	if want := "https://traceslo.example.org/slo/ml.ops%2FGET%20%2F%22x%22%3Fa%3D%7B%7B%20%24value%20%7D%7D%5Cn%2Bb"; link != want {
		t.Errorf("got the link %s, want %s", link, want)
	}
}

func TestRecordedSeriesAreSloths(t *testing.T) {
	p := start(t, checkout, ledger{instance: "a", scrapes: 5, minute: faulty(1000, 1, -43200, 5)})
	p.run(4 * minute)
	const of = `slo="checkout",service="shop",sloth_id="shop-checkout",sloth_service="shop",sloth_slo="checkout"`
	for series, want := range map[string]float64{
		`slo:sli_error:ratio_rate5m{` + of + `,sloth_window="5m"}`:               0.001,
		`slo:sli_error:ratio_rate30d{` + of + `,sloth_window="30d"}`:             0.001,
		`slo:objective:ratio{` + of + `}`:                                        0.999,
		`slo:error_budget:ratio{` + of + `}`:                                     0.001,
		`slo:time_period:days{` + of + `}`:                                       30,
		`slo:current_burn_rate:ratio{` + of + `,sloth_window="5m"}`:              1,
		`slo:period_burn_rate:ratio{` + of + `,sloth_window="30d"}`:              1,
		`slo:period_error_budget_remaining:ratio{` + of + `,sloth_window="30d"}`: 0,
		`sloth_slo_info{` + of + `,sloth_objective="99.9"}`:                      1,
	} {
		if got := p.value(series); !(math.Abs(got-want) < 1e-9) {
			t.Errorf("got %s = %g, want %g", series, got, want)
		}
		name, _, _ := strings.Cut(series, "{")
		if got := p.value(fmt.Sprintf(`count(%s)`, name)); got != 1 {
			t.Errorf("got %g series of %s, want 1", got, name)
		}
		if got := p.value(name + `{window!=""}`); !math.IsNaN(got) {
			t.Errorf("%s has a label that Sloth's has not: window", name)
		}
	}
}
