package rules_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/traceslo/traceslo/rules"
	"github.com/traceslo/traceslo/slo"
)

func TestUnmeasured(t *testing.T) {
	good := steady(100)
	for _, test := range []struct {
		name    string
		ledgers []ledger
		fires   bool
	}{
		{"a daemon that reads is silent", []ledger{{scrapes: 30, minute: good}}, false},
		{"one that stands still is told of", []ledger{{scrapes: 30, minute: good, frozen: 5}}, true},
		{"of a pair, one that reads is enough", []ledger{
			{instance: "a", scrapes: 30, minute: good, frozen: 5},
			{instance: "b", scrapes: 30, minute: good}}, false},
		{"a pair of which both stand still is told of", []ledger{
			{instance: "a", scrapes: 30, minute: good, frozen: 5},
			{instance: "b", scrapes: 30, minute: good, frozen: 7}}, true},
		{"of shards, each has to read", []ledger{
			{instance: "a", shard: "0", scrapes: 30, minute: good, frozen: 5},
			{instance: "b", shard: "1", scrapes: 30, minute: good}}, true},
		{"it is mute while an exclusion runs", []ledger{
			{scrapes: 30, minute: good, frozen: 5, excluded: between(0, 30)}}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := start(t, checkout, test.ledgers...)
			// Ten minutes after minute 5 or 7, it is not yet longer than ten minutes.
			p.wantFiring(15 * minute)
			if test.fires {
				p.wantFiring(18*minute, standing)
			} else {
				p.wantFiring(29 * minute)
			}
		})
	}
}

func TestBurnAlertsFreezeWhileNothingIsRead(t *testing.T) {
	p := start(t, checkout, ledger{scrapes: 120, minute: faulty(100, 100, 5, 20), frozen: 8})
	p.wantFiring(119*minute, page1h, page6h, standing)
	// And what began after that is nobody's knowledge.
	p = start(t, checkout, ledger{scrapes: 60, minute: faulty(100, 100, 10, 60), frozen: 9})
	p.wantFiring(59*minute, standing)
}

func TestTrafficMissing(t *testing.T) {
	const missing = "SLOTrafficMissing severity=ticket slo=checkout service=shop"
	expecting := checkout
	expecting.ExpectsTraffic = true
	until := func(end int) func(int) (int, int) {
		return func(m int) (int, int) { return 100 * truth(m < end), 0 }
	}
	t.Run("after its shortest window is empty for five minutes", func(t *testing.T) {
		p := start(t, expecting, ledger{scrapes: 30, minute: until(10)})
		p.wantFiring(19 * minute)
		p.wantFiring(20*minute, missing)
	})
	t.Run("not if it expects none", func(t *testing.T) {
		start(t, checkout, ledger{scrapes: 30, minute: until(10)}).wantFiring(29 * minute)
	})
	t.Run("not while nothing is read, which is another alert", func(t *testing.T) {
		start(t, expecting, ledger{scrapes: 60, minute: until(10), frozen: 16}).wantFiring(40*minute, standing)
	})
	t.Run("not while an exclusion runs", func(t *testing.T) {
		start(t, expecting, ledger{scrapes: 30, minute: until(10), excluded: between(5, 30)}).wantFiring(29 * minute)
	})
}

func TestBudgetExhausted(t *testing.T) {
	ago := func(days int) int { return -days * 1440 }
	t.Run("by an outage that is long over", func(t *testing.T) {
		p := start(t, checkout, ledger{scrapes: 2, minute: faulty(100, 100, ago(20), ago(20)+60)})
		p.wantFiring(minute, exhausted)
	})
	t.Run("not while something is left", func(t *testing.T) {
		p := start(t, checkout, ledger{scrapes: 2, minute: faulty(100, 100, ago(20), ago(20)+43)})
		p.wantFiring(minute)
	})
	t.Run("not by two failures of a service that nobody calls", func(t *testing.T) {
		p := start(t, checkout, ledger{scrapes: 2, minute: func(m int) (int, int) {
			return truth(m%60 == 0), truth(m == ago(20) || m == ago(21))
		}})
		p.wantFiring(minute)
		if left := p.value("slo:period_error_budget_remaining:ratio"); left >= 0 {
			t.Errorf("got %g of the budget left, want less than nothing", left)
		}
	})
	t.Run("not while an exclusion runs", func(t *testing.T) {
		p := start(t, checkout, ledger{scrapes: 2, minute: faulty(100, 100, ago(20), ago(20)+60), excluded: between(0, 2)})
		p.wantFiring(minute)
	})
}

func TestMatchesNothing(t *testing.T) {
	const nothing = "SLOMatchesNothing severity=ticket slo=checkout service=shop"
	none := ledger{instance: "a", scrapes: 3, minute: steady(0), unmatched: true}
	start(t, checkout, none).wantFiring(2*minute, nothing)
	start(t, checkout, ledger{scrapes: 3, minute: steady(0)}).wantFiring(2 * minute)

	first, second := none, none
	first.shard, second.shard, second.instance, second.unmatched = "0", "1", "b", false
	start(t, checkout, first, second).wantFiring(2 * minute)

	each := quick("checkout", "shop")
	each.ForEach = "operation"
	none.slo = "checkout"
	start(t, each, none).wantFiring(2*minute, nothing)
	second.slo = "checkout/pay"
	start(t, each, none, second).wantFiring(2 * minute)
}

