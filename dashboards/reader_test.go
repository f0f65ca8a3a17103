package dashboards_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/promqltest"

	"github.com/traceslo/traceslo/slo"
)

// epoch is when the series of these tests begin.
var epoch = time.Unix(0, 0)

// ask evaluates a question of a board over series, a sample every 15 seconds in
// the notation of promqltest, and returns the values by their labels.
func ask(t *testing.T, uid, of string, choice grafana, at time.Duration, series ...string) map[string]float64 {
	t.Helper()
	storage := promqltest.LoadedStorage(t, "load 15s\n  "+strings.Join(series, "\n  "))
	engine := promqltest.NewTestEngine(t, false, 0, promqltest.DefaultMaxSamplesPerQuery)
	choice["__rate_interval"], choice["__range"] = []string{"1m"}, []string{"10m"}
	for _, q := range questions(t, boards(t, demo(t))[uid]) {
		if q.of != of {
			continue
		}
		asked, err := engine.NewInstantQuery(t.Context(), storage, nil, choice.replace(t, q.expr), epoch.Add(at))
		if err != nil {
			t.Fatal(err)
		}
		defer asked.Close()
		result := asked.Exec(t.Context())
		vector, err := result.Vector()
		if err != nil {
			t.Fatal(err)
		}
		return values(vector)
	}
	t.Fatalf("%s has no %s", uid, of)
	return nil
}

// values are rounded, so that they can be compared.
func values(vector promql.Vector) map[string]float64 {
	all := map[string]float64{}
	for _, sample := range vector {
		all[sample.Metric.String()] = math.Round(sample.F*1e6) / 1e6
	}
	return all
}

// reader returns the series of a daemon that counts a span a second from a
// start on, after it has read a million in its first minute.
func reader(labels string) []string {
	counts := "1e6+15x60"
	return []string{
		fmt.Sprintf(`jaeger_traces_total{service="shop",operation="GET /",span_kind="server",%s} 0 3e5 6e5 9e5 %s`, labels, counts),
		fmt.Sprintf(`traceslo_source_last_complete_read_timestamp_seconds{%s} 0 0 0 0 60+15x60`, labels),
	}
}

func TestRatesCountEachSpanOnce(t *testing.T) {
	const requests = `panel "Requests", query A`
	tests := map[string]struct {
		at     time.Duration
		series []string
		want   string
	}{
		"a daemon that counts":                          {10 * time.Minute, reader(`instance="a"`), "map[{}:1]"},
		"a daemon that has just caught up":              {90 * time.Second, reader(`instance="a"`), "map[]"},
		"a daemon that caught up a minute ago":          {3 * time.Minute, reader(`instance="a"`), "map[{}:1]"},
		"a pair that reads the same":                    {10 * time.Minute, append(reader(`instance="a",pod="x"`), reader(`instance="b",pod="y"`)...), "map[{}:1]"},
		"two shards that read a part each":              {10 * time.Minute, append(reader(`instance="a",shard="1"`), reader(`instance="b",shard="2"`)...), "map[{}:2]"},
		"a pair for each of two shards":                 {10 * time.Minute, append(append(reader(`instance="a",shard="1"`), reader(`instance="b",shard="1"`)...), append(reader(`instance="c",shard="2"`), reader(`instance="d",shard="2"`)...)...), "map[{}:2]"},
		"client spans, for which the service is not it": {10 * time.Minute, []string{`jaeger_traces_total{service="shop",operation="GET",span_kind="client",instance="a"} 0+15x60`}, "map[]"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			for _, service := range []string{all, "shop"} {
				if got := fmt.Sprint(ask(t, "traceslo-overview", requests, grafana{"service": {service}}, test.at, test.series...)); got != test.want {
					t.Errorf("got %s, want %s", got, test.want)
				}
			}
			if got := fmt.Sprint(ask(t, "traceslo-overview", requests, grafana{"service": {"other", "shop.*"}}, test.at, test.series...)); got != "map[]" {
				t.Errorf("another service has %s", got)
			}
		})
	}
}

