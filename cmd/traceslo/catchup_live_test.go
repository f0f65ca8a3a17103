package main_test

import (
	"fmt"
	"io"
	"log"
	"math"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/traceslo/traceslo/internal/testenv"
	"github.com/traceslo/traceslo/slo"
)

// A front is an address that stays while daemons come and go behind it.
type front struct {
	url    string
	behind atomic.Pointer[url.URL]
}

func newFront(t *testing.T) *front {
	f := &front{}
	f.behind.Store(&url.URL{Scheme: "http", Host: "127.0.0.1:1"})
	server := httptest.NewServer(&httputil.ReverseProxy{ErrorLog: log.New(io.Discard, "", 0), Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(f.behind.Load()) }})
	t.Cleanup(server.Close)
	f.url = server.URL
	return f
}

// start starts the daemon behind the front.
func (f *front) start(d *daemon) {
	d.t.Helper()
	d.start()
	behind, err := url.Parse(d.url)
	if err != nil {
		d.t.Fatal(err)
	}
	f.behind.Store(behind)
}

// knows waits until Prometheus has recorded the events of an objective's window.
func (m *monitoring) knows(t *testing.T, window string, want slo.Count) {
	t.Helper()
	testenv.Eventually(t, time.Minute, func() error {
		got := slo.Count{
			Events: uint64(total(askPrometheus(t, m.Prometheus, fmt.Sprintf("slo:window_events:sum{window=%q}", window)))),
			Bad:    uint64(total(askPrometheus(t, m.Prometheus, fmt.Sprintf("slo:window_bad_events:sum{window=%q}", window)))),
		}
		if got != want {
			return fmt.Errorf("recorded are %+v of %+v", got, want)
		}
		return nil
	})
}

// TestCatchingUpPagesNobody lets daemons read of outages that are over.
func TestCatchingUpPagesNobody(t *testing.T) {
	t.Parallel() // It waits more than it works.
	c := testenv.SharedCluster(t, testenv.Elasticsearch, "8.19.7")
	const name = "api-gateway-availability"
	judge := failures("api-gateway")

	t.Run("after an hour of downtime", func(t *testing.T) {
		p := newPlatform(t, c, c.Prefix(t))
		now := time.Now()
		before := func(minutes int) time.Time { return now.Add(-time.Duration(minutes) * time.Minute) }
		// One shard is read in the order of time.
		for _, day := range slices.Compact([]string{before(180).UTC().Format("2006-01-02"), now.UTC().Format("2006-01-02")}) {
			c.Do(t, "PUT", "/"+p.prefix+"-jaeger-span-"+day, `{"settings":{"number_of_shards":1}}`)
		}
		p.spread("api-gateway", 7_000, before(180), before(60), slo.Interval{})
		d, f := newDaemon(t, alertFile(t, "downtime.yaml", map[string]string{"CLUSTER": c.URL, "PREFIX": p.prefix})), newFront(t)
		f.start(d)
		d.settled(time.Minute)
		m := monitor(t, d, f.url)
		m.knows(t, "6h", slo.Count{Events: 7_000})
		families, err := scrape(d.url)
		if err != nil {
			t.Fatal(err)
		}
		if clock := sum(families, "traceslo_slo_clock_timestamp_seconds"); clock > float64(before(58).Unix()) {
			t.Errorf("the ledger's clock stands at %v, not where the spans ended an hour ago", time.Unix(int64(clock), 0))
		}
		d.process.Kill()

		// A step reads 50,000 spans and somewhat more: the first one ends amid the outage.
		outage := slo.Interval{From: before(40), To: before(30)}
		p.spread("api-gateway", 45_000, before(60), outage.From, outage)
		p.spread("api-gateway", 20_000, outage.From, outage.To, outage)
		p.spread("api-gateway", 13_000, outage.To, now, outage)
		f.start(d)
		d.settled(2 * time.Minute)
		want := p.recount(judge, 0, 1<<40)
		m.knows(t, "6h", want)
		if families, err = scrape(d.url); err != nil {
			t.Fatal(err)
		}
		p.compareWindows(families, name, judge, map[string]time.Duration{"1m": time.Minute, "2m": 2 * time.Minute,
			"10m": 10 * time.Minute, "25m": 25 * time.Minute, "6h": 6 * time.Hour})
		// The hour that was caught up on is measured; what was before the first span is not.
		clock := int64(sum(families, "traceslo_slo_clock_timestamp_seconds")) / 60
		if got, want := sum(families, slo.CoverageRatio), float64(clock+1-before(180).Unix()/60)/361; math.Abs(got-want) > 1e-9 {
			t.Errorf("coverage is %v, by a recount %v", got, want)
		}
		testenv.Eventually(t, time.Minute, func() error {
			if active := m.active(t); len(active) > 0 {
				return fmt.Errorf("active: %v", active)
			}
			return nil
		})
		// That nothing was measured for an hour is true, and is all that was to be said.
		if diff := cmp.Diff([]string{"SLOUnmeasured " + name + " api-gateway"}, m.fired(t)); diff != "" {
			t.Errorf("alerts that fired (-want +got):\n%s", diff)
		}
		m.checkRules(t)
		t.Logf("%+v in the window, nobody paged", want)
	})

	t.Run("on a first run over a month", func(t *testing.T) {
		p := newPlatform(t, c, c.Prefix(t))
		now := time.Now()
		const days = 33
		p.spread("api-gateway", days*150, now.AddDate(0, 0, -days), now, slo.Interval{From: now.AddDate(0, 0, -10), To: now.AddDate(0, 0, -10).Add(10 * time.Hour)})
		if err := p.store([]stored{p.request("api-gateway", now, false)}, nil); err != nil {
			t.Fatal(err)
		}
		d, f := newDaemon(t, alertFile(t, "month.yaml", map[string]string{"CLUSTER": c.URL, "PREFIX": p.prefix})), newFront(t)
		m := monitor(t, d, f.url)
		f.start(d)
		d.settled(2 * time.Minute)
		families, err := scrape(d.url)
		if err != nil {
			t.Fatal(err)
		}
		clock := int64(sum(families, "traceslo_slo_clock_timestamp_seconds")) / 60
		want := p.recount(judge, clock-30*24*60, clock)
		m.knows(t, "30d", want)
		p.compareWindows(families, name, judge, map[string]time.Duration{"5m": 5 * time.Minute, "30m": 30 * time.Minute, "1h": time.Hour,
			"2h": 2 * time.Hour, "6h": 6 * time.Hour, "1d": 24 * time.Hour, "3d": 72 * time.Hour, "30d": 720 * time.Hour})
		left := 1 - float64(want.Bad)/(float64(want.Events)*0.02)
		if got := sum(families, slo.BudgetRemaining); math.Abs(got-left) > 1e-9 || left < 0.1 || left > 0.9 {
			t.Errorf("of the budget, %v is left, by a recount %v", got, left)
		}
		if got := sum(families, slo.CoverageRatio); got != 1 {
			t.Errorf("coverage is %v", got)
		}
		if fired := m.fired(t); len(fired) > 0 {
			t.Errorf("alerts that fired: %v", fired)
		}
		m.checkRules(t)
		t.Logf("%+v in the window, nobody paged", want)
	})
}
