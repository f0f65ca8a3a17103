package main_test

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/traceslo/traceslo/internal/testenv"
)

// getJSON reads the answer of a server's API into out.
func getJSON(t *testing.T, address string, out any) {
	t.Helper()
	response, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: status %d, %v: %s", address, response.StatusCode, err, body)
	}
	if err := json.Unmarshal(body, out); err != nil {
		t.Fatalf("%s: %v", address, err)
	}
}

// askPrometheus evaluates a query and returns the values by the given labels.
func askPrometheus(t *testing.T, p *testenv.Prometheus, query string, by ...string) map[string]float64 {
	t.Helper()
	var answer struct {
		Data struct {
			Result []struct {
				Metric map[string]string
				Value  [2]any
			}
		}
	}
	getJSON(t, p.URL+"/api/v1/query?query="+url.QueryEscape(query), &answer)
	out := map[string]float64{}
	for _, r := range answer.Data.Result {
		var key []string
		for _, label := range by {
			key = append(key, r.Metric[label])
		}
		v, err := strconv.ParseFloat(r.Value[1].(string), 64)
		if err != nil {
			t.Fatal(err)
		}
		out[strings.Join(key, " ")] += v
	}
	return out
}

// jaegerCounts asks Jaeger's own query API for all spans and counts them by
// service, operation and kind, and the failed ones.
func jaegerCounts(t *testing.T, j *testenv.Jaeger) (all, failed map[string]float64) {
	t.Helper()
	var services struct{ Data []string }
	getJSON(t, j.Query+"/api/services", &services)
	all, failed = map[string]float64{}, map[string]float64{}
	seen := map[string]bool{}
	for _, service := range services.Data {
		var traces struct {
			Data []struct {
				Spans []struct {
					TraceID, SpanID, OperationName, ProcessID string
					Tags                                      []struct {
						Key   string
						Value any
					}
				}
				Processes map[string]struct{ ServiceName string }
			}
		}
		getJSON(t, j.Query+"/api/traces?limit=1500&lookback=1h&service="+url.QueryEscape(service), &traces)
		for _, trace := range traces.Data {
			for _, span := range trace.Spans {
				id := span.TraceID + span.SpanID
				if seen[id] {
					continue
				}
				seen[id] = true
				kind, bad := "unspecified", false
				for _, tag := range span.Tags {
					switch tag.Key {
					case "span.kind":
						kind = tag.Value.(string)
					case "error":
						bad = fmt.Sprint(tag.Value) == "true"
					}
				}
				key := strings.Join([]string{trace.Processes[span.ProcessID].ServiceName, span.OperationName, kind}, " ")
				all[key]++
				if bad {
					failed[key]++
				}
			}
		}
	}
	return all, failed
}

// TestHotRODThroughJaegerToPrometheus sends the spans of a real application
// through a real Jaeger into a real Elasticsearch, and compares what a real
// Prometheus then holds with what Jaeger itself answers.
func TestHotRODThroughJaegerToPrometheus(t *testing.T) {
	t.Parallel() // It waits more than it works.
	c := testenv.SharedCluster(t, testenv.Elasticsearch, "8.19.7")
	for name, start := range map[string]func(testing.TB, testenv.JaegerOptions) *testenv.Jaeger{"Jaeger v1.76": testenv.StartJaegerV1, "Jaeger v2.13": testenv.StartJaegerV2} {
		t.Run(name, func(t *testing.T) {
			prefix := c.Prefix(t)
			jaeger := start(t, testenv.JaegerOptions{Cluster: c, IndexPrefix: prefix})
			hotrod := testenv.StartHotROD(t, testenv.HotRODOptions{OTLPHTTP: jaeger.OTLPHTTP})
			d := newDaemon(t, fmt.Sprintf(exactConfig, c.URL, prefix))
			d.start()
			prometheus := testenv.StartPrometheus(t, testenv.PrometheusOptions{
				Config: shippedScrapeConfig(t, d.url, ""), Args: []string{"--enable-feature=exemplar-storage"}})

			const dispatches = 12
			customers := []int{123, 392, 731, 567}
			for i := range dispatches {
				hotrod.Dispatch(t, customers[i%len(customers)])
			}
			// A dispatch makes 39 or 40 spans; the SDKs export them a little later.
			c.Do(t, "POST", "/"+prefix+"*/_refresh", "")
			var all, failed map[string]float64
			testenv.Eventually(t, time.Minute, func() error {
				before := total(all)
				c.Do(t, "POST", "/"+prefix+"*/_refresh", "")
				all, failed = jaegerCounts(t, jaeger)
				if n := total(all); n < 39*dispatches || n != before {
					return fmt.Errorf("Jaeger has %v spans", n)
				}
				return nil
			})
			d.settled(time.Minute)

			by := []string{"service", "operation", "span_kind"}
			testenv.Eventually(t, time.Minute, func() error {
				if got := total(askPrometheus(t, prometheus, "jaeger_traces_total")); got != total(all) {
					return fmt.Errorf("Prometheus has %v of %v spans", got, total(all))
				}
				return nil
			})
			for _, query := range []string{
				"jaeger_traces_total",
				"jaeger_trace_duration_seconds_count",
				`jaeger_trace_duration_seconds_bucket{le="+Inf"}`,
				"histogram_count(jaeger_trace_duration_seconds)",
			} {
				if diff := cmp.Diff(all, askPrometheus(t, prometheus, query, by...)); diff != "" {
					t.Errorf("%s (-Jaeger +Prometheus):\n%s", query, diff)
				}
			}
			if diff := cmp.Diff(failed, askPrometheus(t, prometheus, "jaeger_trace_errors_total > 0", by...)); diff != "" {
				t.Errorf("errors (-Jaeger +Prometheus):\n%s", diff)
			}
			if len(failed) == 0 {
				t.Error("HotROD had no failed span: the errors were not tested")
			}
			exemplars := exemplarTraces(t, prometheus)
			if len(exemplars) == 0 {
				t.Fatal("Prometheus has no exemplar")
			}
			for _, trace := range exemplars[:min(3, len(exemplars))] {
				var found struct{ Data []struct{ TraceID string } }
				getJSON(t, jaeger.Query+"/api/traces/"+trace, &found)
				if len(found.Data) != 1 {
					t.Errorf("Jaeger does not know the exemplar's trace %s", trace)
				}
			}
			t.Logf("%v spans of %d kinds of calls, %v failed, %d exemplars: the same in Jaeger, in Prometheus' counters, classic and native histograms",
				total(all), len(all), total(failed), len(exemplars))
		})
	}
}

