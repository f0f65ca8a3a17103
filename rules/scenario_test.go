package rules_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql/parser"

	"github.com/traceslo/traceslo/rules"
	"github.com/traceslo/traceslo/slo"
)

// TestTraps holds the rules against what the rules of other tools get wrong:
// each subtest is what happens to a service, and fails for rules that fall into
// that trap. What happens is told by a real ledger, unless it takes days.
func TestTraps(t *testing.T) {
	t.Parallel()
	t.Run("1: an event counts as one, in every window and at every evaluation", func(t *testing.T) {
		p := watch(t, attentive(checkout, 45, func(m int) (int, int) { return 1, truth(m == 10) }))
		for at := 11; at < 45; at++ {
			p.run(time.Duration(at) * minute)
			for window, length := range map[string]int{"5m": 5, "30m": 30, "1h": 60} {
				want := truth(at <= 10+length)
				p.want(fmt.Sprintf("slo:window_bad_events:sum{window=%q}", window), float64(want))
				p.want("slo:sli_error:ratio_rate"+window, float64(want)/float64(min(at, length)))
			}
		}
	})

	t.Run("2: the first events of a service that nobody knew count", func(t *testing.T) {
		each := available("platform", "")
		each.ForEach = "service"
		p := watch(t, daemon{objective: each, instance: "a", minutes: 15, does: func(m int) work {
			w := work{reads: []events{{m - 1, "old", 100, 0}}}
			if m > 10 {
				w.reads = append(w.reads, events{m - 1, "new", 100, 100})
			}
			return w
		}})
		p.wantFiring(10 * minute)
		p.run(11 * minute)
		if !fires(p, "SLOErrorBudgetBurn severity=page tier=1h slo=platform service=new") {
			t.Errorf("got %v when the first of its events have come, want a page", p.firing)
		}
	})

	t.Run("3: without an error the ratio is 0", func(t *testing.T) {
		p := watch(t, attentive(checkout, 5, steady(100)))
		p.run(2 * minute)
		p.want("slo:sli_error:ratio_rate5m", 0)
		p.want("slo:period_error_budget_remaining:ratio", 1)
	})

	t.Run("4 and 17: an idle night is no NaN, and neither good nor bad", func(t *testing.T) {
		// A NaN that is recorded fails the test wherever it is.
		p := watch(t, attentive(checkout, 90, func(m int) (int, int) {
			return 100 * truth(m < 20 || m >= 80), 10 * truth(m < 20)
		}))
		for _, at := range []int{40, 80} {
			p.run(time.Duration(at) * minute)
			if got := p.value("slo:sli_error:ratio_rate5m"); !math.IsNaN(got) {
				t.Errorf("got a ratio of %g of nothing", got)
			}
			p.want("slo:sli_error:ratio_rate30d", 0.1)
		}
		p.run(89 * minute)
		p.want("slo:sli_error:ratio_rate5m", 0)
		p.want("slo:sli_error:ratio_rate30d", 200.0/2900)
	})

	t.Run("5: a ratio is that of the sums", func(t *testing.T) {
		p := watch(t, attentive(checkout, 25, func(m int) (int, int) {
			if m < 16 {
				return 6000, 3
			}
			return 6, truth(m%3 == 0)
		}))
		p.run(24 * minute)
		p.want("slo:sli_error:ratio_rate30d", (16*3+2)/(16*6000+8*6.0))
	})

	t.Run("6: a restart between two scrapes loses nothing", func(t *testing.T) {
		d := attentive(checkout, 30, func(m int) (int, int) { return 100, truth(m%2 == 0) })
		reads := d.does
		d.does = func(m int) work {
			w := reads(m)
			if m%5 == 0 {
				w.objective = &checkout
			}
			return w
		}
		p := watch(t, d)
		for at := 1; at < 30; at++ {
			p.run(time.Duration(at) * minute)
			p.want(`slo:window_events:sum{window="1h"}`, float64(100*at))
			p.want(`slo:window_bad_events:sum{window="1h"}`, float64((at+1)/2))
		}
	})

	t.Run("7: bursts count whole, whenever they are looked at", func(t *testing.T) {
		p := watch(t, attentive(checkout, 80, func(m int) (int, int) { return 600 * truth(m%5 == 2), 0 }))
		for at := 60; at < 80; at++ {
			p.run(time.Duration(at) * minute)
			p.want(`slo:window_events:sum{window="1h"}`, 12*600)
		}
	})

	t.Run("8: thresholds are written as they were meant", testThresholdsAreDecimal)
	t.Run("9: what is caught up with pages nobody", testCatchingUp)
	t.Run("10: a service that is dead is told from one that is idle, and from a daemon that is blind", testNoSpans)
	t.Run("11: no rule looks back further than minutes", testRulesLookBackMinutes)

	t.Run("12: neither a pair nor a changed label makes two of one", func(t *testing.T) {
		relabelled := checkout
		relabelled.Labels = map[string]string{"team": "shop"}
		load := func(m int) (int, int) { return 100, 100 * truth(m >= 5) }
		a, b := attentive(checkout, 30, load), attentive(checkout, 30, load)
		b.instance = "b"
		reads := a.does
		a.does = func(m int) work {
			w := reads(m)
			if m == 10 {
				w.objective = &relabelled
			}
			return w
		}
		// A series that stands twice, or a match that is not of one with one, fails the test.
		p := watch(t, a, b)
		for at := 7; at < 30; at++ {
			p.run(time.Duration(at) * minute)
			if !fires(p, page1h) {
				t.Errorf("it does not page after %d minutes", at)
			}
			p.want(`slo:window_events:sum{window="1h"}`, float64(100*at))
		}
	})

	t.Run("13: what a rule asks for is recorded before it in its own group", testRulesAreInOrder)

	t.Run("14: a tier fires when its share of the budget is spent", testTiersSpendTheirShare)

	t.Run("15: no more is bad than there is", testNothingIsMoreThanAll)

	t.Run("16: a calendar's period begins at midnight where it is", func(t *testing.T) {
		// 2026-02-01 begins in the Azores an hour after the epoch.
		o := checkout
		o.Window = slo.Window{Calendar: slo.Month}
		if err := o.Window.TimeZone.UnmarshalText([]byte("Atlantic/Azores")); err != nil {
			t.Fatal(err)
		}
		p := watch(t, attentive(o, 80, func(m int) (int, int) { return 100, 100 * truth(10 <= m && m < 20) }))
		p.run(59 * minute)
		p.want("slo:sli_error:ratio_rate_month", 1000.0/5900)
		// Of January, nothing but its last hour was measured.
		if fires(p, exhausted) {
			t.Error("the budget of all of January is told to be spent")
		}
		p.run(61 * minute)
		p.want("slo:sli_error:ratio_rate_month", 0)
		if fires(p, exhausted) {
			t.Error("the budget of February is told to be spent")
		}
	})
}

