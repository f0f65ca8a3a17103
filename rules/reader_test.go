package rules_test

import (
	"testing"
	"time"

	"github.com/traceslo/traceslo/rules"
	"github.com/traceslo/traceslo/slo"
)

func TestRestartKeepsAlertsFiring(t *testing.T) {
	for _, test := range []struct {
		name string
		down func(int) bool
		// silent says whether nothing fires at the last scrape that fails.
		silent bool
	}{
		{"four minutes are bridged", between(20, 24), false},
		{"after five the past is no news", between(20, 27), true},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := start(t, checkout, ledger{scrapes: 35, minute: faulty(100, 100, 5, 35), down: test.down})
			p.run(19 * minute)
			if !fires(p, page1h) {
				t.Fatal("the outage does not page")
			}
			for at := 20; test.down(at); at++ {
				p.run(time.Duration(at) * minute)
			}
			if got := len(p.firing) == 0; got != test.silent {
				t.Errorf("got silence %t before the daemon is back, want %t", got, test.silent)
			}
			p.run(30 * minute)
			if !fires(p, page1h) {
				t.Error("it does not fire when the daemon is back")
			}
		})
	}
}

func TestAbsentSeriesFireNothing(t *testing.T) {
	p := newPrometheus(t, []string{`up{job="other"} 1x5`}, render(t, []slo.Objective{checkout}, links, rules.Default(), rules.Prometheus)["traceslo-slos.yaml"])
	p.wantFiring(4 * minute)
}

func TestPairCountsOnce(t *testing.T) {
	load := faulty(100, 100, 5, 10)
	p := start(t, checkout,
		ledger{instance: "a", scrapes: 15, minute: load},
		ledger{instance: "b", scrapes: 15, minute: load})
	p.run(8 * minute)
	if got := p.value(`slo:window_events:sum{window="1h"}`); got != 6000 {
		t.Errorf("got %g events in an hour, want those of one of the pair, 6000", got)
	}
	if !fires(p, page1h) {
		t.Error("it does not page")
	}
}

func TestOneOfAPairThatLagsIsNotHeard(t *testing.T) {
	t.Run("it froze within an outage that has ended", func(t *testing.T) {
		load := faulty(100, 100, 5, 15)
		p := start(t, checkout,
			ledger{instance: "a", scrapes: 41, minute: load},
			ledger{instance: "b", scrapes: 41, minute: load, frozen: 12})
		p.run(14 * minute)
		if !fires(p, page1h) {
			t.Error("the outage does not page")
		}
		p.run(21 * minute)
		if fires(p, page1h) {
			t.Error("the page goes on because of the one that lags")
		}
	})
	t.Run("it froze before an outage", func(t *testing.T) {
		load := faulty(100, 100, 15, 30)
		p := start(t, checkout,
			ledger{instance: "a", scrapes: 20, minute: load},
			ledger{instance: "b", scrapes: 20, minute: load, frozen: 5})
		p.wantFiring(16*minute, page1h)
	})
}

func TestDaemonThatMovesCountsOnce(t *testing.T) {
	load := faulty(100, 100, 5, 40)
	p := start(t, checkout,
		ledger{instance: "a", scrapes: 40, minute: load, down: func(s int) bool { return s >= 20 }},
		ledger{instance: "b", scrapes: 40, minute: load, down: func(s int) bool { return s < 22 }})
	for at := 15; at < 40; at++ {
		p.run(time.Duration(at) * minute)
		if got := p.value(`slo:window_events:sum{window="1h"}`); got != 6000 {
			t.Errorf("got %g events in an hour after %d minutes, want 6000", got, at)
		}
		if !fires(p, page1h) {
			t.Errorf("it does not page after %d minutes", at)
		}
	}
}

func TestShardsAddUp(t *testing.T) {
	whole := faulty(100, 100, -1440, 15)
	good := steady(900)
	for _, test := range []struct {
		name    string
		ledgers []ledger
	}{
		{"two shards", []ledger{
			{instance: "a", shard: "0", scrapes: 5, minute: whole},
			{instance: "b", shard: "1", scrapes: 5, minute: good},
		}},
		{"a pair of each of two shards", []ledger{
			{instance: "a", shard: "0", scrapes: 5, minute: whole},
			{instance: "b", shard: "1", scrapes: 5, minute: good},
			{instance: "c", shard: "0", scrapes: 5, minute: whole},
			{instance: "d", shard: "1", scrapes: 5, minute: good},
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := start(t, checkout, test.ledgers...)
			p.run(4 * minute)
			if got := p.value(`slo:window_events:sum{window="1h"}`); got != 60_000 {
				t.Errorf("got %g events in an hour, want those of both shards, 60000", got)
			}
			if got := p.value(`slo:sli_error:ratio_rate1h`); got != 0.1 {
				t.Errorf("got a ratio of %g, want that of the sums, 0.1", got)
			}
			if !fires(p, page1h) {
				t.Error("it does not page")
			}
		})
	}
}
