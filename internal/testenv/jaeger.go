package testenv

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// JaegerOptions says how a Jaeger stores its spans.
type JaegerOptions struct {
	Cluster     *Cluster
	IndexPrefix string // As Jaeger's own option: the indices are <prefix>-jaeger-span-<day>.
	Shards      int    // 3 if zero.
	Replicas    int
	// DateLayout is the Go layout of the day in the names of span indices; 2006-01-02 if empty. Jaeger v2 only.
	DateLayout string
	// Args are further flags of the collector, such as --es.tags-as-fields.all. Jaeger v1 only.
	Args []string
	// SpanMetrics makes Jaeger also derive its own metrics from the spans it receives. Jaeger v2 only.
	SpanMetrics bool
}

// A Jaeger receives spans, stores them in a cluster and answers queries.
type Jaeger struct {
	OTLPHTTP    string // Address of the OTLP receiver over HTTP, without the path.
	OTLPGRPC    string // Host and port of the OTLP receiver over gRPC.
	Thrift      string // Address of the v1 collector's own API, without the path; empty for v2.
	Query       string // Address of the query API, without the path: Query + "/api/traces?service=…".
	SpanMetrics string // Address of the metrics derived from spans, in Prometheus's format; empty without the option.

	Collector *Process // v2 is one process: it is Collector and Querier.
	Querier   *Process
}

// StartJaegerV1 starts a collector and a query service of Jaeger v1. They end with the test.
func StartJaegerV1(t testing.TB, o JaegerOptions) *Jaeger {
	t.Helper()
	collector, query := tool(t, "jaeger-collector"), tool(t, "jaeger-query")
	env := []string{"SPAN_STORAGE_TYPE=elasticsearch"}
	storage := o.flags()

	c, cp := listen(t, 5, func(p *ports) Command {
		args := append([]string{
			"--es.num-shards=" + strconv.Itoa(o.shards()),
			"--es.num-replicas=" + strconv.Itoa(o.Replicas),
			"--collector.otlp.enabled=true",
			"--admin.http.host-port=" + p.address(0),
			"--collector.otlp.http.host-port=" + p.address(1),
			"--collector.otlp.grpc.host-port=" + p.address(2),
			"--collector.http-server.host-port=" + p.address(3),
			"--collector.grpc-server.host-port=" + p.address(4),
		}, storage...)
		return Command{Path: collector, Args: append(args, o.Args...), Env: env}
	}, "/")
	q, qp := listen(t, 3, func(p *ports) Command {
		args := append([]string{
			"--admin.http.host-port=" + p.address(0),
			"--query.http-server.host-port=" + p.address(1),
			"--query.grpc-server.host-port=" + p.address(2),
		}, storage...)
		return Command{Path: query, Args: args, Env: env}
	}, "/")
	return &Jaeger{
		OTLPHTTP:  cp.url(1),
		OTLPGRPC:  cp.address(2),
		Thrift:    cp.url(3),
		Query:     qp.url(1),
		Collector: c,
		Querier:   q,
	}
}

// StartJaegerV2 starts a Jaeger v2, which is an OpenTelemetry collector with Jaeger's storage. It ends with the test.
func StartJaegerV2(t testing.TB, o JaegerOptions) *Jaeger {
	t.Helper()
	jaeger := tool(t, "jaeger")
	dir := t.TempDir()
	c, p := listen(t, 7, func(p *ports) Command {
		path := filepath.Join(dir, "jaeger.yaml")
		if err := os.WriteFile(path, []byte(o.config(p)), 0o600); err != nil {
			t.Fatal(err)
		}
		return Command{Path: jaeger, Args: []string{"--config=" + path}, Dir: dir}
	}, "/status")
	j := &Jaeger{OTLPHTTP: p.url(1), OTLPGRPC: p.address(2), Query: p.url(3), Collector: c, Querier: c}
	if o.SpanMetrics {
		j.SpanMetrics = p.url(6) + "/metrics"
	}
	return j
}

func (o JaegerOptions) shards() int {
	if o.Shards == 0 {
		return 3
	}
	return o.Shards
}

// storageVersion is what Jaeger must be told, as it cannot ask a server that has no handler for "/". It speaks to
// OpenSearch as to Elasticsearch 7, and to later Elasticsearch as to 8.
func (o JaegerOptions) storageVersion() int {
	if o.Cluster.Flavor == OpenSearch {
		return 7
	}
	return min(o.Cluster.Major(), 8)
}