func total(m map[string]float64) float64 {
	n := 0.0
	for _, v := range m {
		n += v
	}
	return n
}

func exemplarTraces(t *testing.T, p *testenv.Prometheus) []string {
	t.Helper()
	var answer struct {
		Data []struct {
			Exemplars []struct{ Labels map[string]string }
		}
	}
	now := time.Now().Unix()
	getJSON(t, fmt.Sprintf("%s/api/v1/query_exemplars?query=jaeger_trace_duration_seconds_bucket&start=%d&end=%d", p.URL, now-3600, now+60), &answer)
	seen := map[string]bool{}
	for _, series := range answer.Data {
		for _, e := range series.Exemplars {
			seen[e.Labels["trace_id"]] = true
		}
	}
	var traces []string
	for trace := range seen {
		traces = append(traces, trace)
	}
	sort.Strings(traces)
	return traces
}

// shippedScrapeConfig returns deploy/prometheus/prometheus.yml with our target
// in place of the shipped one, scraped each second. relabel, if not empty, is
// the value that relabelling gives the target label service, as the Prometheus
// Operator does.
func shippedScrapeConfig(t *testing.T, target, relabel string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "deploy", "prometheus", "prometheus.yml"))
	if err != nil {
		t.Fatal(err)
	}
	const shipped = "127.0.0.1:9924"
	if strings.Count(string(text), shipped) != 1 {
		t.Fatalf("the shipped configuration does not name %s once", shipped)
	}
	config := "global: {scrape_interval: 1s}\n" + strings.Replace(string(text), shipped, strings.TrimPrefix(target, "http://"), 1)
	if relabel != "" {
		config += "    relabel_configs:\n      - {target_label: service, replacement: " + relabel + "}\n"
	}
	return config
}

// TestOurServiceLabelSurvivesTheOperator scrapes with a target label service,
// and looks at what a series born of one failed span does to increase().
func TestOurServiceLabelSurvivesTheOperator(t *testing.T) {
	t.Parallel() // It waits more than it works.
	c := testenv.SharedCluster(t, testenv.Elasticsearch, "8.19.7")
	prefix := c.Prefix(t)
	spanTemplate(t, c, prefix, 0)
	config := strings.Replace(fmt.Sprintf(exactConfig, c.URL, prefix), "new_series_hold: 0s", "new_series_hold: 4s", 1)
	d := newDaemon(t, config)
	d.start()
	prometheus := testenv.StartPrometheus(t, testenv.PrometheusOptions{Config: shippedScrapeConfig(t, d.url, "traceslo-of-the-operator")})
	testenv.Eventually(t, time.Minute, func() error {
		if got := askPrometheus(t, prometheus, "traceslo_build_info", "service"); got["traceslo-of-the-operator"] != 1 {
			return fmt.Errorf("not scraped yet: %v", got)
		}
		return nil
	})

	span := stored{service: "api-gateway", operation: "GET /", kind: "server", failed: true, errorType: "TimeoutError",
		start: time.Now().UnixMicro() - 20_000, duration: 20_000, traceID: 1, spanID: 2}
	c.Do(t, "POST", "/"+prefix+"-jaeger-span-"+time.Now().UTC().Format("2006-01-02")+"/_doc", string(span.document(false)))
	testenv.Eventually(t, time.Minute, func() error {
		if got := askPrometheus(t, prometheus, "jaeger_trace_errors_total"); total(got) != 1 {
			return fmt.Errorf("errors %v", got)
		}
		return nil
	})
	for query, want := range map[string]float64{
		`jaeger_traces_total{service="api-gateway"}`:                                     1,
		`jaeger_trace_duration_seconds_bucket{service="api-gateway",le="+Inf"}`:          1,
		`histogram_count(jaeger_trace_duration_seconds{service="api-gateway"})`:          1,
		`count(jaeger_traces_total{exported_service!=""}) or vector(0)`:                  0,
		`count({__name__=~"jaeger_.*",service="traceslo-of-the-operator"}) or vector(0)`: 0,
		`min_over_time(jaeger_trace_errors_total[1m])`:                                   0,
	} {
		if got := total(askPrometheus(t, prometheus, query)); got != want {
			t.Errorf("%s = %v, want %v", query, got, want)
		}
	}
	// Asked at the time of the last sample, increase() has nothing to extrapolate at its end.
	at := total(askPrometheus(t, prometheus, "timestamp(jaeger_trace_errors_total)"))
	for _, metric := range []string{"jaeger_trace_errors_total", "jaeger_traces_total", "jaeger_trace_duration_seconds_count"} {
		got := total(askPrometheus(t, prometheus, fmt.Sprintf("increase(%s[5m] @ %.3f)", metric, at)))
		if math.Abs(got-1) > 1e-9 {
			t.Errorf("increase(%s) = %v, want 1", metric, got)
		}
	}
}