func TestCalendarWindow(t *testing.T) {
	p := start(t, quick("checkout", "shop"), ledger{scrapes: 2, minute: faulty(100, 10, -43200, 2)})
	p.run(minute)
	for series, want := range map[string]float64{
		`slo:sli_error:ratio_rate_month{sloth_window="month"}`: 0.1,
		`slo:time_period:days`:                                 30,
	} {
		if got := p.value(series); got != want {
			t.Errorf("got %s = %g, want %g", series, got, want)
		}
	}
	// Twice the budget of 5%: below 3, above 1.
	if !fires(p, ticket3d) || fires(p, ticket1d) {
		t.Errorf("got %v, want the tier of a burn rate of 1 and not that of 3", p.firing)
	}
}

func TestDisabledAlerts(t *testing.T) {
	outage := ledger{scrapes: 40, minute: faulty(100, 100, -43200, 40), frozen: 5}
	for _, test := range []struct {
		name    string
		disable func(*slo.Alerting)
		want    []string
	}{
		{"none", func(*slo.Alerting) {}, []string{page1h, page6h, ticket1d, ticket3d, exhausted, standing}},
		{"pages", func(a *slo.Alerting) { a.Page.Disabled = true }, []string{ticket1d, ticket3d, exhausted, standing}},
		{"tickets", func(a *slo.Alerting) { a.Ticket.Disabled = true }, []string{page1h, page6h}},
		{"all of the budget", func(a *slo.Alerting) { a.Disabled = true }, []string{standing}},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := checkout
			test.disable(&o.Alerting)
			start(t, o, outage).wantFiring(30*minute, test.want...)
		})
	}
}

func TestAnnotationsSayWhatHappens(t *testing.T) {
	o := checkout
	o.Labels = map[string]string{"team": "{{ shop }}"}
	o.Description = "Orders {{ that }} go through."
	o.Alerting.RunbookURL = "https://runbooks.example.org/{service}?slo={slo}"
	p := start(t, o, ledger{scrapes: 30, minute: faulty(100, 50, 10, 30)})
	p.run(20 * minute)
	page := p.firing[0]
	if page.String() != page1h {
		t.Fatalf("got %s first, want %s", page, page1h)
	}
	if got, want := page.labels["team"], "{{ shop }}"; got != want {
		t.Errorf("got the label team %q, want %q", got, want)
	}
	for key, want := range map[string]string{
		"summary": "shop: checkout burns its error budget at more than 14.4 times the rate that it allows",
		"description": strings.Join([]string{
			"Orders {{ that }} go through.",
			"8.333% of the events of the last 1h were bad: 500 of 6000.",
			"99.9% over 30d allows 0.1%: this is a burn rate of 83.33.",
			"At a burn rate of 14.4, 1h spends 2% of the budget, and 2d2h all of it.",
			"Of the budget, 88.43% is left.",
			"It fires above 14.4 in both 1h and 5m, with at least 10 events and 3 bad ones in 1h, and not while an exclusion runs.",
		}, "\n"),
		"status_url":  "https://traceslo.example.org/slo/checkout",
		"runbook_url": "https://runbooks.example.org/shop?slo=checkout",
		"traces_url": "https://jaeger.example.org/search?service=shop&tags=%7B%22error%22%3A%22true%22%7D&limit=20&lookback=custom" +
			"&start=" + micros(epoch.Add(-40*minute)) + "&end=" + micros(epoch.Add(20*minute)),
	} {
		if got := page.annotations[key]; got != want {
			t.Errorf("annotation %s\n got %s\nwant %s", key, got, want)
		}
	}
}

func TestSlowIsLookedForWhereADurationDecides(t *testing.T) {
	o := quick("checkout", "a shop/1")
	p := start(t, o, ledger{scrapes: 2, minute: faulty(100, 100, -60, 2)})
	p.run(minute)
	if len(p.firing) == 0 {
		t.Fatal("nothing fires")
	}
	link := p.firing[0].annotations["traces_url"]
	if want := "/search?service=a%20shop%2F1&minDuration=5s&limit=20&"; !strings.Contains(link, want) {
		t.Errorf("got %s, want it to have %s", link, want)
	}
	if strings.Contains(link, "tags=") {
		t.Errorf("%s looks for failed traces", link)
	}
}

func TestNoLinksWithoutBaseURLs(t *testing.T) {
	for name, content := range render(t, []slo.Objective{checkout}, slo.Links{}, rules.Default(), rules.Prometheus) {
		if strings.Contains(string(content), "_url:") {
			t.Errorf("%s links to nowhere", name)
		}
	}
}

func micros(t time.Time) string { return strconv.FormatInt(t.UnixMicro(), 10) }
