package bench_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/traceslo/traceslo/internal/bench"
	"github.com/traceslo/traceslo/internal/testenv"
	"github.com/traceslo/traceslo/source/jaeger"
)

// A monitor is Jaeger v2 with its service performance monitoring on a cluster.
type monitor struct {
	t       *testing.T
	query   string
	process *testenv.Process
}

func startMonitor(t *testing.T, c *testenv.Cluster, prefix string) *monitor {
	t.Helper()
	path, err := testenv.Tool(t.Context(), t.Logf, "jaeger")
	if err != nil {
		t.Fatal(err)
	}
	address := func() string { return "127.0.0.1:" + strconv.Itoa(testenv.Port(t)) }
	health, query, grpc := address(), address(), address()
	kind, version := testenv.Elasticsearch, min(c.Major(), 8)
	if c.Flavor == testenv.OpenSearch {
		kind, version = testenv.OpenSearch, 1
	}
	config := filepath.Join(t.TempDir(), "monitor.yaml")
	text := fmt.Sprintf(`service:
  extensions: [jaeger_storage, jaeger_query, healthcheckv2]
  telemetry: {metrics: {level: none}}
  pipelines:
    traces: {receivers: [nop], exporters: [nop]}
extensions:
  healthcheckv2: {use_v2: true, http: {endpoint: %q}}
  jaeger_query: {storage: {traces: cluster, metrics: cluster}, http: {endpoint: %q}, grpc: {endpoint: %q}}
  jaeger_storage:
    backends: {cluster: &cluster {%s: {server_urls: [%q], version: %d, disable_health_check: true, indices: {index_prefix: %q}}}}
    metric_backends: {cluster: *cluster}
receivers: {nop: {}}
exporters: {nop: {}}
`, health, query, grpc, kind, c.URL, version, prefix)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	m := &monitor{t: t, query: "http://" + query}
	m.process = testenv.StartProcess(t, testenv.Command{Path: path, Args: []string{"--config=" + config}})
	m.process.WaitHTTP(t, "http://"+health+"/status", time.Minute)
	return m
}

// A rate is a value of an operation at the end of the time that was asked for.
type rate struct {
	operation string
	last      float64
}

// ask asks as Jaeger's page Monitor does.
func (m *monitor) ask(metric, service string, end time.Time, grouped bool, quantile string) []rate {
	m.t.Helper()
	q := url.Values{"service": {service}, "endTs": {strconv.FormatInt(end.UnixMilli(), 10)}, "lookback": {"3600000"}, "step": {"60000"},
		"ratePer": {"600000"}, "spanKind": {"server"}, "groupByOperation": {strconv.FormatBool(grouped)}}
	if quantile != "" {
		q.Set("quantile", quantile)
	}
	var answer struct {
		Metrics []struct {
			Labels []struct {
				Name, Value string
			}
			MetricPoints []struct {
				GaugeValue struct {
					DoubleValue any
				}
			}
		}
	}
	if err := json.Unmarshal(get(m.t, m.query+"/api/metrics/"+metric+"?"+q.Encode()), &answer); err != nil {
		m.t.Fatal(err)
	}
	var rates []rate
	for _, series := range answer.Metrics {
		r := rate{}
		for _, l := range series.Labels {
			if l.Name == "operation" {
				r.operation = l.Value
			}
		}
		for _, p := range series.MetricPoints {
			if v, isNumber := p.GaugeValue.DoubleValue.(float64); isNumber {
				r.last = v
			}
		}
		rates = append(rates, r)
	}
	return rates
}

// look makes the eight requests of one look at a service.
func (m *monitor) look(service string, end time.Time) {
	m.t.Helper()
	for _, q := range []string{"0.5", "0.75", "0.95"} {
		m.ask("latencies", service, end, false, q)
	}
	m.ask("calls", service, end, false, "")
	m.ask("errors", service, end, false, "")
	m.ask("latencies", service, end, true, "0.95")
	m.ask("calls", service, end, true, "")
	m.ask("errors", service, end, true, "")
}

// spm measures Jaeger's own monitoring.
func (c comparison) spm(t *testing.T, out *page) {
	t.Helper()
	m := startMonitor(t, c.cluster, "elevated")
	defer m.process.Kill()
	services := map[string]uint64{}
	for k, n := range c.platform.recent {
		services[k.Service] += n
	}
	end := c.platform.to
	var runs []run
	for range *roundsFlag {
		quiet(t, c.cluster)
		before := usage(t, m.process).CPU
		var r run
		r.cluster, r.took = costs(t, c.cluster, func() {
			for service := range services {
				m.look(service, end)
			}
		})
		r.own = usage(t, m.process).CPU - before
		runs = append(runs, r)
	}
	n := c.platform.spans() * len(services)
	table := bench.Table{Head: []string{"one look at one service", ""}}
	table.Add("the cluster's CPU, per million spans stored in that hour", bench.Figure(middle(runs, func(r run) float64 { return bench.PerMillion(r.cluster, n) }))+" s")
	table.Add("Jaeger's CPU, per million spans stored in that hour", bench.Figure(middle(runs, func(r run) float64 { return bench.PerMillion(r.own, n) }))+" s")
	table.Add("took", bench.Figure(middle(runs, func(r run) float64 { return r.took.Seconds() / float64(len(services)) }))+" s")
	table.Add("Jaeger's memory at most", bench.Bytes(usage(t, m.process).Peak))

	// In the last ten minutes, what the page says of the rate of calls against what there was.
	shown, true_, missing, all := 0.0, uint64(0), 0, 0
	for service := range services {
		said := map[string]float64{}
		for _, r := range m.ask("calls", service, end, true, "") {
			said[r.operation] = r.last * 600
		}
		for k, calls := range c.platform.recent {
			if k.Service != service {
				continue
			}
			all++
			if _, there := said[k.Operation]; !there {
				missing++
				continue
			}
			shown += said[k.Operation]
			true_ += calls
		}
	}
	table.Add("calls of the last 10 minutes as its rates say, to the true ones, of operations that it shows", fmt.Sprintf("%.3f", shown/float64(max(true_, 1))))
	table.Add("operations that it does not show (it shows 10 a service)", fmt.Sprintf("%d of %d", missing, all))
	took := samples(t, func(i int) {
		doc := jaeger.Document{TraceID: [16]byte{15: 9}, SpanID: uint64(i), Operation: "GET /", Start: time.Now().UnixMicro(), Duration: 1, Service: fmt.Sprint("fresh-", i),
			Tags: []jaeger.Tag{jaeger.String("span.kind", "server")}}
		c.cluster.Do(t, "POST", "/"+jaeger.SpanIndex("elevated")+time.Now().UTC().Format(time.DateOnly)+"/_doc", string(jaeger.AppendDocument(nil, &doc, jaeger.Elevated)))
	}, func(i int) bool {
		for _, r := range m.ask("latencies", fmt.Sprint("fresh-", i), time.Now().Add(time.Minute), true, "0.95") {
			if r.operation == "GET /" {
				return true
			}
		}
		return false
	})
	table.Add("from stored to shown, p50, p99 (Elasticsearch's own refresh, 1 s)", fmt.Sprintf("%.2f s, %.2f s", bench.Quantile(took, 0.5).Seconds(), bench.Quantile(took, 0.99).Seconds()))
	out.f("## Jaeger's own monitoring on Elasticsearch\n\nIts page Monitor asks anew whenever somebody looks: 8 requests of its API a service, over the last hour. It keeps nothing, so the cost is not one of each span but of each look.\n\n%s\n", &table)
}