func testThresholdsAreDecimal(t *testing.T) {
	noise := regexp.MustCompile(`\d\.\d{10}|\de-\d`)
	for _, target := range []slo.Target{999_000_000, 999_900_000, 999_950_000, 990_000_000, 995_000_000, 999_999_999, 900_000_001, 1} {
		o := available("checkout", "shop")
		o.Target = target
		for _, window := range []slo.Window{{Rolling: 30 * 24 * time.Hour}, {Rolling: 28 * 24 * time.Hour}, {Rolling: 7 * 24 * time.Hour}, {Calendar: slo.Month}} {
			o.Window = window
			if found := noise.Find(ourRules(t, o)); found != nil {
				t.Errorf("%s over %s: %s is no number that anybody meant", target, window, found)
			}
		}
	}
}

func testCatchingUp(t *testing.T) {
	nobody := func(t *testing.T, p *prometheus, until int) {
		t.Helper()
		for at := range until {
			p.run(time.Duration(at) * minute)
			for _, a := range p.firing {
				if a.labels["severity"] == slo.PageSeverity {
					t.Fatalf("after %d minutes: %s", at, a)
				}
			}
		}
	}
	t.Run("after an hour in which an outage began and ended", func(t *testing.T) {
		load := faulty(100, 100, 65, 75)
		p := watch(t, daemon{objective: checkout, instance: "a", minutes: 150, does: func(m int) work {
			switch {
			case m < 60:
				return work{reads: ended(m, load)}
			case m < 120:
				return work{down: true}
			case m < 123:
				// The hour comes in three parts, the newest last.
				w := work{behind: true}
				for past := 59 + 20*(m-120); past < 79+20*(m-120); past++ {
					w.reads = append(w.reads, ended(past+1, load)...)
				}
				return w
			case m == 123:
				var w work
				for past := 119; past < 123; past++ {
					w.reads = append(w.reads, ended(past+1, load)...)
				}
				return w
			}
			return work{reads: ended(m, load)}
		}})
		nobody(t, p, 150)
		p.want(`slo:window_bad_events:sum{window="6h"}`, 1000)
	})
	t.Run("on a first run over a month with an outage in it", func(t *testing.T) {
		// Prometheus has seen a few minutes, and tells of thirty days.
		p := watch(t, daemon{objective: checkout, instance: "a", minutes: 30, does: func(m int) work {
			if m >= 10 {
				return work{reads: ended(m, steady(100))}
			}
			w := work{behind: m < 9}
			for hour := 72 * m; hour < 72*(m+1); hour++ {
				e := events{minute: 60*(hour-720) + 30, events: 6000}
				if 240 <= hour && hour < 264 {
					e.bad = 6000
				}
				w.reads = append(w.reads, e)
			}
			return w
		}})
		nobody(t, p, 30)
		p.want("slo:sli_error:ratio_rate30d", 24*6000/(720*6000+2000.0))
		if !fires(p, exhausted) {
			t.Error("nobody is told that the budget is spent")
		}
	})
	t.Run("a span that is late counts in the minute in which it ended", func(t *testing.T) {
		p := watch(t, daemon{objective: checkout, instance: "a", minutes: 40, does: func(m int) work {
			w := work{reads: ended(m, steady(100))}
			if m == 35 {
				w.reads = append(w.reads, events{minute: 15, events: 50, bad: 50})
			}
			return w
		}})
		nobody(t, p, 35)
		p.run(36 * minute)
		p.want(`slo:window_bad_events:sum{window="5m"}`, 0)
		p.want(`slo:window_bad_events:sum{window="30m"}`, 50)
	})
}

