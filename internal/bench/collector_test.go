package bench_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"golang.org/x/sync/errgroup"

	"github.com/traceslo/traceslo/internal/bench"
	"github.com/traceslo/traceslo/internal/testenv"
	"github.com/traceslo/traceslo/source/jaeger"
)

// A collector is Jaeger v2 as a collector of OpenTelemetry with the connector
// spanmetrics, or without.
type collector struct {
	t             *testing.T
	path, config  string
	otlp, metrics string
	health        string
	flush         time.Duration
	process       *testenv.Process
}

// What a collector does with spans.
const (
	toNothing     = "nop"
	toSpanMetrics = "spanmetrics"
)

// newCollector configures a collector that hands spans to an exporter, with the
// interval at which the connector hands on what it has counted, and the keys of resources by which the connector tells streams apart; all if empty.
func newCollector(t *testing.T, exporter string, flush time.Duration, resourceKeys ...string) *collector {
	t.Helper()
	path, err := testenv.Tool(t.Context(), t.Logf, "jaeger")
	if err != nil {
		t.Fatal(err)
	}
	address := func() string { return "127.0.0.1:" + strconv.Itoa(testenv.Port(t)) }
	c := &collector{t: t, path: path, config: filepath.Join(t.TempDir(), "collector.yaml"), otlp: address(), metrics: address(), health: address(), flush: flush}
	var bounds []string
	for _, b := range bench.Bounds {
		bounds = append(bounds, b.String())
	}
	pipeline, keys := "", ""
	if exporter == toSpanMetrics {
		pipeline = "\n    metrics: {receivers: [spanmetrics], exporters: [prometheus]}"
	}
	if len(resourceKeys) > 0 {
		keys = "\n    resource_metrics_key_attributes: [" + strings.Join(resourceKeys, ", ") + "]"
	}
	config := fmt.Sprintf(`service:
  extensions: [healthcheckv2]
  telemetry: {metrics: {level: none}}
  pipelines:
    traces: {receivers: [otlp], exporters: [%s]}%s
extensions:
  healthcheckv2: {use_v2: true, http: {endpoint: %q}}
receivers:
  otlp: {protocols: {http: {endpoint: %q}}}
exporters:
  nop: {}
  prometheus: {endpoint: %q}
connectors:
  spanmetrics:
    metrics_flush_interval: %s
    histogram: {explicit: {buckets: [%s]}}%s
`, exporter, pipeline, c.health, c.otlp, c.metrics, flush, strings.Join(bounds, ", "), keys)
	if exporter != toSpanMetrics {
		config, _, _ = strings.Cut(config, "connectors:")
	}
	if err := os.WriteFile(c.config, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return c
}

// start starts the collector and returns when it listens.
func (c *collector) start() {
	c.t.Helper()
	c.process = testenv.StartProcess(c.t, testenv.Command{Path: c.path, Args: []string{"--config=" + c.config}})
	c.process.WaitHTTP(c.t, "http://"+c.health+"/status", time.Minute)
}

// send sends spans as SDKs do: by OTLP, those of one process in batches of 512.
func (c *collector) send(streams []stream) {
	c.t.Helper()
	group, ctx := errgroup.WithContext(c.t.Context())
	group.SetLimit(2)
	for _, s := range streams {
		group.Go(func() error {
			batches := map[string]*batch{}
			err := s(func(d *jaeger.Document) error {
				var doc document
				if err := json.Unmarshal(jaeger.AppendDocument(nil, d, jaeger.Nested), &doc); err != nil {
					return err
				}
				name := doc.process()
				b := batches[name]
				if b == nil {
					b = newBatch(&doc)
					batches[name] = b
				}
				if err := b.add(&doc); err != nil {
					return err
				}
				if b.traces.SpanCount() < 512 {
					return nil
				}
				delete(batches, name)
				return c.post(ctx, b)
			})
			for _, b := range batches {
				if err == nil {
					err = c.post(ctx, b)
				}
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		c.t.Fatal(err)
	}
}

func (c *collector) post(ctx context.Context, b *batch) error {
	body, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(b.traces)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+c.otlp+"/v1/traces", bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/x-protobuf")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("OTLP: %s: %.300s", response.Status, answer)
	}
	return err
}

// counted returns what the exporter says.
func (c *collector) counted() *bench.Truth {
	c.t.Helper()
	families := scrape(c.t, "http://"+c.metrics+"/metrics", expfmt.NewFormat(expfmt.TypeTextPlain))
	truth := bench.NewTruth()
	addCounter(families["traces_span_metrics_calls_total"], func(l map[string]string, v uint64) {
		tally := truth.At(theirKey(l))
		tally.Calls += v
		truth.Spans += v
		if l["status_code"] == "STATUS_CODE_ERROR" {
			tally.Errors += v
		}
	})
	addBuckets(c.t, truth, families["traces_span_metrics_duration_milliseconds"], 1e3, theirKey)
	return truth
}

// flushed waits until the connector has handed on what it has counted. It holds
// a new counter back for one interval, in which it shows it at 0.
func (c *collector) flushed() {
	time.Sleep(2*c.flush + time.Second)
}

func theirKey(l map[string]string) bench.Key {
	return bench.Key{Service: l["service_name"], Operation: l["span_name"], Kind: strings.ToLower(strings.TrimPrefix(l["span_kind"], "SPAN_KIND_"))}
}

// A document is what Jaeger stores, taken apart to be sent.
type document struct {
	TraceID, SpanID     string
	OperationName       string
	References          []struct{ SpanID string }
	StartTime, Duration int64
	Tags                []tag
	Logs                []struct {
		Timestamp int64
		Fields    []tag
	}
	Process struct {
		ServiceName string
		Tags        []tag
	}
}

type tag struct {
	Key, Type string
	Value     any
}

// process returns what tells the span's process from others.
func (d *document) process() string { return fmt.Sprint(d.Process) }

// A batch is the spans of one process.
type batch struct {
	traces ptrace.Traces
	spans  ptrace.SpanSlice
}

func newBatch(d *document) *batch {
	traces := ptrace.NewTraces()
	resource := traces.ResourceSpans().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", d.Process.ServiceName)
	putTags(resource.Resource().Attributes(), d.Process.Tags)
	return &batch{traces, resource.ScopeSpans().AppendEmpty().Spans()}
}

func putTags(into pcommon.Map, tags []tag) {
	for _, t := range tags {
		switch v := t.Value.(type) {
		case string:
			into.PutStr(t.Key, v)
		case bool:
			into.PutBool(t.Key, v)
		case float64:
			if t.Type == "int64" {
				into.PutInt(t.Key, int64(v))
			} else {
				into.PutDouble(t.Key, v)
			}
		}
	}
}

var kinds = map[string]ptrace.SpanKind{"server": ptrace.SpanKindServer, "client": ptrace.SpanKindClient, "producer": ptrace.SpanKindProducer,
	"consumer": ptrace.SpanKindConsumer, "internal": ptrace.SpanKindInternal}

func (b *batch) add(d *document) error {
	s := b.spans.AppendEmpty()
	var trace pcommon.TraceID
	id := strings.Repeat("0", max(0, 32-len(d.TraceID))) + d.TraceID
	if _, err := hex.Decode(trace[:], []byte(id)); err != nil {
		return err
	}
	s.SetTraceID(trace)
	span, err := spanID(d.SpanID)
	if err != nil {
		return err
	}
	s.SetSpanID(span)
	if len(d.References) > 0 {
		if span, err = spanID(d.References[0].SpanID); err != nil {
			return err
		}
		s.SetParentSpanID(span)
	}
	s.SetName(d.OperationName)
	s.SetStartTimestamp(pcommon.Timestamp(d.StartTime * 1000))
	s.SetEndTimestamp(pcommon.Timestamp((d.StartTime + d.Duration) * 1000))
	var others []tag
	for _, t := range d.Tags {
		switch t.Key {
		case "span.kind":
			s.SetKind(kinds[fmt.Sprint(t.Value)])
		case "error":
			if t.Value == true {
				s.Status().SetCode(ptrace.StatusCodeError)
			}
		default:
			others = append(others, t)
		}
	}
	putTags(s.Attributes(), others)
	for _, l := range d.Logs {
		e := s.Events().AppendEmpty()
		e.SetName("exception")
		e.SetTimestamp(pcommon.Timestamp(l.Timestamp * 1000))
		putTags(e.Attributes(), l.Fields)
	}
	return nil
}

func spanID(text string) (pcommon.SpanID, error) {
	var id pcommon.SpanID
	n, err := strconv.ParseUint(text, 16, 64)
	binary.BigEndian.PutUint64(id[:], n)
	return id, err
}
