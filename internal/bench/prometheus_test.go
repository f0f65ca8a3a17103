package bench_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/traceslo/traceslo/internal/bench"
	"github.com/traceslo/traceslo/internal/testenv"
)

// scraping is a Prometheus that scrapes one address each second.
func scraping(t *testing.T, address string) *testenv.Prometheus {
	t.Helper()
	return testenv.StartPrometheus(t, testenv.PrometheusOptions{Config: fmt.Sprintf(`global: {scrape_interval: 1s}
scrape_configs:
  - job_name: counted
    honor_labels: true
    static_configs: [{targets: [%q]}]
`, address)})
}

// increased adds up by how much all series of a counter have grown, as
// increase() does, resets included, but without extrapolating: from sample to
// sample, from the first one of each series on.
func increased(t *testing.T, p *testenv.Prometheus, counter string) float64 {
	t.Helper()
	var answer struct {
		Data struct {
			Result []struct{ Values [][2]any }
		}
	}
	if err := json.Unmarshal(get(t, p.URL+"/api/v1/query?query="+url.QueryEscape(counter+"[1h]")), &answer); err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, series := range answer.Data.Result {
		before := -1.0
		for _, sample := range series.Values {
			text, _ := sample[1].(string)
			v, err := strconv.ParseFloat(text, 64)
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case before < 0:
			case v >= before:
				sum += v - before
			default:
				sum += v
			}
			before = v
		}
	}
	return sum
}

// held lets traceslo show a series at 0 before its counts, as by default, but not
// for a minute: Prometheus scrapes each second here.
const held = `
sli: {new_series_hold: 10s, deduplicate: DEDUPLICATE}
`

// asPrometheusCounts kills each midway and tells what a Prometheus has, at the
// end, of the calls that there were.
func (c comparison) asPrometheusCounts(t *testing.T, out *page) {
	t.Helper()
	const hold, over = 10 * time.Second, 30 * time.Second
	table := bench.Table{Head: []string{"what counts", "calls that Prometheus has", "of", "missing", "which is what came in"}}
	add := func(name string, got float64) {
		want := c.platform.truth.Spans
		missing := want - min(want, uint64(got+0.5))
		table.Add(name, bench.Count(int64(got+0.5)), bench.Count(int64(want)), bench.Count(int64(missing)),
			bench.Figure(float64(missing)/float64(want)*over.Seconds())+" s")
	}
	for _, engine := range engines {
		d, refused := newDaemon(t, c.cluster.URL, "elevated", engine, held)
		if refused != "" || !part(engine) {
			continue
		}
		p := scraping(t, d.address)
		d.start()
		d.await(20*time.Minute, func(r reading) bool { return r.Spans >= c.platform.spans()/4 })
		d.process.Kill()
		d.start()
		d.settled(20 * time.Minute)
		time.Sleep(hold + 5*time.Second)
		add("traceslo, read: "+engine, increased(t, p, "jaeger_traces_total"))
		d.process.Kill()
		p.Process.Kill()
	}
	for _, every := range []time.Duration{time.Second, 15 * time.Second} {
		if !part("collector") {
			break
		}
		d := newCollector(t, toSpanMetrics, every, "service.name")
		p := scraping(t, d.metrics)
		d.start()
		// Sent at once, all would lie in the first sample of each series.
		streams := c.platform.streams(t.Context())
		pace := time.NewTicker(over / time.Duration(len(streams)))
		for i, s := range streams {
			<-pace.C
			if i == len(streams)/2 {
				d.process.Kill()
				d.start()
			}
			d.send([]stream{s})
		}
		pace.Stop()
		d.flushed()
		time.Sleep(3 * time.Second)
		add("Jaeger v2, spanmetrics connector, metrics_flush_interval: "+every.String(), increased(t, p, "traces_span_metrics_calls_total"))
		d.process.Kill()
		p.Process.Kill()
	}
	out.f("A real Prometheus scrapes each second while this is done again, with traceslo's `new_series_hold` at 10 s (its default is 1m). What it has of the calls at the end is what its series have grown by from their first sample on, resets understood, as `increase()` does.\n\n%s\n", &table)
	out.f("To the connector the spans are sent evenly over %s, and it is killed in the middle. What is missing is what was counted and not yet handed on or scraped by then, and the first value of each series, which is no growth, after each start: so many seconds of traffic for a start and a kill, however long it runs in between.\n\n", over)
}