func testNoSpans(t *testing.T) {
	const missing = "SLOTrafficMissing severity=ticket slo=checkout service=shop"
	expecting := checkout
	expecting.ExpectsTraffic = true
	load := func(m int) (int, int) { return 100 * truth(m < 10), 0 }
	quiet := attentive(checkout, 60, load)
	reads := quiet.does
	quiet.does = func(m int) work {
		w := reads(m)
		w.quiet = m > 10
		if w.quiet {
			w.reads = nil
		}
		return w
	}
	for _, test := range []struct {
		name   string
		daemon daemon
		want   []string
	}{
		{"idle", attentive(checkout, 60, load), nil},
		{"dead", attentive(expecting, 60, load), []string{missing}},
		{"blind", quiet, []string{standing}},
	} {
		t.Run(test.name, func(t *testing.T) { watch(t, test.daemon).wantFiring(55*minute, test.want...) })
	}
}

func testRulesLookBackMinutes(t *testing.T) {
	for _, group := range parse(t, ourRules(t, checkout)) {
		for _, rule := range group.Rules {
			expr, err := parser.NewParser(parser.Options{}).ParseExpr(rule.Expr)
			if err != nil {
				t.Fatal(err)
			}
			parser.Inspect(expr, func(n parser.Node, _ []parser.Node) error {
				switch n := n.(type) {
				case *parser.MatrixSelector:
					if n.Range > 5*time.Minute {
						t.Errorf("%s%s looks back for %s", rule.Record, rule.Alert, n.Range)
					}
				case *parser.SubqueryExpr:
					t.Errorf("%s%s has a subquery", rule.Record, rule.Alert)
				case *parser.Call:
					// The counters' traps (1, 2, 6, 7) are those of these.
					if name := n.Func.Name; name == "rate" || name == "increase" || name == "irate" || name == "delta" {
						t.Errorf("%s%s asks for a %s", rule.Record, rule.Alert, name)
					}
				}
				return nil
			})
		}
	}
}