// flags are the storage flags that the v1 collector and query service share.
func (o JaegerOptions) flags() []string {
	f := []string{
		"--es.server-urls=" + o.Cluster.URL,
		"--es.index-prefix=" + o.IndexPrefix,
		"--es.version=" + strconv.Itoa(o.storageVersion()),
		"--es.disable-health-check=true",
		"--es.bulk.flush-interval=100ms",
	}
	if o.Cluster.CAFile != "" {
		f = append(f, "--es.tls.enabled=true", "--es.tls.ca="+o.Cluster.CAFile,
			"--es.username="+o.Cluster.Username, "--es.password="+o.Cluster.Password)
	}
	return f
}

// config renders the configuration of Jaeger v2 for the ports: health, OTLP over HTTP and gRPC, query over HTTP and
// gRPC, its own metrics, metrics from spans.
func (o JaegerOptions) config(p *ports) string {
	layout := o.DateLayout
	if layout == "" {
		layout = "2006-01-02"
	}
	var login, exporters, pipeline, spanMetrics string
	if o.Cluster.CAFile != "" {
		login = `
          tls: {ca_file: ` + strconv.Quote(o.Cluster.CAFile) + `}
          auth: {basic: {username: ` + o.Cluster.Username + `, password: ` + o.Cluster.Password + `}}`
	}
	exporter := "jaeger_storage_exporter"
	if o.SpanMetrics {
		exporter += ", spanmetrics"
		spanMetrics = `
connectors:
  spanmetrics: {metrics_flush_interval: 1s}`
		exporters = `
  prometheus: {endpoint: ` + strconv.Quote(p.address(6)) + `}`
		pipeline = `
    metrics: {receivers: [spanmetrics], exporters: [prometheus]}`
	}
	return strings.NewReplacer(
		"{{health}}", p.address(0), "{{otlpHTTP}}", p.address(1), "{{otlpGRPC}}", p.address(2),
		"{{query}}", p.address(3), "{{queryGRPC}}", p.address(4), "{{metricsPort}}", strconv.Itoa(p.numbers[5]),
		"{{url}}", o.Cluster.URL, "{{version}}", strconv.Itoa(o.storageVersion()), "{{login}}", login,
		"{{prefix}}", strconv.Quote(o.IndexPrefix), "{{layout}}", strconv.Quote(layout),
		"{{shards}}", strconv.Itoa(o.shards()), "{{replicas}}", strconv.Itoa(o.Replicas),
		"{{exporter}}", exporter, "{{exporters}}", exporters, "{{pipeline}}", pipeline, "{{spanMetrics}}", spanMetrics,
	).Replace(jaegerV2Config)
}

const jaegerV2Config = `service:
  extensions: [jaeger_storage, jaeger_query, healthcheckv2]
  telemetry:
    metrics:
      readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: {{metricsPort}}}}}}]
  pipelines:
    traces: {receivers: [otlp], exporters: [{{exporter}}]}{{pipeline}}
extensions:
  healthcheckv2:
    use_v2: true
    http: {endpoint: "{{health}}"}
  jaeger_query:
    storage: {traces: cluster}
    http: {endpoint: "{{query}}"}
    grpc: {endpoint: "{{queryGRPC}}"}
  jaeger_storage:
    backends:
      cluster:
        elasticsearch:
          server_urls: ["{{url}}"]
          version: {{version}}
          disable_health_check: true
          bulk_processing: {flush_interval: 100ms}{{login}}
          indices:
            index_prefix: {{prefix}}
            spans: {date_layout: {{layout}}, rollover_frequency: day, shards: {{shards}}, replicas: {{replicas}}}
            services: {date_layout: "2006-01-02", rollover_frequency: day, shards: 1, replicas: {{replicas}}}
            dependencies: {date_layout: "2006-01-02", rollover_frequency: day, shards: 1, replicas: {{replicas}}}
            sampling: {date_layout: "2006-01-02", rollover_frequency: day, shards: 1, replicas: {{replicas}}}
receivers:
  otlp:
    protocols:
      http: {endpoint: "{{otlpHTTP}}"}
      grpc: {endpoint: "{{otlpGRPC}}"}
exporters:
  jaeger_storage_exporter: {trace_storage: cluster}{{exporters}}{{spanMetrics}}
`