// TestABacklogIsThatOfAllReaders adds up those that share the reading, and takes
// the worst of those that read the same.
func TestABacklogIsThatOfAllReaders(t *testing.T) {
	backlog := func(labels string, n int) string {
		return fmt.Sprintf("traceslo_source_backlog_spans{%s} %dx60", labels, n)
	}
	for want, series := range map[string][]string{
		"map[{}:7]":  {backlog(`instance="a"`, 7)},
		"map[{}:9]":  {backlog(`instance="a"`, 7), backlog(`instance="b"`, 9)},
		"map[{}:16]": {backlog(`instance="a",shard="1"`, 7), backlog(`instance="b",shard="2"`, 9)},
		"map[{}:17]": {backlog(`instance="a",shard="1"`, 7), backlog(`instance="b",shard="1"`, 8), backlog(`instance="c",shard="2"`, 9)},
	} {
		if got := fmt.Sprint(ask(t, "traceslo-self", `panel "Not counted yet", query A`, grafana{"instance": {all}}, time.Minute, series...)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// TestWhatDoesNotAddUpIsTakenOnce has each of two readers say what is so of both
// together, and one that lags behind.
func TestWhatDoesNotAddUpIsTakenOnce(t *testing.T) {
	says := func(instance, shard string, coverage, seconds float64) []string {
		labels := fmt.Sprintf(`slo="orders",service="shop",instance=%q,shard=%q`, instance, shard)
		return []string{fmt.Sprintf("traceslo_slo_coverage_ratio{%s} %gx60", labels, coverage), fmt.Sprintf("traceslo_slo_error_budget_exhaustion_seconds{%s} %gx60", labels, seconds)}
	}
	both := append(says("a", "1", 0.8, 3600), says("b", "2", 0.8, 3600)...)
	for question, want := range map[string]string{
		`panel "Coverage", query A`: `map[{service="shop", slo="orders"}:0.8]`,
		`panel "Spent in", query A`: `map[{service="shop", slo="orders"}:3600]`,
	} {
		if got := fmt.Sprint(ask(t, "traceslo-slo", question, grafana{"slo": {"orders"}, "service": {"shop"}}, time.Minute, both...)); got != want {
			t.Errorf("%s: got %s, want %s", question, got, want)
		}
	}
	lags := append(says("a", "1", 0.8, 3600), says("b", "2", 0.5, 3600)...)
	if got, want := fmt.Sprint(ask(t, "traceslo-slo", `panel "Coverage", query A`, grafana{"slo": {"orders"}, "service": {"shop"}}, time.Minute, lags...)), `map[{service="shop", slo="orders"}:0.5]`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestFailedIsZeroWithoutFailuresAndAbsentWithoutSpans(t *testing.T) {
	const failed = `panel "Failed by service", query A`
	spans := `jaeger_traces_total{service="shop",operation="GET /",span_kind="server",instance="a"} `
	failures := `jaeger_trace_errors_total{service="shop",operation="GET /",span_kind="server",error_type="503",instance="a"} `
	for name, test := range map[string]struct {
		series []string
		want   string
	}{
		"nothing ever failed":      {[]string{spans + "0+100x60"}, `map[{service="shop"}:0]`},
		"one in four fails":        {[]string{spans + "0+100x60", failures + "0+25x60"}, `map[{service="shop"}:0.25]`},
		"no span comes any more":   {[]string{spans + "100x60", failures + "100x60"}, `map[]`},
		"nothing fails any more":   {[]string{spans + "0+100x60", failures + "100x60"}, `map[{service="shop"}:0]`},
		"there never was a span":   {[]string{`up{instance="a"} 1x60`}, `map[]`},
		"two readers see the same": {[]string{spans + "0+100x60", failures + "0+25x60", strings.Replace(spans, `"a"`, `"b"`, 1) + "0+100x60", strings.Replace(failures, `"a"`, `"b"`, 1) + "0+25x60"}, `map[{service="shop"}:0.25]`},
	} {
		if got := fmt.Sprint(ask(t, "traceslo-overview", failed, grafana{"service": {all}}, 10*time.Minute, test.series...)); got != test.want {
			t.Errorf("%s: got %s, want %s", name, got, test.want)
		}
	}
}

func TestQuantilesOfEitherHistogram(t *testing.T) {
	const p95 = `panel "95% are faster: p95", query A`
	const labels = `service="shop",operation="GET /",span_kind="server",instance="a"`
	series := []string{
		`jaeger_trace_duration_seconds_bucket{` + labels + `,le="1"} 0+0x60`,
		`jaeger_trace_duration_seconds_bucket{` + labels + `,le="2"} 0+15x60`,
		`jaeger_trace_duration_seconds_bucket{` + labels + `,le="+Inf"} 0+15x60`,
		// All durations lie above 1 and up to 2 seconds.
		`jaeger_trace_duration_seconds{` + labels + `} {{schema:0 count:0 sum:0 buckets:[0 0]}}+{{schema:0 count:15 sum:20 buckets:[0 15]}}x60`,
	}
	for histogram, want := range map[string]string{
		slo.DurationMetric + "_bucket": `map[{service="shop"}:1.95]`,
		slo.DurationMetric:             `map[{service="shop"}:1.931873]`, // 2^0.95: native buckets grow exponentially
	} {
		if got := fmt.Sprint(ask(t, "traceslo-overview", p95, grafana{"service": {all}, "histogram": {histogram}}, 10*time.Minute, series...)); got != want {
			t.Errorf("%s: got %s, want %s", histogram, got, want)
		}
	}
}

// TestStateIsTheWorstOfWhatHolds goes from all that can hold to nothing.
func TestStateIsTheWorstOfWhatHolds(t *testing.T) {
	const id = `slo="orders",service="shop"`
	burns := func(severity string) string {
		return `ALERTS{alertname="SLOErrorBudgetBurn",alertstate="firing",severity="` + severity + `",tier="1h",` + id + `} 1x60`
	}
	conditions := []struct {
		series string
		state  float64
	}{
		{burns("page"), 7},
		{`slo:period_error_budget_remaining:ratio{` + id + `,sloth_id="shop-orders"} -0.5x60`, 6},
		{burns("ticket"), 5},
		{`ALERTS{alertname="SLOUnmeasured",alertstate="firing",severity="ticket",` + id + `} 1x60`, 4},
		{`ALERTS{alertname="SLOMatchesNothing",alertstate="firing",severity="ticket",` + id + `} 1x60`, 3},
	}
	objective := `slo:objective:ratio{` + id + `,sloth_id="shop-orders"} 0.99x60`
	state := func(series ...string) string {
		return fmt.Sprint(ask(t, "traceslo-slo", `panel "State", query A`, grafana{"slo": {"orders"}, "service": {"shop"}}, time.Minute, append(series, objective)...))
	}
	want := func(state float64) string { return fmt.Sprintf(`map[{service="shop", slo="orders"}:%v]`, state) }
	for i := range conditions {
		var hold []string
		for _, c := range conditions[i:] {
			hold = append(hold, c.series)
		}
		if got := state(hold...); got != want(conditions[i].state) {
			t.Errorf("got %s, want %s of %q", got, want(conditions[i].state), hold)
		}
	}
	left := `slo:period_error_budget_remaining:ratio{` + id + `,sloth_id="shop-orders"} 0.5x60`
	excluded := `traceslo_slo_excluded{` + id + `,instance="a"} 1x60`
	for i, test := range []struct {
		series []string
		state  float64
	}{{nil, 2}, {[]string{excluded}, 2}, {[]string{left, excluded}, 1}, {[]string{left}, 0}, {[]string{left, strings.Replace(burns("page"), "firing", "pending", 1)}, 0}} {
		if got := state(test.series...); got != want(test.state) {
			t.Errorf("%d: got %s, want %s", i, got, want(test.state))
		}
	}
}

// TestNearnessSaysWhenATierFires holds the tiers of api-gateway-availability,
// 99.9% over 30 days, against burn rates.
func TestNearnessSaysWhenATierFires(t *testing.T) {
	const id = `slo="api-gateway-availability",service="api-gateway",objective="api-gateway-availability"`
	choice := func() grafana { return grafana{"slo": {"api-gateway-availability"}, "service": {"api-gateway"}} }
	series := []string{
		`slo:objective:ratio{` + id + `} 0.999x60`, `slo:error_budget:ratio{` + id + `} 0.001x60`,
		`slo:sli_error:ratio_rate1h{` + id + `,sloth_window="1h"} 0.0288x60`, `slo:sli_error:ratio_rate5m{` + id + `,sloth_window="5m"} 0.0144x60`,
		`slo:sli_error:ratio_rate6h{` + id + `,sloth_window="6h"} 0.003x60`, `slo:sli_error:ratio_rate30m{` + id + `,sloth_window="30m"} 0.1x60`,
		`slo:sli_error:ratio_rate3d{` + id + `,sloth_window="3d"} 0.0005x60`,
		`slo:sli_error:ratio_rate1d{` + id + `,sloth_window="1d"} 1x60`, // and no event within its short window
	}
	tier := func(words string) string {
		return `{service="api-gateway", slo="api-gateway-availability", tier="` + words + `"}`
	}
	pages, tickets := []string{tier("page: 14.4 in 1h and 5m"), tier("page: 6 in 6h and 30m")}, []string{tier("ticket: 3 in 1d and 2h"), tier("ticket: 1 in 3d and 6h")}
	for question, want := range map[string]map[string]float64{
		`panel "How near each alert is", query A`: {pages[0]: 1, pages[1]: 0.5, tickets[1]: 0.5},
		`panel "Burn rate by window", query B`:    {pages[0]: 14.4, pages[1]: 6},
		`panel "Burn rate by window", query C`:    {tickets[0]: 3, tickets[1]: 1},
	} {
		if diff := cmp.Diff(want, ask(t, "traceslo-slo", question, choice(), time.Minute, series...)); diff != "" {
			t.Errorf("%s: -want +got\n%s", question, diff)
		}
	}
	rates := ask(t, "traceslo-slo", `panel "Burn rate by window", query A`, choice(), time.Minute, series...)
	if len(rates) != 6 {
		t.Errorf("the burn rates are %v, want one for each window", rates)
	}
}