func testRulesAreInOrder(t *testing.T) {
	groups := parse(t, render(t, []slo.Objective{checkout, quick("other", "shop")}, links, rules.Default(), rules.Prometheus)["traceslo-slos.yaml"])
	for _, group := range groups {
		recorded := map[string]bool{}
		for _, rule := range group.Rules {
			for _, name := range metrics(t, rule.Expr) {
				if !recorded[name] && !strings.HasPrefix(name, "traceslo_") {
					t.Errorf("%q: %s%s asks for %s, which is not recorded before it", group.Name, rule.Record, rule.Alert, name)
				}
			}
			recorded[rule.Record] = true
		}
	}
	// So that an alert fires in the evaluation that first sees why.
	p := watch(t, attentive(checkout, 30, faulty(100, 100, 20, 30)))
	p.wantFiring(20 * minute)
	if p.run(21 * minute); !fires(p, page1h) {
		t.Error("the page is an evaluation late")
	}
}

// testTiersSpendTheirShare burns at a little more than each tier's rate, with
// full windows. A percentage taken for a factor, or a window for another, would
// not fire, or at another share.
func testTiersSpendTheirShare(t *testing.T) {
	o := available("checkout", "shop")
	o.Target, o.Window = 950_000_000, slo.Window{Rolling: 7 * 24 * time.Hour}
	for i, tier := range slo.StandardTiers(o.Window) {
		share := []float64{0.02, 0.05, 0.1, 0.1}[i]
		t.Run(slo.FormatWindow(tier.Long), func(t *testing.T) {
			long := int(tier.Long / time.Minute)
			bad := int(10_000 * 0.05 * 1.01 * tier.BurnRate.Float())
			name := fmt.Sprintf("SLOErrorBudgetBurn severity=%s tier=%s slo=checkout service=shop", tier.Severity, slo.FormatWindow(tier.Long))
			p := start(t, o, ledger{scrapes: 40, minute: faulty(10_000, bad, 10-long, 40)})
			for at := 0; !fires(p, name); at++ {
				if at == 40 {
					t.Fatal("it does not fire")
				}
				p.run(time.Duration(at) * minute)
			}
			if spent := 1 - p.value("slo:period_error_budget_remaining:ratio"); math.Abs(spent/share-1) > 0.02 {
				t.Errorf("it fires when %g of the budget is spent, want %g", spent, share)
			}
		})
	}
}

func testNothingIsMoreThanAll(t *testing.T) {
	g := generator{rand.New(rand.NewPCG(15, 4))}
	for range 8 {
		seed := g.Uint64()
		load := func(m int) (int, int) {
			minute := rand.New(rand.NewPCG(seed, uint64(m)))
			all := minute.IntN(50)
			return all, minute.IntN(all + 1)
		}
		var ledgers []ledger
		for i := range 1 + g.IntN(4) {
			l := ledger{instance: fmt.Sprint(i), shard: pick(g, "0", "1"), scrapes: 20, minute: load}
			if g.IntN(2) == 0 {
				l.frozen = 5 + g.IntN(10)
			}
			if from := g.IntN(20); g.IntN(2) == 0 {
				l.down = between(from, from+g.IntN(10))
			}
			ledgers = append(ledgers, l)
		}
		p := start(t, checkout, ledgers...)
		for at := range 20 {
			p.run(time.Duration(at) * minute)
			for _, window := range []string{"5m", "30m", "1h", "2h", "6h", "1d", "3d", "30d"} {
				if got := p.value("slo:sli_error:ratio_rate" + window); got < 0 || got > 1 {
					t.Errorf("seed %d, minute %d: got a ratio of %g over %s", seed, at, got, window)
				}
			}
		}
	}
}
